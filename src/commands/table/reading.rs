//! One reading of the sockets: what is opened with capabilities, and then read.

use std::io::{BufRead, Read};

use super::namespaces::{Namespace, Namespaces};
use super::pipeline::Ownership;
use super::progress::Progress;
use super::{peers, pipeline};
use crate::cli;
use crate::config::Config;
use crate::error::Error;
use crate::host::asked_pids::{own_namespace, AskedPids};
use crate::host::cgroups::Cgroups;
use crate::host::interfaces::Interfaces;
use crate::host::labels::LabelsOfSockets;
use crate::host::netns::{NetnsError, NetnsSet, Scope};
use crate::host::netns_names::Names;
use crate::host::protocols::has_udp_lite;
use crate::kernel::program_set::Programs;
use crate::kernel::read_ahead::{OnDemand, ReadAhead};
use crate::kernel::snapshot::Snapshot;
use crate::options::defaults::Pool;
use crate::output::quiet::Quiet;
use crate::output::Output;
use crate::query::columns::Column;
use crate::query::filter::Filter;
use crate::query::key::Key;
use crate::record::Records;
use crate::socket::listener::Listeners;
use crate::socket::messages::Messages;

/// The programs of a run.
pub struct Loaded {
    /// Those that report the rows, and the processes that hold sockets.
    pub rows: Programs,
    /// Those that report the connections among which the peers of rows are: peers.rs
    pub connections: Option<Programs>,
}

impl Loaded {
    fn all(&self) -> impl Iterator<Item = &Programs> {
        [&self.rows].into_iter().chain(&self.connections)
    }

    /// What is missing because the kernel refused a program, as the end of a sentence. What the programs of the
    /// rows lack, the others lack, too.
    fn missing(&self) -> Option<String> {
        self.all().find_map(Programs::missing)
    }
}

/// What is opened in each of the network namespaces.
#[derive(Default)]
struct Snapshots {
    sockets: Snapshot,
    /// What reports accept queues, which is read before the sockets.
    queues: Snapshot,
    /// The connections among which the peers of the sockets are, if these are needed. They are read before the sockets.
    connections: Option<Snapshot>,
}

/// What is opened with capabilities and read without them.
pub struct Reading {
    netns_set: NetnsSet,
    namespaces: Namespaces,
    snapshots: Snapshots,
    /// What finds the sockets in messages, which is read before the snapshots.
    messages: Option<Snapshot>,
    /// Whether the programs find every holder: [`Programs::find_all_holders`].
    finds_all_holders: bool,
    /// The first iteration over all descriptors, and one for each section of the table, if they are needed.
    iterations: Vec<Snapshot>,
    /// The result of the first iteration, once it has been read.
    ownership: Option<Ownership<Box<dyn Read>>>,
}

impl Reading {
    /// Enters the namespaces and opens the iterators. `netns_set` is empty for the namespace of the program.
    ///
    /// # Errors
    ///
    /// When the usage is wrong, or the kernel refuses.
    pub fn open(
        programs: &Loaded,
        config: &Config,
        mut netns_set: NetnsSet,
    ) -> Result<Reading, Error> {
        if config.scope == Scope::All {
            programs.rows.tasks()?.map(|tasks| netns_set.add_from_tasks(tasks)).transpose()?;
            programs.rows.owners()?.map(|owners| netns_set.add_from_sockets(owners)).transpose()?;
            netns_set.check_own();
        }
        let (namespaces, snapshots) = enter_all(programs, config, &mut netns_set)?;
        let count = if config.needs_owners() { 1 + config.filter.layouts().len() } else { 0 };
        let iterations = (0..count).filter_map(|_| programs.rows.owners().transpose());
        let iterations = iterations.collect::<Result<_, _>>()?;
        let messages = programs.rows.messages()?;
        Ok(Reading {
            netns_set,
            namespaces,
            snapshots,
            messages,
            finds_all_holders: programs.rows.find_all_holders(),
            iterations,
            ownership: None,
        })
    }

