//! `knetstat options`: the list of options, and what there is to say about one.

use std::io::{self, Write};

use tabled::settings::{object::Rows, Alignment, Style};
use tabled::{builder::Builder, Table};

use super::stdout;
use crate::cli;
use crate::error::Error;
use crate::kernel::btf::KernelBtf;
use crate::options::catalogue::CATALOGUE;
use crate::options::constants::{self, Words};
use crate::options::defaults::{Answer, Defaults, Pool};
use crate::options::howto;
use crate::options::kind::ValueKind;
use crate::options::selection;
use crate::options::set::Marker;
use crate::options::spec::OptionSpec;
use crate::options::text::Text;
use crate::socket::kind::SocketKind;
use crate::usage;

/// Prints the list of all options, or what there is to say about those that the words mean.
///
/// # Errors
///
/// For a word that names no option, as wrong usage; when the output cannot be written.
pub fn run(names: &[String]) -> Result<(), Error> {
    let found = find(names)
        .map_err(|error| cli::wrong("options", &usage::with_file_hint(names, &error)))?;
    let (defaults, _) = Defaults::ask(|_| true, &mut Pool::default());
    // The kernel's types are perhaps for those with capabilities alone, which writing has not.
    let mut text = Vec::new();
    match names.is_empty() {
        true => list(&mut text, &defaults),
        false => explain(&mut text, &found, &defaults),
    }
    .map_err(Error::Output)?;
    let mut out = stdout()?;
    out.write_all(&text).and_then(|()| out.flush()).map_err(Error::Output)?;
    match defaults.lacked_files() {
        true => Err(Error::NotAsked),
        false => Ok(()),
    }
}

/// Writes the list of all options.
///
/// # Errors
///
/// When it cannot be written.
pub fn list(to: &mut impl Write, defaults: &Defaults) -> io::Result<()> {
    let mut builder = Builder::default();
    builder.push_record(["Name", "Level", "Number", "Kind", "Unit", "Getter", "Here"]);
    let btf = KernelBtf::load();
    for (index, option) in CATALOGUE.iter().enumerate() {
        builder.push_record([
            option.name,
            option.level.name,
            &option.number.to_string(),
            option.kind.word(),
            option.kind.unit(),
            if option.has_getter { "yes" } else { "no" },
            match is_supported(index, defaults, btf.as_ref()) {
                Some(true) => "yes",
                Some(false) => "no",
                None => "unknown",
            },
        ]);
    }
    let mut table = builder.build();
    table.with(Style::blank()).modify(Rows::new(..), Alignment::left());
    write_trimmed(to, &table)
}

/// Whether this kernel has an option, by its index in the catalogue; `None` where that cannot be found
/// out: the kernel's types are not known, or a socket that may have it could not be opened.
pub fn is_supported(index: usize, defaults: &Defaults, btf: Option<&KernelBtf>) -> Option<bool> {
    let option = &CATALOGUE[index];
    let (structure, member) = option.kept_in;
    if !structure.is_empty() {
        return btf.map(|btf| btf.has_member(structure, member));
    }
    let has = |index: usize| {
        let mut answers = SocketKind::ALL.iter().filter_map(|kind| defaults.answers(*kind));
        answers.any(|answers| !matches!(answers[index], Answer::Absent | Answer::Refused(_)))
    };
    if has(index) {
        return Some(true);
    }
    let mut answers = SocketKind::ALL.iter().filter_map(|kind| defaults.answers(*kind));
    if answers.any(|answers| matches!(answers[index], Answer::Refused(_))) {
        return None;
    }
    // A level without any answer is one of sockets that could not be opened.
    let mut others = (0..CATALOGUE.len())
        .filter(|other| CATALOGUE[*other].level == option.level && CATALOGUE[*other].has_getter);
    (!defaults.was_refused() && others.any(has)).then_some(false)
}

/// Writes a table without the blanks at the ends of its lines.
fn write_trimmed(to: &mut impl Write, table: &Table) -> io::Result<()> {
    for line in table.to_string().lines() {
        writeln!(to, "{}", line.trim())?;
    }
    Ok(())
}

/// The places in the catalogue of what the words mean, each once.
///
/// # Errors
///
/// For a word that names no option: a sentence with the nearest ones.
pub fn find(words: &[String]) -> Result<Vec<usize>, String> {
    let mut found = Vec::new();
    for word in words {
        let word = if word == "all" { "*" } else { word };
        for index in selection::find(word)? {
            if !found.contains(&index) {
                found.push(index);
            }
        }
    }
    Ok(found)
}

