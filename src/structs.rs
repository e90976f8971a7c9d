//! The structures of numbers that getsockopt(2) lays out, a list of members each. Their layout is the
//! kernel's ABI: the headers named with each.

use crate::value::{Field, Fields};

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
