//! CHECK_TRANSACTION_STATE (39): a broker asks what became of a transaction; the half message is the body.
//!
//! The offsets are those of the copy that the broker wrote anew for this check, not of the message that was sent.

use rmq_remoting::{CommandHeader, ExtFields, HeaderError};

/// Java: `CheckTransactionStateRequestHeader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckTransactionState {
    /// The topic of half messages, not the message's own. Since 5.3.0.
    pub(crate) topic: Option<String>,
    pub(crate) tran_state_table_offset: i64,
    pub(crate) commit_log_offset: i64,
    /// The id that the client made.
    pub(crate) msg_id: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) offset_msg_id: Option<String>,
    pub(crate) broker_name: Option<String>,
}

impl CommandHeader for CheckTransactionState {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set_display(TRAN_STATE_TABLE_OFFSET, self.tran_state_table_offset);
        fields.set_display(COMMIT_LOG_OFFSET, self.commit_log_offset);
        let texts = [
            (TOPIC, &self.topic),
            (MSG_ID, &self.msg_id),
            (TRANSACTION_ID, &self.transaction_id),
            (OFFSET_MSG_ID, &self.offset_msg_id),
            (BROKER_NAME, &self.broker_name),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                fields.set(name, value);
            }
        }
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        let text = |name| fields.get(name).map(str::to_owned);
        Ok(Self {
            topic: text(TOPIC),
            tran_state_table_offset: fields.require_parse(TRAN_STATE_TABLE_OFFSET)?,
            commit_log_offset: fields.require_parse(COMMIT_LOG_OFFSET)?,
            msg_id: text(MSG_ID),
            transaction_id: text(TRANSACTION_ID),
            offset_msg_id: text(OFFSET_MSG_ID),
            broker_name: text(BROKER_NAME),
        })
    }
}

const TOPIC: &str = "topic";
const TRAN_STATE_TABLE_OFFSET: &str = "tranStateTableOffset";
const COMMIT_LOG_OFFSET: &str = "commitLogOffset";
const MSG_ID: &str = "msgId";
const TRANSACTION_ID: &str = "transactionId";
const OFFSET_MSG_ID: &str = "offsetMsgId";
const BROKER_NAME: &str = "bname";
