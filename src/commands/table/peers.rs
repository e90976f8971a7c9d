//! The first reading of a run that shows the other ends of connections: it collects the addresses of all
//! connections, among which the peer of each row is found later. It uses programs of its own, because those of the
//! rows leave out what is not shown, such as the other end.

use std::io::BufRead;

use crate::commands::table::namespaces::Namespaces;
use crate::config::Config;
use crate::error::Error;
use crate::kernel::family::Family;
use crate::kernel::request::{Prefilter, Request};
use crate::record::fact::{sections, Sections};
use crate::record::Records;
use crate::socket::owner::{self, Claim};
use crate::socket::peer::Peers;
use crate::socket::{Names, Socket};

/// TCP_LISTEN, and the state of connected UDP sockets: include/net/tcp_states.h
const LISTEN: u32 = 10;
const ESTABLISHED: u32 = 1;

/// The request for the connections among which the peers of rows can be. `None` if none are shown or asked for, or
/// only those of unix sockets, which refer to them. `every_netns`: as for the rows.
pub fn request(config: &Config, every_netns: bool) -> Option<Request> {
    let mut families = config.families_with_peers();
    if families.is_empty() {
        return None;
    }
    // The other side of an MPTCP connection may have no MPTCP.
    if families.contains(&Family::Mptcp) && !families.contains(&Family::Tcp) {
        families.push(Family::Tcp);
    }
    let prefilter = Prefilter {
        tcp_states: !(1 << LISTEN),
        udp_states: 1 << ESTABLISHED,
        ..Prefilter::default()
    };
    Some(Request {
        families,
        unbound: false,
        owners: false,
        listeners: config.needs_listeners(),
        // The rows have a reading of their own for them.
        queues: false,
        tasks: false,
        every_netns,
        sections: needed().bits(),
        prefilter: if config.kernel_filter { prefilter } else { Prefilter::default() },
        ..config.filter.request()
    })
}

/// The sections of records that are read.
fn needed() -> Sections {
    [Names::sections(), sections(owner::FACTS)].into_iter().collect()
}

/// Reads the connections in these network namespaces.
///
/// # Errors
///
/// When the records cannot be read.
pub fn read(
    records: Records<impl BufRead>,
    config: &Config,
    namespaces: &Namespaces,
) -> Result<Peers, Error> {
    let mut peers = Peers::default();
    let mut records = records.requiring(needed());
    while let Some(record) = records.next_record()? {
        let socket = Socket::decode(record);
        if namespaces.index(socket.netns).is_some() {
            let claim = Claim::of(&socket);
            let unheld = config.lost.without_reason(&socket, claim.unheld);
            peers.add(&socket, Claim { unheld, ..claim });
        }
    }
    Ok(peers.sorted())
}
