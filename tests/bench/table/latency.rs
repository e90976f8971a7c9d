//! How much longer a round trip of a busy connection takes while something reads the sockets.

use std::env;
use std::process::{Command, Stdio};

use anyhow::ensure;
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;

use super::arguments::Arguments;
use super::command::Tools;
use super::measure;
use super::ping::PING;
use super::runs::{run, Run, Shows};

/// The most sockets beside which round trips are measured.
pub const MOST: usize = 100_000;

/// The commands that run in a loop beside the connections.
const READERS: [Run; 3] = [
    run(&["knetstat", "-t"], None, Shows::All),
    run(&["ss", "-tan"], None, Shows::All),
    run(&[], None, Shows::None),
];

/// The round trips beside a reader.
pub struct Latency {
    /// The command line of the reader.
    pub reader: String,
    /// The median, and the times than which all but a hundredth and a thousandth are shorter, in
    /// microseconds. `None` if the reader is not installed.
    pub times: Option<[f64; 3]>,
    /// How often the reader ran meanwhile.
    pub reads: usize,
}

/// Measures round trips beside nothing, and beside each of the readers.
pub fn measure(arguments: &Arguments, tools: &Tools) -> anyhow::Result<Vec<Latency>> {
    let mut latencies = vec![beside("nothing".to_owned(), None, arguments.seconds)?];
    for run in &READERS {
        latencies.push(match tools.command(run) {
            Some(command) => beside(run.name(), Some(&command), arguments.seconds)?,
            None => Latency { reader: run.name(), times: None, reads: 0 },
        });
    }
    Ok(latencies)
}

fn beside(reader: String, command: Option<&[String]>, seconds: f64) -> anyhow::Result<Latency> {
    let mut ping = Command::new(env::current_exe()?);
    let mut ping = ping.args([PING, &seconds.to_string()]).stdout(Stdio::piped()).spawn()?;
    let mut reads = 0;
    if let Some(command) = command {
        let all = sched_getaffinity(Pid::from_raw(0))?;
        pin(|cpu| cpu > 0)?;
        while ping.try_wait()?.is_none() {
            measure::sample(command)?;
            reads += 1;
        }
        sched_setaffinity(Pid::from_raw(0), &all)?;
    }
    let output = ping.wait_with_output()?;
    ensure!(output.status.success(), "round trips cannot be measured");
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [median, hundredth, thousandth, _] = numbers[..] else {
        anyhow::bail!("round trips were measured as {text:?}");
    };
    Ok(Latency { reader, times: Some([median, hundredth, thousandth]), reads })
}

/// Restricts this thread, and the children that it starts, to those of its CPUs that are selected by their
/// place. Does nothing if there is only one.
pub fn pin(selects: impl Fn(usize) -> bool) -> nix::Result<()> {
    let all = sched_getaffinity(Pid::from_raw(0))?;
    let cpus: Vec<usize> =
        (0..CpuSet::count()).filter(|cpu| all.is_set(*cpu) == Ok(true)).collect();
    let mut chosen = CpuSet::new();
    for (_, cpu) in cpus.iter().enumerate().filter(|(place, _)| selects(*place)) {
        chosen.set(*cpu)?;
    }
    match cpus.len() {
        1 => Ok(()),
        _ => sched_setaffinity(Pid::from_raw(0), &chosen),
    }
}
