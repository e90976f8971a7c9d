//! Packet sockets: compared with getsockopt(2), /proc/net/packet, and with sock_diag(7) for what
//! getsockopt(2) does not report.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{size_of, zeroed};
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};

use serde_json::{json, Value};
use socket2::{Domain, Protocol, Socket, Type};

use super::walk::{walk, Maker};
use crate::common::ebpf::Ebpf;
use crate::common::{self, scene::inode};
use crate::getsockopt::{is_answered, LOOPBACK, SECOND};
use crate::numbers::*;

/// SOCK_PACKET, which the C library deprecates.
const OLD_PACKET: i32 = 10;

/// The kinds of packet sockets. The last kind has no options of its own.
const KINDS: [(&str, i32); 3] =
    [("packet raw", SOCK_RAW), ("packet dgram", SOCK_DGRAM), ("packet old", OLD_PACKET)];

/// Opens a socket that receives packets of this type (0: none).
fn open(socket_type: i32, ethertype: u16) -> Socket {
    let protocol = Protocol::from(i32::from(ethertype.to_be()));
    let socket = Socket::new(Domain::from(AF_PACKET), Type::from(socket_type), Some(protocol));
    socket.unwrap_or_else(|error| panic!("packet socket {socket_type} {ethertype:#x}: {error}"))
}

/// Calls bind(2) with an interface (0: all).
fn bind(socket: &Socket, ethertype: u16, ifindex: i32) {
    // SAFETY: a `sockaddr_ll` consists of integers.
    let mut address: sockaddr_ll = unsafe { zeroed() };
    address.sll_family = AF_PACKET as u16;
    address.sll_protocol = ethertype.to_be();
    address.sll_ifindex = ifindex;
    let size = size_of::<sockaddr_ll>() as u32;
    // SAFETY: the pointer and the length describe `address`.
    let result = unsafe { nix::libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) };
    assert_eq!(result, 0, "bind: {}", std::io::Error::last_os_error());
}

fn set(socket: &Socket, number: i32, value: &[u32]) {
    let bytes: Vec<u8> = value.iter().flat_map(|word| word.to_ne_bytes()).collect();
    common::set_bytes(socket, SOL_PACKET, number, &bytes)
        .unwrap_or_else(|error| panic!("SOL_PACKET {number} = {value:?}: {error}"));
}

/// Returns `N` words from getsockopt(2).
fn get<const N: usize>(socket: &Socket, number: i32) -> [u32; N] {
    let mut bytes = vec![0; N * 4];
    let length =
        knetstat::kernel::syscall::getsockopt(socket.as_fd(), SOL_PACKET, number, &mut bytes);
    assert_eq!(length.expect("getsockopt"), bytes.len(), "SOL_PACKET {number}");
    let mut words = bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
    [(); N].map(|()| words.next().expect("as many words"))
}

/// Returns the row of a socket.
fn shown(socket: &Socket) -> Value {
    let rows = common::sockets("-0");
    common::find(&rows, socket).unwrap_or_else(|| panic!("not shown: {rows:#?}")).clone()
}

fn is_set(row: &Value, name: &str) -> bool {
    row["set"].as_array().expect("a list").iter().any(|set| set == name)
}

/// Returns the words of the only row of the table with this inode, and its options.
fn line(socket: &Socket, arguments: &str) -> (Vec<String>, String) {
    let text = common::stdout(&format!("-0eH {arguments}"));
    let inode = inode(socket).to_string();
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let words = lines.find(|words| words.contains(&inode.as_str()));
    let words = words.unwrap_or_else(|| panic!("no row of {inode}: {text}"));
    let options = words.last().expect("options").to_string();
    (words.into_iter().map(str::to_owned).collect(), options)
}

#[test]
fn every_option_of_packet_sockets() {
    super::enter();
    let makers = KINDS.map(|(kind, socket_type)| Maker {
        kind,
        make: Box::new(move || (open(socket_type, 0), Vec::new())),
    });
    walk("packet", "-0", &makers);
}

