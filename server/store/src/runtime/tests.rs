//! Installs from archives made here, with pins made for them. Invariant: no test reaches the network or the user's home.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::pins::PinnedFile;
use crate::platform::{Arch, Os};

const LINUX: Platform = Platform { os: Os::Linux, arch: Arch::X86_64 };
const WINDOWS: Platform = Platform { os: Os::Windows, arch: Arch::X86_64 };
const WHEEL: &str = "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl";
const TGZ: &str = "onnxruntime-node-1.30.0.tgz";
const WHEEL_MEMBER: &str = "onnxruntime/capi/libonnxruntime.so.1.31.1";
const TGZ_MEMBER: &str = "package/bin/linux/x64/libonnxruntime.so.1";

/// Bytes that look like a Linux library for a processor (0x3e is x86_64, 0xb7 arm64).
fn elf(machine: u8, content: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    bytes[18] = machine;
    bytes.extend(content.as_bytes());
    bytes
}

fn pe(content: &str) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x84..0x86].copy_from_slice(&0x8664_u16.to_le_bytes());
    bytes.extend(content.as_bytes());
    bytes
}

fn zip_of(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tgz_of(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn sha256(content: &[u8]) -> &'static str {
    let mut content = content;
    Box::leak(digest::copy(&mut content, &mut std::io::sink(), &mut |_| {}).unwrap().sha256.into_boxed_str())
}

fn pinned(member: &'static str, content: &[u8]) -> PinnedFile {
    PinnedFile { member, sha256: sha256(content) }
}

/// The published files of a small world: a wheel and an npm package for Linux, the latter for Windows too.
struct World {
    wheel: Vec<u8>,
    tgz: Vec<u8>,
    pins: &'static [Pin],
}

fn world() -> World {
    let (in_wheel, in_tgz) = (elf(0x3e, "wheel"), elf(0x3e, "npm"));
    let (dll, direct_ml) = (pe("dll"), pe("DirectML"));
    let wheel = zip_of(&[("onnxruntime/__init__.py", b"x = 1".to_vec()), (WHEEL_MEMBER, in_wheel.clone())]);
    let tgz = tgz_of(&[
        ("package/package.json", b"{}".to_vec()),
        (TGZ_MEMBER, in_tgz.clone()),
        ("package/bin/win32/x64/onnxruntime.dll", dll.clone()),
        ("package/bin/win32/x64/DirectML.dll", direct_ml.clone()),
    ]);
    let npm = Pin {
        platform: LINUX,
        client: Client::Npm,
        version: "1.30.0",
        archive: TGZ,
        archive_sha256: sha256(&tgz),
        archive_size: tgz.len() as u64,
        library: pinned(TGZ_MEMBER, &in_tgz),
        companions: &[],
    };
    let pins = vec![
        Pin {
            platform: LINUX,
            client: Client::Pip { platform_tags: &["manylinux_2_28_x86_64"] },
            version: "1.31.1",
            archive: WHEEL,
            archive_sha256: sha256(&wheel),
            archive_size: wheel.len() as u64,
            library: pinned(WHEEL_MEMBER, &in_wheel),
            companions: &[],
        },
        npm,
        Pin {
            platform: WINDOWS,
            library: pinned("package/bin/win32/x64/onnxruntime.dll", &dll),
            companions: vec![pinned("package/bin/win32/x64/DirectML.dll", &direct_ml)].leak(),
            ..npm
        },
    ];
    World { wheel, tgz, pins: pins.leak() }
}

/// A package client that hands out prepared answers: bytes, or why not.
#[derive(Clone, Default)]
struct Shelf {
    pip: Option<Result<Vec<u8>, String>>,
    npm: Option<Result<Vec<u8>, String>>,
    n_fetched: Arc<AtomicUsize>,
}

impl Fetch for Shelf {
    fn fetch(
        &self,
        pin: &Pin,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, FetchFailure> {
        let answer = match pin.client {
            Client::Pip { .. } => &self.pip,
            Client::Npm => &self.npm,
        };
        match answer {
            None => Err(FetchFailure::Absent(format!("{:?}: not found", pin.client))),
            Some(Err(reason)) => Err(FetchFailure::Failed(reason.clone())),
            Some(Ok(content)) => {
                self.n_fetched.fetch_add(1, Ordering::Relaxed);
                progress(Progress::bytes(content.len() as u64, pin.archive_size));
                let path = folder.join(pin.archive);
                fs::write(&path, content).unwrap();
                Ok(path)
            }
        }
    }
}

fn store(home: &TempDir, pins: &'static [Pin], shelf: &Shelf) -> RuntimeStore {
    RuntimeStore {
        pins,
        platform: Some(LINUX),
        fetch: Box::new(shelf.clone()),
        ..RuntimeStore::at(&Home::at(home.path()))
    }
}

/// Everything below the runtime folder but the lock, sorted.
fn files_of(home: &TempDir) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.path().join("runtime")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(home.path().join("runtime"))
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push(name);
            }
        }
    }
    found.retain(|name| name != ".lock");
    found.sort();
    found
}

