//! A route's JSON: reading what any name server writes, and writing it in both of its forms.
//!
//! Reading is as forgiving as fastjson where servers differ (missing and `null` members, numbers in quotes, unknown
//! members) and strict where a guess could misroute a message (broken text, references, numbers that do not fit).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{FastjsonError, RouteJsonError};
use crate::fastjson;
use crate::route_data::TopicRouteData;

impl TopicRouteData {
    /// Reads the body of a route answer, whichever form it has.
    ///
    /// # Errors
    /// [`RouteJsonError::Absent`] for an empty body or `null`; [`RouteJsonError::Unreadable`] for anything that is
    /// not a route, is cut off, or holds a `$ref`.
    #[doc(alias("decode", "RemotingSerializable"))]
    pub fn from_json(body: &[u8]) -> Result<Self, RouteJsonError> {
        match body.trim_ascii_start().first() {
            None => return Err(RouteJsonError::Absent),
            // serde would take a list for the members of a struct in their order.
            Some(b'[') => {
                return Err(RouteJsonError::Unreadable(FastjsonError::Json(Error::custom("a route is an object"))));
            }
            Some(_) => {}
        }
        let route: Option<Self> = fastjson::from_slice(body).map_err(RouteJsonError::Unreadable)?;
        route.ok_or(RouteJsonError::Absent)
    }

    /// Writes the route as standard JSON, byte for byte what a 5.5.0 name server answers to a client that asks for
    /// that (`TopicRouteData#encode`).
    #[must_use]
    #[doc(alias = "encode")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain values under integer and text keys always have a JSON form")
    }

    /// Writes the route with bare integer keys, as name servers up to 4.9.3 always do and newer ones for old clients.
    #[must_use]
    #[doc(alias = "RemotingSerializable")]
    pub fn to_loose_json(&self) -> String {
        fastjson::to_loose_string(self).expect("plain values under integer and text keys always have a JSON form")
    }
}

/// A value, or its default where the text says `null`.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A list without its `null`s.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let items: Vec<Option<T>> = or_default(deserializer)?;
    Ok(items.into_iter().flatten().collect())
}

/// A map without its `null` values.
pub(crate) fn map<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    let entries: BTreeMap<K, Option<V>> = or_default(deserializer)?;
    Ok(without_nulls(entries))
}

/// A map without its `null` values, told apart from no map.
pub(crate) fn optional_map<'de, D, K, V>(deserializer: D) -> Result<Option<BTreeMap<K, V>>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    let entries: Option<BTreeMap<K, Option<V>>> = Option::deserialize(deserializer)?;
    Ok(entries.map(without_nulls))
}

/// A map of numbers, each of them written as a number or as text.
pub(crate) fn map_of_numbers<'de, D, K>(deserializer: D) -> Result<BTreeMap<K, i32>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
{
    let numbers: BTreeMap<K, Number> = map(deserializer)?;
    Ok(numbers.into_iter().map(|(key, Number(number))| (key, number)).collect())
}

/// A number, written as a number or as text; 0 for `null`.
pub(crate) fn number<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64> + Default,
{
    deserializer.deserialize_any(NumberVisitor(PhantomData))
}

/// A truth value, written as such or as text; `false` for `null`.
pub(crate) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    deserializer.deserialize_any(TruthVisitor)
}

struct Number(i32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer).map(Self)
    }
}

fn without_nulls<K: Ord, V>(entries: BTreeMap<K, Option<V>>) -> BTreeMap<K, V> {
    entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

struct NumberVisitor<N>(PhantomData<N>);

impl<N: TryFrom<i64> + Default> Visitor<'_> for NumberVisitor<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer in range")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<N, E> {
        N::try_from(value).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<N, E> {
        let signed = i64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))?;
        self.visit_i64(signed)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<N, E> {
        let value: i64 = text.trim().parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        self.visit_i64(value)
    }

    fn visit_unit<E: Error>(self) -> Result<N, E> {
        Ok(N::default())
    }
}

struct TruthVisitor;

