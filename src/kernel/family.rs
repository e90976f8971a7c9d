//! The socket families, as the programs, the command line and the table use them.

use std::fmt;

/// Declares the families, one per line: the name, and the kernel structure that a module may define.
macro_rules! families {
    ($($(#[$doc:meta])* $family:ident = $name:literal, $structure:expr;)*) => {
        /// A family of sockets.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Family {
            $($(#[$doc])* $family,)*
        }

        impl Family {
            /// Every family, in the order in which they are shown.
            pub const ALL: [Family; [$($name),*].len()] = [$(Family::$family),*];

            /// The name of the family, and of the flag that selects it. [`Family::Other`] has no flag.
            pub fn name(self) -> &'static str {
                match self {
                    $(Family::$family => $name,)*
                }
            }

            /// The kernel structure that the programs of this family read and that a module may define.
            /// `None` for families that are never in a module or have no structure of their own.
            pub fn structure(self) -> Option<&'static str> {
                match self {
                    $(Family::$family => $structure,)*
                }
            }
        }
    };
}

// Families with the same layout of the table are adjacent.
families! {
    Tcp = "tcp", None;
    Udp = "udp", None;
    /// Raw sockets, and ping sockets, which netstat does not list.
    Raw = "raw", None;
    Mptcp = "mptcp", Some("mptcp_sock");
    Packet = "packet", Some("packet_sock");
    Xdp = "xdp", Some("xdp_sock");
    Netlink = "netlink", Some("netlink_sock");
    /// Sockets between virtual machines and their hosts.
    Vsock = "vsock", Some("vsock_sock");
    Sctp = "sctp", Some("sctp_sock");
    /// Sockets of every other family.
    Other = "other", None;
    Unix = "unix", Some("unix_sock");
}

impl Family {
    /// The name in a sentence: acronyms in capitals.
    pub fn title(self) -> &'static str {
        match self {
            Family::Tcp => "TCP",
            Family::Udp => "UDP",
            Family::Mptcp => "MPTCP",
            Family::Xdp => "XDP",
            Family::Sctp => "SCTP",
            family => family.name(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}
