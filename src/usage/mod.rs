//! The messages for wrong usage, one line each: `what is wrong: why (what to type)`.

pub mod example;
mod foreign;
mod lsof;
mod terms;
mod words;

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::Command;

use crate::query::expression::Expression;
use crate::query::key::Key;
use crate::text::{escaped, suggest, units};

pub use words::{loose_names, no_help, with_file_hint, wrong_words};

/// The message for an argument in another encoding.
pub const NOT_UTF8: &str = "an argument is not UTF-8 (write its bytes as \\xNN)";

/// Returns the message for a command line that clap rejects.
pub fn answer(error: &clap::Error, program: &Command, arguments: &[OsString]) -> String {
    let words: Vec<String> =
        arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let command = words.first().and_then(|word| program.find_subcommand(word)).unwrap_or(program);
    let argument = context(error, ContextKind::InvalidArg);
    let option = argument.split(' ').next().unwrap_or_default();
    let value = context(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown_option(option, command, &words),
        ErrorKind::InvalidValue if value.is_empty() => missing_value(option, command),
        ErrorKind::InvalidValue => {
            let known = context_list(error, ContextKind::ValidValue);
            let name = argument.trim_matches(['<', '>']).to_lowercase();
            let thing = if option.starts_with('-') { "value" } else { &name };
            let why = suggest::unknown(thing, &value, known.iter());
            if option.starts_with('-') {
                format!("{option}: {why}")
            } else {
                why
            }
        }
        ErrorKind::ValueValidation => {
            let why = error.source().map_or_else(|| "wrong value".into(), ToString::to_string);
            format!("{option}: {why}")
        }
        ErrorKind::TooManyValues if option == "--continuous" => {
            format!(
                "{option} does not take a value (for an interval: {option} {})",
                escaped(value.as_bytes())
            )
        }
        ErrorKind::TooManyValues => {
            format!("{option} does not take a value (omit '={}')", escaped(value.as_bytes()))
        }
        ErrorKind::ArgumentConflict => conflict(error, &argument),
        ErrorKind::MissingRequiredArgument => {
            let missing = context_list(error, ContextKind::InvalidArg).join(" ");
            missing_argument(command, missing.trim_matches(['<', '>']))
        }
        ErrorKind::InvalidUtf8 => NOT_UTF8.into(),
        _ => first_line(error),
    }
}

/// The message for a long option with one dash, all of whose letters exist, such as `-state`. After `--sort`
/// it is a key.
pub fn one_dash(arguments: &[OsString], program: &Command) -> Option<String> {
    let known = longs(program);
    let mut before = "";
    for word in arguments.iter().skip(1).map_while(|word| word.to_str()) {
        let long = known.iter().find(|long| *word == long[1..]);
        match long.filter(|_| !before.starts_with("--so")) {
            Some(long) => return Some(format!("unknown option '{word}' (did you mean {long}?)")),
            None if word == "--" => return None,
            None => before = word,
        }
    }
    None
}

