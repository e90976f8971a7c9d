//! SCTP sockets. If the kernel has no SCTP, the tests report this and compare nothing. The kernels of `make
//! test-kernels` have it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, FromRawFd};

use nix::errno::Errno;
use serde_json::{json, Value};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::walk::{walk, walk_with, Maker};
use crate::common::{self, not_tested, scene::inode};
use crate::getsockopt::{Tally, ASSOCIATED, SOL_SCTP};

const SCTP: Protocol = Protocol::SCTP;

/// Enters a namespace. Returns whether this kernel has SCTP. If not, knetstat must not show any SCTP
/// socket.
fn enter() -> bool {
    super::enter();
    match Socket::new(Domain::IPV4, Type::STREAM, Some(SCTP)) {
        Ok(_) => return true,
        Err(error) => {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            assert_eq!(errno, Errno::EPROTONOSUPPORT, "socket: {error}");
        }
    }
    let protocols = fs::read_to_string("/proc/net/protocols").expect("/proc");
    assert!(!protocols.contains("SCTP"), "/proc/net/protocols has SCTP: {protocols}");
    assert_eq!(common::stdout("--sctp -H"), "");
    assert_eq!(common::sockets("--sctp -p"), [] as [Value; 0]);
    let options = common::stdout("options");
    let line = options.lines().find(|line| line.starts_with("SCTP_NODELAY "));
    let here = line.and_then(|line| line.split_whitespace().nth(3));
    assert!(matches!(here, Some("no" | "unknown")), "the kernel has it? {line:?}");
    not_tested("SCTP, which this kernel does not have; those of `make test-kernels` do");
    false
}

// Sockets

/// Options that both ends have agreed on. A new value applies to the next association.
pub fn is_agreed(option: &str, kind: &str) -> bool {
    option.ends_with("_SUPPORTED") && ASSOCIATED.contains(&kind)
}

/// The kinds of sockets that are left as opened.
const NEW: [&str; 4] = ["sctp", "sctp6", "sctp many", "sctp6 many"];

fn open(domain: Domain, socket_type: Type) -> Socket {
    let socket = Socket::new(domain, socket_type, Some(SCTP));
    socket.unwrap_or_else(|error| panic!("socket {domain:?} {socket_type:?}: {error}"))
}

fn loopback(domain: Domain) -> SocketAddr {
    match domain {
        Domain::IPV4 => (Ipv4Addr::LOCALHOST, 0).into(),
        _ => (Ipv6Addr::LOCALHOST, 0).into(),
    }
}

fn bound(domain: Domain, socket_type: Type, address: SocketAddr) -> Socket {
    let socket = open(domain, socket_type);
    socket.bind(&SockAddr::from(address)).unwrap_or_else(|error| panic!("bind: {error}"));
    socket
}

fn listening(domain: Domain, socket_type: Type) -> Socket {
    let socket = bound(domain, socket_type, loopback(domain));
    socket.listen(5).expect("listen");
    socket
}

/// Returns the connecting socket, the accepted socket and the listener.
fn connected(domain: Domain) -> [Socket; 3] {
    let listener = listening(domain, Type::STREAM);
    let client = open(domain, Type::STREAM);
    let address = listener.local_addr().expect("an address");
    client.connect(&address).unwrap_or_else(|error| panic!("connect: {error}"));
    let (server, _) = listener.accept().expect("accept");
    [client, server, listener]
}

/// Returns a one-to-many socket with one association, and the socket at its other end.
fn many(domain: Domain) -> [Socket; 2] {
    let listener = listening(domain, Type::SEQPACKET);
    let client = open(domain, Type::SEQPACKET);
    let address = listener.local_addr().expect("an address");
    client.connect(&address).unwrap_or_else(|error| panic!("connect: {error}"));
    [client, listener]
}

