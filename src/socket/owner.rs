//! Maps sockets to their holders. One iteration over all file descriptors finds the holders, which are
//! matched with the sockets by inode.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::ops::Range;

use crate::error::Error;
use crate::record;
use crate::record::fact::Fact;
use crate::socket::kind::Family;
use crate::socket::receiver::{self, KernelUser};
use crate::socket::state::State;
use crate::socket::{Socket, ENCAPSULATION};
use crate::text::Name;

/// The facts that [`Claim::of`] and the word for an owner depend on.
pub const FACTS: &[Fact] = &[ENCAPSULATION, receiver::FACTS[0]];

/// The longest name of a process in bytes: include/linux/sched.h, TASK_COMM_LEN, without the zero byte.
pub const COMMAND_LENGTH: usize = 15;

/// A file descriptor of a process, or a file that a process has registered with an io_uring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The PID in this PID namespace.
    pub pid: u32,
    /// The thread that has the descriptor, if it does not share those of its process: unshare(2), CLONE_FILES.
    pub tid: Option<u32>,
    /// The descriptor. With a slot, it identifies the io_uring.
    pub fd: u32,
    /// The slot in the io_uring: io_uring_register(2), IORING_REGISTER_FILES.
    pub slot: Option<u32>,
    /// Whether the io_uring has no descriptor in the process, which has closed it after it had registered the io_uring:
    /// io_uring_register(2), IORING_REGISTER_RING_FDS. `fd` is then the index among those that the thread has registered.
    pub ring_is_registered: bool,
    /// Whether the thread is one of the kernel, which an io_uring has added to the process.
    pub is_io_worker: bool,
    /// Whether the descriptor has O_NONBLOCK.
    pub nonblock: bool,
    /// The name of the thread group's leader, at most [`COMMAND_LENGTH`] bytes.
    pub command: Name,
    /// When the process began, in nanoseconds since boot: `start_boottime` of the kernel. 0 if it is unknown. It
    /// distinguishes the process from others that have had its PID.
    pub started: u64,
}

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

/// Removes the holders in rings that are registered, if the process also has a descriptor of the ring. Most programs keep
/// it.
fn forget_registered_rings_with_a_descriptor(holders: &mut Vec<(u64, Holder)>) {
    if !holders.iter().any(|(_, it)| it.ring_is_registered) {
        return;
    }
    let with_descriptor: HashSet<(u64, u32, u32)> = holders
        .iter()
        .filter(|(_, it)| !it.ring_is_registered)
        .filter_map(|(inode, it)| it.slot.map(|slot| (*inode, it.pid, slot)))
        .collect();
    holders.retain(|(inode, it)| {
        let place = it.slot.map(|slot| (*inode, it.pid, slot));
        !it.ring_is_registered || !place.is_some_and(|it| with_descriptor.contains(&it))
    });
}

/// Removes the holders that are threads of the kernel, if another thread of the process has the same descriptor. They share
/// all descriptors of a thread, and are the only ones that have them if that has ended.
fn forget_io_workers_beside_threads(holders: &mut Vec<(u64, Holder)>) {
    if !holders.iter().any(|(_, it)| it.is_io_worker) {
        return;
    }
    let place = |(inode, it): &(u64, Holder)| (*inode, it.pid, it.fd, it.slot);
    let threads = holders.iter().filter(|(_, it)| !it.is_io_worker);
    let of_threads: HashSet<(u64, u32, u32, Option<u32>)> = threads.map(place).collect();
    holders.retain(|holder| !holder.1.is_io_worker || !of_threads.contains(&place(holder)));
}

/// The holders of all sockets.
#[derive(Debug, Default)]
pub struct Owners {
    /// The holders of one socket after those of another. They are sorted by PID and file descriptor.
    holders: Vec<Holder>,
    /// Where the holders of each socket are, by its inode. The rows come in any order, and a search in sorted inodes would
    /// take a twentieth of the time of `-tp`, most of it for memory that is not in the cache of the CPU.
    places: HashMap<u64, Range<u32>>,
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
                tid: (record.tid != 0).then_some(record.tid),
                fd: record.fd,
                slot: record.slot.checked_sub(1),
                ring_is_registered: record.ring_is_registered != 0,
                is_io_worker: record.is_io_worker != 0,
                nonblock: record.flags & nix::libc::O_NONBLOCK as u32 != 0,
                command: Name::new(&record.command),
                started: record.started,
            };
            // 0 is no inode, which many sockets without a holder have.
            if record.inode != 0 {
                holders.push((record.inode, holder));
            }
        })?;
        let key = |(inode, it): &(u64, Holder)| {
            (*inode, it.pid, it.tid, it.ring_is_registered, it.fd, it.slot)
        };
        holders.sort_unstable_by_key(key);
        // An interrupted iteration may visit a file descriptor twice.
        holders.dedup_by_key(|holder| key(holder));
        forget_registered_rings_with_a_descriptor(&mut holders);
        forget_io_workers_beside_threads(&mut holders);
        let mut places = HashMap::with_capacity(holders.len());
        let mut begin = 0;
        for of_one in holders.chunk_by(|(one, _), (other, _)| one == other) {
            let end = begin + of_one.len() as u32;
            places.insert(of_one[0].0, begin..end);
            begin = end;
        }
        let holders = holders.into_iter().map(|(_, holder)| holder).collect();
        Ok(Owners { holders, places })
    }

    /// All holders, each with the inode of its socket.
    pub fn all(&self) -> impl Iterator<Item = (u64, &Holder)> {
        let inodes = self.places.keys().copied();
        inodes.flat_map(|inode| self.with_inode(inode).iter().map(move |holder| (inode, holder)))
    }

    /// Returns the holders of a socket, and what they imply about its owner.
    pub fn of(&self, claim: Claim) -> (&[Holder], Owner) {
        let holders = self.with_inode(claim.inode);
        let owner = if holders.is_empty() { claim.unheld } else { claim.held };
        (holders, owner)
    }

    /// Returns the holders of the socket with this inode.
    pub fn with_inode(&self, inode: u64) -> &[Holder] {
        let place = self.places.get(&inode).map(|it| it.start as usize..it.end as usize);
        place.and_then(|place| self.holders.get(place)).unwrap_or_default()
    }
}
