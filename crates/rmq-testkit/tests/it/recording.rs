//! The recorded conversations in `tests/golden`.

use std::path::Path;

use bytes::BytesMut;
use rmq_remoting::FrameCodec;
use rmq_testkit::RemotingCommand;
use serde::Deserialize;
use tokio_util::codec::Decoder as _;

/// One conversation.
#[derive(Deserialize)]
pub(crate) struct Recording {
    pub(crate) events: Vec<Event>,
}

/// A frame, or the opening or end of a connection, or a note.
#[derive(Clone, Deserialize)]
pub(crate) struct Event {
    #[serde(default)]
    pub(crate) conn: u32,
    pub(crate) to: Option<String>,
    pub(crate) dir: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) hex: Option<String>,
    pub(crate) note: Option<String>,
}

/// A request and what was answered.
pub(crate) struct Exchange {
    pub(crate) conn: u32,
    pub(crate) to_name_server: bool,
    pub(crate) request: RemotingCommand,
    pub(crate) answer: Option<RemotingCommand>,
}

impl Recording {
    pub(crate) fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).expect("the recording is there");
        serde_json::from_str(&text).expect("a recording")
    }

    /// Every request with its answer, in the order in which the requests were sent.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        let mut exchanges = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            let (Some(">"), Some(request)) = (event.dir.as_deref(), event.command()) else { continue };
            if request.is_response() {
                continue;
            }
            let answer = self.events[at..].iter().find_map(|later| {
                let from_server = later.dir.as_deref() == Some("<") && later.conn == event.conn;
                later
                    .command()
                    .filter(|answer| from_server && answer.is_response() && answer.opaque() == request.opaque())
            });
            let answer = answer.filter(|_| !request.is_oneway());
            let to_name_server = event.to.as_deref() == Some("namesrv");
            exchanges.push(Exchange { conn: event.conn, to_name_server, request, answer });
        }
        exchanges
    }
}

impl Event {
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let hex = self.hex.as_deref()?;
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        Some((0..hex.len()).step_by(2).map(digits).collect())
    }

    pub(crate) fn command(&self) -> Option<RemotingCommand> {
        let mut bytes = BytesMut::from(self.bytes()?.as_slice());
        FrameCodec::default().decode(&mut bytes).ok().flatten()
    }
}
