//! The sentences about IPPROTO_IP, IPPROTO_IPV6 and IPPROTO_UDP.

use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use super::said::{all_say, does_not_say, get, is_readable, pause, put, says, udp_pair, LOCALHOST};
use super::Case;
use crate::common::scene::wait_for_state;
use crate::common::{
    begin_connecting, bind, ip, listen, local_address, not_tested, open, wait_until,
};
use crate::numbers::*;
use nix::sys::socket::{
    recvmsg, socket, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType,
};

const DSCP: &str = "DSCP {}";
const ONE_HOP: &str = "1: no router forwards unicast packets of {}";
const THIS_HOST: &str = "0: multicast of IPv4 does not leave this host";
const NEIGHBOURS: &str = "1: no router forwards multicast of {}";
const NOT_FORWARDED: &str = "255: packets of {} that a router has forwarded are dropped";
const NO_DF: &str = "the DF bit is not set, so that routers may fragment the packets";
const PATH: &str = "a datagram of {} that exceeds the path MTU fails with EMSGSIZE";
const INTERFACE: &str =
    "ignores the path MTU: a datagram of {} that exceeds the MTU of the interface fails with EMSGSIZE";
const FRAGMENTED: &str =
    "ignores the path MTU: a datagram of {} that exceeds the MTU of the interface is fragmented";
const DUAL: &str = "also serves IPv4: ::ffff:192.0.2.1 is the peer 192.0.2.1";
const IPV6_ONLY: &str = "does not serve IPv4";
const CORK: &str = "nothing is sent until it is turned off";

pub(super) const CASES: &[Case] = &[
    (&[DSCP], dscp),
    (&[ONE_HOP], one_hop),
    (&[THIS_HOST, NEIGHBOURS], multicast),
    (&[NOT_FORWARDED], not_forwarded),
    (&[NO_DF, PATH, INTERFACE, FRAGMENTED], discovery),
    (&[DUAL, IPV6_ONLY], dual_stack),
    (&[CORK], cork),
];

/// The first byte of the control message that comes with a datagram, as IP_RECVTOS and IP_RECVTTL ask for.
fn control_byte(receiver: &UdpSocket) -> u8 {
    let (mut byte, mut space) = ([0], vec![0; 256]);
    let mut data = [IoSliceMut::new(&mut byte)];
    recvmsg::<()>(receiver.as_raw_fd(), &mut data, Some(&mut space), MsgFlags::empty())
        .expect("recvmsg");
    space[size_of::<cmsghdr>()]
}

fn dscp() {
    let (receiver, sender) = udp_pair();
    put(&receiver, IPPROTO_IP, IP_RECVTOS, 1);
    does_not_say(&sender, "IP_TOS", DSCP);
    for (tos, name) in
        [(0xb8, "EF"), (0x28, "AF11"), (0xe0, "CS7"), (0x10, "4"), (0xb9, "EF, ECN ECT(1)")]
    {
        put(&sender, IPPROTO_IP, IP_TOS, tos);
        says(&sender, "IP_TOS", DSCP, &[name]);
        sender.send(b"x").expect("send");
        assert_eq!(i32::from(control_byte(&receiver)), tos);
    }
    let sender6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a UDP socket");
    put(&sender6, IPPROTO_IPV6, IPV6_TCLASS, 0xb8);
    says(&sender6, "IPV6_TCLASS", DSCP, &["EF"]);
    drop((receiver, sender, sender6));
    every_name();
}

/// Compares the names with those of iproute2, where its list is installed.
fn every_name() {
    let places =
        ["/etc", "/usr/share", "/usr/lib"].map(|place| format!("{place}/iproute2/rt_dsfield"));
    let Some(list) = places.iter().find_map(|place| std::fs::read_to_string(place).ok()) else {
        return not_tested("the names of DSCP: iproute2 has no list here");
    };
    let is_dscp = |name: &str| ["AF", "CS", "EF"].iter().any(|kind| name.starts_with(kind));
    let named = list.lines().filter_map(|line| {
        let (number, name) = line.split_once(char::is_whitespace)?;
        let number = i32::from_str_radix(number.strip_prefix("0x")?, 16).ok()?;
        Some((number, name.trim())).filter(|(number, name)| *number != 0 && is_dscp(name))
    });
    let socket = |(number, name): (i32, &str)| {
        let socket = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
        put(&socket, IPPROTO_IP, IP_TOS, number);
        (socket, Some(name.to_owned()))
    };
    let sockets: Vec<_> = named.map(socket).collect();
    assert!(sockets.len() >= 20, "{list}");
    all_say(&sockets, "IP_TOS", DSCP);
}

