//! No option counts as set during the whole life of a socket on which none was set: new, bound, connecting,
//! connected, closed in every way, and used again. The kernel itself changes many of the values.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::libc::{connect, sockaddr};
use nix::sys::socket::{accept, shutdown, Shutdown};
use nix::unistd::write;
use serde_json::{json, Value};

use crate::common::ways::{assert_same_options, assert_same_options_without_walks};
use crate::common::{
    begin_connecting, bind, deafen, enter_namespace, find, has_mptcp, ip, listen, local_address,
    number, set, set_bytes, sockets, sysctl, wait_until,
};
use crate::numbers::*;

/// The kind of a stream socket, and the address of its peers on this host.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    family: i32,
    protocol: i32,
    at: IpAddr,
    /// Whether connecting sockets have options that their peers can see in the packets.
    marks: bool,
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const MAPPED: IpAddr = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());

const TCP_KINDS: [Kind; 3] = [
    Kind { name: "tcp", family: AF_INET, protocol: IPPROTO_TCP, at: V4, marks: false },
    Kind { name: "tcp6", family: AF_INET6, protocol: IPPROTO_TCP, at: V6, marks: false },
    Kind { name: "tcp mapped", family: AF_INET6, protocol: IPPROTO_TCP, at: MAPPED, marks: false },
];
const MPTCP_KINDS: [Kind; 3] = [
    Kind { name: "mptcp", family: AF_INET, protocol: IPPROTO_MPTCP, at: V4, marks: false },
    Kind { name: "mptcp6", family: AF_INET6, protocol: IPPROTO_MPTCP, at: V6, marks: false },
    Kind {
        name: "mptcp mapped",
        family: AF_INET6,
        protocol: IPPROTO_MPTCP,
        at: MAPPED,
        marks: false,
    },
];

impl Kind {
    fn open(self) -> OwnedFd {
        let socket = knetstat::kernel::syscall::socket(self.family, SOCK_STREAM, self.protocol);
        socket.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    fn listener(self) -> OwnedFd {
        let listener = self.open();
        bind(&listener, (self.at, 0));
        listen(&listener, 5);
        listener
    }

    /// Returns both ends of a connection: the connecting and the accepted one.
    fn pair(self) -> (OwnedFd, OwnedFd) {
        let listener = self.listener();
        let client = self.connected_to(&listener);
        (client, accepted(&listener))
    }

    fn connected_to(self, listener: &OwnedFd) -> OwnedFd {
        let client = self.client();
        reconnect(&client, listener).expect("connect");
        client
    }

    /// Returns a kind for peers that can be deaf, which MPTCP sockets cannot.
    fn peer(self) -> Kind {
        Kind { protocol: IPPROTO_TCP, ..self }
    }

    /// Returns a socket that is to be connected.
    fn client(self) -> OwnedFd {
        let client = self.open();
        if self.marks {
            let (level, tos) = self.type_of_service();
            set(&client, level, tos, 0x48).expect("the type of service");
            set(&client, SOL_SOCKET, SO_MARK, 7).expect("SO_MARK");
        }
        client
    }

    fn type_of_service(self) -> (i32, i32) {
        match self.at == V6 {
            true => (IPPROTO_IPV6, IPV6_TCLASS),
            false => (IPPROTO_IP, IP_TOS),
        }
    }

    /// Returns the options that are set on such a socket.
    fn set_of_client(self) -> Value {
        match self.marks {
            true if self.at == V6 => json!(["SO_MARK", "IPV6_TCLASS"]),
            true => json!(["SO_MARK", "IP_TOS", "SO_PRIORITY"]),
            false => json!([]),
        }
    }
}

fn reconnect(socket: &OwnedFd, listener: &OwnedFd) -> nix::Result<()> {
    let address = nix::sys::socket::SockaddrStorage::from(local_address(listener));
    nix::sys::socket::connect(number(socket), &address)
}

fn accepted(listener: &OwnedFd) -> OwnedFd {
    use std::os::fd::FromRawFd;
    let accepted = accept(number(listener)).expect("accept");
    // SAFETY: the descriptor is new, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(accepted) }
}

/// Dissolves the association of a socket with connect(2), AF_UNSPEC.
fn disconnect(socket: &OwnedFd) {
    // SAFETY: a `sockaddr` consists of integers. Zero is AF_UNSPEC.
    let nowhere: sockaddr = unsafe { std::mem::zeroed() };
    // SAFETY: the address is valid for its size.
    let result = unsafe { connect(number(socket), &nowhere, size_of_val(&nowhere) as u32) };
    assert_eq!(result, 0, "connect to AF_UNSPEC: {}", io::Error::last_os_error());
}

/// Closes a socket so that the connection of its peer is reset.
fn reset(socket: OwnedFd) {
    set_bytes(&socket, SOL_SOCKET, SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0]).expect("SO_LINGER");
}

