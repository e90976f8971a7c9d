//! The facts that bpf/options.h lists, by name, and how one is found in a record.

use crate::bpf::{
    IPV6_flag, IPV6_value, IP_flag, IP_value, SOCKET_flag, SOCKET_value, TCP_flag, TCP_value,
    UDP_flag, UDP_value,
};
use crate::record::Record;

/// The section of a record in which a fact stands; each is a level of getsockopt(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Socket,
    Ip,
    Ipv6,
    Tcp,
    Udp,
}

/// Every section, each at the place of its number.
pub const SECTIONS: [Section; 5] =
    [Section::Socket, Section::Ip, Section::Ipv6, Section::Tcp, Section::Udp];

impl Section {
    /// Which flags the kernel has in this section of a record, and which are on.
    pub fn flags(self, record: &Record) -> Option<(u64, u64)> {
        match self {
            Section::Socket => record.socket.map(|section| (section.has_flags, section.flags)),
            Section::Ip => record.ip.map(|section| (section.has_flags, section.flags)),
            Section::Ipv6 => record.ipv6.map(|section| (section.has_flags, section.flags)),
            Section::Tcp => record.tcp.map(|section| (section.has_flags, section.flags)),
            Section::Udp => record.udp.map(|section| (section.has_flags, section.flags)),
        }
    }
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
        macro_rules! look {
            ($section:expr) => {{
                let section = $section?;
                match self {
                    Fact::Flag(_, n) => {
                        (section.has_flags >> n & 1 != 0).then_some(section.flags >> n & 1)
                    }
                    Fact::Value(_, n) if section.has_values >> n & 1 != 0 => {
                        section.values.get(usize::from(n)).copied()
                    }
                    Fact::Value(..) => None,
                }
            }};
        }
        let (Fact::Flag(section, _) | Fact::Value(section, _)) = self;
        match section {
            Section::Socket => look!(record.socket),
            Section::Ip => look!(record.ip),
            Section::Ipv6 => look!(record.ipv6),
            Section::Tcp => look!(record.tcp),
            Section::Udp => look!(record.udp),
        }
    }
}

/// `flag!(SOCKET SO_DEBUG)`: the fact of that FLAG line. A name that options.h does not have is a
/// compile error.
macro_rules! flag {
    (SOCKET $name:ident) => {
        $crate::facts::Fact::Flag(
            $crate::facts::Section::Socket,
            $crate::bpf::SOCKET_flag::$name.0 as u8,
        )
    };
    (IP $name:ident) => {
        $crate::facts::Fact::Flag($crate::facts::Section::Ip, $crate::bpf::IP_flag::$name.0 as u8)
    };
    (IPV6 $name:ident) => {
        $crate::facts::Fact::Flag(
            $crate::facts::Section::Ipv6,
            $crate::bpf::IPV6_flag::$name.0 as u8,
        )
    };
    (TCP $name:ident) => {
        $crate::facts::Fact::Flag($crate::facts::Section::Tcp, $crate::bpf::TCP_flag::$name.0 as u8)
    };
    (UDP $name:ident) => {
        $crate::facts::Fact::Flag($crate::facts::Section::Udp, $crate::bpf::UDP_flag::$name.0 as u8)
    };
}

/// `value!(SOCKET SO_MARK)`: the fact of that VALUE line.
macro_rules! value {
    (SOCKET $name:ident) => {
        $crate::facts::Fact::Value(
            $crate::facts::Section::Socket,
            $crate::bpf::SOCKET_value::$name.0 as u8,
        )
    };
    (IP $name:ident) => {
        $crate::facts::Fact::Value($crate::facts::Section::Ip, $crate::bpf::IP_value::$name.0 as u8)
    };
    (IPV6 $name:ident) => {
        $crate::facts::Fact::Value(
            $crate::facts::Section::Ipv6,
            $crate::bpf::IPV6_value::$name.0 as u8,
        )
    };
    (TCP $name:ident) => {
        $crate::facts::Fact::Value(
            $crate::facts::Section::Tcp,
            $crate::bpf::TCP_value::$name.0 as u8,
        )
    };
    (UDP $name:ident) => {
        $crate::facts::Fact::Value(
            $crate::facts::Section::Udp,
            $crate::bpf::UDP_value::$name.0 as u8,
        )
    };
}

pub(crate) use {flag, value};

/// How many flags and numbers the list has for each section.
pub const COUNTS: [(Section, u32, u32); 5] = [
    (Section::Socket, SOCKET_flag::SOCKET_FLAGS.0, SOCKET_value::SOCKET_VALUES.0),
    (Section::Ip, IP_flag::IP_FLAGS.0, IP_value::IP_VALUES.0),
    (Section::Ipv6, IPV6_flag::IPV6_FLAGS.0, IPV6_value::IPV6_VALUES.0),
    (Section::Tcp, TCP_flag::TCP_FLAGS.0, TCP_value::TCP_VALUES.0),
    (Section::Udp, UDP_flag::UDP_FLAGS.0, UDP_value::UDP_VALUES.0),
];
