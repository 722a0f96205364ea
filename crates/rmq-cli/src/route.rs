//! `rmq route`: the brokers, addresses and queues of a topic, as a name server tells them.

use std::io::{self, Write as _};
use std::process::ExitCode;

use rmq_route::{MASTER_ID, TopicRouteData};

use crate::access;
use crate::args::RouteArgs;
use crate::look_up::LookUp;
use crate::table::{Align, Table};

pub(crate) async fn run(args: RouteArgs) -> anyhow::Result<ExitCode> {
    rmq_message::validate_topic(&args.topic)?;
    let config = access::config(&args.access, "rmq-cli", args.name_servers.namesrv.as_deref())?;
    let look_up = LookUp::new(&config, args.timeout)?;
    let route = look_up.route(&args.topic).await?;
    look_up.close().await;
    let text = if args.json { serde_json::to_string_pretty(&route)? + "\n" } else { shown(&args.topic, &route) };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// One line that sums up, a line per broker address, and what else the route says.
fn shown(topic: &str, route: &TopicRouteData) -> String {
    let writable: i32 = route.queue_datas.iter().filter(|q| q.perm.is_writable()).map(|q| q.write_queue_nums).sum();
    let readable: i32 = route.queue_datas.iter().filter(|q| q.perm.is_readable()).map(|q| q.read_queue_nums).sum();
    let mut text = format!(
        "topic {topic}: {}, {writable} queues to write, {readable} to read\n\n{}",
        brokers(route.queue_datas.len()),
        table(route)
    );
    if let Some(order) = route.order_topic_conf.as_deref().filter(|order| !order.is_empty()) {
        text += &format!("\nordered by configuration: {order}\n");
    }
    if let Some(mapping) = route.topic_queue_mapping_by_broker.as_ref().filter(|mapping| !mapping.is_empty()) {
        text += &format!("\na static topic: its logical queues are mapped on {}\n", brokers(mapping.len()));
    }
    text
}

fn brokers(count: usize) -> String {
    format!("{count} broker{}", if count == 1 { "" } else { "s" })
}

fn table(route: &TopicRouteData) -> Table {
    let mut table = Table::new([
        ("BROKER", Align::Left),
        ("CLUSTER", Align::Left),
        ("ID", Align::Right),
        ("ROLE", Align::Left),
        ("ADDRESS", Align::Left),
        ("WRITE", Align::Right),
        ("READ", Align::Right),
        ("PERM", Align::Left),
    ]);
    let mut brokers: Vec<_> = route.broker_datas.iter().collect();
    brokers.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
    for broker in &brokers {
        let queues = route.queue_datas.iter().find(|queues| queues.broker_name == broker.broker_name);
        let (write, read, perm) = queues.map_or_else(Default::default, |queues| {
            (queues.write_queue_nums.to_string(), queues.read_queue_nums.to_string(), queues.perm.to_string())
        });
        for (at, (id, address)) in broker.broker_addrs.iter().enumerate() {
            let role = if *id == MASTER_ID { "master" } else { "slave" };
            let (id, role) = (id.to_string(), role.to_owned());
            let address = address.clone();
            // What holds for the whole broker is said once.
            if at == 0 {
                let (name, cluster) = (broker.broker_name.clone(), broker.cluster.clone());
                table.row([name, cluster, id, role, address, write.clone(), read.clone(), perm.clone()]);
            } else {
                table.row([String::new(), String::new(), id, role, address]);
            }
        }
        if broker.broker_addrs.is_empty() {
            let nowhere = "(no address)".to_owned();
            table.row([
                broker.broker_name.clone(),
                broker.cluster.clone(),
                String::new(),
                String::new(),
                nowhere,
                write,
                read,
                perm,
            ]);
        }
    }
    for queues in &route.queue_datas {
        if !brokers.iter().any(|broker| broker.broker_name == queues.broker_name) {
            let (write, read) = (queues.write_queue_nums.to_string(), queues.read_queue_nums.to_string());
            let nowhere = "(no address)".to_owned();
            let name = queues.broker_name.clone();
            table.row([
                name,
                String::new(),
                String::new(),
                String::new(),
                nowhere,
                write,
                read,
                queues.perm.to_string(),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use rmq_route::{BrokerData, QueueData};

    use super::*;

    #[test]
    fn a_route_is_shown_with_a_line_per_address() {
        let mut route = TopicRouteData::default();
        route.queue_datas =
            vec![QueueData::new("broker-b", 4), QueueData::new("broker-a", 8), QueueData::new("lost", 2)];
        let mut a = BrokerData::new("Blue", "broker-a", "10.0.0.1:10911");
        a.broker_addrs.insert(1, "10.0.0.2:10911".to_owned());
        route.broker_datas = vec![BrokerData::new("Blue", "broker-b", "10.0.0.3:10911"), a];
        route.order_topic_conf = Some("broker-a:8".to_owned());
        assert_eq!(
            shown("orders", &route),
            "\
topic orders: 3 brokers, 14 queues to write, 14 to read

BROKER    CLUSTER  ID  ROLE    ADDRESS         WRITE  READ  PERM
broker-a  Blue      0  master  10.0.0.1:10911      8     8  RW-
                    1  slave   10.0.0.2:10911
broker-b  Blue      0  master  10.0.0.3:10911      4     4  RW-
lost                           (no address)        2     2  RW-

ordered by configuration: broker-a:8
"
        );
    }

    #[test]
    fn queues_that_may_not_be_written_to_are_not_counted() {
        let mut queues = QueueData::new("a", 4);
        queues.perm = rmq_route::Perm::READ;
        let mut route = TopicRouteData::default();
        route.queue_datas = vec![queues];
        assert!(shown("t", &route).starts_with("topic t: 1 broker, 0 queues to write, 4 to read\n"));
    }
}
