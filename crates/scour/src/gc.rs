//! `scour gc`: what no experiment needs in a store, and removing it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use scour_core::{
    ExitCode, Experiment, ExperimentFile, PlanError, Precision, load_experiment, plan, read_json,
};
use scour_methods::{Registries, Registry};
use scour_sweep::{Keep, Needs, Store};

use crate::args::{GcArgs, KeepArg};
use crate::output::{say, warn};
use crate::planning::Failure;

/// Lists, and deletes where asked to.
pub(crate) fn run(methods: &Registry, args: &GcArgs) -> ExitCode {
    gc(methods, args).unwrap_or_else(Failure::give_up)
}

fn gc(methods: &Registry, args: &GcArgs) -> Result<ExitCode, Failure> {
    let keep = match args.keep {
        KeepArg::Models => Keep::Models,
        KeepArg::Results => Keep::Results,
    };
    let paths = match args.needs.as_slice() {
        [] => [Path::new("experiments"), Path::new("results")].map(PathBuf::from).to_vec(),
        given => given.to_vec(),
    };
    let needs = needs(methods, args, &paths)?;
    let store = Store::at(&args.store);
    if args.delete {
        let (survey, deleted) = store.tidy(&needs, keep)?;
        say(survey.to_string().trim_end());
        if survey.is_clean() {
            say("\nthere was nothing to remove");
        } else {
            say(format_args!("\n{deleted}"));
        }
        return Ok(ExitCode::Done);
    }
    let survey = store.survey(&needs, keep)?;
    say(survey.to_string().trim_end());
    if survey.is_clean() {
        say("\nthere is nothing to remove");
    } else {
        say(format_args!("\nnothing was removed. This removes {}:\n\n  {}", survey.removes(), command(args)));
    }
    Ok(ExitCode::Done)
}

/// The command that does what was listed.
fn command(args: &GcArgs) -> String {
    let mut words: Vec<String> = vec!["scour gc".into()];
    words.extend(args.needs.iter().map(|path| path.display().to_string()));
    words.push(format!("--store {} --data {}", args.store.display(), args.data.display()));
    if matches!(args.keep, KeepArg::Results) {
        words.push("--keep results".into());
    }
    words.push("--delete".into());
    words.join(" ")
}

/// The plans of all experiments. One with a mistake is an error: nobody knows what it needs.
fn needs(methods: &Registry, args: &GcArgs, paths: &[PathBuf]) -> Result<Vec<Needs>, Failure> {
    let mut files = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            find(path, &args.store, &mut files)?;
        } else if !args.needs.is_empty() {
            files.insert(path.clone());
        }
    }
    if files.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::Config(format!(
            "there is no experiment in {}: name files or folders of those that are needed",
            paths.join(", ")
        )));
    }
    let (mut needs, mut missing) = (vec![], BTreeMap::new());
    for file in files {
        if let Some(experiment) = experiment(&file)? {
            needs.push(need(methods, args, &experiment, &file, &mut missing)?);
        }
    }
    for (dataset, (why, experiments)) in missing {
        warn(format_args!(
            "{why}, and experiments that need {dataset} ({experiments}) cannot be planned: all its stages stay; --data \
             names another folder"
        ));
    }
    Ok(needs)
}

/// Experiment files and the experiments of results below a folder. Stores hold none, and are large.
fn find(folder: &Path, store: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Failure> {
    let fail = |error| Failure::Environment(format!("{}: cannot be read: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if path != store && name != "store" && !path.join("lease").is_dir() {
                find(&path, store, files)?;
            }
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml")
            || name == "experiment.json"
        {
            files.insert(path);
        }
    }
    Ok(())
}

/// The experiment of a file; `None` for a heading of results that was written by hand.
fn experiment(file: &Path) -> Result<Option<Experiment>, Failure> {
    if file.extension().is_some_and(|end| end == "json") {
        let read: ExperimentFile = read_json(file).map_err(|error| Failure::Config(error.to_string()))?;
        return Ok(read.experiment);
    }
    Ok(Some(load_experiment(file, &[])?))
}

/// The plans of an experiment for each data set by itself, since some may not be on this machine. `missing` has why,
/// and for how many experiments.
fn need(
    methods: &Registry,
    args: &GcArgs,
    experiment: &Experiment,
    file: &Path,
    missing: &mut BTreeMap<String, (String, usize)>,
) -> Result<Needs, Failure> {
    let mut needs = Needs { name: file.display().to_string(), plans: vec![], datasets: vec![] };
    for dataset in &experiment.datasets {
        let experiment = Experiment { datasets: vec![dataset.clone()], ..experiment.clone() };
        // What `auto` means depends on the device, and a store is used by several: what any of them needs stays.
        for auto in [Precision::Fp32, Precision::Bf16] {
            let registries = Registries::new(methods.clone(), args.data.clone(), auto);
            match plan(&experiment, &registries, &needs.name) {
                Ok(plan) => needs.plans.push(plan),
                Err(PlanError::Data(why)) => {
                    let why = why.split(". ").next().unwrap_or_default().to_owned();
                    missing.entry(dataset.name.clone()).or_insert((why, 0)).1 += 1;
                    needs.datasets.push(dataset.name.clone());
                    break;
                }
                Err(error @ PlanError::Config(_)) => return Err(error.into()),
            }
        }
    }
    Ok(needs)
}
