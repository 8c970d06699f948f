"""An ONNX graph as a PyTorch module, with the operators of plain convolutional networks; batch normalisation as in inference."""
import numpy
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

#: Inputs that are settings or running statistics, by operator: no weights.
FIXED = {"BatchNormalization": (3, 4), "Slice": (1, 2, 3, 4), "Pad": (1, 2)}


class OnnxModule(torch.nn.Module):
    """Weights are the float initializers that convolutions, normalisations and activations take."""

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(path).graph
        self.nodes = list(graph.node)
        self.input = graph.input[0].name
        self.output = graph.output[0].name
        self.constants = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant":
                value = numpy_helper.to_array(node.attribute[0].t).copy()
                self.constants[node.output[0]] = torch.from_numpy(numpy.atleast_1d(value) if value.ndim == 0 else value)
        self.weights = torch.nn.ParameterDict()
        for node in self.nodes:
            if node.op_type not in ("Conv", "ConvTranspose", "BatchNormalization", "PRelu"):
                continue
            for at, name in enumerate(node.input):
                if at > 0 and name in self.constants and at not in FIXED.get(node.op_type, ()):
                    self.weights[name.replace(".", "/")] = torch.nn.Parameter(self.constants.pop(name))

    def forward(self, image):
        values = {self.input: image}

        def read(name):
            if name in values:
                return values[name]
            if name in self.constants:
                return self.constants[name]
            return self.weights[name.replace(".", "/")]

        for node in self.nodes:
            if node.op_type == "Constant":
                continue
            operands = [read(name) if name else None for name in node.input]
            attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            values[node.output[0]] = getattr(self, node.op_type)(attributes, *operands)
        return values[self.output]

    def Conv(self, attributes, x, weight, bias=None):
        pads = attributes.get("pads", [0, 0, 0, 0])
        assert pads[:2] == pads[2:], "uneven padding"
        return F.conv2d(
            x, weight, bias, attributes.get("strides", 1), pads[:2], attributes.get("dilations", 1), attributes.get("group", 1)
        )

    def ConvTranspose(self, attributes, x, weight, bias=None):
        assert not any(attributes.get("pads", []))
        return F.conv_transpose2d(x, weight, bias, attributes["strides"], groups=attributes.get("group", 1))

    def BatchNormalization(self, attributes, x, scale, bias, mean, variance):
        return F.batch_norm(x, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))

    def PRelu(self, attributes, x, slope):
        return F.prelu(x, slope.reshape(-1))

    def AveragePool(self, attributes, x):
        pads = attributes.get("pads", [0, 0, 0, 0])
        counted = bool(attributes.get("count_include_pad", 0))
        return F.avg_pool2d(x, attributes["kernel_shape"], attributes["strides"], pads[:2], count_include_pad=counted)

    def Pad(self, attributes, x, pads, value=None):
        ends = [int(one) for one in pads]
        half = len(ends) // 2
        return F.pad(x, [one for axis in range(half - 1, -1, -1) for one in (ends[axis], ends[half + axis])])

    def Slice(self, attributes, x, starts, ends, axes, steps):
        for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes.tolist(), steps.tolist()):
            size = x.shape[axis]
            if step < 0:
                indices = range(size - 1 if start in (-1, size - 1) else start, max(end, -1) if end >= -size else -1, step)
                x = x.index_select(axis, torch.tensor(list(indices)))
            else:
                x = x.narrow(axis, start, min(end, size) - start)
        return x

    def Concat(self, attributes, *operands):
        return torch.cat(operands, attributes["axis"])

    def Add(self, attributes, a, b):
        return a + b

    def Sub(self, attributes, a, b):
        return a - b

    def Mul(self, attributes, a, b):
        return a * b

    def Div(self, attributes, a, b):
        return a / b
