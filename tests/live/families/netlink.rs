//! Netlink sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::resource::{getrlimit, setrlimit, Resource};
use serde_json::{json, Value};
use socket2::{Domain, Protocol, Socket, Type};

use super::walk::{walk, Maker};
use crate::common::{self, number, say, scene::inode};
use crate::numbers::*;

/// The names of the protocols: include/uapi/linux/netlink.h.
const WORDS: [(i32, &str); 18] = [
    (NETLINK_ROUTE, "route"),
    (NETLINK_USERSOCK, "usersock"),
    (NETLINK_SOCK_DIAG, "sock_diag"),
    (NETLINK_NFLOG, "nflog"),
    (NETLINK_XFRM, "xfrm"),
    (NETLINK_SELINUX, "selinux"),
    (NETLINK_ISCSI, "iscsi"),
    (NETLINK_AUDIT, "audit"),
    (NETLINK_FIB_LOOKUP, "fib_lookup"),
    (NETLINK_CONNECTOR, "connector"),
    (NETLINK_NETFILTER, "netfilter"),
    (NETLINK_KOBJECT_UEVENT, "kobject_uevent"),
    (NETLINK_GENERIC, "generic"),
    (NETLINK_SCSITRANSPORT, "scsitransport"),
    (NETLINK_ECRYPTFS, "ecryptfs"),
    (NETLINK_RDMA, "rdma"),
    (NETLINK_CRYPTO, "crypto"),
    (22, "smc"),
];

fn word(protocol: i32) -> String {
    let known = WORDS.iter().find(|(number, _)| *number == protocol);
    known.map_or(protocol.to_string(), |(_, word)| (*word).into())
}

fn open(socket_type: Type, protocol: i32) -> Socket {
    let domain = Domain::from(AF_NETLINK);
    let socket = Socket::new(domain, socket_type, Some(Protocol::from(protocol)));
    socket.unwrap_or_else(|error| panic!("a netlink socket of protocol {protocol}: {error}"))
}

/// Calls bind(2) or connect(2).
fn call(
    function: unsafe extern "C" fn(i32, *const sockaddr, u32) -> i32,
    socket: &impl AsFd,
    portid: u32,
    groups: u32,
) {
    // SAFETY: a `sockaddr_nl` consists of integers. All zeros is a valid value.
    let mut address: sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = AF_NETLINK as u16;
    (address.nl_pid, address.nl_groups) = (portid, groups);
    let size = std::mem::size_of::<sockaddr_nl>() as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    let result = unsafe { function(number(socket), (&raw const address).cast(), size) };
    assert_eq!(result, 0, "{portid} {groups}: {}", std::io::Error::last_os_error());
}

/// Opens and binds a socket. With portid 0, the kernel chooses the port ID.
fn bound(protocol: i32, portid: u32, groups: u32) -> Socket {
    let socket = open(Type::RAW, protocol);
    call(bind, &socket, portid, groups);
    socket
}

/// Returns the port ID from getsockname(2).
fn portid(socket: &Socket) -> u32 {
    // SAFETY: a `sockaddr_nl` consists of integers. All zeros is a valid value.
    let mut address: sockaddr_nl = unsafe { std::mem::zeroed() };
    let mut size = std::mem::size_of::<sockaddr_nl>() as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    let result = unsafe { getsockname(number(socket), (&raw mut address).cast(), &mut size) };
    assert_eq!(result, 0, "getsockname");
    address.nl_pid
}

fn maker(kind: &'static str, make: impl Fn() -> Socket + 'static) -> Maker {
    Maker { kind, make: Box::new(move || (make(), Vec::new())) }
}

#[test]
fn every_option_of_netlink_sockets() {
    super::enter();
    let makers = [
        maker("route", || open(Type::RAW, NETLINK_ROUTE)),
        maker("route dgram", || open(Type::DGRAM, NETLINK_ROUTE)),
        maker("route bound", || bound(NETLINK_ROUTE, 0, 0)),
        maker("sock_diag", || open(Type::RAW, NETLINK_SOCK_DIAG)),
        maker("kobject_uevent bound", || bound(NETLINK_KOBJECT_UEVENT, 0, 0)),
        maker("generic", || open(Type::RAW, NETLINK_GENERIC)),
    ];
    walk("netlink", "--netlink --unbound", &makers);
}

