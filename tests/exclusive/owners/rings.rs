//! Sockets that are registered with an io_uring. The truth is what the kernel lists in /proc/PID/fdinfo/RING, and the
//! answers of io_uring itself.

use std::fs;

use serde_json::{json, Value};

use super::puppet::Puppet;
use super::{at_port, line_at_port, with_puppets};
use crate::common::{not_tested, sockets, stdout};

/// The slots that are in use, as the kernel lists them: `    3: socket:[4711]`, without the name before Linux 6.
fn slots(puppet: &Puppet, ring: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{}/fdinfo/{ring}", puppet.pid()));
    let text = text.expect("the ring is a descriptor");
    let files = text.lines().skip_while(|line| !line.starts_with("UserFiles:")).skip(1);
    let files = files.take_while(|line| line.starts_with(' '));
    let of_file = |line: &str| {
        let (slot, file) = line.split_once(':')?;
        (file.trim() != "<none>").then(|| slot.trim().parse().ok())?
    };
    files.filter_map(of_file).collect()
}

/// Starts a puppet with a ring of so many slots. `None` if this kernel has no io_uring.
fn with_ring(slots: u32) -> Option<(Puppet, u32)> {
    let mut puppet = Puppet::new();
    match io_uring::IoUring::new(8) {
        Ok(_) => {
            let ring = puppet.number(&format!("ring {slots}"));
            Some((puppet, ring))
        }
        Err(error) => {
            not_tested(&format!("sockets that are registered with an io_uring: {error}"));
            None
        }
    }
}

/// The holder that a slot is.
fn in_slot(puppet: &Puppet, ring: u32, slot: u32) -> Value {
    let command = fs::read_to_string(format!("/proc/{}/comm", puppet.pid())).expect("a process");
    json!({"pid": puppet.pid(), "command": command.trim_end(), "fd": null, "ring": ring, "slot": slot, "nonblock": false})
}

#[test]
fn a_socket_without_a_descriptor() {
    let _turn = with_puppets();
    let Some((mut puppet, ring)) = with_ring(600) else { return };
    let fd = puppet.number("listen tcp 127.0.0.1:4000");
    // Parts of a table had 512 slots each. 32 are read at once.
    for slot in [0, 3, 31, 32, 511, 512, 599] {
        assert_eq!(puppet.number(&format!("register {ring} {slot} {fd}")), 1);
    }
    puppet.ask(&format!("close {fd}"));
    let used = slots(&puppet, ring);
    assert_eq!(used, [0, 3, 31, 32, 511, 512, 599]);

    let rows = sockets("-tp -O nodelay");
    let row = at_port(&rows, 4000);
    let expected: Value = used.iter().map(|slot| in_slot(&puppet, ring, *slot)).collect();
    assert_eq!(row["processes"], expected);
    assert_eq!(row["owner"], "process");

    let pid = puppet.pid();
    let line = stdout("-tpH");
    assert!(line_at_port(&line, 4000).contains(&format!(" {pid}/")), "{line}");
    let columns = stdout("-t --columns fd,ring,slot,local -H");
    let list =
        |of: &dyn Fn(u32) -> String| used.iter().map(|it| of(*it)).collect::<Vec<_>>().join(",");
    for words in [
        list(&|it| format!("ring{ring}/slot{it}")),
        list(&|_| ring.to_string()),
        list(&|it| it.to_string()),
    ] {
        assert!(columns.split_whitespace().any(|word| word == words), "{words} in {columns}");
    }
    assert_eq!(sockets(&format!("-t --pid {pid}")).len(), 1);
    let count = |expression: &str| sockets_where(expression).len();
    assert_eq!(count(&format!("ring = {ring} and slot = 511")), 1);
    assert_eq!(count("slot = 510"), 0);
    assert_eq!(count(&format!("fd = {ring}")), 0, "the ring itself is no socket");
}

fn sockets_where(expression: &str) -> Vec<Value> {
    let output = crate::common::knetstat(["-tJ", "--where", expression]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("a JSON array")
}

#[test]
fn a_socket_with_a_descriptor_and_a_slot() {
    let _turn = with_puppets();
    let Some((mut puppet, ring)) = with_ring(4) else { return };
    let fd = puppet.number("udp 127.0.0.1:4001");
    puppet.ask(&format!("register {ring} 2 {fd}"));
    let rows = sockets("-up -O nodelay");
    let holders = at_port(&rows, 4001)["processes"].as_array().cloned().expect("processes");
    assert_eq!(holders.len(), 2, "{holders:?}");
    assert!(holders.contains(&in_slot(&puppet, ring, 2)), "{holders:?}");
    assert!(
        holders.iter().any(|holder| holder["fd"] == fd && holder["slot"].is_null()),
        "{holders:?}"
    );
    // netstat lists a process once.
    let table = stdout("-upH");
    assert_eq!(table.matches(&format!("{}/", puppet.pid())).count(), 1, "{table}");
}

#[test]
fn accepted_into_a_slot() {
    let _turn = with_puppets();
    let Some((mut puppet, ring)) = with_ring(4) else { return };
    let listener = puppet.number("listen tcp 127.0.0.1:4002");
    let mut client = Puppet::new();
    client.ask("connect tcp 127.0.0.1:4002");
    // 5.15
    let accepted = puppet.ask(&format!("ring-accept {ring} 1 {listener}"));
    if accepted != "0" {
        return not_tested(&format!("sockets that are accepted by an io_uring: {accepted}"));
    }
    assert_eq!(slots(&puppet, ring), [1]);
    let rows = sockets("-tp --state established -O nodelay");
    assert_eq!(rows.len(), 2);
    let row = at_port(&rows, 4002);
    assert_eq!(row["processes"], json!([in_slot(&puppet, ring, 1)]));
    assert_eq!(row["owner"], "process");
}
