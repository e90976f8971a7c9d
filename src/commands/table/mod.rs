//! The table of sockets.

pub mod namespaces;
pub mod pipeline;

use std::io::Write;

use anyhow::{bail, Context};

use super::stdout;
use crate::cli;
use crate::config::Config;
use crate::error::OutputError;
use crate::host::interfaces::Interfaces;
use crate::host::netns::{Found, Scope};
use crate::kernel::load::{self, Programs};
use crate::kernel::read_ahead::ReadAhead;
use crate::kernel::syscall;
use crate::query::columns::Needs;
use crate::query::filter::{Filter, Knobs};
use crate::record::Records;
use namespaces::{View, Views};
use pipeline::Ownership;

/// Prints the table, or the same as JSON.
///
/// # Errors
///
/// For words that mean nothing, as wrong usage; when the programs cannot be loaded, the sockets not be
/// read or the output not be written; when not all was shown that there is.
pub fn run(config: &Config) -> anyhow::Result<()> {
    let scope = &config.scope;
    if *scope != Scope::Own {
        syscall::allow_many_files();
    }
    let mut found = find(scope)?;
    let asks_for_owners = config.columns.needs(Needs::Holders) || config.filter.needs_owners();
    let knobs = config.filter.knobs();
    let knobs = if config.kernel_filter { knobs } else { knobs.wide_open() };
    let mut programs = Programs::load(&Knobs {
        owners: asks_for_owners || *scope == Scope::All,
        tasks: *scope == Scope::All,
        every_netns: !found.namespaces.is_empty(),
        ..knobs
    })?;
    if *scope == Scope::All {
        programs.tasks()?.map(|walk| found.add_those_of_tasks(walk)).transpose()?;
        programs.owners()?.map(|walk| found.add_those_of_sockets(walk)).transpose()?;
    }
    let views = look_around(&mut programs, config, &mut found)?;
    let ownership = match asks_for_owners {
        true => programs.owners()?.zip(programs.owners()?),
        false => None,
    };
    load::drop_capabilities()?;

    let knows_owners = ownership.is_some();
    let ownership = ownership.map(|(first, second)| Ownership::new(first, second)).transpose()?;
    let mut out = stdout()?;
    let mut output = config.format.open(&mut out, &config.columns, config.style);
    // A thread has the capabilities that its maker has left.
    let sockets = ReadAhead::new(programs.sockets()).context("cannot start a thread")?;
    pipeline::print(Records::new(sockets), config, &views, ownership, output.as_mut())?;
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
    config: &Config,
    found: &mut Found,
) -> anyhow::Result<Views> {
    let mut interfaces = Interfaces::new(&config.interfaces);
    let mut look = || -> anyhow::Result<Option<View>> {
        let Some(interfaces) = interfaces.here() else { return Ok(None) };
        programs.open_here()?;
        View::here(Filter { interfaces, ..config.filter.clone() }).map(Some)
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
