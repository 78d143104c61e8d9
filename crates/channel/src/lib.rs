//! How a sweep gives tasks to a worker process, one after another: a line of JSON on the worker's standard input, a Unix
//! socket, together with the open files that the worker needs or is to hold until the stage has ended.
//!
//! A worker that stays for several stages cannot inherit what belongs to a later one. An open file that is passed through a
//! socket is the same as an inherited one: a lock on it ends only when both processes have closed it.
//!
//! This crate must not know torch, plans, stores, or what a task asks for.

mod receiver;
mod sender;
mod tasks;

pub use receiver::{Received, TaskReceiver};
pub use sender::TaskSender;
pub use tasks::Tasks;

/// Files that can be passed with one task: its log, and what the worker holds.
const MOST_FILES: usize = 8;

#[cfg(test)]
mod tests;
