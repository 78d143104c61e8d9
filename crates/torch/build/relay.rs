// The build script of every crate that depends on crates/torch: links its programs and tests with the arguments that
// `link.rs` exports.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let arguments = std::env::var("DEP_SCOUR_TORCH_LINK_ARGS").unwrap_or_default();
    if arguments.is_empty() {
        println!("cargo::warning=crates/torch exports no link arguments: programs will need LD_LIBRARY_PATH");
    }
    for argument in arguments.split('\t').filter(|argument| !argument.is_empty()) {
        println!("cargo::rustc-link-arg={argument}");
    }
}
