//! Sockets whose lock is held by a task that waits in the kernel, in the middle of send(2) or setsockopt(2),
//! for memory that does not arrive, as it does with a file server that is gone. Proves that knetstat waits
//! for the lock of no socket: in each of its forms, it shows all sockets, also the locked ones, in the usual
//! time. A program that waits for such a lock cannot be killed.

mod scene;
mod task;

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::memfd::{memfd_create, MFdFlags};
use serde_json::Value;

use crate::common::{enter_namespace, say, wait_until, KNETSTAT};
use crate::exclusive;
use scene::{Scene, Shown};

/// The time that a run may take in addition to the time of several runs without a lock.
const PATIENCE: Duration = Duration::from_secs(5);
const RUNS: u32 = 3;

/// The form of an output, in which a socket is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Table,
    Json,
    Csv,
    /// An output that must be the same as without a lock.
    Counts,
    /// No output, and exit status 0.
    Status,
}

/// A command line, the kinds of sockets that it must show, and its form.
type Line = (&'static str, &'static str, Form);

const LINES: &[Line] = &[
    ("", "tu", Form::Table),
    ("-t", "t", Form::Table),
    ("-u", "u", Form::Table),
    ("-x", "x", Form::Table),
    ("-tupx0", "tux", Form::Table),
    ("-tux --mptcp", "tuxm", Form::Table),
    ("-tux --unbound", "tux", Form::Table),
    ("-p", "tu", Form::Table),
    ("-tuxo -e", "tux", Form::Table),
    ("-tux -J", "tux", Form::Json),
    ("-tux --mptcp -p --unbound -J", "tuxm", Form::Json),
    ("-t --port 1-65535", "t", Form::Table),
    ("-tu --where sport>0", "tu", Form::Table),
    ("-tux --where SO_RCVBUF>0 -J", "tux", Form::Json),
    ("-tu --state listen,established,unconn", "tu", Form::Table),
    ("-tux --sort -inode", "tux", Form::Table),
    ("-tux --csv", "tux", Form::Csv),
    ("-tux --count-by protocol,state", "", Form::Counts),
    ("-tux -s", "", Form::Counts),
    ("-tq", "", Form::Status),
    ("-uq", "", Form::Status),
    ("-xq", "", Form::Status),
    ("-tu --wait 5s", "tu", Form::Table),
    ("-tux -O all -J", "tux", Form::Json),
    ("-tux -O set", "tux", Form::Table),
    ("-tux --all-netns", "tux", Form::Table),
    ("-tux --all-netns -p -J", "tux", Form::Json),
];

/// The end of a run.
struct Run {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

/// Runs knetstat. If it does not end within the time limit, returns the process, which may wait in the
/// kernel, where nothing ends it.
fn run(arguments: &str, limit: Duration) -> Result<Run, Child> {
    // A file holds any amount of output without a reader.
    let file = || File::from(memfd_create(c"output", MFdFlags::MFD_CLOEXEC).expect("a file"));
    let (mut stdout, mut stderr) = (file(), file());
    let again = |file: &File| Stdio::from(file.try_clone().expect("a descriptor"));
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    command.stdout(again(&stdout)).stderr(again(&stderr));
    let deadline = Instant::now() + limit;
    let mut child = command.spawn().expect("knetstat can be started");
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if Instant::now() >= deadline => return Err(child),
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    Ok(Run { status, stdout: content(&mut stdout), stderr: content(&mut stderr) })
}

fn content(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().expect("the beginning");
    file.read_to_string(&mut text).expect("UTF-8");
    text
}

/// Whether a table has the row of a socket. The row of its peer has the same numbers in other columns.
fn is_in_table(text: &str, socket: &Shown) -> bool {
    text.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match &socket.ports {
            Some([local, remote]) => words
                .windows(2)
                .any(|pair| pair[0].ends_with(local.as_str()) && pair[1].ends_with(remote)),
            None => {
                words.first() == Some(&"unix") && words.get(5) == Some(&&*socket.inode.to_string())
            }
        }
    })
}

fn is_in_json(text: &str, socket: &Shown) -> bool {
    let rows: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    rows.iter().any(|row| row["inode"] == socket.inode)
}

/// Looks for the inode, which precedes all fields that may contain a comma.
fn is_in_csv(text: &str, socket: &Shown) -> bool {
    let mut records = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = records.next().unwrap_or_default();
    let column = header.iter().position(|name| *name == "inode").expect("a column of inodes");
    records.any(|record| record.get(column) == Some(&&*socket.inode.to_string()))
}

