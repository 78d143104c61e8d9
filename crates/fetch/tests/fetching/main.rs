//! Fetching from a server of our own that misbehaves in every way: the data set is there whole afterwards or not at all,
//! and there is one line on what happened.

mod bad;
mod place;
mod processes;
mod server;
mod whole;
