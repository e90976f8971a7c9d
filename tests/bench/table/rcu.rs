//! How long a walk holds rcu_read_lock() at once, during which the kernel frees nothing that other CPUs release.

use std::io;
use std::time::Duration;

use anyhow::Context;
use knetstat::kernel::family::Family;
use knetstat::kernel::load::Loader;
use knetstat::kernel::program_set::Programs;
use knetstat::kernel::request::Request;
use knetstat::kernel::snapshot::Snapshot;

/// The most that a call may take.
const LIMIT: Duration = Duration::from_millis(1);

/// How often the sockets are read.
const ROUNDS: usize = 7;

/// Makes every walk that a run with processes makes for the sockets of one family of this namespace: of the sockets, of
/// accept queues, of messages and of descriptors. Prints the duration of the longest call of a round, the median and the range
/// of all rounds: interrupts and the host of a virtual machine prolong a call, and that is different in each round.
pub fn report(sockets: &str, family: Family) -> anyhow::Result<()> {
    let request = Request {
        families: vec![family],
        unbound: false,
        udp_lite: false,
        owners: true,
        listeners: true,
        queues: true,
        tasks: false,
        every_netns: false,
        ..Request::everything()
    };
    // Programs stay loaded until the last round has ended. After an unload, the kernel frees memory in interrupts, which
    // would prolong calls of the next round.
    let mut loaded = Vec::new();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let programs = Loader::new().load(&request)?;
        rounds.push(longest_call(&programs)?);
        loaded.push(programs);
    }
    rounds.sort_unstable();
    let [least, median, most] = [0, ROUNDS / 2, ROUNDS - 1].map(|at| rounds[at]);
    let verdict = if median <= LIMIT { "met" } else { "not met" };
    println!(
        "\nlongest call with rcu_read_lock() held, {sockets} sockets: {} µs (at most {}: {verdict}), {} to {} µs in \
         {ROUNDS} rounds",
        median.as_micros(),
        LIMIT.as_micros(),
        least.as_micros(),
        most.as_micros()
    );
    Ok(())
}

/// The longest call of one round.
fn longest_call(programs: &Programs) -> anyhow::Result<Duration> {
    read_all(programs)?;
    programs.longest_call().context("this kernel permits no walk")
}

/// Reads everything, in the order of a run: the walks share their buffers.
fn read_all(programs: &Programs) -> anyhow::Result<()> {
    let read = |mut snapshot: Snapshot| io::copy(&mut snapshot, &mut io::sink());
    let [mut queues, mut sockets] = [Snapshot::default(), Snapshot::default()];
    programs.open(&mut sockets)?;
    programs.open_queues(&mut queues)?;
    let (owners, messages) = (programs.owners()?, programs.messages()?);
    for snapshot in owners.into_iter().chain(messages).chain([queues, sockets]) {
        read(snapshot)?;
    }
    Ok(())
}
