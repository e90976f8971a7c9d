//! The layouts of the values of getsockopt(2).

use std::net::Ipv4Addr;

use serde_json::{json, Value};

/// The layout of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Int,
    Uint,
    /// 16 bits, unsigned.
    Short,
    /// 64 bits, unsigned.
    Long,
    /// `struct linger`
    Linger,
    /// `struct timeval`
    Timeval,
    /// `struct so_timestamping`
    Timestamping,
    /// `struct sock_txtime`
    Txtime,
    /// Two ports in 32 bits.
    Ports,
    /// A string that ends with a zero byte or with the buffer.
    Name,
    /// `struct in_addr`
    Address,
    /// An interface index in network byte order.
    NetworkIndex,
    /// Bytes.
    Blob,
    /// A bitmap of 32-bit words, whose first bit is group 1.
    Groups,
    /// Members of a structure of the size given: name, offset, number of bytes.
    Members(&'static [(&'static str, usize, usize)], usize),
    /// A 32-bit number: its offset in a structure of the size given.
    Inside(usize, usize),
    /// A port in network byte order: its offset in a structure of the size given.
    Port(usize, usize),
    /// Only a length, the number of instructions: SO_GET_FILTER without a buffer.
    Filter,
    /// `struct tls_crypto_info` of a connection that is not encrypted by a network device.
    Tls,
}

impl Layout {
    /// Returns the size of the buffer that is passed.
    pub fn size(self) -> usize {
        match self {
            Layout::Long | Layout::Linger | Layout::Timestamping | Layout::Txtime => 8,
            Layout::Timeval | Layout::Name => 16,
            Layout::Blob | Layout::Groups => 2048,
            Layout::Members(_, size) | Layout::Inside(_, size) | Layout::Port(_, size) => size,
            Layout::Filter => 0,
            Layout::Short => 2,
            _ => 4,
        }
    }

    /// Returns the JSON of a value of `length` bytes.
    pub fn json(self, bytes: &[u8], length: usize) -> Value {
        let int = |at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let long = |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
        match self {
            Layout::Int => json!(int(0)),
            Layout::Uint => json!(int(0) as u32),
            Layout::Short => json!(number(&bytes[..2])),
            Layout::Long => json!(long(0) as u64),
            Layout::Linger => json!({"l_onoff": int(0), "l_linger": int(4)}),
            Layout::Timeval => json!({"tv_sec": long(0), "tv_usec": long(8)}),
            // Before 5.14, there are only the flags.
            Layout::Timestamping => {
                json!({"flags": int(0), "bind_phc": if length < 8 { 0 } else { int(4) }})
            }
            Layout::Txtime => json!({"clockid": int(0), "flags": int(4)}),
            Layout::Ports => json!({"lo": int(0) & 0xffff, "hi": int(0) as u32 >> 16}),
            Layout::Name => {
                let name = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
                json!(std::str::from_utf8(name).expect("these tests use plain names"))
            }
            Layout::Address => json!(Ipv4Addr::from(u32::from_be(int(0) as u32)).to_string()),
            Layout::NetworkIndex => json!(u32::from_be(int(0) as u32)),
            Layout::Blob => json!(hex(bytes)),
            Layout::Groups => {
                let joined = |group: &usize| int(group / 32 * 4) >> (group % 32) & 1 != 0;
                let groups = (0..length * 8).filter(joined).map(|group| group + 1);
                json!(groups.collect::<Vec<_>>())
            }
            Layout::Members(members, _) => members
                .iter()
                .map(|&(name, at, size)| (name, number(&bytes[at..at + size])))
                .collect(),
            Layout::Inside(at, _) => json!(int(at) as u32),
            Layout::Port(at, _) => json!(u16::from_be_bytes([bytes[at], bytes[at + 1]])),
            Layout::Filter if length == 0 => json!({"kind": "none", "instructions": 0}),
            Layout::Filter => json!({"kind": "classic", "instructions": length}),
            Layout::Tls => json!({
                "version": number(&bytes[..2]), "cipher_type": number(&bytes[2..4]), "mode": "sw",
            }),
        }
    }
}

/// Returns an unsigned number.
fn number(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    let place = if cfg!(target_endian = "little") { 0 } else { 8 - bytes.len() };
    number[place..place + bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(number)
}

/// Returns bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