/// That routers drop it is a matter of the source: net/ipv4/ip_forward.c, ip_forward().
fn one_hop() {
    let (receiver, sender) = udp_pair();
    does_not_say(&sender, "IP_TTL", ONE_HOP);
    put(&sender, IPPROTO_IP, IP_TTL, 1);
    says(&sender, "IP_TTL", ONE_HOP, &["IPv4"]);
    put(&receiver, IPPROTO_IP, IP_RECVTTL, 1);
    sender.send(b"x").expect("send");
    assert_eq!(control_byte(&receiver), 1);
    let sender6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a UDP socket");
    put(&sender6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1);
    says(&sender6, "IPV6_UNICAST_HOPS", ONE_HOP, &["IPv6"]);
    does_not_say(&sender6, "IP_TTL", ONE_HOP);
}

/// Where multicast ends is a matter of the source: net/ipv4/ip_output.c, ip_mc_output(), and ip_forward().
fn multicast() {
    let (sender, _receiver) = udp_pair();
    assert_eq!(get(&sender, IPPROTO_IP, IP_MULTICAST_TTL), 1);
    says(&sender, "IP_MULTICAST_TTL", NEIGHBOURS, &["IPv4"]);
    put(&sender, IPPROTO_IP, IP_MULTICAST_TTL, 0);
    says(&sender, "IP_MULTICAST_TTL", THIS_HOST, &[]);
    put(&sender, IPPROTO_IP, IP_MULTICAST_TTL, 2);
    for text in [NEIGHBOURS, THIS_HOST] {
        does_not_say(&sender, "IP_MULTICAST_TTL", text);
    }
    let sender6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a UDP socket");
    says(&sender6, "IPV6_MULTICAST_HOPS", NEIGHBOURS, &["IPv6"]);
    ipv6_leaves_the_host(&sender6);
    // The program makes the headers.
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Raw);
    let raw = raw.expect("a raw socket");
    does_not_say(&raw, "IP_MULTICAST_TTL", NEIGHBOURS);
    put(&raw, IPPROTO_IP, IP_HDRINCL, 0);
    says(&raw, "IP_MULTICAST_TTL", NEIGHBOURS, &["IPv4"]);
    let raw = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::empty(), SockProtocol::Raw);
    let raw = raw.expect("a raw socket");
    assert_eq!(get(&raw, IPPROTO_IPV6, IPV6_HDRINCL), 1);
    put(&raw, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1);
    does_not_say(&raw, "IPV6_MULTICAST_HOPS", NEIGHBOURS);
    does_not_say(&raw, "IPV6_UNICAST_HOPS", ONE_HOP);
}

/// Unlike IPv4, it also sends what has no hop left, unless this host is in the group: net/ipv6/ip6_output.c,
/// ip6_finish_output2()
fn ipv6_leaves_the_host(sender: &UdpSocket) {
    put(sender, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 0);
    let block = super::said::block(sender, "IPV6_MULTICAST_HOPS");
    assert_eq!(super::said::below(&block, "IPV6_MULTICAST_HOPS"), [""; 0], "{block}");
}

fn not_forwarded() {
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    put(&listener, IPPROTO_IP, IP_MINTTL, 254);
    does_not_say(&listener, "IP_MINTTL", NOT_FORWARDED);
    put(&listener, IPPROTO_IP, IP_MINTTL, 255);
    says(&listener, "IP_MINTTL", NOT_FORWARDED, &["IPv4"]);
    let client = |ttl| {
        let client = open(AddressFamily::Inet, SockType::Stream);
        put(&client, IPPROTO_IP, IP_TTL, ttl);
        begin_connecting(&client, local_address(&listener));
        client
    };
    // As if one router had forwarded it.
    let distant = client(254);
    let near = client(255);
    wait_for_state(&near, "ESTABLISHED");
    wait_for_state(&distant, "SYN_SENT");
}

/// Sends a datagram that exceeds the MTU of the loopback interface.
fn send_large(sender: &UdpSocket) -> Result<usize, Option<i32>> {
    sender.send(&[0; 3000]).map_err(|error| error.raw_os_error())
}

