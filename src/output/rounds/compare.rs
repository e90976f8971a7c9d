//! What has changed between two rounds.

use super::round::{Round, Shown};
use super::values::{named, Named};
use crate::socket::continuity::{matches, Identity};

/// A value that has changed. An option may have been shown in one of the rounds only.
pub(super) struct Change {
    pub is_option: bool,
    pub name: Box<[u8]>,
    pub old: Option<Box<[u8]>>,
    pub new: Option<Box<[u8]>>,
}

/// What has happened to a socket since the round before.
pub(super) enum Fate {
    Opened,
    Same,
    Changed(Vec<Change>),
}

/// A round, and what has changed since the one before.
pub struct Compared<'a> {
    pub(super) round: &'a Round,
    /// What has happened to each socket of the round.
    pub(super) fates: Vec<Fate>,
    /// The sockets that are gone, as they were last shown.
    pub(super) closed: Vec<&'a Shown>,
}

impl<'a> Compared<'a> {
    /// Compares a round with the one before. In the first round, nothing has changed.
    pub fn new(before: Option<&'a Round>, round: &'a Round) -> Compared<'a> {
        let Some(before) = before else {
            let fates = round.rows.iter().map(|_| Fate::Same).collect();
            return Compared { round, fates, closed: Vec::new() };
        };
        let identities =
            |rows: &[Shown]| -> Vec<Identity> { rows.iter().map(|shown| shown.identity).collect() };
        let found = matches(&identities(&before.rows), &identities(&round.rows));
        let mut is_found = vec![false; before.rows.len()];
        let fate = |(shown, found): (&Shown, Option<usize>)| {
            found.map_or(Fate::Opened, |n| {
                is_found[n] = true;
                fate(&before.rows[n], shown)
            })
        };
        let fates = round.rows.iter().zip(found).map(fate).collect();
        let closed = before.rows.iter().zip(is_found);
        let closed = closed.filter(|(_, is_found)| !is_found).map(|(shown, _)| shown).collect();
        Compared { round, fates, closed }
    }
}

fn fate(before: &Shown, shown: &Shown) -> Fate {
    if before.values == shown.values {
        return Fate::Same;
    }
    let [old, new]: [Vec<Named>; 2] = [before, shown].map(|it| named(&it.values).collect());
    let is_mini = before.is_mini || shown.is_mini;
    let is_compared = |it: &&Named| !it.is_option || !is_mini;
    let value = |values: &[Named], it: &Named| {
        let same = |other: &&Named| other.is_option == it.is_option && other.name == it.name;
        values.iter().find(same).map(|other| other.value.into())
    };
    let gone = old.iter().filter(|it| value(&new, it).is_none());
    let names = new.iter().chain(gone).filter(is_compared);
    let changes = names.map(|it| Change {
        is_option: it.is_option,
        name: it.name.into(),
        old: value(&old, it),
        new: value(&new, it),
    });
    let changes: Vec<Change> = changes.filter(|change| change.old != change.new).collect();
    if changes.is_empty() {
        Fate::Same
    } else {
        Fate::Changed(changes)
    }
}
