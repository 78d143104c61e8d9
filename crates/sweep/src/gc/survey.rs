//! What is in a store, and what of it is needed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use scour_core::{Key, StageConfig};
use serde_json::Value;

use super::{Keep, Leftover, Needs, StageSize, Survey, Usage};
use crate::error::AtPath;
use crate::folders::files_below;
use crate::lease::HeldLease;
use crate::manifest::Manifest;
use crate::order::plan_order;
use crate::stage_state::stage_states;
use crate::store::GC;
use crate::{Rerun, Store, SweepError};

pub(super) fn survey(store: &Store, needs: &[Needs], keep: Keep) -> Result<Survey, SweepError> {
    let leases = store.root().join("lease");
    let mut living = store.leases.living().at("read", &leases)?;
    living.remove(GC);
    let mut survey = Survey { store: store.root().into(), ..Survey::default() };
    let stages = stages(store, &mut survey)?;
    let models = models_needed(store, needs)?;
    let reserved: BTreeSet<&Key> = living.values().flat_map(|held| &held.stages).collect();
    let users = users(needs);
    let unplanned: HashSet<&str> = needs.iter().flat_map(|need| &need.datasets).map(String::as_str).collect();
    for stage in &stages {
        let key = &stage.manifest.key;
        let in_use = reserved.contains(key) || living.contains_key(key.as_str());
        let planned = users.contains_key(key) || in_use;
        let unplanned = unplanned.contains(dataset_of(&stage.manifest.config));
        let needed = planned || unplanned;
        let size = |bytes| StageSize { key: key.clone(), title: stage.manifest.title.clone(), bytes };
        if !needed {
            survey.unneeded.push(size(stage.bytes));
            continue;
        }
        survey.needed.0 += 1;
        survey.needed.1 += stage.bytes;
        survey.unplanned += usize::from(!planned);
        survey.dropped += usize::from(stage.manifest.dropped.is_some());
        if keep == Keep::Results && stage.model_bytes > 0 {
            match in_use || unplanned || models.contains(key) {
                true => survey.models_needed += 1,
                false => survey.droppable.push(size(stage.model_bytes)),
            }
        }
    }
    survey.usage = usage(needs, &stages, &users);
    survey.at_work = at_work(&living, &stages, &users);
    leftovers(store, (needs, &users), &living, &mut survey)?;
    Ok(survey)
}

/// A stage of the store.
struct Present {
    manifest: Manifest,
    bytes: u64,
    /// Of the files that only other stages need.
    model_bytes: u64,
}

/// All stages by key. Folders without a manifest are leftovers.
fn stages(store: &Store, survey: &mut Survey) -> Result<Vec<Present>, SweepError> {
    let mut stages = vec![];
    for folder in store.stage_folders()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let files = sizes(&folder)?;
        let bytes = files.iter().map(|(_, size)| size).sum();
        match Manifest::read(&folder) {
            Ok(manifest) if manifest.key.as_str() == name => {
                let dropped = manifest.dropped.iter().flat_map(|dropped| &dropped.files);
                let models = manifest.files.iter().filter(|file| file.is_model()).chain(dropped);
                let models: HashSet<&Path> = models.map(|file| Path::new(&file.path)).collect();
                let of_models = files.iter().filter(|(path, _)| models.contains(path.as_path()));
                let model_bytes = of_models.map(|(_, size)| size).sum();
                stages.push(Present { manifest, bytes, model_bytes });
            }
            Err(error) if error.is_newer() => survey.newer += 1,
            _ => {
                let path = Path::new(&name[..2]).join(&name);
                survey.leftovers.push(Leftover { path, what: "a stage without a manifest", bytes });
            }
        }
    }
    stages.sort_by(|a, b| a.manifest.title.cmp(&b.manifest.title));
    Ok(stages)
}

/// The registered name of the data set that a stage is about.
fn dataset_of(config: &StageConfig) -> &str {
    let dataset = match config {
        StageConfig::Resource(config) => &config.dataset,
        StageConfig::Attack(config) | StageConfig::Control(config) => &config.dataset,
        StageConfig::Preparation(config) | StageConfig::Defense(config) => &config.attacked.dataset,
        StageConfig::Ranking(config) => &config.attacked.dataset,
        StageConfig::Analysis(config) => &config.attacked.dataset,
    };
    &dataset.name
}

