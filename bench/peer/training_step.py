"""The training step of bench/training.ts in PyTorch: two frames through the network, cross entropy, auxiliary head, motion loss, SGD.

Usage: training_step.py THREADS [gpu]. Reads lines of `network batch height width` on stdin, runs one step at that size, and answers with
its milliseconds; `memory` is answered with the peak resident set in megabytes, `threads` with PyTorch's version and threads.
"""
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from answering import DEVICE, answer
from networks import network
from pspnet import PSPNet, resnet18

#: Networks whose authors enlarge scores with half-pixel centres.
HALF_PIXEL = ("ddrnet", "segformer", "deeplab")


class TrainedPSPNet18(PSPNet):
    """With the auxiliary head, on the output of the third stage."""

    def __init__(self, classes=19):
        super().__init__(resnet18(), classes)
        self.aux = nn.Sequential(
            nn.Conv2d(256, 256, 3, 1, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, classes, 1),
        )

    def forward(self, x):
        # The stem's four modules, then two blocks a stage.
        middle = self.backbone[:10](x)
        last = self.backbone[10:](middle)
        levels = [last]
        for part in self.ppm:
            levels.append(F.interpolate(part(last), last.shape[2:], mode="bilinear", align_corners=True))
        return [self.cls(torch.cat(levels, 1)), self.aux(middle)]


def trained(name):
    return (TrainedPSPNet18() if name == "pspnet18" else network(name)).train()


def warp(image, flow):
    batch, _, height, width = image.shape
    y, x = torch.meshgrid(torch.arange(height, device=DEVICE), torch.arange(width, device=DEVICE), indexing="ij")
    grid_x = (x + flow[:, 0]) * (2 / (width - 1)) - 1
    grid_y = (y + flow[:, 1]) * (2 / (height - 1)) - 1
    return F.grid_sample(image, torch.stack([grid_x, grid_y], 3), padding_mode="border", align_corners=True)


def outputs_of(model, image):
    """Logits, and the auxiliary head's where there is one."""
    outputs = model(image)
    return outputs[:2] if isinstance(outputs, list) else [outputs]


def step(model, aligned, optimizer, weights, image, neighbour, flow, labels):
    size = labels.shape[1:]
    up = lambda logits: F.interpolate(logits, size, mode="bilinear", align_corners=aligned)
    logits, *auxiliaries = outputs_of(model, image)
    other = outputs_of(model, neighbour)[0]
    large = up(logits)
    loss = F.cross_entropy(large, labels, weights, ignore_index=255)
    for auxiliary in auxiliaries:
        loss = loss + 0.4 * F.cross_entropy(up(auxiliary), labels, weights, ignore_index=255)
    with torch.no_grad():
        visibility = torch.exp(-(image - warp(neighbour, flow)).sum(1, keepdim=True).abs())
    loss = loss + 0.1 * F.mse_loss(visibility * large, visibility * warp(up(other), flow))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    models = {}

    def reply(words):
        name = words[0]
        batch, height, width = map(int, words[1:])
        if name not in models:
            model = trained(name).to(DEVICE)
            models[name] = model, torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
        model, optimizer = models[name]
        image, neighbour = torch.rand(2, batch, 3, height, width, device=DEVICE) * 4 - 2
        flow = torch.rand(batch, 2, height, width, device=DEVICE) * 8 - 4
        labels = torch.randint(0, 19, (batch, height, width), device=DEVICE)
        start = time.perf_counter()
        step(model, not name.startswith(HALF_PIXEL), optimizer, torch.ones(19, device=DEVICE), image, neighbour, flow, labels)
        return (time.perf_counter() - start) * 1000

    answer(reply)


if __name__ == "__main__":
    main()
