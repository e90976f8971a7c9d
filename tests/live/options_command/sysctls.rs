//! The sysctls that `knetstat options` names have the effect that it describes, and no other sysctl
//! determines a default.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use knetstat::kernel::syscall as sys;
use nix::errno::Errno;
use nix::sys::socket::SockaddrStorage;
use serde_json::Value;

use super::{ask, default_of, new_sockets, place, report, strings};
use crate::common::{self, enter_namespace, not_tested, set};

/// A different value for each sysctl that belongs to a network namespace.
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

/// Asserts that the sysctl changes the default of each socket that it is for, and of no other. Returns the
/// number of sockets.
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

/// Asserts that new sockets start with the value of a sysctl of the whole host, which a test does not
/// change.
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
        // SO_SNDBUF and SO_RCVBUF show their limit in this namespace since Linux 6.12.
        let Some(limit) = limit(option) else {
            not_tested(&format!("the limit of {name}: its sysctl is not in this namespace"));
            continue;
        };
        set(socket, level, option_number, i32::MAX / 2)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(i64::from(number(socket, name)), factor * limit, "{name}");
    }
}

// The notes on sysctls that are not the source of a default

const SOCK_STREAM: i32 = 1;
const SOCK_DGRAM: i32 = 2;
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;

/// Returns a new socket of the protocol of the type.
fn socket(domain: i32, socket_type: i32) -> OwnedFd {
    sys::socket(domain, socket_type, 0).expect("a socket")
}

/// Returns an option that is a number from getsockopt(2).
fn number(socket: &OwnedFd, name: &str) -> i32 {
    let answer = ask(socket, &report(name)[0]).unwrap_or_else(|| panic!("no {name}"));
    i32::from_ne_bytes(answer[..4].try_into().expect("four bytes"))
}

/// Returns the note on a sysctl of an option. This kernel must have the sysctl.
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

// Sysctls that the table may lack

/// Returns the options of new sockets from getsockopt(2).
fn snapshot(options: &[Value]) -> BTreeMap<(String, &'static str), Vec<u8>> {
    let mut answers = BTreeMap::new();
    for (word, socket) in new_sockets() {
        for option in options.iter().filter(|option| !strings_of_defaults(option).is_empty()) {
            if let Some(answer) = ask(&socket, option) {
                answers.insert((option["name"].to_string(), word), answer);
            }
        }
    }
    answers
}

fn strings_of_defaults(option: &Value) -> BTreeSet<&str> {
    let defaults = option["defaults"].as_array().expect("a list").iter();
    defaults.flat_map(|default| strings(&default["sockets"])).collect()
}

/// Returns the numeric sysctls of this namespace, by their paths under /proc/sys.
fn numeric_sysctls() -> Vec<(String, Vec<i64>)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/proc/sys/net")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let numbers: Result<Vec<i64>, _> =
                    text.split_whitespace().map(str::parse).collect();
                let name = path.strip_prefix("/proc/sys").expect("below it").display().to_string();
                found.extend(numbers.ok().filter(|it| !it.is_empty()).map(|it| (name, it)));
            }
        }
    }
    found
}

#[test]
#[ignore = "writes every sysctl of a namespace; run it on a kernel that the table was not checked with"]
fn no_other_sysctl_changes_a_default() {
    enter_namespace();
    let options = report("all");
    let named: BTreeSet<(String, String)> = options
        .iter()
        .flat_map(|option| {
            option["sysctls"].as_array().expect("a list").iter().map(move |it| (option, it))
        })
        .filter(|(_, sysctl)| sysctl["role"] == "default")
        .map(|(option, sysctl)| {
            let path = sysctl["name"].as_str().expect("a name").replace('.', "/");
            (option["name"].to_string(), path)
        })
        .collect();
    let before = snapshot(&options);
    let (mut missing, mut written) = (BTreeSet::new(), 0);
    for (name, old) in numeric_sysctls() {
        let path = format!("/proc/sys/{name}");
        let text = |change: fn(i64) -> i64| {
            old.iter().map(|number| change(*number).to_string()).collect::<Vec<_>>().join(" ")
        };
        let others: [fn(i64) -> i64; 5] = [|n| n + 1, |n| n - 1, |n| 2 * n, |_| 0, |_| 1];
        for value in others.map(text) {
            if fs::write(&path, value).is_err() {
                continue;
            }
            written += 1;
            let changed = snapshot(&options);
            // Some sysctls determine which sockets can be opened.
            let differ = changed
                .iter()
                .filter(|(key, answer)| before.get(key).is_some_and(|before| before != *answer));
            missing.extend(differ.map(|((option, _), _)| (option.clone(), name.clone())));
        }
        // Not every value that a sysctl had can be written.
        let _ = fs::write(&path, text(|number| number));
    }
    assert!(written > 200, "only {written} values written");
    let missing: Vec<_> = missing.difference(&named).collect();
    assert!(missing.is_empty(), "not in sysctls.tsv: {missing:?}");
}
