//! The sentences about SOL_SOCKET.

use std::collections::BTreeSet;
use std::io::{ErrorKind, IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use super::said::{
    all_say, cannot_say, comes_after, does_not_say, get, is_readable, pair, pause, proc_timer, put,
    says, transfer, udp_pair, wait_for_error, LOCALHOST,
};
use super::Case;
use crate::common::scene::inode;
use crate::common::{
    begin_connecting, bind, connect, deafen, has_mptcp, listen, local_address, not_tested, open,
    set, set_bytes, stdout, sysctl, wait_until,
};
use crate::numbers::*;
use nix::errno::Errno;
use nix::sys::socket::{recvmsg, AddressFamily, MsgFlags, Shutdown, SockType, SockaddrStorage};
use socket2::{Domain, Protocol, Type};

const TAKEN: &str = "does not let other sockets bind to this address and port while it listens";
const SHARED: &str = "lets any other socket that sets it bind to this address and port, too";
const REPAIR: &str = "TCP_REPAIR has set it";
const GROUP: &str =
    "one of {} sockets; the kernel distributes what arrives among those that are not connected";
const PROBES: &str = "first probe after {}, a dead idle peer is noticed after {}";
const NO_PROBES: &str = "no probes: a dead idle peer is never noticed";
const NEVER_PROBED: &str = "no effect: this protocol sends no probes";
const ABORTS: &str = "close(2) discards what is not sent yet and resets the connection";
const LINGERS: &str =
    "close(2) waits up to {} for the peer to acknowledge everything; the end of the process does not";
const NO_LINGER: &str = "no effect: close(2) does not wait on this protocol";
const EXACT: &str = "locked at {}, as a request of {} does";
const LIMIT: &str = "locked at {}, as a request of {} does or, at the limit of {}, a larger one";
const FORCED: &str = "locked at {}, more than a request can give at {}";
const LEAST: &str =
    "locked at {}, as a request of {} does or, at the minimum of the kernel, a smaller one";
const NO_TUNING: &str = "autotuning off: TCP does not adjust it to the connection";
const SEND_TUNING: &str = "TCP adjusts it, up to {} (net.ipv4.tcp_wmem)";
const RECEIVE_TUNING: &str = "TCP adjusts it, up to {} (net.ipv4.tcp_rmem)";
const LOWAT: &str =
    "poll(2) waits until so many bytes have arrived or the buffer is nearly full, and a recv(2) that asks for \
     as many waits until they have";
const NO_LOWAT: &str = "no effect on datagrams";
const NO_DEVICE: &str =
    "no effect now: the last packet, if there was one, came from no device that can be polled";
const NO_LIMIT: &str = "0: no limit";
const NO_WAIT: &str = "a negative time was set: calls do not wait at all";
const CONNECT: &str = "a connect(2) that takes longer fails with EINPROGRESS";
const HEXADECIMAL: &str = "in hexadecimal {}";
const BY_TOS: &str = "the priority that setting IP_TOS to {} gives";
const BITS: &str = "that is {}";
const BY_FQ: &str = "only the queueing discipline fq enforces it for UDP";
const NO_PEEK: &str = "-1: off, MSG_PEEK begins at the front of the queue";
const UNREPORTED: &str = "reports no time: neither SOFTWARE nor RAW_HARDWARE is among the flags";
const BY_ETF: &str = "only some queueing disciplines, such as etf and fq, observe the times";
const PENDING: &str = "pending: {}";

pub(super) const CASES: &[Case] = &[
    (&[TAKEN], taken),
    (&[SHARED], shared),
    (&[REPAIR], repair),
    (&[GROUP], group),
    (&[PROBES], probes),
    (&[NO_PROBES], no_probes),
    (&[NEVER_PROBED, NO_LINGER], other_protocols),
    (&[ABORTS], aborts),
    (&[LINGERS], lingers),
    (&[EXACT, LIMIT, FORCED, LEAST], requests),
    (&[], locked_later),
    (&[NO_TUNING, SEND_TUNING, RECEIVE_TUNING], tuning),
    (&[LOWAT], low_water_mark),
    (&[NO_LOWAT], low_water_mark_of_datagrams),
    (&[NO_DEVICE], busy_poll),
    (&[NO_LIMIT, NO_WAIT], timeouts),
    (&[CONNECT], connect_timeout),
    (&[HEXADECIMAL], mark),
    (&[BY_TOS], priority),
    (&[BITS, BY_FQ], rate),
    (&[NO_PEEK], peek),
    (&[UNREPORTED], timestamps),
    (&[BY_ETF], transmit_times),
    (&[PENDING], pending),
];

/// Binds another socket of this type to the address of a socket.
fn bind_again(socket: &impl AsFd, kind: SockType, options: &[i32]) -> Result<(), Errno> {
    let other = open(AddressFamily::Inet, kind);
    options.iter().for_each(|option| put(&other, SOL_SOCKET, *option, 1));
    let address = SockaddrStorage::from(local_address(socket));
    nix::sys::socket::bind(other.as_raw_fd(), &address)
}

fn taken() {
    let listener = open(AddressFamily::Inet, SockType::Stream);
    put(&listener, SOL_SOCKET, SO_REUSEADDR, 1);
    bind(&listener, (LOCALHOST, 0));
    does_not_say(&listener, "SO_REUSEADDR", TAKEN);
    assert_eq!(bind_again(&listener, SockType::Stream, &[SO_REUSEADDR]), Ok(()));
    listen(&listener, 1);
    says(&listener, "SO_REUSEADDR", TAKEN, &[]);
    let refused = Err(Errno::EADDRINUSE);
    assert_eq!(bind_again(&listener, SockType::Stream, &[SO_REUSEADDR]), refused);

    // Others find a way that has nothing to do with the option.
    let other = open(AddressFamily::Inet, SockType::Stream);
    put(&other, IPPROTO_TCP, TCP_REPAIR, 1);
    bind(&other, local_address(&listener));

    let bound = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    set_bytes(&bound, SOL_SOCKET, SO_BINDTODEVICE, b"lo").expect("SO_BINDTODEVICE");
    does_not_say(&bound, "SO_REUSEADDR", TAKEN);

    let listener = open(AddressFamily::Inet, SockType::Stream);
    let both = [SO_REUSEADDR, SO_REUSEPORT];
    both.iter().for_each(|option| put(&listener, SOL_SOCKET, *option, 1));
    bind(&listener, (LOCALHOST, 0));
    listen(&listener, 1);
    does_not_say(&listener, "SO_REUSEADDR", TAKEN);
    assert_eq!(bind_again(&listener, SockType::Stream, &both), Ok(()));
}

fn shared() {
    let socket = open(AddressFamily::Inet, SockType::Datagram);
    put(&socket, SOL_SOCKET, SO_REUSEADDR, 1);
    does_not_say(&socket, "SO_REUSEADDR", SHARED);
    bind(&socket, (LOCALHOST, 0));
    says(&socket, "SO_REUSEADDR", SHARED, &[]);
    assert_eq!(bind_again(&socket, SockType::Datagram, &[SO_REUSEADDR]), Ok(()));
    assert_eq!(bind_again(&socket, SockType::Datagram, &[]), Err(Errno::EADDRINUSE));
}

fn repair() {
    let (_listener, client, _server) = pair();
    put(&client, IPPROTO_TCP, TCP_REPAIR, 1);
    says(&client, "SO_REUSEADDR", REPAIR, &[]);
    assert_eq!(get(&client, SOL_SOCKET, SO_REUSEADDR), 2);
    put(&client, IPPROTO_TCP, TCP_REPAIR, 0);
    does_not_say(&client, "SO_REUSEADDR", REPAIR);
}

fn group() {
    let socket = || {
        let socket = open(AddressFamily::Inet, SockType::Datagram);
        put(&socket, SOL_SOCKET, SO_REUSEPORT, 1);
        socket
    };
    let (first, second) = (socket(), socket());
    bind(&first, (LOCALHOST, 0));
    does_not_say(&first, "SO_REUSEPORT", GROUP);
    let address = local_address(&first);
    bind(&second, address);
    says(&first, "SO_REUSEPORT", GROUP, &["2"]);
    // The kernel chooses by the source port. That all choices are the same is less likely than 2 to the power of 60.
    for _ in 0..64 {
        let sender = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
        sender.send_to(b"x", address).expect("send");
    }
    assert!(is_readable(&first) && is_readable(&second));
    closed_group();
}

/// With this sysctl, a listener that was shut down remains in the group.
fn closed_group() {
    if !std::path::Path::new("/proc/sys/net/ipv4/tcp_migrate_req").exists() {
        return not_tested("groups of SO_REUSEPORT: this kernel has no net.ipv4.tcp_migrate_req");
    }
    sysctl("net/ipv4/tcp_migrate_req", "1");
    let mut port = 0;
    let listeners = [(), (), ()].map(|()| {
        let listener = open(AddressFamily::Inet, SockType::Stream);
        put(&listener, SOL_SOCKET, SO_REUSEPORT, 1);
        bind(&listener, (LOCALHOST, port));
        listen(&listener, 1);
        port = local_address(&listener).port();
        listener
    });
    says(&listeners[0], "SO_REUSEPORT", GROUP, &["3"]);
    nix::sys::socket::shutdown(listeners[0].as_raw_fd(), Shutdown::Both).expect("shutdown");
    does_not_say(&listeners[0], "SO_REUSEPORT", GROUP);
    says(&listeners[1], "SO_REUSEPORT", GROUP, &["2"]);
}

fn probes() {
    let (_listener, client, mut server) = pair();
    for (name, value) in [("time", "7200"), ("intvl", "75"), ("probes", "9")] {
        sysctl(&format!("net/ipv4/tcp_keepalive_{name}"), value);
    }
    put(&client, SOL_SOCKET, SO_KEEPALIVE, 1);
    says(&client, "SO_KEEPALIVE", PROBES, &["7200 s", "7875 s"]);
    for option in [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT] {
        put(&client, IPPROTO_TCP, option, 1);
    }
    says(&client, "SO_KEEPALIVE", PROBES, &["1 s", "2 s"]);
    assert_eq!(proc_timer(&client), "02");
    let start = Instant::now();
    server.write_all(b"the last word").expect("write");
    deafen(&server);
    wait_for_error(&client, ETIMEDOUT);
    comes_after(PROBES, 2.0, start);
}

fn no_probes() {
    let (_listener, client, server) = pair();
    says(&client, "SO_KEEPALIVE", NO_PROBES, &[]);
    assert_eq!(proc_timer(&client), "00");
    put(&client, SOL_SOCKET, SO_KEEPALIVE, 1);
    does_not_say(&client, "SO_KEEPALIVE", NO_PROBES);
    assert_eq!(proc_timer(&client), "02");
    drop(server);
}

fn linger(socket: &impl AsFd, seconds: i32) {
    let value = [1i32.to_ne_bytes(), seconds.to_ne_bytes()].concat();
    set_bytes(socket, SOL_SOCKET, SO_LINGER, &value).expect("SO_LINGER");
}

fn other_protocols() {
    let (receiver, sender) = udp_pair();
    put(&receiver, SOL_SOCKET, SO_KEEPALIVE, 1);
    linger(&receiver, 60);
    says(&receiver, "SO_KEEPALIVE", NEVER_PROBED, &[]);
    says(&receiver, "SO_LINGER", NO_LINGER, &[]);
    sender.send(b"never read").expect("send");
    let start = Instant::now();
    drop(receiver);
    assert!(start.elapsed() < Duration::from_secs(30));
}

fn aborts() {
    let (listener, client, mut server) = pair();
    linger(&client, 0);
    says(&client, "SO_LINGER", ABORTS, &[]);
    drop(client);
    let error = server.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let (client, mut server) = connect(&listener, LOCALHOST);
    linger(&client, 1);
    does_not_say(&client, "SO_LINGER", ABORTS);
    drop(client);
    assert_eq!(server.read(&mut [0]).expect("the end"), 0);
    linger(&listener, 0);
    does_not_say(&listener, "SO_LINGER", ABORTS);
    // There is no connection yet.
    let closed = open(AddressFamily::Inet, SockType::Stream);
    linger(&closed, 0);
    does_not_say(&closed, "SO_LINGER", ABORTS);
    deafen(&listener);
    begin_connecting(&closed, local_address(&listener));
    does_not_say(&closed, "SO_LINGER", ABORTS);
    subflows();
}

/// The MPTCP socket closes its subflows, to which it copies SO_LINGER.
fn subflows() {
    if !has_mptcp("--long, SO_LINGER of subflows") {
        return;
    }
    sysctl("net/mptcp/enabled", "1");
    let [listener, client] = [(), ()].map(|()| {
        socket2::Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).expect("MPTCP")
    });
    listener.bind(&SocketAddr::from((LOCALHOST, 0)).into()).expect("bind");
    listener.listen(1).expect("listen");
    client.connect(&listener.local_addr().expect("an address")).expect("connect");
    let inode = inode(&client);
    for seconds in [0, 60] {
        linger(&client, seconds);
        let text = stdout(&format!("-t --long -O linger inode={inode}"));
        assert!(text.contains(&format!("SO_LINGER  {seconds}s  set\n")), "{text}");
        assert!(!text.contains("close(2)"), "{text}");
    }
}

