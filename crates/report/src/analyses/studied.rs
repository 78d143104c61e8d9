//! The rows of one section: one analysis, data set, model, poison ratio and clean ratio, by attack.

use scour_core::{AnalysisRow, ResultRow, RowStatus};

use super::input::{Analysed, Tables};
use crate::counts::status_text;
use crate::group::NONE;
use crate::names;

/// The analysed models of one section.
pub(crate) struct Studied<'a> {
    /// Any of its rows, for the setting.
    pub(crate) head: &'a AnalysisRow,
    /// In the order of `analyses.csv`; those without tables are left out.
    pub(crate) attacks: Vec<StudiedAttack<'a>>,
    /// Analyses without tables, one line each.
    pub(crate) missing: Vec<String>,
}

/// The models of one attack whose analyses count.
pub(crate) struct StudiedAttack<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: String,
    /// False if the attack was implanted in no repeat; the models are those repeats, and count in no mean over attacks.
    pub(crate) implanted: bool,
    /// One for each repeat, in the order of `analyses.csv`.
    pub(crate) models: Vec<&'a Analysed>,
}

/// Splits analyses into sections, in the order in which they first appear.
pub(crate) fn studied<'a>(analysed: &'a [Analysed], results: &[ResultRow]) -> Vec<Studied<'a>> {
    let mut sections: Vec<(&AnalysisRow, Vec<&Analysed>)> = vec![];
    for one in analysed {
        match sections.iter_mut().find(|(head, _)| same_section(head, &one.row)) {
            Some((_, all)) => all.push(one),
            None => sections.push((&one.row, vec![one])),
        }
    }
    sections.into_iter().map(|(head, all)| section(head, &all, results)).collect()
}

fn same_section(a: &AnalysisRow, b: &AnalysisRow) -> bool {
    (&a.name, &a.analysis, &a.dataset, &a.model) == (&b.name, &b.analysis, &b.dataset, &b.model)
        && (a.poison_ratio, a.clean_ratio) == (b.poison_ratio, b.clean_ratio)
}

fn section<'a>(head: &'a AnalysisRow, all: &[&'a Analysed], results: &[ResultRow]) -> Studied<'a> {
    let mut attacks: Vec<StudiedAttack> = vec![];
    let mut ids: Vec<&str> = vec![];
    for one in all {
        if !ids.contains(&one.row.attack.as_str()) {
            ids.push(&one.row.attack);
        }
    }
    for id in ids {
        let found: Vec<&Analysed> = all
            .iter()
            .copied()
            .filter(|one| one.row.attack == id && !matches!(one.tables, Tables::None))
            .collect();
        let (without, with): (Vec<&Analysed>, Vec<&Analysed>) =
            found.into_iter().partition(|one| not_implanted(&one.row, results));
        let implanted = !with.is_empty();
        let models = if implanted { with } else { without };
        if !models.is_empty() {
            attacks.push(StudiedAttack { id, name: names::attack(id), implanted, models });
        }
    }
    Studied { head, attacks, missing: all.iter().filter_map(|one| missing(one)).collect() }
}

/// Whether the attacked model has no backdoor. A model that is not in the results is taken to have one.
fn not_implanted(row: &AnalysisRow, results: &[ResultRow]) -> bool {
    results.iter().any(|other| {
        other.defense == NONE
            && other.status == RowStatus::NotImplanted
            && (&other.dataset, &other.model, &other.attack, other.seed)
                == (&row.dataset, &row.model, &row.attack, row.seed)
            && (other.poison_ratio, other.clean_ratio) == (row.poison_ratio, row.clean_ratio)
    })
}

fn missing(one: &Analysed) -> Option<String> {
    let row = &one.row;
    if !matches!(one.tables, Tables::None) {
        return None;
    }
    let what = match row.status {
        RowStatus::Ok => {
            format!("this report has no figures of this analysis; its tables are in {}", row.folder)
        }
        status if row.reason.is_empty() => status_text(status).into(),
        status => format!("{} ({})", status_text(status), row.reason),
    };
    Some(format!("{}, seed {}: {what}.", names::attack(&row.attack), row.seed))
}

impl Studied<'_> {
    /// All models of implanted attacks; if no attack was implanted, all models.
    pub(crate) fn counted_models(&self) -> Vec<&Analysed> {
        let any = self.attacks.iter().any(|attack| attack.implanted);
        let counted = self.attacks.iter().filter(|attack| attack.implanted || !any);
        counted.flat_map(|attack| attack.models.iter().copied()).collect()
    }

    /// The largest number of repeats of an attack.
    pub(crate) fn most_models(&self) -> usize {
        self.attacks.iter().map(|attack| attack.models.len()).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysed(attack: &str, seed: u64, status: RowStatus) -> Analysed {
        let row = AnalysisRow {
            attack: attack.into(),
            seed,
            status,
            name: "ranking_stability".into(),
            reason: if status == RowStatus::Failed { "nan".into() } else { String::new() },
            ..AnalysisRow::default()
        };
        let tables = if status == RowStatus::Ok { Tables::Stability(vec![]) } else { Tables::None };
        Analysed { row, tables }
    }

    #[test]
    fn models_without_a_backdoor_do_not_count_beside_others() {
        use RowStatus::{Failed, NotImplanted, Ok};
        let all = [
            analysed("badnets", 0, Ok),
            analysed("badnets", 1, Ok),
            analysed("sig", 0, Ok),
            analysed("wanet", 0, Failed),
        ];
        let result = |attack: &str, seed, status| ResultRow {
            attack: attack.into(),
            defense: NONE.into(),
            seed,
            status,
            ..ResultRow::default()
        };
        let results =
            [result("badnets", 0, NotImplanted), result("badnets", 1, Ok), result("sig", 0, NotImplanted)];
        let sections = studied(&all, &results);
        assert_eq!(sections.len(), 1);
        let found: Vec<_> = sections[0]
            .attacks
            .iter()
            .map(|attack| {
                (attack.id, attack.implanted, attack.models.iter().map(|m| m.row.seed).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(found, [("badnets", true, vec![1]), ("sig", false, vec![0])]);
        assert_eq!(sections[0].counted_models().len(), 1);
        assert_eq!(sections[0].missing, ["WaNet, seed 0: failed (nan)."]);
    }
}
