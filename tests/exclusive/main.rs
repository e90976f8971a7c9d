//! Tests that require their process, or the machine, for themselves. They require root.
//!
//! * `owners`, `unbound` and `churn` look for the holders of a descriptor, or call fork(2), after which a
//!   child has a copy of every descriptor of the other tests.
//! * `verifier`, `readers`, `module`, `handler`, `snapshot`, `paused` and `addresses` load programs in this process, where
//!   one callback receives all messages of libbpf. `paused` needs most of the descriptors that a process may have.
//! * `maps` and `pins` list the programs in the kernel, and the list ends early if another test unloads one.
//! * `ends` compares what is loaded before and after a run.
//! * `stuck` holds locks of sockets, for which readers of the kernel's iterators wait.
//! * `option_programs` loads programs that `knetstat doctor` of other tests would name.
//! * `netns`, `names` and `tables` show all namespaces, and so open new sockets in those of the other tests.

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod churn;
mod ends;
mod handler;
mod held;
mod maps;
mod module;
mod names;
mod netns;
mod option_programs;
mod owners;
mod paused;
mod pins;
mod readers;
mod snapshot;
mod stuck;
mod tables;
mod unbound;
mod verifier;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURN: RwLock<()> = RwLock::new(());

/// Waits until no other test runs. A test must keep the result until it ends.
fn exclusive() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no exclusive test runs. For tests that do not disturb each other.
fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}
