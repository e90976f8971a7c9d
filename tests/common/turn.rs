//! Turns of the runs. One that shows all network namespaces opens sockets in each, to query the defaults there. A run of
//! another test shows every socket of its namespace, and these would be among them. So they wait for each other.

use std::cell::Cell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURN: RwLock<()> = RwLock::new(());

thread_local! {
    /// Whether this thread keeps the others waiting. Then its own runs do not wait.
    static IS_ALONE: Cell<bool> = const { Cell::new(false) };
}

/// The turn of a run, until it is dropped.
pub enum Turn {
    /// No other run takes place.
    Alone(RwLockWriteGuard<'static, ()>),
    /// No run takes place that shows all namespaces.
    Beside(RwLockReadGuard<'static, ()>),
    /// The thread of this run keeps the others waiting already.
    Within,
}

impl Turn {
    /// Waits for the turn of a run with these arguments.
    pub fn of<'a>(mut arguments: impl Iterator<Item = &'a str>) -> Turn {
        match arguments.any(|it| it == "--all-netns") {
            true => Turn::alone(),
            false if IS_ALONE.get() => Turn::Within,
            false => Turn::Beside(TURN.read().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Waits until no other run takes place.
    pub fn alone() -> Turn {
        if IS_ALONE.get() {
            return Turn::Within;
        }
        let turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
        IS_ALONE.set(true);
        Turn::Alone(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if matches!(self, Turn::Alone(_)) {
            IS_ALONE.set(false);
        }
    }
}
