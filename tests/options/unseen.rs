//! What getsockopt(2) cannot tell: compared with what was set, and with what the kernel says
//! elsewhere.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use libbpf_rs::{Object, ObjectBuilder, Program};
use nix::errno::Errno;
use nix::sys::socket::SockType;
use serde_json::{json, Value};

use crate::common;
use crate::compare::say;
use crate::numbers::*;
use crate::scene::{Scene, Socket, Subject, Version};
use crate::table::{classic_program, structure, LOOPBACK, MOST_INSTRUCTIONS, SECOND};

/// setsockopt(2), which must succeed.
pub fn set(socket: &impl AsFd, level: i32, number: i32, value: &[u8]) {
    let result = knetstat::sys::setsockopt(socket.as_fd(), level, number, value);
    result.unwrap_or_else(|error| panic!("setsockopt {level} {number}: {error}"));
}

/// What knetstat shows of an option, on each of these sockets.
pub fn shown(sockets: &[&Socket], name: &str) -> Vec<Value> {
    let all = common::sockets("-tu");
    let option = |socket: &&Socket| match common::find(&all, *socket) {
        Some(shown) => shown["options"][name].clone(),
        None => panic!("a socket is not shown"),
    };
    sockets.iter().map(option).collect()
}

/// Whether knetstat counts an option as set.
fn is_set(socket: &Socket, name: &str) -> bool {
    let all = common::sockets("-tu");
    let set = &common::find(&all, socket).expect("the socket is shown")["set"];
    set.as_array().expect("set is a list").iter().any(|set| set == name)
}

/// All TCP and UDP sockets of both versions, with nothing set.
fn some_of_each(scene: &Scene) -> Vec<Subject> {
    let tcp = |version| scene.tcp(version, &mut |_| ()).expect("a connection");
    let udp = |version| scene.udp(version, &mut |_| ()).expect("UDP sockets");
    Version::ALL.into_iter().flat_map(|version| [tcp(version), udp(version)]).flatten().collect()
}

#[test]
fn busy_poll_budget() {
    let scene = Scene::enter();
    let subjects = some_of_each(&scene);
    let sockets: Vec<_> = subjects.iter().map(|subject| &subject.socket).collect();
    for budget in [0, 1, 8, 0x1234, 0xffff] {
        for socket in &sockets {
            common::set(*socket, SOL_SOCKET, SO_BUSY_POLL_BUDGET, budget).expect("the budget");
        }
        let expected = vec![json!(budget); sockets.len()];
        assert_eq!(shown(&sockets, "SO_BUSY_POLL_BUDGET"), expected);
        assert_eq!(is_set(sockets[0], "SO_BUSY_POLL_BUDGET"), budget != 0);
    }
}

/// An eBPF program for sockets, which lets every packet pass.
struct Ebpf(Object);

impl Ebpf {
    fn load() -> Ebpf {
        const SOURCE: &str = "__attribute__((section(\"socket\"))) int pass(void *packet) \
                              { return -1; }";
        let arguments = "-target bpf -O2 -g -x c -c -o - -";
        let mut clang = Command::new("clang")
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("clang is needed, as it is to build knetstat");
        let mut stdin = clang.stdin.take().expect("it is a pipe");
        std::io::Write::write_all(&mut stdin, SOURCE.as_bytes()).expect("clang reads");
        drop(stdin);
        let output = clang.wait_with_output().expect("clang ends");
        let object = ObjectBuilder::default().open_memory(&output.stdout).expect("clang compiles");
        Ebpf(object.load().expect("the kernel takes the program"))
    }

    /// Its descriptor, as setsockopt(2) takes it, and its id.
    fn program(&self) -> ([u8; 4], u32) {
        let program = self.0.progs().next().expect("there is one program");
        let id = Program::id_from_fd(program.as_fd()).expect("a program has an id");
        (common::number(&program.as_fd()).to_ne_bytes(), id)
    }
}

