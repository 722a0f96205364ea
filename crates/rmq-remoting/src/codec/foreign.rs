//! Other protocols that end up on a RocketMQ port, by their first four bytes.
//!
//! Read as a length word each of them is far above any frame limit, so no frame is ever mistaken for one.

/// Which protocol starts with these bytes.
pub(super) fn protocol(first: [u8; 4]) -> Option<&'static str> {
    match &first {
        b"PRI " => Some("HTTP/2"),
        b"GET " | b"HEAD" | b"POST" | b"PUT " | b"DELE" | b"CONN" | b"OPTI" | b"TRAC" | b"PATC" | b"HTTP" => {
            Some("HTTP")
        }
        [0x15 | 0x16, 0x03, ..] => Some("TLS"),
        b"SSH-" => Some("SSH"),
        b"PROX" => Some("the PROXY protocol"),
        _ => None,
    }
}
