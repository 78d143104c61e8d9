//! The rows of one table: one data set, model, poison ratio and clean ratio.

use std::collections::HashMap;

use scour_core::{ORACLE, ResultRow, RowStatus};

use crate::aggregate::{Figures, Summary};
use crate::number::ratio_percent;

/// The id of "no attack" and of "no defense".
pub(crate) const NONE: &str = "none";

/// Whether a defense is ranked: not the attacked model itself, and none that used test images.
pub(crate) fn competes(defense: &str) -> bool {
    defense != NONE && !is_oracle(defense)
}

/// Whether a defense used test images to choose.
pub(crate) fn is_oracle(defense: &str) -> bool {
    defense.contains(ORACLE)
}

/// Attacks by defenses, each in order of first appearance.
pub(crate) struct Group<'a> {
    pub(crate) dataset: &'a str,
    pub(crate) model: &'a str,
    pub(crate) poison_ratio: f64,
    pub(crate) clean_ratio: f64,
    pub(crate) attacks: Vec<&'a str>,
    pub(crate) defenses: Vec<&'a str>,
    pub(crate) rows: Vec<&'a ResultRow>,
    /// The number of planned repeats of each cell.
    pub(crate) planned: u32,
    summaries: HashMap<(&'a str, &'a str), &'a Summary>,
    /// The rows of each attack and defense: a search among all rows for each cell takes seconds with thousands of rows.
    repeats: HashMap<(&'a str, &'a str), Vec<&'a ResultRow>>,
}

/// Splits summaries into tables. A clean model has no poison ratio: it is in every table of its data set,
/// model and clean ratio, and has a table of its own only if there is no attacked model.
pub(crate) fn groups<'a>(summaries: &'a [Summary], rows: &'a [ResultRow], planned: u32) -> Vec<Group<'a>> {
    let same_table = |a: &Summary, b: &Summary| {
        (&a.dataset, &a.model, a.clean_ratio) == (&b.dataset, &b.model, b.clean_ratio)
    };
    let mut heads: Vec<&Summary> = vec![];
    for summary in summaries {
        let joins_others = summary.attack == NONE
            && summaries.iter().any(|other| other.attack != NONE && same_table(other, summary));
        let known =
            heads.iter().any(|head| same_table(head, summary) && head.poison_ratio == summary.poison_ratio);
        if !joins_others && !known {
            heads.push(summary);
        }
    }
    heads.into_iter().map(|head| Group::new(head, summaries, rows, planned)).collect()
}

impl<'a> Group<'a> {
    fn new(head: &'a Summary, summaries: &'a [Summary], rows: &'a [ResultRow], planned: u32) -> Self {
        let mut group = Self {
            dataset: &head.dataset,
            model: &head.model,
            poison_ratio: head.poison_ratio,
            clean_ratio: head.clean_ratio,
            attacks: vec![],
            defenses: vec![],
            rows: vec![],
            planned,
            summaries: HashMap::new(),
            repeats: HashMap::new(),
        };
        let table = (head.dataset.as_str(), head.model.as_str(), head.clean_ratio);
        let belongs = |attack: &str, poison_ratio: f64| attack == NONE || poison_ratio == head.poison_ratio;
        for summary in summaries {
            if (summary.dataset.as_str(), summary.model.as_str(), summary.clean_ratio) == table
                && belongs(&summary.attack, summary.poison_ratio)
            {
                for (list, id) in
                    [(&mut group.attacks, &summary.attack), (&mut group.defenses, &summary.defense)]
                {
                    if !list.contains(&id.as_str()) {
                        list.push(id);
                    }
                }
                group.summaries.insert((&summary.attack, &summary.defense), summary);
            }
        }
        group.rows.extend(rows.iter().filter(|row| {
            (row.dataset.as_str(), row.model.as_str(), row.clean_ratio) == table
                && belongs(&row.attack, row.poison_ratio)
        }));
        for row in &group.rows {
            group.repeats.entry((&row.attack, &row.defense)).or_default().push(row);
        }
        group
    }

