//! Sockets of every kind that has a line: in every state, with every mark, at addresses that are shortened in every
//! way, and with each option set and not set.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use crate::common::scene::EveryState;
use crate::common::{
    begin_connecting, connect, deafen, ip, open, set, set_bytes, stdout, wait_until,
};
use nix::libc::*;
use nix::sys::socket::{AddressFamily, SockType};
use socket2::{Domain, Socket, Type};

/// The marks of the Diag column.
pub const MARKS: [&str; 5] = ["", ">|", "|<", ">|<", ">#"];

/// The options that some lines have and some have not.
pub const OPTIONS: [&str; 12] = [
    "TCP_KEEPIDLE",
    "TCP_KEEPCNT",
    "TCP_KEEPINTVL",
    "TCP_USER_TIMEOUT",
    "SO_RCVBUF",
    "SO_SNDBUF",
    "SO_RCVTIMEO",
    "SO_SNDTIMEO",
    "SO_LINGER",
    "TCP_NODELAY",
    "TCP_FASTOPEN",
    "SO_BROADCAST",
];

const IPV6_FREEBIND: i32 = 78;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Numbers that look random, the same in each run.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    /// The next number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

/// Addresses with each pattern of zeros, with words of every length, and those whose end is an IPv4 address.
pub fn ipv6_addresses() -> Vec<Ipv6Addr> {
    const WORDS: [u16; 9] = [1, 0xf, 0x10, 0xab, 0x100, 0xabc, 0x1000, 0xffff, 0x5efe];
    let mut numbers = Numbers::new(1);
    let mut word = |n: usize| match n {
        // Neither a multicast nor a link-local address.
        0 => [1, 0x20, 0x200, 0x2001][numbers.below(4) as usize],
        _ => WORDS[numbers.below(WORDS.len() as u64) as usize],
    };
    let mut addresses = Vec::new();
    for zeros in (0..256u32).chain(0..256) {
        let words: [u16; 8] = std::array::from_fn(|n| match zeros >> n & 1 {
            1 => 0,
            _ => word(n),
        });
        addresses.push(Ipv6Addr::from(words));
        for identifier in [0, 0x200, 0x201] {
            let [a, b, c, d, _, _, g, h] = words;
            addresses.push(Ipv6Addr::from([a, b, c, d, identifier, 0x5efe, g, h]));
        }
        if zeros < 4 {
            let [.., g, h] = words;
            addresses.push(Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, g, h]));
            addresses.push(Ipv6Addr::from([0, 0, 0, 0, 0xffff, 0, g, h]));
            addresses.push(Ipv6Addr::from([0xfe80, 0, 0, 0, 0, 0x5efe, g, h]));
            addresses.push(Ipv6Addr::from([0xfe80, 0, 0, 0, 1, 2, g, h]));
        }
    }
    addresses
}

/// The index of the loopback interface, for an address that needs one.
pub fn scope(address: Ipv6Addr) -> u32 {
    u32::from(address.is_unicast_link_local())
}

/// A socket at an address that this host need not have. `None` if the kernel permits no socket there.
pub fn bind_anywhere(at: SocketAddrV6, socket_type: Type) -> Option<Socket> {
    let socket = Socket::new(Domain::IPV6, socket_type, None).expect("a socket");
    set(&socket, IPPROTO_IPV6, IPV6_FREEBIND, 1).expect("IPV6_FREEBIND");
    set(&socket, SOL_SOCKET, SO_REUSEADDR, 1).expect("SO_REUSEADDR");
    socket.bind(&SocketAddr::V6(at).into()).ok()?;
    Some(socket)
}

/// The sockets.
pub struct Scene {
    kept: Vec<OwnedFd>,
    _states: Vec<EveryState>,
}

