//! Multicast and anycast memberships, which getsockopt(2) does not list: compared with the calls that
//! joined the groups, and with /proc/net.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use serde_json::{json, Value};

use super::scene::{Scene, Subject, Version};
use super::unseen::{set, shown};
use crate::common::{self, not_tested, ways::assert_same_options_without_walks};
use crate::getsockopt::{structure, LOOPBACK, SECOND};
use crate::numbers::*;

// include/uapi/linux/in.h. The C library does not name these.
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_BLOCK_SOURCE: i32 = 43;
const MCAST_LEAVE_GROUP: i32 = 45;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
const IP_MSFILTER: i32 = 41;
const MCAST_MSFILTER: i32 = 48;

/// The address of the second interface, see [`Scene::enter`].
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 7, 7, 7);

/// Returns a list as a set, because the order of the kernel is not defined. Sources are sorted too.
fn unordered(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list} is not a list"));
    let entry = |entry: &Value| {
        let mut entry = entry.clone();
        if let Some(sources) = entry.get_mut("sources").and_then(Value::as_array_mut) {
            sources.sort_by_key(Value::to_string);
        }
        entry.to_string()
    };
    let entries: BTreeSet<_> = list.iter().map(entry).collect();
    assert_eq!(entries.len(), list.len(), "an entry is there twice");
    entries
}

/// Compares the memberships of a socket with those that it joined. Returns false if only a part is shown.
fn assert_joined(subject: &Subject, option: &str, expected: &[Value]) -> bool {
    let mut list = shown(&[&subject.socket], option).remove(0);
    let (kind, expected) = (subject.kind, unordered(&json!(expected)));
    if !take_more(&mut list) {
        assert_eq!(unordered(&list), expected, "{kind:?}");
        return true;
    }
    let part = unordered(&list);
    assert!(part.len() >= 10 && part.len() < expected.len(), "{kind:?}: {} groups", part.len());
    assert!(part.is_subset(&expected), "{kind:?}: {part:?}");
    false
}

/// Removes the mark of a list that was cut. Only kernels before 5.17, which have no bpf_loop(), cut the
/// lists of these tests.
fn take_more(list: &mut Value) -> bool {
    let last = list.as_array_mut().and_then(|list| list.last_mut());
    if last.and_then(|last| last.as_object_mut()?.remove("more")).is_none() {
        return false;
    }
    let kernel = std::fs::read_to_string("/proc/kallsyms").expect("the kernel's functions");
    assert!(!kernel.contains(" bpf_loop\n"), "{list} has more");
    true
}

fn bound(scene: &Scene, version: Version) -> Subject {
    scene.udp(version, &mut |_| ()).expect("UDP sockets").remove(0)
}

fn ip_entry(
    group: Ipv4Addr,
    address: Ipv4Addr,
    index: i32,
    mode: &str,
    sources: &[Ipv4Addr],
) -> Value {
    json!({
        "imr_multiaddr": group, "imr_address": address, "imr_ifindex": index,
        "mode": mode, "sources": sources,
    })
}

fn ipv6_entry(group: Ipv6Addr, index: i32, mode: &str, sources: &[Ipv6Addr]) -> Value {
    json!({
        "ipv6mr_multiaddr": group, "ipv6mr_interface": index, "mode": mode, "sources": sources,
    })
}

/// `struct ip_mreqn`
fn by_index(group: Ipv4Addr, index: i32) -> Vec<u8> {
    structure([&group.octets(), &[0; 4], &index.to_ne_bytes()])
}

/// `struct ip_mreq`
fn by_address(group: Ipv4Addr, address: Ipv4Addr) -> Vec<u8> {
    structure([&group.octets(), &address.octets()])
}

/// `struct ip_mreq_source`
fn with_source(group: Ipv4Addr, address: Ipv4Addr, source: Ipv4Addr) -> Vec<u8> {
    structure([&group.octets(), &address.octets(), &source.octets()])
}

/// `struct sockaddr_storage`
fn v4(address: Ipv4Addr) -> Vec<u8> {
    let mut storage = vec![0; 128];
    storage[..2].copy_from_slice(&(AF_INET as u16).to_ne_bytes());
    storage[4..8].copy_from_slice(&address.octets());
    storage
}

