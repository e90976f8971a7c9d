//! Options that are byte strings, which the kernel parses in part: their values in many lengths and shapes.

use std::os::fd::AsFd;

use super::random::Random;
use super::scene::{Scene, Subject, Version};
use crate::common::ways::assert_same_options_without_walks;
use crate::getsockopt::Tally;
use crate::getsockopt::{extension_header, hex, routing_header};
use crate::numbers::*;

/// Returns the sockets of both protocols, before any option to compare is set.
fn sockets(scene: &Scene, version: Version) -> Vec<Subject> {
    let mut sockets = scene.tcp(version, &mut |_| ()).expect("a connection");
    sockets.extend(scene.udp(version, &mut |_| ()).expect("UDP sockets"));
    sockets
}

/// Sets an option on all sockets. Returns false if at least one rejected it.
fn set_all(sockets: &mut [Subject], level: i32, number: i32, value: &[u8]) -> bool {
    let mut accepted = true;
    for Subject { socket, story, .. } in sockets {
        let result = knetstat::kernel::syscall::setsockopt(socket.as_fd(), level, number, value);
        accepted &= result.is_ok();
        *story += &format!("{number}={} {result:?}, ", hex(value));
    }
    accepted
}

/// Returns an option with room for addresses or times. `pointer` is its pointer byte.
fn route(kind: u8, length: u8, pointer: u8) -> Vec<u8> {
    let mut option = vec![kind, length, pointer];
    // The addresses 127.0.0.1, 127.0.0.2 ...
    let addresses = (1..).flat_map(|n| [127, 0, 0, n]);
    option.extend(addresses.take(usize::from(length) - 3));
    option
}

const RECORD_ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
const SECURITY: u8 = 130;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STREAM_ID: u8 = 136;
const STRICT_SOURCE_ROUTE: u8 = 137;
const ROUTER_ALERT: u8 = 148;

fn timestamp(length: u8, pointer: u8, flags: u8) -> Vec<u8> {
    let mut option = vec![TIMESTAMP, length, pointer, flags];
    option.extend((1..).flat_map(|n| [127, 0, 0, n]).take(usize::from(length) - 4));
    option
}

/// Returns one or more IP options, most of them acceptable to the kernel.
fn random_ip_options(random: &mut Random) -> Vec<u8> {
    let mut options = Vec::new();
    for _ in 0..=random.below(3) {
        let addresses = 1 + random.below(9) as u8;
        let four = |random: &mut Random| 4 * (random.below(addresses as usize + 1) as u8);
        options.extend(match random.below(9) {
            0 => route(LOOSE_SOURCE_ROUTE, 3 + 4 * addresses, 4),
            1 => route(STRICT_SOURCE_ROUTE, 3 + 4 * addresses, 4),
            2 => route(RECORD_ROUTE, 3 + 4 * addresses, 4 + four(random)),
            3 => timestamp(4 + 4 * addresses, 5 + four(random), 0),
            4 => timestamp(4 + 4 * addresses, 5 + four(random), 1),
            5 => timestamp(4 + 4 * addresses, 5 + four(random), 3),
            6 => vec![SECURITY, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            7 => vec![STREAM_ID, 4, 0x12, 0x34],
            _ => [&[ROUTER_ALERT, 4, 0, 0][..], &[1; 3][..random.below(4)]].concat(),
        });
    }
    options
}

/// Returns the types of the options, to count what was tried.
fn kinds(options: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        kinds.push(kind);
        at += if kind <= 1 { 1 } else { usize::from(options[at + 1]) };
    }
    kinds
}

