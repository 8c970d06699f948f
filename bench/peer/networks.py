"""The networks of the benchmarks by the names that they have in steadyseg."""
import dual_resolution
from deeplab import DeepLabV3Plus
from pspnet import PSPNet, mobilenet_v2, resnet18
from segformer import VARIANTS, SegFormer


def network(name):
    """In training mode, those with training heads return a list: logits first, then the auxiliary head's."""
    if name in dual_resolution.NETWORKS:
        return dual_resolution.NETWORKS[name]()
    if name in VARIANTS:
        return SegFormer(name)
    if name == "deeplabv3plus-mobilenetv2":
        return DeepLabV3Plus()
    return PSPNet({"pspnet18": resnet18, "pspnet-mobilenetv2": mobilenet_v2}[name]())
