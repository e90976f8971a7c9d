//! The items of a record: any number of blobs and list entries.

use crate::kernel::abi::{
    ip_options_item, item_header, item_kind, key_item, membership_item, packet_membership_item,
};
use crate::record::bytes::{padded, take};
use crate::record::section::{Record, Sections};

/// A blob or a list entry that follows the sections.
#[derive(Debug)]
pub enum Item<'a> {
    /// IP_OPTIONS.
    IpOptions(&'a ip_options_item),
    /// An IPv6 extension header, and its kind.
    Extension(item_kind, &'a [u8]),
    /// A joined group of an IPv4, IPv6 or anycast list, and the addresses of its sources.
    Membership(item_kind, &'a membership_item, &'a [u8]),
    /// A membership of a packet socket.
    PacketMembership(&'a packet_membership_item),
    /// The groups of a netlink socket, one bit for each group from 1 on, in 64-bit words.
    Groups(&'a [u8]),
    /// The peers to which a TCP key of this kind applies.
    Key(item_kind, &'a key_item),
    /// The preceding list is longer than what fits into a record.
    Cut,
}

impl<'a> Record<'a> {
    /// The items, in the order in which they were written. Items that are too short are left out.
    pub fn items(&self) -> impl Iterator<Item = Item<'a>> {
        self.check_wanted(Sections::ITEMS);
        let mut rest = self.items;
        std::iter::from_fn(move || {
            let header: &item_header = take(&mut rest)?;
            let length = header.length as usize;
            let body = rest.get(..length)?;
            rest = rest.get(padded(length)..)?;
            Some((item_kind(header.kind), body))
        })
        .take_while(|(kind, _)| *kind != item_kind::ITEM_END)
        .filter_map(|(kind, mut body)| match kind {
            item_kind::ITEM_IP_OPTIONS => take(&mut body).map(Item::IpOptions),
            item_kind::ITEM_CUT => Some(Item::Cut),
            item_kind::ITEM_PACKET_MEMBERSHIP => take(&mut body).map(Item::PacketMembership),
            item_kind::ITEM_NETLINK_GROUPS => Some(Item::Groups(body)),
            item_kind::ITEM_IP_MEMBERSHIP
            | item_kind::ITEM_IPV6_MEMBERSHIP
            | item_kind::ITEM_IPV6_ANYCAST => {
                take(&mut body).map(|entry| Item::Membership(kind, entry, body))
            }
            item_kind::ITEM_TCP_MD5_KEY | item_kind::ITEM_TCP_AO_KEY => {
                take(&mut body).map(|key| Item::Key(kind, key))
            }
            _ => Some(Item::Extension(kind, body)),
        })
    }
}
