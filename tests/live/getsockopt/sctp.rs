//! The options of SCTP: number, layout, and values to set.

use super::{structure, Layout, Row, Setting, Values};
use Layout::{Inside, Int, Members, Port, Uint};
use Values::{Fixed, Flag, Ints, Made};

pub const SOL_SCTP: i32 = 132;

/// The kinds of sockets of families::sctp that have a single association.
pub const ASSOCIATED: [&str; 5] =
    ["sctp client", "sctp server", "sctp6 client", "sctp6 server", "sctp peeled off"];

/// `struct sctp_assoc_value`
const ASSOC_VALUE: Layout = Inside(4, 8);

/// The options of SCTP, laid out as in include/uapi/linux/sctp.h.
#[rustfmt::skip]
pub static SCTP: &[Row] = &[
    row!(SOL_SCTP SCTP_RTOINFO = 0, Members(&[("srto_initial", 4, 4), ("srto_max", 8, 4), ("srto_min", 12, 4)], 16), Made(retransmissions)),
    row!(SOL_SCTP SCTP_ASSOCINFO = 1, Members(&[("sasoc_asocmaxrxt", 4, 2), ("sasoc_number_peer_destinations", 6, 2), ("sasoc_peer_rwnd", 8, 4), ("sasoc_local_rwnd", 12, 4), ("sasoc_cookie_life", 16, 4)], 20), Made(associations)),
    row!(SOL_SCTP SCTP_INITMSG = 2, Members(&[("sinit_num_ostreams", 0, 2), ("sinit_max_instreams", 2, 2), ("sinit_max_attempts", 4, 2), ("sinit_max_init_timeo", 6, 2)], 8), Made(beginnings)),
    row!(SOL_SCTP SCTP_NODELAY = 3, Int, Flag),
    row!(SOL_SCTP SCTP_AUTOCLOSE = 4, Int, Ints(&[5, 0, 100_000, i32::MAX, -1])),
    row!(SOL_SCTP SCTP_ADAPTATION_LAYER = 7, Uint, Ints(&[7, -1, 0])),
    row!(SOL_SCTP SCTP_DISABLE_FRAGMENTS = 8, Int, Flag),
    row!(SOL_SCTP SCTP_PEER_ADDR_PARAMS = 9, Members(&[("spp_hbinterval", 132, 4), ("spp_pathmaxrxt", 136, 2), ("spp_pathmtu", 138, 4), ("spp_sackdelay", 142, 4), ("spp_flags", 146, 4), ("spp_ipv6_flowlabel", 150, 4), ("spp_dscp", 154, 1)], 156), Made(paths)),
    row!(SOL_SCTP SCTP_DEFAULT_SEND_PARAM = 10, Members(&[("sinfo_stream", 0, 2), ("sinfo_flags", 4, 2), ("sinfo_ppid", 8, 4), ("sinfo_context", 12, 4), ("sinfo_timetolive", 16, 4)], 32), Made(send_params)),
    row!(SOL_SCTP SCTP_EVENTS = 11, Members(&[("sctp_data_io_event", 0, 1), ("sctp_association_event", 1, 1), ("sctp_address_event", 2, 1), ("sctp_send_failure_event", 3, 1), ("sctp_peer_error_event", 4, 1), ("sctp_shutdown_event", 5, 1), ("sctp_partial_delivery_event", 6, 1), ("sctp_adaptation_layer_event", 7, 1), ("sctp_authentication_event", 8, 1), ("sctp_sender_dry_event", 9, 1), ("sctp_stream_reset_event", 10, 1), ("sctp_assoc_reset_event", 11, 1), ("sctp_stream_change_event", 12, 1), ("sctp_send_failure_event_event", 13, 1)], 14), Made(events)),
    row!(SOL_SCTP SCTP_I_WANT_MAPPED_V4_ADDR = 12, Int, Flag),
    row!(SOL_SCTP SCTP_MAXSEG = 13, ASSOC_VALUE, Made(|| assoc_values("SCTP_MAXSEG", 13, &[1000, 0]))),
    row!(SOL_SCTP SCTP_DELAYED_SACK = 16, Members(&[("sack_delay", 4, 4), ("sack_freq", 8, 4)], 12), Made(acknowledgements)),
    row!(SOL_SCTP SCTP_CONTEXT = 17, ASSOC_VALUE, Made(|| assoc_values("SCTP_CONTEXT", 17, &[7, u32::MAX, 0]))),
    row!(SOL_SCTP SCTP_FRAGMENT_INTERLEAVE = 18, Int, Flag),
    row!(SOL_SCTP SCTP_PARTIAL_DELIVERY_POINT = 19, Uint, Ints(&[1000, 0, i32::MAX])),
    row!(SOL_SCTP SCTP_MAX_BURST = 20, ASSOC_VALUE, Made(|| assoc_values("SCTP_MAX_BURST", 20, &[9, 0]))),
    // Only a socket that is bound to every address accepts it.
    row!(SOL_SCTP SCTP_AUTO_ASCONF = 30, Int, Ints(&[1])),
    row!(SOL_SCTP SCTP_PEER_ADDR_THLDS = 31, Members(&[("spt_pathmaxrxt", 136, 2), ("spt_pathpfthld", 138, 2)], 144), Made(|| thresholds("SCTP_PEER_ADDR_THLDS", 31))),
    row!(SOL_SCTP SCTP_RECVRCVINFO = 32, Int, Flag),
    row!(SOL_SCTP SCTP_RECVNXTINFO = 33, Int, Flag),
    row!(SOL_SCTP SCTP_DEFAULT_SNDINFO = 34, Members(&[("snd_sid", 0, 2), ("snd_flags", 2, 2), ("snd_ppid", 4, 4), ("snd_context", 8, 4)], 16), Made(send_infos)),
    row!(SOL_SCTP SCTP_REUSE_PORT = 36, Int, Flag),
    row!(SOL_SCTP SCTP_PEER_ADDR_THLDS_V2 = 37, Members(&[("spt_pathmaxrxt", 136, 2), ("spt_pathpfthld", 138, 2), ("spt_pathcpthld", 140, 2)], 144), Made(|| thresholds("SCTP_PEER_ADDR_THLDS_V2", 37))),
    row!(SOL_SCTP SCTP_PR_SUPPORTED = 113, ASSOC_VALUE, Made(|| assoc_values("SCTP_PR_SUPPORTED", 113, &[0, 1]))),
    row!(SOL_SCTP SCTP_DEFAULT_PRINFO = 114, Members(&[("pr_value", 4, 4), ("pr_policy", 8, 2)], 12), Made(policies)),
    row!(SOL_SCTP SCTP_RECONFIG_SUPPORTED = 117, ASSOC_VALUE, Made(|| assoc_values("SCTP_RECONFIG_SUPPORTED", 117, &[1, 0]))),
    row!(SOL_SCTP SCTP_ENABLE_STREAM_RESET = 118, ASSOC_VALUE, Made(|| assoc_values("SCTP_ENABLE_STREAM_RESET", 118, &[7, 1, 2, 4, 0]))),
    row!(SOL_SCTP SCTP_STREAM_SCHEDULER = 123, ASSOC_VALUE, Made(|| assoc_values("SCTP_STREAM_SCHEDULER", 123, &[1, 2, 3, 4, 0]))),
    row!(SOL_SCTP SCTP_INTERLEAVING_SUPPORTED = 125, ASSOC_VALUE, Fixed),
    row!(SOL_SCTP SCTP_ASCONF_SUPPORTED = 128, ASSOC_VALUE, Made(|| assoc_values("SCTP_ASCONF_SUPPORTED", 128, &[1, 0]))),
    row!(SOL_SCTP SCTP_AUTH_SUPPORTED = 129, ASSOC_VALUE, Made(|| assoc_values("SCTP_AUTH_SUPPORTED", 129, &[1, 0]))),
    row!(SOL_SCTP SCTP_ECN_SUPPORTED = 130, ASSOC_VALUE, Made(|| assoc_values("SCTP_ECN_SUPPORTED", 130, &[0, 1]))),
    row!(SOL_SCTP SCTP_EXPOSE_POTENTIALLY_FAILED_STATE = 131, ASSOC_VALUE, Made(|| assoc_values("SCTP_EXPOSE_POTENTIALLY_FAILED_STATE", 131, &[2, 1, 0]))),
    row!(SOL_SCTP SCTP_REMOTE_UDP_ENCAPS_PORT = 132, Port(136, 144), Made(encapsulations)),
    row!(SOL_SCTP SCTP_PLPMTUD_PROBE_INTERVAL = 133, Inside(136, 144), Made(probes)),
];

