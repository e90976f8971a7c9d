//! A connection with unacknowledged data: net/ipv4/tcp_timer.c, tcp_retransmit_timer() and
//! tcp_write_timeout()

use crate::options::dead_after::facts::Sending;
use crate::options::dead_after::moment::Moment;
use crate::options::dead_after::window;
use crate::socket::state::State;

impl Sending {
    /// The time from the first transmission until the connection is given up. `None` if nothing can be sent,
    /// and for a window that the peer has closed before it acknowledged what was sent: the limit for that is a
    /// constant of the kernel, which has changed.
    pub(super) fn limit(&self) -> Option<u64> {
        use State::*;
        let is_closed = self.is_window_closed && self.state != SynSent;
        match self.state {
            Established | CloseWait | FinWait1 | Closing | LastAck | SynSent => {}
            _ => return None,
        }
        match (is_closed, self.packets) {
            (true, 0) => Some(window::limit(self)),
            (true, _) if !self.is_orphan => None,
            _ => Some(self.retransmit()),
        }
    }

    /// The moment at which the timer finds that the connection has timed out. TCP_USER_TIMEOUT takes the place
    /// of the number of retransmissions, except for that of SYNs, and the timer expires when it ends:
    /// tcp_clamp_rto_to_user_timeout()
    fn retransmit(&self) -> u64 {
        let first = Moment::default().after(self.loss_probe()).after(self.first_rto());
        match (self.user_timeout, self.state) {
            (0, State::SynSent) => self.by_retries(Moment::default(), first),
            (0, _) => self.by_retries(first, first),
            (user_timeout, State::SynSent) => {
                let limit = user_timeout.max(first.jiffies + 1);
                limit.min(self.by_retries(Moment::default(), first))
            }
            (user_timeout, _) => first.jiffies + user_timeout,
        }
    }

    /// The same by the number of retransmissions. `start` is tp->retrans_stamp: when the first SYN was sent
    /// (tcp_connect()), or when data was first retransmitted (tcp_retransmit_skb()).
    fn by_retries(&self, start: Moment, first: Moment) -> u64 {
        let (mut now, mut rto, mut retransmits) = (first, self.first_rto(), 0);
        loop {
            if let Some(limit) = self.passed(retransmits, now.since(start), rto) {
                return now.jiffies.max(start.jiffies + limit);
            }
            retransmits += 1;
            if retransmits > self.linear() {
                rto = (rto * 2).min(self.rto_max);
            }
            now = now.after(rto);
        }
    }

    /// The limit that has passed, if one has, by tcp_write_timeout() and retransmits_timed_out(). The latter
    /// compares the time since the start with a model, which is for another timeout than that of this
    /// connection.
    fn passed(&self, retransmits: u64, elapsed: u64, rto: u64) -> Option<u64> {
        let limit = match (self.state, self.user_timeout) {
            (State::SynSent, _) if retransmits >= self.syn_retries + self.syn_linear => {
                return Some(0);
            }
            (State::SynSent, 0) => self.model(self.syn_retries, self.hz.min(self.rto_max)),
            (State::SynSent, _) => return None,
            _ => self.model(self.retries(rto), self.hz / 5),
        };
        (retransmits > 0 && elapsed >= limit).then_some(limit)
    }

    /// tcp_write_timeout(): tcp_retries2, or that of an orphan
    fn retries(&self, rto: u64) -> u64 {
        match self.is_orphan {
            true => self.retries_of_orphan(rto < self.rto_max),
            false => self.retries2,
        }
    }

    /// tcp_model_timeout(): how long so many retransmissions would take if the first came after `rto`.
    fn model(&self, retries: u64, rto: u64) -> u64 {
        let rto = rto.max(1);
        let doubled: u64 = (self.rto_max / rto).max(1).ilog2().into();
        let exponential = ((2 << retries.min(doubled)) - 1) * rto;
        exponential + retries.saturating_sub(doubled) * self.rto_max
    }

    /// After how many retransmissions the timeout begins to double: tcp_retransmit_timer()
    fn linear(&self) -> u64 {
        /// TCP_THIN_LINEAR_RETRIES, and the fewest segments that are not thin: include/net/tcp.h,
        /// tcp_stream_is_thin()
        const RETRIES: u64 = 6;
        const THICK: u64 = 4;
        match self.state {
            State::SynSent => self.syn_linear,
            State::Established if self.is_thin && self.packets < THICK => RETRIES,
            _ => 0,
        }
    }

