//! A task that holds the lock of a socket.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use knetstat::kernel::userfault;

use crate::common::{set, wait_until};

/// The time after which the lock is released, unless the test shows that it is alive. Otherwise, a test that
/// hangs would leave tasks that cannot be killed.
const LIMIT: Duration = Duration::from_secs(60);

/// A system call that reads memory while it holds the lock of a socket. The memory does not arrive until the
/// value is dropped.
pub struct Stuck {
    alive: Option<Sender<()>>,
    /// The thread that withholds the memory, the one that makes the call, and one whose call needs the lock.
    warden: Option<JoinHandle<()>>,
    caller: Option<JoinHandle<()>>,
    rival: Option<JoinHandle<()>>,
}

impl Stuck {
    /// Starts a system call, and waits until it waits for the memory.
    pub fn start(socket: &impl AsFd, call: fn(&OwnedFd, &'static [u8])) -> Stuck {
        const SOL_SOCKET: i32 = 1;
        const SO_KEEPALIVE: i32 = 9;
        let (page, withheld) = userfault::withhold().expect("userfaultfd(2)");
        let again = || socket.as_fd().try_clone_to_owned().expect("a descriptor");
        let (first, second) = (again(), again());
        let caller = thread::spawn(move || call(&first, page));
        wait_until("the task is stuck", || withheld.is_awaited().expect("it can be read"));
        let rival = thread::spawn(move || {
            set(&second, SOL_SOCKET, SO_KEEPALIVE, 1).expect("SO_KEEPALIVE");
        });
        let (alive, signs) = mpsc::channel();
        let warden = thread::spawn(move || {
            while signs.recv_timeout(LIMIT).is_ok() {}
            drop(withheld);
        });
        Stuck { alive: Some(alive), warden: Some(warden), caller: Some(caller), rival: Some(rival) }
    }

    /// Shows that the test is alive.
    pub fn keep(&self) {
        // After the time limit, the thread is gone. `is_locked` is then false.
        let _ = self.alive.as_ref().map(|alive| alive.send(()));
    }

    /// Whether the lock has been held since the start: the call that needs it has not returned.
    pub fn is_locked(&self) -> bool {
        self.rival.as_ref().is_some_and(|rival| !rival.is_finished())
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        drop(self.alive.take());
        for thread in [self.warden.take(), self.caller.take(), self.rival.take()] {
            // The thread of a call that failed has reported the reason itself.
            let _ = thread.map(JoinHandle::join);
        }
    }
}
