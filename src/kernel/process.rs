//! This process, as it was started: its standard output, and its signals.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;

/// Whether standard output was closed when the process was started.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Called before `main`. The runtime of Rust opens /dev/null in place of a standard output that is
/// closed, after which nothing shows that the output is lost.
#[used]
#[link_section = ".init_array"]
static BEFORE_MAIN: extern "C" fn() = note_closed_stdout;

extern "C" fn note_closed_stdout() {
    // SAFETY: the call takes numbers only.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_CLOSED.store(flags < 0, Ordering::Relaxed);
}

/// Checks that standard output can be written.
///
/// # Errors
///
/// `EBADF` where it was closed when the process was started, or is open for reading only.
pub fn check_stdout() -> io::Result<()> {
    // Read here, so that the linker keeps the function that notes it.
    let was_closed = WAS_CLOSED.load(Ordering::Relaxed);
    // SAFETY: the call takes numbers only.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFL) };
    let is_readable_only = flags & libc::O_ACCMODE == libc::O_RDONLY;
    match was_closed || flags < 0 || flags & libc::O_PATH != 0 || is_readable_only {
        true => Err(Errno::EBADF.into()),
        false => Ok(()),
    }
}

/// Makes write(2) answer `EFBIG` beyond the limit of the size of files (RLIMIT_FSIZE), where
/// otherwise SIGXFSZ would end the process without a word: setrlimit(2).
pub fn ignore_file_size_signal() {
    // SAFETY: ignoring a signal installs no handler. Without this the default stays, which is safe.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
