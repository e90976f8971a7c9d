//! SCTP sockets. Where the kernel has no SCTP, which a test says aloud, this compares nothing: the
//! kernels of `make test-kernels` have it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, FromRawFd};

use nix::errno::Errno;
use serde_json::{json, Value};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::walk::{walk, walk_with, Maker, Tally};
use crate::common::{self, not_tested, scene::inode};
use crate::getsockopt::{structure, Layout, Row, Setting, Values};

const SOL_SCTP: i32 = 132;
const SCTP: Protocol = Protocol::SCTP;

/// Whether this kernel has SCTP. When it has not, knetstat must not show any.
fn enter() -> bool {
    super::enter();
    match Socket::new(Domain::IPV4, Type::STREAM, Some(SCTP)) {
        Ok(_) => return true,
        Err(error) => {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            assert_eq!(errno, Errno::EPROTONOSUPPORT, "socket: {error}");
        }
    }
    let protocols = fs::read_to_string("/proc/net/protocols").expect("/proc");
    assert!(!protocols.contains("SCTP"), "/proc/net/protocols has SCTP: {protocols}");
    assert_eq!(common::stdout("--sctp -H"), "");
    assert_eq!(common::sockets("--sctp -p"), [] as [Value; 0]);
    let options = common::stdout("options");
    let line = options.lines().find(|line| line.starts_with("SCTP_NODELAY "));
    assert!(line.is_some_and(|line| !line.ends_with("yes")), "the kernel has it? {line:?}");
    not_tested("SCTP, which this kernel does not have; those of `make test-kernels` do");
    false
}

// Options

macro_rules! row {
    ($number:literal $name:ident, $layout:expr, $values:expr) => {
        Row {
            name: stringify!($name),
            level: SOL_SCTP,
            number: $number,
            layout: $layout,
            values: $values,
        }
    };
}

use Layout::{Inside, Int, Members, Port, Uint};
use Values::{Flag, Ints, Made};

/// `struct sctp_assoc_value`
const ASSOC_VALUE: Layout = Inside(4, 8);

