//! The sockmaps that a socket is in. bpf(2) reports the ID and the name of a map, and sockets are put into maps here.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use serde_json::{json, Value};

use crate::common::ways::NO_WALKS;
use crate::common::{enter_namespace, find, knetstat, not_tested, sockets, stdout, wait_until};

const COLUMNS: &str = "-tux --columns protocol,inode,sockmap";

/// Creates a map for one socket.
fn map(kind: MapType, name: &str) -> libbpf_rs::Result<MapHandle> {
    map_of(kind, name, 1)
}

/// Creates a map for so many sockets.
fn map_of(kind: MapType, name: &str, most: u32) -> libbpf_rs::Result<MapHandle> {
    let size = size_of::<bpf_map_create_opts>() as _;
    let options = bpf_map_create_opts { sz: size, ..Default::default() };
    MapHandle::create(kind, Some(name), 4, 4, most, &options)
}

/// Puts a socket into a map.
fn put(map: &MapHandle, socket: &impl AsFd) -> libbpf_rs::Result<()> {
    put_at(map, 0, socket)
}

fn put_at(map: &MapHandle, key: u32, socket: &impl AsFd) -> libbpf_rs::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    map.update(&key.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
}

/// The map as bpf(2) reports it.
fn reported(map: &MapHandle) -> Value {
    let info = map.info().expect("a map").info;
    let name: Vec<u8> =
        info.name.iter().map(|byte| *byte as u8).take_while(|it| *it != 0).collect();
    let name = String::from_utf8(name).expect("UTF-8");
    json!({"id": info.id, "name": if name.is_empty() { Value::Null } else { json!(name) }})
}

/// The maps of a socket, by the walks and by the kernel's iterators.
fn shown(socket: &impl AsFd) -> Value {
    let by = |arguments: &str| {
        find(&sockets(arguments), socket).expect("the socket is shown")["sockmap"].clone()
    };
    let (walked, iterated) = (by(COLUMNS), by(&format!("{NO_WALKS} {COLUMNS}")));
    assert_eq!(walked, iterated);
    walked
}

#[test]
fn a_socket_is_in_maps() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    let made = map(MapType::Sockmap, "flows").and_then(|first| {
        put(&first, &client)?;
        Ok((first, map(MapType::Sockhash, "by_cookie")?))
    });
    let (first, second) = match made {
        Ok(maps) => maps,
        Err(error) => return not_tested(&format!("sockmaps: {error}")),
    };
    assert_eq!(shown(&client), json!([reported(&first)]));
    let name = first.info().expect("a map").info.id.to_string() + "/flows";
    assert!(stdout("-t --columns local,sockmap").contains(&name));
    for condition in [format!("sockmap = {name}"), "sockmap = flows".into()] {
        assert_eq!(sockets(&format!("{COLUMNS} {condition}")).len(), 1, "{condition}");
    }
    let fields = stdout("-t --csv --columns sockmap,state");
    assert_eq!(fields.lines().filter(|line| line.starts_with(',')).count(), 2, "{fields}");
    assert_eq!(stdout("-t --long").matches("sockmap").count(), 1);
    // The others are in no map, which is known.
    assert_eq!(sockets("-t sockmap != flows").len(), 2);
    assert_eq!(sockets("-t not has(sockmap)").len(), 2);

    put(&second, &client).expect("a second map");
    let mut both = [reported(&first), reported(&second)].map(|map| map.to_string());
    let mut listed: Vec<String> =
        shown(&client).as_array().expect("a list").iter().map(Value::to_string).collect();
    both.sort();
    listed.sort();
    assert_eq!(listed, both);
    for other in [server.as_fd(), listener.as_fd()] {
        assert_eq!(shown(&other), Value::Null);
    }

    drop(second);
    first.delete(&0u32.to_ne_bytes()).expect("it is removed");
    wait_until("the socket is in no map", || shown(&client) == Value::Null);
}

/// The kernel has a link for each key.
#[test]
fn several_keys_of_a_map() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
    let large = map_of(MapType::Sockmap, "flows", 6)
        .and_then(|map| (0..6).try_for_each(|key| put_at(&map, key, &client)).map(|()| map));
    let large = match large {
        Ok(large) => large,
        Err(error) => return not_tested(&format!("sockmaps: {error}")),
    };
    assert_eq!(shown(&client), json!([reported(&large)]));
    let small = map(MapType::Sockhash, "small").expect("a map");
    put(&small, &client).expect("a second map");
    let both = shown(&client);
    assert_eq!(both.as_array().map(Vec::len), Some(2), "{both}");
    for (condition, count) in [("sockmap=small", 1), ("not sockmap=small", 2), ("sockmap=flows", 1)]
    {
        let output = knetstat(["-tH", "--columns", "sockmap", "--where", condition]);
        assert!(output.status.success(), "{condition}: {output:?}");
        let rows = String::from_utf8_lossy(&output.stdout).lines().count();
        assert_eq!(rows, count, "{condition}");
    }
}

#[test]
fn more_maps_than_a_record_holds() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
    let port = listener.local_addr().expect("bound").port().to_string();
    let mut maps = Vec::new();
    for count in 1..=6 {
        let added = map(MapType::Sockmap, "").and_then(|map| put(&map, &client).map(|()| map));
        match added {
            Ok(map) => maps.push(map),
            Err(error) => return not_tested(&format!("sockmaps: {error}")),
        }
        let shown = shown(&client);
        let listed = shown.as_array().expect("a list");
        assert_eq!(listed.len(), count.min(5), "{shown}");
        assert_eq!(listed.get(4), (count > 4).then_some(&Value::Null), "{shown}");
        for entry in listed.iter().filter(|entry| !entry.is_null()) {
            assert!(maps.iter().any(|map| reported(map) == *entry), "{entry}");
        }
    }
    assert!(stdout("-tH --columns sockmap").contains(",..."));
    let shown = shown(&client);
    for map in &maps {
        let id = map.info().expect("a map").info.id;
        let is_shown = shown.as_array().expect("a list").iter().any(|entry| entry["id"] == id);
        for (condition, count) in [(format!("sockmap = {id}"), 1), (format!("sockmap != {id}"), 0)]
        {
            let output = knetstat(["-tH", "--dport", &port, "--where", &condition]);
            let rows = String::from_utf8_lossy(&output.stdout).lines().count();
            let expected = if is_shown { (count, Some(0)) } else { (0, Some(1)) };
            assert_eq!((rows, output.status.code()), expected, "{condition} {output:?}");
        }
    }
}

#[test]
fn sockets_of_other_families_are_in_maps() {
    enter_namespace();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.connect(udp.local_addr().expect("bound")).expect("it connects to itself");
    let (unix, _peer) = UnixStream::pair().expect("a pair");
    for (family, socket) in [("udp", udp.as_fd()), ("unix", unix.as_fd())] {
        let added = map(MapType::Sockmap, family).and_then(|map| put(&map, &socket).map(|()| map));
        match added {
            Ok(map) => assert_eq!(shown(&socket), json!([reported(&map)]), "{family}"),
            Err(error) => not_tested(&format!("sockmaps with {family} sockets: {error}")),
        }
    }
}
