//! The sockets, and the processes that hold them. These sleep while something is measured.

use std::env;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context};
use knetstat::kernel::family::Family;
use nix::sched::{unshare, CloneFlags};
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use socket2::SockRef;

/// The hidden argument of a process that holds sockets.
pub const HOLD: &str = "--hold";

/// The most sockets that a process holds.
const HELD: usize = 16_000;

/// The descriptors that such a process needs besides.
const SPARE: u64 = 100;

/// The first port of UDP sockets. All ports of a process are below those that the kernel chooses.
const FIRST_PORT: u16 = 10_000;

/// How long new connections are left alone. The timer of a SYN (TCP_TIMEOUT_INIT, a second) is not removed by its answer.
/// Those of thousands of connections expire in the same interrupt, which was seen to take 1.5 ms.
const SETTLING: Duration = Duration::from_millis(1500);

/// The protocol of the sockets.
#[derive(Clone, Copy)]
pub enum Kind {
    Tcp,
    Udp,
    Unix,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Tcp, Kind::Udp, Kind::Unix];

    pub fn family(self) -> Family {
        match self {
            Kind::Tcp => Family::Tcp,
            Kind::Udp => Family::Udp,
            Kind::Unix => Family::Unix,
        }
    }

    /// The name of the protocol in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Tcp => "TCP",
            Kind::Udp => "UDP",
            Kind::Unix => "unix",
        }
    }

    /// The kind with this name.
    pub fn of(title: &str) -> anyhow::Result<Kind> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.title() == title);
        kind.with_context(|| format!("no kind of sockets: {title}"))
    }
}

/// Moves this thread into a new network namespace, whose loopback interface is up.
pub fn enter_namespace() -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("run this as root")?;
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    ensure!(status.context("ip(8) is required")?.success(), "ip(8) fails");
    Ok(())
}

/// The sockets, until the value is dropped.
pub struct Scene {
    kind: Kind,
    count: usize,
    holders: Vec<Child>,
}

impl Scene {
    /// No sockets.
    pub fn new(kind: Kind) -> Scene {
        Scene { kind, count: 0, holders: Vec::new() }
    }

    /// Opens more sockets, until there are `count`.
    pub fn grow(&mut self, count: usize) -> anyhow::Result<()> {
        let first = self.holders.len();
        while self.count < count {
            let more = HELD.min(count - self.count);
            let mut command = Command::new(env::current_exe()?);
            command.args([HOLD, self.kind.title()]);
            command.args([self.holders.len().to_string(), more.to_string()]);
            self.holders.push(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
            self.count += more;
        }
        for holder in &mut self.holders[first..] {
            let mut ready = [0];
            let output = holder.stdout.as_mut().context("a pipe")?;
            output.read_exact(&mut ready).context("a process cannot open its sockets")?;
        }
        if matches!(self.kind, Kind::Tcp) {
            thread::sleep(SETTLING);
        }
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // They end with their input, all at once.
        self.holders.iter_mut().for_each(|holder| drop(holder.stdin.take()));
        for holder in &mut self.holders {
            let _ = holder.wait();
        }
    }
}

/// Opens sockets and holds them until the input ends. `number` is that of the process.
pub fn hold(kind: Kind, number: u8, count: usize) -> anyhow::Result<()> {
    let needed = count as u64 + SPARE;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, needed, hard.max(needed)).context("the limit of files")?;
    match kind {
        Kind::Tcp => wait(tcp(number, count)?),
        Kind::Udp => wait(udp(number, count)?),
        Kind::Unix => wait(unix(number, count)?),
    }
}

fn wait<T>(_sockets: T) -> anyhow::Result<()> {
    io::stdout().write_all(b"\n")?;
    io::stdout().flush()?;
    match io::stdin().read(&mut [0])? {
        0 => Ok(()),
        _ => bail!("the input is not read"),
    }
}

/// Connections between one or two listeners and their clients. All clients have TCP_NODELAY, and every second
/// connection has SO_KEEPALIVE on both ends.
fn tcp(number: u8, count: usize) -> anyhow::Result<(Vec<TcpListener>, Vec<TcpStream>)> {
    let address = |n: usize| (Ipv4Addr::new(127, 1, number, 1 + n as u8), 0);
    let listeners: Vec<TcpListener> =
        (0..2 - count % 2).map(|n| TcpListener::bind(address(n))).collect::<Result<_, _>>()?;
    let mut streams = Vec::new();
    for n in 0..(count - listeners.len()) / 2 {
        let listener = &listeners[n / 2 % listeners.len()];
        let client = TcpStream::connect(listener.local_addr()?)?;
        client.set_nodelay(true)?;
        let (server, _) = listener.accept()?;
        for stream in [client, server] {
            SockRef::from(&stream).set_keepalive(n % 2 == 0)?;
            streams.push(stream);
        }
    }
    Ok((listeners, streams))
}

fn udp(number: u8, count: usize) -> anyhow::Result<Vec<UdpSocket>> {
    let address = |n| (Ipv4Addr::new(127, 2, number, 1), FIRST_PORT + n as u16);
    Ok((0..count).map(|n| UdpSocket::bind(address(n))).collect::<Result<_, _>>()?)
}

/// Unix sockets: half of them pairs, half of them with a name.
fn unix(number: u8, count: usize) -> anyhow::Result<Vec<UnixDatagram>> {
    let mut sockets = Vec::new();
    for n in 0..count / 4 {
        let (one, other) = UnixDatagram::pair()?;
        sockets.extend([one, other]);
        sockets.push(named(number, n)?);
        sockets.push(named(number, count + n)?);
    }
    for n in sockets.len()..count {
        sockets.push(named(number, 2 * count + n)?);
    }
    Ok(sockets)
}

fn named(number: u8, n: usize) -> anyhow::Result<UnixDatagram> {
    let address = SocketAddr::from_abstract_name(format!("knetstat-bench-{number}-{n}"))?;
    Ok(UnixDatagram::bind_addr(&address)?)
}
