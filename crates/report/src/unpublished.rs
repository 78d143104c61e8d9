//! Why published figures are not shown with a table.

use scour_core::MethodKind;

use crate::group::{Group, NONE};
use crate::names;
use crate::number::{listed, plural, ratio_percent};
use crate::published::{PublishedRow, same};
use crate::recorded::Recorded;

/// One sentence for each reason: another data set, network or ratio, or a method without a figure. Empty if every cell has
/// a published figure, or if no file of them was given.
pub(crate) fn reasons(group: &Group, rows: &[PublishedRow], recorded: &Recorded) -> Vec<String> {
    if rows.is_empty() {
        return vec![];
    }
    let dataset = recorded.registered_name(MethodKind::Dataset, group.dataset);
    let model = recorded.registered_name(MethodKind::Model, group.model);
    let of_dataset: Vec<&PublishedRow> = rows.iter().filter(|row| row.dataset == dataset).collect();
    if of_dataset.is_empty() {
        return vec![format!("There is no published figure of the data set {}.", names::dataset(dataset))];
    }
    let of_model: Vec<&PublishedRow> = of_dataset.into_iter().filter(|row| row.model == model).collect();
    if of_model.is_empty() {
        let (dataset, model) = (names::dataset(dataset), names::model(model));
        return vec![format!("There is no published figure of the network {model} on {dataset}.")];
    }
    let ours = |kind: MethodKind, labels: &[&str]| -> Vec<(String, String)> {
        let registered = |label: &&str| recorded.registered_name(kind, label).to_string();
        labels.iter().map(|label| (label.to_string(), registered(label))).collect()
    };
    let attacks = ours(MethodKind::Attack, &group.attacks);
    let defenses = ours(MethodKind::Defense, &group.defenses);
    let known = |methods: &[(String, String)], name: &str| methods.iter().any(|(_, known)| known == name);
    let of_methods: Vec<&PublishedRow> = of_model
        .iter()
        .copied()
        .filter(|row| known(&attacks, &row.attack) && known(&defenses, &row.defense))
        .collect();
    let mut found = other_ratios(group, &of_methods);
    let lacking = |methods: &[(String, String)], has: fn(&PublishedRow) -> &str, name: fn(&str) -> String| {
        let lacks = |(label, id): &&(String, String)| {
            label != NONE && !of_methods.iter().any(|row| has(row) == id.as_str())
        };
        methods.iter().filter(lacks).map(|(label, _)| name(label)).collect::<Vec<_>>()
    };
    let without = [
        lacking(&attacks, |row| &row.attack, names::attack),
        lacking(&defenses, |row| &row.defense, names::defense),
    ];
    let without = without.concat();
    if !without.is_empty() {
        found.push(format!(
            "There is no published figure of {} on this data set and network.",
            listed(&without)
        ));
    }
    found
}

/// Figures of our methods with other ratios, one sentence for each ratio.
fn other_ratios(group: &Group, rows: &[&PublishedRow]) -> Vec<String> {
    let mut found: Vec<(String, usize)> = vec![];
    for row in rows {
        let poison_ratio = if row.attack == NONE { 0.0 } else { group.poison_ratio };
        let clean = row.clean_ratio.filter(|ratio| row.defense != NONE && !same(*ratio, group.clean_ratio));
        let why = if !same(row.poison_ratio, poison_ratio) {
            let (theirs, ours) = (ratio_percent(row.poison_ratio), ratio_percent(poison_ratio));
            format!("have poison ratio {theirs} instead of {ours}")
        } else if let Some(clean) = clean {
            let (theirs, ours) = (ratio_percent(clean), ratio_percent(group.clean_ratio));
            format!("have a clean set of {theirs} instead of {ours}")
        } else {
            continue;
        };
        match found.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => found.push((why, 1)),
        }
    }
    found
        .into_iter()
        .map(|(why, count)| {
            let why = if count == 1 { why.replacen("have", "has", 1) } else { why };
            format!("{} of the same attacks and defenses {why}.", plural(count, "published figure"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::aggregate;
    use crate::group::groups;
    use crate::published::read_published;
    use scour_core::ResultRow;

    fn of(published: &str) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = "source,dataset,model,attack,poison_ratio,clean_ratio,defense,acc,asr,ra\n";
        std::fs::write(file.path(), format!("{header}{published}")).unwrap();
        let row = |attack: &str, defense: &str| ResultRow {
            dataset: "cifar10".into(),
            model: "preact_resnet18".into(),
            attack: attack.into(),
            poison_ratio: 0.1,
            clean_ratio: 0.05,
            defense: defense.into(),
            acc: Some(90.0),
            asr: Some(90.0),
            ..ResultRow::default()
        };
        let rows = [row("badnets", "none"), row("badnets", "ft"), row("wanet", "none"), row("wanet", "ft")];
        let summaries = aggregate(&rows).unwrap();
        let published = read_published(file.path()).unwrap();
        reasons(&groups(&summaries, &rows, 1)[0], &published, &Recorded::default())
    }

    #[test]
    fn figures_that_are_not_shown_have_a_reason() {
        let text = |text: &str| vec![text.to_string()];
        assert_eq!(of(""), Vec::<String>::new());
        assert_eq!(
            of("p,gtsrb,preact_resnet18,badnets,0.1,0.05,ft,1,2,3\n"),
            text("There is no published figure of the data set CIFAR-10.")
        );
        assert_eq!(
            of("p,cifar10,vgg19_bn,badnets,0.1,0.05,ft,1,2,3\n"),
            text("There is no published figure of the network PreAct-ResNet18 on CIFAR-10.")
        );
        let both = "p,cifar10,preact_resnet18,badnets,0.1,0.05,ft,1,2,3\n\
                    p,cifar10,preact_resnet18,wanet,0.1,0.05,ft,1,2,3\n";
        assert_eq!(of(both), Vec::<String>::new());
        let others = "p,cifar10,preact_resnet18,badnets,0.01,0.05,ft,1,2,3\n\
                      p,cifar10,preact_resnet18,badnets,0.01,0.05,none,1,2,3\n\
                      p,cifar10,preact_resnet18,badnets,0.1,0.1,ft,1,2,3\n\
                      p,cifar10,preact_resnet18,badnets,0.1,0.1,none,1,2,3\n\
                      p,cifar10,preact_resnet18,badnets,0.1,0.05,nad,1,2,3\n";
        assert_eq!(
            of(others),
            [
                "2 published figures of the same attacks and defenses have poison ratio 1% instead of 10%.",
                "1 published figure of the same attacks and defenses has a clean set of 10% instead of 5%.",
                "There is no published figure of WaNet on this data set and network.",
            ]
        );
    }
}
