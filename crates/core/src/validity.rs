//! When a row's figures may be taken for what they seem to say.

use serde::{Deserialize, Serialize};

use crate::{ResultRow, RowStatus};

/// The bounds by which an attack counts as implanted. An attack that did not take tells nothing of a defense: doing
/// nothing has the best DER there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Validity {
    /// Least ASR of the attacked model, in percent.
    pub min_asr: f64,
    /// Points of ASR that it must have above a clean model under the same triggers, where one was measured.
    pub above_clean_model: f64,
}

impl Default for Validity {
    fn default() -> Self {
        Self { min_asr: 70.0, above_clean_model: 20.0 }
    }
}

/// Whether a model with this ACC is no better than guessing. `chance` is the ACC of always naming the most frequent
/// class; all are percentages.
///
/// Near is within half of chance and within a twentieth of the way from chance to 100: of ten even classes up to 14.5, of
/// two up to 52.5, so that two classes at an honest 74 are fine, and of two hundred up to 0.75.
pub fn at_chance(acc: f64, chance: f64) -> bool {
    acc <= (1.5 * chance).min(chance + 0.05 * (100.0 - chance))
}

impl Validity {
    /// What is out of range, named by field; `None` where all is well.
    pub(crate) fn problem(&self) -> Option<String> {
        [("min_asr", self.min_asr), ("above_clean_model", self.above_clean_model)]
            .iter()
            .find(|(_, value)| !(0.0..=100.0).contains(value))
            .map(|(name, value)| format!("`validity: {name}` must be in [0, 100], not {value}"))
    }

    /// Why an attacked model's attack did not take, if it did not.
    pub fn not_implanted(&self, attacked_asr: f64, clean_model_asr: Option<f64>) -> Option<String> {
        if attacked_asr < self.min_asr {
            return Some(format!(
                "the attack did not take: the attacked model's ASR of {attacked_asr:.2} is below {}",
                self.min_asr
            ));
        }
        let clean = clean_model_asr.filter(|clean| attacked_asr < clean + self.above_clean_model)?;
        Some(format!(
            "the attack did not take: the attacked model's ASR of {attacked_asr:.2} is less than {} points above the \
             {clean:.2} of a clean model under the same triggers",
            self.above_clean_model
        ))
    }

    /// The status and reason of a row from its figures. Only a row that is `ok` so far can lose that; rows without a
    /// figure to judge by keep what they have.
    pub fn judge(&self, row: &ResultRow) -> (RowStatus, String) {
        let kept = (row.status, row.reason.clone());
        if row.status != RowStatus::Ok {
            return kept;
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
        not_implanted.map_or(kept, |why| (RowStatus::NotImplanted, why))
    }
}

/// The reason of an attacked model at chance, and of whatever would be defended from it.
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

    fn judged(row: &ResultRow) -> RowStatus {
        Validity::default().judge(row).0
    }

    #[test]
    fn chance_is_near_in_both_senses() {
        // Ten even classes.
        assert!(at_chance(10.0, 10.0) && at_chance(14.5, 10.0) && !at_chance(14.6, 10.0));
        // Two classes at an honest 74 are fine, at 52 they are not.
        assert!(at_chance(52.0, 50.0) && !at_chance(74.0, 50.0));
        // GTSRB's most frequent class has 5.94 % of the test set; a model that names it always is caught.
        assert!(at_chance(5.94, 5.94) && !at_chance(9.0, 5.94));
        // Two hundred classes: a weak model is not a collapsed one.
        assert!(at_chance(0.75, 0.5) && !at_chance(5.0, 0.5));
        // A test set of one class: always right is no better than guessing.
        assert!(at_chance(100.0, 100.0));
    }

    #[test]
    fn a_row_is_judged_by_its_own_figures_and_its_attacked_models() {
        assert_eq!(judged(&row("ft", 90.0, (91.0, Some(100.0)))), RowStatus::Ok);
        assert_eq!(judged(&row("ft", 12.0, (91.0, Some(100.0)))), RowStatus::Collapsed);
        assert_eq!(judged(&row("ft", 12.0, (91.0, Some(3.0)))), RowStatus::Collapsed);
        assert_eq!(judged(&row("ft", 90.0, (91.0, Some(69.9)))), RowStatus::NotImplanted);
        assert_eq!(judged(&row("none", 91.0, (91.0, Some(69.9)))), RowStatus::NotImplanted);
        assert_eq!(judged(&row("none", 11.0, (11.0, Some(100.0)))), RowStatus::Failed);
        assert_eq!(judged(&row("ft", 90.0, (11.0, Some(100.0)))), RowStatus::NotEvaluated);
        // A clean model has no ASR, and a row without chance cannot be called collapsed.
        assert_eq!(judged(&row("ft", 90.0, (91.0, None))), RowStatus::Ok);
        assert_eq!(judged(&ResultRow { chance: None, ..row("ft", 1.0, (91.0, None)) }), RowStatus::Ok);
    }

    #[test]
    fn an_attack_counts_only_above_what_a_clean_model_gives() {
        let with = |clean| ResultRow { clean_model_asr: Some(clean), ..row("ft", 90.0, (91.0, Some(80.0))) };
        assert_eq!(judged(&with(60.0)), RowStatus::Ok);
        let (status, why) = Validity::default().judge(&with(60.1));
        assert_eq!(status, RowStatus::NotImplanted);
        assert!(why.contains("80.00") && why.contains("60.10") && why.contains("20 points"), "{why}");
        let lax = Validity { min_asr: 1.0, above_clean_model: 0.0 };
        assert_eq!(lax.judge(&with(60.1)).0, RowStatus::Ok);
    }

    #[test]
    fn what_has_not_ended_well_keeps_its_status() {
        for status in RowStatus::ALL {
            let row = ResultRow { status, reason: "why".into(), ..row("ft", 90.0, (91.0, Some(100.0))) };
            assert_eq!(Validity::default().judge(&row), (status, "why".into()));
        }
    }
}
