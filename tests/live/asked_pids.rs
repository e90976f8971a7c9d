//! Processes that are asked for by PID. One whose sockets cannot be among the rows is named, because an empty table would
//! mean that it has none.

use std::net::TcpListener;
use std::process::Output;
use std::thread;

use nix::sched::{setns, CloneFlags};
use nix::unistd::gettid;

use crate::common::{enter_namespace, ip_words, knetstat, wait_until, Child, KNETSTAT};

/// A PID that is larger than those that the kernel gives: include/linux/threads.h, PID_MAX_LIMIT
const NOBODY: &str = "4999999";

fn run(arguments: &str) -> Output {
    knetstat(arguments.split_whitespace())
}

/// Asserts that the run says of the process that it is missing, and why.
fn assert_missing(arguments: &str, why: &str) {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(&format!("is incomplete: missing {why}")), "{arguments}: {stderr}");
    assert_eq!(output.status.code(), Some(1), "{arguments}");
}

#[test]
fn a_process_that_does_not_exist() {
    enter_namespace();
    let why = format!("process {NOBODY}, which does not exist");
    for arguments in ["-t --pid", "--pid", "-tJ --pid", "-t --where pid=", "-t --summary --pid"] {
        let arguments = match arguments.ends_with('=') {
            true => format!("{arguments}{NOBODY}"),
            false => format!("{arguments} {NOBODY}"),
        };
        assert_missing(&arguments, &why);
    }
    for pid in ["0", "2147483647", "2147483648", "4294967295"] {
        assert_missing(&format!("-t --pid {pid}"), &format!("process {pid}, which does not exist"));
    }
    assert_eq!(run(&format!("-tq --pid {NOBODY}")).status.code(), Some(2));
    // It may be any process.
    for expression in [format!("not pid={NOBODY}"), format!("pid={NOBODY} or listening")] {
        let output = knetstat(["-t", "--where", &expression]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("missing"), "{output:?}");
    }
}

#[test]
fn a_thread() {
    enter_namespace();
    let own = std::process::id();
    let (tell, tid) = std::sync::mpsc::channel();
    let (keep, wait) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        tell.send(gettid()).expect("sent");
        let _ = wait.recv();
    });
    let tid = tid.recv().expect("a thread ID");
    let why = format!("process {tid}, which is a thread of process {own}");
    assert_missing(&format!("-t --pid {tid}"), &why);
    drop(keep);
    thread.join().expect("ended");
}

#[test]
fn a_process_in_another_network_namespace() {
    let name = format!("knetstat-asked-{}", std::process::id());
    ip_words(&["netns", "add", &name]);
    ip_words(&["-n", &name, "link", "set", "lo", "up"]);
    let path = format!("/run/netns/{name}");
    let child = Child::named(c"elsewhere", || {
        let Ok(file) = std::fs::File::open(&path) else { return };
        if setns(file, CloneFlags::CLONE_NEWNET).is_ok() {
            std::mem::forget(TcpListener::bind("127.0.0.1:0"));
        }
    });
    enter_namespace();
    let pid = child.pid();
    let why = format!("process {pid}, which is in network namespace {name} (-N {pid} shows that)");
    wait_until("it listens", || !run(&format!("-tH -N {pid} --pid {pid}")).stdout.is_empty());
    for arguments in ["-t", "-tp", ""] {
        assert_missing(&format!("{arguments} --pid {pid}"), &why);
    }
    for arguments in [format!("-tH -N {pid} --pid {pid}"), format!("-tH --all-netns --pid {pid}")] {
        let output = run(&arguments);
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments}: {output:?}");
    }
    // It also holds a socket of this namespace.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let fork_there = || {
        let file = std::fs::File::open(&path).expect("a namespace");
        setns(file, CloneFlags::CLONE_NEWNET).expect("setns");
        Child::fork()
    };
    let inherits = thread::scope(|scope| scope.spawn(fork_there).join().expect("a child"));
    let output = run(&format!("-tH --pid {}", inherits.pid()));
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    drop((child, inherits, listener));
    ip_words(&["netns", "del", &name]);
}

/// The files of /proc are then those of other processes.
#[test]
fn the_proc_of_another_pid_namespace() {
    enter_namespace();
    let script = format!("sleep 60 & {KNETSTAT} -tH --pid $!; status=$?; kill $!; exit $status");
    let arguments = ["--pid", "--fork", "--kill-child", "sh", "-c", &script];
    let output =
        std::process::Command::new("unshare").args(arguments).output().expect("unshare(1)");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// A process in a namespace that is shown may have no sockets.
#[test]
fn a_process_without_sockets() {
    enter_namespace();
    let child = Child::named(c"without", || ());
    let output = run(&format!("-tH --pid {}", child.pid()));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
