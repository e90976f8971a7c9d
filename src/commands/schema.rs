//! `knetstat schema`: the JSON Schema of a row.

use std::io::Write;

use super::stdout;
use crate::error::Error;
use crate::output::schema;

/// Prints the JSON Schema (draft 2020-12) that every row of `--json` and `--ndjson` follows.
///
/// # Errors
///
/// When the output cannot be written.
pub fn run() -> Result<(), Error> {
    let mut out = stdout()?;
    serde_json::to_writer_pretty(&mut out, &schema::row())
        .map_err(Into::into)
        .and_then(|()| writeln!(out))
        .and_then(|()| out.flush())
        .map_err(Error::Output)
}
