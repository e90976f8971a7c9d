//! Waiting for a socket that matches (`--wait`). The programs are loaded once, and read again and again.
//! Nothing is written meanwhile. Only the capabilities that this requires are kept.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::reading::{find, Loaded, Reading};
use crate::config::Config;
use crate::error::Error;
use crate::host::netns::{Netns, NetnsError, NetnsSet, Scope};
use crate::kernel::capability;
use crate::query::columns::Column;

/// The shortest pause between two rounds. After a round that takes longer, the pause is as long as the
/// round, so that half of a CPU stays free.
const PAUSE: Duration = Duration::from_millis(50);

/// The network namespaces that every round reads.
enum Places<'a> {
    /// That of this thread.
    Here,
    /// Those of the command line.
    Named(&'a Scope),
    /// All that can be found from the one in which the program started.
    All(Netns),
}

impl Places<'_> {
    fn of<'a>(config: &'a Config, first: &NetnsSet) -> Result<Places<'a>, Error> {
        match &config.scope {
            Scope::All => {
                let own = Netns::named(&std::process::id().to_string());
                let (NetnsError::Wrong(why) | NetnsError::Refused(why)) = match own {
                    Ok(own) => return Ok(Places::All(own)),
                    Err(error) => error,
                };
                Err(Error::EnterNetns(why))
            }
            // A single namespace has been entered already.
            Scope::Own | Scope::Named(_) if first.namespaces.is_empty() => Ok(Places::Here),
            scope => Ok(Places::Named(scope)),
        }
    }

    /// Finds the namespaces for another round.
    fn find(&self) -> Result<NetnsSet, Error> {
        match self {
            Places::Here => Ok(NetnsSet::default()),
            Places::Named(scope) => find(scope),
            Places::All(own) => {
                // A thread that may enter no namespace has not left its own, and could not enter that either.
                if !own.is_current() {
                    own.enter().map_err(Error::EnterNetns)?;
                }
                find(&Scope::All)
            }
        }
    }
}

/// Asks for a socket until one matches or the time is over. Returns whether one matched, and the namespaces
/// for the next reading.
///
/// # Errors
///
/// As for a single reading.
pub fn for_match(
    programs: &Loaded,
    config: &Config,
    first: NetnsSet,
    limit: Duration,
) -> Result<(bool, NetnsSet), Error> {
    let places = Places::of(config, &first)?;
    let reads_labels = config.for_match().asks_for(Column::Xattrs);
    capability::keep_for_reading(matches!(places, Places::Here), reads_labels)?;
    let (end, quiet) = (Instant::now().checked_add(limit), config.quiet);
    let config = &config.for_match();
    let mut netns_set = first;
    loop {
        let begun = Instant::now();
        let is_match = Reading::open(programs, config, netns_set)?.has_match(config)?;
        if is_match && quiet {
            return Ok((true, NetnsSet::default()));
        }
        netns_set = places.find()?;
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if is_match || left == Some(Duration::ZERO) {
            return Ok((is_match, netns_set));
        }
        let pause = begun.elapsed().max(PAUSE);
        sleep(left.map_or(pause, |left| left.min(pause)));
    }
}