/// Returns an address without a listener.
fn nobody(kind: Kind) -> SocketAddr {
    SocketAddr::new(kind.at, 1)
}

/// Sockets, each with a description of its history.
#[derive(Default)]
struct Lives {
    sockets: Vec<Life>,
}

struct Life {
    what: String,
    socket: OwnedFd,
    expected: Value,
}

impl Lives {
    /// Adds a socket without options set.
    fn keep(&mut self, kind: Kind, what: &str, socket: OwnedFd) {
        let what = format!("{}: {what}", kind.name);
        self.sockets.push(Life { what, socket, expected: json!([]) });
    }

    /// Adds a socket that has connected.
    fn keep_client(&mut self, kind: Kind, what: &str, socket: OwnedFd) {
        self.keep(kind, what, socket);
        self.sockets.last_mut().expect("a socket").expected = kind.set_of_client();
    }

    /// Adds sockets in every stage of a stream socket.
    fn of(&mut self, kind: Kind) {
        self.unconnected(kind);
        self.connected(kind);
        self.closed(kind);
        self.disconnected(kind);
        self.listeners(kind);
    }

    fn unconnected(&mut self, kind: Kind) {
        self.keep(kind, "new", kind.open());
        let bound = kind.open();
        bind(&bound, (kind.at, 0));
        self.keep(kind, "bound", bound);

        let refused = kind.client();
        begin_connecting(&refused, nobody(kind));
        self.keep_client(kind, "refused, and not told yet", refused);
        let refused = kind.client();
        let address = nix::sys::socket::SockaddrStorage::from(nobody(kind));
        nix::sys::socket::connect(number(&refused), &address).expect_err("nobody is there");
        self.keep_client(kind, "refused", refused);
        let refused = kind.client();
        nix::sys::socket::connect(number(&refused), &address).expect_err("nobody is there");
        let listener = kind.listener();
        reconnect(&refused, &listener).expect("connect");
        self.keep_client(kind, "refused, then connected", refused);
        self.keep(kind, "its peer", accepted(&listener));
    }

    /// Adds sockets in SYN_SENT. In a namespace with short timeouts, they time out.
    fn connecting(&mut self, kind: Kind, what: &str) {
        let listener = kind.peer().listener();
        deafen(&listener);
        let socket = kind.client();
        begin_connecting(&socket, local_address(&listener));
        self.keep_client(kind, what, socket);
        std::mem::forget(listener); // deaf for as long as it is open
    }

    fn connected(&mut self, kind: Kind) {
        let (client, server) = kind.pair();
        self.keep_client(kind, "connected", client);
        self.keep(kind, "accepted", server);
        let (client, server) = kind.pair();
        shutdown(number(&client), Shutdown::Write).expect("shutdown");
        self.keep_client(kind, "half closed", client);
        self.keep(kind, "half closed by its peer", server);
        let (client, server) = kind.pair();
        shutdown(number(&server), Shutdown::Write).expect("shutdown");
        self.keep_client(kind, "the peer of that", client);
        self.keep(kind, "accepted, half closed", server);
    }

    fn closed(&mut self, kind: Kind) {
        for accepted_first in [false, true] {
            let (client, server) = kind.pair();
            let (first, second) =
                if accepted_first { (&server, &client) } else { (&client, &server) };
            shutdown(number(first), Shutdown::Both).expect("shutdown");
            shutdown(number(second), Shutdown::Both).expect("shutdown");
            self.keep_client(kind, "closed on both sides", client);
            self.keep(kind, "accepted, closed on both sides", server);
        }
        let (client, server) = kind.pair();
        reset(client);
        self.keep(kind, "accepted, reset by its peer", server);
        let (client, server) = kind.pair();
        reset(server);
        self.keep_client(kind, "reset by its peer", client);
    }

