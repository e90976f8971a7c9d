//! The plans for the options to show, and for those that keys ask for, one for each kind of socket in each
//! network namespace. A plan is made when the first such socket is read. Namespaces whose new sockets have
//! the same option values share it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::commands::table::namespaces::Namespace;
use crate::options::context::Context;
use crate::options::defaults::Answers;
use crate::options::plan::Plan;
use crate::options::selection::Selection;
use crate::query::columns::Column;
use crate::query::key::Key;
use crate::socket::kind::{Family, SocketKind};

/// The plans of a run for one selection of options.
pub struct Plans<'a> {
    /// `None` for no options.
    selection: Option<&'a Selection>,
    /// The index in `made` of each plan, by the index of the network namespace, then by the index of the kind.
    plans: Vec<[Option<usize>; SocketKind::ALL.len()]>,
    made: Vec<Made>,
}

/// A plan, with the data that it was made from.
struct Made {
    kind: SocketKind,
    answers: Option<Rc<Answers>>,
    plan: Plan,
}

impl<'a> Plans<'a> {
    /// Prepares plans for this many network namespaces. `None` selects no options.
    pub fn new(selection: Option<&'a Selection>, namespaces: usize) -> Plans<'a> {
        let plans = (0..namespaces).map(|_| SocketKind::ALL.map(|_| None)).collect();
        Plans { selection, plans, made: Vec::new() }
    }

    /// Reads the options of a socket of this kind in the network namespace with this index. Returns the number of the plan,
    /// which then has them.
    pub fn read(
        &mut self,
        index: usize,
        namespace: &Namespace,
        kind: SocketKind,
        context: &Context,
    ) -> usize {
        let Plans { selection, plans, made } = self;
        let number = plans[index][kind.index()];
        let number = number.unwrap_or_else(|| share(made, *selection, namespace, kind));
        plans[index][kind.index()] = Some(number);
        made[number].plan.read(context);
        number
    }

    /// The plan of this number.
    pub fn plan(&self, number: usize) -> &Plan {
        &self.made[number].plan
    }
}

/// Returns the number of the plan that was made from the same answers, or of a new one.
fn share(
    made: &mut Vec<Made>,
    selection: Option<&Selection>,
    namespace: &Namespace,
    kind: SocketKind,
) -> usize {
    let answers = namespace.defaults.answers(kind);
    let is_same = |it: &Made| {
        it.kind == kind && it.answers.as_ref().map(Rc::as_ptr) == answers.map(Rc::as_ptr)
    };
    made.iter().position(is_same).unwrap_or_else(|| {
        let plan = selection.map(|selection| selection.plan(kind, &namespace.defaults));
        made.push(Made { kind, answers: answers.cloned(), plan: plan.unwrap_or_default() });
        made.len() - 1
    })
}

/// What a run could not find out of the sockets that it has read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// The protocols of shown sockets for which it is not known which options are set, by reason.
    set: BTreeMap<String, BTreeSet<&'static str>>,
    /// The lists of which too few entries were read to decide the expression for a socket.
    lists: BTreeSet<String>,
}

impl Unknown {
    /// Adds a socket of this kind, of which it is not known which options are set. For a family that knetstat does not
    /// know, no new socket can be opened in any case, so nothing is missing.
    pub fn add(&mut self, namespace: &Namespace, kind: SocketKind) {
        if kind.family() != Family::Other {
            self.set.entry(namespace.defaults.obstacle(kind)).or_default().insert(kind.word());
        }
    }

    /// Adds the list, if there is one, that has left open whether a socket of this kind is shown.
    pub fn add_list(&mut self, list: Option<Key>, namespace: &Namespace, kind: SocketKind) {
        match list {
            None => {}
            Some(Key::Column(Column::Options)) => self.add(namespace, kind),
            Some(key) => drop(self.lists.insert(key.to_string())),
        }
    }

    /// What is missing, as the ends of sentences.
    pub fn missing(&self) -> impl Iterator<Item = String> + '_ {
        let set = self.set.iter().map(|(reason, kinds)| {
            let kinds: Vec<&str> = kinds.iter().copied().collect();
            format!("the set options of {} sockets: {reason}", kinds.join(", "))
        });
        set.chain(self.lists.iter().map(|list| {
            format!(
                "sockets with more in {list} than a record holds (select them by another column)"
            )
        }))
    }
}
