//! What the default choice of options says once, and `-O set` twice.

use std::net::UdpSocket;

use crate::common::{enter_namespace, ip, not_tested, set, set_bytes, stdout};
use nix::net::if_::if_nametoindex;

const SOL_SOCKET: i32 = 1;
const SO_SNDBUF: i32 = 7;
const SO_RCVBUF: i32 = 8;
const SO_BINDTODEVICE: i32 = 25;
const SO_BUF_LOCK: i32 = 72;

/// The names of the options that are shown of the only UDP socket, without those that always are.
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
    // The lock alone, with the sizes as they were.
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