impl Scene {
    /// Opens them in the namespace of this thread.
    pub fn new() -> Scene {
        let mut scene = Scene { kept: Vec::new(), _states: Vec::new() };
        scene.addresses();
        scene.options();
        scene.full_queues();
        scene.repaired();
        scene.marks();
        // Last, because mini-sockets do not live long.
        scene._states = [
            (V4, V4),
            (V6, V6),
            (Ipv6Addr::UNSPECIFIED.into(), V4),
            (V4, Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()),
        ]
        .map(|(at, target)| EveryState::new(at, target))
        .into();
        scene
    }

    fn keep(&mut self, socket: impl Into<OwnedFd>) {
        self.kept.push(socket.into());
    }

    fn keep_all<const N: usize>(&mut self, sockets: [OwnedFd; N]) {
        self.kept.extend(sockets);
    }

    fn addresses(&mut self) {
        ip("-6 route add default dev lo");
        let (mut listening, mut connected) = (0, 0);
        let addresses = ipv6_addresses();
        for (n, address) in addresses.iter().enumerate() {
            let at = SocketAddrV6::new(*address, 10_000 + n as u16, 0, scope(*address));
            let socket_type = if n % 3 == 0 { Type::STREAM } else { Type::DGRAM };
            let Some(socket) = bind_anywhere(at, socket_type) else { continue };
            if n % 3 == 0 {
                socket.listen(1).expect("listen");
                listening += 1;
            } else if n % 3 == 1 {
                let other = addresses[(n * 7 + 3) % addresses.len()];
                let other = SocketAddrV6::new(other, 1 + n as u16, 0, scope(other));
                connected += u32::from(socket.connect(&SocketAddr::V6(other).into()).is_ok());
            }
            self.keep(socket);
        }
        assert!(
            listening > 400 && connected > 300,
            "{listening} listen, {connected} are connected"
        );
    }

    /// Sockets with arbitrary subsets of the options.
    fn options(&mut self) {
        let mut numbers = Numbers::new(7);
        for n in 0..1200u32 {
            let (domain, any) = match n % 2 {
                0 => (Domain::IPV4, IpAddr::V4(Ipv4Addr::new(127, 1, (n >> 8) as u8, n as u8))),
                _ => (Domain::IPV6, V6),
            };
            let socket_type = if n % 4 < 2 { Type::STREAM } else { Type::DGRAM };
            let socket = Socket::new(domain, socket_type, None).expect("a socket");
            set_some(&socket, socket_type, &mut numbers);
            let at = SocketAddr::new(any, 20_000 + n as u16);
            socket.bind(&at.into()).expect("bind");
            if socket_type == Type::STREAM {
                socket.listen(1 + numbers.below(100) as i32).expect("listen");
            }
            self.keep(socket);
        }
    }

    /// Listeners whose queues have more connections than they admit.
    fn full_queues(&mut self) {
        for (domain, target) in [(Domain::IPV4, V4), (Domain::IPV6, V6)] {
            let listener = Socket::new(domain, Type::STREAM, None).expect("a socket");
            listener.bind(&SocketAddr::new(target, 900).into()).expect("bind");
            listener.listen(1).expect("listen");
            let family = if target == V4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
            for _ in 0..5 {
                let client = open(family, SockType::Stream);
                begin_connecting(&client, SocketAddr::new(target, 900));
                self.keep(client);
            }
            self.keep(listener);
        }
    }

    /// TCP_REPAIR gives SO_REUSEADDR a third value.
    fn repaired(&mut self) {
        let listener = TcpListener::bind((V4, 0)).expect("bind");
        let (client, server) = connect(&listener, V4);
        set(&client, IPPROTO_TCP, TCP_REPAIR, 1).expect("TCP_REPAIR");
        self.keep_all([OwnedFd::from(client), server.into(), listener.into()]);
    }

