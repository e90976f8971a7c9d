//! Records that are longer than the buffer of a walk has room for: RECORD_ROOM in bpf/walk.h. A call that fills it is
//! made again with fewer sockets. No socket is missing, none is shown twice, and each list is whole.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::OwnedFd;

use nix::sys::socket::{AddressFamily, SockType};
use serde_json::Value;

use crate::common::scene::inode;
use crate::common::ways::assert_both_ways_show;
use crate::common::{bind, btf_has, listen, not_tested, open, set, stay_on_one_processor};
use crate::numbers::*;
use crate::options::memberships::{
    join_anycast, join_with_sources, permit_long_lists, set_longest_headers, source6, SOURCES,
};
use crate::options::scene::Scene;

/// The number of sockets. Those of one slot are more than fit a call: CALL_SOCKETS in bpf/lane.h.
const SOCKETS: u16 = 300;

/// One of so many sockets has long lists.
const LONG: u16 = 10;

/// The groups and the anycast addresses of a socket, which do not fill a record.
const GROUPS: u16 = 7;
const ADDRESSES: u16 = 200;

/// Enters a namespace in which a walk has only one lane, whose buffer gets all records.
fn enter() -> Scene {
    stay_on_one_processor();
    Scene::enter()
}

/// Opens sockets, some of which have long lists, at ports that `port` returns for their numbers. Ports may be the
/// same. Returns `None` if the kernel does not permit such lists.
fn open_all(
    socket_type: SockType,
    port: fn(u16) -> u16,
    lengthen: fn(&OwnedFd) -> Option<()>,
) -> Option<Vec<OwnedFd>> {
    let open = |n| {
        let socket = open(AddressFamily::Inet6, socket_type);
        set(&socket, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
        bind(&socket, (IpAddr::V6(Ipv6Addr::LOCALHOST), port(n)));
        if socket_type == SockType::Stream {
            listen(&socket, 1);
        }
        if n % LONG == 0 {
            lengthen(&socket)?;
        }
        Some(socket)
    };
    (0..SOCKETS).map(open).collect()
}

/// Fills the record of a socket that can join multicast groups.
fn join_groups(socket: &OwnedFd) -> Option<()> {
    let joined = (0..GROUPS).try_for_each(|n| join_with_sources(socket, n, SOURCES));
    if let Err(error) = joined.and_then(|()| set_longest_headers(socket)) {
        assert_eq!(error.raw_os_error(), Some(ENOBUFS), "{error}");
        not_tested("long lists of groups: net.core.optmem_max is too small");
        return None;
    }
    Some(())
}

/// Fills the record of a TCP socket.
fn join_addresses(socket: &OwnedFd) -> Option<()> {
    (0..ADDRESSES).for_each(|n| join_anycast(socket, source6(0x1000 + n)));
    Some(())
}

/// Returns the numbers of entries, and of sources in all of them.
fn lengths(row: &Value, option: &str) -> (usize, usize) {
    let list = row["options"][option].as_array().expect("a list");
    let sources = |entry: &Value| entry["sources"].as_array().map_or(0, Vec::len);
    (list.len(), list.iter().map(sources).sum())
}

/// Asserts that each socket has a row, and that its list is as long as expected.
fn check(arguments: &str, sockets: &[OwnedFd], option: &str, expected: (usize, usize)) {
    let has_loop = btf_has("BPF_FUNC_loop");
    let rows = assert_both_ways_show(arguments);
    let mut by_inode: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for row in &rows {
        by_inode.entry(row["inode"].as_u64().expect("an inode")).or_default().push(row);
    }
    assert_eq!(rows.len(), sockets.len());
    for (n, socket) in sockets.iter().enumerate() {
        let rows = by_inode.get(&inode(socket)).map(Vec::as_slice).unwrap_or_default();
        let [row] = rows else { panic!("{arguments}: {} rows of socket {n}", rows.len()) };
        let expected = if n as u16 % LONG == 0 { expected } else { (0, 0) };
        if has_loop {
            assert_eq!(lengths(row, option), expected, "{arguments}: socket {n}");
        }
    }
    if !has_loop {
        not_tested("whole long lists: this kernel has no bpf_loop()");
    }
}

fn one_port(_: u16) -> u16 {
    7000
}

fn many_ports(n: u16) -> u16 {
    7000 + n
}

#[test]
fn udp_sockets() {
    let _scene = enter();
    permit_long_lists();
    for port in [one_port, many_ports] {
        let Some(sockets) = open_all(SockType::Datagram, port, join_groups) else { return };
        let groups = usize::from(GROUPS);
        check("-u", &sockets, "IP_ADD_MEMBERSHIP", (groups, groups * SOURCES as usize));
    }
}

#[test]
fn tcp_listeners() {
    let _scene = enter();
    for port in [one_port, many_ports] {
        let sockets = open_all(SockType::Stream, port, join_addresses).expect("any number");
        check("-t", &sockets, "IPV6_JOIN_ANYCAST", (ADDRESSES.into(), 0));
    }
}
