//! IPPROTO_TCP. The comments name the place in the kernel.

use std::time::Duration;

use super::sentence::{bytes, limit, says, seconds, when, Sentence, Subject, Values};
use crate::options::dead_after;
use crate::options::decode::tcp::{is_segment, seconds_of};
use crate::record::fact::value;
use crate::socket::kind::Family;
use crate::socket::state::State;

pub(super) static SENTENCES: &[Sentence] = &[
    // net/ipv4/tcp_output.c, tcp_nagle_check()
    says(&["TCP_NODELAY"], "TCP_CORK holds partial segments back all the same", |it| {
        when(it.is_on() && it.has("TCP_CORK"))
    }),
    // net/ipv4/tcp_timer.c, tcp_probe_timer(), sends them
    says(
        &["TCP_CORK"],
        "partial segments wait until it is turned off, about as long as a retransmission at most",
        |it| when(it.is_on() && it.is_of(&[Family::Tcp])),
    ),
    // net/ipv4/tcp.c, keepalive_timer_set(): no timer runs
    says(
        &["TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"],
        "no effect while SO_KEEPALIVE is off",
        |it| when(it.shown.set && it.other("SO_KEEPALIVE") == Some(0)),
    ),
    // net/ipv4/tcp_timer.c, tcp_keepalive_timer()
    says(&["TCP_KEEPCNT"], "TCP_USER_TIMEOUT overrides TCP_KEEPCNT", |it| {
        when(it.has("SO_KEEPALIVE") && it.has("TCP_USER_TIMEOUT") && it.is_of(&[Family::Tcp]))
    }),
    says(&["TCP_USER_TIMEOUT"], "unacknowledged data is given up after {}", |it| {
        given_up(it).filter(|_| it.is_on() && !is_window_closed(it))
    }),
    says(
        &["TCP_USER_TIMEOUT"],
        "0: unacknowledged data is given up after {}, by net.ipv4.tcp_retries2 = {}",
        |it| by_retries(it).filter(|_| !is_window_closed(it)),
    ),
    // net/ipv4/tcp_timer.c, tcp_probe_timer(): icsk_probes_tstamp is the time of the first probe
    says(
        &["TCP_USER_TIMEOUT"],
        "the connection is given up at the latest {} after the first probe of the closed window of the peer, \
         even if the peer answers",
        |it| {
            let milliseconds = u64::try_from(it.number()?).ok().filter(|_| it.is_on())?;
            given_up(it).filter(|_| is_window_closed(it))?;
            Some(vec![seconds(Duration::from_millis(milliseconds))])
        },
    ),
    // The same: an answer resets icsk_probes_out in tcp_ack().
    says(
        &["TCP_USER_TIMEOUT"],
        "0: while the window of the peer is closed, the connection is given up {} after the last answer to a \
         probe, by net.ipv4.tcp_retries2 = {}",
        |it| by_retries(it).filter(|_| is_window_closed(it)),
    ),
    says(&["TCP_SYNCNT"], "the kernel gives up connecting after {}", |it| {
        let is_connecting = it.is_of(&[Family::Tcp]) && it.state == State::SynSent;
        Some(vec![limit(dead_after::sending(&it.context).filter(|_| is_connecting)?)?])
    }),
    // net/ipv4/tcp.c, __tcp_close()
    says(
        &["TCP_LINGER2"],
        "negative: the connection is reset instead of waiting in FIN_WAIT2 after close(2)",
        |it| when(it.number()? < 0),
    ),
    says(&["TCP_DEFER_ACCEPT"], "requests of {} to {} s are all kept as {} s", deferred),
    says(
        &["TCP_FASTOPEN"],
        "void: net.ipv4.tcp_fastopen = {} lacks the bit 0x2, which enables it for listeners",
        void_fast_open,
    ),
    says(&["TCP_NOTSENT_LOWAT"], "no limit other than the send buffer", |it| {
        when(unsent_limit(it)? == i64::from(u32::MAX))
    }),
    says(&["TCP_NOTSENT_LOWAT"], "0: {} by net.ipv4.tcp_notsent_lowat", |it| {
        let limit = unsent_limit(it).filter(|limit| *limit < u32::MAX.into())?;
        (!it.is_on()).then(|| vec![bytes(limit)])
    }),
    says(&["TCP_MAXSEG"], "in use now; the request was {}", |it| {
        let requested = requested_segment(it).filter(|_| it.is_tcp_connection())?;
        (it.number() != Some(requested)).then(|| vec![bytes(requested)])
    }),
    // net/ipv4/tcp_output.c, tcp_sync_mss()
    says(&["TCP_MAXSEG"], "not that of a connection, which depends on its path", |it| {
        /// include/net/tcp.h, TCP_MSS_DEFAULT. Another number is that of a connection that is over.
        const DEFAULT: i64 = 536;
        let is_open = it.context.is_tcp_connection() || !it.is_of(&[Family::Tcp]);
        when(!is_open && it.number() == Some(DEFAULT) && requested_segment(it).is_none())
    }),
    // net/ipv4/tcp_output.c, tcp_select_initial_window()
    says(&["TCP_WINDOW_CLAMP"], "0: no limit; the kernel fills it in for a connection", |it| {
        when(it.number() == Some(0) && it.is_of(&[Family::Tcp]) && !it.is_tcp_connection())
    }),
    // net/ipv4/tcp_input.c, tcp_event_data_recv(); include/net/inet_connection_sock.h, inet_csk_inc_pingpong_cnt()
    says(
        &["TCP_QUICKACK"],
        "not permanent: the kernel turns it on and off as traffic changes",
        |it| when(it.is_tcp_connection()),
    ),
];

