//! Helpers of all tests: a network namespace for each test, and knetstat's output in it.

#![allow(dead_code)] // each test crate uses only some of it

pub mod ebpf;
pub mod flags;
pub mod folded;
pub mod scene;
pub mod turn;
pub mod validator;
pub mod ways;
pub mod writing;

use std::ffi::{CStr, OsStr};
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::pty::{openpty, Winsize};
use nix::sched::{sched_getaffinity, sched_setaffinity, unshare, CloneFlags, CpuSet};
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use nix::sys::signal::{kill, Signal};
use nix::sys::socket::{getsockname, socket, AddressFamily, SockFlag, SockType, SockaddrStorage};
use nix::sys::wait::waitpid;
use nix::unistd::{fork, pause, ForkResult, Pid};
use serde_json::Value;

use turn::Turn;

/// The program under test. `make test` names the optimized one, which users have, and which starts in half of the
/// time.
pub const KNETSTAT: &str = match option_env!("KNETSTAT_UNDER_TEST") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_knetstat"),
};

/// The places where libbpf looks for the kernel's types: btf__load_vmlinux_btf()
pub const PLACES_OF_BTF: [&str; 5] =
    ["/sys/kernel/btf", "/boot", "/lib/modules", "/usr/lib/modules", "/usr/lib/debug"];

/// Moves this thread, and the children it starts, into a new network namespace whose loopback interface is
/// up. The test harness gives each test its own thread. The namespace ends with the thread and its sockets.
pub fn enter_namespace() {
    unshare(CloneFlags::CLONE_NEWNET).expect("the tests make network namespaces: run them as root");
    ip("link set lo up");
}

/// Keeps this thread, and the programs that it starts, on one processor.
pub fn stay_on_one_processor() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("processors");
    let is_allowed = |cpu: &usize| allowed.is_set(*cpu) == Ok(true);
    let mut one = CpuSet::new();
    one.set((0..CpuSet::count()).find(is_allowed).expect("a processor")).expect("its number");
    sched_setaffinity(Pid::from_raw(0), &one).expect("one processor");
}

/// Runs ip(8) in this thread's namespace.
pub fn ip(arguments: &str) {
    ip_words(&arguments.split_whitespace().collect::<Vec<_>>());
}

/// Runs ip(8) with arguments that may contain blanks.
pub fn ip_words(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output();
    let output = output.expect("ip(8) is needed: make installs it");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {stderr}");
}

