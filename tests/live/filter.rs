//! Filters. The expected rows are chosen here, from the JSON of all sockets, which is compared with
//! /proc/net.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::Output;

use crate::common::scene::{assert_same_rows, inode, EveryState};
use crate::common::ways::NO_WALKS;
use crate::common::{
    self, connect, enter_namespace, ip, knetstat, set_bytes, sockets, stdout, KNETSTAT,
    NO_KERNEL_FILTER,
};
use crate::sandbox::{run, run_without};
use serde_json::Value;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCALHOST6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Many sockets, and their rows without a filter.
struct Scene {
    _states: Vec<EveryState>,
    _others: Vec<OwnedFd>,
    all: Vec<Value>,
}

impl Scene {
    /// Opens TCP sockets in every state over IPv4, IPv6 and both, and UDP sockets.
    fn new() -> Scene {
        enter_namespace();
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped().into();
        let states = vec![
            EveryState::new(LOCALHOST, LOCALHOST),
            EveryState::new(LOCALHOST6, LOCALHOST6),
            EveryState::new(Ipv6Addr::UNSPECIFIED.into(), LOCALHOST),
            EveryState::new(LOCALHOST, mapped),
        ];
        Scene::of(states, udp_sockets())
    }

    /// Uses only these sockets, for which this thread has entered a namespace.
    fn of(states: Vec<EveryState>, others: Vec<OwnedFd>) -> Scene {
        Scene { _states: states, _others: others, all: assert_same_rows() }
    }

    /// Asserts that the arguments select exactly the sockets that `wanted` accepts: some, not all. Checks
    /// it with and without the kernel-side filter, and without walks.
    fn check(&self, arguments: &str, wanted: impl Fn(&Value) -> bool) {
        self.check_once(arguments, &wanted);
        for without in [NO_KERNEL_FILTER, NO_WALKS] {
            self.check_once(&format!("{without} {arguments}"), &wanted);
        }
    }

    /// Checks it only once: for filters that the kernel side does not apply, or other spellings of a filter
    /// that is checked already.
    fn check_once(&self, arguments: &str, wanted: impl Fn(&Value) -> bool) {
        let expected = identities(self.all.iter().filter(|socket| wanted(socket)));
        assert!(!expected.is_empty(), "{arguments}: the scene has no such socket");
        assert!(expected.len() < self.all.len(), "{arguments}: the scene has no other socket");
        if identities(&sockets(arguments)) != expected {
            // The kernel may have given up a connection meanwhile. A real difference remains at the second
            // attempt.
            let expected = identities(assert_same_rows().iter().filter(|socket| wanted(socket)));
            assert!(!expected.is_empty(), "{arguments}: the scene has no such socket any more");
            assert_eq!(identities(&sockets(arguments)), expected, "knetstat {arguments}");
        }
    }

    /// Checks filters that select no socket, or all sockets.
    fn check_extreme(&self, arguments: &str, all: bool) {
        let expected = identities(self.all.iter().filter(|_| all));
        assert_eq!(identities(&sockets(arguments)), expected, "knetstat {arguments}");
    }
}

/// Returns what identifies the sockets: their inodes, and their addresses, because some have no inode.
fn identities<'a>(sockets: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let members = ["protocol", "local", "remote", "inode"];
    let identity = |socket: &Value| members.map(|member| socket[member].to_string()).concat();
    let mut identities: Vec<String> = sockets.into_iter().map(identity).collect();
    identities.sort_unstable();
    identities
}

/// Opens bound and connected sockets, over IPv4, IPv6, and over IPv4 on an IPv6 socket.
fn udp_sockets() -> Vec<OwnedFd> {
    let addresses = ["127.0.0.1:7000", "[::1]:7001", "0.0.0.0:7002", "[::]:7003", "127.1.2.3:7004"];
    let mut sockets: Vec<UdpSocket> =
        addresses.map(|address| UdpSocket::bind(address).expect("bind")).into();
    let peers = [
        ("0.0.0.0:0", "127.9.9.9:7000"),
        ("[::]:0", "[::1]:7001"),
        ("[::]:0", "[::ffff:127.0.0.1]:9"),
    ];
    for (address, peer) in peers {
        let socket = UdpSocket::bind(address).expect("bind");
        socket.connect(peer).expect("connect");
        sockets.push(socket);
    }
    sockets.into_iter().map(OwnedFd::from).collect()
}