fn lingers() {
    let (_listener, mut client, server) = pair();
    linger(&client, 1);
    says(&client, "SO_LINGER", LINGERS, &["1 s"]);
    client.set_nonblocking(true).expect("O_NONBLOCK");
    deafen(&server);
    client.write_all(b"never acknowledged").expect("write");
    let start = Instant::now();
    drop(client);
    comes_after(LINGERS, 1.0, start);
    // The time is over, and the kernel still tries to send.
    let text = stdout("-t --long -O linger");
    let is_orphan = |block: &&str| block.contains("  process     (orphan)");
    let orphan = text.split("\n\n").find(is_orphan).expect("an orphan");
    assert!(orphan.contains("SO_LINGER  1s") && !orphan.contains("close(2)"), "{text}");
}

fn requests() {
    let buffers = [
        ("SO_SNDBUF", SO_SNDBUF, SO_SNDBUFFORCE, "wmem_max"),
        ("SO_RCVBUF", SO_RCVBUF, SO_RCVBUFFORCE, "rmem_max"),
    ];
    for (name, option, force, sysctl) in buffers {
        let (_listener, client, _server) = pair();
        let limit = std::fs::read_to_string(format!("/proc/sys/net/core/{sysctl}"));
        let set_to = |option, value| {
            put(&client, SOL_SOCKET, option, value);
            get(&client, SOL_SOCKET, if option == force { name_of(option) } else { option })
        };
        assert_eq!(set_to(option, 65536), 131_072);
        let largest = set_to(option, i32::MAX);
        assert_eq!(set_to(option, largest / 2 + 4096), largest, "a larger request gives the same");
        let (at, of) = (bytes(largest), bytes(largest / 2));
        let Ok(limit) = limit.as_deref().map(str::trim) else {
            says(&client, name, LIMIT, &[&at, &of, &format!("net.core.{sysctl}")]);
            let why = "a network namespace of this kernel does not have the sysctl";
            [EXACT, FORCED, LEAST].iter().for_each(|text| cannot_say(text, why));
            continue;
        };
        assert_eq!(limit, (largest / 2).to_string());
        says(&client, name, LIMIT, &[&at, &of, &format!("net.core.{sysctl} = {limit}")]);
        set_to(option, 65536);
        says(&client, name, EXACT, &["128 KiB", "64 KiB"]);
        let forced = set_to(force, largest);
        assert_eq!(forced, 2 * largest);
        says(&client, name, FORCED, &[&bytes(forced), &format!("net.core.{sysctl} = {limit}")]);
        let most = set_to(force, i32::MAX);
        assert_eq!(most, i32::MAX - 1);
        [EXACT, LIMIT, FORCED].iter().for_each(|text| does_not_say(&client, name, text));
        let least = set_to(option, 1);
        assert_eq!(set_to(option, least / 2), least);
        assert_eq!(set_to(option, least / 2 - 100), least, "a smaller request gives the same");
        says(&client, name, LEAST, &[&bytes(least), &bytes(least / 2)]);
    }
}

