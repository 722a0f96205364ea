//! Flags, environment and configuration file → settings of a producer, and a transport with the same access.
//!
//! Flags win over variables, variables over the file, the file over the defaults of the command.

use std::path::Path;

use anyhow::{Context as _, bail};
use rmq_producer::ProducerConfig;
use rmq_remoting::RemotingClient;

use crate::args::Access;
#[cfg(feature = "tls")]
use crate::cure;

/// The settings of a client of this group.
pub(crate) fn config(access: &Access, group: &str, name_servers: Option<&str>) -> anyhow::Result<ProducerConfig> {
    let mut config = ProducerConfig::new(group);
    if let Some(file) = &access.config {
        read_file(&mut config, file)?;
    }
    // Keys of the command line are not mixed with those of the environment here, but below.
    let passed_over = |name: &str| access.key_flag().is_some() && KEY_VARIABLES.contains(&name);
    config.overlay_variables(|name| std::env::var_os(name).filter(|_| !passed_over(name)))?;
    if let Some(name_servers) = name_servers {
        config.name_servers = name_servers.to_owned();
    }
    if let Some(namespace) = &access.namespace {
        config.namespace = Some(namespace.clone());
    }
    set_credentials(&mut config, access)?;
    set_tls(&mut config, access)?;
    Ok(config)
}

/// A transport that reaches and convinces the same servers, for questions that a producer does not ask.
pub(crate) fn remoting(config: &ProducerConfig) -> anyhow::Result<RemotingClient> {
    let builder = RemotingClient::builder().config(config.remoting.clone());
    #[cfg(feature = "tls")]
    let builder = match &config.tls {
        Some(tls) => {
            let list = rmq_producer::NameServerList::parse(&config.name_servers);
            let list = list.map_err(|error| anyhow::Error::msg(cure::of_list(&error)))?;
            let hosts = list.endpoints().iter().map(rmq_remoting::Endpoint::host);
            builder.connector(rmq_remoting::TlsConnector::new(tls, hosts, rmq_remoting::TcpConnector)?)
        }
        None => builder,
    };
    #[cfg(feature = "acl")]
    let builder = match &config.credentials {
        Some(source) => builder.hook(rmq_remoting::AclHook::new(source)?),
        None => builder,
    };
    Ok(builder.build()?)
}

/// A secret in the file is not among what an error shows.
fn read_file(config: &mut ProducerConfig, file: &Path) -> anyhow::Result<()> {
    let has_extension = |wanted: &str| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted));
    if has_extension("yaml") || has_extension("yml") {
        bail!("--config {}: YAML is not read here, write TOML or JSON", file.display());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("--config {} cannot be read", file.display()))?;
    let problem = if has_extension("json") {
        config.overlay(&mut serde_json::Deserializer::from_str(&text)).err().map(|error| error.to_string())
    } else {
        let parsed = toml::Deserializer::parse(&text).and_then(|parsed| config.overlay(parsed));
        parsed.err().map(|error| match error.span() {
            Some(span) => format!("line {}: {}", line_of(&text, span.start), error.message()),
            None => error.message().to_owned(),
        })
    };
    match problem {
        Some(problem) => bail!("--config {}: {}", file.display(), problem.replace('\n', " ")),
        None => Ok(()),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(feature = "acl")]
fn set_credentials(config: &mut ProducerConfig, access: &Access) -> anyhow::Result<()> {
    use rmq_producer::Credentials;

    let Some(flag) = access.key_flag() else { return Ok(()) };
    // The other half may stand in the environment, where nobody else sees it.
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = access.access_key.clone().or_else(|| variable(Credentials::ACCESS_KEY_VARIABLE));
    let secret = access.secret_key.as_ref().map(|secret| secret.reveal().to_owned());
    let secret = secret.or_else(|| variable(Credentials::SECRET_KEY_VARIABLE));
    let token = access.security_token.as_ref().map(|token| token.reveal().to_owned());
    let token = token.or_else(|| variable(Credentials::SECURITY_TOKEN_VARIABLE));
    match (key, secret) {
        (Some(key), Some(secret)) => {
            config.credentials =
                Some(Credentials::new(key, secret).with_security_token(token.unwrap_or_default()).into());
            Ok(())
        }
        (None, _) => bail!("{flag} is of no use without --access-key (or ROCKETMQ_ACCESS_KEY)"),
        (_, None) => bail!("{flag} is of no use without the secret key: set ROCKETMQ_SECRET_KEY (or --secret-key)"),
    }
}

#[cfg(not(feature = "acl"))]
fn set_credentials(_: &mut ProducerConfig, access: &Access) -> anyhow::Result<()> {
    match access.key_flag() {
        Some(flag) => bail!("{flag} needs an rmq with the feature `acl`, which this one was built without"),
        None => Ok(()),
    }
}

#[cfg(feature = "tls")]
fn set_tls(config: &mut ProducerConfig, access: &Access) -> anyhow::Result<()> {
    if access.tls_flag().is_none() {
        return Ok(());
    }
    let mut tls = config.tls.take().unwrap_or_default();
    if let Some(file) = &access.tls_ca {
        tls = tls.ca_file(file);
    }
    if let (Some(chain), Some(key)) = (&access.tls_cert, &access.tls_key) {
        tls = tls.client_certificate(chain, key);
    }
    if let Some(name) = &access.tls_server_name {
        tls = tls.server_name(name);
    }
    if access.tls_insecure {
        tls = tls.dangerous_accept_any_certificate(true);
    }
    config.tls = Some(tls);
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn set_tls(_: &mut ProducerConfig, access: &Access) -> anyhow::Result<()> {
    match access.tls_flag() {
        Some(flag) => bail!("{flag} needs an rmq with the feature `tls`, which this one was built without"),
        None => Ok(()),
    }
}

const KEY_VARIABLES: [&str; 3] = ["ROCKETMQ_ACCESS_KEY", "ROCKETMQ_SECRET_KEY", "ROCKETMQ_SECURITY_TOKEN"];
