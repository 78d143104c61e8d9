//! The sweep's end.

use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::retry_on_intr;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use scour_core::Task;

use crate::MOST_FILES;

/// Gives tasks to one worker. The worker's input ends when this is dropped.
#[derive(Debug)]
pub struct TaskSender {
    socket: UnixStream,
}

impl TaskSender {
    /// A new channel: this end, and the one that is to become the worker's standard input.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let (socket, input) = UnixStream::pair()?;
        Ok((Self { socket }, input.into()))
    }

    /// Sends a task with the file that the worker's standard error goes to from now on, and files that it holds open until
    /// the stage has ended. An error where the worker has ended.
    pub fn send(&mut self, task: &Task, log: BorrowedFd, held: &[BorrowedFd]) -> io::Result<()> {
        let mut line = serde_json::to_vec(task)?;
        line.push(b'\n');
        let files: Vec<BorrowedFd> = [log].iter().chain(held).copied().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if files.len() > MOST_FILES || !control.push(SendAncillaryMessage::ScmRights(&files)) {
            let message = format!("{} files are too many for one task", files.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        // The files belong to the first byte. A worker that has ended is an error, not a signal: Rust ignores SIGPIPE.
        let parts = [IoSlice::new(&line)];
        let sent = retry_on_intr(|| sendmsg(&self.socket, &parts, &mut control, SendFlags::empty()))?;
        self.socket.write_all(&line[sent..])
    }
}

impl Drop for TaskSender {
    fn drop(&mut self) {
        // Closing is not enough: a child that was forked just before still has the socket open.
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}
