//! The messages for words after the options that are no expression. For a word that can be recognised, the
//! message contains what to type.

use std::ffi::OsString;
use std::fs;
use std::io;

use clap::{ArgAction, Command};
use nix::net::if_::if_nametoindex;

use crate::host::users;
use crate::kernel::caller;
use crate::options::selection;
use crate::query::columns;
use crate::query::expression::{is_subject, ExpressionError};
use crate::query::key::Key;
use crate::text::{escaped, suggest, units};
use crate::usage::{lsof, terms};

/// The command line around the words.
struct Line<'a> {
    /// The arguments before the first of the words, without the program's name.
    before: &'a [String],
    words: Vec<&'a str>,
    /// The options between and after the words.
    after: Vec<String>,
    program: &'a Command,
}

/// Returns the message for words after the options that are no expression. What looks like another mistake
/// than one in an expression has its own message.
pub fn wrong_words(
    words: &[OsString],
    arguments: &[OsString],
    program: &Command,
    error: &ExpressionError,
) -> String {
    let (words, arguments, place) = typed(words, arguments, program);
    let line = Line::new(&words, &arguments, place, program);
    let known: [fn(&Line) -> Option<String>; 11] = [
        empty_or_option,
        dash,
        count,
        list,
        value_of_letter,
        command,
        options,
        interface,
        letters,
        host,
        loose_list,
    ];
    let answer = known.iter().find_map(|answer| answer(&line));
    answer.or_else(|| line.name(error)).unwrap_or_else(|| error.to_string())
}

/// Returns the message for names that follow a list of names: `-O nodelay keepalive`. They are an expression,
/// too, but most likely belong to the list.
pub fn loose_names(
    words: &[OsString],
    arguments: &[OsString],
    program: &Command,
) -> Option<String> {
    let is_name = |word: &str| Key::parse(word.trim_start_matches('-')).is_ok();
    if !words.iter().all(|word| word.to_str().is_some_and(is_name)) {
        return None;
    }
    let (words, arguments, place) = typed(words, arguments, program);
    let line = Line::new(&words, &arguments, place, program);
    let (option, values) = line.option()?;
    let [value] = values else { return None };
    let is_list =
        matches!(argument(program, option)?.get_long(), Some("options" | "sort" | "count-by"));
    (is_list && value.split(',').all(is_name)).then(|| joined(&line, option, value))
}

/// The words and the arguments as text, and how many arguments are before the first word.
fn typed(
    words: &[OsString],
    arguments: &[OsString],
    program: &Command,
) -> (Vec<String>, Vec<String>, usize) {
    let text = |words: &[OsString]| -> Vec<String> {
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    };
    let place = place_of_first(arguments, program);
    (text(words), text(arguments.get(1..).unwrap_or_default()), place)
}

/// How many arguments are before the first word. The same text may be the value of an option before it, as in
/// `--port 443 443`: the word is the last argument of the shortest command line that has one.
fn place_of_first(arguments: &[OsString], program: &Command) -> usize {
    let has_words = |arguments: &[OsString]| {
        let matches = program.clone().try_get_matches_from(arguments);
        matches.is_ok_and(|matches| matches.contains_id("words"))
    };
    let mut places = 0..arguments.len().saturating_sub(1);
    places.find(|place| has_words(&arguments[..place + 2])).unwrap_or_default()
}

