//! Sockets in every state that has options, in the test's own network namespace.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    bind, connect, listen, socket, AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage,
};

use crate::common;
use crate::getsockopt::{self, SECOND};
use crate::numbers::*;

/// A socket that disappears when it is closed. Otherwise, a lingering socket could wait for a peer that no
/// longer answers, and each connection would leave a TIME_WAIT socket behind.
pub struct Socket(OwnedFd);

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let reset = [1_i32.to_ne_bytes(), 0_i32.to_ne_bytes()].concat();
        let _ = knetstat::kernel::syscall::setsockopt(self.as_fd(), SOL_SOCKET, SO_LINGER, &reset);
    }
}

/// The addresses of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V4,
    V6,
    /// An IPv6 socket that is connected to an IPv4 address.
    Mapped,
}

impl Version {
    pub const ALL: [Version; 3] = [Version::V4, Version::V6, Version::Mapped];

    fn family(self) -> AddressFamily {
        match self {
            Version::V4 => AddressFamily::Inet,
            Version::V6 | Version::Mapped => AddressFamily::Inet6,
        }
    }

    fn loopback(self) -> IpAddr {
        match self {
            Version::V4 => Ipv4Addr::LOCALHOST.into(),
            Version::V6 => Ipv6Addr::LOCALHOST.into(),
            Version::Mapped => Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
        }
    }
}

/// The kind of a socket, which determines the options that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Tcp4,
    Tcp6,
    TcpMapped,
    Udp4,
    Udp6,
    UdpMapped,
}

impl Kind {
    /// Returns the name of the kind in messages.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Tcp4 => "tcp",
            Kind::Tcp6 => "tcp6",
            Kind::TcpMapped => "tcp6 mapped",
            Kind::Udp4 => "udp",
            Kind::Udp6 => "udp6",
            Kind::UdpMapped => "udp6 mapped",
        }
    }

    pub fn is_v6(self) -> bool {
        !matches!(self, Kind::Tcp4 | Kind::Udp4)
    }
}

/// A socket under test, and its history.
pub struct Subject {
    pub socket: Socket,
    pub kind: Kind,
    /// listening, connected ...
    pub state: &'static str,
    /// The options that were set, and when.
    pub story: String,
}

impl getsockopt::Subject for Subject {
    fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn kind(&self) -> &'static str {
        self.kind.word()
    }

    fn story(&self) -> String {
        format!("{}; set: {}", self.state, self.story)
    }

    /// A TCP socket that is neither listening nor connected is in no table. A peer that was bound to
    /// another device meanwhile, for example, answers with a reset.
    fn is_closed(&self) -> bool {
        const CLOSE: u8 = 7;
        let mut info = [0; 8]; // `struct tcp_info` begins with the state
        let socket = self.socket.as_fd();
        let length =
            knetstat::kernel::syscall::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &mut info);
        length.is_ok() && info[0] == CLOSE
    }
}

/// An action on a socket before it is bound or connected.
pub type Prepare<'a> = dyn FnMut(&mut Subject) + 'a;

/// Makes sockets in this thread's namespace.
pub struct Scene {
    port: Cell<u16>,
}

impl Scene {
    /// Moves the thread into a new namespace with a second interface.
    pub fn enter() -> Scene {
        common::enter_namespace();
        common::ip(&format!("link add second index {SECOND} type veth peer name other"));
        common::ip("link set second up");
        common::ip("link set other up");
        common::ip("address add 10.7.7.7/24 dev second");
        common::ip("address add 2001:db8::7/64 dev second nodad");
        // A connection that cannot be established fails soon.
        common::sysctl("net/ipv4/tcp_syn_retries", "1");
        Scene { port: Cell::new(1024) }
    }

