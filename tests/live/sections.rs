//! Sections of records that a run does not ask for: the programs leave them out, and nothing else changes. The
//! values themselves are compared with getsockopt(2) elsewhere (`getsockopt/`), with every section.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::process;
use std::sync::Once;

use knetstat::kernel::abi::record_header;
use knetstat::kernel::load::Loader;
use knetstat::kernel::request::Request;
use knetstat::kernel::snapshot::Snapshot;
use knetstat::kernel::syscall;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::spec::OptionSpec;
use knetstat::query::columns::Column;
use knetstat::record::fact::{Section, Sections, SECTIONS};
use knetstat::record::Records;
use knetstat::socket::kind::SocketKind;
use serde_json::Value;

use crate::common::{
    connect, cookie, enter_namespace, not_tested, same, set_bytes, sockets, stdout, sysctl,
    NO_KERNEL_FILTER,
};
use crate::getsockopt::{rows, Row, SET_BY_RAW_SOCKETS};
use crate::numbers::{SOL_SOCKET, SO_LINGER};

/// Opens sockets of every kind in a network namespace of their own, and sets every option on each that accepts
/// it.
fn scene() -> Vec<OwnedFd> {
    // The kinds that this kernel lacks, reported once.
    static LACKING: Once = Once::new();
    enter_namespace();
    sysctl("net/ipv4/ping_group_range", "0 0");
    let mut lacking = Vec::new();
    let mut opened: Vec<OwnedFd> = Vec::new();
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let listener = TcpListener::bind((address, 0)).expect("bind");
        let (client, server) = connect(&listener, address);
        opened.extend([listener.into(), client.into(), server.into()]);
    }
    for kind in SocketKind::ALL {
        let Some(((domain, socket_type, protocol), name)) = kind.open() else { continue };
        match syscall::socket(domain, socket_type, protocol) {
            Ok(socket) => opened.push(socket),
            Err(error) => lacking.push(format!("{name}: {error}")),
        }
    }
    LACKING.call_once(|| {
        lacking.iter().for_each(|error| not_tested(&format!("sections of a socket of {error}")));
    });
    for setting in rows().chain(SET_BY_RAW_SOCKETS).flat_map(Row::settings) {
        for socket in &opened {
            let _ = set_bytes(socket, setting.level, setting.number, &setting.value);
        }
    }
    // Closing does not wait for a peer that no longer answers.
    let reset = [1_i32.to_ne_bytes(), 0_i32.to_ne_bytes()].concat();
    for socket in &opened {
        set_bytes(socket, SOL_SOCKET, SO_LINGER, &reset).expect("SO_LINGER");
    }
    // So that every record has a cookie, on kernels where iterators cannot generate one.
    opened.iter().for_each(|socket| assert_ne!(cookie(socket), 0));
    opened
}

/// A record: the sections that its socket has, those that it has itself, and the bytes after the header.
struct Copied {
    socket_has: Vec<Section>,
    sections: u32,
    rest: Vec<u8>,
}

/// Returns the records of this network namespace, by cookie, if only these sections are asked for.
fn read(loader: &Loader, sections: Sections) -> BTreeMap<u64, Copied> {
    let request = Request {
        owners: false,
        listeners: false,
        tasks: false,
        every_netns: false,
        sections: sections.bits(),
        ..Request::everything()
    };
    let programs = loader.load(&request).expect("root can load the programs");
    assert_eq!(programs.missing(), None);
    let mut snapshot = Snapshot::default();
    programs.open(&mut snapshot).expect("the iterators can be opened");
    let mut records = Records::new(snapshot.buffered()).requiring(sections);
    let mut found = BTreeMap::new();
    while let Some(record) = records.next_record().expect("a whole stream") {
        let copied = Copied {
            socket_has: SECTIONS.into_iter().filter(|it| record.has(*it)).collect(),
            sections: record.header.sections,
            rest: record.bytes[size_of::<record_header>()..].to_vec(),
        };
        found.insert(record.header.cookie, copied);
    }
    found
}

