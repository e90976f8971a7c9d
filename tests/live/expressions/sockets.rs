//! A fixed set of sockets of all families, each with a name that `selected.txt` uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::socket::{bind, connect, getsockname, SockaddrLike, UnixAddr, VsockAddr};
use nix::unistd::{fchown, Uid};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::common::scene::{inode, wait_for_state};
use crate::common::{
    begin_connecting, cookie, deafen, has_mptcp, not_tested, number, set, set_bytes, wait_until,
};
use crate::numbers::*;

/// The user of one socket.
const NOBODY: u32 = 65_534;

/// The index of the loopback interface, which is always 1.
const LO: i32 = 1;

/// The names of groups, each followed by names and groups.
const GROUPS: &[(&str, &str)] = &[
    (
        "tcp4",
        "v4-listener client server waiting-server waiting-client time-wait fin-wait half-closed-server new \
         connecting deaf-listener mptcp-subflow",
    ),
    ("v6", "v6-client v6-server"),
    ("mapped", "mapped-client mapped-server"),
    ("tcp6", "dual-listener v6-listener v6 mapped"),
    ("tcp", "tcp4 tcp6"),
    ("udp", "udp-bound udp-client udp-member"),
    ("udp6", "udp6-bound udp6-client"),
    ("unix-pair", "unix-passcred unix-other"),
    ("unix-stream", "unix-listener unix-client unix-server"),
    ("unix", "unix-stream unix-datagram unix-pair"),
    ("packet", "packet-raw packet-datagram"),
    ("inet", "tcp udp udp6 raw raw6 mptcp"),
    ("all", "inet unix packet netlink vsock xdp"),
    ("close-wait", "half-closed-server"),
    (
        "listening",
        "v4-listener dual-listener v6-listener deaf-listener mptcp mptcp-subflow vsock unix-listener",
    ),
    (
        "established",
        "client server v6 mapped waiting-server waiting-client udp-client udp6-client unix-client \
         unix-server unix-pair",
    ),
    (
        "unconnected",
        "unix-datagram udp-bound udp-member udp6-bound raw raw6 packet netlink xdp",
    ),
];

