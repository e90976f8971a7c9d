//! A socket, as its record says: who talks to whom, in which state, with what in its queues.

pub mod kind;
pub mod owner;
pub mod state;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::skeleton::{record_header, socket_trait, timer};
use crate::options::decode::Facts;
use crate::record::Record;
use crate::socket::kind::{other_word, type_word, Family, SocketKind};
use crate::socket::state::State;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: IpAddr,
    pub port: u16,
}

impl Endpoint {
    /// Whether the address means something only together with an interface.
    pub fn is_link_local(&self) -> bool {
        match self.address {
            IpAddr::V6(address) => is_link_local(address),
            IpAddr::V4(_) => false,
        }
    }
}

/// Whether the address belongs to a link: fe80::/10, and of multicast ff02::/16 and ff01::/16, whose
/// scope is the interface (RFC 4291, 2.7).
pub fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || matches!(address.segments()[0] & 0xff0f, 0xff01 | 0xff02)
}

/// What the Diag column tells of an established TCP connection: its flow, if it is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diag {
    /// The peer's window is 0: nothing can be sent.
    PeerWindowZero,
    /// Our window is 0: nothing can be received.
    OwnWindowZero,
    /// Both.
    BothWindowsZero,
    /// There is unacknowledged data, and the last ACK came more than a second ago.
    Unacknowledged,
}

impl Diag {
    /// The mark, as the knetstat kernel module has it.
    pub fn mark(self) -> &'static str {
        match self {
            Diag::PeerWindowZero => ">|",
            Diag::OwnWindowZero => "|<",
            Diag::BothWindowsZero => ">|<",
            Diag::Unacknowledged => ">#",
        }
    }
}

impl fmt::Display for Diag {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.mark())
    }
}

/// The timer of a connection that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    pub kind: TimerKind,
    /// Jiffies until it runs out; not below 0, as a timer that is late has run out.
    pub left: u32,
    /// How often the same data, or the answer to a SYN, was sent again.
    pub retransmits: u8,
    /// How many probes went unanswered.
    pub probes: u8,
}

/// What a timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// An acknowledgement.
    Retransmit,
    /// The time to probe an idle connection.
    Keepalive,
    /// The end of TIME_WAIT, or of FIN_WAIT2.
    TimeWait,
    /// The time to ask the peer for its window.
    Probe,
}

impl TimerKind {
    /// The word of JSON.
    pub fn word(self) -> &'static str {
        match self {
            TimerKind::Retransmit => "retransmit",
            TimerKind::Keepalive => "keepalive",
            TimerKind::TimeWait => "time-wait",
            TimerKind::Probe => "probe",
        }
    }

    /// The word of netstat.
    pub fn netstat_word(self) -> &'static str {
        match self {
            TimerKind::Retransmit => "on",
            TimerKind::Keepalive => "keepalive",
            TimerKind::TimeWait => "timewait",
            TimerKind::Probe => "probe",
        }
    }
}

impl Timer {
    fn decode(header: &record_header) -> Option<Timer> {
        let kind = match timer(header.timer.into()) {
            timer::TIMER_RETRANSMIT => TimerKind::Retransmit,
            timer::TIMER_KEEPALIVE => TimerKind::Keepalive,
            timer::TIMER_TIME_WAIT => TimerKind::TimeWait,
            timer::TIMER_PROBE => TimerKind::Probe,
            _ => return None,
        };
        let left = u32::try_from(header.timer_left).unwrap_or_default();
        Some(Timer { kind, left, retransmits: header.retransmits, probes: header.probes })
    }

    /// Seconds until it runs out, in hundredths.
    pub fn seconds(&self, hz: u64) -> f64 {
        let hundredths = u64::from(self.left) * 100 / hz;
        hundredths as f64 / 100.0
    }
}

/// One end of a vsock connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmEnd {
    /// The number of the virtual machine; all ones: any.
    pub cid: u32,
    /// All ones: any.
    pub port: u32,
}

/// The MPTCP socket of a subflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// 0: nobody asked for it yet.
    pub cookie: u64,
    /// 0: the connection waits to be accepted.
    pub inode: u64,
}

/// Which socket it is, as far as the kernel has told: two sockets never have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// SO_COOKIE.
    Cookie(u64),
    /// Of a socket without a cookie: a keyed hash of its address, which means something only in the run
    /// that loaded the programs (bpf/identity.h).
    Keyed(u64),
}