    /// Reads the first iteration over all descriptors, unless it has been read or there is none, and closes it. Then
    /// reads the labels of the sockets, if they are shown, which may require capabilities. The descriptors are shared
    /// between threads if `has_threads`, which inherit the capabilities of this one.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn with_owners(mut self, config: &Config, has_threads: bool) -> Result<Reading, Error> {
        let reader = |iteration| -> Box<dyn Read> {
            match has_threads {
                true => Box::new(OnDemand::Waiting(iteration)),
                false => Box::new(iteration),
            }
        };
        let mut iterations = std::mem::take(&mut self.iterations).into_iter().map(reader);
        if let Some(first) = iterations.next() {
            let mut ownership = Ownership::new(first, iterations.collect())?;
            ownership.is_partial = !self.finds_all_holders;
            if let Some(messages) = self.messages.take() {
                ownership.add_messages(Messages::read(messages)?);
            }
            if config.asks_for(Column::Xattrs) {
                let labels = LabelsOfSockets::read(ownership.owners());
                self.namespaces = self.namespaces.with_labels(labels);
            }
            self.ownership = Some(ownership);
        }
        Ok(self)
    }

    /// Reads the sockets. Returns what is missing, as the ends of sentences. Threads read ahead if there is a progress to
    /// show.
    ///
    /// # Errors
    ///
    /// When the sockets cannot be read, or the output cannot be written.
    pub fn read(
        self,
        programs: &Loaded,
        config: &Config,
        output: &mut dyn Output,
        progress: Option<&Progress>,
    ) -> Result<Vec<String>, Error> {
        let Reading { netns_set, namespaces, snapshots, mut ownership, .. } = self;
        let Snapshots { sockets, queues, connections } = snapshots;
        // A thread inherits the capabilities of its creator, so it is started after they were dropped.
        let ahead = |snapshot| -> Result<Box<dyn BufRead>, Error> {
            match progress {
                Some(progress) => {
                    let ahead = ReadAhead::new(snapshot, progress.notice(&programs.rows));
                    Ok(Box::new(ahead.map_err(Error::Thread)?))
                }
                None => Ok(Box::new(snapshot.buffered())),
            }
        };
        let namespaces = with_peers(namespaces, connections.map(ahead).transpose()?, config)?;
        let mut listeners = None;
        let in_messages = ownership.as_ref().map(|ownership| ownership.messages().missing());
        if let Some(ownership) = &mut ownership {
            ownership.listeners = Listeners::read(ahead(queues)?)?;
            listeners = ownership.listeners.missing();
        }
        let sockets = ahead(sockets)?;
        let progress = progress.cloned().unwrap_or_default();
        let records = Records::new(sockets);
        let unknown = pipeline::print(records, config, &namespaces, ownership, output, &progress)?;
        let missing = programs.missing().into_iter().chain(config.lost.missing());
        let missing = missing.chain(netns_set.missing());
        let missing = missing.chain(config.resolver.iter().flat_map(|it| it.missing()));
        let missing = missing.chain(unknown.missing()).chain(namespaces.missing()).chain(listeners);
        Ok(missing.chain(in_messages.map(|missing| missing()).into_iter().flatten()).collect())
    }

    /// Whether a socket matches, as far as that can be found out. Starts no thread, which would have the
    /// capabilities of this one.
    ///
    /// # Errors
    ///
    /// When the sockets cannot be read.
    pub fn has_match(self, programs: &Loaded, config: &Config) -> Result<bool, Error> {
        let mut quiet = Quiet::default();
        self.with_owners(config, false)?.read(programs, config, &mut quiet, None)?;
        Ok(quiet.is_done())
    }
}

/// Finds the requested network namespaces, as far as that works without BPF programs. A single namespace
/// is entered at once. The result is then empty, as it is for the namespace of the program.
///
/// # Errors
///
/// When a namespace does not exist, or cannot be entered.
pub fn find(scope: &Scope) -> Result<NetnsSet, Error> {
    let words = match scope {
        Scope::Own => return Ok(NetnsSet::default()),
        Scope::All => return Ok(NetnsSet::mounted()),
        Scope::Named(words) => words,
    };
    let netns_set = NetnsSet::named(words).map_err(|error| match error {
        NetnsError::Wrong(why) => cli::wrong("--netns", &why),
        NetnsError::Refused(why) => Error::EnterNetns(why),
    })?;
    for netns in &netns_set.namespaces {
        netns.enter().map_err(Error::EnterNetns)?;
    }
    Ok(if netns_set.namespaces.len() == 1 { NetnsSet::default() } else { netns_set })
}