/// Returns what is wrong with a run.
fn faults(run: &Run, before: Option<&Run>, (_, kinds, form): Line, scene: &Scene) -> Vec<String> {
    if !run.status.success() || !run.stderr.is_empty() {
        return vec![format!("{} {}", run.status, run.stderr)];
    }
    let is_in = match form {
        Form::Table => is_in_table,
        Form::Json => is_in_json,
        Form::Csv => is_in_csv,
        Form::Counts | Form::Status => {
            let expected = before.map_or("", |before| before.stdout.as_str());
            let is_same = run.stdout == expected;
            return if is_same {
                vec![]
            } else {
                vec![format!("{expected}is now\n{}", run.stdout)]
            };
        }
    };
    let expected = scene.shown.iter().filter(|it| kinds.contains(it.kind));
    let missing = expected.filter(|socket| !is_in(&run.stdout, socket));
    missing.map(|socket| format!("no row of {socket:?}")).collect()
}

/// Returns where in the kernel the threads of a process wait.
fn places(child: &Child) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten();
    let place = |task: fs::DirEntry| fs::read_to_string(task.path().join("wchan")).ok();
    let places: Vec<String> = tasks.filter_map(|task| place(task.ok()?)).collect();
    places.join(", ")
}

/// Runs all command lines while the locks are held, and releases the locks before it reports anything.
fn check(mut scene: Scene, lines: &[Line]) {
    let started = Instant::now();
    assert!(run("-tux --mptcp -p", Duration::from_secs(60)).is_ok(), "no lock is held yet");
    let limit = PATIENCE + RUNS * started.elapsed();
    let has_sockets = |line: &&Line| {
        line.1.is_empty() || scene.shown.iter().any(|socket| line.1.contains(socket.kind))
    };
    let lines: Vec<Line> = lines.iter().filter(has_sockets).copied().collect();
    assert!(!lines.is_empty(), "there is no socket to look for");
    let before = |(arguments, _, form): &Line| match form {
        Form::Counts => run(arguments, limit).ok(),
        _ => None,
    };
    let before: Vec<Option<Run>> = lines.iter().map(before).collect();

    scene.lock();
    let (mut wrong, mut hung, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
    for (line, before) in lines.iter().zip(&before) {
        let started = Instant::now();
        let name = |fault| format!("knetstat {}: {fault}", line.0);
        match run(line.0, limit) {
            Ok(run) => wrong.extend(faults(&run, before.as_ref(), *line, &scene).iter().map(name)),
            Err(mut child) => {
                wrong.push(name(&format!("still runs after {limit:.1?}, in {}", places(&child))));
                child.kill().expect("a signal can be sent");
                hung.push(child);
            }
        }
        slowest = slowest.max(started.elapsed());
        scene.keep_locked();
    }
    wrong.extend(scene.unlocked().map(|name| format!("{name}: the lock was not held")));
    say(&format!(
        "stuck: {} command lines beside {} locked sockets, the slowest took {slowest:.1?}",
        lines.len(),
        scene.locked()
    ));
    drop(scene);
    for mut child in hung {
        wait_until("a process ends", || child.try_wait().expect("a child").is_some());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Checks sockets of one kind alone, so that a failure names the kind.
fn check_alone(add: impl FnOnce(&mut Scene), lines: &[Line]) {
    let _turn = exclusive();
    enter_namespace();
    let mut scene = Scene::default();
    add(&mut scene);
    if !scene.shown.is_empty() {
        check(scene, lines);
    }
}

const TCP: &[Line] = &[("-t", "t", Form::Table), ("-tp --unbound -J", "t", Form::Json)];
const UDP: &[Line] = &[("-u", "u", Form::Table), ("-up --unbound -J", "u", Form::Json)];
const UNIX: &[Line] = &[("-x", "x", Form::Table), ("-xp --unbound -J", "x", Form::Json)];
const MPTCP: &[Line] = &[("--mptcp", "m", Form::Table), ("-t --mptcp -J", "m", Form::Json)];

#[test]
fn tcp_connection() {
    check_alone(Scene::add_tcp_connection, TCP);
}

#[test]
fn tcp_listener() {
    check_alone(Scene::add_tcp_listener, TCP);
}

#[test]
fn udp_over_ipv4() {
    check_alone(Scene::add_udp_over_ipv4, UDP);
}

#[test]
fn udp_over_ipv6() {
    check_alone(Scene::add_udp_over_ipv6, UDP);
}

#[test]
fn unix() {
    check_alone(Scene::add_unix, UNIX);
}

#[test]
fn mptcp() {
    check_alone(Scene::add_mptcp, MPTCP);
}

#[test]
fn every_command_line() {
    let add_all = |scene: &mut Scene| {
        scene.add_tcp_connection();
        scene.add_tcp_listener();
        scene.add_udp_over_ipv4();
        scene.add_udp_over_ipv6();
        scene.add_unix();
        scene.add_mptcp();
    };
    check_alone(add_all, LINES);
}
