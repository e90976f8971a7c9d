//! How options are read from the facts of a record: the half of getsockopt(2) that comes after the
//! kernel looked into its structures. Each function names the place in the kernel that it follows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::host::Host;
use crate::kernel::skeleton::{ip_options_item, item_kind, membership_item, socket_trait};
use crate::options::layouts;
use crate::options::memberships::{PacketMembership, PacketMemberships};
use crate::options::value::{group_numbers, Field, Filter, List, Membership, Memberships, Value};
use crate::record::fact::{flag, value, Fact};
use crate::record::{Item, Record};
use crate::text::Name;

/// What a socket without a timeout has: MAX_SCHEDULE_TIMEOUT, include/linux/sched.h.
pub const NO_TIMEOUT: u64 = i64::MAX as u64;

/// TLS_MAX_PAYLOAD_SIZE, include/net/tls.h: what a record holds unless told otherwise.
pub const TLS_MAX_PAYLOAD: u64 = 1 << 14;

/// TCP_CLOSE and TCP_LISTEN, include/net/tcp_states.h.
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

/// The facts of one socket, and what must be known of the host to read them.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub record: &'a Record<'a>,
    pub host: &'a Host,
}

impl Facts<'_> {
    /// A fact; `None` when the kernel or this socket does not have it.
    pub fn get(&self, fact: Fact) -> Option<u64> {
        fact.of(self.record)
    }

    fn is(&self, fact: Fact) -> Option<bool> {
        Some(self.get(fact)? != 0)
    }

    /// Whether this is a TCP socket that is, was or will be connected: one that has passed the point
    /// where the kernel fills in what it learned from the peer.
    pub fn is_tcp_connection(&self) -> bool {
        self.record.tcp.is_some() && !matches!(self.record.header.state, CLOSE | LISTEN)
    }

    /// Whether this socket has an IPv6 address of its own, neither `::` nor a v4-mapped one: by
    /// binding it to that the kernel made it IPv6 only (net/ipv6/af_inet6.c, __inet6_bind()).
    pub fn has_ipv6_address(&self) -> bool {
        let address = Ipv6Addr::from(self.record.header.local_address);
        self.is_ipv6() && !address.is_unspecified() && address.to_ipv4_mapped().is_none()
    }

    /// Whether this socket is a subflow of MPTCP, or was accepted by a listener of MPTCP from a peer
    /// that does not speak it: there SO_RCVLOWAT is 0, which setsockopt(2) makes 1
    /// (net/mptcp/sockopt.c, mptcp_sockopt_sync_locked()).
    pub fn came_from_mptcp(&self) -> bool {
        self.get(value!(SOCKET SO_RCVLOWAT)) == Some(0)
    }

    /// Whether TCP_NOTSENT_LOWAT is what MPTCP wrote into the subflow that answers
    /// (net/mptcp/sockopt.c, mptcp_sockopt_sync_locked()).
    pub fn answers_by_subflow(&self) -> bool {
        self.came_from_mptcp() || self.has_trait(socket_trait::TRAIT_FALLBACK)
    }

    /// Whether TCP_WINDOW_CLAMP is what newer kernels make it when SO_RCVBUF is set
    /// (net/ipv4/tcp.c, tcp_set_rcvbuf(); include/net/tcp.h, tcp_win_from_space()).
    pub fn clamp_follows_buffer(&self) -> bool {
        const RCVBUF_LOCK: u64 = 2;
        let get = |fact| self.get(fact).unwrap_or_default();
        let buffer = get(value!(SOCKET SO_RCVBUF)) & u64::from(u32::MAX);
        let window = (buffer * get(value!(TCP TCP_WINDOW_CLAMP__scaling))) >> 8;
        get(value!(SOCKET SO_BUF_LOCK)) & RCVBUF_LOCK != 0
            && window == get(value!(TCP TCP_WINDOW_CLAMP))
    }

    /// Whether this connection may have IP_TOS or IPV6_TCLASS from its peer
    /// (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock()).
    pub fn reflects_tos(&self) -> bool {
        self.is_tcp_connection() && self.is(value!(TCP IP_TOS__reflected)) == Some(true)
    }

    /// Whether this connection may have SO_MARK from the packets of its peer
    /// (include/net/inet_sock.h, inet_request_mark()).
    pub fn takes_mark(&self) -> bool {
        self.is_tcp_connection() && self.is(value!(TCP SO_MARK__accepted)) == Some(true)
    }

    /// Whether this is an MPTCP socket that answers as one: after a fallback it answers as its one TCP
    /// socket.
    fn is_mptcp(&self) -> bool {
        const MPTCP: u16 = 262;
        self.record.header.protocol == MPTCP && self.is(flag!(TCP TCP_IS_MPTCP)) == Some(true)
    }

    /// Whether this is a subflow of an MPTCP socket.
    fn is_subflow(&self) -> bool {
        self.has_trait(socket_trait::TRAIT_SUBFLOW)
    }

    fn has_trait(&self, wanted: socket_trait) -> bool {
        u32::from(self.record.header.traits) & wanted.0 != 0
    }

    /// Whether this IPv4 socket was made as one of IPv6: net/ipv6/ipv6_sockglue.c, IPV6_ADDRFORM
    pub fn was_ipv6(&self) -> bool {
        !self.is_ipv6() && self.is(flag!(IP IP_MULTICAST_ALL__was_ipv6)) == Some(true)
    }

    /// Whether getsockopt(2) tells of an SCTP socket's only association: net/sctp/socket.c, sctp_id2assoc()
    pub fn is_associated(&self) -> bool {
        self.is(flag!(SCTP SCTP_STATUS__association)) == Some(true)
    }

    /// Whether this is an SCTP socket.
    pub fn is_sctp(&self) -> bool {
        self.record.sctp.is_some()
    }

    /// Whether it was made for IPv6, or was accepted by such a one. MPTCP sockets of IPv4 answer for
    /// some options of IPv6 too.
    fn is_ipv6(&self) -> bool {
        const INET6: u16 = 10;
        self.record.header.family == INET6
    }
}