#[test]
fn ebpf_filters() {
    let scene = Scene::enter();
    let subjects = some_of_each(&scene);
    let sockets: Vec<_> = subjects.iter().map(|subject| &subject.socket).collect();
    let none = json!({"kind": "none", "instructions": 0});
    let programs = [Ebpf::load(), Ebpf::load()];
    for ebpf in &programs {
        let (descriptor, id) = ebpf.program();
        sockets.iter().for_each(|socket| set(socket, SOL_SOCKET, SO_ATTACH_BPF, &descriptor));
        let error =
            knetstat::sys::getsockopt(sockets[0].as_fd(), SOL_SOCKET, SO_GET_FILTER, &mut []);
        assert_eq!(error.expect_err("no one is told").raw_os_error(), Some(EACCES));
        let expected = vec![json!({"kind": "ebpf", "id": id}); sockets.len()];
        assert_eq!(shown(&sockets, "SO_GET_FILTER"), expected);
        assert!(is_set(sockets[0], "SO_GET_FILTER"));
    }
    sockets.iter().for_each(|socket| set(socket, SOL_SOCKET, SO_DETACH_FILTER, &[0; 4]));
    assert_eq!(shown(&sockets, "SO_GET_FILTER"), vec![none; sockets.len()]);

    // A connection has the filter of the listener that it came through.
    let (descriptor, id) = programs[0].program();
    let made = scene.tcp(Version::V6, &mut |subject| {
        set(&subject.socket, SOL_SOCKET, SO_ATTACH_BPF, &descriptor);
    });
    let made = made.expect("a connection");
    let sockets: Vec<_> = made.iter().map(|subject| &subject.socket).collect();
    assert_eq!(shown(&sockets, "SO_GET_FILTER"), vec![json!({"kind": "ebpf", "id": id}); 3]);
}

