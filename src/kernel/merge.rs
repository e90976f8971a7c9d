//! Merges the lanes of a walk in the order of the table, so that the same table gives the same records in the same
//! order, with any number of lanes and threads.

use std::io::{self, Read};
use std::sync::Arc;

use crate::kernel::lanes::{Chunk, Lanes, Pieces};
use crate::kernel::notice::Notice;
use crate::kernel::walk::Lane;

/// The records of all lanes.
pub struct Merged<L: Pieces = Lane> {
    lanes: Arc<Lanes<L>>,
    /// The lanes that have not ended.
    heads: Vec<Head>,
    /// The index of the head whose records are next.
    first: Option<usize>,
}

/// A lane of which some records are known.
struct Head {
    /// The number of the lane.
    number: usize,
    chunk: Chunk,
    /// The stripe that is being read, as an index in the chunk,
    stripe: usize,
    /// and where in the chunk its rest begins.
    begin: usize,
}

impl<L: Pieces> Merged<L> {
    pub fn new(lanes: Arc<Lanes<L>>) -> Merged<L> {
        let head = |number| Head { number, chunk: Chunk::default(), stripe: 0, begin: 0 };
        Merged { heads: (0..lanes.count()).map(head).collect(), lanes, first: None }
    }

    /// The next records. There are none only at the end. `notice`: for when they do not come.
    ///
    /// # Errors
    ///
    /// That of a lane.
    pub fn fill_buf(&mut self, notice: &mut Option<Notice>) -> io::Result<&[u8]> {
        if self.first.is_none_or(|index| self.heads[index].rest().is_empty()) {
            self.first = self.find_first(notice)?;
        }
        Ok(self.first.map(|index| self.heads[index].rest()).unwrap_or_default())
    }

    /// Passes records that were used.
    pub fn consume(&mut self, length: usize) {
        if let Some(index) = self.first {
            self.heads[index].begin += length;
        }
    }

    /// Returns the index of the head with the lowest order.
    fn find_first(&mut self, notice: &mut Option<Notice>) -> io::Result<Option<usize>> {
        // An index of heads that are removed is no index any more.
        self.first = None;
        let mut first: Option<(u64, usize)> = None;
        let mut index = 0;
        while index < self.heads.len() {
            match self.heads[index].order(&self.lanes, notice)? {
                Some(order) => {
                    if first.is_none_or(|(least, _)| order < least) {
                        first = Some((order, index));
                    }
                    index += 1;
                }
                None => drop(self.heads.remove(index)),
            }
        }
        Ok(first.map(|(_, index)| index))
    }
}

/// The threads that read ahead end.
impl<L: Pieces> Drop for Merged<L> {
    fn drop(&mut self) {
        self.lanes.abandon();
    }
}