/// Autotuning may exceed what a request can give, and SO_BUF_LOCK locks it there.
fn locked_later() {
    const SO_BUF_LOCK: i32 = 72;
    let (_listener, client, _server) = pair();
    if set(&client, SOL_SOCKET, SO_BUF_LOCK, 0).is_err() {
        return not_tested("SO_BUF_LOCK: this kernel has no such option");
    }
    let Ok(limit) = std::fs::read_to_string("/proc/sys/net/core/wmem_max") else {
        return not_tested(
            "SO_BUF_LOCK: a network namespace of this kernel does not have the sysctl",
        );
    };
    let limit: i32 = limit.trim().parse().expect("a number");
    put(&client, SOL_SOCKET, SO_SNDBUFFORCE, limit + 1024);
    put(&client, SOL_SOCKET, SO_BUF_LOCK, 0);
    does_not_say(&client, "SO_SNDBUF", FORCED);
    put(&client, SOL_SOCKET, SO_BUF_LOCK, 1);
    let size = get(&client, SOL_SOCKET, SO_SNDBUF);
    assert_eq!(size, 2 * limit + 2048);
    let limit = format!("net.core.wmem_max = {limit}");
    says(&client, "SO_SNDBUF", FORCED, &[&bytes(size), &limit]);
}

/// The option that reports what its privileged form has set.
fn name_of(force: i32) -> i32 {
    if force == SO_SNDBUFFORCE {
        SO_SNDBUF
    } else {
        SO_RCVBUF
    }
}

