//! The form of the blocks: their lines, what identifies a socket, where values come from, and other flags beside
//! `--long`.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use serde_json::Value;

use super::said::{below, block, join, pair, put, udp_pair, LOCALHOST};
use crate::common::scene::{inode, EveryState};
use crate::common::{
    bind, enter_namespace, ip, knetstat, on_a_terminal, open, set_bytes, sockets, stdout, sysctl,
    wait_until, without_color, Child,
};
use crate::continuous::Running;
use crate::families::unix::queue;
use crate::numbers::*;
use crate::pins::Pinned;
use nix::sys::socket::{AddressFamily, SockType};

/// The blocks of an output.
fn blocks(text: &str) -> Vec<String> {
    text.split("\n\n").map(|block| join(&format!("{}\n", block.trim_end()))).collect()
}

/// The text of a fact.
fn fact<'a>(block: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("  {name:<12}");
    // No line ends with a blank.
    let is_empty = |line: &&str| *line == begin.trim_end();
    let of = |line| Some(line).filter(is_empty).map(|_| "");
    block.lines().filter_map(|line| line.strip_prefix(&begin).or_else(|| of(line))).collect()
}

/// The names of the options in a block, with what is behind them.
fn options(block: &str) -> Vec<(&str, &str)> {
    let is_option = |line: &&str| line.starts_with("    ") && line.as_bytes()[4] != b' ';
    let options = block.lines().skip_while(|line| !line.starts_with("  options"));
    let lines = options.filter(is_option).map(str::trim_start);
    lines.map(|line| line.split_once(' ').expect("a value")).collect()
}

/// Sockets of several families, some with options that are set.
fn world() -> Vec<OwnedFd> {
    enter_namespace();
    let (listener, client, server) = pair();
    put(&client, SOL_SOCKET, SO_KEEPALIVE, 1);
    put(&client, SOL_SOCKET, SO_SNDBUF, 65536);
    put(&server, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
    let udp = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
    put(&udp, IPPROTO_IP, IP_TOS, 0xb8);
    let (one, other) = UnixStream::pair().expect("a pair");
    let packet = open(AddressFamily::Packet, SockType::Datagram);
    let netlink = open(AddressFamily::Netlink, SockType::Raw);
    vec![
        listener.into(),
        client.into(),
        server.into(),
        udp.into(),
        one.into(),
        other.into(),
        packet,
        netlink,
    ]
}

#[test]
fn a_block_has_the_options_and_marks_of_json() {
    let _world = world();
    let rows = sockets("-tu");
    let blocks = blocks(&stdout("-tu --long"));
    assert_eq!((rows.len(), blocks.len()), (4, 4));
    for row in &rows {
        // Not that of the other end.
        let inode = format!("  socket      inode {},", row["inode"]);
        let block = blocks.iter().find(|block| block.contains(&inode)).expect("a block");
        let shown = options(block);
        let names: BTreeSet<&str> = shown.iter().map(|(name, _)| *name).collect();
        let members = row["options"].as_object().expect("options").keys();
        let members: BTreeSet<&str> =
            members.map(String::as_str).filter(|it| crate::common::is_option(it)).collect();
        assert_eq!(names, members);
        let set = shown.iter().filter(|(_, rest)| rest.split_whitespace().last() == Some("set"));
        let set: Vec<Value> = set.map(|(name, _)| (*name).into()).collect();
        assert_eq!(Value::Array(set), row["set"]);
    }
}

#[test]
fn every_family_has_blocks() {
    let _world = world();
    let rows = sockets("--unbound");
    let text = stdout("--unbound --long");
    let blocks = blocks(&text);
    assert_eq!(rows.len(), blocks.len(), "{text}");
    for (row, block) in rows.iter().zip(&blocks) {
        assert_eq!(block.split(' ').next(), row["protocol"].as_str(), "{block}");
        assert!(fact(block, "queues").len() == 1 && fact(block, "options").len() == 1, "{block}");
    }
    assert!(text.contains("unix stream unnamed\n") && text.contains("\nnetlink route:"), "{text}");
}

#[test]
fn lines_fit_the_terminal_or_80_columns() {
    let _world = world();
    let arguments = "--unbound --long --color never";
    // A value is never broken.
    let is_breakable = |line: &&str| line.trim_start().contains(' ');
    let longest =
        |text: &str| text.lines().filter(is_breakable).map(|line| line.chars().count()).max();
    let piped = stdout(arguments);
    assert!(longest(&piped).is_some_and(|width| (60..=80).contains(&width)), "{piped}");
    for columns in [40, 80, 120, 200] {
        let text = on_a_terminal(columns, arguments, &[]);
        assert!(longest(&text).is_some_and(|width| width <= usize::from(columns)), "{text}");
        let words = |text: &str| -> Vec<String> {
            // A child of another test may hold copies of the descriptors for a while.
            let comes_and_goes = |line: &&str| {
                ["  timer", "  process", "  peer"].iter().any(|fact| line.starts_with(fact))
            };
            let lines = text.lines().filter(|line| !comes_and_goes(line));
            lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
        };
        if columns == 80 {
            assert_eq!(words(&text), words(&piped));
        }
        // At the width of two sysctls, the sysctl stands beside the word.
        let is_beside = text.contains("default, net.ipv4.tcp_rmem = ");
        assert_eq!(is_beside, columns >= 120, "{text}");
    }
}

#[test]
fn colour_is_the_only_difference_on_a_terminal() {
    let _world = world();
    let plain = on_a_terminal(100, "-t --long --color never", &[]);
    let colored = on_a_terminal(100, "-t --long", &[]);
    let timeless = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| {
            !["  timer", "  process", "  peer"].iter().any(|fact| line.starts_with(fact))
        });
        lines.map(str::to_owned).collect()
    };
    assert_eq!(timeless(&without_color(&colored)), timeless(&plain));
    let keepalive =
        colored.lines().find(|line| line.contains("SO_KEEPALIVE") && line.ends_with("set"));
    assert!(keepalive.is_some_and(|line| line.contains("\x1b[1mSO_KEEPALIVE")), "{colored}");
    assert!(colored.contains("\x1b[36mESTABLISHED\x1b[0m"), "{colored}");
    assert!(colored.contains("\x1b[2mSO_REUSEADDR"), "{colored}");
}

