//! The list of all options, by level or by topic.

use std::io::{self, Write};

use super::facts::Host;
use super::page::Page;
use super::words::{kind, sentence};
use crate::options::catalogue::CATALOGUE;
use crate::options::reference::topics;

/// Where the columns behind the name begin. A longer name pushes them, as far as needed.
const COLUMNS: [usize; 4] = [30, 43, 50, 71];
/// Where the explanation of an option begins in the list by topic.
const HELP: usize = 32;

/// Writes the options in the order of the catalogue, a line for each.
///
/// # Errors
///
/// When it cannot be written.
pub fn by_level(page: &mut Page<impl Write>, host: &Host) -> io::Result<()> {
    page.line(&row(["Name", "Level", "Number", "Kind", "Here"]), 2)?;
    for (index, option) in CATALOGUE.iter().enumerate() {
        let here = match host.is_supported(index) {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        let number = option.number.to_string();
        let cells = [option.name, option.level.name, &number, &kind(option), here];
        page.line(&row(cells), 2)?;
    }
    Ok(())
}

/// Writes the topics, and under each its own options with what they do.
///
/// # Errors
///
/// When it cannot be written.
pub fn by_topic(page: &mut Page<impl Write>, host: &Host) -> io::Result<()> {
    for (n, topic) in topics::all().enumerate() {
        if n > 0 {
            page.empty()?;
        }
        page.line(&format!("{}: {}", topic.name, topic.about), 2)?;
        for index in topic.options() {
            let option = &CATALOGUE[index];
            let mut text = sentence(option.help);
            if host.is_supported(index) == Some(false) {
                text += " Not in this kernel.";
            }
            page.item(&format!("  {}", option.name), &text, HELP)?;
        }
    }
    Ok(())
}

fn row(cells: [&str; COLUMNS.len() + 1]) -> String {
    let [name, rest @ ..] = cells;
    let mut line = name.to_owned();
    for (cell, column) in rest.into_iter().zip(COLUMNS) {
        let blanks = column.saturating_sub(line.len()).max(1);
        line += &format!("{:blanks$}{cell}", "");
    }
    line
}
