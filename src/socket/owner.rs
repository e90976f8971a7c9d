//! Maps sockets to their holders. One iteration over all file descriptors finds the holders, which are
//! matched with the sockets by inode.

use std::io::Read;

use crate::error::Error;
use crate::record;
use crate::record::fact::Fact;
use crate::socket::state::State;
use crate::socket::{Socket, ENCAPSULATION};
use crate::text::Name;

/// The facts that [`Claim::of`] depends on.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// What is known of the owner of a socket before its holders are: how they are found, and what it means if
/// there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The inode that holders have open. 0 if no process can hold the socket.
    pub inode: u64,
    /// The owner if there are holders,
    pub held: Owner,
    /// and if there are none.
    pub unheld: Owner,
}

impl Claim {
    /// Returns what a socket says of its owner.
    pub fn of(socket: &Socket) -> Claim {
        // A subflow has the inode of its master: net/mptcp/protocol.h, mptcp_sock_graft().
        let (inode, held) = match socket.master {
            _ if socket.is_mini() => (0, Owner::Process),
            Some(master) => (master.inode, Owner::Subflow),
            None => (socket.inode, Owner::Process),
        };
        Claim { inode, held, unheld: unheld(socket) }
    }
}

/// Why no process holds the socket, if none does.
fn unheld(socket: &Socket) -> Owner {
    if socket.is_mini() {
        match socket.state {
            State::SynRecv => Owner::Request,
            _ => Owner::TimeWait,
        }
    } else if socket.is_dead() {
        Owner::Orphan
    } else if socket.is_of_tunnel() {
        Owner::Tunnel
    } else if socket.is_of_kernel() {
        Owner::Kernel
    } else if !socket.is_accepted() {
        Owner::AcceptQueue
    } else {
        Owner::Elsewhere
    }
}

/// The holders of all sockets.
#[derive(Debug, Default)]
pub struct Owners {
    /// The sorted inodes of the sockets.
    inodes: Vec<u64>,
    /// The holder for each inode. The holders of one socket are sorted by PID and file descriptor.
    holders: Vec<Holder>,
}

impl Owners {
    /// Reads all records of an iteration over file descriptors.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn read(source: impl Read) -> Result<Owners, Error> {
        let mut holders = Vec::new();
        record::read_owners(source, |record| {
            let holder = Holder {
                pid: record.pid,
                fd: record.fd,
                nonblock: record.flags & nix::libc::O_NONBLOCK as u32 != 0,
                command: Name::new(&record.command),
            };
            // 0 is no inode, which many sockets without a holder have.
            if record.inode != 0 {
                holders.push((record.inode, holder));
            }
        })?;
        holders.sort_unstable_by_key(|(inode, holder)| (*inode, holder.pid, holder.fd));
        // An interrupted iteration may visit a file descriptor twice.
        holders.dedup();
        let (inodes, holders) = holders.into_iter().unzip();
        Ok(Owners { inodes, holders })
    }

    /// Returns the holders of a socket, and what they imply about its owner.
    pub fn of(&self, claim: Claim) -> (&[Holder], Owner) {
        let holders = self.find(claim.inode);
        let owner = if holders.is_empty() { claim.unheld } else { claim.held };
        (holders, owner)
    }

    fn find(&self, inode: u64) -> &[Holder] {
        let begin = self.inodes.partition_point(|other| *other < inode);
        let length = self.inodes[begin..].iter().take_while(|other| **other == inode).count();
        &self.holders[begin..begin + length]
    }
}
