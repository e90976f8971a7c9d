//! Keys of TCP signatures: the peers with a key are shown, the keys never are.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::process::Command;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{listen, Backlog, SockType};
use serde_json::{json, Value};

use super::scene::{Scene, Socket, Version};
use super::unseen::{assert_shown, set, sockets};
use crate::common;
use crate::common::ways::assert_same_options_without_walks;
use crate::common::{btf_has, not_tested};
use crate::getsockopt::{hex, structure};
use crate::numbers::*;

const TCP_MD5SIG_EXT: i32 = 32;
const TCP_MD5SIG_FLAG_PREFIX: u8 = 1;
const TCP_MD5SIG_FLAG_IFINDEX: u8 = 2;

/// The peers of a key: addresses with this prefix, in this VRF if there is one.
#[derive(Clone, Copy)]
struct Peers {
    address: IpAddr,
    prefix: u8,
    vrf: Option<u32>,
}

impl Peers {
    fn new(address: &str, prefix: u8, vrf: Option<u32>) -> Peers {
        Peers { address: address.parse().expect("an address"), prefix, vrf }
    }

    /// Returns the loopback address only.
    fn loopback(version: Version) -> Peers {
        let (address, prefix) = match version {
            Version::V4 => ("127.0.0.1", 32),
            Version::V6 => ("::1", 128),
            Version::Mapped => ("::ffff:127.0.0.1", 32),
        };
        Peers::new(address, prefix, None)
    }

    /// Returns the peers as the kernel stores them: an IPv4-mapped address as an IPv4 address.
    fn shown(&self) -> String {
        format!("{}/{}", self.address.to_canonical(), self.prefix)
    }
}

/// Returns an address as a `struct sockaddr_storage`.
fn socket_address(address: IpAddr) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    match address {
        IpAddr::V4(address) => bytes[4..8].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes[8..24].copy_from_slice(&address.octets()),
    }
    bytes
}

/// `struct tcp_md5sig`
fn md5_signature(peers: Peers, flags: u8, key: &[u8]) -> Vec<u8> {
    let flags = flags | if peers.vrf.is_some() { TCP_MD5SIG_FLAG_IFINDEX } else { 0 };
    let mut head = vec![flags, peers.prefix];
    head.extend((key.len() as u16).to_ne_bytes());
    head.extend(peers.vrf.unwrap_or_default().to_ne_bytes());
    let mut padded = key.to_vec();
    padded.resize(80, 0);
    structure([&socket_address(peers.address), &head, &padded])
}

/// Adds a key for these peers to a socket.
fn add_md5_key(socket: &Socket, peers: Peers) -> io::Result<()> {
    let signature = md5_signature(peers, TCP_MD5SIG_FLAG_PREFIX, b"lisbonne-1755-key");
    common::set_bytes(socket, IPPROTO_TCP, TCP_MD5SIG_EXT, &signature)
}

/// Whether the kernel supports TCP-MD5. If not, reports the test as not tested.
fn has_md5(scene: &Scene) -> bool {
    let probe = scene.subject(Version::V4, SockType::Stream, "bound").socket;
    let Err(error) = add_md5_key(&probe, Peers::loopback(Version::V4)) else {
        return true;
    };
    assert_eq!(error.raw_os_error(), Some(Errno::ENOPROTOOPT as i32), "{error}");
    not_tested("TCP_MD5SIG, which this kernel does not have");
    false
}

/// Asserts that neither the key itself nor its bytes in hexadecimal are in any output of knetstat.
fn assert_secret(key: &[u8]) {
    let key = String::from_utf8_lossy(key).to_lowercase();
    let hexadecimal = hex(key.as_bytes());
    for arguments in ["-t", "-te -O all", "-t -O set --color always", "-tu -J", "-t --ndjson"] {
        let text = common::stdout(arguments).to_lowercase();
        assert!(text.len() > 100, "knetstat {arguments} shows nothing");
        assert!(!text.contains(&key[..8]), "knetstat {arguments} writes the key");
        assert!(!text.contains(&hexadecimal[..12]), "knetstat {arguments} writes the key");
    }
}

/// Returns an option of a socket as shown: the word in the table, and the list in JSON.
fn shown(socket: &Socket, option: &str) -> (String, Vec<Value>) {
    let all = common::sockets(&format!("-t --unbound -O {option}"));
    let row = common::find(&all, socket).expect("the socket is shown");
    assert_eq!(row["options"][option], json!(1), "{row}");
    let list = row["options"][format!("{option}_prefixes")].as_array().expect("a list").clone();
    let table = common::stdout(&format!("-tH --unbound --columns inode,options -O {option}"));
    let inode = format!("{} ", row["inode"]);
    let line = table.lines().find(|line| line.starts_with(&inode)).expect("a row");
    let word = line.split_whitespace().last().expect("an option");
    (word.strip_prefix(&format!("{option}=")).expect("the option").to_owned(), list)
}

