//! The rows match those of /proc/net/{tcp,tcp6,udp,udp6} one to one.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::net::{Shutdown, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::scene::{
    assert_same_rows, inode, proc_rows, shown_rows, wait_for_state, EveryState, Row,
};
use crate::common::{
    self, attach_return, begin_connecting, bind, connect, cookie, deafen, enter_namespace, find,
    ip, ip_words, listen, local_address, open, proc_net, set, set_bytes, sockets, stdout,
    wait_until,
};
use knetstat::host::labels::are_readable;
use nix::sys::socket::{AddressFamily, SockType};
use serde_json::{json, Value};

const SOL_SOCKET: i32 = 1;
const SO_SNDBUF: i32 = 7;
const SO_RCVBUF: i32 = 8;
const SO_BINDTODEVICE: i32 = 25;
const IPPROTO_TCP: i32 = 6;
const TCP_DEFER_ACCEPT: i32 = 9;
const IPPROTO_UDP: i32 = 17;
const UDP_CORK: i32 = 1;
const IPPROTO_IPV6: i32 = 41;
const IPV6_V6ONLY: i32 = 26;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCALHOST6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Returns the row of a socket, which must be shown.
fn shown<'a>(sockets: &'a [Value], socket: &impl AsFd) -> &'a Value {
    find(sockets, socket).unwrap_or_else(|| panic!("no row for inode {}", inode(socket)))
}

/// Opens a socket in every state, and asserts that the rows match /proc.
fn check_every_state(at: IpAddr, target: IpAddr) {
    enter_namespace();
    let scene = EveryState::new(at, target);
    let rows = shown_rows(&assert_same_rows());
    let mut states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, scene.states);
}

#[test]
fn every_state_over_ipv4() {
    check_every_state(LOCALHOST, LOCALHOST);
}

#[test]
fn every_state_over_ipv6() {
    check_every_state(LOCALHOST6, LOCALHOST6);
}

#[test]
fn every_state_of_ipv4_at_an_ipv6_listener() {
    check_every_state(Ipv6Addr::UNSPECIFIED.into(), LOCALHOST);
}

#[test]
fn every_state_of_ipv6_sockets_that_talk_ipv4() {
    check_every_state(LOCALHOST, Ipv4Addr::LOCALHOST.to_ipv6_mapped().into());
}

#[test]
fn v4_mapped_addresses_are_ipv6_rows() {
    enter_namespace();
    let listener = TcpListener::bind("[::]:0").unwrap();
    let (client, server) = connect(&listener, LOCALHOST);
    let udp = UdpSocket::bind("[::ffff:127.0.0.1]:0").unwrap();
    let all = assert_same_rows();

    assert_eq!(shown(&all, &client)["protocol"], "tcp");
    let server = shown(&all, &server);
    assert_eq!(server["protocol"], "tcp6");
    assert_eq!(server["local"]["address"], "::ffff:127.0.0.1");
    assert_eq!(server["remote"]["address"], "::ffff:127.0.0.1");
    assert_eq!(shown(&all, &udp)["protocol"], "udp6");
    assert_eq!(shown(&all, &udp)["local"]["address"], "::ffff:127.0.0.1");
}

#[test]
fn listeners_of_all_kinds_with_their_backlog() {
    enter_namespace();
    let any6: SocketAddr = "[::]:4002".parse().unwrap();
    let mut listeners: Vec<(OwnedFd, i32)> = Vec::new();
    let addresses =
        [("127.0.0.1:4000", 7), ("0.0.0.0:4001", 0), ("[::1]:4003", 9), ("[::]:4004", 4096)];
    for (address, backlog) in addresses {
        let address: SocketAddr = address.parse().unwrap();
        listeners.push((listener(address, backlog), backlog));
    }
    let v6only = open(AddressFamily::Inet6, SockType::Stream);
    set(&v6only, IPPROTO_IPV6, IPV6_V6ONLY, 1).unwrap();
    bind(&v6only, any6);
    listen(&v6only, 11);
    listeners.push((v6only, 11));

    let all = assert_same_rows();
    for (listener, backlog) in &listeners {
        assert_eq!(shown(&all, listener)["send_queue"], *backlog);
        assert_eq!(shown(&all, listener)["recv_queue"], 0);
        assert_eq!(shown(&all, listener)["state"], "LISTEN");
    }
    assert_eq!(queues(&all), queues_of_ss());
}

