//! Sockets that stay open, and the row that each must have.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use knetstat::kernel::syscall::getsockopt;
use nix::sys::socket::{AddressFamily, SockType};
use socket2::{Domain, Socket, Type};

use crate::common::scene::{inode, proc_rows};
use crate::common::{
    self, begin_connecting, cookie, deafen, local_address, open, set, sysctl, wait_until, Child,
};

/// The fields of a row by which sockets are compared. The options have another value for each socket. `of_unix`: with the
/// peer of unix sockets, and otherwise, because other peers are found in a reading of their own, with a field that is
/// empty.
pub fn fields(of_unix: bool) -> String {
    let peer = if of_unix { "peer" } else { "master" };
    format!(
        "--csv -H --columns protocol,state,local,sport,remote,dport,{peer},inode,cookie \
         -O SO_MARK,SO_RCVBUF,SO_PRIORITY"
    )
}
/// The number of fields, and the positions of some.
pub const WIDTH: usize = 12;
pub const INODE: usize = 7;
pub const MARK: usize = 9;
/// The number of fields of the addresses, at the beginning.
pub const ADDRESSES: usize = 6;

const SOL_SOCKET: i32 = 1;
const SO_RCVBUF: i32 = 8;
const SO_PRIORITY: i32 = 12;
const SO_MARK: i32 = 36;

/// A socket, and the fields of its row that precede the inode.
pub struct Opened {
    socket: OwnedFd,
    begins: String,
}

impl Opened {
    fn internet(
        protocol: &str,
        state: &str,
        socket: impl Into<OwnedFd>,
        remote: Option<SocketAddr>,
    ) -> Opened {
        let socket = socket.into();
        let local = local_address(&socket);
        let remote = remote.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let ends = [local, remote].map(|end| format!("{},{}", end.ip(), end.port()));
        let begins = format!("{protocol},{state},{},", ends.join(","));
        Opened { socket, begins }
    }

    /// A unix socket with a name, a peer, or neither.
    fn unix(state: &str, name: &str, socket: impl Into<OwnedFd>, peer: Option<&OwnedFd>) -> Opened {
        let peer = peer.map(|peer| inode(peer).to_string()).unwrap_or_default();
        Opened { socket: socket.into(), begins: format!("unix,{state},{name},,,,{peer}") }
    }
}

/// The sockets that stay open: their rows by their marks, and the processes that hold them until this is
/// dropped. One process may not have enough descriptors for all.
#[derive(Default)]
pub struct Staying {
    pub rows: HashMap<u32, String>,
    pub inodes: HashSet<u64>,
    /// The addresses of connections that are not established. Their rows have no inode and no options.
    pub half_open: HashSet<String>,
    holders: Vec<Child>,
}

impl Staying {
    /// Opens at least so many sockets. `some` opens a part of them.
    pub fn open(&mut self, number: usize, mut some: impl FnMut(usize) -> Vec<Opened>) {
        const PART: usize = 5_000;
        common::permit_descriptors(2 * PART as u64);
        let goal = self.rows.len() + number;
        while self.rows.len() < goal {
            let opened = some(PART.min(goal - self.rows.len()));
            assert!(!opened.is_empty(), "a part has no sockets");
            opened.iter().for_each(|opened| self.add(opened));
            self.holders.push(Child::fork());
        }
    }

    /// Gives a socket its values, and notes its row.
    fn add(&mut self, Opened { socket, begins }: &Opened) {
        let mark = self.rows.len() as u32 + 1;
        let value = mark as i32;
        set(socket, SOL_SOCKET, SO_MARK, value).expect("SO_MARK");
        set(socket, SOL_SOCKET, SO_RCVBUF, 2_000 + value).expect("SO_RCVBUF");
        set(socket, SOL_SOCKET, SO_PRIORITY, 1_000_000 + value).expect("SO_PRIORITY");
        let values = [SO_MARK, SO_RCVBUF, SO_PRIORITY].map(|number| get(socket, number));
        let (inode, cookie) = (inode(socket), cookie(socket));
        let row =
            format!("{begins},{inode},{cookie},{}", values.map(|it| it.to_string()).join(","));
        self.rows.insert(mark, row);
        self.inodes.insert(inode);
    }

    /// Begins connections whose clients do not receive the answers: SYN_SENT on one side, and SYN_RECV on the
    /// other. Both are repeated often enough to last as long as a test.
    pub fn open_half(&mut self, number: usize) {
        sysctl("net/ipv4/tcp_syn_retries", "20");
        sysctl("net/ipv4/tcp_synack_retries", "20");
        let listener = open(AddressFamily::Inet, SockType::Stream);
        common::bind(&listener, ([127, 2, 0, 1], 7000));
        common::listen(&listener, 1024); // a queue that is half full drops the oldest
        let at = local_address(&listener);
        let mut opened = Vec::new();
        for _ in 0..number {
            let client = open(AddressFamily::Inet, SockType::Stream);
            deafen(&client);
            begin_connecting(&client, at);
            let from = local_address(&client);
            let ends = [at, from].map(|end| format!("{},{}", end.ip(), end.port()));
            self.half_open.insert(format!("tcp,SYN_RECV,{}", ends.join(",")));
            opened.push(Opened::internet("tcp", "SYN_SENT", client, Some(at)));
        }
        opened.push(Opened::internet("tcp", "LISTEN", listener, None));
        let begun = || proc_rows().iter().filter(|row| row.state == "SYN_RECV").count();
        wait_until("the connections have begun", || begun() == number);
        self.open(opened.len(), |_| std::mem::take(&mut opened));
    }
}