fn v6(address: Ipv6Addr) -> Vec<u8> {
    let mut storage = vec![0; 128];
    storage[..2].copy_from_slice(&(AF_INET6 as u16).to_ne_bytes());
    storage[8..24].copy_from_slice(&address.octets());
    storage
}

/// `struct group_req`, with a source `struct group_source_req`
fn group_request(index: i32, addresses: &[Vec<u8>]) -> Vec<u8> {
    structure([&index.to_ne_bytes(), &[0; 4], &addresses.concat()])
}

fn group(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(239, 1, 2, n)
}

fn source(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 7, 7, n)
}

fn group6(n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0x77, n)
}

pub fn source6(n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n)
}

/// Returns the groups of this test in /proc/net/igmp: index of the interface and group.
fn igmp() -> BTreeSet<(i32, Ipv4Addr)> {
    let mut index = 0;
    let mut groups = BTreeSet::new();
    for line in common::proc_net("igmp").lines().skip(1) {
        let first = line.split_whitespace().next().expect("no line is empty");
        if line.starts_with(char::is_numeric) {
            index = first.parse().expect("an interface's index");
        } else {
            // In hexadecimal, as a number in host byte order.
            let group = u32::from_str_radix(first, 16).expect("a group");
            groups.insert((index, Ipv4Addr::from(group.to_ne_bytes())));
        }
    }
    groups.retain(|(_, group)| group.octets()[0] == 239);
    groups
}

/// Returns the lines of /proc/net/igmp6 or /proc/net/anycast6 with such an address.
fn addresses6(file: &str, first: u16) -> BTreeSet<(i32, Ipv6Addr)> {
    let parse = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let address = u128::from_str_radix(columns[2], 16).expect("an address");
        (columns[0].parse().expect("an interface's index"), Ipv6Addr::from(address))
    };
    let all = common::proc_net(file);
    all.lines().map(parse).filter(|(_, address)| address.segments()[0] == first).collect()
}

/// Returns the number of included and excluded sources in /proc/net/mcfilter or mcfilter6.
fn source_filters(file: &str) -> (usize, usize) {
    let all = common::proc_net(file);
    let columns = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
    let lines: Vec<_> = all.lines().skip(1).map(columns).collect();
    let count = |column: usize| lines.iter().filter(|line| line[column] != "0").count();
    (count(4), count(5))
}

/// Returns the interfaces and groups of a list.
fn places<A: std::str::FromStr + Ord>(
    list: &Value,
    group: &str,
    index: &str,
) -> BTreeSet<(i32, A)> {
    let place = |entry: &Value| {
        let group = entry[group].as_str().and_then(|group| group.parse().ok());
        let index = entry[index].as_i64().expect("an interface's index");
        (index as i32, group.expect("a group"))
    };
    list.as_array().expect("a list").iter().map(place).collect()
}

#[test]
fn ipv4_groups_in_every_way_of_joining() {
    let scene = Scene::enter();
    common::sysctl("net/ipv4/igmp_max_memberships", "100");
    for version in [Version::V4, Version::V6] {
        let subject = bound(&scene, version);
        let socket = &subject.socket;
        let join = |number, value: Vec<u8>| set(socket, IPPROTO_IP, number, &value);
        let none = Ipv4Addr::UNSPECIFIED;
        assert_joined(&subject, "IP_ADD_MEMBERSHIP", &[]);

        join(IP_ADD_MEMBERSHIP, by_index(group(1), LOOPBACK));
        join(IP_ADD_MEMBERSHIP, by_index(group(1), SECOND));
        join(IP_ADD_MEMBERSHIP, by_address(group(2), ADDRESS));
        join(MCAST_JOIN_GROUP, group_request(SECOND, &[v4(group(3))]));
        join(MCAST_BLOCK_SOURCE, group_request(SECOND, &[v4(group(3)), v4(source(9))]));
        join(IP_BLOCK_SOURCE, with_source(group(2), ADDRESS, source(1)));
        join(IP_BLOCK_SOURCE, with_source(group(2), ADDRESS, source(2)));
        join(IP_ADD_SOURCE_MEMBERSHIP, with_source(group(4), ADDRESS, source(3)));
        join(IP_ADD_SOURCE_MEMBERSHIP, with_source(group(4), ADDRESS, source(4)));
        join(MCAST_JOIN_SOURCE_GROUP, group_request(SECOND, &[v4(group(5)), v4(source(5))]));
        let mut expected = vec![
            ip_entry(group(1), none, LOOPBACK, "exclude", &[]),
            ip_entry(group(1), none, SECOND, "exclude", &[]),
            ip_entry(group(2), ADDRESS, SECOND, "exclude", &[source(1), source(2)]),
            ip_entry(group(3), none, SECOND, "exclude", &[source(9)]),
            ip_entry(group(4), ADDRESS, SECOND, "include", &[source(3), source(4)]),
            ip_entry(group(5), none, SECOND, "include", &[source(5)]),
        ];
        assert_joined(&subject, "IP_ADD_MEMBERSHIP", &expected);
        assert_eq!(source_filters("mcfilter"), (3, 3));
        assert_same_options_without_walks();

        join(IP_DROP_MEMBERSHIP, by_index(group(1), LOOPBACK));
        expected.remove(0);
        assert_joined(&subject, "IP_ADD_MEMBERSHIP", &expected);
    }
}

