//! The timers of connections.

use crate::kernel::abi::{record_header, timer};

/// The timer of a connection that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    pub kind: TimerKind,
    /// Jiffies until it runs out; not below 0, as a timer that is late has run out.
    pub left: u32,
    /// How often the same data, or the answer to a SYN, was sent again.
    pub retransmits: u8,
    /// How many probes went unanswered.
    pub probes: u8,
}

/// What a timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// An acknowledgement.
    Retransmit,
    /// The time to probe an idle connection.
    Keepalive,
    /// The end of TIME_WAIT, or of FIN_WAIT2.
    TimeWait,
    /// The time to ask the peer for its window.
    Probe,
    /// The time until which an acknowledgement is held back.
    DelayedAck,
}

impl TimerKind {
    /// The word of JSON.
    pub fn word(self) -> &'static str {
        match self {
            TimerKind::Retransmit => "retransmit",
            TimerKind::Keepalive => "keepalive",
            TimerKind::TimeWait => "time-wait",
            TimerKind::Probe => "probe",
            TimerKind::DelayedAck => "delack",
        }
    }

    /// The word of netstat; of what netstat does not have, that of ss.
    pub fn netstat_word(self) -> &'static str {
        match self {
            TimerKind::Retransmit => "on",
            TimerKind::Keepalive => "keepalive",
            TimerKind::TimeWait => "timewait",
            TimerKind::Probe => "probe",
            TimerKind::DelayedAck => "delack",
        }
    }
}

impl Timer {
    /// The timer in a record; `None` where none runs.
    pub fn decode(header: &record_header) -> Option<Timer> {
        let kind = match timer(header.timer.into()) {
            timer::TIMER_RETRANSMIT => TimerKind::Retransmit,
            timer::TIMER_KEEPALIVE => TimerKind::Keepalive,
            timer::TIMER_TIME_WAIT => TimerKind::TimeWait,
            timer::TIMER_PROBE => TimerKind::Probe,
            timer::TIMER_DELAYED_ACK => TimerKind::DelayedAck,
            _ => return None,
        };
        let left = u32::try_from(header.timer_left).unwrap_or_default();
        Some(Timer { kind, left, retransmits: header.retransmits, probes: header.probes })
    }

    /// Seconds until it runs out, in hundredths.
    pub fn seconds(&self, hz: u64) -> f64 {
        let hundredths = u64::from(self.left) * 100 / hz;
        hundredths as f64 / 100.0
    }
}
