//! The processes that hold a socket, and their descriptors.

use std::fs;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;

use nix::libc::{EBADF, O_PATH};
use nix::sys::ptrace;
use nix::unistd::Pid;
use serde_json::{json, Value};

use super::puppet::Puppet;
use super::truth::{assert_iterator_finds_holders, held, owned};
use super::{alone, at_port, in_flight, line_at_port, ports, with_puppets};
use crate::common::{enter_namespace, find, knetstat, sockets, stdout, wait_until};

/// Returns the descriptors of a row as (PID, descriptor).
fn descriptors(row: &Value) -> Vec<(u32, u32)> {
    let processes = row["processes"].as_array().expect("processes");
    let number = |value: &Value| value.as_u64().expect("a number") as u32;
    processes.iter().map(|process| (number(&process["pid"]), number(&process["fd"]))).collect()
}

/// Returns the threads of a row, with null for a descriptor of the whole process.
fn threads(row: &Value) -> Vec<Value> {
    let processes = row["processes"].as_array().expect("processes");
    processes.iter().map(|process| process["tid"].clone()).collect()
}

#[test]
fn the_sockets_of_several_processes() {
    let _turn = with_puppets();
    let mut puppets: Vec<Puppet> = (0..4).map(|_| Puppet::new()).collect();
    for (puppet, n) in puppets.iter_mut().zip(1..) {
        let fd = puppet.number(&format!("listen tcp 127.0.0.1:{n}000"));
        puppet.ask(&format!("udp 127.0.0.1:{n}001"));
        puppet.ask(&format!("udp [::1]:{n}002"));
        puppet.ask(&format!("connect tcp 127.0.0.1:{n}000"));
        puppet.ask(&format!("accept {fd}"));
    }
    puppets[0].ask("connect tcp 127.0.0.1:2000");
    puppets[1].ask("connect tcp 127.0.0.1:1000");

    let rows = owned("");
    let all = |owner: &str| rows.iter().filter(|row| row["owner"] == owner).count();
    assert_eq!((all("process"), all("accept-queue")), (4 * 5 + 2, 2));
    for (puppet, n) in puppets.iter().zip(1..) {
        for port in [n * 1000 + 1, n * 1000 + 2] {
            let [(pid, _)] = descriptors(at_port(&rows, port))[..] else {
                panic!("one descriptor of port {port}");
            };
            assert_eq!(pid, puppet.pid());
        }
    }

    // When a process ends, its sockets are closed.
    let ended = puppets.remove(2);
    let pid = ended.pid();
    drop(ended);
    let rows = owned("");
    assert!(rows.iter().all(|row| descriptors(row).iter().all(|(other, _)| *other != pid)));
}

#[test]
fn several_descriptors_are_one_row() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let fd = puppet.number("udp 127.0.0.1:4000");
    let near = puppet.number(&format!("duplicate {fd} 0"));
    let far = puppet.number(&format!("duplicate {fd} 1500"));
    let farther = puppet.number(&format!("duplicate {fd} 4000"));
    assert!(far >= 1500 && farther >= 4_000);

    let pid = puppet.pid();
    let rows = owned("");
    let mut expected = [fd, near, far, farther].map(|fd| (pid, fd));
    expected.sort_unstable();
    assert_eq!(descriptors(at_port(&rows, 4000)), expected);
    let table = stdout("-pH");
    assert_eq!(table.matches(&format!("{pid}/")).count(), 1, "a process once: {table}");

    // The first descriptor is closed. The others remain.
    puppet.ask(&format!("close {fd}"));
    assert_eq!(descriptors(at_port(&owned(""), 4000)), &expected[1..]);
}

#[test]
fn a_socket_that_is_only_held_above_1024() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let fd = puppet.number("listen tcp [::1]:4000");
    let far = puppet.number(&format!("duplicate {fd} 1024"));
    puppet.ask(&format!("close {fd}"));
    assert!(far >= 1024);
    assert_eq!(descriptors(at_port(&owned(""), 4000)), [(puppet.pid(), far)]);
}

