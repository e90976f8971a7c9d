//! SOL_PACKET: net/packet/af_packet.c

use super::{is_on, Facts};
use crate::options::context::Context;
use crate::options::layouts::{TpacketReq, TpacketRolloverStats, TpacketStats, TpacketStatsV3};
use crate::options::memberships::{PacketMembership, PacketMemberships};
use crate::options::value::{AttachedProgram, Value};
use crate::record::Item;

/// PACKET_ADD_MEMBERSHIP: the list of memberships, packet_mc_add()
pub fn memberships(context: &Context, [is_known]: Facts<1>) -> Option<Value> {
    is_known?;
    if !context.is_packet() {
        return None;
    }
    let mut memberships = PacketMemberships { members: Vec::new(), cut: false };
    for item in context.items() {
        match item {
            Item::PacketMembership(entry) => memberships.members.push(PacketMembership {
                ifindex: entry.ifindex,
                interface: context.host().interface(entry.ifindex).unwrap_or_default(),
                kind: entry.r#type,
                address: entry.address.iter().take(entry.length.into()).copied().collect(),
                count: entry.count,
            }),
            Item::Cut => memberships.cut = true,
            _ => {}
        }
    }
    Some(Value::PacketMemberships(memberships))
}

/// PACKET_FANOUT
pub fn fanout(_: &Context, [joined, id, kind, flags]: Facts<4>) -> Option<Value> {
    let number = id? | kind? << 16 | flags? << 24;
    Some(Value::Fanout { number: number as u32, joined: is_on(joined)? })
}

/// PACKET_FANOUT_DATA: the program, fanout_set_data_cbpf() and fanout_set_data_ebpf(). The kernel does not
/// keep the original of classic BPF here, and therefore not its length.
pub fn fanout_program(
    context: &Context,
    [attached, kind, id, has_name]: Facts<4>,
) -> Option<Value> {
    const PACKET_FANOUT_CBPF: u64 = 6;
    Some(Value::Program(match is_on(attached)? {
        false => AttachedProgram::None,
        true if kind? == PACKET_FANOUT_CBPF => AttachedProgram::Converted,
        true => {
            let name = context.fanout_name().filter(|_| has_name.is_some());
            AttachedProgram::Ebpf { id: id? as u32, name }
        }
    }))
}

/// PACKET_STATISTICS. Dropped packets are also counted as packets. The fourth fact is PACKET_VERSION.
pub fn statistics(_: &Context, [packets, drops, freezes, version]: Facts<4>) -> Option<Value> {
    const TPACKET_V3: u64 = 2;
    let tp_drops = drops? as u32;
    let tp_packets = (packets? as u32).wrapping_add(tp_drops);
    Some(match version == Some(TPACKET_V3) {
        true => TpacketStatsV3 { tp_packets, tp_drops, tp_freeze_q_cnt: freezes? as u32 }.into(),
        false => TpacketStats { tp_packets, tp_drops }.into(),
    })
}

/// PACKET_ROLLOVER_STATS: only if the fanout group rolls over.
pub fn rollover_statistics(_: &Context, [is_kept, all, huge, failed]: Facts<4>) -> Option<Value> {
    let statistics = TpacketRolloverStats { tp_all: all?, tp_huge: huge?, tp_failed: failed? };
    is_on(is_kept)?.then(|| statistics.into())
}

/// net/packet/diag.c, pdiag_put_ring(): 32-bit numbers, which wrap. The members of a released ring are 0,
/// whatever the kernel still stores for it.
pub fn ring(
    context: &Context,
    [is_mapped, pages, blocks, frame_size, last_frame]: Facts<5>,
) -> Option<Value> {
    let is_mapped = is_on(is_mapped)?;
    let number = |number: u64| if is_mapped { number as u32 } else { 0 };
    Some(Value::from(TpacketReq {
        tp_block_size: number(pages?.wrapping_mul(context.host().page)),
        tp_block_nr: number(blocks?),
        tp_frame_size: number(frame_size?),
        tp_frame_nr: number(last_frame?.wrapping_add(1)),
    }))
}
