//! What can go wrong with TLS: before anything is dialled ([`TlsConfigError`]), and with a peer ([`TlsError`]).
//!
//! A [`TlsError`] travels inside an [`io::Error`], whose text it is; [`TlsError::of`] finds it again.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, Error as RustlsError};

/// Settings that TLS cannot be spoken with. Nothing was dialled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file cannot be read.
    #[error("{what} {} cannot be read", path.display())]
    Unreadable {
        /// What it was to hold.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A text holds no certificate in PEM form.
    #[error("{what} {} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", path.display())]
    NoCertificate {
        /// What it was to hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// A text holds no key in PEM form.
    #[error(
        "the key file {} holds no key that can be read{}", path.display(),
        if *.encrypted { ": it is encrypted; write it in the clear (openssl pkcs8 -in … -out …) and protect the file" } else { " (-----BEGIN PRIVATE KEY-----)" }
    )]
    NoKey {
        /// Which file.
        path: PathBuf,
        /// Whether there is one, under a password.
        encrypted: bool,
    },
    /// A certificate of the trusted ones is none.
    #[error("a certificate in {} cannot be used", path.display())]
    BadRoot {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: RustlsError,
    },
    /// The operating system's authorities cannot be loaded.
    #[error(
        "the platform's trusted certificates cannot be loaded; name a PEM file (ca_file) or use those compiled in (TlsRoots::WebPki)"
    )]
    Platform(#[source] RustlsError),
    /// The expected name is no name of a host.
    #[error("{name:?} is neither a host name nor an IP address: no certificate can be for it")]
    ServerName {
        /// The text.
        name: String,
    },
    /// Nothing says which name servers must have.
    #[error("no name is known that the servers' certificates must be for: set server_name")]
    NoServerName,
    /// Certificate and key are of no use, or do not belong together.
    #[error("the certificate and its key cannot be used")]
    Identity(#[source] RustlsError),
    /// Whatever else rustls does not accept.
    #[error("the settings of TLS cannot be used")]
    Rustls(#[source] RustlsError),
}

/// What was wrong with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsProblem {
    /// Its certificate is signed by nobody who is trusted, perhaps by itself.
    Untrusted,
    /// Its certificate has expired.
    Expired,
    /// Its certificate is not valid yet.
    NotYetValid,
    /// Its certificate is for other names.
    WrongName,
    /// Its certificate is wrong in another way.
    BadCertificate,
    /// It wants a certificate of the client, or does not accept the one shown.
    ClientCertificate,
    /// It speaks no version of TLS that is safe: TLS 1.2 and 1.3 are.
    OldVersion,
    /// It does not speak TLS.
    NotTls,
    /// It ended the connection during the handshake.
    Closed,
    /// The handshake failed in another way.
    Handshake,
}

/// A TLS connection that did not come about, or ended by an alert. Found in the source of [`RemotingError::Connect`](crate::RemotingError).
#[derive(Clone, Debug)]
pub struct TlsError {
    addr: Arc<str>,
    expected: Arc<str>,
    problem: TlsProblem,
    cause: Option<RustlsError>,
}

impl TlsError {
    /// Finds the TLS error that an error of a dial or connection stands for.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Returns what was wrong.
    pub fn problem(&self) -> TlsProblem {
        self.problem
    }

    /// Turns an error of a TLS stream into one that says what to do; any other error stays as it is.
    pub(super) fn explain(error: io::Error, addr: &Arc<str>, expected: &Arc<str>, in_handshake: bool) -> io::Error {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()).cloned();
        let problem = match &cause {
            Some(cause) => classify(cause),
            None if in_handshake && error.kind() == io::ErrorKind::UnexpectedEof => TlsProblem::Closed,
            None if in_handshake && error.kind() == io::ErrorKind::ConnectionReset => TlsProblem::Closed,
            None => return error,
        };
        let told = Self { addr: Arc::clone(addr), expected: Arc::clone(expected), problem, cause };
        io::Error::new(error.kind(), told)
    }
}

