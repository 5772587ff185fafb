//! Tests of the reader: what it reads, what it refuses, and that no bytes make it panic.

use std::path::Path;

use proptest::prelude::*;

use super::writing::Writer;
use super::*;

fn sample() -> Writer {
    Writer::new()
        .entry("a.u64", &Value::Unsigned(1 << 40))
        .entry("a.i64", &Value::Signed(-3))
        .entry("a.f64", &Value::Float(0.5))
        .entry("a.bool", &Value::Bool(true))
        .entry("a.texts", &Value::Strings(vec!["x".to_owned(), String::new(), "ĠŸ".to_owned()]))
        .entry("a.numbers", &Value::Numbers(Numbers::I32(vec![1, -2])))
        .entry("a.floats", &Value::Numbers(Numbers::F32(vec![0.25])))
        .raw_entry("a.u8", 0, &[200])
        .raw_entry("a.i16", 3, &(-5_i16).to_le_bytes())
        .raw_entry("a.f32", 6, &1.5_f32.to_le_bytes())
        .tensor("token_embd.weight", TensorKind::Q8_0, &[64, 3])
        .tensor("norm.weight", TensorKind::F32, &[5])
        .tensor("blk.0.w", TensorKind::Q4K, &[256, 2, 2])
}

fn read(bytes: Vec<u8>) -> Result<GgufFile, GgufError> {
    GgufFile::from_bytes("sample.gguf", bytes)
}

/// The text of the error, which must name the file.
fn refusal(bytes: Vec<u8>) -> String {
    let text = read(bytes).expect_err("it is refused").to_string();
    assert!(text.starts_with("sample.gguf: "), "{text}");
    text
}

#[test]
fn metadata_and_rows_are_read_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.gguf");
    let bytes = sample().bytes();
    std::fs::write(&path, &bytes).unwrap();
    let file = GgufFile::open(&path).unwrap();
    let metadata = file.metadata();
    assert_eq!(file.architecture(), "qwen2");
    assert_eq!((metadata.u64("a.u64"), metadata.u64("a.u8")), (Some(1 << 40), Some(200)));
    assert_eq!((metadata.u64("a.i64"), metadata.f64("a.i64")), (None, Some(-3.0)));
    assert_eq!(metadata.get("a.i16"), Some(&Value::Signed(-5)));
    assert_eq!((metadata.f64("a.f64"), metadata.f64("a.f32")), (Some(0.5), Some(1.5)));
    assert_eq!((metadata.bool("a.bool"), metadata.str("a.bool")), (Some(true), None));
    assert_eq!(metadata.strings("a.texts").unwrap(), ["x", "", "ĠŸ"]);
    let numbers = metadata.numbers("a.numbers").unwrap();
    assert_eq!((numbers.integer(1), numbers.integer(2), numbers.unsigned()), (Some(-2), None, None));
    assert_eq!(metadata.numbers("a.floats").unwrap().float(0), Some(0.25));
    assert_eq!((metadata.len(), metadata.iter().count()), (11, 11));
    assert_eq!((file.n_bytes(), file.paths()), (bytes.len() as u64, &[path][..]));

    let names: Vec<_> = file.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["token_embd.weight", "norm.weight", "blk.0.w"]);
    let tensor = file.tensor("token_embd.weight").unwrap();
    let sizes = (tensor.row_length(), tensor.n_rows(), tensor.row_bytes(), tensor.n_bytes());
    assert_eq!(sizes, (64, 3, 68, 204));
    let mut rows = vec![1; 7];
    file.read_rows(tensor, 1..3, &mut rows).unwrap();
    assert_eq!(rows, (68..204).map(|index| index as u8).collect::<Vec<_>>());
    file.read_rows(tensor, 3..3, &mut rows).unwrap();
    assert!(rows.is_empty());
    let last = file.tensor("blk.0.w").unwrap();
    assert_eq!((last.n_rows(), last.row_bytes()), (4, 144));
    file.read_rows(last, 0..4, &mut rows).unwrap();
    assert!(bytes.windows(rows.len()).any(|window| window == rows));
    let outside = 2..4;
    assert!(matches!(file.read_rows(tensor, outside, &mut rows), Err(GgufError::NoSuchRows { .. })));
    file.check_unchanged().unwrap();
}

