//! The user's options for `sbatch`: they go to it verbatim, and are read only as far as scour's own lines depend on them.

use crate::SlurmError;

/// What a task computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerators {
    /// The CPU.
    None,
    /// So many GPUs.
    Gpus(usize),
}

/// The words after `--` on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SbatchOptions {
    words: Vec<String>,
    /// Each option by its long name, with its value.
    named: Vec<(String, Option<String>)>,
}

/// Long names of the short options that matter here.
const SHORT: [(char, &str); 11] = [
    ('a', "array"),
    ('c', "cpus-per-task"),
    ('d', "dependency"),
    ('G', "gpus"),
    ('J', "job-name"),
    ('o', "output"),
    ('p', "partition"),
    ('W', "wait"),
    ('h', "help"),
    ('V', "version"),
    ('t', "time"),
];

/// Options that would break what scour sets itself, with what to do instead.
const REFUSED: [(&str, &str); 9] = [
    ("array", "scour numbers the tasks itself; --max-running K limits how many run at a time"),
    ("dependency", "scour orders its jobs itself"),
    ("wrap", "scour writes the scripts itself; --prolog FILE puts lines in front of each"),
    ("wait", "the jobs that follow have to be submitted too; `squeue` shows when they end"),
    ("test-only", "--dry-run shows the scripts and submits nothing"),
    ("help", "see `sbatch --help`"),
    ("usage", "see `sbatch --help`"),
    ("version", "see `sbatch --version`"),
    ("export-file", "set what the jobs need in a file for --prolog"),
];

impl SbatchOptions {
    /// Reads the words.
    ///
    /// # Errors
    /// [`SlurmError::Usage`] for an option that scour sets itself, and for a word that belongs to no option, which `sbatch`
    /// would take for a script.
    pub fn read(words: Vec<String>) -> Result<Self, SlurmError> {
        let mut named: Vec<(String, Option<String>)> = vec![];
        let mut may_be_value = false;
        for word in &words {
            let option = if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
                let (name, value) =
                    long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                (name.to_string(), value.map(String::from))
            } else if let Some(letter) = word.strip_prefix('-').and_then(|rest| rest.chars().next()) {
                let long =
                    SHORT.iter().find(|(short, _)| *short == letter).map(|(_, long)| (*long).to_string());
                let value = &word[1 + letter.len_utf8()..];
                (
                    long.unwrap_or_else(|| letter.to_string()),
                    Some(value.to_string()).filter(|text| !text.is_empty()),
                )
            } else if let (true, Some(last)) = (may_be_value, named.last_mut()) {
                last.1 = Some(word.clone());
                may_be_value = false;
                continue;
            } else {
                return Err(SlurmError::Usage(format!(
                    "`{word}` after -- belongs to no option: only options for sbatch may stand there"
                )));
            };
            if let Some((name, instead)) = REFUSED.iter().find(|(name, _)| *name == option.0) {
                return Err(SlurmError::Usage(format!("--{name} after -- cannot be used: {instead}")));
            }
            may_be_value = option.1.is_none();
            named.push(option);
        }
        Ok(Self { words, named })
    }

    /// The words as they were given.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether one of these options is given, by long names.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        self.named.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    /// The value of an option, the last one if it is given several times.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.named.iter().rev().find(|(known, _)| known == name)?.1.as_deref()
    }

    /// The number of GPUs of a task that the options ask for; `None` if they are silent about GPUs.
    pub fn gpus(&self) -> Option<usize> {
        let of_gres = |text: &str| text.split(',').find(|part| part.starts_with("gpu")).map(count_at_end);
        for (name, value) in self.named.iter().rev() {
            let value = value.as_deref().unwrap_or_default();
            let count = match name.as_str() {
                "gres" => of_gres(value),
                "tres-per-task" | "tres-per-node" => of_gres(value.trim_start_matches("gres/")),
                "gpus" | "gpus-per-node" | "gpus-per-task" => Some(count_at_end(value)),
                _ => None,
            };
            if count.is_some() {
                return count;
            }
        }
        None
    }
}

/// The number at the end of `gpu:a100:2`, `a100:2`, `gpu=2` or `2`; 1 if there is none.
fn count_at_end(text: &str) -> usize {
    text.rsplit([':', '=']).next().and_then(|last| last.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<SbatchOptions, SlurmError> {
        SbatchOptions::read(line.split_whitespace().map(String::from).collect())
    }

    #[test]
    fn options_are_known_in_every_way_to_write_them() {
        let options = read("--partition=gpu -c 4 --time 1:00:00 -J name -G2 --exclusive").unwrap();
        assert_eq!(options.value("partition"), Some("gpu"));
        assert_eq!(options.value("cpus-per-task"), Some("4"));
        assert_eq!(options.value("time"), Some("1:00:00"));
        assert_eq!(options.value("gpus"), Some("2"));
        assert!(options.has_any(&["exclusive"]) && !options.has_any(&["mem"]));
        assert_eq!(read("-p a --partition b").unwrap().value("partition"), Some("b"));
        assert_eq!(options.words().len(), 9);
    }

    #[test]
    fn gpus_are_counted_however_they_are_asked_for() {
        let gpus = |line: &str| read(line).unwrap().gpus();
        assert_eq!(gpus("--partition=gpu"), None);
        assert_eq!(gpus("--gres=gpu"), Some(1));
        assert_eq!(gpus("--gres=gpu:a100"), Some(1));
        assert_eq!(gpus("--gres=tmp:10G,gpu:a100:2"), Some(2));
        assert_eq!(gpus("--gres=tmp:10G"), None);
        assert_eq!(gpus("--gpus-per-task=v100:4"), Some(4));
        assert_eq!(gpus("-G 3"), Some(3));
        assert_eq!(gpus("--tres-per-task=gres/gpu:2"), Some(2));
    }

    #[test]
    fn what_scour_sets_itself_is_refused_with_the_way_out() {
        let message = |line: &str| read(line).unwrap_err().to_string();
        for (line, way_out) in [
            ("--array=1-3", "--max-running"),
            ("-a 1-3", "--max-running"),
            ("-d afterok:1", "orders its jobs"),
            ("--test-only", "--dry-run"),
            ("--wrap=true", "--prolog"),
        ] {
            assert!(message(line).contains(way_out), "{}", message(line));
        }
        assert!(message("job.sh").contains("`job.sh` after -- belongs to no option"));
        assert!(message("--time=1 job.sh").contains("`job.sh`"));
    }
}
