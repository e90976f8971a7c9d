//! Programs that are loaded once and read several times: each snapshot has the sockets of its time.

use std::collections::BTreeSet;
use std::io::{BufRead, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;

use crate::common::enter_namespace;
use crate::common::scene::inode;
use knetstat::kernel::family::Family;
use knetstat::kernel::load::Loader;
use knetstat::kernel::program_set::Programs;
use knetstat::kernel::read_ahead::ReadAhead;
use knetstat::kernel::request::Request;
use knetstat::kernel::snapshot::Snapshot;
use knetstat::record::Records;

fn load(families: &[Family], every_netns: bool) -> Programs {
    let request = Request {
        families: families.to_vec(),
        unbound: false,
        udp_lite: false,
        every_netns,
        ..Request::everything()
    };
    Loader::new().load(&request).expect("root can load the programs")
}

/// Returns the local ports in a stream of records.
fn ports(source: impl BufRead) -> BTreeSet<u32> {
    let mut records = Records::new(source);
    let mut ports = BTreeSet::new();
    while let Some(record) = records.next_record().expect("a whole stream") {
        ports.insert(record.header.local_port);
    }
    ports
}

fn open(programs: &Programs) -> Snapshot {
    let mut snapshot = Snapshot::default();
    programs.open(&mut snapshot).expect("the iterators can be opened");
    snapshot
}

fn port(socket: &UdpSocket) -> u32 {
    socket.local_addr().expect("an address").port().into()
}

#[test]
fn a_socket_is_in_the_snapshots_after_it_was_opened() {
    let _turn = crate::shared();
    enter_namespace();
    let programs = load(&[Family::Tcp, Family::Udp], false);
    assert_eq!(programs.missing(), None);
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let first = BTreeSet::from([listener.local_addr().expect("an address").port().into()]);
    for _ in 0..3 {
        assert_eq!(ports(open(&programs).buffered()), first);
        let ahead = ReadAhead::new(open(&programs), None).expect("a thread");
        assert_eq!(ports(ahead), first, "read ahead");

        let later = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let both = &first | &BTreeSet::from([port(&later)]);
        assert_eq!(ports(open(&programs).buffered()), both);
        let ahead = ReadAhead::new(open(&programs), None).expect("a thread");
        assert_eq!(ports(ahead), both, "read ahead");
    }
}

#[test]
fn a_snapshot_has_the_sockets_of_each_namespace_in_which_it_was_opened() {
    let _turn = crate::shared();
    let programs = load(&[Family::Tcp, Family::Udp, Family::Raw], true);
    let mut snapshot = Snapshot::default();
    let mut sockets = Vec::new();
    for _ in 0..3 {
        enter_namespace();
        let tcp = TcpListener::bind("127.0.0.1:0").expect("bind");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("bind");
        programs.open(&mut snapshot).expect("the iterators can be opened");
        sockets.push((tcp, udp));
    }
    let inodes: Vec<u64> = sockets.iter().flat_map(|(tcp, udp)| [inode(tcp), inode(udp)]).collect();
    let mut protocols = Vec::new();
    let mut records = Records::new(snapshot.buffered());
    while let Some(record) = records.next_record().expect("a whole stream") {
        // There may be sockets of other namespaces too, which a reader drops.
        if inodes.contains(&record.header.inode) {
            protocols.push(record.header.protocol);
        }
    }
    assert_eq!(protocols, [6, 6, 6, 17, 17, 17], "one family after the other");
}

#[test]
fn a_recording_is_a_source_as_an_iterator_is() {
    let _turn = crate::shared();
    enter_namespace();
    let programs = load(&[Family::Udp, Family::Unix], false);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    let _unix = UnixStream::pair().expect("socketpair");
    let mut recording = Vec::new();
    open(&programs).read_to_end(&mut recording).expect("read");
    drop(socket);
    let mut replayed = Snapshot::default();
    replayed.add(0, std::io::Cursor::new(recording.clone()));
    let mut bytes = Vec::new();
    replayed.read_to_end(&mut bytes).expect("read");
    assert!(!recording.is_empty() && bytes == recording);
    assert!(ports(bytes.as_slice()).len() > 1);
}
