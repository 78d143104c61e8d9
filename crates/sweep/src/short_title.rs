//! Titles of stages without data set and model, where all stages of a plan have the same: for lines that may be short.

/// The length of the data set and the model, `signs/preact_resnet18/`, as far as all titles begin with the same.
pub(crate) fn in_common<'a>(mut titles: impl Iterator<Item = &'a str>) -> usize {
    let mut common = titles.next().unwrap_or_default();
    for title in titles {
        let same = common.bytes().zip(title.bytes()).take_while(|(a, b)| a == b).count();
        // The last byte of a character may differ alone.
        common = &common[..(0..=same).rev().find(|end| common.is_char_boundary(*end)).unwrap_or(0)];
    }
    common.match_indices('/').take(2).last().map_or(0, |(at, _)| at + 1)
}

/// A title without its first bytes, which all titles have in common.
pub(crate) fn short_title(title: &str, in_common: usize) -> &str {
    title.get(in_common..).unwrap_or(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_shortened_by_what_all_have_in_common() {
        let length = |titles: &[&str]| in_common(titles.iter().copied());
        let titles = ["signs/m/badnets@0.1/s0", "signs/m/badnets@0.1/s0 > ft", "signs/m/blended@0.1/s0"];
        assert_eq!(length(&titles), "signs/m/".len());
        assert_eq!(short_title(titles[1], length(&titles)), "badnets@0.1/s0 > ft");
        assert_eq!(length(&titles[..2]), "signs/m/".len(), "the attack stays although it is the only one");
        assert_eq!(length(&["signs/m/x", "signs/n/x"]), "signs/".len());
        assert_eq!(length(&["a/b", "c/b"]), 0);
        assert_eq!(length(&["\u{e4}/\u{e4}", "\u{e4}/\u{e5}"]), "\u{e4}/".len());
        assert_eq!(length(&[]), 0);
    }
}
