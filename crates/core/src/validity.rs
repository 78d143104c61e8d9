//! Whether the figures of a row count.

use serde::{Deserialize, Serialize};

use crate::{ResultRow, RowStatus};

/// The bounds from which an attack counts as implanted. Without an implanted attack a defense cannot be assessed: the best DER
/// is then that of doing nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Validity {
    /// Minimum ASR of the attacked model, in percent.
    pub min_asr: f64,
    /// Minimum difference between its ASR and that of a clean model under the same triggers, if one was measured, in
    /// percentage points.
    pub above_clean_model: f64,
}

impl Default for Validity {
    fn default() -> Self {
        Self { min_asr: 70.0, above_clean_model: 20.0 }
    }
}

/// Whether a model with this ACC is no better than guessing. `chance` is the chance level, the ACC of always predicting the
/// most frequent class; both are percentages.
///
/// The bound is the smaller of 1.5 times the chance level and the chance level plus a twentieth of its distance to 100: 14.5
/// for ten equal classes, 52.5 for two, 0.75 for two hundred.
pub fn at_chance(acc: f64, chance: f64) -> bool {
    acc <= (1.5 * chance).min(chance + 0.05 * (100.0 - chance))
}

impl Validity {
    /// A message on a field that is out of range; `None` if there is none.
    pub(crate) fn problem(&self) -> Option<String> {
        [("min_asr", self.min_asr), ("above_clean_model", self.above_clean_model)]
            .iter()
            .find(|(_, value)| !(0.0..=100.0).contains(value))
            .map(|(name, value)| format!("`validity: {name}` must be in [0, 100], not {value}"))
    }

    /// Why the attack does not count as implanted; `None` if it does.
    pub fn not_implanted(&self, attacked_asr: f64, clean_model_asr: Option<f64>) -> Option<String> {
        if attacked_asr < self.min_asr {
            return Some(format!(
                "the attack was not implanted: the attacked model's ASR of {attacked_asr:.2} is below {}",
                self.min_asr
            ));
        }
        let clean = clean_model_asr.filter(|clean| attacked_asr < clean + self.above_clean_model)?;
        Some(format!(
            "the attack was not implanted: the attacked model's ASR of {attacked_asr:.2} is less than {} points above the \
             {clean:.2} of a clean model under the same triggers",
            self.above_clean_model
        ))
    }

    /// The status and reason of a row, by its figures. Only the status `ok` can change; a row without the necessary figures
    /// keeps its status.
    pub fn status_of(&self, row: &ResultRow) -> (RowStatus, String) {
        let unchanged = (row.status, row.reason.clone());
        if row.status != RowStatus::Ok {
            return unchanged;
        }
        let collapsed = |acc: Option<f64>| match (acc, row.chance) {
            (Some(acc), Some(chance)) if at_chance(acc, chance) => Some((acc, chance)),
            _ => None,
        };
        if row.defense == "none" {
            if let Some((acc, chance)) = collapsed(row.acc) {
                return (RowStatus::Failed, format!("degenerate: {}", no_better_than_guessing(acc, chance)));
            }
        } else if let Some((acc, chance)) = collapsed(row.attacked_acc) {
            return (RowStatus::NotEvaluated, no_better_than_guessing(acc, chance));
        }
        let not_implanted = row.attacked_asr.and_then(|asr| self.not_implanted(asr, row.clean_model_asr));
        if row.defense != "none"
            && let Some((acc, chance)) = collapsed(row.acc)
        {
            let also = not_implanted.map(|why| format!("; {why}")).unwrap_or_default();
            let why = format!(
                "the defended model's ACC of {acc:.2} is near chance ({chance:.2}): its low ASR is no success{also}"
            );
            return (RowStatus::Collapsed, why);
        }
        not_implanted.map_or(unchanged, |why| (RowStatus::NotImplanted, why))
    }
}

/// The message for an attacked model that is no better than guessing, and for the rows of its defenses.
pub fn no_better_than_guessing(acc: f64, chance: f64) -> String {
    format!(
        "the attacked model's ACC of {acc:.2} is near chance ({chance:.2}): train it longer or at another rate"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(defense: &str, acc: f64, attacked: (f64, Option<f64>)) -> ResultRow {
        ResultRow {
            attack: "a".into(),
            defense: defense.into(),
            acc: Some(acc),
            attacked_acc: Some(attacked.0),
            attacked_asr: attacked.1,
            chance: Some(10.0),
            ..ResultRow::default()
        }
    }

    fn status(row: &ResultRow) -> RowStatus {
        Validity::default().status_of(row).0
    }

    #[test]
    fn both_bounds_of_the_chance_level_hold() {
        // Ten equal classes.
        assert!(at_chance(10.0, 10.0) && at_chance(14.5, 10.0) && !at_chance(14.6, 10.0));
        // Two classes: an ACC of 74 is above the bound of 52.5.
        assert!(at_chance(52.0, 50.0) && !at_chance(74.0, 50.0));
        // GTSRB's most frequent class has 5.94 % of the test set.
        assert!(at_chance(5.94, 5.94) && !at_chance(9.0, 5.94));
        // Two hundred classes: a weak model is not a collapsed one.
        assert!(at_chance(0.75, 0.5) && !at_chance(5.0, 0.5));
        // A test set of one class: even an ACC of 100 is no better than guessing.
        assert!(at_chance(100.0, 100.0));
    }

    #[test]
    fn the_status_depends_on_the_figures_of_the_row_and_of_its_attacked_model() {
        assert_eq!(status(&row("ft", 90.0, (91.0, Some(100.0)))), RowStatus::Ok);
        assert_eq!(status(&row("ft", 12.0, (91.0, Some(100.0)))), RowStatus::Collapsed);
        assert_eq!(status(&row("ft", 12.0, (91.0, Some(3.0)))), RowStatus::Collapsed);
        assert_eq!(status(&row("ft", 90.0, (91.0, Some(69.9)))), RowStatus::NotImplanted);
        assert_eq!(status(&row("none", 91.0, (91.0, Some(69.9)))), RowStatus::NotImplanted);
        assert_eq!(status(&row("none", 11.0, (11.0, Some(100.0)))), RowStatus::Failed);
        assert_eq!(status(&row("ft", 90.0, (11.0, Some(100.0)))), RowStatus::NotEvaluated);
        // A clean model has no ASR, and a row without a chance level cannot be collapsed.
        assert_eq!(status(&row("ft", 90.0, (91.0, None))), RowStatus::Ok);
        assert_eq!(status(&ResultRow { chance: None, ..row("ft", 1.0, (91.0, None)) }), RowStatus::Ok);
    }

    #[test]
    fn an_attack_counts_only_if_its_asr_is_far_above_that_of_a_clean_model() {
        let with = |clean| ResultRow { clean_model_asr: Some(clean), ..row("ft", 90.0, (91.0, Some(80.0))) };
        assert_eq!(status(&with(60.0)), RowStatus::Ok);
        let (found, why) = Validity::default().status_of(&with(60.1));
        assert_eq!(found, RowStatus::NotImplanted);
        assert!(why.contains("80.00") && why.contains("60.10") && why.contains("20 points"), "{why}");
        let lax = Validity { min_asr: 1.0, above_clean_model: 0.0 };
        assert_eq!(lax.status_of(&with(60.1)).0, RowStatus::Ok);
    }

    #[test]
    fn only_the_status_ok_can_change() {
        for status in RowStatus::ALL {
            let row = ResultRow { status, reason: "why".into(), ..row("ft", 90.0, (91.0, Some(100.0))) };
            assert_eq!(Validity::default().status_of(&row), (status, "why".into()));
        }
    }
}
