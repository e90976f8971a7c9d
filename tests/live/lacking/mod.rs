//! A kernel whose types lack a member, or have it under another name, loses the options that depend on it
//! and nothing else.
//!
//! Such a kernel is simulated with the running one: knetstat gets a copy of its BTF in which a member has
//! lost the first letter of its name.

mod members;
mod types;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Output;

use crate::common::{self, connect, cookie, enter_namespace, not_tested, set, set_bytes};
use crate::supported::options_asked;
use serde_json::Value;
use types::{Types, TypesFile};

/// The members that are removed, `type.member` or `enum.enumerator`, the arguments that select sockets, and
/// the options that the sockets lose.
type Case = (&'static [&'static str], &'static str, &'static str);

/// Cases of each kind.
const CASES: &[Case] = &[
    // Members of the socket and of structures inside it
    (&["sock.sk_rcvlowat"], "-tu", "SO_RCVLOWAT"),
    (&["sock_common.skc_incoming_cpu"], "-tu", "SO_INCOMING_CPU"),
    (&["ipv6_pinfo.tclass"], "-tu", "IPV6_TCLASS"),
    // A member that two options depend on
    (&["tcp_sock.nonagle"], "-t", "TCP_NODELAY TCP_CORK"),
    // Bit fields
    (&["sock_common.skc_reuseport"], "-tu", "SO_REUSEPORT"),
    (&["tcp_sock.repair"], "-t", "TCP_REPAIR TCP_MAXSEG"),
    // A bit of a word, whose number is an enumerator
    (&["sock_flags.SOCK_KEEPOPEN"], "-tu", "SO_KEEPALIVE"),
    // Members that were bit fields and became bits of a word, and such words
    (&["inet_sock.inet_flags"], "-u", FLAGS_OF_INET),
    (&["netlink_sock.flags"], "--netlink", FLAGS_OF_NETLINK),
    (
        &["packet_sock.auxdata", "packet_sock_flags.PACKET_SOCK_AUXDATA"],
        "--packet",
        "PACKET_AUXDATA",
    ),
    // Members with other widths and shapes in other kernels
    (&["sock.sk_tsflags"], "-tu", "SO_TIMESTAMPING"),
    (&["inet_sock.local_port_range"], "-tu", "IP_LOCAL_PORT_RANGE"),
    // Members of the namespace and behind pointers, without which the value is unknown
    (&["netns_ipv4.sysctl_tcp_keepalive_time"], "-t", "TCP_KEEPIDLE"),
    (&["tcp_congestion_ops.name"], "-t", "TCP_CONGESTION"),
    (&["ipv6_devconf.hop_limit"], "-u", "IPV6_UNICAST_HOPS"),
    // Lists, which are shown as incomplete
    (&["ip_mc_socklist.sfmode"], "-u", "IP_ADD_MEMBERSHIP"),
    (&["ipv6_mc_socklist.addr"], "-u", "IPV6_JOIN_GROUP"),
    (&["packet_mclist.count"], "--packet", "PACKET_ADD_MEMBERSHIP"),
    // Other families
    (&["udp_sock.gso_size"], "-u", "UDP_SEGMENT"),
    (&["sock.sk_peer_cred"], "-x", "SO_PEERCRED"),
    (&["cred.euid"], "-x", "SO_PEERCRED"),
    (&["raw6_sock.checksum"], "-w", "IPV6_CHECKSUM"),
    (&["packet_sock.copy_thresh"], "--packet", "PACKET_COPY_THRESH"),
    (&["raw_sock.filter"], "-w", "ICMP_FILTER"),
    (&["sk_filter.prog"], "-tu", "SO_GET_FILTER"),
    (&["sock_reuseport.prog"], "-tu", "SO_ATTACH_REUSEPORT_CBPF"),
];

/// The options of a UDP socket in one word since 6.6.
const FLAGS_OF_INET: &str =
    "IPV6_AUTOFLOWLABEL IPV6_DONTFRAG IPV6_FLOWINFO_SEND IPV6_FREEBIND IPV6_MULTICAST_ALL \
     IPV6_MULTICAST_LOOP IPV6_RECVERR IPV6_RECVERR_RFC4884 IPV6_ROUTER_ALERT \
     IPV6_ROUTER_ALERT_ISOLATE IPV6_TRANSPARENT IP_BIND_ADDRESS_NO_PORT IP_CHECKSUM IP_FREEBIND \
     IP_HDRINCL IP_MULTICAST_ALL IP_MULTICAST_LOOP IP_NODEFRAG IP_PASSSEC IP_PKTINFO IP_RECVERR \
     IP_RECVERR_RFC4884 IP_RECVFRAGSIZE IP_RECVOPTS IP_RECVORIGDSTADDR IP_RECVTOS IP_RECVTTL \
     IP_RETOPTS IP_ROUTER_ALERT IP_TRANSPARENT";

