//! The terminal on standard output.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::termios::{tcgetwinsize, Winsize};

/// Whether the terminal has no cursor that can be moved.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// What a terminal reports of its size. It may report one of the two numbers only: on a serial line, `stty cols 132`
/// sets no number of lines.
fn reported(terminal: &impl AsFd, member: fn(Winsize) -> u16) -> Option<usize> {
    let number = tcgetwinsize(terminal).map_or(0, member);
    (number > 0).then(|| number.into())
}

/// The number of columns of a terminal, if it reports it.
pub fn width_of(terminal: &impl AsFd) -> Option<usize> {
    reported(terminal, |size| size.ws_col)
}

/// The number of columns of the terminal on standard output. A terminal that does not report it, such as
/// a serial line, has the width in the environment variable COLUMNS. `None` if standard output is not a
/// terminal, even under watch(1), which sets COLUMNS: the reader of a pipe expects one line per row.
pub fn width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let of_environment = || std::env::var("COLUMNS").ok()?.parse().ok();
    width_of(&stdout).or_else(of_environment).filter(|columns| *columns > 0)
}

/// The number of lines of the terminal on standard output. A terminal that does not report it has the number in the
/// environment variable LINES, or as many lines as any output needs.
pub fn lines() -> usize {
    let asked = reported(&io::stdout(), |size| size.ws_row);
    let lines = asked.or_else(|| std::env::var("LINES").ok()?.parse().ok());
    lines.filter(|lines| *lines > 0).unwrap_or(usize::MAX)
}
