//! SOL_SCTP: net/sctp/socket.c
//!
//! A connected socket that can have only one association answers for that association. Other sockets answer
//! for themselves. The last fact of most functions is whether there is such an association: sctp_id2assoc().

use super::{int, is_on, Facts};
use crate::options::context::Context;
use crate::options::layouts::{
    SctpAssocparams, SctpDefaultPrinfo, SctpEventSubscribe, SctpInitmsg, SctpPaddrparams,
    SctpPaddrthlds, SctpPaddrthldsV2, SctpRtoinfo, SctpSackInfo, SctpSndinfo, SctpSndrcvinfo,
};
use crate::options::value::Value;

/// Converts to milliseconds. The kernel stores jiffies for an association, and milliseconds for a socket.
fn time(context: &Context, time: Option<u64>, associated: Option<u64>) -> Option<u32> {
    let time = match is_on(associated) == Some(true) {
        true => time?.wrapping_mul(1_000) / context.host().hz,
        false => time?,
    };
    Some(time as u32)
}

/// sctp_getsockopt_initmsg()
pub fn initmsg(_: &Context, [ostreams, instreams, attempts, timeout]: Facts<4>) -> Option<Value> {
    Some(Value::from(SctpInitmsg {
        sinit_num_ostreams: ostreams? as u16,
        sinit_max_instreams: instreams? as u16,
        sinit_max_attempts: attempts? as u16,
        sinit_max_init_timeo: timeout? as u16,
    }))
}

/// sctp_getsockopt_rtoinfo()
pub fn rtoinfo(context: &Context, [initial, most, least, associated]: Facts<4>) -> Option<Value> {
    Some(Value::from(SctpRtoinfo {
        srto_initial: time(context, initial, associated)?,
        srto_max: time(context, most, associated)?,
        srto_min: time(context, least, associated)?,
    }))
}

/// sctp_getsockopt_associnfo(). The cookie life of an association is stored in nanoseconds.
pub fn associnfo(
    _: &Context,
    [retransmissions, destinations, peer_rwnd, local_rwnd, life, associated]: Facts<6>,
) -> Option<Value> {
    let is_associated = is_on(associated) == Some(true);
    let life = if is_associated { life? / 1_000_000 } else { life? };
    Some(Value::from(SctpAssocparams {
        sasoc_asocmaxrxt: retransmissions? as u16,
        sasoc_number_peer_destinations: destinations? as u16,
        sasoc_peer_rwnd: peer_rwnd? as u32,
        sasoc_local_rwnd: local_rwnd? as u32,
        sasoc_cookie_life: life as u32,
    }))
}

/// sctp_getsockopt_peer_addr_params(). A separate bit says whether the number was set:
/// SCTP_FLOWLABEL_SET_MASK and SCTP_DSCP_SET_MASK of include/linux/sctp.h.
pub fn path(
    context: &Context,
    [heartbeat, retransmissions, mtu, sack_delay, flags, flowlabel, dscp, associated]: Facts<8>,
) -> Option<Value> {
    const FLOWLABEL_SET: u64 = 0x0010_0000;
    const FLOWLABEL: u64 = 0x000f_ffff;
    const DSCP_SET: u64 = 0x1;
    const DSCP: u64 = 0xfc;
    let (flowlabel, dscp) = (flowlabel?, dscp?);
    let flowlabel = (flowlabel & FLOWLABEL_SET != 0).then_some(flowlabel & FLOWLABEL);
    let dscp = (dscp & DSCP_SET != 0).then_some(dscp & DSCP);
    let set = u32::from(flowlabel.is_some()) << 8 | u32::from(dscp.is_some()) << 9;
    Some(Value::from(SctpPaddrparams {
        spp_hbinterval: time(context, heartbeat, associated)?,
        spp_pathmaxrxt: retransmissions? as u16,
        spp_pathmtu: mtu? as u32,
        spp_sackdelay: time(context, sack_delay, associated)?,
        spp_flags: flags? as u32 | set,
        spp_ipv6_flowlabel: flowlabel.unwrap_or_default() as u32,
        spp_dscp: dscp.unwrap_or_default() as u8,
    }))
}

