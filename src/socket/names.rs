//! What sockets are bound to and whom they talk to: addresses, paths, and what other families have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::abi::record_header;
use crate::record::Record;
use crate::socket::kind::{Family, SocketKind};

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

/// One end of a vsock connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmEnd {
    /// The number of the virtual machine; all ones: any.
    pub cid: u32,
    /// All ones: any.
    pub port: u32,
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
    /// The names in a record of this kind of socket.
    pub fn decode(kind: SocketKind, record: &Record<'a>) -> Names<'a> {
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
