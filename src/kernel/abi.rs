//! The types that the BPF programs share with this program, as the skeleton generates them from
//! bpf/record.h and its neighbours. Their names are those of the C source.

use plain::Plain;

use super::skeleton::walks::types;

pub use types::{
    cgroup_section, dead_section, diag_section, fact_test, identity_key, ip_options_item,
    ip_section, ipv6_section, item_header, item_kind, key_item, membership_item, message_kind,
    message_record, netlink_section, network, network_filter, number_filter, output_header,
    owner_record, packet_membership_item, packet_section, parameters, port_filter, port_range,
    prefilter, raw_section, receiver_section, record_header, sctp_section, section, section_number,
    socket_section, socket_trait, sockmap_section, table, task_record, tcp_section, timer,
    tls_section, udp_section, unix_peer, unix_section, vsock_section, waiting_record, walk_limit,
    walk_parameters, xdp_section,
};
/// The facts of each level, as enumerated by bpf/options.h.
pub use types::{
    CGROUP_flag, CGROUP_value, DEAD_flag, DEAD_value, DIAG_flag, DIAG_value, IPV6_flag, IPV6_value,
    IP_flag, IP_value, NETLINK_flag, NETLINK_value, PACKET_flag, PACKET_value, RAW_flag, RAW_value,
    RECEIVER_flag, RECEIVER_value, SCTP_flag, SCTP_value, SOCKET_flag, SOCKET_value, SOCKMAP_flag,
    SOCKMAP_value, TCP_flag, TCP_value, TLS_flag, TLS_value, UDP_flag, UDP_value, UNIX_flag,
    UNIX_value, VSOCK_flag, VSOCK_value, XDP_flag, XDP_value,
};

/// Makes structs readable from bytes in place, and asserts that each has the same size in Rust and in C.
macro_rules! plain {
    ($($name:ident: $size_in_c:ident,)*) => {$(
        // SAFETY: the type is a `repr(C)` struct of integers and arrays of integers, for which every bit
        // pattern is a valid value. It has the same size in C, where record.h allows no padding.
        unsafe impl Plain for $name {}
        const _: () = assert!(size_of::<$name>() == types::size_of::$size_in_c.0 as usize);
    )*};
}

plain! {
    number_filter: SIZE_OF_number_filter,
    network: SIZE_OF_network,
    network_filter: SIZE_OF_network_filter,
    fact_test: SIZE_OF_fact_test,
    prefilter: SIZE_OF_prefilter,
    parameters: SIZE_OF_parameters,
    identity_key: SIZE_OF_identity_key,
    walk_parameters: SIZE_OF_walk_parameters,
    output_header: SIZE_OF_output_header,
    record_header: SIZE_OF_record_header,
    socket_section: SIZE_OF_socket_section,
    cgroup_section: SIZE_OF_cgroup_section,
    sockmap_section: SIZE_OF_sockmap_section,
    receiver_section: SIZE_OF_receiver_section,
    ip_section: SIZE_OF_ip_section,
    ipv6_section: SIZE_OF_ipv6_section,
    tcp_section: SIZE_OF_tcp_section,
    udp_section: SIZE_OF_udp_section,
    raw_section: SIZE_OF_raw_section,
    unix_section: SIZE_OF_unix_section,
    packet_section: SIZE_OF_packet_section,
    xdp_section: SIZE_OF_xdp_section,
    netlink_section: SIZE_OF_netlink_section,
    vsock_section: SIZE_OF_vsock_section,
    tls_section: SIZE_OF_tls_section,
    sctp_section: SIZE_OF_sctp_section,
    dead_section: SIZE_OF_dead_section,
    diag_section: SIZE_OF_diag_section,
    item_header: SIZE_OF_item_header,
    ip_options_item: SIZE_OF_ip_options_item,
    membership_item: SIZE_OF_membership_item,
    key_item: SIZE_OF_key_item,
    packet_membership_item: SIZE_OF_packet_membership_item,
    owner_record: SIZE_OF_owner_record,
    message_record: SIZE_OF_message_record,
    waiting_record: SIZE_OF_waiting_record,
    task_record: SIZE_OF_task_record,
}
