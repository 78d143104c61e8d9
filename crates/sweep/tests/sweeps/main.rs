//! Whole sweeps with a fake worker.

mod analysed;
#[path = "../../fake-worker/catalog.rs"]
mod catalog;
mod collected;
mod hosts;
mod joined;
mod killed;
mod on_devices;
mod results_folder;
mod staying;
mod test_folder;
mod tidied;
mod traced;
mod validity;
mod watched;
mod whole;