/// The options of SCTP, as include/uapi/linux/sctp.h lays them out.
#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    row!(0 SCTP_RTOINFO, Members(&[("srto_initial", 4, 4), ("srto_max", 8, 4), ("srto_min", 12, 4)], 16), Made(retransmissions)),
    row!(1 SCTP_ASSOCINFO, Members(&[("sasoc_asocmaxrxt", 4, 2), ("sasoc_number_peer_destinations", 6, 2), ("sasoc_peer_rwnd", 8, 4), ("sasoc_local_rwnd", 12, 4), ("sasoc_cookie_life", 16, 4)], 20), Made(associations)),
    row!(2 SCTP_INITMSG, Members(&[("sinit_num_ostreams", 0, 2), ("sinit_max_instreams", 2, 2), ("sinit_max_attempts", 4, 2), ("sinit_max_init_timeo", 6, 2)], 8), Made(beginnings)),
    row!(3 SCTP_NODELAY, Int, Flag),
    row!(4 SCTP_AUTOCLOSE, Int, Ints(&[5, 0, 100_000, i32::MAX, -1])),
    row!(7 SCTP_ADAPTATION_LAYER, Uint, Ints(&[7, -1, 0])),
    row!(8 SCTP_DISABLE_FRAGMENTS, Int, Flag),
    row!(9 SCTP_PEER_ADDR_PARAMS, Members(&[("spp_hbinterval", 132, 4), ("spp_pathmaxrxt", 136, 2), ("spp_pathmtu", 138, 4), ("spp_sackdelay", 142, 4), ("spp_flags", 146, 4), ("spp_ipv6_flowlabel", 150, 4), ("spp_dscp", 154, 1)], 156), Made(paths)),
    row!(10 SCTP_DEFAULT_SEND_PARAM, Members(&[("sinfo_stream", 0, 2), ("sinfo_flags", 4, 2), ("sinfo_ppid", 8, 4), ("sinfo_context", 12, 4), ("sinfo_timetolive", 16, 4)], 32), Made(send_params)),
    row!(11 SCTP_EVENTS, Members(&[("sctp_data_io_event", 0, 1), ("sctp_association_event", 1, 1), ("sctp_address_event", 2, 1), ("sctp_send_failure_event", 3, 1), ("sctp_peer_error_event", 4, 1), ("sctp_shutdown_event", 5, 1), ("sctp_partial_delivery_event", 6, 1), ("sctp_adaptation_layer_event", 7, 1), ("sctp_authentication_event", 8, 1), ("sctp_sender_dry_event", 9, 1), ("sctp_stream_reset_event", 10, 1), ("sctp_assoc_reset_event", 11, 1), ("sctp_stream_change_event", 12, 1), ("sctp_send_failure_event_event", 13, 1)], 14), Made(events)),
    row!(12 SCTP_I_WANT_MAPPED_V4_ADDR, Int, Flag),
    row!(13 SCTP_MAXSEG, ASSOC_VALUE, Made(|| assoc_values("SCTP_MAXSEG", 13, &[1000, 0]))),
    row!(16 SCTP_DELAYED_SACK, Members(&[("sack_delay", 4, 4), ("sack_freq", 8, 4)], 12), Made(acknowledgements)),
    row!(17 SCTP_CONTEXT, ASSOC_VALUE, Made(|| assoc_values("SCTP_CONTEXT", 17, &[7, u32::MAX, 0]))),
    row!(18 SCTP_FRAGMENT_INTERLEAVE, Int, Flag),
    row!(19 SCTP_PARTIAL_DELIVERY_POINT, Uint, Ints(&[1000, 0, i32::MAX])),
    row!(20 SCTP_MAX_BURST, ASSOC_VALUE, Made(|| assoc_values("SCTP_MAX_BURST", 20, &[9, 0]))),
    // Only a socket that is bound to every address takes it.
    row!(30 SCTP_AUTO_ASCONF, Int, Ints(&[1])),
    row!(31 SCTP_PEER_ADDR_THLDS, Members(&[("spt_pathmaxrxt", 136, 2), ("spt_pathpfthld", 138, 2)], 144), Made(|| thresholds("SCTP_PEER_ADDR_THLDS", 31))),
    row!(32 SCTP_RECVRCVINFO, Int, Flag),
    row!(33 SCTP_RECVNXTINFO, Int, Flag),
    row!(34 SCTP_DEFAULT_SNDINFO, Members(&[("snd_sid", 0, 2), ("snd_flags", 2, 2), ("snd_ppid", 4, 4), ("snd_context", 8, 4)], 16), Made(send_infos)),
    row!(36 SCTP_REUSE_PORT, Int, Flag),
    row!(37 SCTP_PEER_ADDR_THLDS_V2, Members(&[("spt_pathmaxrxt", 136, 2), ("spt_pathpfthld", 138, 2), ("spt_pathcpthld", 140, 2)], 144), Made(|| thresholds("SCTP_PEER_ADDR_THLDS_V2", 37))),
    row!(113 SCTP_PR_SUPPORTED, ASSOC_VALUE, Made(|| assoc_values("SCTP_PR_SUPPORTED", 113, &[0, 1]))),
    row!(114 SCTP_DEFAULT_PRINFO, Members(&[("pr_value", 4, 4), ("pr_policy", 8, 2)], 12), Made(policies)),
    row!(117 SCTP_RECONFIG_SUPPORTED, ASSOC_VALUE, Made(|| assoc_values("SCTP_RECONFIG_SUPPORTED", 117, &[1, 0]))),
    row!(118 SCTP_ENABLE_STREAM_RESET, ASSOC_VALUE, Made(|| assoc_values("SCTP_ENABLE_STREAM_RESET", 118, &[7, 1, 2, 4, 0]))),
    row!(123 SCTP_STREAM_SCHEDULER, ASSOC_VALUE, Made(|| assoc_values("SCTP_STREAM_SCHEDULER", 123, &[1, 2, 3, 4, 0]))),
    row!(125 SCTP_INTERLEAVING_SUPPORTED, ASSOC_VALUE, Values::Fixed),
    row!(128 SCTP_ASCONF_SUPPORTED, ASSOC_VALUE, Made(|| assoc_values("SCTP_ASCONF_SUPPORTED", 128, &[1, 0]))),
    row!(129 SCTP_AUTH_SUPPORTED, ASSOC_VALUE, Made(|| assoc_values("SCTP_AUTH_SUPPORTED", 129, &[1, 0]))),
    row!(130 SCTP_ECN_SUPPORTED, ASSOC_VALUE, Made(|| assoc_values("SCTP_ECN_SUPPORTED", 130, &[0, 1]))),
    row!(131 SCTP_EXPOSE_POTENTIALLY_FAILED_STATE, ASSOC_VALUE, Made(|| assoc_values("SCTP_EXPOSE_POTENTIALLY_FAILED_STATE", 131, &[2, 1, 0]))),
    row!(132 SCTP_REMOTE_UDP_ENCAPS_PORT, Port(136, 144), Made(encapsulations)),
    row!(133 SCTP_PLPMTUD_PROBE_INTERVAL, Inside(136, 144), Made(probes)),
];

