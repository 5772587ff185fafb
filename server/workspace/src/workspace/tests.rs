//! The workspace over time: the chosen snippets, and updates after any change on the disk.

use std::fs::File;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;

const STORE: &str = "pub struct OrderStore { orders: Vec<Order> }\n\nimpl OrderStore {\n    pub fn insert_order(&mut self) {}\n}\n";

fn path(folder: &tempfile::TempDir, file: &str) -> String {
    format!("{}/{file}", folder.path().display())
}

fn names(workspace: &Workspace) -> Vec<String> {
    workspace.files().iter().map(|(file, _)| workspace.relative(file).to_owned()).collect()
}

fn project() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/store.rs"), STORE).unwrap();
    fs::write(folder.path().join("src/colour.rs"), "enum Colour { Red, Green }\nfn blend() {}\n").unwrap();
    fs::write(
        folder.path().join("src/leak.rs"),
        format!("OrderStore insert_order {}{}", "ghp_", "a1".repeat(18)),
    )
    .unwrap();
    let workspace = Workspace::default();
    workspace.set_folders(vec![folder.path().display().to_string()]);
    let report = workspace.scan(&|| false);
    assert_eq!(report, ScanReport { n_indexed: 2, n_left_out: 1, n_changed: 2, is_cut: false });
    assert_eq!(names(&workspace), ["src/colour.rs", "src/store.rs"]);
    (folder, workspace)
}

#[test]
fn a_choice_is_made_once_and_holds_no_secret() {
    let (folder, workspace) = project();
    let main = path(&folder, "src/main.rs");
    let choice = choose(&workspace, 1, 0, &main, "OrderStore::insert_order");
    assert_eq!(choice.snippets.len(), 1);
    assert_eq!(choice.snippets[0].path, "src/store.rs");
    assert_ne!(choice.key, 0);
    // Typing on changes what is around the place, and files are saved: the choice stays.
    fs::write(folder.path().join("src/store.rs"), "fn other() {}\n").unwrap();
    assert!(workspace.refresh(&path(&folder, "src/store.rs")));
    assert!(Arc::ptr_eq(&choice, &choose(&workspace, 1, 0, &main, "Colour")));
    assert!(workspace.chosen(1, 1).is_none());
    workspace.forget(1);
    assert!(workspace.chosen(1, 0).is_none());
}

#[test]
fn what_was_empty_is_chosen_again_after_a_scan_and_what_changed_as_well() {
    let (folder, workspace) = project();
    let main = path(&folder, "src/main.rs");
    assert_eq!(choose(&workspace, 1, 0, &main, "TrafficLight").key, 0);
    let store = choose(&workspace, 1, 1, &main, "OrderStore::insert_order");
    let colour = choose(&workspace, 1, 2, &main, "enum Colour, blend");
    fs::write(folder.path().join("src/light.rs"), "struct TrafficLight;\n").unwrap();
    fs::write(folder.path().join("src/colour.rs"), "enum Colour { Blue }\nfn blend() {}\n").unwrap();
    assert_eq!(workspace.scan(&|| false).n_changed, 2);
    assert_ne!(choose(&workspace, 1, 0, &main, "TrafficLight").key, 0);
    assert!(Arc::ptr_eq(&store, &choose(&workspace, 1, 1, &main, "")));
    let anew = choose(&workspace, 1, 2, &main, "enum Colour, blend");
    assert!(anew.snippets[0].text.contains("Blue") && !colour.snippets[0].text.contains("Blue"));
}

#[test]
fn what_changed_on_the_disk_is_not_shown_as_it_was() {
    let (folder, workspace) = project();
    let (main, store) = (path(&folder, "src/main.rs"), path(&folder, "src/store.rs"));
    fs::write(&store, format!("// A new first line.\n{STORE}")).unwrap();
    assert_eq!(choose(&workspace, 1, 0, &main, "OrderStore::insert_order").snippets, []);
    workspace.refresh(&store);
    let choice = choose(&workspace, 2, 0, &main, "OrderStore::insert_order");
    assert!(choice.snippets[0].text.contains("A new first line"));
    fs::remove_file(&store).unwrap();
    workspace.refresh(&store);
    assert_eq!(names(&workspace), ["src/colour.rs"]);
    // A file that no walk found is not indexed, whatever is reported about it.
    workspace.refresh(&path(&folder, "src/leak.rs"));
    assert_eq!(names(&workspace), ["src/colour.rs"]);
}

