//! Processes that hold sockets: copies of this test program that execute commands. They read one command a
//! line from a socket that is their standard input, and end when it is closed, so at the latest with the
//! test.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io::{BufRead, BufReader, IoSlice, IoSliceMut, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram, UnixStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use io_uring::types::{self, DestinationSlot};
use io_uring::{opcode, squeue, IoUring};
use nix::fcntl::{fcntl, FcntlArg, FdFlag, OFlag};
use nix::libc;
use nix::sched::{unshare, CloneFlags};
use nix::sys::signal::{sigaction, SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::socket::{recvmsg, sendmsg, ControlMessage, ControlMessageOwned, MsgFlags};
use socket2::{Domain, Protocol, Socket, Type};

use crate::common::KNETSTAT;

/// The environment variable that makes the test program a puppet.
const PUPPET: &str = "KNETSTAT_TEST_PUPPET";

/// A process that executes commands.
pub struct Puppet {
    child: Child,
    wire: BufReader<UnixStream>,
}

impl Puppet {
    /// Starts a child of this process in the namespaces of this thread.
    pub fn new() -> Puppet {
        Puppet::start(&[])
    }

    /// Starts the first process of a PID namespace that is so many levels below this one, with its own
    /// /proc.
    pub fn in_pid_namespace(depth: usize) -> Puppet {
        // The program that unshare(1) starts is killed with unshare(1).
        Puppet::start(&["unshare", "-pf", "--kill-child", "--mount-proc"].repeat(depth))
    }

    fn start(wrapper: &[&str]) -> Puppet {
        let program = std::env::current_exe().expect("this program has a path");
        let program = program.to_str().expect("a path in UTF-8");
        let words =
            [wrapper, &[program, "--ignored", "--exact", "owners::puppet::puppet", "--nocapture"]]
                .concat();
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        ours.set_read_timeout(Some(Duration::from_secs(20))).expect("SO_RCVTIMEO");
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env(PUPPET, "").stdin(OwnedFd::from(theirs));
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", words[0]));
        Puppet { child, wire: BufReader::new(ours) }
    }

    /// Executes a command and returns the answer.
    pub fn ask(&mut self, command: &str) -> String {
        let mut line = String::new();
        let asked = writeln!(self.wire.get_mut(), "{command}");
        let answered = asked.and_then(|()| self.wire.read_line(&mut line));
        assert!(matches!(answered, Ok(1..)), "'{command}' is not answered: {answered:?}");
        serde_json::from_str(&line).expect("the answer is a string in JSON")
    }

    /// Executes a command whose answer is a number.
    pub fn number(&mut self, command: &str) -> u32 {
        let answer = self.ask(command);
        answer.parse().unwrap_or_else(|_| panic!("'{command}' gave {answer}"))
    }

    /// Returns the PID. Only for a puppet in the same PID namespace.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        // If the process has ended by itself, there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program of a puppet.
#[test]
#[ignore = "the tests of owners start it"]
fn puppet() {
    assert!(std::env::var_os(PUPPET).is_some(), "only the tests of owners start this");
    crate::common::permit_descriptors(4_096);
    let wire = std::io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
    let mut wire = UnixStream::from(wire);
    let commands = BufReader::new(wire.try_clone().expect("a descriptor")).lines();
    let mut stage = Stage::default();
    for command in commands {
        let command = command.expect("a command");
        let words: Vec<&str> = command.split(' ').collect();
        let answer = stage.obey(&words).unwrap_or_else(|error| panic!("{command}: {error}"));
        let answer = serde_json::to_string(&answer).expect("a string in JSON");
        writeln!(wire, "{answer}").expect("somebody listens");
    }
}

/// The descriptors, threads and children of a puppet.
#[derive(Default)]
struct Stage {
    sockets: HashMap<RawFd, Socket>,
    many: Vec<Socket>,
    posts: Vec<UnixDatagram>,
    heirs: Vec<Heir>,
    rings: HashMap<RawFd, IoUring>,
    churn: Option<Churn>,
}

impl Stage {
    fn obey(&mut self, words: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
        Ok(match words {
            // Sockets. The answer is the number of the descriptor.
            ["listen", protocol, address] => self.keep(listen(protocol, address)?),
            ["connect", protocol, address] => {
                let address: SocketAddr = address.parse()?;
                let socket = stream(protocol, address)?;
                socket.connect(&address.into())?;
                self.keep(socket)
            }
            ["accept", fd] => {
                let (socket, _) = self.socket(fd)?.accept()?;
                self.keep(socket)
            }
            ["udp", address] => self.keep(udp(address)?),
            // A socket that is not bound, with so many memberships.
            ["udp-member", count] => {
                let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
                for n in 0..count.parse()? {
                    let group = Ipv4Addr::from(u32::from(Ipv4Addr::new(239, 1, 0, 0)) + n);
                    socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
                }
                self.keep(socket)
            }
            ["many", count] => {
                for n in 0..count.parse()? {
                    self.many.push(match n % 4 {
                        0 => udp("127.0.0.1:0")?,
                        1 => udp("[::1]:0")?,
                        2 => listen("tcp", "127.0.0.1:0")?,
                        _ => listen("tcp", "[::1]:0")?,
                    });
                }
                String::new()
            }
            ["close", fd] => {
                let fd: RawFd = fd.parse()?;
                match self.sockets.remove(&fd) {
                    Some(socket) => drop(socket),
                    None => nix::unistd::close(fd)?,
                }
                String::new()
            }

            // Descriptors
            ["duplicate", fd, least] => {
                let fd = fcntl(self.socket(fd)?, FcntlArg::F_DUPFD_CLOEXEC(least.parse()?))?;
                fd.to_string()
            }
            ["nonblock", fd, on] => {
                self.socket(fd)?.set_nonblocking(*on == "on")?;
                String::new()
            }
            ["append", fd] => {
                fcntl(self.socket(fd)?, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
                String::new()
            }
            ["bequeath", fd] => {
                let heir = Heir::of(self.socket(fd)?)?;
                let pid = heir.0.id();
                self.heirs.push(heir);
                pid.to_string()
            }
            ["post", name] => {
                self.posts.push(UnixDatagram::bind_addr(&post(name)?)?);
                String::new()
            }
            ["send", fd, name] => {
                let sender = UnixDatagram::unbound()?;
                sender.connect_addr(&post(name)?)?;
                let fds = [self.socket(fd)?.as_raw_fd()];
                let rights = [ControlMessage::ScmRights(&fds)];
                let text = [IoSlice::new(b"take this")];
                sendmsg::<()>(sender.as_raw_fd(), &text, &rights, MsgFlags::empty(), None)?;
                String::new()
            }
            ["receive"] => receive(self.posts.last().ok_or("no post")?)?.to_string(),

            // Files that are registered with an io_uring. The answers are those of the kernel: the descriptor of
            // the ring, or a negative error number.
            ["ring", slots] => {
                let ring = IoUring::new(8)?;
                let free = vec![-1; slots.parse()?];
                ring.submitter().register_files(&free)?;
                let fd = ring.as_raw_fd();
                self.rings.insert(fd, ring);
                fd.to_string()
            }
            ["register", ring, slot, fd] => {
                let fds = [self.socket(fd)?.as_raw_fd()];
                let ring = self.rings.get(&ring.parse()?).ok_or("no such ring")?;
                ring.submitter().register_files_update(slot.parse()?, &fds)?.to_string()
            }
            ["ring-socket", ring, slot, protocol] => {
                let (kind, protocol) = match *protocol {
                    "tcp" => (libc::SOCK_STREAM, libc::IPPROTO_TCP),
                    "udp" => (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
                    "raw" => (libc::SOCK_RAW, libc::IPPROTO_ICMP),
                    _ => return Err("no such protocol".into()),
                };
                let slot =
                    DestinationSlot::try_from_slot_target(slot.parse()?).map_err(|_| "slot")?;
                let entry = opcode::Socket::new(libc::AF_INET, kind, protocol);
                self.submit(ring, entry.file_index(Some(slot)).build())?
            }
            ["ring-accept", ring, slot, fd] => {
                let listener = types::Fd(self.socket(fd)?.as_raw_fd());
                let slot =
                    DestinationSlot::try_from_slot_target(slot.parse()?).map_err(|_| "slot")?;
                let entry =
                    opcode::Accept::new(listener, std::ptr::null_mut(), std::ptr::null_mut());
                self.submit(ring, entry.file_index(Some(slot)).build())?
            }

            // A ring that is registered with the thread that obeys, or with another one. The kernel gives it the
            // lowest free index of the thread. After that, the ring works without its descriptor. The answer is the
            // number of the thread.
            ["ring-index", ring] => {
                let ring = self.rings.get(&ring.parse()?).ok_or("no such ring")?;
                ring.submitter().register_ring_fd()?;
                nix::unistd::gettid().to_string()
            }
            ["ring-index-of-a-thread", slots, slot, fd] => {
                let ring = IoUring::new(8)?;
                ring.submitter().register_files(&vec![-1; slots.parse()?])?;
                let fds = [self.socket(fd)?.as_raw_fd()];
                ring.submitter().register_files_update(slot.parse()?, &fds)?;
                on_a_thread(move || {
                    ring.submitter().register_ring_fd()?;
                    let (fd, tid) = (ring.as_raw_fd(), nix::unistd::gettid());
                    std::mem::forget(ring);
                    nix::unistd::close(fd)?;
                    Ok(tid.as_raw())
                })?
                .to_string()
            }
            ["ring-close", ring] => {
                let fd: RawFd = ring.parse()?;
                std::mem::forget(self.rings.remove(&fd).ok_or("no such ring")?);
                nix::unistd::close(fd)?;
                String::new()
            }

            // The process
            ["name", hex] => {
                fs::write("/proc/self/comm", bytes(hex)?)?;
                String::new()
            }
            ["name-a-thread", name] => {
                let name = CString::new(*name)?;
                on_a_thread(move || Ok(nix::sys::prctl::set_name(&name)?))?;
                String::new()
            }
            // A thread with its own table of descriptors, which contains one more socket and a copy of all
            // previous descriptors.
            ["thread-of-its-own", address] => {
                let address = address.to_string();
                let fd = on_a_thread(move || {
                    unshare(CloneFlags::CLONE_FILES)?;
                    let socket = udp(&address)?;
                    // The descriptor belongs to that thread. No other thread may close it.
                    Ok(std::os::fd::IntoRawFd::into_raw_fd(socket))
                })?;
                fd.to_string()
            }
            // The same, and an io_uring whose requests a thread of the kernel submits. Between the two threads, the
            // process has another one.
            ["thread-with-a-poller", address] => {
                let address = address.to_string();
                let (made, wait) = mpsc::channel();
                let (go, gone) = mpsc::channel();
                thread::spawn(move || {
                    let opened = unshare(CloneFlags::CLONE_FILES).map(|()| udp(&address));
                    let fd =
                        opened.ok().and_then(Result::ok).map(std::os::fd::IntoRawFd::into_raw_fd);
                    let _ = made.send(fd);
                    let _ = gone.recv();
                    let ring = <IoUring>::builder().setup_sqpoll(1000).build(8);
                    let _ = made.send(ring.as_ref().ok().and(fd));
                    loop {
                        thread::park();
                    }
                });
                wait.recv()?.ok_or("no socket")?;
                on_a_thread(|| Ok(()))?;
                go.send(())?;
                wait.recv()?.map_or_else(String::new, |fd| fd.to_string())
            }
            // The thread that obeys lives on.
            ["end-first-thread"] => {
                end_first_thread()?;
                String::new()
            }
            ["user", uid] => {
                nix::unistd::setuid(nix::unistd::Uid::from_raw(uid.parse()?))?;
                String::new()
            }
            ["pid"] => std::process::id().to_string(),
            ["knetstat", arguments @ ..] => {
                let output =
                    Command::new(KNETSTAT).args(arguments).stdin(Stdio::null()).output()?;
                let stderr = String::from_utf8(output.stderr)?;
                assert!(output.status.success(), "{stderr}");
                String::from_utf8(output.stdout)?
            }
            ["held"] => serde_json::to_string(&super::truth::held())?,

            ["churn"] => {
                self.churn = Some(Churn::start());
                String::new()
            }
            ["stop"] => match self.churn.take() {
                Some(churn) => {
                    let (count, stay) = churn.stop();
                    self.many.extend(stay);
                    count.to_string()
                }
                None => return Err("there is no churn".into()),
            },
            _ => return Err("no such command".into()),
        })
    }

    /// Lets a ring execute an entry, and returns its result.
    fn submit(
        &mut self,
        ring: &str,
        entry: squeue::Entry,
    ) -> Result<String, Box<dyn std::error::Error>> {
        let ring = self.rings.get_mut(&ring.parse()?).ok_or("no such ring")?;
        // SAFETY: the entry refers to no memory.
        unsafe { ring.submission().push(&entry)? };
        ring.submit_and_wait(1)?;
        let done = ring.completion().next().ok_or("no completion")?;
        Ok(done.result().to_string())
    }

    fn keep(&mut self, socket: Socket) -> String {
        let fd = socket.as_raw_fd();
        self.sockets.insert(fd, socket);
        fd.to_string()
    }

    fn socket(&self, fd: &str) -> Result<&Socket, Box<dyn std::error::Error>> {
        Ok(self.sockets.get(&fd.parse()?).ok_or("no such socket")?)
    }
}

fn stream(protocol: &str, address: SocketAddr) -> std::io::Result<Socket> {
    let protocol = if protocol == "mptcp" { Protocol::MPTCP } else { Protocol::TCP };
    Socket::new(Domain::for_address(address), Type::STREAM, Some(protocol))
}

fn listen(protocol: &str, address: &str) -> Result<Socket, Box<dyn std::error::Error>> {
    let address: SocketAddr = address.parse()?;
    let socket = stream(protocol, address)?;
    socket.bind(&address.into())?;
    socket.listen(16)?;
    Ok(socket)
}

fn udp(address: &str) -> Result<Socket, Box<dyn std::error::Error>> {
    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Returns an abstract address: each network namespace has its own.
fn post(name: &str) -> std::io::Result<net::SocketAddr> {
    net::SocketAddr::from_abstract_name(name)
}

/// Receives a message with a descriptor, and returns the number of the new descriptor.
fn receive(post: &UnixDatagram) -> Result<RawFd, Box<dyn std::error::Error>> {
    let (mut text, mut rights) = ([0; 16], nix::cmsg_space!([RawFd; 1]));
    let mut texts = [IoSliceMut::new(&mut text)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(post.as_raw_fd(), &mut texts, Some(&mut rights), flags)?;
    for right in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = right {
            return Ok(fds[0]);
        }
    }
    Err("no descriptor came".into())
}

/// Parses hexadecimal bytes such as `666f6f`.
fn bytes(hex: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16)).collect()
}

/// Runs an action on a thread that then remains until the process ends.
fn on_a_thread<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, Box<dyn std::error::Error>> + Send + 'static,
) -> Result<T, String> {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let result = act().map_err(|error| error.to_string());
        done.send(result).expect("somebody waits");
        loop {
            thread::park();
        }
    });
    wait.recv_timeout(Duration::from_secs(10)).map_err(|error| error.to_string())?
}