#[test]
fn nonblock_is_that_of_the_descriptor_now() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let udp = puppet.number("udp 127.0.0.1:4000");
    let listener = puppet.number("listen tcp 127.0.0.1:4001");
    let nonblock = |rows: &[Value]| {
        [4000, 4001].map(|port| at_port(rows, port)["processes"][0]["nonblock"].clone())
    };
    assert_eq!(nonblock(&owned("")), [false, false]);
    // Another file flag does not change O_NONBLOCK.
    puppet.ask(&format!("append {listener}"));
    assert_eq!(nonblock(&owned("")), [false, false]);
    puppet.ask(&format!("nonblock {udp} on"));
    assert_eq!(nonblock(&owned("")), [true, false]);
    puppet.ask(&format!("nonblock {udp} off"));
    puppet.ask(&format!("nonblock {listener} on"));
    assert_eq!(nonblock(&owned("")), [false, true]);
}

#[test]
fn a_forked_process_holds_what_its_parent_holds() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let fd = puppet.number("listen tcp 127.0.0.1:4000");
    puppet.ask("udp 127.0.0.1:4001");
    let heir = puppet.number(&format!("bequeath {fd}"));
    let pid = puppet.pid();

    let rows = owned("");
    assert_eq!(descriptors(at_port(&rows, 4000)), sorted([(pid, fd), (heir, fd)]));
    assert_eq!(descriptors(at_port(&rows, 4001)).len(), 1, "the heir did not get this one");
    let commands: Vec<&Value> = at_port(&rows, 4000)["processes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|process| process["pid"] == heir)
        .map(|process| &process["command"])
        .collect();
    assert_eq!(commands, ["cat"]);

    // The heir still has the descriptor that the parent closes.
    puppet.ask(&format!("close {fd}"));
    assert_eq!(descriptors(at_port(&owned(""), 4000)), [(heir, fd)]);
}

fn sorted<const N: usize>(mut descriptors: [(u32, u32); N]) -> [(u32, u32); N] {
    descriptors.sort_unstable();
    descriptors
}

#[test]
fn the_table_joins_the_processes_of_a_socket() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    puppet.ask("name 707570706574"); // "puppet"
    let fd = puppet.number("listen tcp 127.0.0.1:4000");
    puppet.ask(&format!("duplicate {fd} 500"));
    puppet.ask("udp 127.0.0.1:4001");
    let heirs = [0, 1].map(|_| puppet.number(&format!("bequeath {fd}")));

    let mut words = [(puppet.pid(), "puppet"), (heirs[0], "cat"), (heirs[1], "cat")];
    words.sort_unstable();
    let words: Vec<String> = words.iter().map(|(pid, name)| format!("{pid}/{name}")).collect();
    let table = stdout("-p");
    let line = line_at_port(&table, 4000);
    assert_eq!(line.split_whitespace().nth(6), Some(words.join(",").as_str()), "{line}");
    let expected = format!(
        "udp        0      0 127.0.0.1:4001          0.0.0.0:*               UNCONN      {:<25} \
         SO_REUSEADDR=0,SO_BROADCAST=0",
        format!("{}/puppet", puppet.pid())
    );
    assert_eq!(line_at_port(&table, 4001), expected);
    let header = table.lines().next();
    assert_eq!(
        header,
        Some(
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State       \
             PID/Program name     Diag Options"
        )
    );
    // With -e, the column is between the reuseport group, or the extended attributes, and the options.
    let table = stdout("-ep -u");
    let [header, row] = table.lines().collect::<Vec<_>>()[..] else { panic!("{table}") };
    let begin = header.find("PID/Program name").expect("the column");
    assert!(header[..begin].contains("Group"), "{table}");
    assert_eq!(row[begin..].split(' ').next(), Some(format!("{}/puppet", puppet.pid()).as_str()));
}