const FLAGS_OF_NETLINK: &str = "NETLINK_PKTINFO NETLINK_BROADCAST_ERROR NETLINK_NO_ENOBUFS \
     NETLINK_LISTEN_ALL_NSID NETLINK_CAP_ACK NETLINK_EXT_ACK NETLINK_GET_STRICT_CHK";

/// Opens sockets of the families of the cases, with an entry in each list.
fn scene() -> Vec<OwnedFd> {
    use nix::libc::{AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, IPPROTO_ICMP, SOCK_DGRAM, SOCK_RAW};
    let mut all: Vec<OwnedFd> = Vec::new();
    for ip in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        let listener = TcpListener::bind((ip, 0)).expect("bind");
        let (client, server) = connect(&listener, ip);
        all.extend([listener.into(), client.into(), server.into()]);
        all.push(UdpSocket::bind((ip, 0)).expect("bind").into());
    }
    let (one, other) = UnixStream::pair().expect("socketpair");
    all.extend([one.into(), other.into()]);

    let open = |family, kind, protocol| knetstat::kernel::syscall::socket(family, kind, protocol);
    let member = UdpSocket::bind("0.0.0.0:0").expect("bind");
    member.join_multicast_v4(&[239, 1, 2, 3].into(), &Ipv4Addr::LOCALHOST).expect("join");
    let member6 = UdpSocket::bind("[::]:0").expect("bind");
    member6.join_multicast_v6(&"ff02::1234".parse().expect("an address"), 1).expect("join");
    let packet = open(AF_PACKET, SOCK_DGRAM, 0).expect("a packet socket");
    let loopback_all: Vec<u8> = [1u32.to_ne_bytes(), [2, 0, 0, 0], [0; 4], [0; 4]].concat();
    set_bytes(&packet, 263, 1, &loopback_all).expect("PACKET_ADD_MEMBERSHIP");
    let netlink = open(AF_NETLINK, SOCK_RAW, 0).expect("a netlink socket");
    set(&netlink, 270, 1, 1).expect("NETLINK_ADD_MEMBERSHIP");
    all.extend([member.into(), member6.into(), packet, netlink]);
    all.push(open(AF_INET, SOCK_RAW, IPPROTO_ICMP).expect("a raw socket"));
    all.push(open(AF_INET6, SOCK_RAW, IPPROTO_ICMP).expect("a raw socket"));
    // Since 6.16, the kernel assigns one to a socket at which a read stops. The next run would differ.
    all.iter().for_each(|socket| assert_ne!(cookie(socket), 0));
    all
}

/// Returns the sockets without these options.
fn without(mut sockets: Vec<Value>, lost: &BTreeSet<&str>) -> Vec<Value> {
    for socket in &mut sockets {
        let options = socket["options"].as_object_mut().expect("options");
        options.retain(|name, _| !lost.contains(name.as_str()));
        let set = socket["set"].as_array_mut().expect("what is set");
        set.retain(|name| !lost.contains(name.as_str().expect("a name")));
    }
    sockets
}

/// Returns the options that are absent or different in `shown`.
fn cost<'a>(whole: &'a [Value], shown: &[Value]) -> BTreeSet<&'a str> {
    let identities = |sockets: &[Value]| -> Vec<[Value; 2]> {
        sockets.iter().map(|socket| ["inode", "local"].map(|name| socket[name].clone())).collect()
    };
    assert_eq!(identities(shown), identities(whole), "the same sockets in the same order");
    let mut cost = BTreeSet::new();
    for (before, after) in whole.iter().zip(shown) {
        let options = before["options"].as_object().expect("options");
        let differ = options.iter().filter(|(name, value)| after["options"][name] != **value);
        cost.extend(differ.map(|(name, _)| name.as_str()));
    }
    cost
}

