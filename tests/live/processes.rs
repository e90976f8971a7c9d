//! The arguments, the start and the user of the processes that hold a socket, compared with /proc and, where it is
//! installed, ps(1). The processes are copies of this test program that only sleep.

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::libc;
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sched::{unshare, CloneFlags};
use serde_json::{json, Value};

use crate::common::{
    enter_namespace, find, knetstat, not_tested, sockets, stdout, wait_until, KNETSTAT,
};

const COLUMNS: &str = "--columns inode,pid,cmdline,started,process_user,owner";

/// The environment variable that makes the test program a sleeper, and the value with which its first thread ends.
const SLEEPER: &str = "KNETSTAT_TEST_SLEEPER";
const IN_A_THREAD: &str = "thread";

/// Called before `main`, which would read the arguments.
#[used]
#[link_section = ".init_array"]
static BEFORE_MAIN: extern "C" fn() = sleep_if_asked;

extern "C" fn sleep_if_asked() {
    match std::env::var_os(SLEEPER) {
        None => return,
        Some(how) if how == IN_A_THREAD => {
            let mut thread = 0;
            // SAFETY: the thread only sleeps, and the first thread uses nothing after it has ended.
            unsafe {
                libc::pthread_create(&mut thread, std::ptr::null(), sleep, std::ptr::null_mut());
                libc::syscall(libc::SYS_exit, 0);
            }
        }
        Some(_) => {}
    }
    sleep(std::ptr::null_mut());
}

extern "C" fn sleep(_: *mut libc::c_void) -> *mut libc::c_void {
    loop {
        nix::unistd::pause();
    }
}

/// A process that sleeps until the value is dropped.
struct Sleeper(Child);

impl Sleeper {
    /// Starts a process whose standard input is the socket.
    fn new(socket: &impl AsFd, configure: impl FnOnce(&mut Command)) -> Sleeper {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.env(SLEEPER, "").stdout(Stdio::null());
        command.stdin(socket.as_fd().try_clone_to_owned().expect("a descriptor"));
        configure(&mut command);
        let sleeper = Sleeper(command.spawn().expect("this program starts"));
        // Before, exec(2) may not have written the arguments yet.
        wait_until("it sleeps", || ["S", "Z"].contains(&stat_field(sleeper.pid(), 3).as_str()));
        sleeper
    }

