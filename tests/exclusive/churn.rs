//! Sockets that stay open while others are opened and closed at full speed: each is shown once in every
//! run.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::common::scene::inode;
use crate::common::{self, enter_namespace, say, set_bytes, stdout, walks_are_exact, Child};
use crate::exclusive;
use nix::sys::resource::{getrlimit, setrlimit, Resource};

const STAYING: usize = 20_000;
const RUNS: usize = 50;
/// The number of runs for unix sockets, whose table cannot be iterated exactly.
const UNIX_RUNS: usize = 15;

/// The sockets that stay open: their inodes, and the processes that hold them until this is dropped. One
/// process may not have enough descriptors for all.
struct Staying {
    inodes: Vec<u64>,
    _holders: Vec<Child>,
}

impl Staying {
    /// Opens the sockets. `some` opens a part of them.
    fn open(some: impl Fn(usize) -> Vec<OwnedFd>) -> Staying {
        const PART: usize = 5_000;
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("getrlimit");
        setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("setrlimit");
        let (mut inodes, mut holders) = (Vec::new(), Vec::new());
        while inodes.len() < STAYING {
            let sockets = some(PART);
            inodes.extend(sockets.iter().map(inode));
            holders.push(Child::fork());
        }
        Staying { inodes, _holders: holders }
    }
}

/// A thread that opens and closes sockets until it is stopped.
struct Churn {
    stop: Sender<()>,
    thread: JoinHandle<usize>,
}

impl Churn {
    /// Starts to open and close sockets in this thread's namespace, and counts them.
    fn start(open_and_close: impl Fn() + Send + 'static) -> Churn {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut count = 0;
            while stopped.recv_timeout(Duration::ZERO) == Err(RecvTimeoutError::Timeout) {
                open_and_close();
                count += 1;
            }
            count
        });
        Churn { stop, thread }
    }

    fn stop(self) -> usize {
        drop(self.stop);
        self.thread.join().expect("nothing went wrong beside")
    }
}

/// Sets SO_LINGER to 0, so that close(2) resets the connection and leaves no socket behind.
fn reset_on_close(socket: &TcpStream) {
    set_bytes(socket, 1, 13, &[1, 0, 0, 0, 0, 0, 0, 0]).expect("SO_LINGER");
}

/// Opens sockets: half of them ends of TCP connections, half UDP sockets.
fn internet_sockets(listener: &TcpListener, number: usize) -> Vec<OwnedFd> {
    let mut sockets: Vec<OwnedFd> = Vec::new();
    while sockets.len() < number / 2 {
        let (client, server) = common::connect(listener, [127, 0, 0, 1].into());
        sockets.extend([client.into(), server.into()]);
    }
    while sockets.len() < number {
        sockets.push(UdpSocket::bind("127.0.0.2:0").expect("bind").into());
    }
    sockets
}

fn unix_pairs(number: usize) -> Vec<OwnedFd> {
    let pairs = (0..number / 2).map(|_| UnixStream::pair().expect("a pair"));
    pairs.flat_map(|(one, other)| [one.into(), other.into()]).collect()
}

/// Returns how many times each inode is in the output.
fn shown(arguments: &str) -> HashMap<u64, usize> {
    let mut shown = HashMap::new();
    for line in stdout(arguments).lines() {
        let (_, rest) = line.split_once("\"inode\":").expect("an inode");
        // null for a connection that is not accepted, or closed.
        if let Ok(inode) = rest.split(',').next().unwrap_or_default().parse() {
            *shown.entry(inode).or_default() += 1;
        }
    }
    shown
}

/// Returns the number of sockets missed in all runs together. Asserts that no socket is shown twice.
fn missed(staying: &Staying, runs: usize, arguments: &str) -> usize {
    let mut missed = 0;
    for run in 0..runs {
        let shown = shown(arguments);
        let twice = shown.iter().find(|(_, count)| **count > 1);
        assert_eq!(twice, None, "run {run}: a socket is shown more than once");
        missed += staying.inodes.iter().filter(|inode| !shown.contains_key(inode)).count();
    }
    missed
}

#[test]
fn tcp_and_udp_sockets() {
    let _turn = exclusive();
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:7000").expect("bind");
    let staying = Staying::open(|number| internet_sockets(&listener, number));
    let target = TcpListener::bind("127.0.0.3:7000").expect("bind");
    let churn = Churn::start(move || {
        let (client, server) = common::connect(&target, [127, 0, 0, 3].into());
        reset_on_close(&client);
        let udp = UdpSocket::bind("127.0.0.4:0").expect("bind");
        drop((client, server, udp));
    });
    let missed = missed(&staying, RUNS, "--ndjson -O nodelay");
    let count = churn.stop();
    say(&format!("churn: {missed} of {STAYING} TCP and UDP sockets missed in {RUNS} runs, {count} opened and closed thrice"));
    assert!(count > RUNS * 10, "a churn of {count}");
    if walks_are_exact() {
        assert_eq!(missed, 0);
    } else {
        // Iterators of this kernel may miss sockets, but rarely.
        assert!(missed < STAYING * RUNS / 100, "{missed} were missed");
    }
}

#[test]
fn unix_sockets() {
    let _turn = exclusive();
    enter_namespace();
    let staying = Staying::open(unix_pairs);
    let churn = Churn::start(|| drop(unix_pairs(2)));
    let missed = missed(&staying, UNIX_RUNS, "-x --ndjson -O passcred");
    let count = churn.stop();
    say(&format!("churn: {missed} of {STAYING} unix sockets missed in {UNIX_RUNS} runs, {count} pairs opened and closed"));
    assert!(count > UNIX_RUNS * 10, "a churn of {count}");
    assert_eq!(missed, 0, "all of them have a descriptor, by which they are found");
}
