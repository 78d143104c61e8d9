"""Reference values of torchvision's vgg19_bn, for the tests of `crates/models/src/vgg.rs`.

    python reference.py tensors > tensors.txt    # every tensor of the full network for 10 classes: name and shape
    python reference.py logits 8 > logits.txt    # logits in eval mode at width 8; 64 is the full network

The weights and images are a formula of their place, so that no file needs to hold them: see `numbers`. Printed with torch
2.11.0 and torchvision 0.26.0.
"""

import sys

import numpy as np
import torch
from torchvision.models import vgg19_bn
from torchvision.models.vgg import VGG, cfgs, make_layers

CLASSES = 5


def numbers(tensor, count):
    """`count` numbers in [-1, 1) of the tensor with this number: the upper 24 bits of a hash of both places."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((tensor * 2246822519 + 374761393) % 2**32)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    h *= np.uint32(3266489917)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) / np.float32(2**23) - np.float32(1)


def network(width, classes):
    """The network with all channels, and the hidden layers' outputs, in proportion to the width."""
    if width == 64:
        return vgg19_bn(num_classes=classes)
    scaled = [layer if layer == "M" else layer * width // 64 for layer in cfgs["E"]]
    net = VGG(make_layers(scaled, batch_norm=True), num_classes=classes)
    channels, hidden = scaled[-2], 64 * width
    for at, (inputs, outputs) in {0: (channels * 49, hidden), 3: (hidden, hidden), 6: (hidden, classes)}.items():
        net.classifier[at] = torch.nn.Linear(inputs, outputs)
    return net


def fill(net):
    """Weights uniform within sqrt(6 / inputs), scales and variances around 1, shifts, biases and means around 0."""
    state = net.state_dict()
    for at, (name, tensor) in enumerate(state.items()):
        if tensor.dtype == torch.int64:
            continue
        values = torch.from_numpy(numbers(at, tensor.numel())).reshape(tensor.shape)
        if tensor.dim() > 1:
            values *= np.float32((6 / (tensor.numel() // tensor.shape[0])) ** 0.5)
        elif name.endswith("running_var") or (name.endswith("weight")):
            values = values * 0.5 + 1
        else:
            values = values * 0.1
        tensor.copy_(values)


def images(size):
    return torch.from_numpy(numbers(1000, 2 * 3 * size * size)).reshape(2, 3, size, size)


@torch.no_grad()
def main():
    if sys.argv[1] == "tensors":
        for name, tensor in vgg19_bn(num_classes=10).state_dict().items():
            print(name, *tensor.shape)
        return
    net = network(int(sys.argv[2]), CLASSES).eval()
    fill(net)
    for size in (32, 64):
        for row in net(images(size)):
            print(size, *(f"{value:.7f}" for value in row.tolist()))


main()
