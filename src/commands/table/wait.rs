//! Waiting for a socket that matches (`--wait`). The programs are loaded once, and read again and again.
//! Nothing is written meanwhile. Only the capabilities that this requires are kept.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::places::Places;
use super::reading::{Loaded, Reading};
use crate::config::Config;
use crate::error::Error;
use crate::host::netns::NetnsSet;

/// The shortest pause between two rounds. After a round that takes longer, the pause is as long as the
/// round, so that half of a CPU stays free.
const PAUSE: Duration = Duration::from_millis(50);

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
    let (end, quiet) = (Instant::now().checked_add(limit), config.quiet);
    let mut config = config.for_match();
    places.keep_capabilities(&config)?;
    let mut netns_set = first;
    loop {
        let begun = Instant::now();
        let reading = Reading::open(programs, &config, netns_set)?;
        let is_match = reading.has_match(programs, &config)?;
        config = config.for_later_readings();
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
