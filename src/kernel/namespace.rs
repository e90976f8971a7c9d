//! Network namespaces, found through their users. This works without /proc, which may be missing, hidden
//! by its option `hidepid`, or show another PID namespace.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sched::{setns, CloneFlags};

use crate::kernel::syscall::{self, owned};

/// Returns the network namespace of a task, from its PID and its thread ID: pidfd_open(2) and setns(2),
/// which accepts such a descriptor since Linux 5.8.
///
/// # Errors
///
/// `ESRCH` when the task has ended, `EPERM` without the capabilities CAP_SYS_ADMIN, CAP_SYS_PTRACE and
/// CAP_NET_ADMIN, `EINVAL` before Linux 6.9 for a thread that is not the leader of its process.
pub fn of_task(pid: u32, tid: u32) -> io::Result<OwnedFd> {
    let task = task(pid, tid)?;
    // Only a new thread enters the namespace. The socket that it opens there leads back to the namespace.
    let enter = move || {
        setns(task, CloneFlags::CLONE_NEWNET)?;
        of_socket(syscall::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?.as_fd())
    };
    let thread = thread::Builder::new().spawn(enter)?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that enters it panicked")))
}

/// A descriptor for a task. `EINVAL` before Linux 6.9 for a thread that is not the leader of its process.
fn task(pid: u32, tid: u32) -> io::Result<OwnedFd> {
    const PIDFD_THREAD: libc::c_int = libc::O_EXCL;
    syscall::pidfd(tid, if pid == tid { 0 } else { PIDFD_THREAD })
}

/// Returns the network namespace of a socket that another process holds, from the PID, the ID of the thread that has the
/// descriptor, and the descriptor: pidfd_open(2), pidfd_getfd(2).
///
/// # Errors
///
/// `ESRCH` and `EBADF` when the task or the descriptor is gone, `ENOTSOCK` when the descriptor is no longer a
/// socket, `EPERM` without the capabilities CAP_SYS_PTRACE and CAP_NET_ADMIN, and a sentence before Linux 6.9 for a thread
/// that is not the leader of its process.
pub fn of_held_socket(pid: u32, tid: u32, fd: u32) -> io::Result<OwnedFd> {
    const OLD: &str = "Linux before 6.9 does not open the descriptors of a single thread";
    let task = task(pid, tid).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => io::Error::new(io::ErrorKind::Unsupported, OLD),
        _ => error,
    })?;
    let socket = syscall::duplicate(task.as_fd(), fd)?;
    // The descriptor may refer to another file by now. The ioctl request is sent to sockets only, because
    // its meaning depends on the file.
    syscall::getsockopt(socket.as_fd(), libc::SOL_SOCKET, libc::SO_DOMAIN, &mut [0; 4])?;
    of_socket(socket.as_fd())
}

/// The network namespace of a socket: SIOCGSKNS of net/socket.c.
fn of_socket(socket: BorrowedFd) -> io::Result<OwnedFd> {
    const SIOCGSKNS: libc::Ioctl = 0x894c;
    // SAFETY: the request takes no argument.
    unsafe { owned(libc::ioctl(socket.as_raw_fd(), SIOCGSKNS).into()) }
}

/// Whether a task exists. tgkill(2) with signal 0 checks this without /proc, and sends nothing.
pub fn has_task(pid: u32, tid: u32) -> bool {
    // SAFETY: the call takes numbers only, and signal 0 only checks for errors.
    let answer = unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, 0) };
    answer == 0 || Errno::last() != Errno::ESRCH
}