#[test]
fn what_is_set_is_told() {
    super::enter();
    let fresh = open(SOCK_RAW, 0);
    assert_eq!(shown(&fresh)["set"], json!([]));
    for (number, value, names) in [
        (PACKET_AUXDATA, 1, &["PACKET_AUXDATA"][..]),
        (PACKET_ORIGDEV, 1, &["PACKET_ORIGDEV"]),
        (PACKET_LOSS, 1, &["PACKET_LOSS"]),
        (PACKET_TX_HAS_OFF, 1, &["PACKET_TX_HAS_OFF"]),
        (PACKET_QDISC_BYPASS, 1, &["PACKET_QDISC_BYPASS"]),
        (PACKET_IGNORE_OUTGOING, 1, &["PACKET_IGNORE_OUTGOING"]),
        (PACKET_VNET_HDR, 1, &["PACKET_VNET_HDR", "PACKET_VNET_HDR_SZ"]),
        (PACKET_COPY_THRESH, 9, &["PACKET_COPY_THRESH"]),
        (PACKET_VERSION, 1, &["PACKET_VERSION"]),
        (PACKET_RESERVE, 64, &["PACKET_RESERVE"]),
        (PACKET_TIMESTAMP, 64, &["PACKET_TIMESTAMP"]),
    ] {
        let socket = open(SOCK_RAW, 0);
        set(&socket, number, &[value]);
        let expected: Vec<&str> =
            names.iter().copied().filter(|name| is_answered(&socket, name)).collect();
        assert_eq!(shown(&socket)["set"], json!(expected));
        set(&socket, number, &[0]);
        assert_eq!(shown(&socket)["set"], json!([]), "{names:?}");
    }
}

// Rows

/// Parses a line of /proc/net/packet, with the names of the JSON output.
fn parse(line: &str) -> Option<(u64, Value)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words.get(at)?.parse::<u64>().ok();
    let row = json!({
        "type": match number(2)? { 2 => "dgram", 3 => "raw", 10 => "packet", _ => "?" },
        "ethertype": u16::from_str_radix(words.get(3)?, 16).ok()?,
        "interface": match number(4)? { 0 => None, 1 => Some("lo"), 77 => Some("second"), _ => Some("?") },
        "recv_queue": number(6)?,
        "uid": number(7)?,
    });
    Some((number(8)?, row))
}

