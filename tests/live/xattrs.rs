//! The labels of sockets: extended attributes, which sockets can have since 7.0.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;

use knetstat::kernel::xattr;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockType};
use serde_json::{json, Value};

use crate::common::{
    enter_namespace, find, knetstat, local_address, not_tested, open, sockets, stdout, Child,
};

const COLUMNS: &str = "--columns inode,xattrs";

/// Whether a socket can have the label. If not, asserts that knetstat shows none.
fn is_possible(test: &str) -> bool {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let error = match xattr::set(&socket, c"user.test", b"") {
        Ok(()) => return true,
        Err(error) => error.raw_os_error().map(Errno::from_raw),
    };
    assert!(matches!(error, Some(Errno::EPERM | Errno::EOPNOTSUPP)), "{error:?}");
    let rows = sockets(&format!("-t {COLUMNS}"));
    assert_eq!(find(&rows, &socket).expect("a row")["xattrs"], Value::Null);
    assert_eq!(stdout("-tH --columns xattrs").trim_end(), "-");
    assert!(!stdout("-te").contains("Xattrs") && !stdout("-teJ").contains("xattrs"));
    assert_eq!(knetstat(["-tq", "--where", "has(xattrs)"]).status.code(), Some(1));
    not_tested(&format!("{test}: the sockets of this kernel have no extended attributes"));
    false
}

#[test]
fn labels_of_sockets() {
    enter_namespace();
    if !is_possible("labels") {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let unix = UnixDatagram::unbound().expect("a socket");
    let netlink = open(AddressFamily::Netlink, SockType::Raw);
    let client = TcpStream::connect(local_address(&listener)).expect("connect");
    for socket in [&listener as &dyn std::os::fd::AsFd, &udp, &unix, &netlink] {
        let socket = socket.as_fd();
        xattr::set(&socket, c"user.service", b"web, \x1b\xff").expect("a label");
        xattr::set(&socket, c"user.a=b", b"").expect("a label");
    }
    // Another process may hold the sockets, too.
    let child = Child::fork();
    let rows = sockets(&format!("-tux --netlink --unbound {COLUMNS}"));
    let expected = json!({"user.a=b": "", "user.service": "web, \\x1b\\xff"});
    for socket in [&listener as &dyn std::os::fd::AsFd, &udp, &unix, &netlink] {
        assert_eq!(find(&rows, &socket.as_fd()).expect("a row")["xattrs"], expected);
    }
    assert_eq!(find(&rows, &client).expect("a row")["xattrs"], json!({}));
    drop(child);

    let text = "user.a=b=,user.service=web\\x2c\\x20\\x1b\\xff";
    assert_eq!(stdout("-uH --columns xattrs").trim_end(), text);
    assert_eq!(stdout("-uH --columns xattrs --csv").trim_end(), format!("\"{text}\""));
    let header = stdout("-ue");
    assert!(header.starts_with("Proto") && header.contains(" Xattrs "), "{header}");
    assert_eq!(sockets("-ue")[0]["xattrs"], expected);
    assert!(!stdout("-uJ").contains("xattrs"), "only if asked for");
    for (condition, count) in [
        ("xattrs ~ 'user.service=web*'", 2),
        ("xattrs = \"user.service=web\\x2c\\x20\\x1b\\xff\"", 2),
        ("has(xattrs)", 2),
        ("xattrs ~ 'user.service=db*'", 0),
    ] {
        let output = knetstat(["-tuJ", "--columns", "inode", "--where", condition]);
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(rows.len(), count, "{condition}");
    }
}