/// What a socket is bound to and whom it talks to, in the terms of its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names<'a> {
    Internet {
        local: Endpoint,
        remote: Endpoint,
    },
    Unix {
        /// Empty: not bound. An abstract name begins with a zero byte.
        path: &'a [u8],
        /// The inode of the other end's socket; 0: there is none, or it was not accepted yet.
        peer: u64,
        peer_path: &'a [u8],
    },
    Packet {
        /// In the order of the machine; 0: not bound, so that nothing arrives.
        ethertype: u16,
        /// The index of the interface; 0: all, -1: it is gone.
        ifindex: i32,
    },
    Xdp {
        /// The index of the interface; 0: not bound, or it is gone.
        ifindex: u32,
        queue: u16,
    },
    Netlink {
        /// NETLINK_ROUTE and so on: include/uapi/linux/netlink.h.
        protocol: u16,
        /// 0: never bound, or of the kernel.
        portid: u32,
        /// What connect(2) chose: a socket, 0 being the kernel, and a group, 0 being none.
        peer: u32,
        peer_group: u32,
    },
    Vm {
        local: VmEnd,
        remote: VmEnd,
    },
    /// None that this program knows, or that this kernel tells.
    Nothing,
}

impl<'a> Names<'a> {
    fn decode(kind: SocketKind, record: &Record<'a>) -> Names<'a> {
        let header = record.header;
        match kind.family() {
            Family::Unix => record.unix.map_or(Names::Nothing, |unix| Names::Unix {
                path: path(&unix.path, unix.path_length),
                peer: unix.peer,
                peer_path: path(&unix.peer_path, unix.peer_path_length),
            }),
            Family::Packet => match record.packet.filter(|packet| packet.bound_known != 0) {
                Some(packet) => Names::Packet {
                    ethertype: u16::from_be(packet.ethertype),
                    ifindex: packet.ifindex,
                },
                None => Names::Nothing,
            },
            Family::Xdp => match record.xdp.filter(|xdp| xdp.bound_known != 0) {
                Some(xdp) => Names::Xdp { ifindex: xdp.ifindex, queue: xdp.queue },
                None => Names::Nothing,
            },
            Family::Netlink => record.netlink.map_or(Names::Nothing, |netlink| Names::Netlink {
                protocol: header.protocol,
                portid: netlink.portid,
                peer: netlink.dst_portid,
                peer_group: netlink.dst_group,
            }),
            Family::Vsock => record.vsock.map_or(Names::Nothing, |vsock| Names::Vm {
                local: VmEnd { cid: vsock.local_cid, port: vsock.local_port },
                remote: VmEnd { cid: vsock.remote_cid, port: vsock.remote_port },
            }),
            Family::Other if !is_inet(header.family) => Names::Nothing,
            _ => Names::Internet {
                local: endpoint(header, &header.local_address, header.local_port),
                remote: endpoint(header, &header.remote_address, header.remote_port),
            },
        }
    }
}

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Whether it is an address family of the Internet.
pub fn is_inet(domain: u16) -> bool {
    matches!(domain, AF_INET | AF_INET6)
}

fn endpoint(header: &record_header, address: &[u8; 16], port: u32) -> Endpoint {
    Endpoint {
        address: match header.family {
            AF_INET => {
                let [a, b, c, d, ..] = *address;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            _ => IpAddr::V6(Ipv6Addr::from(*address)),
        },
        port: port as u16,
    }
}

/// The name of a unix socket: of a file up to the zero byte that ends it, of an abstract one whole.
fn path(bytes: &[u8], length: u32) -> &[u8] {
    let bytes = bytes.get(..length as usize).unwrap_or(bytes);
    match bytes.first() {
        None | Some(0) => bytes,
        Some(_) => bytes.split(|byte| *byte == 0).next().unwrap_or(bytes),
    }
}

/// A socket of which everything but the options is decoded.
#[derive(Debug)]
pub struct Socket<'a> {
    pub kind: SocketKind,
    pub state: State,
    pub names: Names<'a>,
    /// The index of the bound interface: of packet and XDP sockets that of bind(2), of the others that
    /// of SO_BINDTODEVICE. 0: not bound.
    pub ifindex: u32,
    /// Bytes that wait for the program; of a listener: connections.
    pub recv_queue: u32,
    /// Bytes that were not acknowledged yet; of a listener: the limit of its backlog.
    pub send_queue: u32,
    pub drops: u32,
    pub uid: u32,
    /// 0: none, as with a mini-socket or a connection that waits to be accepted.
    pub inode: u64,
    /// SO_COOKIE; 0 if the socket has none and the kernel does not let iterators generate one.
    pub cookie: u64,
    /// The MPTCP socket that this is a subflow of, if it is one.
    pub master: Option<Master>,
    /// The inode number of the network namespace.
    pub netns: u32,
    /// The timer that runs, if one does.
    pub timer: Option<Timer>,
    /// Where the options are read from.
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
            drops: header.drops,
            uid: header.uid,
            inode: header.inode,
            cookie: header.cookie,
            master: has(socket_trait::TRAIT_SUBFLOW).then_some(master),
            netns: header.netns,
            timer: Timer::decode(header),
            record,
        }
    }

    /// The word for its kind; where this program knows none, for its address family.
    pub fn word(&self) -> &'static str {
        let header = self.record.header;
        match self.kind {
            SocketKind::Other => other_word(header.family, header.protocol),
            kind => kind.word(),
        }
    }

    /// The word for its state, as netstat has it for its family.
    pub fn state_word(&self) -> &'static str {
        match self.kind.family() {
            Family::Unix => self.state.unix_word(),
            _ => self.state.word(),
        }
    }

    /// Its type, as in socket(2).
    pub fn type_word(&self) -> &'static str {
        type_word(self.record.header.socket_type)
    }

    /// Its ports, if it has such.
    pub fn ports(&self) -> Option<(u32, u32)> {
        match self.names {
            Names::Internet { local, remote } => Some((local.port.into(), remote.port.into())),
            Names::Vm { local, remote } => Some((local.port, remote.port)),
            _ => None,
        }
    }

    /// Its two ends, if they are addresses of the Internet.
    pub fn ends(&self) -> Option<(Endpoint, Endpoint)> {
        match self.names {
            Names::Internet { local, remote } => Some((local, remote)),
            _ => None,
        }
    }

    /// Tells it from every other socket of this run.
    pub fn identity(&self) -> Identity {
        match self.cookie {
            0 => Identity::Keyed(self.record.header.identity),
            cookie => Identity::Cookie(cookie),
        }
    }

    /// Whether the walk that found it comes by each socket only once.
    pub fn comes_once(&self) -> bool {
        self.has(socket_trait::TRAIT_ONCE)
    }

    /// Whether the kernel keeps the socket in short form, which has no options.
    pub fn is_mini(&self) -> bool {
        self.record.socket.is_none()
    }

    /// Whether the kernel still knows its user: of a closed connection it does not.
    pub fn has_user(&self) -> bool {
        !self.is_mini() || self.state == State::SynRecv
    }

    /// Whether its process has closed it.
    pub fn is_dead(&self) -> bool {
        self.has(socket_trait::TRAIT_DEAD)
    }

    /// Whether it is a netlink socket that was never bound: only then is it in no table.
    pub fn is_unbound_netlink(&self) -> bool {
        matches!(self.names, Names::Netlink { portid: 0, .. }) && !self.is_of_kernel()
    }

    /// Whether the kernel made it for itself.
    pub fn is_of_kernel(&self) -> bool {
        self.has(socket_trait::TRAIT_KERNEL)
    }

    /// Whether it was accepted, if it had to be: then it has a descriptor, or had one.
    pub fn is_accepted(&self) -> bool {
        self.has(socket_trait::TRAIT_SOCKET)
    }

    fn has(&self, wanted: socket_trait) -> bool {
        u32::from(self.record.header.traits) & wanted.0 != 0
    }

    /// What is the matter with the flow of an established TCP connection, if anything is.
    pub fn diag(&self, facts: &Facts) -> Option<Diag> {
        let tcp = self.record.tcp.filter(|_| self.state == State::Established)?;
        match (tcp.snd_wnd, tcp.rcv_wnd) {
            (0, 0) => Some(Diag::BothWindowsZero),
            (_, 0) => Some(Diag::OwnWindowZero),
            (0, _) => Some(Diag::PeerWindowZero),
            _ if tcp.in_flight != 0 && u64::from(tcp.ack_age) > facts.host.hz => {
                Some(Diag::Unacknowledged)
            }
            _ => None,
        }
    }
}