/// How long data may be unacknowledged or, while the window of the peer is closed, probes may be unanswered.
/// dead_after/ has the rules.
fn given_up(it: &Subject) -> Option<Values> {
    let is_open = matches!(it.state, State::Established | State::CloseWait);
    let is_held = it.is_of(&[Family::Tcp]) && is_open && !it.context.is_dead();
    Some(vec![limit(dead_after::sending(&it.context).filter(|_| is_held)?)?])
}

/// Whether the peer accepts no data, which then waits and is not retransmitted.
fn is_window_closed(it: &Subject) -> bool {
    it.fact(value!(DIAG DIAG__send_window)) == Some(0)
}

fn by_retries(it: &Subject) -> Option<Values> {
    let retries = it.fact(value!(DEAD DEAD_AFTER__retries2)).filter(|_| !it.is_on())?;
    let mut values = given_up(it)?;
    values.push((retries as u8).to_string());
    Some(values)
}

/// The seconds that lead to the same number of retransmissions: net/ipv4/tcp.c, secs_to_retrans()
fn deferred(it: &Subject) -> Option<Values> {
    let retransmissions = it.fact(value!(TCP TCP_DEFER_ACCEPT))? as u8;
    let first = seconds_of(retransmissions.checked_sub(1)?) + 1;
    let last = seconds_of(retransmissions);
    // The largest number stands for all longer times, too.
    let are_several = first < last && retransmissions < u8::MAX;
    are_several.then(|| vec![first.to_string(), last.to_string(), last.to_string()])
}

/// net/ipv4/tcp_fastopen.c, tcp_try_fastopen(), TFO_SERVER_ENABLE
fn void_fast_open(it: &Subject) -> Option<Values> {
    let sysctl = it.fact(value!(TCP TCP_FASTOPEN__sysctl))? as u32;
    let listens = it.is_of(&[Family::Tcp]) && it.state == State::Listen;
    (listens && it.is_on() && sysctl & 2 == 0).then(|| vec![sysctl.to_string()])
}

/// The limit for unsent data in bytes, or all ones: include/net/tcp.h, tcp_notsent_lowat()
fn unsent_limit(it: &Subject) -> Option<i64> {
    match it.number()? as u32 {
        0 => it.sysctl("net.ipv4.tcp_notsent_lowat", 0),
        own => Some(own.into()),
    }
}

/// The segment size that was set, if the kernel obeys it.
fn requested_segment(it: &Subject) -> Option<i64> {
    let requested = it.fact(value!(TCP TCP_MAXSEG__user))?;
    is_segment(requested).then_some(requested as i64)
}