fn boolean(on: bool) -> Value {
    Value::Number(on.into())
}

fn int(raw: u64) -> Value {
    Value::Number((raw as i32).into())
}

/// net/core/sock.c, SO_LINGER
pub fn linger(facts: &Facts) -> Option<Value> {
    let seconds = facts.get(value!(SOCKET SO_LINGER__jiffies))? / facts.host.hz;
    Some(Value::Linger { on: facts.is(flag!(SOCKET SO_LINGER))?, seconds: seconds as i32 })
}

/// net/core/sock.c, SO_BUF_LOCK
pub fn buffer_locks(facts: &Facts) -> Option<Value> {
    Some(Value::Number((facts.get(value!(SOCKET SO_BUF_LOCK))? & 3).into()))
}

/// net/core/sock.c, SO_PROTOCOL. Each address family counts its protocols from 0 on: the words are
/// those of the Internet.
pub fn protocol(facts: &Facts) -> Option<Value> {
    let number = facts.get(value!(SOCKET SO_PROTOCOL))? as u32;
    Some(match crate::socket::is_inet(facts.record.header.family) {
        true => Value::Number(number.into()),
        false => Value::Wordless(number),
    })
}

/// net/core/sock.c, sock_get_timeout()
pub fn timeout(facts: &Facts, fact: Fact) -> Option<Value> {
    let hz = facts.host.hz;
    Some(match facts.get(fact)? {
        NO_TIMEOUT => Value::Timeval { seconds: 0, microseconds: 0 },
        jiffies => Value::Timeval {
            seconds: (jiffies / hz) as i64,
            microseconds: (jiffies % hz * 1_000_000 / hz) as i64,
        },
    })
}

/// net/core/sock.c, sock_getbindtodevice(). None too where the interface is gone.
pub fn bound_device(facts: &Facts) -> Option<Value> {
    match facts.get(value!(SOCKET SO_BINDTOIFINDEX))? {
        0 => Some(Value::Name(Name::default())),
        index => facts.host.interface(index as u32).map(Value::Name),
    }
}

/// Whether a program chose the device. With a link-local address the kernel does: by the scope that
/// was bound or connected to (net/ipv6/af_inet6.c, __inet6_bind()), or by where the connection came
/// in (net/ipv6/tcp_ipv6.c, tcp_v6_init_req()).
pub fn device_set(facts: &Facts) -> bool {
    let header = facts.record.header;
    let link_local = |address: &[u8; 16]| {
        facts.is_ipv6() && crate::socket::is_link_local(Ipv6Addr::from(*address))
    };
    header.ifindex != 0 && !link_local(&header.local_address) && !link_local(&header.remote_address)
}

/// net/core/sock.c, SO_INCOMING_NAPI_ID: up to the number of CPUs the field holds a CPU instead.
pub fn napi_id(facts: &Facts) -> Option<Value> {
    let id = facts.get(value!(SOCKET SO_INCOMING_NAPI_ID))?;
    Some(Value::Number(if id <= facts.host.cpus { 0 } else { id.into() }))
}

/// net/core/sock.c, SO_TIMESTAMP_OLD
pub fn timestamp(facts: &Facts) -> Option<Value> {
    let (any, ns, new) = timestamps(facts)?;
    Some(boolean(any && !ns && !new))
}

/// net/core/sock.c, SO_TIMESTAMPNS_OLD
pub fn timestampns(facts: &Facts) -> Option<Value> {
    let (_, ns, new) = timestamps(facts)?;
    Some(boolean(ns && !new))
}

/// net/core/sock.c, SO_TIMESTAMP_NEW
pub fn timestamp_new(facts: &Facts) -> Option<Value> {
    let (any, _, new) = timestamps(facts)?;
    Some(boolean(any && new))
}

/// net/core/sock.c, SO_TIMESTAMPNS_NEW
pub fn timestampns_new(facts: &Facts) -> Option<Value> {
    let (_, ns, new) = timestamps(facts)?;
    Some(boolean(ns && new))
}

fn timestamps(facts: &Facts) -> Option<(bool, bool, bool)> {
    Some((
        facts.is(flag!(SOCKET SO_TIMESTAMP__any))?,
        facts.is(flag!(SOCKET SO_TIMESTAMP__ns))?,
        facts.is(flag!(SOCKET SO_TIMESTAMP__new))?,
    ))
}

/// net/core/sock.c, SO_TIMESTAMPING_OLD; before 5.14 there is no clock to bind to.
pub fn timestamping(facts: &Facts) -> Option<Value> {
    let bind_phc = facts.get(value!(SOCKET SO_TIMESTAMPING__bind_phc)).unwrap_or_default();
    Some(Value::Timestamping {
        flags: facts.get(value!(SOCKET SO_TIMESTAMPING))? as u32,
        bind_phc: bind_phc as i32,
    })
}

/// net/core/sock.c, SO_TXTIME. The clock was a signed byte once; no clock has such a number.
pub fn txtime(facts: &Facts) -> Option<Value> {
    let deadline_mode = facts.get(value!(SOCKET SO_TXTIME__deadline_mode))?;
    let report_errors = facts.get(value!(SOCKET SO_TXTIME__report_errors))?;
    Some(Value::Txtime {
        clockid: facts.get(value!(SOCKET SO_TXTIME__clockid))? as i32,
        flags: (deadline_mode | report_errors << 1) as u32,
        on: facts.is(flag!(SOCKET SO_TXTIME))?,
    })
}

/// net/core/filter.c, sk_get_filter()
pub fn filter(facts: &Facts) -> Option<Value> {
    program(
        facts,
        [
            value!(SOCKET SO_GET_FILTER),
            value!(SOCKET SO_GET_FILTER__classic),
            value!(SOCKET SO_GET_FILTER__insns),
            value!(SOCKET SO_GET_FILTER__id),
        ],
    )
}

