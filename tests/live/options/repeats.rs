//! Options that the default selection shows once, and `-O set` twice.

use std::net::UdpSocket;

use crate::common::{enter_namespace, ip, not_tested, set, set_bytes, stdout};
use crate::numbers::*;
use nix::net::if_::if_nametoindex;

const SO_BUF_LOCK: i32 = 72;
const SO_TIMESTAMP_NEW: i32 = 63;
const SO_TIMESTAMPNS_NEW: i32 = 64;

/// Returns the names of the options of the only UDP socket, except those that are always shown.
fn shown(arguments: &str) -> String {
    let text = stdout(&format!("-uH --columns options {arguments}"));
    let names = text.trim_end().split(',').filter_map(|option| option.split_once('='));
    let always = ["SO_REUSEADDR", "SO_BROADCAST"];
    let names = names.map(|(name, _)| name).filter(|name| !always.contains(name));
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_buffer_whose_size_was_set() {
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:5000").expect("a socket");
    assert_eq!(shown(""), "");
    set(&socket, SOL_SOCKET, SO_RCVBUF, 50_000).expect("SO_RCVBUF");
    assert_eq!(shown(""), "SO_RCVBUF");
    if set(&socket, SOL_SOCKET, SO_BUF_LOCK, 2).is_err() {
        return not_tested("SO_BUF_LOCK: this kernel has no such option");
    }
    assert_eq!(shown("-O common"), "SO_RCVBUF");
    assert_eq!(shown("-O set"), "SO_RCVBUF SO_BUF_LOCK");
    assert_eq!(shown("-O common,set"), "SO_RCVBUF SO_BUF_LOCK");
    assert_eq!(shown("-O buf_lock,common"), "SO_BUF_LOCK SO_RCVBUF");
    assert_eq!(shown("-O rcvbuf,buf_lock"), "SO_RCVBUF SO_BUF_LOCK");
    set(&socket, SOL_SOCKET, SO_SNDBUF, 50_000).expect("SO_SNDBUF");
    assert_eq!(shown(""), "SO_SNDBUF SO_RCVBUF");
    // Sets only the lock and keeps the sizes.
    set(&socket, SOL_SOCKET, SO_BUF_LOCK, 1).expect("SO_BUF_LOCK");
    assert_eq!(shown(""), "SO_SNDBUF");
    set(&socket, SOL_SOCKET, SO_BUF_LOCK, 0).expect("SO_BUF_LOCK");
    assert_eq!(shown(""), "");
}

#[test]
fn a_device_that_is_there_and_gone() {
    enter_namespace();
    ip("link add left type veth peer name right");
    let index = if_nametoindex("left").expect("an index");
    let socket = UdpSocket::bind("0.0.0.0:5000").expect("a socket");
    set_bytes(&socket, SOL_SOCKET, SO_BINDTODEVICE, b"left").expect("SO_BINDTODEVICE");
    assert_eq!(shown(""), "SO_BINDTODEVICE");
    assert_eq!(shown("-O set"), "SO_BINDTODEVICE SO_BINDTOIFINDEX");
    ip("link set left name a7");
    assert!(stdout("-uH").contains("SO_BINDTODEVICE=a7"));
    ip("link delete right");
    assert_eq!(shown(""), "SO_BINDTOIFINDEX");
    assert!(stdout("-uH").contains(&format!("SO_BINDTOIFINDEX={index}")));
}

/// Two options share a bit in the kernel: both count as set, whichever was used.
#[test]
fn options_that_are_one_in_the_kernel() {
    const ONE: [(i32, i32, &str, &str); 5] = [
        (IPPROTO_IP, IP_FREEBIND, "IP_FREEBIND", "IP_FREEBIND IPV6_FREEBIND"),
        (IPPROTO_IPV6, IPV6_FREEBIND, "IP_FREEBIND", "IP_FREEBIND IPV6_FREEBIND"),
        (IPPROTO_IPV6, IPV6_TRANSPARENT, "IP_TRANSPARENT", "IP_TRANSPARENT IPV6_TRANSPARENT"),
        (SOL_SOCKET, SO_TIMESTAMP_NEW, "SO_TIMESTAMP_NEW", "SO_TIMESTAMP_NEW"),
        (
            SOL_SOCKET,
            SO_TIMESTAMPNS_NEW,
            "SO_TIMESTAMPNS_NEW",
            "SO_TIMESTAMP_NEW SO_TIMESTAMPNS_NEW",
        ),
    ];
    for (level, number, once, twice) in ONE {
        // A child that another test is forking may hold the socket before a little longer.
        enter_namespace();
        let socket = UdpSocket::bind("[::1]:5000").expect("a socket");
        set(&socket, level, number, 1).expect("an option");
        assert_eq!(shown(""), once);
        assert_eq!(shown("-O set"), twice);
    }
    // IPv4 sockets have only one of them.
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:5000").expect("a socket");
    set(&socket, IPPROTO_IP, IP_FREEBIND, 1).expect("IP_FREEBIND");
    assert_eq!(shown(""), "IP_FREEBIND");
}
