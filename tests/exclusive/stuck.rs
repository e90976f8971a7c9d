//! Sockets whose lock is held by a task that waits in the kernel, in the middle of send(2) or setsockopt(2),
//! for memory that does not arrive, as it does with a file server that is gone. Proves that knetstat waits
//! for the lock of no socket: in each of its forms, it shows all sockets, also the locked ones, in the usual
//! time. A program that waits for such a lock cannot be killed.

mod notice;
mod output;
mod run;
mod scene;
mod task;
mod texts;

use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use knetstat::kernel::userfault::withhold;
use nix::errno::Errno;

use crate::common::{btf_has, enter_namespace, not_tested, say, wait_until};
use crate::exclusive;
use output::{faults, Form};
use run::{places, run, Run};
use scene::Scene;

/// The time that a run may take in addition to the time of several runs without a lock.
const PATIENCE: Duration = Duration::from_secs(5);
const RUNS: u32 = 3;

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

/// Returns the command lines that must show a socket of the scene, or none in particular.
fn possible(lines: &[Line], scene: &Scene) -> Vec<Line> {
    let has = |kind: char| scene.shown.iter().any(|socket| socket.kind == kind);
    // A kernel without MPTCP reports so.
    let is_possible = |kinds: &str| has('m') || !kinds.contains('m');
    let is_wanted =
        |(_, kinds, _): &&Line| is_possible(kinds) && (kinds.is_empty() || kinds.chars().any(has));
    lines.iter().filter(is_wanted).copied().collect()
}

/// Runs the command lines one after the other. Adds what is wrong with them, and the processes that did not
/// end. Returns the slowest command line and its time.
fn run_all(
    lines: &[(Line, Option<Run>)],
    limit: Duration,
    scene: &Scene,
    wrong: &mut Vec<String>,
    hung: &mut Vec<Child>,
) -> (Duration, &'static str) {
    let mut slowest = (Duration::ZERO, "");
    for ((arguments, kinds, form), before) in lines {
        let started = Instant::now();
        let name = |fault| format!("knetstat {arguments}: {fault}");
        match run(arguments, limit) {
            Ok(run) => {
                let faults = faults(&run, before.as_ref(), (kinds, *form), scene);
                wrong.extend(faults.iter().map(name));
            }
            Err(mut child) => {
                wrong.push(name(&format!("still runs after {limit:.1?}, in {}", places(&child))));
                child.kill().expect("a signal can be sent");
                hung.push(child);
            }
        }
        slowest = slowest.max((started.elapsed(), arguments));
        scene.keep_locked();
    }
    slowest
}

/// Runs all command lines while the locks are held, and releases the locks before it reports anything.
fn check(mut scene: Scene, lines: &[Line]) {
    let started = Instant::now();
    // The run with the most programs, for which the verifier takes several times as long where there is no bpf_loop().
    assert!(run("-tux -p --unbound", Duration::from_secs(60)).is_ok(), "no lock is held yet");
    let limit = PATIENCE + RUNS * started.elapsed();
    let before = |line: Line| match line {
        (arguments, _, Form::Counts) => (line, run(arguments, limit).ok()),
        _ => (line, None),
    };
    let lines: Vec<_> = possible(lines, &scene).into_iter().map(before).collect();
    assert!(!lines.is_empty(), "there is no socket to look for");

    scene.lock();
    let (mut wrong, mut hung) = (Vec::new(), Vec::new());
    let (longest, slowest) = run_all(&lines, limit, &scene, &mut wrong, &mut hung);
    wrong.extend(scene.unlocked().map(|name| format!("{name}: the lock was not held")));
    say(&format!(
        "stuck: {} command lines beside {} locked sockets, {longest:.1?} for knetstat {slowest}",
        lines.len(),
        scene.locked()
    ));
    drop(scene);
    for mut child in hung {
        wait_until("a process ends", || child.try_wait().expect("a child").is_some());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Whether the kernel has userfaultfd(2).
fn can_withhold() -> bool {
    match withhold() {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(Errno::ENOSYS as i32), "{error}");
            not_tested("locked sockets: this kernel has no userfaultfd(2)");
            false
        }
    }
}

/// Checks the sockets that `add` opens.
fn check_sockets(add: impl FnOnce(&mut Scene), lines: &[Line]) {
    let _turn = exclusive();
    if !can_withhold() {
        return;
    }
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

/// Where knetstat waits for a lock, because it may not walk the table: what is said on a terminal, and in a pipe.
#[test]
fn notice() {
    let _turn = exclusive();
    // Since Linux 5.15, the iterator of TCP sockets collects some of them and then locks each.
    if !btf_has("bpf_tcp_iter_state") {
        return not_tested("a run that waits: the kernel's iterator locks no TCP socket");
    }
    if can_withhold() {
        enter_namespace();
        notice::check();
    }
}

/// The files of the kernel module, and the socket of a task that never gives its lock back.
#[test]
fn texts_of_the_module() {
    let _turn = exclusive();
    if !can_withhold() {
        return;
    }
    enter_namespace();
    let mut scene = Scene::default();
    scene.add_tcp_connection();
    scene.add_tcp_listener();
    scene.add_udp_over_ipv4();
    scene.add_udp_over_ipv6();
    scene.add_unix();
    scene.add_mptcp();
    let listener = TcpListener::bind("[::1]:0").expect("bind");
    texts::check(scene);
    drop(listener);
}

#[test]
fn tcp_connection() {
    check_sockets(Scene::add_tcp_connection, TCP);
}

#[test]
fn tcp_listener() {
    check_sockets(Scene::add_tcp_listener, TCP);
}

#[test]
fn udp_over_ipv4() {
    check_sockets(Scene::add_udp_over_ipv4, UDP);
}

#[test]
fn udp_over_ipv6() {
    check_sockets(Scene::add_udp_over_ipv6, UDP);
}

#[test]
fn unix() {
    check_sockets(Scene::add_unix, UNIX);
}

#[test]
fn mptcp() {
    check_sockets(Scene::add_mptcp, MPTCP);
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
    check_sockets(add_all, LINES);
}
