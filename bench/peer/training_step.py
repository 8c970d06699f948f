"""The training step of bench/training.ts in PyTorch: PSPNet-18 on two frames, cross entropy, auxiliary head, motion loss, SGD.

Reads lines `batch height width` on stdin, runs one step at that size for each, and answers with its milliseconds;
`memory` is answered with the peak resident set in megabytes.
"""
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride=1, dilation=1, project=False):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)) if project else None
        )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y + (self.downsample(x) if self.downsample else x), inplace=True)


def layer(inputs, outputs, stride=1, dilation=1):
    project = stride != 1 or inputs != outputs
    return nn.Sequential(
        BasicBlock(inputs, outputs, stride, dilation, project), BasicBlock(outputs, outputs, 1, dilation)
    )


def head(inputs, width, classes):
    return nn.Sequential(
        nn.Conv2d(inputs, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Dropout2d(0.0),
        nn.Conv2d(width, classes, 1),
    )


class PSPNet18(nn.Module):
    def __init__(self, classes=19):
        super().__init__()
        self.layer0 = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        self.layer1, self.layer2 = layer(64, 64), layer(64, 128, 2)
        self.layer3, self.layer4 = layer(128, 256, 1, 2), layer(256, 512, 1, 4)
        self.ppm = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(bins), nn.Conv2d(512, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(inplace=True)
            )
            for bins in (1, 2, 3, 6)
        )
        self.cls, self.aux = head(1024, 256, classes), head(256, 256, classes)

    def forward(self, x):
        middle = self.layer3(self.layer2(self.layer1(self.layer0(x))))
        last = self.layer4(middle)
        size = last.shape[2:]
        pooled = [F.interpolate(part(last), size, mode="bilinear", align_corners=True) for part in self.ppm]
        return self.cls(torch.cat([last] + pooled, 1)), self.aux(middle)


def warp(image, flow):
    batch, _, height, width = image.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid_x = (x + flow[:, 0]) * (2 / (width - 1)) - 1
    grid_y = (y + flow[:, 1]) * (2 / (height - 1)) - 1
    return F.grid_sample(image, torch.stack([grid_x, grid_y], 3), padding_mode="border", align_corners=True)


def step(model, optimizer, weights, image, neighbour, flow, labels):
    size = labels.shape[1:]
    up = lambda logits: F.interpolate(logits, size, mode="bilinear", align_corners=True)
    logits, auxiliary = model(image)
    other, _ = model(neighbour)
    large = up(logits)
    loss = F.cross_entropy(large, labels, weights, ignore_index=255)
    loss = loss + 0.4 * F.cross_entropy(up(auxiliary), labels, weights, ignore_index=255)
    with torch.no_grad():
        visibility = torch.exp(-(image - warp(neighbour, flow)).sum(1, keepdim=True).abs())
    loss = loss + 0.1 * F.mse_loss(visibility * large, visibility * warp(up(other), flow))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    model = PSPNet18().train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            continue
        batch, height, width = map(int, line.split())
        image, neighbour = torch.rand(2, batch, 3, height, width) * 4 - 2
        flow = torch.rand(batch, 2, height, width) * 8 - 4
        labels = torch.randint(0, 19, (batch, height, width))
        start = time.perf_counter()
        step(model, optimizer, torch.ones(19), image, neighbour, flow, labels)
        print((time.perf_counter() - start) * 1000, flush=True)


main()