#[test]
fn many_ipv4_groups_and_sources() {
    const GROUPS: u8 = 60;
    let scene = Scene::enter();
    common::sysctl("net/ipv4/igmp_max_memberships", "100");
    common::sysctl("net/ipv4/igmp_max_msf", "200");
    let subject = bound(&scene, Version::V4);
    let mut expected = Vec::new();
    for n in 0..GROUPS {
        set(&subject.socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_index(group(n), SECOND));
        expected.push(ip_entry(group(n), Ipv4Addr::UNSPECIFIED, SECOND, "exclude", &[]));
    }
    // `struct ip_msfilter`: the group receives only from these sources.
    let sources: Vec<_> = (1..=150).map(source).collect();
    let list = sources.iter().flat_map(Ipv4Addr::octets).collect::<Vec<_>>();
    let counted = (sources.len() as u32).to_ne_bytes();
    let include = 1_u32.to_ne_bytes();
    let filter = structure([&group(0).octets(), &ADDRESS.octets(), &include, &counted, &list]);
    set(&subject.socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_address(group(200), ADDRESS));
    let filter = [&group(200).octets()[..], &filter[4..]].concat();
    set(&subject.socket, IPPROTO_IP, IP_MSFILTER, &filter);
    expected.push(ip_entry(group(200), ADDRESS, SECOND, "include", &sources));
    assert_same_options_without_walks();
    if !assert_joined(&subject, "IP_ADD_MEMBERSHIP", &expected) {
        return not_tested("the end of a long list of IPv4 groups: this kernel has no bpf_loop()");
    }
    let shown = shown(&[&subject.socket], "IP_ADD_MEMBERSHIP");
    assert_eq!(places(&shown[0], "imr_multiaddr", "imr_ifindex"), igmp());
    assert_eq!(source_filters("mcfilter"), (sources.len(), 0));
}