fn protocol(socket: &Value) -> &str {
    socket["protocol"].as_str().expect("a protocol")
}

fn state(socket: &Value) -> &str {
    socket["state"].as_str().expect("a state")
}

fn port(socket: &Value, end: &str) -> u64 {
    socket[end]["port"].as_u64().expect("a port")
}

fn address(socket: &Value, end: &str) -> IpAddr {
    socket[end]["address"].as_str().expect("an address").parse().expect("an address")
}

#[test]
fn families() {
    let scene = Scene::new();
    let cases: [(&str, &[&str]); 16] = [
        ("-t", &["tcp", "tcp6"]),
        ("--tcp", &["tcp", "tcp6"]),
        ("-u", &["udp", "udp6"]),
        ("--udp", &["udp", "udp6"]),
        ("-4", &["tcp", "udp"]),
        ("--ipv6", &["tcp6", "udp6"]),
        ("--tcp4", &["tcp"]),
        ("--tcp6", &["tcp6"]),
        ("--udp4", &["udp"]),
        ("--udp6", &["udp6"]),
        ("-t4", &["tcp"]),
        ("-u -6", &["udp6"]),
        ("--tcp4 --udp6", &["tcp", "udp6"]),
        ("--tcp --udp4", &["tcp", "tcp6", "udp"]),
        ("-tu6", &["tcp6", "udp6"]),
        ("--tcp4 -4", &["tcp"]),
    ];
    for (arguments, protocols) in cases {
        scene.check(arguments, |socket| protocols.contains(&protocol(socket)));
    }
    scene.check_extreme("-tu", true);
    scene.check_extreme("-46", true);
    scene.check_extreme("-a -n -W", true);
}

#[test]
fn families_that_exclude_each_other() {
    enter_namespace();
    for arguments in ["--tcp4 -6", "--tcp6 -4", "--udp4 --ipv6", "--udp6 --ipv4"] {
        let output = knetstat(arguments.split_whitespace());
        assert_eq!(output.status.code(), Some(2), "knetstat {arguments}");
        assert!(output.stdout.is_empty(), "knetstat {arguments}");
    }
}

const BUCKET: &[&str] = &["TIME_WAIT", "SYN_RECV"];
const UNCONNECTED: &[&str] = &["CLOSE", "UNCONN"];
const NOT_CONNECTED: &[&str] = &["LISTEN", "CLOSE", "UNCONN"];

#[test]
fn states_in_the_words_of_netstat() {
    let scene = Scene::new();
    for word in [
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "LISTEN",
        "CLOSING",
        "UNCONN",
    ] {
        scene.check(&format!("--state {word}"), |socket| state(socket) == word);
    }
    scene.check("--state listen,TIME_WAIT", |socket| {
        ["LISTEN", "TIME_WAIT"].contains(&state(socket))
    });
    scene.check("--state Listen --state unconn", |socket| {
        ["LISTEN", "UNCONN"].contains(&state(socket))
    });
    // No iterator visits a closed TCP socket.
    scene.check_extreme("--state CLOSE", false);
    scene.check_extreme("--state UNKNOWN", false);
}

/// Checks the names of TCP states for which netstat has other names.
fn check_words(scene: &Scene, words: &[(&str, &str)]) {
    for (word, meant) in words {
        scene.check_once(&format!("-t --state {word}"), |socket| {
            state(socket) == *meant && is_tcp(socket)
        });
    }
}

