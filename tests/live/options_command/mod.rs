//! `knetstat options`: the defaults and values that it reports are those of the kernel, and it fits a
//! terminal.

mod sysctls;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use knetstat::kernel::syscall as sys;
use knetstat::socket::kind::SocketKind;
use nix::sys::socket::{AddressFamily, SockType};
use serde_json::Value;

use crate::common::{self, enter_namespace, on_a_terminal, open, stdout};

/// Returns the report of `knetstat options --json` on these options.
fn report(names: &str) -> Vec<Value> {
    serde_json::from_str(&stdout(&format!("options --json {names}"))).expect("an array")
}

/// Returns the level and the number of an option in a report.
fn place(option: &Value) -> (i32, i32) {
    let number = |value: &Value| value.as_i64().expect("a number") as i32;
    (number(&option["level"]["number"]), number(&option["number"]))
}

/// Returns the bytes of getsockopt(2) for an option in a report, `None` if the socket does not have it.
fn ask(socket: &OwnedFd, option: &Value) -> Option<Vec<u8>> {
    let (level, number) = place(option);
    let mut buffer = [0; 512];
    let length = sys::getsockopt(socket.as_fd(), level, number, &mut buffer).ok()?;
    Some(buffer[..length].into())
}

/// Returns a new socket of each kind, by the name of the kind. Kinds with the same name have the same
/// defaults here.
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

/// Returns the default for a socket in a report.
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
        // Some raw sockets have other defaults, which depend on their protocol.
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

/// Returns a UDP socket that has joined an IPv4 group, an IPv6 group and an anycast address.
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

/// Returns a packet socket that has requested promiscuous mode on the loopback interface.
fn join_promiscuously() -> OwnedFd {
    let socket = open(AddressFamily::Packet, SockType::Raw);
    let request = [&1i32.to_ne_bytes()[..], &1u16.to_ne_bytes(), &[0; 10]].concat();
    common::set_bytes(&socket, 263, 1, &request).expect("PACKET_ADD_MEMBERSHIP");
    socket
}

#[test]
fn lines_fit_the_terminal() {
    enter_namespace();
    for arguments in ["options", "options topics", "options all"] {
        let piped = stdout(arguments);
        for columns in [40, 80, 120, 200] {
            let shown = on_a_terminal(columns, arguments, &[]);
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
            piped.lines().count() < on_a_terminal(40, arguments, &[]).lines().count(),
            "{arguments}"
        );
        // A terminal that does not know its width, as in the table.
        let told = on_a_terminal(0, arguments, &[("COLUMNS", "40")]);
        assert_eq!(told, on_a_terminal(40, arguments, &[]), "{arguments}");
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