#[test]
fn files_of_the_same_name_in_two_folders_are_two_files() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(first.path().join("lib.rs"), STORE).unwrap();
    fs::write(second.path().join("lib.rs"), "fn latitude(point: Point) -> f64 { point.north }\n").unwrap();
    let workspace = Workspace::default();
    let folders = [&first, &second].map(|folder| folder.path().display().to_string());
    workspace.set_folders(folders.to_vec());
    workspace.scan(&|| false);
    let main = path(&first, "main.rs");
    for (block, about) in ["latitude(Point)", "OrderStore::insert_order"].into_iter().enumerate() {
        let choice = choose(&workspace, 1, block, &main, about);
        assert_eq!((choice.snippets.len(), choice.snippets[0].path.as_str()), (1, "lib.rs"), "{about}");
    }
    workspace.set_folders(folders[1..].to_vec());
    assert_eq!(workspace.scan(&|| false).n_changed, 1);
    assert_eq!(workspace.files()[0].0, path(&second, "lib.rs"));
}

#[test]
fn a_scan_that_is_stopped_forgets_nothing() {
    let (folder, workspace) = project();
    fs::write(folder.path().join("src/light.rs"), "struct TrafficLight;\n").unwrap();
    for n_asked in 0..8 {
        let n_left = std::cell::Cell::new(n_asked);
        workspace.scan(&|| n_left.replace(n_left.get() - 1) <= 0);
        assert!(names(&workspace).len() >= 2, "stopped at question {n_asked}");
    }
}

#[test]
fn only_what_was_written_is_read_again() {
    let (folder, workspace) = project();
    let store = path(&folder, "src/store.rs");
    let age = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(&store).unwrap().set_modified(age(60)).unwrap();
    workspace.scan(&|| false);
    // As if it had been read wrongly: only reading it again would show it.
    workspace.index.write().unwrap().insert(&store, "fn other() {}\n");
    assert_eq!(workspace.scan(&|| false).n_changed, 0);
    File::options().write(true).open(&store).unwrap().set_modified(age(50)).unwrap();
    assert_eq!(workspace.scan(&|| false).n_changed, 1);
}

#[test]
fn what_lacked_room_is_taken_in_when_there_is_some() {
    let (folder, _) = project();
    let limits = IndexLimits { max_chunks: 1 };
    let workspace = Workspace { index: RwLock::new(Index::new(limits)), ..Workspace::default() };
    workspace.set_folders(vec![folder.path().display().to_string()]);
    workspace.scan(&|| false);
    assert_eq!(names(&workspace), ["src/colour.rs"]);
    fs::remove_file(folder.path().join("src/colour.rs")).unwrap();
    workspace.scan(&|| false);
    assert_eq!(names(&workspace), ["src/store.rs"]);
}

#[test]
fn what_is_near_to_an_open_document_takes_the_place_of_what_is_not() {
    let root = tempfile::tempdir().unwrap();
    let then = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    // Each file is one chunk.
    for (file, seconds) in [("a/one.rs", 10), ("a/two.rs", 20), ("z/store.rs", 90)] {
        write(&root.path().join(file), STORE);
        let file = File::options().write(true).open(root.path().join(file)).unwrap();
        file.set_modified(then(seconds)).unwrap();
    }
    for (max_chunks, max_files) in [(2, 10), (10, 2)] {
        let workspace = Workspace {
            index: RwLock::new(Index::new(IndexLimits { max_chunks })),
            limits: WalkLimits { max_files, ..WalkLimits::default() },
            ..Workspace::default()
        };
        workspace.set_folders(vec![root.path().display().to_string()]);
        workspace.scan(&|| false);
        assert_eq!(names(&workspace), ["a/one.rs", "a/two.rs"]);
        assert!(!workspace.chooses_anew());
        let open = [path(&root, "z/main.rs")];
        assert!(workspace.set_open(open.iter().map(String::as_str)));
        assert!(!workspace.set_open(open.iter().map(String::as_str)), "nothing is new");
        assert!(workspace.chooses_anew());
        workspace.scan(&|| false);
        assert_eq!(names(&workspace), ["a/one.rs", "z/store.rs"], "{max_chunks} {max_files}");
        let ranked: Vec<_> = workspace.files_by_rank().into_iter().map(|(file, _)| file).collect();
        assert_eq!(ranked, [path(&root, "z/store.rs"), path(&root, "a/one.rs")]);
    }
}

