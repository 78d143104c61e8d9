//! Messages of libraries cut to the one line that a person can act on.

/// Most characters of a reason.
const LONGEST: usize = 300;

/// What an error or a panic says, without the stack frames that libtorch puts behind it and without the words with which
/// Rust quotes an error. The whole text belongs in a log.
pub fn one_line(text: &str) -> String {
    // Where an error was unwrapped, its line breaks stand as the two characters `\n`.
    let quoted = text.split_once("on an `Err` value: ").map_or(text, |(_, error)| error);
    let quoted = quoted.strip_prefix("Torch(\"").unwrap_or(quoted);
    let ends = ["\n", "\\n", "Exception raised from", "\")"];
    let end = ends.iter().filter_map(|end| quoted.find(end)).filter(|at| *at > 0).min();
    let line = quoted[..end.unwrap_or(quoted.len())].trim().replace("\\\"", "\"");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} ...", line[..at].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_frames_stay_out() {
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
    fn what_is_too_long_is_cut_between_characters() {
        let cut = one_line(&"ä".repeat(1000));
        assert_eq!(cut.chars().filter(|c| *c == 'ä').count(), LONGEST);
        assert!(cut.ends_with(" ..."));
    }
}
