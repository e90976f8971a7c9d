//! Network namespaces: each socket has the addresses, interfaces and defaults of its own namespace.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::common::{
    self, counts_bpf_as_locked_memory, enter_namespace, find, find_all, ip, ip_words, knetstat,
    set, set_bytes, stdout, sysctl, Child,
};
use crate::exclusive;
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sched::{setns, unshare, CloneFlags};
use nix::sys::resource::{getrusage, UsageWho};
use nix::unistd::gettid;
use serde_json::{json, Value};

const IPPROTO_IPV6: i32 = 41;
const IPV6_V6ONLY: i32 = 26;
const IPPROTO_TCP: i32 = 6;
const TCP_KEEPIDLE: i32 = 4;

/// A namespace with a name of ip(8). It is removed when the value is dropped.
pub struct Named(pub String);

impl Named {
    pub fn new() -> Named {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Named::called(&format!("knetstat-{}-{number}", std::process::id()))
    }

    pub fn called(name: &str) -> Named {
        ip_words(&["netns", "add", name]);
        ip_words(&["-n", name, "link", "set", "lo", "up"]);
        Named(name.into())
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.0)
    }

    /// Returns the inode number that identifies the namespace in the kernel.
    pub fn inode(&self) -> u64 {
        inode(&self.path())
    }

    /// Runs an action in the namespace, on its own thread.
    pub fn within<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        within(&File::open(self.path()).expect("the namespace"), action)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        ip_words(&["netns", "del", &self.0]);
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("a namespace").ino()
}

fn within<T: Send>(netns: &File, action: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(netns.as_fd(), CloneFlags::CLONE_NEWNET).expect("setns");
            action()
        });
        thread.join().expect("nothing went wrong there")
    })
}

/// The namespace of this thread.
fn own() -> File {
    File::open("/proc/thread-self/ns/net").expect("/proc")
}

/// Returns the rows of a complete run.
fn rows(arguments: &str) -> Vec<Value> {
    match serde_json::from_str(&stdout(&format!("{arguments} -J"))) {
        Ok(Value::Array(rows)) => rows,
        other => panic!("knetstat {arguments} -J gave {other:?}"),
    }
}

/// Returns the number of rows of the socket.
fn count(rows: &[Value], socket: &impl AsFd) -> usize {
    find_all(rows, socket).count()
}

/// Queries a number with getsockopt(2).
fn number(socket: &impl AsFd, level: i32, option: i32) -> i32 {
    let mut buffer = [0; 4];
    knetstat::kernel::syscall::getsockopt(socket.as_fd(), level, option, &mut buffer)
        .expect("getsockopt");
    i32::from_ne_bytes(buffer)
}

/// The properties that are the same in each namespace: the addresses, the ports and the options that were
/// set.
struct Alike {
    tcp: TcpListener,
    udp6: UdpSocket,
    bound: UdpSocket,
}

impl Alike {
    /// Opens the sockets in the namespace of this thread, with its own defaults and its own name for the
    /// interface with the index 77.
    fn new(default: i32, interface: &str) -> Alike {
        sysctl("net/ipv4/tcp_keepalive_time", &(100 + default).to_string());
        sysctl("net/ipv6/bindv6only", &default.to_string());
        ip(&format!("link add {interface} index 77 type veth peer name {interface}b"));
        ip(&format!("link set {interface} up"));
        let tcp = TcpListener::bind("127.0.0.1:7000").expect("bind");
        let udp6 = UdpSocket::bind("[::1]:7001").expect("bind");
        let new: OwnedFd = knetstat::kernel::syscall::socket(10, 2, 0).expect("a socket");
        set(&new, IPPROTO_IPV6, IPV6_V6ONLY, 1).expect("IPV6_V6ONLY");
        common::bind(&new, ([0u16; 8], 7002));
        drop(udp6);
        let bound = UdpSocket::bind("0.0.0.0:7003").expect("bind");
        set_bytes(&bound, 1, 25, interface.as_bytes()).expect("SO_BINDTODEVICE");
        Alike { tcp, udp6: new.into(), bound }
    }
}

