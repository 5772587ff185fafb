//! The wire format of Protocol Buffers, as far as ONNX uses it. Invariant: a field can be written again byte by byte as it was
//! read, whether its number is known here or not; no input makes this panic, or allocate more than it holds.
//!
//! Source: the encoding guide of Protocol Buffers. A message is a sequence of fields, each a key (number and wire type) and a
//! value; the values of a repeated field may be anywhere, and their order counts.

use crate::error::EditError;

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A whole number.
    Number(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
    /// A number of fixed width, which no field that matters here has.
    Fixed,
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) value: Value<'a>,
    /// Key and value as in the message.
    pub(crate) raw: &'a [u8],
}

impl<'a> Field<'a> {
    /// The content, where the field has this number and holds bytes.
    pub(crate) fn bytes_of(&self, number: u64) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) if self.number == number => Some(bytes),
            _ => None,
        }
    }

    /// The whole number, where the field has this number and holds one.
    pub(crate) fn number_of(&self, number: u64) -> Option<u64> {
        match self.value {
            Value::Number(value) if self.number == number => Some(value),
            _ => None,
        }
    }
}

/// The fields of a message, in their order.
pub(crate) fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, EditError> {
    let mut rest = message;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let start = rest;
        let key = take_number(&mut rest)?;
        let value = match key & 7 {
            0 => Value::Number(take_number(&mut rest)?),
            1 => {
                take(&mut rest, 8)?;
                Value::Fixed
            }
            2 => {
                let length = take_number(&mut rest)?;
                let length = usize::try_from(length).map_err(|_| truncated())?;
                Value::Bytes(take(&mut rest, length)?)
            }
            5 => {
                take(&mut rest, 4)?;
                Value::Fixed
            }
            kind => return Err(EditError::Damaged(format!("a field is of the unknown kind {kind}"))),
        };
        fields.push(Field { number: key >> 3, value, raw: &start[..start.len() - rest.len()] });
    }
    Ok(fields)
}

/// Text that must be one.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, EditError> {
    std::str::from_utf8(bytes).map_err(|_| EditError::Damaged("a name is no UTF-8".to_owned()))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], EditError> {
    let (taken, left) = rest.split_at_checked(length).ok_or_else(truncated)?;
    *rest = left;
    Ok(taken)
}

fn take_number(rest: &mut &[u8]) -> Result<u64, EditError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(EditError::Damaged("a number has more than 64 bits".to_owned()))
}

fn truncated() -> EditError {
    EditError::Damaged("it ends in the middle of a field".to_owned())
}

/// Writes a field that holds a whole number.
pub(crate) fn put_number(message: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(message, number << 3);
    put_varint(message, value);
}

/// Writes a field that holds bytes, text or a message.
pub(crate) fn put_bytes(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(message, number << 3 | 2);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_as_they_were_written() {
        let mut message = Vec::new();
        put_number(&mut message, 1, 300);
        put_bytes(&mut message, 2000, b"name");
        message.extend([3 << 3 | 5, 1, 2, 3, 4]);
        let fields = fields(&message).expect("it is whole");
        assert_eq!(fields[0].number_of(1), Some(300));
        assert_eq!(fields[1].bytes_of(2000), Some(b"name".as_slice()));
        assert_eq!((fields[2].number, fields[2].value), (3, Value::Fixed));
        assert_eq!(fields.iter().flat_map(|field| field.raw).copied().collect::<Vec<_>>(), message);
    }

    #[test]
    fn what_ends_too_early_or_is_none_of_the_format_is_an_error() {
        for bytes in [
            &[0x08][..],
            &[0x0a, 5, 1],
            &[0x09, 1],
            &[0x0b],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0xff; 11],
        ] {
            assert!(matches!(fields(bytes), Err(EditError::Damaged(_))), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_come_back_whole(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(fields) = fields(&bytes) {
                prop_assert_eq!(fields.iter().flat_map(|field| field.raw).copied().collect::<Vec<_>>(), bytes);
            }
        }
    }
}
