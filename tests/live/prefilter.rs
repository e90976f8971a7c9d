//! The prefilter: the programs write no record of a socket that it rules out, and miss none that it admits.
//! The expected sockets are those of this test, according to getsockopt(2) and its neighbours.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{fchown, MetadataExt};

use ipnet::IpNet;
use knetstat::kernel::abi::{
    IPV6_flag, IPV6_value, IP_value, SOCKET_flag, SOCKET_value, TCP_flag, TCP_value, UDP_value,
};
use knetstat::kernel::family::Family;
use knetstat::kernel::load::Loader;
use knetstat::kernel::program_set::Programs;
use knetstat::kernel::request::{FactNumber, FactTest, Prefilter, Request};
use knetstat::kernel::snapshot::Snapshot;
use knetstat::kernel::syscall;
use knetstat::record::fact::{Fact, Section, Sections};
use knetstat::record::Records;
use nix::sys::socket::{getpeername, AddressFamily, SockType, SockaddrStorage};

use crate::common::scene::{inode, EveryState};
use crate::common::{connect, enter_namespace, local_address, number, open, set, set_bytes};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 1, 2, 3));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const SOL_SOCKET: i32 = 1;
const SO_MARK: i32 = 36;
const IPPROTO_TCP: i32 = 6;

/// A UID that owns no process.
const USER: u32 = 12345;

const SYN_RECV: u8 = 3;
const TIME_WAIT: u8 = 6;

/// What a record is recognized by: the inode of its socket, and its state if it is a mini-socket.
type Seen = (BTreeSet<u64>, Vec<u8>);

/// The loaders of both ways to find sockets: the walks, and the kernel's iterators.
fn loaders() -> [Loader; 2] {
    [true, false].map(|walks| Loader::new().with_walks(walks))
}

/// Loads programs that write no other sections than that of every socket and that of the tested fact.
fn load(loader: &Loader, prefilter: &Prefilter) -> Programs {
    let request = Request {
        families: vec![Family::Tcp, Family::Udp],
        udp_lite: false,
        owners: false,
        listeners: false,
        tasks: false,
        every_netns: false,
        sections: Sections::from(Section::Socket).bits(),
        prefilter: prefilter.clone(),
        ..Request::everything()
    };
    let programs = loader.load(&request).expect("root can load the programs");
    assert_eq!(programs.missing(), None);
    programs
}

/// Returns what the programs report in this network namespace.
fn seen(programs: &Programs) -> Seen {
    let mut snapshot = Snapshot::default();
    programs.open(&mut snapshot).expect("the iterators can be opened");
    let mut records = Records::new(snapshot.buffered()).requiring(Section::Socket.into());
    let mut seen = Seen::default();
    while let Some(record) = records.next_record().expect("a whole stream") {
        match record.has(Section::Socket) {
            true => drop(seen.0.insert(record.header.inode)),
            false => seen.1.push(record.header.state),
        }
    }
    seen
}

/// The sockets of a test, in a network namespace of its own.
struct Scene {
    sockets: Vec<OwnedFd>,
    loaders: [Loader; 2],
}