fn listener(address: SocketAddr, backlog: i32) -> OwnedFd {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket = open(family, SockType::Stream);
    bind(&socket, address);
    listen(&socket, backlog);
    socket
}

/// Returns the port, receive queue and send queue of each listener.
fn queues(sockets: &[Value]) -> Vec<[u64; 3]> {
    let mut queues: Vec<[u64; 3]> = sockets
        .iter()
        .filter(|socket| socket["state"] == "LISTEN")
        .map(|socket| {
            [&socket["local"]["port"], &socket["recv_queue"], &socket["send_queue"]]
                .map(|number| number.as_u64().unwrap())
        })
        .collect();
    queues.sort_unstable();
    queues
}

/// Returns the same from ss(8).
fn queues_of_ss() -> Vec<[u64; 3]> {
    let output = Command::new("ss").args(["-Hltn"]).output().expect("ss(8) comes with ip(8)");
    let mut queues: Vec<[u64; 3]> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let port = words[3].rsplit(':').next().unwrap();
            [port, words[1], words[2]].map(|number| number.parse().unwrap())
        })
        .collect();
    queues.sort_unstable();
    queues
}

/// Waits until so many connections are in the queue of the listener with this port. connect(2) may return before the
/// kernel has put the connection there.
fn wait_for_queue(port: u64, connections: usize) {
    let wanted = connections as u64;
    wait_until("the queue is filled", || {
        queues_of_ss().iter().any(|[of, waiting, _]| (*of, *waiting) == (port, wanted))
    });
}

#[test]
fn connections_that_nobody_accepted() {
    enter_namespace();
    let listener = listener("127.0.0.1:4000".parse().unwrap(), 5);
    std::os::unix::fs::fchown(&listener, Some(1234), None).unwrap();
    let clients: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect("127.0.0.1:4000").unwrap()).collect();
    wait_for_queue(4000, clients.len());

    let all = assert_same_rows();
    assert_eq!(shown(&all, &listener)["recv_queue"], 3);
    assert_eq!(shown(&all, &listener)["send_queue"], 5);
    assert_eq!(queues(&all), queues_of_ss());
    let waiting: Vec<&Value> = all.iter().filter(|socket| socket["inode"].is_null()).collect();
    assert_eq!(waiting.len(), clients.len());
    for socket in waiting {
        assert_eq!(socket["state"], "ESTABLISHED");
        assert_eq!(socket["local"]["port"], 4000);
        assert_eq!(socket["uid"], 1234, "the listener's");
        assert_eq!(socket["options"]["TCP_NODELAY"], 0, "a full socket, with options");
    }
}

#[test]
fn an_accept_queue_that_is_full() {
    enter_namespace();
    let address = "[::1]:4000".parse().unwrap();
    let listener = listener(address, 1);
    // The queue accepts one connection more than its limit. The next SYN is not answered.
    let queued = [0, 1].map(|_| TcpStream::connect(address).unwrap());
    wait_for_queue(4000, queued.len());
    let refused = open(AddressFamily::Inet6, SockType::Stream);
    begin_connecting(&refused, address);

    let all = assert_same_rows();
    assert_eq!(shown(&all, &listener)["recv_queue"], queued.len());
    assert_eq!(shown(&all, &listener)["send_queue"], 1);
    assert_eq!(shown(&all, &refused)["state"], "SYN_SENT");
}

#[test]
fn a_deferred_connection_is_a_request() {
    enter_namespace();
    let listener = listener("127.0.0.1:4000".parse().unwrap(), 5);
    std::os::unix::fs::fchown(&listener, Some(77), None).unwrap();
    // Long enough for an emulated machine.
    set(&listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 600).unwrap();
    let client = TcpStream::connect("127.0.0.1:4000").unwrap();

    let all = assert_same_rows();
    assert_eq!(shown(&all, &client)["state"], "ESTABLISHED");
    let request = all.iter().find(|socket| socket["state"] == "SYN_RECV").expect("a request");
    assert_eq!(request["uid"], 77);
    assert_eq!(request["inode"], Value::Null);
    assert_eq!(request["drops"], Value::Null);
    assert_eq!(request["options"], json!({}));
    assert_eq!(request["set"], json!([]));
}

