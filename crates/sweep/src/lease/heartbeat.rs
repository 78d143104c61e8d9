//! Heartbeats: a thread that keeps the leases of this process alive.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::taking::Own;

/// The leases that are kept alive. The thread ends soon after this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    started: bool,
    held: Vec<Weak<Own>>,
}

impl Heartbeats {
    /// Keeps the lease alive until it is dropped.
    pub(crate) fn add(&self, lease: &Arc<Own>, every: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.held.retain(|held| held.strong_count() > 0);
        state.held.push(Arc::downgrade(lease));
        if !std::mem::replace(&mut state.started, true) {
            let state = Arc::downgrade(&self.0);
            std::thread::spawn(move || beat(&state, every));
        }
    }
}

fn beat(state: &Weak<Mutex<State>>, every: Duration) {
    loop {
        std::thread::sleep(every);
        let Some(state) = state.upgrade() else { return };
        let held = state.lock().unwrap_or_else(PoisonError::into_inner).held.clone();
        for lease in held.iter().filter_map(Weak::upgrade) {
            // A lost lease is noticed by its holder, before it publishes.
            let _ = lease.renew();
        }
    }
}
