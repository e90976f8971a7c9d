//! The summary (`--summary`): the sockets by protocol and state, and the options that have been set, with their
//! values and the programs that hold the sockets.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr;

use super::{list, Format, Output, Row, Style};
use crate::options::plan::OptionValue;
use crate::options::spec::OptionSpec;
use crate::options::value::Value;
use crate::query::cell_text;
use crate::query::groups::Groups;
use crate::record::fact::Sections;
use crate::socket::holders::Holder;
use crate::socket::owner::Owner;
use crate::text::Escaped;

/// Two lists.
pub const TEXT: Format = Format {
    whole_sockets: false,
    has_sections: false,
    has_blocks: true,
    explains: false,
    sections: Sections::default,
    open: |to, _, style| Box::new(Summary::new(to, style, Form::Text)),
};

/// One JSON object, indented.
pub const OBJECT: Format = Format {
    whole_sockets: false,
    has_sections: false,
    has_blocks: false,
    explains: false,
    sections: Sections::default,
    open: |to, _, style| Box::new(Summary::new(to, style, Form::Object)),
};

/// One JSON object on one line.
pub const LINE: Format = Format {
    whole_sockets: false,
    has_sections: false,
    has_blocks: false,
    explains: false,
    sections: Sections::default,
    open: |to, _, style| Box::new(Summary::new(to, style, Form::Line)),
};

/// The form in which the summary is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Object,
    Line,
}

struct Summary<'a> {
    to: Box<dyn Write + 'a>,
    style: Style,
    form: Form,
    sockets: u64,
    /// The number of sockets by the place of the kind and of the state in their order, with their words.
    states: BTreeMap<(usize, u8, &'static str, &'static str), u64>,
    /// The options that have been set. All are in the catalogue, so that their addresses have its order.
    options: BTreeMap<*const OptionSpec, (&'static OptionSpec, Setters)>,
    /// Whether the processes of all sockets are known.
    knows_programs: bool,
}

/// The sockets on which an option has been set.
#[derive(Default)]
struct Setters {
    sockets: u64,
    /// The values, as they are printed.
    values: Groups,
    /// The commands, or the reasons why there is no process. Each counts once for a socket.
    programs: Groups,
}

impl<'a> Summary<'a> {
    fn new(to: Box<dyn Write + 'a>, style: Style, form: Form) -> Summary<'a> {
        let (states, options) = (BTreeMap::new(), BTreeMap::new());
        Summary { to, style, form, sockets: 0, states, options, knows_programs: true }
    }

    fn add_option(&mut self, shown: &OptionValue, programs: &[Vec<u8>]) -> io::Result<()> {
        let mut value = Vec::new();
        match self.form {
            Form::Text => cell_text::value_to(&mut value, shown)?,
            Form::Object | Form::Line => write_members(&mut value, &shown.value)?,
        }
        let entry = self.options.entry(std::ptr::from_ref(shown.option));
        let (_, setters) = entry.or_insert_with(|| (shown.option, Setters::default()));
        setters.sockets += 1;
        setters.values.add(&value);
        programs.iter().for_each(|program| setters.programs.add(program));
        Ok(())
    }
}

/// Appends an object with the value, and with what getsockopt(2) does not report of it: `{"value":"0.0.0.0","ifindex":3}`.
fn write_members(to: &mut Vec<u8>, value: &Value) -> io::Result<()> {
    to.extend_from_slice(b"{\"value\":");
    serde_json::to_writer(&mut *to, value)?;
    if let Some(untold) = value.untold() {
        write!(to, ",\"{}\":", untold.suffix().trim_start_matches('_'))?;
        serde_json::to_writer(&mut *to, &untold)?;
    }
    to.push(b'}');
    Ok(())
}

impl Output for Summary<'_> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        let socket = row.socket;
        let place = (socket.kind.index(), socket.state as u8, socket.word(), socket.state_word());
        self.sockets += 1;
        *self.states.entry(place).or_default() += 1;
        self.knows_programs &= row.holders.of_socket.is_some();
        let programs =
            row.holders.of_socket.map(|holders| programs(holders, self.form)).unwrap_or_default();
        row.options
            .iter()
            .filter(|shown| shown.set)
            .try_for_each(|shown| self.add_option(shown, &programs))
    }

    fn end(&mut self) -> io::Result<()> {
        let json = match self.form {
            Form::Text => return self.end_incomplete(),
            Form::Object => serde_json::to_string_pretty(&self.object())?,
            Form::Line => serde_json::to_string(&self.object())?,
        };
        writeln!(self.to, "{json}")?;
        self.to.flush()
    }

    /// Nothing is written as JSON, because one object has no end that could be left out.
    fn end_incomplete(&mut self) -> io::Result<()> {
        if self.form == Form::Text {
            self.write_text()?;
        }
        self.to.flush()
    }
}

/// The commands of the processes that hold a socket, each once, or the reason why there is none, in
/// parentheses as in the table. In JSON there is no command then.
fn programs((holders, owner): (&[Holder], Owner), form: Form) -> Vec<Vec<u8>> {
    let mut commands: Vec<&[u8]> = holders.iter().map(|it| it.task.command.as_bytes()).collect();
    commands.sort_unstable();
    commands.dedup();
    match form {
        Form::Text if commands.is_empty() => vec![format!("({})", owner.word()).into_bytes()],
        Form::Text => commands.into_iter().map(|it| cell_text::command(it).into_bytes()).collect(),
        _ if commands.is_empty() => vec![b"null".to_vec()],
        _ => {
            let json = |command| Json::String(Escaped(command).to_string()).to_string();
            commands.into_iter().map(|command| json(command).into_bytes()).collect()
        }
    }
}

// Text

