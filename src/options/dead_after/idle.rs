//! A connection without unacknowledged data: net/ipv4/tcp_timer.c, tcp_keepalive_timer()

use crate::options::dead_after::moment::Moment;
use crate::socket::TimeLimit;

/// What the keepalive timer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    pub hz: u64,
    /// SO_KEEPALIVE
    pub keepalive: bool,
    /// TCP_KEEPIDLE
    pub time: u64,
    /// TCP_KEEPINTVL
    pub interval: u64,
    /// TCP_KEEPCNT
    pub probes: u64,
    /// TCP_USER_TIMEOUT. 0: none
    pub user_timeout: u64,
}

impl Idle {
    /// The time from the last segment of the peer until the connection is given up. Without keepalive no timer
    /// is running, and TCP_USER_TIMEOUT is not looked at.
    pub(super) fn limit(&self) -> TimeLimit {
        match (self.keepalive, self.user_timeout) {
            (false, _) => TimeLimit::Never,
            (true, 0) => TimeLimit::of_jiffies(self.time + self.probes * self.interval, self.hz),
            (true, _) => TimeLimit::of_jiffies(self.by_user_timeout(), self.hz),
        }
    }

    /// With TCP_USER_TIMEOUT, the number of probes does not count. The connection is given up when the timer
    /// for the next probe finds that so much time has passed and a probe was sent.
    fn by_user_timeout(&self) -> u64 {
        let (start, interval) = (Moment::default(), self.interval.max(1));
        let first = start.after(self.time);
        let second = first.after(interval);
        // All further timers are alike, so that their number can be computed.
        let missing = self.user_timeout.saturating_sub(second.since(start));
        let further = missing.div_ceil(second.since(first));
        (second.jiffies + further * interval).max(self.user_timeout)
    }
}

/// How long an orphan waits in FIN_WAIT2, whether or not the peer answers: include/net/tcp.h, tcp_fin_time().
/// `timeout` is that of TCP_LINGER2. Of a longer time than a minute, the kernel waits for the part that exceeds
/// a minute, and then for the same part again, in a mini-socket (tcp_keepalive_timer(), tcp_time_wait()).
pub(super) fn fin_time(timeout: u64, rto: u64, hz: u64) -> u64 {
    /// TCP_TIMEWAIT_LEN, in seconds
    const TIME_WAIT: u64 = 60;
    let shortest = (rto << 2) - (rto >> 1);
    let time = timeout.max(shortest);
    match time.saturating_sub(TIME_WAIT * hz) {
        0 => time,
        part => part + part.max(shortest),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The defaults of Documentation/networking/ip-sysctl.rst: 2 hours, 75 seconds, 9 probes.
    const DEFAULTS: Idle = Idle {
        hz: 1000,
        keepalive: true,
        time: 7_200_000,
        interval: 75_000,
        probes: 9,
        user_timeout: 0,
    };

    fn seconds(seconds: u64) -> TimeLimit {
        TimeLimit::After(Duration::from_secs(seconds))
    }

    #[test]
    fn probes_are_counted() {
        assert_eq!(DEFAULTS.limit(), seconds(7875));
        assert_eq!(Idle { probes: 0, ..DEFAULTS }.limit(), seconds(7200));
        assert_eq!(Idle { keepalive: false, ..DEFAULTS }.limit(), TimeLimit::Never);
        assert_eq!(
            Idle { keepalive: false, user_timeout: 1, ..DEFAULTS }.limit(),
            TimeLimit::Never
        );
    }

    #[test]
    fn the_user_timeout_ends_at_a_probe() {
        let limit = |user_timeout| Idle { user_timeout, ..DEFAULTS }.limit();
        // At least one probe is sent, even if the time has passed before.
        assert_eq!(limit(1), seconds(7275));
        assert_eq!(limit(7_275_000), seconds(7275));
        // A timer of two hours can be late by four minutes.
        assert_eq!(limit(7_300_000), seconds(7300));
        let quick = Idle { time: 1000, interval: 500, ..DEFAULTS };
        let limit = |user_timeout| Idle { user_timeout, ..quick }.limit();
        assert_eq!(limit(1_900), seconds(2));
        assert_eq!(limit(2_900), seconds(3));
        // A user timeout that is long replaces even a smaller number of probes.
        assert_eq!(Idle { probes: 1, ..DEFAULTS }.limit(), seconds(7275));
    }

    #[test]
    fn an_orphan_waits_for_some_rto() {
        assert_eq!(fin_time(60_000, 200, 1000), 60_000);
        assert_eq!(fin_time(500, 200, 1000), 700);
        assert_eq!(fin_time(70_000, 200, 1000), 20_000);
        assert_eq!(fin_time(60_001, 200, 1000), 701);
    }
}
