//! `scour gc`: what no experiment needs in a store, and removing it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scour_core::{ExitCode, Experiment, ExperimentFile, Plan, Precision, load_experiment, plan, read_json};
use scour_methods::{Registries, Registry};
use scour_sweep::{Keep, Needs, Store};

use crate::args::{GcArgs, KeepArg};
use crate::output::say;
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
    let needs = needs(methods, args)?;
    let store = Store::at(&args.store);
    if args.delete {
        let (survey, deleted) = store.tidy(&needs, keep)?;
        say(survey);
        say(deleted);
        return Ok(ExitCode::Done);
    }
    let survey = store.survey(&needs, keep)?;
    let clean = survey.is_clean();
    let removes = survey.removes();
    say(survey);
    if clean {
        say("there is nothing to remove");
    } else {
        say(format_args!("nothing was removed. This removes {removes}:\n\n  {}", command(args)));
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

/// The plans of all experiments. One that cannot be planned is an error: nobody knows what it needs.
fn needs(methods: &Registry, args: &GcArgs) -> Result<Vec<Needs>, Failure> {
    let mut files = BTreeSet::new();
    for path in &args.needs {
        if path.is_dir() {
            find(path, &args.store, &mut files)?;
        } else {
            files.insert(path.clone());
        }
    }
    if files.is_empty() {
        let paths: Vec<String> = args.needs.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::Config(format!(
            "there is no experiment in {}: name files or folders of those that are needed",
            paths.join(", ")
        )));
    }
    let mut needs = vec![];
    for file in files {
        let Some(experiment) = experiment(&file)? else { continue };
        let plans = plans(methods, args, &experiment, &file)?;
        needs.push(Needs { name: file.display().to_string(), plans });
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

/// What `precision: auto` means depends on the device, and a store is used by several: what any of them needs stays.
fn plans(
    methods: &Registry,
    args: &GcArgs,
    experiment: &Experiment,
    file: &Path,
) -> Result<Vec<Plan>, Failure> {
    let explain = |failure| {
        let (Failure::Config(text) | Failure::Environment(text)) = &failure;
        let text = format!(
            "{text}. What {} needs is not known without its plan, so that nothing can be removed: correct that, or name \
             the other experiments only",
            file.display()
        );
        match failure {
            Failure::Config(_) => Failure::Config(text),
            Failure::Environment(_) => Failure::Environment(text),
        }
    };
    let formats = [Precision::Fp32, Precision::Bf16];
    let planned = formats.map(|auto| {
        let registries = Registries::new(methods.clone(), args.data.clone(), auto);
        plan(experiment, &registries, &file.display().to_string()).map_err(|error| explain(error.into()))
    });
    planned.into_iter().collect()
}
