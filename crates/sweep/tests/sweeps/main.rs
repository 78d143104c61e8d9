//! Whole sweeps, with a stand-in for the worker.

#[path = "../../stand-in/catalog.rs"]
mod catalog;
mod joined;
mod killed;
mod place;
mod validity;
mod whole;
