//! The list of all options, by level or by topic.

use std::io::{self, Write};

use tabled::builder::Builder;
use tabled::settings::object::Rows;
use tabled::settings::{Alignment, Padding, Style};

use super::facts::Host;
use super::page::Page;
use super::words::{kind, sentence};
use crate::options::catalogue::CATALOGUE;
use crate::options::reference::topics;

/// The position at which the explanation of an option begins in the list by topic.
const HELP: usize = 32;

/// Writes the options in the order of the catalogue, one per line.
///
/// # Errors
///
/// When it cannot be written.
pub fn by_level(page: &mut Page<impl Write>, host: &Host) -> io::Result<()> {
    let mut builder = Builder::default();
    builder.push_record(["Name", "Level", "Number", "Here", "Kind"]);
    for (index, option) in CATALOGUE.iter().enumerate() {
        let here = match host.is_supported(index) {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        let number = option.number.to_string();
        builder.push_record([option.name, option.level.name, &number, here, &kind(option)]);
    }
    let mut table = builder.build();
    let alignment = (Alignment::left(), Padding::new(0, 1, 0, 0));
    table.with(Style::blank()).modify(Rows::new(..), alignment);
    for line in table.to_string().lines() {
        page.line(line.trim(), 2)?;
    }
    Ok(())
}

/// Writes the topics, each with its options and their explanations.
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
