//! The sections of a record: bpf/record.h, SECTIONS.

use std::ops::BitOr;

use crate::kernel::abi::{self, record_header, section_number};
use crate::record::bytes::{take, take_if};

/// Expands one line for each section: its level in bpf/options.h, its name in [`Section`], its member of
/// [`Record`], its struct, its bit, and how many flags and values the level has.
macro_rules! sections {
    ($(
        $level:ident $section:ident $member:ident: $struct:ident = $bit:ident,
        $flag:ident::$flags:ident, $value:ident::$values:ident;
    )*) => {
        /// A socket as the BPF programs wrote it. A section is present if its bit is set in the header, and
        /// left out if the run does not want it ([`Sections`]).
        #[derive(Debug)]
        pub struct Record<'a> {
            pub header: &'a record_header,
            $($member: Option<&'a abi::$struct>,)*
            /// The whole record, as it was read.
            pub bytes: &'a [u8],
            pub(super) items: &'a [u8],
        }

        impl<'a> Record<'a> {
            /// Parses exactly one record, whose integers must be aligned to eight bytes. Returns `None` if
            /// they are not, or if there are too few bytes.
            pub fn parse(bytes: &'a [u8]) -> Option<Record<'a>> {
                let mut rest = bytes;
                let header: &record_header = take(&mut rest)?;
                Some(Record {
                    header,
                    $($member: take_if(header.sections & abi::section::$bit.0 != 0, &mut rest)?,)*
                    bytes,
                    items: rest,
                })
            }

            $(
                /// The section of this name, if the socket has it.
                pub fn $member(&self) -> Option<&'a abi::$struct> {
                    self.check_wanted(Section::$section);
                    self.$member
                }
            )*
        }

        /// The bit and the size in bytes of each section.
        pub(super) const LAYOUT: &[(u32, usize)] =
            &[$((abi::section::$bit.0, size_of::<abi::$struct>())),*];

        /// The section of a record that a fact is in. Each section is a level of getsockopt(2), or a family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Section {
            $($section,)*
        }

        /// Every section, in the order of the enumeration.
        pub const SECTIONS: [Section; LAYOUT.len()] = [$(Section::$section),*];

        /// How many flags and how many values bpf/options.h lists for each section.
        pub const COUNTS: [(Section, u32, u32); LAYOUT.len()] =
            [$((Section::$section, abi::$flag::$flags.0, abi::$value::$values.0)),*];

        impl Section {
            /// The flags that the kernel has in this section of a record, and the flags that are on.
            #[inline]
            pub fn flags(self, record: &Record) -> Option<(u64, u64)> {
                match self {
                    $(Section::$section => {
                        record.$member().map(|section| (section.has_flags, section.flags))
                    })*
                }
            }

            /// One bit for each value that the kernel has in this section of a record, and all values.
            #[inline]
            pub fn values<'a>(self, record: &Record<'a>) -> Option<(u64, &'a [u64])> {
                match self {
                    $(Section::$section => {
                        record.$member().map(|section| (section.has_values, &section.values[..]))
                    })*
                }
            }
        }

        $(
            /// The names that `flag!` and `value!` look up.
            #[allow(non_snake_case)]
            pub(crate) mod $level {
                #[allow(unused_imports)] // not every level has both
                pub(crate) use crate::kernel::abi::{$flag as Flag, $value as Value};
                pub(crate) const SECTION: $crate::record::section::Section =
                    $crate::record::section::Section::$section;
            }
        )*
    };
}

