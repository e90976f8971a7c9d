//! The exit status as an answer: `--quiet` and `--wait`.

use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use crate::common::turn::Turn;
use crate::common::{enter_namespace, knetstat, Child, KNETSTAT};

fn run(arguments: &str) -> Output {
    let output = knetstat(arguments.split_whitespace());
    assert_eq!(output.stdout, b"", "{arguments}");
    output
}

/// Asserts the status, and that nothing is written.
fn answers(arguments: &str, status: i32) {
    let output = run(arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments}");
    assert_eq!(output.status.code(), Some(status), "{arguments}");
}

#[test]
fn the_status_is_the_answer() {
    enter_namespace();
    answers("-tq", 1);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    answers("-tq", 0);
    answers(&format!("-tlq --port {port}"), 0);
    answers("-tq --state established", 1);
    let own = std::process::id();
    answers(&format!("-tq --pid {own} -p --sort -rcvbuf -O all"), 0);
    let without = Child::named(c"without", || ());
    answers(&format!("-tq --pid {}", without.pid()), 1);
    answers("-uq", 1);
    answers("-tq --all-netns", 0);
}

/// Any trouble is a 2, with the usual line, unless a socket matched.
#[test]
fn trouble_is_told_apart_from_no_match() {
    enter_namespace();
    let unprivileged = |arguments: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--", KNETSTAT]);
        command.args(arguments.split_whitespace()).output().expect("setpriv(1)")
    };
    for (arguments, status) in [("-tq", 2), ("-t", 1), ("-tq --wait 1", 2)] {
        let output = unprivileged(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments}: {said}");
        assert!(said.contains("CAP_BPF") && said.lines().count() == 1, "{said}");
    }
    let output = run("-tq --interface nosuch");
    assert_eq!(output.status.code(), Some(2));
    let output = run("-q --netns /proc/self/ns/net/x");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_match_ends_the_waiting() {
    enter_namespace();
    let mut command = Command::new(KNETSTAT);
    // A TCP and a UDP socket, in the table and by their holder.
    command.args(["-tuq", "--pid", &std::process::id().to_string(), "--wait", "120s"]);
    let mut child = command.spawn().expect("knetstat can be started");
    std::thread::sleep(Duration::from_millis(400));
    assert!(child.try_wait().expect("a child").is_none(), "there is no socket yet");
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    assert_eq!(child.wait().expect("a child").code(), Some(0));
}

#[test]
fn rows_are_printed_after_the_match() {
    enter_namespace();
    let mut command = Command::new(KNETSTAT);
    command.args(["-tHp", "--columns", "state", "--wait", "2min"]).stdout(Stdio::piped());
    let child = command.spawn().expect("knetstat can be started");
    std::thread::sleep(Duration::from_millis(300));
    let _listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let output = child.wait_with_output().expect("a child");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("LISTEN ") && output.status.success(), "{text}");
}

#[test]
fn the_time_ends_the_waiting() {
    enter_namespace();
    let begun = Instant::now();
    answers("-tq --wait 300ms", 1);
    let time = begun.elapsed();
    assert!(time >= Duration::from_millis(300), "{time:?}");
    answers("-tq --wait 0", 1);
    answers("-tq --wait=0.1", 1);
    answers("-tq --wait 99999999d --sport 1 --wait 10ms", 1);
    // Without --quiet, nothing found is no failure.
    let output = knetstat(["-tH", "--wait", "10ms"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
}

#[test]
fn waiting_can_be_interrupted_and_keeps_few_capabilities() {
    enter_namespace();
    // A shell ignores SIGINT in what it runs in the background, such as these tests.
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", KNETSTAT, "-tq", "--wait", "120s"]);
    let mut child = command.spawn().expect("knetstat");
    let pid = child.id();
    let capabilities = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:\t")).expect("CapPrm");
        u64::from_str_radix(line, 16).expect("a mask")
    };
    // CAP_NET_RAW (13) and CAP_BPF (39).
    crate::common::wait_until("the others are dropped", || capabilities() == 1 << 13 | 1 << 39);
    kill(Pid::from_raw(pid as i32), Signal::SIGINT).expect("a signal");
    let status = child.wait().expect("a child");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2));
}

/// Each round begins in the namespace of the program, and finds namespaces that are new.
#[test]
fn other_namespaces_are_waited_for() {
    let _turn = Turn::alone();
    enter_namespace();
    let name = format!("wait{}", std::process::id());
    let mut command = Command::new(KNETSTAT);
    let port = "--port=43217";
    command.args(["-uq", "--all-netns", port, "--wait", "120s"]);
    let mut child = command.spawn().expect("knetstat can be started");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().expect("a child").is_none(), "there is no socket yet");
    let other = std::thread::spawn(|| {
        enter_namespace();
        let socket = UdpSocket::bind("127.0.0.1:43217").expect("a UDP socket");
        std::thread::sleep(Duration::from_secs(5));
        drop(socket);
    });
    assert_eq!(child.wait().expect("a child").code(), Some(0), "{name}");
    other.join().expect("a thread");
}
