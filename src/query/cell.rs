//! Cells: what a column has for one row, as a typed value. Each output words them in its own way.

use crate::host::Host;
use crate::options::catalogue;
use crate::options::plan::OptionValue;
use crate::options::value::Value;
use crate::query::row::Row;
use crate::socket::owner::{Holder, Owner};
use crate::socket::{Diag, Endpoint, Master, Names, Timer, VmEnd};
use crate::text::Name;

/// The value of a column for one row.
pub enum Cell<'a> {
    /// The socket has no such value, or the kernel does not keep it.
    Absent,
    Number(u64),
    Flag(bool),
    /// A word of this program.
    Word(&'static str),
    /// There is a value, which is not known.
    Unknown,
    /// Bytes from outside, in any encoding.
    Bytes(&'a [u8]),
    /// The same value of each descriptor that holds the socket, in the order of the holders.
    PerHolder(&'a [Holder], fn(&Holder) -> Cell),
    Interface(Interface),
    End(End<'a>),
    /// A network namespace: its inode number, and the name that ip-netns(8) gave it.
    Netns(u32, Option<&'a [u8]>),
    Master(Master),
    /// A group of sockets that share a port: its number, and how many sockets it has.
    Group(usize, u32),
    /// The processes that hold the socket, or why there is none.
    Program(&'a [Holder], Owner),
    Diag(Option<Diag>),
    /// The running timer, if one runs, and how many jiffies make a second.
    Timer(Option<Timer>, u64),
    /// The options to show, and whether some may be missing.
    Options(&'a [OptionValue], bool),
    /// The options among these that are set.
    Set(&'a [OptionValue]),
}

/// An interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Packet sockets have -1 for an interface that is gone.
    pub index: i32,
    /// `None`: it is gone.
    pub name: Option<Name>,
}

impl Interface {
    /// The interface with this index; `None` for 0, which stands for none or for any.
    fn of(index: u32, host: &Host) -> Option<Interface> {
        (index != 0).then(|| Interface { index: index as i32, name: host.interface(index) })
    }
}

/// One end of a socket, in the terms of its family.
pub enum End<'a> {
    /// The remote end of sockets that never have one.
    Any,
    Internet {
        endpoint: Endpoint,
        /// The interface of a link-local address, which means nothing without it.
        scope: Option<Interface>,
    },
    Unix {
        /// Empty: not bound. An abstract name begins with a zero byte.
        path: &'a [u8],
        /// The path of the other end's socket, which names a client by its server.
        peer: &'a [u8],
    },
    UnixPeer {
        /// 0: there is no peer, or it was not accepted yet.
        inode: u64,
        path: &'a [u8],
    },
    Packet {
        /// 0: not bound.
        ethertype: u16,
        /// `None`: all interfaces.
        interface: Option<Interface>,
    },
    /// The interface and queue that an XDP socket is bound to.
    Queue(Option<(Interface, u16)>),
    Netlink {
        protocol: u16,
        portid: u32,
        /// The joined multicast groups.
        groups: Option<Value>,
    },
    NetlinkPeer {
        portid: u32,
        group: u32,
    },
    Vm(VmEnd),
}

impl<'a> Cell<'a> {
    /// A number where 0 stands for none.
    pub fn nonzero(number: u64) -> Cell<'a> {
        match number {
            0 => Cell::Absent,
            number => Cell::Number(number),
        }
    }

    /// The local end of a socket.
    pub fn local(row: &Row<'a>) -> Cell<'a> {
        let host = row.context.host();
        Cell::End(match row.socket.names {
            Names::Internet { local, .. } => internet(local, row),
            Names::Unix { path, peer_path, .. } => End::Unix { path, peer: peer_path },
            Names::Packet { ethertype, ifindex } => {
                End::Packet { ethertype, interface: Interface::of(ifindex as u32, host) }
            }
            Names::Xdp { ifindex, queue } => {
                End::Queue(Interface::of(ifindex, host).map(|interface| (interface, queue)))
            }
            Names::Netlink { protocol, portid, .. } => {
                End::Netlink { protocol, portid, groups: joined_groups(row) }
            }
            Names::Vm { local, .. } => End::Vm(local),
            Names::Nothing => return Cell::Absent,
        })
    }

    /// The remote end of a socket.
    pub fn remote(row: &Row<'a>) -> Cell<'a> {
        Cell::End(match row.socket.names {
            Names::Internet { remote, .. } => internet(remote, row),
            Names::Unix { peer, peer_path, .. } => End::UnixPeer { inode: peer, path: peer_path },
            Names::Packet { .. } | Names::Xdp { .. } => End::Any,
            Names::Netlink { peer, peer_group, .. } => {
                End::NetlinkPeer { portid: peer, group: peer_group }
            }
            Names::Vm { remote, .. } => End::Vm(remote),
            Names::Nothing => return Cell::Absent,
        })
    }

    /// The interface that a socket is bound to.
    pub fn interface(row: &Row<'a>) -> Cell<'a> {
        Interface::of(row.socket.ifindex, row.context.host()).map_or(Cell::Absent, Cell::Interface)
    }
}

fn internet<'a>(endpoint: Endpoint, row: &Row) -> End<'a> {
    let scope = match endpoint.is_link_local() {
        true => Interface::of(row.socket.ifindex, row.context.host()),
        false => None,
    };
    End::Internet { endpoint, scope }
}

/// The groups of a netlink socket, which are an option too.
fn joined_groups(row: &Row) -> Option<Value> {
    catalogue::named("NETLINK_LIST_MEMBERSHIPS")?.decode(&row.context)
}
