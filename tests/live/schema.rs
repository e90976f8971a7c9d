//! The JSON Schema accepts the rows of live sockets of every family.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use crate::common::validator::{accepts, closed};
use crate::common::{connect, enter_namespace, ip, not_tested, sockets, stdout, sysctl};
use knetstat::kernel::syscall::socket;
use knetstat::query::columns::Column;
use knetstat::socket::kind::SocketKind;
use nix::sys::socket::{bind, socket as new, AddressFamily, SockFlag, SockType, UnixAddr};
use serde_json::Value as Json;

const AF_ALG: i32 = 38;
const SOCK_SEQPACKET: i32 = 5;

/// Opens sockets of every kind that this kernel has, some of them bound and connected.
fn world() -> (Vec<OwnedFd>, BTreeSet<&'static str>) {
    enter_namespace();
    ip("address add fe80::7/64 dev lo");
    sysctl("net/ipv4/ping_group_range", "0 0");
    let (mut all, mut words): (Vec<OwnedFd>, BTreeSet<&str>) = Default::default();
    for kind in SocketKind::ALL {
        let Some(((domain, socket_type, protocol), _)) = kind.open() else { continue };
        if let Ok(socket) = socket(domain, socket_type, protocol) {
            all.push(socket);
            words.insert(kind.word());
        }
    }
    // A family without a program of its own.
    all.extend(socket(AF_ALG, SOCK_SEQPACKET, 0));
    for (address, ip) in [("127.0.0.1:0", [127, 0, 0, 1].into()), ("[::]:0", [127, 0, 0, 1].into())]
    {
        let listener = TcpListener::bind(address).expect("a listener");
        let (client, server) = connect(&listener, ip);
        // One more connection, whose first end to close is in TIME_WAIT.
        let (first, last) = connect(&listener, ip);
        drop(first);
        drop(last);
        all.extend([listener.into(), client.into(), server.into()]);
    }
    let udp = UdpSocket::bind("0.0.0.0:0").expect("a UDP socket");
    udp.join_multicast_v4(&[224, 1, 1, 1].into(), &[127, 0, 0, 1].into()).expect("a group");
    let udp6 = UdpSocket::bind("[::1]:0").expect("a UDP socket");
    udp6.join_multicast_v6(&"ff02::7".parse().expect("a group"), 1).expect("a group");
    let (left, right) = UnixStream::pair().expect("a pair");
    let (datagram, other) = UnixDatagram::pair().expect("a pair");
    all.extend([udp.into(), udp6.into(), left.into(), right.into(), datagram.into(), other.into()]);
    let name = UnixAddr::new_abstract(b"schema \xff").expect("a name");
    let unix = new(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    let unix = unix.expect("a unix socket");
    bind(std::os::fd::AsRawFd::as_raw_fd(&unix), &name).expect("bind");
    nix::sys::socket::listen(&unix, nix::sys::socket::Backlog::MAXCONN).expect("listen");
    all.push(UnixListener::from(unix).into());
    (all, words)
}

#[test]
fn live_sockets_of_every_family_follow_it() {
    let (_all, words) = world();
    let schema: Json = serde_json::from_str(&stdout("schema")).expect("one JSON value");
    let strict = closed(&schema);
    const EVERY: &str = "-tuwx --mptcp --packet --xdp --netlink --vsock --sctp --unbound -O all";
    let columns = Column::ALL.map(Column::name).join(",");
    for arguments in ["-p".to_owned(), String::new(), format!("--columns {columns}")] {
        let shown = sockets(&format!("{EVERY} {arguments}"));
        accepts(&schema, &shown);
        accepts(&strict, &shown);
        if arguments.contains("columns") {
            continue;
        }
        let families: BTreeSet<&str> =
            shown.iter().filter_map(|socket| socket["protocol"].as_str()).collect();
        let unseen: Vec<_> = words.difference(&families).collect();
        assert!(unseen.is_empty(), "{unseen:?} of {families:?}");
        let has = |state: &str| shown.iter().any(|socket| socket["state"] == state);
        assert!(has("TIME_WAIT") && has("LISTEN") && has("ESTABLISHED"));
    }
    let known = SocketKind::ALL.iter().filter(|kind| kind.open().is_some());
    let known: BTreeSet<&str> = known.map(|kind| kind.word()).collect();
    for word in known.difference(&words) {
        not_tested(&format!("the schema of live sockets: this kernel makes no {word} sockets"));
    }
}
