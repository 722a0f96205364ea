//! What name servers and brokers have in common: a door, recorded requests, scripted faults, and verbs behind them.
//!
//! ```text
//! line ─► RemotingServer ─► recorder ─► script ─┬─ no fault ─► verbs ─► answer
//!                                               └─ a fault: execute? change the answer? how does it travel? what of the line?
//! ```
//! What a request changes is changed before the next request of the same connection is looked at, unless its fault says otherwise.

mod controls;
mod playing;

use std::fmt;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::{
    BoxFuture, ConnectionContext, Processor, RemotingCommand, RemotingConfig, RemotingServer, ResponseCode,
};
use tracing::{debug, trace};

pub(crate) use controls::controls;

use crate::clock::ClusterClock;
use crate::network::{Door, DoorAcceptor, Lines};
use crate::recorder::Recorder;
use crate::script::{Execution, Script};

/// What one kind of server does with requests.
pub(crate) trait Verbs: Send + Sync + 'static {
    /// Executes `request`. Called in the order of arrival per connection; must not block.
    fn execute(self: &Arc<Self>, caller: &Caller, request: &RemotingCommand) -> Outcome;

    /// What the server answers when it refuses `request` with `code`; the remark is still to come.
    fn refusal(&self, request: &RemotingCommand, code: ResponseCode) -> RemotingCommand;
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) context: ConnectionContext,
    pub(crate) address: SocketAddr,
}

/// What comes of a request.
pub(crate) enum Outcome {
    Answer(RemotingCommand),
    Silence,
    /// The answer depends on something still to happen.
    Later(BoxFuture<'static, RemotingCommand>),
}

/// What all servers of a cluster do alike.
pub(crate) struct Habits {
    pub(crate) keep_requests: usize,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<rmq_remoting::TlsServerConfig>,
}

/// One server of the cluster.
pub(crate) struct Server<V> {
    pub(crate) name: Arc<str>,
    pub(crate) verbs: Arc<V>,
    pub(crate) door: Arc<Door>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) script: Arc<Script>,
    pub(crate) recorder: Arc<Recorder>,
    /// `None` once the cluster has ended.
    remoting: Mutex<Option<RemotingServer>>,
}

impl<V: Verbs> Server<V> {
    /// Starts to serve what comes in through `door`.
    pub(crate) fn start(
        name: Arc<str>,
        verbs: Arc<V>,
        door: Arc<Door>,
        lines: Arc<Lines>,
        clock: ClusterClock,
        seed: u64,
        habits: &Habits,
    ) -> io::Result<Self> {
        let keep_requests = habits.keep_requests;
        let script = Script::new(seed);
        let recorder = Arc::new(Recorder::new(Arc::clone(&name), keep_requests));
        let front = Front {
            verbs: Arc::clone(&verbs),
            door: Arc::clone(&door),
            lines: Arc::clone(&lines),
            script: Arc::clone(&script),
            recorder: Arc::clone(&recorder),
            clock,
        };
        let mut config = RemotingConfig::default();
        config.idle_timeout = IDLE;
        config.max_serving = MAX_SERVING;
        config.seed = Some(seed);
        let (remoting, acceptor) =
            (RemotingServer::builder().config(config).fallback(front), DoorAcceptor(Arc::clone(&door)));
        #[cfg(feature = "tls")]
        let remoting = match &habits.tls {
            Some(tls) => remoting.serve(rmq_remoting::TlsAcceptor::new(tls.clone(), acceptor)),
            None => remoting.serve(acceptor),
        };
        #[cfg(not(feature = "tls"))]
        let remoting = remoting.serve(acceptor);
        let remoting = remoting.map_err(io::Error::other)?;
        Ok(Self { name, verbs, door, lines, script, recorder, remoting: Mutex::new(Some(remoting)) })
    }

    /// Ends for good and waits until nothing of it runs.
    pub(crate) async fn shutdown(&self) {
        self.door.remove();
        let remoting = self.remoting.lock().take();
        if let Some(remoting) = remoting {
            remoting.shutdown(Duration::ZERO).await;
        }
    }
}

impl<V> Server<V> {
    /// Ends for good without waiting.
    pub(crate) fn stop(&self) {
        self.door.remove();
        drop(self.remoting.lock().take());
    }
}

impl<V> Drop for Server<V> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<V> fmt::Debug for Server<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("door", &self.door).finish_non_exhaustive()
    }
}

/// The processor of every request.
struct Front<V> {
    verbs: Arc<V>,
    door: Arc<Door>,
    lines: Arc<Lines>,
    script: Arc<Script>,
    recorder: Arc<Recorder>,
    clock: ClusterClock,
}

impl<V: Verbs> Processor for Front<V> {
    fn process(
        &self,
        context: &ConnectionContext,
        request: RemotingCommand,
    ) -> BoxFuture<'static, Option<RemotingCommand>> {
        let life = self.door.life();
        if life.is_cancelled() {
            return Box::pin(ready(None));
        }
        let (code, opaque) = (request.request_code(), request.opaque());
        trace!(server = %self.recorder.server(), addr = context.peer(), %code, opaque, "request");
        self.recorder.record(self.clock.elapsed(), context.peer(), context.id(), &request);
        let caller = Caller {
            context: context.clone(),
            // The label is the peer's address, made by the door.
            address: context.peer().parse().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0))),
        };
        let Some(fault) = self.script.decide(&request) else {
            return match self.verbs.execute(&caller, &request) {
                Outcome::Answer(answer) => Box::pin(ready(Some(answer))),
                Outcome::Silence => Box::pin(ready(None)),
                Outcome::Later(work) => Box::pin(life.run_until_cancelled_owned(work)),
            };
        };
        debug!(server = %self.recorder.server(), addr = context.peer(), %code, opaque, ?fault, "fault");
        let executed = (fault.execution == Execution::AtOnce).then(|| self.verbs.execute(&caller, &request));
        let playing = playing::Playing {
            fault,
            verbs: Arc::clone(&self.verbs),
            line: self.lines.find(context.peer()),
            caller,
            request,
        };
        Box::pin(async move { life.run_until_cancelled_owned(playing.run(executed)).await.flatten() })
    }
}

/// After this time without traffic a server closes a connection (`serverChannelMaxIdleTimeSeconds`).
const IDLE: Duration = Duration::from_secs(120);
/// Long pulls of a development server's consumers stay open for many seconds; no request may be dropped for that.
const MAX_SERVING: usize = 65_536;
