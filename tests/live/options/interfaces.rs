//! Options that name an interface: the table shows its name, JSON its index.

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use nix::net::if_::if_nametoindex;
use serde_json::json;

use crate::common::ways::assert_same_options_without_walks;
use crate::common::{enter_namespace, find, ip, set, set_bytes, sockets, stdout};
use crate::numbers::*;

/// Opens a UDP socket that is bound to its own port, by which its row is found.
fn open(family: i32, port: u16) -> OwnedFd {
    let socket = knetstat::kernel::syscall::socket(family, SOCK_DGRAM, 0).expect("socket");
    let any: std::net::IpAddr = match family {
        AF_INET => std::net::Ipv4Addr::UNSPECIFIED.into(),
        _ => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    crate::common::bind(&socket, (any, port));
    socket
}

/// Returns an option in the table of the socket at this port.
fn text(option: &str, port: u16) -> String {
    let table = stdout(&format!("-uH --sport {port} -O {option}"));
    table.split_whitespace().last().expect("a row").to_owned()
}

/// `struct ip_mreqn`
fn request(address: [u8; 4], index: u32) -> Vec<u8> {
    [[0; 4], address, index.to_ne_bytes()].concat()
}

#[test]
fn the_interface_of_multicast() {
    enter_namespace();
    ip("link add left type veth peer name right");
    ip("link set left up");
    ip("addr add 10.1.1.1/24 dev left");
    let left = if_nametoindex("left").expect("an index");
    let right = if_nametoindex("right").expect("an index");
    let cases = [
        (vec![10, 1, 1, 1], "10.1.1.1%left", Some(left)), // struct in_addr
        (request([0; 4], left), "0.0.0.0%left", Some(left)),
        (request([0; 4], right), "0.0.0.0%right", Some(right)),
        (request([10, 1, 1, 1], 0), "10.1.1.1%left", Some(left)),
        (request([10, 1, 1, 1], right), "10.1.1.1%right", Some(right)), // the index selects the interface
        (vec![0; 4], "0.0.0.0", None),
    ];
    for (family, first) in [(AF_INET, 5000_u16), (AF_INET6, 6000)] {
        let opened: Vec<OwnedFd> =
            (first..).zip(&cases).map(|(port, _)| open(family, port)).collect();
        for (socket, (value, ..)) in opened.iter().zip(&cases) {
            set_bytes(socket, IPPROTO_IP, IP_MULTICAST_IF, value).expect("IP_MULTICAST_IF");
        }
        let shown = sockets("-u");
        for ((port, socket), (_, expected, index)) in (first..).zip(&opened).zip(&cases) {
            assert_eq!(text("IP_MULTICAST_IF", port), format!("IP_MULTICAST_IF={expected}"));
            let options = &find(&shown, socket).expect("a row")["options"];
            let mut answer = [0; 4];
            knetstat::kernel::syscall::getsockopt(
                std::os::fd::AsFd::as_fd(socket),
                IPPROTO_IP,
                IP_MULTICAST_IF,
                &mut answer,
            )
            .expect("IP_MULTICAST_IF");
            let answer = std::net::Ipv4Addr::from(answer).to_string();
            assert_eq!(options["IP_MULTICAST_IF"], json!(answer));
            assert_eq!(options["IP_MULTICAST_IF_ifindex"], json!(index));
        }
        assert_same_options_without_walks();
    }
}

#[test]
fn interfaces_are_named() {
    enter_namespace();
    ip("link add left type veth peer name right");
    let left = if_nametoindex("left").expect("an index");
    let mut cases = Vec::new();
    let mut case = |family, option: &'static str, level, number, value: &[u8]| {
        let socket = open(family, 5000 + cases.len() as u16);
        set_bytes(&socket, level, number, value).expect(option);
        cases.push((socket, option));
    };
    let (host, network) = (left.to_ne_bytes(), left.to_be_bytes());
    case(AF_INET, "SO_BINDTOIFINDEX", SOL_SOCKET, SO_BINDTOIFINDEX, &host);
    case(AF_INET6, "SO_BINDTOIFINDEX", SOL_SOCKET, SO_BINDTOIFINDEX, &host);
    case(AF_INET, "IP_UNICAST_IF", IPPROTO_IP, IP_UNICAST_IF, &network);
    case(AF_INET6, "IP_UNICAST_IF", IPPROTO_IP, IP_UNICAST_IF, &network);
    case(AF_INET6, "IPV6_UNICAST_IF", IPPROTO_IPV6, IPV6_UNICAST_IF, &network);
    case(AF_INET6, "IPV6_MULTICAST_IF", IPPROTO_IPV6, IPV6_MULTICAST_IF, &host);
    let pktinfo = [&[0; 16][..], &host].concat();
    case(AF_INET6, "IPV6_PKTINFO", IPPROTO_IPV6, IPV6_PKTINFO, &pktinfo);

    let shown = |name: &str| {
        let json = sockets("-u");
        for (port, (socket, option)) in (5000..).zip(&cases) {
            let address = if *option == "IPV6_PKTINFO" { "::%" } else { "" };
            assert_eq!(text(option, port), format!("{option}={address}{name}"));
            let row = find(&json, socket).expect("a row");
            let value = &row["options"][option];
            let index = if *option == "IPV6_PKTINFO" { &value["ipi6_ifindex"] } else { value };
            assert_eq!(*index, json!(left), "{option}");
            assert!(row["set"].as_array().expect("a list").contains(&json!(option)), "{row}");
        }
    };
    shown("left");
    ip("link set left name a,b");
    shown(r"a\x2cb");
    assert_same_options_without_walks();
    // An interface that is gone is shown by its index.
    ip("link delete right");
    shown(&left.to_string());
    for (socket, _) in &cases[..2] {
        set(socket, SOL_SOCKET, SO_BINDTOIFINDEX, 0).expect("SO_BINDTOIFINDEX");
    }
    assert_eq!(text("SO_BINDTOIFINDEX", 5000), "SO_BINDTOIFINDEX=0");
}

