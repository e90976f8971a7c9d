//! `knetstat complete`: the completions of a command line, for the scripts of `knetstat completions`.

use std::ffi::OsString;
use std::io::Write;

use clap::CommandFactory;

use super::stdout;
use crate::cli::Cli;
use crate::error::Error;
use crate::kernel::capability;
use crate::text::escaped;

/// Prints the completions of the last word, one per line, each followed by a tab and a description.
/// Completing must not do anything that the caller could not do, so capabilities are dropped first.
///
/// # Errors
///
/// When capabilities cannot be dropped or the output cannot be written.
pub fn run(words: &[OsString]) -> Result<(), Error> {
    capability::drop_all()?;
    let mut program = Cli::command();
    let last = words.len().saturating_sub(1);
    let words = with_states(&program, in_full(&program, words));
    // If the words cannot be completed, there are no completions.
    let candidates =
        clap_complete::engine::complete(&mut program, words, last, None).unwrap_or_default();
    let mut text = String::new();
    for candidate in candidates.iter().filter(|candidate| !candidate.is_hide_set()) {
        let Some(value) = candidate.get_value().to_str() else { continue };
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default().to_owned();
        text += &format!("{value}\t{}\n", escaped(help.as_bytes()));
    }
    let mut out = stdout()?;
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
}

/// Replaces `state` before the last word of an expression by the option that has the same values.
fn with_states(program: &clap::Command, mut words: Vec<OsString>) -> Vec<OsString> {
    let [.., before, name, _] = &words[..] else { return words };
    let before = before.to_str().unwrap_or_default();
    let is_before = |argument: &clap::Arg| match before.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => {
            before.starts_with('-') && argument.get_short().is_some_and(|it| before.ends_with(it))
        }
    };
    let is_value =
        program.get_arguments().any(|it| is_before(it) && it.get_action().takes_values());
    let is_of_command = program.get_subcommands().any(|command| words[1] == command.get_name());
    let is_state = ["state", "exclude"].iter().any(|known| name.eq_ignore_ascii_case(known));
    if is_state && !is_value && !is_of_command {
        let place = words.len() - 2;
        words[place] = "--state".into();
    }
    words
}

/// Returns the words with abbreviated long options spelled out, because clap's completion does not
/// support abbreviations. The last word stays as it is, because it is the word to complete.
fn in_full(program: &clap::Command, words: &[OsString]) -> Vec<OsString> {
    let longs: Vec<&str> = program.get_arguments().filter_map(clap::Arg::get_long).collect();
    let spelled_out = |word: &OsString| -> Option<OsString> {
        let typed = word.to_str()?.strip_prefix("--").filter(|typed| !typed.is_empty())?;
        let mut meant = longs.iter().filter(|long| long.starts_with(typed));
        let long = meant.next().filter(|_| !longs.contains(&typed) && meant.next().is_none())?;
        Some(format!("--{long}").into())
    };
    let last = words.len().saturating_sub(1);
    let words = words.iter().enumerate();
    words
        .map(|(place, word)| match place < last {
            true => spelled_out(word).unwrap_or_else(|| word.clone()),
            false => word.clone(),
        })
        .collect()
}
