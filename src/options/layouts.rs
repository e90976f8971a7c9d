//! The structures of numbers that getsockopt(2) lays out, a list of members each. Their layout is the
//! kernel's ABI: the headers named with each.

use crate::options::constants;
use crate::options::value::{Field, Fields, Kind};

/// include/linux/socket.h, struct ucred
pub static UCRED: Fields =
    &[Field::signed("pid", 0, 4), Field::unsigned("uid", 4, 4), Field::unsigned("gid", 8, 4)];

/// include/uapi/linux/if_packet.h, struct tpacket_stats
pub static PACKET_STATISTICS: Fields =
    &[Field::unsigned("tp_packets", 0, 4), Field::unsigned("tp_drops", 4, 4)];

/// include/uapi/linux/if_packet.h, struct tpacket_rollover_stats
pub static PACKET_ROLLOVER_STATS: Fields = &[
    Field::unsigned("tp_all", 0, 8),
    Field::unsigned("tp_huge", 8, 8),
    Field::unsigned("tp_failed", 16, 8),
];

/// include/uapi/linux/if_packet.h, struct tpacket_req
pub static PACKET_RING: Fields = &[
    Field::unsigned("tp_block_size", 0, 4),
    Field::unsigned("tp_block_nr", 4, 4),
    Field::unsigned("tp_frame_size", 8, 4),
    Field::unsigned("tp_frame_nr", 12, 4),
];

/// include/uapi/linux/if_xdp.h, struct xdp_statistics
pub static XDP_STATISTICS: Fields = &[
    Field::unsigned("rx_dropped", 0, 8),
    Field::unsigned("rx_invalid_descs", 8, 8),
    Field::unsigned("tx_invalid_descs", 16, 8),
    Field::unsigned("rx_ring_full", 24, 8),
    Field::unsigned("rx_fill_ring_empty_descs", 32, 8),
    Field::unsigned("tx_ring_empty_descs", 40, 8),
];

/*
 * include/uapi/linux/sctp.h. Members that say of which association, or which address, one asks are
 * left out: they come back as they were given.
 */

/// struct sctp_rtoinfo
pub static SCTP_RTOINFO: Fields = &[
    Field::unsigned("srto_initial", 4, 4).shown(Kind::Milliseconds),
    Field::unsigned("srto_max", 8, 4).shown(Kind::Milliseconds),
    Field::unsigned("srto_min", 12, 4).shown(Kind::Milliseconds),
];

/// struct sctp_assocparams
pub static SCTP_ASSOCPARAMS: Fields = &[
    Field::unsigned("sasoc_asocmaxrxt", 4, 2),
    Field::unsigned("sasoc_number_peer_destinations", 6, 2),
    Field::unsigned("sasoc_peer_rwnd", 8, 4),
    Field::unsigned("sasoc_local_rwnd", 12, 4),
    Field::unsigned("sasoc_cookie_life", 16, 4).shown(Kind::Milliseconds),
];

/// struct sctp_initmsg
pub static SCTP_INITMSG: Fields = &[
    Field::unsigned("sinit_num_ostreams", 0, 2),
    Field::unsigned("sinit_max_instreams", 2, 2),
    Field::unsigned("sinit_max_attempts", 4, 2),
    Field::unsigned("sinit_max_init_timeo", 6, 2).shown(Kind::Milliseconds),
];

/// struct sctp_paddrparams, which is packed
pub static SCTP_PADDRPARAMS: Fields = &[
    Field::unsigned("spp_hbinterval", 132, 4).shown(Kind::Milliseconds),
    Field::unsigned("spp_pathmaxrxt", 136, 2),
    Field::unsigned("spp_pathmtu", 138, 4),
    Field::unsigned("spp_sackdelay", 142, 4).shown(Kind::Milliseconds),
    Field::unsigned("spp_flags", 146, 4).shown(Kind::Flags(constants::SCTP_PATH)),
    Field::unsigned("spp_ipv6_flowlabel", 150, 4),
    Field::unsigned("spp_dscp", 154, 1),
];

/// struct sctp_sndrcvinfo, of which the others tell of messages that were received
pub static SCTP_SNDRCVINFO: Fields = &[
    Field::unsigned("sinfo_stream", 0, 2),
    Field::unsigned("sinfo_flags", 4, 2).shown(Kind::Flags(constants::SCTP_SEND)),
    Field::unsigned("sinfo_ppid", 8, 4),
    Field::unsigned("sinfo_context", 12, 4),
    Field::unsigned("sinfo_timetolive", 16, 4).shown(Kind::Milliseconds),
];

/// struct sctp_sndinfo
pub static SCTP_SNDINFO: Fields = &[
    Field::unsigned("snd_sid", 0, 2),
    Field::unsigned("snd_flags", 2, 2).shown(Kind::Flags(constants::SCTP_SEND)),
    Field::unsigned("snd_ppid", 4, 4),
    Field::unsigned("snd_context", 8, 4),
];

/// struct sctp_default_prinfo
pub static SCTP_PRINFO: Fields = &[
    Field::unsigned("pr_value", 4, 4),
    Field::unsigned("pr_policy", 8, 2).shown(Kind::Enum(constants::SCTP_POLICIES)),
];

/// struct sctp_sack_info
pub static SCTP_SACK: Fields = &[
    Field::unsigned("sack_delay", 4, 4).shown(Kind::Milliseconds),
    Field::unsigned("sack_freq", 8, 4),
];

/// struct sctp_paddrthlds
pub static SCTP_PADDRTHLDS: Fields =
    &[Field::unsigned("spt_pathmaxrxt", 136, 2), Field::unsigned("spt_pathpfthld", 138, 2)];

/// struct sctp_paddrthlds_v2
pub static SCTP_PADDRTHLDS_V2: Fields = &[
    Field::unsigned("spt_pathmaxrxt", 136, 2),
    Field::unsigned("spt_pathpfthld", 138, 2),
    Field::unsigned("spt_pathcpthld", 140, 2),
];

/// struct sctp_event_subscribe
pub static SCTP_EVENTS: Fields = &[
    Field::unsigned("sctp_data_io_event", 0, 1).shown(Kind::Bool),
    Field::unsigned("sctp_association_event", 1, 1).shown(Kind::Bool),
    Field::unsigned("sctp_address_event", 2, 1).shown(Kind::Bool),
    Field::unsigned("sctp_send_failure_event", 3, 1).shown(Kind::Bool),
    Field::unsigned("sctp_peer_error_event", 4, 1).shown(Kind::Bool),
    Field::unsigned("sctp_shutdown_event", 5, 1).shown(Kind::Bool),
    Field::unsigned("sctp_partial_delivery_event", 6, 1).shown(Kind::Bool),
    Field::unsigned("sctp_adaptation_layer_event", 7, 1).shown(Kind::Bool),
    Field::unsigned("sctp_authentication_event", 8, 1).shown(Kind::Bool),
    Field::unsigned("sctp_sender_dry_event", 9, 1).shown(Kind::Bool),
    Field::unsigned("sctp_stream_reset_event", 10, 1).shown(Kind::Bool),
    Field::unsigned("sctp_assoc_reset_event", 11, 1).shown(Kind::Bool),
    Field::unsigned("sctp_stream_change_event", 12, 1).shown(Kind::Bool),
    Field::unsigned("sctp_send_failure_event_event", 13, 1).shown(Kind::Bool),
];

/// struct sctp_assoc_value: where in it the value begins, and how large it is
pub const SCTP_ASSOC_VALUE: (usize, usize) = (4, 8);

/// Structures with an association and an address before the value
pub const SCTP_AT_ADDRESS: (usize, usize) = (136, 144);
