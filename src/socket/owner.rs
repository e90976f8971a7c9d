//! Who holds which socket: one walk of the kernel through all descriptors, joined to the sockets by
//! their cookies.

use std::io::Read;

use crate::error::Error;
use crate::record;
use crate::socket::state::State;
use crate::socket::Socket;
use crate::text::Name;

/// A descriptor of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process, as this pid namespace numbers it.
    pub pid: u32,
    pub fd: u32,
    /// Whether the descriptor has O_NONBLOCK.
    pub nonblock: bool,
    /// The name of the thread group's leader, at most 15 bytes.
    pub command: Name,
}

/// What is known of the owner of a socket: the processes, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Process,
    /// The connection is closed; the kernel keeps its addresses for a while.
    TimeWait,
    /// The connection is not complete yet.
    Request,
    /// The connection waits to be accepted.
    AcceptQueue,
    /// The process closed the socket; the kernel is still at work on it.
    Orphan,
    /// The kernel made it for itself.
    Kernel,
    /// The kernel made it for a tunnel over UDP.
    Tunnel,
    /// A part of an MPTCP connection, whose processes are shown.
    Subflow,
    /// Another pid namespace, a descriptor on its way between processes, io_uring; or it was opened
    /// and gone between two walks.
    Elsewhere,
    /// The kernel does not tell.
    Unknown,
}

impl Owner {
    /// The word that is printed; none where the kernel does not tell.
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

/// The holders of all sockets.
#[derive(Debug, Default)]
pub struct Owners {
    /// What joins them to their sockets, sorted.
    keys: Vec<u64>,
    /// The holder of each key; of one socket by process and descriptor.
    holders: Vec<Holder>,
    /// Whether the keys are inodes, as before Linux 5.12, and not cookies.
    by_inode: bool,
}

impl Owners {
    /// Reads a walk to its end.
    ///
    /// # Errors
    ///
    /// When the source cannot be read, or is not a whole number of records.
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
        // A walk that was interrupted may come by a descriptor twice.
        holders.dedup();
        let (keys, holders) = holders.into_iter().unzip();
        Ok(Owners { keys, holders, by_inode })
    }

    /// The holders of a socket, and what that says of its owner.
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
