"""The networks of bench/inference.ts in PyTorch, for inference.

Usage: inference.py THREADS. Reads lines of `network height width mode` on stdin (mode: eager, or frozen for a scripted
module with its normalisations folded in), runs that network once, and answers with its milliseconds;
`memory` is answered with the peak resident set in megabytes, `threads` with PyTorch's version and thread count.
"""
import time

import torch

from answering import answer
from pspnet import PSPNet, mobilenet_v2, resnet18


def main():
    networks = {"pspnet18": PSPNet(resnet18()).eval(), "pspnet-mobilenetv2": PSPNet(mobilenet_v2()).eval()}
    frozen = {}

    def reply(words):
        name, height, width, mode = words
        network = networks[name]
        if mode == "frozen":
            if name not in frozen:
                frozen[name] = torch.jit.freeze(torch.jit.script(network))
            network = frozen[name]
        image = torch.rand(1, 3, int(height), int(width)) * 4 - 2
        with torch.inference_mode():
            start = time.perf_counter()
            network(image)
            return (time.perf_counter() - start) * 1000

    answer(reply)


main()
