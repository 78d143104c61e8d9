//! Plans the analyses of attacked models, with the stages that these need.

use super::builder::Builder;
use super::controls::clean;
use super::stages::{analysis_stage, attack_stage, preparation_stage, ranking_stage};
use super::{AnalysisCell, PlanError};
use crate::{
    AnalysisConfig, AnalysisInput, AnalysisNeed, AttackConfig, Choice, ConfigError, DatasetFacts,
    DefenseConfig, Key, MethodKind, PlannedAnalysis, PlannedDefense, RankingConfig, RankingSource, Subject,
};

/// An attacked model and what is known of it.
pub(super) struct Analysed<'a> {
    pub(super) config: &'a AttackConfig,
    pub(super) key: &'a Key,
    pub(super) facts: &'a DatasetFacts,
    /// Why the attack cannot be run; `None` if it can.
    pub(super) not_applicable: Option<&'a String>,
}

impl Builder<'_> {
    /// Adds the analyses of one attacked model for one size of the clean set. A clean model has no trigger and is not
    /// analysed.
    pub(super) fn add_analyses(
        &mut self,
        attacked: &Analysed,
        clean_ratio: f64,
        analyses: &[PlannedAnalysis],
    ) -> Result<(), PlanError> {
        if attacked.config.attack.name == "none" {
            return Ok(());
        }
        for analysis in analyses {
            let inputs = match attacked.not_applicable {
                Some(_) => vec![],
                None => self.add_inputs(attacked, clean_ratio, &analysis.needs)?,
            };
            let config = AnalysisConfig {
                attacked: attacked.config.clone(),
                analysis: analysis.config.clone(),
                clean_ratio,
                inputs,
            };
            let stage = analysis_stage(config, attacked.key);
            self.plan.analyses.push(cell(attacked, clean_ratio, analysis, stage.key.clone()));
            if attacked.not_applicable.is_none() {
                self.add(stage);
            }
        }
        Ok(())
    }

    fn add_inputs(
        &mut self,
        attacked: &Analysed,
        clean_ratio: f64,
        needs: &[AnalysisNeed],
    ) -> Result<Vec<AnalysisInput>, PlanError> {
        let mut inputs = vec![];
        for need in needs {
            inputs.push(match need {
                AnalysisNeed::CleanModel => {
                    AnalysisInput::CleanModel { key: self.add_clean_model(attacked)?.1 }
                }
                AnalysisNeed::Preparation(subject, choice) => {
                    let defense = self.ranking_defense(choice, attacked.facts)?;
                    let key = self.add_preparation(attacked, *subject, &defense, clean_ratio)?;
                    let missing = || format!("defense {} has no preparation to analyse", choice.label);
                    let key = key.ok_or_else(|| ConfigError::invalid(self.origin, missing()))?;
                    AnalysisInput::Preparation { subject: *subject, key }
                }
                AnalysisNeed::Ranking(choice, source) => AnalysisInput::Ranking {
                    label: choice.label.clone(),
                    source: *source,
                    key: self.add_ranking(attacked, choice, *source, clean_ratio)?,
                },
            });
        }
        Ok(inputs)
    }

    /// Adds the ranking of the attacked model's neurons by a defense.
    fn add_ranking(
        &mut self,
        attacked: &Analysed,
        choice: &Choice,
        source: RankingSource,
        clean_ratio: f64,
    ) -> Result<Key, PlanError> {
        let defense = self.ranking_defense(choice, attacked.facts)?;
        if !defense.ranks_neurons {
            let message = format!("an analysis cannot rank by `{}`: it ranks no neurons", choice.label);
            return Err(ConfigError::invalid(self.origin, message).into());
        }
        // With another clean set or seed the preparation differs from the cell's, and is made with the ranking.
        let preparation = match source {
            RankingSource::Cell => {
                self.add_preparation(attacked, Subject::Attacked, &defense, clean_ratio)?
            }
            RankingSource::OtherCleanSet | RankingSource::OtherSeed => None,
        };
        let config = RankingConfig {
            attacked: attacked.config.clone(),
            defense: defense.config,
            preparation: defense.preparation,
            clean_ratio,
            source,
        };
        Ok(self.add(ranking_stage(config, attacked.key, preparation.as_ref())))
    }

    /// The defense with the parameters of the experiment's profile.
    fn ranking_defense(&self, choice: &Choice, facts: &DatasetFacts) -> Result<PlannedDefense, PlanError> {
        let choice = self.profiled(MethodKind::Defense, choice);
        let mut resolved =
            self.resolve(MethodKind::Defense, &[choice], |choice| self.catalog.defense(choice, facts))?;
        Ok(resolved.remove(0))
    }

    /// Adds the clean model with the seed of the attacked one.
    fn add_clean_model(&mut self, attacked: &Analysed) -> Result<(AttackConfig, Key), PlanError> {
        let none = self.no_attack(attacked.facts)?;
        let config = clean(attacked.config, none, attacked.config.seed);
        let key = self.add(attack_stage(config.clone(), vec![]));
        Ok((config, key))
    }

    /// Adds the preparation of a defense on one of the models; `None` if it has none.
    fn add_preparation(
        &mut self,
        attacked: &Analysed,
        subject: Subject,
        defense: &PlannedDefense,
        clean_ratio: f64,
    ) -> Result<Option<Key>, PlanError> {
        let Some(preparation) = &defense.preparation else { return Ok(None) };
        let (model, key) = match subject {
            Subject::Attacked => (attacked.config.clone(), attacked.key.clone()),
            Subject::Clean => self.add_clean_model(attacked)?,
        };
        let config = DefenseConfig { attacked: model, defense: preparation.clone(), clean_ratio };
        Ok(Some(self.add(preparation_stage(config, &key))))
    }
}

fn cell(attacked: &Analysed, clean_ratio: f64, analysis: &PlannedAnalysis, key: Key) -> AnalysisCell {
    let config = attacked.config;
    AnalysisCell {
        dataset: config.dataset.label.clone(),
        model: config.model.label.clone(),
        attack: config.attack.label.clone(),
        poison_ratio: config.poison_ratio,
        clean_ratio,
        seed: config.seed,
        name: analysis.config.name.clone(),
        analysis: analysis.config.label.clone(),
        key,
        attacked: attacked.key.clone(),
        not_applicable: attacked.not_applicable.cloned(),
    }
}