/// What is not in the record may match, or not.
#[test]
fn a_list_that_is_cut_decides_nothing_that_it_lacks() {
    const GROUPS: u16 = 400;
    let scene = Scene::enter();
    common::sysctl("net/ipv4/igmp_max_memberships", "1000");
    permit_long_lists();
    let subject = bound(&scene, Version::V4);
    let nth = |n: u16| Ipv4Addr::new(239, 2, (n >> 8) as u8, n as u8);
    for n in 0..GROUPS {
        set(&subject.socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_index(nth(n), SECOND));
    }
    let rows = common::sockets("-u -O ip_add_membership");
    let row = common::find(&rows, &subject.socket).expect("a row");
    let shown = &row["options"]["IP_ADD_MEMBERSHIP"];
    let listed: BTreeSet<&str> = shown
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["imr_multiaddr"].as_str().expect("an address"))
        .collect();
    assert!(!listed.is_empty() && listed.len() < GROUPS.into(), "{}", listed.len());
    let names: Vec<String> = (0..GROUPS).map(|n| nth(n).to_string()).collect();
    let is_listed = |name: &&String| listed.contains(name.as_str());
    let inside = names.iter().find(is_listed).expect("a group in the record");
    let outside = names.iter().find(|name| !is_listed(name)).expect("a group that is cut");
    let ask = |expression: &str| {
        let output = common::knetstat(["-uH", "--where", expression]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        let count = String::from_utf8(output.stdout).expect("UTF-8").lines().count();
        (count, output.status.code(), said.matches("ip_add_membership").count())
    };
    for (expression, expected) in [
        (format!("ip_add_membership ~ *{inside}%second*"), (1, Some(0), 0)),
        (format!("not ip_add_membership ~ *{inside}%second*"), (0, Some(0), 0)),
        (format!("ip_add_membership ~ *{outside}%second*"), (0, Some(1), 1)),
        (format!("not ip_add_membership ~ *{outside}%second*"), (0, Some(1), 1)),
        (format!("ip_add_membership !~ *{outside}%second*"), (0, Some(1), 1)),
        (format!("ip_add_membership ~ *{outside}%second* and sport = 1"), (0, Some(0), 0)),
        ("ip_add_membership".into(), (1, Some(0), 0)),
    ] {
        assert_eq!(ask(&expression), expected, "{expression}");
    }
}

/// Waits until the second interface has joined the groups of its own addresses. The kernel lists the
/// sources of an interface in /proc only if the group that it joined last has sources.
fn wait_for_own_groups() {
    const TENTATIVE: u32 = 0x40;
    common::wait_until("the link-local address is usable", || {
        let addresses = common::proc_net("if_inet6");
        let mut words = addresses.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.any(|words| {
            let flags = u32::from_str_radix(words[4], 16).expect("flags");
            words[5] == "second" && words[0].starts_with("fe80") && flags & TENTATIVE == 0
        })
    });
}

#[test]
fn ipv6_groups() {
    const GROUPS: u16 = 45;
    let scene = Scene::enter();
    wait_for_own_groups();
    for version in [Version::V6, Version::Mapped] {
        let subject = bound(&scene, version);
        let socket = &subject.socket;
        let join = |number, value: Vec<u8>| set(socket, IPPROTO_IPV6, number, &value);
        let mut expected = Vec::new();
        for n in 0..GROUPS {
            let index = if n % 3 == 0 { LOOPBACK } else { SECOND };
            join(IPV6_ADD_MEMBERSHIP, structure([&group6(n).octets(), &index.to_ne_bytes()]));
            expected.push(ipv6_entry(group6(n), index, "exclude", &[]));
        }
        join(MCAST_JOIN_SOURCE_GROUP, group_request(SECOND, &[v6(group6(100)), v6(source6(9))]));
        expected.push(ipv6_entry(group6(100), SECOND, "include", &[source6(9)]));
        join(MCAST_JOIN_GROUP, group_request(SECOND, &[v6(group6(101))]));
        join(MCAST_BLOCK_SOURCE, group_request(SECOND, &[v6(group6(101)), v6(source6(8))]));
        expected.push(ipv6_entry(group6(101), SECOND, "exclude", &[source6(8)]));
        // `struct group_filter` with the maximum number of sources.
        let sources: Vec<_> = (1000..1064).map(source6).collect();
        for (group, mode) in [(group6(102), "include"), (group6(103), "exclude")] {
            join(MCAST_JOIN_GROUP, group_request(SECOND, &[v6(group)]));
            let mut filter = group_request(SECOND, &[v6(group)]);
            filter.extend(u32::from(mode == "include").to_ne_bytes());
            filter.extend((sources.len() as u32).to_ne_bytes());
            filter.extend(sources.iter().flat_map(|&source| v6(source)));
            join(MCAST_MSFILTER, filter);
            expected.push(ipv6_entry(group, SECOND, mode, &sources));
        }
        assert_same_options_without_walks();
        if !assert_joined(&subject, "IPV6_JOIN_GROUP", &expected) {
            not_tested("the end of a long list of IPv6 groups: this kernel has no bpf_loop()");
            continue;
        }
        let shown = shown(&[socket], "IPV6_JOIN_GROUP");
        let proc = addresses6("igmp6", 0xff15);
        assert_eq!(places(&shown[0], "ipv6mr_multiaddr", "ipv6mr_interface"), proc);
        assert_eq!(source_filters("mcfilter6"), (65, 65));

        join(MCAST_LEAVE_GROUP, group_request(SECOND, &[v6(group6(101))]));
        expected.retain(|entry| entry["ipv6mr_multiaddr"] != json!(group6(101)));
        assert_joined(&subject, "IPV6_JOIN_GROUP", &expected);
    }
}

