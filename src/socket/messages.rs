//! Sockets in messages: those that SCM_RIGHTS passes, and that have not been received (bpf/messages.h).

use std::cell::Cell;
use std::collections::HashMap;
use std::io::Read;
use std::rc::Rc;

use crate::error::Error;
use crate::record;
use crate::socket::owner::{Holder, Owners, Via};

/// The kernel bounds how deep messages may lie in each other: net/unix/af_unix.c, MAX_RECURSION_LEVEL
const DEPTH: usize = 5;

/// The unix sockets that carried sockets when their queues were read.
#[derive(Debug, Default)]
pub struct Messages {
    /// The inode of the unix socket, by that of the socket that it carries.
    carriers: HashMap<u64, u64>,
    /// If a queue could not be read to its end: whether a socket that may be in it was asked for.
    cut: Option<Rc<Cell<bool>>>,
}

impl Messages {
    /// Reads all records of a walk through messages.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn read(source: impl Read) -> Result<Messages, Error> {
        let mut messages = Messages::default();
        record::read_messages(source, |record| match record.inode {
            0 => messages.cut = Some(Rc::default()),
            inode => drop(messages.carriers.insert(inode, record.carrier)),
        })?;
        Ok(messages)
    }

    /// Finds out afterwards what may be missing, as the end of a sentence.
    pub fn missing(&self) -> impl FnOnce() -> Option<String> {
        let cut = self.cut.clone();
        let why = "sockets in messages: a queue of a unix socket is too long to be read to its end";
        move || cut.is_some_and(|is_missed| is_missed.get()).then(|| why.into())
    }

    /// The holders of the unix socket that carries the socket with this inode. It may be in a message itself. `None` if
    /// no message has the socket.
    pub fn of<'a>(&self, inode: u64, owners: &'a Owners) -> Option<(&'a [Holder], Via)> {
        let Some(mut inode) = self.carriers.get(&inode).copied() else {
            self.cut.iter().for_each(|is_missed| is_missed.set(true));
            return None;
        };
        let mut holders = owners.with_inode(inode);
        for _ in 1..DEPTH {
            let Some(next) = self.carriers.get(&inode).filter(|_| holders.is_empty()) else {
                break;
            };
            inode = *next;
            holders = owners.with_inode(inode);
        }
        Some((holders, Via::Carrier { inode }))
    }
}
