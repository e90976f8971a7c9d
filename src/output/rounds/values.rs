//! The values of a row that are compared with those of the round before: its state, its addresses, the interface that
//! it is bound to, and the options that are shown. Queues and timers are not, because they change all the time. Addresses
//! and ports are compared as numbers, because their names may be found in a later round.

use std::io;

use super::super::Row;
use crate::options::plan::OptionValue;
use crate::query::cell::{Cell, End};
use crate::query::cell_text;
use crate::query::columns::Column;

const COMPARED: [Column; 4] = [Column::State, Column::Local, Column::Remote, Column::Interface];

/// The bytes that begin a column and an option, precede a value and end it. Names and values have no control
/// characters.
const COLUMN: u8 = 1;
const OPTION: u8 = 2;
const BEFORE_VALUE: u8 = 3;
const END: u8 = 4;

/// A value by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    pub is_option: bool,
    pub name: &'a [u8],
    pub value: &'a [u8],
}

/// Returns the values of a row as JSON or as the text of the table.
///
/// # Errors
///
/// None, because writing to a `Vec` does not fail.
pub fn of(row: &Row, is_json: bool) -> io::Result<Vec<u8>> {
    let mut values = Vec::new();
    let numeric = &Row { resolver: None, ..*row };
    for column in COMPARED {
        let name = if is_json { column.member() } else { column.name() };
        let cell = column.read(numeric);
        add(&mut values, COLUMN, [name, ""], |to| match is_json {
            true => Ok(serde_json::to_writer(to, &cell)?),
            false => cell_text::write(to, &cell, false),
        })?;
        // In a table, the other end of a unix socket has a column of its own besides its path.
        if let (Cell::End(End::UnixPeer { inode, .. }), false) = (&cell, is_json) {
            let peer = Cell::nonzero(*inode);
            add(&mut values, COLUMN, [Column::Peer.name(), ""], |to| {
                cell_text::write(to, &peer, false)
            })?;
        }
    }
    for shown in row.options {
        add_option(&mut values, shown, is_json)?;
    }
    Ok(values)
}

fn add_option(values: &mut Vec<u8>, shown: &OptionValue, is_json: bool) -> io::Result<()> {
    let name = shown.option.name;
    if !is_json {
        return add(values, OPTION, [name, ""], |to| cell_text::value_to(to, shown));
    }
    add(values, OPTION, [name, ""], |to| Ok(serde_json::to_writer(to, &shown.value)?))?;
    match shown.value.untold() {
        Some(untold) => add(values, OPTION, [name, untold.suffix()], |to| {
            Ok(serde_json::to_writer(to, &untold)?)
        }),
        None => Ok(()),
    }
}

fn add(
    values: &mut Vec<u8>,
    kind: u8,
    name: [&str; 2],
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    values.push(kind);
    name.iter().for_each(|part| values.extend_from_slice(part.as_bytes()));
    values.push(BEFORE_VALUE);
    write(values)?;
    values.push(END);
    Ok(())
}

/// The values that [`of`] has written, in order.
pub fn named(values: &[u8]) -> impl Iterator<Item = Named<'_>> {
    values.split(|byte| *byte == END).filter_map(|one| {
        let (kind, one) = one.split_first()?;
        let at = one.iter().position(|byte| *byte == BEFORE_VALUE)?;
        Some(Named { is_option: *kind == OPTION, name: &one[..at], value: &one[at + 1..] })
    })
}