#[test]
fn the_same_addresses_with_other_defaults() {
    let _turn = exclusive();
    let namespaces = [Named::new(), Named::new(), Named::new()];
    let names = ["first0", "second0", "third0"];
    let defaults = [0, 1, 0];
    let sockets: Vec<Alike> =
        (0..3).map(|n| namespaces[n].within(|| Alike::new(defaults[n], names[n]))).collect();
    let words: Vec<&str> = namespaces.iter().map(|netns| netns.0.as_str()).collect();
    let named = format!("--netns {}", words.join(","));
    let repeated = words.iter().map(|word| format!("--netns {word} ")).collect::<String>();
    assert_eq!(rows(&named).len(), 9, "and nobody else's");
    assert_eq!(rows(&repeated).len(), 9);
    assert_eq!(rows(&format!("{named},{}", words[0])).len(), 9, "named twice, shown once");

    for arguments in [named.as_str(), "--all-netns"] {
        let rows = rows(arguments);
        for (n, alike) in sockets.iter().enumerate() {
            let row = |socket: &dyn AsFdOf| {
                assert_eq!(socket.count(&rows), 1, "{arguments}");
                let row = socket.row(&rows).clone();
                assert_eq!(row["netns"], namespaces[n].inode(), "{row}");
                assert_eq!(row["netns_name"], words[n], "{row}");
                row
            };
            let tcp = row(&alike.tcp);
            assert_eq!(tcp["local"], json!({"address": "127.0.0.1", "port": 7000}));
            let keepidle = number(&alike.tcp, IPPROTO_TCP, TCP_KEEPIDLE);
            assert_eq!(keepidle, 100 + defaults[n], "the sysctl is the namespace's own");
            assert_eq!(tcp["options"]["TCP_KEEPIDLE"], keepidle);
            assert!(!is_set(&tcp, "TCP_KEEPIDLE"));

            let udp6 = row(&alike.udp6);
            assert_eq!(udp6["options"]["IPV6_V6ONLY"], 1);
            assert_eq!(is_set(&udp6, "IPV6_V6ONLY"), defaults[n] == 0, "{udp6}");

            let bound = row(&alike.bound);
            assert_eq!(bound["interface"], names[n]);
            assert_eq!(bound["options"]["SO_BINDTODEVICE"], names[n]);
        }
    }

    // An interface is looked up by its name in each namespace. Its index is the same in all of them.
    let second = rows(&format!("{named} --interface second0"));
    assert_eq!(second.len(), 1);
    assert_eq!(count(&second, &sockets[1].bound), 1);
    assert_eq!(rows(&format!("{named} --interface second0,third0")).len(), 2);
    assert_eq!(rows(&format!("{named} --interface 77")).len(), 3);
    let wrong = refused(&format!("{named} --interface nowhere0"));
    assert!(wrong.contains("unknown interface 'nowhere0'"), "{wrong}");

    let text = stdout(&format!("-t {named}"));
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(text.lines().next().unwrap_or_default().contains(" State       Netns "), "{text}");
    assert_eq!(lines.len(), 1 + words.len(), "{text}");
    for word in &words {
        let is_there = |line: &Vec<&str>| line[5..7] == ["LISTEN", word];
        assert_eq!(lines[1..].iter().filter(|line| is_there(line)).count(), 1, "{text}");
    }
}

/// A socket of any type, among the rows.
trait AsFdOf {
    fn count(&self, rows: &[Value]) -> usize;
    fn row<'a>(&self, rows: &'a [Value]) -> &'a Value;
}

impl<T: AsFd> AsFdOf for T {
    fn count(&self, rows: &[Value]) -> usize {
        count(rows, self)
    }

    fn row<'a>(&self, rows: &'a [Value]) -> &'a Value {
        find(rows, self).expect("it is shown")
    }
}

