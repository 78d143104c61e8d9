//! Shortens messages of libraries to one line.

/// The maximum number of characters.
const MAX_CHARACTERS: usize = 300;

/// The message of an error or a panic, without the stack frames that libtorch appends and without the text with which Rust
/// quotes an error. The whole text belongs in a log.
pub fn one_line(text: &str) -> String {
    // In the message of `unwrap`, line breaks are escaped as the two characters `\n`.
    let quoted = text.split_once("on an `Err` value: ").map_or(text, |(_, error)| error);
    let quoted = quoted.strip_prefix("Torch(\"").unwrap_or(quoted);
    let ends = ["\n", "\\n", "Exception raised from", "\")"];
    let end = ends.iter().filter_map(|end| quoted.find(end)).filter(|at| *at > 0).min();
    let line = quoted[..end.unwrap_or(quoted.len())].trim().replace("\\\"", "\"");
    match line.char_indices().nth(MAX_CHARACTERS) {
        Some((at, _)) => format!("{} ...", line[..at].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_frames_are_removed() {
        let unwrapped = "called `Result::unwrap()` on an `Err` value: Torch(\"stack expects a non-empty TensorList\\n\
             Exception raised from stack at /x/aten/TensorShape.cpp:1 (most recent call first):\\nframe #0: c10\")";
        assert_eq!(one_line(unwrapped), "stack expects a non-empty TensorList");
        let displayed = "size mismatch \"a\"\nException raised from x at /y.cpp:3\nframe #0: z";
        assert_eq!(one_line(displayed), "size mismatch \"a\"");
        assert_eq!(
            one_line("called `Option::unwrap()` on a `None` value"),
            "called `Option::unwrap()` on a `None` value"
        );
        assert_eq!(one_line("index out of bounds: the len is 3"), "index out of bounds: the len is 3");
        assert_eq!(one_line("Torch(\"quoted \\\"word\\\"\")"), "quoted \"word\"");
        assert_eq!(one_line(""), "");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let cut = one_line(&"ä".repeat(1000));
        assert_eq!(cut.chars().filter(|c| *c == 'ä').count(), MAX_CHARACTERS);
        assert!(cut.ends_with(" ..."));
    }
}
