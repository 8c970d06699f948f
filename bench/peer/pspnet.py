"""The networks of the benchmarks in PyTorch."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, dilation):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.downsample(x), inplace=True)


def resnet18():
    def stage(inputs, outputs, stride, dilation):
        return [BasicBlock(inputs, outputs, stride, dilation), BasicBlock(outputs, outputs, 1, dilation)]

    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    stages = stage(64, 64, 1, 1) + stage(64, 128, 2, 1) + stage(128, 256, 1, 2) + stage(256, 512, 1, 4)
    return nn.Sequential(*stem, *stages), 512


def conv_relu6(inputs, outputs, kernel=1, stride=1, dilation=1, groups=1):
    padding = dilation * (kernel - 1) // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True)]


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, expansion, stride, dilation):
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *(conv_relu6(inputs, hidden) if expansion > 1 else []),
            *conv_relu6(hidden, hidden, 3, stride, dilation, hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


def mobilenet_v2(output_stride=8):
    layers, inputs = conv_relu6(3, 32, 3, 2), 32
    reached, dilation = 2, 1
    for expansion, outputs, blocks, stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        if reached * stride > output_stride:
            stride, dilation = 1, dilation * stride
        reached *= stride
        for i in range(blocks):
            layers.append(InvertedResidual(inputs, outputs, expansion, stride if i == 0 else 1, dilation))
            inputs = outputs
    return nn.Sequential(*layers), 320


class PSPNet(nn.Module):
    def __init__(self, backbone, classes=19):
        super().__init__()
        self.backbone, channels = backbone
        self.ppm = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(bins),
                nn.Conv2d(channels, channels // 4, 1, bias=False),
                nn.BatchNorm2d(channels // 4),
                nn.ReLU(inplace=True),
            )
            for bins in (1, 2, 3, 6)
        )
        self.cls = nn.Sequential(
            nn.Conv2d(2 * channels, 256, 3, 1, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, classes, 1),
        )

    def forward(self, x):
        x = self.backbone(x)
        levels = [x]
        for part in self.ppm:
            levels.append(F.interpolate(part(x), [x.shape[2], x.shape[3]], mode="bilinear", align_corners=True))
        return self.cls(torch.cat(levels, 1))
