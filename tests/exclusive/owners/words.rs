//! The reason why a socket has no process: one word for each reason, on sockets prepared for it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::process::Command;

use serde_json::{json, Value};

use super::puppet::Puppet;
use super::truth::{assert_held, held, owned, processes};
use super::{alone, at_port, in_flight, line_at_port, with_puppets};
use crate::common::scene::{proc_rows, EveryState};
use crate::common::{has_mptcp, ip, not_tested, sockets, stdout, sysctl, wait_until};

/// Returns the expected word for a row of [`EveryState`].
fn word(row: &Value) -> &'static str {
    match (row["state"].as_str().expect("a state"), row["inode"].is_null()) {
        ("TIME_WAIT", true) => "time-wait",
        // The process is gone, and only a mini-socket is left, which the kernel keeps as TIME_WAIT.
        ("FIN_WAIT2", true) => "time-wait",
        ("SYN_RECV", true) => "request",
        ("FIN_WAIT1", true) => "orphan",
        (_, false) => "process",
        _ => panic!("nothing in the scene is so: {row}"),
    }
}

/// This process as the table shows it.
fn own_process() -> String {
    let command = std::fs::read_to_string("/proc/self/comm").expect("/proc");
    format!("{}/{}", std::process::id(), command.trim_end())
}