/// A number as sentences have it.
fn bytes(number: i32) -> String {
    match number {
        number if number % (1 << 20) == 0 => format!("{} MiB", number >> 20),
        number if number % (1 << 10) == 0 => format!("{} KiB", number >> 10),
        number => format!("{number} bytes"),
    }
}

fn tuning() {
    sysctl("net/ipv4/tcp_wmem", "4096 16384 2097152");
    sysctl("net/ipv4/tcp_rmem", "4096 16384 2097152");
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    does_not_say(&listener, "SO_SNDBUF", SEND_TUNING);
    let [mut free, mut locked] = [(), ()].map(|()| connect(&listener, LOCALHOST));
    let sizes = |(client, server): &(TcpStream, TcpStream)| {
        [get(client, SOL_SOCKET, SO_SNDBUF), get(server, SOL_SOCKET, SO_RCVBUF)]
    };
    put(&locked.0, SOL_SOCKET, SO_SNDBUF, 20_000);
    put(&locked.1, SOL_SOCKET, SO_RCVBUF, 20_000);
    says(&free.0, "SO_SNDBUF", SEND_TUNING, &["2 MiB"]);
    says(&free.1, "SO_RCVBUF", RECEIVE_TUNING, &["2 MiB"]);
    says(&locked.0, "SO_SNDBUF", NO_TUNING, &[]);
    says(&locked.1, "SO_RCVBUF", NO_TUNING, &[]);
    does_not_say(&locked.0, "SO_SNDBUF", SEND_TUNING);
    does_not_say(&free.0, "SO_SNDBUF", NO_TUNING);
    let before = sizes(&free);
    for (client, server) in [&mut free, &mut locked] {
        transfer(client, server, 16 << 20);
    }
    assert_eq!(sizes(&locked), [40_000, 40_000]);
    let after = sizes(&free);
    assert!(after[0] > 16384 && after[1] > before[1], "{before:?} {after:?}");
    assert!(after.iter().all(|size| *size <= 2 << 20), "{after:?}");
    sysctl("net/ipv4/tcp_moderate_rcvbuf", "0");
    does_not_say(&free.1, "SO_RCVBUF", RECEIVE_TUNING);
    says(&free.0, "SO_SNDBUF", SEND_TUNING, &["2 MiB"]);
}

