//! Sockets in every state, and their rows in /proc/net.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use nix::sys::socket::{AddressFamily, SockType};
use serde_json::Value;

use super::ways::NO_WALKS;
use super::{begin_connecting, connect, deafen, open, proc_net, sockets, wait_until};

/// The properties of a socket that both /proc/net and knetstat show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub protocol: String,
    pub state: String,
    pub local: (IpAddr, u16),
    pub remote: (IpAddr, u16),
    pub recv_queue: u64,
    pub send_queue: u64,
    pub drops: u64,
    pub uid: u64,
    pub inode: u64,
}

/// The files that the kernel module and /proc/net have in common.
pub const FILES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];

/// The rows of /proc/net in this thread's namespace, sorted.
pub fn proc_rows() -> Vec<Row> {
    let mut rows: Vec<Row> = FILES
        .iter()
        .flat_map(|file| {
            let text = proc_net(file);
            text.lines().skip(1).map(|line| proc_row(file, line)).collect::<Vec<_>>()
        })
        .collect();
    rows.sort();
    rows
}

/// Parses a line of /proc/net/tcp or a similar file: net/ipv4/tcp_ipv4.c, get_tcp4_sock().
fn proc_row(file: &str, line: &str) -> Row {
    let words: Vec<&str> = line.split_whitespace().collect();
    let hex = |word: &str| u64::from_str_radix(word, 16).expect("a number in hexadecimal");
    let (send_queue, recv_queue) = words[4].split_once(':').expect("two queues");
    let udp = file.starts_with("udp");
    Row {
        protocol: file.into(),
        state: state_word(udp, hex(words[3])).into(),
        local: proc_address(words[1]),
        remote: proc_address(words[2]),
        recv_queue: hex(recv_queue),
        send_queue: hex(send_queue),
        drops: if udp { words[12].parse().expect("drops") } else { 0 },
        uid: words[7].parse().expect("a uid"),
        inode: words[9].parse().expect("an inode"),
    }
}

/// Parses `0100007F:0016`: 32-bit words in host byte order, then the port.
fn proc_address(text: &str) -> (IpAddr, u16) {
    let (address, port) = text.split_once(':').expect("an address and a port");
    let bytes: Vec<u8> = (0..address.len())
        .step_by(8)
        .flat_map(|at| {
            let word = u32::from_str_radix(&address[at..at + 8], 16).expect("an address");
            word.to_ne_bytes()
        })
        .collect();
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).expect("16 bytes"))),
    };
    (address, u16::from_str_radix(port, 16).expect("a port"))
}

/// Returns netstat's name for a state number of /proc/net: include/net/tcp_states.h.
fn state_word(udp: bool, number: u64) -> &'static str {
    match (udp, number) {
        (true, 7) => "UNCONN",
        (_, 1) => "ESTABLISHED",
        (false, 2) => "SYN_SENT",
        (false, 3) => "SYN_RECV",
        (false, 4) => "FIN_WAIT1",
        (false, 5) => "FIN_WAIT2",
        (false, 6) => "TIME_WAIT",
        (false, 8) => "CLOSE_WAIT",
        (false, 9) => "LAST_ACK",
        (false, 10) => "LISTEN",
        (false, 11) => "CLOSING",
        _ => panic!("state {number} in /proc/net"),
    }
}

/// Returns the same properties from the output of knetstat, sorted.
pub fn shown_rows(sockets: &[Value]) -> Vec<Row> {
    let mut rows: Vec<Row> = sockets.iter().map(shown_row).collect();
    rows.sort();
    rows
}

