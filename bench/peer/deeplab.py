"""DeepLabV3+ on MobileNetV2 in PyTorch: separable convolutions, half the published channels in context and decoder."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from pspnet import mobilenet_v2


def convolution(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def separable(inputs, outputs, dilation=1):
    depthwise = nn.Conv2d(inputs, inputs, 3, 1, dilation, dilation, inputs, bias=False)
    return nn.Sequential(depthwise, *convolution(inputs, outputs))


def enlarged(x, like):
    return F.interpolate(x, [like.shape[2], like.shape[3]], mode="bilinear", align_corners=False)


class Context(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.convs = nn.ModuleList(
            [nn.Sequential(*convolution(inputs, width))]
            + [separable(inputs, width, rate) for rate in (6, 12, 18)]
            + [nn.Sequential(nn.AdaptiveAvgPool2d(1), *convolution(inputs, width))]
        )
        self.project = nn.Sequential(*convolution(5 * width, width))

    def forward(self, x):
        return self.project(torch.cat([enlarged(part(x), x) for part in self.convs], 1))


class DeepLabV3Plus(nn.Module):
    def __init__(self, classes=19, width=128):
        super().__init__()
        features, channels = mobilenet_v2(output_stride=16)
        # The stem's three modules, then a block each.
        self.fine, self.last = features[:6], features[6:]
        self.aspp = Context(channels, width)
        self.decoder = nn.ModuleDict(
            {
                "project": nn.Sequential(*convolution(24, 48)),
                "fuse": separable(48 + width, width),
                "classifier": nn.Conv2d(width, classes, 1),
            }
        )

    def forward(self, x):
        quarter = self.fine(x)
        fine = self.decoder["project"](quarter)
        joined = torch.cat([fine, enlarged(self.aspp(self.last(quarter)), fine)], 1)
        return self.decoder["classifier"](self.decoder["fuse"](joined))