#[test]
fn options_of_the_ip_header() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut random = Random::new();
    let mut accepted = Vec::new();
    for _ in 0..4 {
        let mut subjects = Vec::new();
        for _ in 0..60 {
            let version = [Version::V4, Version::V6][random.below(2)];
            let mut sockets = sockets(&scene, version);
            let options = random_ip_options(&mut random);
            if set_all(&mut sockets, IPPROTO_IP, IP_OPTIONS, &options) {
                accepted.extend(kinds(&options));
            }
            subjects.extend(sockets);
        }
        tally.compare("-tu", &subjects);
        assert_same_options_without_walks();
    }
    for kind in [
        RECORD_ROUTE,
        TIMESTAMP,
        SECURITY,
        LOOSE_SOURCE_ROUTE,
        STREAM_ID,
        STRICT_SOURCE_ROUTE,
        ROUTER_ALERT,
    ] {
        let times = accepted.iter().filter(|accepted| **accepted == kind).count();
        assert!(times >= 5, "the IP option {kind} was set {times} times only");
    }
    tally.finish("tcp/udp: IP options", "");
}

/// The accepted connection answers with the options of the SYN. A source route is not among them: no SYN
/// with a source route arrives over the loopback interface.
#[test]
fn ip_options_that_came_with_the_connection() {
    let scene = Scene::enter();
    let mut subjects = Vec::new();
    let mut echoed = 0;
    for options in [
        route(RECORD_ROUTE, 15, 4),
        route(RECORD_ROUTE, 39, 4),
        timestamp(12, 5, 0),
        timestamp(20, 5, 1),
        timestamp(20, 5, 3),
    ] {
        let made = scene.tcp(Version::V4, &mut |subject| {
            if subject.state == "connected" {
                let socket = subject.socket.as_fd();
                let result =
                    knetstat::kernel::syscall::setsockopt(socket, IPPROTO_IP, IP_OPTIONS, &options);
                result.expect("IP_OPTIONS");
            }
        });
        let made = made.unwrap_or_else(|error| panic!("connect with {options:?}: {error}"));
        let mut buffer = [0; 40];
        let accepted = made[2].socket.as_fd();
        let length =
            knetstat::kernel::syscall::getsockopt(accepted, IPPROTO_IP, IP_OPTIONS, &mut buffer);
        echoed += usize::from(length.expect("IP_OPTIONS") > 0);
        subjects.extend(made);
    }
    assert!(echoed >= 3, "only {echoed} accepted connections have IP options");
    let mut tally = Tally::default();
    tally.compare("-tu", &subjects);
    assert_same_options_without_walks();
    tally.finish("tcp/udp: IP options of accepted connections", "");
}

#[test]
fn ipv6_extension_headers() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut subjects = Vec::new();
    let mut largest = 0;
    for (round, length) in
        [8, 16, 24, 56, 128, 136, 256, 1000, 1024, 2032, 2040, 2048].iter().enumerate()
    {
        for version in [Version::V6, Version::Mapped] {
            let mut sockets = sockets(&scene, version);
            let header = extension_header(*length);
            if set_all(&mut sockets, IPPROTO_IPV6, IPV6_HOPOPTS, &header) {
                largest = *length;
            }
            set_all(&mut sockets, IPPROTO_IPV6, IPV6_DSTOPTS, &extension_header(8 + 8 * round));
            set_all(
                &mut sockets,
                IPPROTO_IPV6,
                IPV6_RTHDRDSTOPTS,
                &extension_header(2040 - 8 * round),
            );
            set_all(&mut sockets, IPPROTO_IPV6, IPV6_RTHDR, &routing_header(1 + round as u8));
            if round % 3 == 2 {
                // Removes one again.
                set_all(&mut sockets, IPPROTO_IPV6, IPV6_DSTOPTS, &[]);
            }
            // Bytes after the header's own length are not part of it.
            let longer = [extension_header(8), vec![0xaa; 16]].concat();
            if round % 3 == 1 {
                assert!(set_all(&mut sockets, IPPROTO_IPV6, IPV6_HOPOPTS, &longer));
            }
            subjects.extend(sockets);
        }
    }
    tally.compare("-tu", &subjects);
    assert_same_options_without_walks();
    assert!(largest >= 2040, "the largest header was one of {largest} bytes");
    tally.finish("tcp/udp: IPv6 extension headers", &format!("; the largest has {largest} bytes"));
}
