//! Breaking text into lines.

/// Breaks a text between words into lines of at most this many characters, unless a single word is
/// longer. All lines but the first are indented, as far as their first word leaves room.
pub fn fold(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut is_begun) = (String::new(), false);
    for word in text.split(' ') {
        let length = line.chars().count() + usize::from(is_begun) + word.chars().count();
        if is_begun && !word.is_empty() && length > columns && line.chars().any(|c| c != ' ') {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent.min(columns.saturating_sub(word.chars().count())));
        } else if is_begun {
            line.push(' ');
        }
        line.push_str(word);
        is_begun = true;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(fold("one two three", 8, 2), ["one two", "  three"]);
        assert_eq!(fold("one two", 7, 2), ["one two"]);
        assert_eq!(fold("", 8, 2), [""]);
        assert_eq!(fold("a_long_word one", 8, 2), ["a_long_word", "  one"]);
        assert_eq!(fold("one longer", 7, 2), ["one", " longer"]);
    }

    #[test]
    fn blanks_between_columns_are_kept() {
        assert_eq!(fold("  C     one two", 12, 8), ["  C     one", "        two"]);
        assert_eq!(fold("ab      cd", 20, 2), ["ab      cd"]);
    }
}
