//! The table of sockets.

pub mod namespaces;
pub mod pipeline;
pub mod plans;
mod rows;

use std::io::Write;

use super::stdout;
use crate::cli;
use crate::config::{protocol_width, Config};
use crate::error::Error;
use crate::host::interfaces::{self, Interfaces};
use crate::host::netns::{NetnsError, NetnsSet, Scope};
use crate::host::netns_names::Names;
use crate::host::protocols::has_udp_lite;
use crate::kernel::capability;
use crate::kernel::load::{Loader, Programs};
use crate::kernel::read_ahead::ReadAhead;
use crate::kernel::request::{Prefilter, Request};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::syscall;
use crate::options::defaults::Pool;
use crate::output::Style;
use crate::query::columns::{Column, Needs};
use crate::query::filter::Filter;
use crate::query::lost::Lost;
use crate::record::Records;
use namespaces::{Namespace, Namespaces};
use pipeline::Ownership;

/// Prints the table, as text or as JSON.
///
/// # Errors
///
/// When the usage is wrong, the programs cannot be loaded, the sockets cannot be read, the output cannot
/// be written, or the table is incomplete.
pub fn run(config: &Config) -> Result<(), Error> {
    let scope = &config.scope;
    if *scope != Scope::Own {
        syscall::allow_many_files();
    }
    let mut netns_set = find(scope)?;
    let is_one = *scope != Scope::All && netns_set.namespaces.is_empty();
    let filter = expected(config.filter.clone(), !is_one);
    let style = style(config, &filter, !is_one);
    let config = Config { filter, style, ..config.clone() };
    let asks_for_owners = config.needs(Needs::Holders);
    let request = Request {
        owners: asks_for_owners || *scope == Scope::All,
        tasks: *scope == Scope::All,
        dead_after: config.needs(Needs::DeadAfter),
        every_netns: *scope == Scope::All || !netns_set.namespaces.is_empty(),
        ..request(&config, is_one)
    };
    let (programs, lost) = load(&request, &config)?;
    let config = &Config { lost, ..config };
    if *scope == Scope::All {
        programs.tasks()?.map(|walk| netns_set.add_from_tasks(walk)).transpose()?;
        programs.owners()?.map(|walk| netns_set.add_from_sockets(walk)).transpose()?;
        netns_set.check_own();
    }
    let (namespaces, snapshot) = enter_all(&programs, config, &mut netns_set)?;
    // The first walk, and one for each section of the table.
    let walks = if asks_for_owners { 1 + config.filter.layouts().len() } else { 0 };
    let mut walks: Vec<_> =
        (0..walks).filter_map(|_| programs.owners().transpose()).collect::<Result<_, _>>()?;
    capability::drop_all()?;

    let first = walks.pop();
    let ownership = first.map(|first| Ownership::new(first, walks)).transpose()?;
    let mut out = stdout()?;
    let mut output = config.format.open(&mut out, &config.columns, config.style);
    // A thread inherits the capabilities of its creator, so it is started after they were dropped.
    let sockets = ReadAhead::new(snapshot).map_err(Error::Thread)?;
    let unknown =
        pipeline::print(Records::new(sockets), config, &namespaces, ownership, output.as_mut())?;
    let missing = programs.missing().into_iter().chain(config.lost.missing());
    let missing = missing.chain(netns_set.missing());
    let missing = missing.chain(unknown.missing()).chain(namespaces.missing());
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        return output.end().map_err(Error::Output);
    }
    drop(output);
    out.flush().map_err(Error::Output)?;
    Err(Error::Incomplete(missing.join("; missing ")))
}

/// Loads the programs, and finds out which columns they cannot fill. The kernel's types are not kept.
fn load(request: &Request, config: &Config) -> Result<(Programs, Lost), Error> {
    let loader = Loader::new();
    let programs = loader.load(request)?;
    let lost =
        loader.btf().map(|btf| Lost::of(btf, &request.families, |column| config.asks_for(column)));
    Ok((programs, lost.unwrap_or_default()))
}

