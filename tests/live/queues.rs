//! The listeners of connections that wait to be accepted, and of connection requests. What accept(2) returns tells which
//! listener a connection waited for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use nix::sched::{unshare, CloneFlags};
use nix::sys::socket::{AddressFamily, SockType};
use serde_json::{json, Value};
use socket2::{Domain, Protocol, Socket, Type};

use crate::common::scene::{inode, wait_for_state};
use crate::common::ways::{assert_same_without_walks, NO_WALKS};
use crate::common::{
    begin_connecting, bind, btf_has, cookie, deafen, enter_namespace, find, has_mptcp, knetstat,
    listen, local_address, not_tested, open, proc_net, sockets, stdout, sysctl, wait_until, Child,
};

const PORT: u16 = 4000;
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const ANY_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// A listener of the SO_REUSEPORT group of `PORT`.
fn grouped_listener(at: IpAddr) -> Socket {
    let address = SocketAddr::new(at, PORT);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    socket.bind(&address.into()).expect("bind");
    socket.listen(100).expect("listen");
    socket
}

/// A process with a listener of the group, which accepts connections when it is told to.
struct Acceptor {
    child: Child,
    post: net::SocketAddr,
}

/// The most connections that an acceptor is asked for.
const ACCEPTED_MAX: usize = 100;

fn name(name: &str) -> net::SocketAddr {
    net::SocketAddr::from_abstract_name(name).expect("a name")
}

impl Acceptor {
    fn new(command: &CStr, at: IpAddr) -> Acceptor {
        let post = name(command.to_str().expect("a name"));
        let child = Child::named(command, || {
            let listener = grouped_listener(at);
            let here = UnixDatagram::bind_addr(&post).expect("a post");
            let _ = here.recv(&mut [0]);
            listener.set_nonblocking(true).expect("O_NONBLOCK");
            let mut ports = [0; 2 * ACCEPTED_MAX];
            let mut count = 0;
            while let Ok((socket, peer)) = listener.accept() {
                let port = peer.as_socket().map_or(0, |peer| peer.port());
                ports[2 * count..2 * count + 2].copy_from_slice(&port.to_ne_bytes());
                count += 1;
                std::mem::forget(socket);
            }
            let _ = here.send_to_addr(&ports[..2 * count], &name("test"));
            std::mem::forget(listener);
        });
        let sender = UnixDatagram::unbound().expect("a socket");
        wait_until("the process listens", || sender.connect_addr(&post).is_ok());
        Acceptor { child, post }
    }

    /// Makes the process accept all connections that wait. Returns the ports of their peers.
    fn accept(&self, here: &UnixDatagram) -> Vec<u16> {
        here.send_to_addr(b"x", &self.post).expect("sent");
        let mut ports = [0; 2 * ACCEPTED_MAX];
        let length = here.recv(&mut ports).expect("an answer");
        ports[..length].chunks(2).map(|port| u16::from_ne_bytes([port[0], port[1]])).collect()
    }
}

/// The rows of the ends that listeners have not accepted yet.
fn waiting(arguments: &str) -> Vec<Value> {
    let mut rows = sockets(&format!("-tp {arguments}"));
    rows.retain(|row| row["owner"] == "accept-queue");
    rows
}

fn port_of(row: &Value) -> u16 {
    row["remote"]["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port")
}

