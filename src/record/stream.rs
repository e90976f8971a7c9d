//! Streams of records, read with a buffer of constant size.

use std::io::{self, BufRead, Read};
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

/// A stream of records. They are used where they are in the buffer of the source, except those that are not there in one
/// piece.
pub struct Records<R> {
    source: R,
    required: Sections,
    /// The length of the record that was returned last, from the buffer of the source.
    used: usize,
    joined: Joined,
    /// Whether the source has no more bytes than `joined`, or has failed.
    is_end: bool,
    /// The error of the last read, until the records before it have been returned.
    failed: Option<io::Error>,
    /// The number of bytes in the stream before the next record, for error messages.
    offset: u64,
}

/// What the bytes begin with.
enum Found {
    /// A record of this length.
    Record(usize),
    /// A record that is wrong, which has this length with what says so.
    Void(usize),
    /// A part of a record, or a record of which it is not known whether it is wrong.
    Part,
}

impl Found {
    /// Looks at the beginning of the bytes. `is_end`: no more will follow. For `required`, see [`length`].
    fn of(bytes: &[u8], required: Sections, is_end: bool) -> Result<Found, &'static str> {
        let Some(length) = length(bytes, required)? else { return Ok(Found::Part) };
        let behind = &bytes[length..];
        if behind.len() < VOID_LENGTH && !is_end {
            return Ok(Found::Part);
        }
        Ok(match behind.len() >= VOID_LENGTH && behind.starts_with(&VOID.to_ne_bytes()) {
            true => Found::Void(length + VOID_LENGTH),
            false => Found::Record(length),
        })
    }
}

impl<R: BufRead> Records<R> {
    /// Reads from the beginning of `source`. No section may be left out.
    pub fn new(source: R) -> Self {
        Records {
            source,
            required: Sections::ALL,
            used: 0,
            joined: Joined::default(),
            is_end: false,
            failed: None,
            offset: 0,
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
        self.source.consume(std::mem::take(&mut self.used));
        self.joined.release(&mut self.source);
        loop {
            let is_joined = !self.joined.is_empty();
            if let Some(error) = self.failed.take_if(|_| !is_joined) {
                return Err(Error::Read(error));
            }
            let bytes = match is_joined {
                true => self.joined.bytes(),
                false => fill(&mut self.source).map_err(Error::Read)?,
            };
            if bytes.is_empty() {
                return Ok(None);
            }
            let is_usable = is_joined || bytes.as_ptr().align_offset(ALIGNMENT) == 0;
            let found = match is_usable {
                true => Found::of(bytes, self.required, self.is_end),
                false => Ok(Found::Part),
            };
            match found.map_err(|what| Error::Damaged(self.offset, what))? {
                Found::Record(length) => return self.take(is_joined, length).map(Some),
                Found::Void(length) => self.skip(is_joined, length),
                Found::Part if self.is_end => {
                    return Err(match self.failed.take() {
                        Some(error) => Error::Read(error),
                        None => Error::Cut(self.offset),
                    });
                }
                Found::Part if self.joined.bytes().len() > RECORD_MAX + VOID_LENGTH => {
                    return Err(Error::Damaged(self.offset, "a record has no end"));
                }
                Found::Part => self.join(),
            }
        }
    }

    /// Returns a record of this length, with which the bytes begin.
    fn take(&mut self, is_joined: bool, length: usize) -> Result<Record<'_>, Error> {
        let offset = self.offset;
        self.offset += length as u64;
        let record = if is_joined {
            self.joined.used = length;
            &self.joined.bytes()[..length]
        } else {
            self.used = length;
            &self.source.fill_buf().map_err(Error::Read)?[..length]
        };
        Record::parse(record).ok_or(Error::Damaged(offset, "its record is too short"))
    }

    fn skip(&mut self, is_joined: bool, length: usize) {
        self.offset += length as u64;
        if is_joined {
            self.joined.used = length;
            self.joined.release(&mut self.source);
        } else {
            self.source.consume(length);
        }
    }

    /// Copies more bytes, which are not in one piece with those before, or not where they can be used.
    fn join(&mut self) {
        match self.joined.add(&mut self.source) {
            Ok(length) => self.is_end = length == 0,
            // What was read before may be a record.
            Err(error) => (self.is_end, self.failed) = (true, Some(error)),
        }
    }
}

/// The integers of records are aligned to this many bytes.
const ALIGNMENT: usize = 8;

/// The number of bytes that are copied at once, to join a record.
const STEP: usize = 4096;

/// Copied bytes of a stream: the pieces of a record, and some of those behind it.
#[derive(Default)]
struct Joined {
    /// Begins with some bytes that are not used, up to the first that is aligned.
    buffer: Vec<u8>,
    begin: usize,
    /// The number of bytes at the end that the source still has, at the front of its buffer.
    kept: usize,
    /// The length of the record at the front that was returned.
    used: usize,
}