fn is_set(row: &Value, option: &str) -> bool {
    row["set"].as_array().expect("it is known what is set").iter().any(|name| name == option)
}

/// Returns the message for wrong usage.
fn refused(arguments: &str) -> String {
    let output = knetstat(arguments.split_whitespace());
    assert_eq!(output.status.code(), Some(2), "knetstat {arguments}");
    assert_eq!(output.stdout, b"", "knetstat {arguments}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn by_name_by_process_and_by_path() {
    let _turn = exclusive();
    let netns = Named::new();
    let socket = netns.within(|| UdpSocket::bind("127.0.0.1:7000").expect("bind"));
    let mut sleeper = netns.within(|| {
        let mut command = std::process::Command::new("sleep");
        command.arg("600").spawn().expect("sleep(1)")
    });
    let pid = sleeper.id();
    let by_name = rows(&format!("--netns {}", netns.0));
    assert_eq!(by_name.len(), 1);
    assert_eq!(count(&by_name, &socket), 1);
    for word in [pid.to_string(), format!("/proc/{pid}/ns/net"), format!("/run/netns/{}", netns.0)]
    {
        assert_eq!(rows(&format!("--netns {word}")), by_name, "{word}");
    }
    // A single namespace that has a name: the name is shown without a flag.
    let inside = netns.within(|| rows(""));
    assert_eq!(inside, by_name);
    sleeper.kill().and_then(|()| sleeper.wait()).expect("it ends");
}

/// Names come from outside: blanks and terminal escapes in them must be escaped.
#[test]
fn names_that_are_no_words() {
    let _turn = exclusive();
    let netns = Named::called(&format!("knetstat {}\x1b[1m,\\", std::process::id()));
    let socket = netns.within(|| UdpSocket::bind("127.0.0.1:7000").expect("bind"));
    let interface = "up\x1b[1m\\";
    netns.within(|| ip_words(&["link", "add", interface, "type", "veth", "peer", "name", "end"]));
    let pid = std::process::id();

    let rows = rows("-u --all-netns");
    let row = find(&rows, &socket).expect("the socket is shown");
    assert_eq!(row["netns_name"], format!("knetstat {pid}\\x1b[1m,\\\\"));
    let table = stdout("-uH --all-netns");
    let line = table.lines().find(|line| line.contains("127.0.0.1:7000")).expect("its line");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[6], format!("knetstat\\x20{pid}\\x1b[1m\\x2c\\\\"), "{line}");

    let inside = netns.within(|| refused("--interface nowhere"));
    assert!(inside.contains("up\\x1b[1m\\\\"), "{inside}");
    let near = refused("--netns knetsta");
    assert!(near.contains("knetstat ") && near.contains("\\x1b[1m,\\\\"), "{near}");
}

#[test]
fn words_that_mean_no_namespace() {
    let _turn = exclusive();
    let netns = Named::new();
    let fifo = std::env::temp_dir().join(format!("knetstat-{}-fifo", std::process::id()));
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
    let near = format!("{}x", netns.0);
    for (word, answer) in [
        (near.as_str(), netns.0.as_str()),
        ("4194304", "there is no process 4194304"),
        ("4000000000", "there is no process 4000000000"),
        ("/nowhere/at/all", "there is no file /nowhere/at/all"),
        ("/etc/passwd", "/etc/passwd is not a network namespace"),
        ("/proc/self/ns/mnt", "/proc/self/ns/mnt is not a network namespace"),
        (fifo.to_str().expect("UTF-8"), "is not a network namespace"),
        (",", "expected the name, PID or path"),
    ] {
        let said = refused(&format!("--netns {word}"));
        assert!(said.contains(answer), "{word}: {said}");
    }
    assert!(refused("--netns 1 --all-netns").contains("cannot be combined"));
    fs::remove_file(fifo).expect("the FIFO");
}