impl<'a> Line<'a> {
    /// The line of these arguments, of which those before `place` come before the words.
    fn new(
        words: &'a [String],
        arguments: &'a [String],
        place: usize,
        program: &'a Command,
    ) -> Line<'a> {
        let mut rest = words.iter().peekable();
        let after = arguments[place..].iter().filter(|it| rest.next_if_eq(it).is_none());
        let after = after.cloned().collect();
        let words = words.iter().map(String::as_str).collect();
        Line { before: &arguments[..place], words, after, program }
    }

    fn first(&self) -> &str {
        self.words.first().copied().unwrap_or_default()
    }

    /// The words as they were typed.
    fn typed(&self) -> String {
        escaped(self.words.join(" ").as_bytes())
    }

    /// The whole command with these options in place of the words.
    fn with(&self, options: &[String]) -> String {
        self.command(self.before, options)
    }

    /// The whole command with other words before and in place of the words.
    fn command(&self, before: &[String], options: &[String]) -> String {
        // Behind two dashes, no option is one.
        let before = before.iter().filter(|word| *word != "--");
        let words: Vec<String> = before.chain(options).chain(&self.after).cloned().collect();
        format!("knetstat {}", shell(&words))
    }

    /// Whether this flag is before the words, by its name or its letter.
    fn has(&self, flag: &str) -> bool {
        let argument = argument(self.program, flag).filter(|_| flag.starts_with("--"));
        let letter = argument.and_then(clap::Arg::get_short);
        let is_flag = argument.is_some_and(|it| matches!(it.get_action(), ArgAction::SetTrue));
        let has_letter = |word: &String| {
            let is_short = word.starts_with('-') && !word.starts_with("--");
            is_short && letter.is_some_and(|letter| word.contains(letter))
        };
        is_flag && self.before.iter().any(|word| word == flag || has_letter(word))
    }

    /// The option before the words, and its values.
    fn option(&self) -> Option<(&str, &[String])> {
        let place = self.before.iter().rposition(|word| word.starts_with('-'))?;
        Some((&self.before[place], &self.before[place + 1..]))
    }

    /// The message for a single word that is nearly a command, or that is near to no name.
    fn name(&self, error: &ExpressionError) -> Option<String> {
        let [word] = self.words[..] else { return None };
        let is_name =
            !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let commands = self.program.get_subcommands().filter(|command| !command.is_hide_set());
        let commands: Vec<&str> = commands.map(Command::get_name).collect();
        let shown = escaped(word.as_bytes());
        match suggest::nearest(word, &commands).first().filter(|_| is_name) {
            Some(near) => Some(format!("unknown command '{shown}' (did you mean {near}?)")),
            None if is_name && error.is_far_from_any_name() => {
                let command = self.with(&["--command".into(), word.into()]);
                let user = users::names().iter().any(|name| name == word);
                let user = user.then(|| self.with(&["--user".into(), word.into()]));
                let user = user.map_or_else(String::new, |user| format!("; for a user: {user}"));
                Some(format!("unexpected word '{shown}' (for a process: {command}{user})"))
            }
            None => None,
        }
    }
}

/// An empty word, such as an unset variable in quotes, or an option after `--`.
fn empty_or_option(line: &Line) -> Option<String> {
    match line.first() {
        "" => Some("unexpected empty word (omit it)".into()),
        option if option.len() > 1 && option.starts_with('-') => {
            let shown = escaped(option.as_bytes());
            Some(format!("unexpected word '{shown}' (options come before '--')"))
        }
        _ => None,
    }
}

/// A typographic dash, as copied from a web page or a word processor.
fn dash(line: &Line) -> Option<String> {
    let word = line.first();
    let rest = word.trim_start_matches([
        '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}',
    ]);
    let dashes =
        if rest.chars().count() > 1 && word.starts_with(['\u{2014}']) { "--" } else { "-" };
    (rest.len() < word.len() && !rest.is_empty()).then(|| {
        format!(
            "'{}' begins with a typographic dash (type {dashes}{})",
            escaped(word.as_bytes()),
            escaped(rest.as_bytes())
        )
    })
}

/// An interval and a count, as of vmstat(8): `-c 1 10`.
fn count(line: &Line) -> Option<String> {
    let (option, values) = line.option()?;
    let is_interval = argument(line.program, option)?.get_long() == Some("continuous");
    let [interval, count] = line.words[..] else { return None };
    let are_numbers = [interval, count].iter().all(|word| units::duration(word).is_some());
    (is_interval && values.is_empty() && are_numbers).then(|| {
        let command = line.with(&[interval.to_owned()]);
        format!("-c: a number of rounds is not supported ({command})")
    })
}

/// A list with blanks between its words, or a pattern that the shell has expanded.
fn list(line: &Line) -> Option<String> {
    let (option, values) = line.option()?;
    let [value] = values else { return None };
    let all: Vec<&str> = [value.as_str()].into_iter().chain(line.words.iter().copied()).collect();
    if let Some(answer) = expanded(line.program, option, &all) {
        return Some(answer);
    }
    let argument = argument(line.program, option)?;
    argument.get_value_delimiter()?;
    let listed = all.iter().flat_map(|word| word.split([',', ' '])).filter(|word| !word.is_empty());
    let listed: Vec<&str> = listed.collect();
    let is_value = |word: &&str| match argument.get_long() {
        Some("options") => selection::Selection::parse([*word]).is_ok(),
        Some("columns") => columns::parse(word).is_ok(),
        Some("state") => crate::socket::state::parse(word).is_ok(),
        Some("port" | "sport" | "dport") => terms::options(&[word]).is_some(),
        Some("pid") => word.parse::<u32>().is_ok(),
        _ => !word.starts_with(['=', ':', '(']) && !terms::are_expression(&[word]),
    };
    listed.iter().all(is_value).then(|| joined(line, option, value))
}