/// Names that look like the placeholder for a missing name.
#[test]
fn names_that_look_like_marks() {
    enter_namespace();
    let (multicast, bound) = (open(AF_INET, 5000), open(AF_INET, 5001));
    let index = if_nametoindex("lo").expect("an index");
    set_bytes(&multicast, IPPROTO_IP, IP_MULTICAST_IF, &request([0; 4], index)).expect("multicast");
    set_bytes(&bound, SOL_SOCKET, SO_BINDTODEVICE, b"lo").expect("SO_BINDTODEVICE");
    for (name, shown) in [("7", "\\x37"), ("-", "\\x2d"), ("-7", "\\x2d7"), ("a7", "a7")] {
        ip("link set lo down");
        crate::common::ip_words(&["link", "set", "dev", "lo", "name", name]);
        assert_eq!(text("IP_MULTICAST_IF", 5000), format!("IP_MULTICAST_IF=0.0.0.0%{shown}"));
        assert_eq!(text("SO_BINDTODEVICE", 5001), format!("SO_BINDTODEVICE={shown}"));
        assert_eq!(text("SO_BINDTOIFINDEX", 5001), format!("SO_BINDTOIFINDEX={shown}"));
        crate::common::ip_words(&["link", "set", "dev", name, "name", "lo"]);
    }
}

/// Parses a list of memberships as the manual page describes: the group, the unescaped name of the
/// interface, and what follows.
fn entries(list: &str) -> Vec<(String, String, Vec<String>)> {
    let is_source = |text: &str| {
        let end = text.find(['+', '-']).unwrap_or(text.len());
        text[..end].parse::<IpAddr>().is_ok()
    };
    let entry = |entry: &str| {
        let (group, rest) = entry.split_once('%').expect("an interface");
        let ends = |(at, c): &(usize, char)| {
            matches!(c, '+' | '*') || *c == '-' && is_source(&rest[at + 1..])
        };
        let end = rest.char_indices().find(ends).map_or(rest.len(), |(at, _)| at);
        let behind = rest[end..].split(['+', '-', '*']).filter(|it| !it.is_empty());
        let behind = behind.map(String::from).collect();
        (group.to_owned(), as_it_is(&rest[..end]), behind)
    };
    list.split('|').map(entry).collect()
}

