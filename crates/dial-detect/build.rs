//! Rebuilds the crate when a rule is added or removed: `include_dir!` alone sees only changes.

fn main() {
    println!("cargo::rerun-if-changed=rules");
}
