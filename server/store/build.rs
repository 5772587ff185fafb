//! Lists the files of the bundled model for `src/bundled.rs`. Invariant: this is the only place that names them, and a
//! missing or unfetched file stops the build with what to do.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of `models/default` that the program needs.
const FILES: [&str; 5] =
    ["model.onnx", "model.onnx.data", "tokenizer.json", "tokenizer_config.json", "genai_config.json"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var_os(name).expect("cargo sets it for build scripts");
    let mut source = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    if env::var_os("CARGO_FEATURE_BUNDLED_MODEL").is_some() {
        let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../../models/default");
        for name in FILES {
            let path = folder.join(name);
            println!("cargo::rerun-if-changed={}", path.display());
            if let Some(fault) = fault(&path) {
                println!(
                    "cargo::error=models/default/{name} {fault}. The feature `bundled-model` embeds it in the program: restore \
                     it from the repository (`git checkout -- models/default`), or build with `--no-default-features`"
                );
            }
            writeln!(source, "    ({name:?}, include_bytes!({path:?})),").expect("a string takes everything");
        }
    }
    source.push_str("];\n");
    fs::write(Path::new(&variable("OUT_DIR")).join("bundled_files.rs"), source)
        .expect("the build folder can be written");
}

/// The problem with a file of the model.
fn fault(path: &Path) -> Option<&'static str> {
    match fs::read(path) {
        Err(_) => Some("is missing"),
        Ok(content) if content.is_empty() => Some("is empty"),
        Ok(content) if content.starts_with(b"version https://git-lfs") => {
            Some("is a Git LFS pointer, not the file itself")
        }
        Ok(_) => None,
    }
}