sections! {
    SOCKET Socket socket: socket_section = SECTION_SOCKET,
        SOCKET_flag::SOCKET_FLAGS, SOCKET_value::SOCKET_VALUES;
    CGROUP Cgroup cgroup: cgroup_section = SECTION_CGROUP,
        CGROUP_flag::CGROUP_FLAGS, CGROUP_value::CGROUP_VALUES;
    SOCKMAP Sockmap sockmap: sockmap_section = SECTION_SOCKMAP,
        SOCKMAP_flag::SOCKMAP_FLAGS, SOCKMAP_value::SOCKMAP_VALUES;
    RECEIVER Receiver receiver: receiver_section = SECTION_RECEIVER,
        RECEIVER_flag::RECEIVER_FLAGS, RECEIVER_value::RECEIVER_VALUES;
    IP Ip ip: ip_section = SECTION_IP,
        IP_flag::IP_FLAGS, IP_value::IP_VALUES;
    IPV6 Ipv6 ipv6: ipv6_section = SECTION_IPV6,
        IPV6_flag::IPV6_FLAGS, IPV6_value::IPV6_VALUES;
    TCP Tcp tcp: tcp_section = SECTION_TCP,
        TCP_flag::TCP_FLAGS, TCP_value::TCP_VALUES;
    UDP Udp udp: udp_section = SECTION_UDP,
        UDP_flag::UDP_FLAGS, UDP_value::UDP_VALUES;
    RAW Raw raw: raw_section = SECTION_RAW,
        RAW_flag::RAW_FLAGS, RAW_value::RAW_VALUES;
    UNIX Unix unix: unix_section = SECTION_UNIX,
        UNIX_flag::UNIX_FLAGS, UNIX_value::UNIX_VALUES;
    PACKET Packet packet: packet_section = SECTION_PACKET,
        PACKET_flag::PACKET_FLAGS, PACKET_value::PACKET_VALUES;
    XDP Xdp xdp: xdp_section = SECTION_XDP,
        XDP_flag::XDP_FLAGS, XDP_value::XDP_VALUES;
    NETLINK Netlink netlink: netlink_section = SECTION_NETLINK,
        NETLINK_flag::NETLINK_FLAGS, NETLINK_value::NETLINK_VALUES;
    VSOCK Vsock vsock: vsock_section = SECTION_VSOCK,
        VSOCK_flag::VSOCK_FLAGS, VSOCK_value::VSOCK_VALUES;
    TLS Tls tls: tls_section = SECTION_TLS,
        TLS_flag::TLS_FLAGS, TLS_value::TLS_VALUES;
    SCTP Sctp sctp: sctp_section = SECTION_SCTP,
        SCTP_flag::SCTP_FLAGS, SCTP_value::SCTP_VALUES;
    DEAD Dead dead: dead_section = SECTION_DEAD,
        DEAD_flag::DEAD_FLAGS, DEAD_value::DEAD_VALUES;
    DIAG Diag diag: diag_section = SECTION_DIAG,
        DIAG_flag::DIAG_FLAGS, DIAG_value::DIAG_VALUES;
}

impl Record<'_> {
    /// Whether the socket has a section, even if it is left out.
    pub fn has(&self, section: Section) -> bool {
        Sections(self.header.sections | self.header.left_out).contain(section)
    }

    /// Panics if something is read that the run has not asked for, which is a fault of the program. Without this, it would
    /// look as if the kernel or the socket did not have it.
    pub(super) fn check_wanted(&self, what: impl Into<Sections>) {
        let missing = self.header.left_out & what.into().0;
        assert_eq!(missing, 0, "sections that were not asked for: see Config::sections()");
    }
}

/// A set of sections, and of the items, which follow the sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sections(u32);

impl Sections {
    /// Every section, and the items.
    pub const ALL: Sections = Sections(u32::MAX);

    /// The items: blobs and lists.
    pub const ITEMS: Sections = Sections(abi::section::SECTION_ITEMS.0);

    /// Their bits in the header of a record.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether the section is one of them.
    pub fn contain(self, section: Section) -> bool {
        self.0 & Sections::from(section).0 != 0
    }
}

impl From<Section> for Sections {
    fn from(section: Section) -> Sections {
        Sections(1 << section as u32)
    }
}

impl BitOr for Sections {
    type Output = Sections;

    fn bitor(self, other: Sections) -> Sections {
        Sections(self.0 | other.0)
    }
}

impl FromIterator<Sections> for Sections {
    fn from_iter<T: IntoIterator<Item = Sections>>(all: T) -> Sections {
        all.into_iter().fold(Sections::default(), Sections::bitor)
    }
}

// The lines are those of SECTIONS in bpf/record.h, in the same order.
const _: () = {
    assert!(LAYOUT.len() == section_number::SECTION_COUNT.0 as usize, "a section is missing");
    let mut number = 0;
    while number < LAYOUT.len() {
        assert!(LAYOUT[number].0 == 1 << number, "the sections have another order");
        number += 1;
    }
};
