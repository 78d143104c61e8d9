//! Figures as files of their own, for papers and slides.

/// The variable with its fallback begins with this.
const VARIABLE: &str = "var(--";

/// The figure without the page around it: every variable is replaced by its fallback, which is the colour of the light theme.
pub(crate) fn standalone(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(start) = rest.find(VARIABLE) {
        let after = &rest[start + VARIABLE.len()..];
        let (Some(comma), Some(end)) = (after.find(','), after.find(')')) else { break };
        text += &rest[..start];
        text += after.get(comma + 1..end).unwrap_or_default();
        rest = &after[end + 1..];
    }
    text += rest;
    let text = text.replacen("<svg ", "<svg color=\"#1b1f24\" ", 1);
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_by_their_fallbacks() {
        let svg = "<svg a=\"b\"><p fill=\"var(--c1,#0072b2)\" stroke=\"var(--bg,#fff)\"/></svg>";
        assert_eq!(
            standalone(svg),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg color=\"#1b1f24\" a=\"b\"><p fill=\"#0072b2\" \
             stroke=\"#fff\"/></svg>\n"
        );
    }
}
