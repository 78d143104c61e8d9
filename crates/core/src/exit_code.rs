/// How a command of scour ends. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything asked for is done.
    Done = 0,
    /// Wrong usage or configuration.
    Config = 2,
    /// The environment is not as needed: data, disk, permissions, libtorch, devices.
    Environment = 3,
    /// What was selected is done, but the plan is not complete (a shard, a filter).
    Incomplete = 5,
    /// Some cells failed.
    CellsFailed = 100,
    /// Interrupted by a signal; the same command goes on where it stopped.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
