//! The Diag column.

use std::fmt;

/// What the Diag column tells of an established TCP connection: its flow, if it is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diag {
    /// The peer's window is 0: nothing can be sent.
    PeerWindowZero,
    /// Our window is 0: nothing can be received.
    OwnWindowZero,
    /// Both.
    BothWindowsZero,
    /// There is unacknowledged data, and the last ACK came more than a second ago.
    Unacknowledged,
}

impl Diag {
    /// The mark, as the knetstat kernel module has it.
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