/// Returns the peers of the MD5 keys of each listener according to ss(8). The kernel reports the keys to it
/// too.
fn peers_of_ss() -> BTreeSet<String> {
    let output = Command::new("ss").args(["-H", "-t", "-l", "-n", "-i"]).output().expect("ss");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lists = text.split_whitespace().filter_map(|word| word.strip_prefix("md5keys:"));
    let entries = lists.flat_map(|list| list.split(','));
    entries.filter_map(|entry| entry.split('=').next().map(str::to_owned)).collect()
}

fn prefix(entry: &Value) -> String {
    format!("{}/{}", entry["tcpm_addr"].as_str().expect("an address"), entry["tcpm_prefixlen"])
}

#[test]
fn md5_keys_are_seen_and_not_shown() {
    const KEY: &[u8] = b"vaugirard-1893-key";
    let scene = Scene::enter();
    if !has_md5(&scene) {
        return;
    }
    let signature = |version, key| md5_signature(Peers::loopback(version), 0, key);
    let mut all = Vec::new();
    for version in Version::ALL {
        // A dual-stack listener stores the key of the IPv4 address, which is IPv4-mapped.
        let made = scene.tcp(version, &mut |subject| {
            set(&subject.socket, IPPROTO_TCP, TCP_MD5SIG, &signature(version, KEY));
        });
        let made = made.expect("a connection with signatures");
        assert_shown(&sockets(&made), "TCP_MD5SIG", &json!(1), true);
        let (word, list) = shown(&made[0].socket, "TCP_MD5SIG");
        let peers = Peers::loopback(version).shown();
        assert_eq!((word, list.len()), (peers.clone(), 1));
        assert_eq!(prefix(&list[0]), peers);
        assert_eq!(list[0]["tcpm_ifindex"], Value::Null);
        all.push((version, made));
    }
    assert_secret(KEY);
    assert_same_options_without_walks();
    for (version, made) in &all {
        let listener = &made[0].socket;
        set(listener, IPPROTO_TCP, TCP_MD5SIG, &signature(*version, b""));
        assert_shown(&[listener], "TCP_MD5SIG", &json!(0), false);
    }
    let plain = scene.tcp(Version::V4, &mut |_| ()).expect("a connection");
    assert_shown(&sockets(&plain), "TCP_MD5SIG", &json!(0), false);
}

/// A listener has a key for each of many prefixes, before and after listen(2).
#[test]
fn each_prefix_with_an_md5_key_is_listed() {
    let scene = Scene::enter();
    if !has_md5(&scene) {
        return;
    }
    let speaker = scene.subject(Version::Mapped, SockType::Stream, "listening").socket;
    scene.bind(&speaker, "::".parse().expect("an address")).expect("bind");
    let peers = [
        Peers::new("::ffff:10.1.0.0", 16, None),
        Peers::new("::ffff:192.0.2.7", 32, None),
        Peers::new("2001:db8::", 64, None),
        Peers::new("2001:db8::1", 128, None),
        Peers::new("fe80::", 10, None),
    ];
    let mut expected = BTreeSet::new();
    let compare = |expected: &BTreeSet<String>| {
        let (word, list) = shown(&speaker, "TCP_MD5SIG");
        assert_eq!(word.split('|').map(str::to_owned).collect::<BTreeSet<_>>(), *expected);
        assert_eq!(list.iter().map(prefix).collect::<BTreeSet<_>>(), *expected);
        assert_eq!(list.len(), expected.len());
        assert!(list.iter().all(|entry| entry.get("more").is_none()));
    };
    for peers in peers {
        add_md5_key(&speaker, peers).expect("a key");
        expected.insert(peers.shown());
        compare(&expected);
    }
    listen(&speaker, Backlog::new(8).expect("a backlog")).expect("listen");
    compare(&expected);
    assert_eq!(peers_of_ss(), expected);
    assert_same_options_without_walks();
    // Without its key, a peer is no longer in the list.
    let gone = peers[2];
    let signature = md5_signature(gone, TCP_MD5SIG_FLAG_PREFIX, b"");
    set(&speaker, IPPROTO_TCP, TCP_MD5SIG_EXT, &signature);
    expected.remove(&gone.shown());
    compare(&expected);
    assert_eq!(peers_of_ss(), expected);
}

/// As many peers as the kernel has memory for: a list that is cut is marked as such, and its entries are
/// right. They exceed the size of the message that ss(8) would get.
#[test]
fn hundreds_of_md5_keys_are_listed() {
    const UNROLLED: usize = 32;
    let scene = Scene::enter();
    if !has_md5(&scene) {
        return;
    }
    let speaker = scene.subject(Version::V6, SockType::Stream, "listening").socket;
    scene.bind(&speaker, "::1".parse().expect("an address")).expect("bind");
    listen(&speaker, Backlog::new(8).expect("a backlog")).expect("listen");
    let mut added = BTreeSet::new();
    for number in 0..600_u32 {
        let peers = Peers::new(&format!("2001:db8:0:{number:x}::"), 64, None);
        if let Err(error) = add_md5_key(&speaker, peers) {
            // The limit is net.core.optmem_max, which was 20 KiB before 6.8.
            assert_eq!(error.raw_os_error(), Some(Errno::ENOMEM as i32), "{error}");
            break;
        }
        added.insert(peers.shown());
    }
    assert!(added.len() > UNROLLED, "only {} keys", added.len());
    assert_same_options_without_walks();
    let (word, list) = shown(&speaker, "TCP_MD5SIG");
    let names: BTreeSet<String> = list.iter().map(prefix).collect();
    assert_eq!(names.len(), list.len(), "a prefix is there twice");
    assert!(names.is_subset(&added));
    let is_cut = list.last().and_then(|entry| entry.get("more")).is_some();
    assert_eq!(word.ends_with("|..."), is_cut);
    match btf_has("BPF_FUNC_loop") {
        true => assert_eq!((names.len(), is_cut), (added.len(), false)),
        false => assert_eq!((names.len(), is_cut), (UNROLLED, true)),
    }
}