#[test]
fn those_that_only_a_mount_or_a_socket_keeps() {
    let _turn = exclusive();
    let home = own();
    let (socket, of_socket) = lonely(7000);
    // This namespace is kept only by a mount, and has a kernel socket that no process holds: TIME_WAIT.
    let mut name = format!("knetstat \\{} ", std::process::id()).into_bytes();
    name.push(0xff);
    let place = std::env::temp_dir().join(OsString::from_vec(name));
    File::create(&place).expect("a file");
    let of_mount = thread::scope(|scope| {
        let made = scope.spawn(|| {
            enter_namespace();
            let none = None::<&str>;
            mount(Some("/proc/thread-self/ns/net"), &place, none, MsFlags::MS_BIND, none)
                .expect("mount");
            let listener = TcpListener::bind("127.0.0.1:7001").expect("bind");
            drop(common::connect(&listener, [127, 0, 0, 1].into()));
            inode(&place)
        });
        made.join().expect("a namespace")
    });
    let all = rows("--all-netns -p");
    // Another process, such as another run of these tests, may be reading the mount.
    umount2(&place, MntFlags::MNT_DETACH).expect("umount");
    fs::remove_file(&place).expect("the file");

    assert_eq!(count(&all, &socket), 1);
    let row = find(&all, &socket).expect("counted");
    assert_eq!(row["netns"], of_socket);
    assert_eq!(row["netns_name"], Value::Null);
    assert_eq!(row["processes"][0]["pid"], std::process::id());
    let left: Vec<&Value> = all.iter().filter(|row| row["netns"] == of_mount).collect();
    assert!(!left.is_empty(), "what the connection left behind");
    assert!(left.iter().all(|row| row["state"] == "TIME_WAIT"), "{left:?}");
    let text = stdout("-t --all-netns -H");
    assert!(
        text.lines().any(|line| line.contains(&format!(" LISTEN      {of_socket} "))),
        "{text}"
    );
    drop(home);
}

/// Opens a TCP socket in a namespace that only it keeps. Returns it with the number of the namespace.
fn lonely(port: u16) -> (TcpListener, u64) {
    thread::scope(|scope| {
        let made = scope.spawn(|| {
            enter_namespace();
            let socket = TcpListener::bind(("127.0.0.1", port)).expect("bind");
            (socket, inode(Path::new("/proc/thread-self/ns/net")))
        });
        made.join().expect("a namespace")
    })
}

/// pidfd_getfd(2) opens the descriptors of a single thread since Linux 6.9.
#[test]
fn one_that_a_descriptor_of_a_single_thread_keeps() {
    let _turn = exclusive();
    let (tell, told) = mpsc::channel();
    let (keep, wait) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        unshare(CloneFlags::CLONE_FILES).expect("unshare");
        // More than are remembered of the users of a namespace.
        let sockets: Vec<_> = (0..20).map(|n| lonely(7120 + n)).collect();
        let tid = gettid().as_raw();
        let can_open = knetstat::kernel::namespace::of_held_socket(
            std::process::id(),
            tid as u32,
            sockets[0].0.as_raw_fd() as u32,
        );
        tell.send((sockets[0].1, can_open.map(drop))).expect("sent");
        let _ = wait.recv();
    });
    let (netns, can_open) = told.recv().expect("sockets");
    let output = knetstat(["-t", "--all-netns", "-J"]);
    match can_open {
        Ok(()) => {
            assert!(output.status.success(), "{output:?}");
            let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array");
            assert_eq!(rows.iter().filter(|row| row["netns"] == netns).count(), 1, "{rows:?}");
        }
        Err(error) => incomplete(&output, &[&error.to_string(), "20 network namespaces"]),
    }
    drop(keep);
    thread.join().expect("it ends");
}

