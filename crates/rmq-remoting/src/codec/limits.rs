//! FrameLimits: how large a frame and its parts may be, in both directions.

/// How large a frame and its parts may be.
///
/// The defaults are what Apache brokers accept, and well above what they send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// Bytes of a whole frame, length word included. Default: 16 MiB, as in Java.
    #[doc(alias = "com.rocketmq.remoting.frameMaxLength")]
    pub max_frame_bytes: usize,
    /// Bytes of a header. Default: 1 MiB; the wire cannot say more than 16,777,215.
    pub max_header_bytes: usize,
    /// Ext fields of a header that is read. Default: 1,024.
    pub max_ext_fields: usize,
    /// Objects and arrays inside each other in a JSON header that is read. Default: 64.
    pub max_json_depth: usize,
}

impl FrameLimits {
    /// Bounds the bytes of a whole frame, length word included. Default: 16 MiB.
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// Bounds the bytes of a header. Default: 1 MiB.
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.max_header_bytes = bytes;
        self
    }

    /// Bounds the ext fields of a header that is read. Default: 1,024.
    pub fn max_ext_fields(mut self, fields: usize) -> Self {
        self.max_ext_fields = fields;
        self
    }

    /// Bounds how deep the objects and arrays of a JSON header may lie inside each other. Default: 64.
    pub fn max_json_depth(mut self, depth: usize) -> Self {
        self.max_json_depth = depth;
        self
    }
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { max_frame_bytes: 16 << 20, max_header_bytes: 1 << 20, max_ext_fields: 1024, max_json_depth: 64 }
    }
}
