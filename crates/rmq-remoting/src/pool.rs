//! Address → connection: one dial at a time per address, paced when it fails, closed when idle.
//!
//! A dial belongs to the pool, not to the caller that asked first: callers only wait for it, each until its own deadline.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tracing::{debug, info};

use crate::clock::Random;
use crate::connection::{Connection, Settings, WeakConnection};
use crate::connector::Connector;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{ConnectionEnd, RemotingError};
use crate::event::ConnectionEvent;

pub(crate) struct Pool {
    settings: Arc<Settings>,
    connector: Arc<dyn Connector>,
    random: Arc<Random>,
    events: broadcast::Sender<ConnectionEvent>,
    entries: Mutex<HashMap<Endpoint, Entry, BuildHasherDefault<OwnHash>>>,
    /// All connections on which something may be under way, those that their address has given up among them.
    living: Mutex<Vec<WeakConnection>>,
}

#[derive(Default)]
struct Entry {
    current: Option<Current>,
    dial: Option<watch::Receiver<Option<Dialled>>>,
    /// Dials and connections that failed in a row.
    failures: u32,
    retry_at: Option<Instant>,
    last_error: Option<Arc<io::Error>>,
}

struct Current {
    connection: Connection,
    since: Instant,
}

#[derive(Clone)]
enum Dialled {
    Open(Connection),
    Failed(Arc<io::Error>),
    TimedOut(Duration),
    Stopped,
}

/// What a caller finds for an address.
enum Found {
    Open(Connection),
    Dialling(watch::Receiver<Option<Dialled>>),
    Paused(Instant, Option<Arc<io::Error>>),
}

/// Takes the hash that an endpoint brings along.
#[derive(Default)]
struct OwnHash(u64);

impl Hasher for OwnHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Endpoints write one number; whatever else would come is mixed in.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(5) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A connection that lived this long proves its address healthy again.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// Entries above this number make the pool look for forgotten addresses.
const PRUNE_ABOVE: usize = 64;

impl Pool {
    pub(crate) fn new(
        settings: Arc<Settings>,
        connector: Arc<dyn Connector>,
        random: Arc<Random>,
        events: broadcast::Sender<ConnectionEvent>,
    ) -> Arc<Self> {
        let (entries, living) = (Mutex::default(), Mutex::default());
        Arc::new(Self { settings, connector, random, events, entries, living })
    }

