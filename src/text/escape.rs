//! Bytes from outside, escaped for a terminal, a script and JSON.

use std::fmt;
use std::net::IpAddr;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Bytes from outside as one word: like [`Escaped`], with blanks and commas escaped, too, so that a
/// script can split at them.
pub struct Word<'a>(pub &'a [u8]);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write_escaped(f, self.0, |c| is_blank(c) || c == ',')
    }
}

/// A name from outside within a word of several names, such as an interface in a list of joined groups:
/// like [`Word`], with the separators of that list escaped, too. A minus is common in names. It is
/// escaped only before text that could be an address, or `...`, which stands for further addresses.
pub struct Part<'a>(pub &'a [u8]);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut begin = 0;
        for (at, byte) in self.0.iter().enumerate() {
            if *byte == b'-' && is_address(&self.0[at + 1..]) {
                write_part(f, &self.0[begin..at])?;
                write_bytes(f, b"-")?;
                begin = at + 1;
            }
        }
        write_part(f, &self.0[begin..])
    }
}

const SEPARATORS: &[u8] = b"|+*%";

fn write_part(f: &mut fmt::Formatter, bytes: &[u8]) -> fmt::Result {
    write_escaped(f, bytes, |c| {
        is_blank(c) || c == ',' || c.is_ascii() && SEPARATORS.contains(&(c as u8))
    })
}

/// Whether the bytes up to the next separator are an address or `...`.
fn is_address(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'-' || SEPARATORS.contains(byte)).next();
    let text = first.and_then(|first| std::str::from_utf8(first).ok());
    text.is_some_and(|text| text == "..." || text.parse::<IpAddr>().is_ok())
}

/// Bytes from outside, escaped for a terminal and for JSON: characters that control a terminal or are
/// invisible, and bytes that are not UTF-8, as `\xNN`. A backslash is doubled.
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write_escaped(f, self.0, |_| false)
    }
}

/// [`Escaped`] as a string.
pub fn escaped(bytes: &[u8]) -> String {
    Escaped(bytes).to_string()
}

fn write_escaped(f: &mut fmt::Formatter, bytes: &[u8], also: fn(char) -> bool) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid();
        // Where the characters begin that are written as they are.
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            if c != '\\' && !is_obeyed(c) && !is_unseen(c) && !also(c) {
                continue;
            }
            f.write_str(&text[plain..at])?;
            plain = at + c.len_utf8();
            match c {
                '\\' => f.write_str("\\\\")?,
                _ => write_bytes(f, &text.as_bytes()[at..plain])?,
            }
        }
        f.write_str(&text[plain..])?;
        write_bytes(f, chunk.invalid())?;
    }
    Ok(())
}

fn write_bytes(f: &mut fmt::Formatter, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// Whether a terminal does not print the character but acts on it: it moves the cursor, ends the line, or
/// reverses the direction of the following text. Unicode's categories Cc, Cf, Zl and Zp. The
/// bidirectional controls are in Cf.
fn is_obeyed(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    match c.is_ascii() {
        true => c.is_ascii_control(),
        false => {
            matches!(c.general_category(), Control | Format | LineSeparator | ParagraphSeparator)
        }
    }
}

/// Whether the character has no width and no ink of its own, so that two names with and without it look
/// alike: Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), except those in category
/// Cf. Combining marks, which are drawn onto the letter before them, are visible.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{34f}' // COMBINING GRAPHEME JOINER
        | '\u{115f}'..='\u{1160}' // HANGUL CHOSEONG FILLER, HANGUL JUNGSEONG FILLER
        | '\u{17b4}'..='\u{17b5}' // KHMER VOWEL INHERENT AQ, AA
        | '\u{180b}'..='\u{180f}' // MONGOLIAN FREE VARIATION SELECTORS, VOWEL SEPARATOR
        | '\u{2065}' // not assigned
        | '\u{3164}' // HANGUL FILLER
        | '\u{fe00}'..='\u{fe0f}' // VARIATION SELECTORS
        | '\u{ffa0}' // HALFWIDTH HANGUL FILLER
        | '\u{fff0}'..='\u{fff8}' // not assigned
        | '\u{e0000}'..='\u{e0fff}') // VARIATION SELECTORS SUPPLEMENT, the others not assigned
}

/// Whether the character looks like a blank: Unicode's White_Space, and the braille pattern without
/// dots.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

#[cfg(test)]
mod tests {
    use super::{escaped, Part, Word};

    /// Bidi_Control of PropList.txt.
    const BIDI: [u32; 12] = [
        0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068,
        0x2069,
    ];

    /// Other characters of Cf, Zl and Zp, and others without width.
    const HIDDEN: [u32; 24] = [
        0xad, 0x34f, 0x600, 0x70f, 0x115f, 0x1160, 0x17b4, 0x180b, 0x180e, 0x200b, 0x200c, 0x200d,
        0x2028, 0x2029, 0x2060, 0x2064, 0x206f, 0x3164, 0xfe0f, 0xfeff, 0xfff9, 0x1bca0, 0xe0041,
        0xe01ef,
    ];

    /// White_Space of PropList.txt, except control characters, Zl and Zp.
    const BLANK: [u32; 17] = [
        0x20, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
        0x2009, 0x200a, 0x202f, 0x205f, 0x3000,
    ];

    /// A character and its escaped form.
    fn pair(number: u32) -> (String, String) {
        let c = char::from_u32(number).unwrap().to_string();
        let bytes: String = c.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        (c, bytes)
    }

    #[test]
    fn what_is_obeyed_or_not_seen_is_escaped_everywhere() {
        let control = (0..0x20).chain(0x7f..0xa0);
        for number in control.chain(BIDI).chain(HIDDEN) {
            let (c, bytes) = pair(number);
            let text = format!("a{c}b");
            assert_eq!(escaped(text.as_bytes()), format!("a{bytes}b"), "U+{number:04X}");
            assert_eq!(Word(text.as_bytes()).to_string(), format!("a{bytes}b"), "U+{number:04X}");
        }
    }

    #[test]
    fn a_word_has_no_blank() {
        for number in BLANK.into_iter().chain([0x2800]) {
            let (c, bytes) = pair(number);
            assert_eq!(escaped(c.as_bytes()), c, "U+{number:04X}");
            assert_eq!(Word(c.as_bytes()).to_string(), bytes, "U+{number:04X}");
        }
    }

    #[test]
    fn a_part_has_no_separator() {
        for (name, shown) in [
            ("a|b+c*2%d,e", r"a\x7cb\x2bc\x2a2\x25d\x2ce"),
            ("br-0a1b-x", "br-0a1b-x"),
            ("a-10.0.0.1", r"a\x2d10.0.0.1"),
            ("a-b-10.0.0.1-c", r"a-b\x2d10.0.0.1-c"),
            ("a-...", r"a\x2d..."),
            ("a-10.0.0", "a-10.0.0"),
        ] {
            assert_eq!(Part(name.as_bytes()).to_string(), shown);
        }
    }

    #[test]
    fn what_is_seen_stays() {
        // The last are a letter with a mark, one in Devanagari with a vowel sign, and an emoji.
        for text in
            ["web", "\u{e9}t\u{e9}", "\u{65e5}\u{672c}", "e\u{301}", "\u{915}\u{941}", "\u{1f980}"]
        {
            assert_eq!(Word(text.as_bytes()).to_string(), text);
        }
    }
}