#[test]
fn a_descriptor_on_its_way_between_processes() {
    let _turn = with_puppets();
    let (mut sender, mut receiver) = (Puppet::new(), Puppet::new());
    receiver.ask("post office");
    let fd = sender.number("udp 127.0.0.1:4000");
    sender.ask(&format!("send {fd} office"));
    let rows = owned("");
    assert_eq!(descriptors(at_port(&rows, 4000)), [(sender.pid(), fd)], "it is a copy that went");

    // Now only the message holds the socket.
    sender.ask(&format!("close {fd}"));
    let rows = owned("");
    assert_eq!(at_port(&rows, 4000)["owner"], in_flight());
    let word = format!("({})", in_flight());
    let table = stdout("-p");
    let shown = line_at_port(&table, 4000).split_whitespace().nth(6);
    assert!(shown.is_some_and(|shown| shown.ends_with(&word)), "{table}");

    let received = receiver.number("receive");
    let rows = owned("");
    assert_eq!(descriptors(at_port(&rows, 4000)), [(receiver.pid(), received)]);
}

#[test]
fn a_passed_socket_is_held_by_both() {
    let _turn = with_puppets();
    let (mut sender, mut receiver) = (Puppet::new(), Puppet::new());
    receiver.ask("post office");
    let fd = sender.number("listen tcp 127.0.0.1:4000");
    sender.ask(&format!("nonblock {fd} on"));
    sender.ask(&format!("send {fd} office"));
    let received = receiver.number("receive");
    let rows = owned("");
    let expected = sorted([(sender.pid(), fd), (receiver.pid(), received)]);
    assert_eq!(descriptors(at_port(&rows, 4000)), expected);
}

#[test]
fn a_thread_with_descriptors_of_its_own() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let before = puppet.number("udp 127.0.0.1:4000");
    let fd = puppet.number("thread-of-its-own 127.0.0.1:4001");
    let after = puppet.number("udp 127.0.0.1:4002");
    let pid = puppet.pid();

    let rows = owned("");
    let thread = at_port(&rows, 4001)["processes"][0]["tid"].as_u64().expect("a thread");
    assert!(
        fs::exists(format!("/proc/{pid}/task/{thread}")).expect("/proc")
            && thread != u64::from(pid)
    );
    // The thread has a copy of the first descriptor under the same number.
    assert_eq!(descriptors(at_port(&rows, 4000)), [(pid, before), (pid, before)]);
    assert_eq!(threads(at_port(&rows, 4000)), [json!(null), json!(thread)]);
    assert_eq!(descriptors(at_port(&rows, 4001)), [(pid, fd)]);
    assert_eq!(descriptors(at_port(&rows, 4002)), [(pid, after)]);
    assert_eq!(threads(at_port(&rows, 4002)), [json!(null)]);
    let table = stdout("-pH");
    assert!(line_at_port(&table, 4001).contains(&format!(" {pid}:{thread}/")), "{table}");
    assert!(line_at_port(&table, 4002).contains(&format!(" {pid}/")), "{table}");
    assert_eq!(sockets(&format!("-u --where tid={thread}")).len(), 2);
    // The process has all of them, the thread two.
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).expect("a name");
    for (expression, count) in [
        (format!("program={pid}/{name}"), 3),
        (format!("program={pid}:{thread}/{name}"), 2),
        (format!("program~{pid}/*"), 3),
        (format!("program!={pid}/{name}"), 0),
    ] {
        let rows = knetstat(["-uJ", "--where", expression.trim()]);
        let rows: Vec<Value> = serde_json::from_slice(&rows.stdout).expect("an array");
        assert_eq!(rows.len(), count, "{expression}");
    }
    assert_iterator_finds_holders();

    // The other thread still has the descriptor that the first thread closes.
    puppet.ask(&format!("close {before}"));
    let rows = owned("");
    assert_eq!(descriptors(at_port(&rows, 4000)), [(pid, before)]);
    assert_eq!(threads(at_port(&rows, 4000)), [json!(thread)]);
    assert_iterator_finds_holders();
}

