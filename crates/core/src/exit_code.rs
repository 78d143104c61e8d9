/// The exit codes of scour's commands. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything is done.
    Done = 0,
    /// Wrong usage or configuration.
    Config = 2,
    /// A problem of the environment: data, disk, permissions, libtorch or devices.
    Environment = 3,
    /// The selected cells are done, but the plan is not complete (a shard, a filter).
    Incomplete = 5,
    /// Some cells failed.
    CellsFailed = 100,
    /// Interrupted by a signal; the same command continues where it stopped.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
