//! The table of sockets, in any format, and what is counted of them.

mod continuous;
pub mod namespaces;
mod pager;
pub mod peers;
mod pins;
pub mod pipeline;
mod places;
pub mod plans;
pub mod progress;
mod reading;
mod rows;
mod seen;
mod sort;
mod wait;

use std::io::Write;
use std::rc::Rc;

use super::{buffered, open_stdout};
use crate::config::{protocol_width, Config};
use crate::error::Error;
use crate::host::interfaces;
use crate::host::netns::Scope;
use crate::host::protocols::has_udp_lite;
use crate::host::resolver::Resolver;
use crate::kernel::load::Loader;
use crate::kernel::program_set::Programs;
use crate::kernel::request::{Prefilter, Request};
use crate::kernel::sandbox;
use crate::kernel::syscall;
use crate::output::quiet::Quiet;
use crate::output::{Output, Style};
use crate::query::columns::Column;
use crate::query::filter::Filter;
use crate::query::lost::Lost;
use crate::record::fact::Sections;
use pager::Pager;
use progress::{Hushed, Progress};
use reading::{expected, find, Loaded, Reading};

/// Prints the table, in any format, or only finds out whether a socket matches.
///
/// # Errors
///
/// When the usage is wrong, the programs cannot be loaded, the sockets cannot be read, the output cannot
/// be written, or the table is incomplete. [`Error::NoMatch`] if only a match is of interest and there is
/// none.
pub fn run(config: &Config) -> Result<(), Error> {
    let mut pager = None;
    let result = show(config, &mut pager);
    pager.map_or(Ok(()), Pager::end)?;
    result
}

/// Shows the sockets, to a pager if one is wanted, which is left in `pager`.
fn show(config: &Config, pager: &mut Option<Pager>) -> Result<(), Error> {
    // Names are asked for where the program was started, and not in the network namespace that it enters.
    let resolver = config.resolve.then(|| Rc::new(Resolver::start()));
    let scope = &config.scope;
    if *scope != Scope::Own {
        syscall::allow_many_files();
    }
    let netns_set = find(scope)?;
    let is_one = *scope != Scope::All && netns_set.namespaces.is_empty();
    let filter = match config.is_repeated() {
        // The first such socket may be opened meanwhile.
        true => config.filter.clone(),
        false => expected(config.filter.clone(), !is_one),
    };
    let style = style(config, &filter, !is_one);
    let config = Config { filter, style, resolver, ..config.clone() };
    let request = Request {
        owners: config.needs_owners() || *scope == Scope::All,
        listeners: config.needs_listeners(),
        queues: config.needs_listeners(),
        tasks: *scope == Scope::All,
        every_netns: *scope == Scope::All || !netns_set.namespaces.is_empty(),
        ..request(&config, is_one)
    };
    let (programs, lost) = load(&request, &config)?;
    let config = &Config { lost, ..config };
    if let Some(rounds) = config.rounds {
        return continuous::run(&programs, config, rounds, netns_set);
    }
    let netns_set = match config.wait {
        None => netns_set,
        Some(limit) => match wait::for_match(&programs, config, netns_set, limit)? {
            (true, _) if config.quiet => return Ok(()),
            (_, netns_set) => netns_set,
        },
    };
    let config = match config.wait {
        None => config,
        Some(_) => &config.for_later_readings(),
    };
    let mut reading = Reading::open(&programs, config, netns_set)?;
    if config.asks_for(Column::Xattrs) {
        reading = reading.with_owners(config, false)?;
    }
    // With less(1), the keyboard can no longer end a run that has nothing to show yet. The pager is therefore started as
    // late as possible: when the waiting is over, and most errors would have occurred.
    if config.pager {
        *pager = Pager::start()?;
    }
    sandbox::enter()?;
    pager.iter().for_each(Pager::end_run_with_it);
    let progress = match config.quiet || pager.is_some() {
        true => Progress::default(),
        false => Progress::start(),
    };
    let read = |reading: Reading| {
        let reading = reading.with_owners(config, true)?;
        match config.quiet {
            true => find_match(reading, &programs, config, &progress),
            false => print(reading, &programs, config, &progress),
        }
    };
    let result = read(reading);
    progress.end();
    result
}