fn low_water_mark() {
    let (_listener, mut client, mut server) = pair();
    does_not_say(&server, "SO_RCVLOWAT", LOWAT);
    put(&server, SOL_SOCKET, SO_RCVLOWAT, 10);
    says(&server, "SO_RCVLOWAT", LOWAT, &[]);
    client.write_all(b"five!").expect("write");
    pause();
    assert!(!is_readable(&server));
    let half = Duration::from_millis(500);
    server.set_read_timeout(Some(half)).expect("SO_RCVTIMEO");
    let start = Instant::now();
    assert_eq!(server.read(&mut [0; 3]).expect("what it asks for is there"), 3);
    assert_eq!(server.read(&mut [0; 20]).expect("the rest, after the timeout"), 2);
    assert!(start.elapsed() >= half);
    client.write_all(b"ten bytes!").expect("write");
    wait_until("it is readable", || is_readable(&server));
    // A buffer that is nearly full is enough.
    let lowat = 1 << 20;
    put(&server, SOL_SOCKET, SO_RCVLOWAT, lowat);
    put(&server, SOL_SOCKET, SO_RCVBUF, 20_000);
    client.set_nonblocking(true).expect("O_NONBLOCK");
    while client.write(&[0; 4096]).is_ok() {}
    wait_until("it is readable", || is_readable(&server));
    server.set_nonblocking(true).expect("O_NONBLOCK");
    let queued = server.peek(&mut vec![0; lowat as usize]).expect("bytes");
    assert!(queued < lowat as usize, "{queued}");
    // Nor does poll(2) wait when nothing more can come.
    let (_listener, client, server) = pair();
    put(&server, SOL_SOCKET, SO_RCVLOWAT, 10);
    drop(client);
    wait_until("it is readable", || is_readable(&server));
    does_not_say(&server, "SO_RCVLOWAT", LOWAT);
}