/// What knetstat does not know of such sockets: the scheduler of an association is a place in the
/// module's memory.
pub fn is_hidden(name: &str, kind: &str) -> bool {
    name == "SCTP_STREAM_SCHEDULER" && ASSOCIATED.contains(&kind)
}

/// What both ends have agreed upon; setting it is for the next association.
pub fn is_agreed(name: &str, kind: &str) -> bool {
    name.ends_with("_SUPPORTED") && ASSOCIATED.contains(&kind)
}

/// The kinds whose sockets have but one association.
const ASSOCIATED: [&str; 5] =
    ["sctp client", "sctp server", "sctp6 client", "sctp6 server", "sctp peeled off"];

/// Those that nothing was done with.
const NEW: [&str; 4] = ["sctp", "sctp6", "sctp many", "sctp6 many"];

fn set(name: &'static str, number: i32, value: Vec<u8>) -> Setting {
    Setting { name, level: SOL_SCTP, number, value, late: false }
}

fn assoc_values(name: &'static str, number: i32, values: &[u32]) -> Vec<Setting> {
    let value = |value: &u32| [[0; 4], value.to_ne_bytes()].concat();
    values.iter().map(|number_| set(name, number, value(number_))).collect()
}

/// Numbers of 32 bits behind the association.
fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    let words = words.into_iter().flat_map(u32::to_ne_bytes);
    [0; 4].into_iter().chain(words).collect()
}

fn shorts<const N: usize>(shorts: [u16; N]) -> Vec<u8> {
    shorts.into_iter().flat_map(u16::to_ne_bytes).collect()
}

fn retransmissions() -> Vec<Setting> {
    let times = [[2000, 50_000, 500], [0, 70_000, 0], [1004, 1004, 1004], [3001, 60_003, 1002]];
    times.map(|times| set("SCTP_RTOINFO", 0, words(times))).into()
}

fn associations() -> Vec<Setting> {
    let set = |most: u16, life| set("SCTP_ASSOCINFO", 1, words([most.into(), 0, 0, life]));
    vec![set(1, 30_000), set(0, 12_345), set(1, 0)]
}

fn beginnings() -> Vec<Setting> {
    let values = [[3, 5, 2, 1000], [0, 0, 0, u16::MAX], [u16::MAX, u16::MAX, u16::MAX, 0]];
    values.map(|values| set("SCTP_INITMSG", 2, shorts(values))).into()
}

/// An address of 128 bytes that is none, behind an association that is none; packed or not.
fn nowhere(packed: bool) -> Vec<u8> {
    vec![0; if packed { 132 } else { 136 }]
}