    fn disconnected(&mut self, kind: Kind) {
        let (client, server) = kind.pair();
        disconnect(&client);
        self.keep_client(kind, "disconnected", client);
        self.keep(kind, "accepted, disconnected by its peer", server);
        let (client, server) = kind.pair();
        disconnect(&server);
        self.keep_client(kind, "disconnected by its peer", client);
        self.keep(kind, "accepted, disconnected", server);
        if kind.protocol == IPPROTO_MPTCP {
            return; // not every kernel allows it to be reused
        }
        let (client, server) = kind.pair();
        disconnect(&server);
        reconnect(&server, &kind.listener()).ok();
        self.keep(kind, "accepted, disconnected, connected to a listener that went away", server);
        drop(client);
        let (_, server) = kind.pair();
        disconnect(&server);
        listen(&server, 5);
        let client = kind.connected_to(&server);
        self.keep(kind, "accepted from what was accepted before", accepted(&server));
        self.keep(kind, "accepted, disconnected, listening", server);
        self.keep_client(kind, "connected to that", client);
    }

    fn listeners(&mut self, kind: Kind) {
        let listener = kind.listener();
        self.keep_client(kind, "connected, not accepted", kind.connected_to(&listener));
        self.keep(kind, "listening", listener);
        let listener = kind.listener();
        shutdown(number(&listener), Shutdown::Both).expect("shutdown");
        self.keep(kind, "listener, shut down", listener);
        let listener = kind.listener();
        shutdown(number(&listener), Shutdown::Both).expect("shutdown");
        listen(&listener, 5);
        self.keep(kind, "listener, shut down, listening again", listener);
    }

    /// Sends data to peers that no longer answer.
    fn dying(&mut self, kind: Kind) {
        let listener = kind.peer().listener();
        let (client, server) = (kind.connected_to(&listener), accepted(&listener));
        deafen(&server);
        write(&client, b"anybody?").expect("write");
        self.keep_client(kind, "timed out", client);
        std::mem::forget(server);
        let listener = kind.listener();
        let (client, server) = (kind.peer().connected_to(&listener), accepted(&listener));
        deafen(&client);
        write(&server, b"anybody?").expect("write");
        self.keep(kind, "accepted, timed out", server);
        std::mem::forget(client);
    }

    /// Asserts that only the options that were set count as set.
    fn check(&self, arguments: &str, sysctls: &str) {
        let mut shown = sockets(arguments);
        // A connection that times out while it is read leaves the table after those in no table have been read.
        if self.sockets.iter().any(|life| find(&shown, &life.socket).is_none()) {
            shown = sockets(arguments);
        }
        let mut wrong = Vec::new();
        for Life { what, socket, expected } in &self.sockets {
            let row = find(&shown, socket).unwrap_or_else(|| panic!("no row of {what}"));
            if sorted(&row["set"]) != sorted(expected) {
                wrong.push(format!("{what} ({}): {}", row["state"], row["set"]));
            }
        }
        assert!(wrong.is_empty(), "{sysctls}\n{}", wrong.join("\n"));
        assert!(!self.sockets.is_empty());
    }
}

/// Sysctls by which a connection takes values from its peer or from the system.
const SYSCTLS: &[(&str, &str)] = &[
    ("net/ipv4/tcp_reflect_tos", "1"),
    ("net/ipv4/tcp_fwmark_accept", "1"),
    ("net/ipv4/tcp_fastopen", "1027"),
    ("net/ipv4/tcp_rto_min_us", "100000"),
    ("net/ipv4/tcp_rto_max_ms", "60000"),
];

/// Enters a namespace in which connections give up after a second or two.
fn enter_hasty_namespace(sysctls: &[(&str, &str)]) {
    enter_namespace();
    // Sockets with an unanswered SYN, or with unanswered data, are closed soon.
    for (name, value) in
        [("tcp_syn_retries", "1"), ("tcp_syn_linear_timeouts", "0"), ("tcp_retries2", "1")]
    {
        if std::path::Path::new("/proc/sys/net/ipv4").join(name).exists() {
            sysctl(&format!("net/ipv4/{name}"), value);
        }
    }
    for (name, value) in sysctls {
        if std::path::Path::new("/proc/sys").join(name).exists() {
            sysctl(name, value);
        }
    }
}

fn sorted(names: &Value) -> Vec<&str> {
    let names = names.as_array().expect("a list").iter();
    let mut names: Vec<&str> = names.map(|name| name.as_str().expect("a name")).collect();
    names.sort_unstable();
    names
}

fn is_closed(shown: &[Value], socket: &OwnedFd) -> bool {
    find(shown, socket).is_some_and(|row| row["state"] == "CLOSE")
}

/// The arguments that show these sockets.
const TCP: &str = "-t --unbound";
const MPTCP: &str = "-t --mptcp --unbound";

