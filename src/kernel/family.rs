//! The families of sockets, which the programs, the command line and the table choose from.

use std::fmt;

/// A family of sockets, as one flag of the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Tcp,
    Udp,
    /// Raw sockets and ping sockets, as netstat has them.
    Raw,
    Mptcp,
    /// Packet sockets.
    Packet,
    /// XDP sockets.
    Xdp,
    Netlink,
    /// Sockets between virtual machines and their hosts.
    Vsock,
    Sctp,
    /// Sockets of every other family.
    Other,
    Unix,
}

impl Family {
    /// Every family, in the order in which they are shown: families of one layout together.
    pub const ALL: [Family; 11] = [
        Family::Tcp,
        Family::Udp,
        Family::Raw,
        Family::Mptcp,
        Family::Packet,
        Family::Xdp,
        Family::Netlink,
        Family::Vsock,
        Family::Sctp,
        Family::Other,
        Family::Unix,
    ];

    /// The name of the family, and of the flag that selects it. [`Family::Other`] has no flag.
    pub fn name(self) -> &'static str {
        match self {
            Family::Tcp => "tcp",
            Family::Udp => "udp",
            Family::Raw => "raw",
            Family::Mptcp => "mptcp",
            Family::Packet => "packet",
            Family::Xdp => "xdp",
            Family::Netlink => "netlink",
            Family::Vsock => "vsock",
            Family::Sctp => "sctp",
            Family::Other => "other",
            Family::Unix => "unix",
        }
    }

    /// The kernel structure that the programs of this family read and that a module may define.
    pub fn structure(self) -> Option<&'static str> {
        match self {
            Family::Packet => Some("packet_sock"),
            Family::Xdp => Some("xdp_sock"),
            Family::Netlink => Some("netlink_sock"),
            Family::Vsock => Some("vsock_sock"),
            Family::Sctp => Some("sctp_sock"),
            Family::Mptcp => Some("mptcp_sock"),
            Family::Unix => Some("unix_sock"),
            // These are never in a module, or have no structure of their own.
            Family::Tcp | Family::Udp | Family::Raw | Family::Other => None,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}