/// Words after the value of `-O` or `--columns` that mean nothing else, and do not look like an expression.
fn loose_list(line: &Line) -> Option<String> {
    let has_sign = line.words.iter().any(|word| word.contains(['=', '!', '<', '>', '~', '(', ')']));
    if has_sign || terms::are_expression(&line.words) {
        return None;
    }
    let (option, values) = line.option()?;
    let takes_names =
        matches!(argument(line.program, option)?.get_long(), Some("options" | "columns"));
    (takes_names && values.len() == 1).then(|| joined(line, option, values[0].as_str()))
}

/// Returns the message for a list with blanks.
fn joined(line: &Line, option: &str, first: &str) -> String {
    let words = [first].into_iter().chain(line.words.iter().copied());
    let words = words.flat_map(|word| word.split([',', ' '])).filter(|word| !word.is_empty());
    let list = words.collect::<Vec<_>>().join(",");
    let before = &line.before[..line.before.len() - 1];
    let option = long(line.program, option);
    format!("{option}: a list is separated by commas ({})", line.command(before, &[list]))
}

/// Returns the message for words that are all names of files, because the shell has expanded an unquoted
/// pattern.
fn expanded(program: &Command, option: &str, words: &[&str]) -> Option<String> {
    let is_file = |word: &&str| {
        !word.contains('/') && caller::with_rights_of_caller(|| exists(word)).unwrap_or(false)
    };
    (words.len() > 1 && words.iter().all(is_file)).then(|| {
        let pattern = format!("{}*", common_beginning(words));
        format!(
            "{}: the shell replaced a pattern with the names of files (quote it: {option} {})",
            long(program, option),
            quoted(&escaped(pattern.as_bytes()))
        )
    })
}

/// Returns the message for a list with unknown words, with a hint if one of them is the name of a file:
/// the shell may have replaced an unquoted pattern by it.
pub fn with_file_hint(words: &[String], message: &str) -> String {
    let is_file = |word: &String| {
        message.contains(&format!("'{}'", escaped(word.as_bytes())))
            && !word.contains('/')
            && caller::with_rights_of_caller(|| exists(word)).unwrap_or(false)
    };
    match words.iter().find(|word| is_file(word)) {
        Some(word) => {
            let word = escaped(word.as_bytes());
            format!("unknown option '{word}' (if the shell replaced a pattern with the file name {word}, quote the pattern)")
        }
        None => message.to_owned(),
    }
}

/// Returns the message for `knetstat help WORD` if WORD is not a command.
pub fn no_help(word: &str, program: &Command) -> String {
    let shown = escaped(word.as_bytes());
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    let commands: Vec<&str> = commands.map(Command::get_name).collect();
    match selection::find(word) {
        Ok(_) => format!("help: no command '{shown}' (use {})", shell_command(&["options", word])),
        Err(_) => format!("help: {}", suggest::unknown("command", word, commands.iter())),
    }
}

fn shell_command(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    format!("knetstat {}", shell(&words))
}

fn exists(name: &str) -> io::Result<bool> {
    fs::symlink_metadata(name).map(|_| true)
}

fn common_beginning(words: &[&str]) -> String {
    let first = words.first().copied().unwrap_or_default();
    let common = first.char_indices().map(|(place, c)| place + c.len_utf8());
    let common = common.take_while(|&end| words.iter().all(|word| word.starts_with(&first[..end])));
    first[..common.last().unwrap_or(0)].to_owned()
}

/// A value after a letter that has no value here, but has one in other programs: `-p 812`, `-u root`, `-o json`.
fn value_of_letter(line: &Line) -> Option<String> {
    let (option, values) = line.option()?;
    let letter = option.strip_prefix('-').filter(|it| !it.starts_with('-'))?.chars().last()?;
    if !values.is_empty() || line.words.len() != 1 {
        return None;
    }
    let word = line.first();
    let options = match letter {
        'p' => lsof::options('p', word)?,
        'u' => {
            users::parse(word, &users::database()).ok().filter(|_| word.parse::<u32>().is_err())?;
            vec!["--user".into(), word.into()]
        }
        'o' => match word {
            "json" => vec!["-J".into()],
            "ndjson" | "csv" => vec![format!("--{word}")],
            _ => return None,
        },
        _ => return None,
    };
    let before = &line.before[..line.before.len() - 1];
    let kept = option.trim_end_matches(letter);
    let kept = (kept.len() > 1).then(|| kept.to_owned());
    let options: Vec<String> = kept.into_iter().chain(options).collect();
    Some(format!("-{letter} does not take a value (use {})", line.command(before, &options)))
}