#[test]
fn states_in_the_words_of_ss() {
    let scene = Scene::new();
    let words = [
        ("ESTAB", "ESTABLISHED"),
        ("syn-sent", "SYN_SENT"),
        ("syn-recv", "SYN_RECV"),
        ("fin-wait-1", "FIN_WAIT1"),
        ("fin-wait-2", "FIN_WAIT2"),
        ("time-wait", "TIME_WAIT"),
        ("close-wait", "CLOSE_WAIT"),
        ("last-ack", "LAST_ACK"),
        ("listening", "LISTEN"),
        ("closing", "CLOSING"),
    ];
    check_words(&scene, &words);
    for word in ["closed", "unconnected"] {
        scene.check_once(&format!("-u --state {word}"), |socket| {
            UNCONNECTED.contains(&state(socket))
        });
    }
}

#[test]
fn groups_of_states() {
    let scene = Scene::new();
    let connected = |socket: &Value| !NOT_CONNECTED.contains(&state(socket));
    scene.check("--state connected", connected);
    scene.check("--state synchronized", |socket| connected(socket) && state(socket) != "SYN_SENT");
    scene.check("--state bucket", |socket| BUCKET.contains(&state(socket)));
    scene.check("--state big", |socket| !BUCKET.contains(&state(socket)));
    scene.check("--state bucket,listening", |socket| {
        BUCKET.contains(&state(socket)) || state(socket) == "LISTEN"
    });
    scene.check_extreme("--state all", true);
    scene.check_extreme("--state bucket,big", true);
}

#[test]
fn states_in_the_words_of_the_module() {
    let scene = Scene::new();
    let words = [
        ("ESTB", "ESTABLISHED"),
        ("SYNS", "SYN_SENT"),
        ("SYNR", "SYN_RECV"),
        ("FNW1", "FIN_WAIT1"),
        ("FNW2", "FIN_WAIT2"),
        ("TIMW", "TIME_WAIT"),
        ("CLSW", "CLOSE_WAIT"),
        ("LACK", "LAST_ACK"),
        ("LSTN", "LISTEN"),
        ("CLSG", "CLOSING"),
    ];
    check_words(&scene, &words);
    scene.check_once("-u --state CLSD", |socket| UNCONNECTED.contains(&state(socket)));
}

fn is_tcp(socket: &Value) -> bool {
    socket["type"] == "stream"
}

#[test]
fn listeners() {
    let scene = Scene::new();
    let listens = |socket: &Value| ["LISTEN", "UNCONN"].contains(&state(socket));
    scene.check("-l", listens);
    scene.check("--listening -t", |socket| listens(socket) && is_tcp(socket));
    scene.check("-lu", |socket| listens(socket) && !is_tcp(socket));
    scene.check("-tul6", |socket| listens(socket) && protocol(socket).ends_with('6'));
    scene.check("-l --state listen,established", |socket| state(socket) == "LISTEN");
    scene.check_extreme("-l --state established", false);
}

/// Opens listeners and datagram sockets at ports 7000 to 7019, and a connection to each listener.
fn ports() -> Scene {
    enter_namespace();
    let mut others: Vec<OwnedFd> = Vec::new();
    for port in 7000..7020 {
        let at: IpAddr = if port % 2 == 0 { LOCALHOST } else { LOCALHOST6 };
        let listener = TcpListener::bind((at, port)).expect("bind");
        let (client, server) = connect(&listener, at);
        let udp = UdpSocket::bind((at, port)).expect("bind");
        others.extend([listener.into(), client.into(), server.into(), udp.into()]);
    }
    for (address, peer) in [("127.0.0.1:22", "127.0.0.1:53"), ("[::1]:53", "[::1]:80")] {
        let udp = UdpSocket::bind(address).expect("bind");
        udp.connect(peer).expect("connect");
        others.push(udp.into());
    }
    Scene::of(Vec::new(), others)
}

/// Checks `--port`, `--sport` and `--dport` with one list of ports.
fn check_ports(scene: &Scene, list: &str, within: impl Fn(u64) -> bool) {
    scene.check(&format!("--sport {list}"), |socket| within(port(socket, "local")));
    scene.check(&format!("--dport {list}"), |socket| within(port(socket, "remote")));
    scene.check(&format!("--port {list}"), |socket| {
        within(port(socket, "local")) || within(port(socket, "remote"))
    });
}