/// net/core/sock_reuseport.c, reuseport_attach_prog()
pub fn reuseport_program(facts: &Facts) -> Option<Value> {
    program(
        facts,
        [
            value!(SOCKET SO_ATTACH_REUSEPORT_CBPF),
            value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__classic),
            value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__insns),
            value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__id),
        ],
    )
}

/// A program that came as classic BPF keeps what it came from; one that came as eBPF has an id.
fn program(facts: &Facts, [there, classic, instructions, id]: [Fact; 4]) -> Option<Value> {
    Some(Value::Filter(if !facts.is(there)? {
        Filter::None
    } else if facts.is(classic)? {
        Filter::Classic(facts.get(instructions)? as u32)
    } else {
        Filter::Ebpf(facts.get(id)? as u32)
    }))
}

/// net/core/sock.c, SO_ACCEPTCONN
pub fn accepts_connections(facts: &Facts) -> Option<Value> {
    Some(boolean(facts.get(value!(SOCKET SO_ACCEPTCONN))? == u64::from(LISTEN)))
}

/// net/core/sock.c, SO_ERROR
pub fn pending_error(facts: &Facts) -> Option<Value> {
    Some(int(match facts.get(value!(SOCKET SO_ERROR))? {
        0 => facts.get(value!(SOCKET SO_ERROR__soft))?,
        error => error,
    }))
}

/// net/core/sock_diag.c, sock_gen_cookie()
pub fn cookie(facts: &Facts) -> Option<Value> {
    facts.record.socket?;
    match facts.record.header.cookie {
        0 => None,
        cookie => Some(Value::Number(cookie.into())),
    }
}

/// A number, and where it is 0 the system's.
pub fn number_or(facts: &Facts, own: Fact, system: Fact) -> Option<Value> {
    match facts.get(own)? {
        0 => facts.get(system).map(int),
        number => Some(int(number)),
    }
}

/// The same in jiffies, as seconds: include/net/tcp.h, keepalive_time_when(). MPTCP keeps its own in
/// seconds: net/mptcp/sockopt.c, mptcp_getsockopt_sol_tcp()
pub fn jiffies_or(facts: &Facts, own: Fact, system: Fact) -> Option<Value> {
    if facts.is_mptcp() && facts.is(own)? {
        return facts.get(own).map(int);
    }
    let jiffies = match facts.get(own)? {
        0 => facts.get(system)?,
        jiffies => jiffies,
    };
    Some(int(u64::from(jiffies as u32) / facts.host.hz))
}

/// A number, and where it is negative the system's: net/ipv4/ip_sockglue.c, IP_TTL
pub fn unless_negative(facts: &Facts, own: Fact, system: Fact) -> Option<Value> {
    match facts.get(own)? as i64 {
        number if number < 0 => facts.get(system).map(int),
        number => Some(Value::Number(number.into())),
    }
}

/// Jiffies in so many parts of a second, rounded up where they do not come out even:
/// kernel/time/time.c, jiffies_to_msecs() and jiffies_to_usecs()
pub fn jiffies_as(facts: &Facts, fact: Fact, parts: u64) -> Option<Value> {
    let jiffies = u64::from(facts.get(fact)? as u32);
    Some(int((jiffies * parts).div_ceil(facts.host.hz)))
}

/// net/ipv4/tcp.c, TCP_LINGER2
pub fn linger2(facts: &Facts) -> Option<Value> {
    let hz = facts.host.hz as i64;
    Some(Value::Number(
        match facts.get(value!(TCP TCP_LINGER2))? as i32 {
            0 => facts.get(value!(TCP TCP_LINGER2__sysctl))? as i64 / hz,
            jiffies if jiffies < 0 => jiffies.into(),
            jiffies => i64::from(jiffies) / hz,
        }
        .into(),
    ))
}

/// net/ipv4/tcp.c, retrans_to_secs(): the kernel keeps a number of retransmissions, of which the
/// first comes after a second, each next one twice as late, and none later than after two minutes.
pub fn defer_accept(facts: &Facts) -> Option<Value> {
    let retransmissions = facts.get(value!(TCP TCP_DEFER_ACCEPT))? as u8;
    let seconds = (0..retransmissions).map(|n| if n < 7 { 1 << n } else { 120 }).sum();
    Some(int(seconds))
}

/// net/ipv4/tcp_fastopen.c, tcp_fastopen_init_key_once() and its neighbours: with these two bits of
/// net.ipv4.tcp_fastopen (TFO_SERVER_ENABLE, TFO_SERVER_WO_SOCKOPT1) listen(2) sets the queue.
pub fn fastopen_set(facts: &Facts) -> bool {
    const BY_SYSTEM: u64 = 0x402;
    let system = facts.get(value!(TCP TCP_FASTOPEN__sysctl)).unwrap_or_default();
    let length = facts.get(value!(TCP TCP_FASTOPEN)).unwrap_or_default();
    // It sets it to the backlog, once; a later listen(2) with another backlog cannot be told from a
    // program's own choice.
    let by_system =
        system & BY_SYSTEM == BY_SYSTEM && length == u64::from(facts.record.header.send_queue);
    length != 0 && !by_system
}

/// net/ipv4/tcp.c, TCP_CONGESTION
pub fn congestion(facts: &Facts) -> Option<Value> {
    let name = Name::new(&facts.record.tcp?.congestion);
    (!name.is_empty()).then_some(Value::Name(name))
}

/// Whether a program chose TCP_CONGESTION. When a program sets any option of an MPTCP socket, the
/// kernel sets this one of its subflows (net/mptcp/sockopt.c, sync_socket_options()).
pub fn congestion_set(facts: &Facts) -> bool {
    facts.is(flag!(TCP TCP_CONGESTION__set)) == Some(true) && !facts.is_subflow()
}

/// net/ipv4/tcp.c, TCP_ULP. An MPTCP socket that has no subflow to ask does not answer.
pub fn ulp(facts: &Facts) -> Option<Value> {
    let name = Name::new(&facts.record.tcp?.ulp);
    (!name.is_empty() || !facts.is_mptcp()).then_some(Value::Name(name))
}