fn check_every_state(at: IpAddr, target: IpAddr) {
    let _turn = alone();
    let scene = EveryState::new(at, target);
    let rows = owned("");
    assert_eq!(rows.len(), scene.states.len());
    for row in &rows {
        assert_eq!(row["owner"], word(row), "{row}");
    }
    let words: BTreeSet<&str> = rows.iter().filter_map(|row| row["owner"].as_str()).collect();
    assert_eq!(words, BTreeSet::from(["time-wait", "request", "orphan", "process"]));

    // In the table, the word is in parentheses, behind the process that listens.
    let table = stdout("-pH");
    let request = format!("{}(request)", own_process());
    for (state, owner) in [("TIME_WAIT", "(time-wait)"), ("SYN_RECV", request.as_str())] {
        let lines = table.lines().filter(|line| line.split_whitespace().nth(5) == Some(state));
        let owners: Vec<_> = lines.map(|line| line.split_whitespace().nth(6)).collect();
        assert_eq!(owners, [Some(owner)], "{table}");
    }
    let orphans = table.lines().filter(|line| line.contains(" FIN_WAIT1   (orphan) "));
    assert_eq!(orphans.count(), 1, "{table}");
    for line in table.lines() {
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn every_state_over_ipv4() {
    check_every_state(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into());
}

#[test]
fn every_state_over_ipv6() {
    check_every_state(Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
}

#[test]
fn connections_that_wait_to_be_accepted() {
    let _turn = alone();
    let listener = TcpListener::bind("127.0.0.1:4000").expect("bind");
    let here = TcpStream::connect("127.0.0.1:4000").expect("connect");
    let gone = TcpStream::connect("127.0.0.1:4000").expect("connect");
    let gone_port = gone.local_addr().expect("an address").port();
    drop(gone);
    wait_until("the client has closed", || proc_rows().iter().any(|row| row.state == "CLOSE_WAIT"));

    let queued = |rows: &[Value], port: u16| {
        let mut rows = rows.iter().filter(|row| row["remote"]["port"] == port);
        rows.next().expect("the end that is to be accepted")["owner"].clone()
    };
    let here_port = here.local_addr().expect("an address").port();
    let rows = owned("");
    assert_eq!(queued(&rows, here_port), "accept-queue");
    assert_eq!(queued(&rows, gone_port), "accept-queue", "also when the peer has closed");
    let table = stdout("-pH --sport 4000 --state established,close_wait");
    let words: Vec<_> = table.lines().map(|line| line.split_whitespace().nth(6)).collect();
    let word = format!("{}(accept-queue)", own_process());
    assert_eq!(words, [Some(word.as_str()); 2], "{table}");

    let accepted = [listener.accept(), listener.accept()].map(|pair| pair.expect("accept").0);
    let rows = owned("");
    assert_eq!(queued(&rows, here_port), "process");
    assert_eq!(queued(&rows, gone_port), "process");
    drop(accepted);
}

#[test]
fn a_socket_of_the_kernel() {
    let _turn = with_puppets();
    let add = "link add vxlan0 type vxlan id 7 dstport 4789 dev lo";
    let output = Command::new("ip").args(add.split(' ')).output().expect("ip(8)");
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        // The only accepted failure: this kernel does not have the device.
        assert!(stderr.contains("Unknown device type"), "{stderr}");
        return not_tested("a socket of vxlan's, which this kernel does not have");
    }
    ip("link set vxlan0 up");
    let mut puppet = Puppet::new();
    puppet.ask("udp 127.0.0.1:4790");
    let rows = owned("");
    let of_kernel: Vec<&Value> = rows.iter().filter(|row| row["owner"] == "tunnel").collect();
    assert!(!of_kernel.is_empty(), "{rows:?}");
    assert!(of_kernel.iter().all(|row| row["local"]["port"] == 4789), "{of_kernel:?}");
    assert!(rows.iter().all(|row| row["owner"] != "kernel"), "{rows:?}");
    assert_eq!(at_port(&rows, 4790)["owner"], "process");
    let table = stdout("-p");
    let word = line_at_port(&table, 4789).split_whitespace().nth(6);
    assert!(word.is_some_and(|word| word.ends_with("(tunnel)")), "{table}");

    // The kernel has the same number for any tunnel. The word for it names IPsec.
    for row in sockets("-u --sport 4789") {
        assert_eq!(row["options"]["UDP_ENCAP"], 1, "{row}");
    }
    let table = stdout("-uH --sport 4789 -O udp_encap --columns sport,options");
    for line in table.lines() {
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["4789", "UDP_ENCAP=1"]);
    }
    assert_eq!(table.lines().count(), of_kernel.len());
}

/// The rows of MPTCP subflows have the processes of the connection that they belong to.
#[test]
fn the_parts_of_an_mptcp_connection() {
    let _turn = with_puppets();
    if !has_mptcp("the_parts_of_an_mptcp_connection") {
        return;
    }
    sysctl("net/mptcp/enabled", "1");
    let (mut server, mut client) = (Puppet::new(), Puppet::new());
    let listener = server.number("listen mptcp 127.0.0.1:4000");
    let connection = client.number("connect mptcp 127.0.0.1:4000");
    let copy = client.number(&format!("duplicate {connection} 700"));
    client.ask(&format!("nonblock {connection} on"));
    let accepted = server.number(&format!("accept {listener}"));

    let rows = sockets("-p");
    let of = |state: &str, local: bool| {
        let mut rows = rows.iter().filter(|row| {
            let end = if local { "local" } else { "remote" };
            row["state"] == state && row[end]["port"] == 4000
        });
        rows.next().unwrap_or_else(|| panic!("{state}"))
    };
    assert_eq!(rows.len(), 3, "{rows:?}");
    let row_of = [
        (of("LISTEN", true), &server, vec![listener]),
        (of("ESTABLISHED", true), &server, vec![accepted]),
        (of("ESTABLISHED", false), &client, vec![connection, copy]),
    ];
    let held = held();
    for (row, puppet, fds) in row_of {
        assert_eq!(row["owner"], "subflow", "{row}");
        // Only /proc of its process has the inode number of the master.
        let of_process = held.values().find(|holders| {
            holders.iter().any(|(pid, _, fd, _, _)| *pid == puppet.pid() && fds.contains(fd))
        });
        let of_process = of_process.expect("the process holds it");
        assert_eq!(of_process.len(), fds.len());
        assert_eq!(row["processes"], processes(of_process), "{row}");
    }
    let table = stdout("-pH --state listen");
    let cell = table.split_whitespace().nth(6).expect("a cell");
    assert!(cell.starts_with(&format!("{}/", server.pid())), "{cell}");
    assert!(cell.ends_with("(subflow)"), "{cell}");

    let count = |arguments: &str| sockets(arguments).len();
    assert_eq!(count(&format!("-tu --pid {}", server.pid())), 2);
    assert_eq!(count(&format!("-tu --pid {}", client.pid())), 1);
}

#[test]
fn an_mptcp_connection_that_waits_to_be_accepted() {
    let _turn = with_puppets();
    if !has_mptcp("an_mptcp_connection_that_waits_to_be_accepted") {
        return;
    }
    sysctl("net/mptcp/enabled", "1");
    let mut puppet = Puppet::new();
    puppet.ask("listen mptcp 127.0.0.1:4000");
    puppet.ask("connect mptcp 127.0.0.1:4000");
    let rows = sockets("-p --state established --sport 4000");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["processes"], json!([]), "nobody has it yet");
    assert_eq!(rows[0]["owner"], "accept-queue");
}