#[test]
fn reuseport_programs() {
    const NAME: &str = "SO_ATTACH_REUSEPORT_CBPF";
    let scene = Scene::enter();
    let none = json!({"kind": "none", "instructions": 0});
    let ebpf = Ebpf::load();
    let (descriptor, id) = ebpf.program();
    for version in Version::ALL {
        let reuse = &mut |subject: &mut Subject| {
            common::set(&subject.socket, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
        };
        let mut made = scene.tcp(version, reuse).expect("a connection");
        made.extend(scene.udp(version, reuse).expect("UDP sockets"));
        // The listener and the UDP socket that is bound have a group; who is connected has not.
        let [listener, client, accepted, bound] = [0, 1, 2, 3].map(|n| &made[n].socket);
        let unconnected = [listener, bound];
        assert_eq!(shown(&unconnected, NAME), [none.clone(), none.clone()]);
        for instructions in [1, 2, MOST_INSTRUCTIONS] {
            let program = classic_program(instructions);
            unconnected
                .iter()
                .for_each(|socket| set(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program));
            let expected = json!({"kind": "classic", "instructions": instructions});
            assert_eq!(shown(&unconnected, NAME), [expected.clone(), expected]);
            assert!(is_set(listener, NAME));
        }
        unconnected
            .iter()
            .for_each(|socket| set(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &descriptor));
        let expected = json!({"kind": "ebpf", "id": id});
        assert_eq!(shown(&unconnected, NAME), [expected.clone(), expected]);
        assert_eq!(shown(&[client, accepted], NAME), [none.clone(), none.clone()]);
        unconnected
            .iter()
            .for_each(|socket| set(socket, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &[0; 4]));
        assert_eq!(shown(&unconnected, NAME), [none.clone(), none.clone()]);
        assert!(!is_set(bound, NAME));
    }
}

/// Every member of the group has the program that one of them got.
#[test]
fn a_reuseport_group_shares_its_program() {
    const NAME: &str = "SO_ATTACH_REUSEPORT_CBPF";
    let scene = Scene::enter();
    let members: Vec<_> =
        (0..3).map(|_| scene.subject(Version::V4, SockType::Datagram, "bound").socket).collect();
    for socket in &members {
        common::set(socket, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
        let address = "127.0.0.1:9".parse::<std::net::SocketAddr>().expect("an address");
        let address = nix::sys::socket::SockaddrStorage::from(address);
        nix::sys::socket::bind(common::number(socket), &address).expect("bind");
    }
    set(&members[1], SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &classic_program(7));
    let expected = json!({"kind": "classic", "instructions": 7});
    assert_eq!(shown(&members.iter().collect::<Vec<_>>(), NAME), vec![expected; 3]);
}

#[test]
fn sticky_packet_information() {
    let scene = Scene::enter();
    let subjects = some_of_each(&scene);
    let (v6, v4): (Vec<_>, Vec<_>) = subjects
        .iter()
        .map(|subject| &subject.socket)
        .partition(|socket| !shown(&[*socket], "IPV6_PKTINFO")[0].is_null());
    assert_eq!((v6.len(), v4.len()), (10, 5));
    let unset = json!({"ipi6_addr": "::", "ipi6_ifindex": 0});
    assert_eq!(shown(&v6, "IPV6_PKTINFO"), vec![unset; v6.len()]);
    assert!(!is_set(v6[0], "IPV6_PKTINFO"));
    for (address, index) in [("2001:db8::7", SECOND), ("::1", 0), ("::", LOOPBACK), ("::", 0)] {
        let bytes = address.parse::<std::net::Ipv6Addr>().expect("an address").octets();
        let value = structure([&bytes, &index.to_ne_bytes()]);
        v6.iter().for_each(|socket| set(socket, IPPROTO_IPV6, IPV6_PKTINFO, &value));
        let expected = json!({"ipi6_addr": address, "ipi6_ifindex": index});
        assert_eq!(shown(&v6, "IPV6_PKTINFO"), vec![expected; v6.len()]);
        assert_eq!(is_set(v6[0], "IPV6_PKTINFO"), (address, index) != ("::", 0));
    }
}

/// `struct xfrm_userpolicy_info` for everything: let it pass.
fn policy(family: i32, outwards: bool) -> Vec<u8> {
    const FAMILY: usize = 40;
    const DIRECTION: usize = 160;
    let mut policy = vec![0; 168];
    policy[FAMILY] = family as u8;
    policy[DIRECTION] = outwards.into();
    policy
}

#[test]
fn ipsec_policies() {
    let scene = Scene::enter();
    let mut policies = 0;
    for (directions, expected) in
        [(vec![], 0), (vec![false], 1), (vec![true], 2), (vec![true, false], 3)]
    {
        let mut prepare = |subject: &mut Subject| {
            for &outwards in &directions {
                match subject.kind.is_v6() {
                    true => set(
                        &subject.socket,
                        IPPROTO_IPV6,
                        IPV6_XFRM_POLICY,
                        &policy(AF_INET6, outwards),
                    ),
                    false => {
                        set(&subject.socket, IPPROTO_IP, IP_XFRM_POLICY, &policy(AF_INET, outwards))
                    }
                }
            }
        };
        let mut made = Vec::new();
        for version in [Version::V4, Version::V6] {
            made.extend(scene.tcp(version, &mut prepare).expect("a connection"));
            made.extend(scene.udp(version, &mut prepare).expect("UDP sockets"));
        }
        let all: Vec<_> = made.iter().map(|subject| &subject.socket).collect();
        assert_eq!(shown(&all, "IP_IPSEC_POLICY"), vec![json!(expected); 10]);
        assert_eq!(shown(&all[..5], "IPV6_IPSEC_POLICY"), vec![Value::Null; 5]);
        assert_eq!(shown(&all[5..], "IPV6_IPSEC_POLICY"), vec![json!(expected); 5]);
        assert_eq!(is_set(all[9], "IPV6_IPSEC_POLICY"), expected != 0);

        // The kernel's own list has a policy for each direction of each socket.
        let listed = Command::new("ip").args(["xfrm", "policy"]).output().expect("ip(8) is there");
        let listed = String::from_utf8_lossy(&listed.stdout).matches("socket ").count();
        policies = policies.max(listed);
        assert_eq!(listed, 10 * directions.len());
    }
    assert!(policies > 0);
}

/// `struct tcp_md5sig`, which begins with a `struct sockaddr_storage`.
fn md5_signature(version: Version, key: &[u8]) -> Vec<u8> {
    let mut length = [0; 8];
    length[2..4].copy_from_slice(&(key.len() as u16).to_ne_bytes());
    let mut padded = key.to_vec();
    padded.resize(80, 0);
    structure([&socket_address(version), &length, &padded])
}

/// The loopback address as a `struct sockaddr_storage`.
fn socket_address(version: Version) -> Vec<u8> {
    let mut address = vec![0; 128];
    let family = if version == Version::V4 { AF_INET } else { AF_INET6 };
    address[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    match version {
        Version::V4 => address[4..8].copy_from_slice(&[127, 0, 0, 1]),
        Version::V6 => address[23] = 1,
        Version::Mapped => address[18..24].copy_from_slice(&[0xff, 0xff, 127, 0, 0, 1]),
    }
    address
}

/// Everything that knetstat can write about sockets, with every option: neither the key itself nor
/// its bytes in hexadecimal may be in it.
fn assert_secret(key: &[u8]) {
    let hexadecimal = crate::table::hex(key);
    for arguments in [
        "-t",
        "-t -O all",
        "-t -O set",
        "-t -e -O all",
        "-tu -J",
        "-t -J -O set",
        "-t --ndjson",
        "-t --csv -O all",
        "-t --long",
    ] {
        let output = common::knetstat(arguments.split(' '));
        let text = [output.stdout, output.stderr].concat();
        let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
        assert!(!text.is_empty(), "knetstat {arguments} writes nothing");
        assert!(!has(key) && !has(&key[..8]), "knetstat {arguments} writes the key");
        assert!(!has(hexadecimal.as_bytes()) && !has(hexadecimal.to_uppercase().as_bytes()));
    }
}

#[test]
fn md5_keys_are_seen_and_not_shown() {
    const KEY: &[u8] = b"Vaugirard-1893-key";
    let scene = Scene::enter();
    let probe = scene.subject(Version::V4, SockType::Stream, "bound").socket;
    let signature = md5_signature(Version::V4, KEY);
    if knetstat::sys::setsockopt(probe.as_fd(), IPPROTO_TCP, TCP_MD5SIG, &signature).is_err() {
        return say("not on this kernel: TCP_MD5SIG");
    }
    let mut all = Vec::new();
    for version in Version::ALL {
        // A listener for both versions has the key of the IPv4 address, which is a mapped one.
        let made = scene.tcp(version, &mut |subject| {
            set(&subject.socket, IPPROTO_TCP, TCP_MD5SIG, &md5_signature(version, KEY));
        });
        let made = made.expect("a connection with signatures");
        let sockets: Vec<_> = made.iter().map(|subject| &subject.socket).collect();
        assert_eq!(shown(&sockets, "TCP_MD5SIG"), vec![json!(1); 3], "{version:?}");
        assert!(is_set(sockets[2], "TCP_MD5SIG"));
        all.push((version, made));
    }
    assert_secret(KEY);
    for (version, made) in &all {
        let listener = &made[0].socket;
        set(listener, IPPROTO_TCP, TCP_MD5SIG, &md5_signature(*version, b""));
        assert_eq!(shown(&[listener], "TCP_MD5SIG"), [json!(0)]);
        assert!(!is_set(listener, "TCP_MD5SIG"));
    }
    let plain = scene.tcp(Version::V4, &mut |_| ()).expect("a connection");
    assert_eq!(shown(&[&plain[1].socket], "TCP_MD5SIG"), [json!(0)]);
}

/// `struct tcp_ao_add`
fn authentication_key(version: Version, key: &[u8]) -> Vec<u8> {
    let mut algorithm = b"hmac(sha1)".to_vec();
    algorithm.resize(64, 0);
    let prefix = if version == Version::V4 { 32 } else { 128 };
    // The interface and the flags, then: prefix, sndid, rcvid, maclen, keyflags, keylen.
    let rest = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, prefix, 100, 100, 12, 0, key.len() as u8];
    let mut padded = key.to_vec();
    padded.resize(80, 0);
    structure([&socket_address(version), &algorithm, &rest, &padded])
}

#[test]
fn authentication_keys_are_seen_and_not_shown() {
    const KEY: &[u8] = b"Convention-1910-key";
    const TCP_AO_ADD_KEY: i32 = 38;
    let scene = Scene::enter();
    for version in [Version::V4, Version::V6] {
        let probe = scene.subject(version, SockType::Stream, "bound").socket;
        let value = authentication_key(version, KEY);
        match knetstat::sys::setsockopt(probe.as_fd(), IPPROTO_TCP, TCP_AO_ADD_KEY, &value) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(Errno::ENOPROTOOPT as i32), "{error}");
                return say("not on this kernel: TCP_AO_ADD_KEY");
            }
        }
        let made = scene.tcp(version, &mut |subject| {
            set(&subject.socket, IPPROTO_TCP, TCP_AO_ADD_KEY, &value);
        });
        let made = made.expect("an authenticated connection");
        let sockets: Vec<_> = made.iter().map(|subject| &subject.socket).collect();
        assert_eq!(shown(&sockets, "TCP_AO_ADD_KEY"), vec![json!(1); 3]);
        assert_secret(KEY);
    }
}