/// Whether a program chose TCP_ULP: that of MPTCP only the kernel can
/// (net/mptcp/subflow.c, subflow_ulp_init()).
pub fn ulp_set(facts: &Facts) -> bool {
    let name = facts.record.tcp.map(|tcp| Name::new(&tcp.ulp)).unwrap_or_default();
    !name.is_empty() && name.as_bytes() != b"mptcp"
}

/// net/tls/tls_main.c, do_tls_getsockopt_conf(), of what is sent.
pub fn tls_tx(facts: &Facts) -> Option<Value> {
    tls(facts, [value!(TLS TLS_TX), value!(TLS TLS_TX__version), value!(TLS TLS_TX__mode)])
}

/// The same of what arrives.
pub fn tls_rx(facts: &Facts) -> Option<Value> {
    tls(facts, [value!(TLS TLS_RX), value!(TLS TLS_RX__version), value!(TLS TLS_RX__mode)])
}

/// None as long as there are no keys for this direction.
fn tls(facts: &Facts, [cipher, version, mode]: [Fact; 3]) -> Option<Value> {
    facts.is(cipher)?.then_some(Value::Tls {
        version: facts.get(version)? as u16,
        cipher: facts.get(cipher)? as u16,
        mode: facts.get(mode)? as u8,
    })
}

/// net/tls/tls_main.c, do_tls_getsockopt_no_pad(): only of TLS 1.3, and of what is decrypted here.
pub fn tls_no_pad(facts: &Facts) -> Option<Value> {
    const TLS_1_3: u64 = 0x304;
    let mode = facts.get(value!(TLS TLS_RX__mode))?;
    let answers = facts.get(value!(TLS TLS_RX_EXPECT_NO_PAD__version))? == TLS_1_3;
    (answers && matches!(mode, 1 | 2))
        .then(|| facts.is(flag!(TLS TLS_RX_EXPECT_NO_PAD)).map(boolean))?
}

/// net/ipv4/tcp.c, TCP_MAXSEG
pub fn maxseg(facts: &Facts) -> Option<Value> {
    let user = facts.get(value!(TCP TCP_MAXSEG__user))?;
    if facts.is(flag!(TCP TCP_REPAIR))? {
        return facts.get(value!(TCP TCP_MAXSEG__clamp)).map(int);
    }
    match user {
        user if user != 0 && !facts.is_tcp_connection() => Some(int(user)),
        _ => facts.get(value!(TCP TCP_MAXSEG)).map(int),
    }
}

/// include/net/inet_connection_sock.h, inet_csk_in_pingpong_mode(); before 6.7 the threshold is 1.
pub fn quickack(facts: &Facts) -> Option<Value> {
    let threshold = facts.get(value!(TCP TCP_QUICKACK__sysctl)).unwrap_or(1);
    Some(boolean(facts.get(value!(TCP TCP_QUICKACK))? < threshold))
}

/// net/ipv4/ip_sockglue.c, IP_LOCAL_PORT_RANGE
pub fn port_range(facts: &Facts) -> Option<Value> {
    let range = facts.get(value!(IP IP_LOCAL_PORT_RANGE))?;
    Some(Value::PortRange { low: range as u16, high: (range >> 16) as u16 })
}

/// net/ipv4/ip_sockglue.c, IP_MULTICAST_IF
pub fn multicast_if(facts: &Facts) -> Option<Value> {
    let address = facts.get(value!(IP IP_MULTICAST_IF))? as u32;
    Some(Value::Address(Ipv4Addr::from(address.to_ne_bytes())))
}

/// Whether IP_MULTICAST_IF was given an address, or an index, which an accepted TCP connection has
/// from the kernel (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock()).
pub fn multicast_if_set(facts: &Facts) -> bool {
    let is = |fact| facts.is(fact).unwrap_or_default();
    is(value!(IP IP_MULTICAST_IF))
        || is(value!(IP IP_MULTICAST_IF__ifindex)) && !facts.is_tcp_connection()
}

/// include/net/sock.h, sk_policy: the first is for what comes in, the second for what goes out.
pub fn ip_policy(facts: &Facts) -> Option<Value> {
    let inwards = facts.get(value!(IP IP_IPSEC_POLICY__in))?;
    let outwards = facts.get(value!(IP IP_IPSEC_POLICY__out))?;
    Some(Value::Number((inwards | outwards << 1).into()))
}

/// The same, of an IPv6 socket.
pub fn ipv6_policy(facts: &Facts) -> Option<Value> {
    facts.is_ipv6().then(|| ip_policy(facts))?
}

/// net/ipv6/ipv6_sockglue.c, IPV6_UNICAST_HOPS: its own, else that of the route, else the system's.
pub fn unicast_hops(facts: &Facts) -> Option<Value> {
    [
        value!(IPV6 IPV6_UNICAST_HOPS),
        value!(IPV6 IPV6_UNICAST_HOPS__route),
        value!(IPV6 IPV6_UNICAST_HOPS__sysctl),
    ]
    .into_iter()
    // Without the first there is no telling whether the next is asked for.
    .map_while(|fact| facts.get(fact))
    .map(|hops| hops as i32)
    .find(|&hops| hops >= 0)
    .map(|hops| Value::Number(hops.into()))
}

/// net/ipv6/ip6_output.c, ip6_autoflowlabel(): 1 and 3 of the sysctl mean on unless told otherwise.
pub fn auto_flow_label(facts: &Facts) -> Option<Value> {
    let on = match facts.is(flag!(IPV6 IPV6_AUTOFLOWLABEL__set))? {
        true => facts.is(flag!(IPV6 IPV6_AUTOFLOWLABEL))?,
        false => matches!(facts.get(value!(IPV6 IPV6_AUTOFLOWLABEL__sysctl))?, 1 | 3),
    };
    Some(boolean(on))
}

