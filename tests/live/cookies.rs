//! Cookies are read and never generated.
//!
//! The kernel assigns a cookie to a socket when it is first asked for one: SO_COOKIE, sock_diag(7), or a BPF
//! program. The numbers come from a counter of each processor (net/core/sock_diag.c, sock_gen_cookie()). The
//! tests, and the programs that they start, stay on one processor, where a greater number was assigned later.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use nix::sys::socket::{AddressFamily, SockType};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::common::scene::inode;
use crate::common::{
    cookie, enter_namespace, find, has_mptcp, not_tested, open, say, sockets,
    stay_on_one_processor, stdout, walks_are_exact,
};
use crate::numbers::*;

/// A socket, and what it is.
type Named = (&'static str, OwnedFd);

/// The arguments of socket(2).
const NEW: [(&str, [i32; 3]); 19] = [
    ("tcp", [AF_INET, SOCK_STREAM, 0]),
    ("tcp6", [AF_INET6, SOCK_STREAM, 0]),
    ("udp", [AF_INET, SOCK_DGRAM, 0]),
    ("udp6", [AF_INET6, SOCK_DGRAM, 0]),
    ("udplite", [AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE]),
    ("mptcp", [AF_INET, SOCK_STREAM, IPPROTO_MPTCP]),
    ("sctp", [AF_INET, SOCK_STREAM, IPPROTO_SCTP]),
    ("raw", [AF_INET, SOCK_RAW, IPPROTO_ICMP]),
    ("raw6", [AF_INET6, SOCK_RAW, IPPROTO_ICMPV6]),
    ("unix stream", [AF_UNIX, SOCK_STREAM, 0]),
    ("unix dgram", [AF_UNIX, SOCK_DGRAM, 0]),
    ("packet", [AF_PACKET, SOCK_RAW, 0]),
    ("xdp", [AF_XDP, SOCK_RAW, 0]),
    ("netlink", [AF_NETLINK, SOCK_RAW, NETLINK_ROUTE]),
    ("vsock", [AF_VSOCK, SOCK_STREAM, 0]),
    ("can", [AF_CAN, SOCK_RAW, 1]),
    ("key", [AF_KEY, SOCK_RAW, 2]),
    ("alg", [AF_ALG, SOCK_SEQPACKET, 0]),
    ("tipc", [AF_TIPC, SOCK_STREAM, 0]),
];

/// Enters a namespace, and stays on one processor.
fn enter() {
    enter_namespace();
    stay_on_one_processor();
}

/// Opens a socket of each family that the kernel has.
fn new_sockets() -> Vec<Named> {
    let open = |(name, [family, kind, protocol]): (&'static str, [i32; 3])| {
        match knetstat::kernel::syscall::socket(family, kind, protocol) {
            Ok(socket) => Some((name, socket)),
            Err(error) => {
                not_tested(&format!("the cookie of a socket of {name}: {error}"));
                None
            }
        }
    };
    NEW.into_iter().filter_map(open).collect()
}

/// A listener of each family that has some, with a connection that waits to be accepted.
struct Waiting {
    tcp: TcpListener,
    unix: UnixListener,
    mptcp: Option<Socket>,
}

impl Waiting {
    /// Opens the listeners. Also returns the other ends of the connections.
    fn open() -> (Waiting, Vec<Named>) {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let address = SocketAddr::from_abstract_name(std::process::id().to_string());
        let address = address.expect("an abstract name");
        let unix = UnixListener::bind_addr(&address).expect("bind");
        let tcp_client = TcpStream::connect(tcp.local_addr().expect("an address"));
        let unix_client = UnixStream::connect_addr(&address).expect("connect");
        let mut clients: Vec<Named> = vec![
            ("tcp client", tcp_client.expect("connect").into()),
            ("unix client", unix_client.into()),
        ];
        let mptcp = has_mptcp("cookies").then(|| {
            let open = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
            let (listener, client) = (open().expect("a socket"), open().expect("a socket"));
            listener.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).expect("bind");
            listener.listen(1).expect("listen");
            client.connect(&listener.local_addr().expect("an address")).expect("connect");
            clients.push(("mptcp client", client.into()));
            listener
        });
        (Waiting { tcp, unix, mptcp }, clients)
    }

    /// Accepts the connections. Returns all sockets.
    fn accept(self) -> Vec<Named> {
        let mut all: Vec<Named> = vec![
            ("tcp server", self.tcp.accept().expect("accept").0.into()),
            ("tcp listener", self.tcp.into()),
            ("unix server", self.unix.accept().expect("accept").0.into()),
            ("unix listener", self.unix.into()),
        ];
        if let Some(mptcp) = self.mptcp {
            all.push(("mptcp server", mptcp.accept().expect("accept").0.into()));
            all.push(("mptcp listener", mptcp.into()));
        }
        all
    }
}

