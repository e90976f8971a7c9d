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

/// Looks up names. Each address is asked for once. An address without an answer in time has no name, even if the answer
/// arrives later, so that the same address is always shown in the same way.
#[derive(Debug)]
pub struct Resolver {
    services: Services,
    users: HashMap<u32, Rc<[u8]>>,
    hosts: RefCell<HashMap<IpAddr, Option<Rc<[u8]>>>>,
    /// The addresses to ask for.
    wanted: RefCell<HashSet<IpAddr>>,
    /// `None` if this program has no name services, or the process that asks them could not be started.
    service: RefCell<Option<NameService>>,
    /// Why it could not be started.
    obstacle: Option<String>,
    /// How long a reading may still wait for answers.
    left: Cell<Duration>,
}

impl Resolver {
    /// Reads the files of names, and prepares to ask the name services from the network namespace of this process. To be
    /// called before another thread is started.
    pub fn start() -> Resolver {
        let hosts = by_address().into_iter().map(|(address, name)| (address, Some(name)));
        let (service, obstacle) = match NameService::EXISTS.then(NameService::start) {
            Some(Ok(service)) => (Some(service), None),
            Some(Err(error)) => (None, Some(reason(&error))),
            None => (None, None),
        };
        Resolver {
            services: Services::read(),
            users: users::by_number(),
            hosts: RefCell::new(hosts.collect()),
            wanted: RefCell::default(),
            service: RefCell::new(service),
            obstacle,
            left: Cell::new(PATIENCE),
        }
    }

    /// Permits another reading to wait for answers.
    pub fn begin_reading(&self) {
        self.left.set(PATIENCE);
    }

    /// Notes that the name of an address is needed. Returns whether [`Resolver::ask`] must ask for it.
    pub fn must_ask(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let may_ask = self.service.borrow().is_some() && !self.left.get().is_zero();
        if !may_ask || !can_have_name(address) || self.hosts.borrow().contains_key(&address) {
            return self.wanted.borrow().contains(&address);
        }
        self.hosts.borrow_mut().insert(address, None);
        self.wanted.borrow_mut().insert(address)
    }

    /// Whether there are names that must be asked for.
    pub fn has_questions(&self) -> bool {
        !self.wanted.borrow().is_empty()
    }

    /// Asks for the names that are needed, and waits for them as long as the reading may.
    pub fn ask(&self) {
        let wanted: Vec<IpAddr> = self.wanted.borrow_mut().drain().collect();
        let mut service = self.service.borrow_mut();
        let Some(service) = service.as_mut().filter(|_| !wanted.is_empty()) else { return };
        let begun = Instant::now();
        let answers = service.ask(&wanted, self.left.get());
        self.left.set(self.left.get().saturating_sub(begun.elapsed()));
        let named = answers.into_iter().filter(|(address, name)| is_name_of(name, *address));
        self.hosts.borrow_mut().extend(named.map(|(address, name)| (address, Some(name.into()))));
    }

    /// The names that could not be looked up, as the end of a sentence. An address without a name is not among them.
    pub fn missing(&self) -> Option<String> {
        let why = self.obstacle.as_ref()?;
        Some(format!(
            "names of hosts: cannot start the process that asks for them: {why} (omit -r, or raise the limits of \
             processes and descriptors: `ulimit -u`, `ulimit -n`)"
        ))
    }

    /// The name of a host, as far as it is known.
    pub fn host(&self, address: IpAddr) -> Option<Rc<[u8]>> {
        self.hosts.borrow().get(&address.to_canonical()).cloned().flatten()
    }

    /// The name of the service at a port of sockets of this family.
    pub fn service(&self, family: Family, port: u16) -> Option<Rc<[u8]>> {
        self.services.at(family, port)
    }

    /// The name of a user.
    pub fn user(&self, uid: u32) -> Option<Rc<[u8]>> {
        self.users.get(&uid).cloned()
    }
}
