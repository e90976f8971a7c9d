//! Decides which sockets are shown. This filter is complete. The BPF programs receive the part that they can
//! test early ([`Prefilter`]), which only saves work.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use wildmatch::WildMatch;

use crate::host::services::Ports;
use crate::kernel::request::{Prefilter, Request};
use crate::query::layout::Layout;
use crate::socket::kind::{Family, SocketKind, Version};
use crate::socket::owner::Holder;
use crate::socket::state::{self, State, States};
use crate::socket::{Endpoint, Socket};
use crate::text::{escaped, unescaped, EMPTY};

/// Alternatives, one of which must match. An empty list matches everything.
pub type AnyOf<T> = Vec<T>;

/// The whole filter. A socket is shown if all parts match.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The selected kinds, in the order of [`SocketKind::ALL`].
    pub kinds: [bool; SocketKind::ALL.len()],
    /// Whether sockets that are in no table of the kernel are included.
    pub unbound: bool,
    pub states: States,
    /// Whether only listening sockets are included. For connectionless families: unconnected sockets.
    pub listening: bool,
    pub local_ports: AnyOf<Ports>,
    pub remote_ports: AnyOf<Ports>,
    pub either_ports: AnyOf<Ports>,
    pub local_networks: AnyOf<IpNet>,
    pub remote_networks: AnyOf<IpNet>,
    pub either_networks: AnyOf<IpNet>,
    /// The index of the bound interface. Each network namespace has its own indexes.
    pub interfaces: AnyOf<u32>,
    /// The UID of the socket.
    pub users: AnyOf<u32>,
    /// The PID of a process that holds the socket.
    pub pids: AnyOf<u32>,
    /// The command of a process that holds the socket, as a pattern of [`command_pattern`].
    pub commands: AnyOf<WildMatch>,
}

impl Default for Filter {
    /// A filter that matches every socket.
    fn default() -> Filter {
        Filter {
            kinds: [true; SocketKind::ALL.len()],
            unbound: false,
            states: States::ALL,
            listening: false,
            local_ports: Vec::new(),
            remote_ports: Vec::new(),
            either_ports: Vec::new(),
            local_networks: Vec::new(),
            remote_networks: Vec::new(),
            either_networks: Vec::new(),
            interfaces: Vec::new(),
            users: Vec::new(),
            pids: Vec::new(),
            commands: Vec::new(),
        }
    }
}

impl Filter {
    /// Whether sockets of this kind can be shown.
    pub fn wants(&self, kind: SocketKind) -> bool {
        self.kinds[kind.index()]
    }

    /// Excludes UDP-Lite.
    pub fn omit_udp_lite(&mut self) {
        for kind in SocketKind::ALL.into_iter().filter(|kind| kind.is_udp_lite()) {
            self.kinds[kind.index()] = false;
        }
    }

    /// Whether sockets of this family can be shown.
    pub fn wants_family(&self, family: Family) -> bool {
        SocketKind::ALL.iter().any(|kind| kind.family() == family && self.wants(*kind))
    }

    /// The sections of the table that can contain sockets, in order.
    pub fn layouts(&self) -> Vec<Layout> {
        let families = Family::ALL.into_iter().filter(|family| self.wants_family(*family));
        let mut layouts: Vec<Layout> = families.map(Family::layout).collect();
        layouts.dedup();
        layouts
    }

    /// Whether the socket is shown, before its holders are tested.
    pub fn matches(&self, socket: &Socket) -> bool {
        self.wants(socket.kind)
            && (self.unbound || !socket.is_unbound())
            && self.states.contains(socket.state)
            && (!self.listening || listens(socket))
            && (!self.asks_for_ports() || socket.ports().is_some_and(|ports| self.has_ports(ports)))
            && (!self.asks_for_networks() || socket.ends().is_some_and(|ends| self.has_ends(ends)))
            && any(&self.interfaces, |index| *index == socket.ifindex)
            && any(&self.users, |uid| socket.uid == Some(*uid))
    }

    fn asks_for_ports(&self) -> bool {
        !(self.local_ports.is_empty()
            && self.remote_ports.is_empty()
            && self.either_ports.is_empty())
    }

    fn has_ports(&self, (local, remote): (u32, u32)) -> bool {
        let contains =
            |ports: &Ports, port| u16::try_from(port).is_ok_and(|port| ports.contains(&port));
        any(&self.local_ports, |ports| contains(ports, local))
            && any(&self.remote_ports, |ports| contains(ports, remote))
            && any(&self.either_ports, |ports| contains(ports, local) || contains(ports, remote))
    }

    fn asks_for_networks(&self) -> bool {
        !(self.local_networks.is_empty()
            && self.remote_networks.is_empty()
            && self.either_networks.is_empty())
    }

    fn has_ends(&self, (local, remote): (Endpoint, Endpoint)) -> bool {
        any(&self.local_networks, |network| within(network, local))
            && any(&self.remote_networks, |network| within(network, remote))
            && any(&self.either_networks, |network| {
                within(network, local) || within(network, remote)
            })
    }

    /// Whether the filter depends on the holders of sockets.
    pub fn needs_owners(&self) -> bool {
        !self.pids.is_empty() || !self.commands.is_empty()
    }

