//! `knetstat options`: the list of options, and the explanations of some of them.

mod explain;
mod facts;
mod json;
mod list;
mod page;
mod request;
mod support;
mod words;

use std::io::{self, Write};

use super::stdout;
use crate::cli;
use crate::error::Error;
use crate::host::sysctls;
use crate::usage;

use facts::Host;
use page::Page;
use request::Request;
pub use support::is_supported;

/// Prints the list of all options, or the explanations of the options that the words name.
///
/// # Errors
///
/// [`Error::Usage`] for a word that names no option, [`Error::Output`] when the output cannot be written.
pub fn run(words: &[String], json: bool) -> Result<(), Error> {
    let request = request::parse(words)
        .map_err(|error| cli::wrong("options", &usage::with_file_hint(words, &error)))?;
    let host = Host::ask();
    let mut text = Vec::new();
    match json {
        true => json::write(&mut text, request.options(), &host),
        false => write(&mut text, &request, &host),
    }
    .map_err(Error::Output)?;
    let mut out = stdout()?;
    out.write_all(&text).and_then(|()| out.flush()).map_err(Error::Output)?;
    let shows_sysctls = json || matches!(request, Request::Explain(_));
    match sysctls::obstacle().filter(|_| shows_sysctls) {
        _ if host.lacked_files() => Err(Error::NotAsked),
        Some(why) => Err(Error::NoSysctls(why)),
        None => Ok(()),
    }
}

fn write(to: &mut impl Write, request: &Request, host: &Host) -> io::Result<()> {
    let mut page = Page::of_stdout(to);
    match request {
        Request::List => list::by_level(&mut page, host),
        Request::Topics => list::by_topic(&mut page, host),
        Request::Explain(options) => explain::write(&mut page, options, host),
    }
}
