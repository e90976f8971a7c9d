//! The other ends of connections, where they are sockets of this host. A unix socket refers to its peer. For
//! other families, the peer is the socket with the same two addresses in opposite order, for which all
//! connections must be read before the first one is shown.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;

use crate::socket::kind::Family;
use crate::socket::owner::{Claim, Owner};
use crate::socket::state::State;
use crate::socket::{Names, Socket, UnixPeer};

/// The families whose peers are found by their addresses.
pub const FAMILIES: [Family; 5] =
    [Family::Tcp, Family::Udp, Family::Mptcp, Family::Sctp, Family::Vsock];

/// The protocols of sockets with one another, as in socket(2).
const TCP: u16 = 6;
const MPTCP: u16 = 262;

/// The socket at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The socket is not connected, or no socket that was read is at the other end.
    None,
    /// One of several sockets is at the other end, or one that was not open yet when they were read.
    Unknown,
    Is(Claim),
}

impl Peer {
    /// The peer to which a unix socket refers.
    pub fn of_unix(socket: &Socket) -> Peer {
        let Names::Unix { peer, peer_state, .. } = socket.names else { return Peer::None };
        let unheld = match peer_state {
            UnixPeer::None => return Peer::None,
            UnixPeer::Open => Owner::Elsewhere,
            UnixPeer::Waiting => Owner::AcceptQueue,
            UnixPeer::Closed => Owner::Orphan,
            UnixPeer::Unknown => Owner::Unknown,
        };
        Peer::Is(Claim { inode: peer, held: Owner::Process, unheld, queued: 0 })
    }

    /// What is known of the owner of the peer, if there is a peer.
    pub fn claim(self) -> Option<Claim> {
        match self {
            Peer::Is(claim) => Some(claim),
            Peer::None | Peer::Unknown => None,
        }
    }
}

/// The two addresses of a connection and its protocol. Addresses are compared in the form that does not depend
/// on the version of the socket: an IPv4-mapped address equals the address of IPv4.
#[derive(Clone, Copy, Hash)]
struct Route {
    protocol: u16,
    from: Site,
    to: Site,
}

/// An address and a port.
#[derive(Clone, Copy, Hash)]
enum Site {
    Internet(IpAddr, u16),
    Vm(u32, u32),
}

impl Route {
    /// The route of a socket. `None` if it is not connected, or if its family has other addresses.
    fn of(socket: &Socket) -> Option<Route> {
        // A TCP socket that is closed keeps the address of its last connection.
        if !FAMILIES.contains(&socket.kind.family()) || socket.state == State::Close {
            return None;
        }
        let protocol = socket.record.header.protocol;
        let (from, to) = match socket.names {
            Names::Internet { local, remote } if remote.port != 0 => {
                let [mut from, to] = [local, remote].map(|end| end.address.to_canonical());
                // SCTP keeps the wildcard address of a socket that is connected: net/sctp/socket.c,
                // sctp_copy_sock(). Over loopback, both ends have the same address.
                if from.is_unspecified() && socket.kind.family() == Family::Sctp {
                    from = if to.is_loopback() { to } else { return None };
                }
                (Site::Internet(from, local.port), Site::Internet(to, remote.port))
            }
            Names::Vm { local, remote } if remote.port != ANY && remote.cid != ANY => {
                // A socket that connects is bound to any context. The other end sees this one:
                // net/vmw_vsock/vsock_loopback.c, vsock_loopback_get_local_cid()
                let cid = if local.cid == ANY { LOCAL_CID } else { local.cid };
                (Site::Vm(cid, local.port), Site::Vm(remote.cid, remote.port))
            }
            _ => return None,
        };
        Some(Route { protocol, from, to })
    }

    /// The route of the socket at the other end.
    fn reversed(self) -> Route {
        Route { from: self.to, to: self.from, ..self }
    }

    /// Whether it cannot leave the network namespace.
    fn stays_inside(self) -> bool {
        [self.from, self.to]
            .iter()
            .any(|it| matches!(it, Site::Internet(it, _) if it.is_loopback()))
    }
}

/// VMADDR_CID_ANY and VMADDR_PORT_ANY, and VMADDR_CID_LOCAL: include/uapi/linux/vm_sockets.h
const ANY: u32 = u32::MAX;
const LOCAL_CID: u32 = 1;

const _: () =
    assert!(size_of::<End>() == 32, "knetstat(8) says how much memory a connection takes");

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    /// A keyed hash of its route. Of a million connections, two have the same with a probability of 2^-25.
    key: u64,
    /// The inode number of the network namespace.
    netns: u32,
    /// A part of [`Socket::identity`], which tells it from the few others with its key.
    identity: u32,
    /// The parts of its claim. `number` is the inode or, if it is not open, what leads to its listener.
    number: u64,
    is_open: bool,
    is_transparent: bool,
    held: Owner,
    unheld: Owner,
}