/// Returns a socket to which the only association of another was moved: SCTP_SOCKOPT_PEELOFF
fn peeled_off() -> [Socket; 3] {
    const PEELOFF: i32 = 102;
    const ASSOCIATIONS: i32 = 29;
    let [client, listener] = many(Domain::IPV4);
    let mut list = [0; 8]; // the number of associations, and the first one
    let size =
        knetstat::kernel::syscall::getsockopt(client.as_fd(), SOL_SCTP, ASSOCIATIONS, &mut list);
    assert_eq!(size.expect("SCTP_GET_ASSOC_ID_LIST"), 8);
    let mut request = [0; 8]; // the association, and the new descriptor
    request[..4].copy_from_slice(&list[4..]);
    let (fd, mut size) = (common::number(&client), 8);
    // This option returns the descriptor.
    // SAFETY: the pointers are to `request` and `size`, which is the size of `request`.
    let descriptor = unsafe {
        nix::libc::getsockopt(fd, SOL_SCTP, PEELOFF, request.as_mut_ptr().cast(), &mut size)
    };
    assert!(descriptor > 0, "SCTP_SOCKOPT_PEELOFF: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just created the descriptor, and nothing else owns it.
    [unsafe { Socket::from_raw_fd(descriptor) }, client, listener]
}

fn makers() -> Vec<Maker> {
    const V4: Domain = Domain::IPV4;
    const V6: Domain = Domain::IPV6;
    fn maker(kind: &'static str, make: impl Fn() -> Vec<Socket> + 'static) -> Maker {
        let make = move || {
            let mut sockets = make();
            (sockets.remove(0), sockets)
        };
        Maker { kind, make: Box::new(make) }
    }
    let any = || SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let any6 = || SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    vec![
        maker("sctp", || vec![open(V4, Type::STREAM)]),
        maker("sctp6", || vec![open(V6, Type::STREAM)]),
        maker("sctp many", || vec![open(V4, Type::SEQPACKET)]),
        maker("sctp6 many", || vec![open(V6, Type::SEQPACKET)]),
        maker("sctp bound", move || vec![bound(V4, Type::STREAM, any())]),
        maker("sctp6 many bound", move || vec![bound(V6, Type::SEQPACKET, any6())]),
        maker("sctp listener", || vec![listening(V4, Type::STREAM)]),
        maker("sctp client", || connected(V4).into()),
        maker("sctp server", || {
            let [client, server, listener] = connected(V4);
            vec![server, client, listener]
        }),
        maker("sctp6 client", || connected(V6).into()),
        maker("sctp6 server", || {
            let [client, server, listener] = connected(V6);
            vec![server, client, listener]
        }),
        maker("sctp many associated", || many(V4).into()),
        maker("sctp peeled off", || peeled_off().into()),
    ]
}

#[test]
fn every_option_of_sctp_sockets() {
    if !enter() {
        return;
    }
    // The other kinds are new sockets, too, with regard to options of other levels.
    let (new, others): (Vec<_>, Vec<_>) =
        makers().into_iter().partition(|it| NEW.contains(&it.kind));
    walk("sctp", "--sctp", &new);
    walk_with("sctp: in use", "--sctp", &others, |setting| setting.level == SOL_SCTP);
}

/// Sockets of associations with options that both ends must agree on.
#[test]
fn options_that_a_namespace_allows() {
    if !enter() {
        return;
    }
    for name in ["intl_enable", "addip_enable", "auth_enable", "reconf_enable", "ecn_enable"] {
        let path = format!("net/sctp/{name}");
        // This sysctl is not in the oldest kernels.
        if fs::exists(format!("/proc/sys/{path}")).is_ok_and(|exists| exists) {
            common::sysctl(&path, "1");
        }
    }
    let mut tally = Tally::default();
    let subjects: Vec<_> = makers().iter().map(Maker::subject).collect();
    tally.compare("--sctp", &subjects);
    tally.finish("sctp: everything allowed", "");
}

// Rows

/// Returns the listeners and associations that the kernel lists, by inode: /proc/net/sctp/eps, assocs.
fn listed() -> BTreeMap<u64, Value> {
    let mut all = BTreeMap::new();
    let read = |name| common::proc_net(&format!("sctp/{name}"));
    for line in read("eps").lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let row = json!({
            "state": state(words[3]),
            "port": number(words[5]),
            "uid": number(words[6]),
            "addresses": addresses(&words[8..]),
        });
        all.insert(number(words[7]), row);
    }
    for line in read("assocs").lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let remote = words.iter().position(|word| *word == "<->").expect("two ends");
        let row = json!({
            "state": state(words[3]),
            "send_queue": number(words[7]),
            "recv_queue": number(words[8]),
            "uid": number(words[9]),
            "port": number(words[11]),
            "remote_port": number(words[12]),
            "addresses": addresses(&words[13..remote]),
            "remote_addresses": addresses(&words[remote + 1..]),
        });
        all.entry(number(words[10])).or_insert(row);
    }
    all
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("a number: {word}"))
}

/// Returns the addresses up to the first other word. The address of the primary path has a mark.
fn addresses(words: &[&str]) -> Vec<String> {
    let addresses = words.iter().map_while(|word| word.trim_start_matches('*').parse().ok());
    addresses.map(|address: IpAddr| address.to_string()).collect()
}

/// include/net/sctp/constants.h, SCTP_SS_*
fn state(number: &str) -> &'static str {
    match number {
        "1" => "ESTABLISHED",
        "2" => "SYN_SENT",
        "7" => "CLOSE",
        "8" => "CLOSE_WAIT",
        "10" => "LISTEN",
        _ => "?",
    }
}

