//! The command that repeats one cell.

use scour_core::ResultRow;

/// The recorded command with a filter for the cell; the command alone if it has a filter already.
pub(super) fn repeat_command(recorded: &str, row: &ResultRow) -> String {
    if recorded.contains("--filter") {
        return recorded.into();
    }
    format!(
        "{recorded} --filter 'dataset={} model={} attack={} poison_ratio={} clean_ratio={} seed={} defense={}'",
        row.dataset, row.model, row.attack, row.poison_ratio, row.clean_ratio, row.seed, row.defense
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_selects_one_cell() {
        let row = ResultRow {
            dataset: "signs".into(),
            model: "m".into(),
            attack: "badnets".into(),
            poison_ratio: 0.1,
            clean_ratio: 0.05,
            seed: 2,
            defense: "ft".into(),
            ..ResultRow::default()
        };
        assert_eq!(
            repeat_command("cargo xtask sweep x.yaml", &row),
            "cargo xtask sweep x.yaml --filter 'dataset=signs model=m attack=badnets poison_ratio=0.1 clean_ratio=0.05 \
             seed=2 defense=ft'"
        );
        assert_eq!(repeat_command("sweep x --filter seed=1", &row), "sweep x --filter seed=1");
    }
}
