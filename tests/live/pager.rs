//! The pager (`--pager`), on a terminal.

use std::fs::{self, File};
use std::io::Read;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use nix::pty::{openpty, Winsize};

use crate::common::{enter_namespace, knetstat, on_a_terminal, KNETSTAT};

/// What a run on a terminal has done.
struct Run {
    status: Option<i32>,
    terminal: String,
    stderr: String,
}

/// Runs a command with a terminal of 100 columns as its standard output.
pub fn on_terminal(command: &mut Command) -> (Option<i32>, String, String) {
    let size = Winsize { ws_row: 50, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).expect("a terminal");
    command.env("TERM", "xterm").env_remove("NO_COLOR").env_remove("COLUMNS");
    command.stdin(Stdio::null()).stdout(terminal.slave).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    command.stdout(Stdio::null()); // and with it the copy of the terminal, so that reading ends
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        // The end of a terminal is reported as an error, EIO.
        let _ = File::from(terminal.master).read_to_end(&mut text);
        String::from_utf8(text).expect("UTF-8").replace("\r\n", "\n")
    });
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("UTF-8");
    let status = child.wait().expect("it ends").code();
    (status, reader.join().expect("it reads until the end"), stderr)
}

fn run(arguments: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split_whitespace());
    for name in ["KNETSTAT_PAGER", "PAGER", "LESS", "LV"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    let (status, terminal, stderr) = on_terminal(&mut command);
    Run { status, terminal, stderr }
}

/// A file that a pager writes, which is removed in the end.
struct Written(PathBuf);

impl Written {
    fn new(test: &str) -> Written {
        let name = format!("knetstat-pager-{test}-{}", std::process::id());
        Written(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_else(|error| panic!("{}: {error}", self.path()))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Enters a namespace with a socket.
fn scene() -> UdpSocket {
    enter_namespace();
    UdpSocket::bind("127.0.0.1:7000").expect("a socket")
}

/// The pager receives what a terminal of the same width would.
#[test]
fn the_pager_shows_what_the_terminal_would() {
    let _socket = scene();
    let expected = on_a_terminal(100, "-u -O all", &[]);
    assert!(expected.contains("\x1b[") && expected.lines().count() > 5, "{expected}");
    let written = Written::new("table");
    let command = format!("tee {}", written.path());
    for name in ["KNETSTAT_PAGER", "PAGER"] {
        let run = run("-u -O all --pager", &[(name, &command)]);
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
        assert_eq!(run.terminal, expected, "{name}");
        assert_eq!(written.text(), expected, "{name}");
    }
    // The first variable counts, and a shell reads what requires one.
    let variables = [("KNETSTAT_PAGER", "sed 's/^udp/UDP/'"), ("PAGER", "nosuch")];
    assert_eq!(run("-uH --pager", &variables).terminal.matches("UDP").count(), 1);
}

#[test]
fn less_is_told_what_the_table_needs() {
    let _socket = scene();
    let written = Written::new("less");
    let script = format!("env > {}; exec cat", written.path());
    let settings = |variables: &[(&str, &str)]| -> Vec<String> {
        let pager = [("PAGER", script.as_str())];
        let variables: Vec<_> = pager.iter().chain(variables).copied().collect();
        assert_eq!(run("-u --pager", &variables).status, Some(0));
        let text = written.text();
        let is_setting = |line: &&str| line.starts_with("LESS=") || line.starts_with("LV=");
        let mut found: Vec<String> = text.lines().filter(is_setting).map(str::to_owned).collect();
        found.sort();
        found
    };
    assert_eq!(settings(&[]), ["LESS=FRS", "LV=-c"]);
    assert_eq!(settings(&[("LESS", "-i")]), ["LESS=-i", "LV=-c"]);
}

#[test]
fn no_pager_is_started_where_none_is_wanted() {
    let _socket = scene();
    let plain = on_a_terminal(100, "-u", &[]);
    for name in ["", " ", "cat"] {
        let run = run("-u --pager", &[("KNETSTAT_PAGER", name), ("PAGER", "false")]);
        assert_eq!((run.status, run.terminal.as_str()), (Some(0), plain.as_str()), "'{name}'");
    }
    let written = Written::new("pipe");
    let command = format!("tee {}", written.path());
    let run = run("-u", &[("PAGER", &command)]);
    assert_eq!((run.status, run.terminal), (Some(0), plain));
    let output = knetstat([&format!("PAGER={command}"), "-u", "--pager"]);
    assert_eq!(output.stdout, knetstat(["-u"]).stdout);
    assert!(!Path::new(written.path()).exists());
}

#[test]
fn a_pager_that_cannot_be_started_is_reported() {
    let _socket = scene();
    let remedy = "(set KNETSTAT_PAGER or PAGER, or omit --pager)";
    let said = |run: Run| {
        assert_eq!((run.status, run.terminal.as_str()), (Some(1), ""));
        run.stderr
    };
    assert_eq!(
        said(run("-u --pager", &[("PAGER", "nosuch -x")])),
        format!(
            "knetstat: cannot start the pager 'nosuch -x': No such file or directory {remedy}\n"
        )
    );
    assert_eq!(
        said(run("-u --pager", &[("PAGER", "a\x1b[2J\\")])).lines().last(),
        Some(&*format!(
            "knetstat: cannot start the pager 'a\\x1b[2J\\\\': the shell could not start it {remedy}"
        ))
    );
}

/// The user ends the pager before the output is complete.
#[test]
fn a_pager_that_ends_early_ends_the_run() {
    enter_namespace();
    let _sockets: Vec<UdpSocket> =
        (0..500).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket")).collect();
    for (arguments, pager) in [
        ("-uJ --pager", "head -n 1"),
        ("-u --sort local --pager", "true"),
        ("-u -O all --pager", "head -n 1 | cat"),
    ] {
        let run = run(arguments, &[("PAGER", pager)]);
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{arguments}, {pager}");
        assert!(run.terminal.lines().count() <= 1, "{}", run.terminal);
    }
}

/// A pager such as less(1) would keep the keyboard from ending a run that waits, and would show nothing if that fails.
#[test]
fn no_pager_is_started_before_there_is_something_to_show() {
    enter_namespace();
    let written = Written::new("early");
    let command = format!("tee {}", written.path());
    let wrong = run("-u --netns nosuch --pager", &[("PAGER", &command)]);
    assert_eq!(wrong.status, Some(2), "{}", wrong.stderr);
    let mut waiting = Command::new("timeout");
    // timeout(1) ends with 124 if the signal ended the program.
    waiting.args(["--signal=INT", "--kill-after=20", "1", "env", "--default-signal=INT", KNETSTAT]);
    waiting.args(["-u", "--wait", "120s", "--pager"]).env("KNETSTAT_PAGER", &command);
    let (status, terminal, stderr) = on_terminal(&mut waiting);
    assert_eq!((status, terminal.as_str(), stderr.as_str()), (Some(124), "", ""));
    assert!(!Path::new(written.path()).exists());
}

/// What is missing is reported when the pager has ended, and the status is that of the run.
#[test]
fn an_error_is_reported_behind_the_pager() {
    let _socket = scene();
    let run = run("-u --netns nosuch --pager", &[("PAGER", "cat -")]);
    assert_eq!(run.status, Some(2), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}