    /// The timeout before the first retransmission. It has doubled if something was retransmitted already,
    /// and if it has reached the maximum, it is computed from the round trip time again.
    fn first_rto(&self) -> u64 {
        let doubled = self.retransmits.saturating_sub(self.linear()).min(63);
        match (doubled, self.rto < self.rto_max) {
            (0, _) => self.rto,
            (_, true) => (self.rto >> doubled).max(1),
            (_, false) => self.measured_rto().clamp(1, self.rto_max),
        }
    }

    /// net/ipv4/tcp_input.c, __tcp_set_rto(), or TCP_TIMEOUT_INIT
    fn measured_rto(&self) -> u64 {
        match self.srtt_us {
            0 => self.hz,
            srtt_us => self.microseconds((srtt_us >> 3) + self.rttvar_us),
        }
    }

    /// The time until the tail loss probe, which starts the timer of the first retransmission anew:
    /// net/ipv4/tcp_output.c, tcp_schedule_loss_probe() and tcp_send_loss_probe()
    fn loss_probe(&self) -> u64 {
        /// TCP_TIMEOUT_MIN
        const SHORTEST: u64 = 2;
        let more = if self.packets > 1 { SHORTEST } else { self.rto_min };
        let wait = match (self.has_loss_probes, self.srtt_us) {
            (false, _) => 0,
            (true, 0) => self.hz,
            (true, srtt_us) => self.microseconds(srtt_us >> 2) + more,
        };
        wait.min(self.first_rto())
    }

