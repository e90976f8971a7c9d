//! The lists of joined groups: net/ipv4/igmp.c, net/ipv6/mcast.c, net/ipv6/anycast.c

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::abi::{item_kind, membership_item};
use crate::options::context::Context;
use crate::options::memberships::{List, Membership, Memberships};
use crate::options::value::Value;
use crate::record::Item;

/// The entries of a list.
pub fn memberships(context: &Context, list: List) -> Value {
    let mut memberships = Memberships { members: Vec::new(), cut: false };
    let mut is_of_list = false;
    for item in context.items() {
        match item {
            Item::Membership(kind, entry, sources) => {
                is_of_list = list_of(kind) == Some(list);
                if is_of_list {
                    memberships.members.push(membership(context, list, entry, sources));
                }
            }
            Item::Cut => memberships.cut |= is_of_list,
            _ => is_of_list = false,
        }
    }
    Value::Memberships(memberships)
}

fn list_of(kind: item_kind) -> Option<List> {
    match kind {
        item_kind::ITEM_IP_MEMBERSHIP => Some(List::Ip),
        item_kind::ITEM_IPV6_MEMBERSHIP => Some(List::Ipv6),
        item_kind::ITEM_IPV6_ANYCAST => Some(List::Anycast),
        _ => None,
    }
}

fn membership(
    context: &Context,
    list: List,
    entry: &membership_item,
    sources: &[u8],
) -> Membership {
    let size = if list == List::Ip { 4 } else { 16 };
    Membership {
        list,
        group: address(list, &entry.group),
        address: Ipv4Addr::from(first_four(&entry.address)),
        ifindex: entry.ifindex,
        interface: context.host().interface(entry.ifindex).unwrap_or_default(),
        include: entry.mode == 1,
        cut: sources.len() / size < entry.sources as usize,
        sources: sources.chunks_exact(size).map(|source| address(list, source)).collect(),
    }
}

/// Parses an address of a list. Returns the unspecified address if there are too few bytes.
fn address(list: List, bytes: &[u8]) -> IpAddr {
    match list {
        List::Ip => IpAddr::V4(Ipv4Addr::from(first_four(bytes))),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap_or_default())),
    }
}

fn first_four(bytes: &[u8]) -> [u8; 4] {
    bytes.first_chunk().copied().unwrap_or_default()
}
