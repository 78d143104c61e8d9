//! How a program that uses libtorch is linked: worked out once, by this crate's build script, and passed on to the
//! build scripts of the crates above (`relay.rs`), since cargo hands link arguments to nobody else.
//!
//! - The rpath, so that programs find libtorch without LD_LIBRARY_PATH. It is the path that torch-sys names,
//!   usually through the `.libtorch` link, so that programs outlast a new install of libtorch.
//! - `libtorch_cuda`, which no symbol asks for and the linker would drop: it registers itself as it is loaded.
//!   The small install carries that file without CUDA's libraries, and a program linked to it would not start.

use std::path::Path;
use std::process::Command;

/// Links this crate's own tests with libtorch's libraries in the folder `lib`, and tells the build scripts above.
pub(crate) fn export(lib: &Path) {
    let cuda = lib.join("libtorch_cuda.so");
    println!("cargo::rerun-if-changed={}", lib.join("libtorch_cpu.so").display());
    // CUDA's libraries may arrive while libtorch's own files stay: `cargo xtask setup` rewrites its note then.
    let note = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.libtorch.txt");
    if note.exists() {
        println!("cargo::rerun-if-changed={}", note.display());
    }
    let mut arguments = vec![format!("-Wl,-rpath,{}", lib.display())];
    if cuda.exists() && all_its_libraries_are_there(&cuda) {
        // After push-state come the exceptions, pop-state restores what rustc had set.
        arguments.push(format!("-L{}", lib.display()));
        arguments
            .extend(["-Wl,--push-state,--no-as-needed", "-ltorch_cuda", "-Wl,--pop-state"].map(String::from));
    }
    for argument in &arguments {
        println!("cargo::rustc-link-arg={argument}");
    }
    println!("cargo::metadata=link_args={}", arguments.join("\t"));
}

/// Whether the dynamic linker finds whatever this library needs. Where `ldd` is missing the answer is no: a program
/// for CPUs is better than one that does not start.
fn all_its_libraries_are_there(library: &Path) -> bool {
    let output = Command::new("ldd").arg(library).output();
    output.is_ok_and(|output| {
        output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("not found")
    })
}
