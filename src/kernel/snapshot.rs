//! A snapshot: the records of one reading of all programs, as one stream.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use libbpf_rs::Iter;

use crate::error::Error;
use crate::kernel::lanes::Lanes;
use crate::kernel::merge::Merged;
use crate::kernel::walk::{self, Lane};

/// The size in bytes of a read. An iterator answers a read from a buffer of eight pages, of up to 64 KiB each.
const READ_SIZE: usize = 512 * 1024;

/// One reading of the sockets, which reads its sources one after the other.
#[derive(Default)]
pub struct Snapshot {
    /// The sources in the order in which they are read, sorted by rank.
    sources: VecDeque<(usize, Source)>,
    /// The iterators that note the network namespaces of walks, by the rank of the first walk.
    places: BTreeMap<usize, Iter>,
}

/// A source of records.
pub enum Source {
    /// An open iterator, or any other reader of records, such as a pinned iterator or a recording.
    Stream(Box<dyn Read + Send>),
    /// A walk, whose lanes can be read at the same time.
    Walk(Vec<Lane>),
    /// A walk that is read by this thread.
    Merged(Merged),
}

impl Snapshot {
    /// Adds a source. Sources of lower rank are read first, sources of equal rank in the order in which
    /// they were added. This keeps families together in a snapshot of several network namespaces.
    pub fn add(&mut self, rank: usize, reader: impl Read + Send + 'static) {
        self.insert(rank, Source::Stream(Box::new(reader)));
    }

    /// Adds a walk.
    pub(super) fn add_walk(&mut self, rank: usize, walk: Vec<Lane>) {
        self.insert(rank, Source::Walk(walk));
    }

    /// Adds the network namespace of this thread to the walks of this rank and those that were loaded with it. `open`
    /// opens the iterator for the first namespace.
    ///
    /// # Errors
    ///
    /// That of `open`, or when there are too many namespaces.
    pub(super) fn add_place(
        &mut self,
        rank: usize,
        open: impl FnOnce() -> Result<Iter, Error>,
    ) -> Result<(), Error> {
        let places = match self.places.entry(rank) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(open()?),
        };
        walk::add_place(places).map_err(Error::Read)
    }

    fn insert(&mut self, rank: usize, source: Source) {
        let position = self.sources.partition_point(|(other, _)| *other <= rank);
        self.sources.insert(position, (rank, source));
    }

    /// Reads it in this thread, with a buffer.
    pub fn buffered(self) -> BufReader<Snapshot> {
        BufReader::with_capacity(READ_SIZE, self)
    }

    /// Whether there is a source of this rank that has not been read to its end.
    pub fn contains(&self, rank: usize) -> bool {
        self.sources.iter().any(|(other, _)| *other == rank)
    }

    /// Takes the next source.
    pub(super) fn next_source(&mut self) -> Option<Source> {
        self.sources.pop_front().map(|(_, source)| source)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Stream(reader) => reader.read(buffer),
            Source::Walk(lanes) => {
                let lanes = Lanes::new(std::mem::take(lanes));
                *self = Source::Merged(Merged::new(Arc::new(lanes)));
                self.read(buffer)
            }
            Source::Merged(merged) => Read::read(merged, buffer),
        }
    }
}

impl Read for Snapshot {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((_, source)) = self.sources.front_mut() {
            match source.read(buffer)? {
                0 if !buffer.is_empty() => drop(self.sources.pop_front()),
                length => return Ok(length),
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_by_rank_and_then_as_added() {
        let mut snapshot = Snapshot::default();
        for (rank, bytes) in [(2, "c"), (0, "a"), (2, "d"), (1, ""), (0, "b")] {
            snapshot.add(rank, bytes.as_bytes());
        }
        assert!(snapshot.contains(1) && !snapshot.contains(3));
        let mut text = String::new();
        snapshot.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcd");
    }
}
