//! The time and the memory that a command takes.
//!
//! Each command is run by a process of its own, which is this program again. What the kernel reports about
//! the children of that process is then about the command alone. The process reads the output through a pipe,
//! as a shell's pipeline does, and moves it to /dev/null with splice(2), so that reading takes little time.
//! No command writes to /dev/null itself, because some programs write less there.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{ensure, Context};
use nix::fcntl::{fcntl, FcntlArg};
use nix::sys::resource::{getrusage, UsageWho};
use nix::sys::time::TimeValLike;

use super::command::Tools;
use super::runs::{Run, Shows};

/// The hidden argument of the process that runs a command.
pub const RUN: &str = "--run";

/// The capacity of the pipe in bytes, the most that the kernel grants to all users.
const PIPE: i32 = 1024 * 1024;

/// What a run of a command took. Memory is the peak of resident memory. It is not less than that of the
/// process from which the command was started, which the kernel counts until the command begins.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    pub wall_ms: f64,
    pub user_ms: f64,
    pub system_ms: f64,
    pub memory_mib: f64,
}

/// What a run took, or why it was not measured.
pub type Outcome = Result<Sample, &'static str>;

/// The samples of the runs, by the number of sockets and the command line.
#[derive(Default)]
pub struct Results(BTreeMap<(usize, String), Sample>);

impl Results {
    /// Adds the samples of runs.
    pub fn add(&mut self, size: usize, runs: &[&Run], samples: Vec<Outcome>) {
        for (run, sample) in runs.iter().zip(samples) {
            self.0.extend(sample.ok().map(|sample| ((size, run.name()), sample)));
        }
    }

    /// The sample of a command line with this many sockets.
    pub fn get(&self, size: usize, name: &str) -> Option<&Sample> {
        self.0.get(&(size, name.to_owned()))
    }

    /// All samples, with the number of sockets and the command line.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str, &Sample)> {
        self.0.iter().map(|((size, name), sample)| (*size, name.as_str(), sample))
    }
}

/// Returns the median sample of each run. The commands take turns, so that other load on the machine affects
/// all of them.
pub fn medians(
    tools: &Tools,
    runs: &[&Run],
    size: usize,
    rounds: usize,
) -> anyhow::Result<Vec<Outcome>> {
    let command = |run: &&Run| match size > run.most {
        true => Err("left out, takes too long"),
        false => tools.command(run).ok_or("not installed"),
    };
    let commands: Vec<Result<Vec<String>, &str>> = runs.iter().map(command).collect();
    for (command, run) in commands.iter().zip(runs) {
        if let Ok(command) = command {
            check(command, run.shows, size).with_context(|| run.name())?;
        }
    }
    let mut samples = vec![Vec::new(); runs.len()];
    for _ in 0..rounds {
        for (command, samples) in commands.iter().zip(&mut samples) {
            if let Ok(command) = command {
                samples.push(sample(command)?);
            }
        }
    }
    let outcome =
        |(command, samples): (Result<_, _>, &Vec<Sample>)| command.map(|_| median(samples));
    Ok(commands.into_iter().zip(&samples).map(outcome).collect())
}

/// Runs a command once, and checks that it shows the sockets. This also fills the caches of the machine.
fn check(command: &[String], shows: Shows, size: usize) -> anyhow::Result<()> {
    let mut child = Command::new(&command[0]);
    let mut child = child.args(&command[1..]).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("a pipe")?;
    let lines = BufReader::new(output).split(b'\n').try_fold(0, |n, line| line.map(|_| n + 1))?;
    ensure!(child.wait()?.success(), "{command:?} fails");
    let expected = match shows {
        Shows::All => size..=usize::MAX,
        Shows::Part(n) => size / n..=size,
        // A heading, and the socket.
        Shows::One => 2..=2,
        Shows::None => 0..=0,
    };
    ensure!(expected.contains(&lines), "{command:?} shows {lines} lines of {size} sockets");
    Ok(())
}

/// Runs a command once, in a process of its own.
pub fn sample(command: &[String]) -> anyhow::Result<Sample> {
    let output = Command::new(env::current_exe()?)
        .arg(RUN)
        .args(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{command:?} cannot be measured");
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [wall_ms, user_ms, system_ms, memory_mib] = numbers[..] else {
        anyhow::bail!("{command:?} was measured as {text:?}");
    };
    Ok(Sample { wall_ms, user_ms, system_ms, memory_mib })
}

/// Runs a command, and prints what it took.
pub fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut sink = File::options().write(true).open("/dev/null")?;
    let begin = Instant::now();
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("a pipe")?;
    // Without it, the pipe has its usual capacity.
    let _ = fcntl(&output, FcntlArg::F_SETPIPE_SZ(PIPE));
    // Calls splice(2).
    io::copy(&mut output, &mut sink)?;
    let status = child.wait()?;
    let wall = begin.elapsed();
    ensure!(status.success(), "{program} {arguments:?} fails: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let milliseconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1000.0;
    println!(
        "{} {} {} {}",
        wall.as_secs_f64() * 1000.0,
        milliseconds(usage.user_time()),
        milliseconds(usage.system_time()),
        usage.max_rss() as f64 / 1024.0
    );
    Ok(())
}

/// The median of each figure, 0 without samples.
fn median(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| {
        let mut figures: Vec<f64> = samples.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or_default()
    };
    Sample {
        wall_ms: of(|sample| sample.wall_ms),
        user_ms: of(|sample| sample.user_ms),
        system_ms: of(|sample| sample.system_ms),
        memory_mib: of(|sample| sample.memory_mib),
    }
}