fn set(name: &'static str, number: i32, value: Vec<u8>) -> Setting {
    Setting::with(name, SOL_SCTP, number, value)
}

fn assoc_values(name: &'static str, number: i32, values: &[u32]) -> Vec<Setting> {
    let value = |value: &u32| [[0; 4], value.to_ne_bytes()].concat();
    values.iter().map(|number_| set(name, number, value(number_))).collect()
}

/// Returns 32-bit numbers after an association ID of 0.
fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    let words = words.into_iter().flat_map(u32::to_ne_bytes);
    [0; 4].into_iter().chain(words).collect()
}

fn shorts<const N: usize>(shorts: [u16; N]) -> Vec<u8> {
    shorts.into_iter().flat_map(u16::to_ne_bytes).collect()
}

fn retransmissions() -> Vec<Setting> {
    let times = [[2000, 50_000, 500], [0, 70_000, 0], [1004, 1004, 1004], [3001, 60_003, 1002]];
    times.map(|times| set("SCTP_RTOINFO", 0, words(times))).into()
}

fn associations() -> Vec<Setting> {
    let set = |most: u16, life| set("SCTP_ASSOCINFO", 1, words([most.into(), 0, 0, life]));
    vec![set(1, 30_000), set(0, 12_345), set(1, 0)]
}

