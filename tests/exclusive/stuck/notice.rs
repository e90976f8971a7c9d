//! Runs without walks, which wait for the lock of a socket. On a terminal they say so, once. In a pipe they are silent.
//! The rows come when the lock is released.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::memfd::{memfd_create, MFdFlags};
use nix::unistd::pipe;

use super::output::{faults, Form};
use super::run::Run;
use super::scene::Scene;
use crate::common::ways::NO_WALKS;
use crate::common::{wait_until, KNETSTAT};

/// The time after which knetstat says that it waits.
const SILENCE: Duration = Duration::from_secs(1);

const NOTICE: &str = "knetstat: still waiting for the lock of a TCP socket: the task that holds it is blocked, or \
                      this host is very busy (`knetstat doctor -v` explains why knetstat needs the lock)\n";

/// A run that waits.
struct Waiting {
    child: Child,
    stdout: File,
    said: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Waiting {
    /// Starts a run. `from` and `to` are the ends of what its standard error is: a terminal, or a pipe.
    fn start(from: OwnedFd, to: OwnedFd) -> Waiting {
        let stdout = memfd_create(c"output", MFdFlags::MFD_CLOEXEC).map(File::from);
        let stdout = stdout.expect("a file");
        let (name, value) = NO_WALKS.split_once('=').expect("an assignment");
        let mut command = Command::new(KNETSTAT);
        command.arg("-t").env(name, value).env("TERM", "xterm").stdin(Stdio::null());
        command.stdout(stdout.try_clone().expect("a descriptor")).stderr(to);
        let child = command.spawn().expect("knetstat can be started");
        let said = Arc::new(Mutex::new(String::new()));
        let theirs = Arc::clone(&said);
        let reader = thread::spawn(move || keep(from.into(), &theirs));
        Waiting { child, stdout, said, reader }
    }

    fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for the end of the run.
    fn end(mut self) -> Run {
        let status = self.child.wait().expect("a child");
        self.reader.join().expect("it reads until the end");
        let mut stdout = String::new();
        self.stdout.rewind().expect("the beginning");
        self.stdout.read_to_string(&mut stdout).expect("UTF-8");
        Run { status, stdout, stderr: self.said.lock().expect("no panic").clone() }
    }
}

/// What is left on the screen: the line that counts the sockets is erased before anything else is said, and at the end.
fn on_screen(said: &str) -> String {
    let lines = said.split_inclusive('\n');
    lines.map(|line| line.rsplit("\x1b[K").next().unwrap_or_default()).collect()
}

/// Keeps what arrives, without the carriage returns that a terminal adds. The end of a terminal is an error, EIO.
fn keep(mut from: File, said: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).replace('\r', "");
        said.lock().expect("no panic").push_str(&text);
    }
}

/// Runs knetstat on a terminal and in a pipe, beside a locked socket of this thread's namespace.
pub fn check() {
    let mut scene = Scene::default();
    scene.add_tcp_connection();
    scene.lock();
    let (terminal, ends) = (openpty(None, None).expect("a terminal"), pipe().expect("a pipe"));
    let started = Instant::now();
    let mut on_terminal = Waiting::start(terminal.master, terminal.slave);
    let mut in_pipe = Waiting::start(ends.0, ends.1);
    wait_until("the terminal has the notice", || on_terminal.said().contains('\n'));
    assert!(started.elapsed() >= SILENCE, "after {:?}", started.elapsed());
    scene.keep_locked();
    thread::sleep(3 * SILENCE);
    assert!(on_terminal.is_running() && in_pipe.is_running(), "both wait");
    assert_eq!(scene.unlocked().count(), 0, "the lock was held");

    scene.release();
    let (mut on_terminal, in_pipe) = (on_terminal.end(), in_pipe.end());
    assert_eq!(on_screen(&std::mem::take(&mut on_terminal.stderr)), NOTICE);
    for run in [on_terminal, in_pipe] {
        assert_eq!(faults(&run, None, ("t", Form::Table), &scene), [""; 0]);
    }
}
