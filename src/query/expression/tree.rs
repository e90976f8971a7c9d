//! Expressions, typed and looked up.

use super::lexer::Comparison;
use super::operand::Operand;
use super::subject::Subject;
use crate::query::key::Key;

/// An expression, typed and looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Test(Test),
}

/// A question about a socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub subject: Subject,
    pub condition: Condition,
}

/// What a test asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Whether the option is on.
    On,
    /// Whether there is a value.
    Has,
    /// Whether the option counts as set.
    Set,
    /// Whether the value compares so with one of the operands. For [`Comparison::NotEqual`]: with all.
    Compares(Comparison, Vec<Operand>),
}

impl Expression {
    /// An expression that selects every socket.
    pub fn everything() -> Expression {
        Expression::All(Vec::new())
    }

    /// A test of a subject with alternatives.
    pub fn equal(subject: Subject, operands: Vec<Operand>) -> Expression {
        let condition = Condition::Compares(Comparison::Equal, operands);
        Expression::Test(Test { subject, condition })
    }

    /// Both expressions.
    pub fn and(self, other: Expression) -> Expression {
        let mut all = self.conjuncts();
        all.append(&mut other.conjuncts());
        match all.len() {
            1 => all.remove(0),
            _ => Expression::All(all),
        }
    }

    /// The expressions that must all hold.
    pub fn conjuncts(self) -> Vec<Expression> {
        match self {
            Expression::All(all) => all.into_iter().flat_map(Expression::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// All tests.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Expression::All(inner) | Expression::Any(inner) => {
                inner.iter().flat_map(Expression::tests).collect()
            }
            Expression::Not(inner) => inner.tests(),
            Expression::Test(test) => vec![test],
        }
    }

    /// All columns and options that are asked for.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.tests().into_iter().filter_map(|test| match test.subject {
            Subject::Key(key) => Some(key),
            Subject::EitherPort | Subject::EitherEnd => None,
        })
    }
}
