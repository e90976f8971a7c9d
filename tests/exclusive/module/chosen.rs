//! Lines of chosen sockets: worked out by hand from the module's README and source, and from getsockopt(2).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use super::{assert_same, scene, Files};
use crate::common::scene::wait_for_state;
use crate::common::{connect, enter_namespace, set, set_bytes};
use knetstat::kernel::syscall::getsockopt;
use nix::libc::*;
use socket2::{Domain, Socket, Type};

/// Returns a socket at this address.
fn bound(socket_type: Type, at: &str) -> Socket {
    let at: SocketAddr = at.parse().expect("an address");
    let socket = Socket::new(Domain::for_address(at), socket_type, None).expect("a socket");
    set(&socket, SOL_SOCKET, SO_REUSEADDR, 1).expect("SO_REUSEADDR");
    if at.is_ipv6() {
        set(&socket, IPPROTO_IPV6, 78, 1).expect("IPV6_FREEBIND");
    }
    socket.bind(&at.into()).expect("bind");
    socket
}

fn set_time(socket: &impl AsFd, option: i32, milliseconds: i64) {
    let time = [milliseconds / 1000, milliseconds % 1000 * 1000].map(i64::to_ne_bytes).concat();
    set_bytes(socket, SOL_SOCKET, option, &time).expect("a timeout");
}

fn set_linger(socket: &impl AsFd, seconds: i32) {
    let linger = [1, seconds].map(i32::to_ne_bytes).concat();
    set_bytes(socket, SOL_SOCKET, SO_LINGER, &linger).expect("SO_LINGER");
}

