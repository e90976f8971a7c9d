//! The other ends of connections. Each end is held by a process of its own, whose PID and whose descriptors in /proc
//! say what must be shown at the other. ss(8) and /proc/net are asked as well.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sched::{setns, CloneFlags};
use serde_json::{json, Value};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::common::scene::{inode, proc_rows, EveryState};
use crate::common::ways::assert_same_without_walks;
use crate::common::{
    enter_namespace, find, has_mptcp, ip, not_tested, set, sockets, stdout, tells_types_of,
    wait_until, Child,
};

const SERVER: &CStr = c"peer-server";
const CLIENT: &CStr = c"peer-client";

/// The kind of socket at both ends: the arguments of socket(2), and those with which knetstat shows it.
#[derive(Clone, Copy)]
struct Kind {
    domain: Domain,
    socket_type: Type,
    protocol: Option<Protocol>,
    flag: &'static str,
}

const fn kind(domain: Domain, socket_type: Type, flag: &'static str) -> Kind {
    Kind { domain, socket_type, protocol: None, flag }
}

const TCP: Kind = kind(Domain::IPV4, Type::STREAM, "-t");
const TCP6: Kind = kind(Domain::IPV6, Type::STREAM, "-t");
const UDP: Kind = kind(Domain::IPV4, Type::DGRAM, "-u");
const UDP6: Kind = kind(Domain::IPV6, Type::DGRAM, "-u");

impl Kind {
    fn open(self) -> std::io::Result<Socket> {
        Socket::new(self.domain, self.socket_type, self.protocol)
    }

    /// Whether this kernel has such sockets. If not, reports that they are not tested.
    fn is_here(self, what: &str) -> bool {
        match self.open() {
            Ok(_) => true,
            Err(error) => {
                let unsupported = [nix::libc::EAFNOSUPPORT, nix::libc::EPROTONOSUPPORT];
                let is_unsupported =
                    error.raw_os_error().is_some_and(|it| unsupported.contains(&it));
                assert!(
                    is_unsupported || error.kind() == ErrorKind::Unsupported,
                    "{what}: {error}"
                );
                not_tested(&format!("the other end of {what}: this kernel has none"));
                false
            }
        }
    }
}

/// Starts a process that accepts one connection.
fn serve(kind: Kind, at: &SockAddr) -> Child {
    let server = Child::named(SERVER, || {
        let Ok(listener) = kind.open() else { return };
        if listener.bind(at).is_ok() && listener.listen(5).is_ok() {
            std::mem::forget(listener.accept());
        }
        std::mem::forget(listener);
    });
    wait_until("the server listens", || inodes(&server).len() == 1);
    server
}

/// Starts a process that connects a socket, tries again until that succeeds, and then keeps it. `from` is the address
/// that it binds first.
fn call(name: &CStr, kind: Kind, from: Option<&SockAddr>, to: &SockAddr) -> Child {
    Child::named(name, || loop {
        let Ok(socket) = kind.open() else { return };
        let is_bound = from.is_none_or(|from| socket.bind(from).is_ok());
        if is_bound && socket.connect(to).is_ok() {
            return std::mem::forget(socket);
        }
    })
}

/// The inodes of the sockets that a process holds, from /proc.
fn inodes(child: &Child) -> BTreeSet<u64> {
    let entries = fs::read_dir(format!("/proc/{}/fd", child.pid())).expect("/proc").flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    let number = |link: std::path::PathBuf| {
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    links.filter_map(number).collect()
}

/// The sockets of a process among the rows.
fn held<'a>(rows: &'a [Value], child: &Child) -> impl Iterator<Item = &'a Value> {
    let own = inodes(child);
    let is_own = move |row: &&Value| row["inode"].as_u64().is_some_and(|it| own.contains(&it));
    rows.iter().filter(|row| row["master"].is_null()).filter(is_own)
}

/// The connected socket of a process among the rows.
fn connected<'a>(rows: &'a [Value], child: &Child) -> Option<&'a Value> {
    let is_connected = |row: &&Value| row["state"] == "ESTABLISHED" || row["state"] == "CONNECTED";
    held(rows, child).find(is_connected)
}