/// Writes a sysctl of this thread's network namespace, `net/ipv4/...`.
pub fn sysctl(name: &str, value: &str) {
    let path = format!("/proc/sys/{name}");
    std::fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// Reads a file of this thread's network namespace, `tcp`, `udp6` ...
pub fn proc_net(name: &str) -> String {
    let path = format!("/proc/thread-self/net/{name}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Given before the arguments: the program filters everything, and the kernel nothing.
pub const NO_KERNEL_FILTER: &str = "KNETSTAT_NO_KERNEL_FILTER=1";

/// Copies the program. Another process does that: a child that another test starts meanwhile would hold the copy open for
/// writing for a while, and execve(2) would fail with ETXTBSY.
#[allow(dead_code)]
pub fn copy_program(to: &Path) {
    let copied = Command::new("cp").arg(KNETSTAT).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp to {}", to.display());
}

/// Runs knetstat in this thread's namespace. Leading arguments of the form `NAME=value` are added to its
/// environment, as in a shell.
pub fn knetstat<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    let mut command = Command::new(KNETSTAT);
    let mut arguments = arguments.into_iter().peekable();
    let assignment = |argument: &S| argument.as_ref().to_str()?.split_once('=').map(owned);
    while let Some((name, value)) = arguments.peek().and_then(assignment) {
        if name.starts_with('-') {
            break;
        }
        command.env(name, value);
        arguments.next();
    }
    command.args(arguments).stdin(Stdio::null());
    let _turn = Turn::of(command.get_args().filter_map(OsStr::to_str));
    command.output().expect("knetstat can be started")
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Runs knetstat, which must succeed without a message on standard error, and returns its standard output.
pub fn stdout(arguments: &str) -> String {
    let output = knetstat(arguments.split_whitespace());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "knetstat {arguments}: {} {stderr}", output.status);
    assert_eq!(stderr, "", "knetstat {arguments}");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// Ends other threads when it is dropped, also because an assertion failed.
pub struct End<'a>(pub &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads the rest of a pin. A walk reports its end by EAGAIN, and by E2BIG that the next read has a record that was too
/// long for the room that was left: src/kernel/shared.rs
pub fn read_pin(pin: &mut impl Read) -> Vec<u8> {
    let (mut bytes, mut too_long_after) = (Vec::new(), None);
    loop {
        match pin.read_to_end(&mut bytes) {
            Err(error)
                if error.kind() == io::ErrorKind::ArgumentListTooLong
                    && too_long_after != Some(bytes.len()) =>
            {
                too_long_after = Some(bytes.len());
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => panic!("a pin: {error}"),
            _ => return bytes,
        }
    }
}

/// The sockets that knetstat shows in this thread's namespace.
pub fn sockets(arguments: &str) -> Vec<Value> {
    let text = stdout(&format!("{arguments} -J"));
    match serde_json::from_str(&text) {
        Ok(Value::Array(sockets)) => sockets,
        other => panic!("knetstat {arguments} -J gave {other:?}"),
    }
}

/// Finds a socket in the output.
pub fn find<'a>(sockets: &'a [Value], socket: &impl AsFd) -> Option<&'a Value> {
    find_all(sockets, socket).next()
}

/// Finds every row of a socket in the output, by its inode. The subflows of an MPTCP socket have its inode, too.
pub fn find_all<'a>(
    sockets: &'a [Value],
    socket: &impl AsFd,
) -> impl Iterator<Item = &'a Value> + 'a {
    let inode = scene::inode(socket);
    sockets.iter().filter(move |shown| shown["inode"] == inode && shown["master"].is_null())
}

/// Whether this kernel counts BPF memory against the limit of locked memory, as up to 5.10. Checks for a
/// helper of 5.11.
pub fn counts_bpf_as_locked_memory() -> bool {
    !btf_has("BPF_FUNC_ktime_get_coarse_ns")
}

/// Whether iterators of this kernel identify the sockets of a bucket by their cookies. Checks for the type
/// that holds the cookies in BTF.
pub fn walks_are_exact() -> bool {
    btf_has("bpf_tcp_iter_batch_item") && btf_has("bpf_udp_iter_batch_item")
}

/// Whether this kernel's BTF, which is used as a list of names, has a type, a member or an enumerator.
pub fn btf_has(name: &str) -> bool {
    let types = std::fs::read("/sys/kernel/btf/vmlinux").expect("BTF");
    let name = format!("\0{name}\0");
    types.windows(name.len()).any(|window| window == name.as_bytes())
}

/// Whether the types of a module are known to programs. Those of the kernel's image always are, those of others only since
/// 5.11. If not, reports `test` as not tested.
pub fn tells_types_of(module: &str, test: &str) -> bool {
    let modules = std::fs::read_to_string("/proc/modules").unwrap_or_default();
    let is_module = modules.lines().any(|line| line.split(' ').next() == Some(module));
    let tells = !is_module || Path::new("/sys/kernel/btf").join(module).exists();
    if !tells {
        not_tested(&format!("{test}: this kernel does not tell the types of modules"));
    }
    tells
}

/// The part of the kernel that a function belongs to, as knetstat names it: the module or, of the kernel's image, the
/// function. `None` if this kernel does not tell BPF programs.
pub fn kernel_user(function: &str) -> Option<String> {
    let symbols = std::fs::read_to_string("/proc/kallsyms").expect("/proc/kallsyms");
    let found = symbols.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(2);
        (words.next() == Some(function)).then(|| words.next().map(|it| it.trim_matches(['[', ']'])))
    });
    let module = found.unwrap_or_else(|| panic!("{function} is not in /proc/kallsyms"));
    btf_has("BPF_FUNC_snprintf").then(|| module.unwrap_or(function).to_owned())
}

/// Whether the kernel supports MPTCP. If not, reports that `test` has nothing to test.
pub fn has_mptcp(test: &str) -> bool {
    const IPPROTO_MPTCP: i32 = 262;
    match knetstat::kernel::syscall::socket(
        nix::libc::AF_INET,
        nix::libc::SOCK_STREAM,
        IPPROTO_MPTCP,
    ) {
        Ok(_) => true,
        Err(error) => {
            let errno = error.raw_os_error();
            assert_eq!(errno, Some(nix::libc::EPROTONOSUPPORT), "an MPTCP socket: {error}");
            not_tested(&format!("{test}: this kernel has no MPTCP"));
            false
        }
    }
}

/// Writes a line that is visible even if the test succeeds. The harness captures what the macros print.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Returns the output of knetstat on a terminal with so many columns (0: unknown) and these environment
/// variables.
pub fn on_a_terminal(columns: u16, arguments: &str, variables: &[(&str, &str)]) -> String {
    on_a_terminal_of(50, columns, arguments, variables)
}

