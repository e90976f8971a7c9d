//! What the value of an option means where the number alone misleads: the sentences of `--long`.
//!
//! There is a file for each level, with a list of sentences. A line of a list has the options, the sentence, and a
//! function that decides whether it is true for a socket and returns the values in it. A sentence says no more than the
//! kernel knows: where a value has several possible causes, it names all of them, or none. The comment on a function
//! names the place in the kernel that makes the sentence true. tests/live/long/ has a socket for each sentence.

mod ip;
mod sentence;
mod socket;
mod tcp;
mod udp;

use std::sync::LazyLock;

use crate::options::catalogue::{index_of, CATALOGUE};
use crate::options::spec::OptionSpec;
pub use sentence::{Sentence, Subject};

/// The sentences about each option, in the order of the catalogue. A run looks them up for each option of each socket.
static BY_OPTION: LazyLock<Vec<Vec<&'static Sentence>>> = LazyLock::new(|| {
    let about =
        |option: &OptionSpec| all().filter(|it| it.options.contains(&option.name)).collect();
    CATALOGUE.iter().map(about).collect()
});

/// All sentences.
pub fn all() -> impl Iterator<Item = &'static Sentence> {
    [socket::SENTENCES, tcp::SENTENCES, udp::SENTENCES, ip::SENTENCES].into_iter().flatten()
}

/// The sentences that are true about an option of a socket, in the order of the lists.
pub fn of<'a>(subject: &'a Subject) -> impl Iterator<Item = String> + 'a {
    let about = index_of(subject.shown.option).map_or(&[][..], |index| &BY_OPTION[index]);
    about.iter().filter_map(move |sentence| sentence.about(subject))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::options::catalogue;

    #[test]
    fn every_sentence_is_about_options_and_there_once() {
        let texts: BTreeSet<&str> = all().map(|sentence| sentence.text).collect();
        assert_eq!(texts.len(), all().count(), "a sentence is there twice");
        for sentence in all() {
            assert!(!sentence.options.is_empty(), "{}", sentence.text);
            for name in sentence.options {
                assert_eq!(catalogue::named(name).map(|it| it.name), Some(*name));
            }
            assert!(!sentence.text.ends_with('.'), "{}", sentence.text);
        }
    }
}
