//! A system call that fails in the middle of `knetstat -tp --all-netns` leaves the output complete, or one
//! line reports that it is incomplete.
//!
//! The runs are in a PID namespace with two network namespaces, in which nothing else happens. The first
//! run is traced to list the system calls. In each other run, one call fails.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{connect, enter_namespace, not_tested, say, wait_until, KNETSTAT};

/// The errors of a call by its name. The last line is for all others.
const ERRORS: &[(&str, &[&str])] = &[
    ("openat", &["EMFILE", "EACCES", "ENOENT"]),
    ("read", &["EIO", "EINTR"]),
    ("write", &["ENOSPC", "EIO"]),
    ("bpf", &["EPERM", "ENOMEM", "EMFILE"]),
    ("socket", &["EPERM", "EMFILE"]),
    ("getsockopt", &["ENOMEM", "EPERM"]),
    ("setns", &["EPERM", "EINVAL"]),
    ("pidfd_open", &["ENOSYS", "EPERM", "EMFILE"]),
    ("pidfd_getfd", &["ENOSYS", "EPERM", "EMFILE"]),
    ("memfd_create", &["ENOSYS", "EMFILE"]),
    ("ioctl", &["EPERM", "ENOTTY"]),
    ("clone3", &["EAGAIN", "ENOSYS"]),
    ("", &["EPERM", "ENOMEM"]),
];

/// Calls that cannot fail, or whose failure no program checks: freeing memory, closing descriptors, and
/// what the C library and the Rust runtime do for a thread by themselves.
const NEVER: &[&str] = &[
    "brk",
    "close",
    "exit",
    "exit_group",
    "futex",
    "madvise",
    "munmap",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "set_robust_list",
    "sigaltstack",
    "gettid",
    "execve",
];

/// The number of calls of each kind that fail, spread from the first to the last.
const SPREAD: usize = 6;

/// Processes in their own PID namespace that hold sockets of two network namespaces.
struct Scene {
    unshare: Child,
    init: String,
    /// The other end of a connection, which no process of the PID namespace holds.
    _server: TcpStream,
}

impl Scene {
    fn new() -> Scene {
        // The sockets of the other namespace, which exists only through them.
        let elsewhere = thread::spawn(|| {
            enter_namespace();
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 4001)).expect("bind");
            OwnedFd::from(listener)
        });
        let elsewhere = elsewhere.join().expect("no panic");
        enter_namespace();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 4000)).expect("bind");
        let (client, server) = connect(&listener, Ipv4Addr::LOCALHOST.into());
        let script = "mount -t tmpfs none /run && exec sleep 300";
        // The three standard descriptors of a child are the only ones that no child of another test
        // inherits.
        let unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script])
            .stdin(OwnedFd::from(listener))
            .stdout(elsewhere)
            .stderr(OwnedFd::from(client))
            .spawn()
            .expect("unshare(1)");
        let children = format!("/proc/{0}/task/{0}/children", unshare.id());
        let init = || fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
        let is_asleep = || {
            let command = fs::read_to_string(format!("/proc/{}/comm", init()));
            command.is_ok_and(|command| command.trim() == "sleep")
        };
        wait_until("the namespace is ready", is_asleep);
        Scene { init: init(), unshare, _server: server }
    }

    /// Runs knetstat through strace(1).
    fn run(&self, strace: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init, "--pid", "--mount", "--net"]);
        command.args(["timeout", "60", "strace", "--follow-forks"]).args(strace);
        command.args([KNETSTAT, "-tp", "--all-netns"]).stdin(Stdio::null());
        command.output().expect("nsenter(1)")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

/// Returns how many times the first thread makes each call: before the program begins, and in total.
fn calls(trace: &str) -> BTreeMap<String, (usize, usize)> {
    let mut calls: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut first, mut begun) = (None, false);
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        if *first.get_or_insert(thread) != thread {
            continue;
        }
        // The first call of the program itself: it reads the kernel's types.
        begun |= rest.contains("/sys/kernel/btf/vmlinux");
        let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
        if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            let (before, all) = calls.entry(name.to_owned()).or_default();
            *all += 1;
            *before = if begun { *before } else { *all };
        }
    }
    assert!(begun, "the trace lacks the file of types");
    calls
}

/// A system call, and the arguments of strace(1) that make it fail.
struct Fault {
    call: String,
    inject: String,
}

