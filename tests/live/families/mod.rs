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

use crate::common;
use crate::getsockopt::SECOND;

/// Enters a namespace with the interfaces that the table of options names.
fn enter() {
    common::enter_namespace();
    common::ip(&format!("link add second index {SECOND} type veth peer name third"));
    common::ip("link set second up");
}
