//! The keys and values of a GGUF file. Invariant: what is held takes a small multiple of the bytes that it has in the file;
//! a list within a list is refused.

use std::collections::BTreeMap;

use super::error::GgufError;
use super::numbers::Numbers;
use super::source::Cursor;

/// Most entries of one file. Published models have about fifty.
const MAX_ENTRIES: u64 = 1 << 16;
/// Longest text of one value: a whole tokenizer.json of a large vocabulary fits.
const MAX_TEXT_BYTES: u64 = 64 << 20;
/// Most texts in the lists of one file. The largest published vocabularies have 262,144 tokens and as many merges.
const MAX_LISTED_TEXTS: u64 = 1 << 21;
/// Most numbers in one list.
const MAX_LISTED_NUMBERS: u64 = 1 << 24;

const TYPE_TEXT: u32 = 8;
const TYPE_LIST: u32 = 9;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An unsigned integer of any width.
    Unsigned(u64),
    /// A signed integer of any width.
    Signed(i64),
    /// A float of either width.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A text. Bytes that are not UTF-8 were replaced by U+FFFD, see [`Metadata::is_lossy`].
    String(String),
    /// Several texts, with the same replacement.
    Strings(Vec<String>),
    /// Several numbers or truth values.
    Numbers(Numbers),
}

/// All entries, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    entries: BTreeMap<String, Value>,
    lossy: Vec<String>,
}

