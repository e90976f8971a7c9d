//! The grammar of expressions. Names and values are not looked up yet.
//!
//! ```text
//! any    = all { ("or" | "|" | "||") all }
//! all    = one { ["and" | "&" | "&&"] one }
//! one    = ("not" | "!") one | "(" any ")" | ("set" | "has") "(" name ")"
//!        | "state" value { "state" value } | "exclude" value
//!        | name sign value | name "!~" value | predicate value | word
//! ```

use std::ops::Range;

use winnow::combinator::{alt, cut_err, eof, opt, preceded, repeat, terminated};
use winnow::error::{AddContext, ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{Stream, TokenSlice};
use winnow::token::any;

use super::fault::Fault;
use super::lexer::{self, Comparison, Text, Token, TokenKind};

/// An expression of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syntax {
    All(Vec<Syntax>),
    Any(Vec<Syntax>),
    Not(Box<Syntax>),
    Compared(Word, Comparison, Word),
    /// A function of a name.
    Asked(Function, Word),
    /// A word alone.
    Word(Word),
}

/// A question about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Whether there is a value.
    Has,
    /// Whether the option counts as set.
    Set,
}

/// A word, and the bytes of the expression that it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: Text,
    pub span: Range<usize>,
}

impl Word {
    /// The word without its quotes.
    pub fn text(&self) -> &str {
        &self.text.text
    }
}

/// How deeply parentheses and `not` may be nested.
const DEPTH: usize = 50;

/// Predicates of ss(8), whose value may follow without a sign.
const PREDICATES: [&str; 8] = ["src", "dst", "sport", "dport", "dev", "fwmark", "port", "addr"];

type Input<'t> = TokenSlice<'t, Token>;
type Parsed<T> = Result<T, ErrMode<Expected>>;

/// What was expected, and the number of tokens that were left.
#[derive(Debug)]
struct Expected {
    left: usize,
    what: &'static str,
}

impl<'t> ParserError<Input<'t>> for Expected {
    type Inner = Expected;

    fn from_input(input: &Input<'t>) -> Expected {
        Expected { left: input.eof_offset(), what: "a name, an address, :port, 'not' or '('" }
    }

    fn into_inner(self) -> Result<Expected, Expected> {
        Ok(self)
    }
}

impl<'t> AddContext<Input<'t>, &'static str> for Expected {
    fn add_context(
        self,
        _: &Input<'t>,
        _: &<Input<'t> as Stream>::Checkpoint,
        what: &'static str,
    ) -> Expected {
        Expected { what, ..self }
    }
}

/// Parses an expression.
///
/// # Errors
///
/// Where it is wrong, and what was expected there.
pub fn parse(text: &str) -> Result<Syntax, Fault> {
    let tokens = lexer::tokens(text).map_err(|begin| {
        Fault::new(begin..text.len(), "unterminated quote (quote the whole value)")
    })?;
    let whole = terminated(|input: &mut Input| any_of(input, DEPTH), end);
    let mut whole = whole;
    whole.parse_next(&mut TokenSlice::new(&tokens)).map_err(|error| {
        let expected = match error {
            ErrMode::Backtrack(expected) | ErrMode::Cut(expected) => expected,
            ErrMode::Incomplete(_) => Expected { left: 0, what: "more" },
        };
        let token = tokens.get(tokens.len() - expected.left);
        let end = text.trim_end().len();
        let span = token.map_or(end..end, |token| token.span.clone());
        let hint = match token {
            Some(Token { kind: TokenKind::Word(text), .. }) if is_mark(text) => {
                " (quote a value that is such a word)"
            }
            Some(Token { kind: TokenKind::Sign(Comparison::Like), .. }) => {
                " (~ is for patterns: NAME ~ PATTERN)"
            }
            Some(Token { kind: TokenKind::Sign(_), .. }) => " (quote a value that contains a sign)",
            _ => "",
        };
        Fault::new(span, format!("expected {}{hint}", expected.what))
    })
}

