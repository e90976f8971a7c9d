//! Sockets of every kind that has a lock, and how they are found in the output.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::libc;
use nix::sys::socket::{send, MsgFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::task::Stuck;
use crate::common::scene::inode;
use crate::common::{self, btf_has, has_mptcp, not_tested, number, set, set_bytes};

/// A socket that must have a row.
#[derive(Debug)]
pub struct Shown {
    /// The letter of its family: `t`, `u`, `x`, and `m` for MPTCP.
    pub kind: char,
    pub inode: u64,
    /// The ends of its addresses in a table, such as `:7000` and `:*`.
    pub ports: Option<[String; 2]>,
}

/// A socket whose lock is to be held, and the call that holds it.
struct Victim {
    name: &'static str,
    socket: OwnedFd,
    call: fn(&OwnedFd, &'static [u8]),
}

/// Sockets, some of which will be locked.
#[derive(Default)]
pub struct Scene {
    pub shown: Vec<Shown>,
    victims: Vec<Victim>,
    stuck: Vec<Stuck>,
    kept: Vec<OwnedFd>,
}

impl Scene {
    /// A connection whose client sends, beside its listener and its peer.
    pub fn add_tcp_connection(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let (client, server) = common::connect(&listener, Ipv4Addr::LOCALHOST.into());
        let ends = [local(&client), local(&server)];
        self.show('t', &listener, Some((ends[1], None)));
        self.show('t', &server, Some((ends[1], Some(ends[0]))));
        self.show('t', &client, Some((ends[0], Some(ends[1]))));
        self.kept.extend([listener.into(), server.into()]);
        self.add_victim("TCP connection", client, send_all);
    }

    pub fn add_tcp_listener(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        self.show('t', &listener, Some((local(&listener), None)));
        self.add_victim("TCP listener", listener, attach_filter);
    }

    pub fn add_udp_over_ipv4(&mut self) {
        self.add_udp("UDP over IPv4", Ipv4Addr::LOCALHOST.into());
    }

    pub fn add_udp_over_ipv6(&mut self) {
        self.add_udp("UDP over IPv6", Ipv6Addr::LOCALHOST.into());
    }

    /// A connected socket with UDP_CORK, without which send(2) copies the data before it takes the lock.
    fn add_udp(&mut self, name: &'static str, ip: IpAddr) {
        let [receiver, sender] = [0; 2].map(|port| UdpSocket::bind((ip, port)).expect("bind"));
        let to = local(&receiver);
        sender.connect(to).expect("connect");
        set(&sender, libc::IPPROTO_UDP, libc::UDP_CORK, 1).expect("UDP_CORK");
        self.show('u', &receiver, Some((to, None)));
        self.show('u', &sender, Some((local(&sender), Some(to))));
        self.kept.push(receiver.into());
        self.add_victim(name, sender, send_all);
    }

    /// A connected pair, of which one is locked, unless the kernel's iterator is the only way to read the table.
    /// It takes the locks. Before Linux 6.0, all namespaces have one table, and none is in their structure.
    pub fn add_unix(&mut self) {
        let (one, other) = UnixStream::pair().expect("a pair");
        self.show('x', &one, None);
        self.show('x', &other, None);
        self.kept.push(other.into());
        match btf_has("unix_table") {
            true => self.add_victim("unix", one, attach_filter),
            false => {
                not_tested(
                    "a locked unix socket: only an iterator reads this kernel's table of them",
                );
                self.kept.push(one.into());
            }
        }
    }

    pub fn add_mptcp(&mut self) {
        if !has_mptcp("a locked MPTCP socket") {
            return;
        }
        let open = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
        let [listener, client] = [(); 2].map(|()| open().expect("an MPTCP socket"));
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("bind");
        listener.listen(1).expect("listen");
        client.connect(&listener.local_addr().expect("an address")).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        let ends = [local(&client), local(&server)];
        self.show('m', &server, Some((ends[1], Some(ends[0]))));
        self.show('m', &client, Some((ends[0], Some(ends[1]))));
        self.kept.extend([listener.into(), server.into()]);
        self.add_victim("MPTCP", client, send_all);
    }

    fn show(
        &mut self,
        kind: char,
        socket: &impl AsFd,
        ends: Option<(SocketAddr, Option<SocketAddr>)>,
    ) {
        let word = |end: Option<SocketAddr>| match end {
            Some(end) => format!(":{}", end.port()),
            None => ":*".into(),
        };
        let ports = ends.map(|(local, remote)| [word(Some(local)), word(remote)]);
        self.shown.push(Shown { kind, inode: inode(socket), ports });
    }

    fn add_victim(
        &mut self,
        name: &'static str,
        socket: impl Into<OwnedFd>,
        call: fn(&OwnedFd, &'static [u8]),
    ) {
        self.victims.push(Victim { name, socket: socket.into(), call });
    }

    /// Starts the calls that hold the locks.
    pub fn lock(&mut self) {
        let start = |victim: &Victim| Stuck::start(&victim.socket, victim.call);
        self.stuck = self.victims.iter().map(start).collect();
    }

    /// Prevents the release of the locks for another while.
    pub fn keep_locked(&self) {
        self.stuck.iter().for_each(Stuck::keep);
    }

    /// Releases the locks.
    pub fn release(&mut self) {
        self.stuck.clear();
    }

    /// The number of locked sockets.
    pub fn locked(&self) -> usize {
        self.stuck.len()
    }

    /// The sockets whose locks were not held all the time.
    pub fn unlocked(&self) -> impl Iterator<Item = &'static str> + '_ {
        let pairs = self.victims.iter().zip(&self.stuck);
        pairs.filter(|(_, stuck)| !stuck.is_locked()).map(|(victim, _)| victim.name)
    }
}

fn local(socket: &impl AsFd) -> SocketAddr {
    common::local_address(socket)
}

/// send(2) with data that does not arrive. It is sent once the data has arrived.
fn send_all(socket: &OwnedFd, data: &'static [u8]) {
    const LENGTH: usize = 1000; // no more than a datagram can have
    let sent = send(number(socket), &data[..LENGTH], MsgFlags::MSG_NOSIGNAL);
    assert_eq!(sent, Ok(LENGTH));
}

/// Attaches a filter whose instructions do not arrive. The kernel reads the structure that refers to them
/// before. It refuses them in the end, because they are zeros: net/core/filter.c, bpf_check_classic().
fn attach_filter(socket: &OwnedFd, instructions: &'static [u8]) {
    const SOL_SOCKET: i32 = 1;
    const SO_ATTACH_FILTER: i32 = 26;
    let mut program = [0; 16];
    program[..2].copy_from_slice(&1u16.to_ne_bytes());
    program[8..].copy_from_slice(&(instructions.as_ptr() as u64).to_ne_bytes());
    let refused = set_bytes(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program);
    let error = refused.expect_err("the filter does not end with a return");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}
