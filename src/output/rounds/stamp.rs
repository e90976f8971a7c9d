//! The time and the host at the beginning of each line of JSON.

use std::io::{self, Write};

use crate::text::{escaped, Moment};

/// The first members of an object.
pub struct Stamp(String);

impl Stamp {
    /// Returns the members for a round at this time. `host` is escaped.
    pub fn new(time: Moment, host: &[u8]) -> Stamp {
        let host = serde_json::Value::from(escaped(host));
        Stamp(format!("{{\"time\":\"{time}\",\"host\":{host}"))
    }

    /// Returns a writer that begins each object with the members.
    pub fn on<W: Write>(&self, to: W) -> Stamped<'_, W> {
        Stamped { stamp: self, to, place: Place::Line }
    }
}

/// Where the next byte is.
enum Place {
    /// At the beginning of a line.
    Line,
    /// At the first member.
    Members,
    /// Further behind.
    Rest,
}

/// A writer of lines, each of which is an object.
pub struct Stamped<'a, W> {
    stamp: &'a Stamp,
    to: W,
    place: Place,
}

impl<W: Write> Write for Stamped<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let [first, rest @ ..] = bytes {
            match self.place {
                Place::Line => {
                    self.to.write_all(self.stamp.0.as_bytes())?;
                    (self.place, bytes) = (Place::Members, rest);
                }
                Place::Members => {
                    self.to.write_all(if *first == b'}' { b"" } else { b"," })?;
                    self.place = Place::Rest;
                }
                Place::Rest => {
                    let line = bytes.iter().position(|byte| *byte == b'\n');
                    let (now, later) = bytes.split_at(line.map_or(bytes.len(), |at| at + 1));
                    self.to.write_all(now)?;
                    self.place = if line.is_some() { Place::Line } else { Place::Rest };
                    bytes = later;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_begins_with_the_stamp() {
        let stamp = Stamp::new(Moment(0), b"a\"b");
        let stamped = |pieces: &[&str]| {
            let mut to = Vec::new();
            let mut writer = stamp.on(&mut to);
            pieces.iter().for_each(|piece| writer.write_all(piece.as_bytes()).unwrap());
            String::from_utf8(to).unwrap()
        };
        let begin = r#"{"time":"1970-01-01T00:00:00.000Z","host":"a\"b""#;
        let whole = format!("{begin},\"x\":{{}}}}\n{begin}}}\n{begin},\"y\":1}}\n");
        assert_eq!(stamped(&["{\"x\":{}}\n{}\n{\"y\":1}\n"]), whole);
        assert_eq!(stamped(&["{", "\"x\":{}", "}", "\n", "{}\n{", "\"y\":1}\n"]), whole);
    }
}
