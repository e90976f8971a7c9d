//! Sockets that are registered with an io_uring. The truth is what the kernel lists in /proc/PID/fdinfo/RING, and the
//! answers of io_uring itself.

use std::fs;

use serde_json::{json, Value};

use super::puppet::Puppet;
use super::{at_port, line_at_port, with_puppets};
use crate::common::{btf_has, not_tested, sockets, stdout};

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
    // Each place is counted with the others of its socket, and none for another.
    let counted = stdout("-tH --count-by fd");
    let words: Vec<&str> = counted.split_whitespace().collect();
    let mut places: Vec<String> = used.iter().map(|it| format!("ring{ring}/slot{it}")).collect();
    places.sort_unstable();
    assert_eq!(words, ["1", &places.join(",")]);
    let csv = stdout("-tH --csv --count-by fd");
    assert_eq!(csv.trim(), format!("1,\"{}\"", places.join(",")));
    let json: Value = serde_json::from_str(&stdout("-tJ --count-by fd,slot")).expect("JSON");
    assert_eq!(json, json!([{"count": 1, "fd": [null], "slot": used}]));
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

#[test]
fn sockets_of_a_ring_in_no_table() {
    let _turn = with_puppets();
    let Some((mut puppet, ring)) = with_ring(100) else { return };
    // More sockets than a call reads, of two kinds. IORING_OP_SOCKET came with 5.19.
    for slot in 0..100 {
        let protocol = if slot % 2 == 0 { "tcp" } else { "udp" };
        let opened = puppet.ask(&format!("ring-socket {ring} {slot} {protocol}"));
        if opened != "0" {
            return not_tested(&format!("sockets that are opened by an io_uring: {opened}"));
        }
    }
    assert_eq!(slots(&puppet, ring), (0..100).collect::<Vec<_>>());
    assert_eq!(sockets("-tup").len(), 0, "they are in no table");
    let rows = sockets("-tup --unbound -O nodelay,reuseaddr");
    assert_eq!(rows.len(), 100);
    let mut seen = Vec::new();
    for row in &rows {
        let [holder] = &row["processes"].as_array().expect("processes")[..] else {
            panic!("one holder of {row}")
        };
        let slot = holder["slot"].as_u64().expect("a slot") as u32;
        assert_eq!(*holder, in_slot(&puppet, ring, slot));
        assert_eq!(row["protocol"], if slot % 2 == 0 { "tcp" } else { "udp" });
        assert_eq!(row["state"], if slot % 2 == 0 { "CLOSE" } else { "UNCONN" });
        assert_eq!(row["options"]["SO_REUSEADDR"], 0);
        seen.push(slot);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
    assert_eq!(sockets("-t --unbound").len(), 50);
    assert_eq!(sockets("-t --unbound --state listen").len(), 0);
    // The sockets of another network namespace.
    std::thread::spawn(move || {
        crate::common::enter_namespace();
        assert_eq!(sockets("-tu --unbound").len(), 0);
        let rows = sockets("-tup --unbound --all-netns");
        assert_eq!(rows.iter().filter(|row| row["processes"][0]["ring"] == ring).count(), 100);
    })
    .join()
    .expect("no panic");
}

/// The holder that a slot of a ring without a descriptor is, the only one of this thread.
fn in_slot_of_registered(puppet: &Puppet, tid: u32, slot: u32) -> Value {
    let mut holder = in_slot(puppet, 0, slot);
    holder["ring"] = Value::Null;
    holder["ring_index"] = 0.into();
    if tid != puppet.pid() {
        holder["tid"] = tid.into();
    }
    holder
}

/// Whether a thread can register an io_uring: from 5.18.
fn can_register_rings() -> bool {
    let ring = io_uring::IoUring::new(8).expect("this kernel has io_uring");
    let registered = ring.submitter().register_ring_fd();
    if let Err(error) = &registered {
        not_tested(&format!("io_urings that are registered with a thread: {error}"));
    }
    registered.is_ok()
}

#[test]
fn a_ring_without_a_descriptor() {
    let _turn = with_puppets();
    let Some((mut puppet, ring)) = with_ring(100) else { return };
    if !can_register_rings() {
        return;
    }
    let listener = puppet.number("listen tcp 127.0.0.1:4020");
    for slot in [0, 40] {
        puppet.ask(&format!("register {ring} {slot} {listener}"));
    }
    puppet.ask(&format!("close {listener}"));
    assert_eq!(slots(&puppet, ring), [0, 40]);

    let tid = puppet.number(&format!("ring-index {ring}"));
    let rows = sockets("-tp -O nodelay");
    let expected = json!([in_slot(&puppet, ring, 0), in_slot(&puppet, ring, 40)]);
    assert_eq!(
        at_port(&rows, 4020)["processes"],
        expected,
        "the descriptor says more than the index"
    );

    puppet.ask(&format!("ring-close {ring}"));
    let rows = sockets("-tp -O nodelay");
    let expected =
        json!([in_slot_of_registered(&puppet, tid, 0), in_slot_of_registered(&puppet, tid, 40)]);
    assert_eq!(at_port(&rows, 4020)["processes"], expected);
    assert_eq!(at_port(&rows, 4020)["owner"], "process");
    let columns = stdout("-t --columns fd,ring,slot,local -H");
    let words: Vec<&str> = columns.split_whitespace().take(3).collect();
    assert_eq!(words, ["ring[0]/slot0,ring[0]/slot40", "-,-", "0,40"], "{columns}");
    let block = stdout("-t --long");
    assert!(block.contains(", registered io_uring 0, slot 40"), "{block}");
    assert_eq!(sockets(&format!("-t --pid {}", puppet.pid())).len(), 1);
}

#[test]
fn a_ring_of_a_thread_without_a_descriptor() {
    let _turn = with_puppets();
    let Some((mut puppet, _ring)) = with_ring(4) else { return };
    if !can_register_rings() {
        return;
    }
    let fd = puppet.number("udp 127.0.0.1:4021");
    let tid = puppet.number(&format!("ring-index-of-a-thread 4 2 {fd}"));
    puppet.ask(&format!("close {fd}"));
    let rows = sockets("-up -O nodelay");
    let expected = in_slot_of_registered(&puppet, tid, 2);
    assert_eq!(at_port(&rows, 4021)["processes"], json!([expected]));
}

#[test]
fn sockets_in_no_table_of_a_ring_without_a_descriptor() {
    let _turn = with_puppets();
    let Some((mut puppet, ring)) = with_ring(100) else { return };
    if !can_register_rings() {
        return;
    }
    for slot in 0..100 {
        let opened = puppet.ask(&format!("ring-socket {ring} {slot} tcp"));
        if opened != "0" {
            return not_tested(&format!("sockets that are opened by an io_uring: {opened}"));
        }
    }
    puppet.ask(&format!("ring-index {ring}"));
    for is_closed in [false, true] {
        if is_closed {
            puppet.ask(&format!("ring-close {ring}"));
        }
        let rows = sockets("-tp --unbound -O nodelay");
        let mut slots: Vec<u64> =
            rows.iter().map(|row| row["processes"][0]["slot"].as_u64().expect("a slot")).collect();
        slots.sort_unstable();
        assert_eq!(slots, (0..100).collect::<Vec<_>>(), "{is_closed}");
        assert!(rows.iter().all(|row| row["processes"][0]["ring"].is_null() == is_closed));
    }
}

/// A thread of the kernel that polls an io_uring shares the descriptors of the thread that has made it.
#[test]
fn a_thread_of_the_kernel_is_no_holder() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    let fd = puppet.ask("thread-with-a-poller 127.0.0.1:4030");
    let Ok(fd) = fd.parse::<u32>() else {
        return not_tested("a thread of an io_uring: this kernel refuses one");
    };
    let tasks = fs::read_dir(format!("/proc/{}/task", puppet.pid())).expect("/proc").flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    if !names.into_iter().any(|name| name.starts_with("iou-sqp-")) {
        return not_tested("a thread of an io_uring: it is not in the process");
    }
    let rows = sockets("-up -O nodelay");
    let processes = at_port(&rows, 4030)["processes"].as_array().expect("processes").clone();
    assert_eq!(processes.len(), 1, "{processes:?}");
    assert_eq!((&processes[0]["pid"], &processes[0]["fd"]), (&json!(puppet.pid()), &json!(fd)));
    let tid = &processes[0]["tid"];
    let name = fs::read_to_string(format!("/proc/{}/task/{tid}/comm", puppet.pid()));
    assert!(!name.expect("a thread").starts_with("iou-"), "{processes:?}");
}

/// Records of sockets with many memberships are so long that a call of the walk has no room for all that it found.
#[test]
fn long_records_of_sockets_in_no_table() {
    if !btf_has("BPF_FUNC_loop") {
        return not_tested("sockets that only an io_uring holds: this kernel has no bpf_loop()");
    }
    let _turn = with_puppets();
    let Some((mut puppet, ring)) = with_ring(64) else { return };
    std::fs::write("/proc/sys/net/ipv4/igmp_max_memberships", "500").expect("root");
    for slot in 0..64 {
        let fd = puppet.number("udp-member 250");
        puppet.ask(&format!("register {ring} {slot} {fd}"));
        puppet.ask(&format!("close {fd}"));
    }
    let rows = sockets("-up --unbound -O IP_ADD_MEMBERSHIP");
    let mut slots: Vec<u64> = rows
        .iter()
        .map(|row| {
            let groups = row["options"]["IP_ADD_MEMBERSHIP"].as_array().expect("a list");
            assert_eq!(groups.len(), 250);
            row["processes"][0]["slot"].as_u64().expect("a slot")
        })
        .collect();
    slots.sort_unstable();
    assert_eq!(slots, (0..64).collect::<Vec<_>>());
}
