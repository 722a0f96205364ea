//! `compression` in a configuration.

use serde::de::MapAccess;

use super::{Compression, CompressionType};
use crate::config::{Section, Shown, Value};

impl Section for Compression {
    const KEYS: &'static [&'static str] = &["type", "level", "over_bytes"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "type" => {
                let path = value.path().to_owned();
                let kind = value.word(TYPES)?;
                *self = self.turned_into(kind).map_err(|feature| {
                    serde::de::Error::custom(format_args!(
                        "the option {path} needs the feature `{feature}` of rmq-producer, which is not compiled in"
                    ))
                })?;
            }
            "level" => *self = self.clone().level(value.plain()?),
            _ => {
                let bytes = value.bytes()?;
                if self.compressor.is_some() {
                    self.over_bytes = bytes;
                }
            }
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        let kind = self.compression_type();
        if kind.is_none() {
            return out.text("type", crate::config::word_of(TYPES, kind));
        }
        if self.built_in {
            out.text("type", crate::config::word_of(TYPES, kind));
            out.line("level", self.level);
        } else {
            out.remark("type", "is a compressor of the program's own");
        }
        out.bytes("over_bytes", self.over_bytes);
    }
}

impl Compression {
    /// Of another type, with the same level and threshold. An error names the feature that is missing.
    fn turned_into(&self, kind: Option<CompressionType>) -> Result<Self, &'static str> {
        let new = match kind {
            None => return Ok(Self { level: self.level, ..Self::off() }),
            Some(CompressionType::Zlib) => Self::zlib(),
            #[cfg(feature = "lz4")]
            Some(CompressionType::Lz4) => Self::lz4(),
            #[cfg(feature = "zstd")]
            Some(CompressionType::Zstd) => Self::zstd(),
            #[cfg(not(feature = "lz4"))]
            Some(CompressionType::Lz4) => return Err("lz4"),
            Some(_) => return Err("zstd"),
        };
        // One that was off had no threshold.
        let over = if self.compressor.is_none() { Self::DEFAULT_OVER_BYTES } else { self.over_bytes };
        Ok(new.level(self.level).over(over))
    }
}

const TYPES: &[(&str, Option<CompressionType>)] = &[
    ("zlib", Some(CompressionType::Zlib)),
    ("lz4", Some(CompressionType::Lz4)),
    ("zstd", Some(CompressionType::Zstd)),
    ("off", None),
];
