//! `knetstat options`: what it reports of defaults, sysctls and values is what the kernel does, and it fits
//! a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;

use knetstat::kernel::syscall as sys;
use knetstat::socket::kind::SocketKind;
use nix::errno::Errno;
use nix::pty::{openpty, Winsize};
use nix::sys::socket::{AddressFamily, SockType, SockaddrStorage};
use serde_json::Value;

use crate::common::{self, enter_namespace, not_tested, open, set, stdout, KNETSTAT};

/// What `knetstat options --json` reports of these.
fn report(names: &str) -> Vec<Value> {
    serde_json::from_str(&stdout(&format!("options --json {names}"))).expect("an array")
}

/// The level of an option of a report, and its number.
fn place(option: &Value) -> (i32, i32) {
    let number = |value: &Value| value.as_i64().expect("a number") as i32;
    (number(&option["level"]["number"]), number(&option["number"]))
}

/// What getsockopt(2) lays out for an option of a report; `None` where the socket does not have it.
fn ask(socket: &OwnedFd, option: &Value) -> Option<Vec<u8>> {
    let (level, number) = place(option);
    let mut buffer = [0; 512];
    let length = sys::getsockopt(socket.as_fd(), level, number, &mut buffer).ok()?;
    Some(buffer[..length].into())
}

/// A new socket of each kind, with its word. Kinds that have one word begin alike where it matters here.
fn new_sockets() -> BTreeMap<&'static str, OwnedFd> {
    let mut sockets = BTreeMap::new();
    for kind in SocketKind::ALL {
        let Some(((domain, socket_type, protocol), _)) = kind.open() else { continue };
        if let (false, Ok(socket)) =
            (sockets.contains_key(kind.word()), sys::socket(domain, socket_type, protocol))
        {
            sockets.insert(kind.word(), socket);
        }
    }
    sockets
}

fn strings(list: &Value) -> BTreeSet<&str> {
    list.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

/// The default that a report has for a socket.
fn default_of<'a>(option: &'a Value, socket: &str) -> Option<&'a Value> {
    let defaults = option["defaults"].as_array().expect("a list");
    let of = defaults.iter().find(|default| strings(&default["sockets"]).contains(socket))?;
    Some(&of["value"])
}