#[test]
fn data_in_the_queues() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut reading, server) = connect(&listener, LOCALHOST);
    (&server).write_all(&[0; 1000]).unwrap();
    reading.write_all(&[0; 70]).unwrap();
    // A busy host may deliver later.
    for arrived in [1000, 70] {
        wait_until("the data arrived", || proc_rows().iter().any(|row| row.recv_queue == arrived));
    }
    deafen(&reading);
    (&server).write_all(&[0; 300]).unwrap();

    let all = assert_same_rows();
    assert_eq!(shown(&all, &reading)["recv_queue"], 1000);
    assert_eq!(shown(&all, &reading)["send_queue"], 0);
    assert_eq!(shown(&all, &server)["recv_queue"], 70);
    assert_eq!(shown(&all, &server)["send_queue"], 300);

    // The FIN does not count as data.
    reading.shutdown(Shutdown::Write).unwrap();
    wait_for_state(&server, "CLOSE_WAIT");
    assert_same_rows();
}

#[test]
fn orphans_are_as_proc_has_them() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut client, server) = connect(&listener, LOCALHOST);
    let port = client.local_addr().unwrap().port();
    std::os::unix::fs::fchown(&client, Some(4321), None).unwrap();
    deafen(&server);
    client.write_all(&[0; 5000]).unwrap();
    drop(client);

    let all = assert_same_rows();
    let orphan = all.iter().find(|socket| socket["local"]["port"] == port).expect("the orphan");
    assert_eq!(orphan["state"], "FIN_WAIT1");
    assert_eq!(orphan["inode"], Value::Null);
    assert_eq!(orphan["send_queue"], 5001, "the data and the FIN");
    assert_ne!(orphan["options"], json!({}), "it is a full socket still");
}

/// Returns the ports of rows of /proc/net/tcp and tcp6, selected by the words of their lines.
fn ports_in_proc(is_wanted: impl Fn(&[&str]) -> bool) -> BTreeSet<(u64, u64)> {
    let port = |word: &str| {
        let (_, port) = word.split_once(':').expect("a port");
        u64::from_str_radix(port, 16).expect("a number in hexadecimal")
    };
    let text = proc_net("tcp") + &proc_net("tcp6");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let wanted = lines.filter(|words| words[0] != "sl" && is_wanted(words));
    wanted.map(|words| (port(words[1]), port(words[2]))).collect()
}

/// Returns the ports of the rows in which this member is null.
fn ports_of_null(rows: &[Value], member: &str) -> BTreeSet<(u64, u64)> {
    let port = |end: &Value| end["port"].as_u64().expect("a port");
    let without = rows.iter().filter(|row| row[member].is_null());
    without.map(|row| (port(&row["local"]), port(&row["remote"]))).collect()
}

/// 0 is the UID of root, and never an inode. Values that the kernel does not keep are null and match no
/// filter.
#[test]
fn what_the_kernel_does_not_keep_is_null() {
    enter_namespace();
    let _scenes = [
        EveryState::new(LOCALHOST, LOCALHOST),
        EveryState::new(LOCALHOST6, LOCALHOST6),
        EveryState::new(LOCALHOST, Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()),
    ];
    let waiting = listener("127.0.0.1:4000".parse().unwrap(), 5);
    let _client = TcpStream::connect("127.0.0.1:4000").unwrap();
    let all = assert_same_rows();

    // A closed connection has the timer 3 in the file: net/ipv4/tcp_ipv4.c, get_timewait4_sock().
    let is_closed = |words: &[&str]| words[5].starts_with("03:");
    let is_request = |words: &[&str]| words[3] == "03";
    let closed = ports_in_proc(is_closed);
    assert_eq!(closed.len(), 6, "TIME_WAIT and FIN_WAIT2 of each scene");
    assert_eq!(ports_of_null(&all, "uid"), closed);
    let mini = ports_in_proc(|words| is_closed(words) || is_request(words));
    assert_eq!(mini.len(), 9);
    assert_eq!(ports_of_null(&all, "drops"), mini);
    let without_inode = ports_in_proc(|words| words[9] == "0");
    assert!(without_inode.len() > mini.len() + 3, "orphans, and the one that waits");
    assert_eq!(ports_of_null(&all, "inode"), without_inode);

    // The table does not show 0 either.
    let table = stdout("-tH --columns uid,drops,inode,state");
    let count = |wanted: [&str; 2]| {
        let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        table.lines().map(columns).filter(|row| row[..2] == wanted).count()
    };
    assert_eq!(count(["-", "-"]), closed.len(), "{table}");
    assert_eq!(count(["0", "-"]), mini.len() - closed.len(), "{table}");
    let inodes = |line: &&str| line.split_whitespace().nth(2) == Some("-");
    assert_eq!(table.lines().filter(inodes).count(), without_inode.len(), "{table}");

    // The user of all of them was root.
    let found = sockets("-t --user 0");
    assert_eq!(found.len(), all.len() - closed.len());
    assert_eq!(ports_of_null(&found, "uid"), BTreeSet::new());
    drop(waiting);
}

