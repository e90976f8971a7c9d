//! Data that waits for a window that the peer has closed: net/ipv4/tcp_timer.c, tcp_probe_timer()

use crate::options::dead_after::facts::Sending;

/// The time from the last answer of the peer until the connection is given up. TCP_USER_TIMEOUT ends it even if the
/// peer answers. It begins with the first probe after the window was closed, when nothing had doubled yet.
pub(super) fn limit(of: &Sending) -> u64 {
    let first = of.backoff.saturating_sub(of.probes);
    let limit = by_probes(of, first);
    match of.user_timeout {
        0 => limit,
        // tcp_clamp_probe0_to_user_timeout(): the timer expires when it ends.
        user_timeout => limit.min(wait(of, 0) + user_timeout),
    }
}

/// The moment at which no further probe is sent.
fn by_probes(of: &Sending, mut backoff: u64) -> u64 {
    let (mut now, mut probes) = (wait(of, backoff), 0);
    while !is_last(of, probes, backoff) {
        // net/ipv4/tcp_output.c, tcp_send_probe0()
        backoff += u64::from(backoff < of.retries2);
        probes += 1;
        now += wait(of, backoff);
    }
    now
}

/// include/net/tcp.h, tcp_probe0_when()
fn wait(of: &Sending, backoff: u64) -> u64 {
    (of.rto.max(of.hz / 5) << shift(backoff)).min(of.rto_max)
}

/// Limits a number of doublings to those that reach any maximum.
fn shift(backoff: u64) -> u64 {
    backoff.min(31)
}

fn is_last(of: &Sending, probes: u64, backoff: u64) -> bool {
    if !of.is_orphan {
        return probes >= of.retries2;
    }
    let is_alive = of.rto << shift(backoff) < of.rto_max;
    let retries = of.retries_of_orphan(is_alive);
    probes >= retries || !is_alive && backoff >= retries
}