fn shown_row(socket: &Value) -> Row {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{socket}")).to_string();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{socket}"));
    let end = |end: &Value| {
        let address = text(&end["address"]).parse().expect("an address");
        (address, u16::try_from(number(&end["port"])).expect("a port"))
    };
    Row {
        protocol: text(&socket["protocol"]),
        state: text(&socket["state"]),
        local: end(&socket["local"]),
        remote: end(&socket["remote"]),
        recv_queue: number(&socket["recv_queue"]),
        send_queue: number(&socket["send_queue"]),
        // /proc/net/tcp has no drops
        drops: if socket["type"] == "dgram" { number(&socket["drops"]) } else { 0 },
        // /proc has 0 for a user that the kernel does not keep.
        uid: socket["uid"].as_u64().unwrap_or_default(),
        inode: socket["inode"].as_u64().unwrap_or_default(),
    }
}

/// Asserts that knetstat shows exactly the rows of /proc/net, of which there must be at least one, with and
/// without walks, and returns the output of knetstat. The send queue of a listener is its backlog limit, which /proc does not
/// have.
pub fn assert_same_rows() -> Vec<Value> {
    for _ in 0..10 {
        let listed = proc_rows();
        let (shown, iterated) = (sockets(""), sockets(NO_WALKS));
        if listed == proc_rows() {
            assert_rows(&iterated, listed.clone());
            assert_rows(&shown, listed);
            return shown;
        }
        // The sockets have changed between the two reads.
    }
    panic!("/proc/net does not come to rest");
}

fn assert_rows(shown: &[Value], mut listed: Vec<Row>) {
    assert!(!listed.is_empty(), "there is no socket to compare");
    let mut rows = shown_rows(shown);
    rows.iter_mut().filter(|row| row.state == "LISTEN").for_each(|row| row.send_queue = 0);
    // Compared without the users, so that equal rows are at the same position.
    let without_uid = |row: &Row| Row { uid: 0, ..row.clone() };
    rows.sort_by_key(|row| (without_uid(row), row.uid));
    listed.sort_by_key(|row| (without_uid(row), row.uid));
    let all_without = |rows: &[Row]| rows.iter().map(without_uid).collect::<Vec<_>>();
    assert_eq!(all_without(&rows), all_without(&listed));
    for (row, listed) in rows.iter().zip(&listed) {
        // Older kernels such as 6.12 look the user up in the inode, and list 0 for a socket that is not
        // accepted or is closed. knetstat still finds the user.
        let is_lost = listed.inode == 0 && listed.uid == 0;
        assert!(row.uid == listed.uid || is_lost, "{row:?} is not of {}", listed.uid);
    }
}

/// TCP sockets in every state: a listener at one address, and connections to another address.
pub struct EveryState {
    listener: TcpListener,
    target: IpAddr,
    /// Descriptors that must stay open.
    kept: Vec<OwnedFd>,
    /// The states of the sockets.
    pub states: Vec<&'static str>,
}

impl EveryState {
    /// Opens the sockets, and waits until the kernel has them in their states.
    pub fn new(at: IpAddr, target: IpAddr) -> EveryState {
        let before = proc_rows().len();
        let listener = TcpListener::bind((at, 0)).expect("bind");
        let mut scene = EveryState { listener, target, kept: Vec::new(), states: vec!["LISTEN"] };
        scene.established();
        scene.half_closed();
        scene.unanswered_fins();
        scene.closed();
        scene.orphan();
        scene.opening();
        scene.states.sort_unstable();
        wait_until("every state is there", || proc_rows().len() - before == scene.states.len());
        scene
    }

