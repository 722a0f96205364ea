//! Certificates and keys out of PEM files. What was read of a key is zeroed when it is dropped.

use std::fs;
use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::error::TlsConfigError;

/// Reads a file; `what` names it in an error.
pub(super) fn read(path: &Path, what: &'static str) -> Result<Zeroizing<Vec<u8>>, TlsConfigError> {
    let read = fs::read(path).map(Zeroizing::new);
    read.map_err(|source| TlsConfigError::Unreadable { what, path: path.to_owned(), source })
}

/// All certificates of a text, at least one.
pub(super) fn certificates(
    pem: &[u8],
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or_else(|| TlsConfigError::NoCertificate { what, path: path.to_owned() })
}

/// The first key of a text.
pub(super) fn key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let encrypted = || pem.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED);
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| TlsConfigError::NoKey { path: path.to_owned(), encrypted: encrypted() })
}

/// In the first line of an encrypted key of PKCS#8, and in the second of an older form.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_or_certificate_is_told() {
        let path = Path::new("x.pem");
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let error = key(encrypted, path).unwrap_err().to_string();
        assert!(error.contains("x.pem") && error.contains("encrypted"), "{error}");
        assert!(matches!(key(b"", path), Err(TlsConfigError::NoKey { encrypted: false, .. })));
        assert!(certificates(b"hello", path, "the file").unwrap_err().to_string().contains("BEGIN CERTIFICATE"));
        assert!(matches!(read(Path::new("no/such"), "the file"), Err(TlsConfigError::Unreadable { .. })));
    }
}
