//! The timers of connections.

use crate::kernel::abi::{record_header, timer};

/// The running timer of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    pub kind: TimerKind,
    /// Jiffies until the timer expires. 0 if it is overdue.
    pub left: u32,
    /// How many times the same data, or the answer to a SYN, was retransmitted.
    pub retransmits: u8,
    /// The number of unanswered probes.
    pub probes: u8,
}

/// What happens when a timer expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// Data that was not acknowledged is retransmitted.
    Retransmit,
    /// An idle connection is probed.
    Keepalive,
    /// TIME_WAIT or FIN_WAIT2 ends.
    TimeWait,
    /// The peer is asked for its window.
    Probe,
    /// A delayed acknowledgment is sent.
    DelayedAck,
}

impl TimerKind {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            TimerKind::Retransmit => "retransmit",
            TimerKind::Keepalive => "keepalive",
            TimerKind::TimeWait => "time-wait",
            TimerKind::Probe => "probe",
            TimerKind::DelayedAck => "delack",
        }
    }

    /// The word of netstat, or that of ss if netstat has none.
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
    /// Decodes the timer of a record. Returns `None` if no timer is running.
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

    /// Seconds until the timer expires, rounded down to hundredths.
    pub fn seconds(&self, hz: u64) -> f64 {
        let hundredths = u64::from(self.left) * 100 / hz;
        hundredths as f64 / 100.0
    }
}
