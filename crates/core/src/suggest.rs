//! "Did you mean": suggestions for mistyped names.

/// The known name that is most similar to `name`, if it is similar enough for a suggestion.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The message for every unknown name: "unknown attack `badnet`: did you mean `badnets`? (known: ...)".
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
    fn the_nearest_name_is_suggested_only_if_it_is_similar() {
        assert_eq!(nearest("badnet", ["blended", "badnets"]), Some("badnets"));
        assert_eq!(nearest("epoch", ["epochs", "batch_size"]), Some("epochs"));
        assert_eq!(nearest("zzz", ["blended", "badnets"]), None);
        assert_eq!(
            unknown("attack", "badnet", ["blended", "badnets"]),
            "unknown attack `badnet`: did you mean `badnets`? (known: blended, badnets)"
        );
    }
}
