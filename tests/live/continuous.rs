//! Sockets that are shown again and again: `--continuous` and `--changes`, in a pipe and on a terminal.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{self, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread::spawn;
use std::time::{Duration, Instant};

use nix::pty::{openpty, Winsize};
use nix::sys::signal::{kill, Signal};
use nix::sys::termios::tcgetattr;
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::scene::inode;
use crate::common::turn::Turn;
use crate::common::{cookie, enter_namespace, ip, set, set_bytes, stdout, wait_until, KNETSTAT};
use crate::numbers::*;

const NODELAY: (i32, i32) = (IPPROTO_TCP, 1);

/// The end of a wait, also on emulated machines.
const PATIENCE: Duration = Duration::from_secs(120);

/// The port of the sockets by which rounds are told apart.
const MARKER: u16 = 7999;

fn is_of_marker(line: &str) -> bool {
    line.contains(&format!(":{MARKER}"))
}

/// A run of knetstat that does not end by itself.
pub struct Running {
    child: Child,
    output: Receiver<String>,
    /// The lines that came before a marker.
    seen: Vec<String>,
}

impl Running {
    /// Starts it in this thread's network namespace, with its output in a pipe.
    pub fn start(arguments: &str) -> Running {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().expect("knetstat");
        let pipe = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, output) = channel();
        spawn(move || {
            for line in pipe.lines() {
                if sender.send(line.expect("UTF-8")).is_err() {
                    break;
                }
            }
        });
        Running { child, output, seen: Vec::new() }
    }

    /// The next lines.
    pub fn lines(&mut self, number: usize) -> Vec<String> {
        let line = |_| self.output.recv_timeout(PATIENCE).expect("a line");
        (0..number).map(line).collect()
    }

    /// Waits for a round that began after everything that has been done before, and for the first one, which reports
    /// nothing. A marker is seen in a round that may have read other sockets before it. The next round has not.
    pub fn pass_round(&mut self) {
        self.see_marker();
        self.see_marker();
    }

    /// Opens a socket until one is reported.
    fn see_marker(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            // A child that another test has just forked may hold those of the last time a little longer.
            let opened =
                (TcpListener::bind(("127.0.0.1", MARKER)), UdpSocket::bind(("127.0.0.1", MARKER)));
            let (Ok(_tcp), Ok(_udp)) = opened else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            while let Ok(line) = self.output.recv_timeout(Duration::from_millis(500)) {
                let is_found = is_of_marker(&line) && line.contains("opened");
                self.seen.push(line);
                if is_found {
                    return;
                }
            }
        }
        panic!("no event of a new socket: {:#?}", self.seen);
    }

    fn capabilities(&self) -> u64 {
        let line = self.status("CapPrm:");
        u64::from_str_radix(line.trim(), 16).expect("a mask")
    }

    fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}")).to_owned()
    }

    /// The resident memory in KiB, and the number of descriptors.
    fn size(&self) -> (u64, usize) {
        let memory = self.status("VmRSS:");
        let memory = memory.trim().trim_end_matches(" kB").parse().expect("a number");
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        (memory, descriptors.expect("a process").count())
    }

    /// Ends it with a signal. Returns the output that has not been read, without the markers. The status must be 0.
    pub fn end(mut self, signal: Signal) -> Vec<String> {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("a process");
        let status = self.child.wait().expect("a child");
        assert_eq!(status.code(), Some(0), "{signal}");
        let lines = std::mem::take(&mut self.seen).into_iter().chain(self.output.iter());
        lines.filter(|line| !is_of_marker(line)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell ignores SIGINT in what it runs in the background, such as these tests.
fn command(arguments: &str) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,TERM", KNETSTAT]).args(arguments.split_whitespace());
    command.stdin(Stdio::null()).env("TERM", "xterm").env_remove("COLUMNS");
    command
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Both ends of a connection, of which the second one waits to be accepted.
fn connection() -> (TcpListener, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:7001").expect("a listener");
    let client = TcpStream::connect("127.0.0.1:7001").expect("a connection");
    (listener, client)
}

/// The events of the socket with this local port and this remote port.
fn events_of(events: &[Value], local: u16, remote: u16) -> Vec<&Value> {
    let is_of =
        |event: &&Value| event["local"]["port"] == local && event["remote"]["port"] == remote;
    events.iter().filter(is_of).collect()
}

fn words<'a>(events: &[&'a Value]) -> Vec<&'a str> {
    events.iter().map(|event| event["event"].as_str().expect("a word")).collect()
}

