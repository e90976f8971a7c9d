//! Measures the time that a start takes: whole processes that show ten sockets, compared with a bare
//! loader, whose program does nothing. `make bench` prints the table. Figures of one machine say little
//! about another.

mod bare;

use std::env;
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{ensure, Context};
use knetstat::kernel::object::Part;
use libbpf_rs::{OpenObject, PrintLevel};
use nix::sched::{unshare, CloneFlags};

const KNETSTAT: &str = env!("CARGO_BIN_EXE_knetstat");

/// The number of times that each command is run. The median counts.
const ROUNDS: usize = 25;

/// The arguments of each run, and the program that takes most of its time.
const RUNS: [(&str, &str); 6] = [
    ("-t", "tcp_table"),
    ("-u", "udp_table"),
    ("-x", "unix_files"),
    ("-w", "raw_files"),
    ("-0", "packet_files"),
    ("--netlink", "netlink_files"),
];

/// The verifier's statistics, without its log: include/linux/bpf_verifier.h, BPF_LOG_STATS.
const STATISTICS: u32 = 4;

static SAID: Mutex<String> = Mutex::new(String::new());

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    match &arguments[1..] {
        [bare, object] if bare == "--bare" => bare::load(Path::new(object)),
        _ => compare(),
    }
}

fn compare() -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("run this as root")?;
    let _tcp = (0..5).map(|_| TcpListener::bind("0.0.0.0:0")).collect::<Result<Vec<_>, _>>()?;
    let _udp = (0..5).map(|_| UdpSocket::bind("0.0.0.0:0")).collect::<Result<Vec<_>, _>>()?;

    let object = bare::Object::compile()?;
    let mut bare = Command::new(env::current_exe()?);
    bare.arg("--bare").arg(object.path());
    let mut commands = vec![bare];
    commands.extend(RUNS.map(|(arguments, _)| {
        let mut command = Command::new(KNETSTAT);
        command.arg(arguments);
        command
    }));
    let medians = medians(&mut commands)?;

    println!("{:<16} {:>6} {:>12} {:>12}", "run", "ms", "above bare", "verifier ms");
    println!("{:<16} {:>6.1}", "a bare loader", medians[0]);
    for ((arguments, program), median) in RUNS.iter().zip(&medians[1..]) {
        let run = format!("knetstat {arguments}");
        let (above, verifier) = (median - medians[0], verification(program)?);
        println!("{run:<16} {median:>6.1} {above:>12.1} {verifier:>12.1}");
    }
    Ok(())
}

/// Returns the median time of each command in milliseconds. The commands take turns, so that other load on
/// the machine affects all of them.
fn medians(commands: &mut [Command]) -> anyhow::Result<Vec<f64>> {
    let mut times = vec![Vec::new(); commands.len()];
    for _ in 0..ROUNDS {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            let status = command.stdout(Stdio::from(File::create("/dev/null")?)).status()?;
            times.push(begin.elapsed().as_secs_f64() * 1000.0);
            ensure!(status.success(), "{command:?} fails");
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(times.iter_mut().map(median).collect())
}

/// Returns the time that the verifier reports for a program, in milliseconds.
fn verification(name: &str) -> anyhow::Result<f64> {
    libbpf_rs::set_print(Some((PrintLevel::Debug, |_, text| {
        SAID.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
    })));
    let choose = |open: &mut OpenObject| {
        for mut program in open.progs_mut() {
            program.set_autoload(program.name() == name);
            program.set_log_level(STATISTICS);
        }
        Ok(())
    };
    Part::of(name).load(None, choose, |_| Ok(()))?;
    libbpf_rs::set_print(None);
    let said = std::mem::take(&mut *SAID.lock().unwrap_or_else(PoisonError::into_inner));
    let time = said.lines().find_map(|line| line.strip_prefix("verification time "));
    let microseconds = time.and_then(|time| time.split(' ').next()?.parse::<f64>().ok());
    Ok(microseconds.context("the verifier says nothing")? / 1000.0)
}
