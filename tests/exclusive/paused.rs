//! A reader that waits in the middle of a table whose sockets do not fit one call of a walk, while others are opened and
//! closed at both ends of it. The sockets that stay are read once each.

use std::collections::HashMap;
use std::io::Read;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use socket2::{Domain, Socket, Type};

use crate::common::scene::{close, inode};
use crate::common::{enter_namespace, KNETSTAT};
use knetstat::kernel::family::Family;
use knetstat::kernel::load::Loader;
use knetstat::kernel::request::Request;
use knetstat::kernel::snapshot::Snapshot;
use knetstat::kernel::syscall::allow_many_files;
use knetstat::record::Records;

/// The number of sockets that stay, several times as many as a call reads; and of those that are opened or closed each
/// time, more than it reads.
const STAYING: usize = 600;
const OTHERS: usize = 200;

/// The number of sockets of a chain that is longer than a call's steps at first.
const LONG: usize = 3000;

/// The bytes that are read at once: less than a call writes.
const PART: usize = 4096;

/// Reads a table in parts. Between two of them, sockets that were opened before those that stay are closed, and others are
/// opened.
fn check(what: &str, family: Family, open: impl Fn() -> Socket) {
    enter_namespace();
    allow_many_files();
    let request = Request {
        families: vec![family],
        unbound: false,
        udp_lite: false,
        every_netns: false,
        ..Request::everything()
    };
    let programs = Loader::new().load(&request).expect("root can load the programs");
    let some = |number| (0..number).map(|_| open()).collect::<Vec<Socket>>();
    let (mut others, staying) = (some(OTHERS), some(STAYING));
    let mut snapshot = Snapshot::default();
    programs.open(&mut snapshot).expect("the iterators can be opened");

    let (mut bytes, mut pauses) = (Vec::new(), 0);
    loop {
        let mut part = [0; PART];
        let length = snapshot.read(&mut part).expect("read");
        bytes.extend_from_slice(&part[..length]);
        // In the first call, in the second, and in some of those after it.
        if pauses < 4 && bytes.len() > pauses * 100_000 {
            pauses += 1;
            close(mem::replace(&mut others, some(OTHERS)));
        }
        if length == 0 {
            break;
        }
    }
    close(others);
    assert!(pauses > 2, "{what}: {} bytes were read", bytes.len());

    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut records = Records::new(bytes.as_slice());
    while let Some(record) = records.next_record().expect("whole records") {
        *seen.entry(record.header.inode).or_default() += 1;
    }
    let times = |socket: &Socket| seen.get(&inode(socket)).copied().unwrap_or_default();
    let wrong = staying.iter().map(times).filter(|times| *times != 1).count();
    assert_eq!(wrong, 0, "{what}: so many of {STAYING} sockets that stay were not read once");
    close(staying);
}

/// A chain that needs more steps than a call has at first, and a socket in it that changes whenever it is read.
#[test]
fn a_socket_of_a_long_chain_that_always_changes() {
    let _turn = crate::exclusive();
    enter_namespace();
    allow_many_files();
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, 4433).into();
    let sockets: Vec<Socket> = (0..LONG).map(|_| grouped(address, Type::DGRAM)).collect();
    let is_done = AtomicBool::new(false);
    let change = || {
        for port in (1..=u16::MAX).cycle().take_while(|_| !is_done.load(Ordering::Relaxed)) {
            let other = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            sockets[0].connect(&other.into()).expect("connect");
        }
    };
    thread::scope(|scope| {
        scope.spawn(change);
        for _ in 0..5 {
            let output = Command::new("timeout").args(["60", KNETSTAT, "-uH"]).output();
            let output = output.expect("timeout(1)");
            let stderr = String::from_utf8_lossy(&output.stderr);
            // It either shows the others, or says that it cannot.
            match output.status.code() {
                Some(0) => {
                    let rows = output.stdout.iter().filter(|byte| **byte == b'\n').count();
                    assert_eq!(rows, LONG, "{stderr}");
                }
                Some(1) => assert!(stderr.contains("changed faster than"), "{stderr}"),
                _ => panic!("{:?} {stderr}", output.status),
            }
        }
        is_done.store(true, Ordering::Relaxed);
    });
}

fn listener(address: SocketAddr) -> Socket {
    let socket = grouped(address, Type::STREAM);
    socket.listen(1).expect("listen");
    socket
}

/// A socket that shares its address, and so its slot.
fn grouped(address: SocketAddr, kind: Type) -> Socket {
    let socket = Socket::new(Domain::for_address(address), kind, None).expect("a socket");
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    socket.bind(&address.into()).expect("bind");
    socket
}

/// New ones are added to the end of the list.
#[test]
fn packet_sockets() {
    let _turn = crate::exclusive();
    check("packet", Family::Packet, || {
        Socket::new(Domain::PACKET, Type::RAW, None).expect("a packet socket")
    });
}

/// New ones are added to the end of a chain over IPv6, and to the beginning over IPv4.
#[test]
fn listeners_of_one_address() {
    let _turn = crate::exclusive();
    check("tcp6", Family::Tcp, || listener((Ipv6Addr::LOCALHOST, 4433).into()));
    check("tcp", Family::Tcp, || listener((Ipv4Addr::LOCALHOST, 4433).into()));
}

#[test]
fn udp_sockets_of_one_slot() {
    let _turn = crate::exclusive();
    check("udp", Family::Udp, || grouped((Ipv4Addr::LOCALHOST, 4433).into(), Type::DGRAM));
    check("udp6", Family::Udp, || grouped((Ipv6Addr::LOCALHOST, 4433).into(), Type::DGRAM));
}
