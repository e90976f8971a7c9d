//! Unix sockets.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::unistd::{getgid, getpid, getuid};
use serde_json::{json, Value};
use socket2::{Domain, Socket, Type};

use super::walk::{walk, Maker};
use crate::common::ways::assert_same_without_walks;
use crate::common::{self, not_tested, number, scene::inode};
use crate::numbers::*;

/// sizeof(sun_family)
const OFFSET: usize = 2;

/// The address of a unix socket.
#[repr(C)]
struct Address {
    family: u16,
    name: [u8; 108],
}

/// Calls bind(2) or connect(2) with a name of any bytes. With an empty name, bind(2) chooses an abstract
/// one.
fn call(
    function: unsafe extern "C" fn(i32, *const sockaddr, u32) -> i32,
    socket: &Socket,
    name: &[u8],
) {
    let mut address = Address { family: AF_UNIX as u16, name: [0; 108] };
    address.name[..name.len()].copy_from_slice(name);
    let size = (OFFSET + name.len()) as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    let result = unsafe { function(number(socket), (&raw const address).cast(), size) };
    assert_eq!(result, 0, "{name:?}: {}", std::io::Error::last_os_error());
}

fn open(socket_type: Type) -> Socket {
    Socket::new(Domain::UNIX, socket_type, None).expect("socket")
}

fn bound(socket_type: Type, name: &[u8]) -> Socket {
    let socket = open(socket_type);
    call(bind, &socket, name);
    socket
}

/// Returns the name from getsockname(2).
fn name(socket: &Socket) -> Vec<u8> {
    let mut address = Address { family: 0, name: [0; 108] };
    // The kernel appends a zero byte to a path that fills the address.
    let mut size = std::mem::size_of::<Address>() as u32;
    // SAFETY: the pointer and the length describe `address`, which lives longer than the call.
    let result = unsafe { getsockname(number(socket), (&raw mut address).cast(), &mut size) };
    assert_eq!(result, 0, "getsockname");
    let length = (size as usize - OFFSET).min(address.name.len());
    let name = &address.name[..length];
    match name.first() {
        None | Some(0) => name.to_vec(),
        Some(_) => name.split(|byte| *byte == 0).next().expect("a part").to_vec(),
    }
}

fn pair(socket_type: Type) -> (Socket, Socket) {
    Socket::pair(Domain::UNIX, socket_type, None).expect("socketpair")
}

/// Returns a listener, and both ends of a connection to it.
fn connection(socket_type: Type) -> [Socket; 3] {
    let listener = bound(socket_type, b"");
    listener.listen(5).expect("listen");
    let client = open(socket_type);
    call(connect, &client, &name(&listener));
    let (server, _) = listener.accept().expect("accept");
    [listener, client, server]
}

/// Returns two datagram sockets, the first of which has the second as its peer.
fn correspondents() -> (Socket, Socket) {
    let (from, to) = (open(Type::DGRAM), bound(Type::DGRAM, b""));
    call(connect, &from, &name(&to));
    (from, to)
}

fn maker(kind: &'static str, make: impl Fn() -> (Socket, Vec<Socket>) + 'static) -> Maker {
    Maker { kind, make: Box::new(make) }
}

fn makers() -> Vec<Maker> {
    let stream = |[listener, client, server]: [Socket; 3], which| match which {
        0 => (listener, vec![client, server]),
        1 => (client, vec![listener, server]),
        _ => (server, vec![listener, client]),
    };
    let paired = |(one, other)| (one, vec![other]);
    vec![
        maker("stream", || (open(Type::STREAM), Vec::new())),
        maker("stream bound", || (bound(Type::STREAM, b""), Vec::new())),
        maker("stream listener", move || stream(connection(Type::STREAM), 0)),
        maker("stream client", move || stream(connection(Type::STREAM), 1)),
        maker("stream server", move || stream(connection(Type::STREAM), 2)),
        maker("stream pair", move || paired(pair(Type::STREAM))),
        maker("dgram", || (open(Type::DGRAM), Vec::new())),
        maker("dgram bound", || (bound(Type::DGRAM, b""), Vec::new())),
        maker("dgram connected", move || paired(correspondents())),
        maker("dgram pair", move || paired(pair(Type::DGRAM))),
        maker("seqpacket", || (open(Type::SEQPACKET), Vec::new())),
        maker("seqpacket bound", || (bound(Type::SEQPACKET, b""), Vec::new())),
        maker("seqpacket listener", move || stream(connection(Type::SEQPACKET), 0)),
        maker("seqpacket client", move || stream(connection(Type::SEQPACKET), 1)),
        maker("seqpacket server", move || stream(connection(Type::SEQPACKET), 2)),
        maker("seqpacket pair", move || paired(pair(Type::SEQPACKET))),
    ]
}

