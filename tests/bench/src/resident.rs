//! How much memory sends take that wait for their answers: many of them against a broker that never answers.
//!
//! Each is a task here; what a task takes that does nothing at all is measured as well, so that it can be taken off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use rmq_producer::{InFlightLimits, Message, Producer};
use rmq_remoting::{Endpoint, RemotingClient, RemotingCommand, RemotingConfig, RequestCode, RequestTemplate};

use crate::message::{GROUP, TOPIC, body};
use crate::{processor_time, runtime};

/// What every caller has to itself, without its body, which all of them share here.
pub(crate) fn bytes_per_send(contestant: &str, address: &str, in_flight: usize) -> anyhow::Result<f64> {
    let runtime = runtime::new()?;
    let mut config = RemotingConfig::default();
    config.max_in_flight = in_flight;
    config.max_in_flight_per_connection = in_flight;
    config.max_in_flight_bytes = usize::MAX;
    runtime.block_on(async {
        if contestant == IDLE {
            let begun = Arc::new(AtomicUsize::new(0));
            let one = || {
                let begun = Arc::clone(&begun);
                async move {
                    begun.fetch_add(1, Ordering::Relaxed);
                    std::future::pending().await
                }
            };
            fill(in_flight, one, || begun.load(Ordering::Relaxed)).await
        } else if contestant == "send" {
            let room = InFlightLimits::new(in_flight, 1 << 40);
            let builder = Producer::builder(GROUP).name_servers(address).send_timeout(LONG).remoting(config);
            let builder = builder.back_pressure(room);
            let producer = builder.start().await?;
            let topic: Arc<str> = TOPIC.into();
            producer.publish_queues(Arc::clone(&topic)).await?;
            let one = || {
                let (producer, topic) = (producer.clone(), Arc::clone(&topic));
                async move { drop(producer.send(Message::new(topic, SHARED_BODY)).await) }
            };
            fill(in_flight, one, || producer.in_flight()).await
        } else {
            let client = RemotingClient::builder().config(config).build()?;
            let to = Endpoint::parse(address)?;
            client.connect(&to, LONG).await?;
            let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_field("b", TOPIC);
            let template = Arc::new(RequestTemplate::new(request, ["e"])?);
            let body = body();
            let one = || {
                let (client, to, template, body) = (client.clone(), to.clone(), Arc::clone(&template), body.clone());
                async move { drop(client.invoke_frame(&to, &template.fill([1.into()], &body), LONG).await) }
            };
            fill(in_flight, one, || client.in_flight()).await
        }
    })
}

async fn fill<F: Future<Output = ()> + Send + 'static>(
    in_flight: usize,
    one: impl Fn() -> F,
    under_way: impl Fn() -> usize,
) -> anyhow::Result<f64> {
    let before = processor_time::resident_bytes()?;
    let mut callers = Vec::with_capacity(in_flight);
    while callers.len() < in_flight {
        // In steps, so that the frames of one are written before those of the next wait to be.
        let next = in_flight.min(callers.len() + STEP);
        callers.extend((callers.len()..next).map(|_| runtime::spawn(one())));
        for _ in 0..10_000 {
            if under_way() == next {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        ensure!(under_way() == next, "{} of {next} sends are under way", under_way());
    }
    // The last ones are on their way to the socket.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let after = processor_time::resident_bytes()?;
    for caller in callers {
        caller.abort();
    }
    Ok(after.saturating_sub(before) as f64 / in_flight as f64)
}

/// Tasks that wait for nothing.
pub(crate) const IDLE: &str = "idle tasks";

/// A body that takes no memory of its own, as long as those of the other contestants.
const SHARED_BODY: &[u8] = &[b'x'; 100];

const STEP: usize = 1024;
const LONG: Duration = Duration::from_secs(600);
