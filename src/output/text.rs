//! Cells as text: query/cell_text.rs, in the style of the table.

use std::io;

use super::repeated::Repeated;
use super::wording::Wording;
use super::{color, short};
use crate::options::plan::OptionValue;
use crate::options::short::short_name;
use crate::query::cell::Cell;
use crate::query::cell_text;

/// Appends the text of a cell, which may be empty.
///
/// # Errors
///
/// None, because writing to a `Vec` does not fail.
pub fn write(
    to: &mut Vec<u8>,
    cell: &Cell,
    wording: &Wording,
    repeated: &mut Repeated,
) -> io::Result<()> {
    match cell {
        Cell::Program(holders, owner, behind) => {
            let room = wording.processes;
            to.extend(cell_text::program(holders, *owner, *behind, room).into_bytes());
        }
        Cell::Via(_, holders @ [_, ..]) => {
            to.extend(cell_text::processes(holders, wording.processes).into_bytes());
        }
        Cell::Options(options, is_partial) => {
            options_to(to, options, *is_partial, wording, repeated)?
        }
        Cell::Set(options) => set(to, options, wording),
        cell => cell_text::write(to, cell, wording.short)?,
    }
    Ok(())
}

/// Appends the options, joined by commas, and a question mark if some may be missing.
fn options_to(
    to: &mut Vec<u8>,
    options: &[OptionValue],
    is_partial: bool,
    wording: &Wording,
    repeated: &mut Repeated,
) -> io::Result<()> {
    let before = to.len();
    match wording.short {
        true => short::options_to(to, options, wording)?,
        false => {
            repeated.write(to, options, |to, shown| {
                color::paint(to, wording.paint(shown), |to| cell_text::option_to(to, shown))?;
                to.push(b',');
                Ok(())
            })?;
            // Without the comma after the last option.
            to.truncate(to.len() - usize::from(!options.is_empty()));
        }
    }
    if is_partial {
        to.extend_from_slice(if to.len() > before { b",?" } else { b"?" });
    }
    Ok(())
}

/// The names of the options that are set, joined by commas.
fn set(to: &mut Vec<u8>, options: &[OptionValue], wording: &Wording) {
    let mut comma = "";
    for shown in options.iter().filter(|shown| shown.set) {
        let name = if wording.short { short_name(shown.option) } else { shown.option.name };
        to.extend_from_slice(comma.as_bytes());
        to.extend_from_slice(name.as_bytes());
        comma = ",";
    }
    if comma.is_empty() {
        to.push(b'-');
    }
}