fn quiet() -> impl FnMut(Progress) {
    |_| {}
}

#[test]
fn the_wheel_is_installed_once_and_found_again() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let shelf = Shelf { pip: Some(Ok(world.wheel.clone())), ..Shelf::default() };
    let runtime = store(&home, world.pins, &shelf);
    assert_eq!(runtime.find(), None);
    assert!(matches!(runtime.verify(), Err(StoreError::NoRuntime { .. })));
    let mut reports = Vec::new();
    let path = runtime.ensure(&mut |report| reports.push(report)).unwrap();
    assert_eq!(path, home.path().join("runtime/onnxruntime-1.31.1/libonnxruntime.so.1.31.1"));
    assert_eq!(fs::read(&path).unwrap(), elf(0x3e, "wheel"));
    assert!(reports.iter().any(|report| matches!(report, Progress::Step { what } if what.contains("pip"))));
    assert!(reports.iter().any(|report| matches!(report, Progress::Bytes { done, total } if done == total)));

    assert_eq!(runtime.ensure(&mut |_| panic!("nothing is left to do")).unwrap(), path);
    assert_eq!(shelf.n_fetched.load(Ordering::Relaxed), 1);
    let installed = runtime.verify().unwrap();
    assert_eq!((installed.version.as_deref(), installed.pinned), (Some("1.31.1"), true));
    assert_eq!(installed.source, WHEEL);
    assert_eq!(files_of(&home), ["installed.json", "onnxruntime-1.31.1/libonnxruntime.so.1.31.1"]);
}

#[test]
fn npm_is_asked_when_pip_is_missing_or_fails() {
    let world = world();
    for pip in [None, Some(Err("no route to host".to_owned()))] {
        let home = TempDir::new().unwrap();
        let shelf = Shelf { pip, npm: Some(Ok(world.tgz.clone())), ..Shelf::default() };
        let installed = store(&home, world.pins, &shelf).install(&mut quiet()).unwrap();
        assert_eq!(installed.path, home.path().join("runtime/onnxruntime-1.30.0/libonnxruntime.so.1"));
        assert_eq!(fs::read(installed.path).unwrap(), elf(0x3e, "npm"));
    }
}

#[test]
fn what_the_library_loads_is_installed_beside_it() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let shelf = Shelf { npm: Some(Ok(world.tgz)), ..Shelf::default() };
    let runtime = RuntimeStore { platform: Some(WINDOWS), ..store(&home, world.pins, &shelf) };
    runtime.install(&mut quiet()).unwrap();
    let expected =
        ["installed.json", "onnxruntime-1.30.0/DirectML.dll", "onnxruntime-1.30.0/onnxruntime.dll"];
    assert_eq!(files_of(&home), expected);
}

