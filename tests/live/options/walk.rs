//! Every option with every value in the table, on every kind of socket in every state, set before and after
//! the socket is connected.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;

use super::scene::{Kind, Scene, Subject, Version};
use crate::common::ways::assert_same_options_without_walks;
use crate::getsockopt::{hex, Setting, Tally, TCP_AND_UDP};

/// The number of settings of one socket, of as many options.
const PACK: usize = 6;

/// When options are set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before bind(2) and connect(2). Accepted sockets inherit from the listener.
    Early,
    Late,
}

/// The results of setsockopt(2).
#[derive(Default)]
pub struct Attempts {
    accepted: BTreeSet<(&'static str, Kind)>,
    refused: BTreeMap<&'static str, Vec<Errno>>,
}

impl Attempts {
    /// Sets an option and records that in the socket's history. A failure is only counted: the options that
    /// a socket accepts depend on its kind and state.
    pub fn set(&mut self, subject: &mut Subject, setting: &Setting, stage: Stage) {
        if stage == Stage::Early && setting.late {
            return;
        }
        let Setting { name, level, number, value, .. } = setting;
        let socket = subject.socket.as_fd();
        match knetstat::kernel::syscall::setsockopt(socket, *level, *number, value) {
            Ok(()) => {
                self.accepted.insert((name, subject.kind));
                let when = if stage == Stage::Early { "early" } else { "late" };
                subject.story +=
                    &format!("{name}({number})={} {when}, ", hex(&value[..value.len().min(40)]));
            }
            Err(error) => {
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
                self.refused.entry(name).or_default().push(errno);
            }
        }
    }

    /// Returns the options that no socket accepted. The only permitted reason is that the kernel lacks a
    /// feature.
    fn impossible(&self) -> Vec<&'static str> {
        let taken = |name| self.accepted.iter().any(|(taken, _)| taken == name);
        let refused = self.refused.iter().filter(|(name, _)| !taken(*name));
        refused
            .map(|(name, why)| {
                let lacks = [Errno::ENOPROTOOPT, Errno::EOPNOTSUPP, Errno::ENOENT];
                assert!(why.iter().all(|why| lacks.contains(why)), "{name} fails: {why:?}");
                *name
            })
            .collect()
    }
}

/// Returns all settings in packs: the first value of each option, then the second ones, and so on, so that
/// no pack has an option twice. Neighbours in the table, which may interact, are in different packs.
fn packs() -> Vec<Vec<Setting>> {
    let options: Vec<Vec<Setting>> = TCP_AND_UDP.iter().map(|row| row.settings()).collect();
    let most = options.iter().map(Vec::len).max().unwrap_or_default();
    let packs = |nth: usize| {
        let values: Vec<_> = options.iter().filter_map(|values| values.get(nth)).collect();
        let stride = values.len().div_ceil(PACK);
        let pack = move |first| values[first..].iter().copied().step_by(stride).cloned().collect();
        (0..stride).map(pack).collect::<Vec<_>>()
    };
    (0..most).flat_map(packs).collect()
}

/// Makes sockets of each kind and state with these settings.
fn sockets(scene: &Scene, pack: &[Setting], attempts: &mut Attempts) -> Vec<Subject> {
    let mut all = Vec::new();
    for version in Version::ALL {
        for stage in [Stage::Early, Stage::Late] {
            for make in [Scene::tcp, Scene::udp] {
                let mut set = |subject: &mut Subject, now| {
                    if now == stage {
                        pack.iter().for_each(|setting| attempts.set(subject, setting, stage));
                    }
                };
                let made = make(scene, version, &mut |subject| set(subject, Stage::Early));
                for mut subject in made_or_explained(made, pack, version) {
                    set(&mut subject, Stage::Late);
                    all.push(subject);
                }
            }
        }
    }
    all
}

/// The only early settings that may prevent a connection are those that forbid it.
fn made_or_explained(
    made: io::Result<Vec<Subject>>,
    pack: &[Setting],
    version: Version,
) -> Vec<Subject> {
    made.unwrap_or_else(|error| {
        let names: Vec<_> = pack.iter().map(|setting| setting.name).collect();
        let forbidden = version == Version::Mapped && names.contains(&"IPV6_V6ONLY");
        assert!(forbidden, "{version:?} with {names:?}: {error}");
        Vec::new()
    })
}

/// Whether the option prevents a socket from using IPv4 addresses.
fn forbids_mapped(name: &str, kind: Kind) -> bool {
    name == "IPV6_V6ONLY" && matches!(kind, Kind::TcpMapped | Kind::UdpMapped)
}

#[test]
fn every_option_of_every_kind_of_socket() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut attempts = Attempts::default();

    // First, sockets of each kind and state without settings.
    tally.compare("-tu", &sockets(&scene, &[], &mut attempts));
    for some in packs().chunks(8) {
        let subjects: Vec<_> =
            some.iter().flat_map(|pack| sockets(&scene, pack, &mut attempts)).collect();
        tally.compare("-tu", &subjects);
        assert_same_options_without_walks();
    }

    let impossible = attempts.impossible();
    for (name, kind) in &attempts.accepted {
        let values = tally.different_values(name, kind.word());
        assert!(
            values == 0 || values > 1 || forbids_mapped(name, *kind),
            "{name} of {kind:?} was seen with one value only"
        );
    }
    assert!(attempts.accepted.len() > TCP_AND_UDP.len(), "most options can be set");
    let absent = TCP_AND_UDP.iter().map(|row| row.name).filter(|name| !tally.has_seen(name));
    let remark = format!(
        "; not on TCP and UDP sockets of this kernel: {}; cannot be set here: {}",
        absent.collect::<Vec<_>>().join(", "),
        impossible.join(", ")
    );
    tally.finish("tcp/udp: walk", &remark);
}
