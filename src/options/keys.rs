//! The peers for which a TCP socket has keys. The keys themselves are never read.

use std::net::IpAddr;

use crate::options::interface::Interface;

/// The keys of a socket, and whether there are more than fit into a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    pub members: Vec<Key>,
    pub cut: bool,
}

/// A key: the peers to which it applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub protocol: KeyProtocol,
    pub address: IpAddr,
    /// The number of leading bits of the address that are compared.
    pub prefix_length: u8,
    /// The VRF that packets arrive from. Index 0 means packets from no VRF, `None` means any packets.
    pub interface: Option<Interface>,
}

/// The protocol that signs packets with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProtocol {
    /// RFC 2385.
    Md5,
    /// TCP Authentication Option, RFC 5925, whose packets carry the ID of their key.
    Ao { send_id: u8, receive_id: u8 },
}
