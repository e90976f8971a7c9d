//! Runs that end or stop before their time: by a signal, by a limit, or because nobody reads. What they have printed is
//! whole lines, they hold up nobody else, and nothing of them stays in the kernel.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::RwLockWriteGuard;
use std::thread;
use std::time::{Duration, Instant};

use knetstat::kernel::syscall;
use libbpf_rs::query::{LinkInfoIter, MapInfoIter, ProgInfoIter};
use nix::sys::resource::{setrlimit, Resource};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use crate::common::{enter_namespace, wait_until, KNETSTAT};
use crate::exclusive;

/// Many times what the pipe and the buffers of the program have room for.
const CONNECTIONS: usize = 6_000;

/// The lines that are read before something happens.
const LINES: usize = 1_000;

/// What is loaded: the numbers of programs, of maps and of links.
type Loaded = [BTreeSet<u32>; 3];

fn loaded() -> Loaded {
    [
        ProgInfoIter::default().map(|it| it.id).collect(),
        MapInfoIter::default().map(|it| it.id).collect(),
        LinkInfoIter::default().map(|it| it.id).collect(),
    ]
}

/// A network namespace with many connections.
struct Scene {
    listener: TcpListener,
    _held: Vec<(TcpStream, TcpStream)>,
    before: Loaded,
    _turn: RwLockWriteGuard<'static, ()>,
}

impl Scene {
    fn new() -> Scene {
        let turn = exclusive();
        enter_namespace();
        syscall::allow_many_files();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let held = (0..CONNECTIONS).map(|_| connection(&listener)).collect();
        Scene { listener, _held: held, before: loaded(), _turn: turn }
    }

    /// The number of lines of a table without a header.
    fn rows(&self) -> usize {
        1 + 2 * CONNECTIONS
    }

    /// Asserts that nothing has been added to what was loaded. The kernel frees it a little later.
    fn nothing_is_left(&self, what: &str) {
        wait_until(&format!("nothing is left after {what}"), || {
            let now = loaded();
            now.iter().zip(&self.before).all(|(now, before)| now.is_subset(before))
        });
    }

    /// Asserts that others go on: connections are made, and the tables are read to the end.
    fn others_go_on(&self, what: &str) {
        let start = Instant::now();
        for _ in 0..500 {
            drop(connection(&self.listener));
        }
        let other =
            Command::new(KNETSTAT).args(["-tH", "--state", "listen"]).output().expect("it starts");
        assert_eq!(other.stdout.iter().filter(|byte| **byte == b'\n').count(), 1, "{what}");
        let other = Command::new("ss").args(["-Htan"]).output().expect("ss(8)");
        let lines = other.stdout.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines >= self.rows(), "{what}: {lines}");
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: {:?}", start.elapsed());
    }
}

fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connect");
    (client, listener.accept().expect("accept").0)
}

