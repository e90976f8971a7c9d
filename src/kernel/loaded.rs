//! The BPF programs of others that are loaded in this kernel.

use std::ffi::c_void;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libbpf_sys::{
    bpf_obj_get_info_by_fd, bpf_prog_get_fd_by_id, bpf_prog_get_next_id, bpf_prog_info,
    BPF_PROG_TYPE_CGROUP_SOCK, BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
    BPF_PROG_TYPE_SOCK_OPS,
};
use nix::errno::Errno;

use crate::text::Name;

/// The types of programs that the kernel calls in a control group and that can set options of its sockets,
/// or change what getsockopt(2) returns there. Their names are those of bpftool(8).
const TYPES: [(u32, &str); 4] = [
    (BPF_PROG_TYPE_CGROUP_SOCKOPT, "cgroup_sockopt"),
    (BPF_PROG_TYPE_SOCK_OPS, "sock_ops"),
    (BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "cgroup_sock_addr"),
    (BPF_PROG_TYPE_CGROUP_SOCK, "cgroup_sock"),
];

/// A program that can set options of sockets.
pub struct OptionProgram {
    pub id: u32,
    /// The type, as in bpftool(8).
    pub kind: &'static str,
    /// Empty if it has none.
    pub name: Name,
}

/// Lists the loaded programs that can set options of sockets or change what getsockopt(2) returns, by ID.
/// Requires CAP_SYS_ADMIN. libbpf-rs has an iterator over programs, which ends at an error as if there were
/// no more.
///
/// # Errors
///
/// The error of the kernel.
pub fn option_programs() -> io::Result<Vec<OptionProgram>> {
    let mut programs = Vec::new();
    let mut id = 0;
    // SAFETY: the call writes a number to `id`.
    while exists(unsafe { bpf_prog_get_next_id(id, &mut id) })?.is_some() {
        // SAFETY: the call takes a number only.
        let Some(fd) = exists(unsafe { bpf_prog_get_fd_by_id(id) })? else { continue };
        // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
        let info = info(&unsafe { OwnedFd::from_raw_fd(fd) })?;
        if let Some((_, kind)) = TYPES.iter().find(|(number, _)| *number == info.type_) {
            let name = Name::new(&info.name.map(|byte| byte as u8));
            programs.push(OptionProgram { id, kind, name });
        }
    }
    Ok(programs)
}

/// Returns the result of a call of libbpf, which is an error below zero. `None` if there is no such program:
/// it is gone, or it was the last one.
fn exists(result: i32) -> io::Result<Option<i32>> {
    match Errno::from_raw(-result) {
        _ if result >= 0 => Ok(Some(result)),
        Errno::ENOENT => Ok(None),
        error => Err(error.into()),
    }
}

fn info(program: &OwnedFd) -> io::Result<bpf_prog_info> {
    // SAFETY: `bpf_prog_info` is a C struct of integers, for which all zeros is a valid value.
    let mut info: bpf_prog_info = unsafe { zeroed() };
    let mut size = size_of::<bpf_prog_info>() as u32;
    let to: *mut c_void = (&raw mut info).cast();
    // SAFETY: the pointer and the size describe `info`, which lives longer than the call.
    let result = unsafe { bpf_obj_get_info_by_fd(program.as_raw_fd(), to.cast(), &mut size) };
    match result {
        0 => Ok(info),
        error => Err(Errno::from_raw(-error).into()),
    }
}
