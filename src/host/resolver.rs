//! The names of hosts, services and users that are shown instead of numbers (`--resolve`).

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::error::reason;
use crate::host::hosts::{by_address, can_have_name, is_name_of};
use crate::host::services::Services;
use crate::host::users;
use crate::kernel::name_service::{NameService, PATIENCE};
use crate::socket::kind::Family;

/// The number of addresses whose answers are kept for the next reading, which bounds the memory of a run that reads for
/// days (`--continuous`).
const KEPT: usize = 100_000;

/// Looks up names. Each address is asked for once, as long as its answer is kept. An address without an answer in time has
/// no name, even if the answer arrives later, so that the same address is always shown in the same way.
#[derive(Debug)]
pub struct Resolver {
    services: Services,
    users: users::ByNumber,
    /// The names of /etc/hosts.
    of_file: HashMap<IpAddr, Rc<[u8]>>,
    /// The addresses that were asked for, and their names.
    asked: RefCell<HashMap<IpAddr, Option<Rc<[u8]>>>>,
    /// The addresses to ask for.
    wanted: RefCell<HashSet<IpAddr>>,
    /// `None` if this program has no name services, or the process that asks them could not be started or has
    /// ended.
    service: RefCell<Option<NameService>>,
    /// Why names cannot be asked for, and what to do about it.
    obstacle: RefCell<Option<String>>,
    /// The files that cannot be read.
    unread: Vec<Unread>,
    /// How long a reading may still wait for answers.
    left: Cell<Duration>,
}

/// A file of names that cannot be read.
#[derive(Debug)]
struct Unread {
    what: &'static str,
    why: String,
    /// Whether a name was requested that may be in it.
    is_missed: Cell<bool>,
}

const SERVICES: &str = "services";
const USERS: &str = "users";
const HOSTS: &str = "hosts";

impl Resolver {
    /// Reads the files of names, and prepares to ask the name services from the network namespace of this process. To be
    /// called before another thread is started.
    pub fn start() -> Resolver {
        let (service, obstacle) = match NameService::EXISTS.then(NameService::start) {
            Some(Ok(service)) => (Some(service), None),
            Some(Err(error)) => (None, Some(not_started(&reason(&error)))),
            None => (None, None),
        };
        let mut unread = Vec::new();
        let mut note = |what, why| unread.push(Unread { what, why, is_missed: Cell::new(false) });
        Resolver {
            services: Services::read().map_err(|why| note(SERVICES, why)).unwrap_or_default(),
            users: users::by_number().map_err(|why| note(USERS, why)).unwrap_or_default(),
            of_file: by_address().map_err(|why| note(HOSTS, why)).unwrap_or_default(),
            unread,
            asked: RefCell::default(),
            wanted: RefCell::default(),
            service: RefCell::new(service),
            obstacle: RefCell::new(obstacle),
            left: Cell::new(PATIENCE),
        }
    }

    /// Permits another reading to wait for answers.
    pub fn begin_reading(&self) {
        self.left.set(PATIENCE);
        if self.asked.borrow().len() > KEPT {
            self.asked.take();
        }
    }

    /// Notes that the name of an address is needed. Returns whether [`Resolver::ask`] must ask for it.
    pub fn must_ask(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let may_ask = self.service.borrow().is_some() && !self.left.get().is_zero();
        let is_known =
            self.of_file.contains_key(&address) || self.asked.borrow().contains_key(&address);
        if !may_ask || !can_have_name(address) || is_known {
            return self.wanted.borrow().contains(&address);
        }
        self.asked.borrow_mut().insert(address, None);
        self.wanted.borrow_mut().insert(address)
    }

    /// Whether there are names that must be asked for.
    pub fn has_questions(&self) -> bool {
        !self.wanted.borrow().is_empty()
    }

    /// Asks for the names that are needed, and waits for them as long as the reading may.
    pub fn ask(&self) {
        let wanted: Vec<IpAddr> = self.wanted.borrow_mut().drain().collect();
        let mut running = self.service.borrow_mut();
        let Some(service) = running.as_mut().filter(|_| !wanted.is_empty()) else { return };
        let begun = Instant::now();
        let answers = service.ask(&wanted, self.left.get());
        self.left.set(self.left.get().saturating_sub(begun.elapsed()));
        let named = answers.into_iter().filter(|(address, name)| is_name_of(name, *address));
        self.asked.borrow_mut().extend(named.map(|(address, name)| (address, Some(name.into()))));
        if service.has_ended() {
            *running = None;
            self.obstacle.replace(Some(ENDED.into()));
        }
    }

    /// The names that could not be looked up, as the ends of sentences. An address without a name is not among them.
    pub fn missing(&self) -> Vec<String> {
        let why = self.obstacle.borrow();
        let of_service = why.as_ref().map(|why| format!("names of hosts: {why}"));
        let missed = self.unread.iter().filter(|file| file.is_missed.get());
        let of_files = missed.map(|file| format!("names of {}: {}", file.what, file.why));
        of_files.chain(of_service).collect()
    }

    /// Notes that a name of this kind is shown.
    fn want(&self, what: &str) {
        self.unread.iter().filter(|file| file.what == what).for_each(|it| it.is_missed.set(true));
    }

    /// The name of a host, as far as it is known.
    pub fn host(&self, address: IpAddr) -> Option<Rc<[u8]>> {
        self.want(HOSTS);
        let address = address.to_canonical();
        let asked = || self.asked.borrow().get(&address).cloned().flatten();
        self.of_file.get(&address).cloned().or_else(asked)
    }

    /// The name of the service at a port of sockets of this family.
    pub fn service(&self, family: Family, port: u16) -> Option<Rc<[u8]>> {
        self.want(SERVICES);
        self.services.at(family, port)
    }

    /// The name of a user.
    pub fn user(&self, uid: u32) -> Option<Rc<[u8]>> {
        self.want(USERS);
        self.users.get(&uid).cloned()
    }
}

fn not_started(why: &str) -> String {
    format!(
        "cannot start the process that asks for them: {why} (omit -r, or raise the limits of processes and descriptors: \
         `ulimit -u`, `ulimit -n`)"
    )
}

/// It cannot say why.
const ENDED: &str = "the process that asks for them has ended, which happens without /dev/null, or with a limit of \
                     processes or memory (omit -r, or raise the limits: `ulimit -u`, `ulimit -v`)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_not_kept_without_limit() {
        let resolver = Resolver {
            services: Services::default(),
            users: users::ByNumber::new(),
            of_file: HashMap::from([([10, 0, 0, 1].into(), (*b"db").into())]),
            asked: RefCell::default(),
            wanted: RefCell::default(),
            service: RefCell::default(),
            obstacle: RefCell::default(),
            unread: Vec::new(),
            left: Cell::new(PATIENCE),
        };
        for n in 0..=KEPT as u32 {
            let address: IpAddr = std::net::Ipv4Addr::from_bits(n).into();
            resolver.asked.borrow_mut().insert(address, Some((*b"a").into()));
            resolver.begin_reading();
            assert_eq!(resolver.host(address).is_some(), n < KEPT as u32);
        }
        assert_eq!(resolver.host([10, 0, 0, 1].into()).as_deref(), Some(&b"db"[..]));
    }
}
