//! A snapshot: the records of one reading of all programs, as one stream.

use std::collections::VecDeque;
use std::io::{self, Read};

/// One reading of the sockets, which reads its sources one after the other. A source is an open iterator,
/// or any other reader of records, such as a pinned iterator or a recording.
#[derive(Default)]
pub struct Snapshot {
    /// The sources in the order in which they are read, sorted by rank.
    sources: VecDeque<Source>,
}

struct Source {
    rank: usize,
    reader: Box<dyn Read + Send>,
}

impl Snapshot {
    /// Adds a source. Sources of lower rank are read first, sources of equal rank in the order in which
    /// they were added. This keeps families together in a snapshot of several network namespaces.
    pub fn add(&mut self, rank: usize, reader: impl Read + Send + 'static) {
        let position = self.sources.partition_point(|source| source.rank <= rank);
        self.sources.insert(position, Source { rank, reader: Box::new(reader) });
    }

    /// Whether there is a source of this rank that has not been read to its end.
    pub fn contains(&self, rank: usize) -> bool {
        self.sources.iter().any(|source| source.rank == rank)
    }
}

impl Read for Snapshot {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(source) = self.sources.front_mut() {
            match source.reader.read(buffer)? {
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
