//! The part of the kernel that uses a socket of the kernel, compared with /proc/kallsyms.

use std::process::Command;

use serde_json::{json, Value};

use super::truth::owned;
use super::{alone, at_port, line_at_port};
use crate::common::{ip, kernel_user, not_tested, sockets, stdout};

/// Asserts that all outputs tell that this function receives for the socket at this port.
fn check(port: u16, flags: &str, function: &str, owner: &str) {
    let user = kernel_user(function);
    let rows: Vec<Value> =
        owned(flags).into_iter().filter(|it| it["local"]["port"] == port).collect();
    assert!(!rows.is_empty(), "nothing is at port {port}");
    for row in &rows {
        assert_eq!((&row["owner"], &row["processes"]), (&json!(owner), &json!([])), "{row}");
        assert_eq!(row["kernel_user"], json!(user), "{row}");
    }
    let word = format!("{}({owner})", user.as_deref().unwrap_or_default());
    let table = stdout(&format!("{flags} -p"));
    assert_eq!(line_at_port(&table, port).split_whitespace().nth(6), Some(word.as_str()));
    let column = stdout(&format!("{flags} -H --sport {port} --columns kernel_user"));
    assert_eq!(column.trim_end(), user.as_deref().unwrap_or("?"));
    let Some(user) = user else { return };
    let found = sockets(&format!("{flags} -p --where kernel_user={user}"));
    assert_eq!(found.len(), rows.len(), "{found:?}");
    let others = sockets(&format!("{flags} -p --where kernel_user!={user}"));
    assert!(others.iter().all(|row| row["local"]["port"] != port), "{others:?}");
}

#[test]
fn a_tunnel() {
    let _turn = alone();
    let add = "link add vxlan0 type vxlan id 7 dstport 4789 dev lo";
    let output = Command::new("ip").args(add.split(' ')).output().expect("ip(8)");
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("Unknown device type"), "{stderr}");
        return not_tested("who uses a socket of vxlan's, which this kernel does not have");
    }
    ip("link set vxlan0 up");
    check(4789, "-u -4", "vxlan_rcv", "tunnel");
}

/// The module of RDS, which is unloaded in the end. It has a listener in every network namespace, which other tests would
/// see.
struct Rds;

impl Rds {
    fn load() -> Option<Rds> {
        let loaded = Command::new("modprobe").args(["-q", "rds_tcp"]).status();
        loaded.is_ok_and(|status| status.success()).then(|| Rds)
    }
}

impl Drop for Rds {
    fn drop(&mut self) {
        let unloaded = Command::new("modprobe").args(["-r", "rds_tcp"]).status();
        assert!(unloaded.is_ok_and(|status| status.success()), "modprobe -r rds_tcp");
    }
}

/// net/rds/tcp.h, RDS_TCP_PORT
#[test]
fn a_listener() {
    let _turn = alone();
    let Some(_rds) = Rds::load() else {
        return not_tested("who uses a socket of RDS, which this kernel does not have");
    };
    check(16385, "-t -6", "rds_tcp_listen_data_ready", "kernel");
}

#[test]
fn netlink() {
    let _turn = alone();
    let rows = sockets("--netlink -p");
    let user = |protocol: &str| {
        let of_kernel =
            |row: &&Value| row["owner"] == "kernel" && row["local"]["protocol"] == protocol;
        rows.iter().find(of_kernel).map(|row| row["kernel_user"].clone())
    };
    assert_eq!(user("route"), Some(json!(kernel_user("rtnetlink_rcv"))), "{rows:#?}");
    assert_eq!(user("sock_diag"), Some(json!(kernel_user("sock_diag_rcv"))), "{rows:#?}");
}

/// Of other sockets, it is not asked.
#[test]
fn sockets_of_processes() {
    let _turn = alone();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("bind");
    let port = socket.local_addr().expect("an address").port();
    let rows = owned("-u");
    assert_eq!(at_port(&rows, port)["kernel_user"], Value::Null);
    assert_eq!(stdout("-uH --columns kernel_user"), "-\n");
}