/// Waits until both processes have a connected socket, and asserts that each is shown at the end of the other.
fn assert_ends(arguments: &str, server: &Child, client: &Child) {
    let mut rows = Vec::new();
    wait_until("both ends are connected", || {
        rows = sockets(&format!("{arguments} -p --peer"));
        connected(&rows, server).is_some() && connected(&rows, client).is_some()
    });
    // One end may have been opened after the reading for peers.
    let rows = sockets(&format!("{arguments} -p --peer"));
    for (this, other) in [(server, client), (client, server)] {
        let (row, peer) = (connected(&rows, this), connected(&rows, other));
        let (row, peer) = (row.expect("a row"), peer.expect("a row"));
        assert_eq!(row["processes"][0]["pid"], this.pid(), "{row}");
        assert_eq!(row["peer"], peer["inode"], "{row}");
        assert_eq!(row["peer_processes"], peer["processes"], "{row}");
        assert_eq!(row["peer_processes"][0]["pid"], other.pid(), "{row}");
        assert_eq!(row["peer_owner"], "process", "{row}");
    }
}

/// Asserts that no other end is shown for the connected socket of a process.
fn assert_no_end(arguments: &str, child: &Child) {
    let rows = sockets(&format!("{arguments} -p --peer"));
    let row = connected(&rows, child).expect("a row");
    assert_eq!(row["peer"], Value::Null, "{row}");
    assert_eq!((&row["peer_processes"], &row["peer_owner"]), (&Value::Null, &Value::Null), "{row}");
}

fn at(address: impl Into<IpAddr>, port: u16) -> SockAddr {
    SocketAddr::new(address.into(), port).into()
}

#[test]
fn tcp_over_both_versions_and_between_them() {
    enter_namespace();
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    let scenes = [
        (TCP, at(v4, 7001), TCP, at(v4, 7001)),
        (TCP6, at(v6, 7002), TCP6, at(v6, 7002)),
        (TCP6, at(mapped, 7003), TCP, at(v4, 7003)),
        (TCP, at(v4, 7004), TCP6, at(mapped, 7004)),
        (TCP6, at(mapped, 7005), TCP6, at(mapped, 7005)),
    ];
    let mut children = Vec::new();
    for (server, local, client, remote) in scenes {
        let server = serve(server, &local);
        children.push((call(CLIENT, client, None, &remote), server));
    }
    for (client, server) in &children {
        assert_ends("-t", server, client);
        // Neither end has to match the filter of the other.
        let rows = sockets(&format!("-tp --peer --pid {}", client.pid()));
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["peer_processes"][0]["pid"], server.pid());
    }
    assert_ends_of_ss();
    assert_same_without_walks();
}

/// Asserts that the processes at the other end are those that ss(8) shows for the reversed addresses. Mapped addresses
/// are compared as those of IPv4.
fn assert_ends_of_ss() {
    let output = Command::new("ss").args(["-Htnp"]).output().expect("ss(8)");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let end = |word: &str| word.replace("[::ffff:", "").replace(['[', ']'], "");
    let holders: BTreeMap<(String, String), u64> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let pid = line.split_once("pid=").expect("a process").1;
            let pid = pid.split_once(',').expect("a descriptor").0.parse().expect("a PID");
            ((end(words[3]), end(words[4])), pid)
        })
        .collect();
    let rows = sockets("-t --state established --columns local,remote,peer_pid");
    assert!(rows.len() >= 2 && rows.len() == holders.len(), "{rows:?}\n{text}");
    for row in rows {
        let end = |end: &Value| {
            let address = end["address"].as_str().expect("an address").replace("::ffff:", "");
            format!("{address}:{}", end["port"])
        };
        let reversed = (end(&row["remote"]), end(&row["local"]));
        assert_eq!(row["peer_pid"], json!([holders[&reversed]]), "{row}");
    }
}