/// A netlink protocol number is not an IP protocol, whose names the table shows.
#[test]
fn protocols_that_are_no_words_of_the_internet() {
    common::enter_namespace();
    let options = |row: &str| row.split_whitespace().last().map(str::to_owned);
    for protocol in [NETLINK_ROUTE, NETLINK_XFRM] {
        let socket = bound(protocol, 7, 0);
        let mut asked = [0; 4];
        knetstat::kernel::syscall::getsockopt(socket.as_fd(), SOL_SOCKET, SO_PROTOCOL, &mut asked)
            .expect("SO_PROTOCOL");
        let asked = i32::from_ne_bytes(asked);
        let place = format!(" {}:7 ", word(protocol));
        let table = common::stdout("--netlink -H -O protocol");
        let row = table.lines().find(|row| row.contains(&place)).expect("a row of the socket");
        assert_eq!(options(row), Some(format!("SO_PROTOCOL={asked}")), "{row}");
        let rows = common::sockets("--netlink -O protocol");
        let row = common::find(&rows, &socket).expect("the socket is shown");
        assert_eq!(row["options"]["SO_PROTOCOL"], asked);
    }
    let _tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let table = common::stdout("-tH -O protocol");
    assert_eq!(options(&table), Some("SO_PROTOCOL=TCP".into()), "{table}");
}

/// Returns NETLINK_LIST_MEMBERSHIPS.
fn memberships(socket: &Socket) -> Vec<u32> {
    let mut buffer = [0; 4096];
    let length = knetstat::kernel::syscall::getsockopt(
        socket.as_fd(),
        SOL_NETLINK,
        NETLINK_LIST_MEMBERSHIPS,
        &mut buffer,
    );
    let length = length.expect("NETLINK_LIST_MEMBERSHIPS");
    let words = buffer[..length]
        .chunks_exact(4)
        .map(|word| u32::from_ne_bytes(word.try_into().expect("4")));
    let groups = words.zip(0..).flat_map(|(word, at)| {
        (0..32).filter(move |bit| word >> bit & 1 != 0).map(move |bit| at * 32 + bit + 1)
    });
    groups.collect()
}

/// All groups of a protocol, every third group, and the last group alone.
#[test]
fn groups_by_the_hundred() {
    common::enter_namespace();
    let mut most = 0;
    for protocol in [NETLINK_ROUTE, NETLINK_GENERIC, NETLINK_KOBJECT_UEVENT, NETLINK_USERSOCK] {
        let join = |socket: &Socket, group| {
            common::set(socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group).is_ok()
        };
        let all = bound(protocol, 0, 0);
        let last = (1..4096).take_while(|group| join(&all, *group)).last().expect("a group");
        let third = bound(protocol, 0, 0);
        (1..=last).step_by(3).for_each(|group| assert!(join(&third, group)));
        let only = bound(protocol, 0, 0);
        assert!(join(&only, last));
        let left = bound(protocol, 0, 0);
        assert!(join(&left, last));
        common::set(&left, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, last).expect("to leave a group");

        let rows = common::sockets("--netlink");
        for socket in [&all, &third, &only, &left] {
            let row = common::find(&rows, socket).expect("the socket is shown");
            let expected = memberships(socket);
            assert_eq!(row["options"]["NETLINK_LIST_MEMBERSHIPS"], json!(expected));
            assert_eq!(row["local"]["groups"], json!(expected));
            let set = row["set"].as_array().expect("a list");
            assert_eq!(set.contains(&json!("NETLINK_LIST_MEMBERSHIPS")), !expected.is_empty());
        }
        assert_eq!(memberships(&all).len(), last as usize);
        most = most.max(last);
    }
    say(&format!("netlink: {most} groups were joined"));
    assert!(most > 32, "no protocol has more groups than fit a word of getsockopt(2)");
}

/// Returns the sockets that an expression selects.
fn selected(expression: &str) -> BTreeSet<u64> {
    let text = common::stdout(&format!("--netlink -H --columns inode {expression}"));
    text.split_whitespace().map(|inode| inode.parse().expect("an inode")).collect()
}

