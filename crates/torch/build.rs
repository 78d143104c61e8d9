//! Compiles the C++ shim against the libtorch that torch-sys found.

#[path = "build/link.rs"]
mod link;
#[path = "build/versions.rs"]
mod versions;

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=src/shim.cpp");
    let lib = PathBuf::from(
        std::env::var_os("DEP_TCH_LIBTORCH_LIB").expect("torch-sys names the folder of libtorch's libraries"),
    );
    link::export(&lib);
    versions::export();
    let include = lib.with_file_name("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .pic(true)
        .opt_level(2)
        // With the debug information that the workspace asks for, compiling this file takes three times as long.
        .debug(false)
        .warnings(false)
        .flag_if_supported("-D_GLIBCXX_USE_CXX11_ABI=1")
        .include(include.join("torch/csrc/api/include"))
        .include(&include)
        .file("src/shim.cpp")
        .compile("scour_shim");
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
}
