//! The flags of the command line.

use std::collections::BTreeSet;

use clap::CommandFactory;
use knetstat::cli::Cli;

/// Returns the flags of the program and of its commands, in all spellings, for the arguments that are
/// `wanted`.
pub fn flags(wanted: fn(&clap::Arg) -> bool) -> BTreeSet<String> {
    let mut program = Cli::command();
    program.build();
    let of = |prefix: &str, command: &clap::Command| -> Vec<String> {
        let arguments = command.get_arguments().filter(|argument| wanted(argument));
        let spellings = arguments.flat_map(|argument| {
            let short = argument.get_short_and_visible_aliases().unwrap_or_default();
            let long = argument.get_long_and_visible_aliases().unwrap_or_default();
            let short = short.iter().map(|c| format!("-{c}")).collect::<Vec<_>>();
            short.into_iter().chain(long.into_iter().map(|word| format!("--{word}")))
        });
        spellings.map(|flag| format!("{prefix}{flag}")).collect()
    };
    let commands = program.get_subcommands();
    let of_commands = commands.flat_map(|command| of(&format!("{} ", command.get_name()), command));
    of_commands.chain(of("", &program)).collect()
}
