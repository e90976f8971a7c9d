//! Reading ahead: one thread lets the kernel walk its tables while another makes rows of earlier records.
//! With a large table, each takes half of the time.

use std::io::{self, Read};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// The size in bytes of the buffer of a chunk. It is handed over when less than [`ROOM`] is left in it.
const CHUNK: usize = 256 * 1024;

/// The free space in bytes that a read must have: an iterator returns up to eight pages at once.
const ROOM: usize = 64 * 1024;

/// The number of chunks that may wait, which bounds the memory at any speed of the other side.
const WAITING: usize = 4;

/// A source that another thread reads. If no thread could be started, the calling thread reads it.
pub enum ReadAhead<S> {
    Ahead(Ahead),
    Directly(S),
}

/// The data that the other thread has read.
pub struct Ahead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// The chunk that is being returned, from `begin` on.
    chunk: Vec<u8>,
    begin: usize,
    /// `None` once the thread has ended.
    thread: Option<JoinHandle<()>>,
}

impl<S: Read + Send + 'static> ReadAhead<S> {
    /// Starts to read. The thread ends with the source, or when this value is dropped.
    ///
    /// # Errors
    ///
    /// If a thread could not be started, and the source is lost with it. No such case is known.
    pub fn new(source: S) -> io::Result<ReadAhead<S>> {
        let (sender, chunks) = sync_channel(WAITING);
        // If the thread does not start, its closure is dropped. The source is therefore kept outside of
        // it.
        let source = Arc::new(Mutex::new(Some(source)));
        let theirs = Arc::clone(&source);
        let thread = thread::Builder::new().spawn(move || {
            if let Some(source) = take(&theirs) {
                read_on(source, &sender);
            }
        });
        match thread {
            Ok(thread) => Ok(ReadAhead::Ahead(Ahead {
                chunks,
                chunk: Vec::new(),
                begin: 0,
                thread: Some(thread),
            })),
            Err(error) => take(&source).map(ReadAhead::Directly).ok_or(error),
        }
    }
}

fn take<S>(source: &Mutex<Option<S>>) -> Option<S> {
    source.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Sends the data of the source, until it ends or the receiver is gone.
fn read_on(mut source: impl Read, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let mut length = 0;
        let result = loop {
            match source.read(&mut chunk[length..]) {
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
        match result {
            Ok(true) if is_received => {}
            Ok(_) => return,
            Err(error) => {
                // Without a receiver, nobody needs the error.
                let _ = to.send(Err(error));
                return;
            }
        }
    }
}

impl<S: Read> Read for ReadAhead<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            ReadAhead::Ahead(ahead) => ahead.read(buffer),
            ReadAhead::Directly(source) => source.read(buffer),
        }
    }
}

impl Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.begin == self.chunk.len() {
            match self.chunks.recv() {
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

    /// Waits for the end of the thread, which is the end of the source only if the thread did not
    /// panic.
    fn end(&mut self) -> io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(io::Error::other("the thread that reads them has panicked")),
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

    fn odd(fails: bool) -> (Vec<u8>, ReadAhead<Odd>) {
        let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(n) % 251) as u8).collect();
        let ahead = ReadAhead::new(Odd { left: bytes.clone(), turn: 0, fails });
        (bytes, ahead.expect("a thread"))
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
        let mut ahead = ReadAhead::new(Panicking(false)).expect("a thread");
        let error = ahead.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
    }

    #[test]
    fn the_thread_ends_with_the_receiver() {
        let (_, ahead) = odd(false);
        drop(ahead);
    }
}
