//! Looks for sockets in an output.

use serde_json::Value;

use super::run::Run;
use super::scene::{Scene, Shown};

/// The form of an output, in which a socket is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Table,
    Json,
    Csv,
    /// An output that must be the same as without a lock.
    Counts,
    /// No output, and exit status 0.
    Status,
}

/// Whether a table has the row of a socket. The row of its peer has the same numbers in other columns.
fn is_in_table(text: &str, socket: &Shown) -> bool {
    text.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match &socket.ports {
            Some([local, remote]) => words
                .windows(2)
                .any(|pair| pair[0].ends_with(local.as_str()) && pair[1].ends_with(remote)),
            None => {
                words.first() == Some(&"unix") && words.get(5) == Some(&&*socket.inode.to_string())
            }
        }
    })
}

fn is_in_json(text: &str, socket: &Shown) -> bool {
    let rows: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    rows.iter().any(|row| row["inode"] == socket.inode)
}

/// Looks for the inode, which precedes all fields that may contain a comma.
fn is_in_csv(text: &str, socket: &Shown) -> bool {
    let mut records = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = records.next().unwrap_or_default();
    let column = header.iter().position(|name| *name == "inode").expect("a column of inodes");
    records.any(|record| record.get(column) == Some(&&*socket.inode.to_string()))
}

/// Returns what is wrong with a run.
pub fn faults(
    run: &Run,
    before: Option<&Run>,
    (kinds, form): (&str, Form),
    scene: &Scene,
) -> Vec<String> {
    if !run.status.success() || !run.stderr.is_empty() {
        return vec![format!("{} {}", run.status, run.stderr)];
    }
    let is_in = match form {
        Form::Table => is_in_table,
        Form::Json => is_in_json,
        Form::Csv => is_in_csv,
        Form::Counts | Form::Status => {
            let expected = before.map_or("", |before| before.stdout.as_str());
            let is_same = run.stdout == expected;
            return if is_same {
                vec![]
            } else {
                vec![format!("{expected}is now\n{}", run.stdout)]
            };
        }
    };
    let expected = scene.shown.iter().filter(|it| kinds.contains(it.kind));
    let missing = expected.filter(|socket| !is_in(&run.stdout, socket));
    missing.map(|socket| format!("no row of {socket:?}")).collect()
}