#[test]
fn every_failure_names_its_cause_and_a_remedy_and_leaves_nothing_behind() {
    let world = world();
    let mut damaged = world.wheel.clone();
    damaged[40] ^= 1;
    let failed = |reason: &str| Some(Err(reason.to_owned()));
    let cases = [
        (
            Shelf::default(),
            vec!["neither pip nor npm", "Install python3 with pip, or npm", WHEEL, "fimble setup --from"],
        ),
        (
            Shelf { pip: failed("proxy says no"), ..Shelf::default() },
            vec!["proxy says no", "fimble setup --from", WHEEL],
        ),
        (Shelf { npm: failed("ENOSPC"), ..Shelf::default() }, vec!["ENOSPC", "Pip", "not found"]),
        (
            Shelf { pip: Some(Ok(damaged)), npm: Some(Ok(world.tgz.clone())), ..Shelf::default() },
            vec!["checksum", WHEEL, "expected SHA-256", "got", "was not installed"],
        ),
    ];
    for (shelf, parts) in cases {
        let home = TempDir::new().unwrap();
        let runtime = store(&home, world.pins, &shelf);
        let message = runtime.ensure(&mut quiet()).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        assert_eq!(files_of(&home), [""; 0]);
        assert_eq!(runtime.find(), None);
    }
}

#[test]
fn a_wrong_library_in_a_right_archive_is_refused() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let mut pins = world.pins.to_vec();
    pins[0].library.sha256 = sha256(b"another");
    let shelf = Shelf { pip: Some(Ok(world.wheel)), ..Shelf::default() };
    let error = store(&home, pins.leak(), &shelf).install(&mut quiet()).unwrap_err();
    assert!(
        matches!(&error, StoreError::Checksum { file, .. } if file.contains("libonnxruntime.so.1.31.1")),
        "{error}"
    );
    assert_eq!(files_of(&home), [""; 0]);
}

#[test]
fn an_unsupported_platform_is_told_what_to_do() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let intel_mac = Platform { os: Os::Darwin, arch: Arch::X86_64 };
    for platform in [Some(intel_mac), None] {
        let runtime = RuntimeStore { platform, ..store(&home, world.pins, &Shelf::default()) };
        let message = runtime.ensure(&mut quiet()).unwrap_err().to_string();
        assert!(message.contains("no pinned ONNX Runtime") && message.contains("setup --from"), "{message}");
    }
}

#[test]
fn half_an_installation_is_not_taken_for_one_and_is_mended() {
    let world = world();
    let shelf = Shelf { pip: Some(Ok(world.wheel.clone())), ..Shelf::default() };
    let library = "runtime/onnxruntime-1.31.1/libonnxruntime.so.1.31.1";
    let record = "runtime/installed.json";
    // As written by another machine that shares the home; everything else is right.
    let foreign = format!(
        r#"{{"platform":"macOS arm64","library":"onnxruntime-1.31.1/libonnxruntime.so.1.31.1","size":{},"sha256":"","version":null,"source":"","pinned":true}}"#,
        elf(0x3e, "wheel").len()
    );
    // What each case leaves of an installation: a file, and its content or none.
    let cases: [(&str, Option<&str>); 6] = [
        (library, None),
        (library, Some("\x7fELF cut")),
        (record, None),
        (record, Some("{\"libr")),
        (record, Some(foreign.as_str())),
        ("runtime/.staging/1-0/libonnxruntime.so.1.31.1", Some("half")),
    ];
    for (file, content) in cases {
        let home = TempDir::new().unwrap();
        let runtime = store(&home, world.pins, &shelf);
        let path = runtime.ensure(&mut quiet()).unwrap();
        let touched = home.path().join(file);
        match content {
            Some(content) => {
                fs::create_dir_all(touched.parent().unwrap()).unwrap();
                fs::write(&touched, content).unwrap();
            }
            None => fs::remove_file(&touched).unwrap(),
        }
        assert_eq!(runtime.find().is_some(), file.contains(".staging"), "{file}");
        runtime.install(&mut quiet()).unwrap();
        assert_eq!(runtime.find().unwrap().path, path);
        assert_eq!(fs::read(&path).unwrap(), elf(0x3e, "wheel"));
        assert_eq!(files_of(&home), ["installed.json", "onnxruntime-1.31.1/libonnxruntime.so.1.31.1"]);
    }
}

