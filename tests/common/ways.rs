//! The two ways in which knetstat finds the sockets of a table: its own walk and, where the kernel permits none, the
//! kernel's iterator. Asserts that both show the same.

use std::collections::{BTreeMap, BTreeSet};

use knetstat::query::columns::Column;
use serde_json::{json, Value};

use super::{has_mptcp, sockets};

/// Given before the arguments: the kernel's iterators find all sockets.
pub const NO_WALKS: &str = "KNETSTAT_NO_WALKS=1";

/// The arguments that show every TCP and UDP socket.
const TCP_AND_UDP: &str = "-tu --unbound";

/// The number of times that both ways are compared while the sockets change.
const TRIES: usize = 20;

/// Returns the arguments that show every socket of the families that have a walk.
pub fn every_walk() -> &'static str {
    match has_mptcp("a walk of MPTCP sockets") {
        true => "-tux --mptcp -p --unbound",
        false => "-tux -p --unbound",
    }
}

/// Asserts that every member of every socket in this thread's namespace is the same in both ways. Returns the rows.
pub fn assert_same_without_walks() -> Vec<Value> {
    assert_both_ways_show(every_walk())
}

/// Asserts that both ways show the same sockets with the same members for these arguments, of which there must be at
/// least one. Returns the rows.
pub fn assert_both_ways_show(arguments: &str) -> Vec<Value> {
    shown(arguments, assert_both_ways_agree(arguments, |_| true))
}

/// The same for those rows that a test has made, which may be none.
pub fn assert_both_ways_agree(arguments: &str, is_ours: impl Fn(&Value) -> bool) -> Vec<Value> {
    let columns: Vec<&str> = Column::ALL.into_iter().map(Column::name).collect();
    agree(&format!("{arguments} --columns {}", columns.join(",")), is_ours)
}

/// Asserts that the options of the TCP and UDP sockets in this thread's namespace are the same in both ways. The columns
/// that come from descriptors and from other tables are left out: with them, two runs take 2.4 times as long, and most
/// of that is the verifier.
pub fn assert_same_options_without_walks() {
    assert_same_options(TCP_AND_UDP);
}

/// The same of the sockets that these arguments select.
pub fn assert_same_options(arguments: &str) {
    shown(arguments, agree(arguments, |_| true));
}

/// Returns the rows, of which there must be at least one.
fn shown(arguments: &str, rows: Vec<Value>) -> Vec<Value> {
    assert!(!rows.is_empty(), "knetstat {arguments} shows no socket to compare");
    rows
}

fn agree(arguments: &str, is_ours: impl Fn(&Value) -> bool) -> Vec<Value> {
    let rows = |arguments: &str| {
        let mut rows = sockets(arguments);
        rows.retain(&is_ours);
        rows
    };
    let mut last = String::new();
    for _ in 0..TRIES {
        let walked = rows(arguments);
        let iterated = rows(&format!("{NO_WALKS} {arguments}"));
        let (one, other) = (comparable(&walked), comparable(&iterated));
        if one == other {
            return walked;
        }
        // The sockets may have changed between the two runs.
        let again = comparable(&rows(arguments));
        assert!(one != again, "knetstat {arguments}\n{}", difference(&one, &other));
        last = difference(&one, &again);
    }
    panic!("knetstat {arguments}: the sockets do not come to rest\n{last}");
}

/// Returns the rows without what differs between two runs, in an order that does not.
fn comparable(rows: &[Value]) -> Vec<String> {
    let groups = group_names(rows);
    let mut rows: Vec<String> =
        rows.iter().map(|row| at_rest(row.clone(), &groups).to_string()).collect();
    rows.sort_unstable();
    rows
}

/// Returns a name for each SO_REUSEPORT group, which are numbered as they appear: the least inode of its sockets.
fn group_names(rows: &[Value]) -> BTreeMap<u64, u64> {
    let mut names = BTreeMap::new();
    for row in rows {
        if let (Some(group), Some(inode)) =
            (row["reuseport"]["group"].as_u64(), row["inode"].as_u64())
        {
            let name = names.entry(group).or_insert(inode);
            *name = inode.min(*name);
        }
    }
    names
}

/// Returns a row without its cookie, which an iterator may assign, and without times that pass. Of its processes, only
/// this one is left: others may be children that are about to run a program.
fn at_rest(mut row: Value, groups: &BTreeMap<u64, u64>) -> Value {
    let own = std::process::id();
    for (place, member) in [
        ("", "cookie"),
        ("/master", "cookie"),
        ("", "listener"),
        ("/options", "SO_COOKIE"),
        ("/timer", "seconds"),
    ] {
        if let Some(object) = row.pointer_mut(place).and_then(Value::as_object_mut) {
            object.remove(member);
        }
    }
    for member in ["dead_after", "dead_after_sending"] {
        if row[member].is_number() {
            row[member] = json!("a time");
        }
    }
    for column in Column::ALL.into_iter().filter(|it| it.is_of_holders()) {
        match row[column.member()].as_array_mut() {
            // The kernel's iterator does not find the sockets of io_uring.
            Some(processes) if column.is_counted_as_text() => {
                processes.retain(|process| process["pid"] == own && process["ring"].is_null());
            }
            _ => drop(row[column.member()].take()),
        }
    }
    for member in ["listener_processes", "carrier_processes"] {
        if let Some(processes) = row[member].as_array_mut() {
            processes.retain(|process| process["pid"] == own);
        }
    }
    // Only the walk of unix sockets looks into their queues.
    if row["protocol"] == "unix" {
        for member in ["listener_inode", "listener_processes"] {
            row[member] = Value::Null;
        }
    }
    if let Some(group) = row["reuseport"]["group"].as_u64() {
        row["reuseport"]["group"] = json!(groups.get(&group));
    }
    row
}

/// Returns the rows that only one of the ways shows.
fn difference(walked: &[String], iterated: &[String]) -> String {
    let [one, other] = [walked, iterated].map(|rows| rows.iter().collect::<BTreeSet<_>>());
    let first = |rows: Vec<&&String>| {
        format!("{}: {:#?}", rows.len(), rows.iter().take(3).collect::<Vec<_>>())
    };
    format!(
        "{} rows with walks, {} without; with walks only {}\nwithout walks only {}",
        walked.len(),
        iterated.len(),
        first(one.difference(&other).collect()),
        first(other.difference(&one).collect()),
    )
}
