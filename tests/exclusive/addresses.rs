//! The raw streams of all BPF programs. No record contains a kernel address. The identities that replace
//! addresses distinguish all sockets and reuseport groups, in every stream and for every reader.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use crate::common::{self, btf_has, has_mptcp, not_tested, read_pin, say, scene, set, set_bytes};
use knetstat::kernel::abi::{record_header, socket_trait, walk_parameters};
use knetstat::kernel::object::{set_walks, Part};
use knetstat::kernel::programs::PROGRAMS;
use knetstat::kernel::syscall;
use knetstat::kernel::walk::{self, Guides, Walks};
use knetstat::record::Records;
use libbpf_rs::{Iter, IterOpts, Object, OpenObject};
use nix::libc;
use socket2::{Domain, Protocol, Socket, Type};

/// The bytes that a program wrote for one reader.
struct Stream {
    program: String,
    bytes: Vec<u8>,
}

impl Stream {
    /// Returns the headers of the records. Programs that do not write sockets have none.
    fn headers(&self) -> Vec<record_header> {
        let mut headers = Vec::new();
        if ["owners", "holder", "message", "queue", "tasks"].contains(&self.family()) {
            return headers;
        }
        let mut records = Records::new(self.bytes.as_slice());
        while let Some(record) = records.next_record().expect("a stream of records") {
            headers.push(*record.header);
        }
        headers
    }

    /// Returns the family of sockets that the program shows: the first word of its name.
    fn family(&self) -> &str {
        self.program.split('_').next().expect("a name")
    }
}

/// The names of the programs of an object.
fn programs(part: Part) -> Vec<String> {
    let mut names = Vec::new();
    let collect = |open: &mut OpenObject| {
        names.extend(open.progs_mut().map(|program| program.name().to_string_lossy().into_owned()));
        Err(std::io::Error::other("nothing is to be loaded").into())
    };
    part.load(None, collect, |_| Ok(())).expect_err("nothing is loaded");
    names
}

/// Reads a walk twice. `None` if this kernel does not load it.
fn walk_twice(program: &str) -> Option<[Stream; 2]> {
    let has_holders = program.starts_with(walk::HOLDERS);
    let has_descriptors = has_holders || program.contains("ring");
    let choose = |open: &mut OpenObject| {
        let is_needed = |name: &OsStr| name == program || name == walk::PLACES;
        open.progs_mut().for_each(|mut other| other.set_autoload(is_needed(other.name())));
        set_walks(
            open,
            &walk_parameters { lanes: 1, ..walk_parameters::default() },
            false,
            has_descriptors,
        )
    };
    let attach = |object: &Object| {
        let walks = Walks::of(object, 1, has_descriptors, Guides::default())?;
        let found = object.progs_mut().find(|other| other.name() == program);
        Ok((walks, walk::attach(object, &found.expect("the program"), 1)?))
    };
    let (walks, links) = Part::Walks.load(None, choose, attach).ok()?;
    let read = || {
        let mut places = walks.places().expect("an iterator");
        walk::add_place(&mut places).expect("a network namespace");
        let mut bytes = Vec::new();
        let lanes = if has_holders { walks.open_holders(&links) } else { walks.open(&links) };
        for mut lane in lanes.expect("a walk") {
            while let Some(piece) =
                lane.next_piece().unwrap_or_else(|error| panic!("{program}: {error}"))
            {
                bytes.extend_from_slice(piece.records);
            }
        }
        Stream { program: program.to_owned(), bytes }
    };
    Some([read(), read()])
}

/// Reads a program twice. `None` if this kernel does not load it.
fn read_twice(part: Part, program: &str) -> Option<[Stream; 2]> {
    let choose = |open: &mut OpenObject| {
        open.progs_mut().for_each(|mut other| other.set_autoload(other.name() == program));
        Ok(())
    };
    let attach = |object: &Object| {
        let found = object.progs_mut().find(|other| other.name() == program);
        found.expect("the program").attach_iter_with_opts(IterOpts::None)
    };
    let link = part.load(None, choose, attach).ok()?;
    let read = || {
        let mut bytes = Vec::new();
        Iter::new(&link).expect("an iterator").read_to_end(&mut bytes).expect("read");
        Stream { program: program.to_owned(), bytes }
    };
    Some([read(), read()])
}

