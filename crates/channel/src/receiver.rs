//! The worker's end.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd, retry_on_intr};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use scour_core::Task;

use crate::MOST_FILES;

/// Reads tasks from a socket. A pipe or a file, from which a person gives a single task, works as well: no files come with
/// it.
#[derive(Debug)]
pub struct TaskReceiver<I> {
    input: I,
    text: Vec<u8>,
    files: Vec<OwnedFd>,
}

/// A task and the files that came with it.
#[derive(Debug)]
pub struct Received {
    /// What to do.
    pub task: Task,
    /// Where standard error is to go.
    pub log: Option<OwnedFd>,
    /// To be kept open until the stage has ended. Closing them says that nothing more will be written into its folders.
    pub held: Vec<OwnedFd>,
}

impl<I: AsFd> TaskReceiver<I> {
    /// Reads from `input`, which nothing else may read.
    pub fn new(input: I) -> Self {
        Self { input, text: vec![], files: vec![] }
    }

    /// Waits for the next task; `None` when the input has ended.
    pub fn next_task(&mut self) -> io::Result<Option<Received>> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return self.received(&line).map(Some);
            }
            if self.read()? == 0 {
                let line = std::mem::take(&mut self.text);
                let nothing = line.iter().all(u8::is_ascii_whitespace);
                return if nothing { Ok(None) } else { self.received(&line).map(Some) };
            }
        }
    }

    fn received(&mut self, line: &[u8]) -> io::Result<Received> {
        let mut files = std::mem::take(&mut self.files).into_iter();
        Ok(Received { task: serde_json::from_slice(line)?, log: files.next(), held: files.collect() })
    }

    /// Reads once; 0 bytes at the end.
    fn read(&mut self) -> io::Result<usize> {
        let mut bytes = vec![0; 1 << 16];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = retry_on_intr(|| {
            recvmsg(&self.input, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty())
        });
        let count = match received {
            Ok(message) => message.bytes,
            Err(Errno::NOTSOCK) => retry_on_intr(|| rustix::io::read(&self.input, &mut bytes))?,
            Err(error) => return Err(error.into()),
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                for file in files {
                    // Programs that the worker starts are not to hold it.
                    fcntl_setfd(&file, FdFlags::CLOEXEC)?;
                    self.files.push(file);
                }
            }
        }
        self.text.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}