#[test]
fn every_option_of_unix_sockets() {
    super::enter();
    walk("unix", "-x", &makers());
}

/// Returns SO_PEERCRED, as `struct ucred`.
fn peer_credentials(socket: &Socket) -> Value {
    let mut buffer = [0; 12];
    let result =
        knetstat::kernel::syscall::getsockopt(socket.as_fd(), SOL_SOCKET, SO_PEERCRED, &mut buffer);
    assert_eq!(result.expect("SO_PEERCRED"), 12);
    let int = |at: usize| i32::from_ne_bytes(buffer[at..at + 4].try_into().expect("4 bytes"));
    json!({"pid": int(0), "uid": int(4) as u32, "gid": int(8) as u32})
}

#[test]
fn credentials_of_the_peer() {
    common::enter_namespace();
    let subjects: Vec<_> = makers().iter().map(|maker| (maker.kind, (maker.make)())).collect();
    let rows = common::sockets("-x");
    let mut known = 0;
    for (kind, (socket, _)) in &subjects {
        let row = common::find(&rows, socket).unwrap_or_else(|| panic!("{kind} is not shown"));
        let expected = peer_credentials(socket);
        assert_eq!(row["options"]["SO_PEERCRED"], expected, "{kind}");
        let own =
            json!({"pid": getpid().as_raw(), "uid": getuid().as_raw(), "gid": getgid().as_raw()});
        known += usize::from(expected == own);
    }
    assert!(known >= 9, "only {known} sockets have a peer of this process");
}

/// Not every kernel has this option, and none has a getter. It is compared with what was set.
#[test]
fn what_is_told_with_each_message() {
    const OPTIONS: [(&str, i32, &[Type]); 2] = [
        ("SO_INQ", SO_INQ, &[Type::STREAM]),
        ("SO_RIGHTS_NOTRUNC", 85, &[Type::STREAM, Type::DGRAM, Type::SEQPACKET]),
    ];
    for (name, number, types) in OPTIONS {
        for socket_type in types {
            common::enter_namespace();
            let (one, other) = pair(*socket_type);
            if let Err(error) = common::set(&one, SOL_SOCKET, number, 1) {
                assert_eq!(error.raw_os_error(), Some(ENOPROTOOPT), "{error}");
                let rows = common::sockets("-x");
                assert_eq!(rows.len(), 2, "{rows:#?}");
                assert!(rows.iter().all(|row| row["options"].get(name).is_none()));
                not_tested(&format!("{name}, which this kernel does not have"));
                continue;
            }
            let rows = common::sockets("-x");
            let shown =
                |socket| common::find(&rows, socket).expect("a row")["options"][name].clone();
            assert_eq!([shown(&one), shown(&other)], [1, 0], "{name}");
        }
    }
}

/// The properties of a socket in /proc/net/unix: type, state, name.
#[derive(Debug, PartialEq)]
struct Listed {
    socket_type: &'static str,
    state: &'static str,
    name: Vec<u8>,
}

/// Returns /proc/net/unix by inode, without sockets that are not accepted and have none. A name may contain
/// any byte except zero, which the kernel writes as `@`. In these tests, no name contains a newline.
fn listed() -> BTreeMap<u64, Listed> {
    let text = std::fs::read("/proc/thread-self/net/unix").expect("/proc/net/unix");
    let lines = text.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty());
    lines.map(parse).filter(|(inode, _)| *inode != 0).collect()
}

