//! What a run asks for suffices for what it shows: the output is the same if the programs leave out the other
//! sections. The records here still have them, but are marked as if they were left out. Whatever reads them
//! fails.

use std::mem::offset_of;

use crate::records::{self, Stream, PLAIN};
use knetstat::commands::table::pipeline;
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::kernel::abi::{record_header, section};
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::defaults::{Answer, Defaults};
use knetstat::options::selection::Selection;
use knetstat::options::value::Value;
use knetstat::output::json::LINES;
use knetstat::output::table::TABLE;
use knetstat::output::{Format, Style};
use knetstat::query::column_list::ColumnRequest;
use knetstat::query::columns::Column;
use knetstat::query::expression::Expression;
use knetstat::query::filter::Filter;
use knetstat::query::key::Key;
use knetstat::record::Records;
use knetstat::socket::kind::SocketKind;

/// The option of no record, because it requires an interface that exists.
const NOT_RECORDED: [&str; 1] = ["SO_BINDTODEVICE"];

/// Returns the same records, marked as if the programs had left out the sections that this run does not want.
fn without_others(stream: &Stream, config: &Config) -> Vec<u8> {
    // The groups of netlink sockets are never left out.
    const NETLINK: u32 = section::SECTION_NETLINK.0;
    let word = |bytes: &[u8], at: usize| {
        u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
    };
    let mut bytes = stream.bytes.clone();
    for begin in [0].iter().chain(&stream.ends[..stream.ends.len() - 1]) {
        let has = word(&bytes, begin + offset_of!(record_header, sections));
        let always = if has & NETLINK != 0 { section::SECTION_ITEMS.0 } else { 0 };
        let left_out = has & !config.sections().bits() & !always;
        let at = begin + offset_of!(record_header, left_out);
        bytes[at..at + 4].copy_from_slice(&left_out.to_ne_bytes());
    }
    bytes
}

fn print(bytes: &[u8], config: &Config) -> String {
    // With these defaults, the rules of every marker are evaluated.
    let answers = vec![Answer::Value(Value::Int(1)); CATALOGUE.len()];
    let defaults = Defaults::with(SocketKind::ALL.map(|_| Some(answers.clone())));
    let namespaces = records::namespaces(&defaults, config);
    let mut text = Vec::new();
    let mut output = config.format.open(&mut text, &config.columns, config.style);
    let records = Records::new(bytes);
    pipeline::print(
        records,
        config,
        &namespaces,
        records::nobody(),
        output.as_mut(),
        &Progress::default(),
    )
    .expect("whole records");
    output.end().expect("memory");
    drop(output);
    String::from_utf8(text).expect("what is printed is UTF-8")
}

/// Compares the output of a run with and without the sections that it does not want, and returns it.
fn check(config: &Config) -> String {
    let mut all = String::new();
    for stream in records::all() {
        let text = print(&stream.bytes, config);
        assert_eq!(print(&without_others(&stream, config), config), text);
        all += &text;
    }
    all
}

fn columns(format: Format, columns: &[Column]) -> Config {
    let request = ColumnRequest { chosen: columns.to_vec(), ..ColumnRequest::default() };
    records::config(format, &request)
}

#[test]
fn of_each_option_alone() {
    let columns = columns(LINES, &[Column::Options, Column::Set]);
    let mut never = Vec::new();
    for (index, option) in CATALOGUE.iter().enumerate() {
        let text = check(&Config { selection: Selection::of([index]), ..columns.clone() });
        if !text.contains(&format!("\"{}\":", option.name)) {
            never.push(option.name);
        }
    }
    assert_eq!(never, NOT_RECORDED, "no record has these options");
}

#[test]
fn of_selections() {
    for words in ["common", "set", "all", "keepalive,set", "so_*", "tcp_ulp,ip_options"] {
        let selection = Selection::parse(words.split(',')).expect("words of -O");
        for format in [LINES, TABLE] {
            let columns = columns(format, &[Column::Options, Column::Set]);
            check(&Config { selection: selection.clone(), ..columns });
        }
    }
}

#[test]
fn of_each_column_alone() {
    for column in Column::ALL {
        for (format, short) in [(LINES, false), (TABLE, false), (TABLE, true)] {
            let style = Style { short, ..PLAIN };
            check(&Config { style, ..columns(format, &[column]) });
        }
    }
}

#[test]
fn of_expressions() {
    for option in CATALOGUE {
        for text in ["has(NAME)", "set(NAME)", "not set(NAME)"] {
            let expression = Expression::parse(&text.replace("NAME", option.name));
            let expression = expression.expect("an expression");
            let filter = Filter::new([true; SocketKind::ALL.len()], true, expression);
            let keys: Vec<Key> = filter.keys().collect();
            let asked = Selection::of(keys.iter().copied().flat_map(Key::options));
            check(&Config { filter, keys, asked, ..columns(LINES, &[Column::Cookie]) });
        }
    }
}
