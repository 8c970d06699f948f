"""The PyTorch side of a comparison: answers lines on stdin, as bench/peer.ts asks them."""
import resource
import sys

import torch

#: The second argument: cpu (default), or gpu for a card that PyTorch can use, where there is one.
DEVICE = "cuda" if sys.argv[2:3] == ["gpu"] and torch.cuda.is_available() else "cpu"


def finish():
    """Waits for what a card still computes."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def answer(reply):
    """`memory` with the peak resident set in megabytes, `threads` with PyTorch's version and threads, others with `reply(words)`."""
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    for line in sys.stdin:
        words = line.split()
        if words == ["threads"]:
            print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads{', CUDA' if DEVICE == 'cuda' else ''}", flush=True)
        elif words == ["memory"]:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
        else:
            print(reply(words), flush=True)
