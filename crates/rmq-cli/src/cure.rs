//! One sentence for a failure: what happened, and what to check.
//!
//! Never more than one line, and no error is said twice, however many layers wrap it.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use rmq_producer::{InvalidNameServers, NameServerFailure, RouteError, SendError, SendErrorKind, StartError};
use rmq_remoting::{ConnectionEnd, Endpoint, RemotingError, ResponseCode};

/// What is wrong with a server that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    UnknownHost,
    /// Nothing listens at the port.
    Refused,
    /// It, or the way to it, is silent.
    Silent,
    /// Something listens, but speaks another protocol, or is another kind of server.
    OtherServer(String),
    /// TLS with it did not come about; the text says what to do.
    #[cfg(feature = "tls")]
    Tls(String),
    Other(String),
}

impl Trouble {
    pub(crate) fn of(error: &RemotingError) -> Self {
        #[cfg(feature = "tls")]
        if let RemotingError::Connect { source, .. }
        | RemotingError::BackingOff { source: Some(source), .. }
        | RemotingError::ConnectionLost { cause: ConnectionEnd::Io(source), .. } = error
            && let Some(error) = rmq_producer::TlsError::of(source)
        {
            return Self::Tls(error.to_string());
        }
        match error {
            RemotingError::Connect { source, .. } | RemotingError::BackingOff { source: Some(source), .. } => {
                Self::of_dial(source)
            }
            RemotingError::ConnectTimeout { .. } | RemotingError::Timeout { .. } | RemotingError::DeadlineExpired => {
                Self::Silent
            }
            RemotingError::ConnectionLost { cause: ConnectionEnd::Frame(frame), .. } => Self::OtherServer(chain(frame)),
            // Servers of other protocols close what they cannot read.
            RemotingError::ConnectionLost { cause, .. } => Self::OtherServer(chain(cause)),
            other => Self::Other(chain(other)),
        }
    }

    /// A server of RocketMQ that does not know the request.
    pub(crate) fn wrong_kind(code: ResponseCode) -> Self {
        Self::OtherServer(format!("it answered {code}"))
    }

    fn of_dial(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::Silent,
            _ if is_resolution(error) => Self::UnknownHost,
            _ => Self::Other(error.to_string()),
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::UnknownHost => "unknown host",
            Self::Refused => "connection refused",
            Self::Silent => "no answer",
            Self::OtherServer(detail) | Self::Other(detail) => detail,
            #[cfg(feature = "tls")]
            Self::Tls(detail) => detail,
        }
    }
}

/// Why name servers were of no use.
pub(crate) fn name_servers<'a>(troubles: impl IntoIterator<Item = (&'a Endpoint, Trouble)>) -> String {
    let troubles: Vec<_> = troubles.into_iter().collect();
    let [(addr, trouble)] = troubles.as_slice() else {
        let reasons: Vec<_> = troubles.iter().map(|(addr, trouble)| format!("{addr}: {}", trouble.reason())).collect();
        return format!(
            "none of the name servers can be used ({}): check the addresses in --namesrv, and that the name servers run",
            reasons.join("; ")
        );
    };
    match trouble {
        Trouble::UnknownHost => {
            format!(
                "the host of name server {addr} is unknown: check its spelling in --namesrv, and the DNS of this machine"
            )
        }
        Trouble::Refused => format!(
            "nothing listens at {addr} (connection refused): check that the name server runs, and its host and port in --namesrv \
             (the usual port is 9876)"
        ),
        Trouble::Silent => format!(
            "name server {addr} does not answer: check its host and port in --namesrv, and that no firewall is in between"
        ),
        Trouble::OtherServer(detail) => format!(
            "what listens at {addr} is no name server ({detail}): check the port in --namesrv (name servers usually have 9876, \
             brokers 10911, proxies 8081)"
        ),
        #[cfg(feature = "tls")]
        Trouble::Tls(detail) => detail.clone(),
        Trouble::Other(detail) => {
            format!("name server {addr} cannot be used ({detail}): check its host and port in --namesrv")
        }
    }
}

/// No name server knows the topic.
pub(crate) fn no_route(topic: &str) -> String {
    format!(
        "topic {topic:?} has no route: check its name, create it (mqadmin updateTopic), or check that brokers run and are \
         registered at this name server"
    )
}

/// Why a producer did not start.
pub(crate) fn of_start(error: &StartError) -> String {
    match error {
        StartError::NameServers(error) => of_name_servers(error.failures()),
        StartError::NameServerList(error) => of_list(error),
        other => chain(other),
    }
}