fn listed() -> BTreeMap<u64, Value> {
    let text = common::proc_net("packet");
    text.lines().skip(1).map(|line| parse(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

fn shown_rows() -> BTreeMap<u64, Value> {
    let mut all = BTreeMap::new();
    for row in common::sockets("-0") {
        assert_eq!((&row["protocol"], &row["state"]), (&json!("packet"), &json!("UNCONN")));
        assert_eq!((&row["remote"], &row["interface"]), (&Value::Null, &row["local"]["interface"]));
        let members = json!({
            "type": row["type"],
            "ethertype": row["local"]["ethertype"],
            "interface": row["local"]["interface"],
            "recv_queue": row["recv_queue"],
            "uid": row["uid"],
        });
        let inode = row["inode"].as_u64().expect("an inode");
        assert_eq!(all.insert(inode, members), None, "{inode} is shown twice");
    }
    all
}

#[test]
fn packet_sockets_are_those_of_proc() {
    super::enter();
    let mut sockets = Vec::new();
    for (_, socket_type) in KINDS {
        for ethertype in [0, 3, 0x0800, 0x88cc] {
            sockets.push(open(socket_type, ethertype));
        }
    }
    for (ethertype, interface) in [(3, LOOPBACK), (0x0806, SECOND), (0, SECOND)] {
        let socket = open(SOCK_RAW, 0);
        bind(&socket, ethertype, interface);
        sockets.push(socket);
    }
    // SAFETY: the descriptor is that of a socket, which stays open.
    let result = unsafe { nix::libc::fchown(sockets[0].as_raw_fd(), 4321, 0) };
    assert_eq!(result, 0, "fchown");
    let _again = sockets[1].try_clone().expect("dup");
    let elsewhere = std::thread::spawn(|| {
        common::enter_namespace();
        open(SOCK_RAW, 3)
    });
    let _elsewhere = elsewhere.join().expect("a socket of another namespace");

    let sender = UdpSocket::bind("127.0.0.1:0").expect("bind");
    sender.send_to(b"for all", sender.local_addr().expect("an address")).expect("send");
    common::wait_until("the queues are quiet", || {
        let before = listed();
        std::thread::sleep(std::time::Duration::from_millis(20));
        before == listed()
    });
    let (listed, shown) = (listed(), shown_rows());
    assert_eq!(listed.len(), sockets.len(), "the kernel lists these sockets: {listed:#?}");
    assert_eq!(shown, listed);
    let full = listed.values().filter(|row| row["recv_queue"] != 0).count();
    assert!(full > 4, "only {full} sockets have received anything");
    assert!(listed.values().any(|row| row["uid"] == 4321), "none is of another user");
}

/// Packet sockets without a descriptor: in a message, and mapped. They capture as the others do.
#[test]
fn those_without_a_descriptor_are_also_in_proc() {
    super::enter();
    if !is_walked() {
        return common::not_tested(
            "packet sockets without a descriptor: this kernel's list is not walked",
        );
    }
    let carried = open(SOCK_RAW, 3);
    let carried_inode = inode(&carried);
    let (_sender, receiver) = super::send_away(carried);
    let mapped = open(SOCK_RAW, 3);
    set(&mapped, PACKET_RX_RING, &request(&ring(8192, 4, 2048), 0));
    map(&mapped, 4 * 8192);
    let mapped_inode = inode(&mapped);
    drop(mapped);
    let held = open(SOCK_DGRAM, 3);

    let rows = common::sockets("-0p");
    let of = |inode: u64| rows.iter().find(|row| row["inode"] == inode).expect("a row");
    assert_eq!(rows.len(), listed().len());
    // Since Linux 6.0, the messages of each namespace are found.
    match common::btf_has("unix_table") {
        true => {
            assert_eq!(of(carried_inode)["carrier"], inode(&receiver));
            assert_eq!(of(carried_inode)["owner"], "in-flight");
        }
        false => assert_eq!(of(carried_inode)["owner"], "elsewhere"),
    }
    assert_eq!(of(mapped_inode)["options"]["PACKET_RX_RING"], ring(8192, 4, 2048));
    assert_eq!(of(inode(&held))["owner"], "process");
}

/// More than a call of a program reads: the list is then read in several.
#[test]
fn a_long_list_of_packet_sockets() {
    super::enter();
    let sockets: Vec<Socket> = (0..400).map(|_| open(SOCK_RAW, 0)).collect();
    let inodes: BTreeSet<u64> = sockets.iter().map(inode).collect();
    let rows = common::sockets("-0");
    let shown: Vec<u64> = rows.iter().filter_map(|row| row["inode"].as_u64()).collect();
    assert_eq!(shown.len(), inodes.len(), "some are shown twice");
    assert_eq!(shown.into_iter().collect::<BTreeSet<u64>>(), inodes);
}

/// Whether the list of packet sockets is walked.
fn is_walked() -> bool {
    common::btf_has("packet_sock")
}

#[test]
fn what_they_are_bound_to_is_worded_as_in_ss() {
    super::enter();
    for (ethertype, interface, expected) in [
        (3, SECOND, "all:second"),
        (0x0806, 0, "arp:*"),
        (0x0800, LOOPBACK, "ip:lo"),
        (0x88cc, SECOND, "0x88cc:second"),
        (0, 0, "-:*"),
    ] {
        let socket = open(SOCK_DGRAM, ethertype);
        bind(&socket, ethertype, interface);
        let (words, _) = line(&socket, "");
        assert_eq!(words[..6], ["packet", "0", "0", expected, "*", "UNCONN"]);
    }
}

#[test]
fn the_filter_knows_their_interface() {
    super::enter();
    let sniffer = open(SOCK_RAW, 3);
    bind(&sniffer, 3, SECOND);
    let _all = open(SOCK_RAW, 3);
    let shown = |interface: &str| common::sockets(&format!("-0 --interface {interface}"));
    assert_eq!(shown("lo"), [] as [Value; 0]);
    let found = shown("second");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(common::find(&found, &sniffer).is_some());
}

#[test]
fn the_interface_may_be_gone() {
    super::enter();
    let socket = open(SOCK_RAW, 3);
    bind(&socket, 3, SECOND);
    set(&socket, PACKET_ADD_MEMBERSHIP, &promiscuous(SECOND));
    common::ip("link del second");
    common::wait_until("the socket has lost its interface", || {
        common::proc_net("packet").contains(" -1 ")
    });
    let row = shown(&socket);
    assert_eq!(row["local"], json!({"ethertype": 3, "interface": "-1"}));
    assert_eq!(row["options"]["PACKET_ADD_MEMBERSHIP"], json!([]));
    assert_eq!(line(&socket, "").0[3], "all:-1");
    assert_eq!(common::stdout("-0H interface=-1").lines().count(), 1);
}

// Properties that getsockopt(2) does not report

/// include/uapi/linux/packet_diag.h
mod diag {
    pub const SHOW: u32 = 2 | 4 | 8; // MCLIST, RING_CFG, FANOUT
    pub const MCLIST: u16 = 1;
    pub const RX_RING: u16 = 2;
    pub const TX_RING: u16 = 3;
    pub const FANOUT: u16 = 4;
}

/// Returns the attributes that sock_diag(7) reports for a packet socket, by number.
fn diagnosed(socket: &Socket) -> BTreeMap<u16, Vec<u8>> {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const DUMP: u16 = 0x300 | 1; // NLM_F_DUMP, NLM_F_REQUEST
    let netlink = Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(4)));
    let netlink = netlink.expect("NETLINK_SOCK_DIAG");
    let mut request = Vec::new();
    request.extend(36u32.to_ne_bytes());
    request.extend([SOCK_DIAG_BY_FAMILY.to_ne_bytes(), DUMP.to_ne_bytes()].concat());
    request.extend([0; 8]);
    request.extend([AF_PACKET as u8, 0, 0, 0]);
    request.extend([0, diag::SHOW, u32::MAX, u32::MAX].map(u32::to_ne_bytes).concat());
    netlink.send(&request).expect("a request");
    let mut buffer = vec![0; 1 << 20];
    loop {
        // SAFETY: the pointer and the length describe `buffer`.
        let length =
            unsafe { recv(netlink.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        assert!(length > 0, "recv: {}", std::io::Error::last_os_error());
        let mut rest = &buffer[..length as usize];
        while rest.len() >= 16 {
            let length = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
            let kind = u16::from_ne_bytes(rest[4..6].try_into().unwrap());
            assert_eq!(kind, SOCK_DIAG_BY_FAMILY, "the kernel does not tell of this socket");
            // struct packet_diag_msg: family, type, number, inode, cookie
            let found = u32::from_ne_bytes(rest[20..24].try_into().unwrap());
            if u64::from(found) == inode(socket) {
                return attributes(&rest[32..length]);
            }
            rest = &rest[length.next_multiple_of(4)..];
        }
    }
}

fn attributes(mut bytes: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let mut found = BTreeMap::new();
    while bytes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        found.insert(u16::from_ne_bytes([bytes[2], bytes[3]]), bytes[4..length].to_vec());
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect()
}

/// `struct packet_mreq`
fn membership(ifindex: i32, kind: u16, address: &[u8]) -> Vec<u32> {
    let mut bytes = [ifindex.to_ne_bytes(), [0; 4], [0; 4], [0; 4]].concat();
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&(address.len() as u16).to_ne_bytes());
    bytes[8..8 + address.len()].copy_from_slice(address);
    words(&bytes)
}

fn promiscuous(ifindex: i32) -> Vec<u32> {
    membership(ifindex, 1, &[])
}

/// Returns PACKET_DIAG_MCLIST with the names of the JSON output: an index and a count, type and length, 32
/// bytes each.
fn diagnosed_memberships(socket: &Socket) -> Value {
    let list = diagnosed(socket).remove(&diag::MCLIST).unwrap_or_default();
    let entry = |entry: &[u8]| {
        let (numbers, length) = (words(entry), u16::from_ne_bytes([entry[10], entry[11]]));
        let address: Vec<String> =
            entry[12..12 + usize::from(length)].iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "mr_ifindex": numbers[0],
            "mr_type": u16::from_ne_bytes([entry[8], entry[9]]),
            "mr_alen": length,
            "mr_address": address.join(":"),
            "count": numbers[1],
        })
    };
    list.chunks_exact(44).map(entry).collect()
}

