//! The names that reports show: titles of registered methods, and other labels as experiments give them.

use scour_core::MethodKind;

/// `kind,name,title` of every registered method, written by `cargo xtask docs`: this crate does not link the registry,
/// which links libtorch.
const TITLES: &str = include_str!("../titles.csv");

/// The end of the name of a defense that chose on test images.
const ORACLE_SUFFIX: &str = "-oracle";

/// The title of a registered method. Another label, which an experiment has given, is shown as it is.
fn title(kind: &str, label: &str) -> Option<&'static str> {
    TITLES.lines().find_map(|line| {
        let mut fields = line.splitn(3, ',');
        (fields.next() == Some(kind) && fields.next() == Some(label)).then(|| fields.next()).flatten()
    })
}

fn shown(kind: &str, label: &str) -> String {
    if let Some(title) = title(kind, label) {
        return title.into();
    }
    match label.strip_suffix(ORACLE_SUFFIX).and_then(|name| title(kind, name)) {
        Some(title) => format!("{title} (oracle)"),
        None => label.into(),
    }
}

/// The name of a method of any kind.
pub(crate) fn method(kind: MethodKind, id: &str) -> String {
    match kind {
        MethodKind::Dataset => dataset(id),
        MethodKind::Model => model(id),
        MethodKind::Attack => attack(id),
        MethodKind::Defense => defense(id),
        MethodKind::Analysis => analysis(id),
    }
}

pub(crate) fn attack(id: &str) -> String {
    shown("attack", id)
}

pub(crate) fn defense(id: &str) -> String {
    shown("defense", id)
}

pub(crate) fn analysis(id: &str) -> String {
    shown("analysis", id)
}

pub(crate) fn dataset(id: &str) -> String {
    shown("data set", id)
}

pub(crate) fn model(id: &str) -> String {
    shown("model", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ids_are_spelled_as_in_papers_and_others_stay() {
        assert_eq!(attack("wanet"), "WaNet");
        assert_eq!(attack("none"), "No attack");
        assert_eq!(defense("none"), "No defense");
        assert_eq!(defense("tsbd-n0.3"), "tsbd-n0.3");
        assert_eq!(defense("anp-oracle"), "ANP (oracle)");
        assert_eq!(model("preact_resnet18"), "PreAct-ResNet18");
        assert_eq!(dataset("my_set"), "my_set");
        assert_eq!(method(MethodKind::Model, "preact_resnet18"), "PreAct-ResNet18");
    }
}
