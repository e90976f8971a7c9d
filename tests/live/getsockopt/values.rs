//! Values to set for options that are not just a number.

use super::{Setting, LOOPBACK, SECOND};
use crate::numbers::*;

/// Concatenates the members of a C structure.
pub fn structure<const N: usize>(members: [&[u8]; N]) -> Vec<u8> {
    members.concat()
}

fn ints<const N: usize>(members: [i32; N]) -> Vec<u8> {
    members.into_iter().flat_map(i32::to_ne_bytes).collect()
}

fn longs<const N: usize>(members: [i64; N]) -> Vec<u8> {
    members.into_iter().flat_map(i64::to_ne_bytes).collect()
}

pub fn send_buffers() -> Vec<Setting> {
    let set = |number, value| Setting::with("SO_SNDBUF", SOL_SOCKET, number, ints([value]));
    vec![
        set(SO_SNDBUF, 30_000),
        set(SO_SNDBUF, 0),
        set(SO_SNDBUF, i32::MAX),
        set(SO_SNDBUFFORCE, 10_000_000),
    ]
}

pub fn receive_buffers() -> Vec<Setting> {
    let set = |number, value| Setting::with("SO_RCVBUF", SOL_SOCKET, number, ints([value]));
    vec![
        set(SO_RCVBUF, 30_000),
        set(SO_RCVBUF, 0),
        set(SO_RCVBUF, i32::MAX),
        set(SO_RCVBUFFORCE, 10_000_000),
    ]
}

pub fn lingers() -> Vec<Setting> {
    let set = |on, seconds| Setting::with("SO_LINGER", SOL_SOCKET, SO_LINGER, ints([on, seconds]));
    vec![set(1, 5), set(0, 7), set(1, 0), set(1, i32::MAX), set(1, -1)]
}

pub fn timeouts(name: &'static str, old: i32, new: i32) -> Vec<Setting> {
    let set = |number, seconds, microseconds| {
        Setting::with(name, SOL_SOCKET, number, longs([seconds, microseconds]))
    };
    vec![
        set(old, 1, 500_000),
        set(new, 2, 250_001),
        set(old, 0, 0),
        set(old, 0, 1),
        set(old, 0, 999_999),
        set(old, -1, 0),
        set(old, 1 << 40, 3),
        set(old, i64::MAX, 0),
    ]
}