/// Returns the number of requests for promiscuous mode that ip(8) reports.
fn promiscuity(interface: &str) -> u32 {
    let output = std::process::Command::new("ip").args(["-d", "link", "show", interface]).output();
    let text = String::from_utf8(output.expect("ip(8)").stdout).expect("UTF-8");
    let (_, after) = text.split_once("promiscuity ").expect("the promiscuity");
    after.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

#[test]
fn memberships_are_those_that_the_kernel_has() {
    const STP: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];
    const OWN: [u8; 6] = [0x02, 0, 0, 0, 0, 7];
    super::enter();
    let socket = open(SOCK_RAW, 3);
    let empty = shown(&socket);
    assert_eq!(empty["options"]["PACKET_ADD_MEMBERSHIP"], json!([]));
    assert!(!is_set(&empty, "PACKET_ADD_MEMBERSHIP"));

    set(&socket, PACKET_ADD_MEMBERSHIP, &promiscuous(SECOND));
    set(&socket, PACKET_ADD_MEMBERSHIP, &promiscuous(SECOND));
    assert_eq!(promiscuity("second"), 1);
    assert_eq!(promiscuity("third"), 0);
    set(&socket, PACKET_ADD_MEMBERSHIP, &membership(LOOPBACK, 2, &[]));
    set(&socket, PACKET_ADD_MEMBERSHIP, &membership(SECOND, 0, &STP));
    set(&socket, PACKET_ADD_MEMBERSHIP, &membership(SECOND, 3, &OWN));
    let row = shown(&socket);
    let kernel = diagnosed_memberships(&socket);
    assert_eq!(kernel.as_array().map(Vec::len), Some(4), "{kernel:#}");
    assert_eq!(row["options"]["PACKET_ADD_MEMBERSHIP"], kernel);
    assert!(is_set(&row, "PACKET_ADD_MEMBERSHIP"));

    let (_, text) = line(&socket, "-O add_membership");
    let expected = "PACKET_ADD_MEMBERSHIP=UNICAST:02:00:00:00:00:07%second\
        |MULTICAST:01:80:c2:00:00:00%second|ALLMULTI%lo|PROMISC%second*2";
    assert_eq!(text, expected);

    // A device without a unicast filter becomes promiscuous for the second address, too.
    set(&socket, PACKET_DROP_MEMBERSHIP, &membership(SECOND, 3, &OWN));
    set(&socket, PACKET_DROP_MEMBERSHIP, &promiscuous(SECOND));
    set(&socket, PACKET_DROP_MEMBERSHIP, &promiscuous(SECOND));
    assert_eq!(shown(&socket)["options"]["PACKET_ADD_MEMBERSHIP"], diagnosed_memberships(&socket));
    assert_eq!(promiscuity("second"), 0);
}

