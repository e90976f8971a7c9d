//! For which peers a TCP socket has keys. The keys themselves never leave the kernel.

use std::net::IpAddr;

use crate::options::interface::Interface;

/// The keys of a socket, and whether there are more than a record can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    pub members: Vec<Key>,
    pub cut: bool,
}

/// For which peers a key is.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub protocol: KeyProtocol,
    pub address: IpAddr,
    /// How many leading bits of the address count.
    pub prefix_length: u8,
    /// The VRF that packets come from; its index is 0 for those of no VRF, and `None` stands for any.
    pub interface: Option<Interface>,
}

/// What signs packets with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProtocol {
    /// RFC 2385.
    Md5,
    /// The TCP Authentication Option, RFC 5925, whose packets have the number of their key.
    Ao { send_id: u8, receive_id: u8 },
}
