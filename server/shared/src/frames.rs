//! Messages on a stream of bytes: four bytes of length, then JSON. Invariant: a message that is too long or cannot be read is an
//! error, and nothing is allocated for it.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longer messages are refused. The longest that are sent hold the text of one document.
const LONGEST: usize = 64 << 20;

/// Writes a message, in one call of the system where the stream takes it.
pub(crate) fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - 4;
    let length = u32::try_from(length).ok().filter(|length| *length as usize <= LONGEST);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    stream.write_all(&bytes)
}

/// Reads a message; an error at the end of the stream.
pub(crate) fn read<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    let mut bytes = Vec::new();
    stream.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_whole_and_in_order() {
        let mut stream = Vec::new();
        for text in ["", "one", "zwei\n"] {
            write(&mut stream, &text).unwrap();
        }
        let mut stream = stream.as_slice();
        let mut next = || read::<String>(&mut stream);
        assert_eq!([next().unwrap(), next().unwrap(), next().unwrap()], ["", "one", "zwei\n"]);
        assert_eq!(next().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_too_long_cut_or_malformed_is_an_error() {
        let long = u32::MAX.to_le_bytes();
        assert_eq!(read::<String>(&mut long.as_slice()).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let cut = [9, 0, 0, 0, b'"', b'a'];
        assert_eq!(read::<String>(&mut cut.as_slice()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let malformed = [2, 0, 0, 0, b'"', b'a'];
        assert!(read::<String>(&mut malformed.as_slice()).is_err());
    }
}
