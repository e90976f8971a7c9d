//! The socket whose options are decoded, with what is known about it besides the facts of each option.

use std::net::Ipv6Addr;

use crate::host::Host;
use crate::kernel::abi::{record_header, socket_trait};
use crate::options::interface::Interface;
use crate::record::fact::{Fact, Section};
use crate::record::{Item, Record};
use crate::socket::is_link_local;
use crate::text::Name;

/// TCP_CLOSE and TCP_LISTEN, include/net/tcp_states.h.
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

/// The record of a socket, and the host on which it was read.
///
/// Only code that has declared a fact can read it: the catalogue declares the facts of each option, `set.rs`
/// those of each rule, and `dead_after` those of its columns. The functions of `decode/` receive the declared facts and
/// cannot read others. The sentences of `meaning/` are only shown by an output that asks for every section.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    record: &'a Record<'a>,
    host: &'a Host,
}

/// What a context lets code read of a record besides facts, names and items: if it is the same for two sockets, an option
/// whose facts are the same has the same value on both. SO_COOKIE is read for each socket, and is not part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outline {
    host: *const Host,
    sections: u32,
    left_out: u32,
    family: u16,
    protocol: u16,
    traits: u16,
    ifindex: u32,
    /// Of a TCP socket that is no connection: the backlog of a listener.
    backlog: u32,
    is_tcp_connection: bool,
    has_ipv6_address: bool,
    has_link_local_address: bool,
}

impl Outline {
    /// Whether the records have the same sections.
    pub(super) fn has_sections_of(&self, other: &Outline) -> bool {
        (self.sections, self.left_out) == (other.sections, other.left_out)
    }
}

impl<'a> Context<'a> {
    /// Creates the context of a socket of this host.
    pub fn new(record: &'a Record<'a>, host: &'a Host) -> Context<'a> {
        Context { record, host }
    }

    /// Returns a fact, or `None` if the kernel or this socket does not have it.
    #[inline]
    pub(super) fn get(&self, fact: Fact) -> Option<u64> {
        fact.of(self.record)
    }

    /// The outline of the socket. Whatever a function here reads of the header has to be in it.
    pub(super) fn outline(&self) -> Outline {
        let header = self.header();
        let is_tcp_connection = self.is_tcp_connection();
        Outline {
            host: self.host,
            sections: header.sections,
            left_out: header.left_out,
            family: header.family,
            protocol: header.protocol,
            traits: header.traits,
            ifindex: header.ifindex,
            backlog: if self.is_tcp() && !is_tcp_connection { header.send_queue } else { 0 },
            is_tcp_connection,
            has_ipv6_address: self.has_ipv6_address(),
            has_link_local_address: self.has_link_local_address(),
        }
    }

    /// Whether the socket has any section. Without one, it has no option.
    pub(super) fn has_sections(&self) -> bool {
        self.header().sections | self.header().left_out != 0
    }

    /// Whether the record may have items.
    pub(super) fn has_items(&self) -> bool {
        self.record.has_items()
    }

    /// The record.
    pub(super) fn record(&self) -> &'a Record<'a> {
        self.record
    }

    /// The host.
    pub fn host(&self) -> &'a Host {
        self.host
    }

    /// Returns the interface with this index, in the socket's network namespace.
    pub fn interface(&self, index: u32) -> Interface {
        let name = if index == 0 { None } else { self.host.interface(index) };
        Interface { index, name: name.unwrap_or_default() }
    }

