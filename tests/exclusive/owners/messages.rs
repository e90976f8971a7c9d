//! Sockets that only a message of a unix socket holds. The truth is what was sent, and that no process in /proc has it.

use std::fs;
use std::io::IoSlice;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use nix::libc::O_PATH;
use nix::sys::socket::{sendmsg, ControlMessage, MsgFlags};
use nix::sys::stat::fstat;
use serde_json::{json, Value};

use super::truth::owned;
use super::{alone, at_port, line_at_port};
use crate::common::{btf_has, knetstat, not_tested, permit_descriptors, sockets, stdout};

/// The most descriptors of a message: include/net/scm.h, SCM_MAX_FD
const MOST: usize = 253;

fn inode(file: impl AsFd) -> u64 {
    fstat(file).expect("fstat").st_ino
}

/// Sends descriptors, and closes them.
fn send(through: &UnixStream, files: Vec<OwnedFd>) {
    let fds: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&fds)];
    let text = [IoSlice::new(b"take these")];
    sendmsg::<()>(through.as_raw_fd(), &text, &rights, MsgFlags::empty(), None).expect("sendmsg");
}

/// Whether this kernel's unix sockets are walked, for each network namespace in a table of its own.
pub fn are_found() -> bool {
    let are_found = btf_has("unix_table");
    if !are_found {
        not_tested(
            "sockets in messages: this kernel has no table of unix sockets for each namespace",
        );
    }
    are_found
}

/// Asserts that a row is in flight, in a message to this socket.
fn assert_in_flight(row: &Value, carrier: u64, holder: &UnixStream) {
    assert_in_flight_to(row, json!(carrier), holder);
}

/// The same if another socket leads to the receiver.
fn assert_in_flight_to(row: &Value, carrier: Value, holder: &impl AsRawFd) {
    assert_eq!(row["owner"], "in-flight", "{row}");
    assert_eq!(row["processes"], json!([]));
    assert_eq!(row["carrier"], carrier);
    let processes = row["carrier_processes"].as_array().expect("processes");
    let [process] = &processes[..] else { panic!("one process of {row}") };
    assert_eq!(process["pid"], std::process::id());
    assert_eq!(process["fd"], holder.as_raw_fd());
}

#[test]
fn a_socket_in_a_message() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    let (sender, receiver) = UnixStream::pair().expect("socketpair");
    let listener = TcpListener::bind("127.0.0.1:4000").expect("bind");
    send(&sender, vec![listener.into()]);
    let rows = owned("");
    assert_in_flight(at_port(&rows, 4000), inode(&receiver), &receiver);

    let pid = std::process::id();
    let table = stdout("-pH");
    let word = line_at_port(&table, 4000).split_whitespace().nth(6).map(str::to_owned);
    let word = word.expect("a process");
    assert!(word.starts_with(&format!("{pid}/")) && word.ends_with("(in-flight)"), "{table}");
    let found = |expression: &str| {
        let output = knetstat(["-tJ", "--where", expression]);
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array");
        rows.len()
    };
    assert_eq!(found("owner = in-flight"), 1);
    assert_eq!(found("owner = elsewhere"), 0);
    assert_eq!(found("has(carrier)"), 1);
    assert_eq!(found("has(listener)"), 0);
    // The descriptor that the receiver gets is another one.
    drop(receiver);
    assert_eq!(sockets("-t").len(), 0, "the last reference was in the message");
}

/// The descriptor that a message carries may be one of the inode alone, as that of a process may.
#[test]
fn a_path_to_a_socket_in_a_message() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    let path = |of: &dyn AsRawFd| -> OwnedFd {
        let path = format!("/proc/self/fd/{}", of.as_raw_fd());
        let file = fs::OpenOptions::new().read(true).custom_flags(O_PATH).open(path);
        file.expect("O_PATH").into()
    };
    let (sender, receiver) = UnixStream::pair().expect("socketpair");
    let (other_sender, _other) = UnixStream::pair().expect("socketpair");
    let listener = TcpListener::bind("127.0.0.1:4000").expect("bind");
    let _path = path(&listener);
    send(&other_sender, vec![path(&listener)]);
    send(&sender, vec![listener.into()]);
    assert_in_flight(at_port(&owned(""), 4000), inode(&receiver), &receiver);
}

#[test]
fn the_other_end_in_a_message() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    let (sender, _receiver) = UnixStream::pair().expect("socketpair");
    let (near, far) = UnixStream::pair().expect("socketpair");
    let listener = TcpListener::bind("127.0.0.1:4003").expect("bind");
    let client = TcpStream::connect("127.0.0.1:4003").expect("connect");
    let (server, _) = listener.accept().expect("accept");
    for (near, far, arguments) in [
        (near.as_fd(), OwnedFd::from(far), "-x --peer"),
        (client.as_fd(), server.into(), "-t --peer"),
    ] {
        let (near, far_inode) = (inode(near), inode(&far));
        send(&sender, vec![far]);
        let rows = sockets(arguments);
        let row = rows.iter().find(|row| row["inode"] == near).expect("the near end");
        assert_eq!(row["peer"], far_inode, "{row}");
        assert_eq!((&row["peer_owner"], &row["peer_processes"]), (&json!("in-flight"), &json!([])));
        // As the row of the other end has it.
        let row = rows.iter().find(|row| row["inode"] == far_inode).expect("the far end");
        let columns = format!("{arguments} --csv --columns inode,program,peer_program");
        let texts = stdout(&columns);
        let fields = |inode: &Value| -> Vec<String> {
            let begin = format!("{inode},");
            let line = texts.lines().find(|line| line.starts_with(&begin)).expect("a row");
            line.split(',').map(str::to_owned).collect()
        };
        let (near, far) = (fields(&json!(near)), fields(&row["inode"]));
        assert!(far[1].ends_with("(in-flight)") && far[1].len() > 11, "{texts}");
        assert_eq!(near[2], far[1], "{texts}");
    }
}

