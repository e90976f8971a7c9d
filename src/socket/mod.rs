//! A socket decoded from its record: its addresses, state, queues, user and timer.

pub mod cgroup;
pub mod continuity;
pub mod diag;
pub mod family;
pub mod holders;
pub mod kind;
pub mod listener;
pub mod messages;
mod names;
pub mod owner;
pub mod peer;
pub mod receiver;
pub mod sockmap;
pub mod state;
mod time_limit;
mod timer;

use crate::kernel::abi::socket_trait;
use crate::record::fact::{value, Fact, Section};
use crate::record::Record;
use crate::socket::kind::{other_word, type_word, Family, SocketKind};
use crate::socket::receiver::KernelUser;
use crate::socket::sockmap::Sockmaps;
use crate::socket::state::State;

pub use diag::Diag;
pub use names::{is_inet, is_link_local, Endpoint, Names, UnixPeer, VmEnd};
pub use time_limit::TimeLimit;
pub use timer::{Timer, TimerKind};

/// The fact by which sockets of tunnels are recognized.
const ENCAPSULATION: Fact = value!(UDP UDP_ENCAP);

/// The MPTCP socket of a subflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// 0 if the socket has none.
    pub cookie: u64,
    /// 0 if the connection has not been accepted yet.
    pub inode: u64,
}

/// A socket of which everything but the options has been decoded.
#[derive(Debug)]
pub struct Socket<'a> {
    pub kind: SocketKind,
    pub state: State,
    pub names: Names<'a>,
    /// The index of the bound interface: that of bind(2) for packet and XDP sockets, that of SO_BINDTODEVICE
    /// for others. 0 if the socket is not bound to one.
    pub ifindex: u32,
    /// What the program has not read yet, in bytes, or for some families in bytes of memory that it uses. For
    /// a listening socket: connections that the program has not accepted yet.
    pub recv_queue: u32,
    /// What has not been sent or not been acknowledged yet, in the same terms. For a listening socket: the
    /// limit of its backlog.
    pub send_queue: u32,
    /// `None` if the kernel does not keep it, as for a mini-socket.
    pub drops: Option<u32>,
    /// `None` if the kernel does not keep it, as for a connection in TIME_WAIT.
    pub uid: Option<u32>,
    /// 0 if there is none, as for a mini-socket or a connection that has not been accepted yet.
    pub inode: u64,
    /// SO_COOKIE. 0 until a process asks for it.
    pub cookie: u64,
    /// The MPTCP socket that this socket is a subflow of.
    pub master: Option<Master>,
    /// The inode number of the network namespace.
    pub netns: u32,
    /// The timer that is running.
    pub timer: Option<Timer>,
    /// The record, from which the options are decoded.
    pub record: Record<'a>,
}

impl<'a> Socket<'a> {
    /// Decodes a record.
    pub fn decode(record: Record<'a>) -> Socket<'a> {
        let header = record.header;
        let has = |wanted: socket_trait| u32::from(header.traits) & wanted.0 != 0;
        let kind = SocketKind::of(header.family, header.socket_type, header.protocol);
        let kind = if has(socket_trait::TRAIT_FALLBACK) { kind.fallen_back() } else { kind };
        let accepted = has(socket_trait::TRAIT_SOCKET);
        let master = Master { cookie: header.master, inode: header.master_inode };
        let names = Names::decode(kind, &record);
        Socket {
            kind,
            state: kind.family().state(header.state, accepted),
            names,
            ifindex: match names {
                Names::Packet { ifindex, .. } => ifindex as u32,
                Names::Xdp { ifindex, .. } => ifindex,
                _ => header.ifindex,
            },
            recv_queue: header.recv_queue,
            send_queue: header.send_queue,
            drops: record.has(Section::Socket).then_some(header.drops),
            uid: keeps_user(kind, &record).then_some(header.uid),
            inode: header.inode,
            cookie: header.cookie,
            master: has(socket_trait::TRAIT_SUBFLOW).then_some(master),
            netns: header.netns,
            timer: Timer::decode(header),
            record,
        }
    }

    /// The word for the kind, or for the address family if the kind has no word.
    pub fn word(&self) -> &'static str {
        let header = self.record.header;
        match self.kind {
            SocketKind::Other => other_word(header.family, header.protocol),
            kind => kind.word(),
        }
    }