impl Scene {
    /// Opens connections over IPv4, IPv6 and both, and sockets that are listening, connectionless or not even
    /// bound.
    fn new() -> Scene {
        enter_namespace();
        let mut sockets: Vec<OwnedFd> = Vec::new();
        let mapped = IpAddr::V6(Ipv4Addr::new(127, 1, 2, 3).to_ipv6_mapped());
        for (at, target) in [(V4, V4), (OTHER, OTHER), (V6, V6), (OTHER, mapped)] {
            let listener = TcpListener::bind((at, 0)).expect("bind");
            let (client, server) = connect(&listener, target);
            let socket = UdpSocket::bind((at, 0)).expect("bind");
            let peer = UdpSocket::bind((at, 0)).expect("bind");
            socket.connect(peer.local_addr().expect("an address")).expect("connect");
            sockets.extend([listener.into(), client.into(), server.into()]);
            sockets.extend([socket.into(), peer.into()]);
        }
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            for kind in [SockType::Stream, SockType::Datagram] {
                sockets.extend([open(family, kind), open(family, kind)]);
            }
        }
        Scene { sockets, loaders: loaders() }
    }

    /// What the programs report, which is the same in both ways.
    fn seen(&self, prefilter: &Prefilter) -> BTreeSet<u64> {
        let [walked, iterated] = self.loaders.each_ref().map(|it| seen(&load(it, prefilter)).0);
        assert_eq!(walked, iterated, "{prefilter:?}: the walks report others than the iterators");
        walked
    }

    fn inodes(&self) -> BTreeSet<u64> {
        self.sockets.iter().map(inode).collect()
    }

    /// Changes every other socket, where that is possible.
    fn change<E>(&self, change: impl Fn(&OwnedFd) -> Result<(), E>) {
        let changed = self.sockets.iter().step_by(2).filter(|socket| change(socket).is_ok());
        assert_ne!(changed.count(), 0, "no socket can be changed");
    }

    /// Asserts that the programs report exactly the sockets that are wanted: some, not all.
    fn check(&self, prefilter: &Prefilter, wanted: impl Fn(&OwnedFd) -> bool) {
        let expected: BTreeSet<u64> =
            self.sockets.iter().filter(|socket| wanted(socket)).map(inode).collect();
        assert!(!expected.is_empty(), "{prefilter:?}: no socket is wanted");
        assert!(expected.len() < self.sockets.len(), "{prefilter:?}: every socket is wanted");
        assert_eq!(self.seen(prefilter), expected, "{prefilter:?}");
    }

    /// Checks the test of a fact, and its opposite. `value` is the number that getsockopt(2) returns, if it
    /// does.
    fn check_fact(
        &self,
        (fact, number): (Fact, FactNumber),
        range: RangeInclusive<i128>,
        value: impl Fn(&OwnedFd) -> Option<i128>,
    ) {
        for inverted in [false, true] {
            let prefilter = test_of(fact, number, &range, inverted);
            self.check(&prefilter, |socket| {
                value(socket).is_some_and(|value| range.contains(&value) != inverted)
            });
        }
    }
}

fn test_of(
    fact: Fact,
    number: FactNumber,
    range: &RangeInclusive<i128>,
    inverted: bool,
) -> Prefilter {
    let (section, place) = fact.place();
    let (low, high) = (*range.start(), *range.end());
    let test = FactTest { section, place, number, low, high, inverted };
    Prefilter { fact: Some(test), ..Prefilter::default() }
}

/// Returns an option of so many bytes, if the socket has it.
fn bytes<const N: usize>(socket: &OwnedFd, level: i32, option: i32) -> Option<[u8; N]> {
    let mut buffer = [0; N];
    syscall::getsockopt(socket.as_fd(), level, option, &mut buffer).ok()?;
    Some(buffer)
}

fn signed(socket: &OwnedFd, level: i32, option: i32) -> Option<i128> {
    bytes(socket, level, option).map(|value| i32::from_ne_bytes(value).into())
}

fn unsigned(socket: &OwnedFd, level: i32, option: i32) -> Option<i128> {
    bytes(socket, level, option).map(|value| u32::from_ne_bytes(value).into())
}

