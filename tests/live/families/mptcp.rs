//! MPTCP sockets: options, rows, and sockets that no process holds.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::Command;

use serde_json::{json, Value};
use socket2::{Domain, Protocol, Socket, Type};

use super::walk::{untouched, walk_but, Maker};
use crate::common::ways::assert_same_without_walks;
use crate::common::{self, has_mptcp, not_tested, scene::inode, wait_until};
use crate::numbers::*;

const VERSIONS: [Domain; 2] = [Domain::IPV4, Domain::IPV6];

/// Enters a namespace in which an MPTCP connection may have a second subflow. Returns `false` if the kernel has none.
fn enter(test: &str) -> bool {
    super::enter();
    permit(test)
}

/// Lets the MPTCP connections of this thread's namespace have a second subflow. Returns `false` if the kernel has none.
pub fn permit(test: &str) -> bool {
    if !has_mptcp(test) {
        return false;
    }
    common::sysctl("net/mptcp/enabled", "1");
    common::ip("mptcp limits set subflow 2 add_addr_accepted 2");
    true
}

fn open(domain: Domain, protocol: Protocol) -> Socket {
    let socket = Socket::new(domain, Type::STREAM, Some(protocol));
    socket.unwrap_or_else(|error| panic!("socket {domain:?} {protocol:?}: {error}"))
}

fn fresh(domain: Domain) -> Socket {
    open(domain, Protocol::MPTCP)
}

fn loopback(domain: Domain) -> IpAddr {
    match domain {
        Domain::IPV4 => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    }
}

fn listener_of(domain: Domain, protocol: Protocol) -> Socket {
    let listener = open(domain, protocol);
    let address = SocketAddr::new(loopback(domain), 0);
    listener.bind(&address.into()).expect("bind");
    listener.listen(9).expect("listen");
    listener
}

fn listener(domain: Domain) -> Socket {
    listener_of(domain, Protocol::MPTCP)
}

/// Connects to a listener, which does not accept the connection yet.
fn connect(listener: &Socket) -> Socket {
    let client = fresh(listener.domain().expect("SO_DOMAIN"));
    client.connect(&listener.local_addr().expect("an address")).expect("connect");
    client
}

/// Returns both ends of a connection, the connecting one first.
fn pair(listener: &Socket) -> (Socket, Socket) {
    let client = connect(listener);
    let (server, _) = listener.accept().expect("accept");
    (client, server)
}

/// Returns the client of a server that does not support MPTCP.
fn fallen_back(domain: Domain) -> (Socket, Vec<Socket>) {
    let listener = listener_of(domain, Protocol::TCP);
    let (client, server) = pair(&listener);
    (client, vec![listener, server])
}

