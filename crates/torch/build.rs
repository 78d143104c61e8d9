//! Compiles the C++ shim against the libtorch that torch-sys found.

#[path = "build/link.rs"]
mod link;

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=src/shim.cpp");
    let lib = PathBuf::from(
        std::env::var_os("DEP_TCH_LIBTORCH_LIB").expect("torch-sys names the folder of libtorch's libraries"),
    );
    link::export(&lib);
    let include = lib.with_file_name("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .pic(true)
        .opt_level(2)
        // The workspace's own line tables for Rust would have the compiler write three times as long here.
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
