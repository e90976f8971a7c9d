//! Users by name: passwd(5). A static program has no other name service.

use std::collections::HashMap;
use std::rc::Rc;
use std::str;

use crate::host::database::Database;
use crate::text::{escaped, suggest, unescaped};

/// The file that names users, not read yet.
pub const fn database() -> Database {
    Database::at("/etc/passwd")
}

/// The names of all users. Empty if the file cannot be read.
pub fn names() -> Vec<String> {
    let passwd = database();
    let users = passwd.lines("").into_iter().flatten().filter_map(user);
    users.map(|(name, _)| escaped(name)).collect()
}

/// Names of users by UID.
pub type ByNumber = HashMap<u32, Rc<[u8]>>;

/// The names of users by UID. Of several names, the first counts, as in getpwuid(3). Empty if there is no such file.
///
/// # Errors
///
/// As [`Database::all_lines`].
pub fn by_number() -> Result<ByNumber, String> {
    let mut names = ByNumber::new();
    for (name, uid) in database().all_lines()?.filter_map(user) {
        names.entry(uid).or_insert_with(|| name.into());
    }
    Ok(names)
}

/// Parses a user: a UID, or a name from the file, escaped as it is printed or verbatim.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn parse(word: &str, passwd: &Database) -> Result<u32, String> {
    if let Ok(uid) = word.parse() {
        return Ok(uid);
    }
    let users = passwd.lines(word)?.filter_map(user);
    let named = |word: &[u8]| users.clone().find(|(name, _)| *name == word);
    match named(&unescaped(word)).or_else(|| named(word.as_bytes())) {
        Some((_, uid)) => Ok(uid),
        None => Err(suggest::unknown("user", word, users.map(|(name, _)| name))),
    }
}

/// The name and the UID in a line, unless that is a comment or has no name. Other fields may have any encoding.
fn user(line: &[u8]) -> Option<(&[u8], u32)> {
    let mut fields = line.split(|byte| *byte == b':');
    let (name, uid) = (fields.next()?, fields.nth(1)?);
    let uid = str::from_utf8(uid).ok()?.parse().ok()?;
    (!name.is_empty() && !name.starts_with(b"#")).then_some((name, uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_number_and_name() {
        let passwd = Database::with(
            b"#old:x:7:7:::\n:x:7:7:::\nroot:x:0:0:root:/root:/bin/sh\nn\xe9:x:7:7:::\nwww-data:x:33:33:J\xf6rg:/:/bin/false\n",
        );
        assert_eq!(parse("33", &passwd), Ok(33));
        assert_eq!(parse("www-data", &passwd), Ok(33));
        assert_eq!(parse("n\\xe9", &passwd), Ok(7));
        assert!(parse("ww-data", &passwd).unwrap_err().contains("www-data"));
        assert!(parse("-1", &passwd).is_err());
    }

    #[test]
    fn a_missing_file_is_named_where_a_name_needs_it() {
        let missing = Database::at("/nowhere/passwd");
        assert_eq!(parse("33", &missing), Ok(33));
        assert!(parse("root", &missing).unwrap_err().contains("/nowhere/passwd: No such file"));
    }
}
