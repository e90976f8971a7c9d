//! What lies in the queues of unix sockets: sockets in messages, which SCM_RIGHTS passes and nobody has received, and
//! connections that wait to be accepted (bpf/messages.h).

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read;
use std::rc::Rc;

use crate::error::Error;
use crate::kernel::abi::message_kind;
use crate::record;
use crate::socket::holders::{Holder, Owners};
use crate::socket::owner::{Claim, Owner, Via};
use crate::socket::{Names, Socket};

/// The queues of unix sockets, as they were when they were read.
#[derive(Debug, Default)]
pub struct Messages {
    /// The inodes of unix sockets, each with that of a socket that it carries, sorted. One that waits to be accepted has
    /// none: that of its listener stands for it, or 0.
    carried: Vec<(u64, u64)>,
    /// The inode of the unix socket that leads to processes, by that of the socket that it carries.
    leading: HashMap<u64, u64>,
    /// The connections that wait, by their identity.
    waiting: HashMap<u64, Waiting>,
    /// Their listeners, by the inode of the client.
    clients: HashMap<u64, Via>,
    /// The queues of messages, and the accept queues, that could not be read to their end.
    cut_messages: Cut,
    cut_connections: Cut,
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
        let mut carried = Vec::new();
        record::read_messages(source, |record| match message_kind(record.kind) {
            message_kind::MESSAGE_FILE => {
                carried.push((record.carrier, record.identity, record.inode));
            }
            message_kind::MESSAGE_WAITING => {
                let (cookie, inode) = (record.cookie, record.carrier);
                let listener = Via::Listener { cookie, inode, is_in_flight: false };
                let waiting = Waiting { client: record.inode, listener };
                messages.waiting.insert(record.identity, waiting);
                // A client that was closed has none.
                if record.inode != 0 {
                    messages.clients.insert(record.inode, listener);
                }
            }
            message_kind::MESSAGE_WAITING_CUT => {
                messages.cut_connections = Cut(Some(Rc::default()))
            }
            _ => messages.cut_messages = Cut(Some(Rc::default())),
        })?;
        messages.add(carried);
        Ok(messages)
    }

    /// Adds sockets in messages: the inode and the identity of the unix socket, and the inode of what it carries.
    fn add(&mut self, carried: Vec<(u64, u64, u64)>) {
        let listener =
            |identity| self.waiting.get(&identity).map_or(0, |it: &Waiting| it.listener.inode());
        let carried = carried.into_iter().map(|(carrier, identity, inode)| match carrier {
            0 => (listener(identity), inode),
            _ => (carrier, inode),
        });
        let mut carried: Vec<(u64, u64)> = carried.collect();
        carried.sort_unstable();
        carried.dedup();
        self.carried = carried;
    }

    /// Finds the unix sockets that lead to processes. `is_held`: whether a process holds the socket with this inode. The
    /// kernel bounds neither how deep messages lie in each other nor how many messages a socket is in, and sockets may be
    /// in messages to each other. So each is looked at once, in the order of their distance from a process.
    pub fn follow(&mut self, is_held: impl Fn(u64) -> bool) {
        let inner: HashSet<u64> = self.carried.iter().map(|(_, inode)| *inode).collect();
        let mut carriers: Vec<u64> = self.carried.iter().map(|(carrier, _)| *carrier).collect();
        carriers.dedup();
        let (held, others): (Vec<u64>, Vec<u64>) =
            carriers.into_iter().partition(|it| is_held(*it));
        let (inner, outer) = others.into_iter().partition(|carrier| inner.contains(carrier));
        let mut leading = HashMap::new();
        // From what no process holds, only an inode can be shown, if possible the outermost.
        for first in [held, outer, inner] {
            let mut next: VecDeque<(u64, u64)> = first.into_iter().map(|it| (it, it)).collect();
            while let Some((first, carrier)) = next.pop_front() {
                for inode in self.carried_by(carrier).filter(|inode| !is_held(*inode)) {
                    if let Entry::Vacant(unknown) = leading.entry(inode) {
                        unknown.insert(first);
                        next.push_back((first, inode));
                    }
                }
            }
        }
        self.leading = leading;
    }

    fn carried_by(&self, carrier: u64) -> impl Iterator<Item = u64> + '_ {
        let begin = self.carried.partition_point(|(it, _)| *it < carrier);
        let carried = self.carried[begin..].iter().take_while(move |(it, _)| *it == carrier);
        carried.map(|(_, inode)| *inode)
    }

    /// Finds out afterwards what may be missing, as the ends of sentences.
    pub fn missing(&self) -> impl FnOnce() -> Vec<String> {
        const MESSAGES: &str =
            "sockets in messages: a queue of a unix socket is too long to be read to its end";
        const CONNECTIONS: &str =
            "listeners: an accept queue of a unix socket is too long to be read to its end";
        let queues =
            [(self.cut_messages.clone(), MESSAGES), (self.cut_connections.clone(), CONNECTIONS)];
        let missed = queues.into_iter().filter(|(cut, _)| cut.is_missed());
        move || missed.map(|(_, why)| why.into()).collect()
    }

    /// The holders of the unix socket that carries the socket with this inode, or that carries what carries it. `None` if
    /// no message has the socket. The holders are those that [`Messages::follow`] has found.
    pub fn of<'a>(&self, inode: u64, owners: &'a Owners) -> Option<(&'a [Holder], Via)> {
        let Some(inode) = self.leading.get(&inode).copied() else {
            self.cut_messages.miss();
            return None;
        };
        Some((owners.with_inode(inode), Via::Carrier { inode }))
    }

    /// The listener of a unix connection that waits to be accepted. `None` if it is not known, and for every other
    /// socket.
    pub fn listener_of(&self, socket: &Socket, owner: Owner) -> Option<Via> {
        let (Owner::AcceptQueue, Names::Unix { peer, .. }) = (owner, &socket.names) else {
            return None;
        };
        let waiting = self.waiting.get(&socket.identity()).filter(|it| it.client == *peer);
        if waiting.is_none() {
            self.cut_connections.miss();
        }
        waiting.map(|it| it.listener)
    }

    /// The same for the other end of a connection of this socket.
    pub fn listener_of_peer(&self, socket: &Socket, peer: Claim) -> Option<Via> {
        let waits = peer.unheld == Owner::AcceptQueue && matches!(socket.names, Names::Unix { .. });
        self.clients.get(&socket.inode).copied().filter(|_| waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_leads(carried: &[(u64, u64)], held: &[u64], expected: &[(u64, u64)]) {
        let mut messages = Messages { carried: carried.to_vec(), ..Messages::default() };
        messages.carried.sort_unstable();
        messages.follow(|inode| held.contains(&inode));
        assert_eq!(messages.leading, expected.iter().copied().collect());
    }

    #[test]
    fn a_process_is_found_through_any_number_of_messages() {
        let chain: Vec<(u64, u64)> = (1..1000).map(|n| (n + 1, n)).collect();
        let expected: Vec<(u64, u64)> = (1..1000).map(|n| (n, 1000)).collect();
        assert_leads(&chain, &[1000], &expected);
        // Also if there is none: the outermost socket.
        assert_leads(&chain, &[], &expected);
        assert_leads(&[(3, 2), (2, 1)], &[2, 3], &[(1, 2)]);
    }

    #[test]
    fn of_several_messages_one_leads_to_a_process() {
        assert_leads(&[(2, 1), (5, 1), (6, 5)], &[6], &[(1, 6), (5, 6)]);
        // The nearest.
        assert_leads(&[(7, 1), (5, 2), (2, 1)], &[5, 7], &[(1, 7), (2, 5)]);
    }

    #[test]
    fn sockets_in_messages_to_each_other() {
        assert_leads(&[(2, 3), (3, 2), (2, 1)], &[], &[(3, 2), (2, 3), (1, 2)]);
        assert_leads(&[(2, 3), (3, 2), (2, 1), (9, 3)], &[9], &[(3, 9), (2, 9), (1, 9)]);
    }
}
