//! Showing the sockets again and again (`--continuous`). The programs are loaded once, and read in each round.
//!
//! A process cannot get back a capability or a system call that it has given up. Rows are therefore written with the
//! capabilities that the next round requires, and without the sandbox, which refuses to open sockets and to enter
//! namespaces. No threads are started, because a round gains little by them.

use std::fs::File;
use std::hash::RandomState;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::places::Places;
use super::reading::{Loaded, Reading};
use crate::commands::{buffered, open_stdout};
use crate::config::{Config, Rounds};
use crate::error::Error;
use crate::host::host_name::host_name;
use crate::host::netns::NetnsSet;
use crate::kernel::ending;
use crate::output::rounds::collector::Collector;
use crate::output::rounds::compare::Compared;
use crate::output::rounds::events::Events;
use crate::output::rounds::round::Round;
use crate::output::rounds::screen::{self, Size};
use crate::output::rounds::stamp::Stamp;
use crate::output::{terminal, Output, Style};
use crate::text::Moment;

/// Shows the sockets until a signal ends the run, or nobody reads the output.
///
/// # Errors
///
/// As for a single reading. [`Error::Incomplete`] if something was missing in the last round.
pub fn run(
    programs: &Loaded,
    config: &Config,
    rounds: Rounds,
    first: NetnsSet,
) -> Result<(), Error> {
    let places = Places::of(config, &first)?;
    ending::note_signals();
    places.keep_capabilities(config)?;
    let mut writer = Writer::new(config, rounds)?;
    let (mut config, later) = (config, config.for_later_readings());
    let mut netns_set = first;
    loop {
        let begun = Instant::now();
        let reading = Reading::open(programs, config, netns_set)?.with_owners(config, false)?;
        config = &later;
        let missing = writer.write(reading, programs, config)?;
        let pause = rounds.interval.saturating_sub(begun.elapsed());
        if ending::ends_within(pause, writer.out.get_ref().as_fd()) {
            return match missing {
                Some(missing) => Err(Error::Incomplete(missing)),
                None => Ok(()),
            };
        }
        netns_set = places.find()?;
    }
}

/// The form of a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The output of a single reading, again and again.
    Plain,
    /// What has changed.
    Changes,
    /// Rows of sockets on a terminal, with marks.
    Marked,
    /// Lines on a terminal that are not sockets.
    Lines,
}

/// Writes one round after the other.
struct Writer {
    out: BufWriter<File>,
    form: Form,
    is_json: bool,
    /// The round before, if it is compared with.
    before: Option<Round>,
    events: Events,
    hasher: RandomState,
    /// What was missing in the round before.
    missing: Option<String>,
    is_first: bool,
}

impl Writer {
    fn new(config: &Config, rounds: Rounds) -> Result<Writer, Error> {
        let is_screen = config.style.terminal.is_some() && !rounds.is_json && !terminal::is_dumb();
        let form = match (rounds.changes, is_screen, config.format.has_sections) {
            (true, ..) => Form::Changes,
            (_, true, true) => Form::Marked,
            (_, true, false) => Form::Lines,
            (_, false, _) => Form::Plain,
        };
        Ok(Writer {
            out: buffered(open_stdout()?),
            form,
            is_json: rounds.is_json,
            before: None,
            events: Events::default(),
            hasher: RandomState::new(),
            missing: None,
            is_first: true,
        })
    }

    /// Writes a round. Returns what is missing in it.
    fn write(
        &mut self,
        reading: Reading,
        programs: &Loaded,
        config: &Config,
    ) -> Result<Option<String>, Error> {
        let read = |output: &mut dyn Output| reading.read(programs, config, output, None);
        let missing = match self.form {
            Form::Plain => self.write_plain(config, read)?,
            Form::Lines => self.write_lines(config, read)?,
            Form::Changes | Form::Marked => self.write_compared(config, read)?,
        };
        self.out.flush().map_err(Error::Output)?;
        Ok(missing)
    }

    fn write_plain(
        &mut self,
        config: &Config,
        read: impl FnOnce(&mut dyn Output) -> Result<Vec<String>, Error>,
    ) -> Result<Option<String>, Error> {
        let stamp = stamp();
        if !std::mem::replace(&mut self.is_first, false) && config.format.has_blocks {
            writeln!(self.out).map_err(Error::Output)?;
        }
        let missing = {
            let to: Box<dyn Write> = match self.is_json {
                true => Box::new(stamp.on(&mut self.out)),
                false => Box::new(&mut self.out),
            };
            let mut output = config.format.open(to, &config.columns, config.style);
            let missing = read(output.as_mut())?;
            output.end().map_err(Error::Output)?;
            missing
        };
        Ok(self.note(missing))
    }

    fn write_lines(
        &mut self,
        config: &Config,
        read: impl FnOnce(&mut dyn Output) -> Result<Vec<String>, Error>,
    ) -> Result<Option<String>, Error> {
        let mut text = Vec::new();
        let size = size();
        let style = Style { terminal: Some(size.columns), ..config.style };
        let missing = {
            let mut output = config.format.open(&mut text, &config.columns, style);
            let missing = read(output.as_mut())?;
            output.end().map_err(Error::Output)?;
            missing
        };
        let notes = notes(&missing);
        screen::write_lines(&text, &notes, size, &mut self.out).map_err(Error::Output)?;
        Ok(joined(missing))
    }

    fn write_compared(
        &mut self,
        config: &Config,
        read: impl FnOnce(&mut dyn Output) -> Result<Vec<String>, Error>,
    ) -> Result<Option<String>, Error> {
        let size = size();
        // An event is always one line.
        let width = (self.form == Form::Marked).then(|| size.columns - screen::MARKS);
        let style = Style { terminal: width, ..config.style };
        let mut collector = Collector::new(config.format, &config.columns, style, &self.hasher);
        let missing = read(&mut collector)?;
        let round = collector.into_round();
        let compared = Compared::new(self.before.as_ref(), &round);
        let written = match (self.form, self.is_json) {
            (Form::Marked, _) => {
                screen::write_marked(&compared, &notes(&missing), size, &mut self.out)
            }
            (_, true) => Events::write_json(&compared, &mut stamp().on(&mut self.out)),
            (_, false) => self.events.write_table(&compared, &mut self.out),
        };
        written.map_err(Error::Output)?;
        self.before = Some(round);
        match self.form {
            Form::Marked => Ok(joined(missing)),
            _ => Ok(self.note(missing)),
        }
    }

    /// Reports what is missing, unless that is the same as in the round before.
    fn note(&mut self, missing: Vec<String>) -> Option<String> {
        let notes = notes(&missing);
        let missing = joined(missing);
        if self.missing != missing {
            // If standard error cannot be written, it cannot be reported.
            notes.iter().for_each(|note| drop(writeln!(io::stderr(), "knetstat: {note}")));
            self.missing.clone_from(&missing);
        }
        missing
    }
}

fn joined(missing: Vec<String>) -> Option<String> {
    (!missing.is_empty()).then(|| missing.join("; missing "))
}

/// The message for what is missing, if something is.
fn notes(missing: &[String]) -> Vec<String> {
    joined(missing.to_vec()).map(|it| Error::Incomplete(it).to_string()).into_iter().collect()
}

/// The members that each object of the round has.
fn stamp() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp::new(Moment(since.as_millis() as i64), &host_name())
}

/// The size that the terminal has now.
fn size() -> Size {
    const LEAST: usize = 2 * screen::MARKS;
    Size { columns: terminal::width().unwrap_or_default().max(LEAST), lines: terminal::lines() }
}