#[test]
fn version_2_is_read_and_others_are_refused() {
    let with_version = |version| Writer { version, ..sample() }.bytes();
    assert!(read(with_version(2)).is_ok());
    for version in [0, 1, 4] {
        assert!(refusal(with_version(version)).contains("at byte 4, version 2 or 3 of the format"));
    }
    let text = refusal(with_version(3_u32.swap_bytes()));
    assert!(text.contains("the file is big-endian (version 3). Use the little-endian file"), "{text}");
    assert!(refusal(b"PK\x03\x04 and so on".to_vec()).contains("other bytes stand there"));
    assert!(refusal(Vec::new()).contains("only 0 bytes follow"));
}

#[test]
fn texts_that_are_not_utf_8_are_replaced_and_marked() {
    let text = [&1_u64.to_le_bytes()[..], &[0xff]].concat();
    let file = read(sample().raw_entry("odd", 8, &text).bytes()).unwrap();
    assert_eq!(file.metadata().str("odd"), Some("\u{fffd}"));
    assert!(file.metadata().is_lossy("odd") && !file.metadata().is_lossy("a.texts"));
}

#[test]
fn damaged_metadata_are_refused_with_the_place() {
    let list = |kind: u32, count: u64| [&kind.to_le_bytes()[..], &count.to_le_bytes()].concat();
    for (kind, value, expected) in [
        (13, vec![0], "a known type of value (0 to 12) under \"odd\""),
        (7, vec![2], "0 or 1 for a truth value"),
        (8, u64::MAX.to_le_bytes().to_vec(), "a text of at most"),
        (8, 1_000_000_u64.to_le_bytes().to_vec(), "room for 1000000 bytes of a text"),
        (9, list(5, u64::MAX), "a list of at most"),
        (9, list(5, 1 << 20), "room for 1048576 numbers of a list"),
        (9, list(8, 10_000_000), "a list of at most"),
        (9, list(8, 1 << 20), "room for 1048576 texts of a list"),
        (9, list(9, 1), "it is a list of lists"),
        (9, list(77, 1), "the file says 77"),
    ] {
        let text = refusal(sample().raw_entry("odd", kind, &value).bytes());
        assert!(text.contains(expected) && text.contains("at byte "), "{kind}: {text}");
    }
    let twice = sample().entry("a.bool", &Value::Bool(true));
    assert!(refusal(twice.bytes()).contains("\"a.bool\" is there twice"));
    let nameless = sample().entry("", &Value::Bool(true));
    assert!(refusal(nameless.bytes()).contains("its length is 0"));
    for alignment in [0_u64, 3, 1 << 40] {
        let text = refusal(sample().entry("general.alignment", &Value::Unsigned(alignment)).bytes());
        assert!(text.contains("a power of two"), "{text}");
    }
    let mut without = sample();
    without.entries.remove(0);
    assert!(refusal(without.bytes()).contains("general.architecture"));
}