/// Each connection that waits for one of three processes names that one.
fn check_group(at: IpAddr, target: IpAddr) {
    const CLIENTS: usize = 40;
    let commands = [c"first", c"second", c"third"];
    let acceptors = commands.map(|command| Acceptor::new(command, at));
    let clients: Vec<TcpStream> =
        (0..CLIENTS).map(|_| TcpStream::connect((target, PORT)).expect("connect")).collect();

    let rows = waiting("");
    let listeners = sockets("-tlp");
    assert_eq!((rows.len(), listeners.len()), (CLIENTS, acceptors.len()), "{rows:#?}");
    let mut shown = BTreeMap::new();
    for row in &rows {
        assert_eq!((&row["processes"], &row["inode"]), (&json!([]), &Value::Null), "{row}");
        let processes = &row["listener_processes"];
        let is_listener = |it: &&Value| it["inode"] == row["listener_inode"];
        let other = listeners.iter().find(is_listener).expect("the row of the listener");
        assert_eq!((processes, &row["listener"]), (&other["processes"], &other["cookie"]), "{row}");
        assert_eq!(processes.as_array().map(Vec::len), Some(1), "{row}");
        shown.insert(port_of(row), processes[0]["pid"].as_i64().expect("a PID"));
    }
    assert!(listeners.iter().all(|row| row["listener_inode"].is_null()), "{listeners:#?}");
    for row in sockets(&format!("-tp --dport {PORT}")) {
        assert_eq!(
            (&row["owner"], &row["listener_inode"]),
            (&json!("process"), &Value::Null),
            "{row}"
        );
    }

    let table = stdout(&format!("-tpH --sport {PORT} state established"));
    let counts = stdout("-tJ --count-by listener owner=accept-queue");
    let counts: Vec<Value> = serde_json::from_str(&counts).expect("JSON");
    for (acceptor, command) in acceptors.iter().zip(commands) {
        let command = command.to_str().expect("a name");
        let pid = acceptor.child.pid();
        let count = shown.values().filter(|it| **it == i64::from(pid)).count();
        let word = format!(" {pid}/{command}(accept-queue) ");
        assert_eq!(table.matches(&word).count(), count, "{table}");
        for value in [command.to_owned(), pid.to_string(), format!("{pid}/{command}")] {
            assert_eq!(waiting(&format!("--where listener={value}")).len(), count, "{value}");
        }
        let is_count = |it: &&Value| it["listener"] == format!("{pid}/{command}");
        let counted = counts.iter().find(is_count).map_or(&json!(0), |it| &it["count"]).clone();
        assert_eq!(counted, count, "{counts:?}");
    }
    assert_same_without_walks();

    let here = UnixDatagram::bind_addr(&name("test")).expect("a post");
    let mut accepted = BTreeMap::new();
    for acceptor in &acceptors {
        let pid = i64::from(acceptor.child.pid());
        accepted.extend(acceptor.accept(&here).into_iter().map(|port| (port, pid)));
    }
    assert_eq!(shown, accepted);
    let used: BTreeSet<&i64> = accepted.values().collect();
    assert!(used.len() > 1, "only one of the processes has connections: {accepted:?}");
    assert!(waiting("").is_empty());
    drop(clients);
}

#[test]
fn each_of_a_group_over_ipv4() {
    enter_namespace();
    check_group(V4, V4);
}

#[test]
fn each_of_a_group_over_ipv6() {
    enter_namespace();
    check_group(V6, V6);
}

#[test]
fn each_of_a_group_over_ipv4_mapped_addresses() {
    enter_namespace();
    check_group(ANY_V6, V4);
}

/// The request of such a connection has no pointer to its listener.
#[test]
fn connections_of_syn_cookies() {
    enter_namespace();
    if !std::fs::exists("/proc/sys/net/ipv4/tcp_syncookies").is_ok_and(|exists| exists) {
        return not_tested("SYN cookies, which this kernel does not have");
    }
    sysctl("net/ipv4/tcp_syncookies", "2");
    check_group(V4, V4);
    let sent = netstat("SyncookiesRecv");
    assert!(sent >= 40, "{sent} connections are of a SYN cookie");
}

/// A counter of /proc/net/netstat.
fn netstat(name: &str) -> u64 {
    let text = proc_net("netstat");
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    let (names, values) = (&lines[0], &lines[1]);
    let place = names.iter().position(|it| *it == name).expect("a counter");
    values[place].parse().expect("a number")
}

