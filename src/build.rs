//! Says in one line that the program does not build here, where otherwise a hundred errors would.

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if system != "linux" {
        println!(
            "cargo::error=rowmill runs only on Linux so far, not on {system}: it maps files and locks databases in Linux's own ways"
        );
    }
}