/// Runs that read every socket, for each way to use the programs.
const RUNS: [&str; 7] = [
    "-tuxw0p --json",
    "--unbound -p --json",
    "-A all -p -O all --columns cookie,inode,master,owner,dead_after,options",
    "-tuxw0p --all-netns --ndjson",
    "-A all --summary",
    "-A all --count-by pid,cookie",
    "-A all -q",
];

/// A row without a cookie says so in each output.
fn assert_unknown(rows: &[Value], table: &str, (name, socket): &Named) {
    let row = find(rows, socket).unwrap_or_else(|| panic!("no row of {name}"));
    assert_eq!(row["cookie"], Value::Null, "{name}: {row}");
    assert_eq!(row["options"].get("SO_COOKIE"), None, "{name}: {row}");
    let words = [inode(socket).to_string(), "-".into()];
    let has = table.lines().any(|line| line.split_whitespace().eq(&words));
    assert!(has, "{name}: {table}");
}

#[test]
fn a_socket_has_none_until_a_process_asks() {
    enter();
    let (waiting, clients) = Waiting::open();
    let mut kept: Vec<Named> = new_sockets().into_iter().chain(clients).collect();
    let asked = open(AddressFamily::Inet, SockType::Stream);
    let first = cookie(&asked);

    RUNS.into_iter().for_each(|arguments| drop(stdout(arguments)));
    let rows = sockets("--unbound -p");
    let table = stdout("--unbound -H --columns inode,cookie");
    kept.iter().for_each(|named| assert_unknown(&rows, &table, named));
    for row in rows.iter().filter(|row| row["master"].is_object()) {
        assert_eq!(row["master"]["cookie"], Value::Null, "{row}");
    }
    assert_eq!(find(&rows, &asked).expect("its row")["cookie"], first);

    // A connection that was accepted keeps the cookie that it had before.
    kept.extend(waiting.accept());
    for (name, socket) in &kept {
        let before = cookie(&open(AddressFamily::Inet, SockType::Stream));
        assert!(first < before, "the numbers increase");
        assert!(cookie(socket) > before, "{name} had a cookie");
    }

    let rows = sockets("--unbound -p");
    for (name, socket) in &kept {
        let row = find(&rows, socket).unwrap_or_else(|| panic!("no row of {name}"));
        assert_eq!(row["cookie"], cookie(socket), "{name}");
        assert_eq!(row["options"]["SO_COOKIE"], cookie(socket), "{name}");
    }
}

/// Since 6.16, the kernel's iterators of TCP and UDP themselves assign a cookie to each socket at which a read
/// stops, to find it again: net/ipv4/tcp_ipv4.c, bpf_iter_tcp_put_batch(). These are few.
#[test]
fn the_iterators_of_the_kernel_assign_few() {
    const SOCKETS: usize = 400;
    enter();
    crate::common::permit_descriptors(4_096);
    let ends = (0..SOCKETS).map(|_| -> [OwnedFd; 2] {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        [tcp.into(), UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind").into()]
    });
    let sockets: Vec<OwnedFd> = ends.flatten().collect();
    assert_eq!(stdout("-tup -H").lines().count(), sockets.len());
    let now = cookie(&open(AddressFamily::Inet, SockType::Stream));
    let assigned = sockets.iter().filter(|socket| cookie(*socket) < now).count();
    say(&format!("cookies: the kernel assigned {assigned} to {} sockets in a run", sockets.len()));
    let most = if walks_are_exact() { sockets.len() / 20 } else { 0 };
    assert!(assigned <= most, "{assigned} cookies were assigned");
}
