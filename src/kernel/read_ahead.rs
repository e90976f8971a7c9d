//! Reading ahead: threads let the kernel walk its tables while another makes rows of earlier records.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::kernel::lanes::{panicked, Lanes};
use crate::kernel::merge::Merged;
use crate::kernel::notice::{self, Notice};
use crate::kernel::snapshot::{Snapshot, Source};
use crate::kernel::walk::Lane;

/// The size in bytes of the buffer of a chunk. It is handed over when less than [`ROOM`] is left in it.
const CHUNK: usize = 256 * 1024;

/// The free space in bytes that a read must have: an iterator returns up to eight pages at once.
const ROOM: usize = 64 * 1024;

/// The number of chunks that may wait, which bounds the memory at any speed of the other side.
const WAITING: usize = 4;

/// What the thread that goes through the sources sends.
enum Message {
    /// Bytes of a stream. A chunk may end in the middle of a record.
    Chunk(Vec<u8>),
    /// A walk, whose lanes are read ahead.
    Walk(Merged),
}

/// A snapshot that other threads read. If no thread could be started, the calling thread reads it.
pub enum ReadAhead {
    Ahead(Ahead),
    Directly(Box<BufReader<Snapshot>>),
}

/// A snapshot that other threads read from the first read on.
pub enum OnDemand {
    Waiting(Snapshot),
    Reading(ReadAhead),
    /// A thread could not be started.
    Failed,
}

impl Read for OnDemand {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let OnDemand::Waiting(snapshot) = self {
            let snapshot = std::mem::take(snapshot);
            *self = OnDemand::Failed;
            *self = OnDemand::Reading(ReadAhead::new(snapshot, None)?);
        }
        match self {
            OnDemand::Reading(ahead) => ahead.read(buffer),
            _ => Err(io::Error::other("no thread could be started to read them")),
        }
    }
}

/// The data that the other threads have read.
pub struct Ahead {
    messages: Receiver<io::Result<Message>>,
    /// The chunk that is being returned, from `begin` on.
    chunk: Vec<u8>,
    begin: usize,
    /// The walk that is being returned.
    walk: Option<Merged>,
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
        let (sender, messages) = sync_channel(WAITING);
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
                messages,
                chunk: Vec::new(),
                begin: 0,
                walk: None,
                notice,
                thread: Some(thread),
            })),
            Err(error) => {
                let directly = |it: Snapshot| ReadAhead::Directly(Box::new(it.buffered()));
                take(&snapshot).map(directly).ok_or(error)
            }
        }
    }
}

fn take<T>(source: &Mutex<Option<T>>) -> Option<T> {
    source.lock().unwrap_or_else(PoisonError::into_inner).take()
}

type Sender = SyncSender<io::Result<Message>>;

/// Sends the records of all sources, until they end or the receiver is gone.
fn send_all(mut snapshot: Snapshot, to: &Sender) -> io::Result<()> {
    while let Some(source) = snapshot.next_source() {
        let is_received = match source {
            Source::Stream(reader) => send_stream(reader, to)?,
            Source::Merged(merged) => send_stream(merged, to)?,
            Source::Walk(lanes) => send_walk(lanes, to)?,
        };
        if !is_received {
            break;
        }
    }
    Ok(())
}

/// Sends the bytes of a reader. Returns whether there still is a receiver.
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
        let is_received = length == 0 || to.send(Ok(Message::Chunk(chunk))).is_ok();
        match result? {
            true if is_received => {}
            _ => return Ok(is_received),
        }
    }
}

/// Sends a walk, and reads its lanes ahead. Beside the thread that uses the records, which reads too, there are as many
/// threads as make one for each lane. Returns whether there still is a receiver.
fn send_walk(lanes: Vec<Lane>, to: &Sender) -> io::Result<bool> {
    let others = lanes.len().saturating_sub(2);
    let lanes = Arc::new(Lanes::new(lanes));
    if to.send(Ok(Message::Walk(Merged::new(Arc::clone(&lanes))))).is_err() {
        return Ok(false);
    }
    thread::scope(|scope| {
        // Without them, it takes longer.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, || lanes.read_ahead()).ok();
        let threads: Vec<_> = (0..others).filter_map(spawn).collect();
        lanes.read_ahead();
        // The next walk uses the same buffers, so all threads end first.
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| panicked()))
    })?;
    Ok(true)
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            ReadAhead::Ahead(ahead) => ahead.fill_buf(),
            ReadAhead::Directly(snapshot) => snapshot.fill_buf(),
        }
    }

    fn consume(&mut self, length: usize) {
        match self {
            ReadAhead::Ahead(ahead) => ahead.consume(length),
            ReadAhead::Directly(snapshot) => snapshot.consume(length),
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let length = bytes.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl Ahead {
    /// The bytes that have been read. There are none only at the end.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // A chunk without bytes is not the end, and neither is a walk without records.
        while self.begin == self.chunk.len() && !self.has_records()? {
            self.walk = None;
            match notice::receive(&self.messages, &mut self.notice) {
                Ok(message) => match message? {
                    Message::Chunk(chunk) => (self.chunk, self.begin) = (chunk, 0),
                    Message::Walk(walk) => self.walk = Some(walk),
                },
                Err(_) => return self.end().map(|()| &[][..]),
            }
        }
        match &mut self.walk {
            Some(walk) => walk.fill_buf(&mut self.notice),
            None => Ok(&self.chunk[self.begin..]),
        }
    }

    /// Whether the walk that is being returned has more records.
    fn has_records(&mut self) -> io::Result<bool> {
        match &mut self.walk {
            Some(walk) => Ok(!walk.fill_buf(&mut self.notice)?.is_empty()),
            None => Ok(false),
        }
    }

    fn consume(&mut self, length: usize) {
        match &mut self.walk {
            Some(walk) => walk.consume(length),
            None => self.begin += length,
        }
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
