//! Rows on terminals of every width: a value is never split.

use crate::common::folded::is_folded;
use crate::common::without_color;
use crate::records::{self, config, printed_as};
use knetstat::config::Config;
use knetstat::options::selection::Selection;
use knetstat::output::table::TABLE;
use knetstat::output::Style;
use knetstat::query::column_list::ColumnRequest;
use knetstat::query::columns::Column;

/// Returns the default columns, those of -tpoe, all columns, and a selection in its own order.
fn requests() -> [ColumnRequest; 4] {
    let all = ColumnRequest {
        netns: true,
        extended: true,
        labels: true,
        programs: true,
        peers: true,
        timers: true,
        ..ColumnRequest::default()
    };
    let chosen = vec![Column::Options, Column::Pid, Column::Set, Column::Command, Column::Remote];
    [
        ColumnRequest::default(),
        all,
        ColumnRequest { chosen: Column::ALL.to_vec(), ..ColumnRequest::default() },
        ColumnRequest { chosen, ..ColumnRequest::default() },
    ]
}

#[test]
fn every_row_of_every_family_at_every_width() {
    let stream = records::everything();
    for request in requests() {
        for (short, selection) in [
            (false, Selection::all()),
            (true, Selection::all()),
            (false, Selection::common()),
            (true, Selection::common()),
        ] {
            let mut config = Config { selection, ..config(TABLE, &request) };
            config.style.short = short;
            let pipe = printed_as(&stream, &config);
            for columns in (1..=50).chain([80, 120, 200, 100_000]).chain((51..220).step_by(11)) {
                let style = Style { terminal: Some(columns), ..config.style };
                let plain = printed_as(&stream, &Config { style, ..config.clone() });
                is_folded(&plain, &pipe, columns);
                if columns % 4 != 0 {
                    continue;
                }
                let style = Style { color: true, ..style };
                let colored = printed_as(&stream, &Config { style, ..config.clone() });
                assert_eq!(without_color(&colored), plain, "{columns} columns");
            }
        }
    }
}
