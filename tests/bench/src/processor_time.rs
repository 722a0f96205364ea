//! How long this process has run on a processor.

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
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        total += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(total))
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
        let before = used();
        let started = std::time::Instant::now();
        while started.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(started.elapsed());
        }
        let worked = used() - before;
        assert!(worked >= Duration::from_millis(5), "{worked:?}");
        let before = used();
        std::thread::sleep(Duration::from_millis(300));
        let slept = used() - before;
        assert!(slept < Duration::from_millis(200), "{slept:?}");
        assert!(resident_bytes().unwrap() > 100_000);
    }
}
