//! Threads that open and close sockets as fast as the machine can.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use socket2::Type;

use super::staying::sharing_port;
use crate::common::{self, set_bytes};

/// The number of threads.
const THREADS: u8 = 3;

/// The beginning of the addresses that only traffic has.
pub const NETWORK: &str = "127.1.";

/// The beginning of the names that only traffic has.
pub const NAME: &str = "@passing-";

/// Threads that open and close sockets in the network namespace of the thread that starts them.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<usize>>,
    started: Instant,
}

impl Traffic {
    /// Starts the threads. `begin` returns what a thread repeats.
    pub fn start<F: FnMut(usize) + Send + 'static>(begin: impl Fn(u8) -> F) -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let repeat = |mut open_and_close: F| {
            let stop = stop.clone();
            move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    open_and_close(count);
                    count += 1;
                }
                count
            }
        };
        let threads = (1..=THREADS).map(|thread| thread::spawn(repeat(begin(thread)))).collect();
        Traffic { stop, threads, started: Instant::now() }
    }

    /// Stops the threads. Returns how many times they have opened and closed sockets, and how many times a
    /// second.
    pub fn stop(mut self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        let counts = threads.into_iter().map(|it| it.join().expect("sockets can be opened"));
        let count: usize = counts.sum();
        (count, (count as f64 / self.started.elapsed().as_secs_f64()) as usize)
    }
}

impl Drop for Traffic {
    /// Ends the threads of a test that fails.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sets SO_LINGER to 0, so that close(2) resets the connection and leaves no socket behind. The kernel then
/// uses its memory for the next socket at once.
fn reset_on_close(socket: &TcpStream) {
    set_bytes(socket, 1, 13, &[1, 0, 0, 0, 0, 0, 0, 0]).expect("SO_LINGER");
}

/// TCP connections, of which three quarters leave a socket in TIME_WAIT, and now and then a listener and a UDP
/// socket, for which the kernel searches a port.
pub fn internet(thread: u8) -> impl FnMut(usize) + Send {
    let ip = Ipv4Addr::new(127, 1, 0, thread);
    let listen = move || TcpListener::bind((ip, 0)).expect("bind");
    let listeners: Vec<TcpListener> = (0..16).map(|_| listen()).collect();
    move |count| {
        let listener = &listeners[count % listeners.len()];
        let (client, server) = common::connect(listener, ip.into());
        if count % 4 == 0 {
            reset_on_close(&client);
        }
        drop(client);
        drop(server);
        if count % 8 == 0 {
            drop((UdpSocket::bind((ip, 0)).expect("bind"), listen()));
        }
    }
}

/// Sockets of the slots that `staying::sockets_of_one_slot` fills, too.
pub fn of_one_slot(thread: u8, at: SocketAddr) -> impl FnMut(usize) + Send {
    let other = SocketAddr::from(([127, 1, 0, thread], at.port()));
    move |_| {
        drop(
            [(Type::STREAM, at), (Type::DGRAM, at), (Type::DGRAM, other)]
                .map(|(kind, at)| sharing_port(kind, at)),
        );
    }
}

/// Pairs of unix sockets, and sockets with names.
pub fn unix(thread: u8) -> impl FnMut(usize) + Send {
    move |count| {
        let name = format!("{}{thread}-{count}", &NAME[1..]);
        let address = UnixAddr::from_abstract_name(name).expect("an address");
        let pairs = (UnixStream::pair().expect("a pair"), UnixDatagram::pair().expect("a pair"));
        drop((UnixDatagram::bind_addr(&address).expect("bind"), pairs));
    }
}