#[test]
fn defaults_are_what_new_sockets_answer() {
    enter_namespace();
    let sockets = new_sockets();
    let mut compared = 0;
    for option in report("all") {
        let is_number =
            ["number", "boolean", "enumeration"].contains(&option["kind"].as_str().unwrap());
        // Of raw sockets some begin otherwise, by their protocol.
        for (word, socket) in sockets.iter().filter(|(word, _)| !word.starts_with("raw")) {
            let Some(default) = default_of(&option, word).and_then(Value::as_i64) else { continue };
            let answer = ask(socket, &option).expect("what has a default is answered");
            if let (true, Ok(bytes)) = (is_number, <[u8; 4]>::try_from(&answer[..])) {
                assert_eq!(
                    default as i32,
                    i32::from_ne_bytes(bytes),
                    "{} of {word}",
                    option["name"]
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 200, "only {compared} defaults compared");
}

/// Another value for each sysctl that a namespace has of its own.
const OTHER_VALUES: [(&str, &str); 36] = [
    ("net.core.txrehash", "0"),
    ("net.ipv4.ip_default_ttl", "33"),
    ("net.ipv4.ip_no_pmtu_disc", "1"),
    ("net.ipv4.tcp_congestion_control", "reno"),
    ("net.ipv4.tcp_fin_timeout", "11"),
    ("net.ipv4.tcp_keepalive_intvl", "7"),
    ("net.ipv4.tcp_keepalive_probes", "4"),
    ("net.ipv4.tcp_keepalive_time", "300"),
    ("net.ipv4.tcp_rmem", "8192 60000 200000"),
    ("net.ipv4.tcp_rto_max_ms", "60000"),
    ("net.ipv4.tcp_rto_min_us", "100000"),
    ("net.ipv4.tcp_syn_retries", "3"),
    ("net.ipv4.tcp_wmem", "8192 50000 100000"),
    ("net.ipv6.auto_flowlabels", "0"),
    ("net.ipv6.bindv6only", "1"),
    ("net.ipv6.conf.all.hop_limit", "44"),
    ("net.sctp.addip_enable", "1"),
    ("net.sctp.association_max_retrans", "5"),
    ("net.sctp.auth_enable", "1"),
    ("net.sctp.ecn_enable", "0"),
    ("net.sctp.encap_port", "9899"),
    ("net.sctp.hb_interval", "20000"),
    ("net.sctp.max_burst", "5"),
    ("net.sctp.max_init_retransmits", "5"),
    ("net.sctp.path_max_retrans", "4"),
    ("net.sctp.pf_expose", "1"),
    ("net.sctp.pf_retrans", "1"),
    ("net.sctp.plpmtud_probe_interval", "6000"),
    ("net.sctp.prsctp_enable", "0"),
    ("net.sctp.ps_retrans", "3"),
    ("net.sctp.reconf_enable", "1"),
    ("net.sctp.rto_initial", "2500"),
    ("net.sctp.rto_max", "50000"),
    ("net.sctp.rto_min", "500"),
    ("net.sctp.sack_timeout", "300"),
    ("net.sctp.valid_cookie_life", "50000"),
];

#[test]
fn defaults_come_from_the_sysctls() {
    enter_namespace();
    let (mut changed, mut absent) = (0, Vec::new());
    for option in report("all") {
        let sysctls = option["sysctls"].as_array().expect("a list").iter();
        for sysctl in sysctls.filter(|sysctl| sysctl["role"] == "default") {
            let name = sysctl["name"].as_str().expect("a name");
            let has_sockets = !strings(&sysctl["sockets"]).is_empty();
            match OTHER_VALUES.iter().find(|(known, _)| *known == name) {
                _ if sysctl["value"].is_null() || !has_sockets => {
                    absent.push(format!("{} from {name}", option["name"]));
                }
                Some((_, value)) => changed += changes(&option, sysctl, value),
                None => is_the_default(&option, sysctl),
            }
        }
    }
    if !absent.is_empty() {
        not_tested(&format!("defaults without sysctl or socket here: {}", absent.join(", ")));
    }
    assert!(changed > 30, "only {changed} defaults changed with a sysctl");
}

/// Asserts that the default of each socket that the sysctl is for changes with it, and of no other; returns
/// of how many it did.
fn changes(option: &Value, sysctl: &Value, value: &str) -> usize {
    let (name, sysctl_name) = (option["name"].as_str().expect("a name"), &sysctl["name"]);
    let path = sysctl_name.as_str().expect("a name").replace('.', "/");
    let answers = || -> BTreeMap<&str, Vec<u8>> {
        let sockets = new_sockets();
        sockets.iter().filter_map(|(word, socket)| Some((*word, ask(socket, option)?))).collect()
    };
    let (before, old) = (answers(), sysctl["value"].as_str().expect("a value"));
    common::sysctl(&path, value);
    let (after, reported) = (answers(), &report(name)[0]);
    common::sysctl(&path, old);
    assert_eq!(answers(), before, "{name} when {sysctl_name} is as it was");

    let sockets = strings(&sysctl["sockets"]);
    for (word, answer) in &after {
        let has_changed = *answer != before[word];
        assert_eq!(has_changed, sockets.contains(word), "{name} of {word} with {sysctl_name}");
        if has_changed {
            assert_ne!(default_of(reported, word), default_of(option, word), "{name} of {word}");
        }
    }
    let shown = reported["sysctls"].as_array().expect("a list").iter();
    let shown = shown.filter(|it| it["name"] == *sysctl_name).map(|it| &it["value"]);
    assert!(shown.clone().count() > 0 && shown.clone().all(|it| it == value), "{reported}");
    sockets.iter().filter(|word| after.contains_key(*word)).count()
}

/// Asserts that new sockets begin with the number of a sysctl that the whole host shares, which a test
/// leaves alone.
fn is_the_default(option: &Value, sysctl: &Value) {
    let value: i64 = sysctl["value"].as_str().and_then(|text| text.parse().ok()).expect("a number");
    for word in strings(&sysctl["sockets"]) {
        let default = default_of(option, word).and_then(Value::as_i64);
        assert_eq!(default, Some(value), "{} of {word} from {}", option["name"], sysctl["name"]);
    }
}

#[test]
fn limits_are_those_of_the_sysctls() {
    enter_namespace();
    let (udp, tcp) = (socket(AF_INET, SOCK_DGRAM), socket(AF_INET, SOCK_STREAM));
    let limit = |option: &Value| -> Option<i64> {
        let sysctls = option["sysctls"].as_array().expect("a list").iter();
        let limit = sysctls.clone().find(|sysctl| sysctl["role"] == "limit")?;
        limit["value"].as_str()?.parse().ok()
    };
    for (name, socket, factor) in
        [("SO_SNDBUF", &udp, 2), ("SO_RCVBUF", &udp, 2), ("TCP_FASTOPEN", &tcp, 1)]
    {
        let option = &report(name)[0];
        let (level, option_number) = place(option);
        // SO_SNDBUF and SO_RCVBUF show their limit to this namespace since Linux 6.12.
        let Some(limit) = limit(option) else {
            not_tested(&format!("the limit of {name}: its sysctl is not in this namespace"));
            continue;
        };
        set(socket, level, option_number, i32::MAX / 2)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(i64::from(number(socket, name)), factor * limit, "{name}");
    }
}

#[test]
fn the_members_of_values_are_listed() {
    enter_namespace();
    let _streams = [AddressFamily::Inet, AddressFamily::Inet6, AddressFamily::Unix]
        .map(|family| open(family, SockType::Stream));
    let _members = [join_groups(), join_promiscuously()];
    let options = report("all");
    let (mut objects, mut entries) = (BTreeSet::new(), BTreeSet::new());
    for row in common::sockets("--unbound") {
        for (name, value) in row["options"].as_object().expect("an object") {
            let Some(option) = options.iter().find(|option| option["name"] == **name) else {
                continue;
            };
            let members = option["members"].as_array().expect("a list").iter();
            let members: BTreeSet<_> = members.filter_map(|it| it["name"].as_str()).collect();
            let is_listed = |object: &Value| {
                let keys: BTreeSet<_> =
                    object.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
                assert!(keys.is_subset(&members), "{name}: {keys:?}, but {members:?}");
                !keys.is_empty()
            };
            if is_listed(value) {
                objects.insert(name.clone());
            }
            if value.as_array().into_iter().flatten().filter(|it| is_listed(it)).count() > 0 {
                entries.insert(name.clone());
            }
        }
    }
    assert!(objects.len() > 5, "only {objects:?} are objects");
    assert_eq!(entries.len(), 4, "only {entries:?} are lists of objects");
}

/// A UDP socket that joined an IPv4 group, an IPv6 group and an anycast address.
fn join_groups() -> OwnedFd {
    let socket = UdpSocket::bind("[::]:0").expect("a UDP socket");
    socket.join_multicast_v6(&"ff02::114".parse().expect("a group"), 1).expect("IPV6_JOIN_GROUP");
    let socket: OwnedFd = socket.into();
    let group = [[224, 0, 0, 251], [127, 0, 0, 1]].concat();
    common::set_bytes(&socket, 0, 35, &group).expect("IP_ADD_MEMBERSHIP");
    common::ip("-6 addr add 2001:db8::1/64 dev lo");
    let address: Ipv6Addr = "2001:db8::ac".parse().expect("an address");
    let anycast = [&address.octets()[..], &1u32.to_ne_bytes()].concat();
    common::set_bytes(&socket, 41, 27, &anycast).expect("IPV6_JOIN_ANYCAST");
    socket
}

/// A packet socket that asked for everything on the loopback interface.
fn join_promiscuously() -> OwnedFd {
    let socket = open(AddressFamily::Packet, SockType::Raw);
    let request = [&1i32.to_ne_bytes()[..], &1u16.to_ne_bytes(), &[0; 10]].concat();
    common::set_bytes(&socket, 263, 1, &request).expect("PACKET_ADD_MEMBERSHIP");
    socket
}

/// What is printed on a terminal of this width.
fn on_a_terminal(arguments: &str, columns: u16) -> String {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(Some(&size), None).expect("a terminal");
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split_whitespace()).stdout(terminal.slave);
    let mut child = command.spawn().expect("knetstat can be started");
    drop(command); // and with it our copy of the terminal, so that reading comes to an end
    let mut text = Vec::new();
    // The end of a terminal is an error, EIO.
    let _ = File::from(terminal.master).read_to_end(&mut text);
    assert!(child.wait().expect("it ends").success());
    String::from_utf8(text).expect("the output is UTF-8").replace("\r\n", "\n")
}

#[test]
fn lines_fit_the_terminal() {
    enter_namespace();
    for arguments in ["options", "options topics", "options all"] {
        let piped = stdout(arguments);
        for columns in [40, 80, 120, 200] {
            let shown = on_a_terminal(arguments, columns);
            // A single word may be longer than the terminal is wide.
            let is_long = |line: &&str| {
                let is_word = !line.trim_start().contains(' ') && line == &line.trim_start();
                line.chars().count() > columns.into() && !is_word
            };
            let long = shown.lines().find(is_long);
            assert_eq!(long, None, "{arguments} with {columns} columns");
            assert!(shown.split_whitespace().eq(piped.split_whitespace()), "{arguments} {columns}");
        }
        assert!(
            piped.lines().count() < on_a_terminal(arguments, 40).lines().count(),
            "{arguments}"
        );
    }
}

#[test]
fn a_fact_is_a_line_in_a_pipe() {
    enter_namespace();
    let text = stdout("options keepalive");
    let heads = text.lines().filter(|line| !line.starts_with(' ') && !line.is_empty());
    assert_eq!(heads.count(), report("keepalive").len());
    for option in report("keepalive") {
        for howto in option["howto"].as_array().expect("a list") {
            let how = howto["how"].as_str().expect("a text");
            assert!(text.lines().any(|line| line.ends_with(how)), "{how}");
        }
    }
    assert_eq!(
        stdout("options").lines().count(),
        report("").len() + 1,
        "a line each, and a heading"
    );
}

// What the notes say of sysctls that no default comes from

const SOCK_STREAM: i32 = 1;
const SOCK_DGRAM: i32 = 2;
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;

/// A new socket of the protocol that goes with the type.
fn socket(domain: i32, socket_type: i32) -> OwnedFd {
    sys::socket(domain, socket_type, 0).expect("a socket")
}

/// What getsockopt(2) gives for an option that is a number.
fn number(socket: &OwnedFd, name: &str) -> i32 {
    let answer = ask(socket, &report(name)[0]).unwrap_or_else(|| panic!("no {name}"));
    i32::from_ne_bytes(answer[..4].try_into().expect("four bytes"))
}

/// The note of an option's sysctl, which must be one that is here.
fn note(option: &str, sysctl: &str) -> String {
    let report = report(option);
    let mut sysctls = report[0]["sysctls"].as_array().expect("a list").iter();
    let found = sysctls.find(|it| it["name"] == sysctl).unwrap_or_else(|| panic!("no {sysctl}"));
    assert!(found["value"].is_string(), "{found}");
    found["note"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_sysctl_allows_foreign_addresses_to_every_socket() {
    enter_namespace();
    let cases = [
        ("IP_FREEBIND", "net.ipv4.ip_nonlocal_bind", AF_INET, "192.0.2.1:0"),
        ("IPV6_FREEBIND", "net.ipv6.ip_nonlocal_bind", AF_INET6, "[2001:db8::1]:0"),
    ];
    for (option, sysctl, domain, address) in cases {
        assert!(note(option, sysctl).starts_with("1: allowed for every IPv"), "{option}");
        let bind = || {
            let address: SocketAddr = address.parse().expect("an address");
            let socket = socket(domain, SOCK_DGRAM);
            nix::sys::socket::bind(common::number(&socket), &SockaddrStorage::from(address))
        };
        assert_eq!(bind(), Err(Errno::EADDRNOTAVAIL), "{option}");
        common::sysctl(&sysctl.replace('.', "/"), "1");
        assert_eq!(bind(), Ok(()), "{option}");
    }
}

#[test]
fn a_sysctl_applies_while_the_option_is_not_set() {
    enter_namespace();
    note("IP_LOCAL_PORT_RANGE", "net.ipv4.ip_local_port_range");
    common::sysctl("net/ipv4/ip_local_port_range", "45000 45000");
    let udp = socket(AF_INET, SOCK_DGRAM);
    common::bind(&udp, ([127, 0, 0, 1], 0));
    assert_eq!(common::local_address(&udp).port(), 45000);
}

#[test]
fn a_sysctl_opens_every_listener_to_fast_open() {
    enter_namespace();
    assert!(note("TCP_FASTOPEN", "net.ipv4.tcp_fastopen").contains("0x400"));
    for (bits, expected) in [("2", 0), ("1026", 17)] {
        common::sysctl("net/ipv4/tcp_fastopen", bits);
        let listener = socket(AF_INET, SOCK_STREAM);
        common::listen(&listener, 17);
        assert_eq!(number(&listener, "TCP_FASTOPEN"), expected, "tcp_fastopen={bits}");
    }
}

#[test]
fn a_sysctl_has_fast_open_for_connecting_sockets() {
    enter_namespace();
    assert!(note("TCP_FASTOPEN_CONNECT", "net.ipv4.tcp_fastopen").contains("0x1 "));
    for (bits, expected) in [("0", false), ("1", true)] {
        common::sysctl("net/ipv4/tcp_fastopen", bits);
        let is_allowed = set(&socket(AF_INET, SOCK_STREAM), 6, 30, 1).is_ok();
        assert_eq!(is_allowed, expected, "tcp_fastopen={bits}");
    }
}

#[test]
fn accepted_sockets_take_from_the_peer_what_sysctls_say() {
    enter_namespace();
    for (option, sysctl) in
        [("SO_MARK", "net.ipv4.tcp_fwmark_accept"), ("IP_TOS", "net.ipv4.tcp_reflect_tos")]
    {
        assert!(note(option, sysctl).contains("an accepted socket has the "), "{option}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    for (reflect, expected) in [("0", 0), ("1", 0x28)] {
        common::sysctl("net/ipv4/tcp_reflect_tos", reflect);
        let client = socket(AF_INET, SOCK_STREAM);
        set(&client, 0, 1, 0x28).expect("IP_TOS");
        let address = listener.local_addr().expect("an address");
        nix::sys::socket::connect(common::number(&client), &SockaddrStorage::from(address))
            .expect("connect");
        let (accepted, _) = listener.accept().expect("accept");
        assert_eq!(number(&accepted.into(), "IP_TOS"), expected, "tcp_reflect_tos={reflect}");
    }
}
