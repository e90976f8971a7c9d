//! The layouts of the table.

use crate::socket::kind::Family;

/// The layouts of the table, in the order of its sections. Each has its own columns and headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// The local and the remote end: addresses and ports, or what other families have instead.
    Ends,
    /// A path and a peer.
    Unix,
}

impl Layout {
    /// Every layout, in order.
    pub const ALL: [Layout; 2] = [Layout::Ends, Layout::Unix];
}

impl Family {
    /// The layout in which its sockets are shown.
    pub fn layout(self) -> Layout {
        match self {
            Family::Tcp
            | Family::Udp
            | Family::Raw
            | Family::Mptcp
            | Family::Packet
            | Family::Xdp
            | Family::Netlink
            | Family::Vsock
            | Family::Sctp
            | Family::Other => Layout::Ends,
            Family::Unix => Layout::Unix,
        }
    }
}