/// A common question: which process made this interface promiscuous?
#[test]
fn who_holds_an_interface_in_promiscuous_mode() {
    super::enter();
    let _bystander = open(SOCK_RAW, 3);
    let socket = open(SOCK_DGRAM, 3);
    set(&socket, PACKET_ADD_MEMBERSHIP, &promiscuous(SECOND));
    let text = common::stdout("-0pH");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("PROMISC%second")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains(&format!(" {}/", std::process::id())), "{text}");
}

/// A list that exceeds the size of a record is cut, and marked as such.
#[test]
fn a_long_list_of_memberships() {
    super::enter();
    let socket = open(SOCK_RAW, 3);
    let address = |n: u16| [1, 0, 0x5e, 0, (n >> 8) as u8, n as u8];
    let count = |row: &Value| {
        let list = row["options"]["PACKET_ADD_MEMBERSHIP"].as_array().expect("a list").clone();
        (list.len(), list.last().is_some_and(|last| last["more"] == true), list)
    };
    for n in 0..20 {
        set(&socket, PACKET_ADD_MEMBERSHIP, &membership(SECOND, 0, &address(n)));
    }
    let (length, more, list) = count(&shown(&socket));
    assert_eq!((length, more), (20, false));
    assert_eq!(Value::from(list), diagnosed_memberships(&socket));

    for n in 20..1000 {
        set(&socket, PACKET_ADD_MEMBERSHIP, &membership(SECOND, 0, &address(n)));
    }
    let (length, more, mut list) = count(&shown(&socket));
    assert!((20..1000).contains(&length) && more, "{length} of 1000, more: {more}");
    list.last_mut().and_then(Value::as_object_mut).map(|last| last.remove("more"));
    // A message of sock_diag has no room for so many. They are compared with the values that were set.
    for (n, entry) in (0..1000).rev().zip(list) {
        let bytes = address(n).map(|byte| format!("{byte:02x}")).join(":");
        assert_eq!((&entry["mr_address"], &entry["count"]), (&json!(bytes), &json!(1)));
    }
    assert!(line(&socket, "-O add_membership").1.ends_with("|..."));
}

