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
