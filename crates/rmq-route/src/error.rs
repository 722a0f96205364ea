//! What can be wrong with a text that should be a route, or fastjson text at all.
//!
//! `Display` says what this layer found; the parser's own words are behind `source()`.

/// Why a text was not readable as fastjson text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FastjsonError {
    /// The bytes are not UTF-8.
    #[error("the JSON text is not UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// A character that cannot stand where it stands, such as a comma in place of a key.
    #[error("{found:?} at byte {offset} cannot be there in a JSON object")]
    Unexpected {
        /// Bytes before the character.
        offset: usize,
        /// The character.
        found: char,
    },
    /// A bracket that closes something else than what was opened last.
    #[error("the bracket at byte {offset} closes nothing")]
    Unbalanced {
        /// Bytes before the bracket.
        offset: usize,
    },
    /// The text ends inside a string, a list or an object.
    #[error("the JSON text ends too early")]
    Truncated,
    /// More levels of lists and objects than the reader follows.
    #[error("the JSON text is nested deeper than {limit} levels")]
    TooDeep {
        /// The levels that are followed.
        limit: usize,
    },
    /// fastjson's `{"$ref":"…"}`, which stands for a value written elsewhere in the text. It is never followed.
    #[error("the JSON text refers to its own part {path:?}, and such references are not followed")]
    Reference {
        /// What the reference points to.
        path: String,
    },
    /// Standard JSON, or made so, but broken or of another shape than asked for.
    #[error("the JSON text does not have the expected form")]
    Json(#[source] serde_json::Error),
}

/// Why the body of a route answer is not a route.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteJsonError {
    /// The body is empty or says `null`. A name server that has no route answers with an error code instead, so
    /// this is not the same as "no such topic".
    #[error("the body holds no route")]
    Absent,
    /// The body is not readable.
    #[error("the body is not a readable route")]
    Unreadable(#[source] FastjsonError),
}
