//! Runs of knetstat with a time limit.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::memfd::{memfd_create, MFdFlags};

use crate::common::KNETSTAT;

/// The end of a run.
pub struct Run {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs knetstat. If it does not end within the time limit, returns the process, which may wait in the
/// kernel, where nothing ends it.
pub fn run(arguments: &str, limit: Duration) -> Result<Run, Child> {
    // A file holds any amount of output without a reader.
    let file = || File::from(memfd_create(c"output", MFdFlags::MFD_CLOEXEC).expect("a file"));
    let (mut stdout, mut stderr) = (file(), file());
    let again = |file: &File| Stdio::from(file.try_clone().expect("a descriptor"));
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    command.stdout(again(&stdout)).stderr(again(&stderr));
    let deadline = Instant::now() + limit;
    let mut child = command.spawn().expect("knetstat can be started");
    // A process that has ended is not late. The machine may have been stopped meanwhile.
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if Instant::now() >= deadline => return Err(child),
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    Ok(Run { status, stdout: content(&mut stdout), stderr: content(&mut stderr) })
}

fn content(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().expect("the beginning");
    file.read_to_string(&mut text).expect("UTF-8");
    text
}

/// Returns where in the kernel the threads of a process wait.
pub fn places(child: &Child) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten();
    let place = |task: fs::DirEntry| fs::read_to_string(task.path().join("wchan")).ok();
    let places: Vec<String> = tasks.filter_map(|task| place(task.ok()?)).collect();
    places.join(", ")
}
