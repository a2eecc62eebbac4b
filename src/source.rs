//! Reads text that may be anything: too long, not text, not readable.

use crate::discover::reason;
use dfix_syntax::Position;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The longest Dockerfile that is read. BuildKit takes no longer message over its wire (`grpc` defaults,
/// 16 MiB), and what people write is a thousand times shorter.
const LONGEST: usize = 16 << 20;

/// The text of a Dockerfile.
///
/// # Errors
/// Why it can't be had, in words that follow its name.
pub fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| reason(&error))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    read_from(file, usize::try_from(length).unwrap_or(usize::MAX))
}

/// The text of standard input.
///
/// # Errors
/// Why it can't be had.
pub fn read_stdin() -> Result<String, String> {
    read_from(std::io::stdin().lock(), 0)
}

fn read_from(reader: impl Read, length: usize) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(length.min(LONGEST) + 1);
    reader.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    if bytes.len() > LONGEST {
        return Err(format!("longer than {} MiB: this is not a Dockerfile", LONGEST >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return "is UTF-16; save it as UTF-8, which is what Docker reads".to_owned();
        }
        let place = Position::of(&String::from_utf8_lossy(&bytes[..valid]), valid);
        format!("not UTF-8: byte 0x{:02x} at line {}, column {}", bytes[valid], place.line, place.column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_text_ends_to_be_text() {
        let read = |bytes: &[u8]| read_from(bytes, 0);
        assert_eq!(read("FROM é\n".as_bytes()).unwrap(), "FROM é\n");
        assert_eq!(read(b"FROM a\nRUN \xff\n").unwrap_err(), "not UTF-8: byte 0xff at line 2, column 5");
        assert!(read(b"\xff\xfeF\0").unwrap_err().contains("UTF-16"));
        assert!(read(&vec![b'a'; LONGEST + 1]).unwrap_err().contains("16 MiB"));
        assert_eq!(read(&vec![b'a'; LONGEST]).unwrap().len(), LONGEST);
    }
}
