//! An example of the value of each option, for messages.

use clap::Arg;

/// Returns an example of the value of an option.
pub fn of(argument: &Arg) -> Option<&'static str> {
    let name = argument.get_value_names()?.first()?.as_str();
    Some(match (name, argument.get_long()?) {
        ("STATE", _) => "LISTEN",
        ("EXPR", _) => "'not keepalive'",
        ("PORT", _) => "443",
        ("CIDR", _) => "10.0.0.0/8",
        ("IF", _) => "eth0",
        ("PID", _) => "1",
        ("NAME", _) => "nginx",
        ("NETNS", _) => "blue",
        ("USER", _) => "root",
        ("FAMILY", _) => "inet",
        ("DIR", _) => "/run/knetstat",
        ("WHEN", _) => "never",
        ("KEY", "sort") => "-rcvbuf,local",
        ("KEY", _) => "command,keepalive",
        ("TIME", _) => "5s",
        ("LIST", "options") => "keepalive,nodelay",
        ("LIST", "columns") => "local,remote,options",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_value_has_an_example_that_is_right() {
        for argument in crate::cli::Cli::command().get_arguments() {
            let Some(long) = argument.get_long().filter(|_| argument.get_action().takes_values())
            else {
                continue;
            };
            let example = super::of(argument);
            assert!(example.is_some(), "--{long} has no example");
        }
    }
}
