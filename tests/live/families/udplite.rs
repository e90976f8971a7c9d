//! UDP-Lite: sockets of the UDP family, in a table of their own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use serde_json::{json, Value};
use socket2::{Domain, Protocol, Socket, Type};

use super::walk::{walk_with, Maker};
use crate::common::ways::assert_same_without_walks;
use crate::common::{self, not_tested, proc_net, scene::inode};

const IPPROTO_UDPLITE: i32 = 136;

fn open(domain: Domain) -> std::io::Result<Socket> {
    Socket::new(domain, Type::DGRAM, Some(Protocol::from(IPPROTO_UDPLITE)))
}

fn bound(domain: Domain, address: &str) -> Socket {
    let socket = open(domain).expect("a socket");
    let address: SocketAddr = address.parse().expect("an address");
    socket.bind(&address.into()).expect("bind");
    socket
}

fn connected(domain: Domain, to: &str) -> Socket {
    let socket = open(domain).expect("a socket");
    let address: SocketAddr = to.parse().expect("an address");
    socket.connect(&address.into()).expect("connect");
    socket
}

/// Enters a namespace. Returns whether the kernel has UDP-Lite, and reports `test` as not tested if it has
/// not.
fn enter(test: &str) -> bool {
    super::enter();
    match open(Domain::IPV4) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(nix::libc::EPROTONOSUPPORT), "{error}");
            not_tested(&format!("{test}: this kernel has no UDP-Lite"));
            false
        }
    }
}

/// Returns the rows of /proc/net/udplite and udplite6 by inode.
fn in_proc() -> BTreeMap<u64, Value> {
    let row = |protocol: &str, line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let hex = |text: &str| u64::from_str_radix(text, 16).expect("a number in hexadecimal");
        let port = |end: &str| hex(end.split_once(':').expect("a port").1);
        let (send, receive) = words[4].split_once(':').expect("two queues");
        let state = if words[3] == "01" { "ESTABLISHED" } else { "UNCONN" };
        let row = json!([
            protocol,
            state,
            port(words[1]),
            port(words[2]),
            hex(send),
            hex(receive),
            words[7].parse::<u64>().expect("a uid"),
        ]);
        (words[9].parse().expect("an inode"), row)
    };
    let rows = |file: &'static str| {
        let text = proc_net(file);
        text.lines().skip(1).map(|line| row(file, line)).collect::<Vec<_>>()
    };
    rows("udplite").into_iter().chain(rows("udplite6")).collect()
}

/// Returns the UDP-Lite rows of knetstat, each of which must occur once.
fn shown(arguments: &str) -> BTreeMap<u64, Value> {
    let rows = common::sockets(arguments);
    let rows: Vec<&Value> =
        rows.iter().filter(|row| row["protocol"].as_str().unwrap().contains("lite")).collect();
    let row = |row: &&Value| {
        let value = json!([
            row["protocol"],
            row["state"],
            row["local"]["port"],
            row["remote"]["port"],
            row["send_queue"],
            row["recv_queue"],
            row["uid"],
        ]);
        (row["inode"].as_u64().expect("an inode"), value)
    };
    let by_inode: BTreeMap<u64, Value> = rows.iter().map(row).collect();
    assert_eq!(by_inode.len(), rows.len(), "{arguments}: {rows:#?}");
    by_inode
}