/// The same on a terminal with so many lines (0: unknown).
pub fn on_a_terminal_of(
    lines: u16,
    columns: u16,
    arguments: &str,
    variables: &[(&str, &str)],
) -> String {
    let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).expect("a terminal");
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split_whitespace()).env("TERM", "xterm");
    command.env_remove("NO_COLOR").env_remove("COLUMNS");
    command.envs(variables.iter().copied()).stdout(terminal.slave);
    let mut child = command.spawn().expect("knetstat can be started");
    drop(command); // and its copy of the terminal, so that reading ends
    let mut text = Vec::new();
    // The end of a terminal is reported as an error, EIO.
    let _ = File::from(terminal.master).read_to_end(&mut text);
    assert!(child.wait().expect("it ends").success());
    // A terminal adds carriage returns.
    String::from_utf8(text).expect("the output is UTF-8").replace("\r\n", "\n")
}

/// Removes the colour sequences that knetstat writes from a table.
pub fn without_color(text: &str) -> String {
    const SEQUENCES: [&str; 7] = ["0", "1", "2", "31", "32", "33", "36"];
    SEQUENCES.iter().fold(text.to_owned(), |text, it| text.replace(&format!("\x1b[{it}m"), ""))
}

/// Reports what this kernel does not let us test; tests/summary collects the lines.
pub fn not_tested(what: &str) {
    say(&format!("NOT TESTED: {what}"));
}

/// Whether strace(1), which delays system calls or makes them fail, is installed. If not, reports `what` as not tested.
pub fn has_strace(what: &str) -> bool {
    let has = Command::new("strace").arg("-V").output().is_ok();
    if !has {
        not_tested(&format!("{what}: there is no strace(1); make installs it"));
    }
    has
}

/// Whether a member of `options` is an option. Other members hold what getsockopt(2) does not report.
pub fn is_option(member: &str) -> bool {
    const NONE: [&str; 3] =
        ["IP_MULTICAST_IF_ifindex", "TCP_MD5SIG_prefixes", "TCP_AO_ADD_KEY_prefixes"];
    !NONE.contains(&member)
}

/// Returns SO_COOKIE, which the kernel assigns to the socket if it has none.
pub fn cookie(socket: &impl AsFd) -> u64 {
    let mut buffer = [0; 8];
    knetstat::kernel::syscall::getsockopt(socket.as_fd(), 1, 57, &mut buffer).expect("SO_COOKIE");
    u64::from_ne_bytes(buffer)
}

/// Sets an option of 32 bits.
pub fn set(socket: &impl AsFd, level: i32, number: i32, value: i32) -> io::Result<()> {
    knetstat::kernel::syscall::setsockopt(socket.as_fd(), level, number, &value.to_ne_bytes())
}

/// Opens a socket with socket(2).
pub fn open(family: AddressFamily, socket_type: SockType) -> OwnedFd {
    let socket = socket(family, socket_type, SockFlag::SOCK_CLOEXEC, None);
    socket.unwrap_or_else(|error| panic!("socket {family:?} {socket_type:?}: {error}"))
}

/// The number of a descriptor.
pub fn number(socket: &impl AsFd) -> i32 {
    socket.as_fd().as_raw_fd()
}

/// Sets an option of any type.
pub fn set_bytes(socket: &impl AsFd, level: i32, number: i32, value: &[u8]) -> io::Result<()> {
    knetstat::kernel::syscall::setsockopt(socket.as_fd(), level, number, value)
}

/// Waits until a condition is met that the kernel brings about soon. The time limit allows for emulated
/// machines, where one run of knetstat takes ten seconds.
pub fn wait_until(what: &str, is_met: impl FnMut() -> bool) {
    wait_within(Duration::from_secs(120), what, is_met);
}

