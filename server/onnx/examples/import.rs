//! Imports a GGUF file into a folder.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example")]
use fimble_onnx::import::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let precision = match a.get(3).map(String::as_str) {
        Some("int8") => Precision::Int8,
        Some("int4") => Precision::Int4,
        _ => Precision::Exact,
    };
    let layout = if a.get(4).is_some_and(|l| l == "standard") { Layout::Standard } else { Layout::Packed };
    let options = ImportOptions { precision, layout };
    let folder = std::path::Path::new(&a[2]);
    std::fs::create_dir_all(folder).unwrap();
    let started = std::time::Instant::now();
    println!("{:?}", estimate_bytes(std::path::Path::new(&a[1]), &options));
    match import(std::path::Path::new(&a[1]), folder, &options, &mut |_, _| {}) {
        Ok(r) => println!("{r:?}"),
        Err(e) => println!("error: {e}"),
    }
    println!("{:?}", started.elapsed());
}