#[test]
fn processes_and_the_other_end() {
    enter_namespace();
    let (_listener, client, server) = pair();
    let own = std::process::id();
    let program = std::fs::read_to_string("/proc/self/comm").expect("a name");
    let held = |socket: &TcpStream| {
        format!("{own}/{}, fd {}, user root", program.trim_end(), socket.as_raw_fd())
    };
    // Children of other tests may have copies of the descriptors.
    let own_of = |facts: Vec<&str>, part: &str| {
        let mut of_own = facts.into_iter().filter(|it| it.contains(&format!("{own}/")));
        of_own.any(|it| it == part)
    };
    server.set_nonblocking(true).expect("O_NONBLOCK");
    let shown = block(&client, "nodelay");
    assert!(own_of(fact(&shown, "process"), &held(&client)), "{shown}");
    assert!(fact(&shown, "socket")[0].contains(", user root,"), "{shown}");
    let other = format!("inode {}, {}, O_NONBLOCK", inode(&server), held(&server));
    assert!(own_of(fact(&shown, "peer"), &other), "{shown}");
    let child = Child::fork();
    let shown = block(&client, "nodelay");
    let of_child = format!("{}/", child.pid());
    assert!(fact(&shown, "process").iter().any(|it| it.starts_with(&of_child)), "{shown}");
    let listening = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
    assert!(fact(&block(&listening, "nodelay"), "peer").is_empty());
}

#[test]
fn sockets_without_processes_or_options() {
    enter_namespace();
    let scene = EveryState::new(LOCALHOST, LOCALHOST);
    let text = stdout("-t --long");
    let mini = "none: the kernel keeps only a part of the socket in this state";
    let mut states = Vec::new();
    for block in blocks(&text) {
        let state = fact(&block, "state")[0].split(',').next().expect("a word").to_owned();
        if fact(&block, "options") == [mini] {
            assert!(["TIME_WAIT", "SYN_RECV", "FIN_WAIT2"].contains(&&*state), "{block}");
        }
        states.push(state);
    }
    states.sort_unstable();
    assert_eq!(states, scene.states);
    assert!(text.contains("  process     (time-wait)\n"), "{text}");
    assert!(text.contains("  process     (orphan)\n"), "{text}");
    assert!(text.contains("  timer       retransmission in "), "{text}");
}

#[test]
fn queues_of_a_listener_are_connections() {
    enter_namespace();
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    let _client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connect");
    let backlog = sockets("-tl")[0]["send_queue"].clone();
    let shown = block(&listener, "nodelay");
    assert_eq!(fact(&shown, "queues"), [format!("1 connection to be accepted, backlog {backlog}")]);
}