#[test]
fn udp_sockets_of_all_kinds() {
    enter_namespace();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server6 = UdpSocket::bind("[::1]:0").unwrap();
    let any = UdpSocket::bind("0.0.0.0:0").unwrap();
    let any6 = UdpSocket::bind("[::]:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    let client6 = UdpSocket::bind("[::]:0").unwrap();
    client6.connect(server6.local_addr().unwrap()).unwrap();
    let mapped = UdpSocket::bind("[::]:0").unwrap();
    mapped.connect(("::ffff:127.0.0.1", server.local_addr().unwrap().port())).unwrap();
    client.send(&[0; 100]).unwrap();
    let corked = UdpSocket::bind("127.0.0.1:0").unwrap();
    corked.connect(any.local_addr().unwrap()).unwrap();
    set(&corked, IPPROTO_UDP, UDP_CORK, 1).unwrap();
    corked.send(&[0; 100]).unwrap();

    let all = assert_same_rows();
    assert_eq!(all.len(), 8);
    for socket in [&server, &server6, &any, &any6] {
        assert_eq!(shown(&all, socket)["state"], "UNCONN");
        assert_eq!(shown(&all, socket)["remote"]["port"], 0);
    }
    for socket in [&client, &client6, &mapped, &corked] {
        assert_eq!(shown(&all, socket)["state"], "ESTABLISHED");
    }
    assert_eq!(shown(&all, &mapped)["remote"]["address"], "::ffff:127.0.0.1");
    assert!(shown(&all, &server)["recv_queue"].as_u64() >= Some(100));
    assert!(shown(&all, &corked)["send_queue"].as_u64() >= Some(100));
}

#[test]
fn datagrams_that_were_dropped() {
    enter_namespace();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for address in ["127.0.0.1:0", "[::]:0"] {
        let small = UdpSocket::bind(address).unwrap();
        set(&small, SOL_SOCKET, SO_RCVBUF, 2304).unwrap();
        let port = small.local_addr().unwrap().port();
        for _ in 0..50 {
            client.send_to(&[0; 1000], ("127.0.0.1", port)).unwrap();
        }
        let all = assert_same_rows();
        assert!(shown(&all, &small)["drops"].as_u64() > Some(40), "{:?}", shown(&all, &small));
        assert_eq!(shown(&all, &client)["drops"], 0);

        // Packets that a socket filter rejects count too.
        let before = shown(&all, &small)["drops"].as_u64();
        attach_return(&small, SOL_SOCKET, 26, 0).unwrap();
        client.send_to(&[0; 10], ("127.0.0.1", port)).unwrap();
        let all = assert_same_rows();
        assert_eq!(shown(&all, &small)["drops"].as_u64(), before.map(|drops| drops + 1));
    }
}

#[test]
fn users() {
    enter_namespace();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("[::1]:0").unwrap();
    let root = UdpSocket::bind("[::1]:0").unwrap();
    std::os::unix::fs::fchown(&tcp, Some(1000), None).unwrap();
    std::os::unix::fs::fchown(&udp, Some(4_000_000_000), None).unwrap();

    let all = assert_same_rows();
    assert_eq!(shown(&all, &tcp)["uid"], 1000);
    assert_eq!(shown(&all, &udp)["uid"], 4_000_000_000_u32);
    assert_eq!(shown(&all, &root)["uid"], 0);
}

#[test]
fn who_a_socket_is() {
    enter_namespace();
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let (client, server) = connect(&listener, LOCALHOST6);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let kept: [&dyn AsFd; 4] = [&listener, &client, &server, &udp];
    let netns = std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino();

    kept.iter().for_each(|socket| assert_ne!(cookie(&socket.as_fd()), 0));
    let all = assert_same_rows();
    assert_eq!(all.len(), kept.len());
    for socket in kept {
        let socket = socket.as_fd();
        assert_eq!(shown(&all, &socket)["inode"], inode(&socket));
        assert_eq!(shown(&all, &socket)["netns"], netns);
        assert_eq!(shown(&all, &socket)["cookie"], cookie(&socket));
        assert_eq!(shown(&all, &socket)["options"]["SO_COOKIE"], cookie(&socket));
    }
    assert_eq!(shown(&all, &listener)["type"], "stream");
    assert_eq!(shown(&all, &udp)["type"], "dgram");
}

#[test]
fn only_sockets_of_this_namespace() {
    enter_namespace();
    let _elsewhere = TcpListener::bind("127.0.0.1:4000").unwrap();
    enter_namespace();
    assert_eq!((proc_rows().len(), sockets("").len()), (0, 0));
    let _here = TcpListener::bind("127.0.0.1:4000").unwrap();
    assert_eq!(assert_same_rows().len(), 1);
}

/// The Diag marks of a connection if both, one or none of its ends stop reading.
#[test]
fn windows_that_are_closed() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut client, mut server) = connect(&listener, LOCALHOST);
    let marks = |client: &TcpStream, server: &TcpStream| {
        let all = sockets("-t");
        let diag = |socket| shown(&all, socket)["diag"].clone();
        [diag(client), diag(server)]
    };
    assert_eq!(marks(&client, &server), [json!([]), json!([])]);

    fill(&mut client);
    wait_until("the server's window is 0", || {
        marks(&client, &server) == [json!([">|"]), json!(["|<"])]
    });
    fill(&mut server);
    wait_until("both windows are 0", || {
        marks(&client, &server) == [json!([">|<"]), json!([">|<"])]
    });
    assert_same_rows();

    let table = stdout("-tH --state established");
    assert_eq!(table.lines().filter(|line| line.contains(" >|< ")).count(), 2, "{table}");
}

