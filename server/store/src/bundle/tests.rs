//! Bundles written and installed, and bundles that were tampered with. Invariant: whatever is wrong, nothing gets installed.

use tempfile::TempDir;

use super::*;
use crate::Home;

/// A runtime library that this machine could load by its looks, with the name that it has on this system.
fn library() -> (&'static str, Vec<u8>) {
    let is_arm = cfg!(target_arch = "aarch64");
    let (name, parts): (_, [(usize, &[u8]); 3]) = if cfg!(windows) {
        let machine: &[u8] = if is_arm { &[0x64, 0xaa] } else { &[0x64, 0x86] };
        ("onnxruntime.dll", [(0, b"MZ"), (0x3c, &[0x80]), (0x84, machine)])
    } else if cfg!(target_os = "macos") {
        let machine: &[u8] = if is_arm { &[0x0c] } else { &[0x07] };
        ("libonnxruntime.1.31.1.dylib", [(0, &[0xcf, 0xfa, 0xed, 0xfe]), (4, machine), (7, &[1])])
    } else {
        let machine: &[u8] = if is_arm { &[0xb7] } else { &[0x3e] };
        ("libonnxruntime.so.1.31.1", [(0, b"\x7fELF"), (4, &[2, 1]), (18, machine)])
    };
    let mut bytes = vec![0; 256];
    for (at, part) in parts {
        bytes[at..at + part.len()].copy_from_slice(part);
    }
    (name, bytes)
}

/// A home with a model, and a runtime library that this machine could load by its looks.
struct World {
    folder: TempDir,
    models: ModelStore,
    runtime: RuntimeStore,
}

impl World {
    fn new(with_content: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let home = Home::at(folder.path().join("home"));
        let (models, runtime) = (ModelStore::at(&home), RuntimeStore::at(&home));
        let world = Self { folder, models, runtime };
        if with_content {
            let source = world.path("coder");
            fs::create_dir_all(source.join("onnx")).unwrap();
            fs::write(source.join("onnx/model.onnx"), "graph").unwrap();
            fs::write(source.join("tokenizer.json"), "{}").unwrap();
            world.models.add(&source, None, &mut |_| {}).unwrap();
            let (name, bytes) = library();
            let library = world.path(name);
            fs::write(&library, bytes).unwrap();
            world.runtime.install_from(&library, &mut |_| {}).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self) -> PathBuf {
        let target = self.path("all.fimble");
        write(&self.models, &self.runtime, &["coder".to_owned()], &target, &mut |_| {}).unwrap();
        assert!(!self.path("all.fimble.partial").exists());
        target
    }

    fn install(&self, bundle: &Path) -> Result<Report, StoreError> {
        install(bundle, &self.models, &self.runtime, &mut |_| {})
    }

    fn is_empty(&self) -> bool {
        let models = self.models.list().unwrap().iter().filter(|model| model.path.is_some()).count();
        models == 0 && self.runtime.installed().is_none()
    }
}

#[test]
fn what_was_bundled_here_is_installed_there() {
    let here = World::new(true);
    let bundle = here.write();
    assert!(is_bundle(&bundle) && !is_bundle(&here.path("coder/tokenizer.json")));
    let there = World::new(false);
    let report = there.install(&bundle).unwrap();
    assert_eq!((report.models, report.present), (vec!["coder".to_owned()], Vec::new()));
    assert_eq!(there.models.verify("coder", &mut |_| {}).unwrap().n_files, 2);
    assert_eq!(there.runtime.verify().unwrap().sha256, here.runtime.verify().unwrap().sha256);
    assert_eq!(there.runtime.installed().unwrap().source, bundle.display().to_string());
    assert_eq!(there.install(&bundle).unwrap().present, ["coder"]);
    // Another model of the same name is not replaced.
    let other = World::new(false);
    let source = other.path("coder");
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("model.onnx"), "another").unwrap();
    fs::write(source.join("tokenizer.json"), "{}").unwrap();
    other.models.add(&source, None, &mut |_| {}).unwrap();
    assert!(matches!(other.install(&bundle), Err(StoreError::NameTaken { .. })));
    assert!(other.runtime.installed().is_none());
}

#[test]
fn a_bundle_that_was_changed_is_refused_and_nothing_is_installed() {
    let here = World::new(true);
    let good = fs::read(here.write()).unwrap();
    let at = |text: &[u8]| good.windows(text.len()).rposition(|window| window == text).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let graph = at(b"graph");
    for (bytes, expected) in [
        (changed(&|bytes| bytes[graph] ^= 1), "another checksum"),
        (changed(&|bytes| bytes.truncate(graph + 2)), "cannot be"),
        (changed(&|bytes| bytes.truncate(512)), "cannot be"),
    ] {
        let there = World::new(false);
        let path = there.path("changed");
        fs::write(&path, bytes).unwrap();
        let message = there.install(&path).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("nothing was installed"), "{message}");
        assert!(there.is_empty());
    }
}

/// A bundle with this index and these members.
fn made_up(index: &str, members: &[(&str, &[u8], tar::EntryType)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, INDEX, index.len() as u64, &mut index.as_bytes()).unwrap();
    for (path, content, kind) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_entry_type(*kind);
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn members_that_lead_elsewhere_or_are_not_named_are_refused() {
    let platform = Platform::current().map(|platform| platform.to_string()).unwrap_or_default();
    let index = |files: &str| {
        format!(r#"{{"format":1,"platform":"{platform}","models":["coder"],"files":[{files}]}}"#)
    };
    let file = |path: &str| format!(r#"{{"path":{path:?},"size":1,"sha256":"00"}}"#);
    let plain = tar::EntryType::Regular;
    let one = index(&file("models/coder/x"));
    for (bytes, expected) in [
        (made_up(&index(&file("../evil")), &[]), "no place"),
        (made_up(&index(&file("models/coder/../../evil")), &[]), "no place"),
        (made_up(&index(&file("models/other/x")), &[]), "no place"),
        (made_up(&index(&file("/etc/passwd")), &[]), "no place"),
        (made_up(&one, &[("models/coder/y", b"1", plain)]), "not in its index"),
        (made_up(&one, &[("models/coder/x", b"12", plain)]), "2 bytes instead of 1"),
        (made_up(&one, &[("models/coder/x", b"", tar::EntryType::Symlink)]), "no plain file"),
        (made_up(&one, &[("models/coder/x", b"1", plain)]), "another checksum"),
        (made_up(&one, &[]), "ends before models/coder/x"),
        (made_up(&one.replace("coder\"]", "../x\"]"), &[]), "cannot be the name"),
        (made_up(&one.replace(&platform, "Amiga 68k"), &[]), "Amiga"),
        (made_up(&one.replace("\"format\":1", "\"format\":2"), &[]), "format 2"),
        (made_up("{", &[]), "index is damaged"),
    ] {
        let there = World::new(false);
        let path = there.path("made-up");
        fs::write(&path, bytes).unwrap();
        let message = there.install(&path).unwrap_err().to_string();
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(there.is_empty() && !there.path("evil").exists());
    }
}
