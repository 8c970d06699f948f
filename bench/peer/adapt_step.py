"""The step of bench/adapt.ts in PyTorch: two frames through a network, the consensus of both, the motion between, Adam.

Usage: adapt_step.py THREADS MODEL. Reads lines of `height width` on stdin, runs one step at that size, and answers with its
milliseconds; `memory` with the peak resident set in megabytes, `threads` with PyTorch's version and threads, `difference
LOGITS IMAGE SHAPE` with the largest difference of scores from those in a file of float32.
"""
import sys
import time

import numpy
import torch
from answering import answer
from onnx_module import OnnxModule
from training_step import warp


def step(model, optimizer, image, neighbour, targets, next_targets, pixel_weights, weights, flow, valid):
    logits, other = model(image), model(neighbour)
    loss, total = 0, 0
    for scores, wanted, counting in zip((logits, other), (targets, next_targets), pixel_weights):
        shares = wanted / wanted.sum(1, keepdim=True)
        pixel = counting * (shares * weights).sum(1)
        loss = loss - (pixel * (shares * scores.log_softmax(1)).sum(1)).sum()
        total = total + pixel.sum()
    moved = (logits.softmax(1) - warp(other.softmax(1), flow)).square().sum(1, keepdim=True)
    loss = loss / total + 10 * (moved * valid).sum() / valid.sum().clamp(min=1)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    model = OnnxModule(sys.argv[2])
    optimizer = torch.optim.Adam(model.parameters(), 2e-4)

    def difference(scores, image, height, width):
        fed = torch.from_numpy(numpy.fromfile(image, "float32").reshape(1, 3, int(height), int(width)))
        with torch.no_grad():
            found = model(fed).numpy().reshape(-1)
        return numpy.abs(found - numpy.fromfile(scores, "float32")).max()

    def reply(words):
        if words[0] == "difference":
            return difference(*words[1:])
        height, width = map(int, words)
        image, neighbour = torch.randint(0, 256, (2, 1, 3, height, width)).float()
        with torch.no_grad():
            classes = model(image).shape[1]
        targets, next_targets = torch.randint(1, 256, (2, 1, classes, height, width)).float()
        pixel_weights = torch.randint(16, 129, (2, 1, height, width)).float()
        flow = torch.rand(1, 2, height, width) * 8 - 4
        valid = (torch.rand(1, 1, height, width) < 0.9).float()
        weights = torch.ones(1, classes, 1, 1)
        start = time.perf_counter()
        step(model, optimizer, image, neighbour, targets, next_targets, pixel_weights, weights, flow, valid)
        return (time.perf_counter() - start) * 1000

    answer(reply)


main()