/// sctp_getsockopt_paddr_thresholds()
pub fn thresholds(_: &Context, [failed, potentially_failed]: Facts<2>) -> Option<Value> {
    Some(Value::from(SctpPaddrthlds {
        spt_pathmaxrxt: failed? as u16,
        spt_pathpfthld: potentially_failed? as u16,
    }))
}

/// sctp_getsockopt_paddr_thresholds(), with the third threshold
pub fn thresholds_v2(_: &Context, [failed, potentially_failed, switch]: Facts<3>) -> Option<Value> {
    Some(Value::from(SctpPaddrthldsV2 {
        spt_pathmaxrxt: failed? as u16,
        spt_pathpfthld: potentially_failed? as u16,
        spt_pathcpthld: switch? as u16,
    }))
}

/// sctp_getsockopt_delayed_ack(). If delayed acknowledgments are off, each packet is acknowledged.
pub fn sack(context: &Context, [flags, delay, packets, associated]: Facts<4>) -> Option<Value> {
    const ENABLED: u64 = 1 << 5; // SPP_SACKDELAY_ENABLE
    Some(Value::from(match flags? & ENABLED {
        0 => SctpSackInfo { sack_delay: 0, sack_freq: 1 },
        _ => SctpSackInfo {
            sack_delay: time(context, delay, associated)?,
            sack_freq: packets? as u32,
        },
    }))
}

/// sctp_getsockopt_events(): one bit for each event.
pub fn events(_: &Context, [events]: Facts<1>) -> Option<Value> {
    let events = events?;
    let bit = |bit: u32| (events >> bit & 1) as u8;
    Some(Value::from(SctpEventSubscribe {
        sctp_data_io_event: bit(0),
        sctp_association_event: bit(1),
        sctp_address_event: bit(2),
        sctp_send_failure_event: bit(3),
        sctp_peer_error_event: bit(4),
        sctp_shutdown_event: bit(5),
        sctp_partial_delivery_event: bit(6),
        sctp_adaptation_layer_event: bit(7),
        sctp_authentication_event: bit(8),
        sctp_sender_dry_event: bit(9),
        sctp_stream_reset_event: bit(10),
        sctp_assoc_reset_event: bit(11),
        sctp_stream_change_event: bit(12),
        sctp_send_failure_event_event: bit(13),
    }))
}

/// sctp_getsockopt_default_send_param()
pub fn send_param(
    _: &Context,
    [stream, flags, ppid, send_context, lifetime]: Facts<5>,
) -> Option<Value> {
    Some(Value::from(SctpSndrcvinfo {
        sinfo_stream: stream? as u16,
        sinfo_flags: flags? as u16,
        sinfo_ppid: ppid? as u32,
        sinfo_context: send_context? as u32,
        sinfo_timetolive: lifetime? as u32,
    }))
}

/// sctp_getsockopt_default_sndinfo()
pub fn send_info(_: &Context, [stream, flags, ppid, send_context]: Facts<4>) -> Option<Value> {
    Some(Value::from(SctpSndinfo {
        snd_sid: stream? as u16,
        snd_flags: flags? as u16,
        snd_ppid: ppid? as u32,
        snd_context: send_context? as u32,
    }))
}

/// sctp_getsockopt_default_prinfo()
pub fn policy(_: &Context, [flags, lifetime]: Facts<2>) -> Option<Value> {
    const POLICY: u16 = 0x30; // SCTP_PR_SCTP_MASK
    Some(Value::from(SctpDefaultPrinfo {
        pr_value: lifetime? as u32,
        pr_policy: flags? as u16 & POLICY,
    }))
}

/// sctp_getsockopt_scheduler(). An association has a table of functions instead, whose address does not
/// identify the scheduler to user space. It may be another scheduler than that of the socket.
pub fn scheduler(_: &Context, [own, associated]: Facts<2>) -> Option<Value> {
    let own = own?;
    (is_on(associated) != Some(true)).then(|| int(own))
}

/// sctp_getsockopt_encap_port()
pub fn encapsulation_port(_: &Context, [port]: Facts<1>) -> Option<Value> {
    Some(Value::Int(u16::from_be(port? as u16).into()))
}

/// sctp_getsockopt_probe_interval()
pub fn probe_interval(context: &Context, [interval, associated]: Facts<2>) -> Option<Value> {
    Some(Value::Int(time(context, interval, associated)?.into()))
}