#[test]
fn each_change_is_reported_once() {
    enter_namespace();
    let silent = TcpListener::bind("127.0.0.1:7002").expect("a listener");
    let mut running = Running::start("-tc 0.05 --ndjson --changes -p -O nodelay,keepalive");
    running.pass_round();
    let (listener, client) = connection();
    running.pass_round();
    let (server, _) = listener.accept().expect("a connection");
    running.pass_round();
    let port = client.local_addr().expect("an address").port();
    let inode = inode(&client);
    // A socket with a cookie is the same as before.
    cookie(&client);
    set(&client, NODELAY.0, NODELAY.1, 1).expect("TCP_NODELAY");
    running.pass_round();
    server.shutdown(Shutdown::Write).expect("shutdown");
    running.pass_round();
    drop(client);
    running.pass_round();
    drop((server, listener));
    running.pass_round();
    let events: Vec<Value> = running.end(Signal::SIGINT).iter().map(|line| json(line)).collect();
    assert!(events_of(&events, 7002, 0).is_empty(), "it has not changed: {events:#?}");
    assert_eq!(words(&events_of(&events, 7001, 0)), ["opened", "closed"]);
    let of_client = events_of(&events, port, 7001);
    assert_eq!(words(&of_client), ["opened", "changed", "changed", "closed"], "{of_client:#?}");
    assert!(of_client.iter().all(|event| event["inode"] == inode), "{of_client:#?}");
    let changes = serde_json::json!({"options": {"TCP_NODELAY": {"old": 0, "new": 1}}});
    assert_eq!(of_client[1]["changes"], changes);
    assert_eq!(of_client[1]["options"]["TCP_NODELAY"], 1);
    let changes = serde_json::json!({"state": {"old": "ESTABLISHED", "new": "CLOSE_WAIT"}});
    assert_eq!(of_client[2]["changes"], changes);
    // Accepted, then half closed, and then in TIME_WAIT, which is another structure of the kernel.
    let of_server = events_of(&events, 7001, port);
    assert_eq!(words(&of_server), ["opened", "changed", "changed"], "{of_server:#?}");
    assert_eq!(of_server[0]["owner"], "accept-queue");
    assert_eq!(of_server[1]["changes"]["state"]["new"], "FIN_WAIT2");
    assert_eq!(of_server[2]["changes"]["state"]["new"], "TIME_WAIT");
    assert_eq!(of_server[2]["changes"].as_object().map(|it| it.len()), Some(1));
    are_stamped(&events);
    drop(silent);
}

/// Asserts that all objects begin with a time that does not go back, and the name of this host.
fn are_stamped(objects: &[Value]) {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let mut before = String::new();
    for object in objects {
        let time = object["time"].as_str().expect("a time").to_owned();
        assert!(time.len() == 24 && time.ends_with('Z') && time >= before, "{time} {before}");
        assert_eq!(object["host"], host.trim_end());
        before = time;
    }
    assert!(!objects.is_empty());
}

