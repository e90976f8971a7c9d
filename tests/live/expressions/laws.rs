//! Laws that every expression obeys, for expressions that are put together pseudorandomly.

use super::{lines, parse, Scene, SELECTED};
use knetstat::options::catalogue::CATALOGUE;
use knetstat::query::columns::Column;
use knetstat::query::expression::Expression;
use knetstat::query::filter::Filter;
use knetstat::socket::kind::SocketKind;

/// A generator of reproducible pseudorandom numbers: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) % limit as u64) as usize
    }
}

/// Returns the expressions of the table, and others of them with arbitrary columns, options and values.
fn expressions(scene: &Scene) -> Vec<Expression> {
    let table = lines(SELECTED).filter(|(_, meant)| *meant != "!");
    let table: Vec<String> = table.map(|(text, _)| scene.sockets.fill(text)).collect();
    let random = &mut Random(1);
    let mut all: Vec<Expression> = table.iter().map(|text| parse(text)).collect();
    for _ in 0..400 {
        let text = put_together(&table, random, 3);
        all.push(Expression::parse(&text).unwrap_or_else(|error| panic!("{error}")));
    }
    all
}

fn put_together(table: &[String], random: &mut Random, depth: usize) -> String {
    let choice = random.below(if depth == 0 { 3 } else { 7 });
    let inner = |random: &mut Random| put_together(table, random, depth.saturating_sub(1));
    match choice {
        0 | 1 => format!("({})", table[random.below(table.len())]),
        2 => single(random),
        3 => format!("not ({})", inner(random)),
        4 => format!("({} or {})", inner(random), inner(random)),
        5 => format!("({} and {})", inner(random), inner(random)),
        _ => format!("({} {})", inner(random), inner(random)),
    }
}

/// A question about any column or option.
fn single(random: &mut Random) -> String {
    let signs = ["=", "!=", "<", "<=", ">", ">=", "~"];
    let values = ["0", "1", "off", "60s", "64k", "*", "?", "lo", "unlimited", "127.0.0.1", "7001"];
    for _ in 0..10 {
        let name = match random.below(2) {
            0 => Column::ALL[random.below(Column::ALL.len())].name(),
            _ => CATALOGUE[random.below(CATALOGUE.len())].name,
        };
        let sign = signs[random.below(signs.len())];
        let text = format!("{name} {sign} {}", values[random.below(values.len())]);
        // Not every value is of the right type.
        if Expression::parse(&text).is_ok() {
            return text;
        }
    }
    "has(uid)".into()
}

fn not(inner: &Expression) -> Expression {
    Expression::Not(Box::new(inner.clone()))
}

#[test]
fn laws_of_three_values() {
    let scene = Scene::open("expression-laws");
    let all = expressions(&scene);
    let twice: Vec<_> = all.iter().map(|it| not(&not(it))).collect();
    let either: Vec<_> = all.iter().map(|it| Expression::Any(vec![it.clone(), not(it)])).collect();
    let both: Vec<_> = all.iter().map(|it| it.clone().and(not(it))).collect();
    let split: Vec<_> = all.iter().map(|it| Expression::All(it.clone().conjuncts())).collect();
    let [decided, twice, either, both, split] =
        [&all, &twice, &either, &both, &split].map(|expressions| scene.decide(expressions));
    let (mut selected, mut unknown) = (0, 0);
    for (number, expression) in all.iter().enumerate() {
        for (name, holds) in &decided[number] {
            let of = |all: &[std::collections::BTreeMap<&str, Option<bool>>]| all[number][name];
            assert_eq!(of(&twice), *holds, "not not ({expression}) of {name}");
            assert_eq!(of(&split), *holds, "{expression} of {name}, split");
            assert_eq!(of(&either), holds.map(|_| true), "{expression}, or not, of {name}");
            assert_eq!(of(&both), holds.map(|_| false), "{expression}, and not, of {name}");
            selected += usize::from(*holds == Some(true));
            unknown += usize::from(holds.is_none());
        }
    }
    assert!(selected > 1000 && unknown > 1000, "{selected} selected, {unknown} unknown");
}

#[test]
fn what_is_printed_is_parsed_as_the_same() {
    let scene = Scene::open("expression-prints");
    for expression in expressions(&scene) {
        let printed = expression.to_string();
        assert_eq!(parse(&printed), expression, "{printed}");
        assert_eq!(parse(&printed).to_string(), printed);
    }
}

#[test]
fn what_is_decided_early_never_excludes_a_selected_socket() {
    let scene = Scene::open("expression-narrow");
    let all = expressions(&scene);
    let filters: Vec<Filter> =
        all.iter().map(|it| Filter::new([true; SocketKind::ALL.len()], true, it.clone())).collect();
    let mut excluded = 0;
    scene.each(|name, row| {
        let (kind, state) = (row.socket.kind, row.socket.state);
        for (expression, filter) in all.iter().zip(&filters) {
            let is_selected = expression.holds(row) == Some(true);
            let can_hold =
                expression.can_hold(kind, None) && expression.can_hold(kind, Some(state));
            assert!(can_hold || !is_selected, "{expression} of {name}");
            assert!(filter.wants(kind) || !is_selected, "{expression} of {name}");
            // The two parts of a filter are the whole expression.
            let by_parts = filter.selects(row) && filter.selects_late(row);
            assert_eq!(by_parts, is_selected, "{expression} of {name}");
            excluded += usize::from(!can_hold);
        }
    });
    assert!(excluded > 1000, "only {excluded} sockets are excluded early");
}