    /// Returns the open connection to `to`, dialling if there is none.
    ///
    /// # Cancel safety
    ///
    /// A dial that was started goes on for whoever asks next.
    pub(crate) async fn get(self: &Arc<Self>, to: &Endpoint, deadline: Deadline) -> Result<Connection, RemotingError> {
        // The first look, without a clock read, is all that a caller with an open connection pays.
        if let Some(connection) = self.open(to) {
            return Ok(connection);
        }
        let started = Instant::now();
        if deadline.instant() <= started {
            return Err(RemotingError::DeadlineExpired);
        }
        loop {
            match self.look(to) {
                Found::Open(connection) => return Ok(connection),
                Found::Dialling(mut dial) => {
                    let waited = tokio::time::timeout_at(deadline.instant(), dial.wait_for(Option::is_some)).await;
                    let Ok(outcome) = waited else {
                        return Err(RemotingError::ConnectTimeout { addr: to.clone(), after: started.elapsed() });
                    };
                    let dialled = outcome.map_or(Dialled::Stopped, |value| value.clone().unwrap_or(Dialled::Stopped));
                    return match dialled {
                        Dialled::Open(connection) => Ok(connection),
                        Dialled::Failed(source) => Err(RemotingError::Connect { addr: to.clone(), source }),
                        Dialled::TimedOut(after) => Err(RemotingError::ConnectTimeout { addr: to.clone(), after }),
                        Dialled::Stopped => Err(RemotingError::Closed),
                    };
                }
                Found::Paused(until, source) if until >= deadline.instant() => {
                    let wait = until.saturating_duration_since(Instant::now());
                    return Err(RemotingError::BackingOff { addr: to.clone(), wait, source });
                }
                Found::Paused(until, _) => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Returns the open connection to `to`, if there is one.
    pub(crate) fn open(&self, to: &Endpoint) -> Option<Connection> {
        let entries = self.entries.lock();
        let current = entries.get(to)?.current.as_ref()?;
        current.connection.is_open().then(|| current.connection.clone())
    }

    /// Returns until when `to` is left alone because it failed.
    pub(crate) fn backing_off_until(&self, to: &Endpoint) -> Option<Instant> {
        let entries = self.entries.lock();
        let entry = entries.get(to)?;
        entry.retry_at.filter(|at| entry.dial.is_none() && *at > Instant::now())
    }

    /// Retires the connection to `to`: it ends when its last call is done, new calls dial anew.
    pub(crate) fn retire(&self, to: &Endpoint) {
        let current = self.entries.lock().get_mut(to).and_then(|entry| entry.current.take());
        if let Some(current) = current {
            current.connection.retire();
        }
    }

    /// Lets go of the connection to `to` if its server is going away. Whether it may be dialled again at once.
    pub(crate) fn leave(&self, to: &Endpoint) -> bool {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(to) else { return true };
        self.leave_entry(entry);
        entry.retry_at.is_none_or(|at| at <= Instant::now())
    }

    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.entries
            .lock()
            .values()
            .filter_map(|entry| entry.current.as_ref())
            .map(|current| current.connection.clone())
            .collect()
    }

    /// Every connection on which something may be under way. One that is missing is handed to nobody before this look has ended.
    pub(crate) fn living(&self) -> Vec<Connection> {
        self.living.lock().iter().filter_map(WeakConnection::upgrade).collect()
    }

    /// Takes note of a new connection, and forgets those that are no more. To be called before anybody else knows it.
    fn enrol(&self, connection: &Connection) {
        let mut living = self.living.lock();
        living.retain(WeakConnection::is_kept);
        living.push(connection.downgrade());
    }

    fn look(self: &Arc<Self>, to: &Endpoint) -> Found {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        if entries.len() > PRUNE_ABOVE && !entries.contains_key(to) {
            entries.retain(|_, entry| !entry.is_forgotten(now));
        }
        let entry = entries.entry(to.clone()).or_default();
        if let Some(current) = &entry.current {
            if current.connection.is_open() {
                return Found::Open(current.connection.clone());
            }
        }
        self.leave_entry(entry);
        if let Some(dial) = &entry.dial {
            return Found::Dialling(dial.clone());
        }
        if let Some(at) = entry.retry_at.filter(|at| *at > now) {
            return Found::Paused(at, entry.last_error.clone());
        }
        let (result, dial) = watch::channel(None);
        entry.dial = Some(dial.clone());
        drop(entries);
        self.settings.tracker.spawn(Self::dial(Arc::clone(self), to.clone(), result));
        Found::Dialling(dial)
    }

    async fn dial(self: Arc<Self>, to: Endpoint, result: watch::Sender<Option<Dialled>>) {
        let limit = self.settings.config.connect_timeout;
        let dialled = tokio::select! {
            biased;
            () = self.settings.cancel.cancelled() => Dialled::Stopped,
            connected = tokio::time::timeout(limit, self.connector.connect(&to)) => match connected {
                Ok(Ok(stream)) => {
                    let pool: Weak<Self> = Arc::downgrade(&self);
                    let addr = to.clone();
                    Dialled::Open(Connection::start(
                        stream,
                        Arc::clone(to.as_shared()),
                        Arc::clone(&self.settings),
                        move |id, cause| {
                            if let Some(pool) = pool.upgrade() {
                                pool.ended(&addr, id, cause);
                            }
                        },
                    ))
                }
                Ok(Err(error)) => Dialled::Failed(Arc::new(error)),
                Err(_) => Dialled::TimedOut(limit),
            },
        };
        if let Dialled::Open(connection) = &dialled {
            self.enrol(connection);
        }
        {
            let mut entries = self.entries.lock();
            let entry = entries.entry(to.clone()).or_default();
            entry.dial = None;
            match &dialled {
                Dialled::Open(connection) => {
                    entry.retry_at = None;
                    entry.last_error = None;
                    entry.current = Some(Current { connection: connection.clone(), since: Instant::now() });
                }
                Dialled::Failed(error) => {
                    entry.last_error = Some(Arc::clone(error));
                    self.pause(entry);
                }
                Dialled::TimedOut(after) => {
                    let text = format!("no connection within {after:?}");
                    entry.last_error = Some(Arc::new(io::Error::new(io::ErrorKind::TimedOut, text)));
                    self.pause(entry);
                }
                Dialled::Stopped => {}
            }
        }
        match &dialled {
            Dialled::Open(connection) => {
                info!(addr = %to, id = connection.id(), "connected");
                self.tell(ConnectionEvent::Connected { addr: to, id: connection.id() });
            }
            Dialled::Failed(error) => {
                self.settings.counters.dials_failed.add(1);
                debug!(addr = %to, %error, "dial failed");
                self.tell(ConnectionEvent::DialFailed { addr: to, error: Arc::clone(error) });
            }
            Dialled::TimedOut(after) => {
                self.settings.counters.dials_failed.add(1);
                debug!(addr = %to, ?after, "dial timed out");
                let error = Arc::new(io::Error::from(io::ErrorKind::TimedOut));
                self.tell(ConnectionEvent::DialFailed { addr: to, error });
            }
            Dialled::Stopped => {}
        }
        result.send_replace(Some(dialled));
    }

    /// A connection's task is over. Runs on that task.
    fn ended(&self, addr: &Endpoint, id: u64, cause: &ConnectionEnd) {
        {
            let mut entries = self.entries.lock();
            if let Some(entry) = entries.get_mut(addr) {
                if let Some(current) = entry.current.take_if(|current| current.connection.id() == id) {
                    if current.connection.is_going_away() {
                        self.went_away(entry, &current);
                    } else {
                        current.reset_if_it_lived(HEALTHY_AFTER, &mut entry.failures);
                        if cause.is_failure() {
                            self.pause(entry);
                        }
                    }
                }
                if entry.current.is_none() && entry.dial.is_none() && entry.failures == 0 {
                    entries.remove(addr);
                }
            }
        }
        self.tell(ConnectionEvent::Disconnected { addr: addr.clone(), id, cause: cause.clone() });
    }

    fn leave_entry(&self, entry: &mut Entry) {
        if let Some(current) = entry.current.take_if(|current| current.connection.is_going_away()) {
            self.went_away(entry, &current);
        }
    }

    /// The first to be sent away is dialled again at once, since another server may stand behind the address; after that it is paced. But
    /// who was let in for as long as the longest pause needs none: pauses bound how often an address is dialled, and that does it too.
    fn went_away(&self, entry: &mut Entry, left: &Current) {
        left.reset_if_it_lived(HEALTHY_AFTER.min(self.settings.config.reconnect_backoff_max), &mut entry.failures);
        if entry.failures == 0 {
            entry.failures = 1;
        } else {
            self.pause(entry);
        }
    }

    /// Full jitter: anything from zero to a limit that doubles with each failure in a row.
    fn pause(&self, entry: &mut Entry) {
        let config = &self.settings.config;
        let doubled = config.reconnect_backoff_first.saturating_mul(1 << entry.failures.min(16));
        let limit = doubled.min(config.reconnect_backoff_max);
        let pause = Duration::from_nanos(self.random.below(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)));
        entry.failures = entry.failures.saturating_add(1);
        entry.retry_at = Some(Instant::now() + pause);
    }

    fn tell(&self, event: ConnectionEvent) {
        // Nobody listening is no error.
        drop(self.events.send(event));
    }
}

impl Current {
    fn reset_if_it_lived(&self, long_enough: Duration, failures: &mut u32) {
        if self.since.elapsed() >= long_enough {
            *failures = 0;
        }
    }
}

impl Entry {
    fn is_forgotten(&self, now: Instant) -> bool {
        self.current.is_none() && self.dial.is_none() && self.retry_at.is_none_or(|at| at + HEALTHY_AFTER <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RemotingConfig;
    use crate::connector::{BoxFuture, Stream};

    struct Silence;

    impl Connector for Silence {
        fn connect(&self, _: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
            Box::pin(async { Ok(Stream::boxed(tokio::io::duplex(64).0)) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_are_no_more_are_forgotten_and_those_that_are_kept_are_not() {
        let settings = Settings::new(RemotingConfig::default(), HashMap::new(), None);
        let (events, random) = (broadcast::channel(1).0, Arc::new(Random::new(Some(1))));
        let pool = Pool::new(settings, Arc::new(Silence), random, events);
        let to = Endpoint::parse("broker:10911").unwrap();
        let mut kept = Vec::new();
        for number in 0..100 {
            let connection = pool.get(&to, Deadline::after(Duration::from_secs(100))).await.unwrap();
            if number < 5 {
                kept.push(connection.clone());
            }
            connection.close();
            drop(connection);
            while pool.open(&to).is_some() {
                tokio::task::yield_now().await;
            }
        }
        assert!(pool.living().len() >= kept.len());
        assert!(pool.living.lock().len() <= kept.len() + 2, "{}", pool.living.lock().len());
    }
}
