//! Measures knetstat with many sockets, beside ss(8), netstat(8), /proc/net and an iterator that does nothing.
//! `make bench` prints the tables, which docs/performance.md shows. Figures of one machine say little about
//! another.
//!
//! The program starts itself with hidden arguments for the processes that it needs: those that hold the
//! sockets, that run a command, that have a busy connection, and the bare loader.
//!
//! `cargo test` runs a short form, which checks that every command shows the sockets that it is measured with.

mod arguments;
#[path = "../bare.rs"]
mod bare;
mod command;
mod goals;
mod latency;
mod machine;
mod measure;
mod ping;
mod rcu;
mod report;
mod runs;
mod scene;

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::Context;

use arguments::Arguments;
use command::Tools;
use measure::Results;
use runs::{Run, PORT, TCP, UDP, UNIX};
use scene::{Kind, Scene};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [bare, object] if bare == command::BARE => bare::load(Path::new(object)),
        [hold, kind, first, count] if hold == scene::HOLD => {
            scene::hold(Kind::of(kind)?, first.parse()?, count.parse()?)
        }
        [run, program, ref rest @ ..] if run == measure::RUN => measure::run(program, rest),
        [ping, seconds] if ping == ping::PING => ping::ping(seconds.parse()?),
        _ => match Arguments::of(&words)? {
            Some(arguments) => bench(&arguments),
            None => Ok(()),
        },
    }
}

/// Measures everything that the arguments select, and prints the tables.
fn bench(arguments: &Arguments) -> anyhow::Result<()> {
    let tools = Tools::find()?;
    machine::describe();
    tools.notes().for_each(|note| println!("{note}"));
    let mut results = Results::default();
    measure_tcp(arguments, &tools, &mut results)?;
    for (kind, runs) in [(Kind::Udp, UDP), (Kind::Unix, UNIX)] {
        scene::enter_namespace()?;
        let mut scene = Scene::new(kind);
        scene.grow(arguments.others)?;
        measure_size(arguments, &tools, kind, arguments.others, runs, &mut results)?;
    }
    // The figures of a debug build meet no goal.
    if !arguments.short {
        report::goals(&goals::compare(&results));
    }
    Ok(())
}

/// Measures with TCP sockets, in one network namespace that gets more and more of them.
fn measure_tcp(arguments: &Arguments, tools: &Tools, results: &mut Results) -> anyhow::Result<()> {
    scene::enter_namespace()?;
    if arguments.latency() {
        let title = format!("{} busy connections alone", ping::CONNECTIONS);
        report::latency(&title, &latency::measure(arguments, tools)?);
    }
    let among_many = arguments.sizes.iter().copied().filter(|size| *size <= latency::MOST).max();
    let mut scene = Scene::new(Kind::Tcp);
    // The only socket with this port.
    let _one = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).context("a listener")?;
    for &size in &arguments.sizes {
        if let Some(why) = machine::lacks_room(size) {
            println!("\n{} TCP sockets: left out, {why}", report::grouped(size));
            continue;
        }
        scene.grow(size - 1)?;
        measure_size(arguments, tools, Kind::Tcp, size, TCP, results)?;
        if arguments.latency() && among_many == Some(size) {
            let (busy, size) = (ping::CONNECTIONS, report::grouped(size));
            let title = format!("{busy} busy connections among {size} sockets");
            report::latency(&title, &latency::measure(arguments, tools)?);
        }
    }
    Ok(())
}

/// Measures the commands with this many sockets, and prints the table.
fn measure_size(
    arguments: &Arguments,
    tools: &Tools,
    kind: Kind,
    size: usize,
    runs: &'static [Run],
    results: &mut Results,
) -> anyhow::Result<()> {
    let selected = |run: &&Run| arguments.selects(&run.name());
    let runs: Vec<&'static Run> = runs.iter().filter(selected).collect();
    let rounds = arguments.rounds(size);
    let samples = measure::medians(tools, &runs, size, rounds)?;
    let title =
        format!("{} {} sockets, median of {rounds} rounds", report::grouped(size), kind.title());
    report::runs(&title, &runs, &samples);
    results.add(size, &runs, samples);
    rcu::report(&format!("{} {}", report::grouped(size), kind.title()), kind.family())
}
