//! Finds the listener of a connection that waits to be accepted, or is not established yet. A waiting connection is
//! found in the queue of its listener (bpf/accept_queue.h). The record of a connection request names its listener itself.

use std::collections::HashMap;
use std::io::Read;
use std::net::IpAddr;

use crate::error::Error;
use crate::kernel::abi::waiting_record;
use crate::record;
use crate::socket::owner::{Claim, Owner, Via};
use crate::socket::state::State;
use crate::socket::{Endpoint, Socket};

/// The listener with this cookie and this inode, which no open listener lacks.
fn listener(cookie: u64, inode: u64) -> Option<Via> {
    (inode != 0).then_some(Via::Listener { cookie, inode, is_in_flight: false })
}

/// The listeners of the connections that waited to be accepted when the queues were read.
#[derive(Debug, Default)]
pub struct Listeners {
    /// By the identity of the connection.
    waiting: HashMap<u64, Waiting>,
    /// Whether a queue could not be read to its end.
    is_cut: bool,
}

/// A connection in a queue.
#[derive(Debug)]
struct Waiting {
    /// The local port, the remote port and the last four bytes of the remote address, which tell it from a later
    /// connection of the same identity.
    ends: (u32, u32, [u8; 4]),
    listener: Option<Via>,
}

impl From<&waiting_record> for Waiting {
    fn from(record: &waiting_record) -> Waiting {
        let address = record.remote_address.to_ne_bytes();
        Waiting {
            ends: (record.local_port, record.remote_port, address),
            listener: listener(record.listener, record.listener_inode),
        }
    }
}

impl Listeners {
    /// Reads the records of all queues.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn read(source: impl Read) -> Result<Listeners, Error> {
        let mut listeners = Listeners::default();
        record::read_waiting(source, |record| match record.identity {
            0 => listeners.is_cut = true,
            identity => drop(listeners.waiting.insert(identity, record.into())),
        })?;
        Ok(listeners)
    }

    /// The listener of a connection request, or of a connection that waits to be accepted. `None` if it is not known,
    /// and for every other socket.
    pub fn of(&self, socket: &Socket, owner: Owner) -> Option<Via> {
        match owner {
            Owner::Request if socket.state == State::SynRecv => {
                let header = socket.record.header;
                listener(header.master, header.master_inode)
            }
            Owner::AcceptQueue => {
                let waiting = self.waiting.get(&socket.identity())?;
                waiting.listener.filter(|_| socket.ends().map(ends) == Some(waiting.ends))
            }
            _ => None,
        }
    }

    /// The same for the other end of a connection of this socket.
    pub fn of_peer(&self, socket: &Socket, peer: Claim) -> Option<Via> {
        match peer.unheld {
            Owner::Request => listener(0, peer.queued),
            Owner::AcceptQueue => {
                let waiting = self.waiting.get(&peer.queued)?;
                let reversed = socket.ends().map(|(local, remote)| ends((remote, local)));
                waiting.listener.filter(|_| reversed == Some(waiting.ends))
            }
            _ => None,
        }
    }

    /// What could not be found out, as the end of a sentence.
    pub fn missing(&self) -> Option<String> {
        self.is_cut.then(|| "listeners: an accept queue is too long to be read to its end".into())
    }
}

/// The local and the remote end of a socket in the form of [`Waiting::ends`].
fn ends((local, remote): (Endpoint, Endpoint)) -> (u32, u32, [u8; 4]) {
    let address = match remote.address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            [a, b, c, d]
        }
    };
    (local.port.into(), remote.port.into(), address)
}
