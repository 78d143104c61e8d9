use std::path::PathBuf;

/// A mistake in what a user wrote: an experiment file, an override or a filter.
///
/// Every message is one line that names the file, the field and a remedy. The exit code is 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The experiment file cannot be read.
    #[error("cannot read experiment {path}: {source}. Experiments that ship with scour are in experiments/")]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The text is not a valid experiment.
    #[error("{origin}: {message}")]
    Invalid {
        /// The file, or the file and the position in it.
        origin: String,
        /// What is wrong, and how to correct it.
        message: String,
    },
    /// A `--set` that is not KEY=VALUE or names no field.
    #[error("--set {given}: {message}")]
    Override {
        /// The argument as given.
        given: String,
        /// What is wrong with it.
        message: String,
    },
    /// A `--filter` that cannot be parsed.
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
