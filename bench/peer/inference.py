"""The networks of bench/inference.ts in PyTorch, for inference.

Usage: inference.py THREADS. Reads lines of `network height width mode` on stdin (mode: eager, or frozen for a scripted
module with its normalisations folded in), runs that network once, and answers with its milliseconds;
`memory` is answered with the peak resident set in megabytes, `threads` with PyTorch's version and thread count.
"""
import resource
import sys
import time

import torch

from pspnet import PSPNet, mobilenet_v2, resnet18


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    networks = {"pspnet18": PSPNet(resnet18()).eval(), "pspnet-mobilenetv2": PSPNet(mobilenet_v2()).eval()}
    frozen = {}
    for line in sys.stdin:
        if line.strip() == "threads":
            print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
            continue
        if line.strip() == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            continue
        name, height, width, mode = line.split()
        network = networks[name]
        if mode == "frozen":
            if name not in frozen:
                frozen[name] = torch.jit.freeze(torch.jit.script(network))
            network = frozen[name]
        image = torch.rand(1, 3, int(height), int(width)) * 4 - 2
        with torch.inference_mode():
            start = time.perf_counter()
            network(image)
            print((time.perf_counter() - start) * 1000, flush=True)


main()
