//! Raw sockets and ping sockets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;

use serde_json::{json, Value};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::walk::{walk, Maker};
use crate::common::{self, scene::inode};
use crate::numbers::*;

/// The kinds of sockets: their names, and the arguments of socket(2).
const KINDS: [(&str, Domain, Type, i32); 8] = [
    ("raw ICMP", Domain::IPV4, Type::RAW, 1),
    ("raw 253", Domain::IPV4, Type::RAW, 253),
    ("raw 255", Domain::IPV4, Type::RAW, 255),
    ("raw6 ICMPv6", Domain::IPV6, Type::RAW, 58),
    ("raw6 253", Domain::IPV6, Type::RAW, 253),
    ("raw6 255", Domain::IPV6, Type::RAW, 255),
    ("ping", Domain::IPV4, Type::DGRAM, 1),
    ("ping6", Domain::IPV6, Type::DGRAM, 58),
];

fn open(domain: Domain, socket_type: Type, protocol: i32) -> Socket {
    let socket = Socket::new(domain, socket_type, Some(Protocol::from(protocol)));
    socket.unwrap_or_else(|error| panic!("socket {domain:?} {socket_type:?} {protocol}: {error}"))
}

/// Enters a namespace in which all users may open ping sockets.
fn enter() {
    super::enter();
    common::sysctl("net/ipv4/ping_group_range", "0 2147483647");
}

fn loopback(domain: Domain) -> IpAddr {
    match domain {
        Domain::IPV4 => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Binds to the loopback address. The meaning of the port depends on the kind.
fn bind(socket: &Socket, domain: Domain, port: u16) {
    let address = SocketAddr::new(loopback(domain), port);
    socket.bind(&SockAddr::from(address)).unwrap_or_else(|error| panic!("bind: {error}"));
}

/// A ping socket is in a table only once it is bound, so these are bound. Raw sockets are left as opened.
fn makers() -> Vec<Maker> {
    let maker = |(kind, domain, socket_type, protocol)| {
        let make = move || {
            let socket = open(domain, socket_type, protocol);
            if socket_type == Type::DGRAM {
                let any = if domain == Domain::IPV4 { "0.0.0.0:0" } else { "[::]:0" };
                let any: SocketAddr = any.parse().expect("an address");
                socket.bind(&any.into()).expect("bind");
            }
            (socket, Vec::new())
        };
        Maker { kind, make: Box::new(make) }
    };
    KINDS.into_iter().map(maker).collect()
}

#[test]
fn every_option_of_raw_sockets() {
    enter();
    walk("raw", "-w", &makers());
}

/// Parses a line of /proc/net/raw or a similar file, with the names of the JSON output.
fn parse(line: &str, protocol: &str) -> Option<(u64, Value)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let hex = |text: &str| u32::from_str_radix(text, 16).ok();
    let (send, receive) = words[4].split_once(':')?;
    let state = match hex(words[3])? {
        1 => "ESTABLISHED",
        7 => "UNCONN",
        _ => "?",
    };
    let number = |at: usize| words[at].parse::<u64>().ok();
    let row = json!({
        "protocol": protocol,
        "state": state,
        "local": end(words[1])?,
        "remote": end(words[2])?,
        "send_queue": hex(send)?,
        "recv_queue": hex(receive)?,
        "uid": number(7)?,
        "drops": number(12)?,
    });
    Some((number(9)?, row))
}

/// Parses an address and a port of /proc/net: 32-bit words in host byte order.
fn end(text: &str) -> Option<Value> {
    let (address, port) = text.split_once(':')?;
    let word = |at| u32::from_str_radix(&address[at..at + 8], 16).map(u32::to_ne_bytes).ok();
    let address = match address.len() {
        8 => IpAddr::from(word(0)?).to_string(),
        _ => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            IpAddr::from(<[u8; 16]>::try_from(words).ok()?).to_string()
        }
    };
    Some(json!({"address": address, "port": u16::from_str_radix(port, 16).ok()?}))
}

/// Returns the file of /proc/net that lists a socket.
fn file(socket: &Socket) -> &'static str {
    let v4 = socket.domain().expect("SO_DOMAIN") == Domain::IPV4;
    match (v4, socket.r#type().expect("SO_TYPE") == Type::RAW) {
        (true, true) => "raw",
        (false, true) => "raw6",
        (true, false) => "icmp",
        (false, false) => "icmp6",
    }
}