    pub(crate) fn get(&self, attack: &str, defense: &str) -> Option<&'a Summary> {
        self.summaries.get(&(attack, defense)).copied()
    }

    /// Every cell of the table, in any order.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &'a Summary> {
        self.summaries.values().copied()
    }

    /// The figures over the repeats that count, if there are any.
    pub(crate) fn ok(&self, attack: &str, defense: &str) -> Option<&'a Figures> {
        self.get(attack, defense)
            .filter(|summary| summary.counts.get(RowStatus::Ok) > 0)
            .map(|summary| &summary.counted)
    }

    /// Real attacks that an average should cover: those that were implanted in at least one repeat and have figures
    /// under some defense.
    pub(crate) fn counted_attacks(&self) -> Vec<&'a str> {
        let counts = |attack: &str| {
            self.has(attack, RowStatus::Ok)
                || self.has(attack, RowStatus::Collapsed) && !self.has(attack, RowStatus::NotImplanted)
        };
        self.real_attacks().filter(|attack| counts(attack)).collect()
    }

    /// Real attacks that were not implanted in any repeat: shown, but in no average, rank or sentence on a defense.
    pub(crate) fn not_implanted(&self) -> Vec<&'a str> {
        let counted = self.counted_attacks();
        self.real_attacks()
            .filter(|attack| self.has(attack, RowStatus::NotImplanted) && !counted.contains(attack))
            .collect()
    }

    pub(crate) fn real_attacks(&self) -> impl Iterator<Item = &'a str> {
        self.attacks.iter().copied().filter(|attack| *attack != NONE)
    }

    /// Whether a row of the attack, with any defense, has this status.
    fn has(&self, attack: &str, status: RowStatus) -> bool {
        self.rows.iter().any(|row| row.attack == attack && row.status == status)
    }

    /// Rows of one cell over its seeds.
    pub(crate) fn repeats<'s>(
        &'s self,
        attack: &'s str,
        defense: &'s str,
    ) -> impl Iterator<Item = &'a ResultRow> + use<'s, 'a> {
        self.repeats.get(&(attack, defense)).map_or(&[][..], Vec::as_slice).iter().copied()
    }

    /// `poison ratio 10%, clean set 5%`.
    pub(crate) fn ratios(&self) -> String {
        format!(
            "poison ratio {}, clean set {} of the training set",
            ratio_percent(self.poison_ratio),
            ratio_percent(self.clean_ratio)
        )
    }

    /// For links within the page.
    pub(crate) fn anchor(&self) -> String {
        let text = format!("{}-{}-p{}-c{}", self.dataset, self.model, self.poison_ratio, self.clean_ratio);
        file_name(&text)
    }
}

/// The text with a hyphen for every character that names of files and anchors should not have.
pub(crate) fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;

    fn summary(dataset: &str, attack: &str, poison_ratio: f64, defense: &str) -> Summary {
        Summary {
            dataset: dataset.into(),
            model: "m".into(),
            poison_ratio,
            clean_ratio: 0.05,
            attack: attack.into(),
            defense: defense.into(),
            counted: Figures::default(),
            not_counted: Figures::default(),
            seconds: None,
            counts: Counts::default(),
        }
    }

    #[test]
    fn a_clean_model_joins_every_table_of_its_data_set() {
        let summaries = [
            summary("a", "none", 0.0, "none"),
            summary("a", "badnets", 0.1, "none"),
            summary("a", "badnets", 0.1, "ft"),
            summary("a", "badnets", 0.01, "none"),
            summary("b", "none", 0.0, "none"),
        ];
        let groups = groups(&summaries, &[], 1);
        let found: Vec<_> = groups
            .iter()
            .map(|group| (group.dataset, group.poison_ratio, group.attacks.clone(), group.defenses.clone()))
            .collect();
        assert_eq!(
            found,
            [
                ("a", 0.1, vec!["none", "badnets"], vec!["none", "ft"]),
                ("a", 0.01, vec!["none", "badnets"], vec!["none"]),
                ("b", 0.0, vec!["none"], vec!["none"]),
            ]
        );
        assert!(groups[0].get("badnets", "ft").is_some() && groups[1].get("badnets", "ft").is_none());
    }

    #[test]
    fn attacks_that_took_in_no_repeat_are_not_counted() {
        use RowStatus::{Collapsed, Failed, NotImplanted, Ok};
        let rows: Vec<ResultRow> = [
            ("none", "none", Ok),
            ("a", "none", Ok),
            ("a", "ft", NotImplanted),
            ("b", "none", NotImplanted),
            ("b", "ft", Collapsed),
            ("c", "ft", Collapsed),
            ("d", "none", Failed),
        ]
        .map(|(attack, defense, status)| ResultRow {
            attack: attack.into(),
            defense: defense.into(),
            status,
            ..ResultRow::default()
        })
        .into();
        let summaries = crate::aggregate::aggregate(&rows).unwrap();
        let group = &groups(&summaries, &rows, 1)[0];
        assert_eq!(group.counted_attacks(), ["a", "c"]);
        assert_eq!(group.not_implanted(), ["b"]);
    }
}
