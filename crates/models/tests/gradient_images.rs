//! The count is global in a process, so that this test has a process of its own.

use scour_models::{Model, ModelSpec, gradient_images, reset_gradient_images, resume_gradient_images};
use scour_torch::Random;
use tch::{Device, Kind, Tensor, no_grad};

#[test]
fn images_count_where_gradients_are_recorded_in_any_model_and_thread() {
    let params = serde_json::json!({"width": 2});
    let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: 3, size: 16 };
    let model = Model::new(&spec, Device::Cpu, 1).unwrap();
    let images = |count: i64| Tensor::zeros([count, 3, 16, 16], (Kind::Float, Device::Cpu));
    assert_eq!(gradient_images(), 0);
    let _ = model.train(&images(5), &mut Random::new(0));
    assert_eq!(gradient_images(), 5);
    let _ = model.evaluate(&images(2));
    assert_eq!(gradient_images(), 7, "eval mode does not turn gradients off");
    no_grad(|| {
        assert!(!scour_torch::gradients_enabled());
        let _ = model.train(&images(4), &mut Random::new(0));
    });
    assert!(scour_torch::gradients_enabled());
    assert_eq!(gradient_images(), 7);
    std::thread::spawn(move || {
        let model = Model::new(&spec, Device::Cpu, 2).unwrap();
        let _ = model.train(&Tensor::zeros([3, 3, 16, 16], (Kind::Float, Device::Cpu)), &mut Random::new(0));
    })
    .join()
    .unwrap();
    assert_eq!(gradient_images(), 10);
    // The work of an earlier process is added; a checkpoint with a smaller count does not lower it.
    resume_gradient_images(100);
    let _ = model.train(&images(1), &mut Random::new(0));
    assert_eq!(gradient_images(), 101);
    resume_gradient_images(50);
    assert_eq!(gradient_images(), 101);
    reset_gradient_images();
    assert_eq!(gradient_images(), 0);
    let _ = model.train(&images(2), &mut Random::new(0));
    assert_eq!(gradient_images(), 2);
}
