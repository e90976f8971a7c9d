//! The sentences about IPPROTO_TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use super::said::{
    comes_after, does_not_say, find_value, get, pair, proc_timer, put, says, value_of,
    wait_for_error, LOCALHOST,
};
use super::Case;
use crate::common::scene::wait_for_state;
use crate::common::{
    begin_connecting, connect, deafen, local_address, not_tested, open, proc_net, set_bytes,
    sysctl, wait_until,
};
use crate::numbers::*;
use nix::sys::socket::{sendto, AddressFamily, MsgFlags, SockType, SockaddrStorage};

const CORKED: &str = "TCP_CORK holds partial segments back all the same";
const CORK: &str =
    "partial segments wait until it is turned off, about as long as a retransmission at most";
const OFF: &str = "no effect while SO_KEEPALIVE is off";
const OVERRIDES: &str = "TCP_USER_TIMEOUT overrides TCP_KEEPCNT";
const GIVEN_UP: &str = "unacknowledged data is given up after {}";
const BY_RETRIES: &str =
    "0: unacknowledged data is given up after {}, by net.ipv4.tcp_retries2 = {}";
const GIVEN_UP_CLOSED: &str =
    "the connection is given up at the latest {} after the first probe of the closed window of the peer, \
     even if the peer answers";
const BY_RETRIES_CLOSED: &str =
    "0: while the window of the peer is closed, the connection is given up {} after the last answer to a \
     probe, by net.ipv4.tcp_retries2 = {}";
const CONNECT: &str = "the kernel gives up connecting after {}";
const NO_FIN_WAIT: &str =
    "negative: the connection is reset instead of waiting in FIN_WAIT2 after close(2)";
const DEFERRED: &str = "requests of {} to {} s are all kept as {} s";
const VOID: &str =
    "void: net.ipv4.tcp_fastopen = {} lacks the bit 0x2, which enables it for listeners";
const UNLIMITED: &str = "no limit other than the send buffer";
const BY_SYSCTL: &str = "0: {} by net.ipv4.tcp_notsent_lowat";
const SEGMENT: &str = "in use now; the request was {}";
const NO_SEGMENT: &str = "not that of a connection, which depends on its path";
const NO_CLAMP: &str = "0: no limit; the kernel fills it in for a connection";
const QUICKACK: &str = "not permanent: the kernel turns it on and off as traffic changes";

pub(super) const CASES: &[Case] = &[
    (&[CORK, CORKED], cork),
    (&[OFF], off),
    (&[OVERRIDES], overrides),
    (&[GIVEN_UP], user_timeout),
    (&[BY_RETRIES], by_retries),
    (&[GIVEN_UP_CLOSED, BY_RETRIES_CLOSED], closed_windows),
    (&[CONNECT], connecting),
    (&[NO_FIN_WAIT], no_fin_wait),
    (&[DEFERRED], deferred),
    (&[VOID], void_fast_open),
    (&[UNLIMITED, BY_SYSCTL], unsent),
    (&[SEGMENT, NO_SEGMENT], segments),
    (&[NO_CLAMP], window_clamp),
    (&[QUICKACK], quickack),
];

fn put_tcp(socket: &impl AsFd, option: i32, value: i32) {
    put(socket, IPPROTO_TCP, option, value);
}

fn cork() {
    let (_listener, mut client, mut server) = pair();
    put_tcp(&client, TCP_NODELAY, 1);
    does_not_say(&client, "TCP_NODELAY", CORKED);
    put_tcp(&client, TCP_CORK, 1);
    says(&client, "TCP_NODELAY", CORKED, &[]);
    says(&client, "TCP_CORK", CORK, &[]);
    // The loopback interface delivers before write(2) returns. A slow machine may come too late, and tries again.
    let is_held_back = (0..20).any(|_| {
        server.set_nonblocking(true).expect("O_NONBLOCK");
        let start = Instant::now();
        client.write_all(b"x").expect("write");
        let early = server.read(&mut [0]);
        let is_early = start.elapsed() < Duration::from_millis(100);
        server.set_nonblocking(false).expect("O_NONBLOCK");
        let is_blocked = early.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        // It arrives nevertheless.
        if is_blocked {
            assert_eq!(server.read(&mut [0]).expect("a byte"), 1);
        }
        is_early && is_blocked
    });
    assert!(is_held_back);
    put_tcp(&client, TCP_CORK, 0);
    server.set_nonblocking(true).expect("O_NONBLOCK");
    client.write_all(b"x").expect("write");
    assert_eq!(server.read(&mut [0]).expect("it is there at once"), 1);
    does_not_say(&client, "TCP_CORK", CORK);
}