fn low_water_mark_of_datagrams() {
    let (receiver, sender) = udp_pair();
    does_not_say(&receiver, "SO_RCVLOWAT", NO_LOWAT);
    put(&receiver, SOL_SOCKET, SO_RCVLOWAT, 100);
    says(&receiver, "SO_RCVLOWAT", NO_LOWAT, &[]);
    sender.send(b"x").expect("send");
    wait_until("it is readable", || is_readable(&receiver));
    assert_eq!(receiver.recv(&mut [0; 200]).expect("one byte"), 1);
}

/// The loopback interface has no queue that can be polled.
fn busy_poll() {
    let (receiver, sender) = udp_pair();
    does_not_say(&receiver, "SO_BUSY_POLL", NO_DEVICE);
    put(&receiver, SOL_SOCKET, SO_BUSY_POLL, 50);
    sender.send(b"x").expect("send");
    assert_eq!(receiver.recv(&mut [0]).expect("one byte"), 1);
    says(&receiver, "SO_BUSY_POLL", NO_DEVICE, &[]);
    assert_eq!(get(&receiver, SOL_SOCKET, SO_INCOMING_NAPI_ID), 0);
}

fn timeouts() {
    let (_listener, mut client, mut server) = pair();
    for option in ["SO_RCVTIMEO", "SO_SNDTIMEO"] {
        says(&server, option, NO_LIMIT, &[]);
        does_not_say(&server, option, NO_WAIT);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pause();
            client.write_all(b"x").expect("write");
        });
        assert_eq!(server.read(&mut [0]).expect("it waits"), 1);
    });
    let negative = [(-1i64).to_ne_bytes(), 0i64.to_ne_bytes()].concat();
    set_bytes(&server, SOL_SOCKET, SO_RCVTIMEO, &negative).expect("SO_RCVTIMEO");
    says(&server, "SO_RCVTIMEO", NO_WAIT, &[]);
    does_not_say(&server, "SO_RCVTIMEO", NO_LIMIT);
    let mut reported = [1; 16];
    let length = knetstat::kernel::syscall::getsockopt(
        server.as_fd(),
        SOL_SOCKET,
        SO_RCVTIMEO,
        &mut reported,
    );
    assert_eq!((length.expect("SO_RCVTIMEO"), reported), (16, [0; 16]));
    let error = server.read(&mut [0]).expect_err("it does not wait");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

fn connect_timeout() {
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    deafen(&listener);
    let client = TcpStream::from(open(AddressFamily::Inet, SockType::Stream));
    client.set_write_timeout(Some(Duration::from_millis(100))).expect("SO_SNDTIMEO");
    let address = SockaddrStorage::from(listener.local_addr().expect("an address"));
    let connected = nix::sys::socket::connect(client.as_raw_fd(), &address);
    assert_eq!(connected, Err(Errno::EINPROGRESS));
    says(&client, "SO_SNDTIMEO", CONNECT, &[]);
    does_not_say(&listener, "SO_SNDTIMEO", CONNECT);
}

fn mark() {
    let (receiver, sender) = udp_pair();
    put(&receiver, SOL_SOCKET, SO_MARK, 42);
    says(&receiver, "SO_MARK", HEXADECIMAL, &["0x2a"]);
    put(&sender, SOL_SOCKET, SO_MARK, 9);
    does_not_say(&sender, "SO_MARK", HEXADECIMAL);
}

