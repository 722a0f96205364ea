//! The handles that tests have on every kind of server, written once.

/// Gives a type with a field `server: Arc<Server<_>>` and a field `dialing: Arc<Dialing>` what name servers and brokers have in common.
macro_rules! controls {
    ($handle:ident) => {
        impl $handle {
            /// Its name: a broker's own, or `namesrv-0` and so on.
            pub fn name(&self) -> &str {
                &self.server.name
            }

            /// What clients dial, `host:port`.
            pub fn address(&self) -> String {
                self.server.door.address()
            }

            /// Plays `fault` on requests with this code from now on. Earlier faults come first; one that is used up lets requests pass to
            /// the next.
            pub fn on(&self, code: RequestCode, fault: Fault) -> FaultHandle {
                self.server.script.add(Some(code), fault)
            }

            /// Plays `fault` on requests of any code from now on.
            pub fn on_any(&self, fault: Fault) -> FaultHandle {
                self.server.script.add(None, fault)
            }

            /// Plays `fault` on connections that are accepted from now on.
            pub fn on_connect(&self, fault: LineFault) {
                self.server.lines.on_connect(fault);
            }

            /// Takes back all faults, those of connections included; connections that already suffer go on suffering.
            pub fn clear_faults(&self) {
                self.server.script.clear();
                self.server.lines.clear_faults();
            }

            /// Lets dials through [`TestCluster::connector`](crate::TestCluster::connector) never end, as with a host that drops packets.
            pub fn hang_dials(&self) {
                self.dialing.hang(self.address());
            }

            /// Lets dials through [`TestCluster::connector`](crate::TestCluster::connector) take this much longer.
            pub fn delay_dials(&self, delay: Duration) {
                self.dialing.delay(self.address(), delay);
            }

            /// Lets dials be as usual again.
            pub fn clear_dials(&self) {
                self.dialing.clear(&self.address());
            }

            /// Its open connections, sorted by peer.
            pub fn lines(&self) -> Vec<Line> {
                self.server.lines.all()
            }

            /// The requests with this code that it received, oldest first; see
            /// [`TestClusterBuilder::keep_requests`](crate::TestClusterBuilder::keep_requests).
            pub fn requests(&self, code: RequestCode) -> Vec<RecordedRequest> {
                self.server.recorder.requests(Some(code))
            }

            /// All requests that it received, oldest first.
            pub fn all_requests(&self) -> Vec<RecordedRequest> {
                self.server.recorder.requests(None)
            }

            /// How many requests with this code it received, whatever became of them.
            pub fn request_count(&self, code: RequestCode) -> u64 {
                self.server.recorder.count(code)
            }

            /// Forgets the recorded requests and their counts.
            pub fn forget_requests(&self) {
                self.server.recorder.clear();
            }
        }
    };
}
pub(crate) use controls;