#[test]
fn each_member_costs_its_options() {
    enter_namespace();
    let _scene = scene();
    let (not_here, _) = options_asked();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (members, arguments, lost) in CASES {
        let mut types = Types::of_kernel();
        let taken = members.iter().filter(|member| types.take(member)).count();
        if taken == 0 {
            not_tested(&format!("a kernel without {members:?}: this one does not have it either"));
            continue;
        }
        let whole = common::sockets(arguments);
        assert!(!whole.is_empty(), "no socket for {arguments}");
        let shown = match TypesFile::new(&types).sockets(arguments) {
            Ok(shown) => shown,
            Err(said) => {
                wrong.push(format!("{members:?} cost everything: {said}"));
                continue;
            }
        };
        let expected: BTreeSet<&str> =
            lost.split_whitespace().filter(|name| !not_here.contains(name)).collect();
        if expected.is_empty() {
            not_tested(&format!("a kernel without {members:?}: this one does not have {lost}"));
        }
        compared += expected.len();
        let cost = cost(&whole, &shown);
        let rest = [&whole, &shown].map(|sockets| without(sockets.clone(), &cost));
        if cost != expected || rest[0] != rest[1] {
            wrong.push(format!("{members:?} cost {cost:?}, and more: {}", rest[0] != rest[1]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > CASES.len() / 2, "only {compared} options were lost");
}

/// Returns the types of this kernel without a member that some programs read unguarded: the verifier
/// rejects those programs. `None` if this kernel does not have the member.
fn types_without(member: &str) -> Option<TypesFile> {
    let mut types = Types::of_kernel();
    if !types.take(member) {
        not_tested(&format!("a kernel without {member}: this one does not have it either"));
        return None;
    }
    Some(TypesFile::new(&types))
}

/// Returns the rows and the message of an incomplete run.
fn incomplete(output: &Output) -> (Vec<Value>, String) {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let rows = String::from_utf8_lossy(&output.stdout);
    (rows.lines().map(|row| serde_json::from_str(row).expect("a row")).collect(), error)
}

/// Returns the inode and the option names of each row, because values may change between two runs.
fn shapes(rows: &[Value]) -> Vec<(u64, Vec<&str>)> {
    rows.iter()
        .map(|row| {
            let options = row["options"].as_object().expect("options");
            (row["inode"].as_u64().expect("a number"), options.keys().map(String::as_str).collect())
        })
        .collect()
}

#[test]
fn a_program_that_is_refused_costs_its_rows() {
    enter_namespace();
    let _scene = scene();
    let types = types_without("unix_sock.sk"); // read by the programs of unix sockets only
    let types = types.expect("the socket inside");
    let (rows, error) = incomplete(&types.run("-tx --ndjson"));
    // Before 5.15, there is no program for unix sockets without a descriptor.
    assert!(
        error.starts_with("knetstat: the table is incomplete: missing unix sockets"),
        "{error}"
    );
    for part in [": rejected by this kernel's verifier (", "(please report it"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(shapes(&rows), shapes(&common::sockets("-t")), "the others are there, as ever");
    assert!(!rows.is_empty());

    // Output that does not depend on the program is complete.
    assert_eq!(shapes(&types.sockets("-t").expect("TCP sockets")), shapes(&rows));

    // Without any program, nothing is printed.
    let (rows, error) = incomplete(&types.run("-x --ndjson"));
    assert_eq!(rows.len(), 0);
    let begin = "knetstat: cannot load the BPF programs that read the sockets: rejected by this \
                 kernel's verifier (";
    assert!(error.starts_with(begin), "{error}");

    let text = String::from_utf8_lossy(&types.run("doctor -v").stdout).into_owned();
    let verdict = |program: &str| {
        text.lines().find(|line| line.contains(&format!(" {program} "))).unwrap_or_default()
    };
    for (program, expected) in
        [("tcp_table", "ok "), ("unix_files", "missing "), ("owners", "ok "), ("table", "missing ")]
    {
        assert!(verdict(program).starts_with(expected), "{program}: {text}");
    }
}

#[test]
fn without_the_program_for_owners_the_sockets_are_there() {
    enter_namespace();
    let _scene = scene();
    let types = types_without("file.f_flags").expect("the flags of a file");
    let begin = "knetstat: the table is incomplete: missing processes: rejected by this kernel's verifier (";
    let (rows, error) = incomplete(&types.run("-tu -p --ndjson"));
    assert!(error.starts_with(begin), "{error}");
    assert_eq!(shapes(&rows), shapes(&common::sockets("-tu")));
    // Whether a socket matches is unknown, so none is shown.
    let (rows, error) = incomplete(&types.run("-tu --pid 1 --ndjson"));
    assert!(error.starts_with(begin), "{error}");
    assert_eq!(rows.len(), 0);
}

/// The members that are removed, the arguments that select sockets, the columns that they lose by JSON
/// name, whether listeners lose them, whether others do, and a filter that would match 0.
type LostColumns =
    (&'static str, &'static str, &'static [&'static str], (bool, bool), &'static str);

const LOST_COLUMNS: &[LostColumns] = &[
    ("sock.sk_drops", "-tu", &["drops"], (true, true), ""),
    ("sock.sk_uid", "-tu", &["uid"], (true, true), "--user 0"),
    ("tcp_sock.snd_una", "-t", &["send_queue", "diag"], (false, true), ""),
    ("sock.sk_max_ack_backlog", "-t", &["send_queue"], (true, false), ""),
    ("sock_common.skc_bound_dev_if", "-tu", &["interface"], (true, true), ""),
    ("unix_sock.addr", "-x", &["local", "remote"], (true, true), ""),
    ("netlink_sock.groups", "--netlink", &["local"], (true, true), ""),
    ("inet_connection_sock.icsk_pending", "-t", &["timer"], (true, true), ""),
    ("tcp_sock.keepalive_intvl", DEAD_AFTER, &["dead_after"], (false, true), ""),
    ("tcp_sock.packets_out", DEAD_AFTER, &["dead_after_sending"], (false, true), ""),
    ("netns_ipv4.sysctl_tcp_retries2", DEAD_AFTER, &["dead_after_sending"], (false, true), ""),
    (
        "inet_connection_sock.icsk_user_timeout",
        DEAD_AFTER,
        &["dead_after", "dead_after_sending"],
        (false, true),
        "",
    ),
];

/// Columns that are only read if they are shown.
const DEAD_AFTER: &str = "-t --columns protocol,local,dead_after,dead_after_sending,state";

/// A column without its member is null, and `-` in the table, because 0 is a value. Other columns are
/// unchanged.
#[test]
fn columns_without_their_members_are_unknown() {
    enter_namespace();
    let _scene = scene();
    for (member, arguments, lost, (of_listeners, of_others), filter) in LOST_COLUMNS {
        let mut types = Types::of_kernel();
        if !types.take(member) {
            not_tested(&format!("a kernel without {member}: this one does not have it either"));
            continue;
        }
        let types = TypesFile::new(&types);
        let (rows, error) = incomplete(&types.run(&format!("{arguments} --ndjson")));
        assert!(error.contains(member), "{error}");
        let mut expected = common::sockets(arguments);
        for row in &mut expected {
            let is_lost = if row["state"] == "LISTEN" { *of_listeners } else { *of_others };
            for name in lost.iter().filter(|_| is_lost) {
                row[*name] = Value::Null;
            }
        }
        assert_eq!(without_options(rows), without_options(expected), "{member}");
        for name in lost.iter().filter(|_| *of_listeners && *of_others) {
            let output = types.run(&format!("{arguments} -H --columns {name}"));
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            let table = String::from_utf8(output.stdout).expect("UTF-8");
            let mut lines = table.lines().map(str::trim).peekable();
            assert!(lines.peek().is_some() && lines.all(|line| line == "-"), "{member}: {table}");
        }
        if !filter.is_empty() {
            let (rows, _) = incomplete(&types.run(&format!("{arguments} {filter} --ndjson")));
            assert_eq!(rows.len(), 0, "{filter} selects what has no such value");
            assert!(!common::sockets(&format!("{arguments} {filter}")).is_empty());
        }
    }
}

/// What a column that nobody sees is read from may be missing.
#[test]
fn columns_that_are_not_shown_are_not_missed() {
    enter_namespace();
    let _scene = scene();
    let mut types = Types::of_kernel();
    assert!(types.take("netns_ipv4.sysctl_tcp_retries2"));
    let output = TypesFile::new(&types).run("-t --ndjson");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

fn without_options(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        let row = row.as_object_mut().expect("a row");
        row.remove("options");
        row.remove("set");
    }
    rows
}

/// A rejected program and columns without a value are reported together, in one line.
#[test]
fn a_refused_program_beside_lacking_columns() {
    enter_namespace();
    let _scene = scene();
    let whole = common::sockets("-tu");
    let mut types = Types::of_kernel();
    assert!(types.take("file.f_flags"), "what the program for owners reads");
    if !types.take("sock.sk_drops") {
        return not_tested("a kernel without sock.sk_drops: this one does not have it either");
    }
    let types = TypesFile::new(&types);
    let columns = "Drops: this kernel's types lack sock.sk_drops (";
    let (rows, error) = incomplete(&types.run("-tu -p --ndjson"));
    let begin = "knetstat: the table is incomplete: missing processes: rejected by this kernel's verifier (";
    assert!(error.starts_with(begin), "{error}");
    assert!(error.contains(&format!("; missing {columns}")), "{error}");
    assert_eq!(shapes(&rows), shapes(&whole));
    // If the program is not needed, only the columns are missing.
    let (rows, error) = incomplete(&types.run("-tu --ndjson"));
    assert!(
        error.starts_with(&format!("knetstat: the table is incomplete: missing {columns}")),
        "{error}"
    );
    assert_eq!(shapes(&rows), shapes(&whole));
}

#[test]
fn a_kernel_without_bpf_loop_gets_the_programs_without_it() {
    enter_namespace();
    let _scene = scene();
    let Some(types) = types_without("bpf_func_id.BPF_FUNC_loop") else { return };
    let shown = types.sockets("-tuwx0").expect("sockets");
    assert_eq!(shapes(&shown), shapes(&common::sockets("-tuwx0")));
    assert!(!shown.is_empty());
    let text = String::from_utf8_lossy(&types.run("doctor --json").stdout).into_owned();
    for program in ["tcp_table", "unix_files", "packet_files"] {
        assert!(text.contains(&format!("as {program}_without_loop")), "{program}: {text}");
    }
}
