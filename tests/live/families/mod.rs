//! The families other than TCP and UDP: compared with getsockopt(2), ioctl(2) and /proc/net.

pub mod mptcp;
mod netlink;
mod packet;
mod raw;
mod reuseport;
mod sctp;
mod udplite;
pub mod unix;
mod vsock;
mod walk;
mod xdp;

use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::sched::{unshare, CloneFlags};
use nix::sys::socket::{sendmsg, ControlMessage, MsgFlags};
use serde_json::Value;

use crate::common;
use crate::getsockopt::SECOND;

/// Enters a namespace with the interfaces that the table of options names.
fn enter() {
    common::enter_namespace();
    common::ip(&format!("link add second index {SECOND} type veth peer name third"));
    common::ip("link set second up");
}

/// The rows that a process of another PID namespace gets, by a walk, as it has no descriptor of the sockets. This thread
/// can start no process afterwards.
fn sockets_from_elsewhere(arguments: &str) -> Vec<Value> {
    // The next child of this thread is the first process of the namespace, and its last.
    unshare(CloneFlags::CLONE_NEWPID).expect("a PID namespace");
    common::sockets(arguments)
}

/// Sorts rows by the inodes of their sockets.
fn by_inode(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(|row| row["inode"].as_u64());
    rows
}

/// Sends a socket in a message that nobody receives. Returns the ends of the connection.
fn send_away(socket: impl AsRawFd) -> (UnixStream, UnixStream) {
    let (sender, receiver) = UnixStream::pair().expect("socketpair");
    let rights = [socket.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&rights)];
    let text = [IoSlice::new(b"take this")];
    sendmsg::<()>(sender.as_raw_fd(), &text, &rights, MsgFlags::empty(), None).expect("sendmsg");
    (sender, receiver)
}