fn get(socket: &impl AsFd, number: i32) -> u32 {
    let mut value = [0; 4];
    getsockopt(socket.as_fd(), SOL_SOCKET, number, &mut value).expect("getsockopt");
    u32::from_ne_bytes(value)
}

/// TCP listeners, both ends of TCP connections, and UDP sockets, half of all.
pub fn internet_sockets(number: usize) -> Vec<Opened> {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("bind");
    let listener = listen();
    let at = local_address(&listener);
    let mut sockets =
        vec![Opened::internet("tcp", "LISTEN", listener.try_clone().expect("dup"), None)];
    sockets.extend((1..number / 8).map(|_| Opened::internet("tcp", "LISTEN", listen(), None)));
    while sockets.len() < number / 2 {
        let (client, server) = common::connect(&listener, at.ip());
        let from = local_address(&client);
        sockets.push(Opened::internet("tcp", "ESTABLISHED", client, Some(at)));
        sockets.push(Opened::internet("tcp", "ESTABLISHED", server, Some(from)));
    }
    while sockets.len() < number {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        sockets.push(Opened::internet("udp", "UNCONN", socket, None));
    }
    sockets
}

/// Pairs of unix sockets, half of them of datagrams.
pub fn unix_pairs(number: usize) -> Vec<Opened> {
    let pair = |at| -> [OwnedFd; 2] {
        match at % 2 {
            0 => UnixStream::pair().map(|(one, other)| [one.into(), other.into()]),
            _ => UnixDatagram::pair().map(|(one, other)| [one.into(), other.into()]),
        }
        .expect("a pair")
    };
    // Before Linux 5.15, the state of a datagram socket does not say that it is connected.
    let states = [pair(0), pair(1)].map(|[one, _other]| state_of_proc(inode(&one)));
    let opened = |(state, [one, other]): (&'static str, [OwnedFd; 2])| {
        let copies = [&one, &other].map(|it| it.try_clone().expect("a descriptor"));
        let ends = [(&one, &copies[1]), (&other, &copies[0])];
        let ends = ends.map(|(own, peer)| (own.try_clone().expect("a descriptor"), peer));
        ends.map(|(own, peer)| Opened::unix(state, "", own, Some(peer)))
    };
    (0..number / 2).flat_map(|at| opened((states[at % 2], pair(at)))).collect()
}

/// The state of a unix socket with this inode in /proc/net/unix, in the words of knetstat: net/unix/af_unix.c,
/// unix_seq_show().
fn state_of_proc(inode: u64) -> &'static str {
    let text = common::proc_net("unix");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut rows = text.lines().skip(1).map(words);
    let row = rows.find(|row| row[6] == inode.to_string()).expect("a socket of /proc/net/unix");
    match row[5].as_str() {
        "01" => "UNCONN",
        "03" => "CONNECTED",
        other => panic!("state {other}"),
    }
}

/// Unix sockets with names: listeners and datagram sockets, each with an abstract name or a file. `first` is
/// the number in the first name.
pub fn bound_unix_sockets(number: usize, first: usize, directory: &Path) -> Vec<Opened> {
    let bound = |at: usize| {
        let (address, name) = match at % 2 {
            0 => {
                let name = format!("staying-{at}");
                (net::SocketAddr::from_abstract_name(&name), format!("@{name}"))
            }
            _ => {
                let path = directory.join(at.to_string());
                (net::SocketAddr::from_pathname(&path), path.display().to_string())
            }
        };
        let address = address.expect("an address");
        match at % 4 / 2 {
            0 => {
                let socket = UnixListener::bind_addr(&address).expect("bind");
                Opened::unix("LISTENING", &name, socket, None)
            }
            _ => {
                let socket = UnixDatagram::bind_addr(&address).expect("bind");
                Opened::unix("UNCONN", &name, socket, None)
            }
        }
    };
    (first..first + number).map(bound).collect()
}

/// Opens a socket that may have the address of others.
pub fn sharing_port(kind: Type, at: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, kind, None).expect("a socket");
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    socket.bind(&at.into()).expect("bind");
    if kind == Type::STREAM {
        socket.listen(16).expect("listen");
    }
    socket
}

/// TCP listeners with one address and one port, a quarter as many UDP sockets with one address, and as many
/// with one port and all sorts of addresses. Each group is in one slot of a table of the kernel.
pub fn sockets_of_one_slot(number: usize, at: SocketAddr) -> Vec<Opened> {
    let tcp = (0..number / 2)
        .map(|_| Opened::internet("tcp", "LISTEN", sharing_port(Type::STREAM, at), None));
    let same = (0..number / 4)
        .map(|_| Opened::internet("udp", "UNCONN", sharing_port(Type::DGRAM, at), None));
    let sorts = (0..number / 4).map(|n| {
        let ip = [127, 4, (n / 256) as u8, (n % 256) as u8];
        let socket = sharing_port(Type::DGRAM, (ip, at.port()).into());
        Opened::internet("udp", "UNCONN", socket, None)
    });
    tcp.chain(same).chain(sorts).collect()
}
