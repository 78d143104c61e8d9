//! Errors in parameters, with suggestions.

use crate::suggest;

/// A mistake in a parameter. The message does not name the file or the method; the caller adds them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParamError(pub String);

/// Adds "did you mean" to serde's messages on unknown fields and variants, which list the expected names.
pub(crate) fn with_suggestion(message: &str, what: &str) -> String {
    for (start, noun) in [("unknown field `", what), ("unknown variant `", "value")] {
        let Some(at) = message.find(start) else { continue };
        let rest = &message[at + start.len()..];
        let Some((name, expected)) = rest.split_once('`') else { continue };
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let position = message.rfind(" at line ").map_or("", |at| &message[at..]);
        let prefix = &message[..at];
        if known.is_empty() {
            return format!("{prefix}unknown {noun} `{name}`: it takes none{position}");
        }
        return format!("{prefix}{}{position}", suggest::unknown(noun, name, known.iter().copied()));
    }
    message.to_string()
}
