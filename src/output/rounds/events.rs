//! What has changed, as a stream (`--changes`): a line for each socket that was opened or closed, or that has changed.

use std::io::{self, Write};

use super::compare::{Change, Compared, Fate};
use super::round::Shown;
use crate::query::layout::Layout;

/// The width of the first column of the table, with a blank.
const WIDTH: usize = 8;

/// The first columns of the titles.
const TITLE: &str = "Event";

/// The text of an option that only the other round has shown, because it was or is not set.
const NOT_SHOWN: &[u8] = b"unset";

/// Writes the events of one round after the other.
#[derive(Default)]
pub struct Events {
    /// The layout of the last line.
    layout: Option<Layout>,
}

impl Events {
    /// Writes the events as lines of the table, each with its titles before the first line of a layout.
    ///
    /// # Errors
    ///
    /// When they cannot be written, here and below.
    pub fn write_table(&mut self, compared: &Compared, to: &mut impl Write) -> io::Result<()> {
        for (event, shown, changes) in all(compared) {
            let title = &compared.round.titles[shown.layout as usize];
            let title = title.strip_prefix(b"\n").unwrap_or(title);
            if self.layout.replace(shown.layout) != Some(shown.layout) && !title.is_empty() {
                write!(to, "{TITLE:WIDTH$}")?;
                to.write_all(title)?;
            }
            write!(to, "{event:WIDTH$}")?;
            to.write_all(shown.text.strip_suffix(b"\n").unwrap_or(&shown.text))?;
            if !changes.is_empty() {
                to.write_all(b" ")?;
                write_changes(changes, to)?;
            }
            to.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes the events as objects, one on each line.
    ///
    /// # Errors
    ///
    /// As [`Events::write_table`].
    pub fn write_json(compared: &Compared, to: &mut impl Write) -> io::Result<()> {
        for (event, shown, changes) in all(compared) {
            write!(to, "{{\"event\":\"{event}\"")?;
            if !changes.is_empty() {
                to.write_all(b",\"changes\":{")?;
                write_members(changes, to)?;
                to.write_all(b"}")?;
            }
            let members = shown.text.strip_prefix(b"{").unwrap_or_default();
            to.write_all(if members.starts_with(b"}") { b"" } else { b"," })?;
            to.write_all(members)?;
        }
        Ok(())
    }
}

/// Writes changes as a text without a blank: `TCP_NODELAY=0->1,state=ESTABLISHED->CLOSE_WAIT`.
pub(super) fn write_changes(changes: &[Change], to: &mut impl Write) -> io::Result<()> {
    for (n, Change { name, old, new, .. }) in changes.iter().enumerate() {
        to.write_all(if n > 0 { b"," } else { b"" })?;
        to.write_all(name)?;
        to.write_all(b"=")?;
        to.write_all(old.as_deref().unwrap_or(NOT_SHOWN))?;
        to.write_all(b"->")?;
        to.write_all(new.as_deref().unwrap_or(NOT_SHOWN))?;
    }
    Ok(())
}

/// Writes the old and the new value of each member, with those of the options in an object of their own.
fn write_members(changes: &[Change], to: &mut impl Write) -> io::Result<()> {
    let (options, columns): (Vec<&Change>, Vec<&Change>) =
        changes.iter().partition(|change| change.is_option);
    write_each(&columns, to)?;
    if options.is_empty() {
        return Ok(());
    }
    to.write_all(if columns.is_empty() { b"" } else { b"," })?;
    to.write_all(b"\"options\":{")?;
    write_each(&options, to)?;
    to.write_all(b"}")
}

fn write_each(changes: &[&Change], to: &mut impl Write) -> io::Result<()> {
    for (n, Change { name, old, new, .. }) in changes.iter().enumerate() {
        to.write_all(if n > 0 { b",\"" } else { b"\"" })?;
        to.write_all(name)?;
        to.write_all(b"\":{\"old\":")?;
        to.write_all(old.as_deref().unwrap_or(b"null"))?;
        to.write_all(b",\"new\":")?;
        to.write_all(new.as_deref().unwrap_or(b"null"))?;
        to.write_all(b"}")?;
    }
    Ok(())
}

/// The events: first those of sockets that are gone, whose addresses others may have now.
fn all<'a>(
    compared: &'a Compared,
) -> impl Iterator<Item = (&'static str, &'a Shown, &'a [Change])> {
    let none: &[Change] = &[];
    let closed = compared.closed.iter().map(move |shown| ("closed", *shown, none));
    let rows = compared.round.rows.iter().zip(&compared.fates);
    let others = rows.filter_map(move |(shown, fate)| match fate {
        Fate::Same => None,
        Fate::Opened => Some(("opened", shown, none)),
        Fate::Changed(changes) => Some(("changed", shown, changes.as_slice())),
    });
    closed.chain(others)
}
