//! Streams of records, read with a buffer of constant size.

use std::io::{self, Read};
use std::mem::size_of;

use plain::Plain;

use crate::error::Error;
use crate::kernel::abi::section as bit;
use crate::kernel::abi::{
    item_header, item_kind, message_record, owner_record, record_header, task_record,
    waiting_record,
};
use crate::record::bytes::padded;
use crate::record::section::{each_section, Record, Sections, KNOWN};

/// The first four bytes of every record; RECORD_MAGIC in bpf/record.h.
const MAGIC: u32 = u32::from_ne_bytes(*b"knst");

/// The first four bytes of what says that the record before it is wrong, and its length; VOID_MAGIC in bpf/record.h.
const VOID: u32 = u32::from_ne_bytes(*b"knsv");
const VOID_LENGTH: usize = 8;

/// The size of a read. An iterator answers a read from a buffer of eight pages, of up to 64 KiB each.
const READ_SIZE: usize = 512 * 1024;

/// The size of the longest valid record. The kernel's buffer cannot hold a longer one.
const RECORD_MAX: usize = READ_SIZE;

/// Returns the length of the first record in the bytes, or `None` if its end has not been read yet. None of
/// the sections in `required` may be left out.
fn length(bytes: &[u8], required: Sections) -> Result<Option<usize>, &'static str> {
    let Ok(header) = plain::from_bytes::<record_header>(bytes) else {
        return Ok(None);
    };
    if header.magic != MAGIC {
        return Err("no record begins here");
    }
    let sections = header.sections;
    if sections & !KNOWN != 0 {
        return Err("a record has a section that does not exist");
    }
    if header.left_out & required.bits() != 0 {
        return Err("a record lacks a section that was asked for");
    }
    let mut length = each_section(sections, |_, _| {});
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

/// A stream of records, read with a buffer of constant size.
pub struct Records<R> {
    source: R,
    required: Sections,
    /// Filled from `begin` to `end`. Records before `begin` have been returned.
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// The first offset in `buffer` where a record may begin. Records are used in place, and their integers
    /// must be aligned to eight bytes.
    base: usize,
    /// The number of bytes in the stream before `begin`, for error messages.
    offset: u64,
    /// The error of the last read, until the records before it have been returned.
    failed: Option<io::Error>,
}

impl<R: Read> Records<R> {
    /// Reads from the beginning of `source`. No section may be left out.
    pub fn new(source: R) -> Self {
        let buffer = vec![0; READ_SIZE + RECORD_MAX + 8];
        let base = buffer.as_ptr().align_offset(8).min(7);
        Records {
            source,
            required: Sections::ALL,
            buffer,
            begin: base,
            end: base,
            base,
            offset: 0,
            failed: None,
        }
    }

    /// Reads from the same source. Other sections than these may be left out.
    pub fn requiring(self, required: Sections) -> Self {
        Records { required, ..self }
    }

    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        let length = loop {
            let bytes = &self.buffer[self.begin..self.end];
            let length = length(bytes, self.required);
            if let Some(length) = length.map_err(|what| Error::Damaged(self.offset, what))? {
                match self.is_void_behind(length) {
                    true => self.skip(length + VOID_LENGTH),
                    false => break length,
                }
                continue;
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
        let begin = self.begin;
        self.skip(length);
        let record = &self.buffer[begin..begin + length];
        match Record::parse(record) {
            Some(record) => Ok(Some(record)),
            None => Err(Error::Damaged(self.offset - length as u64, "its record is too short")),
        }
    }

    /// Whether the first record, of this length, is followed by what says that it is wrong.
    fn is_void_behind(&mut self, length: usize) -> bool {
        while self.end - self.begin < length + VOID_LENGTH {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return false,
                // The record was read before.
                Err(error) => {
                    self.failed = Some(error);
                    return false;
                }
            }
        }
        let behind = &self.buffer[self.begin + length..];
        behind.starts_with(&VOID.to_ne_bytes())
    }

    fn skip(&mut self, length: usize) {
        self.begin += length;
        self.offset += length as u64;
    }

    /// Moves the remaining bytes to the front and reads more behind them. Returns `false` at the end of the
    /// source.
    fn fill(&mut self) -> io::Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
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
                // EAGAIN: the iterator visited a million objects without output. The next read continues.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads all records of an iteration over file descriptors.
///
/// # Errors
///
/// If the source cannot be read, or is not a whole number of valid records.
pub fn read_owners(source: impl Read, each: impl FnMut(&owner_record)) -> Result<(), Error> {
    const OWNER_MAGIC: u32 = u32::from_ne_bytes(*b"knso");
    read_all(source, OWNER_MAGIC, each)
}

/// Reads all records of a walk through messages.
///
/// # Errors
///
/// As [`read_owners`].
pub fn read_messages(source: impl Read, each: impl FnMut(&message_record)) -> Result<(), Error> {
    const MESSAGE_MAGIC: u32 = u32::from_ne_bytes(*b"knsm");
    read_all(source, MESSAGE_MAGIC, each)
}

/// Reads all records of an iteration over tasks.
///
/// # Errors
///
/// As [`read_owners`].
pub fn read_tasks(source: impl Read, each: impl FnMut(&task_record)) -> Result<(), Error> {
    const TASK_MAGIC: u32 = u32::from_ne_bytes(*b"knsn");
    read_all(source, TASK_MAGIC, each)
}

/// Reads all records of the connections that wait to be accepted.
///
/// # Errors
///
/// As [`read_owners`].
pub fn read_waiting(source: impl Read, each: impl FnMut(&waiting_record)) -> Result<(), Error> {
    const WAITING_MAGIC: u32 = u32::from_ne_bytes(*b"knsq");
    read_all(source, WAITING_MAGIC, each)
}

/// Reads records of one size, which begin with `magic`. A read may end anywhere in a record.
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
            // EAGAIN: the iterator visited a million objects without output. The next read continues.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a few bytes in each read.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn header(identity: u64) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<record_header>()];
        bytes[..4].copy_from_slice(&MAGIC.to_ne_bytes());
        let at = std::mem::offset_of!(record_header, identity);
        bytes[at..at + 8].copy_from_slice(&identity.to_ne_bytes());
        bytes
    }

    fn void() -> Vec<u8> {
        [VOID.to_ne_bytes(), [0; 4]].concat()
    }

    #[test]
    fn a_record_before_a_void_record_is_discarded() {
        let stream = [
            [header(1), header(2), void()].concat(),
            [header(3), void(), header(3), header(4)].concat(),
            [header(5), void()].concat(),
        ];
        let stream = stream.concat();
        for length in [1, 7, 8, 100, READ_SIZE] {
            let mut records = Records::new(Slowly(&stream, length));
            let mut identities = Vec::new();
            while let Some(record) = records.next_record().expect("records") {
                identities.push(record.header.identity);
            }
            assert_eq!(identities, [1, 3, 4], "{length} bytes in each read");
        }
        let alone = void();
        assert!(Records::new(&*alone).next_record().is_err());
    }
}
