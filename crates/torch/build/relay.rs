// The build script of every crate above crates/torch: links its programs and tests as `link.rs` worked out.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let arguments = std::env::var("DEP_SCOUR_TORCH_LINK_ARGS").unwrap_or_default();
    if arguments.is_empty() {
        println!("cargo::warning=crates/torch names no link arguments: programs will need LD_LIBRARY_PATH");
    }
    for argument in arguments.split('\t').filter(|argument| !argument.is_empty()) {
        println!("cargo::rustc-link-arg={argument}");
    }
}