/// In every state, the other end is the row of /proc/net with the reversed addresses, if there is one.
#[test]
fn the_other_end_of_every_state_is_that_of_proc() {
    enter_namespace();
    let address = Ipv4Addr::LOCALHOST;
    let _scenes = [
        EveryState::new(address.into(), address.into()),
        EveryState::new(Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()),
        EveryState::new(address.into(), address.to_ipv6_mapped().into()),
    ];
    let listed = proc_rows();
    let plain = |(address, port): (IpAddr, u16)| (address.to_canonical(), port);
    let ends: BTreeMap<_, _> =
        listed.iter().map(|row| ((plain(row.local), plain(row.remote)), row)).collect();
    let rows = sockets("-t --peer -p");
    assert_eq!(rows.len(), listed.len(), "the sockets stay as they are");
    let mut found = BTreeSet::new();
    for row in rows {
        let end = |end: &Value| {
            let address: IpAddr =
                end["address"].as_str().expect("text").parse().expect("an address");
            (address.to_canonical(), end["port"].as_u64().expect("a port") as u16)
        };
        let other = ends.get(&(end(&row["remote"]), end(&row["local"])));
        let Some(other) = other.filter(|_| row["state"] != "LISTEN") else {
            assert_eq!(row["peer_owner"], Value::Null, "{row}");
            continue;
        };
        found.insert(other.state.clone());
        assert_eq!(row["peer"].as_u64().unwrap_or_default(), other.inode, "{row} {other:?}");
        let expected = match (other.state.as_str(), other.inode) {
            ("SYN_RECV", _) => "request",
            ("TIME_WAIT", _) => "time-wait",
            ("FIN_WAIT2", 0) => "time-wait",
            (_, 0) => "orphan",
            _ => "process",
        };
        assert_eq!(row["peer_owner"], expected, "{row} {other:?}");
    }
    for state in ["ESTABLISHED", "FIN_WAIT2", "CLOSE_WAIT", "SYN_RECV", "SYN_SENT", "LAST_ACK"] {
        assert!(found.contains(state), "{state} is at no other end: {found:?}");
    }
}

/// It keeps the address of its last connection.
#[test]
fn a_closed_tcp_socket_has_no_other_end() {
    enter_namespace();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    let server = Socket::from(server);
    server.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(server);
    let shown = || find(&sockets("-t --unbound --peer -p"), &client).cloned();
    wait_until("it is closed", || shown().is_some_and(|row| row["state"] == "CLOSE"));
    let row = shown().expect("a row");
    assert_eq!((&row["peer"], &row["peer_owner"]), (&Value::Null, &Value::Null), "{row}");
    let table = stdout("-tH --unbound --columns state,peer,peer_program state=close");
    assert_eq!(table.split_whitespace().collect::<Vec<_>>(), ["CLOSE", "-", "-"]);
}

/// Each of the sockets of a transparent proxy has the address of the host at the other end of the other.
#[test]
fn a_transparent_proxy_is_not_its_own_other_end() {
    enter_namespace();
    let [one, other] = [("10.77.0.1", 5000), ("10.77.0.2", 80)]
        .map(|(address, port)| SocketAddr::new(address.parse().expect("an address"), port));
    ip("link add p0 type veth peer name p1");
    ip("link set p0 up");
    ip("link set p1 up");
    ip("route add default dev p0");
    let half = |from: SocketAddr, to: SocketAddr| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        socket.set_ip_transparent_v4(true).expect("IP_TRANSPARENT");
        socket.bind(&from.into()).expect("bind");
        socket.connect(&to.into()).expect("connect");
        socket
    };
    let halves = [half(one, other), half(other, one)];
    let rows = sockets("-up --peer");
    for socket in &halves {
        let row = find(&rows, socket).expect("a row");
        assert_eq!((&row["peer"], &row["peer_owner"]), (&Value::Null, &Value::Null), "{row}");
    }
    let table = stdout("-uH --columns peer,peer_program");
    assert_eq!(table.split_whitespace().collect::<Vec<_>>(), ["?"; 4]);
}

