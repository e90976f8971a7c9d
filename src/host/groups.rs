//! Groups of users by name: group(5). A static program has no other name service.

use std::str;

use crate::host::database::Database;
use crate::text::{escaped, suggest};

const GROUPS: &str = "/etc/group";

/// The names of all groups. Empty if the file cannot be read.
pub fn names() -> Vec<String> {
    let file = Database::at(GROUPS);
    file.lines("").into_iter().flatten().filter_map(group).map(|(name, _)| escaped(name)).collect()
}

/// Parses a group: a GID, or a name from the file.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn parse(word: &str) -> Result<u32, String> {
    find(word, &Database::at(GROUPS))
}

fn find(word: &str, file: &Database) -> Result<u32, String> {
    match word.parse() {
        // chown(2) leaves the group unchanged for this number.
        Ok(u32::MAX) => {
            return Err(format!("invalid group '{word}' (the kernel has no group of this number)"))
        }
        Ok(gid) => return Ok(gid),
        Err(_) => {}
    }
    let groups = file.lines(word)?.filter_map(group);
    match groups.clone().find(|(name, _)| *name == word.as_bytes()) {
        Some((_, gid)) => Ok(gid),
        None => Err(suggest::unknown("group", word, groups.map(|(name, _)| name))),
    }
}

/// The name of a group, escaped, or its GID if it has none.
pub fn shown(gid: u32) -> String {
    let file = Database::at(GROUPS);
    let named = file.lines("").into_iter().flatten().filter_map(group).find(|(_, of)| *of == gid);
    named.map_or_else(|| gid.to_string(), |(name, _)| escaped(name))
}

/// The name and the GID in a line. Other fields may have any encoding.
fn group(line: &[u8]) -> Option<(&[u8], u32)> {
    let mut fields = line.split(|byte| *byte == b':');
    let (name, gid) = (fields.next()?, fields.nth(1)?);
    let gid = str::from_utf8(gid).ok()?.parse().ok()?;
    (gid != u32::MAX).then_some((name, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_number_and_name() {
        let file = Database::with(b"root:x:0:\nn\xe9:x:7:\nbroken\nadm:x:4:syslog,me\n");
        assert_eq!(find("4", &file), Ok(4));
        assert_eq!(find("adm", &file), Ok(4));
        assert!(find("adn", &file).unwrap_err().contains("adm"));
        assert!(find("-1", &file).is_err());
        assert!(find("4294967295", &file).unwrap_err().contains("invalid group"));
    }
}
