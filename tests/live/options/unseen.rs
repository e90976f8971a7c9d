//! Options that getsockopt(2) does not support: compared with what was set, and with what the kernel
//! reports elsewhere. Programs, keys and memberships have their own files.

use std::os::fd::AsFd;
use std::process::Command;

use serde_json::{json, Value};

use super::scene::{Scene, Socket, Subject, Version};
use crate::common;
use crate::common::not_tested;
use crate::getsockopt::{structure, LOOPBACK, SECOND};
use crate::numbers::*;

/// Calls setsockopt(2), which must succeed.
pub fn set(socket: &impl AsFd, level: i32, number: i32, value: &[u8]) {
    let result = knetstat::kernel::syscall::setsockopt(socket.as_fd(), level, number, value);
    result.unwrap_or_else(|error| panic!("setsockopt {level} {number}: {error}"));
}

/// Returns the values of an option on each of these sockets, null if it is not shown.
pub fn shown(sockets: &[&Socket], name: &str) -> Vec<Value> {
    look(sockets).iter().map(|socket| socket["options"][name].clone()).collect()
}

/// Returns the rows of these sockets.
fn look(sockets: &[&Socket]) -> Vec<Value> {
    let all = common::sockets("-tu");
    let find = |socket: &&Socket| common::find(&all, *socket).expect("the socket is shown").clone();
    sockets.iter().map(find).collect()
}

/// Asserts the value of an option on all these sockets, and whether it counts as set.
pub fn assert_shown(sockets: &[&Socket], name: &str, value: &Value, is_set: bool) {
    assert!(!sockets.is_empty(), "no socket that could have {name}");
    for socket in look(sockets) {
        assert_eq!(&socket["options"][name], value, "{name} of {}", socket["protocol"]);
        let set = socket["set"].as_array().expect("set is a list");
        assert_eq!(set.iter().any(|set| set == name), is_set, "{name}={value} counts as set");
    }
}

/// Borrows the sockets of subjects.
pub fn sockets(subjects: &[Subject]) -> Vec<&Socket> {
    subjects.iter().map(|subject| &subject.socket).collect()
}

/// TCP and UDP sockets of every version.
pub fn some_of_each(scene: &Scene) -> Vec<Subject> {
    let tcp = |version| scene.tcp(version, &mut |_| ()).expect("a connection");
    let udp = |version| scene.udp(version, &mut |_| ()).expect("UDP sockets");
    Version::ALL.into_iter().flat_map(|version| [tcp(version), udp(version)]).flatten().collect()
}

#[test]
fn busy_poll_budget() {
    let scene = Scene::enter();
    let subjects = some_of_each(&scene);
    let sockets = sockets(&subjects);
    if let Err(error) = common::set(sockets[0], SOL_SOCKET, SO_BUSY_POLL_BUDGET, 0) {
        assert_eq!(error.raw_os_error(), Some(ENOPROTOOPT), "{error}");
        return not_tested("SO_BUSY_POLL_BUDGET, which this kernel does not have");
    }
    for budget in [0, 1, 8, 0x1234, 0xffff] {
        for socket in &sockets {
            common::set(*socket, SOL_SOCKET, SO_BUSY_POLL_BUDGET, budget).expect("the budget");
        }
        assert_shown(&sockets, "SO_BUSY_POLL_BUDGET", &json!(budget), budget != 0);
    }
}

#[test]
fn sticky_packet_information() {
    const NAME: &str = "IPV6_PKTINFO";
    let scene = Scene::enter();
    let (v6, v4): (Vec<_>, Vec<_>) =
        some_of_each(&scene).into_iter().partition(|subject| subject.kind.is_v6());
    let (v6, v4) = (sockets(&v6), sockets(&v4));
    assert_shown(&v4, NAME, &Value::Null, false);
    assert_shown(&v6, NAME, &json!({"ipi6_addr": "::", "ipi6_ifindex": 0}), false);
    for (address, index) in [("2001:db8::7", SECOND), ("::1", 0), ("::", LOOPBACK), ("::", 0)] {
        let bytes = address.parse::<std::net::Ipv6Addr>().expect("an address").octets();
        let value = structure([&bytes, &index.to_ne_bytes()]);
        v6.iter().for_each(|socket| set(socket, IPPROTO_IPV6, IPV6_PKTINFO, &value));
        let expected = json!({"ipi6_addr": address, "ipi6_ifindex": index});
        assert_shown(&v6, NAME, &expected, (address, index) != ("::", 0));
    }
}

/// Sets a socket policy for IPsec that allows everything.
fn set_policy(subject: &Subject, outwards: bool) {
    let (family, level, number) = match subject.kind.is_v6() {
        true => (AF_INET6, IPPROTO_IPV6, IPV6_XFRM_POLICY),
        false => (AF_INET, IPPROTO_IP, IP_XFRM_POLICY),
    };
    // `struct xfrm_userpolicy_info`
    const FAMILY: usize = 40;
    const DIRECTION: usize = 160;
    let mut policy = [0; 168];
    policy[FAMILY] = family as u8;
    policy[DIRECTION] = outwards.into();
    set(&subject.socket, level, number, &policy);
}

#[test]
fn ipsec_policies() {
    let scene = Scene::enter();
    for (directions, expected) in [(&[][..], 0), (&[false], 1), (&[true], 2), (&[true, false], 3)] {
        let mut prepare = |subject: &mut Subject| {
            directions.iter().for_each(|&outwards| set_policy(subject, outwards));
        };
        let mut made = Vec::new();
        for version in [Version::V4, Version::V6] {
            made.extend(scene.tcp(version, &mut prepare).expect("a connection"));
            made.extend(scene.udp(version, &mut prepare).expect("UDP sockets"));
        }
        let all = sockets(&made);
        let (v4, v6) = all.split_at(5);
        assert_shown(&all, "IP_IPSEC_POLICY", &json!(expected), expected != 0);
        assert_shown(v6, "IPV6_IPSEC_POLICY", &json!(expected), expected != 0);
        assert_shown(v4, "IPV6_IPSEC_POLICY", &Value::Null, false);

        // ip-xfrm(8) lists a policy for each direction of each socket.
        let listed = Command::new("ip").args(["xfrm", "policy"]).output().expect("ip(8) is there");
        let listed = String::from_utf8_lossy(&listed.stdout).matches("socket ").count();
        assert_eq!(listed, all.len() * directions.len());
    }
}
