//! The processes that hold each socket: the column of `-p`, the members `processes` and `owner`, and the
//! filters by process, command and user. Compared with fd, fdinfo and comm in /proc/PID.

mod churn;
mod filters;
mod holders;
mod kernel_users;
mod messages;
mod names;
mod namespaces;
mod puppet;
mod rings;
mod truth;
mod words;

use std::sync::{RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;

use crate::common::enter_namespace;

/// Enters a namespace whose sockets only puppets hold.
fn with_puppets() -> RwLockReadGuard<'static, ()> {
    let turn = crate::shared();
    enter_namespace();
    turn
}

/// Enters a namespace whose sockets this process holds. A child holds all descriptors of the process that
/// starts it until it calls execve(2), so that another test would appear in the rows.
fn alone() -> RwLockWriteGuard<'static, ()> {
    let turn = crate::exclusive();
    enter_namespace();
    turn
}

/// Returns the row with this local port, of which there must be exactly one.
fn at_port(rows: &[Value], port: u16) -> &Value {
    let found: Vec<&Value> = rows.iter().filter(|row| row["local"]["port"] == port).collect();
    assert_eq!(found.len(), 1, "rows with the local port {port}: {found:#?}");
    found[0]
}

/// The owner of a socket that only a message holds.
fn in_flight() -> &'static str {
    if messages::are_found() {
        "in-flight"
    } else {
        "elsewhere"
    }
}

/// The local ports of the rows, sorted.
fn ports(rows: &[Value]) -> Vec<u16> {
    let port = |row: &Value| row["local"]["port"].as_u64().expect("a port") as u16;
    let mut ports: Vec<u16> = rows.iter().map(port).collect();
    ports.sort_unstable();
    ports
}

/// Returns the line of the table with this local port.
fn line_at_port(table: &str, port: u16) -> &str {
    let mut lines = table.lines().filter(|line| {
        line.split_whitespace().nth(3).is_some_and(|local| local.ends_with(&format!(":{port}")))
    });
    let line = lines.next().unwrap_or_else(|| panic!("no line with port {port}: {table}"));
    assert_eq!(lines.next(), None, "a second line with port {port}");
    line
}
