//! The manual page matches the program: it describes every flag, option, state, mark and member, and
//! nothing that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::{common, records};
use clap::{CommandFactory, ValueEnum};
use knetstat::cli::Cli;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::reference::topics;
use knetstat::options::spec::OptionSpec;
use knetstat::options::value::{AttachedProgram, Value};
use knetstat::output::json::LINES;
use knetstat::query::column_list::{ColumnList, ColumnRequest};
use knetstat::query::columns::Column;
use knetstat::query::layout::Layout;
use knetstat::socket::state::{self, State};
use knetstat::socket::Diag;
use knetstat::text::Name;
use serde_json::Value as Json;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/man/knetstat.8");
const PAGE: &str = include_str!("../../man/knetstat.8");

/// Returns the source of a section of the page.
fn section(name: &str) -> &'static str {
    let sections = PAGE.split("\n.SH ").filter_map(|section| section.split_once('\n'));
    let found = sections.filter(|(heading, _)| *heading == name).map(|(_, text)| text).next();
    found.unwrap_or_else(|| panic!("the page has no section {name}"))
}

/// Returns the text without font changes, approximately as it is read.
fn read(text: &str) -> String {
    ["\\fR", "\\fP", "\\fI", "\\fB"]
        .iter()
        .fold(text.to_owned(), |text, font| text.replace(font, ""))
        .replace("\\(aq", "'")
        .replace("\\-", "-")
        .replace('"', "")
}

/// Returns the entries of a section: each heading, and the text up to the next one.
fn entries(section: &str) -> Vec<(String, String)> {
    let section = section.replace(".TQ\n", ".TP\n");
    let entries = section.split(".TP\n").skip(1).filter_map(|entry| entry.split_once('\n'));
    let entries = entries.filter_map(|(heading, text)| Some((heading.split_once(' ')?.1, text)));
    let text = |text: &str| read(text.split("\n.PP").next().unwrap_or_default());
    entries.map(|(heading, after)| (read(heading), text(after))).collect()
}

fn headings(section_name: &str) -> BTreeSet<String> {
    entries(section(section_name)).into_iter().map(|(heading, _)| heading).collect()
}

#[test]
fn the_page_is_of_this_version() {
    let title = PAGE.lines().find(|line| line.starts_with(".TH ")).unwrap_or_default();
    assert!(title.contains(concat!("\"knetstat ", env!("CARGO_PKG_VERSION"), "\"")), "{title}");
}

#[test]
fn groff_has_nothing_to_complain_about() {
    let groff = Command::new("groff").args(["-man", "-ww", "-Tutf8", PATH]).output();
    let groff = groff.expect("groff(1), which make installs");
    assert!(groff.status.success());
    assert_eq!(String::from_utf8_lossy(&groff.stderr), "");
    let text = String::from_utf8_lossy(&groff.stdout);
    assert!(text.contains("show the options of every live socket"), "{text}");
}

#[test]
fn every_line_begins_with_a_request_or_a_word() {
    for line in PAGE.lines() {
        assert!(!line.ends_with(' ') && !line.starts_with(' '), "{line:?}");
        assert!(line.len() <= 110 || line.starts_with("Also called"), "{line}");
    }
}

#[test]
fn every_indented_list_ends_before_the_next() {
    let mut depth = 0;
    for line in PAGE.lines() {
        match line {
            ".RS" => depth += 1,
            ".RE" => depth -= 1,
            _ => assert!(depth == 0 || !line.starts_with(".S"), "within a list: {line}"),
        }
        assert!(matches!(depth, 0 | 1), "{line}");
    }
}

// Flags

/// Returns the flags of the program and its commands, except hidden ones.
fn flags() -> BTreeSet<String> {
    let flags = common::flags::flags(|argument| !argument.is_hide_set());
    let without_command = |flag: &String| flag.rsplit(' ').next().unwrap_or_default().to_owned();
    flags.iter().map(without_command).collect()
}