/// Reads all programs twice.
fn streams() -> Vec<[Stream; 2]> {
    libbpf_rs::set_print(None); // some programs are for other kernels than this one
    let mut all = Vec::new();
    for part in Part::ALL {
        // The first object has the walks and the iterators of tables.
        for program in programs(part).into_iter().filter(|program| Part::of(program) == part) {
            let pair = match part {
                // It finds no sockets by itself.
                Part::Walks if program == walk::PLACES => continue,
                // Up to Linux 5.19, no namespace leads to the table of unix sockets, and knetstat uses other programs.
                Part::Walks if program.starts_with("unix_walk") && !btf_has("unix_table") => {
                    not_tested("addresses in records of a walk of unix sockets: it finds no table");
                    continue;
                }
                Part::Walks => walk_twice(&program),
                Part::Tables | Part::Files | Part::Pins => read_twice(part, &program),
            };
            match pair {
                Some(pair) => all.push(pair),
                None => not_tested(&format!("addresses: {program} does not load here")),
            }
        }
    }
    all
}

/// Sockets of all kinds that this kernel has, with options whose values are behind pointers.
#[derive(Default)]
struct Scene {
    sockets: Vec<OwnedFd>,
    /// Server ends of connections that are not accepted. They are not in `sockets`.
    unaccepted: usize,
}

impl Scene {
    fn open() -> Scene {
        let mut scene = Scene::default();
        scene.tcp();
        scene.udp();
        scene.groups();
        scene.unix();
        scene.raw();
        scene.packet();
        scene.netlink();
        scene.mptcp();
        scene.others();
        scene
    }

    fn add(&mut self, socket: impl Into<OwnedFd>) {
        self.sockets.push(socket.into());
    }

    fn tcp(&mut self) {
        for ip in ["127.0.0.1", "::1"] {
            let listener = TcpListener::bind((ip, 0)).expect("bind");
            let (client, server) = common::connect(&listener, ip.parse().expect("an address"));
            common::attach_return(&client, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, 65535)
                .expect("SO_ATTACH_FILTER");
            // If this kernel has TLS, the record has its section.
            let _ = set_bytes(&client, libc::SOL_TCP, libc::TCP_ULP, b"tls\0");
            // The closed connection remains in TIME_WAIT.
            let (closed, closed_later) =
                common::connect(&listener, ip.parse().expect("an address"));
            drop(closed);
            drop(closed_later);
            // This connection is never accepted.
            self.add(
                TcpStream::connect(listener.local_addr().expect("an address")).expect("connect"),
            );
            self.unaccepted += 1;
            self.add(client);
            self.add(server);
            self.add(listener);
        }
        self.add(Socket::new(Domain::IPV4, Type::STREAM, None).expect("an idle socket"));
        self.add(Socket::new(Domain::IPV6, Type::STREAM, None).expect("an idle socket"));
    }

