//! The request of a run to the kernel side: the programs to load, and the sockets that they may leave
//! out.

use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::kernel::abi::{
    fact_test, network, network_filter, number_filter, port_filter, port_range, prefilter,
    section_number,
};
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
    /// Whether to find the listeners of connection requests, which the records of these name.
    pub listeners: bool,
    /// Whether to find the listeners of connections that wait to be accepted, in their accept queues.
    pub queues: bool,
    /// Whether to find the network namespaces that tasks are in.
    pub tasks: bool,
    /// Whether walks, and programs that iterate over descriptors, report sockets of every network namespace, and
    /// not only those of the namespace for which they were opened.
    pub every_netns: bool,
    /// The sections that records may have, by their bits ([`section`]). Others cost nothing.
    ///
    /// [`section`]: crate::kernel::abi::section
    pub sections: u32,
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
            listeners: true,
            queues: true,
            tasks: true,
            every_netns: true,
            sections: u32::MAX,
            prefilter: Prefilter::default(),
        }
    }

    /// Whether connections that wait to be accepted, and whose listeners are to be found, may be among the sockets.
    pub fn may_find_waiting(&self) -> bool {
        // include/net/tcp_states.h: TCP_ESTABLISHED, TCP_SYN_RECV (TCP Fast Open) and TCP_CLOSE_WAIT.
        const STATES: u32 = 1 << 1 | 1 << 3 | 1 << 8;
        let has_queues = |family: &Family| matches!(family, Family::Tcp | Family::Mptcp);
        self.queues
            && self.families.iter().any(has_queues)
            && self.prefilter.tcp_states & STATES != 0
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
    /// Alternatives. An empty list admits everything, here and in the lists below.
    pub local_ports: Vec<RangeInclusive<u16>>,
    pub remote_ports: Vec<RangeInclusive<u16>>,
    /// Alternatives, one of which must be the local or the remote port.
    pub either_ports: Vec<RangeInclusive<u16>>,
    /// An IPv4 network also admits its IPv4-mapped IPv6 addresses.
    pub local_networks: Vec<IpNet>,
    pub remote_networks: Vec<IpNet>,
    /// Alternatives, one of which must contain the local or the remote address.
    pub either_networks: Vec<IpNet>,
    /// The index of the bound interface. 0 stands for sockets that are not bound to one.
    pub interfaces: Vec<u32>,
    /// The UID of the socket. Mini-sockets other than connection requests have none.
    pub uids: Vec<u32>,
    /// A test of one fact. `None` admits everything. Only the programs for TCP and UDP test facts.
    pub fact: Option<FactTest>,
}

/// A test of one fact of bpf/options.h, which is a raw number and not always the value of its option. It
/// admits a socket if `low <= fact <= high` or, if `inverted`, if not. It never admits a socket whose fact is
/// unknown: because the kernel lacks it, the record of the socket lacks the section, or the socket is a
/// mini-socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactTest {
    /// The number of the section: [`section_number`].
    pub section: u32,
    pub place: FactPlace,
    pub number: FactNumber,
    /// The range may exceed the numbers that the fact can have.
    pub low: i128,
    pub high: i128,
    pub inverted: bool,
}

/// The number of a flag or a value in its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactPlace {
    Flag(u8),
    Value(u8),
}

/// The bits of a raw value that are a number, and its sign. A flag is 0 or 1 as any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactNumber {
    Signed32,
    Unsigned32,
    Unsigned64,
}

impl FactNumber {
    /// The lowest and the highest number.
    fn limits(self) -> (i128, i128) {
        match self {
            FactNumber::Signed32 => (i32::MIN.into(), i32::MAX.into()),
            FactNumber::Unsigned32 => (0, u32::MAX.into()),
            FactNumber::Unsigned64 => (0, u64::MAX.into()),
        }
    }
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
            local_networks: Vec::new(),
            remote_networks: Vec::new(),
            either_networks: Vec::new(),
            interfaces: Vec::new(),
            uids: Vec::new(),
            fact: None,
        }
    }
}

