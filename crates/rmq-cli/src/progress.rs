//! A progress bar on standard error, where that is a terminal; elsewhere nothing.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how many messages are done until it is finished or dropped; then it is gone from the screen.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// `shown`: whether anybody wants to see it at all.
    pub(crate) fn new(total: u64, shown: bool) -> Self {
        if !shown || !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        // A cluster that stays silent still has a clock that runs.
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    pub(crate) fn one_done(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

const TEMPLATE: &str = "{bar:40} {human_pos} of {human_len} messages, {eta} left";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_understood() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn a_bar_that_nobody_wants_is_hidden_and_counts_all_the_same() {
        let progress = Progress::new(3, false);
        progress.one_done();
        assert!(progress.bar.is_hidden());
        assert_eq!(progress.bar.position(), 1);
    }
}
