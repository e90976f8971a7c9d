//! IPPROTO_IP: net/ipv4/ip_sockglue.c, do_ip_getsockopt()

use std::net::Ipv4Addr;

use super::memberships::memberships;
use super::{int, Facts};
use crate::kernel::abi::ip_options_item;
use crate::options::context::Context;
use crate::options::memberships::List;
use crate::options::value::Value;
use crate::record::Item;

/// IP_TTL: the socket's own number, or the system's if it is negative.
pub fn ttl(_: &Context, [own, system]: Facts<2>) -> Option<Value> {
    match own? as i64 {
        number if number < 0 => system.map(int),
        number => Some(Value::Int(number)),
    }
}

/// IP_LOCAL_PORT_RANGE
pub fn port_range(_: &Context, [range]: Facts<1>) -> Option<Value> {
    let range = range?;
    Some(Value::PortRange { low: range as u16, high: (range >> 16) as u16 })
}

/// IP_MULTICAST_IF
pub fn multicast_interface(context: &Context, [address, index]: Facts<2>) -> Option<Value> {
    Some(Value::Multicast {
        address: Ipv4Addr::from((address? as u32).to_ne_bytes()),
        interface: context.interface(index.unwrap_or_default() as u32),
    })
}

/// include/net/sock.h, sk_policy: the first entry is for incoming packets, the second for outgoing packets.
pub fn policy(_: &Context, [inwards, outwards]: Facts<2>) -> Option<Value> {
    Some(int(inwards? | outwards? << 1))
}

/// IP_ADD_MEMBERSHIP: the list of joined groups, net/ipv4/igmp.c. TCP sockets cannot join.
pub fn joined_groups(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    (context.is_ip() && !context.is_tcp()).then(|| memberships(context, List::Ip))
}

/// IP_OPTIONS
pub fn options(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    let options = context.items().find_map(|item| match item {
        Item::IpOptions(options) => Some(undo(options)),
        _ => None,
    });
    context.is_ip().then(|| Value::Blob(options.unwrap_or_default()))
}

/// Restores the options as they were set. The kernel has taken the destination out of a source route, and
/// reserved room where it will write addresses and times. net/ipv4/ip_options.c, ip_options_undo()
fn undo(item: &ip_options_item) -> Vec<u8> {
    const IP_HEADER: usize = 20;
    const PRESPECIFIED: u8 = 3; // IPOPT_TS_PRESPEC
    let mut data = item.data;
    let offset = |at: u8| usize::from(at).checked_sub(IP_HEADER);

    if let Some(at) = offset(item.srr).filter(|_| item.srr != 0) {
        let end = at + usize::from(data.get(at + 1).copied().unwrap_or_default());
        if end >= at + 7 && end <= data.len() {
            data.copy_within(at + 3..end - 4, at + 7);
            data[at + 3..at + 7].copy_from_slice(&item.faddr.to_ne_bytes());
        }
    }
    if item.rr_needaddr != 0 {
        if let Some(at) = offset(item.rr) {
            take_back(&mut data, at);
        }
    }
    if let Some(at) = offset(item.ts).filter(|_| item.ts != 0) {
        if item.ts_needtime != 0 {
            take_back(&mut data, at);
            if data.get(at + 3).is_some_and(|flags| flags & 0xf == PRESPECIFIED) {
                data[at + 2] = data[at + 2].wrapping_sub(4);
            }
        }
        if item.ts_needaddr != 0 {
            take_back(&mut data, at);
        }
    }
    data[..usize::from(item.optlen).min(data.len())].to_vec()
}

/// Moves the pointer of the option at `at` back over the four bytes that were reserved last, and clears them.
fn take_back(data: &mut [u8], at: usize) {
    let Some(pointer) = data.get(at + 2).map(|pointer| pointer.wrapping_sub(4)) else {
        return;
    };
    data[at + 2] = pointer;
    let from = at + usize::from(pointer).saturating_sub(1);
    if let Some(reserved) = data.get_mut(from..from + 4) {
        reserved.fill(0);
    }
}
