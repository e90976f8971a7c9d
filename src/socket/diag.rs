//! The Diag column.

use std::fmt;

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