/// Ends the first thread of this process, which waits for the end of this test.
fn end_first_thread() -> Result<(), Box<dyn std::error::Error>> {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: the call ends this thread and nothing else: _exit(2).
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    let (pid, tid) = (nix::unistd::getpid(), nix::unistd::gettid());
    if pid == tid {
        return Err("this is the first thread".into());
    }
    let end = SigAction::new(SigHandler::Handler(end), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only makes a system call.
    unsafe { sigaction(Signal::SIGUSR1, &end)? };
    // SAFETY: the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_tgkill, pid.as_raw(), pid.as_raw(), libc::SIGUSR1) };
    Ok(())
}

/// A process that has inherited a socket from its parent through fork(2). It waits for the end of a pipe,
/// and so ends with its parent.
struct Heir(Child, #[allow(dead_code)] Option<ChildStdin>);

impl Heir {
    fn of(socket: &Socket) -> Result<Heir, Box<dyn std::error::Error>> {
        fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        fcntl(socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let pipe = child.stdin.take();
        Ok(Heir(child, pipe))
    }
}

/// Opens and closes sockets as fast as possible, and keeps some of them open.
struct Churn {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Vec<Socket>)>,
}

impl Churn {
    /// One of so many sockets is kept.
    const STAYS: usize = 64;
    /// The limit of sockets that are kept, to bound the load.
    const STAY_MAX: usize = 50;

    fn start() -> Churn {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut stay = Vec::new();
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                let socket = match count % 3 {
                    0 => udp("127.0.0.1:0"),
                    1 => udp("[::1]:0"),
                    _ => listen("tcp", "127.0.0.1:0"),
                };
                let socket = socket.expect("a socket");
                if count % Churn::STAYS == 0 {
                    stay.push(socket);
                    // The most recent ones are kept, because the others existed at the first read.
                    stay.drain(..stay.len().saturating_sub(Churn::STAY_MAX));
                }
                count += 1;
            }
            (count, stay)
        });
        Churn { stop, thread }
    }

    /// Stops, and returns the number of sockets opened and those that are kept.
    fn stop(self) -> (usize, Vec<Socket>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sockets could be opened")
    }
}
