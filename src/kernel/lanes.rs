//! The lanes of a walk, read ahead by any number of threads. The thread that uses the records reads too, rather than
//! wait: to wake a thread takes as long as to read a hundred sockets.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::kernel::abi::walk_limit;
use crate::kernel::notice::{self, Notice};
use crate::kernel::walk::{Lane, Piece};

/// The number of bytes from which on a chunk is complete. Most pieces are longer.
const CHUNK: usize = 64 * 1024;

/// The bytes of records that may wait in all lanes together. Each lane has the same share. Twice as many take 1.2 MiB more,
/// and no less time.
const AHEAD: usize = 1024 * 1024;

/// What is read piece by piece.
pub trait Pieces: Send {
    /// As [`Lane::next_piece`].
    fn next_piece(&mut self) -> io::Result<Option<Piece<'_>>>;
}

impl Pieces for Lane {
    fn next_piece(&mut self) -> io::Result<Option<Piece<'_>>> {
        Lane::next_piece(self)
    }
}

/// Records of a lane that were read ahead.
#[derive(Default)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    /// The order of each stripe, and where its records end.
    pub stripes: Vec<(u64, usize)>,
}

impl Chunk {
    /// Reads a chunk into an empty buffer. Returns with it whether the lane has ended, and how.
    fn read(lane: &mut impl Pieces, bytes: Vec<u8>) -> (Chunk, Option<io::Result<()>>) {
        let mut chunk = Chunk { bytes, stripes: Vec::new() };
        while chunk.bytes.len() < CHUNK {
            match lane.next_piece() {
                Ok(Some(piece)) => chunk.add(&piece),
                Ok(None) => return (chunk, Some(Ok(()))),
                Err(error) => return (chunk, Some(Err(error))),
            }
        }
        (chunk, None)
    }

    fn add(&mut self, piece: &Piece) {
        if piece.records.is_empty() {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes.reserve_exact(walk_limit::OUTPUT_SIZE.0 as usize);
        }
        self.bytes.extend_from_slice(piece.records);
        match self.stripes.last_mut() {
            Some((order, end)) if *order == piece.order => *end = self.bytes.len(),
            _ => self.stripes.push((piece.order, self.bytes.len())),
        }
    }
}

/// The lanes of a walk.
pub struct Lanes<L> {
    state: Mutex<State<L>>,
    changed: Condvar,
}

struct State<L> {
    lanes: Vec<Ahead<L>>,
    /// The buffers of chunks that were used. Memory that is new to the process takes a tenth of the time of `-t`.
    spare: Vec<Vec<u8>>,
    /// The number of threads that wait until records are used.
    full: usize,
    /// Whether nobody uses the records any more.
    is_abandoned: bool,
}

/// A lane, and what has been read of it.
struct Ahead<L> {
    /// `None` while a thread reads it, and after its end.
    lane: Option<L>,
    chunks: VecDeque<Chunk>,
    /// The bytes of the chunks.
    bytes: usize,
    /// The order of the last records.
    order: u64,
    end: Option<io::Result<()>>,
}

