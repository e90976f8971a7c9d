//! Compares the rows of a run with the sockets that stay, and checks that every other row is one that the
//! traffic can have.

use std::collections::{BTreeMap, HashSet};

use super::staying::{Staying, ADDRESSES, INODE, MARK, WIDTH};
use super::traffic::{NAME, NETWORK};

/// What was found in all runs together.
#[derive(Default)]
pub struct Found {
    pub runs: usize,
    /// Sockets that stay and had no row.
    pub missed: usize,
    /// The rows of the traffic, by state.
    pub states: BTreeMap<String, usize>,
}

impl Found {
    /// Adds a run. Asserts that no socket has two rows, that the row of a socket that stays has its own values
    /// only, and that every other row is sane.
    pub fn add(&mut self, output: &str, staying: &Staying, own_network: &str) {
        let (mut marks, mut half_open, mut inodes) =
            (HashSet::new(), HashSet::new(), HashSet::new());
        for line in output.lines() {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), WIDTH, "{line}");
            let mark = fields[MARK].parse().unwrap_or_default();
            let addresses = fields[..ADDRESSES].join(",");
            if let Some(expected) = staying.rows.get(&mark) {
                assert_eq!(line, expected, "the row of a socket that stays");
                assert!(marks.insert(mark), "a second row: {line}");
            } else if staying.half_open.contains(&addresses) {
                assert!(half_open.insert(addresses), "a second row: {line}");
            } else {
                assert!(is_sane(&fields, own_network), "a row of no socket: {line}");
                if let Ok(inode) = fields[INODE].parse::<u64>() {
                    assert!(!staying.inodes.contains(&inode), "a row of two sockets: {line}");
                    assert!(inodes.insert(inode), "a second row: {line}");
                }
                *self.states.entry(fields[1].into()).or_default() += 1;
            }
        }
        self.runs += 1;
        self.missed += staying.rows.len() - marks.len() + staying.half_open.len() - half_open.len();
    }
}

/// Whether a socket of the traffic can have this row: its state is known, its addresses are those of the
/// traffic or of `own_network`, and its options have never been set.
fn is_sane(fields: &[&str], own_network: &str) -> bool {
    const TCP: [&str; 9] = [
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "CLOSING",
    ];
    const UNIX: [&str; 2] = ["CONNECTED", "UNCONN"];
    let [protocol, state, local, local_port, remote, remote_port, ..] = fields else {
        return false;
    };
    let is_set = |value: &&str| !["", "0"].contains(value);
    let (mark, priority) = (fields[MARK], fields[WIDTH - 1]);
    let has_port = [local_port, remote_port].map(is_set);
    let is_traffic =
        |address: &str| address.starts_with(NETWORK) || address.starts_with(own_network);
    let is_own = !is_set(&mark) && !is_set(&priority);
    is_own
        && match (*protocol, *state) {
            ("tcp", "LISTEN") | ("udp", "UNCONN") => {
                is_traffic(local) && *remote == "0.0.0.0" && has_port == [true, false]
            }
            // The other end of a connection has the address that the kernel chose.
            ("tcp", state) if TCP.contains(&state) => {
                let ends = [local, remote];
                let is_known = |end: &&str| is_traffic(end) || *end == "127.0.0.1";
                ends.iter().any(|end| is_traffic(end))
                    && ends.iter().all(|end| is_known(end))
                    && has_port == [true, true]
            }
            ("unix", state) => {
                UNIX.contains(&state)
                    && (local.is_empty() || local.starts_with(NAME))
                    && has_port == [false, false]
            }
            _ => false,
        }
}
