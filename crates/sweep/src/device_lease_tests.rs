use super::*;
use crate::parse_devices;

fn lease(folder: &Path, text: &str) -> Result<LeasedDevices, SweepError> {
    let devices = parse_devices(text, None, 2).unwrap();
    lease_in(folder, devices, text == "auto", "mine", |device| Some(format!("GPU-{}", device.name)))
}

fn names(leased: &LeasedDevices) -> Vec<&str> {
    leased.devices.iter().map(|device| device.name.as_str()).collect()
}

fn refused(folder: &Path, text: &str) -> String {
    let message = lease(folder, text).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn a_named_gpu_in_use_is_an_error_that_names_its_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let first = lease(dir.path(), "cuda:1").unwrap();
    assert_eq!((names(&first), first.warnings.len()), (vec!["cuda:1"], 0));
    let message = refused(dir.path(), "cuda:0,cuda:1");
    let process = format!("process {}, since 2", std::process::id());
    for part in ["cuda:1 is in use by sweep `mine` of ", process.as_str(), "--share-devices"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("cuda:0 is"), "{message}");
    let other = lease(dir.path(), "cuda:0").unwrap();
    drop(first);
    assert_eq!(names(&lease(dir.path(), "cuda:1,cpu").unwrap()), ["cuda:1", "cpu"]);
    assert!(lease(dir.path(), "cuda:0").is_err());
    drop(other);
    assert!(lease(dir.path(), "cuda:0").is_ok());
}

#[test]
fn auto_leaves_out_what_is_in_use_until_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let first = lease(dir.path(), "cuda:0").unwrap();
    let second = lease(dir.path(), "auto").unwrap();
    assert_eq!((names(&second), second.warnings.len()), (vec!["cuda:1"], 1));
    assert!(second.warnings[0].starts_with("cuda:0 is in use by sweep `mine` of "), "{}", second.warnings[0]);
    assert!(second.warnings[0].contains("left out"), "{}", second.warnings[0]);
    let message = refused(dir.path(), "auto");
    for part in ["no GPU is free: cuda:0 is", "; cuda:1 is", "--share-devices", "--devices cpu"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    drop((first, second));
    assert_eq!(names(&lease(dir.path(), "auto").unwrap()), ["cuda:0", "cuda:1"]);
}

#[test]
fn a_cpu_takes_no_lease_and_shared_devices_take_none() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    let leased = lease(&folder, "cpu").unwrap();
    assert_eq!((names(&leased), folder.exists()), (vec!["cpu"], false));
    let _held = lease(&folder, "cuda:0").unwrap();
    let shared = LeasedDevices::shared(parse_devices("cuda:0", None, 1).unwrap());
    assert_eq!((names(&shared), shared.warnings.len()), (vec!["cuda:0"], 0));
}

#[test]
fn folder_and_files_are_for_all_users() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    let _held = lease(&folder, "cuda:0").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder), 0o1777);
    assert_eq!(mode(&folder.join("GPU-cuda_0")), 0o666);
}

#[test]
fn what_a_killed_sweep_left_is_free_and_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("GPU-cuda_0");
    // Longer than the text that replaces it.
    fs::write(&path, "sweep `old` of nobody".repeat(9)).unwrap();
    let held = lease(dir.path(), "cuda:0").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("sweep `mine` of ") && text.ends_with('Z'), "{text}");
    // Whatever the file holds is shown as one line without control characters.
    fs::write(&path, "a\u{1b}[2Jb\nc").unwrap();
    assert!(refused(dir.path(), "cuda:0").starts_with("cuda:0 is in use by a[2Jb. "));
    fs::write(&path, "").unwrap();
    assert!(refused(dir.path(), "cuda:0").starts_with("cuda:0 is in use by another sweep. "));
    drop(held);
    assert!(!path.exists());
}

#[test]
fn without_a_folder_for_leases_the_sweep_goes_on_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for folder in [file.join(FOLDER), file.clone()] {
        let leased = lease(&folder, "cuda:0").unwrap();
        assert_eq!((names(&leased), leased.warnings.len()), (vec!["cuda:0"], 1));
        let line = &leased.warnings[0];
        assert!(line.starts_with("no lease on ") && line.contains("at the same time"), "{line}");
    }
    // A link is not followed.
    let aim = dir.path().join("aim");
    fs::write(&aim, "untouched").unwrap();
    std::os::unix::fs::symlink(&aim, dir.path().join("GPU-cuda_0")).unwrap();
    assert_eq!(lease(dir.path(), "cuda:0").unwrap().warnings.len(), 1);
    assert_eq!(fs::read_to_string(&aim).unwrap(), "untouched");
}

#[test]
fn a_gpu_is_identified_by_its_uuid_or_else_by_its_name_in_cuda() {
    let of = |visible: Option<&str>, uuid: Option<&str>| {
        let devices = parse_devices("cuda:0", visible, 1).unwrap();
        file_name(&devices[0], uuid.map(String::from))
    };
    assert_eq!(of(None, Some("GPU-1a-2b")), "GPU-1a-2b");
    assert_eq!(of(Some("3"), Some("GPU-1a-2b")), "GPU-1a-2b");
    assert_eq!((of(None, None), of(Some("3"), None)), ("cuda-0".into(), "cuda-3".into()));
    assert_eq!(of(Some("MIG-7"), Some("GPU-1a-2b")), "cuda-MIG-7");
    assert_eq!(of(Some("../x"), None), "cuda-___x");
}