/// Writes until the peer's window is closed. The buffer of the reader is not changed: if it became smaller
/// than the offered window, older kernels would drop the data and leave the window open.
fn fill(writer: &mut TcpStream) {
    set(writer, SOL_SOCKET, SO_SNDBUF, 4096).unwrap();
    writer.set_nonblocking(true).unwrap();
    let mut refused = 0;
    wait_until("the buffers are full", || {
        match writer.write(&[0; 4096]) {
            Ok(_) => refused = 0,
            Err(_) => refused += 1,
        }
        refused == 20
    });
}

#[test]
fn data_that_is_not_acknowledged() {
    enter_namespace();
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let connected = Instant::now();
    let (client, server) = connect(&listener, LOCALHOST6);
    let (idle, _idle_server) = connect(&listener, LOCALHOST6);
    deafen(&server);
    (&client).write_all(b"hello?").unwrap();

    let diag = |socket: &TcpStream| shown(&sockets("-t"), socket)["diag"].clone();
    let at_first = diag(&client);
    if connected.elapsed() < Duration::from_secs(1) {
        assert_eq!(at_first, json!([]), "the last ACK came a moment ago");
    }
    wait_until("a second without an ACK", || diag(&client) == json!([">#"]));
    assert_eq!(diag(&idle), json!([]), "nothing is in flight");
    assert_eq!(diag(&server), json!([]));
    let table = stdout("-tH --sport 0-65535");
    assert_eq!(table.lines().filter(|line| line.contains(" ># ")).count(), 1, "{table}");
}

/// Adds a veth pair in this namespace. veth0 has the address fe80::1.
fn add_veth() {
    ip("link add veth0 type veth peer name veth1");
    ip("link set veth0 up");
    ip("link set veth1 up");
    ip("addr add fe80::1/64 dev veth0 nodad");
}

