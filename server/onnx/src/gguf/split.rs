//! Files that are split into parts, `NAME-00001-of-00003.gguf` and so on. Invariant: the parts found are all of the model,
//! each once and in order.

use std::path::{Path, PathBuf};

use super::error::GgufError;
use super::header::Header;
use super::metadata::Metadata;
use super::source::Source;

const INDEX: &str = "split.no";
const COUNT: &str = "split.count";
const N_TENSORS: &str = "split.tensors.count";
/// Most parts. The names have five digits; the largest published models have some dozens.
const MAX_PARTS: u64 = 1000;

/// A part with its header.
pub(super) type Part = (Source, Header);

/// All parts of the file that a header belongs to, in order.
pub(super) fn all_parts(source: Source, header: Header) -> Result<Vec<Part>, GgufError> {
    let count = header.metadata.u64(COUNT).unwrap_or(1);
    if count <= 1 {
        return Ok(vec![(source, header)]);
    }
    let path = source.path.clone();
    let problem = |problem: String| GgufError::Split { path: path.clone(), problem };
    if count > MAX_PARTS {
        return Err(problem(format!(
            "it is said to be one of {count} parts, and at most {MAX_PARTS} are read"
        )));
    }
    let name = PartName::of(&path).filter(|name| name.count == count).ok_or_else(|| {
        problem(format!("it is one of {count} parts, but its name does not end in -00001-of-{count:05}.gguf"))
    })?;
    let mut opened = Some((source, header));
    let mut parts: Vec<Part> = Vec::new();
    for index in 0..count {
        let reuse = if index + 1 == name.number { opened.take() } else { None };
        let part = match reuse {
            Some(part) => part,
            None => {
                let source = Source::open(&name.sibling(&path, index + 1))?;
                let header = Header::read(&source, 0)?;
                (source, header)
            }
        };
        check_part(&part.0.path, &part.1.metadata, index, count)?;
        parts.push(part);
    }
    let n_tensors: usize = parts.iter().map(|(_, header)| header.tensors.len()).sum();
    let expected = parts.first().and_then(|(_, header)| header.metadata.u64(N_TENSORS));
    if expected.is_some_and(|expected| expected != n_tensors as u64) {
        let expected = expected.unwrap_or_default();
        return Err(problem(format!(
            "its parts hold {n_tensors} tensors together, and {expected} were expected"
        )));
    }
    Ok(parts)
}

fn check_part(path: &Path, metadata: &Metadata, index: u64, count: u64) -> Result<(), GgufError> {
    let (said, of) = (metadata.u64(INDEX), metadata.u64(COUNT));
    if (said, of) == (Some(index), Some(count)) {
        return Ok(());
    }
    let number = |number: Option<u64>| number.map_or("nothing".to_owned(), |number| number.to_string());
    let problem = format!(
        "part {} of {count} was expected, and the file says {} for {INDEX} (counted from 0) and {} for {COUNT}",
        index + 1,
        number(said),
        number(of)
    );
    Err(GgufError::Split { path: path.to_owned(), problem })
}

/// The end of the name of a part.
struct PartName {
    stem: String,
    /// Counted from 1.
    number: u64,
    count: u64,
}

impl PartName {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
        let (rest, count) = name.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let digits = |text: &str| {
            let is_number = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { text.parse().ok() } else { None }
        };
        Some(Self { stem: stem.to_owned(), number: digits(number)?, count: digits(count)? })
    }

    fn sibling(&self, path: &Path, number: u64) -> PathBuf {
        path.with_file_name(format!("{}-{number:05}-of-{:05}.gguf", self.stem, self.count))
    }
}
