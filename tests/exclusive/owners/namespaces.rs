//! Processes have their PIDs in knetstat's own PID namespace.

use serde_json::{json, Value};

use super::puppet::Puppet;
use super::truth::{assert_held, owned, Held};
use super::{at_port, ports, with_puppets};
use crate::common::{knetstat, wait_until};

/// Returns the output of knetstat in a puppet's namespace, and the holders in its /proc.
fn seen_by(puppet: &mut Puppet, arguments: &str) -> (Vec<Value>, Held) {
    let text = puppet.ask(&format!("knetstat -J -O nodelay {arguments}"));
    let rows = serde_json::from_str(&text).expect("a JSON array");
    let held = serde_json::from_str(&puppet.ask("held")).expect("what /proc says");
    (rows, held)
}

#[test]
fn from_inside_and_from_outside() {
    let _turn = with_puppets();
    let (mut outer, mut inner) = (Puppet::new(), Puppet::in_pid_namespace(1));
    outer.ask("listen tcp 127.0.0.1:4000");
    outer.ask("udp 127.0.0.1:4001");
    let fd = inner.number("listen tcp 127.0.0.1:5000");
    inner.ask("udp [::1]:5001");
    let heir = inner.number(&format!("bequeath {fd}"));
    assert_eq!(inner.ask("pid"), "1");
    assert!(heir > 1 && heir < 100, "the namespace is new");

    // From outside: the outer PIDs of all processes, as in the outer /proc.
    let rows = owned("");
    assert_eq!(rows.len(), 4);
    let pid = |rows: &[Value], port| at_port(rows, port)["processes"][0]["pid"].clone();
    assert_eq!(pid(&rows, 4001), outer.pid());
    let init = pid(&rows, 5001).as_u64().expect("a number");
    assert!(init > 1, "not the inner number");
    let status = std::fs::read_to_string(format!("/proc/{init}/status")).expect("it lives");
    assert!(status.contains(&format!("NSpid:\t{init}\t1\n")), "{status}");
    assert_eq!(at_port(&rows, 5000)["processes"].as_array().map(Vec::len), Some(2));

    // From inside: the inner PIDs. Processes outside have none here.
    let (rows, held) = seen_by(&mut inner, "-p");
    assert_eq!(rows.len(), 4);
    assert_held(&rows, &held);
    assert_eq!(pid(&rows, 5001), 1);
    let of_5000 = at_port(&rows, 5000)["processes"].as_array().expect("processes");
    let numbers: Vec<&Value> = of_5000.iter().map(|process| &process["pid"]).collect();
    assert_eq!(numbers, [1, heir]);
    for port in [4000, 4001] {
        assert_eq!(at_port(&rows, port)["owner"], "elsewhere");
        assert_eq!(at_port(&rows, port)["processes"], json!([]));
    }

    // The filter uses the same PIDs.
    assert_eq!(ports(&seen_by(&mut inner, "-tu --pid 1").0), [5000, 5001]);
    assert_eq!(ports(&seen_by(&mut inner, &format!("-tu --pid {heir}")).0), [5000]);
    assert_eq!(ports(&owned(&format!("-tu --pid {init}"))), [5000, 5001]);
    // The first process of this namespace is in another network namespace, which may be reported.
    assert_eq!(knetstat(["-H", "-tu", "--pid", "1"]).stdout, b"");
}

#[test]
fn a_socket_held_on_both_sides() {
    let _turn = with_puppets();
    let (mut outer, mut inner) = (Puppet::new(), Puppet::in_pid_namespace(1));
    inner.ask("post office");
    let fd = outer.number("udp 127.0.0.1:4000");
    outer.ask(&format!("send {fd} office"));
    let received = inner.number("receive");

    assert_eq!(owned("")[0]["processes"].as_array().map(Vec::len), Some(2));
    let (rows, held) = seen_by(&mut inner, "-p");
    assert_held(&rows, &held);
    let processes = rows[0]["processes"].as_array().expect("processes");
    assert_eq!(processes.len(), 1, "{processes:?}");
    assert_eq!((&processes[0]["pid"], &processes[0]["fd"]), (&json!(1), &json!(received)));
}

#[test]
fn from_the_middle_of_three() {
    let _turn = with_puppets();
    let (mut middle, mut outer) = (Puppet::in_pid_namespace(1), Puppet::new());
    middle.ask("udp 127.0.0.1:4000");
    outer.ask("udp 127.0.0.1:4001");
    let depths = [2, 3].map(|depth| {
        let mut puppet = Puppet::in_pid_namespace(depth);
        puppet.ask(&format!("udp 127.0.0.1:400{depth}"));
        assert_eq!(puppet.ask("pid"), "1");
        puppet
    });
    let rows = owned("");
    assert_eq!(rows.len(), 4);

    // The PID of the deepest process in the middle one of its three namespaces: the child of the second
    // unshare(1), which is the parent of the program.
    let pid = at_port(&rows, 4003)["processes"][0]["pid"].as_u64().expect("a number");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).expect("numbers");
    let numbers: Vec<u32> = numbers.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 4, "{numbers:?}");
    for (level, number) in numbers.iter().enumerate().skip(1).take(2) {
        let target = ancestor(pid, 3 - level);
        let mut command = std::process::Command::new("nsenter");
        let arguments = ["-t", &target.to_string(), "-p", "-m", crate::common::KNETSTAT, "-pJ"];
        let output = command.args(arguments).output().expect("nsenter(1) is part of util-linux");
        assert!(output.status.success(), "{output:?}");
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a JSON array");
        assert_eq!(at_port(&rows, 4003)["processes"][0]["pid"], *number, "level {level}");
        assert_eq!(at_port(&rows, 4001)["owner"], "elsewhere", "level {level}");
    }
    drop(depths);
    wait_until("the namespaces are gone", || owned("").len() == 2);
}

/// Returns the PID of the ancestor so many generations up.
fn ancestor(pid: u64, generations: usize) -> u64 {
    (0..generations).fold(pid, |pid, _| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        parent.expect("a parent").trim().parse().expect("a number")
    })
}