fn paths() -> Vec<Setting> {
    let set = |interval: u32, most: u16, mtu: u32, delay: u32, flags: u32, label: u32, dscp: u8| {
        let value = structure([
            &nowhere(true),
            &interval.to_ne_bytes(),
            &most.to_ne_bytes(),
            &mtu.to_ne_bytes(),
            &delay.to_ne_bytes(),
            &flags.to_ne_bytes(),
            &label.to_ne_bytes(),
            &[dscp, 0],
        ]);
        set("SCTP_PEER_ADDR_PARAMS", 9, value)
    };
    vec![
        set(5000, 7, 0, 0, 1, 0, 0),
        set(0, 0, 0, 0, 1 | 1 << 7, 0, 0),
        set(0, 0, 0, 0, 2, 0, 0),
        set(0, 0, 1000, 0, 1 << 4, 0, 0),
        set(0, 0, 0, 300, 1 << 5, 0, 0),
        set(0, 0, 0, 0, 1 << 6, 0, 0),
        set(0, 0, 0, 0, 1 << 8, 0x12345, 0),
        set(0, 0, 0, 0, 1 << 9, 0, 0xb8),
        set(0, 0, 0, 0, 1 << 8 | 1 << 9, 0, 0),
    ]
}

fn send_params() -> Vec<Setting> {
    let set = |stream: u16, flags: u16, numbers: [u32; 3]| {
        let value = structure([&shorts([stream, 0, flags, 0]), &words(numbers)[4..], &[0; 12]]);
        set("SCTP_DEFAULT_SEND_PARAM", 10, value)
    };
    vec![set(3, 1, [7, 8, 9]), set(u16::MAX, 0x11, [u32::MAX; 3]), set(0, 0, [0; 3])]
}

fn send_infos() -> Vec<Setting> {
    let set = |stream: u16, flags: u16, numbers: [u32; 2]| {
        let value = structure([&shorts([stream, flags]), &words(numbers)[4..], &[0; 4]]);
        set("SCTP_DEFAULT_SNDINFO", 34, value)
    };
    vec![set(2, 1, [7, 8]), set(u16::MAX, 8, [u32::MAX; 2]), set(0, 0, [0; 2])]
}

/// Each event alone, and all.
fn events() -> Vec<Setting> {
    let one = |at: usize| (0..14).map(|n| u8::from(n == at)).collect();
    (0..14)
        .map(one)
        .chain([vec![1; 14], vec![0; 14]])
        .map(|it| set("SCTP_EVENTS", 11, it))
        .collect()
}

fn acknowledgements() -> Vec<Setting> {
    let values = [[300, 3], [0, 1], [500, 0], [0, 5]];
    values.map(|value| set("SCTP_DELAYED_SACK", 16, words(value))).into()
}

fn thresholds(name: &'static str, number: i32) -> Vec<Setting> {
    let set = |numbers| set(name, number, structure([&nowhere(false), &shorts(numbers)]));
    vec![set([3, 1, 0xffff, 0]), set([10, 10, 12, 0]), set([0, 0, 0xffff, 0])]
}

fn policies() -> Vec<Setting> {
    let set = |value: u32, policy: u16| {
        let value = structure([&words([value]), &shorts([policy, 0])]);
        set("SCTP_DEFAULT_PRINFO", 114, value)
    };
    vec![set(5000, 0x10), set(3, 0x20), set(u32::MAX, 0x30), set(9, 0)]
}

fn encapsulations() -> Vec<Setting> {
    let value = |port: u16| structure([&nowhere(false), &port.to_be_bytes(), &[0; 6]]);
    [9899, 1, u16::MAX, 0].map(|port| set("SCTP_REMOTE_UDP_ENCAPS_PORT", 132, value(port))).into()
}

fn probes() -> Vec<Setting> {
    let value = |time: u32| structure([&nowhere(false), &time.to_ne_bytes(), &[0; 4]]);
    let times = [5000, 30_001, 0];
    times.map(|time| set("SCTP_PLPMTUD_PROBE_INTERVAL", 133, value(time))).into()
}

// Sockets

fn open(domain: Domain, socket_type: Type) -> Socket {
    let socket = Socket::new(domain, socket_type, Some(SCTP));
    socket.unwrap_or_else(|error| panic!("socket {domain:?} {socket_type:?}: {error}"))
}

fn loopback(domain: Domain) -> SocketAddr {
    match domain {
        Domain::IPV4 => (Ipv4Addr::LOCALHOST, 0).into(),
        _ => (Ipv6Addr::LOCALHOST, 0).into(),
    }
}

fn bound(domain: Domain, socket_type: Type, address: SocketAddr) -> Socket {
    let socket = open(domain, socket_type);
    socket.bind(&SockAddr::from(address)).unwrap_or_else(|error| panic!("bind: {error}"));
    socket
}

