//! The colours of the table. No information is given by colour alone.

use crate::options::plan::OptionValue;
use crate::options::set::Marker;
use crate::socket::state::State;

/// The escape sequence that begins a colour, or bold or dim type. Empty for plain text.
pub type Paint = &'static str;

/// Plain text.
pub const NONE: Paint = "";
const BOLD: Paint = "\x1b[1m";
const DIM: Paint = "\x1b[2m";
const RED: Paint = "\x1b[31m";
const GREEN: Paint = "\x1b[32m";
const YELLOW: Paint = "\x1b[33m";
const CYAN: Paint = "\x1b[36m";
const END: &[u8] = b"\x1b[0m";

/// The colour of the marks of the Diag column.
pub const DIAG: Paint = RED;

/// The colour of a state: green while the socket is listening, cyan while it is connected, and yellow
/// while the connection is being opened or closed.
pub fn of_state(state: State) -> Paint {
    match state {
        State::Listen => GREEN,
        State::Established => CYAN,
        State::SynSent
        | State::SynRecv
        | State::FinWait1
        | State::FinWait2
        | State::TimeWait
        | State::CloseWait
        | State::LastAck
        | State::Closing => YELLOW,
        State::Close | State::Unconnected | State::Unknown => NONE,
    }
}

/// Bold for an option that is set, and dim for one that has its default, if that is known. An option that
/// never counts as set, such as SO_ERROR, is neither.
pub fn of_option(shown: &OptionValue, knows_set: bool) -> Paint {
    match shown.set {
        true => BOLD,
        false if knows_set && !matches!(shown.option.marker, Marker::Never) => DIM,
        false => NONE,
    }
}

/// Appends the text that `write` appends, in a colour. An empty text stays empty.
pub fn paint<T>(to: &mut Vec<u8>, paint: Paint, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let before = to.len();
    to.extend_from_slice(paint.as_bytes());
    let begin = to.len();
    let result = write(to);
    if to.len() == begin {
        to.truncate(before);
    } else if !paint.is_empty() {
        to.extend_from_slice(END);
    }
    result
}
