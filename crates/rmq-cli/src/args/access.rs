//! How the servers are reached and convinced: settings from a file, credentials, TLS, namespace.
//!
//! Every flag is there in every build; one that needs a feature which is not compiled in is refused where it is used.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// Flags of all commands that talk to a cluster.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct Access {
    /// Settings of the client, in a TOML or JSON file; flags and environment variables win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The namespace of topics and groups [or: ROCKETMQ_NAMESPACE]
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,

    /// The access key (in 5.x: the user) to sign requests with [or: ROCKETMQ_ACCESS_KEY]
    #[arg(long, value_name = "KEY")]
    pub(crate) access_key: Option<String>,

    /// Its secret key. Others on this machine can see the command line: better ROCKETMQ_SECRET_KEY, or --config
    #[arg(long, value_name = "SECRET")]
    pub(crate) secret_key: Option<Secret>,

    /// The token of a temporary key; better ROCKETMQ_SECURITY_TOKEN, or --config
    #[arg(long, value_name = "TOKEN")]
    pub(crate) security_token: Option<Secret>,

    /// Speak TLS with name servers and brokers, and verify them; the other --tls flags imply it [or: ROCKETMQ_TLS=on]
    #[arg(long)]
    pub(crate) tls: bool,

    /// Trust the authorities in this PEM file, instead of the operating system's
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// The certificate to show to servers that ask for one, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The key of that certificate, a PEM file that is not encrypted
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The name that the servers' certificates are for, if it is not the host of a name server
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,

    /// Accept any certificate, that of the stock test server too: whoever answers can read and change everything [or: ROCKETMQ_TLS=insecure]
    #[arg(long)]
    pub(crate) tls_insecure: bool,
}

impl Access {
    /// The first flag of TLS that was given.
    pub(crate) fn tls_flag(&self) -> Option<&'static str> {
        let flags = [
            ("--tls", self.tls),
            ("--tls-ca", self.tls_ca.is_some()),
            ("--tls-cert", self.tls_cert.is_some()),
            ("--tls-server-name", self.tls_server_name.is_some()),
            ("--tls-insecure", self.tls_insecure),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    /// The first flag of credentials that was given.
    pub(crate) fn key_flag(&self) -> Option<&'static str> {
        let flags = [
            ("--access-key", self.access_key.is_some()),
            ("--secret-key", self.secret_key.is_some()),
            ("--security-token", self.security_token.is_some()),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    /// The first flag of all that was given.
    pub(crate) fn any_flag(&self) -> Option<&'static str> {
        let others = [("--config", self.config.is_some()), ("--namespace", self.namespace.is_some())];
        let other = others.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag);
        other.or_else(|| self.key_flag()).or_else(|| self.tls_flag())
    }
}

/// A text that is not shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    #[cfg_attr(not(feature = "acl"), allow(dead_code, reason = "nobody signs without the feature"))]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}
