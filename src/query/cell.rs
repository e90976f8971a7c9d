//! Cells: the typed value of a column for one row. Each output formats them in its own way.

use std::net::IpAddr;
use std::rc::Rc;

use crate::host::cgroups::Container;
use crate::host::labels::Labels;
use crate::host::processes::Processes;
use crate::host::Host;
use crate::options::catalogue;
use crate::options::plan::OptionValue;
use crate::options::value::Value;
use crate::query::row::Row;
use crate::socket::holders::Holder;
use crate::socket::owner::{Owner, Via};
use crate::socket::sockmap::Sockmaps;
use crate::socket::{Diag, Endpoint, Master, Names, TimeLimit, Timer, VmEnd};
use crate::text::{Moment, Name};

/// What stands before the word for the owner if no process holds the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind<'a> {
    Nothing,
    /// The processes that another socket leads to.
    Processes(&'a [Holder]),
    /// The part of the kernel that uses the socket.
    Kernel(&'a [u8]),
}

/// The value of a column for one row.
pub enum Cell<'a> {
    /// The socket has no such value, the kernel does not keep it, or it cannot be read.
    Absent,
    Number(u64),
    /// A number in place of a name that is not known any more. No such name is a number.
    Nameless(u64),
    /// A place in an io_uring, in place of a descriptor: the descriptor of the io_uring, and the slot in it.
    Slot(u32, u32),
    /// The same for an io_uring without a descriptor: its index among those that the thread has registered.
    SlotOfRegistered(u32, u32),
    Flag(bool),
    /// A fixed word.
    Word(&'static str),
    /// There may be a value, but it is unknown.
    Unknown,
    /// Bytes that are not under control of knetstat, in any encoding.
    Bytes(&'a [u8]),
    /// A value for each file descriptor that holds the socket.
    PerHolder(PerHolder<'a>),
    /// The arguments of a process.
    Arguments(Rc<[Vec<u8>]>),
    /// A user: the UID, and the name if there is one.
    User(u32, Option<Rc<[u8]>>),
    /// A port, and the name of its service if that is to be shown and known.
    Port(u32, Option<Rc<[u8]>>),
    Moment(Moment),
    Interface(Interface),
    End(End<'a>),
    /// The IP address of one end: with the interface that a link-local address needs, and the name of the host if that is to
    /// be shown and known.
    Host(IpAddr, Option<Interface>, Option<Rc<[u8]>>),
    /// A network namespace: its inode number, and the name that ip-netns(8) gave it.
    Netns(u32, Option<&'a [u8]>),
    Master(Master),
    Container(&'a Container),
    Labels(&'a Labels),
    /// An empty list is written like no value.
    Sockmaps(Sockmaps),
    /// A group of sockets that share a port: its number, and how many members it has.
    Group(usize, u32),
    /// The processes that hold the socket, or why there is none, and what stands before the word for that.
    Program(&'a [Holder], Owner, Behind<'a>),
    /// A socket that leads to processes, and the processes that hold it.
    Via(Via, &'a [Holder]),
    /// Why a connection makes no progress, if it makes none. `None` for other sockets.
    Diag(Option<Option<Diag>>),
    /// The running timer, if there is one, and the number of jiffies per second.
    Timer(Option<Timer>, u64),
    Time(TimeLimit),
    /// The options to show, and whether some may be missing.
    Options(&'a [OptionValue], bool),
    /// The shown options, of which only those that are set belong to the value.
    Set(&'a [OptionValue]),
}

/// A value for each file descriptor that holds a socket.
#[derive(Clone, Copy)]
pub struct PerHolder<'a> {
    pub holders: &'a [Holder],
    pub processes: &'a Processes,
    pub read: for<'h> fn(&'h Holder, &'h Processes) -> Cell<'h>,
}

impl<'a> PerHolder<'a> {
    /// The values, in the order of the holders.
    pub fn cells(self) -> impl ExactSizeIterator<Item = Cell<'a>> {
        self.holders.iter().map(move |holder| (self.read)(holder, self.processes))
    }
}

/// An interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// -1 for a packet socket whose interface is gone.
    pub index: i32,
    /// `None` if the interface is gone.
    pub name: Option<Name>,
}

impl Interface {
    /// The interface with this index. `None` for 0, which means none or any.
    fn of(index: u32, host: &Host) -> Option<Interface> {
        (index != 0).then(|| Interface { index: index as i32, name: host.interface(index) })
    }
}

/// The names of one end, if they are to be shown and known.
#[derive(Clone, Debug, Default)]
pub struct EndNames {
    pub host: Option<Rc<[u8]>>,
    pub service: Option<Rc<[u8]>>,
}

/// One end of a socket, in the terms of its family.
pub enum End<'a> {
    /// The remote end of sockets that never have a peer.
    Any,
    Internet {
        endpoint: Endpoint,
        /// The interface of a link-local address, which is meaningless without it.
        scope: Option<Interface>,
        names: EndNames,
    },
    Unix {
        /// Empty if not bound. An abstract name begins with a zero byte.
        path: &'a [u8],
        /// The path of the peer socket. For a client without a path, it is the name of its server.
        peer: &'a [u8],
    },
    UnixPeer {
        /// 0 if there is no peer, or if it has not been accepted yet.
        inode: u64,
        path: &'a [u8],
    },
    Packet {
        /// 0 if not bound.
        ethertype: u16,
        /// `None` for all interfaces.
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
    /// A number, or an absent value for 0.
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

    /// The address of one end of an Internet socket.
    pub fn host(row: &Row<'a>, choose: fn((Endpoint, Endpoint)) -> Endpoint) -> Cell<'a> {
        match row.socket.ends().map(|ends| internet(choose(ends), row)) {
            Some(End::Internet { endpoint, scope, names }) => {
                Cell::Host(endpoint.address, scope, names.host)
            }
            _ => Cell::Absent,
        }
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
    let names = row.resolver.map_or_else(EndNames::default, |resolver| EndNames {
        host: resolver.host(endpoint.address).filter(|_| scope.is_none()),
        service: resolver.service(row.socket.kind.family(), endpoint.port),
    });
    End::Internet { endpoint, scope, names }
}

/// The joined groups of a netlink socket, which are also the value of an option. Its records always have them.
fn joined_groups(row: &Row) -> Option<Value> {
    catalogue::named("NETLINK_LIST_MEMBERSHIPS")?.decode(&row.context)
}