#[test]
fn udp_sockets_that_are_connected_to_each_other() {
    enter_namespace();
    for (kind, address, port) in [
        (UDP, IpAddr::from(Ipv4Addr::LOCALHOST), 7100),
        (UDP6, Ipv6Addr::LOCALHOST.into(), 7200),
        (UDP6, Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), 7300),
    ] {
        let (one, other) = (at(address, port), at(address, port + 1));
        let server = call(SERVER, kind, Some(&one), &other);
        let client = call(CLIENT, kind, Some(&other), &one);
        assert_ends("-u", &server, &client);
    }
}

/// It serves anyone, and another socket could receive what is sent to its address.
#[test]
fn an_unconnected_udp_socket_is_no_other_end() {
    enter_namespace();
    let address = at(Ipv4Addr::LOCALHOST, 7001);
    let server = UDP.open().expect("a socket");
    server.bind(&address).expect("bind");
    let client = call(CLIENT, UDP, None, &address);
    wait_until("it is connected", || connected(&sockets("-u"), &client).is_some());
    assert_no_end("-u", &client);
}

#[test]
fn of_several_sockets_that_could_be_the_other_end_none_is_shown() {
    enter_namespace();
    let (one, other) = (at(Ipv4Addr::LOCALHOST, 7001), at(Ipv4Addr::LOCALHOST, 7002));
    let open = || {
        let socket = UDP.open().expect("a socket");
        set(&socket, 1, 2, 1).expect("SO_REUSEADDR");
        socket.bind(&one).expect("bind");
        socket.connect(&other).expect("connect");
        socket
    };
    let _alike = [open(), open()];
    let client = call(CLIENT, UDP, Some(&other), &one);
    wait_until("it is connected", || connected(&sockets("-u"), &client).is_some());
    assert_no_end("-u", &client);
    let text =
        stdout("-uH --sport 7002 --columns peer,peer_program,peer_pid,peer_command,peer_owner");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["?"; 5]);
    // What is unknown is neither selected nor excluded.
    assert!(sockets("-u --sport 7002 has(peer_owner) or not has(peer_owner)").is_empty());
    assert_eq!(stdout("-uH --sport 7002 --csv --columns sport,peer,peer_owner").trim(), "7002,,");
}

#[test]
fn unix_sockets_by_path_and_name_and_of_every_type() {
    enter_namespace();
    let path = std::env::temp_dir().join(format!("knetstat-peer-{}", std::process::id()));
    for (n, socket_type) in [Type::STREAM, Type::SEQPACKET].into_iter().enumerate() {
        let kind = kind(Domain::UNIX, socket_type, "-x");
        for address in [
            SockAddr::unix(&path).expect("a path"),
            SockAddr::unix(format!("\0knetstat-peer-{n}-{}", std::process::id())).expect("a name"),
        ] {
            let server = serve(kind, &address);
            let client = call(CLIENT, kind, None, &address);
            assert_ends(kind.flag, &server, &client);
            assert_ends_of_unix_in_ss(&server, &client);
            let _ = fs::remove_file(&path);
        }
    }
}

/// ss(8) shows the inode of the peer in its last column before the processes.
fn assert_ends_of_unix_in_ss(server: &Child, client: &Child) {
    let output = Command::new("ss").args(["-Hxp"]).output().expect("ss(8)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let peer = |child: &Child| -> u64 {
        let line = text
            .lines()
            .find(|line| line.contains("ESTAB") && line.contains(&format!("pid={},", child.pid())));
        let words: Vec<&str> = line.expect("its socket").split_whitespace().collect();
        words[words.len() - 2].parse().expect("an inode")
    };
    assert!(inodes(client).contains(&peer(server)), "{text}");
    assert!(inodes(server).contains(&peer(client)), "{text}");
    let rows = sockets("-x --peer");
    for child in [server, client] {
        assert_eq!(connected(&rows, child).expect("a row")["peer"], peer(child), "{text}");
    }
}

