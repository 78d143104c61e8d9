"""Training speed of PreAct-ResNet18 in plain eager fp32 PyTorch: what `cargo xtask bench --pytorch` compares with.

Prints one line of JSON: {"width": .., "pictures_per_second": ..}. A step is what a usual training loop does:
zero_grad, forward, cross-entropy, backward, SGD (momentum 0.9, weight decay 5e-4) on 32x32 pictures.
"""

import argparse
import json
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
        # The shortcut starts after BatchNorm and ReLU, as in the net that scour trains.
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves PyTorch's choice")
    parser.add_argument("--warm-up", type=int, default=3, help="steps before the clock starts")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"

    torch.manual_seed(0)
    model = PreActResNet18(options.width).to(device).train()
    if options.width == 64:
        assert sum(p.numel() for p in model.parameters()) == 11_171_146
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    pictures = torch.rand(options.batch, 3, 32, 32, device=device)
    labels = torch.randint(0, 10, (options.batch,), device=device)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(pictures), labels)
        loss.backward()
        optimizer.step()
        # Waits for the device, as a loop that logs its loss does.
        return loss.item()

    for _ in range(options.warm_up):
        step()
    steps = 0
    began = time.perf_counter()
    while time.perf_counter() - began < options.seconds:
        step()
        steps += 1
    speed = steps * options.batch / (time.perf_counter() - began)
    print(json.dumps({"width": options.width, "pictures_per_second": round(speed, 2)}))


if __name__ == "__main__":
    main()
