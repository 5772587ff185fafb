//! The real thing: the pinned package, fetched by the package client of this machine.

use std::fs;

use fimble_store::{Home, Progress, RuntimeStore};

#[cfg(any(
    all(target_os = "linux", target_env = "gnu"),
    all(target_os = "macos", target_arch = "aarch64"),
    target_os = "windows"
))]
#[test]
fn the_published_library_is_installed_with_its_pinned_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = RuntimeStore::at(&Home::at(folder.path()));
    let mut last_bytes = None;
    let path = runtime
        .ensure(&mut |report| {
            if let Progress::Bytes { done, total } = report {
                assert!(done <= total);
                last_bytes = Some((done, total));
            }
        })
        .unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 10_000_000);
    assert!(runtime.verify().unwrap().pinned);
    let (done, total) = last_bytes.unwrap();
    assert_eq!(done, total);
}
