//! The skeleton that build.rs generates from bpf/: the programs, their knobs, and the
//! types of the record.

/// Generated code; its names are those of the C source.
#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
mod skeleton {
    include!(concat!(env!("OUT_DIR"), "/knetstat.skel.rs"));
}

/// The object with the programs, as build.rs compressed it for a release; nothing where it is damaged,
/// which libbpf then says.
#[allow(dead_code)] // only a release has it compressed
fn decompressed(object: &[u8]) -> Vec<u8> {
    lz4_flex::block::decompress_size_prepended(object).unwrap_or_default()
}

use plain::Plain;

pub use skeleton::types::{
    ip_options_item, ip_section, ipv6_section, item_header, item_kind, membership_item,
    netlink_section, owner_record, port_filter, port_range, raw_section, record_header,
    sctp_section, section, socket_section, socket_trait, task_record, tcp_section, timer,
    tls_section, udp_section, unix_section, vsock_section,
};
pub use skeleton::types::{
    packet_membership_item, packet_section, xdp_section, PACKET_flag, PACKET_value, XDP_flag,
    XDP_value,
};
/// The facts of each level, as enumerated by bpf/options.h.
pub use skeleton::types::{
    IPV6_flag, IPV6_value, IP_flag, IP_value, NETLINK_flag, NETLINK_value, RAW_flag, RAW_value,
    SCTP_flag, SCTP_value, SOCKET_flag, SOCKET_value, TCP_flag, TCP_value, TLS_flag, TLS_value,
    UDP_flag, UDP_value, UNIX_flag, UNIX_value, VSOCK_flag, VSOCK_value,
};
pub use skeleton::{KnetstatSkel, KnetstatSkelBuilder, OpenKnetstatSkel};

// SAFETY: these are `repr(C)` structs of integers and arrays of integers; every bit pattern is a
// valid value of them, and record.h lays them out without padding.
unsafe impl Plain for record_header {}
unsafe impl Plain for socket_section {}
unsafe impl Plain for ip_section {}
unsafe impl Plain for ipv6_section {}
unsafe impl Plain for tcp_section {}
unsafe impl Plain for udp_section {}
unsafe impl Plain for raw_section {}
unsafe impl Plain for unix_section {}
unsafe impl Plain for packet_section {}
unsafe impl Plain for xdp_section {}
unsafe impl Plain for netlink_section {}
unsafe impl Plain for vsock_section {}
unsafe impl Plain for tls_section {}
unsafe impl Plain for sctp_section {}
unsafe impl Plain for item_header {}
unsafe impl Plain for ip_options_item {}
unsafe impl Plain for membership_item {}
unsafe impl Plain for packet_membership_item {}
unsafe impl Plain for owner_record {}
unsafe impl Plain for task_record {}