impl Visitor<'_> for TruthVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(text.eq_ignore_ascii_case("true"))
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::perm::Perm;

    #[test]
    fn missing_and_null_members_read_as_nothing() {
        let empty = TopicRouteData::default();
        let all_null = r#"{"brokerDatas":null,"filterServerTable":null,"orderTopicConf":null,"queueDatas":null,
            "topicQueueMappingByBroker":null}"#;
        assert_eq!(TopicRouteData::from_json(b"{}").unwrap(), empty);
        assert_eq!(TopicRouteData::from_json(all_null.as_bytes()).unwrap(), empty);

        let null_inside = r#"{"brokerDatas":[null,{"brokerAddrs":null,"brokerName":null,"cluster":null,"zoneName":null,
            "enableActingMaster":null},{"brokerAddrs":{"0":null,"1":"h:1"}}],"queueDatas":[null,{"brokerName":null,
            "perm":null,"readQueueNums":null}],"filterServerTable":{"a":null},
            "topicQueueMappingByBroker":{"a":null,"b":{"currIdMap":null,"scope":null,"epoch":null}}}"#;
        let route = TopicRouteData::from_json(null_inside.as_bytes()).unwrap();
        assert_eq!(route.broker_datas.len(), 2);
        assert_eq!(route.broker_datas[1].broker_addrs, BTreeMap::from([(1, "h:1".to_owned())]));
        assert_eq!(route.queue_datas.len(), 1);
        assert_eq!(route.topic_queue_mapping_by_broker.unwrap().into_keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn numbers_and_truth_values_may_be_text() {
        let text = br#"{"queueDatas":[{"brokerName":"a","perm":" 6 ","readQueueNums":"2","writeQueueNums":3}],
            "brokerDatas":[{"brokerName":"a","enableActingMaster":"TRUE"}]}"#;
        let route = TopicRouteData::from_json(text).unwrap();
        assert_eq!(route.queue_datas[0].perm, Perm::READ_WRITE);
        assert_eq!(route.queue_datas[0].read_queue_nums, 2);
        assert!(route.broker_datas[0].enable_acting_master);
    }

    #[test]
    fn a_number_that_does_not_fit_is_an_error_and_not_a_smaller_number() {
        for count in ["4294967300", "18446744073709551615", "1.5", "[]", "\"four\""] {
            let text = format!(r#"{{"queueDatas":[{{"brokerName":"a","writeQueueNums":{count}}}]}}"#);
            let error = TopicRouteData::from_json(text.as_bytes()).unwrap_err();
            assert!(matches!(error, RouteJsonError::Unreadable(FastjsonError::Json(_))), "{count}: {error:?}");
        }
    }

    #[test]
    fn a_broker_id_that_is_no_number_is_an_error() {
        let error = TopicRouteData::from_json(br#"{"brokerDatas":[{"brokerAddrs":{"master":"h:1"}}]}"#).unwrap_err();
        assert!(error.source().is_some(), "{error:?}");
    }

    #[test]
    fn no_route_and_no_text_are_told_apart_from_bad_text() {
        for absent in [&b""[..], b"  \n", b"null", b" null "] {
            assert!(matches!(TopicRouteData::from_json(absent), Err(RouteJsonError::Absent)));
        }
        for bad in [&b"{"[..], b"[]", b"nul", b"7", b"\"\"", b"{\"queueDatas\":{}}", b"\xff\xfe"] {
            assert!(matches!(TopicRouteData::from_json(bad), Err(RouteJsonError::Unreadable(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_reference_to_another_part_of_the_text_is_refused_by_name() {
        let text = r#"{"brokerDatas":[{"brokerAddrs":{0:"h:1"},"brokerName":"a"},{"$ref":"$.brokerDatas[0]"}]}"#;
        let error = TopicRouteData::from_json(text.as_bytes()).unwrap_err();
        let RouteJsonError::Unreadable(FastjsonError::Reference { path }) = error else { panic!("{error:?}") };
        assert_eq!(path, "$.brokerDatas[0]");
    }

    #[test]
    fn a_name_that_merely_contains_the_word_is_no_reference() {
        let text = br#"{"brokerDatas":[{"brokerName":"$ref","brokerAddrs":{"0":"$ref\":\"h:1"}}]}"#;
        assert_eq!(TopicRouteData::from_json(text).unwrap().broker_datas[0].broker_name, "$ref");
    }
}
