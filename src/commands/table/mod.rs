//! The table of sockets.

pub mod namespaces;
pub mod pipeline;

use std::io::Write;

use super::stdout;
use crate::cli;
use crate::config::Config;
use crate::error::Error;
use crate::host::interfaces::Interfaces;
use crate::host::netns::{Found, Scope};
use crate::kernel::capability;
use crate::kernel::load::{Loader, Programs};
use crate::kernel::read_ahead::ReadAhead;
use crate::kernel::request::{Prefilter, Request};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::syscall;
use crate::query::columns::Needs;
use crate::query::filter::Filter;
use crate::record::Records;
use namespaces::{View, Views};
use pipeline::Ownership;

/// Prints the table, or the same as JSON.
///
/// # Errors
///
/// For wrong usage; when the programs cannot be loaded, the sockets not be read or the output not be
/// written; when the table is not complete.
pub fn run(config: &Config) -> Result<(), Error> {
    let scope = &config.scope;
    if *scope != Scope::Own {
        syscall::allow_many_files();
    }
    let mut found = find(scope)?;
    let asks_for_owners = config.columns.needs(Needs::Holders) || config.filter.needs_owners();
    let programs = Loader::new().load(&Request {
        owners: asks_for_owners || *scope == Scope::All,
        tasks: *scope == Scope::All,
        every_netns: !found.namespaces.is_empty(),
        ..request(config)
    })?;
    if *scope == Scope::All {
        programs.tasks()?.map(|walk| found.add_those_of_tasks(walk)).transpose()?;
        programs.owners()?.map(|walk| found.add_those_of_sockets(walk)).transpose()?;
    }
    let (views, snapshot) = enter_all(&programs, config, &mut found)?;
    let ownership = match asks_for_owners {
        true => programs.owners()?.zip(programs.owners()?),
        false => None,
    };
    capability::drop_all()?;

    let ownership = ownership.map(|(first, second)| Ownership::new(first, second)).transpose()?;
    let mut out = stdout()?;
    let mut output = config.format.open(&mut out, &config.columns, config.style);
    // A thread has the capabilities that its creator has left.
    let sockets = ReadAhead::new(snapshot).map_err(Error::Thread)?;
    pipeline::print(Records::new(sockets), config, &views, ownership, output.as_mut())?;
    let Some(missing) = programs.missing().or_else(|| found.missing()) else {
        return output.end().map_err(Error::Output);
    };
    drop(output);
    out.flush().map_err(Error::Output)?;
    Err(Error::Incomplete(missing))
}

/// What the command line asks of the kernel side, but for the network namespaces.
fn request(config: &Config) -> Request {
    let request = config.filter.request();
    match config.kernel_filter {
        true => request,
        false => Request { prefilter: Prefilter::default(), ..request },
    }
}

/// Finds the network namespaces that are asked for, as far as they can be found without the kernel
/// side. Where it is only one, enters it; then, as when it is the own one, none are left to be entered.
fn find(scope: &Scope) -> Result<Found, Error> {
    let words = match scope {
        Scope::Own => return Ok(Found::default()),
        Scope::All => return Ok(Found::mounted()),
        Scope::Named(words) => words,
    };
    let found = Found::named(words).map_err(|error| cli::wrong("--netns <NETNS>", &error))?;
    for netns in &found.namespaces {
        netns.enter().map_err(Error::EnterNetns)?;
    }
    Ok(if found.namespaces.len() == 1 { Found::default() } else { found })
}

/// Enters each of the namespaces, or stays in the one that the program is in. Learns what must be known
/// of each, and opens the iterators there.
fn enter_all(
    programs: &Programs,
    config: &Config,
    found: &mut Found,
) -> Result<(Views, Snapshot), Error> {
    let mut interfaces = Interfaces::new(&config.interfaces);
    let mut snapshot = Snapshot::default();
    let mut look = || -> Result<Option<View>, Error> {
        let Some(interfaces) = interfaces.here() else { return Ok(None) };
        programs.open(&mut snapshot)?;
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
    Ok((views, snapshot))
}
