//! knetstat shows the options of every live socket. This library is the program without its `main`. It
//! exists for the tests and has no stable interface.
//!
//! kernel tables - BPF programs ([`kernel`]) - records ([`record`]) - sockets
//! ([`socket`]) - filter ([`query`]) - options ([`options`]) - output ([`output`])

#![deny(unsafe_code)]

pub mod cli;
pub mod commands;
pub mod completion;
pub mod config;
pub mod error;
pub mod host;
pub mod kernel;
pub mod options;
pub mod output;
pub mod query;
pub mod record;
pub mod socket;
pub mod text;
pub mod usage;

use cli::{Cli, Command};
use commands::doctor::Form;
use config::Config;
use error::Error;

/// Runs the command that the command line specifies.
///
/// # Errors
///
/// [`Error`], whose text says what failed, why, and what to do about it.
pub fn run(cli: &Cli) -> Result<(), Error> {
    match &cli.command {
        None => commands::table::run(&Config::new(&cli.table)?),
        Some(Command::Options { names, json }) => commands::options::run(names, *json),
        Some(Command::Doctor { verbose, json }) => commands::doctor::run(Form::of(*verbose, *json)),
        Some(Command::Pin { dir, group, mode, with_owners }) => {
            let (group, mode, with_owners) = (group.as_deref(), *mode, *with_owners);
            commands::pin::run(dir, &commands::pin::Wanted { group, mode, with_owners })
        }
        Some(Command::Unpin { dir }) => commands::unpin::run(dir),
        Some(Command::Schema) => commands::schema::run(),
        Some(Command::Completions { shell }) => commands::completions::run(*shell),
        Some(Command::Help { command }) => commands::help::run(command.as_deref()),
        Some(Command::Complete { words }) => commands::complete::run(words),
    }
}
