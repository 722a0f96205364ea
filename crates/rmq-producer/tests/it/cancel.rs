//! Every public call, dropped at every poll: nothing stays held, and later calls work.

use rmq_producer::{Producer, RemotingConfig};
use rmq_testkit::{RequestCode, TestCluster};

use crate::world::*;

/// Room for one request of each sort: whatever stays held is missed by the next call.
async fn narrow(cluster: &TestCluster) -> Producer {
    let mut remoting = RemotingConfig::default();
    remoting.max_in_flight = 1;
    remoting.max_oneway = 1;
    remoting.max_in_flight_per_connection = 1;
    builder(cluster).remoting(remoting).check_name_servers(false).start().await.expect("nothing is checked")
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Drops what `call` makes at every poll, each time with a new producer, and then sends.
async fn at_every_poll<T>(call: impl AsyncFn(&Producer, usize) -> Option<T>) -> usize {
    for polls in 1.. {
        let cluster = start(two_brokers()).await;
        let producer = narrow(&cluster).await;
        let done = call(&producer, polls).await.is_some();
        assert_eq!(producer.in_flight(), 0, "dropped after {polls} polls");
        let sent = producer.send(hello()).await.unwrap_or_else(|error| panic!("after {polls} polls: {error:?}"));
        producer.send_oneway(hello()).await.unwrap_or_else(|error| panic!("after {polls} polls: {error:?}"));
        assert!(cluster.messages("orders").iter().any(|stored| stored.unique_id() == Some(sent.message_id())));
        let report = producer.shutdown(seconds(5)).await;
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(producer.tasks(), 0);
        cluster.shutdown().await;
        if done {
            return polls;
        }
    }
    unreachable!("no call takes for ever")
}

#[tokio::test(start_paused = true)]
async fn send() {
    let polls =
        at_every_poll(async |producer, polls| stop_after(polls, producer.send(hello()).into_future()).await).await;
    assert!(polls >= 3, "look-up, dial, answer: {polls}");
}

#[tokio::test(start_paused = true)]
async fn send_oneway() {
    let polls =
        at_every_poll(async |producer, polls| stop_after(polls, producer.send_oneway(hello()).into_future()).await)
            .await;
    assert!(polls > 2, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_room() {
    let mut most = 0;
    for polls in 1.. {
        let cluster = start(one_broker()).await;
        let limits = rmq_producer::InFlightLimits::new(1, 100);
        let producer = builder(&cluster).back_pressure(limits).start().await.unwrap();
        let held = producer.try_enqueue(hello()).unwrap();
        let entered = stop_after(polls, producer.enqueue(hello()).into_future()).await;
        let done = entered.is_some();
        if let Some(handle) = entered {
            handle.unwrap().await.unwrap();
        }
        held.await.unwrap();
        assert_eq!(producer.in_flight(), 0, "dropped after {polls} polls");
        producer.try_send(hello()).await.unwrap_or_else(|error| panic!("after {polls} polls: {error:?}"));
        assert_eq!(cluster.messages("orders").len(), 2 + usize::from(done), "what was dropped is not sent");
        assert!(producer.shutdown(seconds(5)).await.is_clean());
        if done {
            break;
        }
        most = polls;
    }
    assert!(most >= 1, "{most}");
}

#[tokio::test(start_paused = true)]
async fn a_handle() {
    for polls in 1..10 {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        let handle = producer.enqueue(hello()).await.unwrap();
        let done = stop_after(polls, handle).await.is_some();
        assert_eq!(cluster.wait_for_messages("orders", 1, seconds(5)).await.len(), 1, "it goes on");
        settle().await;
        assert_eq!(producer.in_flight(), 0);
        if done {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn publish_queues() {
    let polls = at_every_poll(async |producer, polls| stop_after(polls, producer.publish_queues("orders")).await).await;
    assert!(polls > 1, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn start_leaves_nothing_behind() {
    let mut most = 0;
    for polls in 1.. {
        let cluster = start(two_brokers()).await;
        let before = tasks();
        let started = stop_after(polls, builder(&cluster).start()).await;
        let done = started.is_some();
        drop(started);
        settle().await;
        assert!(cluster.name_server().lines().is_empty(), "dropped after {polls} polls");
        assert_eq!(tasks(), before, "dropped after {polls} polls");
        producer(&cluster).await.send(hello()).await.expect("another one starts");
        cluster.shutdown().await;
        settle().await;
        if done {
            break;
        }
        most = polls;
    }
    assert!(most > 1, "{most}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_can_be_taken_up_again() {
    let mut most = 0;
    for polls in 1.. {
        let cluster = start(two_brokers()).await;
        let before = tasks();
        let producer = narrow(&cluster).await;
        producer.send(hello()).await.unwrap();
        // A send that outlives the grace, so that the drain is dropped too.
        cluster.on(RequestCode::SEND_MESSAGE_V2, &rmq_testkit::Fault::silent());
        let pending = producer.send(hello()).timeout(seconds(60)).into_future();
        let (sent, done) = tokio::join!(pending, async {
            settle().await;
            let done = stop_after(polls, producer.shutdown(seconds(1))).await.is_some();
            assert!(producer.send(hello()).await.is_err(), "new sends stay refused");
            let report = producer.shutdown(seconds(1)).await;
            assert_eq!(report.unfinished, 1, "after {polls} polls");
            assert_eq!(producer.shutdown(seconds(1)).await, report);
            done
        });
        assert!(sent.unwrap_err().possibly_stored());
        settle().await;
        assert_eq!((producer.in_flight(), producer.tasks(), tasks()), (0, 0, before), "after {polls} polls");
        cluster.shutdown().await;
        settle().await;
        if done {
            break;
        }
        most = polls;
    }
    assert!(most > 1, "{most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_dropped_anywhere_on_two_threads_leave_nothing() {
    let cluster = start(TestCluster::builder().brokers(2).topic("orders", 4)).await;
    let producer = Producer::builder("pg")
        .name_servers(cluster.name_servers())
        .send_timeout(seconds(60)) // the clock is real, and the machine may be busy
        .start()
        .await
        .unwrap();
    let mut sends = tokio::task::JoinSet::new();
    for n in 0..4_000_usize {
        let producer = producer.clone();
        sends.spawn(async move {
            if n % 5 == 0 {
                stop_after(1 + n % 4, producer.send_oneway(hello()).into_future()).await.map(|sent| sent.map(drop))
            } else {
                stop_after(1 + n % 7, producer.send(hello()).into_future()).await.map(|sent| sent.map(drop))
            }
        });
    }
    let outcomes = sends.join_all().await;
    let failed: Vec<_> = outcomes.iter().flatten().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(failed.is_empty(), "whoever was not dropped was served: {} were not, {:?}", failed.len(), failed[0]);
    assert!(outcomes.iter().any(Option::is_none) && outcomes.iter().any(Option::is_some));
    assert_eq!(producer.in_flight(), 0);
    producer.send(hello()).await.unwrap();
    let report = producer.shutdown(seconds(5)).await;
    assert_eq!((report.unfinished, report.unregistered, producer.tasks()), (0, 2, 0));
}