/// A run in the middle of its table.
struct Begun {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Begun {
    fn new(arguments: &str) -> Begun {
        let mut command = Command::new(KNETSTAT);
        // A shell ignores SIGINT in what it runs in the background, such as these tests, and nohup(1) SIGHUP.
        let reset = || {
            for ignored in [nix::libc::SIGINT, nix::libc::SIGHUP] {
                // SAFETY: the usual handler is none of this process.
                unsafe { nix::libc::signal(ignored, nix::libc::SIG_DFL) };
            }
            Ok(())
        };
        // SAFETY: signal(2) is safe between fork and exec.
        unsafe { command.pre_exec(reset) };
        command.args(arguments.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut out = BufReader::with_capacity(4096, child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        for _ in 0..LINES {
            line.clear();
            assert_ne!(out.read_line(&mut line).expect("a line"), 0, "{arguments} has ended");
        }
        Begun { child, out }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("a signal");
    }

    /// Reads the rest. Returns it, with the messages and the status.
    fn end(mut self) -> (String, String, std::process::ExitStatus) {
        let (mut rest, mut messages) = (String::new(), String::new());
        self.out.read_to_string(&mut rest).expect("text");
        let mut errors = self.child.stderr.take().expect("a pipe");
        errors.read_to_string(&mut messages).expect("text");
        (rest, messages, self.child.wait().expect("a child"))
    }
}

#[test]
fn by_a_signal() {
    let scene = Scene::new();
    for arguments in ["-tH", "-tpH", "-t --ndjson", "-tpH --peer"] {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL] {
            let begun = Begun::new(arguments);
            begun.signal(signal);
            let (rest, messages, status) = begun.end();
            let what = format!("{arguments} and {signal}");
            assert_eq!(status.signal(), Some(signal as i32), "{what}: {messages}");
            assert_eq!(messages, "", "{what}");
            assert!(rest.lines().count() < scene.rows() - LINES, "{what} came too late");
            scene.nothing_is_left(&what);
        }
    }
}

/// The reader of a pipe ends it, like head(1).
#[test]
fn by_the_reader() {
    let scene = Scene::new();
    for arguments in ["-tH", "-tpH", "-tJ"] {
        let Begun { mut child, out } = match arguments {
            "-tJ" => Begun::new("-t --ndjson"),
            _ => Begun::new(arguments),
        };
        drop(out);
        let mut messages = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut messages).expect("text");
        let status = child.wait().expect("a child");
        assert_eq!((status.code(), messages.as_str()), (Some(0), ""), "{arguments}");
        scene.nothing_is_left(arguments);
    }
}

/// A run that is stopped, and one whose reader has stopped, hold up nobody, and go on where they were.
#[test]
fn stopped() {
    let scene = Scene::new();
    for arguments in ["-tH", "-tpH"] {
        let stopped = Begun::new(arguments);
        stopped.signal(Signal::SIGSTOP);
        let unread = Begun::new(arguments);
        thread::sleep(Duration::from_secs(2));
        scene.others_go_on(arguments);
        stopped.signal(Signal::SIGCONT);
        for (run, what) in [(stopped, "stopped"), (unread, "unread")] {
            let (rest, messages, status) = run.end();
            assert!(status.success(), "{arguments}, {what}: {status} {messages}");
            // Connections that have ended meanwhile may be among the rows, in TIME_WAIT.
            let lines = LINES + rest.lines().count();
            assert!(lines >= scene.rows(), "{arguments}, {what}: {lines} lines");
            assert!(rest.ends_with('\n'), "{arguments}, {what}");
        }
        scene.nothing_is_left(arguments);
    }
}

fn with_limit(resource: Resource, limit: u64, arguments: &str) -> Output {
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split(' ')).env_remove("RUST_BACKTRACE");
    // SAFETY: setrlimit(2) is safe between fork and exec.
    unsafe { command.pre_exec(move || Ok(setrlimit(resource, limit, limit)?)) };
    command.output().expect("it starts")
}

/// Runs the table with a limit, and asserts that it is whole or that the run says that it is not.
fn limited(scene: &Scene, resource: Resource, limit: u64, arguments: &str) -> bool {
    let Output { status, stdout, stderr } = with_limit(resource, limit, arguments);
    let (rows, messages) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let what = format!("{arguments} with {resource:?} {limit}: {status} {messages}");
    // A thread that finds no memory ends the process, also while another one waits for the reader of a row.
    let may_be_cut = messages.contains("memory");
    assert!(rows.is_empty() || rows.ends_with('\n') || may_be_cut, "{what}");
    if status.success() {
        assert_eq!((rows.lines().count(), messages.as_ref()), (scene.rows(), ""), "{what}");
    } else {
        // The C library has needs of its own, for the variables of a thread, and ends the process, too.
        let (of_libc, own): (Vec<&str>, Vec<&str>) =
            messages.lines().partition(|line| line.starts_with("Fatal glibc error: "));
        assert!(status.code() == Some(1) || !of_libc.is_empty(), "{what}");
        assert!(own.len() <= 1 && own.len() + of_libc.len() >= 1, "{what}");
        assert!(own.iter().all(|line| line.starts_with("knetstat: ")), "{what}");
    }
    scene.nothing_is_left(&what);
    status.success()
}

#[test]
fn by_a_limit() {
    let scene = Scene::new();
    for arguments in ["-tH", "-tpH --sort recvq"] {
        // With less, the program cannot even be mapped.
        let starts =
            |size: &u64| with_limit(Resource::RLIMIT_AS, *size << 20, "-V").status.success();
        let least = (4..256).find(starts).expect("it starts");
        // In small steps, the memory is used up in each of the threads.
        let whole: Vec<_> = (0..32)
            .map(|step| (least << 20) + (step << 19))
            .chain([(least + 512) << 20])
            .map(|limit| limited(&scene, Resource::RLIMIT_AS, limit, arguments))
            .collect();
        assert!(whole.contains(&true) && whole.contains(&false), "{arguments}: {whole:?}");
        // With `--quiet`, status 1 would say that no socket matches.
        let Output { status, stderr, .. } =
            with_limit(Resource::RLIMIT_AS, (least + 1) << 20, "-tq");
        assert_eq!(status.code(), Some(2), "{}", String::from_utf8_lossy(&stderr));
        let files = [4, 8, 16, 32, 64];
        let whole = files.map(|count| limited(&scene, Resource::RLIMIT_NOFILE, count, arguments));
        assert!(whole.contains(&true) && whole.contains(&false), "{arguments}: {whole:?}");
    }
}
