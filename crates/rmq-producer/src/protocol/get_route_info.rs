//! GET_ROUTEINFO_BY_TOPIC (105): which brokers have a topic; asked of a name server.

use std::borrow::Cow;

use rmq_remoting::{CommandHeader, ExtFields, HeaderError};

/// Java: `GetRouteInfoRequestHeader`. The answer's body is the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GetRouteInfo<'a> {
    pub(crate) topic: Cow<'a, str>,
    /// Since 4.9.4: asks for JSON with quoted keys, whatever release the client claims to be.
    pub(crate) accept_standard_json_only: Option<bool>,
}

impl<'a> GetRouteInfo<'a> {
    /// Asks for the route of `topic` in standard JSON.
    pub(crate) fn of(topic: &'a str) -> Self {
        Self { topic: topic.into(), accept_standard_json_only: Some(true) }
    }
}

impl CommandHeader for GetRouteInfo<'_> {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set(TOPIC, &self.topic);
        if let Some(standard) = self.accept_standard_json_only {
            fields.set_display(ACCEPT_STANDARD_JSON_ONLY, standard);
        }
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        Ok(Self {
            topic: fields.require(TOPIC)?.to_owned().into(),
            accept_standard_json_only: fields.boolean(ACCEPT_STANDARD_JSON_ONLY),
        })
    }
}

const TOPIC: &str = "topic";
const ACCEPT_STANDARD_JSON_ONLY: &str = "acceptStandardJsonOnly";
