//! The groups of sockets that share a port.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use nix::sys::socket::{AddressFamily, SockType};
use serde_json::{json, Value};

use crate::common::ways::assert_same_without_walks;
use crate::common::{self, bind, open};
use crate::numbers::{SOL_SOCKET, SO_REUSEPORT};

fn sharing(port: u16) -> OwnedFd {
    let socket = open(AddressFamily::Inet, SockType::Datagram);
    common::set(&socket, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
    bind(&socket, ([127, 0, 0, 1], port));
    socket
}

#[test]
fn rows_are_sorted_by_their_group() {
    common::enter_namespace();
    let _sockets: Vec<OwnedFd> = [7001, 7002, 7001, 7002].map(sharing).into();
    let groups = |arguments: &str| -> Vec<u64> {
        let rows = common::sockets(arguments);
        rows.iter().map(|row| row["reuseport"]["group"].as_u64().expect("a group")).collect()
    };
    assert_eq!(groups("-u --sort group"), [1, 1, 2, 2]);
    assert_eq!(groups("-u --sort -group"), [2, 2, 1, 1]);
}

#[test]
fn groups_are_numbered_as_they_appear() {
    common::enter_namespace();
    let mut sockets: Vec<OwnedFd> = [7001, 7002, 7001, 7002, 7001].map(sharing).into();
    let plain = open(AddressFamily::Inet, SockType::Datagram);
    bind(&plain, ([127, 0, 0, 1], 7003));
    sockets.push(plain);

    let rows = common::sockets("-u");
    assert_eq!(rows.len(), sockets.len());
    let mut groups: BTreeMap<u64, usize> = BTreeMap::new();
    for row in &rows {
        let port = row["local"]["port"].as_u64().expect("a port");
        let expected = match port {
            7003 => Value::Null,
            _ => {
                let next = groups.len() + 1;
                let group = *groups.entry(port).or_insert(next);
                json!({"group": group, "members": if port == 7001 { 3 } else { 2 }})
            }
        };
        assert_eq!(row["reuseport"], expected, "port {port}: {rows:#?}");
    }
    assert_eq!(groups.len(), 2);
    assert_same_without_walks();

    // The table has the same group in a column.
    let table = common::stdout("-uH --columns local,group");
    for (line, row) in table.lines().zip(&rows) {
        let group = match row["reuseport"]["group"].as_u64() {
            None => "-".to_owned(),
            Some(group) => format!("{group}/{}", row["reuseport"]["members"]),
        };
        assert_eq!(line.split_whitespace().last(), Some(group.as_str()), "{line}");
    }
    assert_eq!(table.lines().count(), rows.len());
}

/// A socket with the option but without a port is in no group yet. A socket that leaves is no longer
/// counted.
#[test]
fn a_group_is_as_large_as_it_is_now() {
    common::enter_namespace();
    let first = sharing(7001);
    let idle = open(AddressFamily::Inet, SockType::Stream);
    common::set(&idle, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
    let rows = common::sockets("-tu --unbound");
    let row = |socket| common::find(&rows, socket).expect("the socket is shown");
    assert_eq!(row(&first)["reuseport"], json!({"group": 1, "members": 1}));
    assert_eq!(row(&idle)["reuseport"], Value::Null);

    let second = sharing(7001);
    let members = |count| {
        let rows = common::sockets("-u");
        assert!(rows.iter().all(|row| row["reuseport"] == json!({"group": 1, "members": count})));
        assert_eq!(rows.len(), count);
    };
    members(2);
    drop(second);
    members(1);
}
