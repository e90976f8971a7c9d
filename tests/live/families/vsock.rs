//! Sockets between virtual machines and their hosts.

use std::os::fd::AsFd;

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use serde_json::{json, Value};
use socket2::{Domain, Socket, Type};

use super::walk::{walk, Maker};
use crate::common::{self, not_tested, number, scene::inode, tells_types_of};
use crate::numbers::*;

fn try_open(socket_type: Type) -> std::io::Result<Socket> {
    Socket::new(Domain::from(AF_VSOCK), socket_type, None)
}

fn open(socket_type: Type) -> Socket {
    try_open(socket_type).unwrap_or_else(|error| panic!("a vsock of {socket_type:?}: {error}"))
}

/// Whether this kernel has vsock. If not, reports `test` as not tested.
fn is_here(test: &str) -> bool {
    match try_open(Type::STREAM) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(EAFNOSUPPORT), "{error}");
            not_tested(&format!("{test}: this kernel has no vsock"));
            false
        }
    }
}

/// Returns the types of sockets that can be opened without a virtual machine.
fn types() -> Vec<(&'static str, Type)> {
    let all = [("stream", Type::STREAM), ("dgram", Type::DGRAM), ("seqpacket", Type::SEQPACKET)];
    let (here, missing): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, socket_type)| try_open(*socket_type).is_ok());
    let missing: Vec<_> = missing.into_iter().map(|(name, _)| name).collect();
    if !missing.is_empty() {
        not_tested(&format!("vsock of types that cannot be opened here: {missing:?}"));
    }
    here
}