/// Sets every option that the module shows.
fn set_everything(socket: &Socket, is_tcp: bool) {
    let number = |level, option, value| set(socket, level, option, value).expect("an option");
    number(SOL_SOCKET, SO_REUSEPORT, 1);
    number(SOL_SOCKET, SO_RCVBUF, 20_000);
    number(SOL_SOCKET, SO_SNDBUF, 30_000);
    set_time(socket, SO_RCVTIMEO, 2500);
    set_time(socket, SO_SNDTIMEO, 60_000);
    set_linger(socket, 7);
    if is_tcp {
        number(SOL_SOCKET, SO_KEEPALIVE, 1);
        number(IPPROTO_TCP, TCP_KEEPIDLE, 60);
        number(IPPROTO_TCP, TCP_KEEPCNT, 5);
        number(IPPROTO_TCP, TCP_KEEPINTVL, 10);
        number(IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000);
        number(IPPROTO_TCP, TCP_NODELAY, 1);
        number(IPPROTO_TCP, TCP_FASTOPEN, 16);
        // Three SYN-ACKs, after 1, 3 and 7 seconds.
        number(IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
    } else {
        number(SOL_SOCKET, SO_BROADCAST, 1);
    }
}

/// The first two lines are those of the module's README, with the options of its later versions.
const LINES: [&[&str]; 4] = [
    &[
        "     0      0 127.0.0.1:6010          0.0.0.0:*               LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        "     0      0 0.0.0.0:22              0.0.0.0:*               LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        "     0      0 127.0.0.1:7000          0.0.0.0:*               LSTN      SO_REUSEADDR=1,SO_REUSEPORT=1,SO_KEEPALIVE=1,TCP_KEEPIDLE=60,TCP_KEEPCNT=5,TCP_KEEPINTVL=10,TCP_USER_TIMEOUT=30000,SO_RCVBUF=20000,SO_SNDBUF=30000,SO_RCVTIMEO=2500ms,SO_SNDTIMEO=60000ms,SO_LINGER=7s,TCP_NODELAY=1,TCP_FASTOPEN=16,TCP_DEFER_ACCEPT=3",
        // Two connections wait to be accepted, and the limit of the backlog is not shown.
        "     2      0 127.0.0.1:8000          0.0.0.0:*               LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        "     0      0 127.0.0.1:8001          127.0.0.1:8000          ESTB      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_DEFER_ACCEPT=0",
        "     0      0 127.0.0.1:8002          127.0.0.1:8000          ESTB      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_DEFER_ACCEPT=0",
        "     0      0 127.0.0.1:8000          127.0.0.1:8001          ESTB      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_DEFER_ACCEPT=0",
        "     0      0 127.0.0.1:8000          127.0.0.1:8002          ESTB      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_DEFER_ACCEPT=0",
        // The other end of a connection of an IPv6 socket.
        "     0      0 127.0.0.1:9000          127.0.0.1:9001          ESTB      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_DEFER_ACCEPT=0",
        "     0      0 127.0.0.1:9000          0.0.0.0:*               LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
    ],
    &[
        "     0      0 :::80                   :::*                    LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        "     0      0 ::1:65535               :::*                    LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        // A long address moves the rest of the line.
        "     0      0 2001:db8:1234:5678:9abc:def0:1234:5678:443 :::*                    LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        // An address as wide as its column.
        "     0      0 2001:db8:12:34:5::1:443 :::*                    LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        "     0      0 2001:db8::5efe:192.0.2.1:444 :::*                    LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
        "     0      0 ::ffff:127.0.0.1:9001   ::ffff:127.0.0.1:9000   ESTB      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_DEFER_ACCEPT=0",
        // A mini-socket has no options, and a blank behind its state.
        "     0      0 ::1:9101                ::1:9100                TIMW ",
        "     0      0 ::1:9100                :::*                    LSTN      SO_REUSEADDR=1,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_FASTOPEN=0,TCP_DEFER_ACCEPT=0",
    ],
    &[
        "     0      0 127.0.0.1:53            0.0.0.0:*               SO_REUSEADDR=1,SO_REUSEPORT=0,SO_BROADCAST=0",
        "     0      0 127.0.0.1:54            0.0.0.0:*               SO_REUSEADDR=1,SO_REUSEPORT=1,SO_RCVBUF=20000,SO_SNDBUF=30000,SO_RCVTIMEO=2500ms,SO_SNDTIMEO=60000ms,SO_LINGER=7s,SO_BROADCAST=1",
        "     0      0 127.0.0.1:55            127.0.0.1:53            SO_REUSEADDR=1,SO_REUSEPORT=0,SO_BROADCAST=0",
    ],
    &[
        "     0      0 :::53                   :::*                    SO_REUSEADDR=1,SO_REUSEPORT=0,SO_BROADCAST=0",
        "     0      0 2001:db8::1:0:0:1:55    :::*                    SO_REUSEADDR=1,SO_REUSEPORT=0,SO_BROADCAST=0",
    ],
];

#[test]
fn lines_worked_out_by_hand() {
    let _turn = crate::exclusive();
    enter_namespace();
    let files = Files::load();
    let udp = |at| bound(Type::DGRAM, at);
    let listener = |at| {
        let socket = bound(Type::STREAM, at);
        socket.listen(10).expect("listen");
        socket
    };
    let client = |at, to: &str| {
        let socket = bound(Type::STREAM, at);
        let to: SocketAddr = to.parse().expect("an address");
        socket.connect(&to.into()).expect("connect");
        socket
    };
    let everything = bound(Type::STREAM, "127.0.0.1:7000");
    set_everything(&everything, true);
    everything.listen(10).expect("listen");
    let every_udp = udp("127.0.0.1:54");
    set_everything(&every_udp, false);
    let connected = udp("127.0.0.1:55");
    let peer: SocketAddr = "127.0.0.1:53".parse().expect("an address");
    connected.connect(&peer.into()).expect("connect");
    let _datagrams = [udp("127.0.0.1:53"), udp("[::]:53"), udp("[2001:db8:0:0:1::1]:55")];
    let listening = [
        "127.0.0.1:6010",
        "0.0.0.0:22",
        "127.0.0.1:8000",
        "[::]:80",
        "[::1]:65535",
        "[2001:db8:1234:5678:9abc:def0:1234:5678]:443",
        "[2001:db8:12:34:5::1]:443",
        "[2001:db8::5efe:192.0.2.1]:444",
        "127.0.0.1:9000",
        "[::1]:9100",
    ]
    .map(listener);
    let _waiting = ["127.0.0.1:8001", "127.0.0.1:8002"].map(|at| client(at, "127.0.0.1:8000"));
    let _mapped = client("[::ffff:127.0.0.1]:9001", "[::ffff:127.0.0.1]:9000");
    let _accepted = listening[8].accept().expect("accept");
    let closing = client("[::1]:9101", "[::1]:9100");
    let (server, _) = listening[9].accept().expect("accept");
    closing.shutdown(std::net::Shutdown::Write).expect("shutdown");
    wait_for_state(&closing, "FIN_WAIT2");
    drop((server, closing));

    let lines = assert_same(&files);
    for (shown, expected) in lines.iter().zip(LINES) {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(*shown, expected);
    }
}

/// Returns an option of the socket as getsockopt(2) has it.
fn ask<const N: usize>(socket: &impl AsFd, level: i32, option: i32) -> [i64; N] {
    let mut buffer = vec![0; 16];
    let length = getsockopt(socket.as_fd(), level, option, &mut buffer).expect("getsockopt");
    let size = length / N;
    std::array::from_fn(|n| {
        let bytes = &buffer[n * size..][..size];
        match size {
            4 => i32::from_ne_bytes(bytes.try_into().expect("4 bytes")).into(),
            _ => i64::from_ne_bytes(bytes.try_into().expect("8 bytes")),
        }
    })
}

/// The options that the module shows of a socket, worked out from what getsockopt(2) returns for it. A new socket tells
/// the numbers that mean that an option is not set.
fn expected(socket: &Socket, fresh: &Socket, is_tcp: bool) -> String {
    let number = |level, option| ask::<1>(socket, level, option)[0];
    let is_set = |level, option| number(level, option) != ask::<1>(fresh, level, option)[0];
    let mut options = vec![
        format!("SO_REUSEADDR={}", number(SOL_SOCKET, SO_REUSEADDR)),
        format!("SO_REUSEPORT={}", number(SOL_SOCKET, SO_REUSEPORT)),
    ];
    if is_tcp {
        options.push(format!("SO_KEEPALIVE={}", number(SOL_SOCKET, SO_KEEPALIVE)));
        for (name, option) in [
            ("TCP_KEEPIDLE", TCP_KEEPIDLE),
            ("TCP_KEEPCNT", TCP_KEEPCNT),
            ("TCP_KEEPINTVL", TCP_KEEPINTVL),
            ("TCP_USER_TIMEOUT", TCP_USER_TIMEOUT),
        ] {
            if is_set(IPPROTO_TCP, option) {
                options.push(format!("{name}={}", number(IPPROTO_TCP, option)));
            }
        }
    }
    for (name, option) in [("SO_RCVBUF", SO_RCVBUF), ("SO_SNDBUF", SO_SNDBUF)] {
        if is_set(SOL_SOCKET, option) {
            options.push(format!("{name}={}", number(SOL_SOCKET, option) / 2));
        }
    }
    for (name, option) in [("SO_RCVTIMEO", SO_RCVTIMEO), ("SO_SNDTIMEO", SO_SNDTIMEO)] {
        let [seconds, microseconds] = ask(socket, SOL_SOCKET, option);
        if (seconds, microseconds) != (0, 0) {
            options.push(format!("{name}={}ms", seconds * 1000 + microseconds / 1000));
        }
    }
    let [on, seconds] = ask(socket, SOL_SOCKET, SO_LINGER);
    if on == 1 {
        options.push(format!("SO_LINGER={seconds}s"));
    }
    if is_tcp {
        options.push(format!("TCP_NODELAY={}", number(IPPROTO_TCP, TCP_NODELAY)));
        if number(SOL_SOCKET, SO_ACCEPTCONN) == 1 {
            options.push(format!("TCP_FASTOPEN={}", number(IPPROTO_TCP, TCP_FASTOPEN)));
        }
        // After 1, 3, 7, ... seconds, an interval that doubles.
        let seconds = number(IPPROTO_TCP, TCP_DEFER_ACCEPT);
        options.push(format!("TCP_DEFER_ACCEPT={}", (seconds + 1).ilog2()));
    } else {
        options.push(format!("SO_BROADCAST={}", number(SOL_SOCKET, SO_BROADCAST)));
    }
    options.join(",")
}

/// Sets some options to numbers that no new socket has.
fn set_some(socket: &Socket, is_tcp: bool, numbers: &mut scene::Numbers) {
    let mut number = |level, option, least: i32, most: i32| {
        if numbers.below(2) == 1 {
            let value = least + numbers.below((most - least + 1) as u64) as i32;
            set(socket, level, option, value).expect("an option");
        }
    };
    number(SOL_SOCKET, SO_REUSEADDR, 0, 1);
    number(SOL_SOCKET, SO_REUSEPORT, 0, 1);
    number(SOL_SOCKET, SO_BROADCAST, 0, 1);
    number(SOL_SOCKET, SO_RCVBUF, 5000, 9000);
    number(SOL_SOCKET, SO_SNDBUF, 5000, 7000);
    if is_tcp {
        number(SOL_SOCKET, SO_KEEPALIVE, 0, 1);
        number(IPPROTO_TCP, TCP_KEEPIDLE, 1, 7000);
        number(IPPROTO_TCP, TCP_KEEPCNT, 10, 127);
        number(IPPROTO_TCP, TCP_KEEPINTVL, 1, 74);
        number(IPPROTO_TCP, TCP_USER_TIMEOUT, 1, i32::MAX - 1);
        number(IPPROTO_TCP, TCP_NODELAY, 0, 1);
        number(IPPROTO_TCP, TCP_CORK, 0, 1);
        number(IPPROTO_TCP, TCP_FASTOPEN, 0, 4000);
        number(IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 60);
    }
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        if numbers.below(2) == 1 {
            set_time(socket, option, 1 + numbers.below(10_000_000) as i64);
        }
    }
    if numbers.below(2) == 1 {
        set_linger(socket, numbers.below(100_000) as i32);
    }
}