#[test]
fn a_record_has_only_what_is_asked_for() {
    let opened = scene();
    let loader = Loader::new();
    let everything = read(&loader, Sections::ALL);
    let sections: Vec<Sections> = SECTIONS.into_iter().map(Sections::from).collect();
    for wanted in [Sections::default(), Sections::ITEMS].into_iter().chain(sections) {
        let found = read(&loader, wanted);
        let mut seen = 0;
        for cookie in opened.iter().map(cookie) {
            let (Some(all), Some(some)) = (everything.get(&cookie), found.get(&cookie)) else {
                panic!("socket {cookie} is missing")
            };
            let is_netlink = all.socket_has.contains(&Section::Netlink);
            let always = if is_netlink { Sections::ITEMS } else { Sections::default() };
            assert_eq!(some.sections, all.sections & (wanted | always).bits(), "{wanted:?}");
            // It is not known of every section that is left out whether the socket has it.
            let is_known = |it: &&Section| **it != Section::Tls;
            let known = |of: &Copied| of.socket_has.iter().filter(is_known).copied().collect();
            let [of_all, of_some]: [Vec<Section>; 2] = [known(all), known(some)];
            assert_eq!(of_some, of_all, "{wanted:?}");
            seen += usize::from(some.sections != 0);
            // A time in this section differs from reading to reading.
            if wanted != Section::Diag.into() && !is_netlink {
                assert!(is_part(&some.rest, &all.rest), "{wanted:?}: {:?}", some.rest);
            }
        }
        if seen == 0 && wanted != Sections::default() {
            not_tested(&format!("no socket of this test has {wanted:?}"));
        }
    }
}

fn is_part(part: &[u8], whole: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|it| it == part)
}

/// The options that are read from the same sections, so that a run that shows one of them asks for the same as
/// a run that shows all.
fn groups() -> Vec<Vec<&'static OptionSpec>> {
    let mut groups: BTreeMap<u32, Vec<&OptionSpec>> = BTreeMap::new();
    for option in CATALOGUE {
        groups.entry(option.sections().bits()).or_default().push(option);
    }
    groups.into_values().collect()
}

fn names(options: &[&OptionSpec]) -> Vec<String> {
    options.iter().map(|option| option.name.to_lowercase()).collect()
}

/// An expression, without blanks, that selects the sockets of this process. Another run of knetstat has a socket in
/// every network namespace that it shows.
fn ours() -> String {
    format!("pid={}", process::id())
}

/// Asserts that the output is the same with every section.
fn check(arguments: &str) {
    let with_owners = format!("{arguments} --where {}", ours());
    let text = same(arguments, || {
        [stdout(&with_owners), stdout(&format!("{NO_KERNEL_FILTER} {with_owners}"))]
    });
    assert!(text.lines().count() > 1, "{arguments} shows no socket");
}

#[test]
fn options_are_the_same_alone() {
    let _opened = scene();
    let columns = format!("--unbound --columns cookie,options,set --where {} -O", ours());
    let all = sockets(&format!("{columns} all"));
    assert!(!all.is_empty());
    for options in groups() {
        let some = sockets(&format!("{columns} {}", names(&options).join(",")));
        assert_eq!(some.len(), all.len());
        // The order of rows is not promised.
        let some: BTreeMap<u64, &Value> =
            some.iter().filter_map(|row| Some((row["cookie"].as_u64()?, row))).collect();
        assert_eq!(some.len(), all.len());
        for all in &all {
            let some = all["cookie"].as_u64().and_then(|cookie| some.get(&cookie));
            let some = some.unwrap_or_else(|| panic!("no row of {all}"));
            for option in options.iter().map(|option| option.name) {
                assert_eq!(some["options"].get(option), all["options"].get(option), "{option}");
                let is_set = |row: &Value| {
                    row["set"].as_array().map(|set| set.contains(&Value::from(option)))
                };
                assert_eq!(is_set(some), is_set(all), "{option}");
            }
        }
    }
}

#[test]
fn keys_are_the_same_alone() {
    let _opened = scene();
    for options in groups() {
        let names = names(&options);
        let any: Vec<String> = names.iter().map(|name| format!("set({name})")).collect();
        // An argument has no blanks here.
        let expression = any.join("|");
        let list = names.join(",");
        check(&format!("--unbound --columns cookie --sort {list} --where ({expression})"));
        check(&format!("--unbound --csv --count-by {list}"));
    }
}

#[test]
fn columns_are_the_same_alone() {
    let _opened = scene();
    let mut groups: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for column in Column::ALL {
        // Times that differ from reading to reading.
        if !matches!(column, Column::Timer | Column::Options | Column::Set) {
            groups.entry(column.sections().bits()).or_default().push(column.name());
        }
    }
    for columns in groups.into_values() {
        check(&format!("--unbound -J --columns cookie,{}", columns.join(",")));
    }
    for arguments in [
        "-t",
        "-tu --short",
        "--unbound -u --short -O broadcast",
        "--unbound -s",
        "-xp",
        "-wO icmp_filter",
    ] {
        check(arguments);
    }
}
