//! The layouts of the table.

use crate::socket::kind::Family;

/// The layouts of the table, in the order of its sections. Each has its own columns and header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Two ends: addresses and ports, and what other families have in their place.
    Ends,
    /// A path and a peer.
    Unix,
}

impl Layout {
    /// Every layout, in order.
    pub const ALL: [Layout; 2] = [Layout::Ends, Layout::Unix];
}

impl Family {
    /// The layout that shows its sockets.
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
