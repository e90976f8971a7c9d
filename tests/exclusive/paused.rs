//! A reader that waits in the middle of a table whose sockets do not fit one call of a walk, while others are opened and
//! closed at both ends of it. The sockets that stay are read once each.

use std::collections::HashMap;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::common::enter_namespace;
use crate::common::scene::inode;
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
            others = some(OTHERS);
        }
        if length == 0 {
            break;
        }
    }
    drop(others);
    assert!(pauses > 2, "{what}: {} bytes were read", bytes.len());

    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut records = Records::new(bytes.as_slice());
    while let Some(record) = records.next_record().expect("whole records") {
        *seen.entry(record.header.inode).or_default() += 1;
    }
    let times = |socket: &Socket| seen.get(&inode(socket)).copied().unwrap_or_default();
    let wrong = staying.iter().map(times).filter(|times| *times != 1).count();
    assert_eq!(wrong, 0, "{what}: so many of {STAYING} sockets that stay were not read once");
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
