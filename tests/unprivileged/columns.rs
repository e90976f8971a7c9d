//! The columns, tested without a kernel: their values from replayed records, and their form in the table
//! and in JSON.

use crate::records::{self, Stream, LISTENER};
use knetstat::commands::table::pipeline::{self, Ownership};
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::kernel::abi::owner_record;
use knetstat::options::defaults::Defaults;
use knetstat::options::selection::Selection;
use knetstat::output::json::LINES;
use knetstat::output::table::TABLE;
use knetstat::output::{Format, Output};
use knetstat::query::cell::Cell;
use knetstat::query::column_list::ColumnRequest;
use knetstat::query::columns::{parse, Column};
use knetstat::query::layout::Layout;
use knetstat::query::row::Row;
use knetstat::record::Records;
use serde_json::{json, Value as Json};

fn request(words: &str) -> ColumnRequest {
    let chosen = words.split(',').map(|word| parse(word).expect(word)).collect();
    ColumnRequest { chosen, ..ColumnRequest::default() }
}

/// Returns the holders of the listener of [`records::some`]: two processes.
fn holders() -> Stream {
    let mut stream = Stream::default();
    for (pid, fd, flags) in [(9, 3, 0), (8, 5, 0o4000), (8, 4, 0)] {
        stream.part(|record: &mut owner_record| {
            record.magic = u32::from_ne_bytes(*b"knso");
            (record.pid, record.fd, record.flags, record.inode) = (pid, fd, flags, LISTENER);
            record.command[..4].copy_from_slice(b"a ,\x1b");
        });
    }
    stream
}

/// Writes the stream, whose listener is held by two processes, to an output.
fn replay(stream: &Stream, config: &Config, output: &mut dyn Output) {
    let namespaces = records::namespaces(&Defaults::default(), config);
    let holders = holders().bytes;
    let ownership = Ownership::new(holders.as_slice(), vec![&[][..]]).expect("whole records");
    let records = Records::new(stream.bytes.as_slice());
    pipeline::print(records, config, &namespaces, Some(ownership), output, &Progress::default())
        .expect("whole records");
    output.end().expect("memory");
}

fn shown(stream: &Stream, format: Format, request: &ColumnRequest) -> String {
    let selection = Selection::parse(["reuseaddr"]).expect("an option");
    let config = Config { selection, ..records::config(format, request) };
    let mut bytes = Vec::new();
    replay(stream, &config, config.format.open(&mut bytes, &config.columns, config.style).as_mut());
    String::from_utf8(bytes).expect("what is printed is UTF-8")
}

#[test]
fn chosen_columns_in_their_order() {
    let expected = "\
FD   PID     Command         Nonblock Drops Local Address           Dport Options
4,5,3 8,8,9   a\\x20\\x2c\\x1b,a\\x20\\x2c\\x1b,a\\x20\\x2c\\x1b 0,1,0        0 \
127.0.0.1:5432              0 SO_REUSEADDR=1
-    -       -               -            3 ::ffff:10.0.0.1:443     50000 SO_REUSEADDR=0
-    -       -               -            - 10.0.0.1:8080           40000
";
    let stream = records::some();
    let text = shown(&stream, TABLE, &request("fd,pid,command,nonblock,drops,local,dport,options"));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..4], expected.lines().collect::<Vec<_>>(), "{text}");
    assert!(lines.iter().all(|line| !line.ends_with(' ')), "{text}");
}

#[test]
fn chosen_members_in_their_order() {
    let text = shown(&records::some(), LINES, &request("options,fd,sport,peer,processes,nonblock"));
    let listener = r#"{"options":{"SO_REUSEADDR":1},"fd":[4,5,3],"sport":5432,"peer":null,"processes":[{"pid":8,"command":"a ,\\x1b","fd":4,"nonblock":false},{"pid":8,"command":"a ,\\x1b","fd":5,"nonblock":true},{"pid":9,"command":"a ,\\x1b","fd":3,"nonblock":false}],"nonblock":[false,true,false]}"#;
    assert_eq!(text.lines().next(), Some(listener));
    let time_wait: Json =
        serde_json::from_str(text.lines().nth(2).expect("three sockets")).expect("JSON");
    let expected = json!({"options": {}, "fd": [], "sport": 8080, "peer": null, "processes": [], "nonblock": []});
    assert_eq!(time_wait, expected);
}

