//! Which socket of one reading is which of the reading before.
//!
//! The inode and the cookie of a socket stay the same, but it may have none: a connection has no inode until it is
//! accepted and after it was closed, and no cookie until a process asks for it. A mini-socket has neither. Such
//! sockets are recognized by their addresses.

use std::hash::{BuildHasher, RandomState};

use crate::socket::state::State;
use crate::socket::Socket;

/// What identifies a socket.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// 0 if there is none, or for a subflow, which has the inode of its MPTCP socket.
    inode: u64,
    /// 0 if there is none.
    cookie: u64,
    /// A hash of its protocol, network namespace and addresses.
    place: u64,
    /// A hash of its address in memory.
    memory: u64,
    phase: Phase,
}

/// The phases of a connection, each of which is another structure in the kernel: net/ipv4/tcp_minisocks.c.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Request,
    Socket,
    TimeWait,
}

impl Identity {
    /// The identity of a socket. `hasher` is the same for all sockets of a run.
    pub fn of(socket: &Socket, hasher: &RandomState) -> Identity {
        Identity {
            inode: if socket.master.is_some() { 0 } else { socket.inode },
            cookie: socket.cookie,
            place: hasher.hash_one((socket.word(), socket.netns, socket.names)),
            memory: socket.identity(),
            phase: match (socket.is_mini(), socket.state) {
                (false, _) => Phase::Socket,
                (true, State::SynRecv) => Phase::Request,
                (true, _) => Phase::TimeWait,
            },
        }
    }

    /// Whether neither the inodes nor the cookies are different.
    fn may_become(&self, later: &Identity) -> bool {
        let are_alike = |one: u64, other: u64| one == 0 || other == 0 || one == other;
        are_alike(self.inode, later.inode) && are_alike(self.cookie, later.cookie)
    }

    /// Whether a socket with the same addresses is the same connection. A connection in TIME_WAIT can be followed by
    /// another one with its addresses.
    fn continues_as(&self, later: &Identity) -> bool {
        let goes_on = match (self.phase, later.phase) {
            (Phase::Socket, Phase::Socket) => self.memory == later.memory,
            (before, after) => before <= after,
        };
        goes_on && self.may_become(later)
    }
}

/// Returns, for each socket of the later reading, the index of the same socket in the earlier one. No socket is that
/// of two others.
pub fn matches(earlier: &[Identity], later: &[Identity]) -> Vec<Option<usize>> {
    let mut found = Found { of: vec![None; later.len()], is_taken: vec![false; earlier.len()] };
    found.add(earlier, later, |it| it.inode, Identity::may_become);
    found.add(earlier, later, |it| it.cookie, Identity::may_become);
    found.add(earlier, later, |it| it.place, Identity::continues_as);
    found.of
}

struct Found {
    of: Vec<Option<usize>>,
    /// Whether an earlier socket has been found again.
    is_taken: Vec<bool>,
}

impl Found {
    /// Looks for the sockets that have not been found yet, by a key that is 0 if a socket has none.
    fn add(
        &mut self,
        earlier: &[Identity],
        later: &[Identity],
        key: fn(&Identity) -> u64,
        is_same: fn(&Identity, &Identity) -> bool,
    ) {
        let Found { of, is_taken } = self;
        let keys = earlier.iter().enumerate().map(|(n, it)| (key(it), n));
        let mut keys: Vec<(u64, usize)> =
            keys.filter(|(key, n)| *key != 0 && !is_taken[*n]).collect();
        keys.sort_unstable();
        for (identity, of) in later.iter().zip(of).filter(|(_, of)| of.is_none()) {
            let wanted = key(identity);
            let begin = keys.partition_point(|(key, _)| *key < wanted);
            let mut same = keys[begin..].iter().take_while(|(key, _)| *key == wanted);
            let same = same.find(|(_, n)| !is_taken[*n] && is_same(&earlier[*n], identity));
            if let Some((_, n)) = same {
                is_taken[*n] = true;
                *of = Some(*n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(inode: u64, cookie: u64, place: u64, memory: u64) -> Identity {
        Identity { inode, cookie, place, memory, phase: Phase::Socket }
    }

    fn mini(phase: Phase, place: u64) -> Identity {
        Identity { phase, ..socket(0, 0, place, 0) }
    }

    #[test]
    fn a_socket_stays_the_same() {
        let was = socket(7, 0, 1, 1);
        for is in [
            socket(7, 0, 1, 1),
            // Connected, or with a cookie.
            socket(7, 0, 2, 1),
            socket(7, 9, 1, 1),
            // Closed by its process, and then by its peer.
            socket(0, 0, 1, 1),
            mini(Phase::TimeWait, 1),
        ] {
            assert_eq!(matches(&[was], &[is]), [Some(0)], "{is:?}");
        }
        assert_eq!(matches(&[socket(0, 0, 1, 1)], &[was]), [Some(0)], "accepted");
        assert_eq!(matches(&[mini(Phase::Request, 1)], &[was]), [Some(0)], "established");
        assert_eq!(matches(&[socket(0, 9, 1, 1)], &[socket(0, 9, 2, 1)]), [Some(0)], "by cookie");
    }

    #[test]
    fn another_socket_is_not_the_same() {
        let was = socket(7, 9, 1, 1);
        for is in [
            socket(8, 0, 1, 1),
            socket(7, 10, 1, 1),
            socket(0, 0, 1, 2),
            socket(0, 0, 2, 1),
            mini(Phase::Request, 1),
            mini(Phase::TimeWait, 2),
        ] {
            assert_eq!(matches(&[was], &[is]), [None], "{is:?}");
        }
        assert_eq!(matches(&[mini(Phase::TimeWait, 1)], &[was]), [None], "its addresses again");
    }

    #[test]
    fn each_is_found_once() {
        let both = [socket(7, 0, 1, 1), socket(8, 0, 1, 2)];
        let later = [socket(8, 0, 1, 2), socket(9, 0, 1, 3), socket(7, 0, 1, 1)];
        assert_eq!(matches(&both, &later), [Some(1), None, Some(0)]);
        let twice = [mini(Phase::TimeWait, 1), mini(Phase::TimeWait, 1)];
        assert_eq!(matches(&twice[..1], &twice), [Some(0), None]);
        assert_eq!(matches(&[], &both), [None, None]);
    }
}
