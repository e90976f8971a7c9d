//! Kernel TLS: the options compared with getsockopt(2). This requires a kernel with CONFIG_TLS, as in `make
//! test-kernels`.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use crate::common::{self, not_tested, say};
use crate::getsockopt::{self, Tally};
use crate::numbers::*;
use knetstat::kernel::syscall::setsockopt;
use serde_json::{json, Value};

/// include/uapi/linux/tls.h
const TLS_1_2: u16 = 0x303;
const TLS_1_3: u16 = 0x304;

/// Each cipher, and the size of its struct tls12_crypto_info.
const CIPHERS: [(u16, usize); 8] =
    [(51, 40), (52, 56), (53, 40), (54, 56), (55, 40), (56, 40), (57, 40), (58, 56)];

/// Every byte of every key.
const KEY: u8 = 0x5a;

/// Returns both ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    common::connect(&listener, Ipv4Addr::LOCALHOST.into())
}

/// Attaches the ULP `tls` to a connection. Returns `false` if the kernel does not have it.
fn has_tls(socket: &TcpStream) -> bool {
    match setsockopt(socket.as_fd(), IPPROTO_TCP, TCP_ULP, b"tls") {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            not_tested("TLS, which this kernel does not have");
            false
        }
        Err(error) => panic!("TCP_ULP: {error}"),
    }
}

/// Sets `struct tls12_crypto_info_...` for a direction.
fn encrypt(
    socket: &TcpStream,
    direction: i32,
    version: u16,
    cipher: (u16, usize),
) -> io::Result<()> {
    let mut info = vec![KEY; cipher.1];
    info[..2].copy_from_slice(&version.to_ne_bytes());
    info[2..4].copy_from_slice(&cipher.0.to_ne_bytes());
    setsockopt(socket.as_fd(), SOL_TLS, direction, &info)
}

/// A connection with the ULP `tls`.
struct Subject<'a>(&'a TcpStream);

impl getsockopt::Subject for Subject<'_> {
    fn socket(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn kind(&self) -> &'static str {
        "tls"
    }

    fn story(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Compares every option of these connections, and returns the TLS options that are set.
fn compare(tally: &mut Tally, sockets: &[&TcpStream]) -> Vec<Value> {
    let subjects: Vec<_> = sockets.iter().map(|socket| Subject(socket)).collect();
    tally.compare("-t", &subjects);
    let rows = common::sockets("-t");
    let set = |socket: &&TcpStream| {
        let row = common::find(&rows, *socket).expect("the socket is shown");
        assert_eq!(row["options"]["TCP_ULP"], "tls");
        // An accepted socket has more set options, from its listener.
        let set = row["set"].as_array().expect("a list").iter().filter_map(Value::as_str);
        set.filter(|name| name.starts_with("TLS_") || *name == "TCP_ULP").collect()
    };
    sockets.iter().map(set).collect()
}

#[test]
fn every_version_and_cipher() {
    common::enter_namespace();
    let all: Vec<_> = [TLS_1_2, TLS_1_3]
        .into_iter()
        .flat_map(|version| CIPHERS.map(|cipher| (version, cipher, pair())))
        .collect();
    for (_, _, (client, server)) in &all {
        if !has_tls(client) {
            return;
        }
        assert!(has_tls(server));
    }
    let clients: Vec<&TcpStream> = all.iter().map(|(_, _, (client, _))| client).collect();
    let mut tally = Tally::default();
    let without_keys = compare(&mut tally, &clients);
    assert!(without_keys.iter().all(|set| *set == json!(["TCP_ULP"])), "{without_keys:?}");

    // No kernel supports all of them.
    let taken: Vec<_> = all
        .iter()
        .filter(|(version, cipher, (client, _))| encrypt(client, TLS_TX, *version, *cipher).is_ok())
        .collect();
    for (version, cipher, (_, server)) in &taken {
        encrypt(server, TLS_RX, *version, *cipher).expect("the same for the other end");
    }
    let senders: Vec<&TcpStream> = taken.iter().map(|(_, _, (client, _))| client).collect();
    let receivers: Vec<&TcpStream> = taken.iter().map(|(_, _, (_, server))| server).collect();
    for (sockets, direction) in [(&senders, "TLS_TX"), (&receivers, "TLS_RX")] {
        for set in compare(&mut tally, sockets) {
            assert_eq!(set, json!(["TCP_ULP", direction]));
        }
    }

    let taken: Vec<_> = taken.iter().map(|(version, cipher, _)| (*version, cipher.0)).collect();
    tally.finish("tls: every version and cipher", "");
    for version in [TLS_1_2, TLS_1_3] {
        let one = taken.iter().any(|(of, _)| *of == version);
        assert!(one, "the kernel takes no cipher of version {version:#x}: {taken:?}");
    }
    say(&format!("TLS with {} pairs of version and cipher: {taken:?}", taken.len()));
}

#[test]
fn what_a_program_sets() {
    common::enter_namespace();
    let (client, _server) = pair();
    if !has_tls(&client) {
        return;
    }
    for option in [TLS_TX, TLS_RX] {
        encrypt(&client, option, TLS_1_3, CIPHERS[0]).expect("aes-gcm-128");
    }
    let set = |option, value: &[u8]| setsockopt(client.as_fd(), SOL_TLS, option, value).is_ok();
    let mut expected = vec!["TCP_ULP", "TLS_TX", "TLS_RX"];
    // Older kernels do not support these options.
    let on = 1i32.to_ne_bytes();
    expected.extend(set(TLS_TX_ZEROCOPY_RO, &on).then_some("TLS_TX_ZEROCOPY_RO"));
    expected.extend(set(TLS_RX_EXPECT_NO_PAD, &on).then_some("TLS_RX_EXPECT_NO_PAD"));
    let length = 1000u16.to_ne_bytes();
    expected.extend(set(TLS_TX_MAX_PAYLOAD_LEN, &length).then_some("TLS_TX_MAX_PAYLOAD_LEN"));
    let mut tally = Tally::default();
    assert_eq!(compare(&mut tally, &[&client]), [json!(expected)]);
    tally.finish("tls: both directions", "");
    let table = common::stdout("-tH -O tls_tx,tls_rx");
    assert!(table.contains("TLS_TX=1.3|aes-gcm-128|sw,TLS_RX=1.3|aes-gcm-128|sw"), "{table}");
    assert!(!common::stdout("-tJ").contains("5a5a5a"), "these are the bytes of a key");
}
