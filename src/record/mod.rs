//! Records as the BPF programs write them (bpf/record.h), taken apart without being copied.
//!
//! Knows nothing of where the bytes come from: the iterator's file, or a recorded stream in a test.

pub mod fact;

use std::io::{self, Read};
use std::mem::size_of;

use plain::Plain;

use crate::error::Error;
use crate::kernel::skeleton::section as bit;
use crate::kernel::skeleton::{
    ip_options_item, ip_section, ipv6_section, item_header, item_kind, membership_item,
    netlink_section, owner_record, packet_membership_item, packet_section, raw_section,
    record_header, sctp_section, socket_section, task_record, tcp_section, tls_section,
    udp_section, unix_section, vsock_section, xdp_section,
};

/// The first four bytes of every record; RECORD_MAGIC in bpf/record.h.
const MAGIC: u32 = u32::from_ne_bytes(*b"knst");

/// How much is asked of the kernel at once. An iterator answers a read out of a buffer of eight
/// pages, which are up to 64 KiB each.
const READ_SIZE: usize = 512 * 1024;

/// The longest record that is believed: a longer one could never have left the kernel's buffer.
const RECORD_MAX: usize = READ_SIZE;

/// One line for each section, in the order of record.h: its member, its type, and its bit.
macro_rules! record {
    ($($member:ident: $section:ident = $bit:ident;)*) => {
        /// One socket as the kernel side wrote it. A section is there when its bit is in the header.
        #[derive(Debug)]
        pub struct Record<'a> {
            pub header: &'a record_header,
            $(pub $member: Option<&'a $section>,)*
            /// The whole of it, as it came.
            pub bytes: &'a [u8],
            items: &'a [u8],
        }

        /// The bit and the size of each section.
        const SECTIONS: &[(u32, usize)] = &[$((bit::$bit.0, size_of::<$section>())),*];

        impl<'a> Record<'a> {
            /// Takes apart the bytes of exactly one record, as [`length`] measured it.
            fn parse(bytes: &'a [u8]) -> Option<Record<'a>> {
                let mut rest = bytes;
                let header: &record_header = take(&mut rest)?;
                Some(Record {
                    header,
                    $($member: take_if(header.sections & bit::$bit.0 != 0, &mut rest)?,)*
                    bytes,
                    items: rest,
                })
            }
        }
    };
}

record! {
    socket: socket_section = SECTION_SOCKET;
    ip: ip_section = SECTION_IP;
    ipv6: ipv6_section = SECTION_IPV6;
    tcp: tcp_section = SECTION_TCP;
    udp: udp_section = SECTION_UDP;
    raw: raw_section = SECTION_RAW;
    unix: unix_section = SECTION_UNIX;
    packet: packet_section = SECTION_PACKET;
    xdp: xdp_section = SECTION_XDP;
    netlink: netlink_section = SECTION_NETLINK;
    vsock: vsock_section = SECTION_VSOCK;
    tls: tls_section = SECTION_TLS;
    sctp: sctp_section = SECTION_SCTP;
}

/// One of the blobs and list entries that may follow the sections.
#[derive(Debug)]
pub enum Item<'a> {
    /// IP_OPTIONS.
    IpOptions(&'a ip_options_item),
    /// An IPv6 extension header, and which.
    Extension(item_kind, &'a [u8]),
    /// A joined group of an IPv4, IPv6 or anycast list, with the bytes of its sources.
    Membership(item_kind, &'a membership_item, &'a [u8]),
    /// A membership of a packet socket.
    PacketMembership(&'a packet_membership_item),
    /// The groups of a netlink socket, a bit for each from 1 on, in words of 64 bits.
    Groups(&'a [u8]),
    /// There was more of the list before.
    Cut,
}

impl<'a> Record<'a> {
    /// The items, in the order they were written. What cannot be understood is left out.
    pub fn items(&self) -> impl Iterator<Item = Item<'a>> {
        let mut rest = self.items;
        std::iter::from_fn(move || {
            let header: &item_header = take(&mut rest)?;
            let length = header.length as usize;
            let body = rest.get(..length)?;
            rest = rest.get(padded(length)..)?;
            Some((item_kind(header.kind), body))
        })
        .take_while(|(kind, _)| *kind != item_kind::ITEM_END)
        .filter_map(|(kind, mut body)| match kind {
            item_kind::ITEM_IP_OPTIONS => take(&mut body).map(Item::IpOptions),
            item_kind::ITEM_CUT => Some(Item::Cut),
            item_kind::ITEM_PACKET_MEMBERSHIP => take(&mut body).map(Item::PacketMembership),
            item_kind::ITEM_NETLINK_GROUPS => Some(Item::Groups(body)),
            item_kind::ITEM_IP_MEMBERSHIP
            | item_kind::ITEM_IPV6_MEMBERSHIP
            | item_kind::ITEM_IPV6_ANYCAST => {
                take(&mut body).map(|entry| Item::Membership(kind, entry, body))
            }
            _ => Some(Item::Extension(kind, body)),
        })
    }
}

/// Splits a `T` off the front of the bytes.
fn take<'a, T: Plain>(bytes: &mut &'a [u8]) -> Option<&'a T> {
    let value = plain::from_bytes(bytes).ok()?;
    *bytes = &bytes[size_of::<T>()..];
    Some(value)
}

/// The outer option: whether the bytes sufficed; the inner one: whether it is there at all.
fn take_if<'a, T: Plain>(there: bool, bytes: &mut &'a [u8]) -> Option<Option<&'a T>> {
    match there {
        true => take(bytes).map(Some),
        false => Some(None),
    }
}