fn listening(domain: Domain, socket_type: Type) -> Socket {
    let socket = bound(domain, socket_type, loopback(domain));
    socket.listen(5).expect("listen");
    socket
}

/// Who connected, who accepted that, and who listens.
fn connected(domain: Domain) -> [Socket; 3] {
    let listener = listening(domain, Type::STREAM);
    let client = open(domain, Type::STREAM);
    let address = listener.local_addr().expect("an address");
    client.connect(&address).unwrap_or_else(|error| panic!("connect: {error}"));
    let (server, _) = listener.accept().expect("accept");
    [client, server, listener]
}

/// A socket of many associations that has one, with the other end of that.
fn many(domain: Domain) -> [Socket; 2] {
    let listener = listening(domain, Type::SEQPACKET);
    let client = open(domain, Type::SEQPACKET);
    let address = listener.local_addr().expect("an address");
    client.connect(&address).unwrap_or_else(|error| panic!("connect: {error}"));
    [client, listener]
}

/// A socket to which the only association of another was moved: SCTP_SOCKOPT_PEELOFF
fn peeled_off() -> [Socket; 3] {
    const PEELOFF: i32 = 102;
    const ASSOCIATIONS: i32 = 29;
    let [client, listener] = many(Domain::IPV4);
    let mut list = [0; 8]; // how many there are, and the first
    let size =
        knetstat::kernel::syscall::getsockopt(client.as_fd(), SOL_SCTP, ASSOCIATIONS, &mut list);
    assert_eq!(size.expect("SCTP_GET_ASSOC_ID_LIST"), 8);
    let mut request = [0; 8]; // the association, and the new descriptor
    request[..4].copy_from_slice(&list[4..]);
    let (fd, mut size) = (common::number(&client), 8);
    // This one returns the descriptor.
    // SAFETY: the pointers are to these two, and the size is that of the request.
    let descriptor = unsafe {
        nix::libc::getsockopt(fd, SOL_SCTP, PEELOFF, request.as_mut_ptr().cast(), &mut size)
    };
    assert!(descriptor > 0, "SCTP_SOCKOPT_PEELOFF: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made the descriptor, and nobody else knows of it.
    [unsafe { Socket::from_raw_fd(descriptor) }, client, listener]
}

fn makers() -> Vec<Maker> {
    const V4: Domain = Domain::IPV4;
    const V6: Domain = Domain::IPV6;
    fn maker(kind: &'static str, make: impl Fn() -> Vec<Socket> + 'static) -> Maker {
        let make = move || {
            let mut sockets = make();
            (sockets.remove(0), sockets)
        };
        Maker { kind, make: Box::new(make) }
    }
    let any = || SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let any6 = || SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    vec![
        maker("sctp", || vec![open(V4, Type::STREAM)]),
        maker("sctp6", || vec![open(V6, Type::STREAM)]),
        maker("sctp many", || vec![open(V4, Type::SEQPACKET)]),
        maker("sctp6 many", || vec![open(V6, Type::SEQPACKET)]),
        maker("sctp bound", move || vec![bound(V4, Type::STREAM, any())]),
        maker("sctp6 many bound", move || vec![bound(V6, Type::SEQPACKET, any6())]),
        maker("sctp listener", || vec![listening(V4, Type::STREAM)]),
        maker("sctp client", || connected(V4).into()),
        maker("sctp server", || {
            let [client, server, listener] = connected(V4);
            vec![server, client, listener]
        }),
        maker("sctp6 client", || connected(V6).into()),
        maker("sctp6 server", || {
            let [client, server, listener] = connected(V6);
            vec![server, client, listener]
        }),
        maker("sctp many associated", || many(V4).into()),
        maker("sctp peeled off", || peeled_off().into()),
    ]
}

#[test]
fn every_option_of_sctp_sockets() {
    if !enter() {
        return;
    }
    // The others are new ones too, as far as options of other levels are concerned.
    let (new, others): (Vec<_>, Vec<_>) =
        makers().into_iter().partition(|it| NEW.contains(&it.kind));
    walk("sctp", "--sctp", &new);
    walk_with("sctp in use", "--sctp", &others, |setting| setting.level == SOL_SCTP);
}

/// The sockets of associations with options that both ends must agree upon.
#[test]
fn options_that_a_namespace_allows() {
    if !enter() {
        return;
    }
    for name in ["intl_enable", "addip_enable", "auth_enable", "reconf_enable", "ecn_enable"] {
        let path = format!("net/sctp/{name}");
        // Newer than the oldest kernel.
        if fs::exists(format!("/proc/sys/{path}")).is_ok_and(|exists| exists) {
            common::sysctl(&path, "1");
        }
    }
    let mut tally = Tally::default();
    let subjects: Vec<_> = makers().iter().map(Maker::subject).collect();
    tally.compare("--sctp", &subjects);
    tally.finish("sctp with everything allowed");
}

// Rows

/// What the kernel lists of listeners and associations, by inode: /proc/net/sctp/eps, assocs.
fn listed() -> BTreeMap<u64, Value> {
    let mut all = BTreeMap::new();
    let read = |name| common::proc_net(&format!("sctp/{name}"));
    for line in read("eps").lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let row = json!({
            "state": state(words[3]),
            "port": number(words[5]),
            "uid": number(words[6]),
            "addresses": addresses(&words[8..]),
        });
        all.insert(number(words[7]), row);
    }
    for line in read("assocs").lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let remote = words.iter().position(|word| *word == "<->").expect("two ends");
        let row = json!({
            "state": state(words[3]),
            "send_queue": number(words[7]),
            "recv_queue": number(words[8]),
            "uid": number(words[9]),
            "port": number(words[11]),
            "remote_port": number(words[12]),
            "addresses": addresses(&words[13..remote]),
            "remote_addresses": addresses(&words[remote + 1..]),
        });
        all.entry(number(words[10])).or_insert(row);
    }
    all
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("a number: {word}"))
}

