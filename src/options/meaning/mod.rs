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

pub use sentence::{Sentence, Subject};

/// All sentences.
pub fn all() -> impl Iterator<Item = &'static Sentence> {
    [socket::SENTENCES, tcp::SENTENCES, udp::SENTENCES, ip::SENTENCES].into_iter().flatten()
}

/// The sentences that are true about an option of a socket, in the order of the lists.
pub fn of<'a>(subject: &'a Subject) -> impl Iterator<Item = String> + 'a {
    all().filter_map(move |sentence| sentence.about(subject))
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