// Rings

/// Returns `struct tpacket_req` as in the JSON output.
fn ring(block_size: u32, blocks: u32, frame_size: u32) -> Value {
    json!({
        "tp_block_size": block_size,
        "tp_block_nr": blocks,
        "tp_frame_size": frame_size,
        "tp_frame_nr": block_size / frame_size * blocks,
    })
}

/// Returns the same for setsockopt(2). `struct tpacket_req3` has three more members.
fn request(ring: &Value, version: u32) -> Vec<u32> {
    let names = ["tp_block_size", "tp_block_nr", "tp_frame_size", "tp_frame_nr"];
    let mut words = names.map(|name| ring[name].as_u64().expect("a number") as u32).to_vec();
    if version == 2 {
        words.extend([0; 3]);
    }
    words
}

/// Maps the rings of a socket with mmap(2), which is not required for their options to be shown.
fn map(socket: &Socket, length: usize) {
    // SAFETY: the kernel chooses an unused address.
    let address =
        unsafe { mmap(std::ptr::null_mut(), length, PROT_READ, MAP_SHARED, socket.as_raw_fd(), 0) };
    assert_ne!(address, MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
}

#[test]
fn rings_are_those_that_were_set() {
    super::enter();
    for version in 0..3 {
        let socket = open(SOCK_RAW, 3);
        set(&socket, PACKET_VERSION, &[version]);
        let (rx, tx) = (ring(8192, 4, 2048), ring(4096, 2, 1024));
        set(&socket, PACKET_RX_RING, &request(&rx, version));
        set(&socket, PACKET_TX_RING, &request(&tx, version));
        map(&socket, 4 * 8192 + 2 * 4096);

        let row = shown(&socket);
        for (name, asked, attribute) in
            [("PACKET_RX_RING", &rx, diag::RX_RING), ("PACKET_TX_RING", &tx, diag::TX_RING)]
        {
            assert_eq!(&row["options"][name], asked, "{name} of version {version}");
            assert!(is_set(&row, name), "{name}");
            let kernel = words(&diagnosed(&socket)[&attribute]);
            assert_eq!(kernel[..4], request(asked, 0), "{name} of version {version}");
        }
        let (_, text) = line(&socket, "-O rx_ring,version");
        let expected = "PACKET_RX_RING=tp_block_size:8192|tp_block_nr:4|tp_frame_size:2048\
            |tp_frame_nr:16,PACKET_VERSION=TPACKET_V";
        assert_eq!(text, format!("{expected}{}", version + 1));
    }
}

#[test]
fn a_ring_that_was_given_back_is_none() {
    super::enter();
    let socket = open(SOCK_RAW, 3);
    let none = json!({"tp_block_size": 0, "tp_block_nr": 0, "tp_frame_size": 0, "tp_frame_nr": 0});
    set(&socket, PACKET_RX_RING, &request(&ring(4096, 8, 2048), 0));
    assert_eq!(shown(&socket)["options"]["PACKET_RX_RING"], ring(4096, 8, 2048));
    set(&socket, PACKET_RX_RING, &[0; 4]);
    let row = shown(&socket);
    assert_eq!(row["options"]["PACKET_RX_RING"], none);
    assert_eq!(row["options"]["PACKET_TX_RING"], none);
    assert_eq!(row["set"], json!([]));
}

// Fanout

const HASH: u32 = 0;
const CBPF: u32 = 6;
const EBPF: u32 = 7;
const FLAG_ROLLOVER: u32 = 0x1000;
const FLAG_DEFRAG: u32 = 0x8000;

fn join(number: u32, type_flags: u32) -> Socket {
    let socket = open(SOCK_RAW, 3);
    bind(&socket, 3, SECOND);
    set(&socket, PACKET_FANOUT, &[number | type_flags << 16]);
    socket
}

#[test]
fn fanout_groups() {
    super::enter();
    let alone = open(SOCK_RAW, 3);
    assert_eq!(shown(&alone)["options"]["PACKET_FANOUT"], 0);
    assert_eq!(line(&alone, "-O fanout").1, "PACKET_FANOUT=-");
    let cases = [
        (0, HASH, "id:0|HASH"),
        (7, 1, "id:7|LB"),
        (65_535, 2 | FLAG_DEFRAG, "id:65535|CPU|FLAG_DEFRAG"),
        (9, 3, "id:9|ROLLOVER"),
        (10, 4, "id:10|RND"),
        (11, 5 | FLAG_ROLLOVER | FLAG_DEFRAG, "id:11|QM|FLAG_ROLLOVER|FLAG_DEFRAG"),
        (12, CBPF, "id:12|CBPF"),
        (13, 7, "id:13|EBPF"),
    ];
    for (number, type_flags, text) in cases {
        let members = [join(number, type_flags), join(number, type_flags)];
        for member in &members {
            let row = shown(member);
            let [answer] = get(member, PACKET_FANOUT);
            assert_eq!(row["options"]["PACKET_FANOUT"], answer, "{text}");
            assert_eq!(words(&diagnosed(member)[&diag::FANOUT]), [answer & 0xff_ffff], "{text}");
            assert!(is_set(&row, "PACKET_FANOUT"), "{text}");
            assert_eq!(line(member, "-O fanout").1, format!("PACKET_FANOUT={text}"));
        }
    }
}

/// The program that chooses among the sockets of a group, which getsockopt(2) does not report: it is
/// compared with what was set. Groups of another type store a counter in its place.
#[test]
fn programs_of_fanout_groups() {
    super::enter();
    let none = json!({"kind": "none", "instructions": 0});
    let alone = open(SOCK_RAW, 3);
    assert_eq!(shown(&alone)["options"]["PACKET_FANOUT_DATA"], none);
    for (number, type_flags) in
        [(1, HASH), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 7), (8, CBPF)]
    {
        let member = open(SOCK_RAW, 3);
        bind(&member, 3, LOOPBACK);
        set(&member, PACKET_FANOUT, &[number | type_flags << 16]);
        send(9);
        let row = shown(&member);
        assert_eq!(row["options"]["PACKET_FANOUT_DATA"], none, "{type_flags}");
        assert!(!is_set(&row, "PACKET_FANOUT_DATA"), "{type_flags}");
    }
    let member = join(9, CBPF);
    common::attach_return(&member, SOL_PACKET, PACKET_FANOUT_DATA, 0).expect("PACKET_FANOUT_DATA");
    let row = shown(&member);
    assert_eq!(row["options"]["PACKET_FANOUT_DATA"], json!({"kind": "classic"}));
    assert!(is_set(&row, "PACKET_FANOUT_DATA"));
    let text = line(&member, "-O PACKET_FANOUT_DATA").1;
    assert_eq!(text, "PACKET_FANOUT_DATA=classic");

    // The name that is also that of the program in a virtual machine, which has no compiler.
    let ebpf = Ebpf::socket_filter("pass");
    let member = join(10, EBPF);
    let descriptor = ebpf.descriptor();
    common::set_bytes(&member, SOL_PACKET, PACKET_FANOUT_DATA, &descriptor).expect("a program");
    assert_eq!(shown(&member)["options"]["PACKET_FANOUT_DATA"], ebpf.json());
    let text = line(&member, "-O PACKET_FANOUT_DATA").1;
    assert_eq!(text, format!("PACKET_FANOUT_DATA=ebpf:id{}/pass", ebpf.id()));
}