/// Returns the words of a text that look like flags. Combined letters are separated.
fn flags_in(text: &str) -> BTreeSet<String> {
    // A minus before a key reverses the order.
    let text = read(text).replace("--sort -", "--sort ");
    let words = text.split(|c: char| c.is_whitespace() || ",'()[]|".contains(c));
    let words = words.map(|word| word.trim_end_matches('.'));
    words
        .filter(|word| word.len() > 1 && word.starts_with('-'))
        .flat_map(|word| match word.strip_prefix("--") {
            Some(_) => vec![word.to_owned()],
            None => word.chars().skip(1).map(|letter| format!("-{letter}")).collect(),
        })
        .collect()
}

#[test]
fn every_flag_is_explained() {
    let flags = common::flags::flags(|argument| !argument.is_hide_set());
    let (of_commands, of_table): (BTreeSet<_>, BTreeSet<_>) =
        flags.into_iter().partition(|flag| flag.contains(' '));
    let explained: BTreeSet<String> =
        headings("OPTIONS").iter().flat_map(|heading| flags_in(heading)).collect();
    assert_eq!(explained, of_table);
    let commands: BTreeMap<String, BTreeSet<String>> = entries(section("COMMANDS"))
        .into_iter()
        .filter_map(|(heading, text)| {
            let command = heading.split_whitespace().next()?.to_owned();
            Some((command, flags_in(&format!("{heading} {text}"))))
        })
        .collect();
    for flag in of_commands {
        let (command, flag) = flag.split_once(' ').expect("a command before its flag");
        assert!(commands[command].contains(flag), "{command} {flag}");
    }
}

