//! Place: a cluster that a behaviour runs against: scripted in memory, scripted over TCP, or real.
//!
//! A test body knows no place by name. It gets topics of its own, so that tests can share servers, and it is run in every place even
//! if it has failed in one.

#![allow(clippy::needless_pass_by_value, reason = "a test body is given as a closure")]
#![allow(clippy::print_stdout, reason = "places and their times, shown when a test fails or with --nocapture")]

mod site;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use real_servers::{Cluster, ClusterSpec, Home, Oracle, Shared};
use rmq_producer::{Connector, Producer, ProducerBuilder};
use rmq_remoting::{LanguageCode, TcpConnector};
use rmq_testkit::TestCluster;
use tokio::net::TcpSocket;

pub(crate) use self::site::{Release, Site};
use crate::stored::Stored;
use crate::topic_admin;

/// One cluster, while a test uses it.
pub(crate) struct Place {
    site: Site,
    servers: Servers,
}

enum Servers {
    Scripted(TestCluster),
    Shared(&'static Shared),
    Own(Box<Own>),
}

struct Own {
    cluster: Cluster,
    oracle: Oracle,
}

/// A client that brokers know by its heartbeats.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KnownClient {
    pub(crate) client_id: String,
    pub(crate) language: String,
    pub(crate) version: i32,
}

/// Runs the body in every place: scripted ones, and the real clusters that all tests share.
pub(crate) fn everywhere(body: impl AsyncFn(&Place)) {
    visit(&[Site::scripted(), Site::real()].concat(), shared, body);
}

/// Runs the body in every place that has ports.
pub(crate) fn everywhere_over_tcp(body: impl AsyncFn(&Place)) {
    visit(&[Site::over_tcp(), Site::real()].concat(), shared, body);
}

/// Like [`everywhere`], for a body that breaks its servers: the real ones are its own, and start as `spec` says.
pub(crate) fn everywhere_alone(spec: impl Fn(Release) -> ClusterSpec, body: impl AsyncFn(&Place)) {
    visit(&[Site::scripted(), Site::real()].concat(), |site| own(site, &spec), body);
}

/// Like [`everywhere_alone`], with two name servers in every place.
pub(crate) fn everywhere_alone_with_two_name_servers(
    spec: impl Fn(Release) -> ClusterSpec,
    body: impl AsyncFn(&Place),
) {
    let spec = |release| spec(release).name_servers(2);
    visit_as(&[Site::scripted(), Site::real()].concat(), 2, |site| own(site, spec), body);
}

/// Runs the body on real servers of its own, which start as `spec` says.
pub(crate) fn in_real_places_alone(spec: impl Fn(Release) -> ClusterSpec, body: impl AsyncFn(&Place)) {
    visit(&Site::real(), |site| own(site, &spec), body);
}

/// Runs the body on the real clusters that all tests share, beside a Java client of the same release.
pub(crate) fn in_real_places(body: impl AsyncFn(&Place, &Oracle)) {
    visit(&Site::real(), shared, async |place| {
        let Servers::Shared(servers) = &place.servers else { panic!("{} is not shared", place.site) };
        body(place, servers.oracle()).await;
    });
}

/// Runs a body that needs a cluster which misbehaves on demand.
pub(crate) fn in_scripted_places(body: impl AsyncFn(&Place, &TestCluster)) {
    visit(
        &Site::scripted(),
        |site| unreachable!("{site} is scripted"),
        async |place| {
            body(place, place.scripted()).await;
        },
    );
}

/// Runs a body for each dialect of scripted clusters over TCP with each generation of the Java client.
pub(crate) fn with_java_clients(body: impl AsyncFn(&Place, &TestCluster, &Oracle)) {
    for java in Site::real() {
        println!("with the Java client of {java}");
        let oracle = Shared::from_env(java.version()).expect("real servers start").oracle();
        visit(
            &Site::over_tcp(),
            |site| unreachable!("{site} is scripted"),
            async |place| {
                body(place, place.scripted(), oracle).await;
            },
        );
    }
}

fn shared(site: Site) -> Result<Servers> {
    Ok(Servers::Shared(Shared::from_env(site.version())?))
}

