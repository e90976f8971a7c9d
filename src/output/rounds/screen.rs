//! A round on a terminal, in place of the one before.

use std::io::{self, Write};

use super::super::line::display_width;
use super::compare::{Compared, Fate};
use super::events::write_changes;
use super::round::Shown;
use crate::query::layout::Layout;

/// Moves the cursor to the upper left corner and erases what is on the screen. Nothing else of the terminal changes,
/// so there is nothing to restore.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

/// The number of columns of the marks at the left edge.
pub const MARKS: usize = 2;

/// The size of the terminal, in columns and lines.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub columns: usize,
    pub lines: usize,
}

/// What is shown as a whole or not at all.
struct Piece {
    text: Vec<u8>,
    /// Whether it counts among what does not fit.
    is_counted: bool,
}

/// Writes a round with its marks: `+` for a socket that was opened, `-` for one that is gone and is shown a last time,
/// and `~` for one that has changed, with the old and new values below it.
///
/// # Errors
///
/// When it cannot be written, here and below.
pub fn write_marked(
    compared: &Compared,
    notes: &[String],
    size: Size,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut pieces = Vec::new();
    for layout in Layout::ALL {
        let title = &compared.round.titles[layout as usize];
        pieces.push(Piece { text: marked(b' ', title), is_counted: false });
        let rows = compared.round.rows.iter().zip(&compared.fates);
        for (shown, fate) in rows.filter(|(shown, _)| shown.layout == layout) {
            pieces.push(row(shown, fate)?);
        }
        let closed = compared.closed.iter().filter(|shown| shown.layout == layout);
        pieces.extend(closed.map(|it| Piece { text: marked(b'-', &it.text), is_counted: true }));
    }
    write_pieces(&pieces, "row", notes, size, to)
}

/// Writes the lines of a round that has no rows of sockets, such as counts.
///
/// # Errors
///
/// As [`write_marked`].
pub fn write_lines(
    text: &[u8],
    notes: &[String],
    size: Size,
    to: &mut impl Write,
) -> io::Result<()> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let pieces: Vec<Piece> =
        lines.map(|line| Piece { text: line.to_vec(), is_counted: true }).collect();
    write_pieces(&pieces, "line", notes, size, to)
}

fn row(shown: &Shown, fate: &Fate) -> io::Result<Piece> {
    let text = match fate {
        Fate::Same => marked(b' ', &shown.text),
        Fate::Opened => marked(b'+', &shown.text),
        Fate::Changed(changes) => {
            let mut text = marked(b'~', &shown.text);
            text.extend_from_slice(b"      ");
            write_changes(changes, &mut text)?;
            text.push(b'\n');
            text
        }
    };
    Ok(Piece { text, is_counted: true })
}

/// Returns the lines with a mark before the first one, and room for it before the others.
fn marked(mark: u8, text: &[u8]) -> Vec<u8> {
    let mut marked = Vec::with_capacity(text.len() + MARKS);
    for (n, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line != b"\n" {
            marked.extend([if n == 0 { mark } else { b' ' }, b' ']);
        }
        marked.extend_from_slice(line);
    }
    marked
}

/// Writes as many pieces as fit into the screen, and how many do not, which are called `noun`. The last line is that of the
/// cursor.
fn write_pieces(
    pieces: &[Piece],
    noun: &str,
    notes: &[String],
    size: Size,
    to: &mut impl Write,
) -> io::Result<()> {
    let notes: String = notes.iter().map(|note| format!("knetstat: {note}\n")).collect();
    let room = size.lines.saturating_sub(1 + height(notes.as_bytes(), size.columns));
    let heights: Vec<usize> = pieces.iter().map(|it| height(&it.text, size.columns)).collect();
    let fits = heights.iter().sum::<usize>() <= room;
    // Without those that do not fit, there is a line that says so.
    let room = if fits { room } else { room.saturating_sub(1) };
    let mut used = 0;
    let shown = heights.iter().take_while(|height| {
        used += **height;
        used <= room
    });
    let (shown, hidden) = pieces.split_at(shown.count());
    to.write_all(CLEAR)?;
    for piece in shown {
        to.write_all(&piece.text)?;
    }
    let hidden = hidden.iter().filter(|it| it.is_counted).count();
    if hidden > 0 {
        let does = if hidden == 1 { " does" } else { "s do" };
        writeln!(to, "{hidden} more {noun}{does} not fit on the screen")?;
    }
    to.write_all(notes.as_bytes())
}

/// The number of lines that a text takes on a terminal with so many columns.
fn height(text: &[u8], columns: usize) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let height = |line: &[u8]| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        display_width(line).div_ceil(columns.max(1)).max(1)
    };
    lines.map(height).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let written = |rows: usize, lines| {
            let text = "a row\n".repeat(rows);
            let mut to = Vec::new();
            write_lines(text.as_bytes(), &[], Size { columns: 40, lines }, &mut to).unwrap();
            String::from_utf8(to).unwrap()
        };
        assert_eq!(written(3, 4), "\x1b[H\x1b[2Ja row\na row\na row\n");
        assert_eq!(written(3, 3), "\x1b[H\x1b[2Ja row\n2 more lines do not fit on the screen\n");
        assert_eq!(written(3, 1), "\x1b[H\x1b[2J3 more lines do not fit on the screen\n");
    }

    #[test]
    fn long_lines_take_more_lines() {
        assert_eq!(height(b"", 10), 0);
        assert_eq!(height(b"\n0123456789\n0123456789a\n", 10), 4);
        assert_eq!(height("日本\n".as_bytes(), 3), 2);
        assert_eq!(height(b"\x1b[1m0123456789\x1b[0m\n", 10), 1);
    }
}
