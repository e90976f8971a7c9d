//! The facts that bpf/options.h lists, by name, and how one is found in a record.

use crate::kernel::skeleton;
use crate::record::Record;

/// One line for each section of a record: the name of its list in bpf/options.h, of the section here,
/// of the member of [`Record`], and of the two enumerations that record.h makes of the list.
macro_rules! sections {
    ($($level:ident $section:ident $member:ident $flags:ident $flag_count:ident $values:ident $value_count:ident;)*) => {
        /// The section of a record in which a fact stands; each is a level of getsockopt(2), or a
        /// family of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Section {
            $($section,)*
        }

        /// Every section, each at the place of its number.
        pub const SECTIONS: [Section; [$(Section::$section),*].len()] = [$(Section::$section),*];

        /// How many flags and numbers the list has for each section.
        pub const COUNTS: [(Section, u32, u32); SECTIONS.len()] =
            [$((Section::$section, skeleton::$flags::$flag_count.0, skeleton::$values::$value_count.0)),*];

        impl Section {
            /// Which flags the kernel has in this section of a record, and which are on.
            pub fn flags(self, record: &Record) -> Option<(u64, u64)> {
                match self {
                    $(Section::$section => {
                        record.$member.map(|section| (section.has_flags, section.flags))
                    })*
                }
            }

            /// A number in this section of a record, if the kernel has it.
            fn value(self, record: &Record, n: u8) -> Option<u64> {
                match self {
                    $(Section::$section => {
                        let section = record.$member.filter(|it| it.has_values >> n & 1 != 0)?;
                        section.values.get(usize::from(n)).copied()
                    })*
                }
            }
        }

        $(
            /// What `flag!` and `value!` look names up in.
            #[allow(non_snake_case)]
            pub(crate) mod $level {
                #[allow(unused_imports)] // not every level has both
                pub(crate) use crate::kernel::skeleton::{$flags as Flag, $values as Value};
                pub(crate) const SECTION: super::Section = super::Section::$section;
            }
        )*
    };
}

sections! {
    SOCKET Socket socket SOCKET_flag SOCKET_FLAGS SOCKET_value SOCKET_VALUES;
    IP Ip ip IP_flag IP_FLAGS IP_value IP_VALUES;
    IPV6 Ipv6 ipv6 IPV6_flag IPV6_FLAGS IPV6_value IPV6_VALUES;
    TCP Tcp tcp TCP_flag TCP_FLAGS TCP_value TCP_VALUES;
    UDP Udp udp UDP_flag UDP_FLAGS UDP_value UDP_VALUES;
    RAW Raw raw RAW_flag RAW_FLAGS RAW_value RAW_VALUES;
    UNIX Unix unix UNIX_flag UNIX_FLAGS UNIX_value UNIX_VALUES;
    PACKET Packet packet PACKET_flag PACKET_FLAGS PACKET_value PACKET_VALUES;
    XDP Xdp xdp XDP_flag XDP_FLAGS XDP_value XDP_VALUES;
    NETLINK Netlink netlink NETLINK_flag NETLINK_FLAGS NETLINK_value NETLINK_VALUES;
    VSOCK Vsock vsock VSOCK_flag VSOCK_FLAGS VSOCK_value VSOCK_VALUES;
    TLS Tls tls TLS_flag TLS_FLAGS TLS_value TLS_VALUES;
    SCTP Sctp sctp SCTP_flag SCTP_FLAGS SCTP_value SCTP_VALUES;
}

/// A fact: which section, and which flag or number of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Flag(Section, u8),
    Value(Section, u8),
}

impl Fact {
    /// The fact in a record; `None` when the kernel or this socket does not have it.
    pub fn of(self, record: &Record) -> Option<u64> {
        match self {
            Fact::Flag(section, n) => {
                let (has, on) = section.flags(record)?;
                (has >> n & 1 != 0).then_some(on >> n & 1)
            }
            Fact::Value(section, n) => section.value(record, n),
        }
    }
}

/// `flag!(SOCKET SO_DEBUG)`: the fact of that FLAG line. A name that options.h does not have is a
/// compile error.
macro_rules! flag {
    ($level:ident $name:ident) => {
        $crate::record::fact::Fact::Flag(
            $crate::record::fact::$level::SECTION,
            $crate::record::fact::$level::Flag::$name.0 as u8,
        )
    };
}

/// `value!(SOCKET SO_MARK)`: the fact of that VALUE line.
macro_rules! value {
    ($level:ident $name:ident) => {
        $crate::record::fact::Fact::Value(
            $crate::record::fact::$level::SECTION,
            $crate::record::fact::$level::Value::$name.0 as u8,
        )
    };
}

pub(crate) use {flag, value};
