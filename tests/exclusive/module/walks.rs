//! Files that are walks: every socket that stays is in them once, however long its chain is and whatever happens beside
//! it, and a reader whose position is lost gets an error.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::query::{MapInfoIter, ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{Iter, Link, MapCore, MapHandle};
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use super::{read, rows, Files, HEADERS};
use crate::common::{enter_namespace, permit_descriptors, say, set, End};

const SOL_SOCKET: i32 = 1;
const SO_RCVBUF: i32 = 8;

/// Gives a socket a size of the receive buffer by which its line is found.
fn number(socket: &impl AsFd, number: usize) {
    set(socket, SOL_SOCKET, SO_RCVBUF, 10_000 + number as i32).expect("SO_RCVBUF");
}

/// How often the lines have each number.
fn numbers(rows: &[&str]) -> HashMap<usize, usize> {
    let mut found = HashMap::new();
    for row in rows {
        let size = row.split(['=', ',', ' ']).skip_while(|word| *word != "SO_RCVBUF").nth(1);
        if let Some(size) = size {
            let size: usize = size.parse().unwrap_or_else(|_| panic!("{row}"));
            *found
                .entry(size.checked_sub(10_000).unwrap_or_else(|| panic!("{row}")))
                .or_default() += 1;
        }
    }
    found
}

/// Asserts that each number below `count` is in one line.
fn assert_once(rows: &[&str], count: usize) {
    let found = numbers(rows);
    let wrong: Vec<_> = (0..count).filter(|number| found.get(number) != Some(&1)).collect();
    assert!(
        wrong.is_empty(),
        "{} of {count}, such as {:?}",
        wrong.len(),
        &wrong[..wrong.len().min(5)]
    );
}

/// Sockets that share one port, all of which are in one chain.
fn sharing(domain: Domain, kind: Type, count: usize) -> Vec<Socket> {
    let mut address = "127.0.0.1:4800".parse::<std::net::SocketAddr>().expect("an address");
    if domain == Domain::IPV6 {
        address = "[::1]:4800".parse().expect("an address");
    }
    let open = |n| {
        let socket = Socket::new(domain, kind, None).expect("a socket");
        socket.set_reuse_port(true).expect("SO_REUSEPORT");
        number(&socket, n);
        socket.bind(&address.into()).expect("bind");
        if kind == Type::STREAM {
            socket.listen(1).expect("listen");
        }
        socket
    };
    (0..count).map(open).collect()
}

#[test]
fn long_chains() {
    const COUNT: usize = 2000;
    let _turn = crate::exclusive();
    let Some(files) = Files::walks() else { return };
    permit_descriptors(8 * COUNT as u64);
    let mut slowest = Duration::ZERO;
    for (n, (domain, kind)) in [
        (Domain::IPV4, Type::STREAM),
        (Domain::IPV6, Type::STREAM),
        (Domain::IPV4, Type::DGRAM),
        (Domain::IPV6, Type::DGRAM),
    ]
    .into_iter()
    .enumerate()
    {
        enter_namespace();
        let sockets = sharing(domain, kind, COUNT);
        let begin = Instant::now();
        let text = read(&files.0[n]);
        slowest = slowest.max(begin.elapsed());
        let rows = rows(&text, HEADERS[n]);
        assert_eq!(rows.len(), sockets.len());
        assert_once(&rows, COUNT);
    }
    say(&format!("module: {COUNT} sockets of one port are read in {slowest:.1?} at most"));
}

/// Connections that stay, beside others that come and go.
#[test]
fn sockets_that_stay() {
    const COUNT: usize = 1000;
    const READS: usize = 10;
    const OTHERS: usize = 1000;
    let _turn = crate::exclusive();
    let Some(files) = Files::walks() else { return };
    permit_descriptors(16 * COUNT as u64);
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("an address");
    let staying: Vec<_> = (0..COUNT)
        .map(|n| {
            let client = TcpStream::connect(address).expect("connect");
            number(&client, n);
            (client, listener.accept().expect("accept"))
        })
        .collect();
    let (is_over, others) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut reads = 0;
    thread::scope(|scope| {
        let _end = End(&is_over);
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Closed with a reset, so that no TIME_WAIT keeps the port.
                    let client = Socket::from(TcpStream::connect(address).expect("connect"));
                    client.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
                    drop(client);
                    drop(listener.accept());
                    others.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while reads < READS || others.load(Ordering::Relaxed) < OTHERS {
            let text = read(&files.0[0]);
            assert_once(&rows(&text, HEADERS[0]), staying.len());
            reads += 1;
        }
    });
    let others = others.into_inner();
    say(&format!("module: {reads} reads beside {others} connections that came and went"));
}