impl<L: Pieces> Read for Merged<L> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut records = self.fill_buf(&mut None)?;
        let length = records.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl Head {
    /// The order of the next records. `None` at the end of the lane.
    fn order<L: Pieces>(
        &mut self,
        lanes: &Lanes<L>,
        notice: &mut Option<Notice>,
    ) -> io::Result<Option<u64>> {
        loop {
            match self.chunk.stripes.get(self.stripe) {
                Some((order, end)) if self.begin < *end => return Ok(Some(*order)),
                Some(_) => self.stripe += 1,
                None => {
                    let used = std::mem::take(&mut self.chunk);
                    (self.stripe, self.begin) = (0, 0);
                    let chunk = lanes.next_chunk(self.number, used, notice)?;
                    let Some(chunk) = chunk else { return Ok(None) };
                    self.chunk = chunk;
                }
            }
        }
    }

    /// The records of the stripe that have not been used.
    fn rest(&self) -> &[u8] {
        let end = self.chunk.stripes.get(self.stripe).map_or(self.begin, |(_, end)| *end);
        &self.chunk.bytes[self.begin..end.max(self.begin)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::walk::Piece;
    use std::collections::VecDeque;
    use std::thread;

    /// A lane with these records in its stripes, and an error at its end.
    struct Fake {
        pieces: VecDeque<(u64, Vec<u8>)>,
        last: Vec<u8>,
        end: Option<io::Error>,
    }

    impl Pieces for Fake {
        fn next_piece(&mut self) -> io::Result<Option<Piece<'_>>> {
            let Some((order, records)) = self.pieces.pop_front() else {
                return self.end.take().map_or(Ok(None), Err);
            };
            assert!(records != b"panic", "as it is to");
            self.last = records;
            Ok(Some(Piece { order, records: &self.last }))
        }
    }

    fn lane(pieces: &[(u64, &str)]) -> Fake {
        let pieces = pieces.iter().map(|(order, text)| (*order, text.as_bytes().to_vec()));
        Fake { pieces: pieces.collect(), last: Vec::new(), end: None }
    }

    /// Merges lanes that this many other threads read ahead.
    fn merged(lanes: Vec<Fake>, threads: usize) -> (String, io::Result<()>) {
        let lanes = Arc::new(Lanes::new(lanes));
        thread::scope(|scope| {
            for _ in 0..threads {
                let lanes = Arc::clone(&lanes);
                scope.spawn(move || lanes.read_ahead());
            }
            let (mut merged, mut text, mut buffer) = (Merged::new(lanes), String::new(), [0; 7]);
            loop {
                match merged.read(&mut buffer) {
                    Ok(0) => return (text, Ok(())),
                    Ok(length) => text += std::str::from_utf8(&buffer[..length]).unwrap(),
                    Err(error) => return (text, Err(error)),
                }
            }
        })
    }

    #[test]
    fn stripes_come_in_their_order() {
        for threads in 0..4 {
            let one = [(1, "aaa"), (1, "a"), (3, "c"), (3, "ccc"), (7, "")];
            let two = [(2, ""), (2, "b"), (4, "ddddd"), (8, "f")];
            let lanes = vec![lane(&one), lane(&two), lane(&[(5, "e")]), lane(&[])];
            let (text, end) = merged(lanes, threads);
            assert_eq!((text.as_str(), end.is_ok()), ("aaaabccccdddddef", true));
        }
    }

    /// More than all lanes may have ahead.
    #[test]
    fn long_lanes_come_in_their_order() {
        const STRIPES: u64 = 300;
        let of = |number, lanes| {
            let orders = (0..STRIPES).filter(move |order| order % lanes == number);
            let text = |order: u64| format!("{order},").repeat(1 + 5_000 * (order % 7) as usize);
            orders.map(move |order| (order, text(order))).collect::<Vec<_>>()
        };
        let expected: String = of(0, 1).into_iter().map(|(_, text)| text).collect();
        for threads in 0..4 {
            for lanes in 1..5 {
                let pieces: Vec<_> = (0..lanes).map(|number| of(number, lanes)).collect();
                let fakes = pieces.iter().map(|of| {
                    lane(
                        &of.iter().map(|(order, text)| (*order, text.as_str())).collect::<Vec<_>>(),
                    )
                });
                let (text, end) = merged(fakes.collect(), threads);
                assert!(text == expected && end.is_ok(), "{lanes} lanes, {threads} threads");
            }
        }
    }

    #[test]
    fn the_error_of_a_lane_comes_after_its_records() {
        for threads in 0..3 {
            let failing =
                Fake { end: Some(io::ErrorKind::InvalidData.into()), ..lane(&[(1, "a")]) };
            let (text, end) = merged(vec![failing, lane(&[(2, "b")])], threads);
            assert_eq!(text, "a");
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_panic_is_not_the_end_of_a_lane() {
        let lanes = Arc::new(Lanes::new(vec![lane(&[(1, "panic")]), lane(&[(2, "b")])]));
        let theirs = Arc::clone(&lanes);
        thread::spawn(move || theirs.read_ahead()).join().expect_err("a panic");
        let error = Merged::new(lanes).read(&mut [0; 9]).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
    }

    #[test]
    fn the_threads_end_with_the_reader() {
        let lanes = Arc::new(Lanes::new(vec![lane(&[(1, "a"); 1000]), lane(&[(2, "b"); 1000])]));
        let theirs = Arc::clone(&lanes);
        let thread = thread::spawn(move || theirs.read_ahead());
        drop(Merged::new(lanes));
        thread.join().expect("no panic");
    }
}
