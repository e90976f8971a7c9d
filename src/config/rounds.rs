//! Showing the table again and again: `--continuous` and `--changes`.

use std::time::Duration;

use crate::cli::{wrong, TableArgs};
use crate::error::Error;

/// The interval without one on the command line, as in netstat.
const EVERY: Duration = Duration::from_secs(1);

/// How the table is shown again and again.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// The time from the beginning of a round to that of the next one.
    pub interval: Duration,
    /// Whether the rows are objects of JSON.
    pub is_json: bool,
    /// Whether only what has changed is shown.
    pub changes: bool,
}

/// Returns the rounds, or `None` for a single reading.
///
/// # Errors
///
/// [`Error::Usage`] for flags that have no meaning with several rounds, or only with them.
pub fn of(args: &TableArgs) -> Result<Option<Rounds>, Error> {
    if !args.continuous {
        return match args.changes {
            true => Err(wrong("--changes", "requires -c (such as knetstat -tc --changes)")),
            false => Ok(None),
        };
    }
    let counts = args.summary || !args.count_by.is_empty();
    let wrong_pairs = [
        (args.json, "--json and -c", "the array would have no end (use --ndjson)"),
        (args.metrics, "--metrics and -c", "metrics end once (run knetstat from a timer)"),
        (args.csv, "--csv and -c", "a record has no time (use --ndjson)"),
        (args.quiet, "--quiet and -c", "-c has no result (use --wait)"),
        (args.pager, "--pager and -c", "the pager would not show the rounds (omit one of them)"),
        (args.wait.is_some(), "--wait and -c", "-c shows what there is (omit one of them)"),
        (args.changes && counts, "--changes and counts", "changes are those of sockets"),
        (
            args.changes && args.long,
            "--changes and --long",
            "a change is one line (omit one of them)",
        ),
    ];
    if let Some((_, flags, why)) = wrong_pairs.into_iter().find(|(is_given, ..)| *is_given) {
        return Err(Error::Usage(format!("{flags} cannot be combined: {why}")));
    }
    let interval = args.interval.unwrap_or(EVERY);
    match interval.is_zero() {
        true => Err(wrong("-c", "the interval must be longer than 0 (such as -c 0.5)")),
        false => Ok(Some(Rounds { interval, is_json: args.ndjson, changes: args.changes })),
    }
}