/// `-` means no interface, `*` all interfaces, and a number an interface that is gone. Interface names
/// differ from these, and the printed name is accepted by the filter.
#[test]
fn interfaces_called_like_something_else() {
    enter_namespace();
    let names = [
        ("-", "\\x2d", "-"),
        ("*", "\\x2a", "*"),
        ("77", "\\x377", "\\x377"),
        ("-1", "\\x2d1", "\\x2d1"),
        ("a,b", "a\\x2cb", "a,b"),
        ("a\\x2cb", "a\\\\x2cb", "a\\\\x2cb"),
        ("7up", "7up", "7up"),
    ];
    for (n, (name, ..)) in names.iter().enumerate() {
        let peer = format!("peer{n}");
        ip_words(&["link", "add", "name", name, "type", "veth", "peer", "name", &peer]);
    }
    let sockets_of: Vec<UdpSocket> = names
        .iter()
        .map(|(name, ..)| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            set_bytes(&socket, SOL_SOCKET, SO_BINDTODEVICE, name.as_bytes()).unwrap();
            socket
        })
        .collect();
    // A socket that is not bound to an interface, and one whose interface is gone.
    let unbound = UdpSocket::bind("0.0.0.0:0").unwrap();
    let gone = UdpSocket::bind("0.0.0.0:0").unwrap();
    ip("link add gone index 77 type veth peer name gone2");
    set_bytes(&gone, SOL_SOCKET, SO_BINDTODEVICE, b"gone").unwrap();
    ip("link delete gone");

    let all = assert_same_rows();
    let table = stdout("-uH --columns sport,interface");
    let in_table = |socket: &UdpSocket| {
        let port = socket.local_addr().unwrap().port().to_string();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.into_iter().find(|row| row[0] == port).expect("a row")[1].to_owned()
    };
    assert_eq!(
        (&shown(&all, &unbound)["interface"], in_table(&unbound)),
        (&Value::Null, "-".into())
    );
    assert_eq!((&shown(&all, &gone)["interface"], in_table(&gone)), (&json!("77"), "77".into()));
    for (socket, (name, text, json)) in sockets_of.iter().zip(names) {
        assert_eq!(shown(&all, socket)["interface"], json, "{name}");
        assert_eq!(in_table(socket), text, "{name}");
        let found = sockets(&format!("--interface {text}"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0]["inode"], inode(socket), "{text}");
    }
    let packet = open(AddressFamily::Packet, SockType::Raw);
    bind_packet(&packet, nix::net::if_::if_nametoindex("*").unwrap());
    assert!(stdout("-0H").contains(" arp:\\x2a "), "{}", stdout("-0H"));
    bind_packet(&packet, 0);
    assert!(stdout("-0H").contains(" arp:* "), "{}", stdout("-0H"));
}