impl From<&Request> for prefilter {
    fn from(request: &Request) -> prefilter {
        let wanted = &request.prefilter;
        let fact = wanted.fact.map(fact_test_of).unwrap_or_default();
        prefilter {
            tcp_states: wanted.tcp_states,
            udp_states: wanted.udp_states,
            sections: request.sections | fact.section,
            local_ports: port_filter_of(&wanted.local_ports),
            remote_ports: port_filter_of(&wanted.remote_ports),
            either_ports: port_filter_of(&wanted.either_ports),
            interfaces: number_filter_of(&wanted.interfaces),
            uids: number_filter_of(&wanted.uids),
            want_ipv4: wanted.ipv4.into(),
            want_ipv6: wanted.ipv6.into(),
            every_netns: request.every_netns.into(),
            want_listeners: request.listeners.into(),
            local_networks: network_filter_of(&wanted.local_networks),
            remote_networks: network_filter_of(&wanted.remote_networks),
            either_networks: network_filter_of(&wanted.either_networks),
            fact,
            ..prefilter::default()
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

/// The same for numbers.
fn number_filter_of(numbers: &[u32]) -> number_filter {
    let mut filter = number_filter::default();
    if let Some(used) = filter.numbers.get_mut(..numbers.len()) {
        used.copy_from_slice(numbers);
        filter.count = numbers.len() as u32;
    }
    filter
}

/// The same for networks.
fn network_filter_of(networks: &[IpNet]) -> network_filter {
    let mut filter = network_filter::default();
    if let Some(used) = filter.networks.get_mut(..networks.len()) {
        used.iter_mut().zip(networks).for_each(|(slot, it)| *slot = network_of(*it));
        filter.count = networks.len() as u32;
    }
    filter
}

/// An IPv4 network becomes the network of its IPv4-mapped addresses.
fn network_of(net: IpNet) -> network {
    let (address, length) = match net {
        IpNet::V4(net) => (net.network().to_ipv6_mapped(), net.prefix_len() + 96),
        IpNet::V6(net) => (net.network(), net.prefix_len()),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or_default();
    network { address: halves(address.to_bits()), mask: halves(mask) }
}

/// The two words in which the programs read an address.
fn halves(address: u128) -> [u64; 2] {
    [(address >> 64) as u64, address as u64].map(u64::to_be)
}

/// Returns the test in the form of bpf/fact.h. A fact that cannot be in a record admits everything.
fn fact_test_of(test: FactTest) -> fact_test {
    let (is_flag, place) = match test.place {
        FactPlace::Flag(place) => (true, place),
        FactPlace::Value(place) => (false, place),
    };
    if test.section >= section_number::SECTION_COUNT.0 || place >= 64 {
        return fact_test::default();
    }
    let (least, most) = test.number.limits();
    let (low, high) = (test.low.max(least), test.high.min(most));
    // Nothing is in an empty range, and everything is outside: the opposite of the whole range.
    let (low, high, inverted) = match low <= high {
        true => (low, high, test.inverted),
        false => (least, most, !test.inverted),
    };
    fact_test {
        low: low as u64,
        span: (high - low) as u64,
        section: 1 << test.section,
        is_flag: is_flag.into(),
        place,
        discarded_bits: if test.number == FactNumber::Unsigned64 { 0 } else { 32 },
        is_signed: (test.number == FactNumber::Signed32).into(),
        inverted: inverted.into(),
        ..fact_test::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queues cost nothing if no connection that waits can be among the sockets.
    #[test]
    fn queues_are_read_only_for_connections() {
        let request = |families: &[Family], tcp_states| {
            let prefilter = Prefilter { tcp_states, ..Prefilter::default() };
            Request { families: families.to_vec(), prefilter, ..Request::everything() }
        };
        const LISTEN: u32 = 1 << 10;
        assert!(request(&[Family::Udp, Family::Tcp], u32::MAX).may_find_waiting());
        assert!(request(&[Family::Mptcp], u32::MAX).may_find_waiting());
        assert!(request(&[Family::Tcp], LISTEN | 1 << 8).may_find_waiting());
        assert!(!request(&[Family::Tcp], LISTEN).may_find_waiting());
        assert!(!request(&[Family::Udp, Family::Unix], u32::MAX).may_find_waiting());
        let unasked = Request { queues: false, ..request(&[Family::Tcp], u32::MAX) };
        assert!(!unasked.may_find_waiting());
    }
}