#[test]
fn the_listener_of_a_connection_request() {
    enter_namespace();
    for (at, target) in [(V4, V4), (V6, V6), (ANY_V6, V4)] {
        let listener = TcpListener::bind((at, 0)).expect("a listener");
        let address = SocketAddr::new(target, local_address(&listener).port());
        let clients: Vec<_> = (0..3)
            .map(|_| {
                let family = if target == V4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
                let client = open(family, SockType::Stream);
                deafen(&client);
                begin_connecting(&client, address);
                client
            })
            .collect();
        let mut rows = Vec::new();
        wait_until("ss(8) shows the requests", || {
            let before = requests_of_ss(address.port());
            rows = sockets(&format!("-tp --state syn_recv --sport {}", address.port()));
            let shown: BTreeSet<u16> = rows.iter().map(port_of).collect();
            before.len() == clients.len() && before == shown
        });
        for row in &rows {
            assert_eq!((&row["processes"], &row["owner"]), (&json!([]), &json!("request")));
            assert_eq!(row["listener_inode"], inode(&listener), "{row}");
            // A child of another test may have a copy of the descriptor.
            let processes = row["listener_processes"].as_array().expect("a list");
            assert!(processes.iter().any(|it| it["pid"] == std::process::id()), "{row}");
        }
        let table = stdout(&format!("-tpH --state syn_recv --sport {}", address.port()));
        assert_eq!(table.matches("(request)").count(), clients.len(), "{table}");
        let own = format!("{}/", std::process::id());
        assert!(table.split([' ', ',']).any(|word| word.starts_with(&own)), "{table}");
        // Nothing is read that is not shown.
        let rows = sockets(&format!("-t --state syn_recv --sport {}", address.port()));
        assert!(rows.iter().all(|row| row.get("listener").is_none()), "{rows:?}");
    }
}

/// The remote ports of the connection requests that ss(8) shows.
fn requests_of_ss(port: u16) -> BTreeSet<u16> {
    let output = Command::new("ss").args(["-Htan", "state", "syn-recv"]).output().expect("ss(8)");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let ports = text.lines().map(|line| {
        let ends: Vec<u16> = line
            .split_whitespace()
            .filter_map(|word| word.rsplit_once(':')?.1.parse().ok())
            .collect();
        (ends[0], ends[1])
    });
    ports.filter(|(local, _)| *local == port).map(|(_, remote)| remote).collect()
}

/// The cookie is shown once a process has asked for it, and none is made.
#[test]
fn the_cookie_of_a_listener() {
    enter_namespace();
    let listener = TcpListener::bind((V4, 0)).expect("a listener");
    let client = TcpStream::connect(local_address(&listener)).expect("connect");
    assert_eq!(waiting("")[0]["listener"], Value::Null);
    assert_eq!(waiting("")[0]["listener"], Value::Null, "knetstat has made it");
    let cookie = cookie(&listener);
    assert_eq!(waiting("")[0]["listener"], cookie);
    drop(client);
}

/// A queue of more connections than a call of the walk reads. Their clients have closed them.
#[test]
fn a_long_queue() {
    const CONNECTIONS: usize = 5000;
    enter_namespace();
    sysctl("net/core/somaxconn", "65535");
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    bind(&listener, (Ipv4Addr::LOCALHOST, 0));
    listener.listen(65535).expect("listen");
    for _ in 0..CONNECTIONS {
        drop(TcpStream::connect(local_address(&listener)).expect("connect"));
    }
    let rows = sockets("-t --columns remote,owner,listener_inode owner=accept-queue");
    assert_eq!(rows.len(), CONNECTIONS);
    for row in &rows {
        assert_eq!(row["listener_inode"], inode(&listener), "{row}");
    }
    // An iterator has no room for so many, and says so.
    let output = knetstat([NO_WALKS, "-tp"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("listeners: an accept queue is too long"), "{stderr}");
    // Without the processes, nothing is missing.
    assert!(knetstat([NO_WALKS, "-t"]).status.success());
}

/// A full queue, and the connections that were dropped because of it.
#[test]
fn a_full_queue() {
    enter_namespace();
    let listener = open(AddressFamily::Inet, SockType::Stream);
    bind(&listener, (Ipv4Addr::LOCALHOST, 0));
    listen(&listener, 2);
    // The kernel compares with `>`: include/net/sock.h, sk_acceptq_is_full()
    let address = local_address(&listener);
    let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).expect("connect")).collect();
    let dropped = open(AddressFamily::Inet, SockType::Stream);
    begin_connecting(&dropped, address);
    wait_for_state(&dropped, "SYN_SENT");
    wait_until("a connection is dropped", || netstat("ListenDrops") > 0);

    let columns = "--columns local,recvq,sendq,drops,pid,command,unit";
    let mut rows = Vec::new();
    wait_until("no connection is dropped meanwhile", || {
        let before = netstat("ListenDrops");
        rows = sockets(&format!("-tlp {columns}"));
        before == netstat("ListenDrops") && rows[0]["drops"] == before
    });
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((&row["recv_queue"], &row["send_queue"]), (&json!(3), &json!(2)), "{row}");
    // A child of another test may have a copy of the descriptor.
    let own = std::process::id();
    assert!(row["pid"].as_array().is_some_and(|pids| pids.contains(&json!(own))), "{row}");
    let table = stdout(&format!("-tlpH {columns}"));
    let words: Vec<&str> = table.split_whitespace().collect();
    assert_eq!(words[..3], [address.to_string().as_str(), "3", "2"], "{table}");
    assert!(words[4].split(',').any(|pid| pid == own.to_string()), "{table}");
    drop(clients);
}