#[test]
fn unix_datagrams_have_a_peer_on_one_side() {
    enter_namespace();
    let kind = kind(Domain::UNIX, Type::DGRAM, "-x");
    let name = SockAddr::unix(format!("\0knetstat-post-{}", std::process::id())).expect("a name");
    let server = Child::named(SERVER, || {
        let Ok(socket) = kind.open() else { return };
        let _ = socket.bind(&name);
        std::mem::forget(socket);
    });
    let client = call(CLIENT, kind, None, &name);
    let rows = || sockets("-xp --peer");
    // Before Linux 5.15, the state of a datagram socket does not say that it is connected.
    wait_until("it is connected", || held(&rows(), &client).any(|row| !row["peer"].is_null()));
    let rows = rows();
    let row = held(&rows, &client).find(|row| !row["peer"].is_null()).expect("a row");
    assert_eq!(row["peer_processes"][0]["pid"], server.pid());
    assert!(inodes(&server).contains(&row["peer"].as_u64().expect("an inode")), "{row}");
    let row = held(&rows, &server).next().expect("a row");
    assert_eq!((&row["peer"], &row["peer_owner"]), (&Value::Null, &Value::Null), "{row}");
}

#[test]
fn a_unix_peer_that_was_not_accepted_or_is_closed() {
    enter_namespace();
    let (one, other) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("socketpair");
    let rows = sockets("-xp --peer");
    let pid = u64::from(std::process::id());
    for (this, other) in [(&one, &other), (&other, &one)] {
        let row = find(&rows, this).expect("a row");
        assert_eq!(row["peer"], inode(other), "{row}");
        let holders = row["peer_processes"].as_array().expect("holders");
        assert!(holders.iter().any(|it| it["pid"] == pid), "{row}");
    }
    let owner = |socket: &Socket| {
        find(&sockets("-xp --peer"), socket).map(|row| {
            assert_eq!(row["peer"], Value::Null, "{row}");
            assert_eq!(row["peer_processes"], json!([]), "{row}");
            row["peer_owner"].as_str().unwrap_or_default().to_owned()
        })
    };
    // Another test may have forked a process that holds it for a moment.
    drop(other);
    wait_until("it is closed", || {
        find(&sockets("-x --peer"), &one).is_some_and(|it| it["peer"].is_null())
    });
    assert_eq!(owner(&one).as_deref(), Some("orphan"));

    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    let name = SockAddr::unix(format!("\0knetstat-wait-{pid}")).expect("a name");
    listener.bind(&name).and_then(|()| listener.listen(5)).expect("a listener");
    let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    client.connect(&name).expect("connect");
    assert_eq!(owner(&client).as_deref(), Some("accept-queue"));
    let (server, _) = listener.accept().expect("accept");
    let rows = sockets("-x --peer");
    assert_eq!(find(&rows, &client).expect("a row")["peer"], inode(&server));
}

#[test]
fn tcp_that_was_not_accepted() {
    enter_namespace();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 7001)).expect("a listener");
    let client = call(CLIENT, TCP, None, &at(Ipv4Addr::LOCALHOST, 7001));
    wait_until("it is connected", || connected(&sockets("-t"), &client).is_some());
    let rows = sockets("-tp --peer");
    let row = connected(&rows, &client).expect("a row");
    assert_eq!((&row["peer"], &row["peer_owner"]), (&Value::Null, &json!("accept-queue")), "{row}");
    let waiting = rows.iter().find(|row| row["owner"] == "accept-queue").expect("the other end");
    assert_eq!(waiting["peer_processes"][0]["pid"], client.pid());
    // As the row of the other end has it. Another test may have forked a process that holds the listener for a moment.
    wait_until("both have the same program", || {
        let text = stdout(&format!("-tH --pid {} --columns peer_program", client.pid()));
        let own = stdout("-tH --columns program owner=accept-queue");
        assert!(text.trim().ends_with("(accept-queue)"), "{text}");
        text == own && text.starts_with(&format!("{}/", std::process::id()))
    });
    drop(listener);
}

