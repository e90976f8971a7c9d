//! Reading ahead: threads let the kernel walk its tables while another makes rows of earlier records. Each lane of a
//! walk is read by a thread of its own.

use std::io::{self, Read};
use std::sync::mpsc::{sync_channel, Receiver, RecvError, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::kernel::snapshot::{Snapshot, Source};
use crate::kernel::walk::Lane;

/// The size in bytes of the buffer of a chunk. It is handed over when less than [`ROOM`] is left in it.
const CHUNK: usize = 256 * 1024;

/// The free space in bytes that a read must have: an iterator returns up to eight pages at once.
const ROOM: usize = 64 * 1024;

/// The number of chunks that may wait, which bounds the memory at any speed of the other side.
const WAITING: usize = 4;

/// Says, once, that the kernel has been silent for a while.
pub struct Notice {
    pub after: Duration,
    pub say: Box<dyn FnOnce() + Send>,
}

/// A snapshot that other threads read. If no thread could be started, the calling thread reads it.
pub enum ReadAhead {
    Ahead(Ahead),
    Directly(Box<Snapshot>),
}

/// The data that the other threads have read.
pub struct Ahead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// The chunk that is being returned, from `begin` on.
    chunk: Vec<u8>,
    begin: usize,
    notice: Option<Notice>,
    /// `None` once the thread has ended.
    thread: Option<JoinHandle<()>>,
}

impl ReadAhead {
    /// Starts to read. The threads end with the snapshot, or when this value is dropped.
    ///
    /// # Errors
    ///
    /// If a thread could not be started, and the snapshot is lost with it. No such case is known.
    pub fn new(snapshot: Snapshot, notice: Option<Notice>) -> io::Result<ReadAhead> {
        let (sender, chunks) = sync_channel(WAITING);
        // If the thread does not start, its closure is dropped. The snapshot is therefore kept outside of
        // it.
        let snapshot = Arc::new(Mutex::new(Some(snapshot)));
        let theirs = Arc::clone(&snapshot);
        let thread = thread::Builder::new().spawn(move || {
            if let Some(snapshot) = take(&theirs) {
                // Without a receiver, nobody needs the error.
                let _ = send_all(snapshot, &sender).or_else(|error| sender.send(Err(error)));
            }
        });
        match thread {
            Ok(thread) => Ok(ReadAhead::Ahead(Ahead {
                chunks,
                chunk: Vec::new(),
                begin: 0,
                notice,
                thread: Some(thread),
            })),
            Err(error) => take(&snapshot).map(|it| ReadAhead::Directly(Box::new(it))).ok_or(error),
        }
    }
}

fn take<T>(source: &Mutex<Option<T>>) -> Option<T> {
    source.lock().unwrap_or_else(PoisonError::into_inner).take()
}

type Sender = SyncSender<io::Result<Vec<u8>>>;

/// Sends the records of all sources, until they end or the receiver is gone.
fn send_all(mut snapshot: Snapshot, to: &Sender) -> io::Result<()> {
    while let Some(source) = snapshot.next_source() {
        let is_received = match source {
            Source::Stream(reader) => send_stream(reader, to)?,
            Source::Walk(walk) => send_lanes(walk.into_lanes(), to)?,
        };
        if !is_received {
            break;
        }
    }
    Ok(())
}

/// Sends the bytes of a reader. A chunk may end in the middle of a record. Returns whether there still is a receiver.
fn send_stream(mut reader: impl Read, to: &Sender) -> io::Result<bool> {
    loop {
        let mut chunk = vec![0; CHUNK];
        let mut length = 0;
        let result = loop {
            match reader.read(&mut chunk[length..]) {
                Ok(0) => break Ok(false),
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The kernel returns this after a million objects without a record.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => break Err(error),
            }
            if CHUNK - length < ROOM {
                break Ok(true);
            }
        };
        chunk.truncate(length);
        let is_received = length == 0 || to.send(Ok(chunk)).is_ok();
        match result? {
            true if is_received => {}
            _ => return Ok(is_received),
        }
    }
}

/// Sends the records of all lanes. Each is read by a thread of its own, but they are sent in the order of the lanes, so
/// that the same table gives the same rows in the same order. Where there are many records, the receiver is slower than
/// one lane. Returns whether there still is a receiver.
fn send_lanes(lanes: Vec<Lane>, to: &Sender) -> io::Result<bool> {
    thread::scope(|scope| {
        let mut lanes = lanes.into_iter();
        let Some(first) = lanes.next() else { return Ok(true) };
        let mut others = Vec::new();
        for lane in lanes {
            let (sender, chunks) = sync_channel(WAITING);
            let lane = Arc::new(Mutex::new(Some(lane)));
            let theirs = Arc::clone(&lane);
            let send = move || take(&theirs).map_or(Ok(true), |lane| send_lane(lane, &sender));
            others.push((lane, chunks, thread::Builder::new().spawn_scoped(scope, send)));
        }
        let mut is_received = send_lane(first, to)?;
        for (lane, chunks, thread) in others {
            is_received = is_received && chunks.iter().all(|chunk| to.send(chunk).is_ok());
            drop(chunks);
            is_received &= match thread {
                Ok(thread) => thread.join().unwrap_or_else(|_| Err(panicked()))?,
                Err(_) => take(&lane).map_or(Ok(true), |lane| send_lane(lane, to))?,
            };
        }
        Ok(is_received)
    })
}

