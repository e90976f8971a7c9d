//! The completions of the values of options. Nothing here requires privileges or loads BPF programs.
//! Names from outside that a shell or a terminal could misread are left out or escaped.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use clap_complete::engine::CompletionCandidate as Candidate;
use nix::net::if_::if_nameindex;

use crate::host::{
    groups as groups_file, netns_names, services as services_file, users as users_file,
};
use crate::options::catalogue::CATALOGUE;
use crate::options::reference::topics;
use crate::options::short::{names, without_prefix};
use crate::query::columns::Column;
use crate::socket::{family, state};
use crate::text::Word;

/// The states, in capitals as they are printed or, if the word was begun so, in lower case.
pub fn states(begun: &OsStr) -> Vec<Candidate> {
    let spellings = state::words().flat_map(|word| [word.to_owned(), word.to_lowercase()]);
    each_once(spellings.filter(|word| starts(word, begun)), |word| word.to_lowercase())
}

/// The words of `--family`.
pub fn families(begun: &OsStr) -> Vec<Candidate> {
    plain(family::words().map(str::to_owned), begun)
}

/// The names of options and the words of `-O`.
pub fn option_list(begun: &OsStr) -> Vec<Candidate> {
    let words = [
        ("common", "Commonly needed options, and every option that is set"),
        ("set", "Options that are set"),
        ("all", "All options"),
    ];
    let words = words.into_iter().filter(|(word, _)| starts(word, begun));
    let words = words.map(|(word, help)| Candidate::new(word).help(Some(help.into())));
    words.chain(option_names(begun)).collect()
}

/// The names of options: whole or, if the word was begun so, without prefix, in the case that was begun.
pub fn option_names(begun: &OsStr) -> Vec<Candidate> {
    let mut found: BTreeMap<String, &str> = BTreeMap::new();
    for option in CATALOGUE {
        for name in names(option) {
            let bare = without_prefix(name);
            let lower = [name.to_lowercase(), bare.to_lowercase()];
            let spellings = [name.to_owned(), lower[0].clone(), bare.to_owned(), lower[1].clone()];
            if let Some(spelling) = spellings.into_iter().find(|it| starts(it, begun)) {
                found.entry(spelling).or_insert(option.help);
            }
        }
    }
    described(found.into_iter().map(|(name, help)| (name, help.to_owned())))
}

/// The words of `knetstat options`: names of options, and topics.
pub fn option_words(begun: &OsStr) -> Vec<Candidate> {
    let words = [("all", "Every option"), ("topics", "The list of options by topic")];
    let topics = topics::all().map(|topic| (topic.name, topic.about));
    let words = words.into_iter().chain(topics).filter(|(word, _)| starts(word, begun));
    let mut found = described(words.map(|(word, help)| (word.to_owned(), help.to_owned())));
    let is_topic = |name: &Candidate| topics::all().any(|topic| name.get_value() == topic.name);
    found.extend(option_names(begun).into_iter().filter(|name| !is_topic(name)));
    found
}

/// The names of columns.
pub fn columns(begun: &OsStr) -> Vec<Candidate> {
    let columns = Column::ALL.into_iter().filter(|column| starts(column.name(), begun));
    described(columns.map(|column| (column.name().to_owned(), column.help().to_owned())))
}

/// The names of columns and options, for `--count-by`. A column takes precedence over an option of its name.
pub fn keys(begun: &OsStr) -> Vec<Candidate> {
    let mut found = columns(begun);
    let is_column = |name: &Candidate| Column::ALL.iter().any(|it| name.get_value() == it.name());
    found.extend(option_names(begun).into_iter().filter(|name| !is_column(name)));
    found
}

/// The names of columns and options, for `--sort`, with a minus if one was begun with it.
pub fn sort_keys(begun: &OsStr) -> Vec<Candidate> {
    match begun.to_str().and_then(|begun| begun.strip_prefix('-')) {
        Some(name) => keys(name.as_ref()).into_iter().map(|key| key.add_prefix("-")).collect(),
        None => keys(begun),
    }
}