fn off() {
    let (_listener, client, _server) = pair();
    for (name, option) in [
        ("TCP_KEEPIDLE", TCP_KEEPIDLE),
        ("TCP_KEEPINTVL", TCP_KEEPINTVL),
        ("TCP_KEEPCNT", TCP_KEEPCNT),
    ] {
        does_not_say(&client, name, OFF);
        put_tcp(&client, option, 5);
        says(&client, name, OFF, &[]);
    }
    assert_eq!(proc_timer(&client), "00");
    put(&client, SOL_SOCKET, SO_KEEPALIVE, 1);
    does_not_say(&client, "TCP_KEEPIDLE", OFF);
    assert_eq!(proc_timer(&client), "02");
}

fn overrides() {
    let (_listener, client, mut server) = pair();
    for option in [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT] {
        put_tcp(&client, option, 1);
    }
    put_tcp(&client, TCP_USER_TIMEOUT, 3500);
    does_not_say(&client, "TCP_KEEPCNT", OVERRIDES);
    put(&client, SOL_SOCKET, SO_KEEPALIVE, 1);
    says(&client, "TCP_KEEPCNT", OVERRIDES, &[]);
    let start = Instant::now();
    server.write_all(b"the last word").expect("write");
    deafen(&server);
    wait_for_error(&client, ETIMEDOUT);
    // One unanswered probe would be after two seconds.
    comes_after(OVERRIDES, 3.5, start);
}

/// Asserts that the kernel gives up data after the promised time.
fn is_given_up(text: &'static str, prepare: impl Fn(&TcpStream)) {
    let (_listener, mut client, server) = pair();
    prepare(&client);
    let promised = value_of(&client, "TCP_USER_TIMEOUT", text);
    assert!((1.0..4.0).contains(&promised), "{promised}");
    deafen(&server);
    let start = Instant::now();
    client.write_all(b"hello?").expect("write");
    wait_for_error(&client, ETIMEDOUT);
    comes_after(text, promised, start);
}

fn user_timeout() {
    is_given_up(GIVEN_UP, |client| {
        put_tcp(client, TCP_USER_TIMEOUT, 1000);
        does_not_say(client, "TCP_USER_TIMEOUT", BY_RETRIES);
    });
}

fn by_retries() {
    sysctl("net/ipv4/tcp_retries2", "2");
    is_given_up(BY_RETRIES, |client| does_not_say(client, "TCP_USER_TIMEOUT", GIVEN_UP));
}

/// Connections whose peer answers, but does not read.
fn closed_windows() {
    sysctl("net/ipv4/tcp_retries2", "2");
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    // The window must be small from the beginning, so that it is not taken back.
    put(&listener, SOL_SOCKET, SO_RCVBUF, 16384);
    let start = Instant::now();
    let [(patient, server), (quick, _server)] = [0, 2500].map(|user_timeout| {
        let (mut client, server) = connect(&listener, LOCALHOST);
        put_tcp(&client, TCP_USER_TIMEOUT, user_timeout);
        client.set_nonblocking(true).expect("O_NONBLOCK");
        wait_until("the window is closed", || {
            let _ = client.write(&[0; 4096]);
            proc_timer(&client) == "04"
        });
        (client, server)
    });
    assert_eq!(value_of(&quick, "TCP_USER_TIMEOUT", GIVEN_UP_CLOSED), 2.5);
    does_not_say(&quick, "TCP_USER_TIMEOUT", GIVEN_UP);
    wait_for_error(&quick, ETIMEDOUT);
    comes_after(GIVEN_UP_CLOSED, 2.5, start);

    // By then, the other one is older than two retries take, but the peer has answered.
    assert_eq!(patient.take_error().expect("SO_ERROR").map(|it| it.to_string()), None);
    does_not_say(&patient, "TCP_USER_TIMEOUT", BY_RETRIES);
    deafen(&server);
    let promised = value_of(&patient, "TCP_USER_TIMEOUT", BY_RETRIES_CLOSED);
    wait_for_error(&patient, ETIMEDOUT);
    assert!(promised > 1.0, "{promised}");
}

