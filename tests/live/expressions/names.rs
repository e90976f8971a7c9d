//! Every column and every option can be asked for, and what the table prints is a value.

use super::{parse, Scene};
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::short::{names, short_name};
use knetstat::query::columns::Column;
use knetstat::query::expression::Expression;
use knetstat::query::key::Key;

/// The names of all options: full, short, and those of other versions.
fn option_names() -> impl Iterator<Item = (usize, &'static str)> {
    CATALOGUE.iter().enumerate().flat_map(|(index, option)| {
        names(option).chain([short_name(option)]).map(move |name| (index, name))
    })
}

#[test]
fn every_column_and_every_option_can_be_asked_for() {
    let scene = Scene::open("expression-names");
    for column in Column::ALL {
        let expressions = [column.name().to_owned(), column.name().to_uppercase()];
        let expressions = expressions.map(|name| parse(&format!("has({name})")));
        assert_eq!(expressions[0].keys().next(), Some(Key::Column(column)));
        let [one, other] = &scene.select(&expressions)[..] else { panic!() };
        assert_eq!(one, other, "{}", column.name());
    }
    // What the sockets have, and what none of them has.
    let has = |name: &str| scene.select(&[parse(&format!("has({name})"))]).remove(0);
    assert_eq!(has("options"), scene.sockets.named("all - time-wait"));
    assert!(has("set").is_superset(&scene.sockets.named("client server udp-bound")));
    assert_eq!(has("group"), scene.sockets.named("v6-listener"));
    assert_eq!(has("protocol"), scene.sockets.named("all"));
    assert_eq!(has("interface"), scene.sockets.named("v6-server packet-raw"));

    let texts: Vec<_> = option_names().map(|(_, name)| format!("has({name})")).collect();
    let expressions: Vec<Expression> = texts.iter().map(|text| parse(text)).collect();
    let selected = scene.select(&expressions);
    let set: Vec<_> = option_names().map(|(_, name)| parse(&format!("set({name})"))).collect();
    let set = scene.decide(&set);
    // Whether an option is there is what getsockopt(2) says, which `getsockopt` compares.
    scene.each(|name, row| {
        for (number, (index, word)) in option_names().enumerate() {
            // An option of both versions of IP, without its prefix, is asked for at both.
            if Column::ALL.iter().any(|column| column.name().eq_ignore_ascii_case(word)) {
                continue; // The column has it without a prefix.
            }
            let indexes: Vec<usize> = expressions[number].keys().flat_map(Key::options).collect();
            assert!(indexes.contains(&index), "{word} is not {}", CATALOGUE[index].name);
            let is = |index: &usize| {
                row.asked.iter().find(|it| std::ptr::eq(it.option, &CATALOGUE[*index]))
            };
            let there: Vec<_> = indexes.iter().rev().filter_map(is).collect();
            assert_eq!(selected[number].contains(name), !there.is_empty(), "{word} of {name}");
            let is_set = there.first().map(|it| it.set);
            assert_eq!(set[number][name], is_set, "set({word}) of {name}");
        }
    });
    let found = selected.iter().filter(|selected| !selected.is_empty()).count();
    assert!(found > texts.len() / 2, "only {found} of {} options are there", texts.len());
}

#[test]
fn what_the_table_prints_is_a_value() {
    let scene = Scene::open("expression-values");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    scene.each(|name, row| {
        for asked in row.asked {
            let index = CATALOGUE.iter().position(|it| std::ptr::eq(it, asked.option));
            let key = Key::Option(index.expect("an option of the table"));
            let mut printed = Vec::new();
            row.write_text(key, &mut printed);
            let printed = String::from_utf8(printed).expect("the table is UTF-8");
            for quote in ["", "\"", "'"] {
                let text = format!("{}={quote}{printed}{quote}", asked.option.name);
                let negated = text.replacen('=', "!=", 1);
                for (text, meant) in [(text, true), (negated, false)] {
                    match Expression::parse(&text).map(|it| it.holds(row)) {
                        Ok(found) if found == Some(meant) => {}
                        Ok(found) => wrong.push(format!("{text}: {found:?} for {name}")),
                        Err(error) => wrong.push(error.to_string()),
                    }
                    compared += 1;
                }
            }
        }
        columns(name, row, &mut wrong);
    });
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 5000, "only {compared} values");
}

/// The same for columns, with a value in quotes, because some contain signs.
fn columns(name: &str, row: &knetstat::output::Row, wrong: &mut Vec<String>) {
    for column in Column::ALL {
        let mut printed = Vec::new();
        row.write_text(Key::Column(column), &mut printed);
        let printed = String::from_utf8(printed).expect("the table is UTF-8");
        let has = parse(&format!("has({})", column.name())).holds(row);
        // The time of a timer is printed with other numbers, and ports of vsock may be larger than others.
        let is_port = matches!(column, Column::Sport | Column::Dport) && name == "vsock";
        // The number of a group depends on the rows.
        let is_comparable = !is_port
            && !matches!(column, Column::Timer | Column::Options | Column::Set | Column::Group);
        if has != Some(true) || !is_comparable {
            continue;
        }
        // The values of all holders are joined by commas.
        let is_list = column.is_of_holders() && column != Column::Program;
        let printed = if is_list { printed.replace(',', "\",\"") } else { printed };
        let text = format!("{}=\"{printed}\"", column.name());
        match Expression::parse(&text).map(|it| it.holds(row)) {
            Ok(Some(true)) => {}
            Ok(found) => wrong.push(format!("{text}: {found:?} for {name}")),
            Err(error) => wrong.push(error.to_string()),
        }
    }
}