/// A list without entries is a value, and not the lack of one.
#[test]
fn empty_lists_of_groups_are_compared() {
    common::enter_namespace();
    let sockets = [0, 1, 0b101].map(|groups| bound(NETLINK_ROUTE, 0, groups));
    let [none, first, several] = sockets.each_ref().map(inode);
    let own: BTreeSet<u64> = [none, first, several].into();
    for (expression, expected) in [
        ("list_memberships = 1", &[first, several][..]),
        ("list_memberships != 1", &[none]),
        ("not list_memberships = 1", &[none]),
        ("list_memberships = 3", &[several]),
        ("not list_memberships = 3", &[none, first]),
        ("list_memberships > 1", &[several]),
        ("not list_memberships > 1", &[none, first]),
        ("list_memberships = -", &[none]),
        ("list_memberships != -", &[first, several]),
        ("list_memberships", &[first, several]),
        ("not list_memberships", &[none]),
        ("has(list_memberships)", &[none, first, several]),
        ("not has(list_memberships)", &[]),
    ] {
        let expected: BTreeSet<u64> = expected.iter().copied().collect();
        let found: BTreeSet<u64> = selected(expression).intersection(&own).copied().collect();
        assert_eq!(found, expected, "{expression}: {sockets:?}");
    }
    for (socket, groups) in sockets.iter().zip([&[][..], &[1], &[1, 3]]) {
        assert_eq!(memberships(socket), groups);
    }
}

/// A line of /proc/net/netlink, with the names of the JSON output.
#[derive(Debug, PartialEq)]
struct Listed {
    protocol: String,
    portid: u32,
    /// The first 32 groups.
    groups: u32,
    recv_queue: u32,
    send_queue: u32,
    drops: u32,
}

/// Returns the lines of /proc/net/netlink by inode.
fn listed() -> BTreeMap<u64, Listed> {
    let text = common::proc_net("netlink");
    let lines = text.lines().skip(1).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<u32>().expect("a number");
        let row = Listed {
            protocol: word(number(1) as i32),
            portid: number(2),
            groups: u32::from_str_radix(words[3], 16).expect("a mask"),
            recv_queue: number(4),
            send_queue: number(5),
            drops: number(8),
        };
        (words[9].parse().expect("an inode"), row)
    });
    lines.collect()
}

/// Returns the same from knetstat.
fn shown() -> BTreeMap<u64, Listed> {
    let mut all = BTreeMap::new();
    for row in common::sockets("--netlink") {
        assert_eq!(row["protocol"], "netlink", "{row:#?}");
        let number = |value: &Value| value.as_u64().expect("a number") as u32;
        let groups = row["local"]["groups"].as_array().expect("a list");
        let first = groups.iter().map(number).filter(|group| *group <= 32);
        let listed = Listed {
            protocol: row["local"]["protocol"].as_str().expect("a word").into(),
            portid: number(&row["local"]["portid"]),
            groups: first.fold(0, |mask, group| mask | 1 << (group - 1)),
            recv_queue: number(&row["recv_queue"]),
            send_queue: number(&row["send_queue"]),
            drops: number(&row["drops"]),
        };
        let inode = row["inode"].as_u64().expect("an inode");
        assert_eq!(all.insert(inode, listed), None, "{inode} is shown twice");
    }
    all
}

/// Opens sockets of several protocols, some with data in their queues, and one that has dropped messages.
fn scene() -> Vec<Socket> {
    let small = bound(NETLINK_USERSOCK, 0, 2);
    common::set(&small, SOL_SOCKET, SO_RCVBUF, 0).expect("SO_RCVBUF");
    let large = bound(NETLINK_USERSOCK, 0, 2);
    let sender = open(Type::RAW, NETLINK_USERSOCK);
    call(connect, &sender, 0, 2);
    for _ in 0..20 {
        // ENOBUFS, if no socket receives the message, is not an error here.
        let _ = sender.send(&[7; 700]);
    }
    let peer = bound(NETLINK_USERSOCK, 77_777, 0);
    let to_peer = open(Type::DGRAM, NETLINK_USERSOCK);
    call(connect, &to_peer, 77_777, 0);
    assert_eq!(to_peer.send(b"hello").expect("send"), 5);
    let far = bound(NETLINK_ROUTE, 0, 0);
    common::set(&far, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 33).expect("a group");
    vec![
        small,
        large,
        sender,
        peer,
        to_peer,
        far,
        bound(NETLINK_ROUTE, 0, 0x11),
        bound(NETLINK_ROUTE, 4_000_000_000, 0x8000_0001),
        bound(NETLINK_GENERIC, 0, 0),
        bound(NETLINK_KOBJECT_UEVENT, 0, 1),
    ]
}

