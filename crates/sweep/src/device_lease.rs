//! Leases on GPUs: of all sweeps on a machine, one at a time uses a GPU, unless it is told to share.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::lease::Lease;
use crate::{Device, SweepError, clock};

/// Where the leases of all users of the machine lie, in the folder for temporary files.
const FOLDER: &str = "scour-gpus";

/// The devices that a sweep may use, and its right to those that are GPUs, which ends when this is dropped. A CPU is
/// everybody's.
#[derive(Debug)]
pub struct LeasedDevices {
    /// In the order in which they were named.
    pub devices: Vec<Device>,
    /// What the user should know, a line each.
    pub warnings: Vec<String>,
    _leases: Vec<Lease>,
}

impl LeasedDevices {
    /// These devices, whoever else uses them.
    pub fn shared(devices: Vec<Device>) -> Self {
        Self { devices, warnings: vec![], _leases: vec![] }
    }
}

/// Takes a lease on each GPU among the devices. One that another sweep has is left out where they were found by `auto`,
/// as long as any is free; where the user named it, it is an error that tells by whom it is used.
///
/// `uuid` is the driver's name for a GPU, the same for all processes, where the driver tells. Where no lease can be had
/// for another reason, such as a folder that cannot be written to, the devices are used without, and a warning says so.
pub fn lease_devices(
    devices: Vec<Device>,
    auto: bool,
    experiment: &str,
    uuid: impl Fn(&Device) -> Option<String>,
) -> Result<LeasedDevices, SweepError> {
    lease_in(&std::env::temp_dir().join(FOLDER), devices, auto, experiment, uuid)
}

fn lease_in(
    folder: &Path,
    devices: Vec<Device>,
    auto: bool,
    experiment: &str,
    uuid: impl Fn(&Device) -> Option<String>,
) -> Result<LeasedDevices, SweepError> {
    let is_gpu = |device: &Device| device.device != "cpu";
    if !devices.iter().any(is_gpu) {
        return Ok(LeasedDevices::shared(devices));
    }
    if let Err(error) = shared_folder(folder) {
        let warnings = vec![unnoticed("the GPUs", folder, &error)];
        return Ok(LeasedDevices { warnings, ..LeasedDevices::shared(devices) });
    }
    let holder = holder(experiment);
    let (mut usable, mut leases, mut busy, mut warnings) = (vec![], vec![], vec![], vec![]);
    for device in devices {
        if is_gpu(&device) {
            let path = folder.join(file_name(&device, uuid(&device)));
            match Lease::take_opened(&path, || open_shared(&path)) {
                Ok(Some(lease)) => {
                    // It is held all the same where nothing can be written about it.
                    let _ = lease.describe(&holder);
                    leases.push(lease);
                }
                Ok(None) => {
                    busy.push(format!("{} is in use by {}", device.name, told_by(&path)));
                    continue;
                }
                Err(error) => warnings.push(unnoticed(&device.name, &path, &error)),
            }
        }
        usable.push(device);
    }
    if !busy.is_empty() && !auto {
        return Err(SweepError::Environment(format!(
            "{}. Wait for its end, name other devices with --devices, or use it all the same with \
             --share-devices",
            busy.join("; ")
        )));
    }
    if usable.is_empty() {
        return Err(SweepError::Environment(format!(
            "no GPU is free: {}. Wait for an end, use them all the same with --share-devices, or take \
             --devices cpu",
            busy.join("; ")
        )));
    }
    let left_out = |line: &String| format!("{line}: left out; --share-devices would use it all the same");
    warnings.extend(busy.iter().map(left_out));
    Ok(LeasedDevices { devices: usable, warnings, _leases: leases })
}

fn unnoticed(what: &str, path: &Path, error: &io::Error) -> String {
    format!(
        "no lease on {what}, since {} cannot be used ({error}): another sweep there would go unnoticed",
        path.display()
    )
}

/// What identifies the GPU on this machine, as a file's name: its UUID, else what CUDA knows it by.
fn file_name(device: &Device, uuid: Option<String>) -> String {
    let visible = device.environment.iter().find(|(name, _)| name == "CUDA_VISIBLE_DEVICES");
    let entry = visible.map_or(device.name.as_str(), |(_, entry)| entry.as_str());
    // A slice of a GPU has a UUID of its own, and the driver would tell that of the whole.
    let whole = uuid.filter(|_| !entry.starts_with("MIG-"));
    let id = whole.unwrap_or_else(|| format!("cuda-{entry}"));
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// A folder in which every user may make files, and remove only those of their own.
fn shared_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        // What is asked for when it is made, the user's umask would cut down.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o1777)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a file that every user may open, and makes it where it is absent.
fn open_shared(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Whoever put a link there would have this process write where it leads.
    options.write(true).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    loop {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        // Not in one step: Linux can forbid to open another user's file in such a folder in a way that might make it.
        match options.clone().create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => {
                file.set_permissions(Permissions::from_mode(0o666))?;
                return Ok(file);
            }
        }
    }
}

/// This sweep, for those who find the GPU in use.
fn holder(experiment: &str) -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = set("USER").or_else(|| set("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()));
    format!("sweep `{experiment}` of {user}, process {}, since {}", std::process::id(), clock::now())
}

/// What the holder of a lease says of itself: one line that a terminal can show, whoever wrote it.
fn told_by(path: &Path) -> String {
    let mut bytes = vec![];
    let _ = File::open(path).and_then(|file| file.take(400).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let line: String = text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    if line.is_empty() { "another sweep".into() } else { line }
}

#[cfg(test)]
#[path = "device_lease_tests.rs"]
mod tests;
