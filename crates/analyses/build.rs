//! Links libtorch as `crates/torch/build/link.rs` works it out.

include!("../torch/build/relay.rs");