/// Nobody but the process can open such a socket.
#[test]
fn one_that_an_io_uring_keeps() {
    let _turn = exclusive();
    let ring = match io_uring::IoUring::new(8) {
        Ok(ring) => ring,
        Err(error) => return common::not_tested(&format!("a namespace of an io_uring: {error}")),
    };
    let (socket, netns) = lonely(7150);
    ring.submitter().register_files(&[socket.as_raw_fd()]).expect("IORING_REGISTER_FILES");
    assert_eq!(count(&rows("-t --all-netns"), &socket), 1);
    drop(socket);
    let output = knetstat(["-t", "--all-netns"]);
    incomplete(&output, &[&netns.to_string(), "io_uring", &std::process::id().to_string()]);
}

#[test]
fn what_is_found_by_descriptor() {
    let _turn = exclusive();
    let namespaces = [Named::new(), Named::new()];
    let open = || -> Vec<OwnedFd> {
        let socket = |domain, kind, protocol| {
            knetstat::kernel::syscall::socket(domain, kind, protocol).expect("a socket")
        };
        vec![socket(2, 3, 1), socket(2, 1, 0), socket(10, 2, 0), socket(1, 2, 0)]
    };
    let sockets: Vec<Vec<OwnedFd>> = namespaces.iter().map(|netns| netns.within(open)).collect();
    let words = format!("--netns {},{}", namespaces[0].0, namespaces[1].0);
    let one = format!("--netns {}", namespaces[0].0);
    for (n, netns) in namespaces.iter().enumerate() {
        for socket in &sockets[n] {
            let both = rows(&format!("-tuwx --unbound {words}"));
            assert_eq!(both.len(), 8, "{both:?}");
            assert_eq!(find(&both, socket).expect("it is shown")["netns"], netns.inode());
            assert_eq!(count(&rows(&format!("-tuwx --unbound {one}")), socket), 1 - n);
        }
    }
    assert_eq!(
        rows("-tuwx --unbound --all-netns")
            .iter()
            .filter(|row| row["netns"] == namespaces[1].inode())
            .count(),
        4
    );
}

#[test]
fn while_others_come_and_go() {
    let _turn = exclusive();
    let stays = Named::new();
    let sockets: Vec<UdpSocket> =
        stays.within(|| (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").expect("bind")).collect());
    // Ends when the sender is dropped, even if the test fails.
    let (go_on, ended) = mpsc::channel::<()>();
    let comings = thread::spawn(move || {
        let mut made = 0;
        while ended.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
            enter_namespace();
            let _listener = TcpListener::bind("127.0.0.1:7000").expect("bind");
            made += 1;
        }
        made
    });
    for _ in 0..8 {
        let rows = rows("-tup --all-netns");
        for socket in &sockets {
            assert_eq!(count(&rows, socket), 1);
        }
    }
    drop(go_on);
    assert!(comings.join().expect("nothing went wrong") > 8, "namespaces came and went");
}

/// Runs knetstat as a user with only these capabilities.
fn with_capabilities(capabilities: &str, arguments: &str) -> Output {
    let copy = std::env::temp_dir().join(format!("knetstat-{}-copy", std::process::id()));
    common::copy_program(&copy);
    let third = if counts_bpf_as_locked_memory() { ",+sys_resource" } else { "" };
    let capabilities = format!("{capabilities}{third}");
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--clear-groups"]);
    command.arg(format!("--inh-caps={capabilities}"));
    command.arg(format!("--ambient-caps={capabilities}"));
    let output = command.arg(&copy).args(arguments.split_whitespace()).output();
    fs::remove_file(copy).expect("the copy");
    output.expect("setpriv(1)")
}

#[test]
fn what_cannot_be_entered_is_said() {
    let _turn = exclusive();
    let netns = Named::new();
    let other = netns.within(|| UdpSocket::bind("127.0.0.1:7000").expect("bind"));
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:7000").expect("bind");

    let output = with_capabilities("+bpf,+perfmon", &format!("-J --netns {}", netns.0));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in ["cannot enter the network namespace", &netns.0, "CAP_SYS_ADMIN", "sudo"] {
        assert!(said.contains(part), "{said}");
    }

    // A socket that is found there is a match, also while others are waited for.
    for arguments in ["-uq --all-netns --port 7000", "-uq --all-netns --port 7000 --wait 1"] {
        let output = with_capabilities("+bpf,+perfmon", arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{arguments}");
    }
    // Without one, the others may have it.
    let output = with_capabilities("+bpf,+perfmon", "-uq --all-netns --port 7001 --wait 0.1");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("incomplete"), "{said}");

    // Only the namespace of the reader remains.
    let output = with_capabilities("+bpf,+perfmon", "-J --all-netns");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("the table is incomplete: missing ") && said.contains("CAP_SYS_ADMIN"),
        "{said}"
    );
    let mut text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(serde_json::from_str::<Value>(&text).is_err(), "the array is left open: {text}");
    text.push(']');
    let rows: Vec<Value> = serde_json::from_str(&text).expect("a JSON array");
    assert_eq!(count(&rows, &socket), 1);
    assert_eq!(count(&rows, &other), 0);
}