/// net/ipv6/ipv6_sockglue.c, IPV6_ADDR_PREFERENCES: where nothing was said, there are words for that.
pub fn address_preferences(facts: &Facts) -> Option<Value> {
    let preferences = facts.get(value!(IPV6 IPV6_ADDR_PREFERENCES))?;
    let temporary = match preferences & 3 {
        0 => 0x100,
        2 => 2,
        _ => 1,
    };
    let home = if preferences & 4 != 0 { 4 } else { 0x400 };
    Some(Value::Number(temporary | home))
}

/// net/ipv6/ipv6_sockglue.c, IPV6_PKTINFO
pub fn pktinfo(facts: &Facts) -> Option<Value> {
    let section = facts.record.ipv6.filter(|_| facts.is_ipv6())?;
    Some(Value::Pktinfo {
        address: Ipv6Addr::from(section.pktinfo_address),
        ifindex: facts.get(value!(IPV6 IPV6_PKTINFO__ifindex))? as u32,
    })
}

/// IPV6_HOPOPTS
pub fn hop_by_hop_options(facts: &Facts) -> Option<Value> {
    extension(facts, item_kind::ITEM_IPV6_HOPOPTS)
}

/// IPV6_RTHDRDSTOPTS
pub fn destination_options_of_route(facts: &Facts) -> Option<Value> {
    extension(facts, item_kind::ITEM_IPV6_RTHDRDSTOPTS)
}

/// IPV6_RTHDR
pub fn routing_header(facts: &Facts) -> Option<Value> {
    extension(facts, item_kind::ITEM_IPV6_RTHDR)
}

/// IPV6_DSTOPTS
pub fn destination_options(facts: &Facts) -> Option<Value> {
    extension(facts, item_kind::ITEM_IPV6_DSTOPTS)
}

/// net/ipv6/ipv6_sockglue.c, ipv6_getsockopt_sticky()
fn extension(facts: &Facts, wanted: item_kind) -> Option<Value> {
    let bytes = facts.record.items().find_map(|item| match item {
        Item::Extension(kind, bytes) if kind == wanted => Some(bytes.to_vec()),
        _ => None,
    });
    facts.is_ipv6().then(|| Value::Blob(bytes.unwrap_or_default()))
}

/// net/ipv4/ip_sockglue.c, IP_OPTIONS
pub fn ip_options(facts: &Facts) -> Option<Value> {
    let options = facts.record.items().find_map(|item| match item {
        Item::IpOptions(options) => Some(undo_ip_options(options)),
        _ => None,
    });
    facts.record.ip.map(|_| Value::Blob(options.unwrap_or_default()))
}

/// The options as they were given: the kernel has taken the destination out of a source route, and
/// reserved room where it will write addresses and times. net/ipv4/ip_options.c, ip_options_undo()
fn undo_ip_options(item: &ip_options_item) -> Vec<u8> {
    const IP_HEADER: usize = 20;
    const PRESPECIFIED: u8 = 3; // IPOPT_TS_PRESPEC
    let mut data = item.data;
    let place = |at: u8| usize::from(at).checked_sub(IP_HEADER);

    if let Some(at) = place(item.srr).filter(|_| item.srr != 0) {
        let end = at + usize::from(data.get(at + 1).copied().unwrap_or_default());
        if end >= at + 7 && end <= data.len() {
            data.copy_within(at + 3..end - 4, at + 7);
            data[at + 3..at + 7].copy_from_slice(&item.faddr.to_ne_bytes());
        }
    }
    if item.rr_needaddr != 0 {
        if let Some(at) = place(item.rr) {
            take_back(&mut data, at);
        }
    }
    if let Some(at) = place(item.ts).filter(|_| item.ts != 0) {
        if item.ts_needtime != 0 {
            take_back(&mut data, at);
            if data.get(at + 3).is_some_and(|flags| flags & 0xf == PRESPECIFIED) {
                data[at + 2] = data[at + 2].wrapping_sub(4);
            }
        }
        if item.ts_needaddr != 0 {
            take_back(&mut data, at);
        }
    }
    data[..usize::from(item.optlen).min(data.len())].to_vec()
}

/// Moves the pointer of the option at `at` back over the four bytes that were reserved last.
fn take_back(data: &mut [u8], at: usize) {
    let Some(pointer) = data.get(at + 2).map(|pointer| pointer.wrapping_sub(4)) else {
        return;
    };
    data[at + 2] = pointer;
    let from = at + usize::from(pointer).saturating_sub(1);
    if let Some(reserved) = data.get_mut(from..from + 4) {
        reserved.fill(0);
    }
}

/// net/netlink/af_netlink.c, NETLINK_LIST_MEMBERSHIPS
pub fn netlink_groups(facts: &Facts) -> Option<Value> {
    facts.get(value!(NETLINK NETLINK_LIST_MEMBERSHIPS))?;
    let (mut numbers, mut cut) = (Vec::new(), false);
    for item in facts.record.items() {
        match item {
            Item::Groups(bytes) => {
                let words = bytes.chunks_exact(8).filter_map(|word| word.try_into().ok());
                numbers = group_numbers(words.map(u64::from_ne_bytes), 64);
            }
            Item::Cut => cut = true,
            _ => {}
        }
    }
    Some(Value::Groups { numbers, cut })
}

/// net/core/sock.c, cred_to_ucred(): without a peer there is no process, and nobody.
pub fn peer_credentials(facts: &Facts) -> Option<Value> {
    let known = facts.is(flag!(UNIX SO_PEERCRED__known))?;
    let id = |fact| -> Option<i64> {
        let id = facts.get(fact)?;
        Some(if known { id as u32 } else { u32::MAX }.into())
    };
    Some(Value::Struct(vec![
        ("pid", facts.get(value!(UNIX SO_PEERCRED__pid))? as i64),
        ("uid", id(value!(UNIX SO_PEERCRED__uid))?),
        ("gid", id(value!(UNIX SO_PEERCRED__gid))?),
    ]))
}

