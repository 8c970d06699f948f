"""PIDNet and DDRNet in PyTorch, with the parameters of their authors."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def enlarged(x, like):
    return F.interpolate(x, [like.shape[2], like.shape[3]], mode="bilinear", align_corners=False)


def convolution(inputs, outputs, kernel=1, stride=1, groups=1, bias=False):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, 1, groups, bias)


def normalized(inputs, outputs, kernel=1, stride=1):
    return [convolution(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs)]


def activated(inputs, outputs, kernel=1, groups=1):
    return [nn.BatchNorm2d(inputs), nn.ReLU(), convolution(inputs, outputs, kernel, groups=groups)]


class Block(nn.Module):
    """A sum of convolutions and the (projected) input."""

    def __init__(self, inputs, outputs, stride, last_is_open):
        super().__init__()
        self.open = last_is_open
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(*normalized(inputs, outputs, 1, stride))

    def joined(self, y, x):
        y = y + (x if self.downsample is None else self.downsample(x))
        return y if self.open else F.relu(y)


class Basic(Block):
    def __init__(self, inputs, outputs, stride=1, last_is_open=True):
        super().__init__(inputs, outputs, stride, last_is_open)
        self.conv1, self.bn1 = normalized(inputs, outputs, 3, stride)
        self.conv2, self.bn2 = normalized(outputs, outputs, 3)

    def forward(self, x):
        return self.joined(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))), x)


class Bottleneck(Block):
    def __init__(self, inputs, width, stride=1):
        super().__init__(inputs, 2 * width, stride, True)
        self.conv1, self.bn1 = normalized(inputs, width)
        self.conv2, self.bn2 = normalized(width, width, 3, stride)
        self.conv3, self.bn3 = normalized(width, 2 * width)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return self.joined(self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y))))), x)


def basic_layer(inputs, outputs, blocks, stride=1):
    first = [Basic(inputs, outputs, stride, blocks == 1)]
    return nn.Sequential(*first, *(Basic(outputs, outputs, 1, i == blocks - 1) for i in range(1, blocks)))


class Head(nn.Module):
    def __init__(self, inputs, width, outputs):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, outputs, bias=True)

    def forward(self, x):
        return self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))


def stem(width):
    layers = []
    for inputs in (3, width):
        layers += [convolution(inputs, width, 3, 2, bias=True), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers)


class Pooling(nn.Module):
    """The scales of DAPPM and PAPPM, and what makes one map of them."""

    def __init__(self, inputs, branch, outputs):
        super().__init__()
        self.scale0 = nn.Sequential(*activated(inputs, branch))
        for k, (kernel, stride) in enumerate(((5, 2), (9, 4), (17, 8)), 1):
            pool = nn.AvgPool2d(kernel, stride, kernel // 2)
            setattr(self, f"scale{k}", nn.Sequential(pool, *activated(inputs, branch)))
        self.scale4 = nn.Sequential(nn.AdaptiveAvgPool2d(1), *activated(inputs, branch))
        self.compression = nn.Sequential(*activated(5 * branch, outputs))
        self.shortcut = nn.Sequential(*activated(inputs, outputs))

    def scales(self, x):
        whole = self.scale0(x)
        parts = (self.scale1, self.scale2, self.scale3, self.scale4)
        return whole, [enlarged(part(x), whole) for part in parts]


class Chained(Pooling):
    """DAPPM."""

    def __init__(self, inputs, branch, outputs):
        super().__init__(inputs, branch, outputs)
        for k in range(1, 5):
            setattr(self, f"process{k}", nn.Sequential(*activated(branch, branch, 3)))

    def forward(self, x):
        whole, pooled = self.scales(x)
        levels = [whole]
        for process, level in zip((self.process1, self.process2, self.process3, self.process4), pooled):
            levels.append(process(level + levels[-1]))
        return self.compression(torch.cat(levels, 1)) + self.shortcut(x)


class Parallel(Pooling):
    """PAPPM."""

    def __init__(self, inputs, branch, outputs):
        super().__init__(inputs, branch, outputs)
        self.scale_process = nn.Sequential(*activated(4 * branch, 4 * branch, 3, 4))

    def forward(self, x):
        whole, pooled = self.scales(x)
        processed = self.scale_process(torch.cat([level + whole for level in pooled], 1))
        return self.compression(torch.cat([whole, processed], 1)) + self.shortcut(x)


class DDRNet(nn.Module):
    def __init__(self, width, head_width, classes=19):
        super().__init__()
        half = 2 * width
        self.conv1 = stem(width)
        self.layer1 = basic_layer(width, width, 2)
        self.layer2 = basic_layer(width, half, 2, 2)
        self.layer3 = basic_layer(half, 4 * width, 2, 2)
        self.layer4 = basic_layer(4 * width, 8 * width, 2, 2)
        self.compression3 = nn.Sequential(*normalized(4 * width, half))
        self.compression4 = nn.Sequential(*normalized(8 * width, half))
        self.down3 = nn.Sequential(*normalized(half, 4 * width, 3, 2))
        self.down4 = nn.Sequential(
            *normalized(half, 4 * width, 3, 2), nn.ReLU(), *normalized(4 * width, 8 * width, 3, 2)
        )
        self.layer3_ = basic_layer(half, half, 2)
        self.layer4_ = basic_layer(half, half, 2)
        self.layer5_ = nn.Sequential(Bottleneck(half, half))
        self.layer5 = nn.Sequential(Bottleneck(8 * width, 8 * width, 2))
        self.spp = Chained(16 * width, 128, 4 * width)
        self.seghead_extra = Head(half, head_width, classes)
        self.final_layer = Head(4 * width, head_width, classes)

    def forward(self, x):
        x = self.layer2(F.relu(self.layer1(self.conv1(x))))
        low, high = self.layer3(F.relu(x)), self.layer3_(F.relu(x))
        x = low + self.down3(F.relu(high))
        high = high + enlarged(self.compression3(F.relu(low)), high)
        auxiliary = self.seghead_extra(high) if self.training else None
        low, high = self.layer4(F.relu(x)), self.layer4_(F.relu(high))
        x = low + self.down4(F.relu(high))
        high = high + enlarged(self.compression4(F.relu(low)), high)
        high = self.layer5_(F.relu(high))
        logits = self.final_layer(enlarged(self.spp(self.layer5(F.relu(x))), high) + high)
        return logits if auxiliary is None else [logits, auxiliary]


class Guide(nn.Module):
    """Pag."""

    def __init__(self, inputs, width):
        super().__init__()
        self.f_x = nn.Sequential(*normalized(inputs, width))
        self.f_y = nn.Sequential(*normalized(inputs, width))

    def forward(self, x, y):
        share = torch.sigmoid((self.f_x(x) * enlarged(self.f_y(y), x)).sum(1, keepdim=True))
        return (1 - share) * x + share * enlarged(y, x)


class LightBag(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_p = nn.Sequential(*normalized(channels, channels))
        self.conv_i = nn.Sequential(*normalized(channels, channels))

    def forward(self, p, i, d):
        edge = torch.sigmoid(d)
        return self.conv_p((1 - edge) * i + p) + self.conv_i(i + edge * p)


class Bag(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Sequential(*activated(channels, channels, 3))

    def forward(self, p, i, d):
        edge = torch.sigmoid(d)
        return self.conv(edge * p + (1 - edge) * i)


class PIDNet(nn.Module):
    def __init__(self, width, early, late, branch, head_width, light, classes=19):
        super().__init__()
        half = 2 * width
        self.conv1 = stem(width)
        self.layer1 = basic_layer(width, width, early)
        self.layer2 = basic_layer(width, half, early, 2)
        self.layer3 = basic_layer(half, 4 * width, late, 2)
        self.layer4 = basic_layer(4 * width, 8 * width, late, 2)
        self.layer5 = nn.Sequential(Bottleneck(8 * width, 8 * width, 2), Bottleneck(16 * width, 8 * width))
        self.compression3 = nn.Sequential(*normalized(4 * width, half))
        self.compression4 = nn.Sequential(*normalized(8 * width, half))
        self.pag3, self.pag4 = Guide(half, width), Guide(half, width)
        self.layer3_ = basic_layer(half, half, early)
        self.layer4_ = basic_layer(half, half, early)
        self.layer5_ = nn.Sequential(Bottleneck(half, half))
        self.layer3_d = Basic(half, width if light else half)
        self.layer4_d = nn.Sequential(Bottleneck(width, width)) if light else Basic(half, half)
        self.diff3 = nn.Sequential(*normalized(4 * width, width if light else half, 3))
        self.diff4 = nn.Sequential(*normalized(8 * width, half, 3))
        self.spp = (Parallel if light else Chained)(16 * width, branch, 4 * width)
        self.dfm = (LightBag if light else Bag)(4 * width)
        self.layer5_d = nn.Sequential(Bottleneck(half, half))
        self.seghead_p = Head(half, head_width, classes)
        self.seghead_d = Head(half, width, 1)
        self.final_layer = Head(4 * width, head_width, classes)

    def forward(self, x):
        x = F.relu(self.layer2(F.relu(self.layer1(self.conv1(x)))))
        p, d = self.layer3_(x), self.layer3_d(x)
        x = F.relu(self.layer3(x))
        p = F.relu(self.pag3(p, self.compression3(x)))
        d = F.relu(d + enlarged(self.diff3(x), d))
        auxiliary = self.seghead_p(p) if self.training else None
        x = F.relu(self.layer4(x))
        p, d = self.layer4_(p), self.layer4_d(d)
        p = F.relu(self.pag4(p, self.compression4(x)))
        d = F.relu(d + enlarged(self.diff4(x), d))
        boundary = self.seghead_d(d) if self.training else None
        p, d = self.layer5_(p), self.layer5_d(d)
        logits = self.final_layer(self.dfm(p, enlarged(self.spp(self.layer5(x)), p), d))
        return logits if auxiliary is None else [logits, auxiliary, boundary]


NETWORKS = {
    "ddrnet23-slim": lambda: DDRNet(32, 64),
    "ddrnet23": lambda: DDRNet(64, 128),
    "pidnet-s": lambda: PIDNet(32, 2, 3, 96, 128, True),
    "pidnet-m": lambda: PIDNet(64, 2, 3, 96, 128, True),
    "pidnet-l": lambda: PIDNet(64, 3, 4, 112, 256, False),
}
