//! Maps sockets to their holders. One iteration over all file descriptors finds the holders, which are
//! matched with the sockets by cookie.

use std::io::Read;

use crate::error::Error;
use crate::record;
use crate::record::fact::Fact;
use crate::socket::state::State;
use crate::socket::{Socket, ENCAPSULATION};
use crate::text::Name;

/// The facts that [`Owners::of`] depends on.
pub const FACTS: &[Fact] = &[ENCAPSULATION];

/// A file descriptor of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The PID in this PID namespace.
    pub pid: u32,
    pub fd: u32,
    /// Whether the descriptor has O_NONBLOCK.
    pub nonblock: bool,
    /// The name of the thread group's leader, at most 15 bytes.
    pub command: Name,
}

/// The owner of a socket: a process, or the reason why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Process,
    /// The connection is closed, and the kernel keeps its addresses for a while.
    TimeWait,
    /// The connection is not established yet.
    Request,
    /// The connection has not been accepted yet.
    AcceptQueue,
    /// The process has closed the socket, and the kernel still has work to do for it.
    Orphan,
    /// The kernel created the socket for its own use.
    Kernel,
    /// The kernel created the socket for a tunnel over UDP.
    Tunnel,
    /// The socket is a subflow of an MPTCP socket, whose processes are shown.
    Subflow,
    /// The socket is held in another PID namespace, by a file descriptor that is being passed between
    /// processes, or by io_uring. Or it was opened and closed between two iterations over file descriptors.
    Elsewhere,
    /// The kernel does not report the reason.
    Unknown,
}

impl Owner {
    /// The word that is printed, or `-` if the reason is unknown.
    pub fn word(self) -> &'static str {
        match self {
            Owner::Unknown => "-",
            Owner::Process => "process",
            Owner::TimeWait => "time-wait",
            Owner::Request => "request",
            Owner::AcceptQueue => "accept-queue",
            Owner::Orphan => "orphan",
            Owner::Kernel => "kernel",
            Owner::Tunnel => "tunnel",
            Owner::Subflow => "subflow",
            Owner::Elsewhere => "elsewhere",
        }
    }
}

/// The words for all owners that are known.
pub fn words() -> Vec<&'static str> {
    use Owner::*;
    [Process, TimeWait, Request, AcceptQueue, Orphan, Kernel, Tunnel, Subflow, Elsewhere]
        .map(Owner::word)
        .into()
}

/// The holders of all sockets.
#[derive(Debug, Default)]
pub struct Owners {
    /// The sorted cookies or inodes of the sockets.
    keys: Vec<u64>,
    /// The holder for each key. The holders of one socket are sorted by PID and file descriptor.
    holders: Vec<Holder>,
    /// Whether the keys are inodes, as before Linux 5.12, instead of cookies.
    by_inode: bool,
}

impl Owners {
    /// Reads all records of an iteration over file descriptors.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn read(source: impl Read) -> Result<Owners, Error> {
        let mut holders = Vec::new();
        let mut by_inode = false;
        record::read_owners(source, |record| {
            let holder = Holder {
                pid: record.pid,
                fd: record.fd,
                nonblock: record.flags & nix::libc::O_NONBLOCK as u32 != 0,
                command: Name::new(&record.command),
            };
            by_inode = record.cookie == 0;
            holders.push((if by_inode { record.inode } else { record.cookie }, holder));
        })?;
        holders.sort_unstable_by_key(|(key, holder)| (*key, holder.pid, holder.fd));
        // An interrupted iteration may visit a file descriptor twice.
        holders.dedup();
        let (keys, holders) = holders.into_iter().unzip();
        Ok(Owners { keys, holders, by_inode })
    }

    /// Returns the holders of a socket, and what they imply about its owner.
    pub fn of(&self, socket: &Socket) -> (&[Holder], Owner) {
        if socket.is_mini() {
            let owner = match socket.state {
                State::SynRecv => Owner::Request,
                _ => Owner::TimeWait,
            };
            return (&[], owner);
        }
        let holders = self.find(if self.by_inode { socket.inode } else { socket.cookie });
        if !holders.is_empty() {
            return (holders, Owner::Process);
        }
        let master = socket.master.filter(|master| master.cookie != 0);
        let master = master.map_or(&[][..], |master| self.find(master.cookie));
        if !master.is_empty() {
            return (master, Owner::Subflow);
        }
        let owner = if socket.is_dead() {
            Owner::Orphan
        } else if socket.is_of_tunnel() {
            Owner::Tunnel
        } else if socket.is_of_kernel() {
            Owner::Kernel
        } else if !socket.is_accepted() {
            Owner::AcceptQueue
        } else {
            Owner::Elsewhere
        };
        (&[], owner)
    }

    fn find(&self, key: u64) -> &[Holder] {
        let begin = self.keys.partition_point(|other| *other < key);
        let length = self.keys[begin..].iter().take_while(|other| **other == key).count();
        &self.holders[begin..begin + length]
    }
}