fn classify(error: &RustlsError) -> TlsProblem {
    match error {
        RustlsError::InvalidCertificate(error) => match error {
            // A signature that does not fit: another authority of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsProblem::Untrusted,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsProblem::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsProblem::WrongName
            }
            _ => TlsProblem::BadCertificate,
        },
        RustlsError::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // A signature that does not fit.
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied => TlsProblem::ClientCertificate,
            AlertDescription::ProtocolVersion => TlsProblem::OldVersion,
            _ => TlsProblem::Handshake,
        },
        RustlsError::PeerIncompatible(_) => TlsProblem::OldVersion,
        RustlsError::InvalidMessage(_) => TlsProblem::NotTls,
        _ => TlsProblem::Handshake,
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addr, expected, .. } = self;
        match self.problem {
            TlsProblem::Untrusted => {
                write!(f, "the certificate of {addr} is signed by no authority that is trusted here; {TWO_WAYS_OUT}")
            }
            TlsProblem::BadCertificate => write!(f, "the certificate of {addr} is not acceptable; {TWO_WAYS_OUT}"),
            TlsProblem::Expired => {
                write!(f, "the certificate of {addr} has expired: renew it, or correct this machine's clock")
            }
            TlsProblem::NotYetValid => {
                write!(f, "the certificate of {addr} is not valid yet: correct the clock here or where it was made")
            }
            TlsProblem::WrongName => write!(
                f,
                "the certificate of {addr} is not for {expected}: set the name that the servers' certificates are for (server_name, --tls-server-name)"
            ),
            TlsProblem::ClientCertificate => write!(
                f,
                "{addr} demands a client certificate that it trusts: give one with its key (client_certificate, --tls-cert and --tls-key), signed by an \
                 authority of the server's tls.server.trustCertPath"
            ),
            TlsProblem::OldVersion => {
                write!(f, "{addr} and this client have no version of TLS in common: only 1.2 and 1.3 are spoken here")
            }
            TlsProblem::NotTls => write!(
                f,
                "{addr} does not speak TLS: check the port, and tls.server.mode of the server, or switch TLS off here"
            ),
            TlsProblem::Closed => write!(
                f,
                "{addr} ended the connection during the TLS handshake: check that it speaks TLS (tls.server.mode is not disabled)"
            ),
            TlsProblem::Handshake => write!(f, "the TLS handshake with {addr} failed"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

const TWO_WAYS_OUT: &str = "if it is self-signed, as that of a server without a TLS configuration, there are two ways out: give the authority's \
    certificate as a PEM file (ca_file, --tls-ca), or, with a test server only, accept any certificate (dangerous_accept_any_certificate, --tls-insecure)";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cause: RustlsError) -> (TlsProblem, String) {
        let error = io::Error::new(io::ErrorKind::InvalidData, cause);
        let error = TlsError::explain(error, &"b:10911".into(), &"rocketmq.example".into(), true);
        (TlsError::of(&error).unwrap().problem(), error.to_string())
    }

    #[test]
    fn the_text_of_an_untrusted_certificate_names_both_ways_out() {
        let (problem, text) = told(RustlsError::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(problem, TlsProblem::Untrusted);
        assert!(
            text.contains("b:10911") && text.contains("ca_file") && text.contains("dangerous_accept_any_certificate"),
            "{text}"
        );
    }

    #[test]
    fn each_failure_is_told_apart() {
        use CertificateError::{Expired, NotValidForName};
        for (cause, problem, part) in [
            (RustlsError::InvalidCertificate(Expired), TlsProblem::Expired, "expired"),
            (RustlsError::InvalidCertificate(NotValidForName), TlsProblem::WrongName, "rocketmq.example"),
            (
                RustlsError::AlertReceived(AlertDescription::CertificateRequired),
                TlsProblem::ClientCertificate,
                "--tls-cert",
            ),
            (RustlsError::AlertReceived(AlertDescription::ProtocolVersion), TlsProblem::OldVersion, "1.2"),
            (RustlsError::DecryptError, TlsProblem::Handshake, "handshake"),
        ] {
            let (told, text) = told(cause);
            assert!(told == problem && text.contains(part), "{told:?}: {text}");
        }
    }

    #[test]
    fn an_error_of_the_network_is_left_alone() {
        let error = io::Error::from(io::ErrorKind::TimedOut);
        assert!(TlsError::of(&TlsError::explain(error, &"a".into(), &"b".into(), true)).is_none());
    }
}
