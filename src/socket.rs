//! A socket, as its record says: who talks to whom, in which state, with what in its queues.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bpf::socket_trait;
use crate::read::Facts;
use crate::record::Record;
use crate::state::State;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V4,
    V6,
}

/// A kind of socket: sockets of one kind answer the same options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketKind {
    pub protocol: Protocol,
    pub version: Version,
}

impl SocketKind {
    /// Every kind.
    pub const ALL: [SocketKind; 4] = [
        SocketKind { protocol: Protocol::Tcp, version: Version::V4 },
        SocketKind { protocol: Protocol::Tcp, version: Version::V6 },
        SocketKind { protocol: Protocol::Udp, version: Version::V4 },
        SocketKind { protocol: Protocol::Udp, version: Version::V6 },
    ];

    /// Its place in [`SocketKind::ALL`].
    pub fn index(self) -> usize {
        self.protocol as usize * 2 + self.version as usize
    }

    /// The word in the first column, as in /proc/net.
    pub fn word(self) -> &'static str {
        match (self.protocol, self.version) {
            (Protocol::Tcp, Version::V4) => "tcp",
            (Protocol::Tcp, Version::V6) => "tcp6",
            (Protocol::Udp, Version::V4) => "udp",
            (Protocol::Udp, Version::V6) => "udp6",
        }
    }

    /// The type of such sockets, as in socket(2).
    pub fn type_word(self) -> &'static str {
        match self.protocol {
            Protocol::Tcp => "stream",
            Protocol::Udp => "dgram",
        }
    }
}

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

/// A socket of which everything but the options is decoded.
#[derive(Debug)]
pub struct Socket<'a> {
    pub kind: SocketKind,
    pub state: State,
    pub local: Endpoint,
    pub remote: Endpoint,
    /// The index of the bound interface; 0: not bound.
    pub ifindex: u32,
    /// Bytes that wait for the program; of a listener: connections.
    pub recv_queue: u32,
    /// Bytes that were not acknowledged yet; of a listener: the limit of its backlog.
    pub send_queue: u32,
    pub drops: u32,
    pub uid: u32,
    /// 0: none, as with a mini-socket or a connection that waits to be accepted.
    pub inode: u64,
    /// 0: this kernel does not tell.
    pub cookie: u64,
    /// The cookie of the MPTCP socket that this is a subflow of; 0: it is none.
    pub master: u64,
    /// The inode number of the network namespace.
    pub netns: u32,
    /// Where the options are read from.
    pub record: Record<'a>,
}

impl<'a> Socket<'a> {
    /// Decodes a record; `None` for a family or protocol that this program does not know.
    pub fn decode(record: Record<'a>) -> Option<Socket<'a>> {
        const AF_INET: u16 = 2;
        const AF_INET6: u16 = 10;
        let header = record.header;
        let protocol = match header.protocol {
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            _ => return None,
        };
        let version = match header.family {
            AF_INET => Version::V4,
            AF_INET6 => Version::V6,
            _ => return None,
        };
        let endpoint = |address: &[u8; 16], port| Endpoint {
            address: match version {
                Version::V4 => {
                    let [a, b, c, d, ..] = *address;
                    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
                }
                Version::V6 => IpAddr::V6(Ipv6Addr::from(*address)),
            },
            port,
        };
        Some(Socket {
            kind: SocketKind { protocol, version },
            state: match protocol {
                Protocol::Tcp => State::of_tcp(header.state),
                Protocol::Udp => State::of_udp(header.state),
            },
            local: endpoint(&header.local_address, header.local_port),
            remote: endpoint(&header.remote_address, header.remote_port),
            ifindex: header.ifindex,
            recv_queue: header.recv_queue,
            send_queue: header.send_queue,
            drops: header.drops,
            uid: header.uid,
            inode: header.inode,
            cookie: header.cookie,
            master: header.master,
            netns: header.netns,
            record,
        })
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