    fn with_arguments(socket: &impl AsFd, arguments: &[&[u8]]) -> Sleeper {
        Sleeper::new(socket, |command| {
            command.arg0(OsStr::from_bytes(arguments[0]));
            command.args(arguments[1..].iter().map(|it| OsStr::from_bytes(it)));
        })
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener")
}

/// What a row has of one of the processes that hold the socket: cmdline, started and process_user.
fn of(row: &Value, pid: u32) -> [&Value; 3] {
    let pids = row["pid"].as_array().expect("a list");
    let at = pids.iter().position(|it| *it == pid).unwrap_or_else(|| panic!("{pid}: {row}"));
    ["cmdline", "started", "process_user"].map(|column| {
        assert_eq!(row[column].as_array().map(Vec::len), Some(pids.len()), "{column}: {row}");
        &row[column][at]
    })
}

fn row(socket: &impl AsFd, arguments: &str) -> Value {
    let rows = sockets(&format!("{arguments} {COLUMNS}"));
    find(&rows, socket).unwrap_or_else(|| panic!("{arguments}: no row")).clone()
}

/// A field of /proc/PID/stat, counted as in proc_pid_stat(5). The name has no parentheses here.
fn stat_field(pid: u32, number: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    fields.split_whitespace().nth(number - 3).expect("a field").to_owned()
}

/// The effective UID in /proc/PID/status.
fn effective_user(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("users");
    users.split_whitespace().nth(1).and_then(|uid| uid.parse().ok()).expect("a number")
}

/// The arguments as /proc has them, without those at the end that are empty.
fn arguments(pid: u32) -> Vec<Vec<u8>> {
    let mut bytes = fs::read(format!("/proc/{pid}/cmdline")).expect("a process");
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    match bytes.is_empty() {
        true => Vec::new(),
        false => bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect(),
    }
}

#[test]
fn odd_arguments() {
    enter_namespace();
    let socket = listener();
    let odd: [&[u8]; 12] = [
        b"my program",
        b"-",
        b"",
        b"a,b",
        b"\"\"",
        b"\\x41",
        b"\x1b[31m",
        "\u{202e}x".as_bytes(),
        b"\xff",
        "\u{a0}\u{e9}".as_bytes(),
        b"\t\n",
        b"?",
    ];
    let process = Sleeper::with_arguments(&socket, &odd);
    assert_eq!(arguments(process.pid()), odd);
    let expected = json!([
        "my program",
        "-",
        "",
        "a,b",
        "\"\"",
        "\\\\x41",
        "\\x1b[31m",
        "\\xe2\\x80\\xaex",
        "\\xff",
        "\u{a0}\u{e9}",
        "\\x09\\x0a",
        "?",
    ]);
    assert_eq!(*of(&row(&socket, "-t"), process.pid())[0], expected);
    drop(socket);
    // In the table, blanks and commas within an argument are escaped, too.
    let text =
        r#"my\x20program - "" a\x2cb \x22" \\x41 \x1b[31m \xe2\x80\xaex \xff \xc2\xa0é \x09\x0a ?"#;
    let flags = format!("-tH --pid {} --columns", process.pid());
    wait_until("only the process holds the socket", || {
        stdout(&format!("{flags} cmdline")).trim_end() == text
    });
    let csv = stdout(&format!("{flags} cmdline --csv"));
    assert_eq!(csv.trim_end(), format!("\"{}\"", text.replace('"', "\"\"")));
    assert_eq!(
        stdout(&format!("-tH --pid {} --count-by cmdline", process.pid())).trim_end(),
        format!("1  {text}")
    );
}

#[test]
fn patterns_of_arguments() {
    enter_namespace();
    let socket = listener();
    let process = Sleeper::with_arguments(&socket, &[b"a b", b"c,d", b"\x1b[31m"]);
    drop(socket);
    for (condition, selects) in [
        ("cmdline ~ \"a b c*\"", true),
        ("cmdline ~ *b?c*", true),
        ("cmdline ~ \"*c,d*\"", true),
        ("cmdline ~ \"*\\x1b[31m*\"", true),
        ("cmdline ~ *other*", false),
        ("cmdline !~ *other*", true),
        ("cmdline ~ *A*", false),
        // As it is printed, and without escapes.
        ("cmdline = \"a\\x20b c\\x2cd \\x1b[31m\"", true),
        ("cmdline = \"a b c,d \\x1b[31m\"", true),
        ("cmdline = \"a b\"", false),
        ("has(cmdline)", true),
    ] {
        let expression = format!("pid = {} and {condition}", process.pid());
        let output = knetstat(["-tq", "--where", &expression]);
        assert_eq!(output.status.code(), Some(i32::from(!selects)), "{expression}: {output:?}");
    }
}

/// What looks like a mark is escaped, and selects the process again.
#[test]
fn a_single_argument_that_looks_like_a_mark() {
    enter_namespace();
    for (argument, printed) in [("-", "\\x2d"), ("?", "\\x3f"), ("\"\"", "\\x22\"")] {
        let socket = listener();
        let process = Sleeper::with_arguments(&socket, &[argument.as_bytes()]);
        drop(socket);
        let pid = process.pid();
        wait_until("only the process holds the socket", || {
            stdout(&format!("-tH --pid {pid} --columns cmdline")).trim_end() == printed
        });
        let expression = format!("pid = {pid} and cmdline = '{printed}'");
        assert!(knetstat(["-tq", "--where", &expression]).status.success(), "{expression}");
    }
}

#[test]
fn a_process_without_arguments() {
    enter_namespace();
    let socket = listener();
    let program = std::env::current_exe().expect("a path");
    let program = CString::new(program.as_os_str().as_bytes()).expect("a path");
    let variable = CString::new(format!("{SLEEPER}=")).expect("a variable");
    let process = Sleeper::new(&socket, |command| {
        let execute = move || {
            let error = nix::unistd::execve(&program, &[] as &[CString], &[&variable]);
            Err(error.expect_err("a program").into())
        };
        // SAFETY: the child only makes a system call.
        unsafe { command.pre_exec(execute) };
    });
    // Since 5.18, the kernel adds an empty argument.
    assert!(arguments(process.pid()).is_empty());
    assert_eq!(*of(&row(&socket, "-t"), process.pid())[0], json!([]));
    drop(socket);
    let pid = process.pid();
    wait_until("only the process holds the socket", || {
        stdout(&format!("-tH --pid {pid} --columns cmdline")).trim_end() == "-"
    });
    let expression = format!("pid = {pid} and has(cmdline)");
    assert_eq!(knetstat(["-tq", "--where", &expression]).status.code(), Some(1));
}

/// A program may replace its arguments by a title, and fill the rest of them with zero bytes.
#[test]
fn a_title_is_one_argument() {
    enter_namespace();
    let socket = listener();
    let title = b"nginx: worker process";
    let process = Sleeper::with_arguments(&socket, &[title, b"", b"", b"", b""]);
    let shown = fs::read(format!("/proc/{}/cmdline", process.pid())).expect("a process");
    assert_eq!(shown, [&title[..], &[0; 5]].concat());
    assert_eq!(*of(&row(&socket, "-t"), process.pid())[0], json!(["nginx: worker process"]));
}

#[test]
fn the_first_thread_may_have_ended() {
    enter_namespace();
    let socket = listener();
    let process = Sleeper::new(&socket, |command| {
        command.env(SLEEPER, IN_A_THREAD).arg0("threads").arg("x");
    });
    let pid = process.pid();
    wait_until("the first thread has ended", || stat_field(pid, 3) == "Z");
    assert!(arguments(pid).is_empty(), "the kernel has none for the first thread");
    let row = row(&socket, "-t");
    let [cmdline, started, user] = of(&row, pid);
    assert_eq!((cmdline, user), (&json!(["threads", "x"]), &json!(0)));
    assert_start(started, pid);
}

/// Asserts that the start is that of /proc, where it is in ticks, and the time of the boot is in seconds.
fn assert_start(started: &Value, pid: u32) {
    let started = milliseconds(started);
    let stat = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")).expect("btime");
    let boot: i64 = boot.parse().expect("seconds");
    // SAFETY: the call takes a number only.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let ticks: i64 = stat_field(pid, 22).parse().expect("ticks");
    let after_boot = started - boot * 1000 - ticks * 1000 / per_second;
    // What the seconds of the boot and the ticks lack.
    assert!((0..1000 + 1000 / per_second).contains(&after_boot), "{after_boot} ms");
}

/// The milliseconds since 1970 of a text such as `2026-11-26T14:02:15.370Z`, by the C library.
fn milliseconds(text: &Value) -> i64 {
    let text = text.as_str().unwrap_or_else(|| panic!("{text}"));
    let number = |at: std::ops::Range<usize>| -> i64 { text[at].parse().expect("a number") };
    assert_eq!((text.len(), &text[23..]), (24, "Z"), "{text}");
    // SAFETY: all members of the structure are integers, except a pointer, which may be null.
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    (time.tm_year, time.tm_mon) = (number(0..4) as i32 - 1900, number(5..7) as i32 - 1);
    (time.tm_mday, time.tm_hour) = (number(8..10) as i32, number(11..13) as i32);
    (time.tm_min, time.tm_sec) = (number(14..16) as i32, number(17..19) as i32);
    // SAFETY: the pointer is that of a whole structure.
    (unsafe { libc::timegm(&mut time) }) * 1000 + number(20..23)
}

#[test]
fn the_start_is_that_of_proc_and_the_same_in_every_run() {
    enter_namespace();
    let socket = listener();
    let first = Sleeper::with_arguments(&socket, &[b"first"]);
    std::thread::sleep(Duration::from_millis(30));
    let second = Sleeper::with_arguments(&socket, &[b"second"]);
    let rows = [row(&socket, "-t"), row(&socket, "-t")];
    for process in [&first, &second] {
        let [a, b] = [&rows[0], &rows[1]].map(|row| of(row, process.pid())[1]);
        assert_eq!(a, b);
        assert_start(a, process.pid());
        match Command::new("ps").args(["-o", "lstart="]).arg(process.pid().to_string()).output() {
            Ok(output) if output.status.success() => {
                let date = String::from_utf8(output.stdout).expect("a date");
                let output = Command::new("date").args(["+%s", "-d", date.trim()]).output();
                let seconds = String::from_utf8(output.expect("date(1)").stdout).expect("seconds");
                let seconds: i64 = seconds.trim().parse().expect("seconds");
                assert!((milliseconds(a) / 1000 - seconds).abs() <= 1, "{a} {date}");
            }
            _ => not_tested("ps -o lstart: ps(1) of procps is not installed"),
        }
    }
    let [first_start, second_start] =
        [&first, &second].map(|it| milliseconds(of(&rows[0], it.pid())[1]));
    assert!(first_start + 30 <= second_start, "{first_start} {second_start}");
}

#[test]
fn expressions_and_orders_of_the_start() {
    enter_namespace();
    let sockets: Vec<TcpListener> = (0..2).map(|_| listener()).collect();
    let mut processes = Vec::new();
    for socket in &sockets {
        processes.push(Sleeper::with_arguments(socket, &[b"x"]));
        std::thread::sleep(Duration::from_millis(20));
    }
    let rows = sockets.iter().map(|socket| row(socket, "-t"));
    let starts: Vec<String> = rows
        .zip(&processes)
        .map(|(row, it)| of(&row, it.pid())[1].as_str().expect("a time").to_owned())
        .collect();
    let pids: Vec<u32> = processes.iter().map(Sleeper::pid).collect();
    let both = format!("pid = {},{}", pids[0], pids[1]);
    drop(sockets);
    for (condition, count) in [
        (format!("started = {}", starts[0]), 1),
        (format!("started != {}", starts[0]), 1),
        (format!("started >= {}", starts[0]), 2),
        (format!("started > {}", starts[0]), 1),
        (format!("started < {}", starts[1]), 1),
        (format!("started = {},{}", starts[0], starts[1]), 2),
        ("started > -1h".to_owned(), 2),
        ("started < -1h".to_owned(), 0),
        ("started > 2026-01-01".to_owned(), 2),
        ("started < \"2026-01-01 00:00+02:00\"".to_owned(), 0),
    ] {
        let expression = format!("{both} and {condition}");
        let output = knetstat(["-tJ", "--columns", "pid", "--where", &expression]);
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(found.len(), count, "{expression} {starts:?} {found:?}");
    }
    for (key, expected) in [("started", [pids[0], pids[1]]), ("-started", [pids[1], pids[0]])] {
        let flags = format!("-t --pid {} --pid {} --sort {key} --columns pid", pids[0], pids[1]);
        wait_until("only the processes hold the sockets", || {
            let rows = crate::common::sockets(&flags);
            rows.iter().map(|row| row["pid"].clone()).collect::<Vec<_>>()
                == expected.map(|pid| json!([pid]))
        });
    }
    for wrong in ["started < 5min", "started > yesterday", "started = 2026-02-29"] {
        let output = knetstat(["-t", "--where", wrong]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {stderr}");
        assert!(stderr.contains("-5min"), "{stderr}");
    }
}

#[test]
fn users_are_the_effective_ones() {
    enter_namespace();
    let socket = listener();
    let nobody = Sleeper::new(&socket, |command| {
        command.uid(65_534);
    });
    // Its files in /proc belong to root, because it has changed its user.
    let disguised = Sleeper::new(&socket, |command| {
        let become_another = || match unsafe { libc::setresuid(0, 4_242, 0) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        };
        // SAFETY: the child only makes a system call.
        unsafe { command.pre_exec(become_another) };
    });
    let root = Sleeper::with_arguments(&socket, &[b"root"]);
    let shown = row(&socket, "-t");
    for (process, uid) in [(&nobody, 65_534), (&disguised, 4_242), (&root, 0)] {
        assert_eq!(effective_user(process.pid()), uid);
        assert_eq!(*of(&shown, process.pid())[2], uid);
    }
    // The socket stays with the user who created it.
    assert_eq!(sockets("-t --columns uid")[0]["uid"], 0);
    // With names.
    alone_with_mounts();
    mount(Some("none"), "/etc", Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("/etc");
    let passwd = b"root:x:0:0:::\na b\x1b:x:4242:1:::\nother:x:4242:1:::\n7:x:65534:1:::\n";
    fs::write("/etc/passwd", passwd).expect("/etc/passwd");
    let name =
        |process: &Sleeper| stdout(&format!("-tH --pid {} --columns process_user", process.pid()));
    let names = [&nobody, &disguised, &root].map(name);
    for (name, expected) in names.iter().zip(["\\x37", "a\\x20b\\x1b", "root"]) {
        assert!(name.trim_end().split(',').any(|it| it == expected), "{names:?} {expected}");
    }
    for (user, process) in [("4242", &disguised), ("\"a b\\x1b\"", &disguised), ("65534", &nobody)]
    {
        let expression = format!("pid = {} and process_user = {user}", process.pid());
        assert!(knetstat(["-tq", "--where", &expression]).status.success(), "{expression}");
        let expression = format!("pid = {} and process_user = {user}", root.pid());
        assert_eq!(knetstat(["-tq", "--where", &expression]).status.code(), Some(1));
    }
    fs::remove_file("/etc/passwd").expect("/etc/passwd");
    assert!(name(&disguised).contains("4242"));
}

/// Makes mounts of this thread invisible to others.
fn alone_with_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
}

/// A run of knetstat that has read which processes hold sockets, and now waits to write the rest of its rows. The UDP
/// socket, whose row comes last, is held by this process, too.
struct Waiting {
    child: Child,
    socket: UdpSocket,
    _others: Vec<TcpListener>,
}

impl Waiting {
    /// `victim` starts the other process that holds the socket.
    fn new(victim: impl FnOnce(&UdpSocket) -> Sleeper) -> (Waiting, Sleeper) {
        enter_namespace();
        // Each has a row of a few kilobytes.
        let others: Vec<TcpListener> = (0..200).map(|_| listener()).collect();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let victim = victim(&socket);
        // Another process could begin in the same tick.
        std::thread::sleep(Duration::from_millis(50));
        let mut command = Command::new(KNETSTAT);
        command.args(
            "-tu --ndjson --columns protocol,options,inode,pid,cmdline,started,process_user"
                .split(' '),
        );
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.expect("knetstat starts");
        wait_until("the pipe is full", || unread(&child) > 32 * 1024);
        (Waiting { child, socket, _others: others }, victim)
    }

    /// The row of the UDP socket.
    fn finish(self) -> Value {
        let Waiting { child, socket, _others } = self;
        let Output { status, stdout, stderr } = child.wait_with_output().expect("knetstat ends");
        assert!(
            status.success() && stderr.is_empty(),
            "{status} {}",
            String::from_utf8_lossy(&stderr)
        );
        let text = String::from_utf8(stdout).expect("UTF-8");
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert!(rows.len() > 200, "{} rows", rows.len());
        assert_eq!(rows[0]["protocol"], "tcp", "the UDP socket is not among the first");
        find(&rows, &socket).expect("a row").clone()
    }
}

/// The number of bytes that the process has written, and nobody has read.
fn unread(child: &Child) -> i32 {
    let mut count = 0;
    let pipe = child.stdout.as_ref().expect("a pipe").as_raw_fd();
    // SAFETY: FIONREAD writes an integer.
    assert_eq!(unsafe { libc::ioctl(pipe, libc::FIONREAD, &mut count) }, 0, "FIONREAD");
    count
}

#[test]
fn a_process_that_has_ended_is_null() {
    let (waiting, victim) = Waiting::new(|it| Sleeper::with_arguments(it, &[b"victim"]));
    let pid = victim.pid();
    let ticks = stat_field(pid, 22);
    drop(victim);
    let row = waiting.finish();
    let [cmdline, started, user] = of(&row, pid);
    assert_eq!((cmdline, user), (&Value::Null, &Value::Null), "{row}");
    // BPF has read the start together with the descriptor.
    assert!(milliseconds(started) > 0, "{ticks}");
    // This process is still there.
    let [cmdline, _, user] = of(&row, std::process::id());
    assert_eq!((cmdline.is_array(), user), (true, &json!(0)), "{row}");
}

/// Until its parent waits for it, a process that has ended is a zombie, whose PID is still in use.
#[test]
fn a_zombie_has_ended() {
    let (waiting, mut victim) = Waiting::new(|it| Sleeper::with_arguments(it, &[b"victim"]));
    let pid = victim.pid();
    victim.0.kill().expect("a process");
    wait_until("it is a zombie", || stat_field(pid, 3) == "Z");
    let row = waiting.finish();
    let [cmdline, _, user] = of(&row, pid);
    assert_eq!((cmdline, user), (&Value::Null, &Value::Null), "{row}");
}

/// clone3(2) can choose the PID of the new process.
#[test]
fn another_process_with_the_same_pid_is_not_shown() {
    let (waiting, victim) = Waiting::new(|it| Sleeper::with_arguments(it, &[b"victim"]));
    let pid = victim.pid();
    let ticks = stat_field(pid, 22);
    drop(victim);
    let Some(other) = Clone::with_pid(pid) else {
        return not_tested("the reuse of a PID: clone3(2) cannot choose it here");
    };
    assert_ne!(stat_field(pid, 22), ticks, "it began later");
    assert!(!arguments(pid).is_empty(), "it has arguments");
    let row = waiting.finish();
    let [cmdline, started, user] = of(&row, pid);
    assert_eq!((cmdline, user), (&Value::Null, &Value::Null), "{row}");
    drop(other);
    // The start is that of the process that held the socket.
    let ticks: i64 = ticks.parse().expect("ticks");
    let own = milliseconds(of(&row, std::process::id())[1]);
    let own_ticks: i64 = stat_field(std::process::id(), 22).parse().expect("ticks");
    let expected = own + (ticks - own_ticks) * 10;
    assert!((milliseconds(started) - expected).abs() <= 20, "{started} {expected}");
}

/// A copy of this process that sleeps until the value is dropped.
struct Clone(u32);

impl Clone {
    /// `None` if the kernel cannot choose the PID, or this process may not ask for it.
    fn with_pid(pid: u32) -> Option<Clone> {
        let pids = [pid as i32];
        // SAFETY: all members of the structure are integers.
        let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
        arguments.exit_signal = libc::SIGCHLD as u64;
        (arguments.set_tid, arguments.set_tid_size) = (pids.as_ptr() as u64, 1);
        // SAFETY: as fork(2). The child only sleeps until it is killed.
        let answer =
            unsafe { libc::syscall(libc::SYS_clone3, &arguments, size_of::<libc::clone_args>()) };
        match answer {
            0 => {
                // Other tests are not to find that it holds their sockets.
                // SAFETY: the child uses none of the descriptors that it inherited.
                unsafe { libc::close_range(3, u32::MAX, 0) };
                loop {
                    nix::unistd::pause();
                }
            }
            -1 => None,
            answer => Some(Clone(answer as u32)),
        }
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.0 as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        let _ = nix::sys::wait::waitpid(pid, None);
    }
}

/// Runs knetstat, which must say what is missing in one line. Returns the row of the socket.
fn incomplete(socket: &impl AsFd, why: &str, prepare: impl FnOnce(&mut Command)) -> Value {
    let mut command = Command::new(KNETSTAT);
    command.args("-t --ndjson".split(' ')).args(COLUMNS.split(' ')).stdin(Stdio::null());
    prepare(&mut command);
    let output = command.output().expect("knetstat starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains(&format!("missing details of processes: {why}")), "{stderr}");
    let rows = String::from_utf8(output.stdout).expect("UTF-8");
    let rows: Vec<Value> =
        rows.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    find(&rows, socket).expect("a row").clone()
}

#[test]
fn without_proc_they_are_unknown() {
    enter_namespace();
    let socket = listener();
    let process = Sleeper::with_arguments(&socket, &[b"hidden"]);
    alone_with_mounts();
    umount2("/proc", MntFlags::MNT_DETACH).expect("umount");
    let row = incomplete(&socket, "cannot read /proc/self/", |_| ());
    assert_eq!(of(&row, process.pid()), [&Value::Null; 3]);
    let output = knetstat(["-tH", "--columns", "cmdline"]);
    assert!(String::from_utf8_lossy(&output.stdout).trim_end().split(',').all(|it| it == "?"));
    // Unknown: neither so nor not so.
    for condition in
        ["cmdline ~ *hidden*", "cmdline !~ *hidden*", "has(cmdline)", "not has(cmdline)"]
    {
        let output = knetstat(["-tH", "--columns", "inode", "--where", condition]);
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(1), &b""[..]),
            "{condition}"
        );
    }
    // Nothing is missing if they are not asked for.
    assert!(knetstat(["-tH", "--columns", "pid,command"]).status.success());
}

/// The option `gid` has the group whose members see everything, by default that of root.
#[test]
fn processes_that_proc_hides_are_unknown() {
    enter_namespace();
    let socket = listener();
    let process = Sleeper::with_arguments(&socket, &[b"visible"]);
    for options in ["hidepid=1,gid=4242", "hidepid=2,gid=4242", "hidepid=2,gid=0"] {
        alone_with_mounts();
        umount2("/proc", MntFlags::MNT_DETACH).expect("umount");
        mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), Some(options)).expect("/proc");
        if options.ends_with("gid=0") {
            assert_eq!(*of(&row(&socket, "-t"), process.pid())[0], json!(["visible"]), "{options}");
            continue;
        }
        let row = incomplete(&socket, "/proc hides the processes of other users (", |_| ());
        let [cmdline, started, user] = of(&row, process.pid());
        assert_eq!((cmdline, user), (&Value::Null, &Value::Null), "{options} {row}");
        assert!(milliseconds(started) > 0, "the start requires no look at the process");
    }
}