/// The length of an item's body with the filling that keeps the next one aligned.
fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// How long the record at the front of the bytes is; `None` when its end is not there yet.
fn length(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    let Ok(header) = plain::from_bytes::<record_header>(bytes) else {
        return Ok(None);
    };
    if header.magic != MAGIC {
        return Err("no record begins here");
    }
    let sections = header.sections;
    let mut length = size_of::<record_header>();
    let mut known = bit::SECTION_ITEMS.0;
    for (section, size) in SECTIONS {
        known |= section;
        if sections & section != 0 {
            length += size;
        }
    }
    if sections & !known != 0 {
        return Err("a record has a section that does not exist");
    }
    if sections & bit::SECTION_ITEMS.0 == 0 {
        return Ok((bytes.len() >= length).then_some(length));
    }
    loop {
        let Some(Ok(item)) = bytes.get(length..).map(plain::from_bytes::<item_header>) else {
            return Ok(None);
        };
        let body = padded(item.length as usize);
        if length + body > RECORD_MAX {
            return Err("a record is longer than the kernel can write one");
        }
        length += size_of::<item_header>() + body;
        if item_kind(item.kind) == item_kind::ITEM_END {
            return Ok((bytes.len() >= length).then_some(length));
        }
    }
}

/// A stream of records. Its memory does not grow with their number.
pub struct Records<R> {
    source: R,
    /// Filled from `begin` to `end`; what is before `begin` has been given out.
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// The first place in `buffer` where a record may lie: records are looked at in place, and
    /// their integers want addresses that are multiples of eight.
    base: usize,
    /// How many bytes came before `begin`, for messages.
    offset: u64,
}

impl<R: Read> Records<R> {
    /// Reads from the beginning of `source`.
    pub fn new(source: R) -> Self {
        let buffer = vec![0; READ_SIZE + RECORD_MAX + 8];
        let base = buffer.as_ptr().align_offset(8).min(7);
        Records { source, buffer, begin: base, end: base, base, offset: 0 }
    }

    /// The next record, or `None` at the end.
    ///
    /// # Errors
    ///
    /// When the source cannot be read, or is not a whole number of records.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        let length = loop {
            let bytes = &self.buffer[self.begin..self.end];
            if let Some(length) = length(bytes).map_err(|what| Error::Damaged(self.offset, what))? {
                break length;
            }
            if bytes.len() > RECORD_MAX {
                return Err(Error::Damaged(self.offset, "a record has no end"));
            }
            if !self.fill().map_err(Error::Read)? {
                return match self.begin == self.end {
                    true => Ok(None),
                    false => Err(Error::Cut(self.offset)),
                };
            }
        };
        let record = &self.buffer[self.begin..self.begin + length];
        self.begin += length;
        self.offset += length as u64;
        match Record::parse(record) {
            Some(record) => Ok(Some(record)),
            None => Err(Error::Damaged(self.offset - length as u64, "its record is too short")),
        }
    }

    /// Moves what is left to the front and reads more behind it; `false` at the end of the source.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.begin..self.end, self.base);
        self.end -= self.begin - self.base;
        self.begin = self.base;
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    self.end += length;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // So says the kernel after a million objects that wrote nothing: go on.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads to its end a walk through all descriptors.
///
/// # Errors
///
/// When the source cannot be read, or is not a whole number of records.
pub fn read_owners(source: impl Read, each: impl FnMut(&owner_record)) -> Result<(), Error> {
    const OWNER_MAGIC: u32 = u32::from_ne_bytes(*b"knso");
    read_all(source, OWNER_MAGIC, each)
}

/// Reads to its end a walk through all tasks.
///
/// # Errors
///
/// As [`read_owners`].
pub fn read_tasks(source: impl Read, each: impl FnMut(&task_record)) -> Result<(), Error> {
    const TASK_MAGIC: u32 = u32::from_ne_bytes(*b"knsn");
    read_all(source, TASK_MAGIC, each)
}

/// Reads records of one size, which begin with `magic`, from a source that may cut them anywhere.
fn read_all<T: Plain + Default>(
    mut source: impl Read,
    magic: u32,
    mut each: impl FnMut(&T),
) -> Result<(), Error> {
    let size = size_of::<T>();
    let mut buffer = vec![0; READ_SIZE];
    let (mut filled, mut offset) = (0, 0);
    loop {
        match source.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(()),
            Ok(0) => return Err(Error::Cut(offset)),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // So says the kernel after a million objects that wrote nothing: go on.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(Error::Read(error)),
        }
        let whole = filled - filled % size;
        for bytes in buffer[..whole].chunks_exact(size) {
            let mut record = T::default();
            if !bytes.starts_with(&magic.to_ne_bytes())
                || plain::copy_from_bytes(&mut record, bytes).is_err()
            {
                return Err(Error::Damaged(offset, "no record begins here"));
            }
            each(&record);
            offset += size as u64;
        }
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
}