/// The members of a structure, of which each is a fact.
fn members<const N: usize>(facts: &Facts, members: [(&'static str, Fact); N]) -> Option<Value> {
    let member = |(name, fact)| Some((name, i64::from(facts.get(fact)? as u32)));
    members.into_iter().map(member).collect::<Option<Vec<_>>>().map(Value::Struct)
}

/// Milliseconds of SCTP: of an association the kernel keeps jiffies, of a socket what was set.
fn sctp_time(facts: &Facts, fact: Fact) -> Option<i64> {
    let time = match facts.is_associated() {
        true => facts.get(fact)?.wrapping_mul(1_000) / facts.host.hz,
        false => facts.get(fact)?,
    };
    Some((time as u32).into())
}

/// net/sctp/socket.c, sctp_getsockopt_initmsg()
pub fn sctp_initmsg(facts: &Facts) -> Option<Value> {
    members(
        facts,
        [
            ("sinit_num_ostreams", value!(SCTP SCTP_INITMSG__ostreams)),
            ("sinit_max_instreams", value!(SCTP SCTP_INITMSG__instreams)),
            ("sinit_max_attempts", value!(SCTP SCTP_INITMSG__attempts)),
            ("sinit_max_init_timeo", value!(SCTP SCTP_INITMSG__timeo)),
        ],
    )
}

/// net/sctp/socket.c, sctp_getsockopt_rtoinfo()
pub fn sctp_rtoinfo(facts: &Facts) -> Option<Value> {
    Some(Value::Struct(vec![
        ("srto_initial", sctp_time(facts, value!(SCTP SCTP_RTOINFO__initial))?),
        ("srto_max", sctp_time(facts, value!(SCTP SCTP_RTOINFO__max))?),
        ("srto_min", sctp_time(facts, value!(SCTP SCTP_RTOINFO__min))?),
    ]))
}

/// net/sctp/socket.c, sctp_getsockopt_associnfo(); an association's cookie lives for nanoseconds.
pub fn sctp_associnfo(facts: &Facts) -> Option<Value> {
    let number = |fact| facts.get(fact).map(i64::try_from)?.ok();
    let life = number(value!(SCTP SCTP_ASSOCINFO__cookie_life))?;
    let life = if facts.is_associated() { life / 1_000_000 } else { life };
    Some(Value::Struct(vec![
        ("sasoc_asocmaxrxt", number(value!(SCTP SCTP_ASSOCINFO__asocmaxrxt))? & 0xffff),
        ("sasoc_number_peer_destinations", number(value!(SCTP SCTP_ASSOCINFO__destinations))?),
        ("sasoc_peer_rwnd", number(value!(SCTP SCTP_ASSOCINFO__peer_rwnd))?),
        ("sasoc_local_rwnd", number(value!(SCTP SCTP_ASSOCINFO__local_rwnd))?),
        ("sasoc_cookie_life", (life as u32).into()),
    ]))
}

/// net/sctp/socket.c, sctp_getsockopt_peer_addr_params(). A bit above the number says that it was
/// set: SCTP_FLOWLABEL_SET_MASK and SCTP_DSCP_SET_MASK of include/linux/sctp.h.
pub fn sctp_path(facts: &Facts) -> Option<Value> {
    const FLOWLABEL_SET: u64 = 0x0010_0000;
    const FLOWLABEL: u64 = 0x000f_ffff;
    const DSCP_SET: u64 = 0x1;
    const DSCP: u64 = 0xfc;
    let number = |fact| facts.get(fact).map(|number| number & u64::from(u32::MAX));
    let set =
        |fact, bit, mask| Some(number(fact)?).map(|raw| (raw & bit != 0).then_some(raw & mask));
    let flowlabel = set(value!(SCTP SCTP_PEER_ADDR_PARAMS__flowlabel), FLOWLABEL_SET, FLOWLABEL)?;
    let dscp = set(value!(SCTP SCTP_PEER_ADDR_PARAMS__dscp), DSCP_SET, DSCP)?;
    let flags = number(value!(SCTP SCTP_PEER_ADDR_PARAMS__flags))?
        | u64::from(flowlabel.is_some()) << 8
        | u64::from(dscp.is_some()) << 9;
    Some(Value::Struct(vec![
        ("spp_hbinterval", sctp_time(facts, value!(SCTP SCTP_PEER_ADDR_PARAMS__hbinterval))?),
        ("spp_pathmaxrxt", number(value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt))? as i64),
        ("spp_pathmtu", number(value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmtu))? as i64),
        ("spp_sackdelay", sctp_time(facts, value!(SCTP SCTP_PEER_ADDR_PARAMS__sackdelay))?),
        ("spp_flags", flags as i64),
        ("spp_ipv6_flowlabel", flowlabel.unwrap_or_default() as i64),
        ("spp_dscp", dscp.unwrap_or_default() as i64),
    ]))
}

/// net/sctp/socket.c, sctp_getsockopt_paddr_thresholds()
pub fn sctp_thresholds(facts: &Facts) -> Option<Value> {
    members(
        facts,
        [
            ("spt_pathmaxrxt", value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt)),
            ("spt_pathpfthld", value!(SCTP SCTP_PEER_ADDR_THLDS__pf)),
        ],
    )
}

/// The same with the third threshold.
pub fn sctp_thresholds_v2(facts: &Facts) -> Option<Value> {
    members(
        facts,
        [
            ("spt_pathmaxrxt", value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt)),
            ("spt_pathpfthld", value!(SCTP SCTP_PEER_ADDR_THLDS__pf)),
            ("spt_pathcpthld", value!(SCTP SCTP_PEER_ADDR_THLDS_V2__ps)),
        ],
    )
}

