//! The network namespaces whose sockets are shown, each with the data that decoding them requires.

use std::collections::HashMap;

use nix::errno::Errno;

use crate::error::Error;
use crate::host::asked_pids::AskedPids;
use crate::host::cgroups::Cgroups;
use crate::host::labels::LabelsOfSockets;
use crate::host::netns_names::Names;
use crate::host::processes::Processes;
use crate::host::sysctls::Sysctls;
use crate::host::Host;
use crate::options::catalogue;
use crate::options::defaults::{Defaults, Pool};
use crate::options::reference;
use crate::options::reference::sysctls::Sysctl;
use crate::query::filter::Filter;
use crate::socket::kind::Family;
use crate::socket::peer::{Peer, Peers};
use crate::socket::Socket;

/// A network namespace, as seen from inside.
pub struct Namespace {
    /// The option values of new sockets in the namespace.
    pub defaults: Defaults,
    /// The host, with the interfaces of the namespace.
    pub host: Host,
    /// Selects the sockets of the namespace to show.
    pub filter: Filter,
}

impl Namespace {
    /// Queries new sockets in the network namespace of this thread. Equal answers are shared with the
    /// other namespaces of the pool. Reads the sysctls of the namespace if they are to be shown.
    ///
    /// # Errors
    ///
    /// As [`Host::new`].
    pub fn here(filter: Filter, pool: &mut Pool, has_sysctls: bool) -> Result<Namespace, Error> {
        let (defaults, socket) = Defaults::ask(|kind| filter.wants(kind), pool);
        let sysctls = if has_sysctls { sysctls(&filter) } else { Sysctls::default() };
        let host = Host::new(socket)?.with_sysctls(sysctls);
        Ok(Namespace { defaults, host, filter })
    }

    /// Why the names of some interfaces are missing, as the end of a sentence.
    fn obstacle(&self) -> Option<String> {
        let why = match self.host.obstacle()? {
            Errno::EBADF => self.defaults.no_socket(),
            errno => format!("cannot query them: {}", errno.desc()),
        };
        Some(format!("names of interfaces: {why}"))
    }
}

/// Reads the sysctls that affect options of the sockets to show.
fn sysctls(filter: &Filter) -> Sysctls {
    let is_wanted = |sysctl: &Sysctl| {
        let families = Family::ALL.into_iter().filter(|family| filter.wants_family(*family));
        let option = catalogue::named(sysctl.option);
        option.is_some_and(|option| families.into_iter().any(|it| option.may_be_of(it)))
    };
    Sysctls::read(reference::sysctls::all().filter(is_wanted).map(|sysctl| sysctl.name))
}

/// The network namespaces whose sockets are shown.
pub struct Namespaces {
    namespaces: Vec<Namespace>,
    /// The index of each namespace by its inode number. `None` if there is only one, whose number is not
    /// needed.
    indexes: Option<HashMap<u32, usize>>,
    /// The names of namespaces, if they are shown: ip-netns(8).
    names: Names,
    /// The control groups, if they are shown.
    cgroups: Cgroups,
    /// The processes that hold sockets, as far as they are shown.
    processes: Processes,
    /// The labels of sockets, if they are shown.
    labels: LabelsOfSockets,
    /// The connections among which the peers of rows are, if they are shown and were read.
    peers: Option<Peers>,
    /// The inodes of knetstat's sockets besides those of the hosts.
    own: Vec<u64>,
    /// The processes that were asked for by PID.
    asked_pids: AskedPids,
}

impl Namespaces {
    /// Returns one namespace, to which every socket belongs.
    pub fn one(namespace: Namespace) -> Namespaces {
        Namespaces::of(vec![namespace], None)
    }

    /// Returns several namespaces, with their inode numbers.
    pub fn several(namespaces: impl IntoIterator<Item = (u32, Namespace)>) -> Namespaces {
        let (inodes, namespaces): (Vec<u32>, Vec<Namespace>) = namespaces.into_iter().unzip();
        let indexes = inodes.into_iter().enumerate().map(|(index, inode)| (inode, index)).collect();
        Namespaces::of(namespaces, Some(indexes))
    }

    fn of(namespaces: Vec<Namespace>, indexes: Option<HashMap<u32, usize>>) -> Namespaces {
        let (names, cgroups) = (Names::default(), Cgroups::default());
        let (processes, labels) = (Processes::default(), LabelsOfSockets::default());
        let (peers, own, asked_pids) = (None, Vec::new(), AskedPids::default());
        Namespaces {
            namespaces,
            indexes,
            names,
            cgroups,
            processes,
            labels,
            peers,
            own,
            asked_pids,
        }
    }

    /// Returns the same namespaces with names.
    pub fn with_names(self, names: Names) -> Namespaces {
        Namespaces { names, ..self }
    }

    /// Returns the same namespaces with the control groups of the host.
    pub fn with_cgroups(self, cgroups: Cgroups) -> Namespaces {
        Namespaces { cgroups, ..self }
    }

    /// Returns the same namespaces with the labels of sockets.
    pub fn with_labels(self, labels: LabelsOfSockets) -> Namespaces {
        Namespaces { labels, ..self }
    }

    /// Returns the same namespaces with their connections.
    pub fn with_peers(self, peers: Peers) -> Namespaces {
        Namespaces { peers: Some(peers), ..self }
    }

    /// Returns the same namespaces with more sockets of knetstat itself, by their inodes.
    pub fn with_own(self, own: Vec<u64>) -> Namespaces {
        Namespaces { own, ..self }
    }

    /// Returns the same namespaces with the processes that were asked for.
    pub fn with_asked_pids(self, asked_pids: AskedPids) -> Namespaces {
        Namespaces { asked_pids, ..self }
    }

    /// The inodes of knetstat's own sockets.
    pub fn own_inodes(&self) -> impl Iterator<Item = u64> + '_ {
        let asked = self.namespaces.iter().flat_map(|it| it.defaults.asked_inodes());
        asked.chain(&self.own).copied()
    }

    /// All namespaces.
    pub fn all(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The index in [`Namespaces::all`] of the namespace with this inode number. `None` if it is not one
    /// of them.
    pub fn index(&self, inode: u32) -> Option<usize> {
        match &self.indexes {
            None => Some(0),
            Some(indexes) => indexes.get(&inode).copied(),
        }
    }

    /// The names of namespaces, some of which may not be in the table.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The control groups, some of which may not be in the table.
    pub fn cgroups(&self) -> &Cgroups {
        &self.cgroups
    }

    /// The processes that were asked for by PID.
    pub fn asked_pids(&self) -> &AskedPids {
        &self.asked_pids
    }

    /// The processes that have been looked up so far.
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// The labels of sockets, which may not be in the table.
    pub fn labels(&self) -> &LabelsOfSockets {
        &self.labels
    }

    /// The socket at the other end of one of these namespaces.
    pub fn peer(&self, socket: &Socket) -> Peer {
        self.peers.as_ref().map_or_else(|| Peer::of_unix(socket), |peers| peers.of(socket))
    }

    /// Names, and details of processes, that could not be looked up, as the ends of sentences.
    pub fn missing(&self) -> impl Iterator<Item = String> + '_ {
        let interfaces = self.namespaces.iter().find_map(Namespace::obstacle);
        let sysctls = self.namespaces.iter().find_map(|it| it.host.missing_sysctls());
        let names = self.names.missing().into_iter().chain(interfaces).chain(sysctls);
        names
            .chain(self.cgroups.missing())
            .chain(self.processes.missing())
            .chain(self.labels.missing())
            .chain(self.asked_pids.missing())
    }
}