/// Only TCP counts the bytes of data in both queues. The others have the memory that the kernel uses for them.
#[test]
fn queues_are_data_or_memory() {
    enter_namespace();
    let queues = |arguments: &str, inode: u64| {
        let text = stdout(&format!("{arguments} --long -O type inode={inode}"));
        let shown = join(&text);
        fact(&shown, "queues").first().map(|it| it.to_string()).expect("queues")
    };
    let (_listener, mut client, server) = pair();
    client.write_all(&[0; 30]).expect("write");
    wait_until("it arrives", || queue(&server, FIONREAD) == 30);
    assert_eq!(
        queues("-t", inode(&server)),
        "30 bytes to be read, 0 bytes to be sent or acknowledged"
    );

    let (receiver, sender) = udp_pair();
    sender.send(&[0; 30]).expect("send");
    wait_until("it arrives", || queue(&receiver, FIONREAD) == 30);
    let shown = queues("-u", inode(&receiver));
    let (memory, rest) = shown.split_once(' ').expect("a number");
    assert_eq!(
        rest,
        "bytes of memory with data to be read, 0 bytes of memory with data to be sent"
    );
    assert!(memory.parse::<u32>().expect("a number") > 30, "{shown}");

    let (reader, mut writer) = UnixStream::pair().expect("a pair");
    writer.write_all(&[0; 30]).expect("write");
    assert_eq!(queue(&reader, FIONREAD), 30);
    assert_eq!(
        queues("-x", inode(&reader)),
        "30 bytes to be read, 0 bytes of memory with data to be received"
    );
    let shown = queues("-x", inode(&writer));
    let memory = shown.strip_prefix("0 bytes to be read, ").expect("nothing to be read");
    let (memory, rest) = memory.split_once(' ').expect("a number");
    assert_eq!(rest, "bytes of memory with data to be received");
    assert!(memory.parse::<u32>().expect("a number") > 30, "{shown}");

    let (first, second) = UnixDatagram::pair().expect("a pair");
    first.send(&[0; 7]).expect("send");
    first.send(&[0; 9]).expect("send");
    assert_eq!(
        queues("-x", inode(&second)),
        "7 bytes to be read in the first datagram, 0 bytes of memory with data to be received"
    );
}

/// The sysctls are those of the namespace of the socket, also of one that is not that of the program.
#[test]
fn defaults_name_the_sysctl_of_their_namespace() {
    enter_namespace();
    let of = |seconds: &str| {
        sysctl("net/ipv4/tcp_keepalive_time", seconds);
        TcpListener::bind((LOCALHOST, 0)).expect("a listener")
    };
    let first = of("1111");
    enter_namespace();
    let second = of("2222");
    let all = blocks(&stdout("-t --all-netns --long -O keepidle"));
    for (listener, seconds) in [(&first, "1111"), (&second, "2222")] {
        let inode = format!("inode {},", inode(listener));
        let block = all.iter().find(|block| block.contains(&inode)).expect("a block");
        let source = format!("default, net.ipv4.tcp_keepalive_time = {seconds}");
        let expected = format!("{seconds}s  {source}");
        assert_eq!(options(block), [("TCP_KEEPIDLE", &*format!(" {expected}"))], "{block}");
        assert!(fact(block, "socket")[0].contains("network namespace "), "{block}");
    }
}