/// net/sctp/socket.c, sctp_getsockopt_delayed_ack(): where it is off, each packet is acknowledged.
pub fn sctp_sack(facts: &Facts) -> Option<Value> {
    const ENABLED: u64 = 1 << 5; // SPP_SACKDELAY_ENABLE
    let (delay, packets) = match facts.get(value!(SCTP SCTP_PEER_ADDR_PARAMS__flags))? & ENABLED {
        0 => (0, 1),
        _ => (
            sctp_time(facts, value!(SCTP SCTP_PEER_ADDR_PARAMS__sackdelay))?,
            i64::from(facts.get(value!(SCTP SCTP_DELAYED_SACK__freq))? as u32),
        ),
    };
    Some(Value::Struct(vec![("sack_delay", delay), ("sack_freq", packets)]))
}

/// net/sctp/socket.c, sctp_getsockopt_events(): a bit for each.
pub fn sctp_events(facts: &Facts) -> Option<Value> {
    let events = facts.get(value!(SCTP SCTP_EVENTS))?;
    let event = |(bit, field): (usize, &Field)| (field.name, (events >> bit & 1) as i64);
    Some(Value::Struct(layouts::SCTP_EVENTS.iter().enumerate().map(event).collect()))
}

/// net/sctp/socket.c, sctp_getsockopt_default_send_param()
pub fn sctp_send_param(facts: &Facts) -> Option<Value> {
    members(
        facts,
        [
            ("sinfo_stream", value!(SCTP SCTP_DEFAULT_SEND_PARAM__stream)),
            ("sinfo_flags", value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags)),
            ("sinfo_ppid", value!(SCTP SCTP_DEFAULT_SEND_PARAM__ppid)),
            ("sinfo_context", value!(SCTP SCTP_DEFAULT_SEND_PARAM__context)),
            ("sinfo_timetolive", value!(SCTP SCTP_DEFAULT_SEND_PARAM__timetolive)),
        ],
    )
}

/// net/sctp/socket.c, sctp_getsockopt_default_sndinfo()
pub fn sctp_send_info(facts: &Facts) -> Option<Value> {
    members(
        facts,
        [
            ("snd_sid", value!(SCTP SCTP_DEFAULT_SEND_PARAM__stream)),
            ("snd_flags", value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags)),
            ("snd_ppid", value!(SCTP SCTP_DEFAULT_SEND_PARAM__ppid)),
            ("snd_context", value!(SCTP SCTP_DEFAULT_SEND_PARAM__context)),
        ],
    )
}

/// net/sctp/socket.c, sctp_getsockopt_default_prinfo()
pub fn sctp_policy(facts: &Facts) -> Option<Value> {
    const POLICY: u64 = 0x30; // SCTP_PR_SCTP_MASK
    let flags = facts.get(value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags))?;
    let value = facts.get(value!(SCTP SCTP_DEFAULT_SEND_PARAM__timetolive))? as u32;
    Some(Value::Struct(vec![("pr_value", value.into()), ("pr_policy", (flags & POLICY) as i64)]))
}

/// net/sctp/socket.c, sctp_getsockopt_scheduler(). An association has a table of functions instead,
/// whose place nobody knows from outside: it may be another than that of the socket.
pub fn sctp_scheduler(facts: &Facts) -> Option<Value> {
    let own = facts.get(value!(SCTP SCTP_STREAM_SCHEDULER))?;
    (!facts.is_associated()).then(|| int(own))
}

/// net/sctp/socket.c, sctp_getsockopt_encap_port()
pub fn sctp_encapsulation_port(facts: &Facts) -> Option<Value> {
    let port = facts.get(value!(SCTP SCTP_REMOTE_UDP_ENCAPS_PORT))?;
    Some(Value::Number(u16::from_be(port as u16).into()))
}

/// net/sctp/socket.c, sctp_getsockopt_probe_interval()
pub fn sctp_probe_interval(facts: &Facts) -> Option<Value> {
    let interval = sctp_time(facts, value!(SCTP SCTP_PLPMTUD_PROBE_INTERVAL))?;
    Some(Value::Number(interval.into()))
}

/// net/ipv6/raw.c, do_rawv6_getsockopt()
pub fn checksum_offset(facts: &Facts) -> Option<Value> {
    let offset = facts.get(value!(RAW IPV6_CHECKSUM))?;
    let is_on = facts.is(flag!(RAW IPV6_CHECKSUM__on))?;
    facts.is_ipv6().then(|| if is_on { int(offset) } else { Value::Number(-1) })
}

/// net/ipv6/raw.c, rawv6_geticmpfilter()
pub fn icmpv6_filter(facts: &Facts) -> Option<Value> {
    let raw = facts.record.raw.filter(|_| facts.is_ipv6())?;
    Some(Value::Blob(raw.icmp6_filter.to_vec()))
}

/// The list behind IP_ADD_MEMBERSHIP: net/ipv4/igmp.c. TCP sockets cannot join.
pub fn ip_memberships(facts: &Facts) -> Option<Value> {
    (facts.record.ip.is_some() && facts.record.tcp.is_none()).then(|| memberships(facts, List::Ip))
}

/// The list behind IPV6_JOIN_GROUP: net/ipv6/mcast.c. TCP sockets cannot join.
pub fn ipv6_memberships(facts: &Facts) -> Option<Value> {
    if facts.record.tcp.is_some() {
        return None;
    }
    facts.is_ipv6().then(|| memberships(facts, List::Ipv6))
}

/// The list behind IPV6_JOIN_ANYCAST: net/ipv6/anycast.c
pub fn anycast(facts: &Facts) -> Option<Value> {
    facts.is_ipv6().then(|| memberships(facts, List::Anycast))
}

fn memberships(facts: &Facts, list: List) -> Value {
    let mut memberships = Memberships { members: Vec::new(), cut: false };
    let mut ours = false;
    for item in facts.record.items() {
        match item {
            Item::Membership(kind, entry, sources) => {
                ours = list_of(kind) == Some(list);
                if ours {
                    let member = membership(facts, list, entry, sources);
                    memberships.members.push(member);
                }
            }
            Item::Cut => memberships.cut |= ours,
            _ => ours = false,
        }
    }
    Value::Memberships(memberships)
}