#[test]
fn ports_by_number_range_and_list() {
    let scene = ports();
    check_ports(&scene, "7004", |port| port == 7004);
    check_ports(&scene, "7004-7009", |port| (7004..=7009).contains(&port));
    check_ports(&scene, "7003,7010-7012,22", |port| {
        port == 7003 || (7010..=7012).contains(&port) || port == 22
    });
    scene.check("--sport 0-7000", |socket| port(socket, "local") <= 7000);
    scene.check("--port 7019-65535", |socket| {
        port(socket, "local") >= 7019 || port(socket, "remote") >= 7019
    });
    scene.check_extreme("--port 0-65535", true);
    scene.check_extreme("--port 1", false);
}

/// A socket without a peer has the remote port 0.
#[test]
fn port_0() {
    let scene = ports();
    let no_peer = |socket: &Value| ["LISTEN", "UNCONN"].contains(&state(socket));
    scene.check("--dport 0", no_peer);
    scene.check("--port 0", no_peer);
    scene.check("--dport 1-65535", |socket| !no_peer(socket));
    scene.check_extreme("--sport 0", false);
}

/// More port ranges than the kernel side has room for.
#[test]
fn more_than_eight_ranges() {
    let scene = ports();
    let odd: Vec<String> = (7001..7020).step_by(2).map(|port: u64| port.to_string()).collect();
    assert!(odd.len() > 8);
    check_ports(&scene, &odd.join(","), |port| (7000..7020).contains(&port) && port % 2 == 1);
    for count in [8, 9] {
        scene.check(&format!("--sport {}", odd[..count].join(",")), |socket| {
            let local = port(socket, "local");
            (7000..7000 + 2 * count as u64).contains(&local) && local % 2 == 1
        });
    }
}

#[test]
fn ports_by_the_name_of_a_service() {
    let scene = ports();
    let services = std::fs::read_to_string("/etc/services").expect("services(5)");
    assert!(services.contains("domain"), "/etc/services has the usual names");
    scene.check("--sport ssh", |socket| port(socket, "local") == 22);
    scene.check("--port domain", |socket| {
        port(socket, "local") == 53 || port(socket, "remote") == 53
    });
    scene.check("--dport http,domain", |socket| [53, 80].contains(&port(socket, "remote")));
    scene
        .check("--sport ssh,7000-7001", |socket| [22, 7000, 7001].contains(&port(socket, "local")));
}

/// Runs knetstat with other contents of a file.
fn run_with(path: &str, bytes: &[u8], arguments: &str) -> Output {
    let mut file = tempfile();
    file.1.write_all(bytes).expect("a new file");
    let script = format!("mount --bind {} {path} && exec {KNETSTAT} {arguments}", file.0);
    let output = run("unshare", &["--mount", "sh", "-c", &script]);
    std::fs::remove_file(file.0).expect("it is there");
    output
}

/// Creates a temporary file, and returns its path.
fn tempfile() -> (String, File) {
    let template = std::env::temp_dir().join("knetstat-XXXXXX");
    let (fd, path) = nix::unistd::mkstemp(&template).expect("a new file");
    (path.display().to_string(), File::from(fd))
}