/// Binds a packet socket to ARP on an interface (0: all).
fn bind_packet(socket: &OwnedFd, index: u32) {
    // SAFETY: all members are integers, for which zero is valid.
    let mut address: nix::libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = nix::libc::AF_PACKET as u16;
    address.sll_protocol = (nix::libc::ETH_P_ARP as u16).to_be();
    address.sll_ifindex = index as i32;
    let size = std::mem::size_of_val(&address) as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    let result =
        unsafe { nix::libc::bind(common::number(socket), (&raw const address).cast(), size) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

fn link_local(port: u16) -> SocketAddr {
    let scope = nix::net::if_::if_nametoindex("veth0").unwrap();
    SocketAddrV6::new("fe80::1".parse().unwrap(), port, 0, scope).into()
}

#[test]
fn link_local_addresses_have_a_scope() {
    enter_namespace();
    add_veth();
    let listener = TcpListener::bind(link_local(4000)).unwrap();
    let client = TcpStream::connect(link_local(4000)).unwrap();
    let udp = UdpSocket::bind(link_local(4001)).unwrap();
    let group = UdpSocket::bind("[::]:4002").unwrap();
    let all_nodes: Ipv6Addr = "ff02::1".parse().unwrap();
    let scope = nix::net::if_::if_nametoindex("veth0").unwrap();
    group.connect(SocketAddrV6::new(all_nodes, 9, 0, scope)).unwrap();

    let all = assert_same_rows();
    let here = |port: u16| json!({"address": "fe80::1", "port": port, "scope": "veth0"});
    assert_eq!(shown(&all, &listener)["local"], here(4000));
    assert_eq!(shown(&all, &listener)["remote"], json!({"address": "::", "port": 0}));
    assert_eq!(shown(&all, &listener)["interface"], "veth0");
    let port = client.local_addr().unwrap().port();
    assert_eq!(shown(&all, &client)["local"], here(port));
    assert_eq!(shown(&all, &client)["remote"], here(4000));
    assert_eq!(shown(&all, &udp)["local"], here(4001));
    let remote = json!({"address": "ff02::1", "port": 9, "scope": "veth0"});
    assert_eq!(shown(&all, &group)["remote"], remote);

    let table = stdout("-6H");
    for place in ["fe80::1%veth0:4000 ", "fe80::1%veth0:4001 ", " ff02::1%veth0:9 "] {
        assert!(table.contains(place), "{place} in {table}");
    }
}

#[test]
fn bound_interfaces() {
    enter_namespace();
    add_veth();
    let tcp = open(AddressFamily::Inet6, SockType::Stream);
    set_bytes(&tcp, SOL_SOCKET, SO_BINDTODEVICE, b"veth0").unwrap();
    bind(&tcp, "[::]:4000".parse::<SocketAddr>().unwrap());
    listen(&tcp, 1);
    let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    set_bytes(&udp, SOL_SOCKET, SO_BINDTODEVICE, b"lo").unwrap();
    let free = UdpSocket::bind("0.0.0.0:0").unwrap();

    let all = assert_same_rows();
    assert_eq!(shown(&all, &tcp)["interface"], "veth0");
    assert_eq!(shown(&all, &tcp)["local"], json!({"address": "::", "port": 4000}));
    assert_eq!(shown(&all, &udp)["interface"], "lo");
    assert_eq!(shown(&all, &free)["interface"], Value::Null);

    // An interface that is gone has no name any more.
    let index = nix::net::if_::if_nametoindex("veth0").unwrap();
    ip("link del veth0");
    assert_eq!(shown(&assert_same_rows(), &tcp)["interface"], index.to_string());
}

const HEADER: &str = "\
Proto Recv-Q Send-Q Local Address           Foreign Address         State       Diag Options";
const EXTENDED_HEADER: &str =
    "Proto Recv-Q Send-Q Local Address           Foreign Address         \
                               State       User       Inode      Group  Diag Options";

#[test]
fn the_table_has_the_columns_of_netstat() {
    enter_namespace();
    let listener = listener("127.0.0.1:4000".parse().unwrap(), 7);
    std::os::unix::fs::fchown(&listener, Some(1000), None).unwrap();
    let udp = UdpSocket::bind("[::1]:4001").unwrap();
    udp.connect("[::1]:4002").unwrap();

    let row =
        "tcp        0      7 127.0.0.1:4000          0.0.0.0:*               LISTEN           \
               SO_REUSEADDR=0,SO_KEEPALIVE=0,TCP_NODELAY=0";
    let udp_row =
        "udp6       0      0 ::1:4001                ::1:4002                ESTABLISHED      \
                   SO_REUSEADDR=0,SO_BROADCAST=0";
    assert_eq!(stdout(""), format!("{HEADER}\n{row}\n{udp_row}\n"));
    assert_eq!(stdout("-H"), format!("{row}\n{udp_row}\n"));
    assert!(stdout("-H -t -O nodelay").ends_with(" LISTEN           TCP_NODELAY=0\n"));

    let extended = format!(
        "tcp        0      7 127.0.0.1:4000          0.0.0.0:*               LISTEN      \
         1000       {:<10} -           SO_KEEPALIVE=0",
        inode(&listener)
    );
    // Since Linux 7.0, -e also shows the extended attributes of sockets.
    let (header, extended) = match are_readable() {
        true => (
            EXTENDED_HEADER.replace("Group  ", &format!("Group  {:<20} ", "Xattrs")),
            extended.replace("-           SO_", &format!("{:<6} {:<20}      SO_", "-", "-")),
        ),
        false => (EXTENDED_HEADER.to_owned(), extended),
    };
    assert_eq!(stdout("-et -O keepalive"), format!("{header}\n{extended}\n"));
}

#[test]
fn long_values_push_their_line_and_are_not_cut() {
    enter_namespace();
    ip("addr add 2001:db8:1111:2222:3333:4444:5555:6666/64 dev lo nodad");
    let address = "[2001:db8:1111:2222:3333:4444:5555:6666]:4000";
    let _udp = UdpSocket::bind(address).unwrap();
    assert_eq!(
        stdout("-uH -O broadcast"),
        "udp6       0      0 2001:db8:1111:2222:3333:4444:5555:6666:4000 :::*                    \
         UNCONN           SO_BROADCAST=0\n"
    );
}

#[test]
fn no_line_ends_with_a_blank_and_mini_sockets_have_no_options() {
    // A TIME_WAIT socket lasts a minute, which may be shorter than these runs in an emulated machine.
    let new_scene = || {
        enter_namespace();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        (EveryState::new(LOCALHOST, LOCALHOST), udp)
    };
    for arguments in ["", "-e", "-H", "-eH", "-O set", "-e -O set", "-O all"] {
        let _scene = new_scene();
        let table = stdout(arguments);
        assert!(table.lines().count() > 2, "knetstat {arguments}: {table}");
        for line in table.lines() {
            assert_eq!(line, line.trim_end(), "knetstat {arguments}");
        }
        let minis = table
            .lines()
            .filter(|line| line.ends_with("TIME_WAIT") || line.ends_with("SYN_RECV"))
            .count();
        assert_eq!(minis, if arguments.contains('e') && arguments != "-O set" { 0 } else { 2 });
    }
    let _scene = new_scene();
    // With -e, the last columns of a mini-socket are the user, the inode and the group.
    let table = stdout("-et");
    let minis: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.contains("TIME_WAIT") || line.contains("SYN_RECV"))
        .map(|line| line.split_whitespace().skip(6).collect())
        .collect();
    // The user of the request is that of the listener.
    let count = if are_readable() { 4 } else { 3 };
    let of_request = [vec!["0"], vec!["-"; count - 1]].concat();
    assert_eq!(BTreeSet::from_iter(minis), BTreeSet::from([vec!["-"; count], of_request]));

    let _scene = new_scene();
    let mut minis = 0;
    let all = sockets("");
    for socket in &all {
        let state = socket["state"].as_str().unwrap();
        let mini = matches!(state, "TIME_WAIT" | "SYN_RECV")
            || state == "FIN_WAIT2" && socket["inode"].is_null();
        assert_eq!(socket["options"] == json!({}), mini, "{socket}");
        assert!(!mini || socket["set"] == json!([]), "{socket}");
        minis += usize::from(mini);
    }
    // The scene has three, some of which the kernel may drop during slow runs in an emulated machine.
    assert!(minis > 0 && minis < all.len(), "{minis} mini-sockets of {}", all.len());
}

/// Enough sockets that an iterator needs many reads. Each is shown exactly once.
#[test]
fn thousands_of_sockets() {
    enter_namespace();
    crate::common::permit_descriptors(8_192);
    let listener = TcpListener::bind("[::]:0").unwrap();
    listen(&listener, 2000);
    let port = listener.local_addr().unwrap().port();
    let clients: Vec<TcpStream> =
        (0..700).map(|_| TcpStream::connect((LOCALHOST, port)).unwrap()).collect();
    let udp: Vec<UdpSocket> = (0..300)
        .flat_map(|_| ["127.0.0.1:0", "[::1]:0"])
        .map(|address| UdpSocket::bind(address).unwrap())
        .collect();

    let all = assert_same_rows();
    assert_eq!(all.len(), 1 + 2 * clients.len() + udp.len());
    let inodes: BTreeSet<u64> = all.iter().filter_map(|row| row["inode"].as_u64()).collect();
    assert_eq!(inodes.len(), 1 + clients.len() + udp.len(), "the others are not accepted");
    for client in &clients {
        assert_eq!(shown(&all, client)["local"]["port"], local_address(client).port());
    }
    assert_eq!(stdout("-H").lines().count(), all.len());
}

/// The reader of /proc/net, with which these tests compare, tested on a socket with known values.
#[test]
fn the_addresses_of_proc() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.2:4660").unwrap();
    let row = Row {
        protocol: "tcp".into(),
        state: "LISTEN".into(),
        local: ("127.0.0.2".parse().unwrap(), 4660),
        remote: ("0.0.0.0".parse().unwrap(), 0),
        recv_queue: 0,
        send_queue: 0,
        drops: 0,
        uid: 0,
        inode: inode(&listener),
    };
    assert_eq!(proc_rows(), [row]);
    assert_eq!(local_address(&listener).port(), 4660);
}
