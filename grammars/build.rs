//! Compiles the few lines of C that leave a parse: `setjmp` cannot be called from Rust.

fn main() {
    println!("cargo:rerun-if-changed=src/leave.c");
    cc::Build::new().file("src/leave.c").compile("fimble_leave");
}