/// Unescapes a printed name of ASCII characters.
fn as_it_is(printed: &str) -> String {
    let mut name = String::new();
    let mut rest = printed;
    while let Some((before, after)) = rest.split_once("\\x") {
        name += before;
        name.push(u8::from_str_radix(&after[..2], 16).expect("two digits").into());
        rest = &after[2..];
    }
    name + rest
}

/// Names that look like the separators of a list.
#[test]
fn names_that_look_like_separators() {
    const NAMES: [&str; 11] = [
        "a|b",
        "a+b",
        "a,b",
        "a*2",
        "a(b",
        "a-b",
        "a-10.1.1.1",
        "a+10.1.1.1",
        "a-...",
        "a|...",
        "a=b",
    ];
    enter_namespace();
    let add = |name: &str, nth: usize| {
        let peer = format!("peer{nth}");
        let mut ip = std::process::Command::new("ip");
        ip.args(["link", "add", name, "type", "veth", "peer", "name", &peer]);
        ip.output().expect("ip(8)").status.success()
    };
    // The kernel expands a percent sign to a number, so no name contains one.
    assert!(!add("a%b", 99), "an interface called a%b: add it to the names");
    let (v4, v6) = (open(AF_INET, 5000), open(AF_INET6, 5001));
    let packet = knetstat::kernel::syscall::socket(AF_PACKET, SOCK_DGRAM, 0).expect("a socket");
    let group6: std::net::Ipv6Addr = "ff02::1234".parse().expect("an address");
    for (nth, name) in NAMES.into_iter().enumerate() {
        assert!(add(name, nth), "{name}");
        let index = if_nametoindex(name).expect("an index");
        let join = request([239, 1, 1, 1], index);
        let join = [&join[4..8], &[0; 4], &join[8..]].concat(); // struct ip_mreqn begins with the group
        set_bytes(&v4, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join).expect("IP_ADD_MEMBERSHIP");
        block(&v4, index, [239, 1, 1, 1], [10, 9, 9, 9]);
        let join = [&group6.octets()[..], &index.to_ne_bytes()].concat();
        set_bytes(&v6, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &join).expect("IPV6_JOIN_GROUP");
        let promiscuous = [&index.to_ne_bytes()[..], &[1, 0, 0, 0], &[0; 8]].concat();
        for _ in 0..2 {
            set_bytes(&packet, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous)
                .expect("promiscuous");
        }
    }
    let mut expected = NAMES.map(String::from);
    expected.sort();
    for (arguments, option, group, behind) in [
        ("-uH4", "IP_ADD_MEMBERSHIP", "239.1.1.1", &["10.9.9.9"][..]),
        ("-uH6", "IPV6_JOIN_GROUP", "ff02::1234", &[]),
        ("-0H", "PACKET_ADD_MEMBERSHIP", "PROMISC", &["2"]),
    ] {
        let table = stdout(&format!("{arguments} -O {option} --columns options"));
        let list = table.trim().strip_prefix(&format!("{option}=")).expect("a list");
        assert!(!list.contains(','), "{list}");
        let entries = entries(list);
        let mut names: Vec<String> = entries.iter().map(|(_, name, _)| name.clone()).collect();
        names.sort();
        assert_eq!(names, expected, "{list}");
        assert!(entries.iter().all(|(of, _, more)| of == group && more == behind), "{entries:?}");
    }
    // A minus alone is not a separator.
    assert!(text("IP_ADD_MEMBERSHIP", 5000).contains("%a-b-10.9.9.9"));
}

/// MCAST_BLOCK_SOURCE: `struct group_source_req`.
fn block(socket: &OwnedFd, index: u32, group: [u8; 4], source: [u8; 4]) {
    const MCAST_BLOCK_SOURCE: i32 = 43;
    let address = |address: [u8; 4]| {
        let mut storage = vec![0; 128];
        storage[..2].copy_from_slice(&(AF_INET as u16).to_ne_bytes());
        storage[4..8].copy_from_slice(&address);
        storage
    };
    let index = [&index.to_ne_bytes()[..], &[0; 4]].concat();
    let value = [index, address(group), address(source)].concat();
    set_bytes(socket, IPPROTO_IP, MCAST_BLOCK_SOURCE, &value).expect("MCAST_BLOCK_SOURCE");
}
