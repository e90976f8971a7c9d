//! The colours of the table. Each only repeats what the text says.

use crate::options::plan::OptionValue;
use crate::options::set::Marker;
use crate::socket::state::State;

/// The sequence that begins a colour or a type of print; empty: there is none.
pub type Paint = &'static str;

/// What is as it always is.
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

/// The colour of a state: green for those that wait for connections, cyan for connected ones, yellow for those
/// that are being opened or closed.
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

/// The print of an option: bold where it is set, and dim where it has its default, if that is known. What
/// nobody sets, as SO_ERROR, is neither.
pub fn of_option(shown: &OptionValue, knows_set: bool) -> Paint {
    match shown.set {
        true => BOLD,
        false if knows_set && !matches!(shown.option.marker, Marker::Never) => DIM,
        false => NONE,
    }
}

/// Appends what `write` writes in a colour; nothing where it writes nothing.
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