#[test]
fn the_proc_of_another_pid_namespace_is_not_believed() {
    enter_namespace();
    let socket = listener();
    alone_with_mounts();
    unshare(CloneFlags::CLONE_NEWPID).expect("a PID namespace");
    let first = Sleeper::with_arguments(&socket, &[b"first"]);
    let row = incomplete(&socket, "/proc is that of another PID namespace (", |_| ());
    assert_eq!(of(&row, 1), [&Value::Null, of(&row, 1)[1], &Value::Null]);
    assert_start(of(&row, 1)[1], first.pid());

    // With that of its own, it is.
    let mut command = Command::new(KNETSTAT);
    command.args("-t -J".split(' ')).args(COLUMNS.split(' ')).stdin(Stdio::null());
    let mount_proc = || {
        mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), None::<&str>)?;
        Ok(())
    };
    // SAFETY: the child only makes a system call.
    unsafe { command.pre_exec(mount_proc) };
    let output = command.output().expect("knetstat starts");
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = find(&rows, &socket).expect("a row");
    assert_eq!((of(row, 1)[0], of(row, 1)[2]), (&json!(["first"]), &json!(0)));
}

/// /proc shows the start of a process in the time namespace of the reader.
#[test]
fn a_time_namespace_changes_nothing() {
    enter_namespace();
    let socket = listener();
    let process = Sleeper::with_arguments(&socket, &[b"outside"]);
    if !fs::exists("/proc/self/ns/time").expect("/proc") {
        return not_tested("time namespaces: this kernel has none");
    }
    let expected = row(&socket, "-t");
    for offset in [c"boottime 100000 5000000", c"boottime -10 500000000"] {
        let mut command = Command::new(KNETSTAT);
        command.args("-t -J".split(' ')).args(COLUMNS.split(' ')).stdin(Stdio::null());
        // SAFETY: the child only makes system calls.
        unsafe { command.pre_exec(move || in_a_time_namespace(offset)) };
        let output = command.output().expect("knetstat starts");
        assert!(output.status.success(), "{output:?}");
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        let row = find(&rows, &socket).expect("a row");
        assert_eq!(of(row, process.pid()), of(&expected, process.pid()), "{offset:?}");
    }
}

/// Continues as a child in a new time namespace. The process itself waits for its child.
fn in_a_time_namespace(offset: &CStr) -> io::Result<()> {
    const CLONE_NEWTIME: i32 = 0x80;
    let check = |answer: i64| match answer {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer as i32),
    };
    // SAFETY: these are system calls, with pointers to C strings that live long enough.
    unsafe {
        check(libc::unshare(CLONE_NEWTIME).into())?;
        let file = check(libc::open(c"/proc/self/timens_offsets".as_ptr(), libc::O_WRONLY).into())?;
        check(libc::write(file, offset.as_ptr().cast(), offset.to_bytes().len()) as i64)?;
        let child = check(libc::fork().into())?;
        if child != 0 {
            let mut status = 0;
            libc::waitpid(child, &mut status, 0);
            libc::_exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 99 });
        }
    }
    Ok(())
}