/// The map with the positions of the readers of a file.
fn positions(link: &Link) -> MapHandle {
    let id = link.info().expect("the link").prog_id;
    let with_maps = ProgInfoQueryOptions::default().include_map_ids(true);
    let program = ProgInfoIter::with_query_opts(with_maps).find(|program| program.id == id);
    let maps = program.expect("the program").map_ids;
    let map = MapInfoIter::default()
        .find(|map| maps.contains(&map.id) && map.name.to_string_lossy() == "pin_positions");
    MapHandle::from_map_id(map.expect("the map").id).expect("the map")
}

/// A table of several calls, and its text.
fn scene(files: &Files) -> (Vec<Socket>, String) {
    permit_descriptors(4096);
    enter_namespace();
    let sockets = sharing(Domain::IPV4, Type::DGRAM, 1000);
    let text = read(&files.0[2]);
    assert!(text.len() > 3 * 32 * 1024, "{} bytes", text.len());
    (sockets, text)
}

#[test]
fn another_thread_reads_on() {
    let _turn = crate::exclusive();
    let Some(files) = Files::walks() else { return };
    let (_sockets, text) = scene(&files);
    for length in [1, 1000, 32 * 1024, 50_000] {
        let mut iterator = Iter::new(&files.0[2]).expect("an iterator");
        let mut bytes = vec![0; length];
        iterator.read_exact(&mut bytes).expect("the beginning");
        let namespace = File::open("/proc/thread-self/ns/net").expect("the namespace");
        let (rest, elsewhere) = thread::scope(|scope| {
            let rest = scope.spawn(|| {
                nix::sched::setns(&namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("setns");
                let mut rest = Vec::new();
                iterator.read_to_end(&mut rest).map(|_| rest)
            });
            let elsewhere = scope.spawn(|| {
                let mut iterator = Iter::new(&files.0[2]).expect("an iterator");
                iterator.read_exact(&mut [0; 1000]).expect("the beginning");
                enter_namespace();
                iterator.read_to_end(&mut Vec::new())
            });
            (rest.join().expect("a thread"), elsewhere.join().expect("a thread"))
        });
        bytes.extend(rest.expect("the rest"));
        assert_same_lines(&bytes, &text, &format!("after {length} bytes"));
        // The rest would be of other sockets.
        assert_eq!(error_of(elsewhere), Some(Errno::E2BIG));
    }
    assert_eq!(positions(&files.0[2]).keys().count(), 4, "those who did not read to the end");
}

/// How a long chain is divided, and so the order of its lines, depends on the sizes of the reads.
fn assert_same_lines(bytes: &[u8], text: &str, how: &str) {
    let ours = std::str::from_utf8(bytes).expect("text");
    assert!(rows(ours, HEADERS[2]) == rows(text, HEADERS[2]), "{how}");
}

fn error_of(result: io::Result<usize>) -> Option<Errno> {
    result.err()?.raw_os_error().map(Errno::from_raw)
}

/// Two readers that read in turns in one thread do not disturb each other. One whose position is lost gets an error, and
/// those who read to the end leave none.
#[test]
fn a_reader_without_its_position_gets_an_error() {
    let _turn = crate::exclusive();
    let Some(files) = Files::walks() else { return };
    let (_sockets, text) = scene(&files);
    let positions = positions(&files.0[2]);
    assert_eq!(positions.keys().count(), 0);
    let mut readers = [(); 3].map(|()| (Iter::new(&files.0[2]).expect("an iterator"), Vec::new()));
    let step = |readers: &mut [(Iter, Vec<u8>)]| {
        let mut buffer = vec![0; 20_000];
        readers.iter_mut().all(|(iterator, bytes)| {
            let length = iterator.read(&mut buffer).expect("read");
            bytes.extend_from_slice(&buffer[..length]);
            length > 0
        })
    };
    assert!(step(&mut readers));
    let before = positions.keys().collect::<Vec<_>>();
    let (lost, whole) = readers.split_first_mut().expect("three");
    assert_eq!(before.len(), 3, "each reader has a position of its own");
    while step(whole) {}
    // One of them may need a read more than the other.
    for (iterator, bytes) in whole.iter_mut() {
        iterator.read_to_end(bytes).expect("the rest");
    }
    whole.iter().for_each(|(_, bytes)| assert_same_lines(bytes, &text, "in turns"));
    let left: Vec<_> = positions.keys().collect();
    assert_eq!(left.len(), 1);
    positions.delete(&left[0]).expect("the position");
    let read = lost.0.read_to_end(&mut lost.1);
    assert_eq!(error_of(read), Some(Errno::E2BIG));
    assert!(!lost.1.is_empty() && lost.1.len() < text.len(), "{} bytes", lost.1.len());
}
