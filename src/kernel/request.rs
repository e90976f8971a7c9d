//! The request of a run to the kernel side: the programs to load, and the sockets that they may leave
//! out.

use std::ops::RangeInclusive;

use crate::kernel::abi::{port_filter, port_range, prefilter};
use crate::kernel::family::Family;

/// The request of a run to the kernel side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The families to read, in the order in which they are shown.
    pub families: Vec<Family>,
    /// Whether to also read sockets that are in no table of the kernel.
    pub unbound: bool,
    /// Whether to read UDP-Lite sockets. They belong to the UDP family, but to another table.
    pub udp_lite: bool,
    /// Whether to find the processes that hold the sockets.
    pub owners: bool,
    /// Whether to find the network namespaces that tasks are in.
    pub tasks: bool,
    /// Whether programs that walk descriptors report sockets of every network namespace, and not
    /// only those of the namespace in which they are read.
    pub every_netns: bool,
    /// Whether to read what determines when the kernel gives up a TCP connection.
    pub dead_after: bool,
    pub prefilter: Prefilter,
}

impl Request {
    /// Every socket of every family in every network namespace, the processes that hold them, and the
    /// network namespaces of all tasks.
    pub fn everything() -> Request {
        Request {
            families: Family::ALL.to_vec(),
            unbound: true,
            udp_lite: true,
            owners: true,
            tasks: true,
            every_netns: true,
            dead_after: true,
            prefilter: Prefilter::default(),
        }
    }
}

/// The sockets that need a record. The programs check this early to save work. They may write a record
/// that the reader drops, but never drop a socket that the reader needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefilter {
    pub ipv4: bool,
    pub ipv6: bool,
    /// Bit n stands for the kernel's state number n.
    pub tcp_states: u32,
    /// The same for the states of UDP sockets.
    pub udp_states: u32,
    /// Alternatives. An empty list admits every port, here and in the next two members.
    pub local_ports: Vec<RangeInclusive<u16>>,
    pub remote_ports: Vec<RangeInclusive<u16>>,
    /// Alternatives, one of which must be the local or the remote port.
    pub either_ports: Vec<RangeInclusive<u16>>,
}

impl Default for Prefilter {
    /// Admits every socket.
    fn default() -> Prefilter {
        Prefilter {
            ipv4: true,
            ipv6: true,
            tcp_states: u32::MAX,
            udp_states: u32::MAX,
            local_ports: Vec::new(),
            remote_ports: Vec::new(),
            either_ports: Vec::new(),
        }
    }
}

impl From<&Request> for prefilter {
    fn from(request: &Request) -> prefilter {
        let Prefilter { ipv4, ipv6, tcp_states, udp_states, .. } = request.prefilter;
        prefilter {
            tcp_states,
            udp_states,
            local_ports: port_filter_of(&request.prefilter.local_ports),
            remote_ports: port_filter_of(&request.prefilter.remote_ports),
            either_ports: port_filter_of(&request.prefilter.either_ports),
            want_ipv4: ipv4.into(),
            want_ipv6: ipv6.into(),
            every_netns: request.every_netns.into(),
            want_dead_after: request.dead_after.into(),
        }
    }
}

/// Returns the ranges in the form of bpf/filter.h. More ranges than fit there admit every port.
fn port_filter_of(ports: &[RangeInclusive<u16>]) -> port_filter {
    let mut filter = port_filter::default();
    if ports.len() > filter.ranges.len() {
        return filter;
    }
    filter.count = ports.len() as u32;
    for (range, ports) in filter.ranges.iter_mut().zip(ports) {
        *range = port_range { low: *ports.start(), high: *ports.end() };
    }
    filter
}
