//! The numbers that the rules of a connection that sends have in common.

use crate::socket::state::State;

/// What the retransmission timer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub hz: u64,
    pub state: State,
    /// Whether its process has closed the socket.
    pub is_orphan: bool,
    /// The current timeout of retransmissions, and the limits of such timeouts.
    pub rto: u64,
    pub rto_max: u64,
    pub rto_min: u64,
    /// Eight times the round trip time, and its variation. 0: not measured
    pub srtt_us: u64,
    pub rttvar_us: u64,
    /// How many segments are unacknowledged, and how often they were retransmitted.
    pub packets: u64,
    pub retransmits: u64,
    /// How often the time between probes of a closed window has doubled, and the unanswered probes.
    pub backoff: u64,
    pub probes: u64,
    /// The sysctls tcp_retries2, tcp_orphan_retries and tcp_syn_linear_timeouts
    pub retries2: u64,
    pub orphan_retries: u64,
    pub syn_linear: u64,
    /// TCP_SYNCNT
    pub syn_retries: u64,
    /// TCP_USER_TIMEOUT. 0: none
    pub user_timeout: u64,
    /// TCP_THIN_LINEAR_TIMEOUTS, or the sysctl tcp_thin_linear_timeouts
    pub is_thin: bool,
    /// Whether a tail loss probe precedes the first retransmission.
    pub has_loss_probes: bool,
    /// Whether the window of the peer is 0.
    pub is_window_closed: bool,
}

impl Sending {
    /// tcp_orphan_retries()
    pub(super) fn retries_of_orphan(&self, is_alive: bool) -> u64 {
        match (self.orphan_retries, is_alive) {
            (0, true) => 8,
            (retries, _) => retries,
        }
    }
}