/// The same with another limit.
#[allow(dead_code)]
pub fn wait_within(limit: Duration, what: &str, mut is_met: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_met() {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asserts that two outputs are equal, and returns one of them. A child that another test has just forked holds all
/// descriptors of this process until it calls execve(2), and may be seen in one of them: what differs is read again.
pub fn same<T: PartialEq + Debug>(what: &str, read: impl Fn() -> [T; 2]) -> T {
    const TRIES: usize = 5;
    let mut seen = read();
    for _ in 1..TRIES {
        if seen[0] != seen[1] {
            seen = read();
        }
    }
    let [one, other] = seen;
    assert_eq!(one, other, "{what}");
    one
}

/// Permits this process at least so many descriptors. The init of a virtual machine permits fewer than other machines.
#[allow(dead_code)]
pub fn permit_descriptors(number: u64) {
    let (_, limit) = getrlimit(Resource::RLIMIT_NOFILE).expect("RLIMIT_NOFILE");
    let limit = limit.max(number);
    setrlimit(Resource::RLIMIT_NOFILE, limit, limit).expect("RLIMIT_NOFILE");
}

/// bind(2).
pub fn bind(socket: &impl AsFd, address: impl Into<SocketAddr>) {
    let address: SocketAddr = address.into();
    nix::sys::socket::bind(number(socket), &SockaddrStorage::from(address))
        .unwrap_or_else(|error| panic!("bind {address}: {error}"));
}

/// listen(2).
pub fn listen(socket: &impl AsFd, backlog: i32) {
    let backlog = nix::sys::socket::Backlog::new(backlog).expect("a backlog");
    nix::sys::socket::listen(&socket.as_fd(), backlog).expect("listen");
}

/// getsockname(2).
pub fn local_address(socket: &impl AsFd) -> SocketAddr {
    let name: SockaddrStorage = getsockname(number(socket)).expect("getsockname");
    match (name.as_sockaddr_in(), name.as_sockaddr_in6()) {
        (Some(v4), _) => SocketAddr::V4((*v4).into()),
        (_, Some(v6)) => SocketAddr::V6((*v6).into()),
        _ => panic!("an address of no Internet family"),
    }
}

/// Begins to connect a non-blocking socket, which stays in SYN_SENT until its peer answers.
pub fn begin_connecting(socket: &impl AsFd, address: SocketAddr) {
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    nix::fcntl::fcntl(socket.as_fd(), nix::fcntl::FcntlArg::F_SETFL(flags)).expect("O_NONBLOCK");
    match nix::sys::socket::connect(number(socket), &SockaddrStorage::from(address)) {
        Err(nix::errno::Errno::EINPROGRESS) => {}
        other => panic!("connect {address}: {other:?}"),
    }
}

/// Attaches a classic BPF program of one instruction, `return length`, with SO_ATTACH_FILTER or another
/// option that takes a struct sock_fprog.
pub fn attach_return(socket: &impl AsFd, level: i32, number: i32, length: u32) -> io::Result<()> {
    const BPF_RET: u16 = 6;
    let mut instruction = [0; 8];
    instruction[..2].copy_from_slice(&BPF_RET.to_ne_bytes());
    instruction[4..].copy_from_slice(&length.to_ne_bytes());
    let mut program = [0; 16];
    program[..2].copy_from_slice(&1u16.to_ne_bytes());
    program[8..].copy_from_slice(&(instruction.as_ptr() as u64).to_ne_bytes());
    set_bytes(socket, level, number, &program)
}

/// Makes a socket deaf: the kernel drops every packet that arrives for it, and answers none.
pub fn deafen(socket: &impl AsFd) {
    attach_return(socket, 1, 26, 0).expect("SO_ATTACH_FILTER");
}

/// Returns both ends of an established connection: the connected socket and the accepted socket.
pub fn connect(listener: &TcpListener, ip: IpAddr) -> (TcpStream, TcpStream) {
    let port = listener.local_addr().expect("an address").port();
    let client = TcpStream::connect((ip, port)).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    (client, server)
}

/// A child that holds every descriptor that this process has when it forks, until the value is dropped.
pub struct Child(Pid);

impl Child {
    /// Forks the child.
    pub fn fork() -> Child {
        Child::with(|| ())
    }

    /// Forks a child of this name, which has no descriptors but those that the function opens. Between fork and
    /// exec, only system calls are safe.
    #[allow(dead_code)]
    pub fn named(name: &CStr, begin: impl FnOnce()) -> Child {
        Child::with(|| {
            // SAFETY: the child uses none of the descriptors that it inherited.
            unsafe { nix::libc::close_range(3, u32::MAX, 0) };
            let _ = nix::sys::prctl::set_name(name);
            begin();
        })
    }

    fn with(begin: impl FnOnce()) -> Child {
        // SAFETY: the child only makes system calls, and then sleeps until it is killed.
        match unsafe { fork() }.expect("fork") {
            ForkResult::Parent { child } => Child(child),
            ForkResult::Child => {
                begin();
                loop {
                    pause();
                }
            }
        }
    }
}

impl Child {
    /// Returns the PID of the child.
    pub fn pid(&self) -> i32 {
        self.0.as_raw()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
        let _ = waitpid(self.0, None);
    }
}