fn call(
    function: unsafe extern "C" fn(i32, *const sockaddr, u32) -> i32,
    socket: &Socket,
    cid: u32,
    port: u32,
) -> std::io::Result<()> {
    // SAFETY: a `sockaddr_vm` consists of integers. All zeros is a valid value.
    let mut address: sockaddr_vm = unsafe { std::mem::zeroed() };
    address.svm_family = AF_VSOCK as u16;
    (address.svm_cid, address.svm_port) = (cid, port);
    let size = std::mem::size_of::<sockaddr_vm>() as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    match unsafe { function(number(socket), (&raw const address).cast(), size) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Returns a socket that is bound to any CID, and to a port that the kernel chooses.
fn bound(socket_type: Type) -> Socket {
    let socket = open(socket_type);
    call(bind, &socket, VMADDR_CID_ANY, VMADDR_PORT_ANY).expect("bind");
    socket
}

fn listening(socket_type: Type) -> Socket {
    let socket = bound(socket_type);
    socket.listen(5).expect("listen");
    socket
}

/// Returns the address from getsockname(2) or getpeername(2), with the names of the JSON output.
fn name(
    function: unsafe extern "C" fn(i32, *mut sockaddr, *mut u32) -> i32,
    socket: &Socket,
) -> Option<Value> {
    // SAFETY: a `sockaddr_vm` consists of integers. All zeros is a valid value.
    let mut address: sockaddr_vm = unsafe { std::mem::zeroed() };
    let mut size = std::mem::size_of::<sockaddr_vm>() as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    let result = unsafe { function(number(socket), (&raw mut address).cast(), &mut size) };
    (result == 0).then(|| json!({"cid": address.svm_cid, "port": address.svm_port}))
}

/// Returns the address with any CID and any port.
fn any() -> Value {
    json!({"cid": VMADDR_CID_ANY, "port": VMADDR_PORT_ANY})
}

#[test]
fn every_option_of_vsock_sockets() {
    if !is_here("every_option_of_vsock_sockets")
        || !tells_types_of("vsock", "every_option_of_vsock_sockets")
    {
        return;
    }
    super::enter();
    let mut makers = Vec::new();
    let mut add = |kind, make: fn(Type) -> Socket, socket_type| {
        makers.push(Maker { kind, make: Box::new(move || (make(socket_type), Vec::new())) });
    };
    for (kind, socket_type) in types() {
        add(kind, open, socket_type);
    }
    add("stream bound", bound, Type::STREAM);
    add("stream listening", listening, Type::STREAM);
    walk("vsock", "--vsock", &makers);
}

#[test]
fn ends_and_states() {
    if !is_here("ends_and_states") || !tells_types_of("vsock", "ends_and_states") {
        return;
    }
    common::enter_namespace();
    let (fresh, bound, listening) =
        (open(Type::STREAM), bound(Type::STREAM), listening(Type::STREAM));
    let rows = common::sockets("--vsock");
    assert_eq!(rows.len(), 3, "{rows:#?}");
    for (socket, state) in [(&fresh, "CLOSE"), (&bound, "CLOSE"), (&listening, "LISTEN")] {
        let row = common::find(&rows, socket).expect("the socket is shown");
        assert_eq!((&row["protocol"], &row["type"]), (&json!("vsock"), &json!("stream")));
        assert_eq!(row["state"], state, "{row:#?}");
        assert_eq!(Some(&row["local"]), name(getsockname, socket).as_ref(), "{row:#?}");
        assert_eq!(row["remote"], any(), "{row:#?}");
        assert_eq!(row["inode"], inode(socket), "{row:#?}");
        let backlog = if state == "LISTEN" { 5 } else { 0 };
        assert_eq!((&row["recv_queue"], &row["send_queue"]), (&json!(0), &json!(backlog)));
    }
    assert_ne!(name(getsockname, &bound), Some(any()), "it is bound to no port");
    let of_table: Vec<String> = common::stdout("--vsock -H -l")
        .lines()
        .flat_map(|line| line.split_whitespace().skip(3).take(3).map(str::to_owned))
        .collect();
    let port = name(getsockname, &listening).expect("a name")["port"].to_string();
    assert_eq!(of_table, [&format!("*:{port}"), "*:*", "LISTEN"]);
}

/// Connects to a listener of this machine, if the kernel has the loopback of vsock. Otherwise the peer is
/// outside the machine and does not answer.
#[test]
fn connections() {
    if !is_here("connections") || !tells_types_of("vsock", "connections") {
        return;
    }
    common::enter_namespace();
    let listener = listening(Type::STREAM);
    let port = name(getsockname, &listener).expect("a name")["port"].as_u64().expect("a port");
    let client = open(Type::STREAM);
    fcntl(client.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("O_NONBLOCK");
    match call(connect, &client, VMADDR_CID_LOCAL, port as u32) {
        Err(error) if error.raw_os_error() == Some(EINPROGRESS) => {}
        Err(error) if matches!(error.raw_os_error(), Some(ENODEV | ENETUNREACH)) => {
            not_tested(&format!("connections of vsock, which cannot be made here: {error}"));
            return;
        }
        other => other.expect("connect"),
    }
    fcntl(listener.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("O_NONBLOCK");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let accepted = listener.accept_raw();
    let rows = common::sockets("--vsock");
    let row = common::find(&rows, &client).expect("the socket is shown");
    assert_eq!(row["remote"], json!({"cid": VMADDR_CID_LOCAL, "port": port}), "{row:#?}");
    assert_eq!(Some(&row["local"]), name(getsockname, &client).as_ref(), "{row:#?}");
    let Ok((accepted, _)) = accepted else {
        not_tested("established connections of vsock: this kernel has no loopback of it");
        assert_eq!(row["state"], "SYN_SENT", "{row:#?}");
        return;
    };
    assert_eq!(row["state"], "ESTABLISHED", "{row:#?}");
    let row = common::find(&rows, &accepted).expect("the accepted socket is shown");
    assert_eq!(row["state"], "ESTABLISHED", "{row:#?}");
    assert_eq!(Some(&row["local"]), name(getsockname, &accepted).as_ref(), "{row:#?}");
    assert_eq!(Some(&row["remote"]), name(getpeername, &accepted).as_ref(), "{row:#?}");
}

#[test]
fn each_is_shown_once_and_here_alone() {
    if !is_here("each_is_shown_once_and_here_alone") {
        return;
    }
    common::enter_namespace();
    let elsewhere = open(Type::STREAM);
    common::enter_namespace();
    let here = open(Type::STREAM);
    let _again = here.try_clone().expect("dup");
    let rows = common::sockets("--vsock -p");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert!(common::find(&rows, &elsewhere).is_none());
    assert_eq!(rows[0]["inode"], inode(&here));
    // A child of another test holds copies until it calls execve(2).
    let holders = rows[0]["processes"].as_array().expect("a list").iter();
    assert_eq!(holders.filter(|holder| holder["pid"] == std::process::id()).count(), 2);
}

/// A row has the properties of every socket, even if the types of vsock are unknown.
#[test]
fn what_every_socket_has() {
    if !is_here("what_every_socket_has") {
        return;
    }
    common::enter_namespace();
    let socket = listening(Type::STREAM);
    common::set(&socket, SOL_SOCKET, SO_PRIORITY, 5).expect("SO_PRIORITY");
    let rows = common::sockets("--vsock");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let row = common::find(&rows, &socket).expect("the socket is shown");
    assert_eq!((&row["state"], &row["inode"]), (&json!("LISTEN"), &json!(inode(&socket))));
    assert_eq!(row["options"]["SO_PRIORITY"], 5, "{row:#?}");
    let told = tells_types_of("vsock", "the ends");
    assert_eq!(row["local"].is_object(), told, "{row:#?}");
    assert_eq!(row["remote"].is_object(), told, "{row:#?}");
    assert_eq!(row["options"].get("SO_VM_SOCKETS_BUFFER_SIZE").is_some(), told, "{row:#?}");
}

/// Ports have 32 bits. Those that fit 16 bits can be selected.
#[test]
fn ports() {
    if !is_here("ports") || !tells_types_of("vsock", "ports") {
        return;
    }
    common::enter_namespace();
    let [small, large] = [40_123, 1 << 20 | 40_123].map(|port| {
        let socket = open(Type::STREAM);
        call(bind, &socket, VMADDR_CID_ANY, port).expect("bind");
        socket
    });
    let rows = common::sockets("--vsock");
    for (socket, port) in [(&small, 40_123), (&large, 1 << 20 | 40_123)] {
        let row = common::find(&rows, socket).expect("the socket is shown");
        assert_eq!(row["local"], json!({"cid": VMADDR_CID_ANY, "port": port}));
    }
    for arguments in ["--vsock --port 40123", "--vsock --sport 40000-41000"] {
        let rows = common::sockets(arguments);
        assert_eq!(rows.len(), 1, "{arguments}: {rows:#?}");
        assert!(common::find(&rows, &small).is_some(), "{arguments}");
    }
    assert_eq!(common::sockets("--vsock --dport 40123"), [] as [Value; 0]);
}
