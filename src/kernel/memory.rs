//! The end of a run for which there is not enough memory. Rust's own end is SIGABRT after messages of each thread;
//! here it is one line and an exit status, as for every other error.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::libc;

/// The system's allocator. It returns memory, or ends the process.
pub struct OrEnd;

/// The exit status of a process that has not enough memory. Before [`report`], that of a failed command.
static STATUS: AtomicI32 = AtomicI32::new(1);

/// Whether a thread has begun to end the process.
static HAS_ENDED: AtomicBool = AtomicBool::new(false);

/// Has a process that has not enough memory end with this exit status and one line, also where the standard library
/// panics: when a new thread finds no memory for its signal stack.
pub fn report(status: u8) {
    STATUS.store(status.into(), Ordering::Relaxed);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        let text = what.payload().downcast_ref::<String>();
        match text.is_some_and(|text| text.contains("Cannot allocate memory")) {
            true => end(None),
            false => usual(what),
        }
    }));
}

/// Ends the process with a message. It allocates nothing. The first thread that comes here writes the message.
#[cold]
fn end(size: Option<usize>) -> ! {
    while HAS_ENDED.swap(true, Ordering::Relaxed) {
        std::hint::spin_loop();
    }
    let mut message = [0; 160];
    let mut rest = &mut message[..];
    let _ = match size {
        Some(size) => write!(rest, "knetstat: cannot allocate {size} bytes of memory"),
        None => write!(rest, "knetstat: cannot start a thread: there is not enough memory"),
    };
    let _ = writeln!(rest, " (raise the limit: `ulimit -v unlimited`, or select fewer sockets)");
    let length = message.iter().take_while(|byte| **byte != 0).count();
    // SAFETY: the message is initialized and as long as this says. _exit(2) runs nothing of this process.
    unsafe {
        libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), length);
        libc::_exit(STATUS.load(Ordering::Relaxed))
    }
}

/// The memory, or the end of the process if there is none.
fn or_end(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() {
        end(Some(size));
    }
    memory
}

// SAFETY: each method is that of the system's allocator, but for a null pointer, which is never returned.
unsafe impl GlobalAlloc for OrEnd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        or_end(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        or_end(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        or_end(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}