/// The list behind PACKET_ADD_MEMBERSHIP: net/packet/af_packet.c, packet_mc_add()
pub fn packet_memberships(facts: &Facts) -> Option<Value> {
    facts.record.packet?;
    let mut memberships = PacketMemberships { members: Vec::new(), cut: false };
    for item in facts.record.items() {
        match item {
            Item::PacketMembership(entry) => memberships.members.push(PacketMembership {
                ifindex: entry.ifindex,
                interface: facts.host.interface(entry.ifindex).unwrap_or_default(),
                kind: entry.r#type,
                address: entry.address.iter().take(entry.length.into()).copied().collect(),
                count: entry.count,
            }),
            Item::Cut => memberships.cut = true,
            _ => {}
        }
    }
    Some(Value::PacketMemberships(memberships))
}

/// net/packet/af_packet.c, PACKET_FANOUT
pub fn fanout(facts: &Facts) -> Option<Value> {
    let joined = facts.is(flag!(PACKET PACKET_FANOUT__joined))?;
    let number = facts.get(value!(PACKET PACKET_FANOUT))?
        | facts.get(value!(PACKET PACKET_FANOUT__type))? << 16
        | facts.get(value!(PACKET PACKET_FANOUT__flags))? << 24;
    Some(Value::Fanout { number: number as u32, joined })
}

/// net/packet/af_packet.c, PACKET_STATISTICS: what was dropped also counts as a packet.
pub fn packet_statistics(facts: &Facts) -> Option<Value> {
    const V3: u64 = 2;
    let drops = facts.get(value!(PACKET PACKET_STATISTICS__drops))? as u32;
    let packets = (facts.get(value!(PACKET PACKET_STATISTICS))? as u32).wrapping_add(drops);
    let mut members = vec![("tp_packets", packets.into()), ("tp_drops", drops.into())];
    if facts.get(value!(PACKET PACKET_VERSION)) == Some(V3) {
        let freezes = facts.get(value!(PACKET PACKET_STATISTICS__freezes))? as i64;
        members.push(("tp_freeze_q_cnt", freezes));
    }
    Some(Value::Struct(members))
}

/// net/packet/af_packet.c, PACKET_ROLLOVER_STATS: only where the group rolls over.
pub fn rollover_statistics(facts: &Facts) -> Option<Value> {
    let number = |fact| facts.get(fact).map(|number| number as i64);
    facts.is(flag!(PACKET PACKET_ROLLOVER_STATS__kept)).filter(|kept| *kept)?;
    Some(Value::Struct(vec![
        ("tp_all", number(value!(PACKET PACKET_ROLLOVER_STATS))?),
        ("tp_huge", number(value!(PACKET PACKET_ROLLOVER_STATS__huge))?),
        ("tp_failed", number(value!(PACKET PACKET_ROLLOVER_STATS__failed))?),
    ]))
}

/// net/packet/diag.c, pdiag_put_ring(). What the kernel keeps of a ring that was given back is
/// nothing any more.
pub fn ring(facts: &Facts, there: Fact, parts: [Fact; 4]) -> Option<Value> {
    let there = facts.is(there)?;
    let [pages, blocks, frame_size, last_frame] = parts.map(|fact| facts.get(fact));
    let member = |number: u64| if there { number as i64 } else { 0 };
    Some(Value::Struct(vec![
        ("tp_block_size", member(pages? * facts.host.page)),
        ("tp_block_nr", member(blocks?)),
        ("tp_frame_size", member(frame_size?)),
        ("tp_frame_nr", member(last_frame? + 1)),
    ]))
}

/// net/xdp/xsk.c, XDP_OPTIONS: a structure of one number, of which one bit is used.
pub fn xdp_options(facts: &Facts) -> Option<Value> {
    facts.is(flag!(XDP XDP_OPTIONS)).map(boolean)
}

/// net/xdp/xsk.c, XDP_STATISTICS
pub fn xdp_statistics(facts: &Facts) -> Option<Value> {
    let number = |fact| facts.get(fact).map(|number| number as i64);
    Some(Value::Struct(vec![
        ("rx_dropped", number(value!(XDP XDP_STATISTICS))?),
        ("rx_invalid_descs", number(value!(XDP XDP_STATISTICS__rx_invalid))?),
        ("tx_invalid_descs", number(value!(XDP XDP_STATISTICS__tx_invalid))?),
        ("rx_ring_full", number(value!(XDP XDP_STATISTICS__rx_full))?),
        ("rx_fill_ring_empty_descs", number(value!(XDP XDP_STATISTICS__fill_empty))?),
        ("tx_ring_empty_descs", number(value!(XDP XDP_STATISTICS__tx_empty))?),
    ]))
}

fn list_of(kind: item_kind) -> Option<List> {
    match kind {
        item_kind::ITEM_IP_MEMBERSHIP => Some(List::Ip),
        item_kind::ITEM_IPV6_MEMBERSHIP => Some(List::Ipv6),
        item_kind::ITEM_IPV6_ANYCAST => Some(List::Anycast),
        _ => None,
    }
}

fn membership(facts: &Facts, list: List, entry: &membership_item, sources: &[u8]) -> Membership {
    let size = if list == List::Ip { 4 } else { 16 };
    Membership {
        list,
        group: address(list, &entry.group),
        address: Ipv4Addr::from(first_four(&entry.address)),
        ifindex: entry.ifindex,
        interface: facts.host.interface(entry.ifindex).unwrap_or_default(),
        include: entry.mode == 1,
        cut: sources.len() / size < entry.sources as usize,
        sources: sources.chunks_exact(size).map(|source| address(list, source)).collect(),
    }
}

/// An address of a list; of a slice that is too short, the unspecified one.
fn address(list: List, bytes: &[u8]) -> IpAddr {
    match list {
        List::Ip => IpAddr::V4(Ipv4Addr::from(first_four(bytes))),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap_or_default())),
    }
}

fn first_four(bytes: &[u8]) -> [u8; 4] {
    bytes.first_chunk().copied().unwrap_or_default()
}
