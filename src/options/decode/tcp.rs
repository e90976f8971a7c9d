//! IPPROTO_TCP: net/ipv4/tcp.c, do_tcp_getsockopt()

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{boolean, int, is_on, Facts};
use crate::kernel::abi::{item_kind, key_item};
use crate::options::context::Context;
use crate::options::keys::{Key, KeyProtocol, Keys};
use crate::options::value::Value;
use crate::record::Item;
use crate::text::Name;

/// The socket's own number, or the system's if it is 0.
pub fn number_or_system(_: &Context, [own, system]: Facts<2>) -> Option<Value> {
    match own? {
        0 => system.map(int),
        number => Some(int(number)),
    }
}

/// The same, converted from jiffies to seconds: include/net/tcp.h, keepalive_time_when(). An MPTCP socket
/// that has not fallen back stores its own number in seconds: net/mptcp/sockopt.c, mptcp_getsockopt_sol_tcp()
pub fn seconds_or_system(context: &Context, [own, system, is_mptcp]: Facts<3>) -> Option<Value> {
    let own = own?;
    if own != 0 && is_mptcp_master(context, is_mptcp) {
        return Some(int(own));
    }
    let jiffies = match own {
        0 => system?,
        jiffies => jiffies,
    };
    Some(int(u64::from(jiffies as u32) / context.host().hz))
}

/// Whether this is an MPTCP socket that answers for itself. After a fallback, its single TCP socket answers.
/// The fact is that of TCP_IS_MPTCP.
fn is_mptcp_master(context: &Context, is_mptcp: Option<u64>) -> bool {
    context.is_mptcp() && is_on(is_mptcp) == Some(true)
}

/// Converts jiffies to fractions of a second, rounded up, where `PARTS` is the number of fractions:
/// kernel/time/time.c, jiffies_to_msecs() and jiffies_to_usecs()
pub fn jiffies_in<const PARTS: u64>(context: &Context, [jiffies]: Facts<1>) -> Option<Value> {
    let jiffies = u64::from(jiffies? as u32);
    Some(int((jiffies * PARTS).div_ceil(context.host().hz)))
}

/// TCP_LINGER2
pub fn linger2(context: &Context, [own, system]: Facts<2>) -> Option<Value> {
    let hz = context.host().hz as i64;
    Some(Value::Int(match own? as i32 {
        0 => system? as i64 / hz,
        jiffies if jiffies < 0 => jiffies.into(),
        jiffies => i64::from(jiffies) / hz,
    }))
}

/// TCP_DEFER_ACCEPT: the kernel stores a number of retransmissions.
pub fn defer_accept(_: &Context, [retransmissions]: Facts<1>) -> Option<Value> {
    Some(int(seconds_of(retransmissions? as u8)))
}

/// retrans_to_secs(): the seconds that so many retransmissions take. The first is sent after one second, and the wait
/// doubles with each, up to two minutes.
pub fn seconds_of(retransmissions: u8) -> u64 {
    (0..retransmissions).map(|n| if n < 7 { 1 << n } else { 120 }).sum()
}

/// TCP_CONGESTION
pub fn congestion(context: &Context, []: Facts<0>) -> Option<Value> {
    context.congestion().map(Value::Name)
}

/// TCP_ULP. An MPTCP socket without a subflow does not answer.
pub fn ulp(context: &Context, [is_mptcp]: Facts<1>) -> Option<Value> {
    let name: Name = context.ulp()?;
    (!name.is_empty() || !is_mptcp_master(context, is_mptcp)).then_some(Value::Name(name))
}

/// TCP_MAXSEG
pub fn maxseg(context: &Context, [used, user, clamp, repair]: Facts<4>) -> Option<Value> {
    let user = user?;
    if is_on(repair)? {
        return clamp.map(int);
    }
    match user {
        user if is_segment(user) && !context.is_tcp_connection() => Some(int(user)),
        _ => used.map(int),
    }
}

/// Whether a TCP socket accepts this number as TCP_MAXSEG: TCP_MIN_MSS and MAX_TCP_WINDOW of
/// include/net/tcp.h. An MPTCP socket accepts any number, but its first subflow, which answers, may then
/// refuse it (net/mptcp/sockopt.c, sync_socket_options()).
pub fn is_segment(user: u64) -> bool {
    (88..=32_767).contains(&user)
}

/// include/net/inet_connection_sock.h, inet_csk_in_pingpong_mode(). Before 6.7 the threshold is 1.
pub fn quickack(_: &Context, [pingpong, threshold]: Facts<2>) -> Option<Value> {
    Some(boolean(pingpong? < threshold.unwrap_or(1)))
}

/// TCP_MD5SIG: net/ipv4/tcp_ipv4.c, __tcp_md5_do_add()
pub fn md5_keys(context: &Context, [on]: Facts<1>) -> Option<Value> {
    Some(keys(context, is_on(on)?, item_kind::ITEM_TCP_MD5_KEY))
}

/// TCP_AO_ADD_KEY: net/ipv4/tcp_ao.c, tcp_ao_add_cmd()
pub fn ao_keys(context: &Context, [on]: Facts<1>) -> Option<Value> {
    Some(keys(context, is_on(on)?, item_kind::ITEM_TCP_AO_KEY))
}

fn keys(context: &Context, on: bool, list: item_kind) -> Value {
    if !on {
        return boolean(false);
    }
    let mut keys = Keys { members: Vec::new(), cut: false };
    let mut is_of_list = false;
    for item in context.items() {
        match item {
            Item::Key(kind, item) if kind == list => {
                is_of_list = true;
                keys.members.push(key(context, kind, item));
            }
            Item::Cut => keys.cut |= is_of_list,
            _ => is_of_list = false,
        }
    }
    Value::Keys(keys)
}

fn key(context: &Context, kind: item_kind, item: &key_item) -> Key {
    const INET: u8 = 2;
    let [a, b, c, d, ..] = item.address;
    Key {
        protocol: match kind {
            item_kind::ITEM_TCP_MD5_KEY => KeyProtocol::Md5,
            _ => KeyProtocol::Ao { send_id: item.send_id, receive_id: item.receive_id },
        },
        address: match item.family {
            INET => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            _ => IpAddr::V6(Ipv6Addr::from(item.address)),
        },
        prefix_length: item.prefix_length,
        interface: u32::try_from(item.ifindex).ok().map(|index| context.interface(index)),
    }
}
