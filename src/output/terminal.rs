//! The terminal on standard output.

use std::io::{self, IsTerminal};

use terminal_size::{terminal_size_of, Height, Width};

/// The number of columns of the terminal on standard output. A terminal that does not report it, such as
/// a serial line, has the width in the environment variable COLUMNS. `None` if standard output is not a
/// terminal, even under watch(1), which sets COLUMNS: the reader of a pipe expects one line per row.
pub fn width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let asked = terminal_size_of(&stdout).map(|(Width(columns), _)| columns.into());
    let columns = asked.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
    columns.filter(|columns| *columns > 0)
}

/// The number of lines of the terminal on standard output. A terminal that does not report it has the number in the
/// environment variable LINES, or as many lines as any output needs.
pub fn lines() -> usize {
    let asked = terminal_size_of(io::stdout()).map(|(_, Height(lines))| lines.into());
    let lines = asked.or_else(|| std::env::var("LINES").ok()?.parse().ok());
    lines.filter(|lines| *lines > 0).unwrap_or(usize::MAX)
}
