use std::path::PathBuf;

/// What can be wrong with what a user wrote: an experiment file, an override, a filter.
///
/// Every message is one line that names the file, the field and the way out; all of them end with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The experiment file cannot be read.
    #[error("cannot read experiment {path}: {source}. Experiments that ship with scour are in experiments/")]
    Unreadable {
        /// The file asked for.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// The text is not a valid experiment.
    #[error("{origin}: {message}")]
    Invalid {
        /// File, or file and place in it.
        origin: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A `--set` that names no field, or is no KEY=VALUE.
    #[error("--set {given}: {message}")]
    Override {
        /// The argument as given.
        given: String,
        /// What is wrong with it.
        message: String,
    },
    /// A `--filter` that cannot be understood.
    #[error("--filter '{given}': {message}")]
    Filter {
        /// The argument as given.
        given: String,
        /// What is wrong with it.
        message: String,
    },
}

impl ConfigError {
    pub(crate) fn invalid(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { origin: origin.into(), message: message.into() }
    }
}