fn beginnings() -> Vec<Setting> {
    let values = [[3, 5, 2, 1000], [0, 0, 0, u16::MAX], [u16::MAX, u16::MAX, u16::MAX, 0]];
    values.map(|values| set("SCTP_INITMSG", 2, shorts(values))).into()
}

/// Returns an unspecified address of 128 bytes after an association ID of 0, packed or not.
fn nowhere(packed: bool) -> Vec<u8> {
    vec![0; if packed { 132 } else { 136 }]
}

fn paths() -> Vec<Setting> {
    let set = |interval: u32, most: u16, mtu: u32, delay: u32, flags: u32, label: u32, dscp: u8| {
        let value = structure([
            &nowhere(true),
            &interval.to_ne_bytes(),
            &most.to_ne_bytes(),
            &mtu.to_ne_bytes(),
            &delay.to_ne_bytes(),
            &flags.to_ne_bytes(),
            &label.to_ne_bytes(),
            &[dscp, 0],
        ]);
        set("SCTP_PEER_ADDR_PARAMS", 9, value)
    };
    vec![
        set(5000, 7, 0, 0, 1, 0, 0),
        set(0, 0, 0, 0, 1 | 1 << 7, 0, 0),
        set(0, 0, 0, 0, 2, 0, 0),
        set(0, 0, 1000, 0, 1 << 4, 0, 0),
        set(0, 0, 0, 300, 1 << 5, 0, 0),
        set(0, 0, 0, 0, 1 << 6, 0, 0),
        set(0, 0, 0, 0, 1 << 8, 0x12345, 0),
        set(0, 0, 0, 0, 1 << 9, 0, 0xb8),
        set(0, 0, 0, 0, 1 << 8 | 1 << 9, 0, 0),
    ]
}

fn send_params() -> Vec<Setting> {
    let set = |stream: u16, flags: u16, numbers: [u32; 3]| {
        let value = structure([&shorts([stream, 0, flags, 0]), &words(numbers)[4..], &[0; 12]]);
        set("SCTP_DEFAULT_SEND_PARAM", 10, value)
    };
    vec![set(3, 1, [7, 8, 9]), set(u16::MAX, 0x11, [u32::MAX; 3]), set(0, 0, [0; 3])]
}

fn send_infos() -> Vec<Setting> {
    let set = |stream: u16, flags: u16, numbers: [u32; 2]| {
        let value = structure([&shorts([stream, flags]), &words(numbers)[4..], &[0; 4]]);
        set("SCTP_DEFAULT_SNDINFO", 34, value)
    };
    vec![set(2, 1, [7, 8]), set(u16::MAX, 8, [u32::MAX; 2]), set(0, 0, [0; 2])]
}

/// Returns each event alone, and all events.
fn events() -> Vec<Setting> {
    let one = |at: usize| (0..14).map(|n| u8::from(n == at)).collect();
    (0..14)
        .map(one)
        .chain([vec![1; 14], vec![0; 14]])
        .map(|it| set("SCTP_EVENTS", 11, it))
        .collect()
}

fn acknowledgements() -> Vec<Setting> {
    let values = [[300, 3], [0, 1], [500, 0], [0, 5]];
    values.map(|value| set("SCTP_DELAYED_SACK", 16, words(value))).into()
}

fn thresholds(name: &'static str, number: i32) -> Vec<Setting> {
    let set = |numbers| set(name, number, structure([&nowhere(false), &shorts(numbers)]));
    vec![set([3, 1, 0xffff, 0]), set([10, 10, 12, 0]), set([0, 0, 0xffff, 0])]
}

fn policies() -> Vec<Setting> {
    let set = |value: u32, policy: u16| {
        let value = structure([&words([value]), &shorts([policy, 0])]);
        set("SCTP_DEFAULT_PRINFO", 114, value)
    };
    vec![set(5000, 0x10), set(3, 0x20), set(u32::MAX, 0x30), set(9, 0)]
}

fn encapsulations() -> Vec<Setting> {
    let value = |port: u16| structure([&nowhere(false), &port.to_be_bytes(), &[0; 6]]);
    [9899, 1, u16::MAX, 0].map(|port| set("SCTP_REMOTE_UDP_ENCAPS_PORT", 132, value(port))).into()
}

fn probes() -> Vec<Setting> {
    let value = |time: u32| structure([&nowhere(false), &time.to_ne_bytes(), &[0; 4]]);
    let times = [5000, 30_001, 0];
    times.map(|time| set("SCTP_PLPMTUD_PROBE_INTERVAL", 133, value(time))).into()
}