#[test]
fn netlink_sockets_are_those_of_proc() {
    common::enter_namespace();
    let sockets = scene();
    // A module that another test loads is told to the socket of kobject_uevent, and adds sockets of the kernel.
    let listed = common::same("netlink sockets", || [listed(), shown()]);
    for socket in &sockets {
        assert!(listed.contains_key(&inode(socket)), "the kernel does not list {socket:?}");
    }
    let of = |socket: usize| &listed[&inode(&sockets[socket])];
    assert!(of(0).drops > 0, "nothing was dropped: {:?}", of(0));
    assert!(of(1).recv_queue > 20 * 700 && of(3).recv_queue > 0, "{listed:#?}");
    assert!(listed.values().any(|row| row.portid == 0), "the kernel has none of its own");
}

#[test]
fn ends() {
    common::enter_namespace();
    let peer = bound(NETLINK_USERSOCK, 0, 0);
    let socket = open(Type::DGRAM, NETLINK_USERSOCK);
    call(connect, &socket, portid(&peer), 4);

    let rows = common::sockets("--netlink");
    let row = common::find(&rows, &socket).expect("the socket is shown");
    // The mask of groups becomes the number of the first group: net/netlink/af_netlink.c, netlink_connect()
    assert_eq!(row["remote"], json!({"portid": portid(&peer), "group": 3}));
    assert_eq!((&row["state"], &row["type"]), (&json!("ESTABLISHED"), &json!("dgram")));
    let row = common::find(&rows, &peer).expect("the socket is shown");
    assert_eq!(row["remote"], json!({"portid": 0, "group": 0}));
    assert_eq!((&row["state"], &row["type"]), (&json!("UNCONN"), &json!("raw")));

    let table = common::stdout("--netlink -H");
    let (local, remote) = (format!("usersock:{}", portid(&socket)), portid(&peer).to_string());
    let ends = |line: &str| -> Vec<String> {
        line.split_whitespace().skip(3).take(2).map(str::to_owned).collect()
    };
    assert!(table.lines().any(|line| ends(line) == [&*local, &*remote]), "{table}");
    let local = format!("usersock:{remote}");
    assert!(table.lines().any(|line| ends(line) == [&*local, "*"]), "{table}");
}

/// ss(8) shows the same sockets, apart from its own.
#[test]
fn netlink_sockets_are_those_of_ss() {
    common::enter_namespace();
    let sockets = scene();
    let output = Command::new("ss").args(["-f", "netlink", "-a", "-n", "-H"]).output();
    let output = output.expect("ss(8) is needed: it comes with ip(8)");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    // The first such word of a line is the local end. Some occur twice.
    let of_ss: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.contains(':')))
        .map(str::to_owned)
        .collect();
    let ours: BTreeSet<String> = shown()
        .values()
        .map(|row| {
            let protocol = WORDS.iter().find(|(_, word)| *word == row.protocol);
            // ss(8) treats port IDs as signed.
            format!("{}:{}", protocol.expect("a known protocol").0, row.portid as i32)
        })
        .collect();
    assert!(ours.len() >= sockets.len(), "{ours:?}");
    let missing: Vec<_> = ours.difference(&of_ss).collect();
    assert!(missing.is_empty(), "not in ss: {missing:?}\n{text}");
    let more: Vec<_> = of_ss.difference(&ours).collect();
    assert!(more.iter().all(|name| name.starts_with("4:")), "only in ss: {more:?}");
}

#[test]
fn those_never_bound_are_found_by_their_descriptors() {
    common::enter_namespace();
    let sockets = [open(Type::RAW, NETLINK_ROUTE), open(Type::DGRAM, NETLINK_GENERIC)];
    let _again = sockets.each_ref().map(|socket| socket.try_clone().expect("dup"));
    let listed = listed();
    for socket in &sockets {
        assert!(!listed.contains_key(&inode(socket)), "the kernel lists it");
    }
    assert_eq!(shown(), listed);
    let rows = common::sockets("--netlink --unbound -p");
    for (socket, protocol) in sockets.iter().zip(["route", "generic"]) {
        let rows: Vec<_> = rows.iter().filter(|row| row["inode"] == inode(socket)).collect();
        assert_eq!(rows.len(), 1, "{rows:#?}");
        let local = json!({"protocol": protocol, "portid": 0, "groups": []});
        assert_eq!((&rows[0]["local"], &rows[0]["owner"]), (&local, &json!("process")));
        // A child of another test holds copies until it calls execve(2).
        let holders = rows[0]["processes"].as_array().expect("a list").iter();
        assert_eq!(holders.filter(|holder| holder["pid"] == std::process::id()).count(), 2);
    }
    assert_eq!(rows.len(), listed.len() + sockets.len());
}

