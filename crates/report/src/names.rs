//! How ids are shown to people: the one place that knows the field's spelling of each method.

const ATTACKS: &[(&str, &str)] = &[
    ("none", "No attack"),
    ("badnets", "BadNets"),
    ("blended", "Blended"),
    ("input_aware", "Input-aware"),
    ("lf", "LF"),
    ("sig", "SIG"),
    ("ssba", "SSBA"),
    ("trojan", "Trojan"),
    ("wanet", "WaNet"),
    ("lc", "LC"),
    ("bpp", "BppAttack"),
    ("ftrojan", "FTrojan"),
];

const DEFENSES: &[(&str, &str)] = &[
    ("none", "No defense"),
    ("ft", "FT"),
    ("fp", "FP"),
    ("fp-oracle", "FP (oracle)"),
    ("nad", "NAD"),
    ("nc", "NC"),
    ("anp", "ANP"),
    ("anp-oracle", "ANP (oracle)"),
    ("clp", "CLP"),
    ("i_bau", "i-BAU"),
    ("rnp", "RNP"),
    ("ft_sam", "FT-SAM"),
    ("npd", "NPD"),
    ("sau", "SAU"),
    ("bnp", "BNP"),
    ("ep", "EP"),
    ("ss", "SS"),
    ("strip", "STRIP"),
    ("abl", "ABL"),
    ("tsbd", "TSBD"),
];

const DATASETS: &[(&str, &str)] = &[
    ("cifar10", "CIFAR-10"),
    ("cifar100", "CIFAR-100"),
    ("gtsrb", "GTSRB"),
    ("tiny_imagenet", "Tiny ImageNet"),
    ("signs", "signs"),
];

const MODELS: &[(&str, &str)] =
    &[("preact_resnet18", "PreAct-ResNet18"), ("preact_resnet10", "PreAct-ResNet10")];

/// The id itself where it is not known: a variant that an experiment names keeps the name it was given.
fn shown(known: &[(&str, &str)], id: &str) -> String {
    known.iter().find(|(name, _)| *name == id).map_or(id, |(_, shown)| shown).to_string()
}

pub(crate) fn attack(id: &str) -> String {
    shown(ATTACKS, id)
}

pub(crate) fn defense(id: &str) -> String {
    shown(DEFENSES, id)
}

pub(crate) fn dataset(id: &str) -> String {
    shown(DATASETS, id)
}

pub(crate) fn model(id: &str) -> String {
    shown(MODELS, id)
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
        assert_eq!(model("preact_resnet18"), "PreAct-ResNet18");
        assert_eq!(dataset("my_set"), "my_set");
    }
}
