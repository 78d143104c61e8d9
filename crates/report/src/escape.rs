//! Escapes names and reasons, so that they are not read as markup. Each function writes into a tera output.

use std::io::Write;

/// For text in XML and in attributes.
pub(crate) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// For text in LaTeX, with the signs that reports use as commands.
pub(crate) fn latex(text: &str, out: &mut dyn Write) -> std::io::Result<()> {
    for c in text.chars() {
        match c {
            '\\' => out.write_all(br"\textbackslash{}")?,
            '{' | '}' | '$' | '&' | '#' | '%' | '_' => write!(out, "\\{c}")?,
            '~' => out.write_all(br"\textasciitilde{}")?,
            '^' => out.write_all(br"\textasciicircum{}")?,
            '<' => out.write_all(br"\textless{}")?,
            '>' => out.write_all(br"\textgreater{}")?,
            '|' => out.write_all(br"\textbar{}")?,
            '"' => out.write_all(br"\textquotedbl{}")?,
            '±' => out.write_all(br"$\pm$")?,
            '†' => out.write_all(br"$\dagger$")?,
            '‡' => out.write_all(br"$\ddagger$")?,
            '§' => out.write_all(br"\S{}")?,
            '×' => out.write_all(br"$\times$")?,
            '–' => out.write_all(b"--")?,
            '−' => out.write_all(b"$-$")?,
            c if c.is_control() => out.write_all(b" ")?,
            c => write!(out, "{c}")?,
        }
    }
    Ok(())
}

/// For text in Markdown, in a table cell too.
pub(crate) fn markdown(text: &str, out: &mut dyn Write) -> std::io::Result<()> {
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '$' => write!(out, "\\{c}")?,
            '&' => out.write_all(b"&amp;")?,
            '<' => out.write_all(b"&lt;")?,
            '>' => out.write_all(b"&gt;")?,
            c if c.is_control() => out.write_all(b" ")?,
            c => write!(out, "{c}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(escape: fn(&str, &mut dyn Write) -> std::io::Result<()>, text: &str) -> String {
        let mut out = vec![];
        escape(text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn markup_loses_its_meaning() {
        assert_eq!(xml("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
        assert_eq!(written(latex, r"a_b 5% \end{x}"), r"a\_b 5\% \textbackslash{}end\{x\}");
        assert_eq!(written(latex, "1 ± 2 – 3"), r"1 $\pm$ 2 -- 3");
        assert_eq!(written(latex, "‡ 2/3 §"), r"$\ddagger$ 2/3 \S{}");
        assert_eq!(written(markdown, "a|b_c<br>\nd"), r"a\|b\_c&lt;br&gt; d");
    }
}