/// The same sockets at other addresses are others, and those of equal addresses are told apart.
#[test]
fn sockets_with_equal_addresses_are_told_apart() {
    enter_namespace();
    let shared = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
        let socket = socket.expect("a socket");
        socket.set_reuse_port(true).expect("SO_REUSEPORT");
        let address: std::net::SocketAddr = "127.0.0.1:7003".parse().expect("an address");
        socket.bind(&address.into()).expect("bind");
        socket
    };
    let mut sockets: Vec<_> = (0..5).map(|_| shared()).collect();
    let mut running = Running::start("-uc 0.05 --ndjson --changes -O mark");
    running.pass_round();
    let closed = sockets.remove(2);
    let old = inode(&closed);
    drop(closed);
    sockets.push(shared());
    let new = inode(&sockets[4]);
    set(&sockets[0], SOL_SOCKET, 36, 7).expect("SO_MARK");
    running.pass_round();
    let events: Vec<Value> = running.end(Signal::SIGTERM).iter().map(|line| json(line)).collect();
    let mut seen: Vec<(&str, u64)> = events
        .iter()
        .map(|it| (it["event"].as_str().expect("a word"), it["inode"].as_u64().expect("an inode")))
        .collect();
    seen.sort();
    let changed = inode(&sockets[0]);
    assert_eq!(seen, [("changed", changed), ("closed", old), ("opened", new)], "{events:#?}");
}

#[test]
fn changes_are_lines_of_the_table() {
    enter_namespace();
    let arguments = "-tc 0.05 --changes --columns local,state,options --sport 7001,7999";
    let mut running = Running::start(arguments);
    running.pass_round();
    let (listener, client) = connection();
    running.pass_round();
    set(&listener, NODELAY.0, NODELAY.1, 1).expect("TCP_NODELAY");
    set(&listener, SOL_SOCKET, 36, 7).expect("SO_MARK");
    running.pass_round();
    let lines = running.end(Signal::SIGINT);
    let title = "Event   Local Address           State       Options";
    let same = "127.0.0.1:7001          LISTEN      SO_REUSEADDR=1,SO_KEEPALIVE=0,TCP_NODELAY=";
    assert_eq!(lines[0], title, "{lines:#?}");
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.contains(&format!("opened  {same}0")), "{lines:#?}");
    assert_eq!(lines[3], format!("changed {same}1,SO_MARK=7 TCP_NODELAY=0->1,SO_MARK=unset->7"));
    drop(client);
}

/// The other end of a unix socket comes and goes while the state stays the same.
#[test]
fn the_other_end_of_a_unix_socket() {
    enter_namespace();
    let name = net::SocketAddr::from_abstract_name("continuous").expect("a name");
    let listener = UnixListener::bind_addr(&name).expect("a listener");
    let client = UnixStream::connect_addr(&name).expect("a connection");
    let columns = "--columns inode,state,peer,local,remote";
    let mut running = ["", "--ndjson"]
        .map(|format| Running::start(&format!("-txc 0.05 --changes {columns} {format}")));
    running.iter_mut().for_each(Running::pass_round);
    let (server, _) = listener.accept().expect("a connection");
    running.iter_mut().for_each(Running::pass_round);
    let (of_client, of_server) = (inode(&client), inode(&server));
    drop(client);
    running.iter_mut().for_each(Running::pass_round);
    let [table, json] = running.map(|running| running.end(Signal::SIGINT));
    for change in [format!("peer=-->{of_server}"), format!("peer={of_client}->-")] {
        assert!(table.iter().any(|line| line.contains(&change)), "{change}: {table:#?}");
    }
    let count = |lines: &[String]| lines.iter().filter(|line| line.contains("changed")).count();
    assert_eq!(count(&table), count(&json), "{table:#?} {json:#?}");
}