/// What is wrong with a list of name servers.
pub(crate) fn of_list(error: &InvalidNameServers) -> String {
    match error {
        InvalidNameServers::Empty => {
            "--namesrv is empty: write HOST:PORT, for example 127.0.0.1:9876; or set NAMESRV_ADDR, or name_servers in --config".to_owned()
        }
        other => format!("--namesrv: {other}"),
    }
}

/// Why a message was not sent, or not confirmed.
pub(crate) fn of_send(error: &SendError) -> String {
    if let Some(RouteError::NameServers { source, .. }) = error.source().and_then(|cause| cause.downcast_ref()) {
        return of_name_servers(source.failures());
    }
    let causes = error.source().map(chain);
    match (error.kind(), error.attempts().last().and_then(|attempt| Some((attempt.broker_name(), attempt.address()?))))
    {
        (SendErrorKind::NoRoute, _) => no_route(error.topic()),
        (SendErrorKind::InvalidMessage, _) => {
            format!("the message cannot be sent: {}", causes.unwrap_or_else(|| error.to_string()))
        }
        (SendErrorKind::Connect, Some((broker, addr))) => format!(
            "broker {broker} at {addr} cannot be reached ({}): check that it runs, and that the address it registers (brokerIP1, \
             listenPort) can be reached from this machine",
            causes.unwrap_or_default()
        ),
        _ => match causes {
            Some(causes) => format!("{error} ({causes})"),
            None => error.to_string(),
        },
    }
}

/// The error and its causes, joined by colons; a cause that says what was just said is left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    text
}

fn of_name_servers(failures: &[(Endpoint, NameServerFailure)]) -> String {
    let trouble = |failure: &NameServerFailure| match failure {
        NameServerFailure::Remoting(error) => Trouble::of(error),
        NameServerFailure::Refused { code: code @ ResponseCode::REQUEST_CODE_NOT_SUPPORTED, .. } => {
            Trouble::wrong_kind(*code)
        }
        NameServerFailure::Unreadable(_) => Trouble::OtherServer(chain(failure)),
        other => Trouble::Other(chain(other)),
    };
    name_servers(failures.iter().map(|(addr, failure)| (addr, trouble(failure))))
}

/// Whether the name could not be resolved: such errors come from the resolver, not from a system call, and have no code of one.
fn is_resolution(error: &io::Error) -> bool {
    match error.raw_os_error() {
        None => !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof),
        // Windows' resolver reports as sockets do: WSAHOST_NOT_FOUND to WSANO_DATA.
        Some(code) => cfg!(windows) && (11_001..=11_004).contains(&code),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn dial(error: io::Error) -> RemotingError {
        RemotingError::Connect { addr: Endpoint::parse("mq:9876").unwrap(), source: Arc::new(error) }
    }

    fn one(error: &RemotingError) -> String {
        let addr = Endpoint::parse("mq:9876").unwrap();
        let sentence = name_servers([(&addr, Trouble::of(error))]);
        assert!(!sentence.contains('\n') && sentence.contains("mq:9876") && sentence.contains("check"), "{sentence}");
        sentence
    }

    #[test]
    fn each_trouble_of_a_name_server_has_its_own_advice() {
        let unknown = io::Error::other("failed to lookup address information: Name or service not known");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let silent = RemotingError::Timeout { addr: "mq:9876".into(), after: Duration::from_secs(3) };
        let closed =
            RemotingError::ConnectionLost { addr: "mq:9876".into(), written: true, cause: ConnectionEnd::PeerClosed };
        assert!(one(&dial(unknown)).contains("is unknown"));
        assert!(one(&dial(refused)).contains("connection refused"));
        assert!(one(&silent).contains("does not answer"));
        assert!(one(&closed).contains("is no name server (the peer closed the connection)"));
        assert!(one(&dial(io::Error::from_raw_os_error(1))).contains("cannot be used"));
    }

    #[test]
    fn several_name_servers_make_one_sentence_with_a_reason_each() {
        let (a, b) = (Endpoint::parse("a:1").unwrap(), Endpoint::parse("b:2").unwrap());
        let sentence = name_servers([(&a, Trouble::Refused), (&b, Trouble::UnknownHost)]);
        assert!(sentence.contains("(a:1: connection refused; b:2: unknown host)"), "{sentence}");
    }

    #[test]
    fn a_chain_says_each_cause_once() {
        #[derive(Debug)]
        struct Wrapped(io::Error);
        impl std::fmt::Display for Wrapped {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "outer: {}", self.0)
            }
        }
        impl Error for Wrapped {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        assert_eq!(chain(&Wrapped(io::Error::other("inner"))), "outer: inner");
    }
}