fn discovery() {
    ip("link set lo mtu 1500");
    let (receiver, sender) = udp_pair();
    let fails = Err(Some(EMSGSIZE));
    let all = [NO_DF, PATH, INTERFACE, FRAGMENTED];
    for (how, text, sent) in [
        (IP_PMTUDISC_DONT, Some(NO_DF), Ok(3000)),
        (IP_PMTUDISC_WANT, None, Ok(3000)),
        (IP_PMTUDISC_DO, Some(PATH), fails),
        (IP_PMTUDISC_PROBE, Some(INTERFACE), fails),
        (IP_PMTUDISC_INTERFACE, Some(INTERFACE), fails),
        (IP_PMTUDISC_OMIT, Some(FRAGMENTED), Ok(3000)),
    ] {
        put(&sender, IPPROTO_IP, IP_MTU_DISCOVER, how);
        for other in all {
            match text == Some(other) {
                true if other == NO_DF => says(&sender, "IP_MTU_DISCOVER", other, &[]),
                true => says(&sender, "IP_MTU_DISCOVER", other, &["IPv4"]),
                false => does_not_say(&sender, "IP_MTU_DISCOVER", other),
            }
        }
        assert_eq!(send_large(&sender), sent, "{how}");
    }
    drop(receiver);
    let receiver = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a UDP socket");
    let sender = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a UDP socket");
    sender.connect(local_address(&receiver)).expect("connect");
    for (how, text, sent) in [
        (IPV6_PMTUDISC_DO, PATH, fails),
        (IPV6_PMTUDISC_PROBE, INTERFACE, fails),
        (IPV6_PMTUDISC_INTERFACE, INTERFACE, fails),
        (IPV6_PMTUDISC_OMIT, FRAGMENTED, Ok(3000)),
    ] {
        put(&sender, IPPROTO_IPV6, IPV6_MTU_DISCOVER, how);
        says(&sender, "IPV6_MTU_DISCOVER", text, &["IPv6"]);
        assert_eq!(send_large(&sender), sent, "IPv6 {how}");
    }
    put(&sender, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
    does_not_say(&sender, "IPV6_MTU_DISCOVER", FRAGMENTED);
    assert_eq!(send_large(&sender), fails);

    // The program makes the headers, and the kernel fragments nothing.
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Raw);
    let raw = raw.expect("a raw socket");
    put(&raw, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    does_not_say(&raw, "IP_MTU_DISCOVER", FRAGMENTED);
    put(&raw, IPPROTO_IP, IP_HDRINCL, 0);
    says(&raw, "IP_MTU_DISCOVER", FRAGMENTED, &["IPv4"]);
}

fn dual_stack() {
    for (only, text, other) in [(0, DUAL, IPV6_ONLY), (1, IPV6_ONLY, DUAL)] {
        let listener = open(AddressFamily::Inet6, SockType::Stream);
        put(&listener, IPPROTO_IPV6, IPV6_V6ONLY, only);
        bind(&listener, (Ipv6Addr::UNSPECIFIED, 0));
        does_not_say(&listener, "IPV6_V6ONLY", text);
        listen(&listener, 1);
        says(&listener, "IPV6_V6ONLY", text, &[]);
        does_not_say(&listener, "IPV6_V6ONLY", other);
        let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, local_address(&listener).port()));
        match only {
            0 => drop(connected.expect("a connection over IPv4")),
            _ => {
                let error = connected.expect_err("no connection over IPv4");
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            }
        }
        let socket = open(AddressFamily::Inet6, SockType::Datagram);
        put(&socket, IPPROTO_IPV6, IPV6_V6ONLY, only);
        bind(&socket, (Ipv6Addr::UNSPECIFIED, 0));
        says(&socket, "IPV6_V6ONLY", text, &[]);
    }
    let specific = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a listener");
    does_not_say(&specific.as_fd(), "IPV6_V6ONLY", IPV6_ONLY);
}

fn cork() {
    let (receiver, sender) = udp_pair();
    does_not_say(&sender, "UDP_CORK", CORK);
    put(&sender, IPPROTO_UDP, 1, 1);
    says(&sender, "UDP_CORK", CORK, &[]);
    sender.send(b"x").expect("send");
    pause();
    assert!(!is_readable(&receiver));
    put(&sender, IPPROTO_UDP, 1, 0);
    wait_until("it is sent", || is_readable(&receiver));
}
