//! The walks and the kernel's iterators show the same sockets with the same members, also through filters. Most
//! scenes of other tests are compared where they are made, with `assert_same_without_walks`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::fchown;

use knetstat::kernel::syscall;
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::sys::socket::{AddressFamily, SockType};
use nix::unistd::Pid;
use socket2::Socket;

use crate::common::scene::EveryState;
use crate::common::ways::{assert_both_ways_show, assert_same_without_walks, every_walk};
use crate::common::{
    attach_return, bind, enter_namespace, not_tested, open, set, set_bytes, sockets, stdout, sysctl,
};
use crate::families::{mptcp, unix};
use crate::numbers::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A UID that owns no process.
const USER: u32 = 12345;

/// Sockets of each family that has a walk.
struct World {
    _states: Vec<EveryState>,
    _unix: Vec<Socket>,
    _mptcp: Option<mptcp::Crowd>,
    _special: Vec<OwnedFd>,
}

impl World {
    /// Opens the sockets in a new namespace.
    fn new() -> World {
        enter_namespace();
        let has_mptcp = mptcp::permit("MPTCP sockets in both ways");
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped().into();
        World {
            _special: special_sockets(),
            _unix: unix::scene(),
            _mptcp: has_mptcp.then(mptcp::Crowd::new),
            // Last, because mini-sockets do not live long.
            _states: vec![
                EveryState::new(V4, V4),
                EveryState::new(V6, V6),
                EveryState::new(Ipv6Addr::UNSPECIFIED.into(), V4),
                EveryState::new(V4, mapped),
            ],
        }
    }
}

/// Sockets, each with a property by which it is selected.
fn special_sockets() -> Vec<OwnedFd> {
    let udp = |at: IpAddr, port: u16| OwnedFd::from(UdpSocket::bind((at, port)).expect("bind"));
    let int = |socket: OwnedFd, level, number, value| {
        set(&socket, level, number, value).expect("an option");
        socket
    };
    let bytes = |socket: OwnedFd, level, number, value: &[u8]| {
        set_bytes(&socket, level, number, value).expect("an option");
        socket
    };
    let of_user = udp(V4, 7001);
    fchown(&of_user, Some(USER), None).expect("fchown");
    let filtered = udp(V6, 7002);
    attach_return(&filtered, SOL_SOCKET, SO_ATTACH_FILTER, 100).expect("SO_ATTACH_FILTER");
    let idle = open(AddressFamily::Inet, SockType::Stream);
    bind(&idle, (V4, 7003));
    vec![
        of_user,
        filtered,
        idle,
        bytes(udp(V4, 7004), SOL_SOCKET, SO_BINDTODEVICE, b"lo"),
        int(udp(V4, 7005), SOL_SOCKET, SO_MARK, 7),
        int(udp(V4, 7006), IPPROTO_IP, IP_TOS, 16),
        int(udp(V6, 7007), IPPROTO_IPV6, IPV6_TCLASS, 32),
        int(udp(V6, 7008), IPPROTO_UDP, UDP_SEGMENT, 500),
        int(TcpListener::bind((V4, 7011)).expect("bind").into(), IPPROTO_TCP, TCP_NODELAY, 1),
        int(open(AddressFamily::Unix, SockType::Datagram), SOL_SOCKET, SO_PASSCRED, 1),
        bytes(udp(V4, 7009), IPPROTO_IP, IP_OPTIONS, &[7, 7, 4, 1, 1, 1, 1, 1]),
        bytes(udp(V6, 7010), IPPROTO_IPV6, IPV6_HOPOPTS, &[0, 0, 1, 4, 0, 0, 0, 0]),
    ]
}

/// Filters, each of which selects some sockets of the world.
const FILTERS: [&str; 24] = [
    "--state time-wait,syn-recv",
    "--state established,listen",
    "-l",
    "-4",
    "-6",
    "--port 7001-7005",
    "--sport 7004",
    "--dport 1-65535",
    "--addr 127.0.0.0/8",
    "--dst ::1",
    "--interface lo",
    "--user 12345",
    "--where mark=7",
    "--where rcvbuf>1",
    "--where tos=16",
    "--where tclass=32",
    "--where udp_segment=500",
    "--where nodelay",
    "--where passcred",
    "--where set(ip_options)",
    "--where set(hopopts)",
    "--where keepcnt>1",
    "--where dead_after_sending>1s",
    "--where local~@*",
];

#[test]
fn every_family_in_every_state() {
    let _world = World::new();
    let rows = assert_same_without_walks();
    for protocol in ["tcp", "tcp6", "udp", "udp6", "unix"] {
        assert!(rows.iter().any(|row| row["protocol"] == protocol), "no socket of {protocol}");
    }
    for family in ["-t", "-u", "-x", "-tux -p"] {
        assert_both_ways_show(family);
    }
}

#[test]
fn filters() {
    let _world = World::new();
    // TIME_WAIT ends after a minute, in which an emulated machine does not compare both ways.
    sysctl("net/ipv4/tcp_synack_retries", "12");
    let all = sockets(every_walk()).len();
    for filter in FILTERS {
        let some = assert_both_ways_show(&format!("{} {filter}", every_walk())).len();
        assert!(some < all, "{filter} selects every socket");
    }
}

/// A walk has a lane for each CPU that the program may use.
#[test]
fn the_order_of_the_rows_does_not_depend_on_the_number_of_lanes() {
    enter_namespace();
    syscall::allow_many_files();
    let tcp = |_| OwnedFd::from(TcpListener::bind((V4, 0)).expect("a listener"));
    let udp = |_| OwnedFd::from(UdpSocket::bind((V4, 0)).expect("a socket"));
    let _sockets: Vec<OwnedFd> = (0..1_000).map(tcp).chain((0..1_000).map(udp)).collect();

    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this).expect("the CPUs");
    let cpus: Vec<usize> =
        (0..CpuSet::count()).filter(|n| allowed.is_set(*n) == Ok(true)).collect();
    if cpus.len() < 2 {
        return not_tested("more than one lane: there is one CPU");
    }
    let rows = stdout("-tulH");
    assert!(rows.lines().count() >= 2_000, "{rows}");
    assert_eq!(rows, stdout("-tulH"), "the same number of lanes");
    let mut one = CpuSet::new();
    one.set(cpus[0]).expect("a CPU");
    sched_setaffinity(this, &one).expect("one CPU");
    assert_eq!(rows, stdout("-tulH"), "one lane");
}