#[test]
fn an_mptcp_connection_that_is_passed_on_and_closed() {
    let _turn = with_puppets();
    if !has_mptcp("an_mptcp_connection_that_is_passed_on_and_closed") {
        return;
    }
    sysctl("net/mptcp/enabled", "1");
    let (mut puppet, mut receiver) = (Puppet::new(), Puppet::new());
    receiver.ask("post office");
    let listener = puppet.number("listen mptcp [::1]:4000");
    let client = puppet.number("connect mptcp [::1]:4000");
    let server = puppet.number(&format!("accept {listener}"));
    puppet.ask(&format!("send {client} office"));
    puppet.ask(&format!("close {client}"));
    // The result does not depend on whether a previous run has seen the connection.
    for _ in 0..2 {
        let rows = sockets("-p --dport 4000");
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["owner"], in_flight(), "{}", rows[0]);
        assert_eq!(rows[0]["processes"], json!([]));
    }
    receiver.ask("receive");
    let row = &sockets("-p --dport 4000")[0];
    assert_eq!(row["owner"], "subflow");
    assert_eq!(row["processes"][0]["pid"], receiver.pid());

    // One end is closed, then the other: no row is left of a socket that the kernel created for itself.
    drop(receiver);
    for _ in 0..2 {
        let rows = sockets("-p");
        assert!(rows.iter().any(|row| row["state"] == "LISTEN"), "{rows:?}");
        assert!(rows.iter().all(|row| row["owner"] != "kernel"), "{rows:?}");
    }
    puppet.ask(&format!("close {server}"));
    let rows = sockets("-p");
    assert!(rows.iter().any(|row| row["state"] == "LISTEN"), "{rows:?}");
    for row in rows {
        let owner = row["owner"].as_str().expect("a word");
        let expected: &[&str] =
            if row["state"] == "LISTEN" { &["subflow"] } else { &["orphan", "time-wait"] };
        assert!(expected.contains(&owner), "{row}");
    }
}

/// Two sockets that remain without a process: the output does not depend on the second read.
#[test]
fn several_words_in_one_run() {
    let _turn = with_puppets();
    let (mut sender, mut receiver) = (Puppet::new(), Puppet::new());
    receiver.ask("post office");
    let fds: Vec<u32> =
        (0..5).map(|n| sender.number(&format!("udp 127.0.0.1:{}", 4000 + n))).collect();
    for fd in &fds[..3] {
        sender.ask(&format!("send {fd} office"));
        sender.ask(&format!("close {fd}"));
    }
    let rows = sockets("-p");
    assert_held(&rows, &held());
    assert_eq!(rows.len(), 5, "each once: {rows:?}");
    for (port, fd) in (4000..).zip(&fds) {
        let owner = if fds[..3].contains(fd) { in_flight() } else { "process" };
        assert_eq!(at_port(&rows, port)["owner"], owner);
    }
    // The rows that were deferred are shown in each form, and filters still apply to them.
    assert_eq!(stdout("-pH").lines().count(), 5);
    assert_eq!(stdout("-pH --sport 4001").lines().count(), 1);
    assert_eq!(stdout("-H -tu --command *").lines().count(), 2, "no process, no command");
}