/// The number of values or programs that are listed for an option.
const ITEMS_MAX: usize = 5;

/// The width of a list of values or programs that is always there, however narrow the terminal is.
const LIST_MIN: usize = 20;

impl Summary<'_> {
    fn write_text(&mut self) -> io::Result<()> {
        let states = self.states.iter().map(|((_, _, protocol, state), count)| {
            vec![count.to_string(), (*protocol).to_owned(), (*state).to_owned()]
        });
        let states = self.with_header(&["Count", "Proto", "State"], states.collect());
        let options = self.option_records();
        let plural = if self.sockets == 1 { "" } else { "s" };
        writeln!(self.to, "{} socket{plural}", self.sockets)?;
        for records in [states, options] {
            if !records.is_empty() {
                writeln!(self.to)?;
                list::write(&mut self.to, records)?;
            }
        }
        Ok(())
    }

    fn with_header(&self, titles: &[&str], records: Vec<Vec<String>>) -> Vec<Vec<String>> {
        let has_header = self.style.header && !records.is_empty();
        let header = has_header.then(|| titles.iter().map(|title| (*title).to_owned()).collect());
        header.into_iter().chain(records).collect()
    }

    fn option_records(&self) -> Vec<Vec<String>> {
        let (values, programs) = self.rooms();
        let record = |(option, setters): &(&OptionSpec, Setters)| {
            let programs = match self.knows_programs {
                true => listed(&setters.programs, programs),
                false => "?".to_owned(),
            };
            let count = setters.sockets.to_string();
            vec![count, option.name.to_owned(), listed(&setters.values, values), programs]
        };
        let records = self.options.values().map(record).collect();
        self.with_header(&["Count", "Option", "Values", "Programs"], records)
    }

    /// The widths of the two lists on a terminal: half of what is left beside the counts and the names.
    fn rooms(&self) -> (Option<usize>, Option<usize>) {
        let names = self.options.values().map(|(option, _)| option.name.len());
        let before = names.max().unwrap_or_default() + "Count".len() + 3 * list::GAP;
        let left = self.style.terminal.map(|width| width.saturating_sub(before));
        let half = left.map(|left| (left / 2).max(LIST_MIN));
        (half, half)
    }
}

/// Lists values with their counts, the most frequent first: `120s (14), 60s (3), +2`. A single value has no
/// count, which is that of the option. Values that do not fit are only counted, but never cut.
fn listed(groups: &Groups, room: Option<usize>) -> String {
    let groups = groups.largest_first();
    if let [(value, _)] = groups[..] {
        return String::from_utf8_lossy(value).into_owned();
    }
    let mut text = String::new();
    for (n, (value, count)) in groups.iter().enumerate() {
        let item = format!("{} ({count})", String::from_utf8_lossy(value));
        let rest = format!(", +{}", groups.len() - n);
        let width = text.width() + 2 + item.width() + rest.len();
        if n == ITEMS_MAX || n > 0 && room.is_some_and(|room| width > room) {
            return text + &rest;
        }
        text += if n > 0 { ", " } else { "" };
        text += &item;
    }
    text
}

// JSON

#[derive(Serialize)]
struct Object {
    sockets: u64,
    states: Vec<StateCount>,
    options: Vec<OptionCount>,
}

#[derive(Serialize)]
struct StateCount {
    protocol: &'static str,
    state: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct OptionCount {
    option: &'static str,
    count: u64,
    values: Vec<ValueCount>,
    /// `None` if the processes are not known.
    programs: Option<Vec<ProgramCount>>,
}

#[derive(Serialize)]
struct ValueCount {
    /// Those of [`write_members`].
    #[serde(flatten)]
    members: Json,
    count: u64,
}

#[derive(Serialize)]
struct ProgramCount {
    /// `None` for sockets that no process holds.
    command: Option<String>,
    count: u64,
}

impl Summary<'_> {
    fn object(&self) -> Object {
        let states = self.states.iter().map(|((_, _, protocol, state), count)| StateCount {
            protocol,
            state,
            count: *count,
        });
        let options = self.options.values().map(|(option, setters)| OptionCount {
            option: option.name,
            count: setters.sockets,
            values: counted(&setters.values, |members, count| ValueCount { members, count }),
            programs: self.knows_programs.then(|| {
                counted(&setters.programs, |command, count| ProgramCount {
                    command: command.as_str().map(str::to_owned),
                    count,
                })
            }),
        });
        Object { sockets: self.sockets, states: states.collect(), options: options.collect() }
    }
}

/// The groups, whose values are JSON.
fn counted<T>(groups: &Groups, make: fn(Json, u64) -> T) -> Vec<T> {
    let groups = groups.largest_first().into_iter();
    groups
        .map(|(value, count)| make(serde_json::from_slice(value).unwrap_or(Json::Null), count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_do_not_fit_are_counted() {
        let mut groups = Groups::default();
        for (value, count) in [("60s", 3), ("120s", 14), ("7s", 1), ("8s", 1)] {
            (0..count).for_each(|_| groups.add(value.as_bytes()));
        }
        assert_eq!(listed(&groups, None), "120s (14), 60s (3), 7s (1), 8s (1)");
        assert_eq!(listed(&groups, Some(24)), "120s (14), 60s (3), +2");
        assert_eq!(listed(&groups, Some(1)), "120s (14), +3");
        for value in ["a", "b"] {
            groups.add(value.as_bytes());
        }
        assert_eq!(listed(&groups, None), "120s (14), 60s (3), 7s (1), 8s (1), a (1), +1");
        assert_eq!(listed(&Groups::default(), None), "");
        let mut one = Groups::default();
        one.add(b"1");
        assert_eq!(listed(&one, Some(0)), "1");
    }
}