/// The text that clap would print, as one line.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    escaped(line.strip_prefix("error: ").unwrap_or(line).as_bytes())
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn context_list(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// Returns the message for an option that does not exist: an option of another program, the beginning of
/// several options, or a misspelled option.
fn unknown_option(option: &str, command: &Command, words: &[String]) -> String {
    if !option.starts_with('-') {
        let word = escaped(option.as_bytes());
        return format!("{0}: unexpected word '{word}' (knetstat help {0})", command.get_name());
    }
    let known = longs(command);
    // clap reads -tcp as single letters.
    let is_typed =
        |long: &&String| words.iter().any(|word| word.split('=').next() == Some(&long[1..]));
    if let Some(long) = known.iter().find(is_typed) {
        return format!("unknown option '{}' (did you mean {long}?)", &long[1..]);
    }
    if command.get_name() == "knetstat" {
        if let Some(answer) =
            interval(words).or_else(|| switch(words)).or_else(|| sign(option, words))
        {
            return answer;
        }
    }
    if let Some(answer) = letter(option, command, words) {
        return answer;
    }
    let option = option.split('=').next().unwrap_or_default();
    if let Some(answer) = foreign::answer(option) {
        return answer;
    }
    let begun: Vec<&String> = known.iter().filter(|long| long.starts_with(option)).collect();
    if option.len() > 2 && begun.len() > 1 {
        return suggest::ambiguous("option", option, &begun);
    }
    if let Some(answer) = name(option, command) {
        return answer;
    }
    // The dashes would make all words alike.
    let bare: Vec<&str> = known.iter().map(|long| long.trim_start_matches('-')).collect();
    let near = match option.strip_prefix("--") {
        Some(word) => suggest::nearest(word, &bare),
        None => Vec::new(),
    };
    let hint = match near.first() {
        Some(near) => format!("did you mean --{near}?"),
        None if command.get_name() == "knetstat" => "knetstat -h lists the options".into(),
        None => format!("knetstat help {} lists the options", command.get_name()),
    };
    format!("unknown option '{}' ({hint})", escaped(option.as_bytes()))
}

/// The message for a letter that has a value in lsof(8).
fn letter(option: &str, command: &Command, words: &[String]) -> Option<String> {
    let letter = option.strip_prefix('-').filter(|it| it.chars().count() == 1)?;
    let value = value_after(letter, words).unwrap_or_default();
    let letter = letter.chars().next()?;
    let meant = lsof::options(letter, &value);
    // A letter that lsof does not have, in a bundle of netstat or ss: `-uS`.
    if meant.is_none() && !['n', 'P', 'a'].contains(&letter) && foreign::answer(option).is_some() {
        return None;
    }
    let line = lsof::line(words).or_else(|| replaced(letter, meant.as_deref()?, command, words));
    let shown = escaped(option.as_bytes());
    match (line, meant) {
        (Some(line), _) => {
            let pids = lsof::terse(words)
                .filter(|_| letter == 'i')
                .map(|line| format!(" (for PIDs alone: knetstat {})", words::shell(&line)));
            let pids = pids.unwrap_or_default();
            Some(format!("no {shown} here; use knetstat {}{pids}", words::shell(&line)))
        }
        (None, Some(meant)) => {
            Some(format!("no {shown} here; in its place use {}", words::shell(&meant)))
        }
        (None, None) => None,
    }
}

/// The message for a value behind letters that take none: `-p=3`.
fn sign(option: &str, words: &[String]) -> Option<String> {
    if !option.starts_with("-=") && option != "-" {
        return None;
    }
    let (letters, value) = words.iter().find_map(|word| {
        let (letters, value) = word.strip_prefix('-')?.split_once('=')?;
        (!letters.is_empty() && letters.chars().all(char::is_alphanumeric))
            .then_some((letters, value))
    })?;
    let (letter, value) = (letters.chars().last()?, escaped(value.as_bytes()));
    Some(format!("-{letter} does not take a value (omit '={value}')"))
}

/// The message for an interval in the same argument as `-c`: `-tc2s`, `-c=1`.
fn interval(words: &[String]) -> Option<String> {
    let (place, letters, time) = words.iter().enumerate().find_map(|(place, word)| {
        let (letters, time) = word.split_once('c').filter(|_| !word.starts_with("--"))?;
        let letters = letters.strip_prefix('-')?;
        let time = time.strip_prefix('=').unwrap_or(time);
        units::duration(time)?;
        letters.chars().all(char::is_alphanumeric).then(|| (place, format!("-{letters}c"), time))
    })?;
    let mut line = words.to_vec();
    line[place] = letters;
    line.insert(place + 1, time.to_owned());
    Some(format!("-c: the interval is an argument of its own (knetstat {})", words::shell(&line)))
}

/// The message for an option that is off as `--short` prints it: `-keepalive`.
fn switch(words: &[String]) -> Option<String> {
    let is_switch = |name: &&str| {
        let is_word = name.len() > 2 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_word && Expression::parse(&format!("not {name}")).is_ok()
    };
    let name = words.iter().filter_map(|word| word.strip_prefix('-')).find(is_switch)?;
    let name = escaped(name.as_bytes());
    Some(format!("unknown option '-{name}' (for sockets without it: knetstat not {name})"))
}

/// The message for the name of a column or of an option of sockets as a long option: `--inode`.
fn name(option: &str, command: &Command) -> Option<String> {
    let word = option.strip_prefix("--").filter(|_| command.get_name() == "knetstat")?;
    let name = escaped(word.as_bytes());
    let use_it = match Key::parse(word).ok()? {
        Key::Column(_) => {
            format!("to show it use knetstat --columns {name}, to choose by it use knetstat {name}=VALUE")
        }
        _ => format!("to show the option use knetstat -O {name}"),
    };
    Some(format!("no --{name} here; {use_it}"))
}

/// The long options that are shown to users.
fn longs(command: &Command) -> Vec<String> {
    let visible = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let longs = visible.filter_map(|argument| argument.get_long_and_visible_aliases());
    longs.flatten().map(|long| format!("--{long}")).chain(["--help".into()]).collect()
}

/// The value after a letter on the command line, in the same argument or the next.
fn value_after(letter: &str, words: &[String]) -> Option<String> {
    let mut words = words.iter();
    let word =
        words.find(|it| it.starts_with('-') && !it.starts_with("--") && it.contains(letter))?;
    let (_, rest) = word.split_once(letter)?;
    match rest.is_empty() {
        false => Some(rest.to_owned()),
        true => words.next().filter(|next| !next.starts_with('-')).cloned(),
    }
}

/// The command line with these options in place of a letter and its value, if it is right then.
fn replaced(
    letter: char,
    options: &[String],
    command: &Command,
    words: &[String],
) -> Option<Vec<String>> {
    let has_letter =
        |it: &String| it.starts_with('-') && !it.starts_with("--") && it.contains(letter);
    let place = words.iter().position(has_letter)?;
    let (before, value) = words[place].split_once(letter)?;
    let is_next = value.is_empty() && words.get(place + 1).is_some_and(|it| !it.starts_with('-'));
    let kept = Some(before.to_owned()).filter(|before| before.len() > 1);
    let line = words[..place].iter().cloned().chain(kept).chain(options.iter().cloned());
    let line: Vec<String> =
        line.chain(words[place + 1 + usize::from(is_next)..].iter().cloned()).collect();
    let program = command.clone().no_binary_name(true);
    let matches = program.try_get_matches_from(&line).ok()?;
    let has_words = matches.try_contains_id("words").unwrap_or(false);
    (!has_words).then_some(line)
}

fn missing_value(option: &str, command: &Command) -> String {
    let of_option = |argument: &&clap::Arg| argument.get_long() == option.strip_prefix("--");
    let example = command.get_arguments().find(of_option).and_then(example::of);
    match example {
        Some(example) => format!("{option} requires a value (such as {option} {example})"),
        None => format!("{option} requires a value"),
    }
}

fn conflict(error: &clap::Error, argument: &str) -> String {
    let with = context_list(error, ContextKind::PriorArg);
    let mut all: Vec<&str> =
        [argument].into_iter().chain(with.iter().map(String::as_str)).collect();
    all.iter_mut().for_each(|it| *it = it.split(' ').next().unwrap_or_default());
    format!("{} cannot be combined", suggest::listed(&all, "and"))
}

fn missing_argument(command: &Command, missing: &str) -> String {
    let argument =
        command.get_positionals().find(|it| it.get_id().as_str().eq_ignore_ascii_case(missing));
    let values = argument.map(clap::Arg::get_possible_values).unwrap_or_default();
    let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    let (name, thing) = (command.get_name(), missing.to_lowercase());
    format!("{name} requires a {thing} (expected {})", suggest::listed(&values, "or"))
}
