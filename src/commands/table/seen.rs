//! The sockets that have been read before, because a socket may be read twice.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::socket::Socket;

/// The sockets that are not shown when they are read again, and the sockets of knetstat itself.
pub struct Seen {
    /// The inodes of knetstat's own sockets, sorted. There are few, unless many network namespaces are read.
    own: Vec<u64>,
    /// The last socket that was read for each identity. The kernel may free a socket between two readings and use
    /// its memory, and so its identity, for another.
    last: HashMap<u64, Sighting>,
}

/// What distinguishes sockets that had the same identity one after the other.
#[derive(Clone, Copy)]
struct Sighting {
    /// 0 if the socket had none.
    inode: u64,
    /// A hash of its addresses.
    names: u64,
}

impl Sighting {
    /// Inodes decide if both sockets have one. A socket gains its inode when it is accepted, and loses it when
    /// it is closed, but keeps its addresses.
    fn is_same(self, other: Sighting) -> bool {
        match (self.inode, other.inode) {
            (0, _) | (_, 0) => self.names == other.names,
            (one, other) => one == other,
        }
    }
}

impl Seen {
    /// Returns the state before the first socket is read. `own` are the inodes of knetstat's sockets.
    pub fn new(own: impl Iterator<Item = u64>) -> Seen {
        let mut own: Vec<u64> = own.collect();
        own.sort_unstable();
        Seen { own, last: HashMap::new() }
    }

    /// Whether the socket has been read before, or is one of knetstat. A socket from a source that returns each
    /// socket once is not remembered, but an earlier source may have returned it.
    pub fn has(&mut self, socket: &Socket) -> bool {
        if self.own.binary_search(&socket.inode).is_ok() {
            return true;
        }
        let identity = socket.identity();
        if socket.comes_once() {
            let last = self.last.get(&identity);
            return last.is_some_and(|last| last.is_same(self.sighting(socket)));
        }
        let sighting = self.sighting(socket);
        self.last.insert(identity, sighting).is_some_and(|last| last.is_same(sighting))
    }

    fn sighting(&self, socket: &Socket) -> Sighting {
        Sighting { inode: socket.inode, names: self.last.hasher().hash_one(socket.names) }
    }
}
