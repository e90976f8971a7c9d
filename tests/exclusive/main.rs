//! Tests that need their process, or the machine, to themselves. They require root.
//!
//! * `owners`, `unbound` and `churn` look at who holds a descriptor, or fork(2): a child has a copy of
//!   every descriptor of the other tests.
//! * `verifier`, `readers`, `handler`, `snapshot` and `addresses` load programs in this process, where
//!   one callback gets all that libbpf prints.
//! * `netns` and `names` show all namespaces, and so open a fresh socket in those of the other tests.

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod churn;
mod handler;
mod held;
mod names;
mod netns;
mod owners;
mod readers;
mod snapshot;
mod unbound;
mod verifier;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURN: RwLock<()> = RwLock::new(());

/// Waits until no other test runs. A test must hold the result until it ends.
fn exclusive() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no exclusive test runs: for tests that do not disturb one another.
fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}