/// The names of columns and options, for the last word of an expression.
pub fn expression(begun: &OsStr) -> Vec<Candidate> {
    let text = begun.to_str().unwrap_or_default();
    let (before, name) =
        text.split_at(text.rfind([' ', '(', '!', '&', '|']).map_or(0, |at| at + 1));
    keys(name.as_ref()).into_iter().map(|key| key.add_prefix(before)).collect()
}

/// The same for a word after the options, unless it may become a command.
pub fn expression_word(begun: &OsStr) -> Vec<Candidate> {
    match commands(begun).is_empty() {
        true => expression(begun),
        false => Vec::new(),
    }
}

/// The commands that have help.
pub fn commands(begun: &OsStr) -> Vec<Candidate> {
    plain(
        ["options", "doctor", "pin", "unpin", "schema", "completions", "help"]
            .map(str::to_owned)
            .into_iter(),
        begun,
    )
}

/// The names of services(5).
pub fn services(begun: &OsStr) -> Vec<Candidate> {
    let names: BTreeSet<String> = services_file::names().into_iter().collect();
    plain(names.into_iter(), begun)
}

/// The names of passwd(5).
pub fn users(begun: &OsStr) -> Vec<Candidate> {
    plain(users_file::names().into_iter(), begun)
}

/// The names of groups.
pub fn groups(begun: &OsStr) -> Vec<Candidate> {
    plain(groups_file::names().into_iter(), begun)
}

/// The network interfaces of this namespace.
pub fn interfaces(begun: &OsStr) -> Vec<Candidate> {
    let interfaces = if_nameindex();
    let names = interfaces.iter().flatten().map(|it| it.name().to_string_lossy().into_owned());
    plain(names, begun)
}

/// The names of ip-netns(8), the containers and, if a number was begun, the PIDs.
pub fn namespaces(begun: &OsStr) -> Vec<Candidate> {
    let mut found = plain(netns_names::named().into_iter(), begun);
    if begun.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
        found.extend(processes(begun));
    }
    found
}

/// The PIDs, each with its command.
pub fn processes(begun: &OsStr) -> Vec<Candidate> {
    let processes = running().into_iter().filter(|(pid, _)| starts(&pid.to_string(), begun));
    described(processes.map(|(pid, command)| (pid.to_string(), command)))
}

/// The commands of the processes, as `--command` accepts them.
pub fn process_names(begun: &OsStr) -> Vec<Candidate> {
    let names: BTreeSet<String> = running().into_values().collect();
    let names = names.into_iter().filter(|name| starts(name, begun));
    names.map(Candidate::new).collect()
}

/// The processes of /proc with their commands, escaped as they are printed.
fn running() -> BTreeMap<u32, String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let command = |pid: u32| fs::read(Path::new("/proc").join(pid.to_string()).join("comm")).ok();
    pids.filter_map(|pid| {
        let command = command(pid)?;
        Some((pid, Word(command.strip_suffix(b"\n").unwrap_or(&command)).to_string()))
    })
    .collect()
}

fn starts(word: &str, begun: &OsStr) -> bool {
    begun.to_str().is_some_and(|begun| word.starts_with(begun))
}

/// Candidates without description. Words that have to be escaped are left out.
fn plain(words: impl Iterator<Item = String>, begun: &OsStr) -> Vec<Candidate> {
    let is_plain = |word: &String| Word(word.as_bytes()).to_string() == *word;
    words.filter(|word| starts(word, begun) && is_plain(word)).map(Candidate::new).collect()
}

fn described(words: impl Iterator<Item = (String, String)>) -> Vec<Candidate> {
    words.map(|(word, help)| Candidate::new(word).help(Some(help.into()))).collect()
}

/// The first spelling of each word.
fn each_once(
    spellings: impl Iterator<Item = String>,
    word: impl Fn(&str) -> String,
) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    spellings.filter(|spelling| seen.insert(word(spelling))).map(Candidate::new).collect()
}