/// Leaves out UDP-Lite if it can have no rows, because it requires a socket to find its table or, without a
/// walk, an iteration over all descriptors.
/// `anywhere`: all network namespaces count, and not only that of the program. The kernel does not count
/// unbound sockets, so UDP-Lite is kept if these are requested.
pub fn expected(mut filter: Filter, anywhere: bool) -> Filter {
    if filter.request().udp_lite && !filter.unbound && !has_udp_lite(anywhere) {
        filter.omit_udp_lite();
    }
    filter
}

/// Enters each of the namespaces, or stays in that of the program. There, queries new sockets for their
/// defaults and opens the iterators.
fn enter_all(
    programs: &Loaded,
    config: &Config,
    netns_set: &mut NetnsSet,
) -> Result<(Namespaces, Snapshots), Error> {
    let mut interfaces = Interfaces::new(&config.interfaces);
    let mut pool = Pool::default();
    // While the run waits for a socket, peers may not be needed yet.
    let needs_peers = !config.families_with_peers().is_empty();
    let of_connections = programs.connections.as_ref().filter(|_| needs_peers);
    let mut snapshots = Snapshots {
        connections: of_connections.map(|_| Snapshot::default()),
        ..Snapshots::default()
    };
    let mut open = || -> Result<Namespace, Error> {
        interfaces.look_here().map_err(Error::Interfaces)?;
        programs.rows.open(&mut snapshots.sockets)?;
        programs.rows.open_queues(&mut snapshots.queues)?;
        if let (Some(programs), Some(snapshot)) = (of_connections, &mut snapshots.connections) {
            programs.open(snapshot)?;
        }
        let filter = expected(config.filter.clone(), false);
        Namespace::here(filter, &mut pool, config.format.explains && !config.quiet)
    };
    let is_one = netns_set.namespaces.is_empty() && config.scope != Scope::All;
    let shown = match (&config.scope, is_one) {
        (Scope::All, _) => None,
        (_, true) if config.pids.is_empty() => None,
        (_, true) => own_namespace().map(|inode| vec![inode]),
        (_, false) => Some(netns_set.namespaces.iter().map(|netns| netns.inode).collect()),
    };
    let namespaces = match is_one {
        true => Namespaces::one(open()?),
        false => {
            let mut namespaces = Vec::new();
            for netns in std::mem::take(&mut netns_set.namespaces) {
                match netns.enter() {
                    Ok(()) => namespaces.push((netns.inode, open()?)),
                    Err(why) => netns_set.refuse(netns.inode, why),
                }
            }
            Namespaces::several(namespaces)
        }
    };
    interfaces.check().map_err(Error::Usage)?;
    let names = shows_netns_names(config).then(Names::read).unwrap_or_default();
    let names = match config.netns_names_are_optional {
        true => names.with_optional_containers(),
        false => names,
    };
    let cgroups = shows_cgroups(config).then(Cgroups::read).unwrap_or_default();
    let namespaces = namespaces.with_names(names).with_cgroups(cgroups);
    let asked_pids = AskedPids::look_up(&config.pids, shown.as_deref());
    let namespaces = namespaces.with_asked_pids(asked_pids);
    let own = programs.all().flat_map(Programs::own_inodes).collect();
    Ok((namespaces.with_own(own), snapshots))
}

/// Reads the connections, if there are any to read, before the rows whose peers they are.
fn with_peers(
    namespaces: Namespaces,
    connections: Option<impl BufRead>,
    config: &Config,
) -> Result<Namespaces, Error> {
    let Some(connections) = connections else { return Ok(namespaces) };
    let peers = peers::read(Records::new(connections), config, &namespaces)?;
    Ok(namespaces.with_peers(peers))
}

/// Whether network namespaces are shown by name. JSON has a separate member for the name.
fn shows_netns_names(config: &Config) -> bool {
    config.asks_for(Column::NetnsName)
        || config.keys.contains(&Key::Column(Column::Netns))
        || !config.format.whole_sockets && config.asks_for(Column::Netns)
}

/// Whether control groups are shown, or what their paths tell.
fn shows_cgroups(config: &Config) -> bool {
    [Column::Cgroup, Column::Unit, Column::Container].iter().any(|it| config.asks_for(*it))
}