/// The sockets, and what else must be kept until the end of the test.
pub struct Sockets {
    named: BTreeMap<&'static str, OwnedFd>,
    /// Sockets without a descriptor, by their local and remote ports.
    unheld: Vec<(&'static str, (u32, u32))>,
    directory: PathBuf,
    sleep: Child,
    /// Vsock ports belong to the machine, and not to a namespace.
    vsock_port: u32,
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let _ = self.sleep.kill();
        let _ = self.sleep.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn address(text: &str) -> SockAddr {
    text.parse::<SocketAddr>().unwrap_or_else(|error| panic!("{text}: {error}")).into()
}

fn open(domain: i32, socket_type: i32, protocol: i32) -> Socket {
    let protocol = Some(Protocol::from(protocol));
    let socket = Socket::new(Domain::from(domain), Type::from(socket_type), protocol);
    socket.unwrap_or_else(|error| panic!("socket {domain} {socket_type}: {error}"))
}

fn bound(domain: i32, socket_type: i32, local: &str) -> Socket {
    let socket = open(domain, socket_type, 0);
    socket.bind(&address(local)).unwrap_or_else(|error| panic!("bind {local}: {error}"));
    socket
}

fn listener(domain: i32, local: &str, prepare: fn(&Socket)) -> Socket {
    let socket = open(domain, SOCK_STREAM, 0);
    prepare(&socket);
    socket.bind(&address(local)).unwrap_or_else(|error| panic!("bind {local}: {error}"));
    socket.listen(5).expect("listen");
    socket
}

/// Returns a socket that is connected from one address to another.
fn connected(domain: i32, socket_type: i32, local: &str, remote: &str) -> Socket {
    let socket = bound(domain, socket_type, local);
    socket.connect(&address(remote)).unwrap_or_else(|error| panic!("connect {remote}: {error}"));
    socket
}

fn number_of(socket: &Socket, level: i32, option: i32, value: i32) {
    set(socket, level, option, value)
        .unwrap_or_else(|error| panic!("setsockopt {level} {option}: {error}"));
}

fn bytes_of(socket: &Socket, level: i32, option: i32, value: &[u8]) {
    set_bytes(socket, level, option, value)
        .unwrap_or_else(|error| panic!("setsockopt {level} {option}: {error}"));
}

fn bind_to(socket: &Socket, address: &impl SockaddrLike) {
    bind(number(socket), address).expect("bind");
}

/// Binds a packet socket to a protocol and an interface.
fn bind_packet(socket: &Socket, protocol: i32, interface: i32) {
    // SAFETY: a `sockaddr_ll` consists of integers. All zeros is a valid value.
    let mut address: sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = AF_PACKET as u16;
    address.sll_protocol = (protocol as u16).to_be();
    address.sll_ifindex = interface;
    let size = std::mem::size_of::<sockaddr_ll>() as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    let result = unsafe { nix::libc::bind(number(socket), (&raw const address).cast(), size) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Joins 239.1.2.3 or ff02::1:7 at the loopback interface.
fn join(socket: &Socket, is_v6: bool) {
    let index = LO.to_ne_bytes();
    match is_v6 {
        false => {
            let groups = [&[239, 1, 2, 3][..], &[0; 4], &index].concat();
            bytes_of(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &groups);
        }
        true => {
            let group: std::net::Ipv6Addr = "ff02::1:7".parse().expect("an address");
            let groups = [&group.octets()[..], &index].concat();
            bytes_of(socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &groups);
        }
    }
}

/// Joins a second group.
fn join_another(socket: &Socket) {
    let group = [&[239, 1, 2, 4][..], &[0; 4], &LO.to_ne_bytes()].concat();
    bytes_of(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group);
}

impl Sockets {
    /// Opens the sockets in the namespace of this thread. `name` is that of the test.
    pub fn open(name: &str) -> Sockets {
        let directory =
            std::env::temp_dir().join(format!("knetstat-{name}-{}", std::process::id()));
        fs::create_dir(&directory).expect("a new directory");
        let member = bound(AF_INET, SOCK_DGRAM, "0.0.0.0:7205");
        join(&member, false);
        join_another(&member);
        let interface = [&[0; 4][..], &[127, 0, 0, 1], &LO.to_ne_bytes()].concat();
        bytes_of(&member, IPPROTO_IP, IP_MULTICAST_IF, &interface);
        let mut sleep = Command::new("sleep");
        sleep.arg("600").stdin(Stdio::from(OwnedFd::from(member.try_clone().expect("dup"))));
        let sleep = sleep.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sleep(1)");
        let comm = format!("/proc/{}/comm", sleep.id());
        wait_until("the process has its name", || {
            fs::read_to_string(&comm).is_ok_and(|it| it == "sleep\n")
        });
        let mut sockets =
            Sockets { named: BTreeMap::new(), unheld: Vec::new(), directory, sleep, vsock_port: 0 };
        sockets.keep("udp-member", member);
        sockets.tcp();
        sockets.udp();
        sockets.unix();
        sockets.others();
        sockets
    }

    fn keep(&mut self, name: &'static str, socket: impl Into<OwnedFd>) {
        assert!(self.named.insert(name, socket.into()).is_none(), "two sockets {name}");
    }

    fn tcp(&mut self) {
        let reusable = |socket: &Socket| number_of(socket, SOL_SOCKET, SO_REUSEADDR, 1);
        let v4 = listener(AF_INET, "127.0.0.1:7001", reusable);
        let dual = listener(AF_INET6, "[::]:7002", |socket| {
            number_of(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0);
        });
        let v6 = listener(AF_INET6, "[::1]:7003", |socket| {
            number_of(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
            number_of(socket, SOL_SOCKET, SO_REUSEPORT, 1);
            number_of(socket, IPPROTO_TCP, TCP_FASTOPEN, 7);
        });
        let accepted = |listener: &Socket| listener.accept().expect("accept").0;

        let mut client = connected(AF_INET, SOCK_STREAM, "127.0.0.1:7101", "127.0.0.1:7001");
        for (level, option, value) in [
            (SOL_SOCKET, SO_KEEPALIVE, 1),
            (IPPROTO_TCP, TCP_KEEPIDLE, 60),
            (IPPROTO_TCP, TCP_KEEPINTVL, 10),
            (IPPROTO_TCP, TCP_KEEPCNT, 3),
            (IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000),
            (IPPROTO_TCP, TCP_NODELAY, 1),
        ] {
            number_of(&client, level, option, value);
        }
        let server = accepted(&v4);
        let linger = [1_i32.to_ne_bytes(), 5_i32.to_ne_bytes()].concat();
        bytes_of(&server, SOL_SOCKET, SO_LINGER, &linger);
        client.write_all(b"ten bytes!").expect("write");

        let v6_client = connected(AF_INET6, SOCK_STREAM, "[::1]:7102", "[::1]:7002");
        bytes_of(&v6_client, IPPROTO_TCP, TCP_CONGESTION, b"reno");
        number_of(&v6_client, SOL_SOCKET, SO_MARK, 5);
        let v6_server = accepted(&dual);
        bytes_of(&v6_server, SOL_SOCKET, SO_BINDTODEVICE, b"lo");

        let mapped = "[::ffff:127.0.0.1]:7002";
        let mapped_client = connected(AF_INET6, SOCK_STREAM, "[::ffff:127.0.0.1]:7103", mapped);
        number_of(&mapped_client, SOL_SOCKET, SO_RCVBUF, 16_384);
        let mapped_server = accepted(&dual);
        number_of(&mapped_server, SOL_SOCKET, SO_RCVBUF, 20_000);
        number_of(&mapped_server, SOL_SOCKET, SO_SNDBUF, 20_000);
        number_of(&mapped_server, SOL_SOCKET, SO_MAX_PACING_RATE, 125_000);

        self.time_wait(&v4);
        let fin_wait = connected(AF_INET, SOCK_STREAM, "127.0.0.1:7106", "127.0.0.1:7001");
        let half_closed = accepted(&v4);
        fin_wait.shutdown(Shutdown::Write).expect("shutdown");
        wait_for_state(&fin_wait, "FIN_WAIT2");
        let waiting = connected(AF_INET, SOCK_STREAM, "127.0.0.1:7104", "127.0.0.1:7001");
        self.unheld.push(("waiting-server", (7001, 7104)));

        let deaf = listener(AF_INET, "127.0.0.1:7005", deafen);
        let connecting = bound(AF_INET, SOCK_STREAM, "127.0.0.1:7107");
        begin_connecting(&connecting, "127.0.0.1:7005".parse().expect("an address"));
        for (name, socket) in [
            ("v4-listener", v4),
            ("dual-listener", dual),
            ("v6-listener", v6),
            ("client", client),
            ("server", server),
            ("v6-client", v6_client),
            ("v6-server", v6_server),
            ("mapped-client", mapped_client),
            ("mapped-server", mapped_server),
            ("fin-wait", fin_wait),
            ("half-closed-server", half_closed),
            ("waiting-client", waiting),
            ("deaf-listener", deaf),
            ("connecting", connecting),
            ("new", open(AF_INET, SOCK_STREAM, 0)),
        ] {
            self.keep(name, socket);
        }
    }

    fn time_wait(&mut self, listener: &Socket) {
        let client = connected(AF_INET, SOCK_STREAM, "127.0.0.1:7105", "127.0.0.1:7001");
        let (server, _) = listener.accept().expect("accept");
        client.shutdown(Shutdown::Write).expect("shutdown");
        wait_for_state(&client, "FIN_WAIT2");
        drop((server, client));
        self.unheld.push(("time-wait", (7105, 7001)));
    }

    fn udp(&mut self) {
        let socket = bound(AF_INET, SOCK_DGRAM, "127.0.0.1:7201");
        for (level, option, value) in [
            (SOL_SOCKET, SO_BROADCAST, 1),
            (IPPROTO_IP, IP_TOS, 0x10),
            (IPPROTO_IP, IP_TTL, 7),
            (IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO),
        ] {
            number_of(&socket, level, option, value);
        }
        let timeout = [1_i64.to_ne_bytes(), 500_000_i64.to_ne_bytes()].concat();
        bytes_of(&socket, SOL_SOCKET, SO_RCVTIMEO, &timeout);
        self.keep("udp-bound", socket);

        let socket = connected(AF_INET, SOCK_DGRAM, "127.0.0.1:7202", "127.0.0.1:53");
        number_of(&socket, IPPROTO_IP, IP_RECVERR, 1);
        number_of(&socket, SOL_SOCKET, SO_PRIORITY, 3);
        fchown(&socket, Some(Uid::from_raw(NOBODY)), None).expect("fchown");
        self.keep("udp-client", socket);

        let socket = bound(AF_INET6, SOCK_DGRAM, "[::]:7203");
        join(&socket, true);
        self.keep("udp6-bound", socket);

        let socket = connected(AF_INET6, SOCK_DGRAM, "[::1]:7204", "[::1]:7203");
        // SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE
        number_of(&socket, SOL_SOCKET, SO_TIMESTAMPING, 0x18);
        socket.set_nonblocking(true).expect("O_NONBLOCK");
        self.keep("udp6-client", socket);
    }

    fn unix(&mut self) {
        let path = UnixAddr::new(&self.directory.join("a b")).expect("a path");
        let listener = open(AF_UNIX, SOCK_STREAM, 0);
        bind_to(&listener, &path);
        listener.listen(5).expect("listen");
        let client = open(AF_UNIX, SOCK_STREAM, 0);
        connect(number(&client), &path).expect("connect");
        self.keep("unix-server", listener.accept().expect("accept").0);
        self.keep("unix-listener", listener);
        self.keep("unix-client", client);
        let socket = open(AF_UNIX, SOCK_DGRAM, 0);
        bind_to(&socket, &UnixAddr::new_abstract(b"expr,one").expect("a name"));
        self.keep("unix-datagram", socket);
        let pair = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).expect("socketpair");
        number_of(&pair.0, SOL_SOCKET, SO_PASSCRED, 1);
        self.keep("unix-passcred", pair.0);
        self.keep("unix-other", pair.1);
    }

    fn others(&mut self) {
        let raw = open(AF_INET, SOCK_RAW, IPPROTO_ICMP);
        raw.bind(&address("127.0.0.1:0")).expect("bind");
        self.keep("raw", raw);
        self.keep("raw6", open(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));

        let packet = open(AF_PACKET, SOCK_RAW, 0);
        bind_packet(&packet, ETH_P_ALL, LO);
        // `struct packet_mreq`
        let mut promiscuous = [0; 16];
        promiscuous[..4].copy_from_slice(&LO.to_ne_bytes());
        promiscuous[4..6].copy_from_slice(&(PACKET_MR_PROMISC as u16).to_ne_bytes());
        bytes_of(&packet, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous);
        self.keep("packet-raw", packet);
        let packet = open(AF_PACKET, SOCK_DGRAM, 0);
        bind_packet(&packet, ETH_P_IP, 0);
        self.keep("packet-datagram", packet);

        let netlink = open(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
        bind_to(&netlink, &nix::sys::socket::NetlinkAddr::new(0, 0));
        for group in [1, 5] {
            number_of(&netlink, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
        }
        self.keep("netlink", netlink);
        if has_mptcp("expressions") {
            let mptcp = open(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
            mptcp.bind(&address("127.0.0.1:7301")).expect("bind");
            mptcp.listen(5).expect("listen");
            self.keep("mptcp", mptcp);
            self.unheld.push(("mptcp-subflow", (7301, 0)));
        }
        match Socket::new(Domain::from(AF_VSOCK), Type::STREAM, None) {
            Ok(socket) => {
                bind_to(&socket, &VsockAddr::new(VMADDR_CID_ANY, VMADDR_PORT_ANY));
                socket.listen(5).expect("listen");
                let name: VsockAddr = getsockname(number(&socket)).expect("getsockname");
                self.vsock_port = name.port();
                self.keep("vsock", socket);
            }
            Err(error) => not_tested(&format!("expressions: vsock: {error}")),
        }
        match Socket::new(Domain::from(AF_XDP), Type::from(SOCK_RAW), None) {
            Ok(socket) => self.keep("xdp", socket),
            Err(error) => not_tested(&format!("expressions: AF_XDP: {error}")),
        }
    }

    /// The names that some words stand for: names of sockets and of groups and, after a minus, those that
    /// are left out. Sockets that this kernel does not have are left out.
    pub fn named(&self, words: &str) -> BTreeSet<&'static str> {
        let (with, without) = words.split_once(" - ").unwrap_or((words, ""));
        let without = self.expanded(without);
        self.expanded(with).into_iter().filter(|name| !without.contains(name)).collect()
    }

    fn expanded(&self, words: &str) -> BTreeSet<&'static str> {
        let mut names = BTreeSet::new();
        for word in words.split_whitespace() {
            match GROUPS.iter().find(|(name, _)| *name == word) {
                Some((_, group)) => names.extend(self.expanded(group)),
                None => names.extend(self.names().filter(|name| *name == word)),
            }
            const MAY_BE_MISSING: [&str; 4] = ["mptcp", "mptcp-subflow", "vsock", "xdp"];
            let is_known = !self.expands_to_nothing(word) || MAY_BE_MISSING.contains(&word);
            assert!(is_known, "no socket is named {word}");
        }
        names
    }

    fn expands_to_nothing(&self, word: &str) -> bool {
        !GROUPS.iter().any(|(name, _)| *name == word) && !self.names().any(|name| name == word)
    }

    /// The names of all sockets.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.named.keys().copied().chain(self.unheld.iter().map(|(name, _)| *name))
    }

    /// The name of the socket with this inode number or, if it has no descriptor, with these ports. A subflow
    /// of an MPTCP socket has the inode number of that socket.
    pub fn name(
        &self,
        inode: u64,
        ports: Option<(u32, u32)>,
        is_subflow: bool,
    ) -> Option<&'static str> {
        let held =
            self.named.iter().find(|(_, socket)| !is_subflow && self::inode(socket) == inode);
        let unheld = self.unheld.iter().find(|(_, of)| Some(*of) == ports);
        held.map(|(name, _)| *name).or(unheld.map(|(name, _)| *name))
    }

    /// The socket with this name.
    pub fn socket(&self, name: &str) -> BorrowedFd<'_> {
        self.named[name].as_fd()
    }

    /// Asks for the cookie that an expression contains. Until then, the socket has none.
    pub fn ask_cookie(&self) {
        assert_ne!(cookie(&self.socket("client")), 0);
    }

    /// Replaces the words in braces.
    pub fn fill(&self, text: &str) -> String {
        let netns = fs::metadata("/proc/thread-self/ns/net").expect("a namespace");
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let nobody = passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1) == Some(&NOBODY.to_string())).then(|| name.to_owned())
        });
        [
            ("directory", self.directory.display().to_string()),
            ("vsock", self.vsock_port.to_string()),
            ("nobody", nobody.unwrap_or_else(|| NOBODY.to_string())),
            ("sleep", self.sleep.id().to_string()),
            ("self", std::process::id().to_string()),
            ("inode", inode(&self.socket("client")).to_string()),
            ("peer", inode(&self.socket("unix-server")).to_string()),
            ("cookie", cookie(&self.socket("client")).to_string()),
            ("netns", std::os::unix::fs::MetadataExt::ino(&netns).to_string()),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (word, value)| text.replace(&format!("{{{word}}}"), &value))
    }
}