#[test]
fn what_stands_in_a_file_is_told_word_for_word() {
    let (folder, workspace) = project();
    write(&folder.path().join("src/about.rs"), "// Author: Ada Lovelace <ada.lovelace@engine.org>\n");
    workspace.scan(&|| false);
    for (text, expected) in [
        ("Ada Lovelace", true),
        ("ada.lovelace@engine.org", true),
        ("Lovelace Ada", false),
        ("grace.hopper@navy.org", false),
        ("Li", false),
        // Files that are left out are not reported.
        ("OrderStore insert_order ghp", false),
    ] {
        assert_eq!(workspace.holds(text), expected, "{text}");
    }
}

#[test]
fn no_grammar_is_needed_to_find_what_another_file_defines() {
    const GROOVY: &str =
        "class OrderRepository {\n    Database database\n    Order findOrder(Long identifier) { null }\n}\n";
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("OrderRepository.groovy"), GROOVY);
    write(&root.path().join("orders.zz9"), "rule takeOrders: everyThing\n");
    write(
        &root.path().join("points.zz8"),
        &(0..40).map(|n| format!("{n} {n}.5 {n}.25\n")).collect::<String>(),
    );
    write(&root.path().join("made.zz7"), "// Code generated by a tool. DO NOT EDIT.\nwhatever\n");
    fs::write(root.path().join("blob.zz6"), [0xff, 0, 1, 2]).unwrap();
    let workspace = Workspace::default();
    workspace.set_folders(vec![root.path().display().to_string()]);
    workspace.scan(&|| false);
    assert_eq!(names(&workspace), ["OrderRepository.groovy", "orders.zz9"]);
    let main = path(&root, "Main.groovy");
    let choice = choose(&workspace, 1, 0, &main, "def order = new OrderRepository(database).findOrder(7)");
    assert_eq!(choice.snippets[0].path, "OrderRepository.groovy");
}

#[test]
fn what_can_matter_is_told_from_the_path() {
    let (folder, workspace) = project();
    for (file, expected) in [
        ("src/store.rs", Concern::Indexed),
        ("src/new.rs", Concern::Scan),
        // It was left out, and may hold no secret any more.
        ("src/leak.rs", Concern::Scan),
        ("src/sub", Concern::Scan),
        (".gitignore", Concern::Scan),
        ("src/.fimbleignore", Concern::Scan),
        (".git/info/exclude", Concern::Scan),
        ("sub/.git/info/exclude", Concern::Scan),
        ("target/.git/info/exclude", Concern::None),
        ("x.git/info/exclude.bak", Concern::None),
        ("src/Store.groovy", Concern::Scan),
        ("src/rules.zz9", Concern::Scan),
        ("src/picture.png", Concern::None),
        ("target/debug/build/out.rs", Concern::None),
        ("target", Concern::None),
        ("node_modules/x/index.js", Concern::None),
        (".git/HEAD", Concern::None),
        (".git/refs/heads/main", Concern::None),
        (".env", Concern::None),
        ("Cargo.lock", Concern::None),
    ] {
        assert_eq!(workspace.concern(&path(&folder, file)), expected, "{file}");
    }
    assert_eq!(workspace.concern("/elsewhere/a.rs"), Concern::None);
}

/// An event on a disk.
#[derive(Clone, Debug)]
enum Happening {
    Write(usize, usize),
    Remove(usize),
    RenameFolder(usize, usize),
    Ignore(usize, usize),
    Link(usize, usize),
    Age,
    Open(usize),
    Refresh(usize),
    Scan,
}

const FILES: [&str; 6] = ["a.rs", "src/a.rs", "src/b.py", "src/deep/c.rs", "lib/a.rs", "lib/target/x.rs"];
const FOLDERS: [&str; 3] = ["src", "lib", "moved"];
const IGNORES: [&str; 4] = [".gitignore", "src/.ignore", ".fimbleignore", ".git/info/exclude"];
const RULES: [&str; 4] = ["", "*.py\n", "src/\n", "a.rs\n!lib/a.rs\n"];
/// Of two sizes only, so that a size shows little.
const TEXTS: [&str; 5] =
    ["", "fn one() {}\n", "fn two() {}\n", "// DO NOT EDIT.\n", "def three():\n    return one\n"];
