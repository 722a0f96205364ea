//! `latency_fault` in a configuration: `true`, `false`, or a table.

use std::time::Duration;

use rmq_fault::{PenaltyTable, Strategy, UpdateRule};
use serde::de::{Error, MapAccess};

use super::LatencyFault;
use crate::config::{Section, Shown, Times, Value, word_of};

/// The table as it is written: what it leaves out is that of its strategy.
#[derive(Debug)]
pub(crate) struct LatencyFaultForm {
    base: LatencyFault,
    steps: Option<Vec<(Duration, Duration)>>,
    isolation_latency: Option<Duration>,
    rule: Option<UpdateRule>,
}

impl LatencyFaultForm {
    /// Begins with what is set already.
    pub(crate) fn over(set: Option<&LatencyFault>) -> Self {
        let base = set.cloned().unwrap_or_default();
        Self { base, steps: None, isolation_latency: None, rule: None }
    }

    pub(crate) fn finish<E: Error>(self) -> Result<LatencyFault, E> {
        let Self { base, steps, isolation_latency, rule } = self;
        if steps.is_none() && isolation_latency.is_none() && rule.is_none() {
            return Ok(base);
        }
        let old = &base.penalties;
        let steps = steps.unwrap_or_else(|| old.steps().to_vec());
        let isolation = isolation_latency.unwrap_or_else(|| old.isolation_latency());
        let table = PenaltyTable::new(steps, isolation, rule.unwrap_or_else(|| old.rule()));
        Ok(base.penalties(table.map_err(|error| E::custom(format_args!("the option latency_fault.steps: {error}")))?))
    }
}

impl Section for LatencyFaultForm {
    const KEYS: &'static [&'static str] = &["strategy", "steps", "isolation_latency", "rule"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "strategy" => {
                self.base = match value.word(STRATEGIES)? {
                    Strategy::V4 => LatencyFault::v4(),
                    _ => LatencyFault::v5(),
                };
            }
            "steps" => self.steps = Some(value.plain::<Times>()?.pairs()),
            "isolation_latency" => self.isolation_latency = Some(value.time()?),
            _ => self.rule = Some(value.word(RULES)?),
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        let LatencyFault { strategy, penalties } = &self.base;
        out.text("strategy", word_of(STRATEGIES, *strategy));
        out.line("steps", Times::of(penalties.steps()));
        out.time("isolation_latency", penalties.isolation_latency());
        out.text("rule", word_of(RULES, penalties.rule()));
    }
}

const STRATEGIES: &[(&str, Strategy)] = &[("v5", Strategy::V5), ("v4", Strategy::V4)];
const RULES: &[(&str, UpdateRule)] = &[("only_forward", UpdateRule::OnlyForward), ("overwrite", UpdateRule::Overwrite)];