#[test]
fn counts_that_cannot_be_are_refused() {
    for (at, count, expected) in [
        (8, 1_u64 << 63, "at most 262144 tensors"),
        (8, 200_000, "room for 200000 entries of the list of tensors"),
        (16, u64::MAX, "at most 65536 metadata entries"),
        (16, 10_000_000, "at most 65536 metadata entries"),
        (16, 60_000, "room for 60000 metadata entries"),
    ] {
        let mut bytes = sample().bytes();
        bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
        let text = refusal(bytes);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn tensors_that_cannot_be_are_refused_by_name() {
    let changed = |change: fn(&mut writing::Tensor)| {
        let mut file = sample();
        change(&mut file.tensors[1]);
        refusal(file.bytes())
    };
    for (text, expected) in [
        (changed(|tensor| tensor.kind = 99), "the file says 99. Convert"),
        (changed(|tensor| tensor.kind = 31), "the file says 31, which ggml has withdrawn"),
        (changed(|tensor| tensor.shape = vec![]), "the file says 0"),
        (changed(|tensor| tensor.shape = vec![1; 5]), "the file says 5"),
        (changed(|tensor| tensor.shape = vec![5, 0]), "a dimension is 0"),
        (changed(|tensor| tensor.shape = vec![1 << 32, 1 << 32]), "a dimension is 4294967296"),
        (changed(|tensor| tensor.shape = vec![1 << 62]), "bytes for the tensor \"norm.weight\""),
        (changed(|tensor| tensor.kind = 12), "rows of whole Q4_K blocks of 256"),
        (changed(|tensor| tensor.offset = Some(33)), "a multiple of 32"),
        (changed(|tensor| tensor.offset = Some(32)), "lies within the tensor before it"),
        (changed(|tensor| tensor.offset = Some(1 << 20)), "20 bytes for the tensor \"norm.weight\""),
        (changed(|tensor| tensor.offset = Some(u64::MAX - 31)), "20 bytes for the tensor"),
    ] {
        assert!(text.contains(expected) && text.contains("at byte "), "{expected}: {text}");
    }
    let twice = sample().tensor("norm.weight", TensorKind::F32, &[5]);
    assert!(refusal(twice.bytes()).contains("\"norm.weight\" is there twice"));
}

#[test]
fn a_file_that_changes_or_vanishes_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.gguf");
    std::fs::write(&path, sample().bytes()).unwrap();
    let file = GgufFile::open(&path).unwrap();
    let open = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    open.set_len(sample().bytes().len() as u64 - 600).unwrap();
    assert!(matches!(file.check_unchanged(), Err(GgufError::Changed { .. })));
    let tensor = file.tensor("blk.0.w").unwrap();
    let read = file.read_rows(tensor, 0..tensor.n_rows(), &mut Vec::new());
    assert!(matches!(read, Err(GgufError::Changed { .. })));
    let file = GgufFile::open(&path).err();
    assert!(matches!(file, Some(GgufError::Invalid { .. })));
    std::fs::write(&path, sample().bytes()).unwrap();
    let file = GgufFile::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(file.check_unchanged(), Err(GgufError::Unreadable { .. })));
    assert!(matches!(GgufFile::open(&path), Err(GgufError::Unreadable { .. })));
    assert!(matches!(GgufFile::open(folder.path()), Err(GgufError::Unreadable { .. })));
}

/// Writes the parts, each with its index, the count, and one tensor.
fn write_parts(folder: &Path, indexes: &[u64], count: u64, n_tensors: u64) {
    for (place, index) in indexes.iter().enumerate() {
        let part = Writer { entries: Vec::new(), ..Writer::new() };
        let part = if place == 0 { Writer::new() } else { part };
        let part = part
            .entry("split.no", &Value::Unsigned(*index))
            .entry("split.count", &Value::Unsigned(count))
            .entry("split.tensors.count", &Value::Unsigned(n_tensors))
            .tensor(&format!("part.{index}"), TensorKind::F32, &[2, index + 1]);
        let name = format!("m-{:05}-of-{:05}.gguf", place + 1, indexes.len());
        std::fs::write(folder.join(name), part.bytes()).unwrap();
    }
}

#[test]
fn a_split_file_is_found_whole_from_any_part() {
    let folder = tempfile::tempdir().unwrap();
    write_parts(folder.path(), &[0, 1, 2], 3, 3);
    for number in 1..=3 {
        let file = GgufFile::open(&folder.path().join(format!("m-{number:05}-of-00003.gguf"))).unwrap();
        assert_eq!((file.architecture(), file.paths().len(), file.tensors().len()), ("qwen2", 3, 3));
        let tensor = file.tensor("part.2").unwrap();
        let mut rows = Vec::new();
        file.read_rows(tensor, 1..3, &mut rows).unwrap();
        assert_eq!(rows, (8..24).collect::<Vec<u8>>());
        file.check_unchanged().unwrap();
    }
}

