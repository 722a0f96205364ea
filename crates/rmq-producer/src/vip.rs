//! The VIP channel: a second port of every broker, two below the first, for sends only.
//!
//! An address that has no such port keeps none: the sender then uses the first.

use rmq_remoting::Endpoint;

/// The address to which messages for a broker go: its VIP channel, where that is on and there is one.
pub(crate) fn for_sends(broker: Endpoint, vip_channel: bool) -> Endpoint {
    if vip_channel { self::vip_channel(&broker).unwrap_or(broker) } else { broker }
}

/// The address of the VIP channel of a broker: its port less 2; `None` where that is no port. Off by default in Java,
/// and only for sends, offsets, queries and topic creation: heartbeats, farewells and the ends of transactions go to
/// the broker's first port.
#[doc(alias("brokerVIPChannel", "sendMessageWithVIPChannel", "vipChannelEnabled"))]
fn vip_channel(broker: &Endpoint) -> Option<Endpoint> {
    let port = broker.port().checked_sub(PORTS_BELOW).filter(|port| *port > 0)?;
    Endpoint::new(broker.host(), port).ok()
}

const PORTS_BELOW: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_one_that_java_uses() {
        // Java makes an address of port 0 or less here, to which nothing can be sent.
        const NO_PORT: [&str; 3] = ["h:2", "h:1", "h:0"];
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../tests/golden/vip.json")).expect("a list of cases");
        assert_eq!(cases.len(), 6);
        for case in &cases {
            let address = case["inputs"]["address"].as_str().unwrap();
            let vip = Endpoint::parse(address).ok().and_then(|broker| vip_channel(&broker));
            let expected = case["expected"]["on"].as_str().filter(|_| !NO_PORT.contains(&address));
            assert_eq!(vip.as_ref().map(Endpoint::as_str), expected, "{address}");
        }
    }

    #[test]
    fn an_address_without_room_below_has_no_vip_channel() {
        let vip = |address| vip_channel(&Endpoint::parse(address).unwrap()).map(|vip| vip.to_string());
        assert_eq!(vip("h:2"), None);
        assert_eq!(vip("h:1"), None);
        assert_eq!(vip("h:3").as_deref(), Some("h:1"));
    }
}
