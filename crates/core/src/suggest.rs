//! "Did you mean": the nearest known name to a mistyped one.

/// The known name most like `name`, if one is near enough to be worth proposing.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// "unknown attack `badnet`: did you mean `badnets`? (known: ...)", the one wording for every unknown name.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let list = known.clone().into_iter().collect::<Vec<_>>().join(", ");
    match nearest(name, known) {
        Some(near) => format!("unknown {what} `{name}`: did you mean `{near}`? (known: {list})"),
        None => format!("unknown {what} `{name}` (known: {list})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposes_the_nearest_name_only_where_one_is_near() {
        assert_eq!(nearest("badnet", ["blended", "badnets"]), Some("badnets"));
        assert_eq!(nearest("epoch", ["epochs", "batch_size"]), Some("epochs"));
        assert_eq!(nearest("zzz", ["blended", "badnets"]), None);
        assert_eq!(
            unknown("attack", "badnet", ["blended", "badnets"]),
            "unknown attack `badnet`: did you mean `badnets`? (known: blended, badnets)"
        );
    }
}