// Counters

/// Sends `count` datagrams over the loopback interface.
fn send(count: usize) {
    let sender = UdpSocket::bind("127.0.0.1:0").expect("bind");
    let to = sender.local_addr().expect("an address");
    for _ in 0..count {
        sender.send_to(&[7; 1000], to).expect("send");
    }
}

#[test]
fn statistics_are_shown_and_not_cleared() {
    super::enter();
    for version in 0..3 {
        let socket = open(SOCK_RAW, 3);
        set(&socket, PACKET_VERSION, &[version]);
        bind(&socket, 3, LOOPBACK);
        common::set(&socket, SOL_SOCKET, SO_RCVBUF, 4096).expect("SO_RCVBUF");
        send(50);
        let first = shown(&socket)["options"]["PACKET_STATISTICS"].clone();
        let second = shown(&socket)["options"]["PACKET_STATISTICS"].clone();
        assert_eq!(first, second);
        let answer = match version {
            2 => {
                let [packets, drops, freezes] = get(&socket, PACKET_STATISTICS);
                json!({"tp_packets": packets, "tp_drops": drops, "tp_freeze_q_cnt": freezes})
            }
            _ => {
                let [packets, drops] = get(&socket, PACKET_STATISTICS);
                json!({"tp_packets": packets, "tp_drops": drops})
            }
        };
        assert_eq!(first, answer);
        let number = |name: &str| answer[name].as_u64().expect("a number");
        assert!(number("tp_drops") > 0 && number("tp_packets") > number("tp_drops"), "{answer}");
        // getsockopt(2) has cleared the counters.
        let row = shown(&socket);
        assert_eq!(row["options"]["PACKET_STATISTICS"]["tp_packets"], 0);
        assert!(!is_set(&row, "PACKET_STATISTICS"));
    }
}

