//! The abbreviations of `--short`.

use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};

use crate::common::{
    bind, enter_namespace, ip, listen, not_tested, on_a_terminal, set, sockets, stdout,
};
use crate::numbers::*;
use socket2::{Domain, Protocol, Socket, Type};

/// Returns the options of the only UDP or TCP socket that these arguments select.
fn options(arguments: &str) -> String {
    let text = stdout(&format!("--short -H --columns options {arguments}"));
    assert_eq!(text.lines().count(), 1, "{arguments}: {text}");
    text.trim_end().to_owned()
}

#[test]
fn the_parts_of_keepalive_are_one() {
    enter_namespace();
    let _listener = TcpListener::bind("127.0.0.1:80").expect("a listener");
    let client = TcpStream::connect("127.0.0.1:80").expect("a connection");
    let keepalive = |on| set(&client, SOL_SOCKET, SO_KEEPALIVE, on).expect("SO_KEEPALIVE");
    let probes = |number, value| set(&client, IPPROTO_TCP, number, value).expect("an option");
    let shown = |choice: &str| options(&format!("-t --dport 80 -O {choice}"));
    assert_eq!(shown("common"), "-reuseaddr,-keepalive,-nodelay");
    keepalive(1);
    assert_eq!(shown("common"), "-reuseaddr,keepalive,-nodelay");
    probes(TCP_KEEPCNT, 3);
    assert_eq!(shown("common"), "-reuseaddr,keepalive=×3,-nodelay");
    probes(TCP_KEEPINTVL, 10);
    assert_eq!(shown("common"), "-reuseaddr,keepalive=/10s×3,-nodelay");
    probes(TCP_KEEPIDLE, 30);
    assert_eq!(shown("common"), "-reuseaddr,keepalive=30s/10s×3,-nodelay");
    // Regardless of the order of the selection.
    assert_eq!(shown("keepcnt,nodelay,keepalive,keepidle"), "-nodelay,keepalive=30s×3");
    assert_eq!(shown("keepalive,keepintvl"), "keepalive=/10s");
    // Without SO_KEEPALIVE, the parameters are shown separately.
    assert_eq!(shown("keepidle,keepcnt"), "keepidle=30s,keepcnt=3");
    let colored = on_a_terminal(80, "-tH --short --dport 80 --columns options -O keep*", &[]);
    let bold = |text: &str| format!("\x1b[1m{text}\x1b[0m");
    let parts = ["keepalive", "=30s", "/10s", "×3"].map(bold).concat();
    assert_eq!(colored, format!("{parts}\n"));
    keepalive(0);
    let off = "-reuseaddr,-keepalive,-nodelay,keepidle=30s,keepintvl=10s,keepcnt=3";
    assert_eq!(shown("common"), off);
}

#[test]
fn flags_are_words() {
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:5353").expect("a socket");
    let shown = |choice: &str| options(&format!("-u -O {choice}"));
    for (value, word) in [(0, "-broadcast"), (1, "broadcast")] {
        set(&socket, SOL_SOCKET, SO_BROADCAST, value).expect("SO_BROADCAST");
        assert_eq!(shown("broadcast"), word);
    }
    set(&socket, SOL_SOCKET, SO_MARK, 1).expect("SO_MARK");
    set(&socket, SOL_SOCKET, SO_PRIORITY, 0).expect("SO_PRIORITY");
    assert_eq!(shown("mark,priority"), "mark=1,priority=0", "numbers are no flags");
    assert_eq!(shown("linger,cork"), "linger=off,-udp_cork");
    set(&socket, IPPROTO_IP, IP_FREEBIND, 1).expect("IP_FREEBIND");
    assert_eq!(shown("freebind"), "ip_freebind");
    // Option names are accepted in the form in which they are shown.
    assert_eq!(shown("ip_freebind,udp_cork,broadcast"), "ip_freebind,-udp_cork,broadcast");
    let set = stdout("-uH --short --columns set -O broadcast,mark,freebind,priority");
    assert_eq!(set, "broadcast,mark,ip_freebind\n");
}

/// Returns the protocol and the local and remote address of the socket at a port.
fn ends(port: u16) -> String {
    let columns = "protocol,local,remote";
    let text = stdout(&format!("-tuwH --mptcp --short --sport {port} --columns {columns}"));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn addresses_cannot_be_misread() {
    enter_namespace();
    ip("link add eth0 type veth peer name eth1");
    ip("link set eth0 up");
    ip("address add fe80::7/64 dev eth0 nodad");
    let scope = nix::net::if_::if_nametoindex("eth0").expect("an index");
    let _sockets = [
        UdpSocket::bind("0.0.0.0:1001"),
        UdpSocket::bind("127.0.0.1:1002"),
        UdpSocket::bind("[::1]:1003"),
        UdpSocket::bind(std::net::SocketAddrV6::new("fe80::7".parse().unwrap(), 1004, 0, scope)),
    ]
    .map(|socket| socket.expect("a socket"));
    assert_eq!(ends(1001), "udp *:1001 *:*");
    assert_eq!(ends(1002), "udp 127.0.0.1:1002 *:*");
    assert_eq!(ends(1003), "udp6 [::1]:1003 *:*");
    assert_eq!(ends(1004), "udp6 [fe80::7%eth0]:1004 *:*");
}

/// Whether an IPv6 listener accepts IPv4 connections is tested with a connection.
#[test]
fn dual_stack_listeners_are_marked() {
    enter_namespace();
    let listener = |protocol: i32, only_v6: bool, port: u16| {
        let protocol = Some(Protocol::from(protocol));
        let socket = Socket::new(Domain::IPV6, Type::STREAM, protocol)?;
        socket.set_only_v6(only_v6).expect("IPV6_V6ONLY");
        bind(&socket, (Ipv6Addr::UNSPECIFIED, port));
        listen(&socket, 8);
        Ok::<Socket, std::io::Error>(socket)
    };
    let (_dual, _only) = (listener(0, false, 1001), listener(0, true, 1002));
    let _one = TcpListener::bind("[::1]:1003").expect("a listener");
    let reaches = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(reaches(1001) && !reaches(1002) && !reaches(1003));
    let listening = |port: u16| {
        let text = stdout(&format!("-tlH --short --sport {port} --columns protocol,local"));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listening(1001), "tcp46 *:1001");
    assert_eq!(listening(1002), "tcp6 *:1002");
    assert_eq!(listening(1003), "tcp6 [::1]:1003");
    // The IPv4 connection has a single address.
    let _client = TcpStream::connect("127.0.0.1:1001").expect("a connection");
    let accepted = "-tH --short --state established --sport 1001 --columns protocol,local";
    let accepted = stdout(accepted);
    let words: Vec<_> = accepted.split_whitespace().collect();
    assert_eq!(words, ["tcp6", "[::ffff:127.0.0.1]:1001"]);
    let _udp = UdpSocket::bind("[::]:1004").expect("a socket");
    assert_eq!(ends(1004), "udp46 *:1004 *:*");
    match listener(262, false, 1005) {
        Ok(_mptcp) => {
            let text = stdout("--mptcp -H --short --columns protocol,local");
            assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["mptcp46", "*:1005"]);
        }
        Err(error) => not_tested(&format!("mptcp46: {error}")),
    }
    // Only the table is abbreviated.
    let protocols: Vec<_> = sockets("-l").iter().map(|row| row["protocol"].clone()).collect();
    assert!(protocols.iter().all(|protocol| protocol != "tcp46"), "{protocols:?}");
}
