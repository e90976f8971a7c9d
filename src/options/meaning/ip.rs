//! IPPROTO_IP and IPPROTO_IPV6. The comments name the place in the kernel.

use std::net::Ipv6Addr;

use super::sentence::{says, when, Sentence, Subject, Values};
use crate::socket::kind::Family;
use crate::socket::state::State;

const DISCOVERY: &[&str] = &["IP_MTU_DISCOVER", "IPV6_MTU_DISCOVER"];
const MULTICAST: &[&str] = &["IP_MULTICAST_TTL", "IPV6_MULTICAST_HOPS"];

/// include/uapi/linux/in.h, IP_PMTUDISC_*; in6.h has the same numbers
const DONT: i64 = 0;
const DO: i64 = 2;
const PROBE: i64 = 3;
const INTERFACE: i64 = 4;
const OMIT: i64 = 5;

pub(super) static SENTENCES: &[Sentence] = &[
    // include/net/dsfield.h: the upper six bits
    says(&["IP_TOS", "IPV6_TCLASS"], "DSCP {}", |it| {
        it.number().filter(|tos| *tos > 0).map(|tos| vec![dscp(tos as u8)])
    }),
    // net/ipv4/ip_forward.c, ip_forward(); net/ipv6/ip6_output.c, ip6_forward()
    says(&["IP_TTL", "IPV6_UNICAST_HOPS"], "1: no router forwards unicast packets of {}", |it| {
        protocol(it).filter(|_| it.number() == Some(1) && !makes_headers(it))
    }),
    // net/ipv4/ip_output.c, ip_mc_output(). ip6_finish_output2() drops only packets to groups of this host.
    says(&["IP_MULTICAST_TTL"], "0: multicast of IPv4 does not leave this host", |it| {
        when(it.number() == Some(0) && sends_datagrams(it))
    }),
    says(MULTICAST, "1: no router forwards multicast of {}", |it| {
        protocol(it).filter(|_| it.number() == Some(1) && sends_datagrams(it))
    }),
    // net/ipv4/tcp_ipv4.c, tcp_v4_rcv(); net/ipv6/tcp_ipv6.c, tcp_v6_rcv()
    says(
        &["IP_MINTTL", "IPV6_MINHOPCOUNT"],
        "255: packets of {} that a router has forwarded are dropped",
        |it| protocol(it).filter(|_| it.number() == Some(255) && it.is_of(&[Family::Tcp])),
    ),
    // net/ipv4/ip_output.c, __ip_make_skb()
    says(
        &["IP_MTU_DISCOVER"],
        "the DF bit is not set, so that routers may fragment the packets",
        |it| discovers(it, &[DONT]).map(|_| Values::new()),
    ),
    // include/net/ip.h, ip_sk_ignore_df(), and include/net/ip6_route.h, ip6_sk_ignore_df(), for all of these
    says(DISCOVERY, "a datagram of {} that exceeds the path MTU fails with EMSGSIZE", |it| {
        discovers(it, &[DO])
    }),
    says(
        DISCOVERY,
        "ignores the path MTU: a datagram of {} that exceeds the MTU of the interface fails with EMSGSIZE",
        |it| discovers(it, &[PROBE, INTERFACE]),
    ),
    says(
        DISCOVERY,
        "ignores the path MTU: a datagram of {} that exceeds the MTU of the interface is fragmented",
        |it| discovers(it, &[OMIT]).filter(|_| !it.has("IPV6_DONTFRAG")),
    ),
    // net/ipv6/af_inet6.c, __inet6_bind()
    says(&["IPV6_V6ONLY"], "also serves IPv4: ::ffff:192.0.2.1 is the peer 192.0.2.1", |it| {
        when(it.number() == Some(0) && serves_any_address(it))
    }),
    says(&["IPV6_V6ONLY"], "does not serve IPv4", |it| {
        when(it.number() == Some(1) && serves_any_address(it))
    }),
];

/// The name of the DSCP, or its number, and the ECN bits if there are any: RFC 2474, 2597, 3246, 5865, 8622, 3168
fn dscp(tos: u8) -> String {
    let name = match tos >> 2 {
        1 => "LE".into(),
        44 => "VOICE-ADMIT".into(),
        46 => "EF".into(),
        class if class % 8 == 0 => format!("CS{}", class / 8),
        class @ 10..=38 if matches!(class % 8, 2 | 4 | 6) => {
            format!("AF{}{}", class / 8, class % 8 / 2)
        }
        class => class.to_string(),
    };
    let ecn = ["", ", ECN ECT(1)", ", ECN ECT(0)", ", ECN CE"][usize::from(tos & 3)];
    name + ecn
}

/// The protocol whose packets the option is about. An IPv6 socket that also serves IPv4 has the options of both.
fn protocol(it: &Subject) -> Option<Values> {
    let is_ipv6 = it.shown.option.name.starts_with("IPV6_");
    Some(vec![if is_ipv6 { "IPv6" } else { "IPv4" }.into()])
}

/// Whether the program makes the IP headers, so that the options have no effect on them.
fn makes_headers(it: &Subject) -> bool {
    it.has("IP_HDRINCL") || it.has("IPV6_HDRINCL")
}

/// Whether the socket sends datagrams for which the kernel makes the IP headers.
fn sends_datagrams(it: &Subject) -> bool {
    it.is_of(&[Family::Udp, Family::Raw]) && !makes_headers(it)
}

/// The protocol of such datagrams, if the path MTU is discovered in one of these ways.
fn discovers(it: &Subject, how: &[i64]) -> Option<Values> {
    protocol(it).filter(|_| sends_datagrams(it) && it.number().is_some_and(|it| how.contains(&it)))
}

/// Whether peers may reach the socket at any address of the host.
fn serves_any_address(it: &Subject) -> bool {
    let header = it.context.header();
    let is_at_any = Ipv6Addr::from(header.local_address).is_unspecified();
    let serves = match it.kind.family() {
        Family::Tcp => it.state == State::Listen,
        Family::Udp => it.state == State::Unconnected,
        _ => false,
    };
    serves && is_at_any && header.local_port != 0
}

#[cfg(test)]
mod tests {
    use super::dscp;

    #[test]
    fn classes_have_their_names() {
        for (tos, name) in [
            (0xb8, "EF"),
            (0x28, "AF11"),
            (0x98, "AF43"),
            (0xe0, "CS7"),
            (0x04, "LE"),
            (0xb0, "VOICE-ADMIT"),
            (0x10, "4"),
            (0x30, "AF12"),
            (0xa8, "42"),
            (0x02, "CS0, ECN ECT(0)"),
            (0xbb, "EF, ECN CE"),
        ] {
            assert_eq!(dscp(tos), name, "{tos:#x}");
        }
    }
}