#[test]
fn rows_are_those_of_proc() {
    if !enter("rows_are_those_of_proc") {
        return;
    }
    let unbound = [open(Domain::IPV4), open(Domain::IPV6)].map(|socket| socket.expect("a socket"));
    let idle_udp =
        common::open(nix::sys::socket::AddressFamily::Inet, nix::sys::socket::SockType::Datagram);
    let none = BTreeMap::new();
    for arguments in ["", "-u", "-a", "--udp4"] {
        assert_eq!(shown(arguments), none, "none is bound: {arguments}");
    }

    let server = bound(Domain::IPV4, "127.0.0.1:7301");
    let server6 = bound(Domain::IPV6, "[::1]:7302");
    let client = connected(Domain::IPV4, "127.0.0.1:7301");
    let client6 = connected(Domain::IPV6, "[::1]:7302");
    let copies = [server.try_clone().expect("dup"), client6.try_clone().expect("dup")];
    client.send(b"in the queue").expect("send");
    let listed = in_proc();
    assert_eq!(listed.len(), 4, "{listed:?}");

    let by = |wanted: &dyn Fn(&Value) -> bool| -> BTreeMap<u64, Value> {
        listed.iter().filter(|(_, row)| wanted(row)).map(|(k, v)| (*k, v.clone())).collect()
    };
    for arguments in ["", "-u", "-tu", "-p", "--user 0"] {
        assert_eq!(shown(arguments), listed, "{arguments}");
        // UDP sockets that are not bound are not shown either.
        let rows = common::sockets(arguments);
        assert!(common::find(&rows, &idle_udp).is_none(), "{arguments}");
    }
    for arguments in ["-4", "--udp4", "-u4"] {
        assert_eq!(shown(arguments), by(&|row| row[0] == "udplite"), "{arguments}");
    }
    for arguments in ["-6", "--udp6"] {
        assert_eq!(shown(arguments), by(&|row| row[0] == "udplite6"), "{arguments}");
    }
    assert_eq!(shown("-ul"), by(&|row| row[1] == "UNCONN"));
    assert_eq!(shown("--state established"), by(&|row| row[1] == "ESTABLISHED"));
    assert_eq!(shown("--sport 7301-7302"), by(&|row| row[1] == "UNCONN"));
    for arguments in ["-t", "-w", "-x", "--packet"] {
        assert_eq!(shown(arguments), none, "{arguments}");
    }
    for arguments in ["-u --unbound", "--unbound"] {
        let rows = shown(arguments);
        assert_eq!(rows.len(), 6, "{arguments}: {rows:?}");
        assert!(unbound.iter().all(|socket| rows.contains_key(&inode(&socket.as_fd()))));
        assert!(listed.iter().all(|(inode, row)| rows.get(inode) == Some(row)), "{rows:?}");
    }
    assert_same_without_walks();
    let table = common::stdout("-uHp --sport 7301-7302");
    let words = |line: &str| line.split_whitespace().next().map(str::to_owned);
    assert_eq!(
        table.lines().filter_map(words).collect::<Vec<_>>(),
        ["udplite", "udplite6"],
        "{table}"
    );
    // The protocol names are longer than others, and still fit their column.
    for arguments in ["-u", "-4u", "-tu", "--all-netns -u --sport 7301"] {
        let table = common::stdout(arguments);
        let state = table.find("State").expect("a heading");
        for line in table.lines().skip(1) {
            let words = ["UNCONN ", "ESTABLISHED "];
            assert!(words.iter().any(|word| line[state..].starts_with(word)), "{table}");
        }
    }
    let pid = format!(" {}/", std::process::id());
    assert!(table.lines().all(|line| line.contains(&pid)), "{table}");
    drop((server, server6, client, client6, copies));
}

/// In another namespace, and in all namespaces.
#[test]
fn in_other_namespaces() {
    if !enter("in_other_namespaces") {
        return;
    }
    let here = bound(Domain::IPV4, "127.0.0.1:7301");
    let there = format!("/proc/{}/task/{}/ns/net", std::process::id(), nix::unistd::gettid());
    let listed = in_proc();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            common::enter_namespace();
            assert_eq!(shown("-u"), BTreeMap::new());
            assert_eq!(shown(&format!("-u --netns {there}")), listed);
            let all = shown("-u --all-netns");
            assert!(listed.iter().all(|(inode, row)| all.get(inode) == Some(row)), "{all:?}");
        });
        other.join().expect("the other thread");
    });
    drop(here);
}

#[test]
fn options() {
    if !enter("options") {
        return;
    }
    let maker = |(kind, domain, address): (&'static str, Domain, &'static str)| Maker {
        kind,
        make: Box::new(move || (bound(domain, address), Vec::new())),
    };
    let makers = [("udplite", Domain::IPV4, "127.0.0.1:0"), ("udplite6", Domain::IPV6, "[::1]:0")]
        .map(maker);
    walk_with("UDP-Lite", "-u", &makers, |_| true);
}
