//! Whole sweeps with a fake worker.

mod analysed;
#[path = "../../fake-worker/catalog.rs"]
mod catalog;
mod collected;
mod joined;
mod killed;
mod results_folder;
mod test_folder;
mod traced;
mod validity;
mod watched;
mod whole;
