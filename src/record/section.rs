//! The sections of a record: bpf/record.h, SECTIONS.

use std::ops::BitOr;

use crate::kernel::abi::{self, record_header, section_number};

/// The size of the integers that a record consists of. Its header and its sections are a whole number of them.
const WORD: usize = size_of::<u64>();

/// The first members of each section: FACTS in bpf/record.h.
const HAS_FLAGS: usize = 0;
const FLAGS: usize = 1;
const HAS_VALUES: usize = 2;
const VALUES: usize = 3;

/// A socket as the BPF programs wrote it. A section is present if its bit is set in the header, and left out if the run
/// does not want it ([`Sections`]).
#[derive(Debug)]
pub struct Record<'a> {
    pub header: &'a record_header,
    /// The whole record, as it was read.
    pub bytes: &'a [u8],
    words: &'a [u64],
    /// Where each section begins in `words`, or 0 if it is not there.
    places: [u16; LAYOUT.len()],
    pub(super) items: &'a [u8],
}

/// Expands one line for each section: its level in bpf/options.h, its name in [`Section`], its member of
/// [`Record`], its struct, its bit, and how many flags and values the level has.
macro_rules! sections {
    ($(
        $level:ident $section:ident $member:ident: $struct:ident = $bit:ident,
        $flag:ident::$flags:ident, $value:ident::$values:ident;
    )*) => {
        impl<'a> Record<'a> {
            $(
                /// The section of this name, if the socket has it.
                pub fn $member(&self) -> Option<&'a abi::$struct> {
                    let begin = self.place(Section::$section)? * WORD;
                    plain::from_bytes(self.bytes.get(begin..)?).ok()
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

impl<'a> Record<'a> {
    /// Parses exactly one record, whose integers must be aligned to eight bytes. Returns `None` if they are not, or if
    /// there are too few bytes.
    pub fn parse(bytes: &'a [u8]) -> Option<Record<'a>> {
        let header: &record_header = plain::from_bytes(bytes).ok()?;
        let words = plain::slice_from_bytes(bytes).ok()?;
        let mut places = [0; LAYOUT.len()];
        let end = each_section(header.sections, |number, begin| {
            places[number] = (begin / WORD) as u16;
        });
        Some(Record { header, bytes, words, places, items: bytes.get(end..)? })
    }

    /// The flags that the kernel has in a section, and the flags that are on.
    #[inline]
    pub fn flags(&self, section: Section) -> Option<(u64, u64)> {
        let facts = self.facts(section)?;
        Some((*facts.get(HAS_FLAGS)?, *facts.get(FLAGS)?))
    }

    /// One bit for each value that the kernel has in a section, and the words from its first value on. Those without a
    /// bit are no values.
    #[inline]
    pub fn values(&self, section: Section) -> Option<(u64, &'a [u64])> {
        let facts = self.facts(section)?;
        Some((*facts.get(HAS_VALUES)?, facts.get(VALUES..)?))
    }

    /// The words of a section behind its values.
    pub fn rest(&self, section: Section) -> &'a [u64] {
        let (_, _, values) = COUNTS[section as usize];
        let end = LAYOUT[section as usize].1 / WORD;
        let facts = self.facts(section).unwrap_or_default();
        facts.get(VALUES + values as usize..end).unwrap_or_default()
    }

    /// Whether items may follow the sections.
    pub fn has_items(&self) -> bool {
        self.header.sections & Sections::ITEMS.0 != 0
    }

    #[inline]
    fn facts(&self, section: Section) -> Option<&'a [u64]> {
        self.words.get(self.place(section)?..)
    }

    /// Where a section begins in `words`, if it is there.
    #[inline]
    fn place(&self, section: Section) -> Option<usize> {
        match self.places[section as usize] {
            0 => {
                self.check_wanted(section);
                None
            }
            place => Some(place.into()),
        }
    }

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

/// The bits that the header of a record can have.
pub(super) const KNOWN: u32 = ((1 << LAYOUT.len()) - 1) | abi::section::SECTION_ITEMS.0;

/// Calls a function with the number of each of these sections, and where it begins in bytes in a record. Returns where the
/// last one ends.
pub(super) fn each_section(sections: u32, mut each: impl FnMut(usize, usize)) -> usize {
    let mut end = size_of::<record_header>();
    for (number, (bit, size)) in LAYOUT.iter().enumerate() {
        if sections & bit != 0 {
            each(number, end);
            end += size;
        }
    }
    end
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
        assert!(LAYOUT[number].1 % WORD == 0, "a section is not a whole number of words");
        number += 1;
    }
};