/// As in netstat, rounds follow without a line between them, unless a round has empty lines itself.
#[test]
fn rounds_in_a_pipe_are_those_of_a_single_reading() {
    enter_namespace();
    let _sockets = [7004, 7005].map(|port| UdpSocket::bind(("127.0.0.1", port)).expect("a socket"));
    for arguments in ["-u --sort sport", "-us", "-u --count-by sport", "-uxH --sort sport"] {
        let mut once: Vec<String> = stdout(arguments).lines().map(str::to_owned).collect();
        assert!(once.len() > 1, "{arguments}");
        if arguments == "-us" {
            once.push(String::new());
        }
        let mut running = Running::start(&format!("{arguments} -c 0.05"));
        for _ in 0..3 {
            assert_eq!(running.lines(once.len()), once, "{arguments}");
        }
        running.end(Signal::SIGTERM);
    }
    let once = stdout("-u --ndjson --sort sport");
    let once: Vec<Value> = once.lines().map(json).collect();
    let mut running = Running::start("-uc 0.05 --ndjson --sort sport");
    let mut rounds: Vec<Value> = running.lines(6).iter().map(|line| json(line)).collect();
    are_stamped(&rounds);
    assert!(rounds[0]["time"] == rounds[1]["time"] && rounds[1]["time"] != rounds[2]["time"]);
    for (object, once) in rounds.iter_mut().zip(once.iter().cycle()) {
        let members = object.as_object_mut().expect("an object");
        assert!(members.remove("time").is_some() && members.remove("host").is_some());
        assert_eq!(object, once);
    }
}

#[test]
fn new_namespaces_are_seen() {
    let _turn = Turn::alone();
    enter_namespace();
    let arguments = "-uc 0.05 --all-netns --ndjson --changes --sport 43219,7999";
    let mut running = Running::start(arguments);
    running.pass_round();
    let (sender, is_seen) = channel::<()>();
    let other = spawn(move || {
        enter_namespace();
        let _socket = UdpSocket::bind("127.0.0.1:43219").expect("a UDP socket");
        let netns = fs::metadata("/proc/thread-self/ns/net").expect("a namespace");
        let _ = is_seen.recv();
        netns.ino()
    });
    wait_until("a row", || {
        running.pass_round();
        running.seen.iter().any(|line| line.contains(":43219"))
    });
    drop(sender);
    let netns = other.join().expect("a thread");
    running.pass_round();
    let events: Vec<Value> = running.end(Signal::SIGINT).iter().map(|line| json(line)).collect();
    let seen: Vec<_> = events.iter().map(|it| (it["event"].as_str(), &it["netns"])).collect();
    let netns = Value::from(netns);
    assert_eq!(seen, [(Some("opened"), &netns), (Some("closed"), &netns)]);
}

/// The interface that an expression names may go, and return with another index.
#[test]
fn an_interface_may_go_and_return() {
    enter_namespace();
    ip("link add left type veth peer name right");
    let bound = |port: u16| {
        let socket = UdpSocket::bind(("0.0.0.0", port)).expect("a UDP socket");
        set_bytes(&socket, SOL_SOCKET, SO_BINDTODEVICE, b"left").expect("SO_BINDTODEVICE");
        socket
    };
    let first = bound(43_220);
    let arguments = "-uc 0.05 --ndjson --changes interface = left or sport = 7999";
    let mut running = Running::start(arguments);
    running.pass_round();
    ip("link del left");
    running.pass_round();
    ip("link add name other type veth peer name left");
    let _second = bound(43_221);
    running.pass_round();
    drop(first);
    let events: Vec<Value> = running.end(Signal::SIGINT).iter().map(|line| json(line)).collect();
    let seen: Vec<_> = events.iter().map(|it| (&it["event"], &it["local"]["port"])).collect();
    let (closed, opened) = (Value::from("closed"), Value::from("opened"));
    let ports = [43_220, 43_221].map(Value::from);
    assert_eq!(seen, [(&closed, &ports[0]), (&opened, &ports[1])]);
}

/// A reader that is gone is noticed even if there is nothing to write.
#[test]
fn a_closed_pipe_ends_it() {
    enter_namespace();
    for arguments in ["-tc 0.05 --changes", "-tc 60"] {
        let mut command = command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it");
        drop(child.stdout.take());
        let begun = Instant::now();
        wait_until("it ends", || child.try_wait().expect("a child").is_some());
        let output = child.wait_with_output().expect("a child");
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{arguments}");
        assert!(begun.elapsed() < Duration::from_secs(50), "{arguments}");
    }
}

