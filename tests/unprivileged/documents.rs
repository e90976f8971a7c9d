//! The README, the manual page and the other documents name things that exist: each `knetstat …` command
//! line is accepted, and each flag, option, JSON member, file and make target exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process;

use clap::CommandFactory;
use knetstat::cli::{self, Cli, Command};
use knetstat::config::Config;
use knetstat::error::Error;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::reference::topics;
use knetstat::options::selection;
use knetstat::output::json::LINES;
use knetstat::query::column_list::ColumnRequest;
use knetstat::query::columns::Column;
use serde_json::Value as Json;

use crate::{common, records};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The Markdown pages.
const PAGES: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/testing.md",
    "docs/fleet.md",
    "docs/performance.md",
];

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the manual page as plain text.
fn man() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/knetstat.8");
    let groff = process::Command::new("groff")
        .args(["-man", "-Tascii", "-P-c", "-rLL=300n", page])
        .output();
    let output = groff.expect("groff(1), which make installs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Bold and underlined characters are overstruck: x, backspace, x.
    let mut read = String::new();
    for c in text.chars() {
        if c == '\u{8}' {
            read.pop();
        } else {
            read.push(c);
        }
    }
    read
}

/// Returns the code in a Markdown page: the lines of code blocks, and inline code.
fn code(page: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for (index, part) in page.split("```").enumerate() {
        if index % 2 == 1 {
            // Without the output of commands, which come after a prompt.
            let has_prompt = part.contains("\n$ ");
            let lines = part.lines().skip(1).filter(|line| !has_prompt || line.starts_with("$ "));
            pieces.extend(lines.map(str::to_owned));
        } else {
            pieces.extend(part.split('`').skip(1).step_by(2).map(|code| code.replace('\n', " ")));
        }
    }
    pieces
}

// Command lines

/// Returns the knetstat command of a shell line, without sudo, the rest of the pipeline and a comment.
fn command(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("$ ").trim_start_matches("# ");
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let command = line.strip_prefix("knetstat")?;
    if !command.is_empty() && !command.starts_with(' ') {
        return None;
    }
    let mut quoted = false;
    let end = command.char_indices().find(|&(at, c)| {
        quoted ^= c == '\'';
        let rest = &command[at..];
        !quoted
            && [" | ", " || ", " > ", "; ", " && ", "  ", " # "]
                .iter()
                .any(|end| rest.starts_with(end))
    });
    Some(command[..end.map_or(command.len(), |(at, _)| at)].trim_end_matches(" |").trim())
}

/// Returns the words of a command, as split by a shell.
fn words(command: &str) -> Vec<String> {
    // The variables in the documents.
    let command = command.replace("\"$PID\"", "1").replace("$!", "1");
    let mut words = vec!["knetstat".to_owned()];
    let mut quoted = false;
    let mut word = String::new();
    for c in command.chars().chain([' ']) {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty()))
            }
            c => word.push(c),
        }
    }
    words
}

/// Returns the reason why the program rejects a command line, or `None`.
fn refusal(command: &str) -> Option<String> {
    let cli = match cli::parse(words(command).into_iter().map(Into::into).collect()) {
        Ok(cli) => cli,
        Err(Error::Answer(_)) => return None,
        Err(error) => return Some(error.to_string()),
    };
    match cli.command {
        None => Config::new(&cli.table).err().map(|error| error.to_string()),
        Some(Command::Options { names, .. }) => {
            let is_word = |name: &str| name == "topics" || topics::named(name).is_some();
            let mut options = names.iter().filter(|name| !is_word(name));
            options.find_map(|name| selection::find(name).err())
        }
        Some(_) => None,
    }
}

