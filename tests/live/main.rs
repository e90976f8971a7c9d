//! Tests with real sockets, which require root. Each runs in its own thread and network namespace, in
//! parallel with others. See `tests/exclusive` for tests that cannot.

#[path = "../common/mod.rs"]
mod common;

mod getsockopt;
mod metrics;
mod numbers;
mod sandbox;
mod supported;

mod asked_pids;
mod cgroups;
mod cli;
mod command_lines;
mod continuous;
mod cookies;
mod count;
mod csv;
mod dead_after;
mod doctor;
mod documents;
mod escaping;
mod expressions;
mod failure;
mod families;
mod faults;
mod filter;
mod fleet;
mod lacking;
mod long;
mod long_records;
mod options;
mod options_command;
mod pager;
mod peers;
mod pinning;
mod pins;
mod prefilter;
mod privileges;
mod processes;
mod progress;
mod queues;
mod quiet;
mod recipes;
mod remedies;
mod resolve;
mod rows;
mod schema;
mod sections;
mod set;
mod short;
mod sockmaps;
mod sort;
mod terminal;
mod timers;
mod tls;
mod ways;
mod xattrs;