#[test]
fn parts_that_are_missing_or_of_other_models_are_refused() {
    for (indexes, count, n_tensors, expected) in [
        (&[0, 2][..], 2, 2, "part 2 of 2 was expected, and the file says 2"),
        (&[0, 1], 3, 2, "its name does not end in -00001-of-00003.gguf"),
        (&[0, 1], 2, 5, "hold 2 tensors together, and 5 were expected"),
        (&[0, 1], 1 << 40, 2, "at most 1000 are read"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_parts(folder.path(), indexes, count, n_tensors);
        let first = folder.path().join(format!("m-00001-of-{:05}.gguf", indexes.len()));
        let text = GgufFile::open(&first).expect_err("it is refused").to_string();
        assert!(text.contains(expected), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    write_parts(folder.path(), &[0, 1, 2], 3, 3);
    std::fs::remove_file(folder.path().join("m-00002-of-00003.gguf")).unwrap();
    let text = GgufFile::open(&folder.path().join("m-00001-of-00003.gguf")).expect_err("refused").to_string();
    assert!(text.contains("m-00002-of-00003.gguf: it cannot be read"), "{text}");
}

/// Reads all that a file claims to have.
fn read_all(bytes: Vec<u8>) {
    let length = bytes.len() as u64;
    let Ok(file) = read(bytes) else { return };
    assert!(file.metadata().len() as u64 <= length);
    let mut sum = 0;
    let mut rows = Vec::new();
    for tensor in file.tensors() {
        file.read_rows(tensor, 0..tensor.n_rows(), &mut rows).expect("the header was checked");
        sum += rows.len() as u64;
        let last = tensor.n_rows() - 1;
        file.read_rows(tensor, last..last + 1, &mut rows).expect("it is there");
        assert_eq!(rows.len() as u64, tensor.row_bytes());
    }
    assert!(sum <= length);
}

fn mutated(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let length = bytes.len();
    for (at, byte) in changes {
        bytes[at.index(length)] = *byte;
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(0x80), 0..16_u8];
    prop::collection::vec((any::<prop::sample::Index>(), byte), 1..10)
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all([b"GGUF\x03\0\0\0", &bytes[..]].concat());
        read_all(bytes);
    }

    #[test]
    fn a_file_with_changed_bytes_is_read_or_refused(changes in changes()) {
        read_all(mutated(sample().bytes(), &changes));
    }

    #[test]
    fn a_file_that_ends_early_is_refused(length in any::<prop::sample::Index>()) {
        let mut bytes = sample().bytes();
        // The last tensor ends with the file, and each byte of it is needed.
        bytes.truncate(length.index(bytes.len()));
        prop_assert!(read(bytes).is_err());
    }
}

/// Runs for the seconds in `FIMBLE_FUZZ_SECONDS`, for machines without a fuzzer; see `tests/fuzz`.
#[test]
#[ignore = "runs for minutes; FIMBLE_FUZZ_SECONDS says how long"]
fn many_changed_files_are_read_or_refused() {
    let seconds = std::env::var("FIMBLE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    let original = sample().bytes();
    let mut corpus = vec![original.clone(), Writer::new().bytes()];
    // SplitMix64.
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below.max(1) as u64) as usize
    };
    let (mut n_files, mut n_read) = (0_u64, 0_u64);
    while std::time::Instant::now() < end {
        let mut bytes = corpus[random(corpus.len())].clone();
        for _ in 0..1 + random(6) {
            let at = random(bytes.len());
            match random(6) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes[at] ^= 1 << random(8),
                2 => {
                    let wide = [0, 1, u64::MAX, 1 << 63, 1 << 32, random(1 << 20) as u64][random(6)];
                    let end = bytes.len().min(at + 8);
                    bytes[at..end].copy_from_slice(&wide.to_le_bytes()[..end - at]);
                }
                3 => bytes.truncate(at.max(1)),
                4 => {
                    let length = random(40).min(bytes.len() - at);
                    let copy = bytes[at..at + length].to_vec();
                    let into = random(bytes.len());
                    bytes.splice(into..into, copy);
                }
                _ => {
                    let length = random(20).min(bytes.len() - at);
                    bytes.drain(at..at + length);
                    bytes.push(0);
                }
            }
        }
        n_files += 1;
        if read(bytes.clone()).is_ok() {
            n_read += 1;
            // Files that are still read lead further than those that fail at once.
            if corpus.len() < 500 && bytes.len() < 4 * original.len() {
                corpus.push(bytes.clone());
            }
        }
        read_all(bytes);
    }
    println!("{n_files} changed files, of which {n_read} were read and the others refused");
    assert!(n_read > 0 && n_read < n_files);
}