/// A ring of version 3 is frozen when all its blocks are full.
#[test]
fn a_frozen_ring_is_counted() {
    super::enter();
    let socket = open(SOCK_RAW, 3);
    set(&socket, PACKET_VERSION, &[2]);
    set(&socket, PACKET_RX_RING, &request(&ring(4096, 2, 2048), 2));
    bind(&socket, 3, LOOPBACK);
    send(50);
    let shown = shown(&socket)["options"]["PACKET_STATISTICS"].clone();
    let [packets, drops, freezes] = get(&socket, PACKET_STATISTICS);
    assert!(freezes > 0, "the ring was never full");
    assert_eq!(
        shown,
        json!({"tp_packets": packets, "tp_drops": drops, "tp_freeze_q_cnt": freezes})
    );
}

#[test]
fn rollovers_are_counted() {
    super::enter();
    let members: Vec<Socket> = (0..2)
        .map(|_| {
            let socket = open(SOCK_RAW, 3);
            bind(&socket, 3, LOOPBACK);
            common::set(&socket, SOL_SOCKET, SO_RCVBUF, 8192).expect("SO_RCVBUF");
            set(&socket, PACKET_FANOUT, &[5 | (1 | FLAG_ROLLOVER) << 16]);
            socket
        })
        .collect();
    send(50);
    let mut all = 0;
    for member in &members {
        let [all_low, all_high, huge, _, failed, _] = get::<6>(member, PACKET_ROLLOVER_STATS);
        assert_eq!(all_high, 0);
        let answer = json!({"tp_all": all_low, "tp_huge": huge, "tp_failed": failed});
        assert_eq!(shown(member)["options"]["PACKET_ROLLOVER_STATS"], answer);
        all += all_low + failed;
    }
    assert!(all > 0, "nothing was rolled over");

    // Without the flag, getsockopt(2) fails with EINVAL.
    let other = join(6, HASH);
    let mut buffer = [0; 24];
    let answer = knetstat::kernel::syscall::getsockopt(
        other.as_fd(),
        SOL_PACKET,
        PACKET_ROLLOVER_STATS,
        &mut buffer,
    );
    assert_eq!(answer.map_err(|error| error.raw_os_error()), Err(Some(EINVAL)));
    assert_eq!(shown(&other)["options"].get("PACKET_ROLLOVER_STATS"), None);
}
