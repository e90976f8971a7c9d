//! Concurrent readers of the same program on one processor: no record contains data of another reader. On a
//! preemptible kernel, the program of one reader is interrupted in the middle of a record by that of the
//! next.

use std::io::Read;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::thread;

use crate::common::{self, btf_has, enter_namespace, not_tested, say, set, set_bytes};
use knetstat::kernel::load::Loader;
use knetstat::kernel::object::Part;
use knetstat::kernel::request::Request;
use knetstat::kernel::shared::WalkOfPin;
use libbpf_rs::{Iter, IterOpts, Link, Object, OpenObject};
use nix::sched::{sched_setaffinity, CpuSet};
use nix::sys::resource::{getrusage, UsageWho};
use nix::unistd::Pid;

const READERS: usize = 8;
const SOCKETS: u16 = 200;

/// The number of times that each reader reads everything.
const ROUNDS: usize = 100;

/// Opens sockets, each with other options than the one before.
fn sockets() -> Vec<UdpSocket> {
    let socket = |n: u16| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 2000 + n)).expect("bind");
        let number = i32::from(n);
        set(&socket, 1, 36, number).expect("SO_MARK");
        set(&socket, 1, 8, 10_000 + 100 * number).expect("SO_RCVBUF");
        set(&socket, 0, 2, 1 + number % 255).expect("IP_TTL");
        set(&socket, 17, 103, 1 + number).expect("UDP_SEGMENT");
        set_bytes(&socket, 0, 4, &[7, 7, 4, 1, 1, 1, n as u8, 1]).expect("IP_OPTIONS");
        let group = Ipv4Addr::new(239, 1, 1, n as u8);
        socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).expect("a group");
        // Since 6.16, the kernel assigns one to a socket at which a read stops. The next read would differ.
        assert_ne!(common::cookie(&socket.as_fd()), 0);
        socket
    };
    (0..SOCKETS).map(socket).collect()
}

/// Returns everything that the program writes for one reader.
fn read(link: &Link) -> Vec<u8> {
    let mut bytes = Vec::new();
    Iter::new(link).expect("an iterator").read_to_end(&mut bytes).expect("read");
    bytes
}

/// The same for a walk that can be pinned.
fn read_walk(link: &Link) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut walk = WalkOfPin::new(Iter::new(link).expect("an iterator"));
    walk.read_to_end(&mut bytes).expect("read");
    bytes
}

/// Returns how many times the kernel has preempted this thread.
fn interruptions() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).expect("getrusage").involuntary_context_switches()
}

/// Whether a program can be preempted, according to the command line of the kernel.
fn preempts() -> bool {
    let words = std::fs::read_to_string("/proc/cmdline").expect("/proc");
    words.split_whitespace().any(|word| word == "preempt=full")
}

fn check(link: &Link, read: fn(&Link) -> Vec<u8>) {
    let alone = read(link);
    assert!(alone.len() > usize::from(SOCKETS) * 100, "{} bytes", alone.len());
    assert!(alone == read(link), "the sockets are at rest");
    let reader = || {
        let mut first = CpuSet::new();
        first.set(0).expect("a processor");
        sched_setaffinity(Pid::from_raw(0), &first).expect("one processor");
        let before = interruptions();
        for _ in 0..ROUNDS {
            assert!(read(link) == alone, "a record is not that of a reader alone");
        }
        interruptions() - before
    };
    let interruptions: i64 = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(reader)).collect();
        readers.into_iter().map(|reader| reader.join().expect("its records are its own")).sum()
    });
    let reads = READERS * ROUNDS;
    say(&format!("readers: {reads} reads of {SOCKETS} sockets, interrupted {interruptions} times"));
    if preempts() {
        assert!(interruptions > 0, "the readers took turns");
    } else {
        not_tested(
            "readers that are interrupted within a record: the kernel runs without preempt=full",
        );
    }
}

#[test]
fn readers_of_one_program() {
    let _turn = crate::exclusive();
    enter_namespace();
    libbpf_rs::set_print(None); // the kernel rejects the first program if there is another variant for it
    let _sockets = sockets();
    for name in ["udp_table", "udp_table_without_loop"] {
        let choose = |open: &mut OpenObject| {
            open.progs_mut().for_each(|mut program| program.set_autoload(program.name() == name));
            Ok(())
        };
        let attach = |object: &Object| {
            let mut programs = object.progs_mut();
            let program = programs.find(|program| program.name() == name).expect("the program");
            Ok(program.attach_iter_with_opts(IterOpts::None).expect("it is attached"))
        };
        if let Ok(link) = Part::Tables.load(None, choose, attach) {
            return check(&link, read);
        }
    }
    panic!("the kernel takes neither program");
}

#[test]
fn readers_of_one_pin() {
    let _turn = crate::exclusive();
    enter_namespace();
    let _sockets = sockets();
    let request = Request { every_netns: false, ..Request::everything() };
    let walks = Loader::new().load_shared(&request);
    match walks.iter().find(|walk| walk.replaces("udp_table")) {
        Some(walk) => check(&walk.link, read_walk),
        None => {
            // Since 6.2. Every kernel that has it permits the walks.
            assert!(!btf_has("bpf_rdonly_cast"), "this kernel permits no walks");
            not_tested("readers of a walk that is pinned: this kernel does not permit walks");
        }
    }
}