#[test]
fn names_of_users_and_services_in_any_encoding() {
    let scene = ports();
    let passwd: &[u8] =
        b"jos\xe9:x:7:7:Jos\xe9:/:/bin/sh\nmarie:x:0:0:\xc9mile:/:/bin/sh\n\xff\xfe\n";
    let services: &[u8] = b"\xe9t\xe9 7001/udp\nknst 7000/tcp # \xe9t\xe9\n#knst 7002/tcp\n";
    for (path, bytes, by_name, by_number) in [
        ("/etc/passwd", passwd, "--user marie", "--user 0"),
        ("/etc/services", services, "--port knst", "--port 7000"),
        ("/etc/services", services, "--sport knst,7003", "--sport 7000,7003"),
        ("/etc/services", services, "--dport knst", "--dport 7000"),
    ] {
        let output = run_with(path, bytes, &format!("-H {by_name}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{by_name}: {stderr}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), stdout(&format!("-H {by_number}")));
        assert!(output.stdout.len() > 100, "{by_name}");
    }
    drop(scene);
}

/// A name that requires the file is rejected, and the message names the file. A number does not require it.
#[test]
fn files_of_names_that_cannot_be_read() {
    let scene = ports();
    for (path, by_name, by_number) in [
        ("/etc/passwd", "--user root", "--user 0"),
        ("/etc/services", "--port domain", "--port 53"),
        ("/etc/services", "--sport domain", "--sport 53"),
        ("/etc/services", "--dport 53,domain", "--dport 53"),
    ] {
        let output = run_without(&["/etc"], by_name);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let (option, _) = by_name.split_once(' ').expect("an option and a word");
        assert_eq!(output.status.code(), Some(2), "{by_name}: {stderr}");
        assert!(stderr.contains(&format!("{path}: No such file")), "{by_name}: {stderr}");
        assert!(stderr.contains(option) && stderr.contains("number"), "{by_name}: {stderr}");
        let output = run_without(&["/etc"], &format!("-H {by_number}"));
        assert!(output.status.success(), "{output:?}");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(shown, stdout(&format!("-H {by_number}")));
    }
    drop(scene);
}

/// Names that are shown are missing if their file cannot be read, here because it is a directory. A file that does not exist
/// has no names.
#[test]
fn files_of_shown_names_that_cannot_be_read() {
    let scene = ports();
    let files = "/etc/passwd /etc/services /etc/hosts";
    let script = |made: &str, arguments: &str| {
        let script =
            format!("mount -t tmpfs none /etc && {made} && exec {KNETSTAT} -H {arguments}");
        run("unshare", &["--mount", "sh", "-c", &script])
    };
    for (arguments, of) in [
        ("-tr --columns uid", &["users passwd"][..]),
        ("-tr --columns sport,uid", &["users passwd", "services services"]),
        ("-ur --csv --columns local,uid", &["users passwd", "services services", "hosts hosts"]),
    ] {
        let output = script("true", arguments);
        assert!(output.status.success(), "{output:?}");
        let numbers = String::from_utf8_lossy(&output.stdout).into_owned();
        let output = script(&format!("mkdir {files}"), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {stderr}");
        for (what, file) in of.iter().filter_map(|it| it.split_once(' ')) {
            let why = format!("names of {what}: cannot read /etc/{file}: Is a directory");
            assert!(stderr.contains(&why), "{arguments}: {stderr}");
        }
        assert_eq!(stderr.matches("names of ").count(), of.len(), "{arguments}: {stderr}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), numbers, "{arguments}");
    }
    let output = script(&format!("mkdir {files}"), "-tp --long");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("details of processes: cannot read /etc/passwd"), "{stderr}");
    drop(scene);
}

#[test]
fn several_parts_of_the_filter_at_once() {
    let scene = ports();
    scene.check("--sport 7000-7005 --dport 0 -t", |socket| {
        (7000..=7005).contains(&port(socket, "local"))
            && port(socket, "remote") == 0
            && is_tcp(socket)
    });
    scene.check("-6 --port 7001,7002 --state established", |socket| {
        [port(socket, "local"), port(socket, "remote")].contains(&7001)
            && state(socket) == "ESTABLISHED"
            && protocol(socket).ends_with('6')
    });
    scene.check("-l --sport 7010-7012 --src 127.0.0.0/8", |socket| {
        [7010, 7012].contains(&port(socket, "local")) && port(socket, "remote") == 0
    });
    scene.check_extreme("--sport 7000 --dport 7000", false);
    scene.check_extreme("-u --state listen", false);
}

/// Whether the address is in the network. An IPv4 network also contains the IPv4-mapped IPv6 addresses.
fn within(network: &str, address: IpAddr) -> bool {
    let (base, length) = network.split_once('/').expect("address/length");
    let length: u32 = length.parse().expect("a length");
    match (base.parse().expect("an address"), address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let shift = |address: Ipv4Addr| u64::from(address.to_bits()) >> (32 - length);
            shift(base) == shift(address)
        }
        (IpAddr::V4(_), IpAddr::V6(address)) => {
            address.to_ipv4_mapped().is_some_and(|address| within(network, address.into()))
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let shift = |address: Ipv6Addr| address.to_bits().checked_shr(128 - length);
            shift(base) == shift(address)
        }
        (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Checks `--src` with one network, spelled as `word`.
fn check_source(scene: &Scene, word: &str, network: &str) {
    scene.check_once(&format!("--src {word}"), |socket| within(network, address(socket, "local")));
}

/// Checks `--src`, `--dst` and `--addr` with one network.
fn check_network(scene: &Scene, network: &str) {
    let end = |socket: &Value, end| within(network, address(socket, end));
    check_source(scene, network, network);
    scene.check_once(&format!("--dst {network}"), |socket| end(socket, "remote"));
    scene.check_once(&format!("--addr {network}"), |socket| {
        end(socket, "local") || end(socket, "remote")
    });
}

#[test]
fn networks() {
    let scene = Scene::new();
    for network in ["127.0.0.0/8", "127.0.0.1/32", "::1/128", "::/96"] {
        check_network(&scene, network);
    }
    for network in ["0.0.0.0/0", "::/0", "0.0.0.0/32", "::/128", "127.1.0.0/16"] {
        check_source(&scene, network, network);
    }
    scene.check("--src 127.1.2.3,::1 --dst 0.0.0.0,::", |socket| {
        let local = address(socket, "local");
        (within("127.1.2.3/32", local) || within("::1/128", local)) && port(socket, "remote") == 0
    });
    scene.check_extreme("--addr 10.0.0.0/8,2001:db8::/32", false);
    scene.check_extreme("--addr 0.0.0.0/0,::/0", true);
}

/// What an expression accepts for an address, the flag accepts, too.
#[test]
fn addresses_with_ports() {
    let scene = Scene::new();
    let is_loopback = |address| within("127.0.0.0/8", address) || within("::1/128", address);
    scene.check("--src localhost", |socket| is_loopback(address(socket, "local")));
    let port_of = |socket: &Value| port(socket, "local");
    let bound = scene.all.iter().find(|it| is_loopback(address(it, "local")) && port_of(it) > 0);
    let number = port_of(bound.expect("a socket that is bound"));
    let local = address(bound.expect("a socket that is bound"), "local");
    scene.check(&format!("--src {}", SocketAddr::new(local, number as u16)), |socket| {
        address(socket, "local") == local && port_of(socket) == number
    });
    scene.check(&format!("--src :{number}"), |socket| port_of(socket) == number);
    scene.check_once(&format!("--sport :{number}"), |socket| port_of(socket) == number);
}

#[test]
fn networks_in_other_words() {
    let scene = Scene::new();
    check_source(&scene, "127.0.0.1", "127.0.0.1/32");
    check_source(&scene, "127.9.9.9/8", "127.0.0.0/8");
    check_source(&scene, "::1", "::1/128");
    check_source(&scene, "[::1]", "::1/128");
    // An IPv4 network in IPv6 notation
    check_source(&scene, "::ffff:127.0.0.0/104", "127.0.0.0/8");
    check_source(&scene, "::ffff:127.0.0.1/128", "127.0.0.1/32");
    check_source(&scene, "::ffff:127.0.0.1", "127.0.0.1/32");
}

/// The number of UDP sockets that an expression selects.
fn udp_sockets_with(expression: &str) -> usize {
    stdout(&format!("-uH {expression}")).lines().count()
}

#[test]
fn interfaces() {
    enter_namespace();
    ip("link add veth0 type veth peer name veth1");
    ip("link set veth0 up");
    ip("link set veth1 up");
    ip("addr add fe80::1/64 dev veth0 nodad");
    let mut others: Vec<OwnedFd> = Vec::new();
    for name in ["lo", "veth0", "veth1"] {
        for at in ["0.0.0.0:0", "[::]:0"] {
            let tcp = TcpListener::bind(at).expect("bind");
            let udp = UdpSocket::bind(at).expect("bind");
            set_bytes(&tcp, 1, 25, name.as_bytes()).expect("SO_BINDTODEVICE");
            set_bytes(&udp, 1, 25, name.as_bytes()).expect("SO_BINDTODEVICE");
            others.extend([tcp.into(), udp.into()]);
        }
    }
    others.push(UdpSocket::bind("127.0.0.1:0").expect("bind").into());
    // A link-local address is bound to its interface, for request and TIME_WAIT sockets too.
    let scope = nix::net::if_::if_nametoindex("veth0").expect("veth0");
    let at: SocketAddr = SocketAddrV6::new("fe80::1".parse().unwrap(), 4000, 0, scope).into();
    let listener = TcpListener::bind(at).expect("bind");
    let client = std::net::TcpStream::connect(at).expect("connect");
    drop(client);
    others.push(listener.into());

    let scene = Scene::of(Vec::new(), others);
    for name in ["lo", "veth0", "veth1"] {
        scene.check(&format!("--interface {name}"), |socket| socket["interface"] == name);
    }
    scene.check("--interface veth0,lo", |socket| {
        socket["interface"] == "veth0" || socket["interface"] == "lo"
    });
    scene.check("--interface veth1 -u4", |socket| {
        socket["interface"] == "veth1" && protocol(socket) == "udp"
    });
    scene.check("--interface veth0 --src fe80::/64", |socket| {
        socket["interface"] == "veth0" && within("fe80::/64", address(socket, "local"))
    });
    // An option without an interface is printed as 0.
    let all = udp_sockets_with("ip_unicast_if = 0");
    assert_eq!(all, udp_sockets_with("has(ip_unicast_if)"));
    assert_eq!(udp_sockets_with("so_bindtoifindex = 0,veth0"), all - 4);
    let output = knetstat(["--where", "interface = 0"]);
    assert_eq!(output.status.code(), Some(2));
    let output = knetstat(["--interface", "veth2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("veth"), "it names those there are");
}

/// Filters apply to the table and to NDJSON in the same way as to the JSON array.
#[test]
fn every_form_of_output_is_filtered() {
    let scene = Scene::new();
    let expected = scene.all.iter().filter(|socket| state(socket) == "LISTEN").count();
    for form in ["-H", "-He", "--ndjson"] {
        let lines = common::stdout(&format!("{form} --state listen"));
        assert_eq!(lines.lines().count(), expected, "{form}");
    }
}

/// The path of a unix socket selects unix sockets, whatever families are shown by default.
#[test]
fn a_path_selects_unix_sockets() {
    enter_namespace();
    let path = std::env::temp_dir().join(format!("knetstat-path-{}", std::process::id()));
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a path");
    let _other = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let path = path.to_str().expect("UTF-8");
    let states = |arguments: &str| -> Vec<String> {
        sockets(arguments).iter().map(|it| it["state"].to_string()).collect()
    };
    assert_eq!(states(path), ["\"LISTENING\""]);
    assert_eq!(states(&format!("--where local={path}")), ["\"LISTENING\""]);
    assert!(states(&format!("-t {path}")).is_empty());
    let output = knetstat(["-H", path]);
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);
    std::fs::remove_file(path).expect("the path");
}

/// A file whose name begins with `@` is not the abstract name. Each is selected as it is printed.
#[test]
fn an_abstract_name_is_not_the_name_of_a_file() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    enter_namespace();
    let name = format!("knetstat-{}", std::process::id());
    let file = UnixListener::bind(format!("@{name}")).expect("a file");
    std::fs::remove_file(format!("@{name}")).expect("the file");
    let address = SocketAddr::from_abstract_name(&name).expect("an abstract name");
    let abstract_one = UnixListener::bind_addr(&address).expect("an abstract name");
    let of_file = [inode(&file)];
    let of_abstract = [inode(&abstract_one)];
    for comparison in ["=", "~"] {
        let shown = |word: &str| {
            let rows = sockets(&format!("--where local{comparison}{word}{name} -x"));
            rows.iter().map(|it| it["inode"].as_u64().expect("an inode")).collect::<Vec<_>>()
        };
        assert_eq!(shown("@"), of_abstract, "{comparison}");
        assert_eq!(shown("\\x40"), of_file, "{comparison}");
    }
}