#[test]
fn mptcp_and_its_subflows() {
    enter_namespace();
    if !has_mptcp("the other end of MPTCP connections") {
        return;
    }
    let mptcp = Kind { protocol: Some(Protocol::MPTCP), flag: "--mptcp", ..TCP };
    let address = at(Ipv4Addr::LOCALHOST, 7001);
    let server = serve(mptcp, &address);
    let client = call(CLIENT, mptcp, None, &address);
    assert_ends("--mptcp", &server, &client);
    let rows = sockets("-tp --peer --state established");
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in &rows {
        let (this, other) = match row["processes"][0]["pid"] == server.pid() {
            true => (&server, &client),
            false => (&client, &server),
        };
        assert_eq!(row["owner"], "subflow");
        assert_eq!(row["processes"][0]["pid"], this.pid());
        assert_eq!(row["peer_processes"][0]["pid"], other.pid());
    }

    // The other side has no MPTCP.
    let address = at(Ipv4Addr::LOCALHOST, 7002);
    let server = serve(TCP, &address);
    let client = call(CLIENT, mptcp, None, &address);
    wait_until("both are connected", || {
        let rows = sockets("-t --mptcp");
        connected(&rows, &client).is_some() && connected(&rows, &server).is_some()
    });
    let rows = sockets("-p --mptcp --peer");
    let row = connected(&rows, &client).expect("a row");
    assert_eq!(row["peer_processes"][0]["pid"], server.pid(), "{row}");
    assert_eq!(row["peer_owner"], "process", "{row}");
    let rows = sockets("-tp --peer");
    let row = connected(&rows, &server).expect("a row");
    assert_eq!(row["peer_processes"][0]["pid"], client.pid(), "{row}");
}

#[test]
fn sctp_over_loopback() {
    enter_namespace();
    let sctp = Kind { protocol: Some(Protocol::SCTP), flag: "--sctp", ..TCP };
    if !sctp.is_here("SCTP associations") {
        return;
    }
    let address = at(Ipv4Addr::LOCALHOST, 7001);
    let server = serve(sctp, &address);
    let client = call(CLIENT, sctp, None, &address);
    assert_ends(sctp.flag, &server, &client);
}

#[test]
fn vsock_over_loopback() {
    enter_namespace();
    let vsock = kind(Domain::VSOCK, Type::STREAM, "--vsock");
    let test = "the other end of vsock connections";
    if !vsock.is_here("vsock connections") || !tells_types_of("vsock", test) {
        return;
    }
    const LOCAL: u32 = 1;
    let port = 0x7000_0000 | std::process::id();
    let listener = vsock.open().expect("a socket");
    if listener.bind(&SockAddr::vsock(u32::MAX, port)).and_then(|()| listener.listen(1)).is_err() {
        return not_tested(&format!("{test}: no transport"));
    }
    let client = vsock.open().expect("a socket");
    if let Err(error) = client.connect(&SockAddr::vsock(LOCAL, port)) {
        return not_tested(&format!("{test} over loopback: {error}"));
    }
    drop((listener, client));
    let address = SockAddr::vsock(LOCAL, port + 1);
    let server = serve(vsock, &address);
    let client = call(CLIENT, vsock, None, &address);
    assert_ends(vsock.flag, &server, &client);
}