#[test]
fn values_are_those_of_getsockopt() {
    let _turn = crate::exclusive();
    enter_namespace();
    let files = Files::load();
    let mut numbers = scene::Numbers::new(3);
    let new = |socket_type| Socket::new(Domain::IPV4, socket_type, None).expect("a socket");
    let (fresh_tcp, fresh_udp) = (new(Type::STREAM), new(Type::DGRAM));
    let sockets: Vec<(u16, bool, Socket)> = (3000..3400)
        .map(|port| {
            let is_tcp = port % 2 == 0;
            let socket = new(if is_tcp { Type::STREAM } else { Type::DGRAM });
            set_some(&socket, is_tcp, &mut numbers);
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            socket.bind(&at.into()).expect("bind");
            if is_tcp {
                socket.listen(1).expect("listen");
            }
            (port, is_tcp, socket)
        })
        .collect();
    let [tcp, _, udp, _] = assert_same(&files);
    for (port, is_tcp, socket) in &sockets {
        let (fresh, lines) = if *is_tcp { (&fresh_tcp, &tcp) } else { (&fresh_udp, &udp) };
        let state = if *is_tcp { "LSTN      " } else { "" };
        let options = expected(socket, fresh, *is_tcp);
        let line =
            format!("     0      0 127.0.0.1:{port:<13} 0.0.0.0:*               {state}{options}");
        assert!(lines.contains(&line), "no line is {line:?}");
    }
}

