//! The part of the kernel that uses a socket of the kernel, compared with /proc/kallsyms.

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Command;

use knetstat::kernel::syscall;
use nix::libc;
use serde_json::{json, Value};

use super::truth::owned;
use super::{alone, at_port, line_at_port};
use crate::common::ebpf::Ebpf;
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

/// Hands a connection to a new socket of KCM, which the kernel then receives for: net/kcm/kcmsock.c, kcm_attach_ioctl().
fn hand_over(connection: &impl AsFd, parser: &Ebpf) -> std::io::Result<OwnedFd> {
    const AF_KCM: i32 = 41;
    const SIOCKCMATTACH: libc::Ioctl = 0x89e0;
    let kcm = syscall::socket(AF_KCM, libc::SOCK_DGRAM, 0)?;
    let descriptors = [connection.as_fd().as_raw_fd(), parser.program().as_fd().as_raw_fd()];
    // SAFETY: the request reads a struct kcm_attach, which is two numbers.
    match unsafe { libc::ioctl(kcm.as_raw_fd(), SIOCKCMATTACH, &descriptors) } {
        0 => Ok(kcm),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// It is no socket of the kernel, and no process holds it any more.
#[test]
fn a_socket_that_a_process_has_handed_over() {
    let _turn = alone();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connect");
    let port = client.local_addr().expect("an address").port();
    let parser = Ebpf::socket_filter("whole_message");
    let _kcm = match hand_over(&client, &parser) {
        Ok(kcm) => kcm,
        Err(error) => return not_tested(&format!("a socket that KCM has: {error}")),
    };
    drop(client);
    check(port, "-t -4", "psock_data_ready", "kernel");
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
