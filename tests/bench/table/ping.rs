//! Busy connections: messages go to a server and back, over one connection after the other.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::latency::pin;

/// The hidden argument of the process that has the connections.
pub const PING: &str = "--ping";

/// The number of connections. A reader of a table that has few other sockets meets them often.
pub const CONNECTIONS: usize = 64;

/// The size of a message in bytes.
const MESSAGE: usize = 64;

/// The parts of round trips that are faster than the figures that are printed.
const PARTS: [f64; 3] = [0.5, 0.99, 0.999];

/// Measures for some seconds, and prints the percentiles in microseconds, and the number of round trips. Both
/// ends run on the first CPU, and the readers do not.
pub fn ping(seconds: f64) -> anyhow::Result<()> {
    pin(|cpu| cpu == 0)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (mut clients, mut servers) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        clients.push(TcpStream::connect(listener.local_addr()?)?);
        servers.push(listener.accept()?.0);
    }
    for stream in clients.iter().chain(&servers) {
        stream.set_nodelay(true)?;
    }
    thread::spawn(move || answer(&mut servers));
    let mut times = round_trips(&mut clients, Duration::from_secs_f64(seconds))?;
    times.sort_unstable();
    for part in PARTS {
        let time = times.get((times.len() as f64 * part) as usize).context("no round trips")?;
        print!("{} ", time.as_secs_f64() * 1e6);
    }
    println!("{}", times.len());
    Ok(())
}

/// Sends messages back, until the clients are gone.
fn answer(servers: &mut [TcpStream]) {
    let mut message = [0; MESSAGE];
    loop {
        for server in servers.iter_mut() {
            if server.read_exact(&mut message).and_then(|()| server.write_all(&message)).is_err() {
                return;
            }
        }
    }
}

fn round_trips(clients: &mut [TcpStream], limit: Duration) -> anyhow::Result<Vec<Duration>> {
    let (begin, mut times) = (Instant::now(), Vec::new());
    let mut message = [0; MESSAGE];
    while begin.elapsed() < limit {
        for client in clients.iter_mut() {
            let sent = Instant::now();
            client.write_all(&message)?;
            client.read_exact(&mut message)?;
            times.push(sent.elapsed());
        }
    }
    Ok(times)
}