#[test]
fn peers_in_expressions_and_in_other_outputs() {
    enter_namespace();
    let address = at(Ipv4Addr::LOCALHOST, 7001);
    let server = serve(TCP, &address);
    let client = call(CLIENT, TCP, None, &address);
    assert_ends("-t", &server, &client);
    let of = |arguments: &str| -> Vec<u64> {
        let rows = sockets(&format!("-t {arguments} --columns inode"));
        rows.iter().map(|row| row["inode"].as_u64().expect("an inode")).collect()
    };
    let client_inode: Vec<u64> = inodes(&client).into_iter().collect();
    for expression in [
        "peer_command=peer-server",
        &format!("peer_pid={}", server.pid()),
        &format!("peer_pid={} and peer_command~peer-s*", server.pid()),
        "command=peer-client and has(peer)",
        "peer_owner=process and not peer_command=peer-client",
    ] {
        assert_eq!(of(expression), client_inode, "{expression}");
    }
    assert_eq!(of("state=listen has(peer_owner)"), [] as [u64; 0]);
    let sorted = stdout("-tH --state established --sort -peer_command --columns command");
    assert_eq!(sorted.split_whitespace().collect::<Vec<_>>(), ["peer-client", "peer-server"]);
    let counted = stdout("-tH --count-by peer_command --state established");
    assert!(counted.lines().count() == 2 && counted.contains(" peer-server"), "{counted}");
    let counted = stdout("-tH --count-by peer_program --dport 7001 --json");
    assert!(
        counted.contains(&format!("\"peer_program\":\"{}/peer-server\"", server.pid())),
        "{counted}"
    );
    let csv = stdout("-tpH --csv --peer --columns sport --dport 7001");
    assert!(csv.trim().ends_with(&format!("{}/peer-server", server.pid())), "{csv}");
    let header = stdout("-t --csv --peer").lines().next().expect("a header").to_owned();
    assert!(
        header.contains(",peer,") && header.contains("peer_pid,peer_command,peer_owner"),
        "{header}"
    );
    let text = stdout("-tp --peer --dport 7001");
    let (title, row) = text.split_once('\n').expect("a header");
    assert!(title.contains("PID/Program name     Peer PID/Program"), "{text}");
    let both = [(client.pid(), "peer-client"), (server.pid(), "peer-server")];
    let both = both.map(|(pid, name)| format!("{pid}/{name}"));
    let place = both.each_ref().map(|it| row.find(it.as_str()).expect("both"));
    assert!(place[0] < place[1], "{text}");
}

// Network namespaces

/// A network namespace without a name.
struct Place(File);

impl Place {
    fn new() -> Place {
        let netns = thread::spawn(|| {
            enter_namespace();
            File::open("/proc/thread-self/ns/net").expect("/proc")
        });
        Place(netns.join().expect("a namespace"))
    }

    /// Two namespaces that are joined by a pair of interfaces: 10.93.N.1 and 10.93.N.2.
    fn joined(network: u8) -> [Place; 2] {
        let places = [Place::new(), Place::new()];
        places[0].within(|| {
            ip(&format!("link add v0 type veth peer name v0 netns {}", places[1].path()))
        });
        for (place, number) in places.iter().zip(1..) {
            place.within(|| {
                ip(&format!("address add 10.93.{network}.{number}/24 dev v0"));
                ip("link set v0 up");
            });
        }
        places
    }

    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Runs an action in the namespace, on a thread of its own.
    fn within<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(self.0.as_fd(), CloneFlags::CLONE_NEWNET).expect("setns");
                action()
            });
            thread.join().expect("nothing went wrong there")
        })
    }
}

fn netns(places: &[&Place]) -> String {
    let paths: Vec<String> = places.iter().map(|place| place.path()).collect();
    format!("-t --netns {}", paths.join(","))
}

/// A connection between the two namespaces, from a fixed port: the server and the client.
fn connection(network: u8, [client, server]: &[Place; 2]) -> (Child, Child) {
    let address = |number| at(Ipv4Addr::new(10, 93, network, number), 7001);
    let server = server.within(|| serve(TCP, &address(2)));
    let client = client.within(|| call(CLIENT, TCP, Some(&address(1)), &address(2)));
    (server, client)
}

#[test]
fn in_another_namespace() {
    // No other test has these addresses.
    let places = Place::joined(1);
    let [one, other] = &places;
    let (server, client) = connection(1, &places);
    assert_ends(&netns(&[one, other]), &server, &client);
    assert_ends("-t --all-netns", &server, &client);
    // The other end is in no namespace that is read.
    assert_no_end(&netns(&[one]), &client);
    assert_no_end(&netns(&[other]), &server);
}