fn parse(line: &[u8]) -> (u64, Listed) {
    // The inode is right-aligned in five columns. One blank precedes the name.
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.split_ascii_whitespace().take(7).collect();
    let listening = u32::from_str_radix(words[3], 16).expect("flags") & (1 << 16) != 0;
    let socket_type = match words[4] {
        "0001" => "stream",
        "0002" => "dgram",
        "0005" => "seqpacket",
        other => panic!("type {other}"),
    };
    // include/uapi/linux/net.h, socket_state, with the names of netstat.
    let state = match words[5] {
        "01" if listening => "LISTENING",
        "01" => "UNCONN",
        "02" => "CONNECTING",
        "03" => "CONNECTED",
        "04" => "DISCONNECTING",
        other => panic!("state {other}"),
    };
    let fixed = text.find(words[6]).map(|_| fixed_length(line)).expect("an inode");
    let name = line.get(fixed + 1..).unwrap_or_default().to_vec();
    (words[6].parse().expect("an inode"), Listed { socket_type, state, name })
}

/// Returns the length of the first seven words. Everything before the name is ASCII.
fn fixed_length(line: &[u8]) -> usize {
    let mut words = 0;
    let mut inside = false;
    for (at, byte) in line.iter().enumerate() {
        let blank = *byte == b' ';
        if inside && blank {
            words += 1;
            if words == 7 {
                return at;
            }
        }
        inside = !blank;
    }
    line.len()
}

/// Returns the bytes of a JSON string: `\xNN` is a byte, `\\` is a backslash.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        (bytes, rest) = match (first, after.first()) {
            (b'\\', Some(b'x')) => {
                let digits = std::str::from_utf8(&after[1..3]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
                (bytes, &after[3..])
            }
            (b'\\', second) => {
                assert_eq!(second, Some(&b'\\'), "{text}");
                bytes.push(b'\\');
                (bytes, &after[1..])
            }
            _ => {
                bytes.push(first);
                (bytes, after)
            }
        };
    }
    bytes
}

/// Returns the name in the member `path`. An abstract name begins with `@`.
fn shown_name(path: &Value, is_abstract: bool) -> Vec<u8> {
    let Some(text) = path.as_str() else {
        assert!(path.is_null(), "{path}");
        return Vec::new();
    };
    assert!(!text.chars().any(char::is_control), "{text:?}");
    let mut name = unescape(text);
    if is_abstract {
        assert_eq!(name[0], b'@', "{text}");
        name[0] = 0;
    }
    name
}