/// nohup(1) and shells ignore signals for a program.
#[test]
fn an_ignored_signal_stays_ignored() {
    enter_namespace();
    let mut command = Command::new("env");
    command.args(["--ignore-signal=INT", KNETSTAT, "-tc", "0.05"]).stdout(Stdio::null());
    let child = command.spawn().expect("knetstat");
    let running = Running { child, output: channel().1, seen: Vec::new() };
    wait_until("capabilities are dropped", || running.capabilities() == 1 << 13 | 1 << 39);
    kill(Pid::from_raw(running.child.id() as i32), Signal::SIGINT).expect("a signal");
    // The bit of SIGINT. nohup(1) ignores SIGHUP, too.
    let ignored = u64::from_str_radix(running.status("SigIgn:").trim(), 16).expect("a mask");
    assert_eq!(ignored & 2, 2);
    assert_eq!(running.end(Signal::SIGTERM), Vec::<String>::new());
}

/// A terminal of this size on which knetstat runs.
struct Terminal {
    running: Running,
    /// What has been written so far.
    text: String,
}

/// What begins each round.
const CLEAR: &str = "\x1b[H\x1b[2J";

impl Terminal {
    /// Runs `during` on a terminal, whose attributes must not change.
    fn with(rows: u16, arguments: &str, during: impl FnOnce(&mut Terminal)) {
        let size = Winsize { ws_row: rows, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).expect("a terminal");
        let ours = terminal.slave.as_fd().try_clone_to_owned().expect("a descriptor");
        let before = tcgetattr(&ours).expect("a terminal");
        let mut command = command(arguments);
        let child = command.stdout(terminal.slave).spawn().expect("knetstat");
        drop(command);
        let (sender, output) = channel();
        let mut master = File::from(terminal.master);
        spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(length @ 1..) = master.read(&mut buffer) {
                // Only ASCII is written here.
                let text = String::from_utf8_lossy(&buffer[..length]).replace('\r', "");
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
        let mut terminal =
            Terminal { running: Running { child, output, seen: Vec::new() }, text: String::new() };
        during(&mut terminal);
        let Terminal { running: Running { child, .. }, .. } = &mut terminal;
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("a process");
        assert_eq!(child.wait().expect("a child").code(), Some(0));
        assert_eq!(tcgetattr(&ours).expect("a terminal"), before);
    }

    /// The screens that are whole.
    fn screens(&mut self) -> Vec<&str> {
        self.text.extend(self.running.output.try_iter());
        let mut screens: Vec<&str> = self.text.split(CLEAR).skip(1).collect();
        screens.pop();
        screens
    }

    /// Waits for a screen that has this line.
    fn wait_for(&mut self, line: &str) {
        wait_until(line, || {
            self.screens().iter().any(|screen| screen.lines().any(|it| it.trim_end() == line))
        });
    }

    /// The number of screens that have this line.
    fn count(&mut self, line: &str) -> usize {
        let has = |screen: &&&str| screen.lines().any(|it| it.trim_end() == line);
        self.screens().iter().filter(has).count()
    }
}

#[test]
fn a_terminal_marks_what_has_changed() {
    enter_namespace();
    let arguments =
        "-uc 0.05 --columns local,options -O mark,nodelay --color never --sport 7006,7007";
    Terminal::with(50, arguments, |terminal| {
        terminal.wait_for("  Local Address           Options");
        let socket = UdpSocket::bind("127.0.0.1:7006").expect("a socket");
        terminal.wait_for("+ 127.0.0.1:7006          SO_MARK=0");
        terminal.wait_for("  127.0.0.1:7006          SO_MARK=0");
        set(&socket, SOL_SOCKET, 36, 7).expect("SO_MARK");
        terminal.wait_for("~ 127.0.0.1:7006          SO_MARK=7");
        terminal.wait_for("      SO_MARK=0->7");
        terminal.wait_for("  127.0.0.1:7006          SO_MARK=7");
        drop(socket);
        terminal.wait_for("- 127.0.0.1:7006          SO_MARK=7");
        let screens = terminal.screens().len();
        wait_until("two more rounds", || terminal.screens().len() > screens + 1);
        for line in ["+ 127.0.0.1:7006          SO_MARK=0", "~ 127.0.0.1:7006          SO_MARK=7"] {
            assert_eq!(terminal.count(line), 1, "{line}");
        }
        assert_eq!(terminal.count("- 127.0.0.1:7006          SO_MARK=7"), 1);
        let last = terminal.screens().pop().map(str::to_owned);
        assert_eq!(last.as_deref(), Some("  Local Address           Options\n"));
    });
}

#[test]
fn a_long_table_is_cut_to_the_screen() {
    enter_namespace();
    let _sockets: Vec<UdpSocket> =
        (0..30).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket")).collect();
    // One line is that of the titles, one counts, and the cursor is on the last one.
    for (arguments, what) in [("-uc 0.05", "rows"), ("-uc 0.05 --count-by sport", "lines")] {
        let (rows, hidden) = (12, 30 - 9);
        Terminal::with(rows, arguments, |terminal| {
            terminal.wait_for(&format!("{hidden} more {what} do not fit on the screen"));
            let screen = terminal.screens()[0];
            assert_eq!(screen.lines().count(), usize::from(rows) - 1, "{screen}");
        });
    }
    // 0: the terminal does not report how many lines it has.
    for rows in [50, 0] {
        Terminal::with(rows, "-uc 0.05", |terminal| {
            wait_until("a screen", || terminal.screens().len() > 2);
            let screen = terminal.screens()[0];
            assert_eq!(screen.lines().count(), 31, "{screen}");
        });
    }
}

/// Compares the memory and the descriptors of a program before and after many rounds. `rounds` waits for a number of them
/// and returns the smallest sizes during them.
///
/// A program that once saw many sockets of other tests keeps the memory that it took for them. What leaks grows in each
/// thousand of rounds, so that one without growth proves that nothing does.
fn grows_nothing(mut rounds: impl FnMut(usize) -> (u64, usize)) {
    let mut grown = Vec::new();
    while grown.len() < 3 {
        let (memory, descriptors) = rounds(100);
        rounds(800);
        let (memory_later, descriptors_later) = rounds(100);
        if memory_later <= memory + 512 && descriptors_later <= descriptors + 2 {
            return;
        }
        grown.push(format!(
            "{memory} to {memory_later} KiB, {descriptors} to {descriptors_later} descriptors"
        ));
    }
    panic!("each thousand of rounds grew: {}", grown.join("; "));
}

/// Memory and descriptors after a hundred rounds and after a thousand more.
#[test]
fn a_thousand_rounds_grow_nothing() {
    enter_namespace();
    let _sockets: Vec<UdpSocket> =
        (0..20).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket")).collect();
    let mut running = Running::start("-tupe --peer -c 0.001");
    let rounds = |number: usize| {
        // The smallest of several moments, because a round opens and closes descriptors. What is never released raises it.
        let mut size = (u64::MAX, usize::MAX);
        let mut seen = 0;
        while seen < number {
            let line = running.lines(1).remove(0);
            if line.starts_with("Proto") {
                seen += 1;
                let (memory, descriptors) = running.size();
                size = (size.0.min(memory), size.1.min(descriptors));
            }
        }
        size
    };
    grows_nothing(rounds);
    running.end(Signal::SIGTERM);
}

/// The same with the rows of the round before, and sockets that come and go.
#[test]
fn a_thousand_screens_grow_nothing() {
    enter_namespace();
    let _sockets: Vec<UdpSocket> =
        (0..20).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket")).collect();
    Terminal::with(50, "-tuc 0.001", |terminal| {
        let rounds = |number: usize| {
            let (mut size, mut seen) = ((u64::MAX, usize::MAX), 0);
            while seen < number {
                let _new = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                let text = terminal.running.output.recv_timeout(PATIENCE).expect("a screen");
                seen += text.matches(CLEAR).count();
                let (memory, descriptors) = terminal.running.size();
                size = (size.0.min(memory), size.1.min(descriptors));
            }
            size
        };
        grows_nothing(rounds);
    });
}
