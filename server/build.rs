//! Finds out which tools the proofs of tests/privacy.rs can have here, so that a proof which cannot run is reported as ignored,
//! with the reason. Invariant: nothing of the program depends on it.

use std::process::{Command, Stdio};

/// The tools, by the name of the condition that says they run.
const TOOLS: &[(&str, &[&str])] = &[
    ("runs_strace", &["strace", "-V"]),
    ("runs_without_network", &["unshare", "-rn", "true"]),
    ("runs_with_own_mounts", &["unshare", "-rm", "true"]),
];

fn main() {
    println!("cargo::rerun-if-changed=server/build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    for (condition, tool) in TOOLS {
        println!("cargo::rustc-check-cfg=cfg({condition})");
        let mut command = Command::new(tool[0]);
        command.args(&tool[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            println!("cargo::rustc-cfg={condition}");
        }
    }
}