    /// A connection of each mark, over IPv4 and IPv6.
    fn marks(&mut self) {
        for target in [V4, V6] {
            let listener = TcpListener::bind((target, 0)).expect("bind");
            // The one end has `>|`, the other `|<`.
            let (mut client, server) = connect(&listener, target);
            fill(&mut client);
            self.keep_all([OwnedFd::from(client), server.into()]);
            // Both have `>|<`.
            let (mut client, mut server) = connect(&listener, target);
            fill(&mut client);
            fill(&mut server);
            self.keep_all([OwnedFd::from(client), server.into()]);
            // The one end has `>#`.
            let (mut client, server) = connect(&listener, target);
            deafen(&server);
            client.write_all(b"hello?").expect("write");
            self.keep_all([OwnedFd::from(client), server.into(), listener.into()]);
        }
        let has_all = |text: &str| {
            MARKS.iter().all(|mark| text.contains(&format!(" ESTB {mark:4} SO_REUSEADDR=")))
        };
        wait_until("every mark is there", || {
            has_all(&stdout("--module --tcp4")) && has_all(&stdout("--module --tcp6"))
        });
    }
}

/// Sets each option with a probability of one half, to a number that is as often extreme.
fn set_some(socket: &Socket, socket_type: Type, numbers: &mut Numbers) {
    let mut maybe = |level, number, values: &[i32]| {
        if numbers.below(2) == 1 {
            let value = values[numbers.below(values.len() as u64) as usize];
            set(socket, level, number, value).expect("an option");
        }
    };
    maybe(SOL_SOCKET, SO_REUSEADDR, &[1]);
    maybe(SOL_SOCKET, SO_REUSEPORT, &[1]);
    maybe(SOL_SOCKET, SO_BROADCAST, &[1]);
    maybe(SOL_SOCKET, SO_RCVBUF, &[0, 1, 5000, 99_999, i32::MAX]);
    maybe(SOL_SOCKET, SO_SNDBUF, &[0, 1, 5000, 99_999, i32::MAX]);
    if socket_type == Type::STREAM {
        maybe(SOL_SOCKET, SO_KEEPALIVE, &[1]);
        maybe(IPPROTO_TCP, TCP_KEEPIDLE, &[1, 60, 32_767]);
        maybe(IPPROTO_TCP, TCP_KEEPCNT, &[1, 9, 127]);
        maybe(IPPROTO_TCP, TCP_KEEPINTVL, &[1, 75, 32_767]);
        maybe(IPPROTO_TCP, TCP_USER_TIMEOUT, &[1, 30_000, i32::MAX]);
        maybe(IPPROTO_TCP, TCP_NODELAY, &[1]);
        maybe(IPPROTO_TCP, TCP_CORK, &[1]);
        maybe(IPPROTO_TCP, TCP_FASTOPEN, &[1, 1000, i32::MAX]);
        maybe(IPPROTO_TCP, TCP_DEFER_ACCEPT, &[1, 5, 60, 100_000]);
    }
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        if numbers.below(2) == 1 {
            // Negative times are 0, and times near the maximum overflow as milliseconds.
            let seconds = [-1, 0, 1, 3_000_000_000, 9_000_000_000_000_000];
            let seconds: i64 = seconds[numbers.below(5) as usize];
            let time = [seconds, numbers.below(1_000_000) as i64].map(i64::to_ne_bytes).concat();
            set_bytes(socket, SOL_SOCKET, option, &time).expect("a timeout");
        }
    }
    if numbers.below(2) == 1 {
        let seconds = [-1, 0, 1, 5, i32::MAX][numbers.below(5) as usize];
        let linger = [1, seconds].map(i32::to_ne_bytes).concat();
        set_bytes(socket, SOL_SOCKET, SO_LINGER, &linger).expect("SO_LINGER");
    }
}

/// Writes until the window of the peer is closed.
fn fill(writer: &mut TcpStream) {
    set(writer, SOL_SOCKET, SO_SNDBUF, 4096).expect("SO_SNDBUF");
    writer.set_nonblocking(true).expect("O_NONBLOCK");
    let mut refused = 0;
    wait_until("the buffers are full", || {
        match writer.write(&[0; 4096]) {
            Ok(_) => refused = 0,
            Err(_) => refused += 1,
        }
        refused == 20
    });
}