/// A directory for the sockets of a test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        let path = PathBuf::from(format!("/tmp/knetstat-unix-{}", getpid()));
        std::fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    fn file(&self, name: &[u8]) -> Vec<u8> {
        [self.0.as_os_str().as_encoded_bytes(), b"/", name].concat()
    }

    /// Returns a path of 108 bytes, without room for a terminating zero byte.
    fn longest(&self) -> Vec<u8> {
        let mut name = self.file(b"");
        name.resize(108, b'n');
        name
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns the most difficult names that bind(2) accepts.
fn names(directory: &Directory) -> Vec<Vec<u8>> {
    vec![
        directory.file(b"plain"),
        directory.file(b"with blank, comma and \\backslash\\x41"),
        directory.file(b"tab\tbell\x07escape\x1b[31m delete\x7f"),
        directory.file("wide \u{fc}\u{4e2d} \u{85}\u{9b}31m".as_bytes()),
        directory.file(b"bad \xff\xc3\x28 \xe2\x82"),
        directory.longest(),
        b"\0plain".to_vec(),
        b"\0".to_vec(),
        b"\0with\0zeros\0\0".to_vec(),
        b"\0\0".to_vec(),
        b"\0control \x01\x1b]0;title\x07\r\x7f \xff\xfe".to_vec(),
        [b"\0".as_slice(), &[b'a'; 107]].concat(),
        [b"\0".as_slice(), &[0xff; 107]].concat(),
        vec![0; 108],
    ]
}

#[test]
fn names_of_all_sorts() {
    common::enter_namespace();
    let directory = Directory::new();
    let types = [Type::STREAM, Type::DGRAM, Type::SEQPACKET];
    let mut sockets = Vec::new();
    for (given, socket_type) in names(&directory).into_iter().zip(types.into_iter().cycle()) {
        let socket = bound(socket_type, &given);
        assert_eq!(name(&socket), given);
        sockets.push((given, socket));
    }

    let (rows, listed) = (common::sockets("-x"), listed());
    assert_eq!(rows.len(), sockets.len());
    for (given, socket) in &sockets {
        let row = common::find(&rows, socket).expect("the socket is shown");
        let shown = shown_name(&row["local"]["path"], given[0] == 0);
        assert_eq!(&shown, given, "{row:#?}");
        let in_proc: Vec<u8> = match given[0] {
            0 => given.iter().map(|&byte| if byte == 0 { b'@' } else { byte }).collect(),
            _ => given.clone(),
        };
        assert_eq!(listed[&inode(socket)].name, in_proc);
    }
    assert_same_without_walks();
    assert_table_is_clean(sockets.len());
}

/// Asserts that the table contains no control characters, and has a line for each socket.
fn assert_table_is_clean(sockets: usize) {
    for arguments in ["-x", "-xep", "-x -O all"] {
        let table = common::stdout(arguments);
        let control = table.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{arguments}: {table}");
        assert_eq!(table.lines().count(), sockets + 1, "{arguments}: {table}");
    }
}

/// Opens sockets of every type in every state.
pub fn scene() -> Vec<Socket> {
    let mut all = Vec::new();
    for maker in makers() {
        let (socket, rest) = (maker.make)();
        all.push(socket);
        all.extend(rest);
    }
    all
}

#[test]
fn unix_sockets_are_those_of_proc() {
    common::enter_namespace();
    let sockets = scene();
    let (rows, listed) = (common::sockets("-x"), listed());
    assert_eq!(rows.len(), sockets.len());
    assert_eq!(listed.len(), sockets.len());
    let mut states = BTreeMap::new();
    for socket in &sockets {
        let row = common::find(&rows, socket).expect("the socket is shown");
        let listed = &listed[&inode(socket)];
        assert_eq!(row["protocol"], "unix");
        assert_eq!(row["type"], listed.socket_type, "{row:#?}");
        assert_eq!(row["state"], listed.state, "{row:#?}");
        assert_eq!(row["uid"], getuid().as_raw(), "{row:#?}");
        let shown = row["local"]["path"].as_str().unwrap_or_default();
        assert_eq!(shown.as_bytes(), listed.name, "{row:#?}");
        *states.entry(listed.state).or_insert(0) += 1;
    }
    for state in ["LISTENING", "UNCONN", "CONNECTED"] {
        assert!(states.contains_key(state), "none is {state}: {states:?}");
    }
    assert_same_without_walks();
    assert_table_is_clean(sockets.len());
}

/// Asserts that the peer of `from` is `to`.
fn assert_peer(rows: &[Value], from: &Socket, to: Option<&Socket>) {
    let row = common::find(rows, from).expect("the socket is shown");
    let expected = match to {
        None => json!({"inode": null, "path": null}),
        Some(to) => {
            let name = String::from_utf8(name(to)).expect("a name that bind(2) chose");
            let path = (!name.is_empty()).then(|| name.replace('\0', "@"));
            json!({"inode": inode(to), "path": path})
        }
    };
    assert_eq!(row["remote"], expected, "{row:#?}");
}

#[test]
fn peers() {
    common::enter_namespace();
    for socket_type in [Type::STREAM, Type::DGRAM, Type::SEQPACKET] {
        let (one, other) = pair(socket_type);
        let rows = common::sockets("-x");
        assert_peer(&rows, &one, Some(&other));
        assert_peer(&rows, &other, Some(&one));
        // The peer of a stream remains known as long as this end is open, but has no inode any more.
        drop(other);
        let rows = common::sockets("-x");
        assert_eq!(common::find(&rows, &one).expect("a row")["remote"]["inode"], Value::Null);
    }
    for socket_type in [Type::STREAM, Type::SEQPACKET] {
        let [listener, client, server] = connection(socket_type);
        let rows = common::sockets("-x");
        assert_peer(&rows, &listener, None);
        assert_peer(&rows, &client, Some(&server));
        assert_peer(&rows, &server, Some(&client));
    }
    let (from, to) = correspondents();
    let rows = common::sockets("-x");
    assert_peer(&rows, &from, Some(&to));
    assert_peer(&rows, &to, None);
    assert_same_without_walks();
}

/// Returns the length of a queue from ioctl(2).
pub fn queue(socket: &impl AsFd, request: u64) -> i32 {
    let mut bytes = 0;
    // SAFETY: the request takes a pointer to an int, which lives longer than the call.
    let result = unsafe { ioctl(number(socket), request, &raw mut bytes) };
    assert_eq!(result, 0, "ioctl: {}", std::io::Error::last_os_error());
    bytes
}

fn assert_queues(socket: &Socket) -> (i32, i32) {
    let queues = (queue(socket, FIONREAD), queue(socket, TIOCOUTQ));
    let rows = common::sockets("-x");
    let row = common::find(&rows, socket).expect("the socket is shown");
    assert_eq!((&row["recv_queue"], &row["send_queue"]), (&json!(queues.0), &json!(queues.1)));
    queues
}

#[test]
fn queues() {
    common::enter_namespace();
    for socket_type in [Type::STREAM, Type::DGRAM, Type::SEQPACKET] {
        let (one, other) = pair(socket_type);
        assert_eq!(assert_queues(&one), (0, 0));
        for length in [5, 700, 3000] {
            assert_eq!(one.send(&vec![7; length]).expect("send"), length);
        }
        // For datagrams, ioctl(2) counts only the first one.
        let all = if socket_type == Type::DGRAM { 5 } else { 3705 };
        assert_eq!(assert_queues(&other), (all, 0));
        assert!(assert_queues(&one).1 >= 3705);
        // Reads a part of a message. A stream keeps the rest.
        let mut buffer = [std::mem::MaybeUninit::uninit(); 3];
        assert_eq!(other.recv(&mut buffer).expect("recv"), 3);
        let left = match socket_type {
            Type::STREAM => 3702,
            Type::DGRAM => 700,
            _ => 3700,
        };
        assert_eq!(assert_queues(&other), (left, 0));
        assert_queues(&one);
        assert_same_without_walks();
    }
}

/// The queues of a listener are those of connections: the number waiting, and the limit.
#[test]
fn connections_that_wait() {
    common::enter_namespace();
    for socket_type in [Type::STREAM, Type::SEQPACKET] {
        let listener = bound(socket_type, b"");
        listener.listen(7).expect("listen");
        let clients = [open(socket_type), open(socket_type)];
        clients.iter().for_each(|client| call(connect, client, &name(&listener)));
        let rows = common::sockets("-x");
        let row = common::find(&rows, &listener).expect("the socket is shown");
        assert_eq!((&row["recv_queue"], &row["send_queue"]), (&json!(2), &json!(7)));
        // The kernel also lists sockets that are not accepted, without an inode. No process has a
        // descriptor of them.
        let waiting = rows.iter().filter(|row| row["inode"].is_null()).collect::<Vec<_>>();
        let listed = if common::btf_has("bpf_iter_unix") { 2 } else { 0 };
        assert_eq!(waiting.len(), listed, "{rows:#?}");
        assert!(waiting.iter().all(|row| row["state"] == "CONNECTING"), "{waiting:#?}");
        // Their user is the one that accepts them. Until then the kernel has a 0, which does not mean root.
        assert!(waiting.iter().all(|row| row["uid"].is_null()), "{waiting:#?}");
        let of_root = common::sockets("-x --user 0");
        assert_eq!(of_root.len(), rows.len() - listed, "{of_root:#?}");
        let table = common::stdout("-xH --columns uid,inode");
        let unknown = table.lines().filter(|line| line.split_whitespace().eq(["-", "-"]));
        assert_eq!(unknown.count(), listed, "{table}");
        assert_same_without_walks();
        let accepted = [(); 2].map(|()| listener.accept().expect("accept").0);
        let rows = common::sockets("-x --user 0");
        for socket in &accepted {
            let row = common::find(&rows, socket).expect("an accepted socket is its process's");
            assert_eq!(row["uid"], getuid().as_raw());
        }
    }
}

/// /proc/net/unix shows the file `@x` and the abstract name `x` alike.
#[test]
fn names_that_look_like_something_else() {
    common::enter_namespace();
    let directory = std::env::temp_dir().join(format!("knetstat-names-{}", std::process::id()));
    std::fs::create_dir(&directory).expect("a new directory");
    // Each thread needs its own working directory.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS).expect("unshare");
    std::env::set_current_dir(&directory).expect("chdir");
    let names: [(&[u8], &str, &str); 12] = [
        (b"@x", "\\x40x", "\\x40x"),
        (b"\0x", "@x", "@x"),
        (b"\0@x", "@@x", "@@x"),
        (b"@", "\\x40", "\\x40"),
        (b"\0", "@", "@"),
        (b"-", "\\x2d", "-"),
        (b"\0-", "@-", "@-"),
        (b"->@x", "\\x2d>@x", "->@x"),
        (b"-x", "-x", "-x"),
        (b"\\x40x", "\\\\x40x", "\\\\x40x"),
        (b"\0\\x40x", "@\\\\x40x", "@\\\\x40x"),
        (b"a b,@", "a\\x20b\\x2c@", "a b,@"),
    ];
    let sockets: Vec<Socket> = names.iter().map(|(name, ..)| bound(Type::DGRAM, name)).collect();
    std::env::set_current_dir("/").expect("chdir");
    std::fs::remove_dir_all(&directory).expect("it is there");

    let rows = common::sockets("-x");
    let table = common::stdout("-xH --columns inode,local");
    for (socket, (bytes, text, json)) in sockets.iter().zip(names) {
        assert_eq!(name(socket), bytes, "what getsockname(2) says");
        let row = common::find(&rows, socket).expect("the socket is shown");
        assert_eq!(row["local"]["path"], json);
        let line = format!("{:<8} {text}", inode(socket));
        assert!(table.lines().any(|it| it == line), "{line:?}: {table}");
    }
    let shown: std::collections::BTreeSet<_> = names.iter().map(|(_, text, _)| text).collect();
    assert_eq!(shown.len(), names.len());
    // A socket that is not bound, and its peer, which is bound.
    let peer = bound(Type::STREAM, b"\0-");
    peer.listen(1).expect("listen");
    let client = open(Type::STREAM);
    call(connect, &client, b"\0-");
    let (accepted, _) = peer.accept().expect("accept");
    let table = common::stdout("-xH --columns inode,local,remote");
    let line = |socket: &Socket| {
        let inode = inode(socket).to_string();
        let mut words = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.find(|words| words[0] == inode).expect("the socket is shown")[1..].join(" ")
    };
    assert_eq!(line(&client), "->@- @-");
    assert_eq!(line(&accepted), "@- -");
}

/// The iterator of the kernel's table skips sockets once its buffer has been full.
#[test]
fn each_of_many_is_shown_once() {
    common::enter_namespace();
    let pairs: Vec<_> =
        (0..1000).map(|_| std::os::unix::net::UnixStream::pair().expect("a pair")).collect();
    let inodes = |rows: &[Value]| -> Vec<u64> {
        let mut inodes: Vec<u64> = rows.iter().filter_map(|row| row["inode"].as_u64()).collect();
        inodes.sort_unstable();
        inodes
    };
    let mut made: Vec<u64> = pairs.iter().flat_map(|(a, b)| [inode(a), inode(b)]).collect();
    made.sort_unstable();
    assert_eq!(inodes(&common::sockets("-x -O type")), made);
}
