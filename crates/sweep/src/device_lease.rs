//! Leases on GPUs: one sweep of a machine at a time uses a GPU, unless the user asks to share it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::file_lock::FileLock;
use crate::{Device, SweepError, clock};

/// The folder with the leases of all users of the machine, in the folder for temporary files.
const FOLDER: &str = "scour-gpus";

/// The devices that a sweep may use. Its leases on those that are GPUs end when this is dropped; a CPU needs none.
#[derive(Debug)]
pub struct LeasedDevices {
    /// In the order in which they were named.
    pub devices: Vec<Device>,
    /// What the user should know, a line each.
    pub warnings: Vec<String>,
    _leases: Vec<FileLock>,
}

impl LeasedDevices {
    /// These devices without leases: other sweeps may use them too.
    pub fn shared(devices: Vec<Device>) -> Self {
        Self { devices, warnings: vec![], _leases: vec![] }
    }
}

/// Takes a lease on each GPU among the devices. A GPU that another sweep has leased is left out where the devices were
/// found by `auto`, as long as any is free; where the user named it, it is an error that says which sweep uses it.
///
/// `uuid` is the driver's name for a GPU, the same for all processes, where the driver gives one. Where no lease can be
/// taken for another reason, such as a folder that cannot be written to, the devices are used without, and a warning
/// says so.
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
        let warnings = vec![no_lease("the GPUs", folder, &error)];
        return Ok(LeasedDevices { warnings, ..LeasedDevices::shared(devices) });
    }
    let holder = holder(experiment);
    let (mut usable, mut leases, mut busy, mut warnings) = (vec![], vec![], vec![], vec![]);
    for device in devices {
        if is_gpu(&device) {
            let path = folder.join(file_name(&device, uuid(&device)));
            match FileLock::take(&path, || open_shared(&path)) {
                Ok(Some(lease)) => {
                    // The lease is held even if nothing can be written into its file.
                    let _ = lease.describe(&holder);
                    leases.push(lease);
                }
                Ok(None) => {
                    busy.push(format!("{} is in use by {}", device.name, holder_of(&path)));
                    continue;
                }
                Err(error) => warnings.push(no_lease(&device.name, &path, &error)),
            }
        }
        usable.push(device);
    }
    if !busy.is_empty() && !auto {
        return Err(SweepError::Environment(format!(
            "{}. Wait for its end, name other devices with --devices, or share it with --share-devices",
            busy.join("; ")
        )));
    }
    if usable.is_empty() {
        return Err(SweepError::Environment(format!(
            "no GPU is free: {}. Wait for one, share them with --share-devices, or take --devices cpu",
            busy.join("; ")
        )));
    }
    let left_out = |line: &String| format!("{line}: left out; --share-devices would share it");
    warnings.extend(busy.iter().map(left_out));
    Ok(LeasedDevices { devices: usable, warnings, _leases: leases })
}

fn no_lease(what: &str, path: &Path, error: &io::Error) -> String {
    format!(
        "no lease on {what}, since {} cannot be used ({error}): another sweep could use it at the same time",
        path.display()
    )
}

/// What identifies the GPU on this machine, as a file's name: its UUID, else its name in CUDA.
fn file_name(device: &Device, uuid: Option<String>) -> String {
    let visible = device.environment.iter().find(|(name, _)| name == "CUDA_VISIBLE_DEVICES");
    let entry = visible.map_or(device.name.as_str(), |(_, entry)| entry.as_str());
    // A slice of a GPU has a UUID of its own, while the driver gives that of the whole GPU.
    let whole = uuid.filter(|_| !entry.starts_with("MIG-"));
    let id = whole.unwrap_or_else(|| format!("cuda-{entry}"));
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// Makes a folder in which every user may make files, and remove only those of their own.
fn shared_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        // Set afterwards, since the user's umask limits the mode of a new folder.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o1777)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a file that every user may open, and makes it where it is absent.
fn open_shared(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Another user could put a link here, through which this process would write somewhere else.
    options.write(true).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    loop {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        // Not in one step: in such a folder Linux can forbid opening another user's file with O_CREAT.
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

/// A description of this sweep, for users who find the GPU in use.
fn holder(experiment: &str) -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = set("USER").or_else(|| set("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()));
    format!("sweep `{experiment}` of {user}, process {}, since {}", std::process::id(), clock::now())
}

/// What the holder of a lease has written into its file: one line without control characters, whoever wrote it.
fn holder_of(path: &Path) -> String {
    let mut bytes = vec![];
    let _ = File::open(path).and_then(|file| file.take(400).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let line: String = text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    if line.is_empty() { "another sweep".into() } else { line }
}

#[cfg(test)]
#[path = "device_lease_tests.rs"]
mod tests;
