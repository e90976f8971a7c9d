//! `--unbound`: sockets that are in no table of the kernel.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

use knetstat::kernel::syscall::{duplicate, pidfd};
use nix::sys::socket::{AddressFamily, SockType};
use serde_json::Value;

use crate::common::scene::inode;
use crate::common::{self, bind, open, Child, KNETSTAT};
use nix::libc::{connect, sockaddr, AF_UNSPEC};

fn tcp() -> OwnedFd {
    open(AddressFamily::Inet, SockType::Stream)
}

/// Returns a TCP socket whose connection was dissolved with connect(2), AF_UNSPEC.
fn disconnected() -> OwnedFd {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let (client, _server) = common::connect(&listener, [127, 0, 0, 1].into());
    // SAFETY: a `sockaddr` consists of integers. Zero is AF_UNSPEC.
    let nowhere: sockaddr = unsafe { std::mem::zeroed() };
    assert_eq!(i32::from(nowhere.sa_family), AF_UNSPEC);
    let size = std::mem::size_of::<sockaddr>() as u32;
    // SAFETY: the pointer and the length describe `nowhere`.
    let result = unsafe { connect(common::number(&client), &nowhere, size) };
    assert_eq!(result, 0, "connect to AF_UNSPEC: {}", std::io::Error::last_os_error());
    client.into()
}

/// Opens one socket of each kind.
fn sockets() -> Vec<OwnedFd> {
    let idle = tcp();
    bind(&idle, ([127, 0, 0, 1], 7777));
    let udp = open(AddressFamily::Inet, SockType::Datagram);
    vec![
        tcp(),
        tcp(),
        open(AddressFamily::Inet6, SockType::Stream),
        idle,
        disconnected(),
        udp,
        open(AddressFamily::Inet6, SockType::Datagram),
    ]
}

/// Returns the inodes of the rows, sorted.
fn inodes(rows: &[Value]) -> Vec<u64> {
    let inode = |row: &Value| row["inode"].as_u64().expect("an inode");
    let mut inodes: Vec<u64> = rows.iter().map(inode).collect();
    inodes.sort_unstable();
    inodes
}

/// Returns the rows that have a struct socket: the dissolved connection leaves others.
fn open_ones(rows: Vec<Value>) -> Vec<Value> {
    rows.into_iter().filter(|row| !row["inode"].is_null()).collect()
}

#[test]
fn each_is_shown_once() {
    let _turn = crate::exclusive();
    common::enter_namespace();
    let sockets = sockets();
    let mut expected: Vec<u64> = sockets.iter().map(inode).collect();
    expected.sort_unstable();
    let _again: Vec<OwnedFd> =
        sockets.iter().map(|socket| socket.as_fd().try_clone_to_owned().expect("dup")).collect();
    let _child = Child::fork();

    // The namespace contains no other sockets, so a socket of knetstat itself would be noticed.
    assert_eq!(inodes(&open_ones(common::sockets("-tu --unbound"))), expected);
    assert_eq!(inodes(&open_ones(common::sockets("-tu --unbound -p"))), expected);
    assert_eq!(open_ones(common::sockets("-tu")), [] as [Value; 0]);
}

#[test]
fn their_rows_tell_what_they_are() {
    let _turn = crate::exclusive();
    common::enter_namespace();
    let sockets = sockets();
    let rows = common::sockets("-tu --unbound");
    let names = ["tcp", "tcp", "tcp6", "tcp", "tcp", "udp", "udp6"];
    assert_eq!(names.len(), sockets.len());
    for (at, (socket, name)) in sockets.iter().zip(names).enumerate() {
        let row = common::find(&rows, socket).unwrap_or_else(|| panic!("no row of number {at}"));
        let state = if name.starts_with("tcp") { "CLOSE" } else { "UNCONN" };
        assert_eq!(row["protocol"], name, "{row:#?}");
        assert_eq!(row["state"], state, "{row:#?}");
        assert_eq!(row["inode"], inode(socket), "{row:#?}");
        // The dissolved connection has released its port, although getsockname(2) still returns it.
        let port = if at == 4 { 0 } else { common::local_address(socket).port() };
        assert_eq!(row["local"]["port"], port, "{row:#?}");
        assert_eq!(row["remote"]["port"], 0, "{row:#?}");
    }
}

/// The program opens sockets of every kind, to query the defaults of new sockets.
#[test]
fn the_program_does_not_show_its_own() {
    let _turn = crate::exclusive();
    common::enter_namespace();
    let socket = tcp();
    let rows = common::sockets("--unbound -p");
    assert!(common::find(&rows, &socket).is_some());
    for row in &rows {
        let holders = row["processes"].as_array().expect("processes is a list");
        let own = holders.iter().any(|holder| holder["command"] == "knetstat");
        assert!(!own, "a socket of the program: {row:#?}");
    }
}

/// Runs knetstat with these arguments and takes a descriptor of each socket that it opens. Returns the sockets and the rows.
fn taken_from_a_run(arguments: &str) -> (Vec<OwnedFd>, Vec<Value>) {
    // The program remains the child of this process (-D), and each of its sockets stays for as long as that takes.
    let before = "-D -f -o /dev/null -e trace=socket -e inject=socket:delay_exit=50000";
    let mut strace = Command::new("strace");
    strace.args(before.split(' ')).arg(KNETSTAT).args(arguments.split(' ')).arg("-J");
    let mut run = strace.stdout(Stdio::piped()).spawn().expect("strace(1)");
    let (mut seen, mut sockets) = (BTreeSet::new(), Vec::new());
    let process = pidfd(run.id(), 0).expect("pidfd_open");
    while run.try_wait().expect("wait").is_none() {
        for (descriptor, target) in links(&format!("/proc/{}/fd", run.id())) {
            if target.starts_with("socket:") && !seen.contains(&target) {
                // It may have been closed since the link was read.
                sockets.extend(duplicate(process.as_fd(), descriptor).ok());
                seen.insert(target);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = run.wait_with_output().expect("the output");
    assert!(output.status.success());
    (sockets, serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// Returns the names and the targets of the links in a directory, which may disappear meanwhile.
fn links(directory: &str) -> Vec<(u32, String)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let link = |entry: DirEntry| {
        let target = entry.path().read_link().ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, target.to_str()?.to_owned()))
    };
    entries.filter_map(link).collect()
}

/// Each of its own sockets, which it opens to query the defaults of new sockets, can outlive its descriptor: another
/// process holds it, here this one, or iterates over the descriptors of that moment.
#[test]
fn the_program_does_not_show_its_own_that_another_process_holds() {
    let _turn = crate::exclusive();
    if !common::has_strace("sockets of the program that another process holds") {
        return;
    }
    common::enter_namespace();
    const TABLES: &str = "-tuwx0pe --unbound";
    let (held, rows) = taken_from_a_run(TABLES);
    let held: BTreeSet<u64> = held.iter().map(inode).collect();
    assert!(held.len() > 5, "only {} sockets of the program were taken", held.len());
    assert_eq!(rows, [] as [Value; 0]);
}