/// Addresses up to something else; that of the primary path has a mark.
fn addresses(words: &[&str]) -> Vec<String> {
    let addresses = words.iter().map_while(|word| word.trim_start_matches('*').parse().ok());
    addresses.map(|address: IpAddr| address.to_string()).collect()
}

/// include/net/sctp/constants.h, SCTP_SS_*
fn state(number: &str) -> &'static str {
    match number {
        "1" => "ESTABLISHED",
        "2" => "SYN_SENT",
        "7" => "CLOSE",
        "8" => "CLOSE_WAIT",
        "10" => "LISTEN",
        _ => "?",
    }
}

#[test]
fn sctp_sockets_are_those_of_proc() {
    if !enter() {
        return;
    }
    let mut sockets = Vec::new();
    for domain in [Domain::IPV4, Domain::IPV6] {
        sockets.push(bound(domain, Type::STREAM, loopback(domain)));
        sockets.push(bound(domain, Type::SEQPACKET, loopback(domain)));
        let [mut client, server, listener] = connected(domain);
        client.write_all(&[7; 3000]).expect("send");
        sockets.extend([client, server, listener]);
        sockets.extend(many(domain));
        // Its peer is gone.
        let [client, mut server, listener] = connected(domain);
        drop(client);
        assert_eq!(server.read(&mut [0; 1]).expect("the end"), 0);
        sockets.extend([server, listener]);
    }
    sockets.extend(peeled_off());
    common::wait_until("nothing changes any more", || {
        let before = listed();
        std::thread::sleep(std::time::Duration::from_millis(300));
        before == listed()
    });
    let (listed, shown) = (listed(), common::sockets("--sctp -O type"));
    assert_eq!(shown.len(), sockets.len(), "{shown:#?}");
    let (mut found, mut unread) = (0, 0);
    for socket in &sockets {
        let row = common::find(&shown, socket).expect("the socket is shown");
        let v4 = socket.domain().expect("SO_DOMAIN") == Domain::IPV4;
        assert_eq!(row["protocol"], if v4 { "sctp" } else { "sctp6" });
        let sequenced = socket.r#type().expect("SO_TYPE") == Type::SEQPACKET;
        assert_eq!(row["type"], if sequenced { "seqpacket" } else { "stream" });
        assert_eq!(row["local"]["port"], common::local_address(socket).port(), "{row}");
        let Some(expected) = listed.get(&inode(socket)) else {
            // It has no association, or none any more.
            assert!(row["state"] == "CLOSE" || row["state"] == "CLOSE_WAIT", "{row}");
            continue;
        };
        found += 1;
        for (member, value) in [("state", &row["state"]), ("uid", &row["uid"])] {
            assert_eq!(*value, expected[member], "{row} {expected}");
        }
        assert_eq!(row["local"]["port"], expected["port"], "{row} {expected}");
        let within = |end: &str, addresses: &str| {
            let address = &row[end]["address"];
            let known = expected[addresses].as_array().is_some_and(|all| all.contains(address));
            assert!(known || address == "0.0.0.0" || address == "::", "{row} {expected}");
        };
        within("local", "addresses");
        if row["state"] == "LISTEN" {
            assert_eq!((&row["recv_queue"], &row["send_queue"]), (&json!(0), &json!(5)), "{row}");
            continue;
        }
        assert_eq!(row["send_queue"], expected["send_queue"], "{row} {expected}");
        assert_eq!(row["recv_queue"], expected["recv_queue"], "{row} {expected}");
        if row["state"] == "ESTABLISHED" {
            assert_eq!(row["remote"]["port"], expected["remote_port"], "{row} {expected}");
            assert_ne!(row["remote"]["address"], "0.0.0.0", "{row}");
            within("remote", "remote_addresses");
        }
        unread += usize::from(row["recv_queue"] != 0);
    }
    assert!(found > 10, "the kernel lists only {found}");
    assert!(unread >= 2, "nothing waits to be read");
    let states = ["ESTABLISHED", "CLOSE", "LISTEN", "CLOSE_WAIT"];
    for state in states {
        assert!(shown.iter().any(|row| row["state"] == state), "none is {state}: {shown:#?}");
    }
}