fn own(site: Site, spec: impl Fn(Release) -> ClusterSpec) -> Result<Servers> {
    let home = Home::prepare(site.version())?;
    let oracle = Oracle::new(&home)?;
    let cluster = Cluster::start_alone(&home, &spec(site.release()))?;
    Ok(Servers::Own(Box::new(Own { cluster, oracle })))
}

fn visit(sites: &[Site], real: impl Fn(Site) -> Result<Servers>, body: impl AsyncFn(&Place)) {
    visit_as(sites, 1, real, body);
}

fn visit_as(sites: &[Site], name_servers: usize, real: impl Fn(Site) -> Result<Servers>, body: impl AsyncFn(&Place)) {
    let mut failed = Vec::new();
    for &site in sites {
        let started = Instant::now();
        let visit = || {
            let servers = site.is_real().then(|| real(site).expect("real servers start"));
            site.runtime().block_on(async {
                let servers = match servers {
                    Some(servers) => servers,
                    None => Servers::Scripted(
                        site.test_cluster()
                            .name_servers(name_servers)
                            .start()
                            .await
                            .expect("a scripted cluster starts"),
                    ),
                };
                let place = Place { site, servers };
                tokio::time::timeout(site.patience(), body(&place)).await.expect("the test ends in time");
                place.close().await;
            });
        };
        if catch_unwind(AssertUnwindSafe(visit)).is_err() {
            failed.push(site.to_string());
        }
        println!("in {site}: {:.1} s", started.elapsed().as_secs_f64());
    }
    assert!(failed.is_empty(), "failed in {}", failed.join(", in "));
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.site.fmt(f)
    }
}

/// The cluster as clients see it.
impl Place {
    pub(crate) fn release(&self) -> Release {
        self.site.release()
    }

    pub(crate) fn name_servers(&self) -> String {
        match &self.servers {
            Servers::Scripted(cluster) => cluster.name_servers(),
            Servers::Shared(shared) => shared.name_server().to_owned(),
            Servers::Own(own) => own.cluster.name_server(),
        }
    }

    pub(crate) fn connector(&self) -> Arc<dyn Connector> {
        match &self.servers {
            Servers::Scripted(cluster) => cluster.connector(),
            Servers::Shared(_) | Servers::Own(_) => Arc::new(TcpConnector),
        }
    }

    /// A producer of a group of its own that reaches the cluster, and has the patience that a busy machine needs.
    pub(crate) fn builder(&self) -> ProducerBuilder {
        self.builder_with_defaults().send_timeout(PATIENCE).api_timeout(PATIENCE)
    }

    /// Such a producer with every default that users get.
    pub(crate) fn builder_with_defaults(&self) -> ProducerBuilder {
        let builder = Producer::builder(unique("group")).name_servers(self.name_servers());
        // Over TCP the default stays, so that it is tested.
        if self.site.is_memory() { builder.connector(self.connector()) } else { builder }
    }

    pub(crate) async fn producer(&self) -> Producer {
        self.builder().start().await.expect("the name server answers")
    }

    /// A topic of the test's own, with this many queues on every master.
    pub(crate) async fn topic(&self, label: &str, queues: i32) -> String {
        let topic = unique(label);
        self.change_topic(&topic, queues, PERM_READ_WRITE).await;
        topic
    }

    /// A static topic of the test's own, with this many logical queues over all masters; brokers of 4.9 have none.
    pub(crate) async fn static_topic(&self, label: &str, queues: usize) -> Option<String> {
        if self.release() == Release::V4 {
            return None;
        }
        let topic = unique(label);
        match &self.servers {
            Servers::Scripted(cluster) => {
                let holders: Vec<_> = ["broker-a", "broker-b"].into_iter().cycle().take(queues).collect();
                cluster.create_static_topic(&topic, &holders);
            }
            Servers::Shared(_) | Servers::Own(_) => {
                let created = topic_admin::create_static(&self.name_servers(), &topic, queues).await;
                created.expect("the brokers take the topic");
            }
        }
        Some(topic)
    }