#[test]
fn sctp_sockets_are_those_of_proc() {
    if !enter() {
        return;
    }
    let mut sockets = Vec::new();
    for domain in [Domain::IPV4, Domain::IPV6] {
        sockets.push(bound(domain, Type::STREAM, loopback(domain)));
        sockets.push(bound(domain, Type::SEQPACKET, loopback(domain)));
        let [mut client, server, listener] = connected(domain);
        client.write_all(&[7; 3000]).expect("send");
        sockets.extend([client, server, listener]);
        sockets.extend(many(domain));
        // The peer is gone.
        let [client, mut server, listener] = connected(domain);
        drop(client);
        assert_eq!(server.read(&mut [0; 1]).expect("the end"), 0);
        sockets.extend([server, listener]);
    }
    sockets.extend(peeled_off());
    common::wait_until("nothing changes any more", || {
        let before = listed();
        std::thread::sleep(std::time::Duration::from_millis(300));
        before == listed()
    });
    let (listed, shown) = (listed(), common::sockets("--sctp -O type"));
    assert_eq!(shown.len(), sockets.len(), "{shown:#?}");
    let (mut found, mut unread) = (0, 0);
    for socket in &sockets {
        let row = common::find(&shown, socket).expect("the socket is shown");
        let v4 = socket.domain().expect("SO_DOMAIN") == Domain::IPV4;
        assert_eq!(row["protocol"], if v4 { "sctp" } else { "sctp6" });
        let sequenced = socket.r#type().expect("SO_TYPE") == Type::SEQPACKET;
        assert_eq!(row["type"], if sequenced { "seqpacket" } else { "stream" });
        assert_eq!(row["local"]["port"], common::local_address(socket).port(), "{row}");
        let Some(expected) = listed.get(&inode(socket)) else {
            // The socket has no association, or no longer has one.
            assert!(row["state"] == "CLOSE" || row["state"] == "CLOSE_WAIT", "{row}");
            continue;
        };
        found += 1;
        for (member, value) in [("state", &row["state"]), ("uid", &row["uid"])] {
            assert_eq!(*value, expected[member], "{row} {expected}");
        }
        assert_eq!(row["local"]["port"], expected["port"], "{row} {expected}");
        let within = |end: &str, addresses: &str| {
            let address = &row[end]["address"];
            let known = expected[addresses].as_array().is_some_and(|all| all.contains(address));
            assert!(known || address == "0.0.0.0" || address == "::", "{row} {expected}");
        };
        within("local", "addresses");
        if row["state"] == "LISTEN" {
            assert_eq!((&row["recv_queue"], &row["send_queue"]), (&json!(0), &json!(5)), "{row}");
            continue;
        }
        assert_eq!(row["send_queue"], expected["send_queue"], "{row} {expected}");
        assert_eq!(row["recv_queue"], expected["recv_queue"], "{row} {expected}");
        if row["state"] == "ESTABLISHED" {
            assert_eq!(row["remote"]["port"], expected["remote_port"], "{row} {expected}");
            assert_ne!(row["remote"]["address"], "0.0.0.0", "{row}");
            within("remote", "remote_addresses");
        }
        unread += usize::from(row["recv_queue"] != 0);
    }
    assert!(found > 10, "the kernel lists only {found}");
    assert!(unread >= 2, "nothing waits to be read");
    let states = ["ESTABLISHED", "CLOSE", "LISTEN", "CLOSE_WAIT"];
    for state in states {
        assert!(shown.iter().any(|row| row["state"] == state), "none is {state}: {shown:#?}");
    }
}

#[test]
fn sctp_sockets_that_listen() {
    if !enter() {
        return;
    }
    let [_client, _server, listener] = connected(Domain::IPV4);
    let shown = common::sockets("--sctp -l");
    assert_eq!(shown.len(), 1, "{shown:#?}");
    assert!(common::find(&shown, &listener).is_some());
    assert_eq!(common::sockets("--sctp -6"), [] as [Value; 0]);
    let port = shown[0]["local"]["port"].to_string();
    assert_eq!(common::sockets(&format!("--sctp --port {port}")).len(), 3);
    assert_eq!(common::sockets(&format!("--sctp --dport {port} --state connected")).len(), 1);
}

/// Values that a socket has received from its peer or its path do not count as set.
#[test]
fn what_counts_as_set() {
    if !enter() {
        return;
    }
    let makers = makers();
    let subjects: Vec<_> = makers.iter().map(Maker::subject).collect();
    let shown = common::sockets("--sctp -O all");
    for subject in &subjects {
        let row = common::find(&shown, &subject.socket).expect("the socket is shown");
        assert_eq!(row["set"], json!([]), "{} was just made: {row}", subject.kind);
    }
    for subject in &subjects {
        common::set(&subject.socket, SOL_SCTP, 3, 1).expect("SCTP_NODELAY");
        // After an association ID of 0: the delay and frequency, the burst.
        let sack = [0, 300u32, 3].map(u32::to_ne_bytes).concat();
        common::set_bytes(&subject.socket, SOL_SCTP, 16, &sack).expect("SCTP_DELAYED_SACK");
        let burst = [0, 9u32].map(u32::to_ne_bytes).concat();
        common::set_bytes(&subject.socket, SOL_SCTP, 20, &burst).expect("SCTP_MAX_BURST");
    }
    let shown = common::sockets("--sctp -O set");
    for subject in &subjects {
        let row = common::find(&shown, &subject.socket).expect("the socket is shown");
        let mut expected = vec!["SCTP_NODELAY", "SCTP_DELAYED_SACK", "SCTP_MAX_BURST"];
        // The delay is also a parameter of a path.
        if !ASSOCIATED.contains(&subject.kind) {
            expected.insert(1, "SCTP_PEER_ADDR_PARAMS");
        }
        assert_eq!(row["set"], json!(expected), "{}: {row}", subject.kind);
    }
}
