//! What a socket has joined: multicast groups, anycast addresses, netlink groups, and what a packet socket
//! has requested from interfaces (promiscuous mode, multicast).

use std::net::{IpAddr, Ipv4Addr};

use crate::text::Name;

/// The groups of a list, and whether there are more than fit into a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Memberships {
    pub members: Vec<Membership>,
    pub cut: bool,
}

/// One joined group.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    pub list: List,
    pub group: IpAddr,
    /// The local IPv4 address that selected the interface, or unspecified if the index selected it.
    pub address: Ipv4Addr,
    pub ifindex: u32,
    /// The name of the interface, empty if the interface is gone.
    pub interface: Name,
    /// Whether packets are received only from `sources` (include mode), or from all others (exclude mode).
    pub include: bool,
    pub sources: Vec<IpAddr>,
    /// Whether there are more sources than fit into a record.
    pub cut: bool,
}

/// The list that a membership is in. It decides the names of the JSON members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Ip,
    Ipv6,
    Anycast,
}

/// The memberships of a packet socket, and whether there are more than fit into a record.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketMemberships {
    pub members: Vec<PacketMembership>,
    pub cut: bool,
}

/// `struct packet_mreq`, and how often it was requested.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketMembership {
    pub ifindex: u32,
    /// The name of the interface, empty if the interface is gone.
    pub interface: Name,
    /// PACKET_MR_MULTICAST and so on.
    pub kind: u16,
    /// The link-layer address, empty if none was given.
    pub address: Vec<u8>,
    /// How often the socket has requested this membership.
    pub count: u32,
}

/// The numbers of joined netlink groups, and whether there are more than fit into a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    pub numbers: Vec<u32>,
    pub cut: bool,
}

/// Returns the numbers of the groups in a bitmap. Each word has `bits` bits, and the first bit is group 1.
pub fn group_numbers(words: impl Iterator<Item = u64>, bits: u32) -> Vec<u32> {
    let numbers = words.zip((1..).step_by(bits as usize)).flat_map(|(word, first)| {
        (0..bits).filter(move |bit| word >> bit & 1 != 0).map(move |bit| first + bit)
    });
    numbers.collect()
}