#[test]
fn a_process_that_has_exited_but_for_a_thread() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let fd = puppet.number("udp 127.0.0.1:4003");
    puppet.ask("end-first-thread");
    wait_until("the first thread is a zombie", || {
        let stat = fs::read_to_string(format!("/proc/{0}/task/{0}/stat", puppet.pid()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    });
    let rows = owned("");
    assert_eq!(descriptors(at_port(&rows, 4003)), [(puppet.pid(), fd)]);
    assert_eq!(at_port(&rows, 4003)["owner"], "process");
    assert_iterator_finds_holders();

    // From another network namespace. /proc shows that of the thread, and none of the process.
    enter_namespace();
    let pid = puppet.pid();
    let output = knetstat(["-u", "--pid", &pid.to_string()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("process {pid}, which is in network namespace ")), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(ports(&sockets(&format!("-u -N {pid} --pid {pid}"))), [4003]);
}

/// open(2), O_PATH: such a descriptor is of the inode of the socket, and keeps no socket open.
#[test]
fn a_path_to_a_socket_is_no_holder() {
    let _turn = alone();
    let path = |of: &OwnedFd| {
        let path = format!("/proc/self/fd/{}", of.as_raw_fd());
        fs::OpenOptions::new().read(true).custom_flags(O_PATH).open(path).expect("O_PATH")
    };
    let listener: OwnedFd = TcpListener::bind("127.0.0.1:4005").expect("bind").into();
    let unix: OwnedFd = UnixDatagram::unbound().expect("a socket").into();
    let paths = [path(&listener), path(&unix)];
    let mut buffer = [0; 4];
    let refused = knetstat::kernel::syscall::getsockopt(paths[0].as_fd(), 1, 3, &mut buffer);
    assert_eq!(refused.expect_err("no socket").raw_os_error(), Some(EBADF));

    let rows = owned("-tx --unbound");
    assert_eq!(
        descriptors(at_port(&rows, 4005)),
        [(std::process::id(), listener.as_raw_fd() as u32)]
    );
    let row = find(&rows, &unix).expect("a row");
    assert_eq!(descriptors(row), [(std::process::id(), unix.as_raw_fd() as u32)]);
    assert_iterator_finds_holders();
    // Nothing is left when it is closed.
    drop((listener, unix));
    assert_eq!(sockets("-tx -p --unbound"), [] as [Value; 0]);
}

#[test]
fn a_process_that_a_tracer_has_stopped() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let fd = puppet.number("listen tcp 127.0.0.1:4004");
    let pid = Pid::from_raw(puppet.pid() as i32);
    ptrace::seize(pid, ptrace::Options::empty()).expect("PTRACE_SEIZE");
    ptrace::interrupt(pid).expect("PTRACE_INTERRUPT");
    wait_until("the process is stopped", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| stat.contains(") t "))
    });
    let rows = owned("");
    assert_eq!(descriptors(at_port(&rows, 4004)), [(puppet.pid(), fd)]);
}

#[test]
fn without_the_flag_there_are_no_owners() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    puppet.ask("udp 127.0.0.1:4000");
    for filter in ["", "-tu --command *", "--user 0", &format!("-tu --pid {}", puppet.pid())] {
        for format in ["-J", "--ndjson"] {
            let text = stdout(&format!("{format} {filter}"));
            let row = text.trim_start_matches('[').trim_end().trim_end_matches(']');
            let row: Value = serde_json::from_str(row).expect("one object");
            assert_eq!(row["local"]["port"], 4000);
            assert_eq!(row.get("processes"), None, "{format} {filter}");
            assert_eq!(row.get("owner"), None, "{format} {filter}");
        }
        let table = stdout(filter);
        assert!(!table.contains("PID/Program name") && !table.contains('/'), "{filter}: {table}");
    }
    let with = &owned("")[0];
    assert_eq!(with["processes"].as_array().map(Vec::len), Some(1));
}

/// The reader of /proc, with which these tests compare, tested on known descriptors.
#[test]
fn the_truth_of_proc() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    puppet.ask("name 6120ff0a62"); // "a ", a byte that is not UTF-8, a newline, "b"
    let fd = puppet.number("udp 127.0.0.1:4000");
    puppet.ask(&format!("nonblock {fd} on"));
    let inode = crate::common::scene::proc_rows()[0].inode;
    let expected = (puppet.pid(), None, fd, true, "a \\xff\\x0ab".to_string());
    assert_eq!(held().get(&inode), Some(&[expected].into()));
    let expected = json!([{
        "pid": puppet.pid(), "command": "a \\xff\\x0ab", "fd": fd, "nonblock": true,
    }]);
    assert_eq!(owned("")[0]["processes"], expected);
}