#[test]
fn a_changed_library_of_the_same_size_is_found_by_its_checksum() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let shelf = Shelf { pip: Some(Ok(world.wheel)), ..Shelf::default() };
    let runtime = store(&home, world.pins, &shelf);
    let path = runtime.ensure(&mut quiet()).unwrap();
    fs::write(path, elf(0x3e, "whee1")).unwrap();
    assert!(runtime.find().is_some());
    assert!(matches!(runtime.verify(), Err(StoreError::Checksum { .. })));
}

#[test]
fn many_at_once_install_once() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let shelf = Shelf { pip: Some(Ok(world.wheel)), ..Shelf::default() };
    let paths = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let path = store(&home, world.pins, &shelf).ensure(&mut quiet()).unwrap();
                assert_eq!(fs::read(&path).unwrap(), elf(0x3e, "wheel"));
                paths.lock().unwrap().push(path);
            });
        }
    });
    let paths = paths.into_inner().unwrap();
    assert!(paths.len() == 8 && paths.iter().all(|path| *path == paths[0]));
    assert_eq!(shelf.n_fetched.load(Ordering::Relaxed), 1);
}

#[test]
fn a_library_named_by_the_environment_wins_and_must_exist() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let mine = home.path().join("mine.so");
    let runtime = RuntimeStore {
        named: Some((VARIABLES[0], mine.clone())),
        ..store(&home, world.pins, &Shelf::default())
    };
    assert_eq!(runtime.find(), None);
    let message = runtime.ensure(&mut quiet()).unwrap_err().to_string();
    assert!(message.contains("FIMBLE_ONNXRUNTIME") && message.contains("mine.so"), "{message}");
    fs::write(&mine, "x").unwrap();
    assert_eq!(runtime.ensure(&mut quiet()).unwrap(), mine);
    assert_eq!(runtime.find().unwrap().origin, Origin::Environment("FIMBLE_ONNXRUNTIME"));
}

/// Writes files under a fresh folder.
fn folder_with(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(content).unwrap();
    }
    folder
}