/// Returns the kinds of sockets of one IP version.
fn makers_of(domain: Domain, kinds: [&'static str; 6]) -> Vec<Maker> {
    let maker = |kind, make: Box<dyn Fn() -> (Socket, Vec<Socket>)>| Maker { kind, make };
    let [new, bound, listening, connected, accepted, fallback] = kinds;
    vec![
        maker(new, Box::new(move || (fresh(domain), vec![]))),
        maker(
            bound,
            Box::new(move || {
                let socket = fresh(domain);
                socket.bind(&SocketAddr::new(loopback(domain), 0).into()).expect("bind");
                (socket, vec![])
            }),
        ),
        maker(listening, Box::new(move || (listener(domain), vec![]))),
        maker(
            connected,
            Box::new(move || {
                let listener = listener(domain);
                let (client, server) = pair(&listener);
                (client, vec![listener, server])
            }),
        ),
        maker(
            accepted,
            Box::new(move || {
                let listener = listener(domain);
                let (client, server) = pair(&listener);
                (server, vec![listener, client])
            }),
        ),
        maker(fallback, Box::new(move || fallen_back(domain))),
    ]
}

fn makers() -> Vec<Maker> {
    let v4 = ["new", "bound", "listener", "client", "accepted", "fallen back"];
    let v6 = ["new 6", "bound 6", "listener 6", "client 6", "accepted 6", "fallen back 6"];
    let mut makers = makers_of(Domain::IPV4, v4);
    makers.extend(makers_of(Domain::IPV6, v6));
    makers
}

#[test]
fn every_option_of_mptcp_sockets() {
    if !enter("every_option_of_mptcp_sockets") {
        return;
    }
    walk_but("mptcp", "--mptcp", &makers(), is_without_effect);
}

/// Options that setsockopt(2) accepts and ignores: net/mptcp/sockopt.c, mptcp_setsockopt_sol_socket(). Two
/// others are stored, but a connection does not report or use them.
fn is_without_effect(option: &str, kind: &str) -> bool {
    const FORGOTTEN: [&str; 10] = [
        "SO_PASSCRED",
        "SO_PASSSEC",
        "SO_PASSPIDFD",
        "SO_NO_CHECK",
        "SO_DONTROUTE",
        "SO_BROADCAST",
        "SO_RXQ_OVFL",
        "SO_WIFI_STATUS",
        "SO_NOFCS",
        "SO_SELECT_ERR_QUEUE",
    ];
    let connection = ["client", "accepted", "fallen back"].iter().any(|it| kind.starts_with(it));
    FORGOTTEN.contains(&option) || connection && matches!(option, "TCP_MAXSEG" | "TCP_DEFER_ACCEPT")
}

/// A new socket has no subflow until a process queries an option of the subflow.
#[test]
fn options_of_sockets_that_nobody_asked() {
    if !enter("options_of_sockets_that_nobody_asked") {
        return;
    }
    untouched("mptcp: untouched", "--mptcp", &makers());
    common::sysctl("net/ipv4/tcp_congestion_control", "reno");
    untouched("mptcp: untouched, with reno", "--mptcp", &makers());
}

/// No option counts as set on a new socket, and each option that a program sets does.
#[test]
fn what_is_set() {
    if !enter("what_is_set") {
        return;
    }
    let subjects: Vec<_> = makers().iter().map(|maker| (maker.kind, (maker.make)())).collect();
    let rows = common::sockets("--mptcp");
    for (kind, (socket, _)) in &subjects {
        let row = common::find(&rows, socket).expect("the socket is shown");
        assert_eq!(row["set"], json!([]), "{kind}");
    }
    let congestion = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    let other = match congestion.expect("there is TCP").trim() {
        "reno" => "cubic",
        _ => "reno",
    };
    let mut changed = Vec::new();
    for (kind, (socket, _)) in &subjects {
        let int = |level, number, value| common::set(socket, level, number, value);
        int(SOL_SOCKET, SO_KEEPALIVE, 1).expect("SO_KEEPALIVE");
        int(IPPROTO_TCP, TCP_NODELAY, 1).expect("TCP_NODELAY");
        int(IPPROTO_TCP, TCP_CORK, 1).expect("TCP_CORK");
        let name = knetstat::kernel::syscall::setsockopt;
        name(socket.as_fd(), IPPROTO_TCP, TCP_CONGESTION, other.as_bytes()).expect(kind);
        // Not every kernel supports these options of MPTCP.
        changed.push(int(IPPROTO_TCP, TCP_KEEPIDLE, 33).is_ok());
    }
    let rows = common::sockets("--mptcp");
    for ((kind, (socket, _)), idle) in subjects.iter().zip(changed) {
        let row = common::find(&rows, socket).expect("the socket is shown");
        let mut expected = vec!["SO_KEEPALIVE", "TCP_NODELAY", "TCP_CORK"];
        expected.extend(idle.then_some("TCP_KEEPIDLE"));
        expected.push("TCP_CONGESTION");
        assert_eq!(row["set"], json!(expected), "{kind}");
        assert_eq!(row["options"]["TCP_CONGESTION"], other);
        assert!(!idle || row["options"]["TCP_KEEPIDLE"] == 33, "{row}");
    }
    assert_same_without_walks();
}

/// The properties of a socket that both ss(8) and knetstat show.
type Row = (String, u64, u64, String, String, u64);

/// Returns listeners and connections as the kernel reports them to ss(8).
fn listed() -> BTreeSet<Row> {
    let output = Command::new("ss").args(["-Manme", "-H", "-O"]).output().expect("ss(8)");
    assert!(output.status.success(), "ss: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let rows: Vec<Row> = text.lines().map(|line| parse(line).expect(line)).collect();
    let all: BTreeSet<Row> = rows.iter().cloned().collect();
    assert_eq!(all.len(), rows.len(), "ss shows one twice");
    all
}

fn parse(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let state = match *words.first()? {
        "ESTAB" => "ESTABLISHED".into(),
        word => word.replace("-WAIT-", "_WAIT").replace('-', "_"),
    };
    let inode = words.iter().find_map(|word| word.strip_prefix("ino:"))?.parse().ok()?;
    let number = |at: usize| words.get(at)?.parse().ok();
    Some((state, number(1)?, number(2)?, (*words.get(3)?).into(), (*words.get(4)?).into(), inode))
}

/// Returns the same properties from knetstat, without idle sockets, which ss(8) does not show.
fn shown() -> BTreeSet<Row> {
    let rows = common::sockets("--mptcp");
    let rows: Vec<Row> = rows.iter().filter(|row| row["state"] != "CLOSE").map(row).collect();
    let all: BTreeSet<Row> = rows.iter().cloned().collect();
    assert_eq!(all.len(), rows.len(), "knetstat shows one twice: {rows:#?}");
    all
}

fn row(shown: &Value) -> Row {
    let number = |name: &str| shown[name].as_u64().expect("a number");
    let end = |name: &str| {
        let address = shown[name]["address"].as_str().expect("an address");
        let port = match shown[name]["port"].as_u64().expect("a port") {
            0 => "*".into(),
            port => port.to_string(),
        };
        match address {
            "::" => format!("*:{port}"),
            v6 if v6.contains(':') => format!("[{v6}]:{port}"),
            v4 => format!("{v4}:{port}"),
        }
    };
    let state = shown["state"].as_str().expect("a word").to_owned();
    let queues = (number("recv_queue"), number("send_queue"));
    // ss(8) shows 0 if there is none.
    let inode = shown["inode"].as_u64().unwrap_or_default();
    (state, queues.0, queues.1, end("local"), end("remote"), inode)
}

/// Sockets of all kinds: with data in their queues, half closed, waiting to be accepted, without a process.
pub struct Crowd {
    listeners: Vec<Socket>,
    connections: Vec<(Socket, Socket)>,
    waiting: Vec<Socket>,
    /// The ends whose other ends were closed by their processes with unsent data.
    left: Vec<Socket>,
    _idle: Vec<Socket>,
}

impl Crowd {
    pub fn new() -> Crowd {
        let listeners: Vec<Socket> = VERSIONS.map(listener).into();
        let each = || listeners.iter();
        let connections: Vec<_> = each().chain(each()).map(pair).collect();
        connections[0].0.send(b"not read").expect("send");
        connections[1].1.shutdown(std::net::Shutdown::Write).expect("shutdown");
        let left = each().map(orphan).collect();
        let waiting = each().map(connect).collect();
        let _idle = VERSIONS.map(fresh).into();
        Crowd { listeners, connections, waiting, left, _idle }
    }
}

/// Closes one end of a connection with more unsent data than the other end accepts, and returns the other.
fn orphan(listener: &Socket) -> Socket {
    let (client, server) = pair(listener);
    client.set_nonblocking(true).expect("O_NONBLOCK");
    let error = loop {
        if let Err(error) = client.send(&[7; 65536]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    server
}

#[test]
fn mptcp_sockets_are_those_of_ss() {
    if !enter("mptcp_sockets_are_those_of_ss") {
        return;
    }
    let crowd = Crowd::new();
    wait_until("the queues are quiet", || {
        let before = listed();
        std::thread::sleep(std::time::Duration::from_millis(50));
        before == listed()
    });
    let (listed, shown) = (listed(), shown());
    // Listeners, both ends of the connections, the waiting connections and their clients, and the orphans
    // with their other ends.
    let ends = 2 * (crowd.connections.len() + crowd.waiting.len() + crowd.left.len());
    assert_eq!(listed.len(), crowd.listeners.len() + ends, "{listed:#?}");
    assert_eq!(shown, listed);
    assert!(listed.iter().any(|row| row.1 > 0 && row.0 == "ESTABLISHED"), "{listed:#?}");
    assert!(listed.iter().any(|row| row.0 == "FIN_WAIT1"), "{listed:#?}");
}

/// Sockets that no process holds are found too, each once, and the reason is shown.
#[test]
fn sockets_without_a_process() {
    if !enter("sockets_without_a_process") {
        return;
    }
    let crowd = Crowd::new();
    let rows = common::sockets("--mptcp -p --state connected");
    let count = |owner: &str| rows.iter().filter(|row| row["owner"] == owner).count();
    assert_eq!(count("accept-queue"), crowd.waiting.len(), "{rows:#?}");
    assert_eq!(count("orphan"), crowd.left.len(), "{rows:#?}");
    assert_eq!(
        count("process"),
        2 * crowd.connections.len() + crowd.waiting.len() + crowd.left.len()
    );
    assert_eq!(rows.len(), count("accept-queue") + count("orphan") + count("process"));
    for row in rows.iter().filter(|row| row["owner"] != "process") {
        assert_eq!((&row["processes"], &row["inode"]), (&json!([]), &Value::Null), "{row}");
        assert_eq!(row["options"]["TCP_ULP"], "mptcp", "{row}");
    }
    // Those that wait, and their subflows, name the listener of their port.
    let rows = common::sockets("-t --mptcp -p owner=accept-queue");
    assert_eq!(rows.len(), 2 * crowd.waiting.len(), "{rows:#?}");
    for row in &rows {
        let is_listener = |it: &&Socket| row["local"]["port"] == common::local_address(*it).port();
        let listener = crowd.listeners.iter().find(is_listener).expect("a listener");
        assert_eq!(row["listener_inode"], common::scene::inode(listener), "{row}");
        assert_eq!(row["listener_processes"][0]["fd"], common::number(listener), "{row}");
    }
    assert_same_without_walks();
}

/// The rows of TCP subflows are marked, and name their MPTCP socket.
#[test]
fn subflows_are_marked() {
    if !enter("subflows_are_marked") {
        return;
    }
    common::ip("mptcp endpoint add 127.0.0.2 subflow");
    let listener = listener(Domain::IPV4);
    let (client, server) = pair(&listener);
    let waiting = connect(&listener);
    // A connection creates another subflow once its peer has acknowledged data.
    client.send(b"first").expect("send");
    waiting.send(b"first").expect("send");
    let tcp = listener_of(Domain::IPV4, Protocol::TCP);
    let plain = open(Domain::IPV4, Protocol::TCP);
    plain.connect(&tcp.local_addr().expect("an address")).expect("connect");

    let subflows = |of: &Socket| {
        let master = json!({"inode": inode(of), "cookie": common::cookie(of)});
        let rows = common::sockets("-t");
        rows.iter().filter(|row| row["master"] == master).count()
    };
    for socket in [&client, &server, &waiting] {
        wait_until("there are two subflows", || subflows(socket) == 2);
    }
    assert_eq!(subflows(&listener), 1);
    // The other end of `waiting` is not accepted: it has no inode, which differs from the inode 0.
    let rows = common::sockets("-t");
    let masters = rows.iter().map(|row| &row["master"]).filter(|master| master.is_object());
    assert_eq!(masters.filter(|master| master["inode"].is_null()).count(), 2, "{rows:#?}");
    let masters = common::stdout("-tH --columns master");
    assert_eq!(masters.lines().filter(|line| *line == "-").count(), 2 + 3, "{masters}");
    let rows = common::sockets("-t");
    assert_eq!(common::find(&rows, &tcp).expect("the listener")["master"], Value::Null);
    assert_eq!(common::find(&rows, &plain).expect("the client")["master"], Value::Null);
    for row in &rows {
        let has_ulp = row["options"]["TCP_ULP"] == "mptcp";
        assert_eq!(row["master"] != Value::Null, has_ulp, "{row}");
    }

    // The first subflow of an accepted connection has the inode of that.
    let text = common::stdout("-t --long --color never");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = |sentence: &str| text.matches(sentence).count();
    assert_eq!(count("subflow of an MPTCP connection that was not accepted"), 2, "{text}");
    let own = rows.iter().filter(|row| {
        let master = &row["master"]["inode"];
        !master.is_null() && *master == row["inode"]
    });
    assert_eq!(count("subflow of the MPTCP socket with this inode"), own.count(), "{text}");

    // A socket is shown once regardless of the number of its subflows, even if no process holds it yet.
    let masters = common::sockets("--mptcp");
    assert_eq!(masters.len(), 5, "{masters:#?}");
    assert_same_without_walks();
    assert!(masters.iter().all(|row| row["master"] == Value::Null));
}

/// A socket is found through its second subflow when the first is gone.
#[test]
fn the_first_subflow_is_gone() {
    if !enter("the_first_subflow_is_gone") {
        return;
    }
    common::ip("mptcp endpoint add 127.0.0.2 subflow");
    let listener = listener(Domain::IPV4);
    let address = listener.local_addr().expect("an address");
    let port = address.as_socket().expect("an address of the Internet").port();
    let client = fresh(Domain::IPV4);
    client.bind(&SocketAddr::from(([127, 0, 0, 3], 0)).into()).expect("bind");
    client.connect(&address).expect("connect");
    client.send(b"first").expect("send");
    let subflows = |end: &str| {
        let rows = common::sockets("-t --state established");
        rows.iter().filter(|row| row[end]["port"] == port && row["master"] != Value::Null).count()
    };
    wait_until("there are two subflows", || subflows("remote") == 2 && subflows("local") == 2);
    common::ip("mptcp endpoint delete id 0 127.0.0.3");
    wait_until("there is one subflow", || subflows("remote") == 1 && subflows("local") == 1);
    // The process closes it with more unsent data than the other end accepts.
    client.set_nonblocking(true).expect("O_NONBLOCK");
    while client.send(&[7; 65536]).is_ok() {}
    drop(client);
    let rows = common::sockets("--mptcp -p --state connected");
    let owners: BTreeSet<&str> = rows.iter().filter_map(|row| row["owner"].as_str()).collect();
    assert_eq!(owners, BTreeSet::from(["accept-queue", "orphan"]), "{rows:#?}");
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert_same_without_walks();
}

#[test]
fn those_of_another_namespace_are_not_shown() {
    if !enter("those_of_another_namespace_are_not_shown") {
        return;
    }
    let elsewhere = listener(Domain::IPV4);
    let _client = connect(&elsewhere);
    assert!(enter("those_of_another_namespace_are_not_shown"));
    let here = fresh(Domain::IPV4);
    let rows = common::sockets("--mptcp -O type");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(common::find(&rows, &here).is_some());
}

/// A route may choose the congestion control of subflows.
#[test]
fn the_congestion_control_of_a_route_is_not_set() {
    if !enter("the_congestion_control_of_a_route_is_not_set") {
        return;
    }
    if !common::btf_has("ca_name") {
        return not_tested("the congestion control of a route: MPTCP sockets keep no name");
    }
    let default = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    if default.expect("the default").trim() == "reno" {
        return not_tested("the congestion control of a route: it is the default here");
    }
    common::ip("route add local 10.5.0.0/16 dev lo congctl reno");
    let listener = fresh(Domain::IPV4);
    let address: SocketAddr = "10.5.0.1:0".parse().expect("an address");
    listener.bind(&address.into()).expect("bind");
    listener.listen(3).expect("listen");
    let (client, server) = pair(&listener);
    let chosen = fresh(Domain::IPV4);
    common::set_bytes(&chosen, IPPROTO_TCP, TCP_CONGESTION, b"reno").expect("TCP_CONGESTION");
    chosen.connect(&listener.local_addr().expect("an address")).expect("connect");
    let rows = common::sockets("--mptcp");
    for (socket, is_set) in [(&client, false), (&server, false), (&chosen, true)] {
        let mut name = [0; 16];
        knetstat::kernel::syscall::getsockopt(
            socket.as_fd(),
            IPPROTO_TCP,
            TCP_CONGESTION,
            &mut name,
        )
        .expect("TCP_CONGESTION");
        assert!(name.starts_with(b"reno"), "{name:?}");
        let row = common::find(&rows, socket).expect("a row");
        assert_eq!(row["options"]["TCP_CONGESTION"], "reno");
        let set = row["set"].as_array().expect("a list");
        assert_eq!(set.contains(&json!("TCP_CONGESTION")), is_set, "{row}");
    }
}

/// An MPTCP socket without a subflow accepts some options unchecked, and the subflow rejects them later. A
/// query creates the subflow, so that knetstat reads the record first.
#[test]
fn numbers_that_the_first_subflow_refuses() {
    if !enter("numbers_that_the_first_subflow_refuses") {
        return;
    }
    const OPTIONS: [(&str, i32); 14] = [
        ("TCP_NODELAY", TCP_NODELAY),
        ("TCP_MAXSEG", TCP_MAXSEG),
        ("TCP_CORK", TCP_CORK),
        ("TCP_KEEPIDLE", TCP_KEEPIDLE),
        ("TCP_KEEPINTVL", TCP_KEEPINTVL),
        ("TCP_KEEPCNT", TCP_KEEPCNT),
        ("TCP_DEFER_ACCEPT", TCP_DEFER_ACCEPT),
        ("TCP_FASTOPEN", TCP_FASTOPEN),
        ("TCP_NOTSENT_LOWAT", TCP_NOTSENT_LOWAT),
        ("TCP_FASTOPEN_CONNECT", TCP_FASTOPEN_CONNECT),
        ("TCP_FASTOPEN_NO_COOKIE", TCP_FASTOPEN_NO_COOKIE),
        ("TCP_INQ", TCP_INQ),
        ("SO_MARK", SO_MARK),
        ("SO_PRIORITY", SO_PRIORITY),
    ];
    const NUMBERS: [i32; 14] =
        [i32::MIN, -5, -1, 0, 1, 8, 87, 88, 536, 32_767, 32_768, 65_535, 65_536, i32::MAX];
    let mut taken = Vec::new();
    for domain in VERSIONS {
        for (name, option) in OPTIONS {
            let level = if name.starts_with("TCP") { IPPROTO_TCP } else { SOL_SOCKET };
            for value in NUMBERS {
                let socket = fresh(domain);
                if common::set(&socket, level, option, value).is_ok() {
                    taken.push((name, level, option, value, socket));
                }
            }
        }
    }
    let shown = common::sockets("--mptcp --unbound");
    let mut wrong = Vec::new();
    for (name, level, option, value, socket) in &taken {
        let mut answer = [0; 4];
        let asked =
            knetstat::kernel::syscall::getsockopt(socket.as_fd(), *level, *option, &mut answer);
        let answer = asked.ok().map(|_| i64::from(i32::from_ne_bytes(answer)));
        let row = common::find(&shown, socket).expect("a row");
        let ours = row["options"][name].as_i64();
        // SO_MARK is unsigned, with the same bits.
        if ours.map(|number| number as i32) != answer.map(|number| number as i32) {
            wrong.push(format!("{name} after {value}: {ours:?} instead of {answer:?}"));
        }
        let is_set = row["set"].as_array().expect("a list").contains(&json!(name));
        if *name == "TCP_MAXSEG" && is_set != (answer == Some((*value).into())) {
            wrong.push(format!("{name} after {value}: {answer:?}, set: {is_set}"));
        }
    }
    let segments = taken.iter().filter(|(name, ..)| *name == "TCP_MAXSEG").count();
    assert!(taken.len() > 40, "{} were accepted", taken.len());
    match segments {
        0 => not_tested("TCP_MAXSEG of MPTCP sockets, which this kernel refuses"),
        _ => assert!(segments > 2, "{segments} were accepted"),
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