impl Joined {
    fn is_empty(&self) -> bool {
        self.begin == self.buffer.len()
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.begin..]
    }

    /// Adds bytes of the source. Returns how many, 0 at the end.
    fn add(&mut self, source: &mut impl BufRead) -> io::Result<usize> {
        if self.is_empty() {
            // The buffer never grows, which would move it.
            self.buffer.reserve_exact(ALIGNMENT + RECORD_MAX + 3 * STEP);
            self.begin = self.buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
            self.buffer.clear();
            self.buffer.resize(self.begin, 0);
        }
        if fill(source)?.len() == self.kept {
            source.consume(std::mem::take(&mut self.kept));
        }
        let more = &fill(source)?[self.kept..];
        let more = &more[..more.len().min(STEP)];
        self.buffer.extend_from_slice(more);
        self.kept += more.len();
        Ok(more.len())
    }

    /// Removes the record that was returned. If the source still has all bytes behind it, they are used there.
    fn release(&mut self, source: &mut impl BufRead) {
        self.begin += std::mem::take(&mut self.used);
        let rest = self.bytes().len();
        if rest <= self.kept {
            source.consume(self.kept - rest);
            self.kept = 0;
            self.begin = self.buffer.len();
        } else if self.begin > STEP {
            let unused = self.begin & !(ALIGNMENT - 1);
            self.buffer.drain(..unused);
            self.begin -= unused;
        }
    }
}

/// Waits for bytes of a source. There are none only at its end.
fn fill(source: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match source.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // EAGAIN: the iterator visited a million objects without output. The next read continues.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    source.fill_buf()
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
    use std::collections::VecDeque;
    use std::io::BufReader;

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

    /// Reads a stream with these bytes in each buffer, which begins anywhere.
    fn identities(source: impl BufRead) -> (Vec<u64>, Result<(), Error>) {
        let mut records = Records::new(source);
        let mut identities = Vec::new();
        loop {
            match records.next_record() {
                Ok(Some(record)) => identities.push(record.header.identity),
                Ok(None) => return (identities, Ok(())),
                Err(error) => return (identities, Err(error)),
            }
        }
    }

    #[test]
    fn a_record_before_a_void_record_is_discarded() {
        let stream = [
            [header(1), header(2), void()].concat(),
            [header(3), void(), header(3), header(4)].concat(),
            [header(5), void()].concat(),
        ];
        let stream = stream.concat();
        for length in 1..=stream.len() + 1 {
            let (known, end) = identities(BufReader::with_capacity(length, &*stream));
            assert_eq!(known, [1, 3, 4], "{length} bytes in each read");
            assert!(end.is_ok());
        }
        assert!(identities(&*void()).1.is_err());
    }

    /// Has one piece after the other in its buffer.
    struct Chunks<'a>(VecDeque<&'a [u8]>);

    impl Read for Chunks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.fill_buf()?.read(buffer)?;
            self.consume(length);
            Ok(length)
        }
    }

    impl BufRead for Chunks<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            while self.0.front().is_some_and(|chunk| chunk.is_empty()) {
                self.0.pop_front();
            }
            Ok(self.0.front().copied().unwrap_or_default())
        }

        fn consume(&mut self, length: usize) {
            if let Some(chunk) = self.0.front_mut() {
                *chunk = &chunk[length..];
            }
        }
    }

    #[test]
    fn records_may_begin_anywhere_and_be_of_any_length() {
        let item = |length: u32| {
            let mut record = header(u64::from(length));
            let at = std::mem::offset_of!(record_header, sections);
            record[at..at + 4].copy_from_slice(&bit::SECTION_ITEMS.0.to_ne_bytes());
            let kind = item_kind::ITEM_IP_OPTIONS.0;
            record.extend([kind.to_ne_bytes(), length.to_ne_bytes()].concat());
            record.resize(record.len() + padded(length as usize), 7);
            record.extend([item_kind::ITEM_END.0.to_ne_bytes(), [0; 4]].concat());
            record
        };
        let lengths = [0, 300_000, 1, 4096, 8191, 40_000, 3, 500_000];
        let stream = [vec![0; 8], lengths.into_iter().flat_map(item).collect()].concat();
        for begin in 0..8 {
            let mut moved = stream.clone();
            moved.rotate_left(8 - begin);
            let moved = &moved[begin..][..stream.len() - 8];
            for length in [8, 1000, 4096, 65_536, stream.len()] {
                let (known, end) = identities(Chunks(moved.chunks(length).collect()));
                assert_eq!(known, lengths.map(u64::from), "{length} bytes from {begin} on");
                assert!(end.is_ok());
            }
        }
    }

    /// Fails.
    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    #[test]
    fn an_error_comes_after_the_records_before_it_and_once() {
        let whole = [header(1), header(2)].concat();
        let cut = [header(1), header(2), header(3)[..9].to_vec()].concat();
        for stream in [whole, cut] {
            let (known, end) = identities(stream.chain(BufReader::new(Failing)));
            assert_eq!(known, [1, 2]);
            assert!(matches!(end, Err(Error::Read(_))), "{end:?}");
        }
        let (known, end) = identities(&[header(1), header(2)[..9].to_vec()].concat()[..]);
        assert_eq!(known, [1]);
        assert!(matches!(end, Err(Error::Cut(_))), "{end:?}");
    }
}
