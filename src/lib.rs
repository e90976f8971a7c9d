//! knetstat shows the options of every live socket. This library is the program without its
//! `main`; it is there for the tests and promises nothing to others.
//!
//! kernel tables - BPF iterators ([`bpf`], [`collect`]) - records ([`record`]) - sockets
//! ([`socket`]) - filter ([`filter`]) - options ([`catalogue`], [`selection`]) - output ([`output`])

pub mod ahead;
pub mod bpf;
pub mod catalogue;
pub mod cli;
pub mod collect;
pub mod explain;
pub mod facts;
pub mod filter;
pub mod host;
pub mod howto;
pub mod kind;
pub mod output;
pub mod owners;
pub mod plan;
pub mod print;
pub mod pristine;
pub mod read;
pub mod record;
pub mod selection;
pub mod socket;
pub mod state;
pub mod structs;
pub mod suggest;
pub mod sys;
pub mod value;
pub mod words;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

use anyhow::{bail, Context};
use clap::CommandFactory;

use ahead::ReadAhead;
use cli::{Cli, Command, TableArgs};
use host::Host;
pub use print::print;
use print::Ownership;
use pristine::Pristine;
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
    let settings = args.settings(interface_index)?;
    let mut knobs = settings.filter.knobs();
    knobs.owners |= settings.programs;
    let knobs = if settings.kernel_filter { knobs } else { knobs.wide_open() };
    let streams = collect::open(&knobs)?;
    let (pristine, socket) = Pristine::ask(|kind| settings.filter.wants(kind));
    collect::drop_capabilities()?;
    let host = Host::new(socket)?;

    let knows_owners = streams.owners.is_some();
    let ownership = match streams.owners {
        Some([first, second]) => Some(Ownership::new(first, second)?),
        None => None,
    };
    let mut out = stdout()?;
    let mut output = output::new(settings.format, &mut out);
    // A thread has the capabilities that its maker has left.
    let records = Records::new(ReadAhead::new(streams.sockets).context("cannot start a thread")?);
    print(records, &settings, &pristine, &host, ownership, output.as_mut())?;
    match knobs.owners && !knows_owners {
        true => {
            bail!("the table is without processes: this kernel does not tell who holds a socket")
        }
        false => Ok(()),
    }
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

/// The standard output with a buffer of a size that is worth a system call.
fn stdout() -> anyhow::Result<BufWriter<File>> {
    let fd = io::stdout().as_fd().try_clone_to_owned().context("cannot write the output")?;
    Ok(BufWriter::with_capacity(128 * 1024, File::from(fd)))
}

/// The index of an interface of this network namespace.
fn interface_index(name: &str) -> Result<u32, String> {
    use nix::net::if_::{if_nameindex, if_nametoindex};
    if let Ok(index) = if_nametoindex(name) {
        return Ok(index);
    }
    // One that is gone has no name any more, and one whose name has a comma cannot be typed.
    if let Ok(index) = name.parse() {
        return Ok(index);
    }
    let names: Vec<String> = if_nameindex().map_or_else(
        |_| Vec::new(),
        |interfaces| {
            interfaces.iter().map(|interface| interface.name().to_string_lossy().into()).collect()
        },
    );
    Err(suggest::unknown("interface", name, names.iter().map(String::as_str)))
}