/// A key for the peers in one VRF, and a key for peers in none.
#[test]
fn a_key_for_one_vrf_names_it() {
    let scene = Scene::enter();
    if !has_md5(&scene) {
        return;
    }
    let arguments = ["link", "add", "red", "type", "vrf", "table", "10"];
    let made = Command::new("ip").args(arguments).output().expect("ip");
    if !made.status.success() {
        let reason = String::from_utf8_lossy(&made.stderr);
        assert!(reason.contains("Unknown device type"), "{reason}");
        return not_tested("keys for one VRF: this kernel has none");
    }
    let red = if_nametoindex("red").expect("an index");
    let socket = scene.subject(Version::V4, SockType::Stream, "listening").socket;
    scene.bind(&socket, "127.0.0.1".parse().expect("an address")).expect("bind");
    add_md5_key(&socket, Peers::new("10.1.0.0", 16, Some(red))).expect("a key");
    let (word, list) = shown(&socket, "TCP_MD5SIG");
    assert_eq!((word.as_str(), &list[0]["tcpm_ifindex"]), ("10.1.0.0/16%red", &json!(red)));
}

/// `struct tcp_ao_add`
fn authentication_key(peers: Peers, ids: (u8, u8), key: &[u8]) -> Vec<u8> {
    let mut algorithm = b"hmac(sha1)".to_vec();
    algorithm.resize(64, 0);
    // The interface and flags, then prefix, sndid, rcvid, maclen, keyflags, keylen.
    let vrf = peers.vrf.unwrap_or_default().to_ne_bytes();
    let flags = u8::from(peers.vrf.is_some()); // TCP_AO_KEYF_IFINDEX
    let rest = [0, 0, 0, 0, 0, 0, peers.prefix, ids.0, ids.1, 12, flags, key.len() as u8];
    let mut padded = key.to_vec();
    padded.resize(80, 0);
    structure([&socket_address(peers.address), &algorithm, &vrf, &rest, &padded])
}

#[test]
fn authentication_keys_are_seen_and_not_shown() {
    const KEY: &[u8] = b"convention-1910-key";
    const TCP_AO_ADD_KEY: i32 = 38;
    let scene = Scene::enter();
    for version in [Version::V4, Version::V6] {
        let probe = scene.subject(version, SockType::Stream, "bound").socket;
        let peers = Peers::loopback(version);
        let value = authentication_key(peers, (100, 100), KEY);
        if let Err(error) = common::set_bytes(&probe, IPPROTO_TCP, TCP_AO_ADD_KEY, &value) {
            assert_eq!(error.raw_os_error(), Some(Errno::ENOPROTOOPT as i32), "{error}");
            return not_tested("TCP_AO_ADD_KEY, which this kernel does not have");
        }
        let made = scene.tcp(version, &mut |subject| {
            set(&subject.socket, IPPROTO_TCP, TCP_AO_ADD_KEY, &value);
        });
        let made = made.expect("an authenticated connection");
        assert_shown(&sockets(&made), "TCP_AO_ADD_KEY", &json!(1), true);
        assert_secret(KEY);

        let listener = &made[0].socket;
        let wide = Peers { prefix: 8, address: first_of_eight(version), vrf: None };
        let second = authentication_key(wide, (7, 9), KEY);
        set(listener, IPPROTO_TCP, TCP_AO_ADD_KEY, &second);
        let (word, list) = shown(listener, "TCP_AO_ADD_KEY");
        let expected = [
            format!("{}+sndid:100+rcvid:100", peers.shown()),
            format!("{}+sndid:7+rcvid:9", wide.shown()),
        ];
        assert_eq!(
            word.split('|').collect::<BTreeSet<_>>(),
            expected.iter().map(String::as_str).collect()
        );
        assert_eq!(list.len(), 2);
        assert_same_options_without_walks();
        let entry = list.iter().find(|entry| entry["sndid"] == 7).expect("the second key");
        let address = wide.address.to_string();
        let expected =
            json!({"addr": address, "prefix": 8, "ifindex": null, "sndid": 7, "rcvid": 9});
        assert_eq!(*entry, expected);
    }
}

/// Returns an address without bits after a prefix of eight bits, as the kernel requires.
fn first_of_eight(version: Version) -> IpAddr {
    let address = if version == Version::V4 { "10.0.0.0" } else { "2000::" };
    address.parse().expect("an address")
}
