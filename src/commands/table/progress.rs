//! What a run that lasts says on standard error, if that is a terminal: after a second, how many sockets it has read so
//! far, on a line that is erased, and once that the kernel is silent because it waits for the lock of a socket.
//!
//! The terminal of standard error may be that of standard output, or of a program that shows what is written to a pipe.
//! The line is therefore erased before the first byte of output, and not shown again, unless the output is a file.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::kernel::family::Family;
use crate::kernel::notice::Notice;
use crate::kernel::process;
use crate::kernel::program_set::Programs;
use crate::kernel::programs::Program;
use crate::output::terminal;
use crate::text::suggest::listed;

/// The time before something is said.
const SILENCE: Duration = Duration::from_secs(1);
/// The time between two counts.
const PAUSE: Duration = Duration::from_millis(250);

/// Moves to the beginning of the line and erases it: console_codes(4).
const ERASE: &str = "\r\x1b[K";

/// The progress of a run. The default says nothing.
#[derive(Clone, Default)]
pub struct Progress(Arc<Shared>);

#[derive(Default)]
struct Shared {
    sockets: AtomicU64,
    rows: AtomicU64,
    state: Mutex<State>,
    has_ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether the line with the count is on the terminal.
    is_shown: bool,
    has_ended: bool,
}

impl Progress {
    /// Says after a while how far the run is, if standard error is a terminal that this process may use. To be called
    /// without capabilities, because it starts a thread.
    pub fn start() -> Progress {
        let progress = Progress::default();
        if process::is_in_foreground(&io::stderr()) && !terminal::is_dumb() {
            let theirs = progress.clone();
            // Without a thread, nothing is said.
            let _ = thread::Builder::new().spawn(move || theirs.show());
        }
        progress
    }

    /// Counts a socket that has been read.
    pub fn count_socket(&self) {
        self.0.sockets.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a row, which is shown now or later.
    pub fn count_row(&self) {
        self.0.rows.fetch_add(1, Ordering::Relaxed);
    }

    /// Erases the line, and says nothing more.
    pub fn end(&self) {
        let mut state = self.lock();
        state.erase();
        state.has_ended = true;
        self.0.has_ended.notify_all();
    }

    /// Returns what to say on a terminal if no socket arrives for a while, because the kernel waits for the lock of one.
    /// `None` if these programs take no locks.
    pub fn notice(&self, programs: &Programs) -> Option<Notice> {
        let families = programs.with_locks().filter_map(Program::family);
        let titles: Vec<&str> = families.map(Family::title).collect();
        if titles.is_empty() || !io::stderr().is_terminal() {
            return None;
        }
        let (sockets, progress) = (listed(&titles, "or"), self.clone());
        let say = move || {
            progress.lock().erase();
            eprintln!(
                "knetstat: still waiting for the lock of a {sockets} socket: the task that holds it is blocked, or \
                 this host is very busy (`knetstat doctor -v` explains why knetstat needs the lock)"
            );
        };
        Some(Notice { after: SILENCE, say: Box::new(say) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the count again and again.
    fn show(&self) {
        let mut pause = SILENCE;
        let mut state = self.lock();
        loop {
            let waited = self.0.has_ended.wait_timeout_while(state, pause, |it| !it.has_ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.has_ended {
                return;
            }
            state.show(&self.line());
            pause = PAUSE;
        }
    }

    fn line(&self) -> String {
        let [sockets, rows] = [&self.0.sockets, &self.0.rows].map(|it| it.load(Ordering::Relaxed));
        format!("knetstat: {sockets} sockets read, {rows} rows so far")
    }
}

impl State {
    /// A line that does not fit would not be erased.
    fn show(&mut self, line: &str) {
        if terminal::width_of(&io::stderr()).is_none_or(|width| width > line.len()) {
            // If standard error cannot be written, nobody is told.
            let _ = write!(io::stderr(), "{ERASE}{line}");
            self.is_shown = true;
        }
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(io::stderr(), "{ERASE}");
        }
    }
}

/// A writer before whose first byte the line is erased.
pub struct Hushed<W> {
    to: W,
    /// `None` if the line may stay.
    progress: Option<Progress>,
}

impl<W: Write> Hushed<W> {
    /// `shares`: whether what is written here may appear on the terminal of standard error.
    pub fn new(to: W, progress: &Progress, shares: bool) -> Hushed<W> {
        Hushed { to, progress: shares.then(|| progress.clone()) }
    }
}

impl<W: Write> Write for Hushed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(progress) = self.progress.take() {
            progress.end();
        }
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
