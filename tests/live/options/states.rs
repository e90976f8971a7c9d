//! Sockets whose state changes the values of their options.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::sys::socket::{shutdown, Shutdown, SockType};
use serde_json::json;

use super::scene::{Kind, Scene, Version};
use super::unseen::{set, shown};
use crate::common;
use crate::common::ways::assert_same_options_without_walks;
use crate::getsockopt::Tally;
use crate::getsockopt::SECOND;
use crate::numbers::*;

/// IPV6_ADDRFORM converts a socket that is connected to an IPv4 address into an IPv4 socket, which then has
/// the options of IPv4.
#[test]
fn converted_to_ipv4() {
    let scene = Scene::enter();
    let made = scene.tcp(Version::Mapped, &mut |subject| {
        common::set(&subject.socket, IPPROTO_IPV6, IPV6_TCLASS, 0x20).expect("IPV6_TCLASS");
        set(&subject.socket, IPPROTO_IPV6, IPV6_DSTOPTS, &[0, 0, 1, 4, 0, 0, 0, 0]);
    });
    let mut made = made.expect("a connection");
    made.extend(scene.udp(Version::Mapped, &mut |_| ()).expect("UDP sockets"));
    let mut tally = Tally::default();
    tally.compare("-tu", &made);
    for (subject, kind) in [(1, Kind::Tcp4), (2, Kind::Tcp4), (4, Kind::Udp4)] {
        let subject = &mut made[subject];
        common::set(&subject.socket, IPPROTO_IPV6, IPV6_ADDRFORM, AF_INET).expect("IPV6_ADDRFORM");
        subject.kind = kind;
    }
    tally.compare("-tu", &made);
    assert!(shown(&[&made[1].socket], "IPV6_TCLASS")[0].is_null());
    assert_same_options_without_walks();
    tally.finish("tcp/udp: converted to IPv4", "");
}

/// The pending error. getsockopt(2) clears it, but knetstat does not.
#[test]
fn pending_errors() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    for version in Version::ALL {
        let made = scene.udp(version, &mut |_| ()).expect("UDP sockets");
        let client = &made[1].socket;
        // A port without a socket: the kernel answers with an ICMP error.
        let nobody = SocketAddr::new(scene.there(version).ip(), 1);
        scene.connect(client, nobody).expect("connect");
        nix::unistd::write(client, b"?").expect("send");
        for _ in 0..2 {
            assert_eq!(shown(&[client], "SO_ERROR"), [json!(ECONNREFUSED)], "{version:?}");
        }
        assert_same_options_without_walks();
        tally.compare("-tu", &made);
        assert_eq!(shown(&[client], "SO_ERROR"), [json!(0)]);
    }
    tally.finish("tcp/udp: pending errors", "");
}

/// A socket keeps the index of the device that it was bound to, which no longer has a name.
#[test]
fn the_device_is_gone() {
    let scene = Scene::enter();
    let mut made = Vec::new();
    for version in Version::ALL {
        made.extend(scene.tcp(version, &mut |_| ()).expect("a connection"));
        made.extend(scene.udp(version, &mut |_| ()).expect("UDP sockets"));
    }
    for subject in &made {
        let index = SECOND;
        common::set(&subject.socket, SOL_SOCKET, SO_BINDTOIFINDEX, index)
            .expect("SO_BINDTOIFINDEX");
    }
    let mut tally = Tally::default();
    tally.compare("-tu", &made);
    common::ip("link delete second");
    tally.compare("-tu", &made);
    assert_same_options_without_walks();
    tally.finish("tcp/udp: the device is gone", "");
}

/// Connections that are being closed and still have a struct sock: their options match getsockopt(2).
#[test]
fn half_closed() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut all = Vec::new();
    for version in Version::ALL {
        for how in [Shutdown::Write, Shutdown::Read, Shutdown::Both] {
            for side in [1, 2] {
                let made = scene.tcp(version, &mut |subject| {
                    common::set(&subject.socket, IPPROTO_TCP, TCP_MAXSEG, 1000)
                        .expect("TCP_MAXSEG");
                    common::set(&subject.socket, IPPROTO_TCP, TCP_KEEPIDLE, 77)
                        .expect("TCP_KEEPIDLE");
                });
                let made = made.expect("a connection");
                shutdown(common::number(&made[side].socket), how).expect("shutdown");
                all.extend(made);
            }
        }
    }
    tally.compare("-tu", &all);
    assert_same_options_without_walks();
    tally.finish("tcp/udp: half closed", "");
}

/// A connection attempt without an answer.
#[test]
fn waiting_for_an_answer() {
    let scene = Scene::enter();
    // No host answers, and the kernel does not detect that.
    common::ip("neighbour add 10.7.7.99 lladdr 02:00:00:00:00:01 dev second");
    let mut subject = scene.subject(Version::V4, SockType::Stream, "listening");
    subject.state = "connecting";
    common::set(&subject.socket, IPPROTO_TCP, TCP_MAXSEG, 700).expect("TCP_MAXSEG");
    common::set(&subject.socket, IPPROTO_TCP, TCP_SYNCNT, 100).expect("TCP_SYNCNT");
    let nobody = "10.7.7.99:9".parse().expect("an address");
    let error = scene.connect(&subject.socket, nobody).expect_err("nobody is there");
    assert_eq!(error.raw_os_error(), Some(EINPROGRESS));
    let mut tally = Tally::default();
    tally.compare("-tu", &[subject]);
    tally.finish("tcp/udp: connecting", "");
}

/// Traffic changes the buffers, the window and TCP_QUICKACK.
#[test]
fn after_traffic() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut all = Vec::new();
    for version in Version::ALL {
        for round in 0..5 {
            let made = scene.tcp(version, &mut |_| ()).expect("a connection");
            let [client, accepted] = [1, 2].map(|n| made[n].socket.as_fd());
            let mut buffer = vec![0; 16384];
            for _ in 0..round * 40 {
                let written = nix::unistd::write(client, &buffer).expect("write");
                let mut read = 0;
                while read < written {
                    read += nix::unistd::read(accepted, &mut buffer).expect("read");
                }
                nix::unistd::write(accepted, b"ok").expect("write");
            }
            all.extend(made);
        }
    }
    tally.compare("-tu", &all);
    assert_same_options_without_walks();
    let sockets: Vec<_> = all.iter().map(|subject| &subject.socket).collect();
    let sizes = shown(&sockets, "SO_RCVBUF");
    let grown: BTreeSet<_> = sizes.iter().map(|size| size.as_u64()).collect();
    assert!(grown.len() > 1, "no buffer has grown");
    tally.finish("tcp/udp: after traffic", "");
}
