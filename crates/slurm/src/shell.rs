//! Quoting, for the shell and for `#SBATCH` lines.

/// The word for a shell: unchanged if nothing in it is special, otherwise between single quotation marks.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A command line for a shell.
pub(crate) fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A path in an `#SBATCH` line, where `%` begins a pattern and spaces end the value.
pub(crate) fn sbatch_path(path: &str) -> String {
    let path = path.replace('%', "%%");
    match path.chars().any(|c| c.is_whitespace() || "\"'\\".contains(c)) {
        true => format!("\"{}\"", path.replace('\\', r"\\").replace('"', "\\\"")),
        false => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        let words = ["a/b-c.yaml", "attack=badnets defense=tsbd", "it's", "", "$HOME"];
        assert_eq!(command_line(words), r"a/b-c.yaml 'attack=badnets defense=tsbd' 'it'\''s' '' '$HOME'");
    }

    #[test]
    fn paths_in_directives_keep_their_characters() {
        assert_eq!(sbatch_path("/a/b"), "/a/b");
        assert_eq!(sbatch_path("/a b/50%"), "\"/a b/50%%\"");
    }
}