/// Starts a process that holds a UDP socket to this port, in a network namespace that nothing else keeps.
fn recluse(port: u16) -> Child {
    thread::scope(|scope| {
        let made = scope.spawn(|| {
            enter_namespace();
            let _socket = connected(port);
            Child::fork()
        });
        made.join().expect("a process")
    })
}

/// Opens a UDP socket that is connected to this port.
fn connected(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    socket.connect(("127.0.0.1", port)).expect("connect");
    socket
}

/// Runs a script of sh(1) in its own mount namespace. `$0` is knetstat.
fn shell(script: &str, program: &str) -> Output {
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", script, program]).output().expect("unshare(1)")
}

/// Asserts that a run is incomplete and reports this in one line with these words.
fn incomplete(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("knetstat: the table is incomplete: missing "), "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "no '{word}': {said}"));
}

/// Whether a row of the table is a socket that is connected to this port.
fn shows(output: &Output, port: u16) -> bool {
    let port = format!(" 127.0.0.1:{port} ");
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line.contains(&port))
}

#[test]
fn all_of_them_without_proc() {
    let _turn = exclusive();
    let (named, _recluse) = (Named::new(), recluse(7110));
    let _by_name = named.within(|| connected(7111));
    enter_namespace();
    let _own = connected(7112);
    let _by_socket = thread::scope(|scope| {
        let made = scope.spawn(|| {
            enter_namespace();
            connected(7113)
        });
        made.join().expect("a namespace")
    });
    let whole = knetstat(["-uH", "--all-netns"]);
    assert_eq!(String::from_utf8_lossy(&whole.stderr), "");
    let without = shell("mount -t tmpfs none /proc && exec $0 -uH --all-netns", common::KNETSTAT);
    for port in 7110..=7113 {
        assert!(shows(&whole, port) && shows(&without, port), "{port}: {without:?}");
    }
    // A mount at another place could not be found.
    incomplete(&without, &["only a mount keeps", "/proc/self/mountinfo", "mount -t proc"]);
}

