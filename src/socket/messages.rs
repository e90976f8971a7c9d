//! Sockets in messages: those that SCM_RIGHTS passes, and that have not been received (bpf/messages.h).

use std::collections::HashMap;
use std::io::Read;

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
}

impl Messages {
    /// Reads all records of a walk through messages.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn read(source: impl Read) -> Result<Messages, Error> {
        let mut carriers = HashMap::new();
        record::read_messages(source, |record| {
            carriers.insert(record.inode, record.carrier);
        })?;
        Ok(Messages { carriers })
    }

    /// The holders of the unix socket that carries the socket with this inode. It may be in a message itself. `None` if
    /// no message has the socket.
    pub fn of<'a>(&self, inode: u64, owners: &'a Owners) -> Option<(&'a [Holder], Via)> {
        let mut inode = *self.carriers.get(&inode)?;
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