impl<L: Pieces> Lanes<L> {
    pub fn new(lanes: impl IntoIterator<Item = L>) -> Lanes<L> {
        let lanes = lanes.into_iter().map(|lane| Ahead {
            lane: Some(lane),
            chunks: VecDeque::new(),
            bytes: 0,
            order: 0,
            end: None,
        });
        let state =
            State { lanes: lanes.collect(), spare: Vec::new(), full: 0, is_abandoned: false };
        Lanes { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The number of lanes.
    pub fn count(&self) -> usize {
        self.lock().lanes.len()
    }

    /// Reads ahead until all lanes have ended, or nobody uses the records.
    pub fn read_ahead(&self) {
        let mut state = self.lock();
        while !state.is_abandoned && state.lanes.iter().any(|it| it.end.is_none()) {
            state = match state.next_to_read() {
                Some(number) => self.read(state, number),
                None => {
                    state.full += 1;
                    let mut state = notice::wait(&self.changed, state, &mut None);
                    state.full -= 1;
                    state
                }
            };
        }
    }

    /// Returns the next records of a lane, or `None` at its end. `used` are those before, and `notice` is for when the next
    /// do not come.
    ///
    /// # Errors
    ///
    /// That of the lane, once.
    pub fn next_chunk(
        &self,
        number: usize,
        used: Chunk,
        notice: &mut Option<Notice>,
    ) -> io::Result<Option<Chunk>> {
        let mut state = self.lock();
        state.recycle(used);
        loop {
            if let Some(chunk) = state.lanes[number].take() {
                // Not before half of them were used, so that the others are seldom woken.
                if state.full > 0 && state.bytes() <= AHEAD / 2 {
                    self.changed.notify_all();
                }
                return Ok(Some(chunk));
            }
            if let Some(end) = &mut state.lanes[number].end {
                return std::mem::replace(end, Ok(())).map(|()| None);
            }
            let is_free = state.lanes[number].lane.is_some();
            state = match if is_free { Some(number) } else { state.next_to_read() } {
                Some(number) => self.read(state, number),
                None => notice::wait(&self.changed, state, notice),
            };
        }
    }

    /// Says that nobody uses the records any more.
    pub fn abandon(&self) {
        self.lock().is_abandoned = true;
        self.changed.notify_all();
    }

    /// Reads a chunk of a lane, while other threads read others.
    fn read<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<L>>,
        number: usize,
    ) -> MutexGuard<'a, State<L>> {
        let lane = state.lanes[number].lane.take();
        let buffer = state.spare.pop().unwrap_or_default();
        drop(state);
        let mut reading = Reading { lanes: self, number, is_over: false };
        let read = lane.map(|mut lane| (Chunk::read(&mut lane, buffer), lane));
        reading.is_over = true;
        let mut state = self.lock();
        if let Some(((chunk, end), lane)) = read {
            if chunk.stripes.is_empty() {
                state.recycle(chunk);
            } else {
                state.lanes[number].put(chunk);
            }
            let ahead = &mut state.lanes[number];
            ahead.lane = end.is_none().then_some(lane);
            ahead.end = end;
        }
        self.changed.notify_all();
        state
    }

    fn lock(&self) -> MutexGuard<'_, State<L>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> State<L> {
    /// The lane to read next: of those that no thread reads and that have room, the one whose records are needed first.
    fn next_to_read(&self) -> Option<usize> {
        let share = AHEAD / self.lanes.len().max(1);
        let can_be_read = |it: &&Ahead<L>| it.lane.is_some() && it.bytes < share;
        let (number, _) = self
            .lanes
            .iter()
            .enumerate()
            .filter(|(_, it)| can_be_read(it))
            .min_by_key(|(_, it)| it.order)?;
        Some(number)
    }

    fn recycle(&mut self, mut used: Chunk) {
        if used.bytes.capacity() > 0 {
            used.bytes.clear();
            self.spare.push(used.bytes);
        }
    }

    fn bytes(&self) -> usize {
        self.lanes.iter().map(|it| it.bytes).sum()
    }
}

impl<L> Ahead<L> {
    fn put(&mut self, chunk: Chunk) {
        if let Some((order, _)) = chunk.stripes.last() {
            self.order = *order;
            self.bytes += chunk.bytes.len();
            self.chunks.push_back(chunk);
        }
    }

    fn take(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.bytes.len();
        Some(chunk)
    }
}

/// A lane that a thread reads. If the thread panics, that ends the lane.
struct Reading<'a, L: Pieces> {
    lanes: &'a Lanes<L>,
    number: usize,
    is_over: bool,
}

impl<L: Pieces> Drop for Reading<'_, L> {
    fn drop(&mut self) {
        if !self.is_over {
            self.lanes.lock().lanes[self.number].end = Some(Err(panicked()));
            self.lanes.changed.notify_all();
        }
    }
}

/// The error of a thread that has panicked.
pub fn panicked() -> io::Error {
    io::Error::other("the thread that reads them has panicked")
}
