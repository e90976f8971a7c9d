//! The control group of a socket.

use crate::record::fact::{value, Fact};
use crate::record::Record;

/// The facts from which it is read.
pub const FACTS: [Fact; 1] = [value!(CGROUP CGROUP__id)];

/// The number of the control group that the socket of this record was created in, which the kernel keeps even if the
/// group is removed: kernel/cgroup/cgroup.c, cgroup_sk_alloc(). `Some(0)`: it has none. `None`: it is unknown.
pub(super) fn of(record: &Record) -> Option<u64> {
    FACTS[0].of(record)
}