    /// Makes a TCP listener, a connection to it and the accepted end.
    pub fn tcp(&self, version: Version, prepare: &mut Prepare) -> io::Result<Vec<Subject>> {
        let listener = self.listener(version, prepare)?;
        let mut client = self.subject(version, SockType::Stream, "connected");
        prepare(&mut client);
        match self.connect(&client.socket, self.there(version)) {
            Err(error) if error.raw_os_error() != Some(EINPROGRESS) => return Err(error),
            _ => {}
        }
        let accepted = Subject {
            socket: accept(&listener.socket, &client.socket)?,
            kind: client.kind,
            state: "accepted",
            story: listener.story.clone(),
        };
        Ok(vec![listener, client, accepted])
    }

    /// Makes a bound UDP socket, and a socket that is connected to it.
    pub fn udp(&self, version: Version, prepare: &mut Prepare) -> io::Result<Vec<Subject>> {
        let mut bound = self.subject(version, SockType::Datagram, "bound");
        prepare(&mut bound);
        self.bind(&bound.socket, version.loopback())?;
        let mut connected = self.subject(version, SockType::Datagram, "connected");
        prepare(&mut connected);
        self.connect(&connected.socket, self.there(version))?;
        Ok(vec![bound, connected])
    }

    fn listener(&self, version: Version, prepare: &mut Prepare) -> io::Result<Subject> {
        let mut listener = self.subject(version, SockType::Stream, "listening");
        prepare(&mut listener);
        // An IPv6 listener for IPv4 connections is dual-stack.
        let address = match version {
            Version::Mapped => Ipv6Addr::UNSPECIFIED.into(),
            _ => version.loopback(),
        };
        self.bind(&listener.socket, address)?;
        listen(&listener.socket, Backlog::new(64)?)?;
        Ok(listener)
    }

    /// Returns a new socket.
    pub fn subject(&self, version: Version, kind: SockType, state: &'static str) -> Subject {
        // The listener is non-blocking, so that a connection that does not arrive is noticed.
        let flags = match state {
            "listening" => SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            _ => SockFlag::SOCK_CLOEXEC,
        };
        let socket = socket(version.family(), kind, flags, None);
        let kind = match (kind, version) {
            (SockType::Stream, Version::V4) => Kind::Tcp4,
            (SockType::Stream, Version::V6) => Kind::Tcp6,
            (SockType::Stream, Version::Mapped) => Kind::TcpMapped,
            (_, Version::V4) => Kind::Udp4,
            (_, Version::V6) => Kind::Udp6,
            (_, Version::Mapped) => Kind::UdpMapped,
        };
        let socket = Socket(socket.expect("sockets can be made"));
        Subject { socket, kind, state, story: String::new() }
    }

    /// Binds to a port that is not in use.
    pub fn bind(&self, socket: &Socket, address: IpAddr) -> io::Result<()> {
        loop {
            let port = self.port.get().checked_add(1).unwrap_or(1025);
            self.port.set(port);
            let address = SockaddrStorage::from(SocketAddr::new(address, port));
            match bind(common::number(socket), &address) {
                // A connection may be using the port.
                Err(Errno::EADDRINUSE) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Returns the address of the socket that was bound last.
    pub fn there(&self, version: Version) -> SocketAddr {
        SocketAddr::new(version.loopback(), self.port.get())
    }

    /// connect(2).
    pub fn connect(&self, socket: &Socket, address: SocketAddr) -> io::Result<()> {
        Ok(connect(common::number(socket), &SockaddrStorage::from(address))?)
    }
}

/// Accepts the connection of `client`. With TCP_DEFER_ACCEPT it arrives only with data, and with
/// TCP_FASTOPEN_CONNECT only data starts it.
fn accept(listener: &Socket, client: &Socket) -> io::Result<Socket> {
    let deadline = Instant::now() + Duration::from_secs(2);
    let listener = TcpListener::from(listener.as_fd().try_clone_to_owned()?);
    let mut nudged = false;
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(Socket(stream.into())),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) if !nudged => {
                nudged = true;
                nix::unistd::write(client, b"!")?;
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}