/// Words that are equivalent to options.
fn options(line: &Line) -> Option<String> {
    let mut options = terms::options(&line.words)?;
    if options.iter().any(|option| !line.has(option)) {
        options.retain(|option| !line.has(option));
    }
    // Several names of options are more likely a wrong expression.
    if line.typed().contains(' ') && options.iter().any(|option| option == "-O") {
        return None;
    }
    let typed = line.typed();
    let command = line.with(&options);
    Some(match &options[..] {
        [option, port]
            if option == "--port" && line.words.len() == 1 && port.parse::<u32>().is_ok() =>
        {
            let process = line.with(&["--pid".into(), port.clone()]);
            match line.first() != port {
                true => format!("unexpected word '{typed}' (for a port: {command})"),
                false => format!(
                    "unexpected word '{typed}' (for a port: {command}; for a process: {process})"
                ),
            }
        }
        [option, name] if option == "-O" => {
            if selection::find(name).is_err() {
                return Some(format!("unexpected word '{typed}' (use {command})"));
            }
            let explain = shell(&["options".into(), name.clone()]);
            format!("unexpected word '{typed}' (to show the option: {command}; to explain it: knetstat {explain})")
        }
        _ if line.words.len() == 1 => format!("unexpected word '{typed}' (use {command})"),
        _ => format!("unexpected words '{typed}' (use {command})"),
    })
}

/// A command that is not the first word.
fn command(line: &Line) -> Option<String> {
    if line.first() == "version" {
        return Some("unknown command 'version' (did you mean --version?)".into());
    }
    match line.words[..] {
        ["watch"] => {
            return Some(format!("unknown command '{}' (did you mean -c?)", line.first()));
        }
        ["explain" | "describe", name] if selection::find(name).is_ok() => {
            let command = shell_command(&["options", name]);
            return Some(format!("unknown command '{}' ({command})", line.first()));
        }
        _ => {}
    }
    let is_command = |word: &&str| line.program.get_subcommands().any(|it| it.get_name() == *word);
    let place = line.words.iter().position(is_command)?;
    // A column has the name of a command.
    let begins_with_sign = |word: &&str| word.starts_with(['=', '!', '<', '>', '~']);
    if line.words.get(place + 1).is_some_and(begins_with_sign) {
        return None;
    }
    let word = line.words[place];
    let words: Vec<String> = line.words[place..].iter().map(|word| (*word).to_owned()).collect();
    Some(format!("'{word}' is a command, and commands come first (knetstat {})", shell(&words)))
}

/// The name of a network interface of this namespace.
fn interface(line: &Line) -> Option<String> {
    let word = line.first();
    let shown = escaped(word.as_bytes());
    if_nametoindex(word).ok().map(|_| {
        let command = line.with(&["--interface".into(), word.into()]);
        format!("unexpected word '{shown}' (for sockets bound to the interface: {command})")
    })
}

/// Letters without their dash, as ps(1) accepts them.
fn letters(line: &Line) -> Option<String> {
    let word = line.first();
    let flags =
        line.program.get_arguments().filter(|it| matches!(it.get_action(), ArgAction::SetTrue));
    let known: Vec<char> = flags.filter_map(clap::Arg::get_short).collect();
    let is_in_expressions = is_subject(word) || word.eq_ignore_ascii_case("not");
    let commands: Vec<&str> = line.program.get_subcommands().map(Command::get_name).collect();
    if !suggest::nearest(word, &commands).is_empty() {
        return None;
    }
    // Few names of processes and users consist of different letters, one of which selects sockets: `stat` has two t.
    let is_once = |c: char| word.matches(c).count() == 1;
    let are_letters = line.words.len() == 1
        && word.len() > 1
        && word.len() < 9
        && !is_in_expressions
        && word.chars().all(|c| known.contains(&c) && is_once(c))
        && word.contains(['t', 'u', 'x', 'w', 'l', 'a']);
    are_letters.then(|| format!("options begin with a dash (knetstat -{word})"))
}

/// The name of a host.
fn host(line: &Line) -> Option<String> {
    let word = line.first();
    let shown = escaped(word.as_bytes());
    let host = word.rsplit_once(':').map_or(word, |(host, _)| host);
    let is_host = host.contains('.')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
        && host.contains(|c: char| c.is_ascii_alphabetic())
        && !host.ends_with('.');
    is_host.then(|| {
        format!("unexpected word '{shown}' (for a host, use an address of 'getent ahosts {host}')")
    })
}

/// The argument for an option with its dashes. For joined letters, the last letter counts.
fn argument<'a>(program: &'a Command, option: &str) -> Option<&'a clap::Arg> {
    program.get_arguments().find(|argument| match option.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short().is_some_and(|short| option.ends_with(short)),
    })
}

/// The name of an option in messages: the long one, as in those of clap.
fn long(program: &Command, option: &str) -> String {
    let long = argument(program, option).and_then(clap::Arg::get_long);
    long.map_or_else(|| option.to_owned(), |long| format!("--{long}"))
}

/// Words quoted for a shell and escaped for a terminal.
pub fn shell(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(&escaped(word.as_bytes()))).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.,:/=@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