/// Returns the sockets that the kernel lists, by inode. Its lists of ping sockets also contain those of the
/// other IP version (net/ipv4/ping.c, ping_get_next()). These lines are left out.
fn listed(sockets: &[Socket]) -> BTreeMap<u64, Value> {
    let files: BTreeMap<u64, &str> =
        sockets.iter().map(|socket| (inode(socket), file(socket))).collect();
    let mut all = BTreeMap::new();
    for name in ["raw", "raw6", "icmp", "icmp6"] {
        let text = common::proc_net(name);
        for line in text.lines().skip(1) {
            let (inode, row) = parse(line, name).unwrap_or_else(|| panic!("{name}: {line}"));
            let file = files.get(&inode).unwrap_or_else(|| panic!("nobody made this: {line}"));
            if *file == name {
                assert_eq!(all.insert(inode, row), None, "{name} has the inode {inode} twice");
            }
        }
    }
    all
}

/// Returns all rows of knetstat by inode, with the members that the kernel lists.
fn shown() -> BTreeMap<u64, Value> {
    let mut all = BTreeMap::new();
    for row in common::sockets("-w") {
        let inode = row["inode"].as_u64().expect("an inode");
        let names =
            ["protocol", "state", "local", "remote", "send_queue", "recv_queue", "uid", "drops"];
        let members = names.map(|name| (name.to_owned(), row[name].clone()));
        let members = Value::Object(members.into_iter().collect());
        assert_eq!(all.insert(inode, members), None, "{inode} is shown twice");
    }
    all
}

/// Returns an echo request.
fn echo(domain: Domain) -> [u8; 8] {
    [if domain == Domain::IPV4 { 8 } else { 128 }, 0, 0, 0, 0, 0, 0, 1]
}

/// Opens new, bound and connected sockets, some with data in their queues.
fn sockets() -> Vec<Socket> {
    let mut all = Vec::new();
    for (_, domain, socket_type, protocol) in KINDS {
        let ping = socket_type == Type::DGRAM;
        let bound = open(domain, socket_type, protocol);
        bind(&bound, domain, if ping { 4242 } else { 0 });
        let connected = open(domain, socket_type, protocol);
        connected
            .connect(&SocketAddr::new(loopback(domain), 0).into())
            .unwrap_or_else(|error| panic!("connect: {error}"));
        if protocol != 255 {
            // The raw sockets of the protocol receive the request, and a ping socket the reply.
            connected.send(&echo(domain)).unwrap_or_else(|error| panic!("send: {error}"));
        }
        if !ping {
            all.push(open(domain, socket_type, protocol));
        }
        all.extend([bound, connected]);
    }
    all
}

#[test]
fn raw_sockets_are_those_of_proc() {
    enter();
    let mut sockets = sockets();
    let other = open(Domain::IPV4, Type::RAW, 253);
    // SAFETY: the descriptor is that of a socket, which stays open.
    let result = unsafe { nix::libc::fchown(common::number(&other), 4321, 0) };
    assert_eq!(result, 0, "fchown");
    sockets.push(other);

    // Data arrives immediately on the loopback interface, except for the work of a later softirq, and for what the
    // kernel itself sends while the interface comes up.
    let listed = common::same("raw sockets in /proc/net", || [listed(&sockets), shown()]);
    assert_eq!(listed.len(), sockets.len(), "the kernel lists these sockets: {listed:#?}");
    let full = listed.values().filter(|row| row["recv_queue"] != 0).count();
    assert!(full > 4, "only {full} sockets have received anything");
    assert!(listed.values().any(|row| row["uid"] == 4321), "none is of another user");
}

/// A ping socket that was never bound is in no table, and is shown at least with `--unbound`.
#[test]
fn ping_sockets_without_a_number() {
    enter();
    let ping = open(Domain::IPV4, Type::DGRAM, 1);
    let ping6 = open(Domain::IPV6, Type::DGRAM, 58);
    let rows = common::sockets("-w --unbound");
    assert_eq!(rows.len(), 2, "{rows:#?}");
    for (socket, protocol) in [(&ping, "icmp"), (&ping6, "icmp6")] {
        let row = common::find(&rows, socket).expect("the socket is shown");
        assert_eq!((&row["protocol"], &row["state"]), (&json!(protocol), &json!("UNCONN")));
    }
}

#[test]
fn those_of_another_namespace_are_not_shown() {
    common::enter_namespace();
    let _elsewhere =
        Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("a socket");
    common::enter_namespace();
    let here = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("a socket");
    let rows = common::sockets("-w -O type");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(common::find(&rows, &here).is_some());
}