/// Leaves out UDP-Lite if it can have no rows, because it requires a walk through all descriptors.
/// `anywhere`: all network namespaces count, and not only that of the program. The kernel does not count
/// unbound sockets, so UDP-Lite is kept if these are requested.
fn expected(mut filter: Filter, anywhere: bool) -> Filter {
    if filter.request().udp_lite && !filter.unbound && !has_udp_lite(anywhere) {
        filter.omit_udp_lite();
    }
    filter
}

/// The style, with room for the word of UDP-Lite if there may be such sockets.
fn style(config: &Config, filter: &Filter, anywhere: bool) -> Style {
    let has_udp_lite = filter.request().udp_lite && has_udp_lite(anywhere);
    Style { protocol_width: protocol_width(filter, has_udp_lite), ..config.style }
}

/// Returns the request to the kernel side, without the network namespaces. `is_one`: only sockets of the
/// network namespace of this thread are read.
fn request(config: &Config, is_one: bool) -> Request {
    let mut request = config.filter.request();
    if let (true, Some(names)) = (is_one, config.filter.required_interfaces()) {
        request.prefilter.interfaces = interfaces::indexes(&names).unwrap_or_default();
    }
    match config.kernel_filter {
        true => request,
        false => Request { prefilter: Prefilter::default(), ..request },
    }
}

/// Finds the requested network namespaces, as far as that works without BPF programs. A single namespace
/// is entered at once. The result is then empty, as it is for the namespace of the program.
fn find(scope: &Scope) -> Result<NetnsSet, Error> {
    let words = match scope {
        Scope::Own => return Ok(NetnsSet::default()),
        Scope::All => return Ok(NetnsSet::mounted()),
        Scope::Named(words) => words,
    };
    let netns_set = NetnsSet::named(words).map_err(|error| match error {
        NetnsError::Wrong(why) => cli::wrong("--netns", &why),
        NetnsError::Refused(why) => Error::EnterNetns(why),
    })?;
    for netns in &netns_set.namespaces {
        netns.enter().map_err(Error::EnterNetns)?;
    }
    Ok(if netns_set.namespaces.len() == 1 { NetnsSet::default() } else { netns_set })
}

/// Enters each of the namespaces, or stays in that of the program. There, queries new sockets for their
/// defaults and opens the iterators.
fn enter_all(
    programs: &Programs,
    config: &Config,
    netns_set: &mut NetnsSet,
) -> Result<(Namespaces, Snapshot), Error> {
    let mut interfaces = Interfaces::new(&config.interfaces);
    let (mut snapshot, mut pool) = (Snapshot::default(), Pool::default());
    let mut open = || -> Result<Namespace, Error> {
        interfaces.look_here().map_err(Error::Interfaces)?;
        programs.open(&mut snapshot)?;
        Namespace::here(expected(config.filter.clone(), false), &mut pool)
    };
    let is_one = netns_set.namespaces.is_empty() && config.scope != Scope::All;
    let namespaces = match is_one {
        true => Namespaces::one(open()?),
        false => {
            let mut namespaces = Vec::new();
            for netns in std::mem::take(&mut netns_set.namespaces) {
                match netns.enter() {
                    Ok(()) => namespaces.push((netns.inode, open()?)),
                    Err(why) => netns_set.refuse(netns.inode, why),
                }
            }
            Namespaces::several(namespaces)
        }
    };
    interfaces.check().map_err(Error::Usage)?;
    let names = shows_netns_names(config).then(Names::read).unwrap_or_default();
    Ok((namespaces.with_names(names), snapshot))
}

/// Whether network namespaces are shown by name. JSON has a separate member for the name.
fn shows_netns_names(config: &Config) -> bool {
    let shows = |column| config.columns.has(column);
    shows(Column::NetnsName) || !config.format.whole_sockets && shows(Column::Netns)
}