#[test]
fn from_takes_what_fits_this_machine_out_of_a_folder() {
    let world = world();
    let library = |content: &str| elf(0x3e, content);
    let release = |content: &str| {
        tgz_of(&[
            ("onnxruntime-linux-x64-1.24.2/include/onnxruntime_c_api.h", b"h".to_vec()),
            ("onnxruntime-linux-x64-1.24.2/lib/libonnxruntime.so.1.24.2", library(content)),
            ("onnxruntime-linux-x64-1.24.2/lib/libonnxruntime_providers_shared.so", library("shared")),
        ])
    };
    let arm = zip_of(&[(WHEEL_MEMBER, elf(0xb7, "arm"))]);
    // Files of the folder; what is found: version, pinned, content.
    type Case = (Vec<(&'static str, Vec<u8>)>, Option<&'static str>, bool, Vec<u8>);
    let cases: Vec<Case> = vec![
        (vec![(WHEEL, world.wheel.clone())], Some("1.31.1"), true, library("wheel")),
        (
            vec![("deep/down/here/x", vec![]), ("deep/down/here/z.tgz", vec![]), (TGZ, world.tgz.clone())],
            Some("1.30.0"),
            true,
            library("npm"),
        ),
        (
            vec![(TGZ, world.tgz.clone()), (WHEEL, world.wheel.clone())],
            Some("1.31.1"),
            true,
            library("wheel"),
        ),
        (vec![("onnxruntime-linux-x64-1.24.2.tgz", release("r"))], Some("1.24.2"), false, library("r")),
        // The newest release counts, and one for another machine does not.
        (
            vec![
                ("onnxruntime-1.99.0-manylinux_aarch64.whl", arm.clone()),
                ("onnxruntime-linux-x64-1.24.2.tgz", release("r")),
                ("onnxruntime-linux-x64-1.23.0.tgz", release("old")),
            ],
            Some("1.24.2"),
            false,
            library("r"),
        ),
        // An archive that is cut short does not hide a good one.
        (
            vec![
                ("onnxruntime-1.50.0.whl", world.wheel[..60].to_vec()),
                ("onnxruntime-1.40.0.zip", zip_of(&[("l/libonnxruntime.so", library("z"))])),
            ],
            Some("1.40.0"),
            false,
            library("z"),
        ),
        // An unpacked release, and a library whose version stands only inside.
        (
            vec![
                ("r/lib/libonnxruntime.so.1.25.0", library("u")),
                ("r/lib/libonnxruntime.so.1", library("u")),
            ],
            Some("1.25.0"),
            false,
            library("u"),
        ),
        (
            vec![("libonnxruntime.so", library("\0VERS_1.26.0\0"))],
            Some("1.26.0"),
            false,
            library("\0VERS_1.26.0\0"),
        ),
        (vec![("libonnxruntime.so", library("no version"))], None, false, library("no version")),
        // A renamed wheel still holds the pinned library.
        (vec![("my-onnxruntime.zip", world.wheel.clone())], Some("1.31.1"), true, library("wheel")),
    ];
    for (files, version, pinned, content) in cases {
        let (home, folder) = (TempDir::new().unwrap(), folder_with(&files));
        let runtime = store(&home, world.pins, &Shelf::default());
        let installed = runtime.install_from(folder.path(), &mut quiet()).unwrap();
        assert_eq!((installed.version.as_deref(), installed.pinned), (version, pinned), "{installed:?}");
        assert_eq!(fs::read(&installed.path).unwrap(), content);
        assert_eq!(runtime.find().unwrap().path, installed.path);
        assert_eq!(runtime.verify().unwrap(), installed);
        for (name, content) in files {
            assert_eq!(fs::read(folder.path().join(name)).unwrap(), content, "the user's file changed");
        }
    }
}

#[test]
fn from_takes_a_single_file_and_the_providers_beside_it() {
    let world = world();
    let folder = folder_with(&[
        ("gpu/libonnxruntime.so.1.31.0", elf(0x3e, "gpu")),
        ("gpu/libonnxruntime_providers_cuda.so", elf(0x3e, "cuda")),
        ("gpu/notes.txt", b"not for us".to_vec()),
    ]);
    let home = TempDir::new().unwrap();
    let runtime = store(&home, world.pins, &Shelf::default());
    runtime.install_from(&folder.path().join("gpu/libonnxruntime.so.1.31.0"), &mut quiet()).unwrap();
    let expected = [
        "installed.json",
        "onnxruntime-1.31.0/libonnxruntime.so.1.31.0",
        "onnxruntime-1.31.0/libonnxruntime_providers_cuda.so",
    ];
    assert_eq!(files_of(&home), expected);
}

#[test]
fn from_says_what_it_looked_at_when_nothing_fits() {
    let world = world();
    // Files of the folder; the one that is named, or none for the folder; what the message says.
    type Case = (Vec<(&'static str, Vec<u8>)>, &'static str, &'static [&'static str]);
    let cases: [Case; 7] = [
        (
            vec![("readme.txt", b"x".to_vec())],
            "",
            &["no ONNX Runtime for Linux x86_64", WHEEL, "release archive"],
        ),
        (
            vec![("onnxruntime-1.0.zip", zip_of(&[("a/onnxruntime.dll", pe("d"))]))],
            "",
            &["without a library for Linux x86_64"],
        ),
        (
            vec![("libonnxruntime.so.1.31.1", elf(0xb7, "a"))],
            "",
            &["libonnxruntime.so.1.31.1 is built for Linux arm64"],
        ),
        (vec![("libonnxruntime.so.1.21.9", elf(0x3e, "a"))], "", &["too old: 1.21.9", "1.22 is the oldest"]),
        (vec![], "nowhere.whl", &["no file or folder", "nowhere.whl", "Check the path"]),
        (vec![("x.bin", b"x".to_vec())], "x.bin", &["neither an archive nor the library"]),
        (vec![("x.whl", b"x".to_vec())], "x.whl", &["x.whl cannot be read", "Get the file again"]),
    ];
    for (files, file, parts) in cases {
        let (home, folder) = (TempDir::new().unwrap(), folder_with(&files));
        let runtime = store(&home, world.pins, &Shelf::default());
        let given = if file.is_empty() { folder.path().to_owned() } else { folder.path().join(file) };
        let message = runtime.install_from(&given, &mut quiet()).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        assert_eq!(files_of(&home), [""; 0]);
    }
}

#[test]
fn from_refuses_a_library_that_was_cut_off_and_an_archive_without_a_bound() {
    let world = world();
    // One segment that ends at byte 5,000.
    let library = |bytes: usize| {
        let mut library = elf(0x3e, "");
        for (at, value) in [(0x20, 64), (0x36, 56), (0x38, 1)] {
            library[at] = value;
        }
        library.extend([0; 56]);
        library[64] = 1;
        library[64 + 8..64 + 16].copy_from_slice(&1000_u64.to_le_bytes());
        library[64 + 32..64 + 40].copy_from_slice(&4000_u64.to_le_bytes());
        library.resize(5000, 1);
        library.truncate(bytes);
        library
    };
    let huge = |name: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(3 << 30);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        let mut gz = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(header.as_bytes()).unwrap();
        gz.finish().unwrap()
    };
    let in_wheel = |bytes| zip_of(&[(WHEEL_MEMBER, library(bytes))]);
    let cases: [(&str, Vec<u8>, Option<&str>); 7] = [
        ("libonnxruntime.so.1.31.1", library(5000), None),
        ("libonnxruntime.so.1.31.1", library(4999), Some("cut off")),
        ("libonnxruntime.so.1.31.1", library(70), Some("cut off")),
        ("libonnxruntime.so.1.31.1", library(40), Some("cut off")),
        ("onnxruntime-linux-x64-1.31.1.whl", in_wheel(5000), None),
        ("onnxruntime-linux-x64-1.31.1.whl", in_wheel(3000), Some("cut off")),
        ("onnxruntime-linux-x64-1.31.1.tgz", huge("lib/libonnxruntime.so.1.31.1"), Some("are unpacked")),
    ];
    for (name, content, expected) in cases {
        let (home, folder) = (TempDir::new().unwrap(), folder_with(&[(name, content)]));
        let runtime = store(&home, world.pins, &Shelf::default());
        let result =
            runtime.install_from(folder.path(), &mut quiet()).map(|_| ()).map_err(|error| error.to_string());
        match expected {
            None => assert_eq!(result, Ok(()), "{name}"),
            Some(part) => {
                assert!(result.as_ref().is_err_and(|error| error.contains(part)), "{name}: {result:?}")
            }
        }
    }
}

#[test]
fn from_refuses_a_damaged_pinned_archive_and_keeps_what_is_installed() {
    let (home, world) = (TempDir::new().unwrap(), world());
    let shelf = Shelf { pip: Some(Ok(world.wheel.clone())), ..Shelf::default() };
    let runtime = store(&home, world.pins, &shelf);
    let before = runtime.ensure(&mut quiet()).unwrap();
    let mut damaged = world.wheel.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let folder = folder_with(&[(WHEEL, damaged), (TGZ, world.tgz)]);
    let error = runtime.install_from(folder.path(), &mut quiet()).unwrap_err();
    assert!(matches!(error, StoreError::Checksum { .. }), "{error}");
    assert!(folder.path().join(WHEEL).exists());
    assert_eq!(runtime.find().unwrap().path, before);
}