#[test]
fn sctp_sockets_that_listen() {
    if !enter() {
        return;
    }
    let [_client, _server, listener] = connected(Domain::IPV4);
    let shown = common::sockets("--sctp -l");
    assert_eq!(shown.len(), 1, "{shown:#?}");
    assert!(common::find(&shown, &listener).is_some());
    assert_eq!(common::sockets("--sctp -6"), [] as [Value; 0]);
    let port = shown[0]["local"]["port"].to_string();
    assert_eq!(common::sockets(&format!("--sctp --port {port}")).len(), 3);
    assert_eq!(common::sockets(&format!("--sctp --dport {port} --state connected")).len(), 1);
}

/// What a socket has from its peer, or from its path, nobody has set.
#[test]
fn what_counts_as_set() {
    if !enter() {
        return;
    }
    let makers = makers();
    let subjects: Vec<_> = makers.iter().map(Maker::subject).collect();
    let shown = common::sockets("--sctp -O all");
    for subject in &subjects {
        let row = common::find(&shown, &subject.socket).expect("the socket is shown");
        assert_eq!(row["set"], json!([]), "{} was just made: {row}", subject.kind);
    }
    for subject in &subjects {
        common::set(&subject.socket, SOL_SCTP, 3, 1).expect("SCTP_NODELAY");
        let sack = words([300, 3]);
        common::set_bytes(&subject.socket, SOL_SCTP, 16, &sack).expect("SCTP_DELAYED_SACK");
        let burst = words([9]);
        common::set_bytes(&subject.socket, SOL_SCTP, 20, &burst).expect("SCTP_MAX_BURST");
    }
    let shown = common::sockets("--sctp -O set");
    for subject in &subjects {
        let row = common::find(&shown, &subject.socket).expect("the socket is shown");
        let mut expected = vec!["SCTP_NODELAY", "SCTP_DELAYED_SACK", "SCTP_MAX_BURST"];
        // The delay is also among the parameters of a path.
        if !ASSOCIATED.contains(&subject.kind) {
            expected.insert(1, "SCTP_PEER_ADDR_PARAMS");
        }
        assert_eq!(row["set"], json!(expected), "{}: {row}", subject.kind);
    }
}