    /// Converts microseconds: usecs_to_jiffies()
    fn microseconds(&self, microseconds: u64) -> u64 {
        (microseconds * self.hz).div_ceil(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle connection with the defaults of Documentation/networking/ip-sysctl.rst, and the shortest
    /// timeout.
    const DEFAULTS: Sending = Sending {
        hz: 1000,
        state: State::Established,
        is_orphan: false,
        rto: 200,
        rto_max: 120_000,
        rto_min: 200,
        srtt_us: 800,
        rttvar_us: 199_900,
        packets: 0,
        retransmits: 0,
        backoff: 0,
        probes: 0,
        retries2: 15,
        orphan_retries: 0,
        syn_linear: 0,
        syn_retries: 6,
        user_timeout: 0,
        is_thin: false,
        has_loss_probes: false,
        is_window_closed: false,
    };
    const SYN: Sending = Sending { state: State::SynSent, rto: 1000, srtt_us: 0, ..DEFAULTS };
    const ORPHAN: Sending = Sending { state: State::FinWait1, is_orphan: true, ..DEFAULTS };

    fn limit(of: Sending) -> u64 {
        of.limit().expect("a limit")
    }

    #[test]
    fn by_tcp_retries2() {
        // "The default value of 15 yields a hypothetical timeout of 924.6 seconds"
        assert_eq!(DEFAULTS.model(15, 200), 924_600);
        // It begins with the first retransmission, after 0.2 seconds.
        assert_eq!(limit(DEFAULTS), 924_800);
        // A tail loss probe comes before that. It waits as long.
        assert_eq!(limit(Sending { has_loss_probes: true, ..DEFAULTS }), 925_000);
        // After two segments, the probe comes at once. Its timer takes two jiffies and twice the round trip.
        let two = Sending { has_loss_probes: true, packets: 2, ..DEFAULTS };
        assert_eq!(limit(two), 924_803);
        // "TCP will effectively time out at the first RTO which exceeds the hypothetical timeout": the model
        // for 2 is 1.4 seconds after the first retransmission, the next expiry 2.8 seconds after it.
        assert_eq!(limit(Sending { retries2: 2, ..DEFAULTS }), 3_000);
        assert_eq!(limit(Sending { retries2: 0, ..DEFAULTS }), 600);
        // A satellite: 3, 6, 12, 24, 48, 96, 120 ... seconds
        let satellite = Sending { rto: 3000, ..DEFAULTS };
        assert_eq!(limit(satellite), 3_000 + 186_000 + 120_000 * 7);
        let limited = Sending { rto_max: 1000, ..DEFAULTS };
        // The model is 0.2 + 0.4 + 0.8 + 13 seconds, from the first retransmission. The timer expires every
        // second then, and its delays let it find that after one less.
        assert_eq!(limit(limited), 200 + 14_400);
    }

    #[test]
    fn what_was_sent_counts_from_the_first_transmission() {
        for (retransmits, rto) in [(0, 200), (1, 400), (5, 6_400), (12, 120_000)] {
            let sent = Sending { packets: 1, retransmits, rto, ..DEFAULTS };
            assert_eq!(sent.first_rto(), 200, "{retransmits}");
            assert_eq!(limit(sent), 924_800);
        }
        let unmeasured = Sending { retransmits: 9, rto: 120_000, srtt_us: 0, ..DEFAULTS };
        assert_eq!(unmeasured.first_rto(), 1000);
    }

    #[test]
    fn by_the_user_timeout() {
        assert_eq!(limit(Sending { user_timeout: 1_500, ..DEFAULTS }), 1_700);
        let long = Sending { user_timeout: 4_000_000_000, has_loss_probes: true, ..DEFAULTS };
        assert_eq!(limit(long), 4_000_000_400);
        assert_eq!(limit(Sending { user_timeout: 1_500, ..ORPHAN }), 1_700);
        // That of a SYN begins when it is sent.
        assert_eq!(limit(Sending { user_timeout: 1_500, ..SYN }), 1_500);
        assert_eq!(limit(Sending { user_timeout: 900, ..SYN }), 1_001);
        assert_eq!(limit(Sending { user_timeout: 900_000, ..SYN }), 127_000);
    }

    #[test]
    fn by_the_number_of_syns() {
        // "With the current initial RTO of 1 second": 127 seconds, and 131 with four linear timeouts
        assert_eq!(limit(SYN), 127_000);
        assert_eq!(limit(Sending { syn_linear: 4, ..SYN }), 131_000);
        assert_eq!(limit(Sending { syn_retries: 1, ..SYN }), 3_000);
        // The model of one retry, 3 seconds, is over before the fifth SYN.
        assert_eq!(limit(Sending { syn_retries: 1, syn_linear: 4, ..SYN }), 3_000);
        let sent = Sending { syn_linear: 4, retransmits: 6, rto: 4_000, ..SYN };
        assert_eq!(limit(sent), 131_000);
    }

    #[test]
    fn of_orphans() {
        // "8 corresponds to >100 seconds with minimal RTO of 200msec"
        assert_eq!(limit(ORPHAN), 200 + 102_200);
        assert_eq!(limit(Sending { orphan_retries: 1, ..ORPHAN }), 200 + 1_200);
        // Without a number of its own, an orphan ends when its timeout cannot double any more.
        assert_eq!(limit(Sending { rto: 60_000, ..ORPHAN }), 60_000 + 120_000);
        let open = Sending { is_orphan: false, ..ORPHAN };
        assert_eq!(limit(open), 924_800);
    }

    #[test]
    fn thin_streams_do_not_double_at_first() {
        let thin = Sending { is_thin: true, retries2: 2, ..DEFAULTS };
        // Six retransmissions 0.2 seconds apart, then 0.4
        assert_eq!(limit(thin), 200 + 6 * 200 + 400);
        assert_eq!(limit(Sending { packets: 4, ..thin }), 3_000);
        assert_eq!(limit(Sending { state: State::CloseWait, ..thin }), 3_000);
    }

    #[test]
    fn closed_windows() {
        let closed = Sending { is_window_closed: true, ..DEFAULTS };
        assert_eq!(limit(Sending { retries2: 2, ..closed }), 200 * 7);
        // Answers have doubled the time between probes three times, and one is unanswered.
        let probed = Sending { retries2: 2, backoff: 3, probes: 1, ..closed };
        assert_eq!(limit(probed), 800 * 3);
        assert_eq!(limit(closed), 204_600 + 6 * 120_000);
        assert_eq!(limit(Sending { user_timeout: 1_500, ..closed }), 200 + 1_500);
        // Answers do not begin it anew.
        assert_eq!(limit(Sending { user_timeout: 1_500, backoff: 3, ..closed }), 200 + 1_500);
        let orphan = Sending { state: State::FinWait1, is_orphan: true, ..closed };
        assert_eq!(limit(Sending { orphan_retries: 1, ..orphan }), 200 * 3);
        // The peer has taken back a window that was in use.
        assert_eq!(Sending { packets: 1, ..closed }.limit(), None);
        assert_eq!(limit(Sending { packets: 1, ..orphan }), limit(ORPHAN));
    }

    #[test]
    fn nothing_is_sent_in_other_states() {
        for state in [State::Listen, State::Close, State::FinWait2, State::SynRecv] {
            assert_eq!(Sending { state, ..DEFAULTS }.limit(), None, "{state:?}");
        }
    }
}
