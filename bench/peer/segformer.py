"""SegFormer in PyTorch, with the parameters of Hugging Face's form."""
import torch
import torch.nn as nn
import torch.nn.functional as F

HEADS, REDUCTIONS = (1, 2, 5, 8), (8, 4, 2, 1)
WIDE = (64, 128, 320, 512)
VARIANTS = {
    "segformer-b0": ((32, 64, 160, 256), (2, 2, 2, 2), 256),
    "segformer-b1": (WIDE, (2, 2, 2, 2), 256),
    "segformer-b2": (WIDE, (3, 4, 6, 3), 768),
}


def tokens(x):
    return x.flatten(2).transpose(1, 2)


def image(x, size):
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], size[0], size[1])


class Projection(nn.Module):
    """A linear map under a name of its own."""

    def __init__(self, name, inputs, outputs):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Linear(inputs, outputs))

    def forward(self, x):
        return getattr(self, self.name)(x)


class ReducedAttention(nn.Module):
    def __init__(self, channels, heads, reduction):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))
        if reduction > 1:
            self.sr = nn.Conv2d(channels, channels, reduction, reduction)
            self.layer_norm = nn.LayerNorm(channels)
        self.reduction = reduction

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x, size):
        source = x if self.reduction == 1 else self.layer_norm(tokens(self.sr(image(x, size))))
        query, key, value = self.split(self.query(x)), self.split(self.key(source)), self.split(self.value(source))
        share = torch.softmax(query @ key.transpose(2, 3) / query.shape[3] ** 0.5, 3)
        return (share @ value).transpose(1, 2).reshape(x.shape)


class Mixing(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.dense1 = nn.Linear(channels, 4 * channels)
        self.dwconv = nn.ModuleDict({"dwconv": nn.Conv2d(4 * channels, 4 * channels, 3, 1, 1, groups=4 * channels)})
        self.dense2 = nn.Linear(4 * channels, channels)

    def forward(self, x, size):
        return self.dense2(F.gelu(tokens(self.dwconv["dwconv"](image(self.dense1(x), size)))))


class Block(nn.Module):
    def __init__(self, channels, heads, reduction):
        super().__init__()
        self.layer_norm_1 = nn.LayerNorm(channels)
        attention = ReducedAttention(channels, heads, reduction)
        self.attention = nn.ModuleDict({"self": attention, "output": Projection("dense", channels, channels)})
        self.layer_norm_2 = nn.LayerNorm(channels)
        self.mlp = Mixing(channels)

    def forward(self, x, size):
        x = x + self.attention["output"](self.attention["self"](self.layer_norm_1(x), size))
        return x + self.mlp(self.layer_norm_2(x), size)


class Patches(nn.Module):
    def __init__(self, inputs, channels, kernel, stride):
        super().__init__()
        self.proj = nn.Conv2d(inputs, channels, kernel, stride, kernel // 2)
        self.layer_norm = nn.LayerNorm(channels)

    def forward(self, x):
        x = self.proj(x)
        return self.layer_norm(tokens(x)), x.shape[2:]


class Encoder(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        inputs = (3, *channels[:3])
        self.patch_embeddings = nn.ModuleList(
            Patches(inputs[i], channels[i], 7 if i == 0 else 3, 4 if i == 0 else 2) for i in range(4)
        )
        self.block = nn.ModuleList(
            nn.ModuleList(Block(channels[i], HEADS[i], REDUCTIONS[i]) for _ in range(blocks[i])) for i in range(4)
        )
        self.layer_norm = nn.ModuleList(nn.LayerNorm(count) for count in channels)

    def forward(self, x):
        stages = []
        for patches, blocks, norm in zip(self.patch_embeddings, self.block, self.layer_norm):
            x, size = patches(x)
            for block in blocks:
                x = block(x, size)
            x = image(norm(x), size)
            stages.append(x)
        return stages


class Decoder(nn.Module):
    def __init__(self, channels, width, classes):
        super().__init__()
        self.linear_c = nn.ModuleList(Projection("proj", count, width) for count in channels)
        self.linear_fuse = nn.Conv2d(4 * width, width, 1, bias=False)
        self.batch_norm = nn.BatchNorm2d(width)
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, stages):
        size = stages[0].shape[2:]
        levels = [
            F.interpolate(image(linear(tokens(stage)), stage.shape[2:]), size, mode="bilinear", align_corners=False)
            for linear, stage in zip(self.linear_c, stages)
        ]
        return self.classifier(F.relu(self.batch_norm(self.linear_fuse(torch.cat(levels[::-1], 1)))))


class SegFormer(nn.Module):
    def __init__(self, variant, classes=19):
        super().__init__()
        channels, blocks, width = VARIANTS[variant]
        self.segformer = nn.ModuleDict({"encoder": Encoder(channels, blocks)})
        self.decode_head = Decoder(channels, width, classes)

    def forward(self, x):
        return self.decode_head(self.segformer["encoder"](x))
