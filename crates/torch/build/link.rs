//! The link arguments of programs that use libtorch. This crate's build script computes them once and passes them to the
//! build scripts of the dependent crates (`relay.rs`), since cargo does not apply link arguments to dependent crates.
//!
//! - The rpath, so that programs find libtorch without LD_LIBRARY_PATH. It is the path that torch-sys reports, usually the
//!   link `.libtorch`, so that programs still run after libtorch is installed again.
//! - `libtorch_cuda`, which registers itself when it is loaded. No symbol refers to it, so that the linker would drop it.
//!   The small install has this file without CUDA's libraries, and a program linked to it would not start.

use std::path::Path;
use std::process::Command;

/// Links this crate's tests with libtorch's libraries in the folder `lib`, and exports the arguments to dependent crates.
pub(crate) fn export(lib: &Path) {
    let cuda = lib.join("libtorch_cuda.so");
    println!("cargo::rerun-if-changed={}", lib.join("libtorch_cpu.so").display());
    // CUDA's libraries can be installed without a change of libtorch's files; `cargo xtask setup` then rewrites this
    // record.
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.libtorch.txt");
    if record.exists() {
        println!("cargo::rerun-if-changed={}", record.display());
    }
    let mut arguments = vec![format!("-Wl,-rpath,{}", lib.display())];
    if cuda.exists() && finds_its_libraries(&cuda) {
        // push-state and pop-state restrict `--no-as-needed` to this library.
        arguments.push(format!("-L{}", lib.display()));
        arguments
            .extend(["-Wl,--push-state,--no-as-needed", "-ltorch_cuda", "-Wl,--pop-state"].map(String::from));
    }
    for argument in &arguments {
        println!("cargo::rustc-link-arg={argument}");
    }
    println!("cargo::metadata=link_args={}", arguments.join("\t"));
}

/// Whether the dynamic linker finds every library that this one needs. Without `ldd` the answer is no: a program for CPUs
/// only is better than one that does not start.
fn finds_its_libraries(library: &Path) -> bool {
    let output = Command::new("ldd").arg(library).output();
    output.is_ok_and(|output| {
        output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("not found")
    })
}