pub fn devices() -> Vec<Setting> {
    let set = |name: &str| Setting::with("SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, name);
    vec![set("lo"), set(""), set("second").late()]
}

/// Returns programs that accept every packet.
pub fn filters() -> Vec<Setting> {
    let set = |number, value| Setting::with("SO_GET_FILTER", SOL_SOCKET, number, value);
    vec![
        set(SO_ATTACH_FILTER, classic_program(1)),
        set(SO_ATTACH_FILTER, classic_program(3)),
        set(SO_ATTACH_FILTER, classic_program(MOST_INSTRUCTIONS)),
        set(SO_DETACH_FILTER, ints([0])),
    ]
}

/// BPF_MAXINSNS
pub const MOST_INSTRUCTIONS: usize = 4096;

/// Returns `struct sock_fprog` with that many instructions of classic BPF. All are returns, so that a
/// program of any length ends with one.
pub fn classic_program(instructions: usize) -> Vec<u8> {
    // `struct sock_filter`: BPF_RET | BPF_K, and the number of bytes to accept: all.
    static PROGRAM: [[u8; 8]; MOST_INSTRUCTIONS] =
        [[6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]; MOST_INSTRUCTIONS];
    let length = u16::try_from(instructions).expect("a program is that short");
    let address = PROGRAM[..instructions].as_ptr() as usize;
    structure([&length.to_ne_bytes(), &[0; 6], &address.to_ne_bytes()])
}

pub fn timestampings() -> Vec<Setting> {
    // SOF_TIMESTAMPING_...: valid combinations.
    const TRANSMIT: i32 = 1 | 2 | 16;
    const RECEIVE: i32 = 4 | 8 | 64;
    const IDENTIFIED: i32 = 2 | 16 | 128 | 2048;
    const SCHEDULED: i32 = 256 | 512 | 1024;
    let set = |number, value| Setting::with("SO_TIMESTAMPING", SOL_SOCKET, number, value);
    let mut settings: Vec<Setting> = [TRANSMIT, RECEIVE, IDENTIFIED, SCHEDULED, 1 << 14, 0]
        .into_iter()
        .map(|flags| set(SO_TIMESTAMPING, ints([flags])))
        .collect();
    settings.push(set(SO_TIMESTAMPING, ints([RECEIVE | SCHEDULED, 0])));
    settings.push(set(SO_TIMESTAMPING_NEW, ints([TRANSMIT | RECEIVE])));
    settings
}

pub fn pacing_rates() -> Vec<Setting> {
    let set =
        |value: Vec<u8>| Setting::with("SO_MAX_PACING_RATE", SOL_SOCKET, SO_MAX_PACING_RATE, value);
    vec![
        set(ints([1_000_000])),
        set(longs([1 << 40])),
        set(ints([0])),
        set(ints([-1])),
        set(ints([i32::MAX])),
        set(longs([-2])),
    ]
}

pub fn transmit_times() -> Vec<Setting> {
    let set =
        |clock, flags| Setting::with("SO_TXTIME", SOL_SOCKET, SO_TXTIME, ints([clock, flags]));
    vec![set(1, 1), set(11, 3), set(0, 2), set(1, 0)]
}

/// Returns the congestion control algorithms of this kernel whose modules are loaded.
pub fn congestion_algorithms() -> Vec<Setting> {
    let available = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    let available = available.expect("the kernel has TCP");
    let set = |name: &str| Setting::with("TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, name);
    available.split_whitespace().map(set).collect()
}

pub fn upper_layers() -> Vec<Setting> {
    vec![Setting::with("TCP_ULP", IPPROTO_TCP, TCP_ULP, "tls").late()]
}

/// Returns IP options that do not affect the path. The others are in blobs.rs.
pub fn ip_options() -> Vec<Setting> {
    let set = |value: &[u8]| Setting::with("IP_OPTIONS", IPPROTO_IP, IP_OPTIONS, value);
    vec![
        set(&[1, 1, 1, 0]),
        // Record route, with room for two addresses.
        set(&[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]),
        set(&[]),
    ]
}

pub fn multicast_interfaces() -> Vec<Setting> {
    let set = |value: Vec<u8>| Setting::with("IP_MULTICAST_IF", IPPROTO_IP, IP_MULTICAST_IF, value);
    let loopback = [127, 0, 0, 1];
    let index = LOOPBACK.to_ne_bytes();
    vec![
        set(loopback.to_vec()),
        set(structure([&[0; 4], &loopback, &index])),
        set(structure([&[0; 4], &[10, 7, 7, 7], &index])),
        set(structure([&[0; 4], &[0; 4], &index])),
        set(vec![0; 4]),
    ]
}

pub fn unicast_interfaces(name: &'static str, level: i32, number: i32) -> Vec<Setting> {
    let set = |index: i32| Setting::with(name, level, number, index.to_be_bytes());
    vec![set(LOOPBACK), set(0), set(SECOND).late()]
}

pub fn port_ranges() -> Vec<Setting> {
    let set = |low: u16, high: u16| {
        let value = u32::from(low) | u32::from(high) << 16;
        let value = value.to_ne_bytes();
        Setting::with("IP_LOCAL_PORT_RANGE", IPPROTO_IP, IP_LOCAL_PORT_RANGE, value)
    };
    vec![set(40_000, 50_000), set(0, 0), set(1, 65_535), set(0, 50_000), set(40_000, 0)]
}

/// Returns options headers: eight bytes of padding, and the largest header that the kernel accepts.
pub fn extension_headers(name: &'static str, number: i32) -> Vec<Setting> {
    let set = |value: Vec<u8>| Setting::with(name, IPPROTO_IPV6, number, value);
    let padding = set(vec![0, 0, 1, 4, 0, 0, 0, 0]);
    vec![
        // A SYN with destination options arrives. A SYN with one of the others does not.
        if number == IPV6_DSTOPTS { padding } else { padding.late() },
        set(extension_header(48)).late(),
        set(extension_header(2040)).late(),
        set(Vec::new()),
    ]
}

/// Returns an extension header of that many bytes. Its option is skipped by hosts that do not support it.
pub fn extension_header(length: usize) -> Vec<u8> {
    const SKIPPED: u8 = 0x1e;
    let mut header: Vec<u8> = (0..length).map(|at| at as u8).collect();
    header[0] = 0;
    header[1] = (length / 8 - 1) as u8;
    header[2] = SKIPPED;
    header[3] = (length - 4).min(255) as u8;
    header
}

/// Returns segment routing headers of one and of two segments: the only type that every kernel still
/// accepts.
pub fn routing_headers() -> Vec<Setting> {
    let set = |value| Setting::with("IPV6_RTHDR", IPPROTO_IPV6, IPV6_RTHDR, value);
    vec![set(routing_header(1)).late(), set(routing_header(2)).late(), set(Vec::new())]
}

/// Returns `struct ipv6_sr_hdr` with its segments.
pub fn routing_header(segments: u8) -> Vec<u8> {
    const SEGMENT_ROUTING: u8 = 4;
    let mut header = vec![0, segments * 2, SEGMENT_ROUTING, segments - 1, segments - 1, 0, 0, 0];
    for segment in 0..segments {
        header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, segment + 1]);
    }
    header
}

