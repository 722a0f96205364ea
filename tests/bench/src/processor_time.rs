//! How long this process has run on a processor.

use std::path::Path;
use std::time::Duration;

/// Time that all threads of this process have spent on a processor, from the scheduler's own account, in nanoseconds where it keeps one.
pub(crate) fn used() -> Duration {
    // A short sleep makes the scheduler book what the running thread has used so far.
    std::thread::sleep(Duration::from_micros(100));
    scheduler_account().unwrap_or_else(clock_ticks)
}

fn scheduler_account() -> Option<Duration> {
    let mut total = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        total += account_of(&task.ok()?.path())?;
    }
    Some(Duration::from_nanos(total))
}

/// The nanoseconds of one thread.
fn account_of(thread: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// User and system time of the process, in hundredths of a second.
fn clock_ticks() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second column is a name in brackets, which may hold anything.
    let columns = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = columns.skip(11).take(2).filter_map(|column| column.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Bytes of memory that are resident.
pub(crate) fn resident_bytes() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<u64>().ok());
    Ok(kib.ok_or_else(|| anyhow::anyhow!("/proc/self/status has no VmRSS"))? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_sleep_takes_none() {
        // Other tests of this process come, work and go: the account of this thread is its own.
        let here = || account_of(Path::new("/proc/thread-self")).map_or_else(clock_ticks, Duration::from_nanos);
        let before = here();
        while here() < before + Duration::from_millis(50) {
            std::hint::black_box((0..1_000).sum::<u64>());
        }
        assert!(used() >= Duration::from_millis(50), "{:?}", used());
        let before = here();
        std::thread::sleep(Duration::from_millis(300));
        let slept = here() - before;
        assert!(slept < Duration::from_millis(200), "{slept:?}");
        assert!(resident_bytes().unwrap() > 100_000);
    }
}
