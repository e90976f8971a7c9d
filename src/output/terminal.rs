//! The terminal on standard output.

use std::io::{self, IsTerminal};

use terminal_size::{terminal_size_of, Width};

/// How many columns the terminal on standard output has, where it is one. A terminal that does not know,
/// as a serial line, has those of the environment variable COLUMNS. Anything else than a terminal has no
/// width, even under watch(1), which sets COLUMNS: what reads a pipe expects a line for each row.
pub fn width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let asked = terminal_size_of(&stdout).map(|(Width(columns), _)| columns.into());
    let columns = asked.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
    columns.filter(|columns| *columns > 0)
}