/// Sets options of each kind that the records of raw sockets have.
fn set_options(socket: &Socket) {
    let set = |level, number, value: i32| {
        common::set(socket, level, number, value).expect("an option");
    };
    set(SOL_SOCKET, SO_PRIORITY, 3);
    match socket.domain().expect("SO_DOMAIN") {
        Domain::IPV4 => {
            set(SOL_IP, IP_TTL, 7);
            set(SOL_IP, IP_MULTICAST_TTL, 9);
            socket
                .join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 77), &Ipv4Addr::LOCALHOST)
                .expect("join");
        }
        _ => {
            set(SOL_IPV6, IPV6_UNICAST_HOPS, 7);
            set(SOL_IPV6, IPV6_RECVPKTINFO, 1);
            socket
                .join_multicast_v6(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x77), 1)
                .expect("join");
        }
    }
    let kind = (socket.domain().expect("SO_DOMAIN"), socket.protocol().expect("SO_PROTOCOL"));
    if kind == (Domain::IPV4, Some(Protocol::ICMPV4)) {
        set(SOL_RAW, ICMP_FILTER, 0x55);
    } else if kind == (Domain::IPV6, Some(Protocol::ICMPV6)) {
        common::set_bytes(socket, SOL_ICMPV6, ICMPV6_FILTER, &[0xa5; 32]).expect("ICMPV6_FILTER");
    } else if kind == (Domain::IPV6, Some(Protocol::from(253))) {
        set(SOL_IPV6, IPV6_CHECKSUM, 2);
    }
}

/// A walk through the tables of raw sockets finds those of which this PID namespace has no descriptor, with the values
/// that a descriptor leads to. The kernel's tables of ping sockets are not known.
#[test]
fn those_of_other_pid_namespaces_are_shown_alike() {
    enter();
    if !common::btf_has("raw_hashinfo") {
        return common::not_tested("raw sockets without a descriptor: their tables are not walked");
    }
    let sockets = sockets();
    let is_raw = |socket: &&Socket| socket.r#type().is_ok_and(|kind| kind == Type::RAW);
    sockets.iter().filter(is_raw).step_by(2).for_each(set_options);
    // An ICMPv6 socket receives what the kernel sends meanwhile, such as reports of multicast groups.
    let shown = common::same("raw sockets from elsewhere", || {
        let mut here = super::by_inode(common::sockets("-w"));
        here.retain(|row| row["type"] == "raw");
        [here, super::by_inode(super::sockets_from_elsewhere("-w"))]
    });
    assert_eq!(shown.len(), sockets.iter().filter(is_raw).count());
}

/// A socket in a message that nobody has received.
#[test]
fn one_in_a_message_is_shown() {
    enter();
    if !common::btf_has("raw_hashinfo") || !common::btf_has("unix_table") {
        return common::not_tested("raw sockets in messages: their tables are not walked");
    }
    for (domain, protocol) in [(Domain::IPV4, 253), (Domain::IPV6, 253)] {
        let raw = open(domain, Type::RAW, protocol);
        let number = inode(&raw);
        let (_sender, receiver) = super::send_away(raw);
        let rows = common::sockets("-wp");
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((&rows[0]["inode"], &rows[0]["owner"]), (&json!(number), &json!("in-flight")));
        assert_eq!(rows[0]["carrier"], inode(&receiver));
    }
}

/// All in one slot of the table, which has a slot for each protocol: more than a call of a program reads.
#[test]
fn many_of_one_protocol() {
    enter();
    let sockets: Vec<Socket> = (0..400).map(|_| open(Domain::IPV4, Type::RAW, 253)).collect();
    let mut expected: Vec<u64> = sockets.iter().map(inode).collect();
    expected.sort_unstable();
    let shown = || shown().into_keys().collect::<Vec<_>>();
    assert_eq!(shown(), expected);
    if common::btf_has("raw_hashinfo") {
        let rows = super::by_inode(super::sockets_from_elsewhere("-w"));
        let shown: Vec<u64> = rows.iter().filter_map(|row| row["inode"].as_u64()).collect();
        assert_eq!(shown, expected);
    }
}

/// The sockets through which the program finds the tables are not shown, also not in a list of all namespaces.
#[test]
fn none_of_the_program_is_shown() {
    enter();
    for arguments in ["-w", "-wp --unbound"] {
        assert_eq!(common::sockets(arguments), Vec::<Value>::new(), "{arguments}");
    }
    let netns = std::fs::metadata("/proc/thread-self/ns/net").expect("a namespace").ino();
    let rows = common::sockets("-w --all-netns");
    assert!(!rows.iter().any(|row| row["netns"] == netns), "{rows:?}");
}