#[test]
fn other_network_namespaces() {
    enter_namespace();
    let (is_ready, ready) = channel();
    let (end, is_over) = channel::<()>();
    let other = thread::spawn(move || {
        enter_namespace();
        let listener = TcpListener::bind((V4, 0)).expect("a listener");
        let client = TcpStream::connect(local_address(&listener)).expect("connect");
        is_ready.send((inode(&listener), own_netns())).expect("sent");
        let _ = is_over.recv();
        drop(client);
    });
    let listener = TcpListener::bind((V4, 0)).expect("a listener");
    let client = TcpStream::connect(local_address(&listener)).expect("connect");
    let (there, netns) = ready.recv().expect("a listener");
    // An iterator is not asked for all of them: other tests have queues that are too long for it.
    let both = format!("--netns {} --netns {netns}", own_netns());
    for (way, arguments) in [("", "--all-netns"), ("", &both), (NO_WALKS, &both)] {
        let rows = waiting_with(way, arguments);
        for inode in [inode(&listener), there] {
            let of_it = rows.iter().filter(|row| row["listener_inode"] == inode);
            assert_eq!(of_it.count(), 1, "{rows:#?}");
        }
        // That of the own namespace alone.
        let rows = waiting_with(way, "");
        assert_eq!(rows.len(), 1, "{rows:#?}");
        assert_eq!(rows[0]["listener_inode"], inode(&listener));
    }
    drop((end, client));
    other.join().expect("no panic");
}

/// The path of this thread's namespace.
fn own_netns() -> String {
    format!("/proc/{}/task/{}/ns/net", std::process::id(), nix::unistd::gettid())
}

fn waiting_with(way: &str, arguments: &str) -> Vec<Value> {
    let mut rows = sockets(&format!("{way} -tp {arguments}"));
    rows.retain(|row| row["owner"] == "accept-queue");
    rows
}