#[test]
fn no_flag_is_unknown() {
    let sections =
        ["SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "COLUMNS", "STATES", "DOCTOR"];
    let more = ["KNETSTAT OPTIONS", "CAPABILITIES", "ENVIRONMENT", "FILES", "EXAMPLES"];
    let (flags, mut all) = (flags(), BTreeSet::new());
    for name in sections.into_iter().chain(more) {
        let found = flags_in(section(name));
        let unknown: Vec<&String> = found.difference(&flags).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
        all.extend(found);
    }
    // Some flags are only described, and are in no example.
    assert!(all.len() > flags.len() / 2, "the page names only {all:?}");
}

#[test]
fn every_command_is_explained() {
    let program = Cli::command();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    let commands = commands.map(|command| command.get_name().to_owned());
    let explained = headings("COMMANDS");
    let explained = explained.iter().filter_map(|heading| heading.split_whitespace().next());
    assert_eq!(
        explained.map(str::to_owned).collect::<BTreeSet<_>>(),
        commands.collect::<BTreeSet<_>>()
    );
    for shell in clap_complete::Shell::value_variants() {
        assert!(section("COMMANDS").contains(&shell.to_string()), "{shell}");
    }
}

// Socket options

/// Returns the section as generated from the catalogue.
fn options_of_sockets() -> String {
    let mut text = String::new();
    let mut level = "";
    for option in CATALOGUE {
        if option.level.name != level {
            level = option.level.name;
            text += &format!(".SS {level}\n");
        }
        text += &entry(option);
    }
    text
}

fn entry(option: &OptionSpec) -> String {
    let unit = match option.kind.unit() {
        "" => String::new(),
        unit => format!(", {unit}"),
    };
    let kind = option.kind.word();
    let place = format!("{} {}", option.level.name, option.number);
    let mut text = format!(".TP\n.BR {} \" ({place}; {kind}{unit})\"\n", option.name);
    text += &sentence(option.help);
    if !option.aliases.is_empty() {
        text += &format!("Also called {}.\n", option.aliases.join(", "));
    }
    if !option.has_getter {
        text += "Not reported by getsockopt(2).\n";
    }
    text
}

/// Returns the help as a sentence, with minus signs escaped for troff.
fn sentence(help: &str) -> String {
    let mut text = String::new();
    let mut rest = help.chars().peekable();
    text.extend(rest.next().map(|c| c.to_ascii_uppercase()));
    while let Some(c) = rest.next() {
        let is_number = rest.peek().is_some_and(char::is_ascii_digit);
        text += &if c == '-' && is_number { "\\-".to_owned() } else { c.to_string() };
    }
    text + ".\n"
}

#[test]
fn every_option_of_sockets_is_as_in_the_catalogue() {
    let text = section("OPTIONS OF SOCKETS");
    let begin = text.find(".SS ").expect("the levels have headings");
    let (page, catalogue) = (text[begin..].trim_end(), options_of_sockets());
    // Reports only the first line that differs, instead of two pages.
    let differ = page.lines().zip(catalogue.lines()).find(|(page, catalogue)| page != catalogue);
    assert_eq!(differ, None, "{HOW}");
    assert_eq!(page.lines().count(), catalogue.lines().count(), "{HOW}");
}

const HOW: &str = "man/knetstat.8 is not as the catalogue; what it must have is printed by
cargo test -q --test unprivileged -- --ignored --nocapture print";

#[test]
#[ignore = "prints what the page must have; run it when the catalogue has changed"]
fn print_the_options_of_sockets() {
    println!("{}", options_of_sockets());
}

// Names of states, marks and members

#[test]
fn every_state_is_explained() {
    let states = entries(section("STATES"));
    let words: Vec<&str> = states.iter().map(|(word, _)| word.as_str()).collect();
    assert_eq!(words, state::ALL.map(State::word));
    let mut synonyms = 0;
    for ((word, text), state) in states.iter().zip(state::ALL) {
        let also = text.lines().find_map(|line| line.strip_prefix("Also: "));
        for synonym in also.into_iter().flat_map(|also| also.trim_end_matches('.').split(", ")) {
            let states = state::parse(synonym);
            assert!(states.is_ok_and(|states| states.contains(state)), "{word}: {synonym}");
            synonyms += 1;
        }
    }
    // The names of ss(8) and of the kernel module.
    assert!(synonyms > state::ALL.len(), "the page has only {synonyms} synonyms");
}

#[test]
fn every_group_of_states_is_explained() {
    let page = section("STATES");
    // The message for an unknown word lists all words.
    let answer = state::parse("?").expect_err("no such state");
    let (_, words) = answer.split_once("(expected ").expect("a list of words");
    for word in words.trim_end_matches(')').split([',', ' ']).filter(|it| !matches!(*it, "" | "or"))
    {
        assert!(page.contains(&format!(".B {word}\n")), "{word}");
    }
}

#[test]
fn every_mark_is_explained() {
    let marks =
        [Diag::PeerWindowZero, Diag::OwnWindowZero, Diag::BothWindowsZero, Diag::Unacknowledged];
    for mark in marks {
        // Does not compile with a new mark, which must be added to the list above.
        match mark {
            Diag::PeerWindowZero | Diag::OwnWindowZero | Diag::BothWindowsZero => {}
            Diag::Unacknowledged => {}
        }
    }
    assert_eq!(headings("DIAG"), marks.map(|mark| mark.mark().to_owned()).into());
}

#[test]
fn every_column_is_explained_in_order() {
    let heading = |column: Column| {
        let mut titles: Vec<&str> = Vec::new();
        for heading in Layout::ALL.into_iter().filter_map(|layout| column.heading(layout)) {
            if !titles.contains(&heading.title) {
                titles.push(heading.title);
            }
        }
        format!("{} ({}; {})", column.name(), titles.join(", "), column.column_type().word())
    };
    let page = entries(section("COLUMNS")).into_iter();
    let page = page.map(|(heading, _)| heading.replace("  ", " "));
    assert_eq!(page.collect::<Vec<_>>(), Column::ALL.map(heading));
}

#[test]
fn the_usual_columns_are_named() {
    let page = read(section("COLUMNS"));
    let (_, page) = page.split_once("the table has\n").expect("a list of columns");
    let (ends, unix) = page.split_once("Unix sockets have other columns").expect("a second list");
    let unix = unix.split_once(".PP").expect("a paragraph").0;
    let columns = ColumnList::for_table(&ColumnRequest::default());
    for (layout, page) in [(Layout::Ends, ends), (Layout::Unix, unix)] {
        let words = page.lines().filter(|line| line.starts_with(".B"));
        let words = words.filter_map(|line| line.split_whitespace().nth(1));
        let expected: Vec<&str> = columns.of(layout).iter().map(|column| column.name()).collect();
        assert_eq!(words.collect::<Vec<_>>(), expected, "{layout:?}");
    }
}

#[test]
fn every_member_is_explained() {
    let mut printed = BTreeSet::new();
    for stream in [records::some(), records::everything(), records::speaker()] {
        let request = ColumnRequest { programs: true, peers: true, ..ColumnRequest::default() };
        for line in records::printed(&stream, LINES, &request).lines() {
            members(&serde_json::from_str(line).expect("an object"), &mut printed);
        }
    }
    let program = AttachedProgram::Ebpf { id: 1, name: Some(Name::default()) };
    let program = serde_json::to_value(Value::Program(program)).expect("an object");
    members(&program, &mut printed);
    // With --resolve, which looks up names of this host: live::resolve.
    printed.extend(["host", "service", "user"].map(str::to_owned));
    let headings = headings("JSON");
    let explained = headings.iter().flat_map(|heading| heading.split(", ")).map(str::to_owned);
    assert_eq!(explained.collect::<BTreeSet<_>>(), printed);
}

#[test]
fn every_member_of_what_doctor_finds_is_explained() {
    // Too few descriptors are a problem for every user.
    let script = format!("ulimit -n 6; exec {} doctor --json", common::KNETSTAT);
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
    let mut printed = BTreeSet::new();
    members(&serde_json::from_slice(&output.stdout).expect("an object"), &mut printed);
    assert_eq!(headings("DOCTOR"), printed);
}

#[test]
fn every_member_of_what_options_finds_is_explained() {
    let found = common::stdout("options all --json");
    let mut entries: Vec<Json> = serde_json::from_str(&found).expect("an array");
    for entry in &mut entries {
        // The names in `words` are numbers. The members of a value are those of the option in the rows.
        entry["words"].take();
        let defaults = entry["defaults"].as_array_mut().into_iter().flatten();
        defaults.for_each(|default| drop(default["value"].take()));
        let members = entry["members"].as_array_mut().into_iter().flatten();
        members.for_each(|member| drop(member["words"].take()));
    }
    let mut printed = BTreeSet::new();
    members(&Json::Array(entries), &mut printed);
    assert_eq!(headings("KNETSTAT OPTIONS"), printed);
}

#[test]
fn every_topic_is_named_in_order() {
    let page = section("KNETSTAT OPTIONS");
    let list = page.split("The topics are\n").nth(1).expect("a list of topics");
    let list = list.split(".PP").next().unwrap_or_default();
    let words = list.lines().filter(|line| line.starts_with(".B"));
    let words = words.filter_map(|line| line.split_whitespace().nth(1));
    let topics = topics::all().map(|topic| topic.name);
    assert_eq!(words.collect::<Vec<_>>(), topics.collect::<Vec<_>>());
}

/// Collects the names of all members, at any depth, that are not options.
fn members(value: &Json, names: &mut BTreeSet<String>) {
    match value {
        Json::Array(values) => values.iter().for_each(|value| members(value, names)),
        Json::Object(object) => {
            for (name, value) in object {
                if !CATALOGUE.iter().any(|option| option.name == name) {
                    names.insert(name.clone());
                }
                members(value, names);
            }
        }
        _ => {}
    }
}

#[test]
fn every_exit_status_is_explained() {
    assert_eq!(headings("EXIT STATUS"), ["0", "1", "2"].map(str::to_owned).into());
}