    /// Whether a socket with these holders is shown.
    pub fn matches_holders(&self, holders: &[Holder]) -> bool {
        let command = |holder: &Holder| {
            let command = literal(holder.command.as_bytes());
            any(&self.commands, |pattern| pattern.matches(&command))
        };
        !self.needs_owners()
            || holders
                .iter()
                .any(|holder| any(&self.pids, |pid| *pid == holder.pid) && command(holder))
    }

    /// The request to the BPF programs: the programs of the selected families, and what they can filter
    /// early.
    pub fn request(&self) -> Request {
        let families =
            Family::ALL.into_iter().filter(|family| self.wants_family(*family)).collect();
        Request {
            families,
            unbound: self.unbound,
            udp_lite: SocketKind::ALL.iter().any(|kind| kind.is_udp_lite() && self.wants(*kind)),
            owners: self.needs_owners(),
            tasks: false,
            every_netns: false,
            prefilter: self.prefilter(),
        }
    }

    fn prefilter(&self) -> Prefilter {
        let version = |version| {
            SocketKind::ALL.iter().any(|kind| kind.version() == Some(version) && self.wants(*kind))
        };
        let states = match self.listening {
            true => self.states.intersection(state::LISTENING),
            false => self.states,
        };
        Prefilter {
            ipv4: version(Version::V4),
            ipv6: version(Version::V6),
            tcp_states: states.mask(State::of_tcp),
            udp_states: states.mask(State::of_udp),
            local_ports: self.local_ports.clone(),
            remote_ports: self.remote_ports.clone(),
            either_ports: self.either_ports.clone(),
            local_networks: self.local_networks.clone(),
            remote_networks: self.remote_networks.clone(),
            either_networks: self.either_networks.clone(),
            uids: self.users.clone(),
            ..Prefilter::default()
        }
    }
}

/// Whether the socket is listening. Sockets of connectionless families are included if they are unconnected.
/// A unix socket must be in state LISTEN, as in netstat.
fn listens(socket: &Socket) -> bool {
    socket.state == State::Listen
        || socket.state == State::Unconnected && socket.kind.family() != Family::Unix
}

fn any<T>(alternatives: &[T], test: impl Fn(&T) -> bool) -> bool {
    alternatives.is_empty() || alternatives.iter().any(test)
}

/// Whether the endpoint is in the network. An IPv4 network also contains its IPv4-mapped IPv6 addresses,
/// which an IPv6 socket uses for IPv4.
fn within(network: &IpNet, endpoint: Endpoint) -> bool {
    let mapped = match endpoint.address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    network.contains(&endpoint.address) || mapped.is_some_and(|address| network.contains(&address))
}

/// Compiles a pattern for commands. `*` and `?` are wildcards. The rest is a name, as it is printed or
/// without escapes. An escaped `*` is a literal one.
pub fn command_pattern(typed: &str) -> WildMatch {
    let mut pattern = String::new();
    let typed = if typed == EMPTY { "" } else { typed };
    for part in typed.split_inclusive(WILD) {
        let name = part.trim_end_matches(WILD);
        pattern += &literal(&unescaped(name));
        pattern += &part[name.len()..];
    }
    WildMatch::new(&pattern)
}

const WILD: [char; 2] = ['*', '?'];

/// Converts a name so that a pattern matches it literally. Each byte that is not UTF-8, and each `*` and `?`,
/// becomes one of the last private-use characters of Unicode.
fn literal(name: &[u8]) -> String {
    let private = |byte: u8| char::from_u32(0x10_ff00 + u32::from(byte)).unwrap_or_default();
    let plain = |c: char| if WILD.contains(&c) { private(c as u8) } else { c };
    let chunks = name.utf8_chunks();
    chunks
        .flat_map(|it| {
            it.valid().chars().map(plain).chain(it.invalid().iter().copied().map(private))
        })
        .collect()
}

/// Parses an address, or a network in the form `address/length`.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(mapped_as_ipv4(IpNet::from(address)));
    }
    if let Ok(network) = text.parse::<IpNet>() {
        return Ok(mapped_as_ipv4(network));
    }
    Err(match text.contains('%') {
        true => "scoped addresses are not accepted here (use --interface for the scope)".into(),
        false => format!(
            "invalid address '{}' (expected an address or network: 192.0.2.1, 10.0.0.0/8, 2001:db8::/32)",
            escaped(text.as_bytes())
        ),
    })
}

/// Converts an IPv4-mapped network: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn mapped_as_ipv4(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let length = v6.prefix_len().checked_sub(96);
    let address: Option<std::net::Ipv4Addr> = Ipv6Addr::to_ipv4_mapped(&v6.network());
    match (address, length) {
        (Some(address), Some(length)) => {
            ipnet::Ipv4Net::new(address, length).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let endpoint = |address: &str| Endpoint { address: address.parse().unwrap(), port: 1 };
        let network = parse_network("10.0.0.0/8").unwrap();
        assert!(within(&network, endpoint("10.1.2.3")));
        assert!(within(&network, endpoint("::ffff:10.1.2.3")));
        assert!(!within(&network, endpoint("11.1.2.3")));
        assert!(!within(&network, endpoint("::10.1.2.3")));
        assert_eq!(parse_network("::ffff:10.0.0.0/104"), Ok(network));
        assert!(parse_network("[::1]").is_ok());
        assert!(parse_network("10.0.0.0/33").is_err());
        assert!(parse_network("fe80::1%eth0").unwrap_err().contains("--interface"));
    }
}
