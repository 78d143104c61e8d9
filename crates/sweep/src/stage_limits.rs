//! `--stage-limit`: how long a worker may be silent before it counts as hung.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use scour_core::StageKind;

/// For each kind of stage, how long a worker may give no sign of progress; `None` is without a limit.
///
/// It is the silence that is limited, not the whole stage: a training that reports an epoch from time to time may take days.
/// Limits are no part of a key, since they change no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageLimits([Option<Duration>; KINDS.len()]);

const KINDS: [(StageKind, &str); 7] = [
    (StageKind::Resource, "resource"),
    (StageKind::Attack, "attack"),
    (StageKind::Control, "control"),
    (StageKind::Preparation, "preparation"),
    (StageKind::Ranking, "ranking"),
    (StageKind::Defense, "defense"),
    (StageKind::Analysis, "analysis"),
];

const HOUR: Duration = Duration::from_secs(3600);

impl Default for StageLimits {
    /// Many times what one epoch takes on slow machines: half an hour for CIFAR-10 and four hours for Tiny ImageNet, with
    /// PreAct-ResNet18 on two cores without AVX-512. Control stages only evaluate.
    fn default() -> Self {
        Self(KINDS.map(|(kind, _)| match kind {
            StageKind::Control => Some(6 * HOUR),
            _ => Some(24 * HOUR),
        }))
    }
}

impl StageLimits {
    /// The same limit for all kinds.
    pub fn all(limit: Option<Duration>) -> Self {
        Self([limit; KINDS.len()])
    }

    /// The limit of a kind.
    pub fn of(&self, kind: StageKind) -> Option<Duration> {
        KINDS.iter().zip(self.0).find(|((own, _), _)| *own == kind).and_then(|(_, limit)| limit)
    }
}

/// The name of a kind in the option.
pub(crate) fn kind_name(kind: StageKind) -> &'static str {
    KINDS.iter().find(|(own, _)| *own == kind).map_or("stage", |(_, name)| name)
}

impl FromStr for StageLimits {
    type Err = String;

    /// Reads `6h` for all kinds, or `attack=24h,defense=90m` for some, the others keeping their defaults; `none` is without
    /// a limit.
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains('=') {
            return Ok(Self::all(duration(text)?));
        }
        let mut limits = Self::default();
        for part in text.split(',').map(str::trim) {
            let (name, limit) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is no KIND=TIME, such as attack=24h"))?;
            let index = KINDS.iter().position(|(_, known)| *known == name).ok_or_else(|| {
                let known: Vec<&str> = KINDS.iter().map(|(_, name)| *name).collect();
                format!("unknown kind of stage `{name}` (known: {})", known.join(", "))
            })?;
            limits.0[index] = duration(limit)?;
        }
        Ok(limits)
    }
}

impl fmt::Display for StageLimits {
    /// The text that is read as these limits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, ((_, name), limit)) in KINDS.iter().zip(self.0).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match limit {
                Some(limit) => write!(out, "{comma}{name}={}s", limit.as_secs())?,
                None => write!(out, "{comma}{name}=none")?,
            }
        }
        Ok(())
    }
}

/// `90s`, `30m`, `6h`, `2d`, or `none`.
fn duration(text: &str) -> Result<Option<Duration>, String> {
    if text == "none" {
        return Ok(None);
    }
    let unit = |seconds: u64, letter: char| text.strip_suffix(letter).map(|number| (number, seconds));
    let units = [unit(1, 's'), unit(60, 'm'), unit(3600, 'h'), unit(86_400, 'd')];
    let parsed = units.into_iter().flatten().next().and_then(|(number, unit)| {
        let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
        Some(Duration::from_secs(u64::from(number) * unit))
    });
    let expected = || format!("`{text}` is no time: expected 90s, 30m, 6h, 2d or none");
    parsed.map(Some).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str, kind: StageKind) -> Option<u64> {
        text.parse::<StageLimits>().unwrap().of(kind).map(|limit| limit.as_secs())
    }

    #[test]
    fn one_time_is_for_all_kinds_and_pairs_are_for_theirs() {
        for (text, expected) in [("90s", 90), ("30m", 1800), ("6h", 21_600), ("2d", 172_800)] {
            for (kind, _) in KINDS {
                assert_eq!(seconds(text, kind), Some(expected));
            }
        }
        assert_eq!(seconds("none", StageKind::Attack), None);
        let text = "attack=1h, defense=none";
        assert_eq!(seconds(text, StageKind::Attack), Some(3600));
        assert_eq!(seconds(text, StageKind::Defense), None);
        assert_eq!(seconds(text, StageKind::Control), Some(6 * 3600));
        assert_eq!(seconds(text, StageKind::Analysis), Some(24 * 3600));
        let limits: StageLimits = text.parse().unwrap();
        assert_eq!(limits.to_string().parse(), Ok(limits));
    }

    #[test]
    fn what_is_no_limit_is_named() {
        let message = |text: &str| text.parse::<StageLimits>().unwrap_err();
        assert_eq!(message("6"), "`6` is no time: expected 90s, 30m, 6h, 2d or none");
        assert!(message("0h").starts_with("`0h` is no time"));
        assert!(message("-1h").starts_with("`-1h` is no time"));
        assert!(
            message("training=1h").starts_with("unknown kind of stage `training` (known: resource, attack,")
        );
        assert!(message("attack=1h,2h").starts_with("`2h` is no KIND=TIME"));
    }
}