    fn udp(&mut self) {
        let v4 = UdpSocket::bind("127.0.0.1:0").expect("bind");
        for n in 1..4 {
            let group = Ipv4Addr::new(239, 1, 1, n);
            v4.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).expect("a group");
            // struct ip_mreq_source: a group, an interface and a source.
            let source = [239, 1, 2, n, 127, 0, 0, 1, 127, 0, 0, 9];
            set_bytes(&v4, libc::SOL_IP, libc::IP_ADD_SOURCE_MEMBERSHIP, &source)
                .expect("a source");
        }
        set_bytes(&v4, libc::SOL_IP, libc::IP_OPTIONS, &[7, 7, 4, 1, 1, 1, 1, 1])
            .expect("IP_OPTIONS");
        let v6 = UdpSocket::bind("[::1]:0").expect("bind");
        for n in 1..4 {
            v6.join_multicast_v6(&Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, n), 1).expect("a group");
        }
        let padding = [0, 0, 1, 4, 0, 0, 0, 0];
        set_bytes(&v6, libc::SOL_IPV6, libc::IPV6_HOPOPTS, &padding).expect("IPV6_HOPOPTS");
        v6.connect(v6.local_addr().expect("an address")).expect("connect");
        self.add(v4);
        self.add(v6);
        self.add(Socket::new(Domain::IPV4, Type::DGRAM, None).expect("an idle socket"));
        self.add(Socket::new(Domain::IPV6, Type::DGRAM, None).expect("an idle socket"));
    }

    /// Opens groups of sockets that share a port. If the kernel can migrate connections of a listener that
    /// is shut down, the listener stays in its group although it leaves the table.
    fn groups(&mut self) {
        let migrates = "/proc/sys/net/ipv4/tcp_migrate_req";
        let migrates = std::fs::write(migrates, "1").is_ok();
        for (port, socket_type) in [(7001, Type::DGRAM), (7002, Type::DGRAM), (7003, Type::STREAM)]
        {
            for n in 0..3 {
                let socket = Socket::new(Domain::IPV4, socket_type, None).expect("a socket");
                set(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1).expect("SO_REUSEPORT");
                common::bind(&socket, ([127, 0, 0, 1], port));
                if socket_type == Type::STREAM {
                    socket.listen(1).expect("listen");
                    if migrates && n == 2 {
                        socket.shutdown(std::net::Shutdown::Both).expect("shutdown");
                    }
                }
                self.add(socket);
            }
        }
    }

    fn unix(&mut self) {
        let path = std::env::temp_dir().join(format!("knetstat-addresses-{}", std::process::id()));
        let listener = UnixListener::bind(&path).expect("bind");
        self.add(UnixStream::connect(&path).expect("connect"));
        std::fs::remove_file(&path).expect("the socket's file");
        self.unaccepted += 1;
        self.add(listener);
        for end in <[UnixStream; 2]>::from(UnixStream::pair().expect("a pair")) {
            self.add(end);
        }
        for end in <[UnixDatagram; 2]>::from(UnixDatagram::pair().expect("a pair")) {
            end.send(b"queued").expect("send");
            self.add(end);
        }
        self.add(Socket::new(Domain::UNIX, Type::SEQPACKET, None).expect("an idle socket"));
    }

    /// Opens raw sockets, some with the protocol of other families, whose programs must ignore them.
    fn raw(&mut self) {
        const V4: [i32; 5] =
            [libc::IPPROTO_ICMP, libc::IPPROTO_RAW, libc::IPPROTO_TCP, libc::IPPROTO_UDP, 262];
        for protocol in V4 {
            match syscall::socket(libc::AF_INET, libc::SOCK_RAW, protocol) {
                Ok(socket) => self.add(socket),
                Err(error) => assert_eq!(protocol, 262, "a raw socket: {error}"),
            }
        }
        for protocol in [libc::IPPROTO_ICMPV6, libc::IPPROTO_RAW] {
            let socket = syscall::socket(libc::AF_INET6, libc::SOCK_RAW, protocol);
            self.add(socket.expect("a raw socket"));
        }
    }

    fn packet(&mut self) {
        for socket_type in [libc::SOCK_RAW, libc::SOCK_DGRAM] {
            let socket = syscall::socket(libc::AF_PACKET, socket_type, 0).expect("a packet socket");
            for n in 1..4 {
                // struct packet_mreq: interface 1, PACKET_MR_MULTICAST, six bytes of address.
                let (index, kind, length) =
                    (1u32.to_ne_bytes(), 0u16.to_ne_bytes(), 6u16.to_ne_bytes());
                let address = [1, 0, 0x5e, 0, 0, n, 0, 0];
                let request = [&index[..], &kind, &length, &address].concat();
                set_bytes(&socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
                    .expect("PACKET_ADD_MEMBERSHIP");
            }
            self.add(socket);
        }
    }

    fn netlink(&mut self) {
        for groups in [0, 1, 30] {
            let socket = syscall::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE);
            let socket = socket.expect("a netlink socket");
            for group in 1..=groups {
                set(&socket, libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, group)
                    .expect("a group");
            }
            self.add(socket);
        }
    }

    fn mptcp(&mut self) {
        if !has_mptcp("addresses") {
            return;
        }
        common::sysctl("net/mptcp/enabled", "1");
        let open = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
        let listener = open().expect("an MPTCP socket");
        common::bind(&listener, ([127, 0, 0, 1], 0));
        listener.listen(9).expect("listen");
        for accepted in [true, false, false] {
            let client = open().expect("an MPTCP socket");
            client.connect(&listener.local_addr().expect("an address")).expect("connect");
            self.add(client);
            match accepted {
                true => self.add(listener.accept().expect("accept").0),
                false => self.unaccepted += 1,
            }
        }
        self.add(listener);
        self.add(open().expect("an MPTCP socket"));
    }

    /// Opens sockets of families that not every kernel has.
    fn others(&mut self) {
        let kinds = [
            ("SCTP", libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
            ("SCTP", libc::AF_INET6, libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP),
            ("vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
            ("XDP", libc::AF_XDP, libc::SOCK_RAW, 0),
            ("crypto", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        ];
        for (name, domain, socket_type, protocol) in kinds {
            match syscall::socket(domain, socket_type, protocol) {
                Ok(socket) => self.add(socket),
                Err(_) => not_tested(&format!("addresses: this kernel opens no {name} socket")),
            }
        }
    }
}

/// Whether a number can be the address of a kernel object, a function or a module: the ranges of
/// Documentation/arch/x86/x86_64/mm.rst and Documentation/arch/arm64/memory.rst. Modules fill their range
/// from the bottom. The numbers above are small negative ones.
fn is_kernel_address(word: u64) -> bool {
    const FIRST: u64 = if cfg!(target_arch = "x86_64") { 0xffff_8000 } else { 0xffff_0000 } << 32;
    const OBJECTS: Range<u64> = FIRST..0xffff_ff00_0000_0000;
    const KERNEL_IMAGE: Range<u64> = 0xffff_ffff_8000_0000..0xffff_ffff_e000_0000;
    OBJECTS.contains(&word) || KERNEL_IMAGE.contains(&word)
}

/// Finds bytes that look like a kernel address. Pointers are aligned to eight bytes in kernel memory, and
/// copies of it begin at even addresses, so every even offset is checked. Words whose lower half is 0 are
/// excluded: they consist of a small and a negative 32-bit number.
fn addresses(bytes: &[u8]) -> Vec<(usize, u64)> {
    let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let words = (0..bytes.len().saturating_sub(7)).step_by(2).map(|at| (at, word(at)));
    words.filter(|(_, word)| is_kernel_address(*word) && *word as u32 != 0).collect()
}

#[test]
fn addresses_are_recognized() {
    for address in [0xffff_8881_0123_4580_u64, 0xffff_c900_0001_2340, 0xffff_ffff_8123_4567] {
        assert!(is_kernel_address(address), "{address:#x}");
        let bytes = [&[0; 10][..], &address.to_ne_bytes(), &[0; 5]].concat();
        assert!(addresses(&bytes).contains(&(10, address)), "{bytes:x?}");
    }
    for number in [0, -1, -4096, i64::MAX, 0xffff_ffff, 0xffff_0000] {
        assert!(!is_kernel_address(number as u64), "{number:#x}");
        assert_eq!(addresses(&[number, 1, number, -1, 0].map(i64::to_ne_bytes).concat()), []);
    }
}

/// The identity that distinguishes a socket from all others.
fn identity(header: &record_header) -> u64 {
    assert_ne!(header.identity, 0, "{header:?}");
    header.identity
}

#[test]
fn records_hold_identities_and_no_addresses() {
    let _turn = crate::exclusive();
    common::enter_namespace();
    let scene = Scene::open();
    let streams = streams();
    check_for_addresses(&scene, &streams);
    check_sockets(&scene, &streams);
    check_groups(&streams);
}

/// The same for the files of `knetstat pin`, which users without privileges read.
#[test]
fn pins_hold_identities_and_no_addresses() {
    let _turn = crate::exclusive();
    common::enter_namespace();
    let scene = Scene::open();
    let name = format!("knetstat-pinned-addresses-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let place = directory.to_str().expect("UTF-8");
    common::stdout(&format!("pin --with-owners --dir {place}"));
    let streams = std::panic::catch_unwind(|| pinned_streams(&directory));
    common::stdout(&format!("unpin --dir {place}"));
    let streams = streams.expect("pins can be read");
    assert!(streams.iter().any(|[it, _]| it.program == "owners"));
    check_for_addresses(&scene, &streams);
    check_sockets(&scene, &streams);
    check_groups(&streams);
}

/// Reads each pin twice, in the order of the programs.
fn pinned_streams(directory: &Path) -> Vec<[Stream; 2]> {
    let pins = directory.join("records");
    let programs = PROGRAMS.iter().map(|it| it.name).filter(|name| pins.join(name).exists());
    let read = |program: &str| Stream {
        program: program.to_owned(),
        bytes: read_pin(&mut File::open(pins.join(program)).expect("a pin")),
    };
    programs.map(|program| [read(program), read(program)]).collect()
}

fn check_for_addresses(scene: &Scene, streams: &[[Stream; 2]]) {
    let mut bytes = 0;
    for stream in streams.iter().flatten() {
        let found = addresses(&stream.bytes);
        assert_eq!(found, [], "{}: offsets and addresses {found:#x?}", stream.program);
        bytes += stream.bytes.len();
    }
    assert!(bytes > scene.sockets.len() * size_of::<record_header>(), "{bytes} bytes");
    say(&format!("addresses: none in {bytes} bytes of {} programs", streams.len()));
}

/// Asserts that each socket has one identity in all streams and for both readers, that it belongs to one
/// family, and that identities are unique.
fn check_sockets(scene: &Scene, streams: &[[Stream; 2]]) {
    // The identities of all sockets, and by inode.
    let (mut identities, mut inodes) = (BTreeSet::new(), BTreeMap::new());
    let mut families: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for [first, second] in streams {
        let headers = [first.headers(), second.headers()];
        let of_reads =
            headers.each_ref().map(|headers| headers.iter().map(identity).collect::<Vec<_>>());
        assert_eq!(of_reads[0], of_reads[1], "two reads of {}", first.program);
        for header in &headers[0] {
            identities.insert(identity(header));
            // Subflows may have the inode of their MPTCP socket.
            let is_subflow = u32::from(header.traits) & socket_trait::TRAIT_SUBFLOW.0 != 0;
            if header.inode != 0 && !is_subflow {
                let other = *inodes.entry(header.inode).or_insert(identity(header));
                assert_eq!(other, identity(header), "{}: {header:?}", first.program);
                families.entry(header.inode).or_default().insert(first.family());
            }
        }
    }
    let of_inodes: BTreeSet<u64> = inodes.values().copied().collect();
    assert_eq!(of_inodes.len(), inodes.len(), "an identity for each inode");
    let number = identities.len();
    assert!(number >= scene.sockets.len() + scene.unaccepted, "{number} identities");
    for socket in &scene.sockets {
        let families = families.get(&scene::inode(socket));
        let families = families.unwrap_or_else(|| panic!("{} is not shown", socket.as_raw_fd()));
        assert_eq!(families.len(), 1, "a socket is of one family");
    }
    say(&format!("identities: {number} sockets"));
}

/// Asserts that each group has one identity in all streams, and that identities are unique.
fn check_groups(streams: &[[Stream; 2]]) {
    let mut groups: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    let mut programs = BTreeSet::new();
    for stream in streams.iter().flatten() {
        for header in stream.headers().iter().filter(|header| header.reuseport_group != 0) {
            groups.entry(header.local_port).or_default().insert(header.reuseport_group);
            programs.insert(&stream.program);
        }
    }
    assert_eq!(groups.keys().copied().collect::<Vec<_>>(), [7001, 7002, 7003]);
    assert!(groups.values().all(|identities| identities.len() == 1), "{groups:x?}");
    let distinct: BTreeSet<&u64> = groups.values().flatten().collect();
    assert_eq!(distinct.len(), groups.len(), "{groups:x?}");
    say(&format!("identities: {} groups in streams of {programs:?}", groups.len()));
}