fn priority() {
    let mut priorities = BTreeSet::new();
    let socket = |tos| {
        let socket = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
        put(&socket, IPPROTO_IP, IP_TOS, tos);
        let priority = get(&socket, SOL_SOCKET, SO_PRIORITY);
        priorities.insert(priority);
        (socket, (priority != 0).then(|| tos.to_string()))
    };
    let mut sockets: Vec<_> = (0..=255).step_by(4).map(socket).collect();
    assert_eq!(priorities, [0, 2, 4, 6].into());
    let other = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
    put(&other, IPPROTO_IP, IP_TOS, 16);
    put(&other, SOL_SOCKET, SO_PRIORITY, 5);
    sockets.push((other, None));
    all_say(&sockets, "SO_PRIORITY", BY_TOS);
}

fn rate() {
    let (_listener, client, _server) = pair();
    does_not_say(&client, "SO_MAX_PACING_RATE", BITS);
    put(&client, SOL_SOCKET, SO_MAX_PACING_RATE, 1_562_500);
    says(&client, "SO_MAX_PACING_RATE", BITS, &["12.5 Mbit/s"]);
    does_not_say(&client, "SO_MAX_PACING_RATE", BY_FQ);
    let (receiver, _sender) = udp_pair();
    put(&receiver, SOL_SOCKET, SO_MAX_PACING_RATE, 100);
    says(&receiver, "SO_MAX_PACING_RATE", BITS, &["800 bit/s"]);
    says(&receiver, "SO_MAX_PACING_RATE", BY_FQ, &[]);
}

fn peek() {
    let (receiver, sender) = udp_pair();
    says(&receiver, "SO_PEEK_OFF", NO_PEEK, &[]);
    sender.send(b"abc").expect("send");
    for _ in 0..2 {
        let mut buffer = [0; 1];
        receiver.peek(&mut buffer).expect("peek");
        assert_eq!(&buffer, b"a");
    }
    put(&receiver, SOL_SOCKET, SO_PEEK_OFF, 1);
    does_not_say(&receiver, "SO_PEEK_OFF", NO_PEEK);
}

/// How many control messages come with a datagram.
fn control_messages(receiver: &UdpSocket, sender: &UdpSocket) -> usize {
    sender.send(b"x").expect("send");
    let (mut byte, mut space) = ([0], vec![0; 256]);
    let mut data = [IoSliceMut::new(&mut byte)];
    let message =
        recvmsg::<()>(receiver.as_raw_fd(), &mut data, Some(&mut space), MsgFlags::empty());
    message.expect("recvmsg").cmsgs().expect("control messages").count()
}

fn timestamps() {
    const RX_SOFTWARE: i32 = 1 << 3;
    const SOFTWARE: i32 = 1 << 4;
    let (receiver, sender) = udp_pair();
    put(&receiver, SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE);
    says(&receiver, "SO_TIMESTAMPING", UNREPORTED, &[]);
    assert_eq!(control_messages(&receiver, &sender), 0);
    put(&receiver, SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE);
    does_not_say(&receiver, "SO_TIMESTAMPING", UNREPORTED);
    assert_eq!(control_messages(&receiver, &sender), 1);
}

/// That no other queueing discipline reads the time is a matter of the source: net/sched/sch_etf.c, sch_fq.c.
fn transmit_times() {
    let (receiver, sender) = udp_pair();
    let value = [CLOCK_MONOTONIC.to_ne_bytes(), 0i32.to_ne_bytes()].concat();
    set_bytes(&receiver, SOL_SOCKET, SO_TXTIME, &value).expect("SO_TXTIME");
    says(&receiver, "SO_TXTIME", BY_ETF, &[]);
    does_not_say(&sender, "SO_TXTIME", BY_ETF);
}

fn pending() {
    let closed = TcpListener::bind((LOCALHOST, 0)).expect("a port");
    let address = local_address(&closed);
    drop(closed);
    let client = open(AddressFamily::Inet, SockType::Stream);
    begin_connecting(&client, address);
    says(&client, "SO_ERROR", PENDING, &["Connection refused"]);
    assert_eq!(get(&client, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    does_not_say(&client, "SO_ERROR", PENDING);
}
