//! Expressions: which of a fixed set of sockets they select.
//!
//! The sockets are read once, and the expressions are evaluated here. Some are also given to the program.

mod laws;
mod names;
mod programs;
mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use crate::common::enter_namespace;
use knetstat::commands::table::namespaces::{Namespace, Namespaces};
use knetstat::commands::table::pipeline::{self, Ownership};
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::host::netns::Scope;
use knetstat::kernel::load::Loader;
use knetstat::kernel::request::Request;
use knetstat::kernel::snapshot::Snapshot;
use knetstat::options::defaults::Pool;
use knetstat::options::selection::Selection;
use knetstat::output::json::LINES;
use knetstat::output::{Output, Row, Style};
use knetstat::query::column_list::{ColumnList, ColumnRequest};
use knetstat::query::columns::Column;
use knetstat::query::expression::Expression;
use knetstat::query::filter::Filter;
use knetstat::query::key::Key;
use knetstat::query::lost::Lost;
use knetstat::record::Records;
use knetstat::socket::kind::SocketKind;
use sockets::Sockets;

/// The records of all sockets, and of the descriptors that hold them.
struct Reading {
    sockets: Vec<u8>,
    holders: Vec<u8>,
    namespaces: Namespaces,
    config: Config,
}

/// Sockets in a namespace of this thread, and their records.
struct Scene {
    sockets: Sockets,
    records: Reading,
}

impl Scene {
    fn open(name: &str) -> Scene {
        Scene::open_and(name, Sockets::ask_cookie)
    }

    /// Opens the sockets, and prepares them before they are read.
    fn open_and(name: &str, prepare: impl FnOnce(&Sockets)) -> Scene {
        enter_namespace();
        let sockets = Sockets::open(name);
        prepare(&sockets);
        let records = Reading::read();
        Scene { sockets, records }
    }

    /// Calls a function for each socket, with its name.
    fn each(&self, mut look: impl FnMut(&'static str, &Row)) {
        let mut seen = BTreeSet::new();
        self.records.each(|row| {
            let socket = row.socket;
            match self.sockets.name(socket.inode, socket.ports(), socket.master.is_some()) {
                Some(name) => {
                    assert!(seen.insert(name), "{name} is read twice");
                    look(name, row);
                }
                None => assert!(
                    socket.is_of_kernel() || self.records.is_own(socket.inode),
                    "a socket without a name: {socket:?}"
                ),
            }
        });
        assert_eq!(seen, self.sockets.names().collect(), "sockets that are not read");
    }

    /// Decides each expression for each socket.
    fn decide(&self, expressions: &[Expression]) -> Vec<BTreeMap<&'static str, Option<bool>>> {
        let mut decided = vec![BTreeMap::new(); expressions.len()];
        self.each(|name, row| {
            for (expression, decided) in expressions.iter().zip(&mut decided) {
                decided.insert(name, expression.holds(row));
            }
        });
        decided
    }

    /// The names of the sockets that each expression selects.
    fn select(&self, expressions: &[Expression]) -> Vec<BTreeSet<&'static str>> {
        let selected = |decided: BTreeMap<&'static str, Option<bool>>| {
            decided.into_iter().filter(|(_, it)| *it == Some(true)).map(|(name, _)| name).collect()
        };
        self.decide(expressions).into_iter().map(selected).collect()
    }
}

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

impl Reading {
    /// Whether this is a socket of knetstat itself.
    fn is_own(&self, inode: u64) -> bool {
        self.namespaces.own_inodes().any(|own| own == inode)
    }

    /// Reads the sockets of this thread's namespace.
    fn read() -> Reading {
        let all = Filter::new([true; SocketKind::ALL.len()], true, Expression::everything());
        let request = Request { owners: true, ..all.request() };
        let loader = Loader::new();
        let programs = loader.load(&request).expect("root can load the programs");
        assert_eq!(programs.missing(), None);
        let mut snapshot = Snapshot::default();
        programs.open(&mut snapshot).expect("the iterators can be opened");
        let (mut sockets, mut holders) = (Vec::new(), Vec::new());
        // In the order of the program.
        let mut owners = programs.owners().expect("a walk").expect("the request is for owners");
        owners.read_to_end(&mut holders).expect("records");
        snapshot.read_to_end(&mut sockets).expect("records");
        let namespace =
            Namespace::here(all.clone(), &mut Pool::default(), false).expect("defaults");
        let everything = ColumnRequest { chosen: Column::ALL.to_vec(), ..ColumnRequest::default() };
        let lost = loader.btf().map(|btf| Lost::of(btf, &request.families, |_| true));
        let config = Config {
            pids: Vec::new(),
            netns_names_are_optional: false,
            owners_are_optional: false,
            scope: Scope::Own,
            filter: all,
            interfaces: Vec::new(),
            selection: Selection::all(),
            asked: Selection::all(),
            sort: Vec::new(),
            quiet: false,
            wait: None,
            rounds: None,
            pager: false,
            resolve: false,
            resolver: None,
            columns: ColumnList::for_objects(&everything),
            lost: lost.unwrap_or_default(),
            format: LINES,
            style: Style::default(),
            kernel_filter: true,
            walks: true,
            pins: None,
            keys: Column::ALL.map(Key::Column).to_vec(),
        };
        let namespaces = Namespaces::one(namespace).with_own(programs.own_inodes());
        Reading { sockets, holders, namespaces, config }
    }

    fn each(&self, look: impl FnMut(&Row)) {
        let again = vec![&self.holders[..]; self.config.filter.layouts().len()];
        let ownership = Ownership::new(&self.holders[..], again).expect("whole records");
        let records = Records::new(&self.sockets[..]);
        let mut output = Looking(look);
        pipeline::print(
            records,
            &self.config,
            &self.namespaces,
            Some(ownership),
            &mut output,
            &Progress::default(),
        )
        .expect("whole records");
    }
}

/// An output that gives each row to a function.
struct Looking<F>(F);

impl<F: FnMut(&Row)> Output for Looking<F> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        (self.0)(row);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of a table: an expression, and what follows the arrow.
fn lines(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| {
        let (text, meant) = line.rsplit_once("=>").unwrap_or_else(|| panic!("{line}"));
        (text.trim(), meant.trim())
    })
}

const SELECTED: &str = include_str!("selected.txt");

#[test]
fn every_expression_selects_the_sockets_of_the_table() {
    let scene = Scene::open("expressions");
    let mut wrong = Vec::new();
    let mut parsed = Vec::new();
    for (text, meant) in lines(SELECTED) {
        let text = scene.sockets.fill(text);
        match (Expression::parse(&text), meant) {
            (Ok(expression), meant) if meant != "!" => {
                parsed.push((text, expression, scene.sockets.named(meant)));
            }
            (Ok(_), _) => wrong.push(format!("{text}: must be an error")),
            (Err(_), "!") => {}
            (Err(error), _) => wrong.push(format!("{text}: {error}")),
        }
    }
    let expressions: Vec<Expression> = parsed.iter().map(|(_, it, _)| it.clone()).collect();
    for ((text, expression, meant), selected) in parsed.iter().zip(scene.select(&expressions)) {
        if selected != *meant {
            let missing: Vec<_> = meant.difference(&selected).collect();
            let other: Vec<_> = selected.difference(meant).collect();
            wrong.push(format!("{text} ({expression}): missing {missing:?}, wrong {other:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(parsed.len() > 200, "only {} expressions", parsed.len());
}