fn connecting() {
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    deafen(&listener);
    let client = |number| {
        let client = open(AddressFamily::Inet, SockType::Stream);
        put_tcp(&client, TCP_SYNCNT, number);
        client
    };
    let (patient, quick) = (client(6), client(2));
    does_not_say(&patient, "TCP_SYNCNT", CONNECT);
    begin_connecting(&patient, local_address(&listener));
    // The first SYN and six more, after waits that begin with a second and double.
    assert!(value_of(&patient, "TCP_SYNCNT", CONNECT) >= 127.0);
    let start = Instant::now();
    begin_connecting(&quick, local_address(&listener));
    let promised = find_value(&quick, "TCP_SYNCNT", CONNECT);
    wait_for_error(&TcpStream::from(quick), ETIMEDOUT);
    match promised {
        Some(promised) => comes_after(CONNECT, promised, start),
        None => not_tested("--long, TCP_SYNCNT: this machine is too slow to look in time"),
    }
}

fn no_fin_wait() {
    let (listener, client, server) = pair();
    does_not_say(&client, "TCP_LINGER2", NO_FIN_WAIT);
    put_tcp(&client, TCP_LINGER2, -1);
    says(&client, "TCP_LINGER2", NO_FIN_WAIT, &[]);
    assert_eq!(get(&client, IPPROTO_TCP, TCP_LINGER2), -1);
    client.shutdown(Shutdown::Write).expect("shutdown");
    wait_for_state(&client, "FIN_WAIT2");
    let is_there = |port: u16| proc_net("tcp").contains(&format!(": 0100007F:{port:04X} "));
    let port = local_address(&client).port();
    assert!(is_there(port));
    drop(client);
    wait_until("the reset arrives", || server.take_error().expect("SO_ERROR").is_some());
    assert!(!is_there(port));
    // Others wait.
    let (client, _server) = connect(&listener, LOCALHOST);
    client.shutdown(Shutdown::Write).expect("shutdown");
    wait_for_state(&client, "FIN_WAIT2");
    let port = local_address(&client).port();
    drop(client);
    assert!(is_there(port));
}

fn deferred() {
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    let kept = |seconds| {
        put_tcp(&listener, TCP_DEFER_ACCEPT, seconds);
        get(&listener, IPPROTO_TCP, TCP_DEFER_ACCEPT)
    };
    for (first, last) in [(2, 3), (4, 7), (8, 15), (64, 127), (128, 247)] {
        assert!((first..=last).all(|seconds| kept(seconds) == last), "{first} to {last}");
        assert!(kept(first - 1) < last && kept(last + 1) > last, "{first} to {last}");
        kept(first);
        let [first, last] = [first, last].map(|seconds| seconds.to_string());
        says(&listener, "TCP_DEFER_ACCEPT", DEFERRED, &[&first, &last, &last]);
    }
    for seconds in [0, 1] {
        assert_eq!(kept(seconds), seconds);
        does_not_say(&listener, "TCP_DEFER_ACCEPT", DEFERRED);
    }
}

/// A counter of /proc/net/netstat in this namespace.
fn counter(name: &str) -> u64 {
    let text = proc_net("netstat");
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let place = names.split(' ').position(|known| known == name).expect(name);
    values.split(' ').nth(place).and_then(|value| value.parse().ok()).expect("a number")
}

fn void_fast_open() {
    // For connecting sockets, and without cookies on both sides.
    const WITHOUT_LISTENERS: i32 = 0x1 | 0x4 | 0x200;
    const LISTENERS: i32 = 0x2;
    let set_to = |bits: i32| sysctl("net/ipv4/tcp_fastopen", &bits.to_string());
    let passive = || counter("TCPFastOpenPassive");
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    put_tcp(&listener, TCP_FASTOPEN, 5);
    let connect = || {
        let client = open(AddressFamily::Inet, SockType::Stream);
        let address = SockaddrStorage::from(local_address(&listener));
        let sent = sendto(
            client.as_raw_fd(),
            b"early",
            &address,
            MsgFlags::from_bits_retain(MSG_FASTOPEN),
        );
        assert_eq!(sent, Ok(5));
        (client, listener.accept().expect("a connection"))
    };
    set_to(1);
    says(&listener, "TCP_FASTOPEN", VOID, &["1"]);
    set_to(WITHOUT_LISTENERS);
    says(&listener, "TCP_FASTOPEN", VOID, &[&WITHOUT_LISTENERS.to_string()]);
    let _first = connect();
    assert_eq!(passive(), 0, "the data of the SYN is not accepted");
    set_to(WITHOUT_LISTENERS | LISTENERS);
    does_not_say(&listener, "TCP_FASTOPEN", VOID);
    let _second = connect();
    assert_eq!(passive(), 1, "the data of the SYN is accepted");
}

