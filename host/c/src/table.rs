//! The hosts that are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::host::Host;

static OPEN: Mutex<Table> = Mutex::new(Table { last: 0, hosts: BTreeMap::new() });

/// Numbers are not given again, so that one that was closed is never somebody else's.
struct Table {
    last: u64,
    hosts: BTreeMap<u64, Arc<Host>>,
}

/// Gives a host its number.
pub(crate) fn add(host: Host) -> u64 {
    let mut table = OPEN.lock();
    table.last += 1;
    let number = table.last;
    table.hosts.insert(number, Arc::new(host));
    number
}

/// The host with a number.
pub(crate) fn get(number: u64) -> Option<Arc<Host>> {
    OPEN.lock().hosts.get(&number).cloned()
}

/// Takes a host out. Those who use it go on.
pub(crate) fn remove(number: u64) -> Option<Arc<Host>> {
    OPEN.lock().hosts.remove(&number)
}