/// While connections come and go, and listeners are closed with their queues, no connection names a listener that did
/// not accept it.
#[test]
fn listeners_that_change() {
    const RUNS: usize = 15;
    enter_namespace();
    let is_over = AtomicBool::new(false);
    // The inodes of the listeners by the remote ports of the connections that they have accepted.
    let accepted: Mutex<HashMap<u16, BTreeSet<u64>>> = Mutex::default();
    let accept = |pause: Duration| {
        let listener = grouped_listener(V4);
        let inode = inode(&listener);
        listener.set_nonblocking(true).expect("O_NONBLOCK");
        while !is_over.load(Ordering::Relaxed) {
            while let Ok((_, peer)) = listener.accept() {
                let port = peer.as_socket().expect("an address").port();
                accepted.lock().expect("no panic").entry(port).or_default().insert(inode);
            }
            thread::sleep(pause);
        }
        // Nobody reads its queue any more.
        while let Ok((_, peer)) = listener.accept() {
            let port = peer.as_socket().expect("an address").port();
            accepted.lock().expect("no panic").entry(port).or_default().insert(inode);
        }
    };
    let connect = || {
        while !is_over.load(Ordering::Relaxed) {
            drop(TcpStream::connect((V4, PORT)));
            thread::sleep(Duration::from_micros(200));
        }
    };
    let close = || {
        while !is_over.load(Ordering::Relaxed) {
            let listener = TcpListener::bind((V4, 0)).expect("a listener");
            let address = local_address(&listener);
            let clients: Vec<_> = (0..20).map(|_| TcpStream::connect(address)).collect();
            thread::sleep(Duration::from_millis(1));
            drop((listener, clients));
        }
    };
    let mut claims = Vec::new();
    thread::scope(|scope| {
        for pause in [1, 5, 30].map(Duration::from_millis) {
            scope.spawn(move || accept(pause));
        }
        // The group exists.
        wait_until("the listeners", || sockets("-tl").len() >= 3);
        scope.spawn(connect);
        scope.spawn(close);
        // An emulated machine may need more runs until a connection waits while the queue and the table are read.
        for run in 0.. {
            if run >= RUNS && (!claims.is_empty() || run >= 20 * RUNS) {
                break;
            }
            let rows = sockets("-t --columns local,remote,owner,listener_inode");
            claims.extend(
                rows.into_iter().filter(|row| {
                    row["local"]["port"] == PORT && row["listener_inode"].is_number()
                }),
            );
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let accepted = accepted.into_inner().expect("no panic");
    assert!(!claims.is_empty(), "no connection has ever waited");
    for row in &claims {
        let of_port = accepted.get(&port_of(row));
        let inode = row["listener_inode"].as_u64().expect("an inode");
        assert!(of_port.is_some_and(|inodes| inodes.contains(&inode)), "{row}: {of_port:?}");
    }
}

/// A listener that no process of this PID namespace holds has no processes, but is known.
#[test]
fn a_listener_without_a_process() {
    enter_namespace();
    let listener = TcpListener::bind((V4, 0)).expect("a listener");
    let client = TcpStream::connect(local_address(&listener)).expect("connect");
    let number = inode(&listener);
    // The next child of this thread is the first process of the namespace, and its last.
    unshare(CloneFlags::CLONE_NEWPID).expect("a PID namespace");
    let output = knetstat(["-tpJ"]);
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = rows.iter().find(|row| row["owner"] == "accept-queue").expect("the connection");
    assert_eq!(row["listener_inode"], number);
    assert_eq!((&row["listener"], &row["listener_processes"]), (&Value::Null, &json!([])));
    assert!(find(&rows, &client).is_some());
}

/// A connection of MPTCP and one that has fallen back to TCP wait for the same listener, also as the other ends of their
/// clients. Until it is accepted, the second is a socket of the kernel.
#[test]
fn connections_of_an_mptcp_listener() {
    enter_namespace();
    if !has_mptcp("connections_of_an_mptcp_listener") {
        return;
    }
    let mptcp = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).expect("MPTCP");
    let listener = mptcp();
    bind(&listener, SocketAddr::new(V4, 0));
    listener.listen(5).expect("listen");
    let address = local_address(&listener);
    let plain = TcpStream::connect(address).expect("connect");
    let capable = mptcp();
    capable.connect(&address.into()).expect("connect");
    let rows = waiting("");
    let ports: BTreeSet<u16> = rows.iter().map(port_of).collect();
    let clients = [local_address(&plain).port(), local_address(&capable).port()];
    assert_eq!(ports, clients.into(), "{rows:#?}");
    let own = std::process::id();
    for row in &rows {
        let processes = row["listener_processes"].as_array().expect("processes");
        assert!(processes.iter().any(|it| it["pid"] == own), "{row}");
    }
    let count = format!("-tJ --count-by sport,owner sport={} state=established", address.port());
    let counts: Value = serde_json::from_str(&stdout(&count)).expect("JSON");
    assert_eq!(counts, json!([{"sport": address.port(), "owner": "accept-queue", "count": 2}]));
    let rows = sockets("-tp --peer");
    let row = find(&rows, &plain).expect("the client");
    assert_eq!(row["peer_owner"], "accept-queue", "{row}");

    let accepted = [(); 2].map(|()| listener.accept().expect("accept").0);
    assert!(waiting("").is_empty());
    drop(accepted);
}

/// A client that waits in connect(2) for room in the queue is not in it.
#[test]
fn a_unix_client_that_cannot_connect_yet() {
    enter_namespace();
    if !btf_has("unix_table") {
        return not_tested("a unix client in connect(2): this kernel's table of them has no walk");
    }
    let path = format!("\0knetstat-full-{}", std::process::id());
    let address = socket2::SockAddr::unix(&path).expect("a name");
    let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None).expect("a socket");
    listener.bind(&address).expect("bind");
    listener.listen(0).expect("listen");
    let client = || Socket::new(Domain::UNIX, Type::SEQPACKET, None).expect("a socket");
    let first = client();
    first.connect(&address).expect("connect");
    let late = Child::named(c"late", || drop(client().connect(&address)));
    let owners = || -> Vec<String> {
        let rows = sockets("-xp --columns owner,state,type,processes");
        let unheld = rows.iter().filter(|row| row["processes"] == json!([]));
        unheld.map(|row| row["owner"].as_str().expect("a word").to_owned()).collect()
    };
    wait_until("the client waits", || owners().len() == 2);
    let mut found = owners();
    found.sort();
    assert_eq!(found, ["accept-queue", "request"]);
    drop(late);
}

/// A listening unix socket of this type, and clients that have connected to it.
fn unix_listener(kind: Type, path: &str, clients: usize) -> (Socket, Vec<Socket>) {
    let address = socket2::SockAddr::unix(path).expect("a path");
    let listener = Socket::new(Domain::UNIX, kind, None).expect("a socket");
    listener.bind(&address).expect("bind");
    listener.listen(200).expect("listen");
    let client = |_| {
        let client = Socket::new(Domain::UNIX, kind, None).expect("a socket");
        client.connect(&address).expect("connect");
        client
    };
    (listener, (0..clients).map(client).collect())
}

/// The inodes of the clients that wait, by that of the listener that is shown.
fn waiting_unix() -> BTreeMap<u64, BTreeSet<u64>> {
    let mut shown: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for row in sockets("-xp owner=accept-queue") {
        assert_eq!(row["processes"], json!([]), "{row}");
        let inode = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("no inode: {row}"));
        let clients = shown.entry(inode(&row["listener_inode"])).or_default();
        clients.insert(inode(&row["remote"]["inode"]));
    }
    shown
}