#[test]
fn values_that_are_not_those_of_a_new_socket() {
    enter_namespace();
    sysctl("net/ipv4/tcp_wmem", "4096 16384 4194304");
    let (listener, client, _server) = pair();
    let rest = |socket: &TcpStream, option: &str| {
        options(&block(socket, option))[0].1.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // The kernel records that SO_SNDBUF was set, and not that TCP_WINDOW_CLAMP was.
    let size = super::said::get(&client, SOL_SOCKET, SO_SNDBUF);
    assert_eq!(rest(&client, "SO_SNDBUF"), format!("{size} bytes not set (new socket: 16384)"));
    let clamp = super::said::get(&client, IPPROTO_TCP, TCP_WINDOW_CLAMP);
    let changed = format!("{clamp} bytes set, or by the kernel (new socket: 0)");
    assert_eq!(rest(&client, "TCP_WINDOW_CLAMP"), changed);
    assert_eq!(rest(&client, "SO_TYPE"), "STREAM kept by the kernel");
    put(&client, SOL_SOCKET, SO_SNDBUF, 65536);
    assert_eq!(rest(&client, "SO_SNDBUF"), "131072 bytes set");
    // The second of three numbers is the default.
    let shown = block(&listener, "SO_SNDBUF");
    let source = "net.ipv4.tcp_wmem = 4096 16384 4194304 (second)";
    assert_eq!(options(&shown), [("SO_SNDBUF", " 16384 bytes  default")], "{shown}");
    assert_eq!(below(&shown, "SO_SNDBUF"), [source], "{shown}");
}

/// The interface of a link-local address counts as chosen by the kernel, which does not record whether a program did.
#[test]
fn what_is_not_recorded_may_have_been_set() {
    enter_namespace();
    ip("link add type veth");
    ip("link set veth0 addrgenmode none");
    ip("link set veth0 up");
    ip("address add fe80::1/64 dev veth0 nodad");
    let socket = open(AddressFamily::Inet6, SockType::Datagram);
    set_bytes(&socket, SOL_SOCKET, SO_BINDTODEVICE, b"veth0").expect("SO_BINDTODEVICE");
    let address = SocketAddrV6::new("fe80::1".parse().expect("an address"), 1001, 0, 0);
    bind(&socket, address);
    let shown = block(&socket, "bindtodevice");
    let expected = ("SO_BINDTODEVICE", "  veth0   set, or by the kernel (new socket: -)");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (name, rest) = options(&shown)[0];
    assert_eq!((name, words(rest)), (expected.0, words(expected.1)), "{shown}");
}

#[test]
fn other_flags() {
    enter_namespace();
    let listeners: Vec<TcpListener> = (1..4)
        .map(|n| TcpListener::bind((Ipv4Addr::new(127, 0, 0, 1), 1000 + n)).expect("a listener"))
        .collect();
    put(&listeners[1], SOL_SOCKET, SO_KEEPALIVE, 1);
    let titles = |arguments: &str| -> Vec<String> {
        let text = stdout(&format!("{arguments} --long"));
        let titles = blocks(&text).into_iter().filter(|block| block.len() > 1);
        titles.map(|block| block.lines().next().expect("a title").to_owned()).collect()
    };
    let title = |n: u16| format!("tcp 127.0.0.1:{n}");
    assert_eq!(titles("-t --sort -sport"), [1003, 1002, 1001].map(title));
    assert_eq!(titles("-t :1002"), [title(1002)]);
    assert_eq!(titles("-t --where keepalive"), [title(1002)]);
    assert_eq!(titles("-tpoeH --peer sport=1003"), [title(1003)]);
    let set = stdout("-t --long -O set");
    assert!(set.contains("    SO_KEEPALIVE  1  set\n"), "{set}");
    // Rust sets SO_REUSEADDR.
    assert!(!set.contains("TCP_NODELAY") && set.contains("    SO_REUSEADDR  1  set\n"), "{set}");
    let none = stdout("-t --long -O udp_cork sport=1001");
    assert!(none.ends_with("  options     none of those that -O selects\n"), "{none}");
    assert_eq!(stdout("-t --long sport=1"), "");
}

#[test]
fn rounds_are_separated_as_blocks_are() {
    enter_namespace();
    let _listener = TcpListener::bind((LOCALHOST, 1001)).expect("a listener");
    // A child of another test may hold a copy of the listener.
    let without_processes = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| !line.starts_with("  process")).cloned().collect()
    };
    let one: Vec<String> = stdout("-t --long -O nodelay").lines().map(str::to_owned).collect();
    let mut running = Running::start("-t --long -O nodelay -c 0.05");
    for _ in 0..3 {
        let mut round = Vec::new();
        while round.last().is_none_or(|line: &String| !line.is_empty()) {
            round.extend(running.lines(1).iter().map(|line| line.to_string()));
        }
        round.pop();
        assert_eq!(without_processes(&round), without_processes(&one));
    }
}

#[test]
fn pins_without_processes_are_enough() {
    enter_namespace();
    let listener = TcpListener::bind((LOCALHOST, 1001)).expect("a listener");
    let lacking = Pinned::new("long", &[]);
    let path = lacking.0.to_str().expect("UTF-8");
    let shown = stdout(&format!("--pins {path} -t --long -O reuseaddr"));
    assert_eq!(fact(&shown, "process"), ["unknown"]);
    assert!(shown.contains("    SO_REUSEADDR  1  set\n"), "{shown}");
    // They were asked for.
    let output = knetstat(["--pins", path, "-tp", "--long"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    drop(lacking);
    let whole = Pinned::new("long-owners", &["--with-owners"]);
    let path = whole.0.to_str().expect("UTF-8");
    let shown = stdout(&format!("--pins {path} -t --long -O reuseaddr"));
    let own = format!("{}/", std::process::id());
    let is_there = fact(&shown, "process").iter().any(|it| it.starts_with(&own));
    assert!(is_there, "{} {shown}", listener.as_raw_fd());
}

#[test]
fn names_from_outside_are_escaped() {
    enter_namespace();
    let directory = std::env::temp_dir().join(format!("knetstat-long-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join(std::ffi::OsStr::from_bytes(b"a\x1b[31m -> b"));
    let listener = UnixListener::bind(&path).expect("a unix socket");
    let text = stdout(&format!("-x --long -O passcred inode={}", inode(&listener)));
    std::fs::remove_dir_all(&directory).expect("removed");
    let title = text.lines().next().expect("a title");
    assert!(title.ends_with(r"a\x1b[31m\x20->\x20b"), "{text}");
    assert_eq!(title.matches(" -> ").count(), 0);
}
