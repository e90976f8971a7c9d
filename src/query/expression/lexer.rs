//! Splits an expression into tokens.

use std::ops::Range;

use winnow::combinator::{alt, cut_err, delimited, repeat};
use winnow::error::{EmptyError, ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::token::{take_till, take_while};

/// A token, and the bytes of the expression that it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Open,
    Close,
    Not,
    And,
    Or,
    /// A sign between a name and a value.
    Sign(Comparison),
    Word(Text),
}

/// The text of a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Without quotes.
    pub text: String,
    /// Whether a part of it was in quotes.
    pub quoted: bool,
    /// The places of commas that were not in quotes.
    pub commas: Vec<usize>,
}

impl Text {
    fn add(mut self, (part, is_quoted): (&str, bool)) -> Text {
        let begin = self.text.len();
        if !is_quoted {
            self.commas.extend(part.match_indices(',').map(|(at, _)| begin + at));
        }
        self.text.push_str(part);
        self.quoted |= is_quoted;
        self
    }

    /// Appends another text after `|`.
    pub fn join(&mut self, other: &Text) {
        let begin = self.text.len() + 1;
        self.text.push('|');
        self.text.push_str(&other.text);
        self.quoted |= other.quoted;
        self.commas.extend(other.commas.iter().map(|at| begin + at));
    }

    /// The parts between commas that were not in quotes.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        let begins = [0].into_iter().chain(self.commas.iter().map(|at| at + 1));
        let ends = self.commas.iter().copied().chain([self.text.len()]);
        begins.zip(ends).map(|(begin, end)| self.text.get(begin..end).unwrap_or_default())
    }
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    /// With a pattern.
    Like,
}

impl Comparison {
    /// The signs, the longer ones first.
    const SIGNS: [(&'static str, Comparison); 8] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("=", Comparison::Equal),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
        ("~", Comparison::Like),
    ];

    /// The words of ss(8).
    const WORDS: [(&'static str, Comparison); 9] = [
        ("eq", Comparison::Equal),
        ("ne", Comparison::NotEqual),
        ("neq", Comparison::NotEqual),
        ("lt", Comparison::Less),
        ("le", Comparison::AtMost),
        ("leq", Comparison::AtMost),
        ("gt", Comparison::Greater),
        ("ge", Comparison::AtLeast),
        ("geq", Comparison::AtLeast),
    ];

    /// The comparison that is written as a word.
    pub fn of_word(word: &str) -> Option<Comparison> {
        let known = Comparison::WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
        known.map(|(_, comparison)| *comparison)
    }

    /// The sign that is printed.
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
            Comparison::Like => "~",
        }
    }
}

type Input<'a> = LocatingSlice<&'a str>;

type Parsed<T> = Result<T, ErrMode<EmptyError>>;

/// Splits an expression into tokens.
///
/// # Errors
///
/// The place of an unterminated quote.
pub fn tokens(text: &str) -> Result<Vec<Token>, usize> {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        let blank: Parsed<&str> = take_while(0.., char::is_whitespace).parse_next(&mut input);
        if blank.is_err() || input.eof_offset() == 0 {
            return Ok(tokens);
        }
        let begin = input.current_token_start();
        match token.with_span().parse_next(&mut input) {
            Ok((kind, span)) => tokens.push(Token { kind, span }),
            Err(_) => return Err(begin),
        }
    }
}

fn token(input: &mut Input) -> Parsed<TokenKind> {
    let sign = |input: &mut Input| {
        let begun = |(sign, _): &&(&str, Comparison)| input.starts_with(sign);
        let found = Comparison::SIGNS.iter().find(begun);
        let (sign, comparison) = *found.ok_or_else(|| ErrMode::from_input(input))?;
        input.next_slice(sign.len());
        Ok(TokenKind::Sign(comparison))
    };
    alt((
        "(".value(TokenKind::Open),
        ")".value(TokenKind::Close),
        alt(("&&", "&")).value(TokenKind::And),
        alt(("||", "|")).value(TokenKind::Or),
        sign,
        "!".value(TokenKind::Not),
        word,
    ))
    .parse_next(input)
}

/// A word: anything but blanks and signs, and quoted parts, which may contain them.
fn word(input: &mut Input) -> Parsed<TokenKind> {
    let plain = take_while(1.., |c: char| !c.is_whitespace() && !"()!=<>~&|\"'".contains(c))
        .map(|part: &str| (part, false));
    let parts = repeat(1.., alt((plain, quoted('"'), quoted('\''))));
    parts.fold(Text::default, Text::add).map(TokenKind::Word).parse_next(input)
}

fn quoted<'a>(mark: char) -> impl Parser<Input<'a>, (&'a str, bool), ErrMode<EmptyError>> {
    delimited(mark, take_till(0.., mark), cut_err(mark)).map(|text: &str| (text, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn an_expression_is_taken_apart() {
        let word = |word: &str| TokenKind::Word(Text { text: word.into(), ..Text::default() });
        assert_eq!(
            kinds("( dport=:443||!x)"),
            [
                TokenKind::Open,
                word("dport"),
                TokenKind::Sign(Comparison::Equal),
                word(":443"),
                TokenKind::Or,
                TokenKind::Not,
                word("x"),
                TokenKind::Close
            ]
        );
        assert_eq!(
            kinds("a!='b c'd"),
            [
                word("a"),
                TokenKind::Sign(Comparison::NotEqual),
                TokenKind::Word(Text { text: "b cd".into(), quoted: true, commas: vec![] })
            ]
        );
        let [TokenKind::Word(list)] = &kinds("a,'b,c',")[..] else { panic!() };
        assert_eq!(list.parts().collect::<Vec<_>>(), ["a", "b,c", ""]);
        assert_eq!(kinds("  "), []);
        assert_eq!(tokens("a 'b"), Err(2));
    }
}
