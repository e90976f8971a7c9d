//! Sockets in messages: those that SCM_RIGHTS passes, and that have not been received (bpf/messages.h).

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read;
use std::rc::Rc;

use crate::error::Error;
use crate::record;
use crate::socket::owner::{Holder, Owners, Via};

/// The unix sockets that carried sockets when their queues were read.
#[derive(Debug, Default)]
pub struct Messages {
    /// The inodes of unix sockets, each with that of a socket that it carries, sorted.
    carried: Vec<(u64, u64)>,
    /// The inode of the unix socket that leads to processes, by that of the socket that it carries.
    leading: HashMap<u64, u64>,
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
            inode => messages.carried.push((record.carrier, inode)),
        })?;
        messages.carried.sort_unstable();
        messages.carried.dedup();
        Ok(messages)
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

    /// Finds out afterwards what may be missing, as the end of a sentence.
    pub fn missing(&self) -> impl FnOnce() -> Option<String> {
        let cut = self.cut.clone();
        let why = "sockets in messages: a queue of a unix socket is too long to be read to its end";
        move || cut.is_some_and(|is_missed| is_missed.get()).then(|| why.into())
    }

    /// The holders of the unix socket that carries the socket with this inode, or that carries what carries it. `None` if
    /// no message has the socket. The holders are those that [`Messages::follow`] has found.
    pub fn of<'a>(&self, inode: u64, owners: &'a Owners) -> Option<(&'a [Holder], Via)> {
        let Some(inode) = self.leading.get(&inode).copied() else {
            self.cut.iter().for_each(|is_missed| is_missed.set(true));
            return None;
        };
        Some((owners.with_inode(inode), Via::Carrier { inode }))
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
