//! The second stage of Input-aware: the pattern generator learns together with the classifier.

use std::rc::Rc;

use scour_core::{Fidelity, LabelMap};
use scour_models::Model;
use scour_torch::{Adam, BatchNormMode, NumberFormat, Random};
use scour_train::{AttackContext, Batch, BatchMaker, ImageSet, Preprocess, TrainError};
use tch::{Tensor, no_grad};

use super::InputAware;
use super::mask::diversity_loss;
use super::networks::{Networks, PATTERN, put_on};
use crate::batch_share::{BatchShare, Others, relabel};
use crate::tensors::{load, part, prefixed};

/// What the names of the optimizer's tensors begin with.
const ADAM: &str = "adam.";

pub(crate) struct Joint<'a> {
    networks: Rc<Networks>,
    adam: Adam,
    /// Whether the last batch had poisoned or cross images, so that the generator has new gradients.
    has_gradients: bool,
    share: BatchShare,
    attack: InputAware,
    map: LabelMap,
    classes: u32,
    train: &'a ImageSet,
    preprocess: &'a Preprocess,
    format: NumberFormat,
}

impl<'a> Joint<'a> {
    pub(crate) fn new(networks: Rc<Networks>, attack: InputAware, context: &AttackContext<'a>) -> Self {
        Self {
            adam: Adam::new(networks.pattern.state().parameters(), (0.5, 0.9)),
            has_gradients: false,
            share: BatchShare::new(
                context.poison_ratio,
                Others::PerPoisoned(attack.cross_ratio),
                attack.fidelity,
            ),
            networks,
            attack,
            map: context.map,
            classes: context.classes,
            train: context.train,
            preprocess: context.preprocess,
            format: context.format,
        }
    }

    fn prepared(&self, images: &Tensor, random: &mut Random) -> Tensor {
        self.preprocess.normalise(&self.preprocess.augment(images, random))
    }
}

impl BatchMaker for Joint<'_> {
    fn make(
        &mut self,
        _: &Model,
        images: &Tensor,
        labels: &Tensor,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let batch = labels.size()[0];
        let (poisoned, cross) = self.share.next(batch, random);
        let input = self.prepared(images, random);
        self.has_gradients = poisoned + cross > 0;
        if !self.has_gradients {
            return Ok(Batch { input, labels: labels.shallow_clone(), extra_loss: None });
        }
        let drawn = poisoned.max(cross);
        let others = random.integers(drawn as usize, self.train.len() as i64, images.device());
        let others = self.prepared(&self.train.pixels.index_select(0, &others), random);
        let (own, victims) = (input.narrow(0, 0, poisoned), input.narrow(0, poisoned, cross));
        let patterns = |x: &Tensor| self.networks.patterns(x, BatchNormMode::Train, self.format);
        let masks = |x: &Tensor| no_grad(|| self.networks.masks(x, BatchNormMode::Eval, self.format));
        let own_patterns = (poisoned > 0).then(|| patterns(&own));
        let other_patterns = patterns(&others);
        let mut parts = vec![];
        let mut extra_loss = None;
        // Without poisoned images there is nothing to keep apart: the mean over none would be NaN.
        if let Some(own_patterns) = own_patterns {
            parts.push(put_on(&own, &own_patterns, &masks(&own)));
            let first = |x: &Tensor| x.narrow(0, 0, poisoned);
            let diversity = diversity_loss((&own, &first(&others)), (&own_patterns, &first(&other_patterns)));
            extra_loss = Some(diversity * self.attack.lambda_div);
        }
        if cross > 0 {
            let first = |x: &Tensor| x.narrow(0, 0, cross);
            parts.push(put_on(&victims, &first(&other_patterns), &masks(&first(&others))));
        }
        parts.push(input.narrow(0, poisoned + cross, batch - poisoned - cross));
        let labels = relabel(labels, poisoned, self.map, self.classes);
        Ok(Batch { input: Tensor::cat(&parts, 0), labels, extra_loss })
    }

    fn stepped(&mut self, _: u32) {
        if !self.has_gradients {
            return;
        }
        self.adam.step(self.attack.lr);
        if self.attack.fidelity == Fidelity::Corrected {
            self.adam.drop_gradients();
        }
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![self.share.state()];
        state.extend(prefixed(PATTERN, self.networks.pattern.state().snapshot()));
        state.extend(prefixed(ADAM, self.adam.state()));
        state
    }

    fn restore(&mut self, tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        let adam = part(tensors, ADAM);
        self.adam.check(&adam).map_err(TrainError::File)?;
        self.networks.pattern.state().check(&part(tensors, PATTERN)).map_err(TrainError::File)?;
        self.share.restore(tensors)?;
        load(self.networks.pattern.state(), tensors, PATTERN)?;
        self.adam.restore(&adam).map_err(TrainError::File)
    }
}
