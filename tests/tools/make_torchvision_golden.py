#!/usr/bin/python3
"""Writes tests/data/torch/torchvision*.json: what torchvision's own networks compute, for comparison with the zoo's.

Run with Debian's python3-torch and python3-torchvision: /usr/bin/python3 tests/tools/make_torchvision_golden.py [PART...].
Parameters and images are those of make_golden.py's formula under torchvision's (for timm's networks: timm's) layer names,
in double precision. Besides the kinds there:
    class_token, position_embedding, relative_position_bias_table    0.5 * u
Parts: `logits` (logits, or the base's output, and some layers' outputs), `gradients` (of all parameters, dropout off, for the
loss sum(logits * v) with v the "images" formula called "diff"; a gradient g is stored as its norm and its projection sum(g * w)
on the images called "projection/NAME"; `rounding` is how far PyTorch in f32 is off), `names` (of the state dicts; positions
resampled), `maps` (Grad-CAM and its relatives at the last layer with a spatial extent).
"""
import argparse
import functools
import pathlib

import numpy as np
import torch
import torchvision
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from make_golden import digest, formula, images, rounded, unit, write

CLASSES = 10

# Networks with the layers whose outputs are stored and two input sizes, the larger networks' close to the smallest legal one.
RESNET = ["layer1.0", "layer2.1", "layer4.0"]
DENSENET = ["features.denseblock1.denselayer2.conv2", "features.transition2.pool"]
MOBILENET = ["features.3", "features.8"]
EFFICIENTNET = ["features.2.1", "features.4.1"]
MNASNET = ["layers.8.1", "layers.12.2"]
SHUFFLENET = ["stage2.0", "stage3.3"]
CONVNEXT = ["features.1.0", "features.5.2"]
VIT = ["conv_proj", "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_7"]
SWIN = ["features.1.1", "features.4.reduction", "features.7.1"]
TIMM = ["patch_embed.proj", "blocks.0", "blocks.7"]
TOPS = [("alexnet", ["features.2", "features.7"], [224]), ("vgg11", ["features.5"], [224])]
NETWORKS = (
    [(name, ["features.3", "features.7"], [64, 65]) for name in ("squeezenet1_0", "squeezenet1_1")]
    + [("googlenet", ["inception3a", "inception4a", "inception5a"], [64, 97]),
       ("inception_v3", ["Mixed_5b", "Mixed_6a", "Mixed_7a"], [75, 107])]
    + [(name, RESNET, [64, 75]) for name in ("resnet18", "resnet34", "resnet50", "resnext50_32x4d")]
    + [(name, RESNET, [64, 33]) for name in ("resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2",
                                         "wide_resnet101_2")]
    + [(f"densenet{depth}", DENSENET, [64, 75]) for depth in (121, 161, 169, 201)]
    + [(name, MOBILENET, [64, 97]) for name in ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")]
    + [(f"efficientnet_b{i}", EFFICIENTNET, [64, 75] if i < 4 else [64, 33]) for i in range(8)]
    + [(f"efficientnet_v2_{size}", EFFICIENTNET, [64, 75] if size == "s" else [64, 33]) for size in "sml"]
    + [("mnasnet" + width, MNASNET, [64, 75]) for width in ("0_5", "0_75", "1_0", "1_3")]
    + [("shufflenet_v2_x" + width, SHUFFLENET, [64, 75]) for width in ("0_5", "1_0", "1_5", "2_0")]
    + [("convnext_" + size, CONVNEXT, [32, 75] if size == "tiny" else [32, 43]) for size in ("tiny", "small", "base", "large")]
    + [("vit_b_16", VIT, [32, 80]), ("vit_b_32", VIT, [64, 96]), ("vit_l_16", VIT, [32, 48]), ("vit_l_32", VIT, [32, 64])]
    + [("swin_t", SWIN, [64, 75]), ("swin_s", SWIN, [64, 33]), ("swin_b", SWIN, [64, 33])]
    + [("vit_tiny_patch16_224", TIMM, [32, 80]), ("vit_small_patch16_224", TIMM, [32, 80])])

# Without their tops, which ask for 224 pixels.
BASES = ([("alexnet", ["features.2"], [63, 97])]
         + [(f"vgg{depth}{norm}", ["features.8"], [32, 65]) for depth in (11, 13, 16, 19) for norm in ("", "_bn")])

# In EfficientNetV2 every gate of squeeze and excitation is a step function of activations that grew for 40 blocks, and the
# network chaotic, unless they are kept small.
GAIN = {"efficientnet_v2_s": 0.8, "efficientnet_v2_m": 0.8, "efficientnet_v2_l": 0.75}

# One network of each family or two, at sizes where the last batch norm sees a dozen values, with the statistics of the batch.
GRADIENTS = [("alexnet", 63), ("vgg11_bn", 32), ("squeezenet1_1", 33), ("googlenet", 64), ("inception_v3", 107), ("resnet18", 64),
             ("resnet50", 64), ("resnext50_32x4d", 64), ("densenet121", 64), ("mobilenet_v2", 64), ("mobilenet_v3_small", 64),
             ("efficientnet_b0", 64), ("efficientnet_v2_s", 64), ("mnasnet0_5", 64), ("shufflenet_v2_x0_5", 64),
             ("convnext_tiny", 32), ("swin_t", 64), ("vit_b_32", 64), ("vit_tiny_patch16_224", 48)]

# Where rounding moves many values over a kink when batch norm amplifies it: with the moving statistics too.
FROZEN = [("googlenet", 65), ("inception_v3", 75), ("resnet50", 64), ("resnext50_32x4d", 64), ("densenet121", 64), ("mobilenet_v2", 64),
          ("mnasnet0_5", 64), ("shufflenet_v2_x0_5", 64)]


# --- Networks and their names ---


def timm_name(name):
    """What timm calls a layer of torchvision's VisionTransformer."""
    for ours, theirs in (("conv_proj", "patch_embed.proj"), ("class_token", "cls_token"), ("encoder.pos_embedding", "pos_embed"),
                         ("encoder.layers.encoder_layer_", "blocks."), ("self_attention.in_proj", "attn.qkv"),
                         ("self_attention.out_proj", "attn.proj"), ("ln_1", "norm1"), ("ln_2", "norm2"), ("mlp.0", "mlp.fc1"),
                         ("mlp.3", "mlp.fc2"), ("encoder.ln", "norm"), ("heads.head", "head")):
        name = name.replace(ours, theirs)
    return name


def build(name, size, classes=CLASSES):
    if name.endswith("_patch16_224"):
        channels, heads = {"vit_tiny": (192, 3), "vit_small": (384, 6)}[name[: -len("_patch16_224")]]
        return VisionTransformer(size, 16, 12, heads, channels, 4 * channels, num_classes=classes)
    options = {"image_size": size} if name.startswith("vit_") else {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": False}
    return getattr(torchvision.models, name)(num_classes=classes, **options)


def kernel(layer, shape, name, flattened, gain):
    """The formula's kernel in PyTorch's layout; `flattened`: (C, H, W) of the image that a dense layer reads."""
    if len(shape) == 2:
        values = formula(name, shape[::-1], gain=gain)
        if flattened:
            channels, height, width = flattened
            values = values.reshape(height, width, channels, shape[0]).permute(2, 0, 1, 3).reshape(shape[::-1])
        return values.T
    if layer.groups > 1 and shape[1] == 1:
        return formula(name, (*shape[2:], shape[0], 1), fan_in=shape[2] * shape[3], gain=gain).permute(2, 3, 0, 1)
    return formula(name, (*shape[2:], shape[1], shape[0]), gain=gain).permute(3, 2, 0, 1)


def ours(key, layer, rename):
    """Our name of the tensor `key` of a state dict that belongs to `layer`."""
    module, _, last = key.rpartition(".")
    if last in ("class_token", "pos_embedding", "layer_scale"):
        return rename(key) + "/" + {"class_token": "class_token", "pos_embedding": "position_embedding", "layer_scale": "gamma"}[last]
    if last.startswith("in_proj_"):
        return rename(module + ".in_proj") + "/" + {"weight": "kernel", "bias": "bias"}[last[len("in_proj_"):]]
    if last == "relative_position_bias_table":
        return rename(module) + "/" + last
    affine = isinstance(layer, (torch.nn.BatchNorm2d, torch.nn.LayerNorm))
    kinds = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    return rename(module) + "/" + (kinds[last] if affine else {"weight": "kernel", "bias": "bias"}[last])


BUFFERS = ("num_batches_tracked", "relative_position_index")


def tensors(model, rename):
    """(our name, layer, tensor) of everything in a model's state dict."""
    modules = dict(model.named_modules())
    for key, tensor in model.state_dict(keep_vars=True).items():
        if not key.endswith(BUFFERS):
            layer = modules[key.rpartition(".")[0]]
            yield ours(key, layer, rename), layer, tensor


def fill(model, rename, flattened, gain=1.0):
    """Sets every tensor by the formula; `flattened`: by our name of a kernel, see `kernel`."""
    for name, layer, tensor in tensors(model, rename):
        shape, kind = tuple(tensor.shape), name.rpartition("/")[2]
        if kind in ("class_token", "position_embedding", "relative_position_bias_table"):
            values = (0.5 * unit(name, tensor.numel())).astype(np.float32).astype(np.float64)
            tensor.data = torch.from_numpy(values).reshape(shape)
        elif kind == "kernel":
            tensor.data = kernel(layer, shape, name, flattened.get(name), gain)
        else:
            tensor.data = formula(name, (tensor.numel(),)).reshape(shape)
    return model.double().eval()


FLATTENED = {"alexnet": {"classifier.1/kernel": (256, 6, 6)}, "vgg11": {"classifier.0/kernel": (512, 7, 7)}}


@functools.lru_cache(maxsize=1)
def filled(name, size):
    rename = timm_name if name.endswith("_patch16_224") else str
    return fill(build(name, size), rename, FLATTENED.get(name, {}), GAIN.get(name, 1.0))


def module_of(model, name, layer):
    """The module whose output is our layer."""
    if name.endswith("_patch16_224"):
        return next(module for path, module in model.named_modules() if timm_name(path) == layer)
    return model.get_submodule(layer)


def last_channels(name, output):
    return output.permute(0, 2, 3, 1) if output.dim() == 4 and not name.startswith("swin_") else output


# --- Logits ---


def logits_case(name, layers, size, top):
    model = filled(name, size if name.startswith("vit_") else 0)
    seen, hooks = {}, []
    for layer in layers:
        hook = lambda module, inputs, output, layer=layer: seen.update({layer: output.clone()})
        hooks.append(module_of(model, name, layer).register_forward_hook(hook))
    batch = 2
    with torch.no_grad():
        output = model(images("images", batch, size)) if top else model.features(images("images", batch, size))
    for hook in hooks:
        hook.remove()
    difference = (output[0] - output[1]).abs().max() / output.abs().max()
    assert difference > 1e-3, f"{name}: the images give the same output"
    print(f"{name} {size}: largest output {output.abs().max():.3g}, relative difference of the images {difference:.2g}")
    stored = {"logits": rounded(output.flatten())} if top else {"base": digest(last_channels(name, output))}
    return {"network": name, "flavour": "torch", "size": size, "classes": CLASSES, "batch": batch,
            **({"gain": GAIN[name]} if name in GAIN else {}), **stored,
            "layers": {layer: digest(last_channels(name, seen[layer])) for layer in layers}}


def logits():
    return {"cases": [logits_case(name, layers, size, table is not BASES) for table in (TOPS, NETWORKS, BASES)
                      for name, layers, sizes in table for size in sizes]}


# --- Gradients ---


class Pooled(torch.nn.Module):
    """A base with global average pooling and one dense layer "head" on it."""

    def __init__(self, features, channels):
        super().__init__()
        self.features, self.head = features, torch.nn.Linear(channels, CLASSES)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def differentiate(model, size, batch, dtype):
    """The loss and the gradients."""
    model = model.to(dtype)
    output = model(images("images", batch, size).to(dtype))
    diff = torch.from_numpy(unit("diff", output.numel()).astype(np.float32)).to(dtype).reshape(output.shape)
    loss = (output * diff).sum()
    return loss, torch.autograd.grad(loss, [tensor for tensor in model.state_dict(keep_vars=True).values() if tensor.requires_grad])


def gradients_case(name, size, mode):
    rename = timm_name if name.endswith("_patch16_224") else str
    model = build(name, size)
    pooled = name == "alexnet" or name.startswith("vgg")
    if pooled:
        model = Pooled(model.features, [module for module in model.features if isinstance(module, torch.nn.Conv2d)][-1].out_channels)
    model = fill(model, rename, {})
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train(mode == "training")
            module.momentum = 0.0  # a second run is the same
        if hasattr(module, "inplace"):
            module.inplace = False
    batch = 4
    loss, exact = differentiate(model, size, batch, torch.float64)
    _, in_f32 = differentiate(model, size, batch, torch.float32)
    floor = 1e-5 * max(gradient.norm() for gradient in exact)
    rounding = max(((a - b.double()).norm() / max(a.norm(), floor)).item() for a, b in zip(exact, in_f32))
    layers = [(our, layer) for our, layer, tensor in tensors(model, rename) if tensor.requires_grad]
    stored = {our: summary(our, layer, gradient) for (our, layer), gradient in zip(layers, exact)}
    print(f"{name} {size} {mode}: loss {loss.item():.6g}, {len(stored)} gradients, rounding {rounding:.2g}")
    return {"network": name, "flavour": "torch", "size": size, "classes": CLASSES, "batch": batch, "pooled": pooled, "mode": mode,
            "loss": rounded([loss])[0], "rounding": float(f"{rounding:.2g}"), "gradients": stored}


def gradients():
    return {"cases": [gradients_case(name, size, mode) for mode, table in (("training", GRADIENTS), ("frozen", FROZEN))
                      for name, size in table]}


def summary(name, layer, gradient):
    """Norm and projection of a gradient in our layout."""
    if name.endswith("/kernel"):
        if gradient.dim() == 2:
            gradient = gradient.T
        elif layer.groups > 1 and gradient.shape[1] == 1:
            gradient = gradient.permute(2, 3, 0, 1)
        else:
            gradient = gradient.permute(2, 3, 1, 0)
    values = gradient.contiguous().flatten()
    onto = torch.from_numpy(unit("projection/" + name, values.numel()).astype(np.float32).astype(np.float64))
    return rounded([values.norm(), values @ onto])


# --- Names ---


def fnv1a(text):
    key = 2166136261
    for byte in text.encode():
        key = ((key ^ byte) * 16777619) & 0xFFFFFFFF
    return key


def names():
    """Tensors of state dicts, as a number and a hash of their sorted lines "name (1, 2)"; positions as torchvision resamples them."""
    dicts = {}
    for name, size in GRADIENTS:
        if not name.endswith("_patch16_224"):
            state = build(name, 224, classes=1000).state_dict()
            lines = sorted(f"{key} ({', '.join(map(str, value.shape))})\n" for key, value in state.items()
                           if not key.endswith(BUFFERS))
            dicts[name] = {"tensors": len(lines), "hash": fnv1a("".join(lines))}
    channels, positions = 2, []
    for before, after in ((3, 5), (4, 2), (5, 3)):
        tokens = before * before + 1
        state = {"encoder.pos_embedding": torch.from_numpy(unit("positions", tokens * channels)).reshape(1, tokens, channels)}
        result = interpolate_embeddings(16 * after, 16, state)["encoder.pos_embedding"]
        positions.append({"before": before, "after": after, "values": rounded(result.flatten())})
    return {"state_dicts": dicts, "positions": positions}


# --- Maps of evidence ---

# Networks with the layer that is looked at; "": the network has no module for it.
MAPS = [("vgg11", 224, "features.20"), ("resnet50", 128, "layer4.2"), ("densenet121", 128, ""), ("vit_b_32", 96, "encoder.layers.encoder_layer_11.ln_1"),
        ("vit_tiny_patch16_224", 80, "blocks.11.norm1")]


def forward_watching(model, name, layer, x):
    """The logits, and a layer's output of which gradients are kept."""
    if name.startswith("densenet"):
        seen = torch.relu(model.features(x)).detach().requires_grad_()
        return model.classifier(seen.mean((2, 3))), seen
    kept = []

    def keep(module, inputs, output):
        kept.append(output.detach().requires_grad_())
        return kept[0]

    hook = module_of(model, name, layer).register_forward_hook(keep)
    logits = model(x)
    hook.remove()
    return logits, kept[0]


def grid_of(tokens_or_image):
    """(N, H, W, C) of an image, or of tokens without the class token."""
    if tokens_or_image.dim() == 4:
        return tokens_or_image.permute(0, 2, 3, 1)
    tokens = tokens_or_image[:, 1:]
    side = int(tokens.shape[1] ** 0.5)
    return tokens.reshape(tokens.shape[0], side, side, -1)


def evidence(values, gradients):
    """The maps of one image by method, divided by their largest value."""
    total = values.sum((0, 1))
    square, cube = gradients**2, gradients**3
    below = 2 * square + total * cube
    alpha = torch.where(gradients != 0, square / torch.where(below != 0, below, torch.ones_like(below)), torch.zeros_like(below))
    flat = values.reshape(-1, values.shape[2])
    eigen = (flat @ torch.linalg.svd(flat, full_matrices=False)[2][0]).reshape(values.shape[:2])
    maps = {"gradcam": values @ gradients.mean((0, 1)), "gradcam++": values @ (alpha * gradients.clamp(min=0)).sum((0, 1)),
            "hirescam": (values * gradients).sum(2), "eigencam": eigen if eigen.sum() > 0 else -eigen}
    return {method: map.clamp(min=0) / map.max() for method, map in maps.items()}


def rollout_of(model, x):
    """Attention rollout (Abnar and Zuidema, 2020), the class token's row, divided by its largest value."""
    seen, hooks = [], []
    for block in model.encoder.layers:
        hooks.append(block.ln_1.register_forward_hook(lambda module, inputs, output, block=block: seen.append((block.self_attention, output))))
    with torch.no_grad():
        model(x)
        joint = None
        for attention, tokens in seen:
            n, t, c = tokens.shape
            query, key, _ = (tokens @ attention.in_proj_weight.T + attention.in_proj_bias).split(c, 2)
            heads = [part.reshape(n, t, attention.num_heads, -1).transpose(1, 2) for part in (query, key)]
            weights = (heads[0] @ heads[1].transpose(2, 3) / heads[0].shape[3] ** 0.5).softmax(3).mean(1)
            mixed = (weights + torch.eye(t, dtype=weights.dtype)) / 2
            joint = mixed if joint is None else mixed @ joint
    for hook in hooks:
        hook.remove()
    row = joint[:, 0, 1:]
    return row / row.max(1, keepdim=True).values


def maps_case(name, size, layer):
    model = filled(name, size if name.startswith("vit_") else 0)
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    batch = 2
    x = images("images", batch, size)
    logits, seen = forward_watching(model, name, layer, x)
    classes = logits.argmax(1).tolist()
    other = [(best + 1) % CLASSES for best in classes]
    cases = []
    for targets in (classes, other):
        (gradients,) = torch.autograd.grad(sum(logits[i, target] for i, target in enumerate(targets)), seen, retain_graph=True)
        for i, target in enumerate(targets):
            made = evidence(grid_of(seen.detach())[i], grid_of(gradients)[i])
            cases.append({"image": i, "class": target, "maps": {method: rounded(map.flatten()) for method, map in made.items()}})
    stored = {"network": name, "size": size, "classes": CLASSES, "batch": batch, "images": cases}
    if name.startswith("vit_"):
        stored["rollout"] = [rounded(row) for row in rollout_of(model, x)]
    print(name, size, tuple(grid_of(seen).shape), "classes", classes)
    return stored


def maps():
    return {"cases": [maps_case(*case) for case in MAPS]}


def main():
    parts = {"maps": ("torchvision_maps.json", maps),
             "logits": ("torchvision.json", logits),
             "gradients": ("torchvision_gradients.json", gradients),
             "names": ("torchvision_names.json", names)}
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parents[1] / "data/torch")
    arguments = parser.parse_args()
    for part in arguments.parts or parts:
        file, make = parts[part]
        write(arguments.out / file, make())


if __name__ == "__main__":
    main()