/// Prints the sockets.
fn print(
    reading: Reading,
    programs: &Loaded,
    config: &Config,
    progress: &Progress,
) -> Result<(), Error> {
    let out = open_stdout()?;
    let shares = !out.metadata().is_ok_and(|it| it.is_file());
    let mut out = buffered(Hushed::new(out, progress, shares));
    let mut output = config.format.open(&mut out, &config.columns, config.style);
    let missing = reading.read(programs, config, output.as_mut(), Some(progress))?;
    if missing.is_empty() {
        return output.end().map_err(Error::Output);
    }
    output.end_incomplete().map_err(Error::Output)?;
    drop(output);
    out.flush().map_err(Error::Output)?;
    Err(Error::Incomplete(missing.join("; missing ")))
}

/// Finds out whether a socket matches. If one does, it does not matter what is missing.
fn find_match(
    reading: Reading,
    programs: &Loaded,
    config: &Config,
    progress: &Progress,
) -> Result<(), Error> {
    let mut quiet = Quiet::default();
    let missing = reading.read(programs, config, &mut quiet, Some(progress))?;
    match (quiet.is_done(), missing.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err(Error::NoMatch),
        (false, false) => Err(Error::Incomplete(missing.join("; missing "))),
    }
}

/// Loads the programs, or opens their pins, and finds out which columns they cannot fill. The kernel's types are not kept,
/// and not read for pins.
fn load(request: &Request, config: &Config) -> Result<(Loaded, Lost), Error> {
    let connections = peers::request(config, request.every_netns);
    let requests: Vec<&Request> = [request].into_iter().chain(&connections).collect();
    let families = &request.families;
    let is_asked = |column: Column| match column {
        // The processes are those of the listener if a connection waits.
        column if column.is_of_listener() => config.needs_listeners(),
        column => config.asks_for(column),
    };
    if let Some(pins) = pins::open(config, &requests, !request.every_netns)? {
        let owners = request.owners && !(config.owners_are_optional && pins.lack_owners());
        let programs = |request: &Request| Programs::of_pins(&pins, request);
        let connections = connections.as_ref().map(programs);
        let rows = programs(&Request { owners, ..request.clone() });
        let programs = Loaded { rows, connections };
        return Ok((programs, Lost::of_pins(&pins.lacking, families, is_asked)));
    }
    let loader = Loader::new().with_walks(config.walks);
    let connections = connections.map(|request| loader.load(&request)).transpose()?;
    let programs = Loaded { rows: loader.load(request)?, connections };
    let lost = loader.btf().map(|btf| Lost::of(btf, families, is_asked));
    Ok((programs, lost.unwrap_or_default()))
}

/// The style, with room for the word of UDP-Lite if there may be such sockets.
fn style(config: &Config, filter: &Filter, anywhere: bool) -> Style {
    let has_udp_lite = filter.request().udp_lite && has_udp_lite(anywhere);
    Style { protocol_width: protocol_width(filter, has_udp_lite), ..config.style }
}

/// Returns the request to the kernel side, without the network namespaces. `is_one`: only sockets of the
/// network namespace of this thread are read.
fn request(config: &Config, is_one: bool) -> Request {
    let mut request = Request { sections: config.sections().bits(), ..config.filter.request() };
    // Between two readings, the index of an interface may change.
    let has_indexes = is_one && !config.is_repeated();
    if let (true, Some(names)) = (has_indexes, config.filter.required_interfaces()) {
        request.prefilter.interfaces = interfaces::indexes(&names).unwrap_or_default();
    }
    match config.kernel_filter {
        true => request,
        false => {
            Request { prefilter: Prefilter::default(), sections: Sections::ALL.bits(), ..request }
        }
    }
}