/// The stages whose model is needed, since a stage that is still to be run builds on it.
fn models_needed(store: &Store, needs: &[Needs]) -> Result<HashSet<Key>, SweepError> {
    let mut needed = HashSet::new();
    for plan in needs.iter().flat_map(|need| &need.plans) {
        let states = stage_states(plan, &plan_order(plan), store, Rerun::No)?;
        let work = states.iter().filter(|(_, state)| state.is_work());
        needed.extend(work.flat_map(|(key, _)| plan.stages[key].requires.clone()));
    }
    Ok(needed)
}

/// Which experiments use each stage, by their place in the list.
type Users<'a> = BTreeMap<&'a Key, BTreeSet<usize>>;

fn users(needs: &[Needs]) -> Users<'_> {
    let mut users = Users::new();
    for (index, need) in needs.iter().enumerate() {
        for key in need.plans.iter().flat_map(|plan| plan.stages.keys()) {
            users.entry(key).or_default().insert(index);
        }
    }
    users
}

fn usage(needs: &[Needs], stages: &[Present], users: &Users) -> Vec<Usage> {
    let mut usage: Vec<Usage> =
        needs.iter().map(|need| Usage { name: need.name.clone(), stages: 0, bytes: 0, shared: 0 }).collect();
    for stage in stages {
        let Some(of) = users.get(&stage.manifest.key) else { continue };
        for index in of {
            usage[*index].stages += 1;
            usage[*index].bytes += stage.bytes;
            usage[*index].shared += if of.len() > 1 { stage.bytes } else { 0 };
        }
    }
    usage
}

/// A line for each sweep at work, and for whoever holds the lease of one stage only.
fn at_work(living: &BTreeMap<String, HeldLease>, stages: &[Present], users: &Users) -> Vec<String> {
    let sweeps = living.values().filter(|held| !held.stages.is_empty());
    let line = |held: &HeldLease| {
        let alone =
            |key: &&Key| !users.contains_key(key) && stages.iter().any(|stage| stage.manifest.key == **key);
        let alone = held.stages.iter().filter(alone).count();
        format!("a sweep ({}) is at work; stages that stay for it alone: {alone}", held.holder)
    };
    sweeps.map(line).collect()
}

/// What killed processes have left, and what was set aside.
fn leftovers(
    store: &Store,
    (needs, users): (&[Needs], &Users),
    living: &BTreeMap<String, HeldLease>,
    survey: &mut Survey,
) -> Result<(), SweepError> {
    let is_held = |name: &str| living.contains_key(name.split('.').next().unwrap_or_default());
    let reserved: HashSet<&str> = living.values().flat_map(|held| &held.stages).map(Key::as_str).collect();
    for (part, what) in [
        ("tmp", "what a killed worker was writing"),
        ("scratch", "checkpoints that nothing needs"),
        ("failed", "the record of a failure that nothing needs"),
        ("damaged", "a damaged stage, set aside to be examined"),
        ("lease", "the lease of a killed sweep"),
    ] {
        for name in names(&store.root().join(part))? {
            let path = PathBuf::from(part).join(&name);
            let stem = name.split('.').next().unwrap_or_default();
            let key: Option<Key> = serde_json::from_value(Value::from(stem)).ok();
            let needed = key.as_ref().is_some_and(|key| users.contains_key(key)) || reserved.contains(stem);
            let bytes = sizes(&store.root().join(&path))?.iter().map(|(_, size)| size).sum();
            // Whose they are is not known where the stage is not planned.
            let needed = needed || needs.iter().any(|need| !need.datasets.is_empty());
            let goes = match part {
                "tmp" => !is_held(&name),
                "scratch" => {
                    let finished = key.and_then(|key| store.find(&key).ok().flatten());
                    let goes = !is_held(&name) && (!needed || finished.is_some_and(|one| !one.dropped));
                    survey.checkpoints += if goes { 0 } else { bytes };
                    goes
                }
                "failed" => !needed && !name.starts_with('.'),
                "lease" => name != GC && !name.starts_with('.') && !living.contains_key(&name),
                _ => true,
            };
            if goes {
                survey.leftovers.push(Leftover { path, what, bytes });
            }
        }
    }
    Ok(())
}

/// The names in a folder, in order; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, SweepError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(vec![]) };
    let mut names = vec![];
    for entry in entries {
        names.push(entry.at("read", folder)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The files below a folder, or the file itself, with their bytes. What disappears meanwhile has none.
fn sizes(path: &Path) -> Result<Vec<(PathBuf, u64)>, SweepError> {
    let size = |path: &Path| fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
    if !path.is_dir() {
        return Ok(vec![(PathBuf::new(), size(path))]);
    }
    let files = files_below(path).at("read", path)?;
    Ok(files.into_iter().map(|file| (file.clone(), size(&path.join(file)))).collect())
}
