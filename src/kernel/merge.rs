//! Merges the lanes of a walk in the order of the table, so that the same table gives the same records in the same
//! order, with any number of lanes.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvError, Sender};

use crate::kernel::walk::{Lane, Piece};

/// The size in bytes of a chunk. The records of one call may be more, and are then a chunk of their own.
const CHUNK: usize = 64 * 1024;

/// Records of a lane that were read ahead.
#[derive(Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    /// The order of each stripe, and where its records end.
    stripes: Vec<(u64, usize)>,
}

impl Chunk {
    /// Whether there is room for the records of a piece. An empty chunk has room for any.
    pub fn has_room(&self, piece: &Piece) -> bool {
        self.bytes.is_empty() || self.bytes.len() + piece.records.len() <= CHUNK
    }

    /// Adds the records of a piece.
    pub fn add(&mut self, piece: &Piece) {
        if self.bytes.is_empty() {
            self.bytes.reserve_exact(CHUNK.max(piece.records.len()));
        }
        self.bytes.extend_from_slice(piece.records);
        match self.stripes.last_mut() {
            Some((order, end)) if *order == piece.order => *end = self.bytes.len(),
            _ => self.stripes.push((piece.order, self.bytes.len())),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Where the records of a lane come from.
pub enum LaneSource {
    /// From a thread that reads the lane. The lane ends with its sender.
    Thread(Receiver<io::Result<Chunk>>),
    /// From the lane itself. The sender, which is never used, is dropped with the lane: the end of its channel says that
    /// the lane is read no more.
    Directly(Lane, Option<Sender<()>>),
}

/// A lane of which some records are known.
struct Head {
    source: LaneSource,
    chunk: Chunk,
    /// The stripe that is being read, as an index in the chunk,
    stripe: usize,
    /// and where in the chunk its rest begins.
    begin: usize,
}

/// The records of all lanes.
pub struct Merged {
    lanes: Vec<Head>,
}

/// Receives from a channel.
pub type Receive<'a> =
    dyn FnMut(&Receiver<io::Result<Chunk>>) -> Result<io::Result<Chunk>, RecvError> + 'a;

impl Merged {
    pub fn new(sources: impl IntoIterator<Item = LaneSource>) -> Merged {
        let head = |source| Head { source, chunk: Chunk::default(), stripe: 0, begin: 0 };
        Merged { lanes: sources.into_iter().map(head).collect() }
    }

    /// Reads records, which `receive` waits for. Returns 0 at the end.
    ///
    /// # Errors
    ///
    /// That of a lane.
    pub fn read(&mut self, buffer: &mut [u8], receive: &mut Receive) -> io::Result<usize> {
        let mut first: Option<(u64, usize)> = None;
        let mut index = 0;
        while index < self.lanes.len() {
            let lane = &mut self.lanes[index];
            match lane.order(receive)? {
                Some(order) => {
                    if first.is_none_or(|(least, _)| order < least) {
                        first = Some((order, index));
                    }
                    index += 1;
                }
                None => drop(self.lanes.remove(index)),
            }
        }
        Ok(first.map_or(0, |(_, index)| self.lanes[index].take(buffer)))
    }
}

/// Reads lanes that need no waiting for.
impl Read for Merged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Merged::read(self, buffer, &mut Receiver::recv)
    }
}

impl Head {
    /// The order of the next records. `None` at the end of the lane.
    fn order(&mut self, receive: &mut Receive) -> io::Result<Option<u64>> {
        while self.rest().is_none() {
            let Some(chunk) = self.source.next_chunk(receive)? else { return Ok(None) };
            (self.chunk, self.stripe, self.begin) = (chunk, 0, 0);
        }
        Ok(self.chunk.stripes.get(self.stripe).map(|(order, _)| *order))
    }

    /// The records of the stripe that have not been read. Goes to the next stripe if there are none.
    fn rest(&mut self) -> Option<Range<usize>> {
        while let Some((_, end)) = self.chunk.stripes.get(self.stripe) {
            if self.begin < *end {
                return Some(self.begin..*end);
            }
            self.stripe += 1;
        }
        None
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let Some(rest) = self.rest() else { return 0 };
        let length = buffer.len().min(rest.len());
        buffer[..length].copy_from_slice(&self.chunk.bytes[rest.start..rest.start + length]);
        self.begin += length;
        length
    }
}

impl LaneSource {
    fn next_chunk(&mut self, receive: &mut Receive) -> io::Result<Option<Chunk>> {
        match self {
            LaneSource::Thread(chunks) => receive(chunks).ok().transpose(),
            LaneSource::Directly(lane, _) => {
                let piece = lane.next_piece()?;
                Ok(piece.map(|piece| {
                    let mut chunk = Chunk::default();
                    chunk.add(&piece);
                    chunk
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A lane whose chunks have stripes of these orders, each with these records.
    fn lane(chunks: &[&[(u64, &str)]]) -> LaneSource {
        let (sender, receiver) = channel();
        for stripes in chunks {
            let mut chunk = Chunk::default();
            stripes.iter().for_each(|(order, text)| {
                chunk.add(&Piece { order: *order, records: text.as_bytes() });
            });
            sender.send(Ok(chunk)).unwrap();
        }
        LaneSource::Thread(receiver)
    }

    fn merged(lanes: impl IntoIterator<Item = LaneSource>) -> String {
        let mut lanes = Merged::new(lanes);
        let mut text = String::new();
        let mut buffer = [0; 2];
        loop {
            match lanes.read(&mut buffer, &mut Receiver::recv).unwrap() {
                0 => return text,
                length => text += std::str::from_utf8(&buffer[..length]).unwrap(),
            }
        }
    }

    #[test]
    fn stripes_come_in_their_order() {
        let one = lane(&[&[(1, "aaa"), (1, "a"), (3, "c")], &[], &[(3, "ccc"), (7, "")]]);
        let two = lane(&[&[(2, "")], &[(2, "b"), (4, "ddddd")], &[(8, "f")]]);
        let three = lane(&[&[(5, "e")]]);
        assert_eq!(merged([one, two, three, lane(&[])]), "aaaabccccdddddef");
    }

    #[test]
    fn the_error_of_a_lane_comes_after_its_records() {
        let (sender, receiver) = channel();
        let mut chunk = Chunk::default();
        chunk.add(&Piece { order: 1, records: b"a" });
        sender.send(Ok(chunk)).unwrap();
        sender.send(Err(io::ErrorKind::InvalidData.into())).unwrap();
        let mut lanes = Merged::new([LaneSource::Thread(receiver), lane(&[&[(2, "b")]])]);
        let mut buffer = [0; 9];
        assert_eq!(lanes.read(&mut buffer, &mut Receiver::recv).unwrap(), 1);
        let error = lanes.read(&mut buffer, &mut Receiver::recv).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