/// An IPv6 socket may be in groups of both kinds, and have extension headers.
#[test]
fn everything_that_is_a_list_on_one_socket() {
    let scene = Scene::enter();
    let subject = bound(&scene, Version::V6);
    let socket = &subject.socket;
    let mreq = structure([&group6(1).octets(), &SECOND.to_ne_bytes()]);
    set(socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &mreq);
    set(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_index(group(1), SECOND));
    join_anycast(socket, source6(0xac));
    let header = crate::getsockopt::extension_header(2040);
    set(socket, IPPROTO_IPV6, IPV6_HOPOPTS, &header);
    set(socket, IPPROTO_IP, IP_OPTIONS, &[1, 1, 1, 0]);

    let nowhere = Ipv4Addr::UNSPECIFIED;
    let expected = ip_entry(group(1), nowhere, SECOND, "exclude", &[]);
    assert_joined(&subject, "IP_ADD_MEMBERSHIP", &[expected]);
    assert_joined(&subject, "IPV6_JOIN_GROUP", &[ipv6_entry(group6(1), SECOND, "exclude", &[])]);
    let anycast = json!({"ipv6mr_acaddr": source6(0xac), "ipv6mr_ifindex": SECOND});
    assert_joined(&subject, "IPV6_JOIN_ANYCAST", &[anycast]);
    assert_same_options_without_walks();
    let mut tally = crate::getsockopt::Tally::default();
    tally.compare("-tu", &[subject]);
    tally.finish("tcp/udp: every list on one socket", "");
}

/// Joins an anycast address on the second interface.
pub fn join_anycast(socket: &impl AsFd, address: Ipv6Addr) {
    let mreq = structure([&address.octets(), &SECOND.to_ne_bytes()]);
    set(socket, IPPROTO_IPV6, IPV6_JOIN_ANYCAST, &mreq);
}

#[test]
fn anycast_addresses() {
    let scene = Scene::enter();
    let mut made = scene.udp(Version::V6, &mut |_| ()).expect("UDP sockets");
    // TCP sockets may have anycast memberships too, which a connection does not inherit.
    made.extend(scene.tcp(Version::V6, &mut |_| ()).expect("a connection"));
    let sockets: Vec<_> = made.iter().map(|subject| &subject.socket).collect();
    let mut all = BTreeSet::new();
    let mut complete = true;
    for (n, subject) in made.iter().enumerate() {
        assert_joined(subject, "IPV6_JOIN_ANYCAST", &[]);
        let mut expected = Vec::new();
        for address in (0..25).map(|i| source6(0x1000 + 0x100 * n as u16 + i)) {
            join_anycast(sockets[n], address);
            expected.push(json!({"ipv6mr_acaddr": address, "ipv6mr_ifindex": SECOND}));
            all.insert((SECOND, address));
        }
        complete &= assert_joined(subject, "IPV6_JOIN_ANYCAST", &expected);
    }
    assert_eq!(addresses6("anycast6", 0x2001), all);
    assert_same_options_without_walks();
    let leave = structure([&source6(0x1000).octets(), &SECOND.to_ne_bytes()]);
    set(sockets[0], IPPROTO_IPV6, IPV6_LEAVE_ANYCAST, &leave);
    let left = shown(&sockets[..1], "IPV6_JOIN_ANYCAST");
    let left = left[0].as_array().map(Vec::len);
    assert!(left == Some(24) || !complete, "{left:?} are left");
}

/// A group whose interface is gone remains in the list, with the old index.
#[test]
fn a_group_whose_interface_is_gone() {
    let scene = Scene::enter();
    let subject = bound(&scene, Version::V4);
    set(&subject.socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_index(group(1), SECOND));
    common::ip("link delete second");
    let expected = ip_entry(group(1), Ipv4Addr::UNSPECIFIED, SECOND, "exclude", &[]);
    assert_joined(&subject, "IP_ADD_MEMBERSHIP", &[expected]);
}

