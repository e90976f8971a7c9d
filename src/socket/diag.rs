//! The Diag column.

use std::fmt;

use crate::record::fact::{value, Fact};
use crate::record::Record;

/// The facts from which the column is read.
pub const FACTS: [Fact; 4] = [
    value!(DIAG DIAG__send_window),
    value!(DIAG DIAG__receive_window),
    value!(DIAG DIAG__in_flight),
    value!(DIAG DIAG__ack_age),
];

/// Why an established TCP connection makes no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diag {
    /// The peer's window is 0: nothing can be sent.
    PeerWindowZero,
    /// The own window is 0: nothing can be received.
    OwnWindowZero,
    /// Both windows are 0.
    BothWindowsZero,
    /// There is unacknowledged data, and the last ACK came more than a second ago.
    Unacknowledged,
}

impl Diag {
    /// Why the established connection of this record makes no progress, if it makes none. A fact that the kernel lacks
    /// is no reason. `None` if the record has no such facts.
    pub(super) fn of(record: &Record, hz: u64) -> Option<Option<Diag>> {
        let [send_window, receive_window, in_flight, ack_age] = FACTS.map(|fact| fact.of(record));
        Some(match (send_window == Some(0), receive_window == Some(0)) {
            (true, true) => Some(Diag::BothWindowsZero),
            (false, true) => Some(Diag::OwnWindowZero),
            (true, false) => Some(Diag::PeerWindowZero),
            (false, false) if in_flight? != 0 && ack_age? > hz => Some(Diag::Unacknowledged),
            (false, false) => None,
        })
    }

    /// The mark in the table, which is that of the knetstat kernel module.
    pub fn mark(self) -> &'static str {
        match self {
            Diag::PeerWindowZero => ">|",
            Diag::OwnWindowZero => "|<",
            Diag::BothWindowsZero => ">|<",
            Diag::Unacknowledged => ">#",
        }
    }
}

impl fmt::Display for Diag {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.mark())
    }
}
