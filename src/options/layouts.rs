//! The structures of numbers that getsockopt(2) returns. Their layout is the kernel's ABI, from the header
//! that is named with each.

use crate::options::constants;
use crate::options::kind::StructMember;
use crate::options::kind::ValueKind::{Bool, Enum, Flags, Int, Milliseconds};
use crate::options::value::{Structure, Value};

/// `structure!(LAYOUT, Type { member: type = offset, kind; ... })`: the layout of a C structure, and a type
/// with its members as fields, which converts into a [`Value`].
macro_rules! structure {
    ($(#[$doc:meta])* $layout:ident, $name:ident {
        $($member:ident: $type:ty = $offset:literal, $kind:expr;)*
    }) => {
        $(#[$doc])*
        pub static $layout: [StructMember; [$($offset),*].len()] = [$(StructMember {
            name: stringify!($member),
            offset: $offset,
            size: size_of::<$type>(),
            signed: <$type>::MIN != 0,
            kind: $kind,
        }),*];

        $(#[$doc])*
        pub struct $name {
            $(pub $member: $type,)*
        }

        impl From<$name> for Value {
            fn from(of: $name) -> Value {
                // A 64-bit counter does not reach the sign bit while a host is up.
                Value::Struct(Structure::new(&$layout, [$(of.$member as i64),*]))
            }
        }
    };
}

structure! {
    /// include/linux/socket.h, struct ucred
    UCRED, Ucred {
        pid: i32 = 0, Int;
        uid: u32 = 4, Int;
        gid: u32 = 8, Int;
    }
}

structure! {
    /// include/uapi/linux/if_packet.h, struct tpacket_stats
    TPACKET_STATS, TpacketStats {
        tp_packets: u32 = 0, Int;
        tp_drops: u32 = 4, Int;
    }
}

structure! {
    /// include/uapi/linux/if_packet.h, struct tpacket_stats_v3
    TPACKET_STATS_V3, TpacketStatsV3 {
        tp_packets: u32 = 0, Int;
        tp_drops: u32 = 4, Int;
        tp_freeze_q_cnt: u32 = 8, Int;
    }
}

structure! {
    /// include/uapi/linux/if_packet.h, struct tpacket_rollover_stats
    TPACKET_ROLLOVER_STATS, TpacketRolloverStats {
        tp_all: u64 = 0, Int;
        tp_huge: u64 = 8, Int;
        tp_failed: u64 = 16, Int;
    }
}

structure! {
    /// include/uapi/linux/if_packet.h, struct tpacket_req
    TPACKET_REQ, TpacketReq {
        tp_block_size: u32 = 0, Int;
        tp_block_nr: u32 = 4, Int;
        tp_frame_size: u32 = 8, Int;
        tp_frame_nr: u32 = 12, Int;
    }
}

structure! {
    /// include/uapi/linux/if_xdp.h, struct xdp_statistics
    XDP_STATISTICS, XdpStatistics {
        rx_dropped: u64 = 0, Int;
        rx_invalid_descs: u64 = 8, Int;
        tx_invalid_descs: u64 = 16, Int;
        rx_ring_full: u64 = 24, Int;
        rx_fill_ring_empty_descs: u64 = 32, Int;
        tx_ring_empty_descs: u64 = 40, Int;
    }
}

structure! {
    /// include/uapi/linux/if_xdp.h, struct xdp_umem_reg, without the address in the process
    XDP_UMEM_REG, XdpUmemReg {
        len: u64 = 8, Int;
        chunk_size: u32 = 16, Int;
        headroom: u32 = 20, Int;
        flags: u32 = 24, Flags(constants::XDP_MEMORY);
        tx_metadata_len: u32 = 28, Int;
    }
}

/*
 * include/uapi/linux/sctp.h. The members that name the association or the address to ask about are left out,
 * because getsockopt(2) returns them as they were passed.
 */

structure! {
    /// struct sctp_rtoinfo
    SCTP_RTOINFO, SctpRtoinfo {
        srto_initial: u32 = 4, Milliseconds;
        srto_max: u32 = 8, Milliseconds;
        srto_min: u32 = 12, Milliseconds;
    }
}

structure! {
    /// struct sctp_assocparams
    SCTP_ASSOCPARAMS, SctpAssocparams {
        sasoc_asocmaxrxt: u16 = 4, Int;
        sasoc_number_peer_destinations: u16 = 6, Int;
        sasoc_peer_rwnd: u32 = 8, Int;
        sasoc_local_rwnd: u32 = 12, Int;
        sasoc_cookie_life: u32 = 16, Milliseconds;
    }
}

structure! {
    /// struct sctp_initmsg
    SCTP_INITMSG, SctpInitmsg {
        sinit_num_ostreams: u16 = 0, Int;
        sinit_max_instreams: u16 = 2, Int;
        sinit_max_attempts: u16 = 4, Int;
        sinit_max_init_timeo: u16 = 6, Milliseconds;
    }
}

structure! {
    /// struct sctp_paddrparams, which is packed
    SCTP_PADDRPARAMS, SctpPaddrparams {
        spp_hbinterval: u32 = 132, Milliseconds;
        spp_pathmaxrxt: u16 = 136, Int;
        spp_pathmtu: u32 = 138, Int;
        spp_sackdelay: u32 = 142, Milliseconds;
        spp_flags: u32 = 146, Flags(constants::SCTP_PATH);
        spp_ipv6_flowlabel: u32 = 150, Int;
        spp_dscp: u8 = 154, Int;
    }
}

structure! {
    /// struct sctp_sndrcvinfo. Its other members describe received messages.
    SCTP_SNDRCVINFO, SctpSndrcvinfo {
        sinfo_stream: u16 = 0, Int;
        sinfo_flags: u16 = 4, Flags(constants::SCTP_SEND);
        sinfo_ppid: u32 = 8, Int;
        sinfo_context: u32 = 12, Int;
        sinfo_timetolive: u32 = 16, Milliseconds;
    }
}

structure! {
    /// struct sctp_sndinfo
    SCTP_SNDINFO, SctpSndinfo {
        snd_sid: u16 = 0, Int;
        snd_flags: u16 = 2, Flags(constants::SCTP_SEND);
        snd_ppid: u32 = 4, Int;
        snd_context: u32 = 8, Int;
    }
}

structure! {
    /// struct sctp_default_prinfo
    SCTP_DEFAULT_PRINFO, SctpDefaultPrinfo {
        pr_value: u32 = 4, Int;
        pr_policy: u16 = 8, Enum(constants::SCTP_POLICIES);
    }
}

structure! {
    /// struct sctp_sack_info
    SCTP_SACK_INFO, SctpSackInfo {
        sack_delay: u32 = 4, Milliseconds;
        sack_freq: u32 = 8, Int;
    }
}

structure! {
    /// struct sctp_paddrthlds
    SCTP_PADDRTHLDS, SctpPaddrthlds {
        spt_pathmaxrxt: u16 = 136, Int;
        spt_pathpfthld: u16 = 138, Int;
    }
}

structure! {
    /// struct sctp_paddrthlds_v2
    SCTP_PADDRTHLDS_V2, SctpPaddrthldsV2 {
        spt_pathmaxrxt: u16 = 136, Int;
        spt_pathpfthld: u16 = 138, Int;
        spt_pathcpthld: u16 = 140, Int;
    }
}

structure! {
    /// struct sctp_event_subscribe
    SCTP_EVENT_SUBSCRIBE, SctpEventSubscribe {
        sctp_data_io_event: u8 = 0, Bool;
        sctp_association_event: u8 = 1, Bool;
        sctp_address_event: u8 = 2, Bool;
        sctp_send_failure_event: u8 = 3, Bool;
        sctp_peer_error_event: u8 = 4, Bool;
        sctp_shutdown_event: u8 = 5, Bool;
        sctp_partial_delivery_event: u8 = 6, Bool;
        sctp_adaptation_layer_event: u8 = 7, Bool;
        sctp_authentication_event: u8 = 8, Bool;
        sctp_sender_dry_event: u8 = 9, Bool;
        sctp_stream_reset_event: u8 = 10, Bool;
        sctp_assoc_reset_event: u8 = 11, Bool;
        sctp_stream_change_event: u8 = 12, Bool;
        sctp_send_failure_event_event: u8 = 13, Bool;
    }
}

/// struct sctp_assoc_value: the offset of the value, and the size of the structure
pub const SCTP_ASSOC_VALUE: (usize, usize) = (4, 8);

/// The same for structures that have an association and an address before the value
pub const SCTP_AT_ADDRESS: (usize, usize) = (136, 144);
