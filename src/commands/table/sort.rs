//! The buffer of rows to sort. It holds their records, the data to sort by and, if they are known, the
//! descriptors that hold the sockets. Options are decoded again when a row is written.

use std::ops::Range;

use crate::query::datum::Datum;
use crate::query::row::{Holders, Row};
use crate::query::sort::{self, SortKey};
use crate::record::Record;
use crate::socket::holders::Holder;
use crate::socket::owner::{Owner, Via};

/// The rows to sort.
pub struct Sorter<'a> {
    keys: &'a [SortKey],
    /// The records, one after the other.
    records: Vec<u8>,
    rows: Vec<SortedRow>,
}

/// Holders, and what is known of their socket.
type Kept<T> = Option<(Vec<Holder>, T)>;

/// [`Holders`] that the row owns.
struct KeptHolders {
    of_socket: Kept<Owner>,
    of_via: Kept<Via>,
    of_peer: Kept<Owner>,
    of_peers_via: Kept<Via>,
}

impl From<Holders<'_>> for KeptHolders {
    fn from(holders: Holders) -> KeptHolders {
        KeptHolders {
            of_socket: kept(holders.of_socket),
            of_via: kept(holders.of_via),
            of_peer: kept(holders.of_peer),
            of_peers_via: kept(holders.of_peers_via),
        }
    }
}

/// A row to sort.
pub struct SortedRow {
    /// The index of its network namespace.
    pub namespace: usize,
    holders: KeptHolders,
    record: Range<usize>,
    data: Vec<Datum<'static>>,
}

impl SortedRow {
    /// The descriptors that hold the socket and its peer, as they were when the row was added.
    pub fn holders(&self) -> Holders<'_> {
        Holders {
            of_socket: found(&self.holders.of_socket),
            of_via: found(&self.holders.of_via),
            of_peer: found(&self.holders.of_peer),
            of_peers_via: found(&self.holders.of_peers_via),
        }
    }
}

fn kept<T>(holders: Option<(&[Holder], T)>) -> Kept<T> {
    holders.map(|(holders, what)| (holders.to_vec(), what))
}

fn found<T: Copy>(kept: &Kept<T>) -> Option<(&[Holder], T)> {
    kept.as_ref().map(|(holders, what)| (holders.as_slice(), *what))
}

impl<'a> Sorter<'a> {
    /// Returns a buffer without rows.
    pub fn new(keys: &'a [SortKey]) -> Sorter<'a> {
        Sorter { keys, records: Vec::new(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn add(&mut self, row: &Row, namespace: usize) {
        let begin = self.records.len();
        self.records.extend_from_slice(row.socket.record.bytes);
        self.rows.push(SortedRow {
            namespace,
            holders: row.holders.into(),
            record: begin..self.records.len(),
            data: sort::data(self.keys, row),
        });
    }

    /// The size of the records in bytes.
    pub fn size(&self) -> usize {
        self.records.len()
    }

    /// Takes the rows, in their new order. Equal rows stay in the order in which they were added.
    pub fn take(&mut self) -> Sorted {
        let records = std::mem::take(&mut self.records);
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by(|a, b| sort::compare(self.keys, &a.data, &b.data));
        Sorted { records, rows }
    }
}

/// Sorted rows.
pub struct Sorted {
    records: Vec<u8>,
    rows: Vec<SortedRow>,
}

impl Sorted {
    /// The rows, in order.
    pub fn rows(&self) -> &[SortedRow] {
        &self.rows
    }

    /// The record of a row, copied to `buffer`, where its integers are aligned.
    pub fn record<'a>(&self, row: &SortedRow, buffer: &'a mut Vec<u8>) -> Option<Record<'a>> {
        let bytes = self.records.get(row.record.clone())?;
        buffer.resize(bytes.len() + 8, 0);
        let begin = buffer.as_ptr().align_offset(8).min(7);
        let aligned = &mut buffer[begin..begin + bytes.len()];
        aligned.copy_from_slice(bytes);
        Record::parse(aligned)
    }
}
