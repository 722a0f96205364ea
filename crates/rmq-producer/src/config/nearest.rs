//! What somebody may have meant who wrote a name that does not exist.

/// The text for a key that is no option.
pub(super) fn unknown_option(section: &str, key: &str, keys: &[&str]) -> String {
    let dot = if section.is_empty() { "" } else { "." };
    let written: String = key.chars().take(80).flat_map(char::escape_debug).collect();
    let start = format!("there is no option {section}{dot}{written}");
    if let Some((_, ours)) = JAVA_NAMES.iter().find(|(java, _)| normal(java) == normal(key)) {
        return format!("{start}: here it is called {ours}");
    }
    match nearest(key, keys) {
        Some(near) => format!("{start}; did you mean {section}{dot}{near}?"),
        None => format!("{start}; there are {}", keys.join(", ")),
    }
}

/// The text for a word that an option does not know.
pub(super) fn unknown_word(option: &str, word: &str, words: &[&str]) -> String {
    let written: String = word.chars().take(80).flat_map(char::escape_debug).collect();
    let known = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    match nearest(word, words) {
        Some(near) => format!("the option {option} cannot be {written:?}; did you mean {near:?}? It can be {known}"),
        None => format!("the option {option} cannot be {written:?}; it can be {known}"),
    }
}

/// The candidate that differs least, if it differs little; else the only one of whose words it is one.
fn nearest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let letters = normal(written);
    let distances = candidates.iter().map(|candidate| (distance(&letters, &normal(candidate)), *candidate));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    if distance <= (letters.len() / 3).max(1) {
        return Some(nearest);
    }
    let mut with_it = candidates.iter().filter(|candidate| candidate.split('_').any(|word| normal(word) == letters));
    with_it.next().filter(|_| with_it.next().is_none()).copied()
}

/// Without what differs between ways of writing one name.
fn normal(name: &str) -> Vec<char> {
    name.chars()
        .filter(|character| !matches!(character, '_' | '-' | '.'))
        .flat_map(char::to_lowercase)
        .take(80)
        .collect()
}

/// How many letters must be put in, left out or changed (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// Java's names that are not near ours.
const JAVA_NAMES: &[(&str, &str)] = &[
    ("namesrvAddr", "name_servers"),
    ("sendMsgTimeout", "send_timeout"),
    ("sendMsgMaxTimeoutPerRequest", "retries.attempt_timeout"),
    ("mqClientApiTimeout", "api_timeout"),
    ("retryTimesWhenSendFailed", "retries.times"),
    ("retryTimesWhenSendAsyncFailed", "retries.times"),
    ("retryAnotherBrokerWhenNotStoreOK", "retries.retry_another_broker_when_not_store_ok"),
    ("retryResponseCodes", "retries.codes"),
    ("compressMsgBodyOverHowmuch", "compression.over_bytes"),
    ("compressLevel", "compression.level"),
    ("compressType", "compression.type"),
    ("maxMessageSize", "limits.max_body_bytes"),
    ("backPressureForAsyncSendNum", "back_pressure.sends"),
    ("backPressureForAsyncSendSize", "back_pressure.bytes"),
    ("enableBackpressureForAsyncMode", "back_pressure"),
    ("sendLatencyFaultEnable", "latency_fault"),
    ("pollNameServerInterval", "route_refresh_interval"),
    ("heartbeatBrokerInterval", "heartbeat_interval"),
    ("vipChannelEnabled", "vip_channel"),
    ("sendMessageWithVIPChannel", "vip_channel"),
    ("useTLS", "tls"),
    ("accessKey", "credentials.access_key"),
    ("secretKey", "credentials.secret_key"),
    ("securityToken", "credentials.security_token"),
    ("keyFile", "credentials.key_file"),
    ("serializeType", "header_encoding"),
    ("connectTimeoutMillis", "remoting.connect_timeout"),
    ("clientChannelMaxIdleTimeSeconds", "remoting.idle_timeout"),
    ("clientAsyncSemaphoreValue", "remoting.max_in_flight"),
    ("clientOnewaySemaphoreValue", "remoting.max_oneway"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_little_is_suggested() {
        let keys = ["send_timeout", "api_timeout", "producer_group", "retries", "tls"];
        for (written, suggested) in [
            ("send_timout", Some("send_timeout")),
            ("sendTimeout", Some("send_timeout")),
            ("send-timeout", Some("send_timeout")),
            ("retires", Some("retries")),
            ("tl", Some("tls")),
            ("group", Some("producer_group")),
            ("timeout", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &keys), suggested, "{written}");
        }
    }

    #[test]
    fn names_of_java_are_known() {
        let text = unknown_option("", "retryTimesWhenSendFailed", &["send_timeout"]);
        assert!(text.ends_with("here it is called retries.times"), "{text}");
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        let of = |one: &str, other: &str| distance(&normal(one), &normal(other));
        assert_eq!((of("kitten", "sitting"), of("", "abc"), of("same", "same")), (3, 3, 0));
    }

    #[test]
    fn a_hostile_name_is_cut_and_escaped() {
        let text = unknown_option("", &format!("\u{1b}[31m{}", "x".repeat(10_000)), &["tls"]);
        assert!(text.len() < 300 && !text.contains('\u{1b}'), "{text}");
    }
}