/// The local and the remote address, as IPv4 if they are mapped.
fn addresses(socket: &OwnedFd) -> (IpAddr, IpAddr) {
    let local = local_address(socket).ip();
    let peer = getpeername::<SockaddrStorage>(number(socket)).ok();
    let v4 = |name: &SockaddrStorage| name.as_sockaddr_in().map(|it| SocketAddr::V4((*it).into()));
    let v6 = |name: &SockaddrStorage| name.as_sockaddr_in6().map(|it| SocketAddr::V6((*it).into()));
    let remote = peer.and_then(|name| v4(&name).or_else(|| v6(&name))).map(|it| it.ip());
    let none: IpAddr = match local {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    (local.to_canonical(), remote.unwrap_or(none).to_canonical())
}

/// Whether the address, which is not a mapped one, is in one of the networks. None of them is so short that
/// it contains all mapped addresses.
fn is_within(networks: &[IpNet], address: IpAddr) -> bool {
    let canonical = |it: &IpNet| match (it.addr().to_canonical(), it.prefix_len()) {
        (v4 @ IpAddr::V4(_), 128) => v4.into(),
        _ => *it,
    };
    networks.iter().any(|it| canonical(it).contains(&address))
}

#[test]
fn networks() {
    let scene = Scene::new();
    let parse = |words: &str| -> Vec<IpNet> {
        words.split_whitespace().map(|it| it.parse().expect("a network")).collect()
    };
    let check = |local: &str, remote: &str, either: &str| {
        let prefilter = Prefilter {
            local_networks: parse(local),
            remote_networks: parse(remote),
            either_networks: parse(either),
            ..Prefilter::default()
        };
        let any =
            |networks: &Vec<IpNet>, address| networks.is_empty() || is_within(networks, address);
        scene.check(&prefilter, |socket| {
            let (local, remote) = addresses(socket);
            let either = &prefilter.either_networks;
            any(&prefilter.local_networks, local)
                && any(&prefilter.remote_networks, remote)
                && (any(either, local) || any(either, remote))
        });
    };
    check("127.0.0.0/8", "", "");
    check("::1/128", "", "");
    check("::ffff:127.1.2.3/128", "", "");
    check("10.0.0.0/8 127.1.2.0/24 2001:db8::/32 ::1/128", "", "");
    check("", "127.1.0.0/16", "");
    check("", "0.0.0.0/32", "");
    check("", "", "127.1.2.3/32");
    check("", "", "::/127");
    check(
        "",
        "",
        "10.0.0.0/8 10.0.0.0/9 10.0.0.0/10 10.0.0.0/11 10.0.0.0/12 10.0.0.0/13 10.0.0.0/14 ::1/128",
    );
    check("127.0.0.0/8", "127.0.0.1/32 ::1/128", "127.1.0.0/16");
}

#[test]
fn interfaces() {
    const SO_BINDTODEVICE: i32 = 25;
    const SO_BINDTOIFINDEX: i32 = 62;
    let scene = Scene::new();
    scene.change(|socket| set_bytes(socket, SOL_SOCKET, SO_BINDTODEVICE, b"lo\0"));
    for interfaces in [vec![1], vec![0], vec![7, 8, 1]] {
        let prefilter = Prefilter { interfaces: interfaces.clone(), ..Prefilter::default() };
        scene.check(&prefilter, |socket| {
            let index = unsigned(socket, SOL_SOCKET, SO_BINDTOIFINDEX).expect("an index");
            interfaces.iter().any(|it| i128::from(*it) == index)
        });
    }
}

#[test]
fn uids() {
    let scene = Scene::new();
    scene.change(|socket| fchown(socket, Some(USER), None));
    for uids in [vec![USER], vec![0], vec![1, 2, 3, 4, 5, 6, 7, USER]] {
        let prefilter = Prefilter { uids: uids.clone(), ..Prefilter::default() };
        scene.check(&prefilter, |socket| {
            let socket = File::from(socket.try_clone().expect("a descriptor"));
            uids.contains(&socket.metadata().expect("fstat").uid())
        });
    }
}

#[test]
fn facts_of_all_sockets() {
    const SO_KEEPALIVE: i32 = 9;
    const SO_RCVBUF: i32 = 8;
    const SO_MAX_PACING_RATE: i32 = 47;
    let scene = Scene::new();
    let flag = |name: SOCKET_flag| Fact::Flag(Section::Socket, name.0 as u8);
    let value = |name: SOCKET_value| Fact::Value(Section::Socket, name.0 as u8);
    let word = |number| move |socket: &OwnedFd| unsigned(socket, SOL_SOCKET, number);

    scene.change(|socket| set(socket, SOL_SOCKET, SO_KEEPALIVE, 1));
    for on in [0, 1] {
        let fact = (flag(SOCKET_flag::SO_KEEPALIVE), FactNumber::Signed32);
        scene.check_fact(fact, on..=on, word(SO_KEEPALIVE));
    }

    scene.change(|socket| set(socket, SOL_SOCKET, SO_MARK, 7));
    let mark = value(SOCKET_value::SO_MARK);
    scene.check_fact((mark, FactNumber::Unsigned32), 7..=7, word(SO_MARK));
    scene.change(|socket| set(socket, SOL_SOCKET, SO_MARK, -16));
    scene.check_fact((mark, FactNumber::Unsigned32), 1 << 31..=i128::MAX, word(SO_MARK));
    scene.check_fact((mark, FactNumber::Signed32), -16..=-16, |socket| {
        signed(socket, SOL_SOCKET, SO_MARK)
    });

    scene.change(|socket| set(socket, SOL_SOCKET, SO_RCVBUF, 5000));
    let buffer = (value(SOCKET_value::SO_RCVBUF), FactNumber::Signed32);
    scene.check_fact(buffer, i128::MIN..=10_000, word(SO_RCVBUF));

    scene.change(|socket| {
        set_bytes(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &1_000_000_u64.to_ne_bytes())
    });
    let rate = (value(SOCKET_value::SO_MAX_PACING_RATE), FactNumber::Unsigned64);
    scene.check_fact(rate, u64::MAX.into()..=u64::MAX.into(), |socket| {
        bytes(socket, SOL_SOCKET, SO_MAX_PACING_RATE).map(|it| u64::from_ne_bytes(it).into())
    });
}

#[test]
fn facts_of_some_sockets() {
    const TCP_NODELAY: i32 = 1;
    const TCP_KEEPCNT: i32 = 6;
    const TCP_LINGER2: i32 = 8;
    const IPPROTO_UDP: i32 = 17;
    const UDP_SEGMENT: i32 = 103;
    const IP_TOS: i32 = 1;
    const IPV6_TCLASS: i32 = 67;
    const IPV6_RECVTCLASS: i32 = 66;
    const IPPROTO_IPV6: i32 = 41;
    let scene = Scene::new();
    let tcp = |name: TCP_value| Fact::Value(Section::Tcp, name.0 as u8);

    scene.change(|socket| set(socket, IPPROTO_TCP, TCP_NODELAY, 1));
    let nodelay = Fact::Flag(Section::Tcp, TCP_flag::TCP_NODELAY.0 as u8);
    scene.check_fact((nodelay, FactNumber::Unsigned32), 1..=1, |socket| {
        unsigned(socket, IPPROTO_TCP, TCP_NODELAY)
    });

    // The default, 9, is 0 in the socket.
    scene.change(|socket| set(socket, IPPROTO_TCP, TCP_KEEPCNT, 4));
    scene.check_fact((tcp(TCP_value::TCP_KEEPCNT), FactNumber::Unsigned32), 3..=5, |socket| {
        unsigned(socket, IPPROTO_TCP, TCP_KEEPCNT)
    });

    scene.change(|socket| set(socket, IPPROTO_TCP, TCP_LINGER2, -1));
    scene.check_fact((tcp(TCP_value::TCP_LINGER2), FactNumber::Signed32), -5..=-1, |socket| {
        signed(socket, IPPROTO_TCP, TCP_LINGER2)
    });

    scene.change(|socket| set(socket, IPPROTO_UDP, UDP_SEGMENT, 500));
    let segment = Fact::Value(Section::Udp, UDP_value::UDP_SEGMENT.0 as u8);
    scene.check_fact((segment, FactNumber::Unsigned32), 1..=1000, |socket| {
        unsigned(socket, IPPROTO_UDP, UDP_SEGMENT)
    });

    scene.change(|socket| set(socket, 0, IP_TOS, 16));
    let tos = Fact::Value(Section::Ip, IP_value::IP_TOS.0 as u8);
    scene.check_fact((tos, FactNumber::Unsigned32), 16..=16, |socket| unsigned(socket, 0, IP_TOS));

    // An IPv4 socket has neither, and no test admits it.
    scene.change(|socket| set(socket, IPPROTO_IPV6, IPV6_TCLASS, 32));
    let tclass = Fact::Value(Section::Ipv6, IPV6_value::IPV6_TCLASS.0 as u8);
    scene.check_fact((tclass, FactNumber::Signed32), 32..=32, |socket| {
        signed(socket, IPPROTO_IPV6, IPV6_TCLASS)
    });
    scene.change(|socket| set(socket, IPPROTO_IPV6, IPV6_RECVTCLASS, 1));
    let received = Fact::Flag(Section::Ipv6, IPV6_flag::IPV6_RECVTCLASS.0 as u8);
    scene.check_fact((received, FactNumber::Signed32), 1..=1, |socket| {
        signed(socket, IPPROTO_IPV6, IPV6_RECVTCLASS)
    });
}

#[test]
fn ranges_without_numbers() {
    let scene = Scene::new();
    let mark = Fact::Value(Section::Socket, SOCKET_value::SO_MARK.0 as u8);
    let every = scene.inodes();
    for (low, high) in [(1, 0), (i128::from(u32::MAX) + 1, i128::MAX), (i128::MIN, -1)] {
        let range = low..=high;
        let reported =
            |inverted| scene.seen(&test_of(mark, FactNumber::Unsigned32, &range, inverted));
        assert_eq!(reported(false), BTreeSet::new(), "{range:?}");
        assert_eq!(reported(true), every, "{range:?}");
    }
}

#[test]
fn more_alternatives_than_fit() {
    let scene = Scene::new();
    let every = scene.inodes();
    let networks = vec!["10.0.0.0/8".parse().expect("a network"); 9];
    let prefilter = Prefilter {
        local_ports: vec![1..=1; 9],
        local_networks: networks.clone(),
        remote_networks: networks.clone(),
        either_networks: networks,
        interfaces: vec![7; 9],
        uids: vec![USER; 9],
        ..Prefilter::default()
    };
    assert_eq!(scene.seen(&prefilter), every);
}

#[test]
fn mini_sockets() {
    enter_namespace();
    let of_user = |uid| Prefilter { uids: vec![uid], ..Prefilter::default() };
    let to = |network: &str| Prefilter {
        remote_networks: vec![network.parse().expect("a network")],
        ..Prefilter::default()
    };
    let mark = Fact::Value(Section::Socket, SOCKET_value::SO_MARK.0 as u8);
    let prefilters = [
        Prefilter::default(),
        of_user(0),
        of_user(USER),
        to("127.0.0.0/8"),
        to("10.0.0.0/8"),
        test_of(mark, FactNumber::Unsigned32, &(0..=0), false),
    ];
    // Loaded first, because a mini-socket lives for a minute, which an emulated machine takes to load them.
    let ways = loaders().map(|loader| prefilters.each_ref().map(|it| load(&loader, it)));
    let _states = EveryState::new(V4, V4);
    ways.iter().for_each(check_mini_sockets);
}

fn check_mini_sockets(programs: &[Programs; 6]) {
    let [everything, of_root, of_user, here, elsewhere, unmarked] = programs;
    let count =
        |programs: &Programs, state: u8| seen(programs).1.iter().filter(|it| **it == state).count();
    assert_ne!(count(everything, TIME_WAIT), 0);
    assert_ne!(count(everything, SYN_RECV), 0);
    // A connection request has the user of its listener. No other mini-socket has a user.
    assert_ne!(count(of_root, SYN_RECV), 0);
    assert_eq!(count(of_root, TIME_WAIT), 0);
    assert_eq!(seen(of_user), Seen::default());
    assert_ne!(count(here, TIME_WAIT), 0);
    assert_ne!(count(here, SYN_RECV), 0);
    assert_eq!(seen(elsewhere), Seen::default());
    let (sockets, mini) = seen(unmarked);
    assert_ne!(sockets, BTreeSet::new());
    assert_eq!(mini, Vec::<u8>::new(), "a mini-socket has no facts");
}