/// A process that receives the message accepts the connections of the listener in it.
#[test]
fn a_connection_to_a_listener_in_a_message() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    let (sender, receiver) = UnixStream::pair().expect("socketpair");
    let listener = TcpListener::bind("127.0.0.1:4008").expect("bind");
    let listener_inode = inode(&listener);
    let client = TcpStream::connect("127.0.0.1:4008").expect("connect");
    let client_port = client.local_addr().expect("an address").port();
    send(&sender, vec![listener.into()]);
    let rows = sockets("-tp --state established owner=accept-queue");
    let [row] = &rows[..] else { panic!("one connection of {rows:?}") };
    assert_eq!(row["remote"]["port"], client_port);
    assert_eq!(row["listener_inode"], listener_inode, "{row}");
    assert_eq!((&row["processes"], &row["listener_processes"]), (&json!([]), &json!([])));
    let pid = std::process::id();
    let command = std::fs::read_to_string("/proc/self/comm").expect("/proc");
    let process = format!("{pid}/{}", command.trim_end());
    let texts = stdout("-tH --columns program,listener,listener_program owner=accept-queue");
    let expected = [&process, "(accept-queue) ", &process, " ", &process, "(in-flight)"].concat();
    assert_eq!(texts.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    let peer = stdout(&format!("-tH --sport {client_port} --columns peer_program"));
    assert_eq!(peer.trim(), format!("{process}(accept-queue)"));
    let block = stdout("-t --long owner=accept-queue");
    let line = format!("  listener    inode {listener_inode}, {process}(in-flight)\n");
    assert!(block.contains(&line), "{block}");
    let block = stdout("-tl --long");
    let carrier = inode(&receiver);
    let fd = receiver.as_raw_fd();
    assert!(
        block.contains(&format!("  carrier     inode {carrier}, {process}, fd {fd}")),
        "{block}"
    );
}

#[test]
fn a_message_in_a_message() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    let (sender, inner) = UnixStream::pair().expect("socketpair");
    let (outer_sender, outer) = UnixStream::pair().expect("socketpair");
    let inner_inode = inode(&inner);
    send(&sender, vec![UdpSocket::bind("127.0.0.1:4001").expect("bind").into()]);
    send(&outer_sender, vec![inner.into()]);
    let rows = owned("");
    assert_in_flight(at_port(&rows, 4001), inode(&outer), &outer);
    let rows = sockets("-xp");
    let row = rows.iter().find(|row| row["inode"] == inner_inode).expect("the inner socket");
    assert_in_flight(row, inode(&outer), &outer);
}

/// The kernel bounds how deep messages lie in each other only while the sender holds the sockets.
#[test]
fn messages_in_messages_without_end() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    let mut senders = Vec::new();
    let mut innermost = OwnedFd::from(UdpSocket::bind("127.0.0.1:4006").expect("bind"));
    for _ in 0..40 {
        let (sender, receiver) = UnixStream::pair().expect("socketpair");
        send(&sender, vec![innermost]);
        innermost = receiver.into();
        senders.push(sender);
    }
    let outermost = UnixStream::from(innermost);
    assert_in_flight(at_port(&owned(""), 4006), inode(&outermost), &outermost);
}

#[test]
fn a_message_to_a_socket_that_waits_to_be_accepted() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("knetstat-message-{}", std::process::id()));
    let listener = UnixListener::bind(&directory).expect("bind");
    let client = UnixStream::connect(&directory).expect("connect");
    std::fs::remove_file(&directory).expect("it is there");
    send(&client, vec![TcpListener::bind("[::1]:4002").expect("bind").into()]);
    // A process gets the message if it accepts the connection.
    assert_in_flight_to(at_port(&owned(""), 4002), json!(inode(&listener)), &listener);
    let (server, _) = listener.accept().expect("accept");
    let rows = owned("");
    assert_in_flight(at_port(&rows, 4002), inode(&server), &server);
}

#[test]
fn many_messages_of_many_sockets() {
    let _turn = alone();
    if !are_found() {
        return;
    }
    permit_descriptors(4_096);
    let pairs: Vec<_> = (0..3).map(|_| UnixStream::pair().expect("socketpair")).collect();
    // More records than a call has room for.
    for n in 0..30 {
        let socket = |_| UdpSocket::bind("127.0.0.1:0").expect("bind").into();
        send(&pairs[n % 3].0, (0..MOST).map(socket).collect());
    }
    // Other packets and other files are between them.
    for (sender, _) in &pairs {
        send(sender, vec![std::fs::File::open("/dev/null").expect("open").into()]);
        std::io::Write::write_all(&mut &*sender, b"no file").expect("write");
    }
    let rows = sockets("-up -O nodelay");
    assert_eq!(rows.len(), 30 * MOST);
    for row in &rows {
        assert_eq!(row["owner"], "in-flight", "{row}");
    }
    for (_, receiver) in &pairs {
        let carried = rows.iter().filter(|row| row["carrier"] == inode(receiver));
        assert_eq!(carried.count(), 10 * MOST);
    }
}
