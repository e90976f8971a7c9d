//! What packet sockets have told network interfaces to receive.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::options::constants;
use crate::text::{Name, Word};

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

/// `PROMISC%eth0`, `MULTICAST:01:00:5e:00:00:fb%eth0`, and `*2` where it was asked for twice.
impl fmt::Display for PacketMemberships {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.members.is_empty() {
            return f.write_str("-");
        }
        let mut bar = "";
        for member in &self.members {
            write!(f, "{bar}{member}")?;
            bar = "|";
        }
        match self.cut {
            true => f.write_str("|..."),
            false => Ok(()),
        }
    }
}

impl fmt::Display for PacketMembership {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match constants::word(constants::PACKET_MEMBERSHIPS, self.kind.into()) {
            Some(word) => f.write_str(word)?,
            None => write!(f, "{}", self.kind)?,
        }
        if !self.address.is_empty() {
            write!(f, ":{}", Address(&self.address))?;
        }
        match self.interface.is_empty() {
            true => write!(f, "%{}", self.ifindex)?,
            false => write!(f, "%{}", Word(self.interface.as_bytes()))?,
        }
        match self.count {
            1 => Ok(()),
            count => write!(f, "*{count}"),
        }
    }
}

/// An address of the link layer: `01:00:5e:00:00:fb`.
struct Address<'a>(&'a [u8]);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut colon = "";
        for byte in self.0 {
            write!(f, "{colon}{byte:02x}")?;
            colon = ":";
        }
        Ok(())
    }
}

impl Serialize for PacketMemberships {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let last = self.members.len().saturating_sub(1);
        let entry = |(n, member)| Entry { member, more: self.cut && n == last };
        to.collect_seq(self.members.iter().enumerate().map(entry))
    }
}

/// A membership, and whether there are more behind it that a record cannot hold.
struct Entry<'a> {
    member: &'a PacketMembership,
    more: bool,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Entry { member, more } = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("mr_ifindex", &member.ifindex)?;
        map.serialize_entry("mr_type", &member.kind)?;
        map.serialize_entry("mr_alen", &member.address.len())?;
        map.serialize_entry("mr_address", &Address(&member.address).to_string())?;
        map.serialize_entry("count", &member.count)?;
        if *more {
            map.serialize_entry("more", &true)?;
        }
        map.end()
    }
}
