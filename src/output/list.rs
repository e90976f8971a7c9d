//! Lists of counts as text, in the plain style of the other lists of the program.

use std::io::{self, Write};

use tabled::builder::Builder;
use tabled::settings::object::{Columns, Rows};
use tabled::settings::{Alignment, Padding, Style};

/// The number of blanks between two columns. Lists of values contain blanks.
pub const GAP: usize = 2;

/// Writes records in aligned columns, the first of which is aligned to the right.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(to: &mut dyn Write, records: Vec<Vec<String>>) -> io::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut table = Builder::from(records).build();
    // The style adds one blank.
    let alignment = (Alignment::left(), Padding::new(0, GAP - 1, 0, 0));
    table.with(Style::blank()).modify(Rows::new(..), alignment);
    table.modify(Columns::first(), Alignment::right());
    table.to_string().lines().try_for_each(|line| writeln!(to, "{}", line.trim_end()))
}