/// The PIDs are those of this PID namespace, but /proc belongs to another.
#[test]
fn with_proc_of_another_pid_namespace() {
    let _turn = exclusive();
    // A background process has another standard input. The script keeps the descriptor as well.
    let script = "exec 3<&0; sleep 600 & \
                  unshare -n $0 --netns $! -uH; unshare -n $0 --all-netns -uH";
    let mut command = std::process::Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "sh", "-c", script, common::KNETSTAT]);
    enter_namespace();
    command.stdin(OwnedFd::from(connected(7120)));
    let output = command.output().expect("unshare(1)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("127.0.0.1:7120 ").count(), 2, "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn processes_that_proc_hides() {
    let _turn = exclusive();
    let recluse = recluse(7130);
    let copy = std::env::temp_dir().join(format!("knetstat-{}-hidden", std::process::id()));
    common::copy_program(&copy);
    let run = |capabilities: &str, arguments: &str| {
        // By its path: the shell of busybox has a setpriv of its own, which can do less.
        let script = format!(
            "mount -t proc -o hidepid=2 proc /proc && exec $(which setpriv) --reuid=65534 --clear-groups \
             --inh-caps={capabilities} --ambient-caps={capabilities} $0 {arguments}"
        );
        shell(&script, copy.to_str().expect("UTF-8"))
    };
    let third = if counts_bpf_as_locked_memory() { ",+sys_resource" } else { "" };
    let few = &format!("+bpf,+perfmon,+sys_admin{third}");
    let all = format!("{few},+sys_ptrace,+net_admin");
    let pid = recluse.pid();

    let output = run(&all, "--all-netns -uH");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success() && shows(&output, 7130), "{output:?}");
    let output = run(&all, &format!("--netns {pid} -uH"));
    assert!(output.status.success() && shows(&output, 7130), "{output:?}");

    let output = run(few, "--all-netns -uH");
    assert!(!shows(&output, 7130));
    incomplete(&output, &["network namespace", "process", "CAP_SYS_PTRACE", "sudo"]);
    let output = run(few, &format!("--netns {pid} -uH"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("of process {pid}")) && said.contains("sudo"), "{said}");
    fs::remove_file(copy).expect("the copy");
}

/// A mount that another mount hides is recognised by its inode number.
#[test]
fn mounts_that_cannot_be_opened() {
    let _turn = exclusive();
    let place = std::env::temp_dir().join(format!("knetstat-{}-hidden-mount", std::process::id()));
    fs::create_dir(&place).expect("a directory");
    let script = format!(
        "cd {} && touch netns && unshare --net=$PWD/netns true && $0 --all-netns -uH && \
         mount -t tmpfs none . && exec $0 --all-netns -uH",
        place.display()
    );
    let output = shell(&script, common::KNETSTAT);
    fs::remove_file(place.join("netns")).expect("the file");
    fs::remove_dir(&place).expect("the directory");
    incomplete(&output, &["one network namespace: another mount hides ", "hidden-mount/netns"]);
}

/// With any limit of descriptors, all namespaces are shown or the run reports that some are missing.
#[test]
fn too_few_descriptors_lose_no_namespace() {
    let _turn = exclusive();
    let (_recluse, _other) = (recluse(7140), recluse(7141));
    let (mut complete, mut failed) = (0, 0);
    for limit in 4..40 {
        let script = format!("ulimit -n {limit}; exec $0 --all-netns -uH");
        let output = shell(&script, common::KNETSTAT);
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {
                assert!(shows(&output, 7140) && shows(&output, 7141), "{limit}: {output:?}");
                assert_eq!(said, "");
                complete += 1;
            }
            code => {
                assert_eq!((code, said.lines().count()), (Some(1), 1), "{limit}: {said}");
                assert!(said.contains("ulimit -n"), "{limit}: {said}");
                failed += 1;
            }
        }
    }
    assert!(complete > 0 && failed > 0, "{complete} complete, {failed} failed");
}

/// Returns the largest memory of any child so far, in KiB.
fn largest_child() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage").max_rss()
}

/// The answers of new sockets are stored once for all namespaces with the same answers.
#[test]
fn many_namespaces_take_little_memory() {
    const MANY: usize = 200;
    let _turn = exclusive();
    let one = || {
        enter_namespace();
        (UdpSocket::bind("127.0.0.1:7150"), TcpListener::bind("127.0.0.1:7150"))
    };
    let make = || thread::scope(|scope| scope.spawn(one).join().expect("a namespace"));
    let arguments = "-tuwxH --all-netns -O set";
    let _first = make();
    stdout(arguments);
    let before = largest_child();
    let _many: Vec<_> = (0..MANY).map(|_| make()).collect();
    let text = stdout(arguments);
    let shown = text.lines().filter(|line| line.contains(" 127.0.0.1:7150 ")).count();
    assert_eq!(shown, 2 * (MANY + 1));
    let each = (largest_child() - before) / MANY as i64;
    assert!(each < 50, "{each} KiB for each namespace");
}