impl Metadata {
    /// Metadata with these entries, for tests and tools. Of two entries with one key, the later one counts.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { entries: entries.into_iter().collect(), lossy: Vec::new() }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// An integer that is not negative.
    #[must_use]
    pub fn u64(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Unsigned(number) => Some(*number),
            Value::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A number.
    #[must_use]
    pub fn f64(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Float(number) => Some(*number),
            Value::Unsigned(number) => Some(*number as f64),
            Value::Signed(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// A truth value.
    #[must_use]
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A list of texts. An empty list of anything counts as one.
    #[must_use]
    pub fn strings(&self, key: &str) -> Option<&[String]> {
        match self.get(key)? {
            Value::Strings(texts) => Some(texts),
            Value::Numbers(numbers) if numbers.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// A list of numbers or truth values.
    #[must_use]
    pub fn numbers(&self, key: &str) -> Option<&Numbers> {
        match self.get(key)? {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// All entries, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a text of this key was not UTF-8, and has U+FFFD instead of the bytes that could not be read.
    #[must_use]
    pub fn is_lossy(&self, key: &str) -> bool {
        self.lossy.iter().any(|lossy| lossy == key)
    }

    /// Reads the entries of a header.
    pub(super) fn read(cursor: &mut Cursor<'_>, count: u64) -> Result<Self, GgufError> {
        if count > MAX_ENTRIES {
            let found = format!("the file claims {count}");
            let at = cursor.position().saturating_sub(8);
            return Err(cursor.invalid(at, format!("at most {MAX_ENTRIES} metadata entries"), found));
        }
        // A key of one byte, and a value of one.
        cursor.check_room(count, 8 + 1 + 4 + 1, "metadata entries")?;
        let mut metadata = Self::default();
        let mut n_texts = 0;
        for _ in 0..count {
            let start = cursor.position();
            let key = read_name(cursor, "a metadata key")?;
            let kind = cursor.u32("the type of a metadata value")?;
            let mut reading = Reading { cursor, key: &key, n_texts: &mut n_texts, is_lossy: false };
            let value = reading.value(kind)?;
            if reading.is_lossy {
                metadata.lossy.push(key.clone());
            }
            if metadata.entries.contains_key(&key) {
                return Err(cursor.invalid(start, "a new metadata key", format!("{key:?} is there twice")));
            }
            metadata.entries.insert(key, value);
        }
        Ok(metadata)
    }
}

/// A name, which must be UTF-8 because other names are compared with it.
pub(super) fn read_name(cursor: &mut Cursor<'_>, what: &str) -> Result<String, GgufError> {
    let length = cursor.u64(what)?;
    let start = cursor.position();
    if !(1..=MAX_NAME_BYTES).contains(&length) {
        let expected = format!("{what} of 1 to {MAX_NAME_BYTES} bytes");
        return Err(cursor.invalid(start - 8, expected, format!("its length is {length}")));
    }
    let bytes = cursor.bytes(length, "bytes of a name")?;
    String::from_utf8(bytes)
        .map_err(|_| cursor.invalid(start, format!("{what} in UTF-8"), "its bytes are not UTF-8"))
}

/// Longest key or name of a tensor. The specification of GGUF allows this much for keys.
const MAX_NAME_BYTES: u64 = (1 << 16) - 1;

/// One value that is being read.
struct Reading<'a, 'b> {
    cursor: &'a mut Cursor<'b>,
    key: &'a str,
    n_texts: &'a mut u64,
    is_lossy: bool,
}

impl Reading<'_, '_> {
    fn value(&mut self, kind: u32) -> Result<Value, GgufError> {
        let what = "a metadata value";
        let cursor = &mut *self.cursor;
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(cursor.array(what)?).into()),
            1 => Value::Signed(i8::from_le_bytes(cursor.array(what)?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(cursor.array(what)?).into()),
            3 => Value::Signed(i16::from_le_bytes(cursor.array(what)?).into()),
            4 => Value::Unsigned(u32::from_le_bytes(cursor.array(what)?).into()),
            5 => Value::Signed(i32::from_le_bytes(cursor.array(what)?).into()),
            6 => Value::Float(f32::from_le_bytes(cursor.array(what)?).into()),
            7 => {
                let [byte] = cursor.array(what)?;
                Value::Bool(self.truth(byte)?)
            }
            TYPE_TEXT => Value::String(self.text()?),
            TYPE_LIST => self.list()?,
            10 => Value::Unsigned(u64::from_le_bytes(cursor.array(what)?)),
            11 => Value::Signed(i64::from_le_bytes(cursor.array(what)?)),
            12 => Value::Float(f64::from_le_bytes(cursor.array(what)?)),
            other => return Err(self.unknown_type(other)),
        })
    }

    fn list(&mut self) -> Result<Value, GgufError> {
        let kind = self.cursor.u32("the type of a list")?;
        let start = self.cursor.position();
        let count = self.cursor.u64("the length of a list")?;
        let most = if kind == TYPE_TEXT { MAX_LISTED_TEXTS - *self.n_texts } else { MAX_LISTED_NUMBERS };
        if count > most {
            let expected = format!("a list of at most {most} entries under {:?}", self.key);
            return Err(self.cursor.invalid(start, expected, format!("the file claims {count}")));
        }
        Ok(Value::Numbers(match kind {
            0 => Numbers::U8(self.cursor.bytes(count, "numbers of a list")?),
            1 => Numbers::I8(self.numbers(count, i8::from_le_bytes)?),
            2 => Numbers::U16(self.numbers(count, u16::from_le_bytes)?),
            3 => Numbers::I16(self.numbers(count, i16::from_le_bytes)?),
            4 => Numbers::U32(self.numbers(count, u32::from_le_bytes)?),
            5 => Numbers::I32(self.numbers(count, i32::from_le_bytes)?),
            6 => Numbers::F32(self.numbers(count, f32::from_le_bytes)?),
            7 => {
                let bytes = self.cursor.bytes(count, "truth values of a list")?;
                Numbers::Bool(bytes.into_iter().map(|byte| self.truth(byte)).collect::<Result<_, _>>()?)
            }
            TYPE_TEXT => {
                *self.n_texts += count;
                // The length of each takes eight bytes.
                self.cursor.check_room(count, 8, "texts of a list")?;
                return Ok(Value::Strings((0..count).map(|_| self.text()).collect::<Result<_, _>>()?));
            }
            TYPE_LIST => {
                let expected = format!("a list of numbers or texts under {:?}", self.key);
                return Err(self.cursor.invalid(start - 4, expected, "it is a list of lists"));
            }
            10 => Numbers::U64(self.numbers(count, u64::from_le_bytes)?),
            11 => Numbers::I64(self.numbers(count, i64::from_le_bytes)?),
            12 => Numbers::F64(self.numbers(count, f64::from_le_bytes)?),
            other => return Err(self.unknown_type(other)),
        }))
    }

    fn numbers<T, const N: usize>(
        &mut self,
        count: u64,
        from: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, GgufError> {
        self.cursor.check_room(count, N as u64, "numbers of a list")?;
        (0..count).map(|_| self.cursor.array("a number of a list").map(&from)).collect()
    }

    fn text(&mut self) -> Result<String, GgufError> {
        let start = self.cursor.position();
        let length = self.cursor.u64("the length of a text")?;
        if length > MAX_TEXT_BYTES {
            let expected = format!("a text of at most {MAX_TEXT_BYTES} bytes under {:?}", self.key);
            return Err(self.cursor.invalid(start, expected, format!("its length is {length}")));
        }
        let bytes = self.cursor.bytes(length, "bytes of a text")?;
        // A vocabulary may hold pieces of characters. They must not make the whole file useless.
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| {
            self.is_lossy = true;
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }))
    }

    fn truth(&self, byte: u8) -> Result<bool, GgufError> {
        if byte > 1 {
            let at = self.cursor.position().saturating_sub(1);
            let expected = format!("0 or 1 for a truth value under {:?}", self.key);
            return Err(self.cursor.invalid(at, expected, format!("{byte} stands there")));
        }
        Ok(byte == 1)
    }

    fn unknown_type(&self, kind: u32) -> GgufError {
        let expected = format!("a known type of value (0 to 12) under {:?}", self.key);
        self.cursor.invalid(self.cursor.position(), expected, format!("the file says {kind}"))
    }
}