    /// The address at which the connections reach the listener.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.target, self.listener.local_addr().expect("an address").port())
    }

    fn pair(&self) -> (TcpStream, TcpStream) {
        connect(&self.listener, self.target)
    }

    fn keep(&mut self, socket: impl Into<OwnedFd>, state: &'static str) {
        self.kept.push(socket.into());
        self.states.push(state);
    }

    fn established(&mut self) {
        let (client, server) = self.pair();
        self.keep(client, "ESTABLISHED");
        self.keep(server, "ESTABLISHED");
    }

    /// One side has closed its direction. The other has not closed yet.
    fn half_closed(&mut self) {
        let (client, server) = self.pair();
        client.shutdown(Shutdown::Write).expect("shutdown");
        self.keep(client, "FIN_WAIT2");
        self.keep(server, "CLOSE_WAIT");
    }

    /// The last segment of one side is never acknowledged, because the other is deaf.
    fn unanswered_fins(&mut self) {
        let (client, server) = self.pair();
        deafen(&server);
        client.shutdown(Shutdown::Write).expect("shutdown");
        self.keep(client, "FIN_WAIT1");
        self.keep(server, "ESTABLISHED");

        // Both sides close at the same time, and the server does not receive the client's FIN.
        let (client, server) = self.pair();
        deafen(&server);
        client.shutdown(Shutdown::Write).expect("shutdown");
        server.shutdown(Shutdown::Write).expect("shutdown");
        self.keep(client, "CLOSING");
        self.keep(server, "FIN_WAIT1");

        let (client, server) = self.pair();
        client.shutdown(Shutdown::Write).expect("shutdown");
        wait_for_state(&client, "FIN_WAIT2");
        deafen(&client);
        server.shutdown(Shutdown::Write).expect("shutdown");
        self.keep(client, "FIN_WAIT2");
        self.keep(server, "LAST_ACK");
    }

    /// Leaves only mini-sockets: TIME_WAIT, and a FIN_WAIT2 whose process is gone.
    fn closed(&mut self) {
        let (client, server) = self.pair();
        client.shutdown(Shutdown::Write).expect("shutdown");
        wait_for_state(&client, "FIN_WAIT2");
        drop(server);
        drop(client);
        self.states.push("TIME_WAIT");

        let (client, server) = self.pair();
        drop(client);
        self.states.push("FIN_WAIT2");
        self.keep(server, "CLOSE_WAIT");
    }

    /// Closes with data that the peer never acknowledges: the socket remains without a process.
    fn orphan(&mut self) {
        let (mut client, server) = self.pair();
        deafen(&server);
        client.write_all(b"never heard").expect("write");
        drop(client);
        self.states.push("FIN_WAIT1");
        self.keep(server, "ESTABLISHED");
    }

    /// Begins handshakes that never complete.
    fn opening(&mut self) {
        let family = match self.target {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        // The client does not receive the SYN-ACK.
        let client = open(family, SockType::Stream);
        deafen(&client);
        begin_connecting(&client, self.address());
        self.keep(client, "SYN_SENT");
        self.states.push("SYN_RECV");

        // Nothing receives the SYN.
        let deaf = TcpListener::bind((self.listener.local_addr().expect("an address").ip(), 0));
        let deaf = deaf.expect("bind");
        deafen(&deaf);
        let client = open(family, SockType::Stream);
        let port = deaf.local_addr().expect("an address").port();
        begin_connecting(&client, SocketAddr::new(self.target, port));
        self.keep(deaf, "LISTEN");
        self.keep(client, "SYN_SENT");
    }
}

/// Waits until /proc/net has the socket in this state.
pub fn wait_for_state(socket: &impl AsFd, state: &str) {
    let inode = inode(socket);
    wait_until(state, || proc_rows().iter().any(|row| row.inode == inode && row.state == state));
}

/// The inode number of a socket.
pub fn inode(socket: &impl AsFd) -> u64 {
    nix::sys::stat::fstat(socket.as_fd()).expect("fstat").st_ino
}

/// Closes sockets in parallel. close(2) of a packet socket waits about ten milliseconds for an RCU grace period:
/// net/packet/af_packet.c, packet_release().
pub fn close<T: Send>(mut sockets: Vec<T>) {
    const OF_ONE_THREAD: usize = 8;
    thread::scope(|scope| {
        while !sockets.is_empty() {
            let some = sockets.split_off(sockets.len().saturating_sub(OF_ONE_THREAD));
            scope.spawn(|| drop(some));
        }
    });
}