/// Returns the command lines of all documents, each with its document.
fn commands() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for name in PAGES {
        all.extend(code(&text(name)).into_iter().map(|line| (name, line)));
    }
    all.extend(man().lines().map(|line| ("man/knetstat.8", line.to_owned())));
    let picture = text("docs/session.svg");
    let typed = picture.split("</tspan>").filter_map(|line| line.split_once("</text>"));
    all.extend(typed.map(|(line, _)| ("docs/session.svg", line.to_owned())));
    let commands = all.iter().filter_map(|(name, line)| Some((*name, command(line)?.to_owned())));
    // In the manual page, sentences and usage lines begin with the name.
    let is_usage = |command: &str| command.contains(['[', '.']) || command.contains("SHELL");
    let is_sentence =
        |command: &str| command.starts_with("- ") || command.starts_with(char::is_lowercase);
    let is_subcommand = |command: &str| {
        let first = command.split(' ').next().unwrap_or_default();
        Cli::command().get_subcommands().any(|it| it.get_name() == first)
    };
    commands
        .filter(|(name, command)| {
            *name != "man/knetstat.8"
                || !is_usage(command) && (!is_sentence(command) || is_subcommand(command))
        })
        .collect()
}

#[test]
fn every_command_line_is_accepted() {
    let commands = commands();
    for name in ["README.md", "man/knetstat.8", "docs/session.svg"] {
        let count = commands.iter().filter(|(document, _)| *document == name).count();
        assert!(count > 2, "{name}: only {count} command lines were found");
    }
    let refused = commands.iter().filter_map(|(name, command)| {
        Some(format!("{name}: knetstat {command}\n{}", refusal(command)?))
    });
    let refused: Vec<String> = refused.collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// The picture was updated with `make picture` after a change of the script.
#[test]
fn the_picture_has_the_commands_of_its_script() {
    let script = text("docs/picture.py");
    let session = script.split_once("SESSION = [").and_then(|(_, rest)| rest.split_once("]\n"));
    let (session, _) = session.expect("the commands of the picture");
    let typed: Vec<&str> = session.split('"').skip(1).step_by(2).collect();
    let commands = commands();
    let drawn = commands.iter().filter(|(document, _)| *document == "docs/session.svg");
    assert_eq!(drawn.map(|(_, command)| command.as_str()).collect::<Vec<_>>(), typed);
}

#[test]
fn a_wrong_command_line_is_refused() {
    for line in [
        "$ knetstat -t --prot 22",
        "knetstat -O keepidel",
        "knetstat options nodely",
        "sudo knetstat options --jsn | jq .",
        "knetstat -tQ",
    ] {
        assert!(refusal(command(line).expect("a command")).is_some(), "{line}");
    }
    assert_eq!(command("knetstat -O 'a | b' | jq '.'"), Some("-O 'a | b'"));
    assert_eq!(words("-O 'keep*,nodelay' -t"), ["knetstat", "-O", "keep*,nodelay", "-t"]);
}

// Words

#[test]
fn every_long_flag_is_in_the_program() {
    let known = common::flags::flags(|_| true);
    let known: BTreeSet<&str> =
        known.iter().filter_map(|flag| flag.split(' ').next_back()).collect();
    let mut found = 0;
    for page in ["README.md", "CHANGELOG.md"] {
        for piece in code(&text(page)) {
            // Flags of knetstat are in backquotes by themselves, or follow its name.
            let flags = match (piece.starts_with("--"), command(&piece)) {
                (true, _) => piece.as_str(),
                (false, Some(command)) => &piece[piece.find(command).unwrap_or_default()..],
                (false, None) => continue,
            };
            let flags = flags.split(" | ").next().unwrap_or_default().split([' ', '=', '/']);
            for flag in flags.filter(|word| word.starts_with("--")) {
                assert!(known.contains(flag), "{page}: {flag}");
                found += 1;
            }
        }
    }
    assert!(found > 10, "only {found} flags were found");
}

#[test]
fn every_option_is_in_the_catalogue() {
    const PREFIXES: [&str; 5] = ["SO_", "TCP_", "IP_", "IPV6_", "UDP_"];
    let known = |word: &str| {
        CATALOGUE.iter().any(|option| option.name == word || option.aliases.contains(&word))
    };
    let mut found = 0;
    for page in ["README.md", "CHANGELOG.md", "docs/session.svg"] {
        let text = text(page);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_*".contains(c));
        let is_option =
            |word: &str| PREFIXES.iter().any(|it| word.len() > it.len() && word.starts_with(it));
        let options = words.filter(|word| is_option(word));
        for option in options.filter(|word| !word.ends_with('*')) {
            assert!(known(option), "{page}: {option}");
            found += 1;
        }
    }
    assert!(found > 30, "only {found} options were found");
}

/// The members in the jq programs of the documents exist: `.options.TCP_NODELAY`, `.local`.
#[test]
fn every_member_that_jq_reads_is_in_the_json() {
    let request = ColumnRequest { programs: true, ..ColumnRequest::default() };
    let mut known: BTreeSet<String> = CATALOGUE.iter().map(|it| it.name.to_owned()).collect();
    known.extend(Column::ALL.map(|column| column.name().to_owned()));
    for stream in [records::some(), records::everything()] {
        for line in records::printed(&stream, LINES, &request).lines() {
            members(&serde_json::from_str(line).expect("an object"), &mut known);
        }
    }
    let findings = common::knetstat(["doctor", "--json"]).stdout;
    members(&serde_json::from_slice(&findings).expect("an object"), &mut known);
    let mut found = 0;
    let lines = PAGES.into_iter().flat_map(|page| code(&text(page)));
    for line in lines.chain(man().lines().map(str::to_owned)).filter(|line| line.contains("jq ")) {
        let program = line.split_once("jq ").expect("jq").1;
        for member in program.split('.').skip(1) {
            let end = member.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let member = &member[..end.unwrap_or(member.len())];
            assert!(member.is_empty() || known.contains(member), "{member}: {line}");
            found += usize::from(!member.is_empty());
        }
    }
    assert!(found > 3, "only {found} members were found");
}

fn members(value: &Json, names: &mut BTreeSet<String>) {
    match value {
        Json::Array(values) => values.iter().for_each(|value| members(value, names)),
        Json::Object(object) => {
            names.extend(object.keys().cloned());
            object.values().for_each(|value| members(value, names));
        }
        _ => {}
    }
}

// Files and targets

#[test]
fn every_relative_link_leads_somewhere() {
    let mut found = 0;
    for page in PAGES {
        let text = text(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let links = links.map(|(link, _)| link.split('#').next().unwrap_or_default());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
            assert!(Path::new(ROOT).join(link).exists(), "{page}: {link}");
            found += 1;
        }
    }
    assert!(found > 1, "only {found} links were found");
}

#[test]
fn every_path_in_contributing_exists() {
    const PLACES: [&str; 6] = ["src/", "bpf/", "tests/", "vmlinux/", "man/", "docs/"];
    let mut found = 0;
    for piece in code(&text("CONTRIBUTING.md")) {
        let path = piece.split(' ').next().unwrap_or_default().trim_end_matches(['/', '.']);
        let is_example = path.contains(|c: char| c.is_ascii_uppercase());
        if PLACES.iter().any(|place| path.starts_with(place)) && !is_example {
            assert!(Path::new(ROOT).join(path).exists(), "{path}");
            found += 1;
        }
    }
    assert!(found > 20, "only {found} paths were found");
}

#[test]
fn every_target_of_make_exists() {
    let makefile = text("Makefile");
    let mut found = 0;
    for page in ["README.md", "CONTRIBUTING.md", "docs/performance.md"] {
        for piece in code(&text(page)) {
            let piece = piece.trim_start().trim_start_matches("sudo ");
            let Some(target) = piece.strip_prefix("make ").and_then(|rest| rest.split(' ').next())
            else {
                continue;
            };
            assert!(makefile.contains(&format!("\n{target}:")), "{page}: make {target}");
            found += 1;
        }
    }
    assert!(found > 10, "only {found} targets were found");
}
