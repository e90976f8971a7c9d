//! What a run that lasts says on a terminal. The run lasts because a name server does not answer.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use nix::pty::{openpty, Winsize};
use nix::sys::memfd::{memfd_create, MFdFlags};
use nix::unistd::pipe;

use crate::common::KNETSTAT;
use crate::resolve::name_server::{are_asked, enter, Answer, NameServer};

const ERASE: &str = "\r\x1b[K";

/// Enters a namespace with a socket whose remote end has no name, after a while.
fn scene() -> Option<(NameServer, UdpSocket)> {
    if !are_asked("what a run that lasts says") {
        return None;
    }
    enter(&[]);
    let server = NameServer::start(|_| Answer::Silence);
    let socket = UdpSocket::bind("192.0.2.9:2001").expect("bind");
    socket.connect("192.0.2.1:2002").expect("connect");
    Some((server, socket))
}

/// A terminal, and what will have been written to it.
fn terminal() -> (OwnedFd, JoinHandle<String>) {
    let size = Winsize { ws_row: 50, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).expect("a terminal");
    (terminal.slave, reader(terminal.master))
}

fn reader(from: OwnedFd) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        // The end of a terminal is reported as an error, EIO.
        let _ = File::from(from).read_to_end(&mut text);
        String::from_utf8(text).expect("UTF-8").replace("\r\n", "\n")
    })
}

/// Runs knetstat, which must succeed.
fn run(arguments: &str, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) {
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split_whitespace()).env("TERM", "xterm");
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    assert!(command.status().expect("knetstat can be started").success(), "{arguments}");
}

/// Asserts that sockets were counted on a line that is gone now. Returns what is left.
fn counted(said: &str) -> String {
    let parts: Vec<&str> = said.split(ERASE).collect();
    let [before, counts @ .., after] = &parts[..] else { panic!("{said:?}") };
    assert!(!counts.is_empty(), "{said:?}");
    for count in counts {
        // The name server has a socket, too.
        assert_eq!(*count, "knetstat: 2 sockets read, 2 rows so far");
    }
    format!("{before}{after}")
}

#[test]
fn a_file_that_grows_slowly_has_its_sockets_counted() {
    let Some(_scene) = scene() else { return };
    let file = memfd_create(c"output", MFdFlags::MFD_CLOEXEC).map(File::from);
    let mut file = file.expect("a file");
    let (stderr, said) = terminal();
    run("-urH", file.try_clone().expect("a descriptor"), stderr);
    assert_eq!(counted(&said.join().expect("the end")), "");
    let mut text = String::new();
    file.rewind().expect("the beginning");
    file.read_to_string(&mut text).expect("UTF-8");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

/// The line is gone before the first row of a pipe, because its reader may use the terminal.
#[test]
fn the_line_is_erased_before_the_first_row() {
    let Some(_scene) = scene() else { return };
    let (stderr, said) = terminal();
    let (from, to) = pipe().expect("a pipe");
    let rows = reader(from);
    run("-urH --sort sport", to, stderr);
    assert_eq!(counted(&said.join().expect("the end")), "");
    assert_eq!(rows.join().expect("the end").lines().count(), 2);
    // On the same terminal, the rows follow what has been erased.
    let (both, said) = terminal();
    run("-urH --sort sport --columns local,remote", both.try_clone().expect("a descriptor"), both);
    assert_eq!(counted(&said.join().expect("the end")).lines().count(), 2);
}

/// Rows that are written already show that the run goes on, and would be mixed with the line.
#[test]
fn nothing_is_said_where_it_would_disturb() {
    let Some(_scene) = scene() else { return };
    // Its row needs no name.
    let _socket = UdpSocket::bind("0.0.0.0:2003").expect("bind");
    let (both, said) = terminal();
    run("-urH --columns local,remote", both.try_clone().expect("a descriptor"), both);
    let said = said.join().expect("the end");
    assert!(!said.contains("so far") && said.lines().count() == 3, "{said}");
    // Standard error is no terminal.
    let ((from, to), (rows, to_rows)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let (said, rows) = (reader(from), reader(rows));
    run("-urH --sort sport", to_rows, to);
    assert_eq!(said.join().expect("the end"), "");
    assert_eq!(rows.join().expect("the end").lines().count(), 3);
    // The terminal has no line that could be erased.
    let (stderr, said) = terminal();
    let mut command = Command::new(KNETSTAT);
    command.args(["-urH", "--sort", "sport"]).env("TERM", "dumb").stdout(Stdio::null());
    assert!(command.stderr(stderr).status().expect("knetstat can be started").success());
    drop(command);
    assert_eq!(said.join().expect("the end"), "");
}