/// Sends the records of a lane. A chunk has whole records. Returns whether there still is a receiver.
fn send_lane(mut lane: Lane, to: &Sender) -> io::Result<bool> {
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(piece) = lane.next_piece()? {
        if !chunk.is_empty() && chunk.len() + piece.len() > CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
            if to.send(Ok(full)).is_err() {
                return Ok(false);
            }
        }
        chunk.extend_from_slice(piece);
    }
    Ok(chunk.is_empty() || to.send(Ok(chunk)).is_ok())
}

fn panicked() -> io::Error {
    io::Error::other("the thread that reads them has panicked")
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            ReadAhead::Ahead(ahead) => ahead.read(buffer),
            ReadAhead::Directly(snapshot) => snapshot.read(buffer),
        }
    }
}

impl Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A chunk without bytes is not the end.
        while self.begin == self.chunk.len() && !buffer.is_empty() {
            match self.next_chunk() {
                Ok(next) => self.chunk = next?,
                Err(_) => return self.end().map(|()| 0),
            }
            self.begin = 0;
        }
        let length = buffer.len().min(self.chunk.len() - self.begin);
        buffer[..length].copy_from_slice(&self.chunk[self.begin..self.begin + length]);
        self.begin += length;
        Ok(length)
    }

    fn next_chunk(&mut self) -> Result<io::Result<Vec<u8>>, RecvError> {
        if let Some(notice) = self.notice.take() {
            match self.chunks.recv_timeout(notice.after) {
                Err(RecvTimeoutError::Timeout) => (notice.say)(),
                received => {
                    self.notice = Some(notice);
                    return received.map_err(|_| RecvError);
                }
            }
        }
        self.chunks.recv()
    }

    /// Waits for the end of the thread, which is the end of the source only if the thread did not
    /// panic.
    fn end(&mut self) -> io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(panicked()),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns its bytes in odd pieces, with interruptions, and fails at the end if `fails` is set.
    struct Odd {
        left: Vec<u8>,
        turn: usize,
        fails: bool,
    }

    impl Read for Odd {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.turn += 1;
            match self.turn % 3 {
                0 => return Err(io::ErrorKind::WouldBlock.into()),
                1 => return Err(io::ErrorKind::Interrupted.into()),
                _ if self.left.is_empty() && self.fails => {
                    return Err(io::ErrorKind::InvalidData.into())
                }
                _ => {}
            }
            let length = buffer.len().min(self.left.len()).min(32_749);
            buffer[..length].copy_from_slice(&self.left[..length]);
            self.left.drain(..length);
            Ok(length)
        }
    }

    fn ahead(source: impl Read + Send + 'static) -> ReadAhead {
        let mut snapshot = Snapshot::default();
        snapshot.add(0, source);
        ReadAhead::new(snapshot, None).expect("a thread")
    }

    fn odd(fails: bool) -> (Vec<u8>, ReadAhead) {
        let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(n) % 251) as u8).collect();
        let ahead = ahead(Odd { left: bytes.clone(), turn: 0, fails });
        (bytes, ahead)
    }

    #[test]
    fn gives_the_same_bytes() {
        let (bytes, mut ahead) = odd(false);
        let mut got = Vec::new();
        ahead.read_to_end(&mut got).unwrap();
        assert!(got == bytes);
    }

    #[test]
    fn an_error_comes_after_what_was_read() {
        let (bytes, mut ahead) = odd(true);
        let mut got = Vec::new();
        let error = ahead.read_to_end(&mut got).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(got == bytes);
    }

    /// Returns some bytes, and then panics.
    struct Panicking(bool);

    impl Read for Panicking {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!std::mem::replace(&mut self.0, true), "as it is to");
            buffer[..3].copy_from_slice(b"abc");
            Ok(3)
        }
    }

    #[test]
    fn a_panic_of_the_thread_is_not_the_end_of_the_source() {
        let mut ahead = ahead(Panicking(false));
        let error = ahead.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
    }

    #[test]
    fn the_thread_ends_with_the_receiver() {
        let (_, ahead) = odd(false);
        drop(ahead);
    }
}
