//! Any numbers as the parts of an id, any text as an id.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use rmq_message::{MonthStarts, OffsetId, UniqueId, UniqueIdGenerator};

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

proptest! {
    #[test]
    fn the_parts_of_a_unique_id_come_back(
        ip in any_ip(), process_id: u16, identity: u32, since_month_start_ms: u32, counter: u16,
    ) {
        let since = i64::from(since_month_start_ms);
        let id = UniqueId::from_parts(ip, process_id.into(), identity, since, counter.into());
        prop_assert_eq!((id.ip(), id.process_id(), id.identity()), (ip, process_id, identity));
        prop_assert_eq!((id.since_month_start_ms(), id.counter()), (since_month_start_ms, counter));
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.to_string(), id.to_string().to_uppercase());
    }

    #[test]
    fn an_offset_id_comes_back(ip in any_ip(), port: u16, offset: i64) {
        let id = OffsetId::new(SocketAddr::new(ip, port), offset);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.to_string().to_lowercase().parse(), Ok(id));
    }

    #[test]
    fn any_text_is_an_id_or_refused(text in prop_oneof![any::<String>(), "[0-9a-fA-F]{32}", "[0-9a-fA-F]{56}", "[0-9a-g]{32}"]) {
        if let Ok(id) = text.parse::<UniqueId>() {
            prop_assert_eq!(id.as_str(), text.as_str());
            let _ = (id.ip(), id.process_id(), id.time_ms(0, MonthStarts::utc(0)));
        }
        if let Ok(id) = text.parse::<OffsetId>() {
            prop_assert_eq!(id.to_string(), text.to_uppercase());
        }
    }

    #[test]
    fn a_generated_id_tells_its_time(
        ip in any_ip(), process_id: u32, random: u64,
        now_ms in 0..8_000_000_000_000_i64, zone in -50_400..=50_400_i32, later_ms in 0..1_000_000_000_i64,
    ) {
        let generator = UniqueIdGenerator::new(ip, process_id, random).utc_offset_seconds(zone);
        let id = generator.next(now_ms);
        prop_assert_eq!(id.ip(), ip);
        prop_assert_eq!(id.time_ms(now_ms, MonthStarts::at_offset(now_ms, zone)), now_ms);
        // within 11 days of the same or the next month it is still clear
        let later = MonthStarts::at_offset(now_ms + later_ms, zone);
        prop_assert_eq!(id.time_ms(now_ms + later_ms, later), now_ms);
    }
}
