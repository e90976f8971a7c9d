//! The owners of sockets: processes, or the reason why there is none.

use crate::record::fact::Fact;
use crate::socket::kind::Family;
use crate::socket::receiver::{self, KernelUser};
use crate::socket::state::State;
use crate::socket::{Socket, ENCAPSULATION};

/// The facts that [`Claim::of`] and the word for an owner depend on.
pub const FACTS: &[Fact] = &[ENCAPSULATION, receiver::FACTS[0]];

/// Another socket that leads to processes where none holds the socket itself: the listener of a connection that waits,
/// or the unix socket in whose message a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Listener {
        /// 0 if it has none.
        cookie: u64,
        inode: u64,
        /// Whether it is in a message itself, and its carrier leads to the processes.
        is_in_flight: bool,
    },
    Carrier {
        /// 0 if it waits to be accepted itself.
        inode: u64,
    },
}

impl Via {
    /// The inode, or 0.
    pub fn inode(self) -> u64 {
        match self {
            Via::Listener { inode, .. } | Via::Carrier { inode } => inode,
        }
    }

    /// The same listener, which is in a message.
    pub fn in_flight(self) -> Via {
        match self {
            Via::Listener { cookie, inode, .. } => {
                Via::Listener { cookie, inode, is_in_flight: true }
            }
            carrier => carrier,
        }
    }

    /// Whether it is a listener in a message.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Via::Listener { is_in_flight: true, .. })
    }
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
    /// The socket is in a message that has not been received.
    InFlight,
    /// The socket is held in another PID namespace. Or it was opened and closed between two iterations over file
    /// descriptors.
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
            Owner::InFlight => "in-flight",
            Owner::Elsewhere => "elsewhere",
        }
    }
}

/// The words for all owners that are known.
pub fn words() -> Vec<&'static str> {
    use Owner::*;
    [Process, TimeWait, Request, AcceptQueue, Orphan, Kernel, Tunnel, Subflow, InFlight, Elsewhere]
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
    /// What leads to the listener: the identity of a connection that waits to be accepted, or the inode of the listener
    /// itself for a connection request. 0 for every other socket.
    pub queued: u64,
}

impl Claim {
    /// Returns what a socket says of its owner.
    pub fn of(socket: &Socket) -> Claim {
        let inode = if socket.is_mini() { 0 } else { socket.held_inode() };
        let held = if socket.master.is_some() { Owner::Subflow } else { Owner::Process };
        let unheld = unheld(socket);
        let queued = match unheld {
            Owner::AcceptQueue => socket.identity(),
            Owner::Request => socket.record.header.master_inode,
            _ => 0,
        };
        Claim { inode, held, unheld, queued }
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
    } else if !socket.is_accepted() {
        unheld_before_accept(socket)
    } else if socket.is_of_tunnel() {
        Owner::Tunnel
    } else if socket.is_of_kernel() || matches!(socket.kernel_user(), KernelUser::Is(_)) {
        Owner::Kernel
    } else {
        Owner::Elsewhere
    }
}

/// The same for a connection that has not been accepted. It may be one of the kernel: the connections of an MPTCP listener
/// are, until accept(2) gives one that has fallen back to TCP to a process (net/mptcp/protocol.c, mptcp_stream_accept()).
fn unheld_before_accept(socket: &Socket) -> Owner {
    match socket.kind.family() {
        // A client waits in connect(2) for room in the queue: net/unix/af_unix.c, unix_stream_connect()
        Family::Unix if socket.state == State::Closing => Owner::Request,
        _ => Owner::AcceptQueue,
    }
}