#[test]
fn unix_connections() {
    enter_namespace();
    if !btf_has("unix_table") {
        return not_tested(
            "accept queues of unix sockets: this kernel has no table of them for each namespace",
        );
    }
    let kinds = [(Type::STREAM, 3), (Type::SEQPACKET, 2), (Type::STREAM, 120)];
    let paths = (0..).map(|n| format!("\0knetstat-queue-{n}"));
    let ends: Vec<(Socket, Vec<Socket>)> = kinds
        .into_iter()
        .zip(paths)
        .map(|((kind, clients), path)| unix_listener(kind, &path, clients))
        .collect();
    // What a client has sent lies in the queue of the connection.
    ends[0].1[0].send(b"hello").expect("send");
    let inodes = |(listener, clients): &(Socket, Vec<Socket>)| {
        (inode(listener), clients.iter().map(inode).collect::<BTreeSet<u64>>())
    };
    assert_eq!(waiting_unix(), ends.iter().map(inodes).collect());

    let (listener, clients) = &ends[0];
    let own = cookie(listener);
    for row in sockets(&format!("-xp listener_inode={}", inode(listener))) {
        assert_eq!(row["listener"], own, "{row}");
        // A child of another test may have a copy of the descriptor.
        let processes = row["listener_processes"].as_array().expect("processes").iter();
        let descriptors: Vec<&Value> =
            processes.filter(|it| it["pid"] == std::process::id()).map(|it| &it["fd"]).collect();
        assert_eq!(descriptors, [std::os::fd::AsRawFd::as_raw_fd(listener)], "{row}");
    }
    let row = |inode: u64| sockets(&format!("-xp inode={inode}")).remove(0);
    assert_eq!(row(inode(listener))["recv_queue"], clients.len());
    assert_eq!(row(inode(&clients[0]))["listener_inode"], Value::Null);

    // The first one is accepted first, and is then a socket of a process.
    let (accepted, _) = listener.accept().expect("accept");
    let accepted_row = row(inode(&accepted));
    assert_eq!(accepted_row["remote"]["inode"], inode(&clients[0]));
    assert_eq!(accepted_row["owner"], "process");
    assert_eq!(accepted_row["listener_inode"], Value::Null);
    let left: BTreeSet<u64> = clients[1..].iter().map(inode).collect();
    assert_eq!(waiting_unix()[&inode(listener)], left);
    let table = stdout("-xpH owner=accept-queue");
    assert_eq!(table.matches("(accept-queue)").count(), 2 + 2 + 120, "{table}");
    assert_eq!(table.matches(&format!("{}/", std::process::id())).count(), 2 + 2 + 120, "{table}");
}
