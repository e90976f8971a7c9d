//! Keys of TCP signatures: that they are there is shown, they themselves never are.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::socket::SockType;
use serde_json::json;

use super::scene::{Scene, Version};
use super::unseen::{assert_shown, set, sockets};
use crate::common;
use crate::common::not_tested;
use crate::getsockopt::{hex, structure};
use crate::numbers::*;

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

/// Neither the key itself nor its bytes in hexadecimal may be in anything that knetstat writes.
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

#[test]
fn md5_keys_are_seen_and_not_shown() {
    const KEY: &[u8] = b"vaugirard-1893-key";
    let scene = Scene::enter();
    let probe = scene.subject(Version::V4, SockType::Stream, "bound").socket;
    let signature = md5_signature(Version::V4, KEY);
    if let Err(error) = common::set_bytes(&probe, IPPROTO_TCP, TCP_MD5SIG, &signature) {
        assert_eq!(error.raw_os_error(), Some(Errno::ENOPROTOOPT as i32), "{error}");
        return not_tested("TCP_MD5SIG, which this kernel does not have");
    }
    let mut all = Vec::new();
    for version in Version::ALL {
        // A listener for both versions has the key of the IPv4 address, which is a mapped one.
        let made = scene.tcp(version, &mut |subject| {
            set(&subject.socket, IPPROTO_TCP, TCP_MD5SIG, &md5_signature(version, KEY));
        });
        let made = made.expect("a connection with signatures");
        assert_shown(&sockets(&made), "TCP_MD5SIG", &json!(1), true);
        all.push((version, made));
    }
    assert_secret(KEY);
    for (version, made) in &all {
        let listener = &made[0].socket;
        set(listener, IPPROTO_TCP, TCP_MD5SIG, &md5_signature(*version, b""));
        assert_shown(&[listener], "TCP_MD5SIG", &json!(0), false);
    }
    let plain = scene.tcp(Version::V4, &mut |_| ()).expect("a connection");
    assert_shown(&sockets(&plain), "TCP_MD5SIG", &json!(0), false);
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
    const KEY: &[u8] = b"convention-1910-key";
    const TCP_AO_ADD_KEY: i32 = 38;
    let scene = Scene::enter();
    for version in [Version::V4, Version::V6] {
        let probe = scene.subject(version, SockType::Stream, "bound").socket;
        let value = authentication_key(version, KEY);
        match knetstat::kernel::syscall::setsockopt(
            probe.as_fd(),
            IPPROTO_TCP,
            TCP_AO_ADD_KEY,
            &value,
        ) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(Errno::ENOPROTOOPT as i32), "{error}");
                return not_tested("TCP_AO_ADD_KEY, which this kernel does not have");
            }
        }
        let made = scene.tcp(version, &mut |subject| {
            set(&subject.socket, IPPROTO_TCP, TCP_AO_ADD_KEY, &value);
        });
        let made = made.expect("an authenticated connection");
        assert_shown(&sockets(&made), "TCP_AO_ADD_KEY", &json!(1), true);
        assert_secret(KEY);
    }
}
