"""Training speed of PreAct-ResNet18 in plain PyTorch: what `cargo xtask bench --pytorch` compares with.

Prints one line of JSON: {"variant": .., "width": .., "precision": .., "compiled": .., "images_per_second": ..}. A step is
zero_grad, forward, cross-entropy, backward, SGD (momentum 0.9, weight decay 5e-4) on one batch of 32x32 images that is
on the device: the same work as `scour bench --path step`.

eager: as a usual training loop is written. It reads the loss after each step, and so waits for the device.
tuned: channels-last model and images, the fused optimizer, torch.compile where it works ("compiled" says whether it
did), cudnn.benchmark on CUDA, and no step waits for the device.

Number formats are the same in both: fp32 is computed as such on GPUs too, where PyTorch's own default takes TF32 for
convolutions; tf32 allows it for convolutions and products; bf16 is autocast, with weights and optimizer in fp32.
"""

import argparse
import json
import sys
import time
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, channels_in, channels_out, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.shortcut = None
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False))

    def forward(self, x):
        out = F.relu(self.bn1(x))
        # The shortcut starts after BatchNorm and ReLU, as in the network that scour trains.
        kept = x if self.shortcut is None else self.shortcut(out)
        out = self.conv1(out)
        return self.conv2(F.relu(self.bn2(out))) + kept


class PreActResNet18(nn.Module):
    def __init__(self, width, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        channels = width
        for layer, (factor, stride) in enumerate([(1, 1), (2, 2), (4, 2), (8, 2)], start=1):
            first = Block(channels, factor * width, stride)
            channels = factor * width
            setattr(self, f"layer{layer}", nn.Sequential(first, Block(channels, channels, 1)))
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        out = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        return self.linear(F.adaptive_avg_pool2d(out, 1).flatten(1))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=["eager", "tuned"], default="eager")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=0, help="0 keeps PyTorch's default")
    parser.add_argument("--warm-up", type=int, default=3, help="steps before the measurement starts")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if options.device == "auto":
        options.device = "cuda:0" if torch.cuda.is_available() else "cpu"
    return options


class Training:
    """A model, its optimizer and the batch it is trained on."""

    def __init__(self, options):
        self.options = options
        self.tuned = options.variant == "tuned"
        self.compiled = False
        self.model = PreActResNet18(options.width).to(options.device).train()
        if options.width == 64:
            assert sum(p.numel() for p in self.model.parameters()) == 11_171_146
        self.images = torch.rand(options.batch, 3, 32, 32, device=options.device)
        self.labels = torch.randint(0, 10, (options.batch,), device=options.device)
        if self.tuned:
            self.model = self.model.to(memory_format=torch.channels_last)
            self.images = self.images.contiguous(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True if self.tuned else None
        )
        self.forward = self.model

    def step(self):
        device_type = self.images.device.type
        bf16 = self.options.precision == "bf16"
        self.optimizer.zero_grad()
        with torch.autocast(device_type, dtype=torch.bfloat16, enabled=bf16):
            logits = self.forward(self.images)
        loss = F.cross_entropy(logits.float(), self.labels)
        loss.backward()
        self.optimizer.step()
        if not self.tuned:
            loss.item()

    def compile(self):
        """Compiles the model, or leaves it as it is if that raises an exception, which happens at the first step."""
        try:
            self.forward = torch.compile(self.model)
            self.step()
            self.wait()
            self.compiled = True
        except Exception as error:
            print(f"torch.compile does not work here: {type(error).__name__}: {error}", file=sys.stderr)
            self.forward = self.model

    def wait(self):
        if self.images.is_cuda:
            torch.cuda.synchronize(self.images.device)


def set_up(options):
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = options.precision == "tf32"
    torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    torch.backends.cudnn.benchmark = options.variant == "tuned"
    torch.manual_seed(0)


def main():
    options = arguments()
    set_up(options)
    training = Training(options)
    if training.tuned:
        training.compile()
    for _ in range(options.warm_up):
        training.step()
    training.wait()
    steps = 0
    began = time.perf_counter()
    while time.perf_counter() - began < options.seconds:
        training.step()
        steps += 1
    training.wait()
    speed = steps * options.batch / (time.perf_counter() - began)
    print(
        json.dumps(
            {
                "variant": options.variant,
                "width": options.width,
                "batch": options.batch,
                "device": options.device,
                "precision": options.precision,
                "compiled": training.compiled,
                "images_per_second": round(speed, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
