//! knetstat shows the options of every live socket. This library is the program without its
//! `main`; it is there for the tests and promises nothing to others.
//!
//! kernel tables - BPF iterators ([`kernel`]) - records ([`record`]) - sockets
//! ([`socket`]) - filter ([`query`]) - options ([`options`]) - output ([`output`])

pub mod cli;
pub mod commands;
pub mod host;
pub mod kernel;
pub mod options;
pub mod output;
pub mod query;
pub mod record;
pub mod socket;
pub mod text;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

use anyhow::{bail, Context};
use clap::CommandFactory;

use cli::{Cli, Command, Settings, TableArgs};
use commands::table::namespaces::{View, Views};
use commands::table::pipeline::{print, Ownership};
use commands::{doctor as check, options as explain};
use host::interfaces::Interfaces;
use host::netns::{Found, Scope};
use kernel::load::{self, Programs};
use kernel::read_ahead::ReadAhead;
use kernel::syscall;
use options::defaults::Pristine;
use query::filter::{Filter, Knobs};
use record::Records;

/// Does what the command line says.
///
/// # Errors
///
/// For wrong usage a `clap::Error`; for an output that nobody reads any more, or that cannot be
/// written, an [`OutputError`]; anything else says what was being done and what can be done about it.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        None => table(&cli.table),
        Some(Command::Options { names }) => options(names),
        Some(Command::Doctor { json }) => doctor(*json),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "knetstat", &mut script);
            let mut out = stdout()?;
            out.write_all(&script).and_then(|()| out.flush()).map_err(OutputError)?;
            Ok(())
        }
    }
}

/// The output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the output")]
pub struct OutputError(#[source] pub io::Error);

fn table(args: &TableArgs) -> anyhow::Result<()> {
    let scope = args.scope();
    let settings = args.settings()?;
    if scope != Scope::Own {
        syscall::allow_many_files();
    }
    let mut found = find(&scope)?;
    let asks_for_owners = settings.programs || settings.filter.needs_owners();
    let knobs = settings.filter.knobs();
    let knobs = if settings.kernel_filter { knobs } else { knobs.wide_open() };
    let mut programs = Programs::load(&Knobs {
        owners: asks_for_owners || scope == Scope::All,
        tasks: scope == Scope::All,
        every_netns: !found.namespaces.is_empty(),
        ..knobs
    })?;
    if scope == Scope::All {
        programs.tasks()?.map(|walk| found.add_those_of_tasks(walk)).transpose()?;
        programs.owners()?.map(|walk| found.add_those_of_sockets(walk)).transpose()?;
    }
    let views = look_around(&mut programs, &settings, &mut found)?;
    let ownership = match asks_for_owners {
        true => programs.owners()?.zip(programs.owners()?),
        false => None,
    };
    load::drop_capabilities()?;

    let knows_owners = ownership.is_some();
    let ownership = ownership.map(|(first, second)| Ownership::new(first, second)).transpose()?;
    let mut out = stdout()?;
    let mut output = output::new(settings.format, &mut out);
    // A thread has the capabilities that its maker has left.
    let sockets = ReadAhead::new(programs.sockets()).context("cannot start a thread")?;
    print(Records::new(sockets), &settings, &views, ownership, output.as_mut())?;
    let missing = match asks_for_owners && !knows_owners {
        true => Some("processes: this kernel does not tell who holds a socket".into()),
        false => found.missing(),
    };
    let Some(missing) = missing else {
        return Ok(output.end().map_err(OutputError)?);
    };
    drop(output);
    out.flush().map_err(OutputError)?;
    bail!("the table is without {missing}")
}

/// Finds the network namespaces that are asked for, as far as they can be found without the kernel
/// side. Where it is only one, enters it; then, as when it is the own one, none are left to be entered.
fn find(scope: &Scope) -> anyhow::Result<Found> {
    let words = match scope {
        Scope::Own => return Ok(Found::default()),
        Scope::All => return Ok(Found::mounted()),
        Scope::Named(words) => words,
    };
    let found = Found::named(words).map_err(|error| cli::wrong("--netns <NETNS>", &error))?;
    for netns in &found.namespaces {
        netns.enter().map_err(anyhow::Error::msg)?;
    }
    Ok(if found.namespaces.len() == 1 { Found::default() } else { found })
}

/// Looks into each of the namespaces, or only into the one that the program is in, and opens the
/// tables there.
fn look_around(
    programs: &mut Programs,
    settings: &Settings,
    found: &mut Found,
) -> anyhow::Result<Views> {
    let mut interfaces = Interfaces::new(&settings.interfaces);
    let mut look = || -> anyhow::Result<Option<View>> {
        let Some(interfaces) = interfaces.here() else { return Ok(None) };
        programs.open_here()?;
        View::here(Filter { interfaces, ..settings.filter.clone() }).map(Some)
    };
    let views = match found.namespaces.is_empty() {
        true => Views::one(look()?),
        false => {
            let mut views = Vec::new();
            for netns in std::mem::take(&mut found.namespaces) {
                match netns.enter() {
                    Ok(()) => views.extend(look()?.map(|view| (netns.inode, view))),
                    Err(why) => found.refuse(netns.inode, why),
                }
            }
            Views::several(views)
        }
    };
    interfaces.check().map_err(|error| cli::wrong("--interface <IF>", &error))?;
    Ok(views)
}

fn options(names: &[String]) -> anyhow::Result<()> {
    let found = explain::find(names).map_err(|error| cli::wrong("<NAME>", &error))?;
    let (pristine, _) = Pristine::ask(|_| true);
    let mut out = stdout()?;
    match names.is_empty() {
        true => explain::list(&mut out, &pristine),
        false => explain::explain(&mut out, &found, &pristine),
    }
    .and_then(|()| out.flush())
    .map_err(OutputError)?;
    Ok(())
}

fn doctor(json: bool) -> anyhow::Result<()> {
    let checks = check::examine();
    load::drop_capabilities()?;
    let mut out = stdout()?;
    match json {
        true => check::write_json(&mut out, &checks),
        false => check::write_text(&mut out, &checks),
    }
    .and_then(|()| out.flush())
    .map_err(OutputError)?;
    check::conclude(&checks)
}

/// The standard output with a buffer of a size that is worth a system call.
fn stdout() -> anyhow::Result<BufWriter<File>> {
    let fd = io::stdout().as_fd().try_clone_to_owned().context("cannot write the output")?;
    Ok(BufWriter::with_capacity(128 * 1024, File::from(fd)))
}
