#!/usr/bin/python3
"""Writes tests/data/torch/torchvision.json: logits and one layer's output of torchvision's own networks.

Run with Debian's python3-torch and python3-torchvision: /usr/bin/python3 tools/make_torchvision_golden.py. Parameters and
images are those of make_golden.py's formula under torchvision's layer names, in double precision.
"""
import argparse
import pathlib

import torch
import torchvision

from make_golden import digest, formula, images, rounded, write

CLASSES = 10
BATCH = 2

# Network, a layer whose output is stored too, input sizes.
CASES = [("alexnet", "features.7", [224]), ("resnet18", "layer2.1", [64, 97]), ("resnet50", "layer2.3", [64, 75]),
         ("resnext50_32x4d", "layer2.3", [64, 75]), ("wide_resnet50_2", "layer2.3", [64]),
         ("densenet121", "features.transition2.pool", [64, 75]), ("googlenet", "inception4a", [64, 97]),
         ("inception_v3", "Mixed_6a", [75, 107]), ("mobilenet_v2", "features.3", [64, 97]),
         ("mobilenet_v3_small", "features.3", [64, 97]), ("mobilenet_v3_large", "features.3", [64, 75]),
         ("efficientnet_b0", "features.2.1", [64, 75])]


def kernel(layer, name, flattened):
    """The formula's kernel in PyTorch's layout; `flattened`: (C, H, W) of the image that a dense layer reads."""
    shape = tuple(layer.weight.shape)
    if isinstance(layer, torch.nn.Linear):
        values = formula(name + "/kernel", shape[::-1])
        if flattened:
            channels, height, width = flattened
            values = values.reshape(height, width, channels, shape[0]).permute(2, 0, 1, 3).reshape(shape[::-1])
        return values.T
    if layer.groups > 1 and shape[1] == 1:
        return formula(name + "/kernel", (*shape[2:], shape[0], 1), fan_in=shape[2] * shape[3]).permute(2, 3, 0, 1)
    return formula(name + "/kernel", (*shape[2:], shape[1], shape[0])).permute(3, 2, 0, 1)


def fill(model, flattened):
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for kind, target in (("gamma", layer.weight), ("beta", layer.bias), ("moving_mean", layer.running_mean),
                                 ("moving_variance", layer.running_var)):
                target.data = formula(f"{name}/{kind}", target.shape)
        elif isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            layer.weight.data = kernel(layer, name, flattened.get(name))
            if layer.bias is not None:
                layer.bias.data = formula(name + "/bias", layer.bias.shape)
    return model.double().eval()


def case(name, layer, size):
    options = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = fill(getattr(torchvision.models, name)(num_classes=CLASSES, **options), {"classifier.1": (256, 6, 6)} if name == "alexnet" else {})
    seen = {}
    model.get_submodule(layer).register_forward_hook(lambda module, inputs, output: seen.update(output=output.clone()))
    with torch.no_grad():
        logits = model(images("images", BATCH, size))
    difference = (logits[0] - logits[1]).abs().max() / logits.abs().max()
    assert difference > 1e-3, f"{name}: the images give the same logits"
    print(f"{name} {size}: largest logit {logits.abs().max():.3g}, relative difference of the images {difference:.2g}")
    return {"network": name, "size": size, "classes": CLASSES, "batch": BATCH, "logits": rounded(logits.flatten()), "layer": layer,
            "output": digest(seen["output"].permute(0, 2, 3, 1))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parents[1] / "tests/data/torch")
    out = parser.parse_args().out
    write(out / "torchvision.json", {"cases": [case(name, layer, size) for name, layer, sizes in CASES for size in sizes]})


if __name__ == "__main__":
    main()