/// Tests all stages of some kinds of sockets with these sysctls.
fn live(kinds: &[Kind], arguments: &str, sysctls: &[(&str, &str)]) {
    enter_hasty_namespace(sysctls);
    let mut dying = Lives::default();
    for kind in kinds {
        dying.connecting(*kind, "connecting, timed out");
        dying.dying(*kind);
    }
    let mut lives = Lives::default();
    for kind in kinds {
        lives.of(*kind);
        lives.connecting(*kind, "connecting");
    }
    let sysctls = format!("{sysctls:?}");
    lives.check(arguments, &sysctls);
    assert_same_options(arguments);
    wait_until("connections time out", || {
        let shown = sockets(&format!("{arguments} -O nodelay"));
        dying.sockets.iter().all(|life| is_closed(&shown, &life.socket))
    });
    dying.check(arguments, &sysctls);
}

/// Returns the same kinds. Their connecting sockets have options that their peers can see.
fn marked(kinds: [Kind; 3]) -> [Kind; 3] {
    kinds.map(|kind| Kind { marks: true, ..kind })
}

#[test]
fn of_a_tcp_socket() {
    live(&TCP_KINDS, TCP, &[]);
    for sysctl in SYSCTLS {
        live(&TCP_KINDS, TCP, &[*sysctl]);
    }
    live(&TCP_KINDS, TCP, SYSCTLS);
    live(&marked(TCP_KINDS), TCP, &[]);
    live(&marked(TCP_KINDS), TCP, SYSCTLS);
}

#[test]
fn of_an_mptcp_socket() {
    enter_namespace();
    if has_mptcp("the life of an MPTCP socket") {
        live(&MPTCP_KINDS, MPTCP, &[]);
        live(&MPTCP_KINDS, MPTCP, SYSCTLS);
    }
}

/// Datagram sockets: connected, connected to another address, and disconnected. Also with a link-local
/// address, by which the kernel binds them to the interface.
#[test]
fn of_a_udp_socket() {
    enter_namespace();
    ip("link add left type veth peer name right");
    ip("link set left up");
    ip("link set right up");
    ip("addr add fe80::1/64 dev left nodad");
    let scope = nix::net::if_::if_nametoindex("left").expect("an index");
    let link = |last| {
        SocketAddr::from(std::net::SocketAddrV6::new(
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last),
            9,
            0,
            scope,
        ))
    };
    let mut lives = Lives::default();
    for kind in TCP_KINDS {
        let open =
            || knetstat::kernel::syscall::socket(kind.family, SOCK_DGRAM, 0).expect("socket");
        let to = |socket: &OwnedFd, address: SocketAddr| {
            let address = nix::sys::socket::SockaddrStorage::from(address);
            nix::sys::socket::connect(number(socket), &address).expect("connect");
        };
        let mut stages = vec![("new", open()), ("bound", open()), ("connected", open())];
        bind(&stages[1].1, (kind.at, 0));
        to(&stages[2].1, nobody(kind));
        for (what, bound) in [("disconnected", false), ("bound, disconnected", true)] {
            let socket = open();
            if bound {
                bind(&socket, (kind.at, 0));
            }
            to(&socket, nobody(kind));
            write(&socket, b"?").expect("write");
            disconnect(&socket);
            stages.push((what, socket));
        }
        if kind.at == V6 {
            for (what, next) in [("to a link", None), ("to a link, then elsewhere", Some(link(3)))]
            {
                let socket = open();
                to(&socket, link(2));
                if let Some(next) = next {
                    to(&socket, next);
                }
                stages.push((what, socket));
            }
            let socket = open();
            to(&socket, link(2));
            disconnect(&socket);
            stages.push(("to a link, disconnected", socket));
        }
        for (what, socket) in stages {
            lives.keep(kind, what, socket);
        }
    }
    lives.check("-u --unbound", "");
    assert_same_options_without_walks();
}

/// Values of the members that a TCP socket uses for its own purposes and other sockets for multicast: no
/// program can have set them.
#[test]
fn streams_refuse_the_options_of_multicast() {
    enter_namespace();
    for kind in TCP_KINDS {
        let socket = kind.open();
        let refuses = |level, number, value: &[u8]| {
            assert!(set_bytes(&socket, level, number, value).is_err(), "{} {number}", kind.name);
        };
        refuses(IPPROTO_IP, IP_MULTICAST_TTL, &5i32.to_ne_bytes());
        refuses(IPPROTO_IP, IP_MULTICAST_IF, &[127, 0, 0, 1]);
        refuses(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &5i32.to_ne_bytes());
        refuses(IPPROTO_IPV6, IPV6_MULTICAST_IF, &1i32.to_ne_bytes());
    }
}
