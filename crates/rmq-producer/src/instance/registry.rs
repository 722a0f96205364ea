//! Registry: the instances of this process that may be shared, by client id and runtime.
//!
//! It keeps no instance alive. A row goes with its instance, and whoever looks under the lock finds one that can still be joined, or none:
//! never a dead one. The runtime is part of the key, because tasks and sockets die with theirs.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use tokio::runtime;

use super::ClientInstance;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

#[derive(Default)]
pub(super) struct Registry {
    instances: Mutex<HashMap<Key, Weak<ClientInstance>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) client_id: Arc<str>,
    pub(super) runtime: runtime::Id,
}

impl Registry {
    /// The one of this process.
    pub(super) fn of_process() -> &'static Self {
        &REGISTRY
    }

    /// Looks for an instance, and opens one if there is none. Both happen under the lock, and so does what `use_it` does: it must not
    /// block, nor come back here.
    pub(super) fn find_or_open<T, E>(
        &self,
        key: &Key,
        open: impl FnOnce() -> Result<Arc<ClientInstance>, E>,
        use_it: impl FnOnce(&Arc<ClientInstance>) -> T,
    ) -> Result<(Arc<ClientInstance>, T), E> {
        let mut instances = self.instances.lock();
        // One whose runtime ended is still there while somebody holds it, and of no use to anybody.
        let known = instances.get(key).and_then(Weak::upgrade).filter(|instance| instance.is_alive());
        let instance = match known {
            Some(instance) => instance,
            None => {
                let opened = open()?;
                instances.insert(key.clone(), Arc::downgrade(&opened));
                opened
            }
        };
        let used = use_it(&instance);
        Ok((instance, used))
    }

    /// Looks for an instance of this runtime that is `wanted`, which must not block nor come back here.
    pub(super) fn find(
        &self,
        runtime: runtime::Id,
        wanted: impl Fn(&ClientInstance) -> bool,
    ) -> Option<Arc<ClientInstance>> {
        let instances = self.instances.lock();
        let mut known = instances.iter().filter(|(key, _)| key.runtime == runtime).filter_map(|(_, row)| row.upgrade());
        known.find(|instance| instance.is_alive() && wanted(instance))
    }

    /// Takes the row of this instance out.
    pub(super) fn forget(&self, key: &Key, instance: &ClientInstance) {
        let mut instances = self.instances.lock();
        if instances.get(key).is_some_and(|known| std::ptr::eq(known.as_ptr(), instance)) {
            instances.remove(key);
        }
    }

    /// How many rows begin with this client id.
    #[cfg(test)]
    pub(super) fn rows(&self, client_id: &str) -> usize {
        self.instances.lock().keys().filter(|key| key.client_id.starts_with(client_id)).count()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rmq_testkit::TestCluster;

    use super::*;
    use crate::{Message, Producer};

    #[tokio::test(start_paused = true)]
    async fn a_thousand_lives_leave_no_row_no_task_and_no_connection() {
        let alive = || runtime::Handle::current().metrics().num_alive_tasks();
        let cluster = TestCluster::builder().memory().topic("orders", 4).start().await.expect("in memory");
        let before = alive();
        let rows = || Registry::of_process().rows("10.1.2.3@");
        for cycle in 0..1_000 {
            let producer = |group| {
                let builder = Producer::builder(group).name_servers(cluster.name_servers());
                let builder = builder.connector(cluster.connector()).client_ip([10, 1, 2, 3].into());
                builder.instance_name(if cycle % 3 == 0 { "even" } else { "odd" }).start()
            };
            let (one, other) = (producer("one").await.expect("starts"), producer("other").await.expect("joins"));
            one.send(Message::new("orders", "hello")).await.expect("stored");
            assert_eq!(rows(), 1);
            if cycle % 4 == 0 {
                drop((one, other));
            } else {
                one.shutdown(Duration::from_secs(1)).await;
                other.shutdown(Duration::from_secs(1)).await;
            }
            assert_eq!(rows(), 0);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(alive(), before);
        assert!(cluster.broker("broker-a").lines().is_empty() && cluster.name_server().lines().is_empty());
    }
}