#[test]
fn those_of_the_kernel_have_no_process() {
    common::enter_namespace();
    let _of_a_process = bound(NETLINK_ROUTE, 0, 0);
    let rows = common::sockets("--netlink -p");
    let kernel: Vec<_> = rows.iter().filter(|row| row["local"]["portid"] == 0).collect();
    assert!(kernel.iter().any(|row| row["local"]["protocol"] == "route"), "{kernel:#?}");
    for row in &kernel {
        assert_eq!((&row["owner"], &row["processes"]), (&json!("kernel"), &json!([])), "{row:#?}");
    }
    assert_eq!(rows.iter().filter(|row| row["owner"] == "process").count(), 1);
}

#[test]
fn those_of_another_namespace_are_not_shown() {
    common::enter_namespace();
    let elsewhere = bound(NETLINK_ROUTE, 0, 0);
    common::enter_namespace();
    let here = bound(NETLINK_ROUTE, 0, 0);
    let rows = common::sockets("--netlink -O type");
    assert!(common::find(&rows, &elsewhere).is_none());
    assert!(common::find(&rows, &here).is_some());
    assert!(rows.iter().all(|row| row["netns"] == rows[0]["netns"]), "{rows:#?}");
}

/// Creates sockets that are only in the queue of a unix socket: no process has a descriptor of them.
fn in_flight(count: usize) -> (Vec<u64>, [OwnedFd; 2]) {
    use nix::sys::socket::{sendmsg, socketpair, AddressFamily, SockFlag, SockType};
    use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr};
    let (one, other) =
        socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)
            .expect("socketpair");
    let sockets: Vec<Socket> = (0..count).map(|_| bound(NETLINK_ROUTE, 0, 0)).collect();
    for some in sockets.chunks(100) {
        let numbers: Vec<i32> = some.iter().map(number).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let data = [std::io::IoSlice::new(b"x")];
        sendmsg::<UnixAddr>(number(&one), &data, &rights, MsgFlags::empty(), None)
            .expect("sendmsg");
    }
    (sockets.iter().map(inode).collect(), [one, other])
}

/// While other sockets are opened and closed at full speed, no socket is shown twice, and no socket with a
/// descriptor is missed. Sockets without a descriptor, which only the iterator of the table finds, may be
/// missed and are counted.
#[test]
fn churn() {
    const RUNS: usize = 20;
    const CHURNERS: usize = 2;
    let (_, limit) = getrlimit(Resource::RLIMIT_NOFILE).expect("RLIMIT_NOFILE");
    setrlimit(Resource::RLIMIT_NOFILE, limit, limit).expect("RLIMIT_NOFILE");
    common::enter_namespace();
    let staying: Vec<Socket> = (0..2000).map(|_| bound(NETLINK_ROUTE, 0, 0)).collect();
    let staying: BTreeSet<u64> = staying.iter().map(inode).collect();
    let (flying, _queue) = in_flight(200);
    let (done, opened) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut missed = 0;
    thread::scope(|scope| {
        for _ in 0..CHURNERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let some: Vec<Socket> = (0..50).map(|_| bound(NETLINK_ROUTE, 0, 0)).collect();
                    opened.fetch_add(some.len(), Ordering::Relaxed);
                }
            });
        }
        for _ in 0..RUNS {
            let rows = common::sockets("--netlink -O type");
            let mut seen = BTreeSet::new();
            // A socket that was closed meanwhile has none.
            for inode in rows.iter().filter_map(|row| row["inode"].as_u64()) {
                assert!(seen.insert(inode), "twice: {inode}");
            }
            let lost: Vec<_> = staying.difference(&seen).collect();
            assert!(lost.is_empty(), "missed although it has a descriptor: {lost:?}");
            missed += flying.iter().filter(|inode| !seen.contains(inode)).count();
        }
        done.store(true, Ordering::Relaxed);
    });
    let opened = opened.into_inner();
    say(&format!(
        "netlink: in {RUNS} runs, while {opened} sockets were opened and closed, {missed} of {} rows \
         of sockets without a descriptor were missed, none of {} with one, and none came twice",
        RUNS * flying.len(),
        RUNS * staying.len(),
    ));
    assert!(opened > RUNS * 50, "there was no churn");
}