    /// Creates the topic or changes it on every master, and waits until the name server says so.
    pub(crate) async fn change_topic(&self, topic: &str, queues: i32, perm: i32) {
        let changed = topic_admin::change(&self.name_servers(), self.connector(), topic, queues, perm).await;
        changed.expect("the brokers take the topic");
    }

    /// An address at which nobody listens.
    pub(crate) fn nowhere(&self) -> String {
        if self.site.is_memory() {
            return "10.0.0.99:10911".to_owned();
        }
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = socket.local_addr().expect("bound").to_string();
        // Held until this process ends, so that nobody else gets the port.
        std::mem::forget(socket);
        address
    }
}

/// What the cluster holds, told by somebody who is not the client under test.
impl Place {
    /// Every message of the topic, once there are `count` of them; after two minutes, what is there.
    pub(crate) async fn read(&self, topic: &str, count: usize) -> Vec<Stored> {
        match &self.servers {
            Servers::Scripted(cluster) => {
                let copies = cluster.wait_for_messages(topic, count, READ_PATIENCE).await;
                copies.into_iter().map(Stored::from).collect()
            }
            Servers::Shared(shared) => self.read_by_java(shared.oracle(), topic, count),
            Servers::Own(own) => self.read_by_java(&own.oracle, topic, count),
        }
    }

    fn read_by_java(&self, oracle: &Oracle, topic: &str, count: usize) -> Vec<Stored> {
        let read = || oracle.read_when(topic, &self.name_servers(), count, READ_PATIENCE);
        let messages = tokio::task::block_in_place(read).expect("the Java client reads the topic");
        messages.into_iter().map(Stored::from).collect()
    }

    /// The producers of a group whose heartbeats the topic's brokers have seen, one for each broker.
    pub(crate) fn known_producers(&self, group: &str, topic: &str) -> Vec<KnownClient> {
        let ask = |oracle: &Oracle| {
            let asked = tokio::task::block_in_place(|| oracle.producers(group, topic, &self.name_servers()));
            match asked {
                Ok(producers) => producers,
                Err(error) if format!("{error:#}").contains("not exist") => Vec::new(),
                Err(error) => panic!("the Java client asks for the producers: {error:#}"),
            }
        };
        let by_java = match &self.servers {
            Servers::Scripted(cluster) => {
                let clients = cluster.clients().into_iter();
                let of_group = clients.filter(|client| client.producer_groups.iter().any(|known| known == group));
                return of_group
                    .map(|client| KnownClient {
                        client_id: client.client_id,
                        language: client.language.and_then(LanguageCode::name).unwrap_or_default().to_owned(),
                        version: client.version,
                    })
                    .collect();
            }
            Servers::Shared(shared) => ask(shared.oracle()),
            Servers::Own(own) => ask(&own.oracle),
        };
        let known = |known: real_servers::KnownProducer| KnownClient {
            client_id: known.client_id,
            language: known.language,
            version: known.version,
        };
        by_java.into_iter().map(known).collect()
    }
}

/// What a test does to servers that are its own.
impl Place {
    /// Kills a broker as SIGKILL does.
    pub(crate) async fn kill_broker(&self, name: &str) {
        match &self.servers {
            Servers::Scripted(cluster) => cluster.broker(name).kill().await,
            Servers::Own(own) => {
                let kill = || own.cluster.broker(name)?.kill();
                tokio::task::block_in_place(kill).expect("the broker is killed");
            }
            Servers::Shared(_) => panic!("shared servers are not killed"),
        }
    }

    /// Has a real broker of the test's own end by itself, as SIGTERM does.
    pub(crate) async fn terminate_broker(&self, name: &str) {
        let Servers::Own(own) = &self.servers else { panic!("{} has no brokers of its own", self.site) };
        let terminate = || own.cluster.broker(name)?.terminate(Duration::from_secs(120));
        tokio::task::block_in_place(terminate).expect("the broker ends");
    }

    /// Starts a killed broker again, on the same store and port, and waits until it serves.
    pub(crate) async fn restart_broker(&self, name: &str) {
        match &self.servers {
            Servers::Scripted(cluster) => cluster.broker(name).restart().await.expect("its port is still free"),
            Servers::Own(own) => {
                let restart = || own.cluster.broker(name)?.restart();
                tokio::task::block_in_place(restart).expect("the broker starts again");
            }
            Servers::Shared(_) => panic!("shared servers are not restarted"),
        }
    }

