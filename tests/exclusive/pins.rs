//! Pins leave nothing loaded once they are removed, however `knetstat pin` ends.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use knetstat::commands::pin::access::Access;
use knetstat::commands::pin::directory::{Directory, SINGLE};
use knetstat::commands::pin::place::Place;
use knetstat::kernel::module::walk_of;
use knetstat::kernel::object::Part;
use knetstat::kernel::program_set;
use knetstat::kernel::programs::{When, PROGRAMS};
use libbpf_rs::query::{LinkInfoIter, MapInfoIter, ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{IterOpts, Link, MapCore, MapFlags, MapHandle, MapType, Object, OpenObject};

use crate::common::ways::NO_WALKS;
use crate::common::{
    btf_has, enter_namespace, has_mptcp, knetstat, not_tested, permit_descriptors, read_pin, say,
    scene, set_bytes, sockets, wait_until, End, KNETSTAT,
};
use crate::exclusive;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

/// The beginnings of the names of the maps of pins: libbpf puts eight characters of the name of the object before that
/// of a section that is not its own (libbpf.c, internal_map_name()).
const MAPS: [&str; 6] =
    ["tables_b.", "files_bp.", "module_b.", "pins_bpf", ".rodata.paramet", "pin_"];

/// The walks that are pinned: bpf/pins.bpf.c
const WALKS: [&str; 5] = ["tcp_pin", "udp_pin", "mptcp_pin", "unix_pin", "queue_pin"];

/// The IDs of the programs and maps in the kernel with the names of those of pins, and of the links of these programs.
/// Other programs of this host may come and go.
#[derive(Debug)]
struct InKernel {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
    links: BTreeSet<u32>,
}

impl InKernel {
    fn list() -> InKernel {
        let programs = ProgInfoIter::default().filter(|it| is_pinned(it.name.as_bytes()));
        let programs: BTreeSet<u32> = programs.map(|it| it.id).collect();
        let is_map =
            |name: &OsStr| MAPS.iter().any(|it| name.as_bytes().starts_with(it.as_bytes()));
        let maps = MapInfoIter::default().filter(|it| is_map(&it.name)).map(|it| it.id).collect();
        let links = LinkInfoIter::default().filter(|it| programs.contains(&it.prog_id));
        InKernel { maps, links: links.map(|it| it.id).collect(), programs }
    }

    /// Whether nothing is loaded that was not loaded before.
    fn has_nothing_but(&self, before: &InKernel) -> bool {
        self.programs.is_subset(&before.programs)
            && self.maps.is_subset(&before.maps)
            && self.links.is_subset(&before.links)
    }
}

/// Whether a program in the kernel has the name of one that is pinned, of which the kernel keeps 15 characters.
fn is_pinned(name: &[u8]) -> bool {
    let is = |whole: &str| whole.as_bytes()[..whole.len().min(15)] == *name;
    SINGLE.into_iter().any(|it| is(it) || is(&walk_of(it)))
        || WALKS.into_iter().any(is)
        || PROGRAMS
            .iter()
            .filter(|it| !matches!(it.when, When::Walk | When::UnboundWalk))
            .any(|it| is(it.name) || is(&format!("{}_without_loop", it.name)))
}

/// A directory of pins.
struct Pinned(PathBuf);

impl Pinned {
    fn nowhere(test: &str) -> Pinned {
        let name = format!("knetstat-pinned-{test}-{}", std::process::id());
        Pinned(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    fn run(&self, command: &str) {
        let output = knetstat([command, "--dir", self.path()]);
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts to make a set, and ends it some hundred microseconds after the directory of the set is there.
    fn kill_while_it_pins(&self, round: u32) {
        let sets = count_sets(&self.0);
        let mut command = Command::new(KNETSTAT);
        command.args(["pin", "--with-owners", "--dir", self.path()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        // It may first remove what the last round has left.
        while count_sets(&self.0) == sets && child.try_wait().expect("wait").is_none() {}
        // In the first rounds, at once. The names of a set are complete before its files are.
        sleep(Duration::from_micros(50) * (round / 2));
        child.kill().expect("kill");
        child.wait().expect("it ends");
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = knetstat(["unpin", "--dir", self.path()]);
    }
}

/// A file system that is mounted has programs of its own on some kernels: kernel/bpf/inode.c, populate_bpffs().
#[test]
fn nothing_is_left_loaded() {
    let _turn = exclusive();
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    let pinned = Pinned::nowhere("loaded");
    let before = InKernel::list();
    pinned.run("pin");
    let once = InKernel::list();
    let more = |of: fn(&InKernel) -> &BTreeSet<u32>| of(&once).difference(of(&before)).count();
    assert!(more(|it| &it.links) >= 15 && more(|it| &it.programs) >= 15, "{once:?}");
    assert!(more(|it| &it.maps) >= 4, "{once:?}");
    pinned.run("pin");
    let first: BTreeSet<u32> = once.links.difference(&before.links).copied().collect();
    wait_until("the first set is unloaded", || InKernel::list().links.is_disjoint(&first));
    // A file that is still open keeps its own program.
    let mut file = File::open(pinned.0.join("records/udp_table")).expect("a pin");
    pinned.run("unpin");
    assert!(!InKernel::list().has_nothing_but(&before));
    assert!(!read_pin(&mut file).is_empty());
    drop(file);
    wait_until("nothing is loaded", || InKernel::list().has_nothing_but(&before));
}

/// The maps of pinned programs have many readers, so that no map may hold a record. All of them are constants, except
/// those of the walks (bpf/pins.h): the storage of the task that reads, and the position of each open file.
#[test]
fn readers_share_only_constants() {
    let _turn = exclusive();
    let pinned = Pinned::nowhere("constants");
    let before = InKernel::list();
    let output = knetstat(["pin", "--with-owners", "--dir", pinned.path()]);
    assert!(output.status.success(), "{output:?}");
    let with_maps = ProgInfoQueryOptions::default().include_map_ids(true);
    let programs = ProgInfoIter::with_query_opts(with_maps)
        .filter(|it| !before.programs.contains(&it.id) && is_pinned(it.name.as_bytes()));
    let programs: Vec<_> = programs.collect();
    assert!(programs.len() >= 15, "{}", programs.len());
    let maps: BTreeSet<u32> = programs.iter().flat_map(|it| &it.map_ids).copied().collect();
    let (mut found, mut of_readers) = (0, 0);
    for map in MapInfoIter::default().filter(|map| maps.contains(&map.id)) {
        let (name, kind) = (map.name.to_string_lossy(), map.ty);
        if ["pin_lanes", "pin_nets", "pin_firsts", "pin_positions"].contains(&&*name) {
            let is_position = name == "pin_positions";
            assert!((kind == MapType::TaskStorage) != is_position, "{name}: {kind:?}");
            of_readers += 1;
            continue;
        }
        if name == "pin_calls" {
            let number = MapHandle::from_map_id(map.id).expect("a map").value_size();
            assert_eq!(number, 4, "the number of a call, which no program can write");
            of_readers += 1;
            continue;
        }
        assert!(map.name.to_string_lossy().contains(".rodata"), "{:?}", map.name);
        let handle = MapHandle::from_map_id(map.id).expect("a map");
        let written = handle.update(&[0; 4], &vec![0; map.value_size as usize], MapFlags::ANY);
        assert!(written.is_err(), "{:?} can be written", map.name);
        found += 1;
    }
    assert_eq!(found + of_readers, maps.len());
    say(&format!(
        "pins: {} programs have {found} maps with constants, and {of_readers} of their readers",
        programs.len()
    ));
}

/// A file that is replaced is always there.
#[test]
fn single_files_are_replaced_at_once() {
    const ROUNDS: usize = 200;
    let _turn = exclusive();
    enter_namespace();
    libbpf_rs::set_print(None); // the kernel may reject the first program
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    let pinned = Pinned::nowhere("single");
    let access = Access { gid: 65533, mode: 0o440 };
    let place = Place::check(&pinned.0).expect("a path");
    let directory = Directory::make(&place, access, None).expect("a directory");
    assert!(directory.is_mounted());
    let attach = |name: &str| {
        let choose = |open: &mut OpenObject| {
            open.progs_mut().for_each(|mut it| it.set_autoload(it.name() == name));
            Ok(())
        };
        let attach = |object: &Object| {
            let program = object.progs_mut().find(|it| it.name() == name).expect("the program");
            (0..ROUNDS).map(|_| program.attach_iter_with_opts(IterOpts::None)).collect()
        };
        Part::Tables.load(None, choose, attach).ok()
    };
    let links: Option<Vec<Link>> = attach("udp_table").or_else(|| attach("udp_table_without_loop"));
    let file = pinned.0.join("udpstat");
    let (is_over, reads) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let mut links = links.expect("one of them").into_iter();
        let mut replace = || {
            let mut link = links.next()?;
            let replaced =
                directory.replace("udpstat", access, |path| program_set::pin(&mut link, path));
            replaced.expect("a pin");
            Some(())
        };
        replace();
        let _end = End(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let records = std::fs::read(&file).expect("the file is always there");
                assert!(records.starts_with(b"knst"));
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
        let another = || {
            let before = reads.load(Ordering::Relaxed);
            wait_until("another read", || reads.load(Ordering::Relaxed) > before);
        };
        another();
        while replace().is_some() {}
        another();
    });
    let mode = file.metadata().expect("a file").mode() & 0o777;
    assert_eq!(mode, 0o440);
    std::fs::remove_file(&file).expect("the file");
    assert!(directory.remove().expect("it is empty"));
}

/// `knetstat pin` is killed at many moments. What it leaves is the old set or the new one, and is removed.
#[test]
fn a_killed_pin_leaves_a_whole_set() {
    const ROUNDS: u32 = 10;
    // Then fewer rounds suffice: where the processor is emulated, each takes up to a minute.
    const LONG: Duration = Duration::from_secs(120);
    let begun = Instant::now();
    let _turn = exclusive();
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    let pinned = Pinned::nowhere("killed");
    let before = InKernel::list();
    pinned.run("pin");
    let (mut killed, mut replaced, mut unfinished) = (0, 0, 0);
    let current = || pinned.0.join("records").read_link().expect("a set");
    // Until some have been killed in between, which takes a few rounds.
    for round in (0..ROUNDS).cycle().take(10 * ROUNDS as usize) {
        let is_late = begun.elapsed() > LONG;
        if unfinished > 2 && killed >= ROUNDS || unfinished > 0 && is_late {
            break;
        }
        killed += 1;
        let old = current();
        pinned.kill_while_it_pins(round);
        replaced += u32::from(current() != old);
        unfinished += u32::from(count_sets(&pinned.0) > 1);
        assert_eq!(sockets(&format!("--pins {} -u", pinned.path())).len(), 1, "round {round}");
    }
    say(&format!(
        "pins: killed {killed} times, {replaced} sets were replaced, {unfinished} left unfinished or not removed"
    ));
    assert!(unfinished > 0, "none was killed in between");
    pinned.run("unpin");
    assert!(!pinned.0.exists());
    // The same without a set before it.
    for round in 0..ROUNDS / 4 {
        pinned.kill_while_it_pins(round);
        pinned.run("unpin");
        assert!(!pinned.0.exists(), "round {round}");
    }
    wait_until("nothing is loaded", || InKernel::list().has_nothing_but(&before));
}

fn count_sets(directory: &Path) -> usize {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("set_")).count()
}

/// The sockets that a run shows, by their inodes and protocols, because a subflow has the inode of its MPTCP socket. None is
/// shown twice. Without cookies, because since 6.16, the kernel's iterators assign one to a socket at which a read stops.
fn by_inode(arguments: &str) -> BTreeMap<(u64, String), Value> {
    let mut shown = sockets(arguments);
    for socket in &mut shown {
        socket["cookie"] = Value::Null;
        socket["options"].as_object_mut().expect("options").remove("SO_COOKIE");
    }
    let count = shown.len();
    let inode = |socket: &Value| {
        (socket["inode"].as_u64().expect("an inode"), socket["protocol"].to_string())
    };
    let all: BTreeMap<_, _> = shown.into_iter().map(|socket| (inode(&socket), socket)).collect();
    assert_eq!(all.len(), count, "knetstat {arguments} shows a socket twice");
    all
}

/// Joins IPv6 multicast groups, each of which is an item of the record.
fn join_groups(socket: &UdpSocket, count: u16) {
    const IPPROTO_IPV6: i32 = 41;
    const IPV6_ADD_MEMBERSHIP: i32 = 20;
    for n in 1..=count {
        let mut request = [0; 20];
        request[..2].copy_from_slice(&[0xff, 0x02]);
        request[14..16].copy_from_slice(&n.to_be_bytes());
        request[16..].copy_from_slice(&1u32.to_ne_bytes()); // the loopback interface
        set_bytes(socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request).expect("a group");
    }
}

/// The families whose pins are walks, where the kernel permits them.
const FAMILIES: &str = "-tux --mptcp";

/// MPTCP sockets on loopback: a listener, and both ends of connections. None if the kernel makes none.
fn mptcp_connections(count: usize) -> Vec<Socket> {
    if !has_mptcp("pins of MPTCP sockets") {
        return Vec::new();
    }
    let open = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).expect("a socket");
    let listener = open();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("bind");
    listener.listen(1).expect("listen");
    let mut sockets = Vec::new();
    for _ in 0..count {
        let client = open();
        client.connect(&listener.local_addr().expect("an address")).expect("connect");
        sockets.extend([client, listener.accept().expect("accept").0]);
    }
    sockets.push(listener);
    sockets
}

/// Records that are too long for the room that is usually left for one, and a chain that is longer than a buffer.
#[test]
fn long_records_and_chains() {
    const SHARING: usize = 200;
    const LONGEST: u16 = 300;
    let _turn = exclusive();
    permit_descriptors(4096);
    enter_namespace();
    // The limit is net.core.optmem_max, which was 20 KiB before 6.8.
    let members = [0, 1, 20, 100, LONGEST];
    let members: Vec<_> = members
        .into_iter()
        .cycle()
        .take(60)
        .map(|count| {
            let socket = UdpSocket::bind("[::1]:0").expect("bind");
            join_groups(&socket, count);
            socket
        })
        .collect();
    let share = |kind| {
        let socket = Socket::new(Domain::IPV4, kind, None).expect("a socket");
        socket.set_reuse_port(true).expect("SO_REUSEPORT");
        let address: SocketAddr = "127.0.0.1:4700".parse().expect("an address");
        socket.bind(&address.into()).expect("bind");
        if kind == Type::STREAM {
            socket.listen(1).expect("listen");
        }
        socket
    };
    let sharing: Vec<_> =
        [Type::STREAM, Type::DGRAM].into_iter().cycle().take(2 * SHARING).map(share).collect();
    let pairs: Vec<_> = (0..300).map(|_| UnixStream::pair().expect("a pair")).collect();
    pairs.iter().for_each(|(one, _)| (&*one).write_all(b"unread").expect("write"));
    let mptcp = mptcp_connections(20);
    let pinned = Pinned::nowhere("long");
    let expected = by_inode(&format!("{FAMILIES} -O all"));
    // An MPTCP socket here has one subflow.
    let count = members.len() + sharing.len() + 2 * pairs.len() + 2 * mptcp.len();
    assert_eq!(expected.len(), count);
    // Walks, where the kernel permits them, and its iterators.
    for walks in [true, false] {
        let without = (!walks).then_some(NO_WALKS);
        let output = knetstat(without.into_iter().chain(["pin", "--dir", pinned.path()]));
        assert!(output.status.success(), "{output:?}");
        let locking = pinned.0.join("records/locking").read_link().unwrap_or_default();
        let has_locks = !locking.as_os_str().is_empty();
        // Since 6.2. Every kernel that has it permits the walks.
        assert!(has_locks != walks || walks && !btf_has("bpf_rdonly_cast"), "{locking:?}");
        let shown = by_inode(&format!("--pins {} {FAMILIES} -O all", pinned.path()));
        assert_eq!(shown.len(), expected.len());
        for (inode, socket) in &expected {
            assert_eq!(shown.get(inode), Some(socket));
        }
        let longest = shown.values().map(|socket| socket["options"].to_string().len()).max();
        let is_whole = longest > Some(usize::from(LONGEST) * 20);
        match btf_has("BPF_FUNC_loop") {
            true => assert!(is_whole, "{longest:?} bytes of options"),
            false => not_tested("whole long lists in pins: this kernel has no bpf_loop()"),
        }
    }
    say(&format!("pins: {} sockets, some with long records and chains", expected.len()));
}

/// Connections that stay are shown once in each reading, beside others that come and go.
#[test]
fn sockets_that_stay() {
    const COUNT: usize = 500;
    const READS: u32 = 20;
    let _turn = exclusive();
    permit_descriptors(4096);
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("an address");
    let connect = || (TcpStream::connect(address).expect("connect"), listener.accept());
    let staying: Vec<_> = (0..COUNT).map(|_| connect()).collect();
    let inodes: Vec<u64> = staying.iter().map(|(client, _)| scene::inode(client)).collect();
    let pinned = Pinned::nowhere("stay");
    pinned.run("pin");
    let command = format!("--pins {} -t --columns inode", pinned.path());
    let (is_over, others) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let _end = End(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let (client, server) = connect();
                // With a reset, so that no TIME_WAIT keeps the port.
                let client = Socket::from(client);
                client.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
                drop((client, server));
                others.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..READS {
            let mut found = BTreeMap::new();
            for socket in sockets(&command) {
                *found.entry(socket["inode"].as_u64().unwrap_or_default()).or_insert(0) += 1;
            }
            let wrong = inodes.iter().filter(|inode| found.get(inode) != Some(&1)).count();
            assert_eq!(wrong, 0, "of {COUNT} sockets that stay");
        }
    });
    let others = others.into_inner();
    say(&format!("pins: {READS} readings beside {others} connections that came and went"));
    assert!(others > READS, "{others} connections");
}