impl End {
    fn claim(&self) -> Claim {
        let End { number, is_open, held, unheld, .. } = *self;
        let (inode, queued) = if is_open { (number, 0) } else { (0, number) };
        Claim { inode, held, unheld, queued }
    }

    fn is_same_socket(&self, other: &End) -> bool {
        (self.netns, self.identity) == (other.netns, other.identity)
    }

    fn is_mini(&self) -> bool {
        matches!(self.unheld, Owner::Request | Owner::TimeWait)
    }
}

/// The ends of all connections of families whose sockets do not refer to their peers.
#[derive(Debug, Default)]
pub struct Peers {
    /// Those of equal keys are neighbours, once all have been added.
    ends: Vec<End>,
    hasher: RandomState,
}

impl Peers {
    /// Adds a socket, if it is connected. `claim` is that of the socket.
    pub fn add(&mut self, socket: &Socket, claim: Claim) {
        let key = |route| self.hasher.hash_one(route);
        let (netns, identity) = (socket.netns, socket.identity() as u32);
        let Claim { inode, held, unheld, queued } = claim;
        let (number, is_open) = if inode == 0 { (queued, false) } else { (inode, true) };
        let is_transparent = socket.is_transparent();
        self.ends.extend(Route::of(socket).map(|route| End {
            key: key(route),
            netns,
            identity,
            number,
            is_open,
            is_transparent,
            held,
            unheld,
        }));
    }

    /// Returns the same ends so that peers can be found among them.
    pub fn sorted(mut self) -> Peers {
        self.ends.sort_unstable();
        // The kernel's iterators may return a socket twice.
        self.ends.dedup();
        self
    }

    /// The socket at the other end of a connection. The one in the same network namespace is certain, unless a transparent
    /// proxy has both, each with the address of the host at the other end of the other. One in another namespace is the peer
    /// only if it and this socket are the only ones with their addresses: two
    /// containers may have the same. So may sockets of one namespace that are bound to different interfaces.
    pub fn of(&self, socket: &Socket) -> Peer {
        let Some(route) = Route::of(socket) else { return Peer::of_unix(socket) };
        let same = self.find(route);
        let is_here = |end: &&End| end.netns == socket.netns;
        if !same.iter().any(|end| is_here(&end)) {
            // The connection was opened after the others were read.
            return Peer::Unknown;
        }
        let (found, is_master) = self.reverse(route);
        let end = if found.iter().any(|end| is_here(&end)) {
            let may_be_proxy = |end: &&End| end.is_transparent && !route.stays_inside();
            let is_certain =
                !found.iter().chain(same).filter(is_here).any(|end| may_be_proxy(&end));
            only(found.iter().filter(is_here)).filter(|_| is_certain)
        } else if route.stays_inside() || found.is_empty() {
            return Peer::None;
        } else if same.iter().all(|end| is_here(&end)) && are_of_one_netns(found) {
            only(same.iter()).and(only(found.iter()))
        } else {
            None
        };
        match end {
            None => Peer::Unknown,
            Some(end) if is_master => Peer::Is(Claim { held: Owner::Process, ..end.claim() }),
            Some(end) => Peer::Is(end.claim()),
        }
    }

    /// The ends with the addresses of a route in opposite order, and whether the route is that of an MPTCP socket
    /// and they are those of TCP sockets: the other side has no MPTCP.
    fn reverse(&self, route: Route) -> (&[End], bool) {
        let found = self.find(route.reversed());
        match found.is_empty() && route.protocol == MPTCP {
            true => (self.find(Route { protocol: TCP, ..route.reversed() }), true),
            false => (found, false),
        }
    }

    fn find(&self, route: Route) -> &[End] {
        let key = self.hasher.hash_one(route);
        let begin = self.ends.partition_point(|end| end.key < key);
        let length = self.ends[begin..].iter().take_while(|end| end.key == key).count();
        &self.ends[begin..begin + length]
    }
}

fn are_of_one_netns(ends: &[End]) -> bool {
    ends.iter().all(|end| end.netns == ends[0].netns)
}

/// The only socket among ends of one network namespace, when most was known of it: it may have been read before and after
/// it was accepted or closed. A mini-socket is ignored if there are others, because it may have been one of them before or
/// later. `None` if they are several sockets.
fn only<'a>(ends: impl Iterator<Item = &'a End> + Clone) -> Option<&'a End> {
    let is_full = ends.clone().any(|end| !end.is_mini());
    let mut ends = ends.filter(|end| end.is_mini() != is_full);
    let first = ends.next()?;
    let mut others = ends.map(|end| end.is_same_socket(first).then_some(end));
    others.try_fold(first, |best, end| [best, end?].into_iter().max_by_key(|end| end.is_open))
}