fn end(input: &mut Input) -> Parsed<()> {
    eof.void().context("'and', 'or' or the end").parse_next(input)
}

fn any_of(input: &mut Input, depth: usize) -> Parsed<Syntax> {
    let first = all_of(input, depth)?;
    let other = preceded(or, cut_err(|input: &mut Input| all_of(input, depth)));
    let others: Vec<Syntax> = repeat(0.., other).parse_next(input)?;
    Ok(joined(first, others, Syntax::Any))
}

fn all_of(input: &mut Input, depth: usize) -> Parsed<Syntax> {
    let first = one(input, depth)?;
    let joined_one = preceded(and, cut_err(|input: &mut Input| one(input, depth)));
    let other = alt((joined_one, |input: &mut Input| one(input, depth)));
    let others: Vec<Syntax> = repeat(0.., other).parse_next(input)?;
    Ok(joined(first, others, Syntax::All))
}

fn joined(first: Syntax, others: Vec<Syntax>, join: fn(Vec<Syntax>) -> Syntax) -> Syntax {
    match others.is_empty() {
        true => first,
        false => join([first].into_iter().chain(others).collect()),
    }
}

fn one(input: &mut Input, depth: usize) -> Parsed<Syntax> {
    let Some(depth) = depth.checked_sub(1) else {
        let what = "fewer nested parentheses and words 'not'";
        return Err(ErrMode::Cut(Expected { left: input.eof_offset(), what }));
    };
    let negated = preceded(not, cut_err(move |input: &mut Input| one(input, depth)));
    let group = move |input: &mut Input| {
        kind(&TokenKind::Open).parse_next(input)?;
        let inner = cut_err(|input: &mut Input| any_of(input, depth)).parse_next(input)?;
        cut_err(kind(&TokenKind::Close).context("')'")).parse_next(input)?;
        Ok(inner)
    };
    alt((negated.map(|it| Syntax::Not(Box::new(it))), group, asked, states, compared, alone))
        .parse_next(input)
}

/// `set(NAME)` and `has(NAME)`
fn asked(input: &mut Input) -> Parsed<Syntax> {
    let function = alt((
        terminated(keyword("set").value(Function::Set), kind(&TokenKind::Open)),
        terminated(keyword("has").value(Function::Has), kind(&TokenKind::Open)),
    ));
    let mut function = function;
    let function = function.parse_next(input)?;
    let name = cut_err(word.context("the name of an option or a column")).parse_next(input)?;
    cut_err(kind(&TokenKind::Close).context("')'")).parse_next(input)?;
    Ok(Syntax::Asked(function, name))
}

/// `state WORD`, `exclude WORD`: as in ss(8), `state` may be repeated for other states. `state eq WORD` is a
/// comparison.
fn states(input: &mut Input) -> Parsed<Syntax> {
    fn compared((name, value): (Word, Word)) -> Syntax {
        Syntax::Compared(name, Comparison::Equal, value)
    }
    let state = (terminated(keyword("state"), winnow::combinator::not(sign)), value).map(compared);
    let excluded = (keyword("exclude"), value).map(|(name, value)| {
        let name = Word { text: Text { text: "state".into(), ..Text::default() }, ..name };
        Syntax::Not(Box::new(compared((name, value))))
    });
    let several = repeat(1.., state).map(|mut states: Vec<Syntax>| match states.len() {
        1 => states.remove(0),
        _ => Syntax::Any(states),
    });
    alt((several, excluded)).parse_next(input)
}