/// No TCP socket can join a multicast group, and none is shown for it.
#[test]
fn tcp_sockets_have_no_groups() {
    let scene = Scene::enter();
    let made = scene.tcp(Version::V6, &mut |_| ()).expect("a connection");
    let sockets: Vec<_> = made.iter().map(|subject| &subject.socket).collect();
    let value = by_index(group(1), SECOND);
    let refused = knetstat::kernel::syscall::setsockopt(
        sockets[1].as_fd(),
        IPPROTO_IP,
        IP_ADD_MEMBERSHIP,
        &value,
    );
    assert_eq!(refused.expect_err("TCP cannot join").raw_os_error(), Some(EPROTO));
    assert_eq!(shown(&sockets, "IP_ADD_MEMBERSHIP"), [Value::Null, Value::Null, Value::Null]);
    assert_eq!(shown(&sockets, "IPV6_JOIN_GROUP"), [Value::Null, Value::Null, Value::Null]);
}

/// The most sources that are copied of an entry.
pub const SOURCES: u32 = 512;

/// Lets the sockets of this thread's namespace be in many groups, and have many sources.
pub fn permit_long_lists() {
    common::sysctl("net/ipv4/igmp_max_memberships", "2000");
    common::sysctl("net/ipv4/igmp_max_msf", "2000");
}

/// Joins the group of this number on the second interface, and receives only from so many sources, unless that is 0.
pub fn join_with_sources(socket: &impl AsFd, n: u16, sources: u32) -> io::Result<()> {
    let [high, low] = n.to_be_bytes();
    let group = Ipv4Addr::new(239, 9, high, low);
    common::set_bytes(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_address(group, ADDRESS))?;
    if sources == 0 {
        return Ok(());
    }
    let list: Vec<u8> = (0..sources).flat_map(|n| (0x0a07_0000 + n).to_be_bytes()).collect();
    let (include, count) = (1_u32.to_ne_bytes(), sources.to_ne_bytes());
    let filter = structure([&group.octets(), &ADDRESS.octets(), &include, &count, &list]);
    common::set_bytes(socket, IPPROTO_IP, IP_MSFILTER, &filter)
}

/// The most bytes of an extension header.
const LONGEST_HEADER: usize = 2040;

/// Sets extension headers, which may be padding (PadN) alone.
pub fn set_longest_headers(socket: &impl AsFd) -> io::Result<()> {
    let mut header = vec![0; LONGEST_HEADER];
    header[1] = (header.len() / 8 - 1) as u8;
    let mut options = [IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_DSTOPTS].into_iter();
    options.try_for_each(|option| common::set_bytes(socket, IPPROTO_IPV6, option, &header))
}

/// The lists of a socket and its extension headers must fit one record together: the kernel ends a read in
/// which a record does not fit its buffer.
#[test]
fn lists_and_extension_headers_fit_one_record() {
    let scene = Scene::enter();
    permit_long_lists();
    let socket = bound(&scene, Version::V6).socket;
    // The kernel puts a new entry before the others: the last one that is begun is as long as can be.
    let sources = [vec![SOURCES], vec![0; 25], vec![SOURCES; 11]].concat();
    for (n, sources) in (0..).zip(sources) {
        if let Err(error) = join_with_sources(&socket, n, sources) {
            assert_eq!(error.raw_os_error(), Some(nix::libc::ENOBUFS), "{error}");
            return not_tested("lists that fill a record: net.core.optmem_max is too small");
        }
    }
    set_longest_headers(&socket).expect("extension headers");
    let rows = common::sockets("-u");
    let options = &common::find(&rows, &socket).expect("a row")["options"];
    for option in ["IPV6_HOPOPTS", "IPV6_RTHDRDSTOPTS", "IPV6_DSTOPTS"] {
        assert_eq!(options[option].as_str().map(str::len), Some(2 * LONGEST_HEADER), "{option}");
    }
    let shown = options["IP_ADD_MEMBERSHIP"].as_array().expect("a list");
    assert!(shown.len() >= 2, "{} groups", shown.len());
}