/// Returns `struct icmp6_filter`: some bits, all, none.
pub fn icmpv6_filters() -> Vec<Setting> {
    let set = |value: Vec<u8>| Setting::with("ICMPV6_FILTER", IPPROTO_ICMPV6, ICMPV6_FILTER, value);
    vec![set((1..=32).collect()), set(vec![0xff; 32]), set(vec![0; 32])]
}

/// Returns settings that join netlink groups: the first ones, and those around the end of a word.
pub fn netlink_groups() -> Vec<Setting> {
    const NAME: &str = "NETLINK_LIST_MEMBERSHIPS";
    let set =
        |group: i32| Setting::with(NAME, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group.to_ne_bytes());
    [1, 5, 31, 32, 33].map(set).into()
}

/// Returns 64-bit values for a vsock option.
fn vsock(name: &'static str, number: i32, values: &[u64]) -> Vec<Setting> {
    let set = |value: &u64| Setting::with(name, AF_VSOCK, number, value.to_ne_bytes());
    values.iter().map(set).collect()
}

pub fn vsock_sizes() -> Vec<Setting> {
    // The kernel clamps values beyond the limits.
    vsock("SO_VM_SOCKETS_BUFFER_SIZE", SO_VM_SOCKETS_BUFFER_SIZE, &[4096, 128, 0, u64::MAX])
}

pub fn vsock_least() -> Vec<Setting> {
    let values = [0, 4096, 1 << 40, u64::MAX];
    vsock("SO_VM_SOCKETS_BUFFER_MIN_SIZE", SO_VM_SOCKETS_BUFFER_MIN_SIZE, &values)
}

pub fn vsock_most() -> Vec<Setting> {
    let values = [0, 4096, 1 << 40, u64::MAX];
    vsock("SO_VM_SOCKETS_BUFFER_MAX_SIZE", SO_VM_SOCKETS_BUFFER_MAX_SIZE, &values)
}

/// Returns `struct timeval`: seconds and microseconds.
pub fn vsock_timeouts() -> Vec<Setting> {
    const NAME: &str = "SO_VM_SOCKETS_CONNECT_TIMEOUT";
    let set = |(seconds, microseconds): (i64, i64)| {
        let value = longs([seconds, microseconds]);
        Setting::with(NAME, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, value)
    };
    [(5, 0), (1, 500_000), (0, 1), (0, 0), (3600, 999_999)].map(set).into()
}