/// The open folders.
const OPEN: [&[&str]; 3] = [&[""], &["", "/lib"], &["/src"]];

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        4 => (0..FILES.len(), 0..TEXTS.len()).prop_map(|(file, text)| Happening::Write(file, text)),
        2 => (0..FILES.len()).prop_map(Happening::Remove),
        1 => (0..FOLDERS.len(), 0..FOLDERS.len()).prop_map(|(from, to)| Happening::RenameFolder(from, to)),
        2 => (0..IGNORES.len(), 0..RULES.len()).prop_map(|(file, rule)| Happening::Ignore(file, rule)),
        1 => (0..FILES.len(), 0..FILES.len()).prop_map(|(file, to)| Happening::Link(file, to)),
        2 => Just(Happening::Age),
        1 => (0..OPEN.len()).prop_map(Happening::Open),
        2 => (0..FILES.len()).prop_map(Happening::Refresh),
        3 => Just(Happening::Scan),
    ];
    proptest::collection::vec(happening, 1..24)
}

fn write(path: &Path, text: &str) {
    let _ = fs::create_dir_all(path.parent().unwrap());
    let _ = fs::remove_file(path);
    let _ = fs::write(path, text);
}

fn apply(root: &Path, workspace: &Workspace, happening: &Happening) {
    match happening {
        Happening::Write(file, text) => write(&root.join(FILES[*file]), TEXTS[*text]),
        Happening::Remove(file) => drop(fs::remove_file(root.join(FILES[*file]))),
        Happening::RenameFolder(from, to) => {
            drop(fs::rename(root.join(FOLDERS[*from]), root.join(FOLDERS[*to])));
        }
        Happening::Ignore(file, rule) => write(&root.join(IGNORES[*file]), RULES[*rule]),
        Happening::Link(file, to) => {
            let link = root.join(FILES[*file]);
            let _ = fs::remove_file(&link);
            #[cfg(unix)]
            let _ = std::os::unix::fs::symlink(root.join(FILES[*to]), link);
            #[cfg(not(unix))]
            let _ = to;
        }
        // All that is there was written long ago.
        Happening::Age => {
            for file in FILES {
                let then = SystemTime::now() - Duration::from_secs(3600);
                let file = File::options().write(true).open(root.join(file));
                let _ = file.and_then(|file| file.set_modified(then));
            }
        }
        Happening::Open(folders) => {
            let folders = OPEN[*folders].iter().map(|folder| format!("{}{folder}", root.display()));
            workspace.set_folders(folders.collect());
        }
        Happening::Refresh(file) => {
            workspace.refresh(&format!("{}/{}", root.display(), FILES[*file]));
        }
        Happening::Scan => drop(workspace.scan(&|| false)),
    }
}

proptest! {
    #![proptest_config(Config { cases: 128, ..Config::default() })]

    #[test]
    fn after_a_scan_the_index_is_what_a_first_scan_makes(happenings in happenings()) {
        let root = tempfile::tempdir().unwrap();
        let workspace = Workspace::default();
        workspace.set_folders(vec![root.path().display().to_string()]);
        for happening in happenings.iter().chain([&Happening::Scan]) {
            apply(root.path(), &workspace, happening);
            if let Happening::Scan = happening {
                let fresh = Workspace::default();
                fresh.set_folders(workspace.folders.read().unwrap().clone());
                fresh.scan(&|| false);
                prop_assert_eq!(workspace.files(), fresh.files());
                let seen = |workspace: &Workspace| workspace.seen().keys().cloned().collect::<Vec<_>>();
                prop_assert_eq!(seen(&workspace), seen(&fresh));
            }
        }
    }
}

/// The snippets for a block whose lines are like these.
fn choose(workspace: &Workspace, document: u64, block: usize, file: &str, lines: &str) -> Arc<Choice> {
    workspace
        .chosen(document, block)
        .unwrap_or_else(|| workspace.choose(Chosen { document, block, depends_on: 0 }, file, lines, None))
}