/// Writes what there is to say about these options.
///
/// # Errors
///
/// When it cannot be written.
pub fn explain(to: &mut impl Write, options: &[usize], defaults: &Defaults) -> io::Result<()> {
    let btf = KernelBtf::load();
    for (n, index) in options.iter().enumerate() {
        if n > 0 {
            writeln!(to)?;
        }
        explain_one(to, *index, defaults, btf.as_ref())?;
    }
    Ok(())
}

fn explain_one(
    to: &mut impl Write,
    index: usize,
    defaults: &Defaults,
    btf: Option<&KernelBtf>,
) -> io::Result<()> {
    let option = &CATALOGUE[index];
    writeln!(to, "{} ({})", option.name, option.level_and_number())?;
    writeln!(to, "  {}", sentence(option.help))?;
    if !option.aliases.is_empty() {
        item(to, "also called", &option.aliases.join(", "))?;
    }
    item(to, "kind", &kind_of(option))?;
    if let Some(words) = words_of(option.kind) {
        item(to, "words", &words)?;
    }
    // What nobody sets has no default: SO_COOKIE has another value each time.
    if !matches!(option.marker, Marker::Never) {
        for (value, kinds) in defaults_of(index, defaults) {
            item(to, "default here", &format!("{value} ({})", kinds.join(", ")))?;
        }
    }
    if !option.has_getter {
        item(to, "getsockopt", "cannot tell it; knetstat reads it in the kernel")?;
    }
    if is_supported(index, defaults, btf) == Some(false) {
        item(to, "here", "this kernel does not have the option")?;
    }
    item(to, "set", &option.marker.explanation())?;
    for howto in howto::of(option.name) {
        item(to, howto.with, howto.how)?;
    }
    Ok(())
}

fn item(to: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(to, "  {name:<13} {text}")
}

/// The help as a sentence.
fn sentence(help: &str) -> String {
    let mut chars = help.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

fn kind_of(option: &OptionSpec) -> String {
    match option.kind.unit() {
        "" => option.kind.word().into(),
        unit => format!("{}, {unit}", option.kind.word()),
    }
}

/// The words of an enumeration or of flags.
fn words_of(kind: ValueKind) -> Option<String> {
    match kind {
        ValueKind::Enum(words) => Some(numbered(words)),
        ValueKind::Flags(words) => Some(masked(words)),
        ValueKind::Fanout => {
            Some([numbered(constants::FANOUTS), masked(constants::FANOUT_FLAGS)].join(", "))
        }
        ValueKind::PacketMemberships => Some(numbered(constants::PACKET_MEMBERSHIPS)),
        ValueKind::Timestamping => Some(masked(constants::TIMESTAMPING)),
        ValueKind::Tls => Some(
            [constants::TLS_VERSIONS, constants::TLS_CIPHERS, constants::TLS_MODES]
                .map(numbered)
                .join(", "),
        ),
        ValueKind::Txtime => {
            Some([numbered(constants::CLOCKS), masked(constants::TXTIME)].join(", "))
        }
        _ => None,
    }
}

/// Words with their numbers, but for those that are numbers.
fn numbered(words: Words) -> String {
    let words = words.iter().filter(|(number, word)| *word != number.to_string());
    let words = words.map(|(number, word)| format!("{word} {number}"));
    words.collect::<Vec<_>>().join(", ")
}

/// Words with the bits that they stand for.
fn masked(words: Words) -> String {
    let words = words.iter().map(|(bit, word)| format!("{word} {bit:#x}"));
    words.collect::<Vec<_>>().join(", ")
}

/// With what a new socket begins: each value once, with the kinds of socket that have it.
fn defaults_of(index: usize, defaults: &Defaults) -> Vec<(String, Vec<&'static str>)> {
    let mut found: Vec<(String, Vec<&'static str>)> = Vec::new();
    for kind in SocketKind::ALL {
        let Some(Answer::Value(value)) = defaults.answers(kind).map(|answers| &answers[index])
        else {
            continue;
        };
        let text = Text(value, CATALOGUE[index].kind).to_string();
        match found.iter_mut().find(|(known, _)| *known == text) {
            Some((_, kinds)) if kinds.contains(&kind.word()) => {}
            Some((_, kinds)) => kinds.push(kind.word()),
            None => found.push((text, vec![kind.word()])),
        }
    }
    found
}
