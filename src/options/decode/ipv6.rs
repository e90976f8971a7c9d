//! IPPROTO_IPV6: net/ipv6/ipv6_sockglue.c, do_ipv6_getsockopt()

use super::memberships::memberships;
use super::{boolean, ip, is_on, Facts};
use crate::kernel::abi::item_kind;
use crate::options::context::Context;
use crate::options::memberships::List;
use crate::options::value::Value;
use crate::record::Item;

/// IPV6_IPSEC_POLICY, which only IPv6 sockets have.
pub fn policy(context: &Context, policies: Facts<2>) -> Option<Value> {
    context.is_ipv6().then(|| ip::policy(context, policies))?
}

/// IPV6_UNICAST_HOPS: the socket's own number, else that of the route, else that of the system.
pub fn unicast_hops(_: &Context, sources: Facts<3>) -> Option<Value> {
    // If one of them is unknown, it is also unknown whether the next one applies.
    let known = sources.into_iter().map_while(|source| source);
    let hops = known.map(|hops| hops as i32).find(|&hops| hops >= 0)?;
    Some(Value::Int(hops.into()))
}

/// net/ipv6/ip6_output.c, ip6_autoflowlabel(): if the socket has no setting of its own, the sysctl values 1
/// and 3 mean on.
pub fn auto_flow_label(_: &Context, [is_set, on, system]: Facts<3>) -> Option<Value> {
    Some(boolean(match is_on(is_set)? {
        true => is_on(on)?,
        false => matches!(system?, 1 | 3),
    }))
}

/// IPV6_ADDR_PREFERENCES. The kernel reports an unset preference by a flag of its own.
pub fn address_preferences(_: &Context, [preferences]: Facts<1>) -> Option<Value> {
    let preferences = preferences?;
    let temporary = match preferences & 3 {
        0 => 0x100,
        2 => 2,
        _ => 1,
    };
    let home = if preferences & 4 != 0 { 4 } else { 0x400 };
    Some(Value::Int(temporary | home))
}

/// IPV6_PKTINFO
pub fn pktinfo(context: &Context, [ifindex]: Facts<1>) -> Option<Value> {
    let address = context.pktinfo_address()?;
    let interface = context.interface(ifindex? as u32);
    context.is_ipv6().then_some(Value::Pktinfo { address, interface })
}

/// IPV6_HOPOPTS
pub fn hop_by_hop_options(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    extension(context, item_kind::ITEM_IPV6_HOPOPTS)
}

/// IPV6_RTHDRDSTOPTS
pub fn destination_options_of_route(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    extension(context, item_kind::ITEM_IPV6_RTHDRDSTOPTS)
}

/// IPV6_RTHDR
pub fn routing_header(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    extension(context, item_kind::ITEM_IPV6_RTHDR)
}

/// IPV6_DSTOPTS
pub fn destination_options(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    extension(context, item_kind::ITEM_IPV6_DSTOPTS)
}

/// ipv6_getsockopt_sticky()
fn extension(context: &Context, wanted: item_kind) -> Option<Value> {
    let bytes = context.items().find_map(|item| match item {
        Item::Extension(kind, bytes) if kind == wanted => Some(bytes.to_vec()),
        _ => None,
    });
    context.is_ipv6().then(|| Value::Blob(bytes.unwrap_or_default()))
}

/// IPV6_JOIN_GROUP: the list of joined groups, net/ipv6/mcast.c. TCP sockets cannot join.
pub fn joined_groups(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    (context.is_ipv6() && !context.is_tcp()).then(|| memberships(context, List::Ipv6))
}

/// IPV6_JOIN_ANYCAST: the list of joined addresses, net/ipv6/anycast.c
pub fn joined_anycast(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    context.is_ipv6().then(|| memberships(context, List::Anycast))
}
