//! What can be asked about.

use crate::query::key::Key;

/// What a test asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Key(Key),
    /// The local or the remote port.
    EitherPort,
    /// The local or the remote end.
    EitherEnd,
}
