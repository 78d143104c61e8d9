//! TSBD on VGG19-BN: its neurons are the filters of sixteen convolutions, and dropout must repeat after an interruption.

use scour_models::ModelSpec;
use tch::Device;

use super::*;
use crate::testing::CLASSES;

#[test]
fn it_runs_on_vgg19_bn_and_an_interruption_changes_nothing() {
    let params = json!({"width": 4});
    let spec = ModelSpec { name: "vgg19_bn".into(), params, classes: CLASSES, size: 32 };
    let start = Model::new(&spec, Device::Cpu, 1).unwrap();
    let ImageSet { pixels, labels } = coloured(40);
    let twice = |pixels: Tensor, dim| pixels.repeat_interleave_self_int(2, dim, None::<i64>);
    let clean = ImageSet { pixels: twice(twice(pixels, 2), 3), labels };
    let given = json!({"batch_size": 16, "unlearn_lr": 0.002, "unlearn_epochs": 2, "finetune_epochs": 2, "stop_acc": 0.0});
    let (defended, _, tables) = defend(&start, &clean, &given, None);
    assert!(defended.state().is_finite() && !same(&defended, &start));
    let (again, _, other_tables) = defend(&start, &clean, &given, Some(1));
    assert!(same(&defended, &again) && tables == other_tables);
    // 4 + 4 + 8 + 8 + 4 x 16 + 8 x 32 filters.
    let model = start.duplicate().unwrap();
    let changes = crate::nwc::weight_changes(&model, &defended);
    assert_eq!(changes.iter().map(|layer| layer.change.size()[0]).sum::<i64>(), 344);
    assert_eq!(changes.last().unwrap().layer, "features.49");
}
