"""The networks of bench/inference.ts in PyTorch, for inference.

Usage: inference.py THREADS [gpu]. Reads lines of `network height width mode` on stdin (mode: eager, or frozen for a traced
module with its normalisations folded in), runs that network once, and answers with its milliseconds;
`memory` is answered with the peak resident set in megabytes, `threads` with PyTorch's version and thread count.
"""
import time

import torch

from answering import DEVICE, answer, finish
from networks import network


def main():
    networks, frozen = {}, {}

    def prepared(name, mode, image):
        if name not in networks:
            networks[name] = network(name).eval().to(DEVICE)
        if mode == "eager":
            return networks[name]
        if (name, image.shape) not in frozen:
            with torch.no_grad():
                frozen[name, image.shape] = torch.jit.freeze(torch.jit.trace(networks[name], image))
        return frozen[name, image.shape]

    def reply(words):
        name, height, width, mode = words
        image = torch.rand(1, 3, int(height), int(width), device=DEVICE) * 4 - 2
        run = prepared(name, mode, image)
        with torch.inference_mode():
            finish()
            start = time.perf_counter()
            run(image)
            finish()
            return (time.perf_counter() - start) * 1000

    answer(reply)


main()
