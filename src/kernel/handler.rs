//! Handlers that pass the types of the kernel's iterators to libbpf.
//!
//! To attach a program to an iterator, libbpf looks up the type of the iterator, for which it reads all
//! types of the kernel. That takes longer than any other part of a start. [`KernelBtf`] has already found
//! these types. libbpf lets a program register a handler for a section name, such as `iter/tcp`, which
//! then prepares the programs of that section.
//!
//! This depends on the internals of libbpf, so its version is pinned in Cargo.toml, and
//! tests/exclusive/handler.rs fails if the handlers have no effect.
//!
//! [`KernelBtf`]: crate::kernel::btf::KernelBtf

use std::ffi::{c_int, c_long, CString};
use std::ptr;
use std::sync::Once;

use libbpf_sys as sys;

use crate::kernel::btf::Iterator;

/// Registers a handler for each iterator. If that fails, libbpf looks up the type by itself.
pub fn register(iterators: &[Iterator]) {
    // Programs that libbpf has opened refer to the handlers, which are therefore never unregistered.
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| iterators.iter().for_each(register_one));
}

fn register_one(iterator: &Iterator) {
    let Ok(section) = CString::new(format!("iter/{}", iterator.name)) else { return };
    let options = sys::libbpf_prog_handler_opts {
        sz: size_of::<sys::libbpf_prog_handler_opts>() as _,
        cookie: iterator.id.into(),
        prog_setup_fn: Some(set_up),
        prog_prepare_load_fn: Some(prepare_load),
        prog_attach_fn: None,
    };
    // SAFETY: libbpf copies the name and the options. The functions live as long as the process.
    unsafe {
        sys::libbpf_register_prog_handler(
            section.as_ptr(),
            sys::BPF_PROG_TYPE_TRACING,
            sys::BPF_TRACE_ITER,
            &options,
        )
    };
}

/// Called by libbpf when it opens a program. Pretends that the program will be attached to another
/// program, with an arbitrary descriptor, for which libbpf does not need the kernel's types.
extern "C" fn set_up(program: *mut sys::bpf_program, _: c_long) -> c_int {
    // SAFETY: libbpf passes a program of its own, and permits a null pointer as the name.
    unsafe { sys::bpf_program__set_attach_target(program, 1, ptr::null()) }
}

/// Called by libbpf before it loads a program. Sets the type of the iterator, which is the cookie of the
/// handler, and removes the arbitrary descriptor.
extern "C" fn prepare_load(
    _: *mut sys::bpf_program,
    options: *mut sys::bpf_prog_load_opts,
    id: c_long,
) -> c_int {
    // SAFETY: libbpf passes options of its own, to which nothing else refers during the call.
    let options = unsafe { &mut *options };
    options.attach_btf_id = id as u32;
    options.attach_prog_fd = 0;
    0
}