/// Queues as in /proc/net, with bytes in them.
#[test]
fn queues_that_are_not_empty() {
    let _turn = crate::exclusive();
    enter_namespace();
    let files = Files::load();
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("bind");
    let (client, server): (TcpStream, TcpStream) = connect(&listener, Ipv6Addr::LOCALHOST.into());
    std::io::Write::write_all(&mut &client, &[0; 1234]).expect("write");
    let receiver = UdpSocket::bind("127.0.0.1:6000").expect("bind");
    let sender = UdpSocket::bind("127.0.0.1:6001").expect("bind");
    sender.send_to(&[0; 100_000][..60_000], "127.0.0.1:6000").expect("send");
    let [_, tcp6, udp, _] = assert_same(&files);
    assert!(tcp6.iter().any(|line| line.starts_with("  1234      0 ::1:")), "{tcp6:?}");
    let queue = |line: &&String| line.contains(" 127.0.0.1:6000 ") && !line.starts_with("     0 ");
    assert_eq!(udp.iter().filter(queue).count(), 1, "{udp:?}");
    drop((server, receiver));
}

/// The kernel takes what was read off the memory of a queue later than off the length of the queue: net/ipv4/udp.c,
/// udp_rmem_release().
#[test]
fn queues_of_udp_that_are_partly_read() {
    let _turn = crate::exclusive();
    enter_namespace();
    let files = Files::load();
    for at in ["127.0.0.1:6002", "[::1]:6003"] {
        let receiver = UdpSocket::bind(at).expect("bind");
        let sender = UdpSocket::bind(at.replace(":600", ":700")).expect("bind");
        for _ in 0..30 {
            sender.send_to(&[0; 500], at).expect("send");
        }
        for _ in 0..5 {
            receiver.recv(&mut [0; 500]).expect("receive");
        }
        let lines = assert_same(&files).concat();
        let (_, port) = at.rsplit_once(':').expect("a port");
        let of_receiver = |line: &&String| line.contains(&format!(":{port} "));
        let line = lines.iter().find(of_receiver).expect("the socket");
        let queue: u64 = line.split_whitespace().next().expect("a queue").parse().expect("bytes");
        assert_eq!(queue, proc_queue(port.parse().expect("a number")), "{line}");
        // Otherwise there would be nothing to compare: SK_MEMINFO_RMEM_ALLOC has no such part.
        let mut memory = [0; 36];
        getsockopt(receiver.as_fd(), SOL_SOCKET, SO_MEMINFO, &mut memory).expect("SO_MEMINFO");
        let [memory, ..] = *memory.as_chunks::<4>().0 else { panic!("numbers") };
        assert!(queue < u32::from_ne_bytes(memory).into(), "{queue} of {memory:?}");
    }
}

/// The bytes in the queue of the UDP socket with this port, as /proc/net shows them.
fn proc_queue(port: u16) -> u64 {
    let text = ["udp", "udp6"].map(|name| {
        let file = format!("/proc/thread-self/net/{name}");
        std::fs::read_to_string(file).expect("a file")
    });
    let text = text.concat();
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let local = format!(":{port:04X}");
    let line = lines.find(|fields| fields.get(1).is_some_and(|it| it.ends_with(&local)));
    let queues = line.expect("the socket")[4].split_once(':').expect("two queues");
    u64::from_str_radix(queues.1, 16).expect("a number")
}