/// How much can be written while the peer acknowledges nothing.
fn writable(client: &mut TcpStream, server: &TcpStream) -> usize {
    deafen(server);
    client.set_nonblocking(true).expect("O_NONBLOCK");
    let mut written = 0;
    while let Ok(bytes) = client.write(&[0; 4096]) {
        written += bytes;
    }
    written
}

fn unsent() {
    let all_ones = u32::MAX.to_string();
    sysctl("net/ipv4/tcp_notsent_lowat", &all_ones);
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    let [mut free, mut system, own] = [(), (), ()].map(|()| connect(&listener, LOCALHOST));
    for (client, _) in [&free, &system] {
        put(client, SOL_SOCKET, SO_SNDBUF, 2_000_000);
    }
    says(&free.0, "TCP_NOTSENT_LOWAT", UNLIMITED, &[]);
    let most = writable(&mut free.0, &free.1);
    sysctl("net/ipv4/tcp_notsent_lowat", "16384");
    says(&system.0, "TCP_NOTSENT_LOWAT", BY_SYSCTL, &["16 KiB"]);
    does_not_say(&system.0, "TCP_NOTSENT_LOWAT", UNLIMITED);
    let least = writable(&mut system.0, &system.1);
    assert!(least < most, "{least} {most}");
    put_tcp(&own.0, TCP_NOTSENT_LOWAT, -1);
    says(&own.0, "TCP_NOTSENT_LOWAT", UNLIMITED, &[]);
    put_tcp(&own.0, TCP_NOTSENT_LOWAT, 1000);
    does_not_say(&own.0, "TCP_NOTSENT_LOWAT", BY_SYSCTL);
}

fn segments() {
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    says(&listener, "TCP_MAXSEG", NO_SEGMENT, &[]);
    assert_eq!(get(&listener, IPPROTO_TCP, TCP_MAXSEG), 536);
    let (accepted_from, _accepted) = connect(&listener, LOCALHOST);
    does_not_say(&accepted_from, "TCP_MAXSEG", NO_SEGMENT);
    assert_ne!(get(&accepted_from, IPPROTO_TCP, TCP_MAXSEG), 536);

    let client = open(AddressFamily::Inet, SockType::Stream);
    put_tcp(&client, TCP_MAXSEG, 1000);
    does_not_say(&client, "TCP_MAXSEG", SEGMENT);
    assert_eq!(get(&client, IPPROTO_TCP, TCP_MAXSEG), 1000);
    let address = SockaddrStorage::from(local_address(&listener));
    nix::sys::socket::connect(client.as_raw_fd(), &address).expect("connect");
    says(&client, "TCP_MAXSEG", SEGMENT, &["1000 bytes"]);
    // The options of each segment take some of it.
    assert!(get(&client, IPPROTO_TCP, TCP_MAXSEG) < 1000);
    // The number of a connection that is over remains.
    let (_listener, client, server) = pair();
    set_bytes(&server, SOL_SOCKET, SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0]).expect("SO_LINGER");
    drop(server);
    wait_for_error(&client, ECONNRESET);
    assert_ne!(get(&client, IPPROTO_TCP, TCP_MAXSEG), 536);
    does_not_say(&client, "TCP_MAXSEG", NO_SEGMENT);
}

fn window_clamp() {
    let (listener, client, _server) = pair();
    says(&listener, "TCP_WINDOW_CLAMP", NO_CLAMP, &[]);
    assert_eq!(get(&listener, IPPROTO_TCP, TCP_WINDOW_CLAMP), 0);
    does_not_say(&client, "TCP_WINDOW_CLAMP", NO_CLAMP);
    assert_ne!(get(&client, IPPROTO_TCP, TCP_WINDOW_CLAMP), 0);
}

fn quickack() {
    let (listener, mut client, mut server) = pair();
    put_tcp(&client, TCP_QUICKACK, 1);
    says(&client, "TCP_QUICKACK", QUICKACK, &[]);
    does_not_say(&listener, "TCP_QUICKACK", QUICKACK);
    assert_eq!(get(&client, IPPROTO_TCP, TCP_QUICKACK), 1);
    // Answers that follow a request at once let the kernel delay acknowledgments.
    wait_until("it is turned off", || {
        for _ in 0..20 {
            server.write_all(b"request").expect("write");
            client.read_exact(&mut [0; 7]).expect("read");
            client.write_all(b"answer").expect("write");
            server.read_exact(&mut [0; 6]).expect("read");
        }
        get(&client, IPPROTO_TCP, TCP_QUICKACK) == 0
    });
}