#[test]
fn the_same_addresses_in_several_namespaces() {
    let (first, second) = (Place::joined(2), Place::joined(2));
    let (pair, alike) = (connection(2, &first), connection(2, &second));
    assert_ends(&netns(&[&first[0], &first[1]]), &pair.0, &pair.1);
    assert_ends(&netns(&[&second[0], &second[1]]), &alike.0, &alike.1);
    let every = netns(&[&first[0], &first[1], &second[0], &second[1]]);
    for child in [&pair.0, &pair.1, &alike.0, &alike.1] {
        assert_no_end(&every, child);
    }
    // One of two clients with the same address is not connected to the only server that is read.
    let clients = netns(&[&first[0], &first[1], &second[0]]);
    for child in [&pair.0, &pair.1, &alike.1] {
        assert_no_end(&clients, child);
    }
    let text = stdout(&format!("{clients} -H --state established --columns peer_owner"));
    let words = text.lines().filter_map(|line| line.split_whitespace().next());
    assert_eq!(words.collect::<Vec<_>>(), ["?"; 3]);
}

/// Link-local addresses are those of one link. Two connections of one process over two links may have the same addresses
/// and ports.
#[test]
fn the_same_link_local_addresses_on_two_links() {
    let places = Place::joined(3);
    places[0]
        .within(|| ip(&format!("link add v1 type veth peer name v1 netns {}", places[1].path())));
    for (place, number) in places.iter().zip(1..) {
        place.within(|| {
            for link in ["v0", "v1"] {
                ip(&format!("-6 address add fe80::93:{number}/64 dev {link} nodad"));
                ip(&format!("link set {link} up"));
            }
        });
    }
    let address = |number, link: &str| {
        let index = nix::net::if_::if_nametoindex(link).expect("a link");
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x93, number);
        SockAddr::from(SocketAddrV6::new(address, 7001, 0, index))
    };
    let listener = places[1].within(|| {
        let listener = TCP6.open().expect("a socket");
        listener.bind(&at(Ipv6Addr::UNSPECIFIED, 7001)).expect("bind");
        listener.listen(5).expect("listen");
        listener
    });
    let connect = |link: &'static str| {
        places[0].within(|| {
            let client = TCP6.open().expect("a socket");
            client.bind(&address(1, link)).expect("bind");
            client.connect(&address(2, link)).expect("connect");
            client
        })
    };
    let both = netns(&[&places[0], &places[1]]);
    let peer_of = |end: &Socket| {
        let rows = sockets(&format!("{both} --peer"));
        let row = find(&rows, end).expect("a row");
        (row["peer"].clone(), row["peer_owner"].clone())
    };
    let first = connect("v0");
    assert_eq!(peer_of(&first), (Value::Null, json!("accept-queue")));
    let (accepted, _) = listener.accept().expect("accept");
    assert_eq!(peer_of(&first), (json!(inode(&accepted)), json!("process")));
    assert_eq!(peer_of(&accepted), (json!(inode(&first)), json!("process")));
    // The second one is not accepted, so that it has no inode.
    let second = connect("v1");
    for end in [&first, &second, &accepted] {
        assert_eq!(peer_of(end), (Value::Null, Value::Null));
    }
    drop(second);
    drop(listener);
}

/// Connections over loopback have the same addresses and ports everywhere. Each stays in its namespace.
#[test]
fn loopback_addresses_lead_to_no_other_namespace() {
    let places = [Place::new(), Place::new()];
    let from = at(Ipv4Addr::LOCALHOST, 7002);
    let to = at(Ipv4Addr::LOCALHOST, 7001);
    let pairs = places.each_ref().map(|place| {
        let server = place.within(|| serve(TCP, &to));
        (server, place.within(|| call(CLIENT, TCP, Some(&from), &to)))
    });
    let both = netns(&[&places[0], &places[1]]);
    for (server, client) in &pairs {
        assert_ends(&both, server, client);
    }
    // Without their own clients, a server is not at the other end of the client elsewhere.
    let [(server, client), (_, other)] = pairs;
    drop((server, other));
    wait_until("the other end is gone", || {
        let rows = sockets(&format!("{both} --peer"));
        !rows.iter().any(|row| row["state"] == "ESTABLISHED")
    });
    let rows = sockets(&format!("{both} -p --peer"));
    let own = inodes(&client);
    let row = rows.iter().find(|row| row["inode"].as_u64().is_some_and(|it| own.contains(&it)));
    assert_eq!(row.expect("a row")["peer_owner"], json!("time-wait"));
}