    /// The header of the record.
    pub fn header(&self) -> &'a record_header {
        self.record.header
    }

    /// The blobs and list entries of the record.
    pub fn items(&self) -> impl Iterator<Item = Item<'a>> {
        self.record.items()
    }

    /// Whether this is an IPv6 socket, or was accepted by one. IPv4 MPTCP sockets answer for some IPv6
    /// options too.
    pub fn is_ipv6(&self) -> bool {
        const INET6: u16 = 10;
        self.header().family == INET6
    }

    /// Whether the socket has IPv4 options. IPv6 sockets have them too.
    pub fn is_ip(&self) -> bool {
        self.record.has(Section::Ip)
    }

    /// Whether the socket has TCP options.
    pub fn is_tcp(&self) -> bool {
        self.record.has(Section::Tcp)
    }

    /// Whether this is an SCTP socket.
    pub fn is_sctp(&self) -> bool {
        self.record.has(Section::Sctp)
    }

    /// Whether this is a packet socket.
    pub fn is_packet(&self) -> bool {
        self.record.has(Section::Packet)
    }

    /// Whether the kernel keeps a full socket, not only a mini-socket.
    pub fn is_full(&self) -> bool {
        self.record.has(Section::Socket)
    }

    /// Whether this is an MPTCP socket.
    pub fn is_mptcp(&self) -> bool {
        const MPTCP: u16 = 262;
        self.header().protocol == MPTCP
    }

    /// Whether this is a subflow of an MPTCP socket.
    pub fn is_subflow(&self) -> bool {
        self.has(socket_trait::TRAIT_SUBFLOW)
    }

    /// Whether this is an MPTCP socket that has fallen back to TCP, and answers as its single TCP socket.
    pub fn has_fallen_back(&self) -> bool {
        self.has(socket_trait::TRAIT_FALLBACK)
    }

    /// Whether the kernel created the socket for its own use.
    pub fn is_of_kernel(&self) -> bool {
        self.has(socket_trait::TRAIT_KERNEL)
    }

    /// Whether the process has closed the socket, and nothing can hold it any more.
    pub fn is_dead(&self) -> bool {
        self.has(socket_trait::TRAIT_DEAD)
    }

    fn has(&self, wanted: socket_trait) -> bool {
        u32::from(self.header().traits) & wanted.0 != 0
    }

    /// Whether this is a TCP socket in any state but CLOSE and LISTEN. In these other states, values may be
    /// what the kernel learned from the peer.
    pub fn is_tcp_connection(&self) -> bool {
        self.is_tcp() && !matches!(self.header().state, CLOSE | LISTEN)
    }

    /// Whether the socket has an IPv6 address of its own, neither `::` nor an IPv4-mapped one. Binding to
    /// such an address makes the socket IPv6-only (net/ipv6/af_inet6.c, __inet6_bind()).
    pub fn has_ipv6_address(&self) -> bool {
        let address = Ipv6Addr::from(self.header().local_address);
        self.is_ipv6() && !address.is_unspecified() && address.to_ipv4_mapped().is_none()
    }

    /// Whether the local or the remote address is link-local, and therefore meaningless without an interface.
    pub fn has_link_local_address(&self) -> bool {
        let header = self.header();
        let addresses = [header.local_address, header.remote_address];
        self.is_ipv6() && addresses.map(Ipv6Addr::from).into_iter().any(is_link_local)
    }

    /// The congestion control algorithm, or `None` if there is none.
    pub fn congestion(&self) -> Option<Name> {
        let name = Name::new(&self.record.tcp()?.congestion);
        (!name.is_empty()).then_some(name)
    }

    /// The name of the upper layer protocol (ULP), empty if there is none. `None` if this is not a TCP
    /// socket.
    pub fn ulp(&self) -> Option<Name> {
        Some(Name::new(&self.record.tcp()?.ulp))
    }

    /// The name of the socket filter, empty if there is none.
    pub fn filter_name(&self) -> Option<Name> {
        Some(Name::new(&self.record.socket()?.filter_name))
    }

    /// The name of the program of a reuseport group, empty if there is none.
    pub fn reuseport_name(&self) -> Option<Name> {
        Some(Name::new(&self.record.socket()?.reuseport_name))
    }

    /// The name of the program of a fanout group, empty if there is none.
    pub fn fanout_name(&self) -> Option<Name> {
        Some(Name::new(&self.record.packet()?.fanout_name))
    }

    /// The source address that IPV6_PKTINFO set for outgoing packets, or `::` if it set none.
    pub fn pktinfo_address(&self) -> Option<Ipv6Addr> {
        Some(Ipv6Addr::from(self.record.ipv6()?.pktinfo_address))
    }

    /// The filter of a raw ICMPv6 socket, one bit for each type.
    pub fn icmpv6_filter(&self) -> Option<&'a [u8; 32]> {
        Some(&self.record.raw()?.icmp6_filter)
    }
}
