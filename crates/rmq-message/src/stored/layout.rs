//! Reads the fields of one stored message, in the order of `MessageExtEncoder`.
//!
//! Every length is held against what the message's own size leaves, before anything is taken or allocated.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, Bytes, TryGetError};

use super::{StoredErrorKind, StoredLayout, StoredMessage};
use crate::{Properties, SysFlag};

pub(super) fn decode(input: &mut Bytes) -> Result<StoredMessage, StoredErrorKind> {
    let present = input.len();
    let mut peek: &[u8] = input;
    let size = peek.try_get_i32().map_err(|_| StoredErrorKind::Truncated { needed: SIZE_AND_MAGIC, present })?;
    let magic = peek.try_get_u32().map_err(|_| StoredErrorKind::Truncated { needed: SIZE_AND_MAGIC, present })?;
    let layout = match magic {
        0xDAA3_20A7 => StoredLayout::V1,
        0xDAA3_20AB => StoredLayout::V2,
        magic => return Err(StoredErrorKind::UnknownMagic { magic }),
    };
    let needed = usize::try_from(size).map_err(|_| StoredErrorKind::Size { size })?;
    if needed < SIZE_AND_MAGIC {
        return Err(StoredErrorKind::Size { size });
    }
    if needed > present {
        return Err(StoredErrorKind::Truncated { needed, present });
    }
    let mut fields = Fields { rest: input.slice(SIZE_AND_MAGIC..needed), size };
    let message = fields.message(layout)?;
    input.advance(needed);
    Ok(message)
}

/// What is left of one message.
struct Fields {
    rest: Bytes,
    size: i32,
}

impl Fields {
    fn message(&mut self, layout: StoredLayout) -> Result<StoredMessage, StoredErrorKind> {
        let body_crc = self.get(Bytes::try_get_u32)?;
        let queue_id = self.get(Bytes::try_get_i32)?;
        let flag = self.get(Bytes::try_get_i32)?;
        let queue_offset = self.get(Bytes::try_get_i64)?;
        let commit_log_offset = self.get(Bytes::try_get_i64)?;
        let sys_flag = SysFlag(self.get(Bytes::try_get_i32)?);
        let born_timestamp_ms = self.get(Bytes::try_get_i64)?;
        let born_host = self.host(sys_flag.contains(SysFlag::BORN_HOST_V6))?;
        let store_timestamp_ms = self.get(Bytes::try_get_i64)?;
        let store_host = self.host(sys_flag.contains(SysFlag::STORE_HOST_V6))?;
        let reconsume_times = self.get(Bytes::try_get_i32)?;
        let prepared_transaction_offset = self.get(Bytes::try_get_i64)?;
        let body_length = self.get(Bytes::try_get_i32)?;
        let body = self.take(body_length)?;
        let topic_length = match layout {
            StoredLayout::V1 => i32::from(self.get(Bytes::try_get_i8)?),
            StoredLayout::V2 => i32::from(self.get(Bytes::try_get_i16)?),
        };
        let topic = self.take(topic_length)?;
        let topic = std::str::from_utf8(&topic).map_err(|_| StoredErrorKind::Topic)?.into();
        let properties_length = i32::from(self.get(Bytes::try_get_i16)?);
        let properties = self.take(properties_length)?;
        if self.rest.has_remaining() {
            return Err(self.misfit());
        }
        Ok(StoredMessage {
            layout,
            store_size: self.size.unsigned_abs(),
            body_crc,
            queue_id,
            flag,
            queue_offset,
            commit_log_offset,
            sys_flag,
            born_timestamp_ms,
            born_host,
            store_timestamp_ms,
            store_host,
            reconsume_times,
            prepared_transaction_offset,
            body,
            topic,
            // like Java: one bad character of some user's must not hide the message
            properties: Properties::decode(&String::from_utf8_lossy(&properties)),
        })
    }

    fn host(&mut self, v6: bool) -> Result<SocketAddr, StoredErrorKind> {
        let ip = if v6 {
            Ipv6Addr::from_bits(self.get(Bytes::try_get_u128)?).into()
        } else {
            Ipv4Addr::from_bits(self.get(Bytes::try_get_u32)?).into()
        };
        let port = self.get(Bytes::try_get_i32)?;
        let port = u16::try_from(port).map_err(|_| StoredErrorKind::Port { port })?;
        Ok(SocketAddr::new(ip, port))
    }

    fn take(&mut self, length: i32) -> Result<Bytes, StoredErrorKind> {
        let length = usize::try_from(length).map_err(|_| self.misfit())?;
        if length > self.rest.len() {
            return Err(self.misfit());
        }
        Ok(self.rest.split_to(length))
    }

    fn get<T>(&mut self, read: fn(&mut Bytes) -> Result<T, TryGetError>) -> Result<T, StoredErrorKind> {
        read(&mut self.rest).map_err(|_| self.misfit())
    }

    fn misfit(&self) -> StoredErrorKind {
        StoredErrorKind::Size { size: self.size }
    }
}

const SIZE_AND_MAGIC: usize = 8;