    /// Kills a broker and starts it again on the same store at another port; returns its new address.
    pub(crate) async fn move_broker(&self, name: &str) -> String {
        match &self.servers {
            Servers::Scripted(cluster) => cluster.broker(name).move_to_new_port().await.expect("a free port"),
            Servers::Own(own) => {
                let go = || own.cluster.broker(name)?.move_to_new_port();
                tokio::task::block_in_place(go).expect("the broker starts again")
            }
            Servers::Shared(_) => panic!("shared servers are not moved"),
        }
    }

    /// Kills the name server that a client names by this address, as SIGKILL does.
    pub(crate) async fn kill_name_server(&self, address: &str) {
        match &self.servers {
            Servers::Scripted(cluster) => {
                let servers = (0..cluster.name_servers().split(';').count()).map(|n| cluster.name_server_at(n));
                let server = servers.into_iter().find(|server| server.address() == address);
                server.expect("one of the list").kill().await;
            }
            Servers::Own(own) => {
                let server = own.cluster.name_servers().find(|server| server.address() == address);
                let kill = || server.expect("one of the list").kill();
                tokio::task::block_in_place(kill).expect("the name server is killed");
            }
            Servers::Shared(_) => panic!("shared servers are not killed"),
        }
    }

    /// Stops a broker in its tracks as SIGSTOP does: its connections stay open and silent.
    pub(crate) fn suspend_broker(&self, name: &str) {
        match &self.servers {
            Servers::Scripted(cluster) => cluster.broker(name).freeze(),
            Servers::Own(own) => {
                let suspended = own.cluster.broker(name).and_then(|broker| broker.suspend());
                suspended.expect("the broker is suspended");
            }
            Servers::Shared(_) => panic!("shared servers are not suspended"),
        }
    }

    /// Lets a suspended broker go on, as SIGCONT does; it takes in what has piled up.
    pub(crate) fn resume_broker(&self, name: &str) {
        match &self.servers {
            Servers::Scripted(cluster) => cluster.broker(name).resume(),
            Servers::Own(own) => {
                let resumed = own.cluster.broker(name).and_then(|broker| broker.resume());
                resumed.expect("the broker goes on");
            }
            Servers::Shared(_) => panic!("shared servers are not resumed"),
        }
    }

    /// Where a real broker of the test's own listens.
    pub(crate) fn broker_address(&self, name: &str) -> String {
        let Servers::Own(own) = &self.servers else { panic!("{} has no brokers of its own", self.site) };
        own.cluster.broker(name).expect("a broker of the specification").address()
    }

    /// Changes one line of the running configuration of a real broker of the test's own.
    pub(crate) async fn configure_broker(&self, broker: &str, name: &str, value: &str) {
        let configured = topic_admin::configure_broker(&self.broker_address(broker), name, value).await;
        configured.expect("the broker takes the new configuration");
    }

    fn scripted(&self) -> &TestCluster {
        match &self.servers {
            Servers::Scripted(cluster) => cluster,
            Servers::Shared(_) | Servers::Own(_) => panic!("{} is real", self.site),
        }
    }

    async fn close(self) {
        match self.servers {
            Servers::Scripted(cluster) => cluster.shutdown().await,
            Servers::Shared(_) => {}
            Servers::Own(own) => {
                tokio::task::block_in_place(|| own.cluster.stop()).expect("the servers end");
            }
        }
    }
}

/// A name that no other test and no other run has.
pub(crate) fn unique(label: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{label}-{:x}-{since:x}-{number}", std::process::id())
}

/// Polls until the condition holds; in memory the time passes at once.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let patience = Duration::from_secs(120);
    let polling = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let polled = tokio::time::timeout(patience, polling).await;
    assert!(polled.is_ok(), "not within {patience:?}: {what}");
}

pub(crate) const PERM_READ: i32 = 4;
pub(crate) const PERM_READ_WRITE: i32 = 6;
/// For one send, one question: more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
const READ_PATIENCE: Duration = Duration::from_secs(120);
