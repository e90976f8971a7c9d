//! What lies in the queues of unix sockets: sockets in messages, which SCM_RIGHTS passes and nobody has received, and
//! connections that wait to be accepted (bpf/messages.h).

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::rc::Rc;

use crate::error::Error;
use crate::kernel::abi::{message_kind, message_record};
use crate::record;
use crate::socket::owner::{Holder, Owner, Owners, Via};
use crate::socket::{Names, Socket};

/// The queues of unix sockets, as they were when they were read.
#[derive(Debug, Default)]
pub struct Messages {
    /// The unix socket that carries a socket, by the inode of the latter.
    carriers: HashMap<u64, Carrier>,
    /// The connections that wait, by their identity.
    waiting: HashMap<u64, Waiting>,
    /// Whether queues of messages, and accept queues, could not be read to their end.
    files: Cut,
    connections: Cut,
}

/// A unix socket that has a message.
#[derive(Clone, Copy, Debug)]
struct Carrier {
    /// 0 if it waits to be accepted.
    inode: u64,
    identity: u64,
}

#[derive(Debug)]
struct Waiting {
    /// The inode of the client, which tells the connection from a later one of the same identity.
    client: u64,
    listener: Via,
}

/// If a queue could not be read to its end: whether something that may be in it was asked for.
#[derive(Clone, Debug, Default)]
struct Cut(Option<Rc<Cell<bool>>>);

impl Cut {
    fn begin(&mut self) {
        self.0 = Some(Rc::default());
    }

    /// Notes that something was asked for and not found.
    fn miss(&self) {
        self.0.iter().for_each(|is_missed| is_missed.set(true));
    }

    fn is_missed(&self) -> bool {
        self.0.as_ref().is_some_and(|is_missed| is_missed.get())
    }
}

impl Messages {
    /// Reads all records of a walk through messages.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn read(source: impl Read) -> Result<Messages, Error> {
        let mut messages = Messages::default();
        record::read_messages(source, |record| messages.add(record))?;
        Ok(messages)
    }

    fn add(&mut self, record: &message_record) {
        let &message_record { inode, carrier, identity, cookie, .. } = record;
        match message_kind(record.kind) {
            message_kind::MESSAGE_FILE => {
                self.carriers.insert(inode, Carrier { inode: carrier, identity });
            }
            message_kind::MESSAGE_WAITING => {
                let listener = Via::Listener { cookie, inode: carrier };
                self.waiting.insert(identity, Waiting { client: inode, listener });
            }
            message_kind::MESSAGE_WAITING_CUT => self.connections.begin(),
            _ => self.files.begin(),
        }
    }

    /// Finds out afterwards what may be missing, as the ends of sentences.
    pub fn missing(&self) -> impl FnOnce() -> Vec<String> {
        let queues = [
            (
                self.files.clone(),
                "sockets in messages: a queue of a unix socket is too long to be read to its end",
            ),
            (
                self.connections.clone(),
                "listeners: an accept queue of a unix socket is too long to be read to its end",
            ),
        ];
        let missed = queues.into_iter().filter(|(cut, _)| cut.is_missed());
        move || missed.map(|(_, why)| why.into()).collect()
    }

    /// The holders of the unix socket that carries the socket with this inode. It may be in a message itself, or wait to
    /// be accepted by those of its listener. `None` if no message has the socket.
    pub fn of<'a>(&self, inode: u64, owners: &'a Owners) -> Option<(&'a [Holder], Via)> {
        let Some(mut carrier) = self.carriers.get(&inode) else {
            self.files.miss();
            return None;
        };
        // Messages may lie in each other, also in a circle.
        let mut seen = HashSet::new();
        loop {
            let receiver = self.receiver(carrier);
            let holders = owners.with_inode(receiver);
            match self.carriers.get(&receiver) {
                Some(next) if holders.is_empty() && seen.insert(receiver) => carrier = next,
                _ => return Some((holders, Via::Carrier { inode: carrier.inode })),
            }
        }
    }

    /// The inode of the socket whose holders can receive what a unix socket carries, or 0.
    fn receiver(&self, carrier: &Carrier) -> u64 {
        let listener = || self.waiting.get(&carrier.identity).map_or(0, |it| it.listener.inode());
        if carrier.inode == 0 {
            listener()
        } else {
            carrier.inode
        }
    }

    /// The listener of a unix connection that waits to be accepted. `None` if it is not known, and for every other
    /// socket.
    pub fn listener_of(&self, socket: &Socket, owner: Owner) -> Option<Via> {
        let (Owner::AcceptQueue, Names::Unix { peer, .. }) = (owner, &socket.names) else {
            return None;
        };
        let waiting = self.waiting.get(&socket.identity()).filter(|it| it.client == *peer);
        if waiting.is_none() {
            self.connections.miss();
        }
        waiting.map(|it| it.listener)
    }
}
