//! What a socket has joined: multicast groups, anycast addresses, groups of netlink, and what packet
//! sockets have told interfaces to receive.

use std::net::{IpAddr, Ipv4Addr};

use crate::text::Name;

/// The groups of a list, and whether there are more than a record can hold.
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
    /// IPv4: the local address that named the interface; unspecified where the index did.
    pub address: Ipv4Addr,
    pub ifindex: u32,
    /// The interface's name where it still has one.
    pub interface: Name,
    /// Whether only the sources are received, or all but them.
    pub include: bool,
    pub sources: Vec<IpAddr>,
    /// Whether there are more sources than a record can hold.
    pub cut: bool,
}

/// Which list a membership stands in: that decides the names of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Ip,
    Ipv6,
    Anycast,
}

/// The memberships of a packet socket, and whether there are more than a record can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketMemberships {
    pub members: Vec<PacketMembership>,
    pub cut: bool,
}

/// `struct packet_mreq`, and what the kernel adds.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketMembership {
    pub ifindex: u32,
    /// The interface's name where it still has one.
    pub interface: Name,
    /// PACKET_MR_MULTICAST and its like.
    pub kind: u16,
    /// The address of the link layer; empty where none was given.
    pub address: Vec<u8>,
    /// How often the socket has asked for it.
    pub count: u32,
}

/// Numbers of joined netlink groups, and whether there are more than a record can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    pub numbers: Vec<u32>,
    pub cut: bool,
}

/// The numbers of the groups in a list of words of so many bits, one bit for each group from 1 on.
pub fn group_numbers(words: impl Iterator<Item = u64>, bits: u32) -> Vec<u32> {
    let numbers = words.zip((1..).step_by(bits as usize)).flat_map(|(word, first)| {
        (0..bits).filter(move |bit| word >> bit & 1 != 0).map(move |bit| first + bit)
    });
    numbers.collect()
}
