//! Constant: bytes that are appended again and again.
//!
//! Few bytes are kept in a block, all of which is written, and what comes next over what was too much: a few moves, where a length that is not
//! known beforehand costs a call.

use super::pen::Pen;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    Short { bytes: [u8; SHORT], length: usize },
    Long(Box<[u8]>),
}

impl Constant {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut padded = [0; SHORT];
        match padded.get_mut(..bytes.len()) {
            Some(front) => {
                front.copy_from_slice(bytes);
                Self::Short { bytes: padded, length: bytes.len() }
            }
            None => Self::Long(bytes.into()),
        }
    }

    /// Writes it, if there is room.
    #[inline]
    pub(crate) fn write<'a>(&self, pen: Pen<'a>) -> Option<Pen<'a>> {
        match self {
            Self::Short { bytes, length } => pen.block(*bytes, *length),
            Self::Long(bytes) => pen.slice(bytes),
        }
    }

    /// Bytes of room that it needs.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Short { .. } => SHORT,
            Self::Long(bytes) => bytes.len(),
        }
    }
}

const SHORT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_appended_however_long_it_is() {
        let bytes: Vec<u8> = (0..200).collect();
        for length in 0..=bytes.len() {
            let constant = Constant::new(&bytes[..length]);
            let mut out = vec![0; constant.room()];
            let left = constant.write(Pen::new(&mut out)).map(|pen| pen.left()).unwrap();
            assert_eq!(out[..constant.room() - left], bytes[..length]);
            assert!(constant.write(Pen::new(&mut out[1..])).is_none(), "too little room");
        }
    }
}