    /// The word for the state, which netstat has for this family.
    pub fn state_word(&self) -> &'static str {
        match self.kind.family() {
            Family::Unix => self.state.unix_word(),
            _ => self.state.word(),
        }
    }

    /// The type, as in socket(2).
    pub fn type_word(&self) -> &'static str {
        type_word(self.record.header.socket_type)
    }

    /// The local and the remote port, if the family has ports.
    pub fn ports(&self) -> Option<(u32, u32)> {
        match self.names {
            Names::Internet { local, remote } => Some((local.port.into(), remote.port.into())),
            Names::Vm { local, remote } => Some((local.port, remote.port)),
            _ => None,
        }
    }

    /// The local and the remote endpoint, if they are IP addresses.
    pub fn ends(&self) -> Option<(Endpoint, Endpoint)> {
        match self.names {
            Names::Internet { local, remote } => Some((local, remote)),
            _ => None,
        }
    }

    /// A keyed hash of the socket's address, which distinguishes the sockets that exist at one moment. It is
    /// only meaningful together with others of the process that loaded the programs (bpf/identity.h).
    pub fn identity(&self) -> u64 {
        self.record.header.identity
    }

    /// Whether the program that found the socket returns it only once. A unix socket without a name may move to another
    /// slot of the table when it is bound, which the program may not have reached: net/unix/af_unix.c, __unix_set_addr_hash().
    pub fn comes_once(&self) -> bool {
        let may_move = matches!(self.names, Names::Unix { path: [], .. });
        self.has(socket_trait::TRAIT_ONCE) && !may_move
    }

    /// Whether this is a mini-socket, which has no options.
    pub fn is_mini(&self) -> bool {
        !self.record.has(Section::Socket)
    }

    /// The inode through which processes hold the socket. A subflow has that of its master: net/mptcp/protocol.h,
    /// mptcp_sock_graft().
    pub fn held_inode(&self) -> u64 {
        self.master.map_or(self.inode, |master| master.inode)
    }

    /// Whether its process has closed the socket.
    pub fn is_dead(&self) -> bool {
        self.has(socket_trait::TRAIT_DEAD)
    }

    /// Whether the socket is known to be in no table of the kernel because it is not bound. Only for families
    /// whose programs report both bound and unbound sockets.
    pub fn is_unbound(&self) -> bool {
        match self.names {
            Names::Netlink { portid, .. } => portid == 0 && !self.is_of_kernel(),
            Names::Internet { local, .. } => self.kind.family() == Family::Udp && local.port == 0,
            _ => false,
        }
    }

    /// Whether the kernel created the socket for a tunnel over UDP, such as VXLAN, Geneve or WireGuard.
    pub fn is_of_tunnel(&self) -> bool {
        // include/uapi/linux/udp.h, UDP_ENCAP_RXRPC: not a tunnel, but a protocol over UDP.
        const RXRPC: u64 = 6;
        let encapsulation = ENCAPSULATION.of(&self.record).unwrap_or_default();
        self.is_of_kernel() && !matches!(encapsulation, 0 | RXRPC)
    }

    /// Whether the kernel created the socket for its own use.
    pub fn is_of_kernel(&self) -> bool {
        self.has(socket_trait::TRAIT_KERNEL)
    }

    /// The part of the kernel that uses the socket, if it is one of the kernel, or a process has handed it to the kernel.
    pub fn kernel_user(&self) -> KernelUser<'_> {
        match self.is_of_kernel() {
            true => receiver::of(&self.record),
            false => receiver::of_handed(&self.record),
        }
    }

    /// Whether the address of the socket may be one of another host: IP_TRANSPARENT.
    pub fn is_transparent(&self) -> bool {
        self.has(socket_trait::TRAIT_TRANSPARENT)
    }

    /// Whether the socket has been accepted, or needs no accept(2). Such a socket has a file descriptor, or
    /// had one.
    pub fn is_accepted(&self) -> bool {
        self.has(socket_trait::TRAIT_SOCKET)
    }

    fn has(&self, wanted: socket_trait) -> bool {
        u32::from(self.record.header.traits) & wanted.0 != 0
    }

    /// The number of its control group. `Some(0)`: it has none, like every mini-socket. `None`: it is unknown.
    pub fn cgroup(&self) -> Option<u64> {
        match self.is_mini() {
            true => Some(0),
            false => cgroup::of(&self.record),
        }
    }

    /// The sockmaps that it is in, which no mini-socket is. `None`: they are unknown.
    pub fn sockmaps(&self) -> Option<Sockmaps> {
        match self.is_mini() {
            true => Some(Sockmaps { maps: Vec::new(), cut: false }),
            false => sockmap::of(&self.record),
        }
    }

    /// Why an established TCP connection makes no progress, if it makes none. `None` if the kernel does not tell.
    pub fn diag(&self, hz: u64) -> Option<Option<Diag>> {
        match self.state {
            State::Established if self.record.has(Section::Diag) => Diag::of(&self.record, hz),
            _ => Some(None),
        }
    }
}

/// Whether the kernel keeps the user of the socket. Among mini-sockets, only a connection request has one,
/// that of its listener. A unix socket has one once it is accepted. Until then the kernel has 0 there.
fn keeps_user(kind: SocketKind, record: &Record) -> bool {
    let header = record.header;
    let may_wait = socket_trait::TRAIT_SOCKET.0 | socket_trait::TRAIT_DEAD.0;
    match (record.has(Section::Socket), kind.family()) {
        (false, _) => State::of_tcp(header.state) == State::SynRecv,
        (true, Family::Unix) => u32::from(header.traits) & may_wait != 0,
        (true, _) => true,
    }
}
