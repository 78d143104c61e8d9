//! `CUDA_VISIBLE_DEVICES`: which GPUs the user lets this process use, and by which names.

/// The GPUs that workers can be given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VisibleGpus {
    /// The names under which CUDA knows them: indices, or what the user wrote, such as UUIDs.
    pub(crate) usable: Vec<String>,
    /// What the user named and CUDA does not use; one line.
    pub(crate) ignored: Option<String>,
}

impl VisibleGpus {
    /// `list` is the variable, where set, and `count` how many GPUs CUDA finds under it. The error says why CUDA uses none.
    pub(crate) fn new(list: Option<&str>, count: usize) -> Result<Self, String> {
        let Some(list) = list else {
            return Ok(Self { usable: (0..count).map(|index| index.to_string()).collect(), ignored: None });
        };
        let entries: Vec<&str> = list.split(',').map(str::trim).collect();
        let named = entries.iter().take_while(|entry| !hides_the_rest(entry)).count();
        let (named, rest) = entries.split_at(named);
        if let Some(twice) = repeated(named) {
            return Err(format!(
                "CUDA_VISIBLE_DEVICES={list} names the GPU `{twice}` twice, and CUDA then uses none at all: name it once, \
                 and see --jobs-per-device for several workers on one"
            ));
        }
        // Of several slices CUDA shows a process only the first. A worker is given one, by its name.
        let slices = count > 0 && named.iter().all(|entry| entry.starts_with("MIG-"));
        let usable = if slices { named } else { &named[..count.min(named.len())] };
        let ignored = match (named.get(usable.len()), rest) {
            (Some(unknown), _) => Some(format!(
                "CUDA_VISIBLE_DEVICES={list}: CUDA finds no GPU `{unknown}`, and uses neither it nor what follows it"
            )),
            (None, [first, _, ..]) => {
                Some(format!("CUDA_VISIBLE_DEVICES={list}: CUDA uses nothing that follows `{first}`"))
            }
            (None, _) => None,
        };
        Ok(Self { usable: usable.iter().map(|entry| (*entry).into()).collect(), ignored })
    }

    /// Why there is no such device.
    pub(crate) fn lacks(&self, name: &str) -> String {
        let why = match self.usable.len() {
            0 => format!("there is no `{name}`: no GPU can be used here; use cpu, or see `doctor`"),
            1 => format!("there is no `{name}`: the only GPU is cuda:0"),
            count => format!("there is no `{name}`: the GPUs are cuda:0 to cuda:{}", count - 1),
        };
        self.ignored.as_ref().map_or(why.clone(), |ignored| format!("{why}; {ignored}"))
    }
}

/// Whether CUDA uses no entry from this one on, as is customary to hide GPUs: `-1`, nothing, or Slurm's word for none.
fn hides_the_rest(entry: &str) -> bool {
    entry.is_empty() || entry.starts_with('-') || entry == "NoDevFiles"
}

/// The first entry that stands for the same GPU as an earlier one. A UUID may be shortened.
fn repeated<'a>(entries: &[&'a str]) -> Option<&'a str> {
    let is_uuid = |entry: &str| entry.starts_with("GPU-") || entry.starts_with("MIG-");
    let same =
        |a: &str, b: &str| a == b || is_uuid(a) && is_uuid(b) && (a.starts_with(b) || b.starts_with(a));
    entries
        .iter()
        .enumerate()
        .find(|(index, entry)| entries[..*index].iter().any(|earlier| same(earlier, entry)))
        .map(|(_, entry)| *entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable(list: Option<&str>, count: usize) -> Vec<String> {
        VisibleGpus::new(list, count).unwrap().usable
    }

    fn ignored(list: &str, count: usize) -> Option<String> {
        VisibleGpus::new(Some(list), count).unwrap().ignored
    }

    #[test]
    fn names_are_indices_or_those_of_the_user() {
        assert_eq!(usable(None, 2), ["0", "1"]);
        assert_eq!(usable(Some("3,1"), 2), ["3", "1"]);
        assert_eq!(usable(Some(" GPU-8d2e , GPU-17f0"), 2), ["GPU-8d2e", "GPU-17f0"]);
        assert_eq!(usable(Some("MIG-a,MIG-GPU-8d2e/1/0"), 1), ["MIG-a", "MIG-GPU-8d2e/1/0"]);
        for none in ["", "-1", "NoDevFiles", " "] {
            assert_eq!(usable(Some(none), 0), [""; 0]);
            assert_eq!(ignored(none, 0), None, "`{none}` is how people hide all GPUs");
        }
    }

    #[test]
    fn what_cuda_does_not_use_is_named() {
        assert_eq!(ignored("0,1", 2), None);
        assert_eq!(
            ignored("0,9,1", 1).unwrap(),
            "CUDA_VISIBLE_DEVICES=0,9,1: CUDA finds no GPU `9`, and uses neither it nor what follows it"
        );
        assert!(ignored("abc", 0).unwrap().contains("no GPU `abc`"));
        assert!(ignored("GPU-8d2e", 0).unwrap().contains("no GPU `GPU-8d2e`"));
        assert!(ignored("MIG-a", 0).unwrap().contains("no GPU `MIG-a`"));
        assert_eq!(
            ignored("0,-1,1", 1).unwrap(),
            "CUDA_VISIBLE_DEVICES=0,-1,1: CUDA uses nothing that follows `-1`"
        );
        assert_eq!(usable(Some("0,-1,1"), 1), ["0"]);
        // The trailing comma hides nothing.
        assert_eq!(ignored("0,", 1), None);
        // A slice beside a whole GPU: CUDA decides.
        assert!(ignored("GPU-8d2e,MIG-a", 1).unwrap().contains("no GPU `MIG-a`"));
    }

    #[test]
    fn a_repeated_gpu_is_refused_by_name() {
        let twice = |list| VisibleGpus::new(Some(list), 0).unwrap_err();
        assert!(twice("0,1,0").starts_with("CUDA_VISIBLE_DEVICES=0,1,0 names the GPU `0` twice"));
        assert!(twice("GPU-8d2e,GPU-8d2e5f").contains("`GPU-8d2e5f` twice"));
        assert!(twice("MIG-a,MIG-b,MIG-a").contains("`MIG-a` twice"));
        // Not shortened: 1 and 10 are two GPUs. And what is hidden may be repeated.
        assert_eq!(usable(Some("1,10"), 2), ["1", "10"]);
        assert_eq!(usable(Some("0,-1,0"), 1), ["0"]);
    }
}