/// `NAME sign VALUE`, and the predicates of ss(8), which need no sign.
fn compared(input: &mut Input) -> Parsed<Syntax> {
    let name = plain_word.parse_next(input)?;
    if opt((kind(&TokenKind::Not), kind(&TokenKind::Sign(Comparison::Like))))
        .parse_next(input)?
        .is_some()
    {
        let value = cut_err(value.context("a value")).parse_next(input)?;
        return Ok(Syntax::Not(Box::new(Syntax::Compared(name, Comparison::Like, value))));
    }
    let is_predicate = PREDICATES.iter().any(|it| it.eq_ignore_ascii_case(name.text()));
    let comparison = match opt(sign).parse_next(input)? {
        Some(comparison) => comparison,
        None if is_predicate => Comparison::Equal,
        None => return Err(ErrMode::Backtrack(Expected::from_input(input))),
    };
    let value = cut_err(value.context("a value")).parse_next(input)?;
    Ok(Syntax::Compared(name, comparison, value))
}

/// A sign, or a word for one that a value follows.
fn sign(input: &mut Input) -> Parsed<Comparison> {
    let sign = any.verify_map(|token: &Token| match token.kind {
        TokenKind::Sign(comparison) => Some(comparison),
        _ => None,
    });
    let word = plain_word.verify_map(|word| Comparison::of_word(word.text()));
    alt((sign, word)).parse_next(input)
}

/// A value. A set of flags is joined by `|` without blanks: `sndbuf|rcvbuf`.
fn value(input: &mut Input) -> Parsed<Word> {
    let mut value = word.verify(|word| !is_mark(&word.text)).parse_next(input)?;
    loop {
        let place = value.span.end;
        let next = opt(move |input: &mut Input| flag(input, place)).parse_next(input)?;
        let Some(flag) = next else { return Ok(value) };
        value.text.join(&flag.text);
        value.span.end = flag.span.end;
    }
}

/// `|` and a word directly behind this place, unless the word is the name of another comparison.
fn flag(input: &mut Input, place: usize) -> Parsed<Word> {
    let bar =
        any.verify(|token: &Token| token.kind == TokenKind::Or && token.span == (place..place + 1));
    let flag =
        preceded(bar, word.verify(|word| word.span.start == place + 1 && !is_mark(&word.text)));
    let mut flag = terminated(flag, winnow::combinator::not(sign));
    flag.parse_next(input)
}

fn alone(input: &mut Input) -> Parsed<Syntax> {
    plain_word.map(Syntax::Word).parse_next(input)
}

/// A word that is not `and`, `or` or `not`.
fn plain_word(input: &mut Input) -> Parsed<Word> {
    word.verify(|word| !is_mark(&word.text)).parse_next(input)
}

/// Whether the word joins or negates, unless it is quoted.
fn is_mark(text: &Text) -> bool {
    let marks = ["and", "or", "not"];
    !text.quoted && marks.iter().any(|mark| mark.eq_ignore_ascii_case(&text.text))
}

fn word(input: &mut Input) -> Parsed<Word> {
    let word = any.verify_map(|token: &Token| match &token.kind {
        TokenKind::Word(text) => Some(Word { text: text.clone(), span: token.span.clone() }),
        _ => None,
    });
    let mut word = word;
    word.parse_next(input)
}

fn and(input: &mut Input) -> Parsed<()> {
    alt((kind(&TokenKind::And), keyword("and").void())).parse_next(input)
}

fn or(input: &mut Input) -> Parsed<()> {
    alt((kind(&TokenKind::Or), keyword("or").void())).parse_next(input)
}

fn not(input: &mut Input) -> Parsed<()> {
    alt((kind(&TokenKind::Not), keyword("not").void())).parse_next(input)
}

fn keyword<'t>(known: &'static str) -> impl Parser<Input<'t>, Word, ErrMode<Expected>> {
    word.verify(move |word: &Word| !word.text.quoted && word.text().eq_ignore_ascii_case(known))
}

fn kind<'t>(kind: &'static TokenKind) -> impl Parser<Input<'t>, (), ErrMode<Expected>> {
    any.verify(move |token: &&Token| token.kind == *kind).void()
}
