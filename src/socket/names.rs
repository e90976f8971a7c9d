//! The local and remote addresses of sockets: IP addresses, paths, and what other families have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::abi::{record_header, unix_peer};
use crate::record::fact::{Section, Sections};
use crate::record::Record;
use crate::socket::kind::{Family, SocketKind};

/// An IP address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub address: IpAddr,
    pub port: u16,
}

impl Endpoint {
    /// Whether the address is meaningless without an interface.
    pub fn is_link_local(&self) -> bool {
        match self.address {
            IpAddr::V6(address) => is_link_local(address),
            IpAddr::V4(_) => false,
        }
    }
}

/// Whether the address belongs to a link: fe80::/10, and the multicast addresses of interface-local and
/// link-local scope, ff01::/16 and ff02::/16 with any flags (RFC 4291, 2.7).
pub fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || matches!(address.segments()[0] & 0xff0f, 0xff01 | 0xff02)
}

/// A vsock address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VmEnd {
    /// The context ID of the virtual machine or host. All ones means any.
    pub cid: u32,
    /// All ones means any.
    pub port: u32,
}

/// The socket at the other end of a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnixPeer {
    /// There is none.
    None,
    /// It has an inode, so that a process can hold it.
    Open,
    /// It has not been accepted yet.
    Waiting,
    /// Every process has closed it.
    Closed,
    /// One of the last two.
    Unknown,
}

impl UnixPeer {
    fn of(state: unix_peer) -> UnixPeer {
        match state {
            unix_peer::UNIX_PEER_NONE => UnixPeer::None,
            unix_peer::UNIX_PEER_OPEN => UnixPeer::Open,
            unix_peer::UNIX_PEER_WAITING => UnixPeer::Waiting,
            unix_peer::UNIX_PEER_CLOSED => UnixPeer::Closed,
            _ => UnixPeer::Unknown,
        }
    }
}

/// The local and remote addresses of a socket, in the terms of its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Names<'a> {
    Internet {
        local: Endpoint,
        remote: Endpoint,
    },
    Unix {
        /// Empty if not bound. An abstract name begins with a zero byte.
        path: &'a [u8],
        /// The inode of the peer socket. 0 if there is none, or if it has not been accepted yet.
        peer: u64,
        /// Why the peer has no inode.
        peer_state: UnixPeer,
        peer_path: &'a [u8],
    },
    Packet {
        /// In host byte order. 0 if not bound, so that nothing is received.
        ethertype: u16,
        /// The index of the interface. 0 means all interfaces, -1 an interface that is gone.
        ifindex: i32,
    },
    Xdp {
        /// The index of the interface. 0 if not bound, or if the interface is gone.
        ifindex: u32,
        queue: u16,
    },
    Netlink {
        /// NETLINK_ROUTE and so on, from include/uapi/linux/netlink.h.
        protocol: u16,
        /// 0 if never bound, or if the socket belongs to the kernel.
        portid: u32,
        /// The port ID that connect(2) set as the peer, where 0 is the kernel, and its group, where 0 is
        /// none.
        peer: u32,
        peer_group: u32,
    },
    Vm {
        local: VmEnd,
        remote: VmEnd,
    },
    /// The family has no addresses known to knetstat, or the kernel does not report them.
    Nothing,
}

impl<'a> Names<'a> {
    /// The sections of records that names are read from.
    pub fn sections() -> Sections {
        use Section::{Netlink, Packet, Unix, Vsock, Xdp};
        [Unix, Packet, Xdp, Netlink, Vsock].map(Sections::from).into_iter().collect()
    }

    /// Decodes the addresses in the record of a socket of this kind.
    pub fn decode(kind: SocketKind, record: &Record<'a>) -> Names<'a> {
        let header = record.header;
        match kind.family() {
            Family::Unix => record.unix().map_or(Names::Nothing, |unix| Names::Unix {
                path: path(&unix.path, unix.path_length),
                peer: unix.peer,
                peer_state: UnixPeer::of(unix_peer(unix.peer_state)),
                peer_path: path(&unix.peer_path, unix.peer_path_length),
            }),
            Family::Packet => match record.packet().filter(|packet| packet.bound_known != 0) {
                Some(packet) => Names::Packet {
                    ethertype: u16::from_be(packet.ethertype),
                    ifindex: packet.ifindex,
                },
                None => Names::Nothing,
            },
            Family::Xdp => match record.xdp().filter(|xdp| xdp.bound_known != 0) {
                Some(xdp) => Names::Xdp { ifindex: xdp.ifindex, queue: xdp.queue },
                None => Names::Nothing,
            },
            Family::Netlink => record.netlink().map_or(Names::Nothing, |netlink| Names::Netlink {
                protocol: header.protocol,
                portid: netlink.portid,
                peer: netlink.dst_portid,
                peer_group: netlink.dst_group,
            }),
            Family::Vsock => record.vsock().map_or(Names::Nothing, |vsock| Names::Vm {
                local: VmEnd { cid: vsock.local_cid, port: vsock.local_port },
                remote: VmEnd { cid: vsock.remote_cid, port: vsock.remote_port },
            }),
            Family::Other if !is_inet(header.family) => Names::Nothing,
            Family::Tcp
            | Family::Udp
            | Family::Raw
            | Family::Mptcp
            | Family::Sctp
            | Family::Other => Names::Internet {
                local: endpoint(header, &header.local_address, header.local_port),
                remote: endpoint(header, &header.remote_address, header.remote_port),
            },
        }
    }
}

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Whether this is the address family of IPv4 or IPv6.
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

/// The name of a unix socket. A path ends before its first zero byte, an abstract name is used in full.
fn path(bytes: &[u8], length: u16) -> &[u8] {
    let bytes = bytes.get(..length.into()).unwrap_or(bytes);
    match bytes.first() {
        None | Some(0) => bytes,
        Some(_) => bytes.split(|byte| *byte == 0).next().unwrap_or(bytes),
    }
}
