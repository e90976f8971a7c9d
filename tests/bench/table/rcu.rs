//! How long a walk holds rcu_read_lock() at once, during which the kernel frees nothing that other CPUs release.

use std::io;
use std::time::Duration;

use anyhow::Context;
use knetstat::kernel::family::Family;
use knetstat::kernel::load::Loader;
use knetstat::kernel::request::Request;
use knetstat::kernel::snapshot::Snapshot;

/// The most that a call may take.
const LIMIT: Duration = Duration::from_millis(1);

/// How often the sockets are read.
const ROUNDS: usize = 5;

/// Walks the TCP sockets of this namespace, and prints the duration of the longest call.
pub fn report(sockets: &str) -> anyhow::Result<()> {
    let request = Request {
        families: vec![Family::Tcp],
        unbound: false,
        udp_lite: false,
        owners: false,
        listeners: false,
        tasks: false,
        every_netns: false,
        ..Request::everything()
    };
    let programs = Loader::new().load(&request)?;
    for _ in 0..ROUNDS {
        let mut snapshot = Snapshot::default();
        programs.open(&mut snapshot)?;
        io::copy(&mut snapshot, &mut io::sink())?;
    }
    let longest = programs.longest_call().context("this kernel permits no walk")?;
    let verdict = if longest <= LIMIT { "met" } else { "not met" };
    println!(
        "\nlongest call with rcu_read_lock() held, {sockets} TCP sockets: {} µs (at most {}: {verdict})",
        longest.as_micros(),
        LIMIT.as_micros()
    );
    Ok(())
}
