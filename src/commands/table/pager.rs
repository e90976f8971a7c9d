//! A pager for the output (`--pager`): a program that shows it page by page, such as less(1).

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;

use nix::sys::wait::{waitid, Id, WaitPidFlag, WaitStatus};
use nix::unistd::{dup2_stdout, Pid};

use crate::error::Error;
use crate::kernel::{ending, syscall};
use crate::text::escaped;

/// The variables that name the pager. The first that is set counts.
const NAMED_BY: [&str; 2] = ["KNETSTAT_PAGER", "PAGER"];

/// What less(1) and lv(1) need to show the table, unless their user has chosen otherwise: less ends if the output fits the
/// screen, passes colours on and does not break lines, and lv passes colours on.
const SETTINGS: [(&str, &str); 2] = [("LESS", "FRS"), ("LV", "-c")];

/// The exit statuses of a shell that has found no program, or could not start it: sh(1).
const NOT_STARTED: [i32; 2] = [126, 127];

/// A pager that reads what is written to standard output.
pub struct Pager {
    child: Child,
    command: String,
    /// Whether the whole output has been written.
    is_done: Arc<AtomicBool>,
}

impl Pager {
    /// Starts the pager, and makes standard output a pipe to it. `None` without a terminal on standard output, if the pager
    /// is named `cat` or nothing, and in a program with more rights than its caller, who would choose what it starts. To be
    /// called before the sandbox is entered.
    ///
    /// # Errors
    ///
    /// [`Error::Pager`] if it cannot be started.
    pub fn start() -> Result<Option<Pager>, Error> {
        let named = NAMED_BY.into_iter().find_map(env::var_os);
        let command = named.map_or("less".into(), |it| it.to_string_lossy().into_owned());
        let is_none = matches!(command.trim(), "" | "cat");
        if is_none || !io::stdout().is_terminal() || syscall::has_more_rights_than_caller() {
            return Ok(None);
        }
        let failed = |error| Error::Pager(escaped(command.as_bytes()), error);
        let mut program = program(&command);
        program.envs(SETTINGS.into_iter().filter(|(name, _)| env::var_os(name).is_none()));
        let mut child = program.stdin(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(pipe) = child.stdin.take() {
            dup2_stdout(pipe).map_err(|errno| failed(errno.into()))?;
        }
        // At the keyboard, the signal is meant for the pager, which does not end by it.
        ending::ignore_interrupts();
        Ok(Some(Pager { child, command, is_done: Arc::default() }))
    }

    /// Ends this process when the pager does, even while nothing can be written, because the kernel is slow or rows are
    /// sorted. To be called without capabilities, because it starts a thread.
    pub fn end_run_with_it(&self) {
        let (pid, is_done) = (Pid::from_raw(self.child.id() as i32), Arc::clone(&self.is_done));
        let wait = move || {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            match waitid(Id::Pid(pid), flags) {
                // It has not been started, which is reported.
                Ok(WaitStatus::Exited(_, status)) if NOT_STARTED.contains(&status) => {}
                Ok(_) if !is_done.load(Ordering::SeqCst) => std::process::exit(0),
                _ => {}
            }
        };
        // Without a thread, the run ends at the next write.
        let _ = thread::Builder::new().spawn(wait);
    }

    /// Closes standard output, and waits until the user ends the pager.
    ///
    /// # Errors
    ///
    /// [`Error::Pager`] if the shell could not start it.
    pub fn end(mut self) -> Result<(), Error> {
        self.is_done.store(true, Ordering::SeqCst);
        let failed = |error| Error::Pager(escaped(self.command.as_bytes()), error);
        let closed = File::open("/dev/null").and_then(|null| Ok(dup2_stdout(null)?));
        closed.map_err(failed)?;
        let status = self.child.wait().map_err(failed)?;
        match status.code().filter(|code| NOT_STARTED.contains(code)) {
            Some(_) => Err(failed(io::Error::other("the shell could not start it"))),
            None => Ok(()),
        }
    }
}

/// The program of a command line. A shell is started only for one that requires it, because it would report an error of
/// its own.
fn program(command: &str) -> Command {
    const OF_THE_SHELL: &str = "|&;<>()$`\\\"'*?[]#~=%!{}\n";
    let mut words = command.split_whitespace();
    match words.next().filter(|_| !command.contains(|c| OF_THE_SHELL.contains(c))) {
        Some(name) => {
            let mut program = Command::new(name);
            program.args(words);
            program
        }
        None => {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]);
            shell
        }
    }
}