#[test]
fn a_layout_leaves_out_what_it_does_not_have() {
    let text = shown(&records::everything(), TABLE, &request("proto,path,timer"));
    let sections: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(sections.len(), 2, "{text}");
    assert!(sections[0].starts_with("Proto Local Address           Timer\n"), "{text}");
    assert!(sections[1].starts_with("Proto Path\nunix "), "{text}");
    let text = shown(&records::everything(), TABLE, &request("timer"));
    assert!(text.starts_with("Timer\n"), "no section without columns: {text}");
    assert!(!text.contains("\n\n"), "{text}");
}

#[test]
fn without_a_header_only_rows() {
    let mut config = records::config(TABLE, &request("sport"));
    config.style.header = false;
    let mut bytes = Vec::new();
    let stream = records::some();
    replay(
        &stream,
        &config,
        config.format.open(&mut bytes, &config.columns, config.style).as_mut(),
    );
    assert_eq!(bytes, b" 5432\n  443\n 8080\n 5353\n 5353\n");
}

/// An output that asserts that each cell has the type of its column.
struct Types {
    rows: usize,
    present: [bool; Column::ALL.len()],
}

impl Output for Types {
    fn row(&mut self, row: &Row) -> std::io::Result<()> {
        self.rows += 1;
        for column in Column::ALL {
            let found = match column.read(row) {
                Cell::Absent | Cell::Unknown => continue,
                Cell::Number(_) | Cell::Netns(..) | Cell::User(..) | Cell::Port(..) => "number",
                Cell::Word(_) => "word",
                Cell::Bytes(_) | Cell::Interface(_) | Cell::Host(..) | Cell::Nameless(_) => "text",
                Cell::End(_) => "address",
                Cell::Flag(_)
                | Cell::Arguments(_)
                | Cell::Moment(_)
                | Cell::Slot(..)
                | Cell::SlotOfRegistered(..) => {
                    panic!("{column:?}: only descriptors have such values")
                }
                Cell::Master(_) | Cell::Container(_) | Cell::Labels(_) | Cell::Group(..) => {
                    "object"
                }
                Cell::Via(..) => "text",
                Cell::Sockmaps(it) if it.maps.is_empty() => continue,
                Cell::Sockmaps(_) => "list",
                Cell::Timer(..) | Cell::Options(..) => "object",
                Cell::PerHolder(..) | Cell::Program(..) | Cell::Diag(_) | Cell::Set(_) => "list",
                Cell::Time(_) => "time",
            };
            assert_eq!(found, column.column_type().word(), "{column:?}");
            let has = column.heading(row.layout()).is_some();
            self.present[column as usize] |= has;
        }
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_cell_is_of_the_type_of_its_column() {
    let mut types = Types { rows: 0, present: [false; Column::ALL.len()] };
    for stream in [records::some(), records::everything()] {
        let config = records::config(TABLE, &ColumnRequest::default());
        replay(&stream, &config, &mut types);
    }
    assert!(types.rows >= 10, "{} rows", types.rows);
    let never = Column::ALL.into_iter().filter(|column| !types.present[*column as usize]);
    let never: Vec<&str> = never.map(Column::name).collect();
    // The streams have no peers, no namespace names, no rings, no users in the kernel, no queues, no messages, no control groups, no labels and
    // no SO_REUSEPORT groups.
    let expected = [
        "peer",
        "netns_name",
        "kernel_user",
        "listener",
        "listener_inode",
        "listener_program",
        "carrier",
        "carrier_program",
        "peer_program",
        "peer_pid",
        "peer_command",
        "peer_owner",
        "cgroup",
        "unit",
        "container",
        "sockmap",
        "xattrs",
        "group",
    ];
    assert_eq!(never, expected);
}

#[test]
fn every_column_has_a_title_and_a_help() {
    for column in Column::ALL {
        assert!(Layout::ALL.iter().any(|layout| column.heading(*layout).is_some()), "{column:?}");
        assert!(!column.help().is_empty() && !column.help().ends_with('.'), "{column:?}");
    }
}
