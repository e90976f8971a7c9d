//! What each reader of a file gets: the header once, its own namespace, and no byte of another reader.

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::thread;

use super::{read, rows, Files, HEADERS};
use crate::common::enter_namespace;
use libbpf_rs::{Iter, Link};
use nix::mount::{mount, umount, MsFlags};

/// Reads a file in steps of so many bytes.
fn read_slowly(link: &Link, step: usize) -> String {
    let mut iterator = Iter::new(link).expect("an iterator");
    let (mut text, mut buffer) = (Vec::new(), vec![0; step]);
    loop {
        match iterator.read(&mut buffer).expect("read") {
            0 => return String::from_utf8(text).expect("text"),
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
}

#[test]
fn the_header_is_there_once() {
    let _turn = crate::exclusive();
    for files in Files::forms() {
        assert_header_is_there_once(&files);
    }
}

fn assert_header_is_there_once(files: &Files) {
    for count in 0..3 {
        enter_namespace();
        let tcp = |address: &str| TcpListener::bind(address).expect("bind");
        let udp = |address: &str| UdpSocket::bind(address).expect("bind");
        let _sockets: Vec<_> = (0..count)
            .map(|_| (tcp("127.0.0.1:0"), tcp("[::1]:0"), udp("127.0.0.1:0"), udp("[::1]:0")))
            .collect();
        for (link, header) in files.0.iter().zip(HEADERS) {
            let text = read(link);
            assert_eq!(rows(&text, header).len(), count);
            for step in [1, 7, 83, 84, 85, 100, 4096] {
                assert_eq!(read_slowly(link, step), text, "{count} sockets by {step} bytes");
            }
        }
    }
    // Sockets of the other version of IP only.
    enter_namespace();
    let _sockets = [TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0")];
    assert_eq!(rows(&read_slowly(&files.0[1], 1), HEADERS[1]).len(), 0);
}

#[test]
fn a_reader_sees_its_own_namespace() {
    let _turn = crate::exclusive();
    for files in Files::forms() {
        enter_namespace();
        assert_reader_sees_its_own_namespace(&files);
    }
}

fn assert_reader_sees_its_own_namespace(files: &Files) {
    let _here = TcpListener::bind("127.0.0.1:4001").expect("bind");
    let here = read(&files.0[0]);
    let there = thread::scope(|scope| {
        let other = scope.spawn(|| {
            enter_namespace();
            let _there = TcpListener::bind("127.0.0.1:4002").expect("bind");
            read(&files.0[0])
        });
        other.join().expect("the other namespace")
    });
    assert!(here.contains("127.0.0.1:4001 ") && !here.contains("127.0.0.1:4002 "), "{here}");
    assert!(there.contains("127.0.0.1:4002 ") && !there.contains("127.0.0.1:4001 "), "{there}");
}

/// A pin is a file that is read without a system call of BPF, and keeps the program loaded.
#[test]
fn a_file_can_be_pinned() {
    let _turn = crate::exclusive();
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:4003").expect("bind");
    let directory = std::env::temp_dir().join(format!("knetstat-bpffs-{}", std::process::id()));
    std::fs::create_dir(&directory).expect("a directory");
    const NOTHING: Option<&str> = None;
    mount(Some("none"), &directory, Some("bpf"), MsFlags::empty(), NOTHING).expect("a bpffs");
    let path = directory.join("udpstat");
    let Files([_, _, mut link, _], _) = Files::load();
    link.pin(&path).expect("a pin");
    let text = read(&link);
    drop(link);
    let pinned = std::fs::read_to_string(&path);
    std::fs::remove_file(&path).expect("the pin");
    umount(&directory).expect("the bpffs");
    std::fs::remove_dir(&directory).expect("the directory");
    assert_eq!(pinned.expect("the file"), text);
    assert_eq!(rows(&text, HEADERS[2]).len(), 1);
}

/// More than a buffer of the kernel holds, so that a row does not fit and is printed again.
#[test]
fn readers_at_the_same_time() {
    let _turn = crate::exclusive();
    crate::common::permit_descriptors(4096);
    enter_namespace();
    let sockets: Vec<_> = (0..1500u16)
        .map(|n| {
            let socket = UdpSocket::bind(("127.0.0.1", 2000 + n)).expect("bind");
            crate::common::set(&socket, 1, 8, 10_000 + i32::from(n)).expect("SO_RCVBUF");
            // Since 6.16, the kernel assigns one to a socket at which a read stops.
            assert_ne!(crate::common::cookie(&socket), 0);
            socket
        })
        .collect();
    for files in Files::forms() {
        assert_readers_get_the_same(&files, sockets.len());
    }
}

fn assert_readers_get_the_same(files: &Files, sockets: usize) {
    const READERS: usize = 100;
    let alone = read(&files.0[2]);
    assert_eq!(rows(&alone, HEADERS[2]).len(), sockets);
    assert!(alone.len() > 2 * 32 * 1024, "{} bytes fit into a buffer", alone.len());
    let namespace = File::open("/proc/thread-self/ns/net").expect("the namespace");
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                nix::sched::setns(&namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("setns");
                for _ in 0..3 {
                    assert!(read(&files.0[2]) == alone, "a line is not that of a reader alone");
                }
            });
        }
    });
}