/// Returns the faults of a run with these calls.
fn faults(calls: &BTreeMap<String, (usize, usize)>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, (before, all)) in calls.iter().filter(|(name, _)| !NEVER.contains(&name.as_str())) {
        let entry = ERRORS.iter().find(|(call, _)| call == name || call.is_empty());
        let mut places: Vec<usize> =
            (0..SPREAD).map(|nth| before + 1 + nth * (all - before) / SPREAD).collect();
        places.push(*all);
        places.retain(|place| (before + 1..=*all).contains(place));
        places.dedup();
        for error in entry.map_or(&[][..], |(_, errors)| errors) {
            faults.extend(places.iter().map(|place| {
                let inject = format!("inject={name}:error={error}:when={place}");
                Fault { call: name.clone(), inject }
            }));
        }
    }
    faults
}

/// Returns the words of each line of a table, in any order of the lines: the kernel's iterators replace a walk that
/// cannot be loaded. Without the other runs of knetstat, which for a moment hold the socket of a namespace that they enter.
fn of_the_scene(table: &str) -> Vec<Vec<String>> {
    let is_of_scene = |part: &&str| !part.ends_with("/knetstat");
    let of_scene = |word: &str| word.split(',').filter(is_of_scene).collect::<Vec<_>>().join(",");
    let words = |line: &str| line.split_whitespace().map(of_scene).collect();
    let mut lines: Vec<Vec<String>> = table.lines().map(words).collect();
    lines.sort_unstable();
    lines
}

/// Returns what is wrong with a run in which a call failed. `None` if it is as complete as without the
/// failure, or reported in one line that it is not.
fn judge(output: &Output, whole: &str) -> Option<String> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let is_one_line = stderr.lines().count() == 1 && stderr.starts_with("knetstat: ");
    match output.status.code() {
        Some(0) if of_the_scene(&stdout) == of_the_scene(whole) && stderr.is_empty() => None,
        Some(1) if is_one_line => None,
        Some(0) => Some(format!("status 0; {stderr}\n{stdout}instead of\n{whole}")),
        Some(124) => Some("it hangs".into()),
        code => Some(format!("{code:?}: {stderr}")),
    }
}

/// A file for a trace. It is removed when the value is dropped.
struct Trace(PathBuf);

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_call_that_fails_costs_no_row_in_silence() {
    if Command::new("strace").arg("-V").output().is_err() {
        return not_tested("system calls that fail: there is no strace(1); make installs it");
    }
    let scene = Scene::new();
    let trace = std::env::temp_dir().join(format!("knetstat-{}-trace", std::process::id()));
    let trace = Trace(trace);
    let path = trace.0.to_str().expect("a path");
    let output = scene.run(&["--output", path]);
    let whole = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    for port in ["127.0.0.1:4000", "127.0.0.1:4001"] {
        assert!(whole.contains(port), "{port} is missing: {whole}");
    }
    let faults = faults(&calls(&fs::read_to_string(path).expect("a trace")));
    assert!(faults.len() > 50, "only {} faults", faults.len());
    let (tried, wrong) = inject(&scene, &faults, &whole);
    say(&format!("calls that failed: {tried} of {}", faults.len()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 0, "no call failed");
}

/// Injects as many faults as fit the time limit. Returns how many, and what is wrong.
fn inject(scene: &Scene, faults: &[Fault], whole: &str) -> (usize, Vec<String>) {
    const LIMIT: Duration = Duration::from_secs(40);
    const RUNS: usize = 4;
    /// Neighbours in the list are similar, so it is processed in strides, as far as time allows.
    const STEP: usize = 7;
    let order: Vec<&Fault> =
        (0..STEP).flat_map(|first| faults.iter().skip(first).step_by(STEP)).collect();
    let (next, tried, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..RUNS {
            scope.spawn(|| {
                while begin.elapsed() < LIMIT {
                    let next = order.get(next.fetch_add(1, Ordering::Relaxed));
                    let Some(Fault { call, inject }) = next else { return };
                    tried.fetch_add(1, Ordering::Relaxed);
                    let output = scene.run(&[
                        "--output=/dev/null",
                        "-e",
                        call.as_str(),
                        "-e",
                        inject.as_str(),
                    ]);
                    let problem = judge(&output, whole);
                    let problem = problem.map(|problem| format!("{inject}: {problem}"));
                    wrong.lock().expect("no panic").extend(problem);
                }
            });
        }
    });
    (tried.into_inner(), wrong.into_inner().expect("no panic"))
}
