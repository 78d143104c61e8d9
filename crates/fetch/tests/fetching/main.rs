//! Downloads from a test server with all kinds of failures: afterwards the data set is complete or absent, and one line
//! reports the problem.

mod downloads;
mod failures;
mod fixture;
mod processes;
mod server;
