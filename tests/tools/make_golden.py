#!/usr/bin/python3
"""Writes tests/data/torch/*.json: what PyTorch computes for networks, parameters and images that the C++ tests build again.

Run with Debian's python3-torch and python3-torchvision: /usr/bin/python3 tests/tools/make_golden.py. Everything is in double
precision, so the figures are those of the mathematics and the tests' tolerances are about Headstart's rounding alone.

Parameters and images come from one formula (tests/support/formula.h is its twin): element i of the tensor called `name` is
u(i, name) = 2 * (lowbias32(i * 0x9E3779B9 + fnv1a(name)) >> 8) / 2^24 - 1, uniform in [-1, 1), and then, rounded to float,
    kernel           sqrt(6 / fan_in) * gain * u     gain: 1 unless a case says another; fan_in: product of all extents but the last; depthwise: kh * kw
    bias, beta       0.1 * u
    gamma            1 + 0.2 * u
    moving_mean      0.1 * u
    moving_variance  1 + 0.3 * u
    an image batch   u, of shape (N, H, W, C), called "images", "step0", "step1", ...
Names and layouts of parameters are Headstart's (Keras's); a gradient is stored as sum, Euclidean norm and a few elements.
"""
import argparse
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

SAMPLES = 8


def unit(name, count):
    key = 2166136261
    for byte in name.encode():
        key = ((key ^ byte) * 16777619) & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(key)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return 2.0 * (x >> np.uint32(8)).astype(np.float64) / 2.0**24 - 1.0


def formula(name, shape, fan_in=None, gain=1.0):
    u = unit(name, math.prod(shape))
    kind = name.rsplit("/", 1)[1]
    if kind.endswith("kernel"):
        values = math.sqrt(6.0 / (fan_in or math.prod(shape[:-1]))) * gain * u
    else:
        values = {"bias": 0.1 * u, "beta": 0.1 * u, "gamma": 1.0 + 0.2 * u, "moving_mean": 0.1 * u,
                  "moving_variance": 1.0 + 0.3 * u}[kind]
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


def images(name, batch, size, channels=3):
    values = unit(name, batch * size * size * channels).astype(np.float32).astype(np.float64)
    return torch.from_numpy(values.reshape(batch, size, size, channels)).permute(0, 3, 1, 2)


def same(x, kernel, stride):
    """TensorFlow's `same` padding, (left, right, top, bottom)."""
    pads = []
    for extent in (x.shape[3], x.shape[2]):
        total = max((math.ceil(extent / stride) - 1) * stride + kernel - extent, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Network:
    """Layers that make their parameters by the formula when they are first called."""

    def __init__(self, training=False, momentum=0.99, epsilon=1e-3):
        self.parameters, self.statistics = {}, {}
        self.training, self.momentum, self.epsilon = training, momentum, epsilon

    def parameter(self, name, shape, fan_in=None):
        if name not in self.parameters:
            self.parameters[name] = formula(name, shape, fan_in).requires_grad_()
        return self.parameters[name]

    def statistic(self, name, channels):
        if name not in self.statistics:
            self.statistics[name] = formula(name, (channels,))
        return self.statistics[name]

    def conv(self, x, name, filters, kernel=1, stride=1, padding="same", bias=False):
        weight = self.parameter(name + "/kernel", (kernel, kernel, x.shape[1], filters))
        if padding == "same":
            x = same(x, kernel, stride)
        elif padding != "valid":
            x = F.pad(x, [padding] * 4)
        return F.conv2d(x, weight.permute(3, 2, 0, 1), self.parameter(name + "/bias", (filters,)) if bias else None, stride)

    def depthwise(self, x, name, stride=1, padding="same"):
        channels = x.shape[1]
        weight = self.parameter(name + "/kernel", (3, 3, channels, 1), fan_in=9)
        x = same(x, 3, stride) if padding == "same" else x
        return F.conv2d(x, weight.permute(2, 3, 0, 1), None, stride, groups=channels)

    def dense(self, x, name, units):
        return x @ self.parameter(name + "/kernel", (x.shape[1], units)) + self.parameter(name + "/bias", (units,))

    def norm(self, x, name):
        channels = x.shape[1]
        gamma, beta = (self.parameter(f"{name}/{kind}", (channels,)) for kind in ("gamma", "beta"))
        mean, variance = (self.statistic(f"{name}/{kind}", channels) for kind in ("moving_mean", "moving_variance"))
        return F.batch_norm(x, mean, variance, gamma, beta, self.training, 1.0 - self.momentum, self.epsilon)


def flatten(x):
    return x.permute(0, 2, 3, 1).flatten(1)  # (H, W, C) order


# --- The networks ---


def cnn_150(net, x):
    for i, filters in enumerate((32, 64, 128, 128)):
        x = F.relu(net.conv(x, "conv2d" + (f"_{i}" if i else ""), filters, 3, padding="valid", bias=True))
        x = F.max_pool2d(x, 2)
    return net.dense(F.relu(net.dense(flatten(x), "dense", 512)), "dense_1", 1)


def divisible(value):
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def mobilenet(net, x, alpha, classes):
    x = F.relu6(net.norm(net.conv(x, "conv1", int(32 * alpha), 3, 2), "conv1_bn"))
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    for i, (filters, stride) in enumerate(rows, 1):
        if stride == 2:
            x = net.depthwise(F.pad(x, [0, 1, 0, 1]), f"conv_dw_{i}", 2, "valid")
        else:
            x = net.depthwise(x, f"conv_dw_{i}")
        x = F.relu6(net.norm(x, f"conv_dw_{i}_bn"))
        x = F.relu6(net.norm(net.conv(x, f"conv_pw_{i}", int(filters * alpha)), f"conv_pw_{i}_bn"))
    return net.conv(x.mean((2, 3), keepdim=True), "conv_preds", classes, bias=True).flatten(1)


def mobilenet_v2(net, x, alpha, classes):
    x = F.relu6(net.norm(net.conv(x, "Conv1", divisible(32 * alpha), 3, 2), "bn_Conv1"))
    number = 0
    for expansion, filters, repeats, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                                (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(repeats):
            prefix = f"block_{number}_" if number else "expanded_conv_"
            number += 1
            y = x
            if expansion > 1:
                y = F.relu6(net.norm(net.conv(y, prefix + "expand", expansion * x.shape[1]), prefix + "expand_BN"))
            y = net.depthwise(y, prefix + "depthwise", stride if i == 0 else 1)
            y = F.relu6(net.norm(y, prefix + "depthwise_BN"))
            y = net.norm(net.conv(y, prefix + "project", divisible(filters * alpha)), prefix + "project_BN")
            x = x + y if y.shape == x.shape else y
    x = F.relu6(net.norm(net.conv(x, "Conv_1", divisible(1280 * max(alpha, 1.0))), "Conv_1_bn"))
    return net.dense(x.mean((2, 3)), "predictions", classes)


def resnet_cifar(net, x, blocks, classes):
    x = F.relu(net.norm(net.conv(x, "conv1", 16, 3, padding=1), "bn1"))
    for stage, filters in enumerate((16, 32, 64), 1):
        for i in range(blocks):
            name = f"layer{stage}.{i}"
            stride = 2 if stage > 1 and i == 0 else 1
            y = F.relu(net.norm(net.conv(x, name + ".conv1", filters, 3, stride, padding=1), name + ".bn1"))
            y = net.norm(net.conv(y, name + ".conv2", filters, 3, padding=1), name + ".bn2")
            if stride == 2:
                x = F.pad(x[:, :, ::2, ::2], [0, 0, 0, 0, filters // 4, filters // 4])
            x = F.relu(x + y)
    return net.dense(x.mean((2, 3)), "linear", classes)


# --- torchvision's own modules, filled by the formula under Headstart's names ---


def fill(module, names):
    """Fills the convolutions, dense layers and norms of a module, in order, as the layers `names`."""
    layers = [m for m in module.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear, torch.nn.BatchNorm2d))]
    assert len(layers) == len(names), (len(layers), len(names))
    for layer, name in zip(layers, names):
        if isinstance(layer, torch.nn.BatchNorm2d):
            for kind, target in (("gamma", layer.weight), ("beta", layer.bias), ("moving_mean", layer.running_mean),
                                 ("moving_variance", layer.running_var)):
                target.data = formula(f"{name}/{kind}", target.shape)
            continue
        shape = tuple(layer.weight.shape)
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data = formula(name + "/kernel", shape[::-1]).T
        elif layer.groups > 1:
            layer.weight.data = formula(name + "/kernel", (*shape[2:], shape[0], 1), fan_in=9).permute(2, 3, 0, 1)
        else:
            layer.weight.data = formula(name + "/kernel", (*shape[2:], shape[1], shape[0])).permute(3, 2, 0, 1)
        if layer.bias is not None:
            layer.bias.data = formula(name + "/bias", layer.bias.shape)
    return module.double().eval()


def torchvision_vgg(x, depth, convolutions, classes):
    names = [f"block{b}_conv{i}" for b, count in enumerate(convolutions, 1) for i in range(1, count + 1)]
    features = fill(getattr(torchvision.models, depth)().features, names)
    x = flatten(features(x))
    linear = torch.nn.Linear
    head = torch.nn.Sequential(linear(x.shape[1], 4096), torch.nn.ReLU(), linear(4096, 4096), torch.nn.ReLU(), linear(4096, classes))
    return fill(head, ["fc1", "fc2", "predictions"])(x)


class SamePadded(torch.nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv, conv.padding = conv, (0, 0)

    def forward(self, x):
        return self.conv(same(x, self.conv.kernel_size[0], self.conv.stride[0]))


def torchvision_mobilenet_v2(x, alpha, classes):
    """torchvision's layers in torchvision's order, with Keras's padding, epsilon and last width."""
    model = torchvision.models.mobilenet_v2(width_mult=alpha, num_classes=classes)
    names = ["Conv1", "bn_Conv1"]
    for block in range(17):
        prefix = f"block_{block}_" if block else "expanded_conv_"
        parts = (["expand"] if block else []) + ["depthwise", "project"]
        names += [prefix + part + suffix for part in parts for suffix in ("", "_BN")]
    fill(model, names + ["Conv_1", "Conv_1_bn", "predictions"])
    for module in list(model.modules()):
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Conv2d) and child.stride == (2, 2):
                setattr(module, name, SamePadded(child))
    return model(x)


# --- What is stored ---


def rounded(values):
    return [float(f"{float(v):.9g}") for v in values]


def digest(tensor):
    """Sum, norm and SAMPLES elements at multiples of size // SAMPLES."""
    flat = tensor.detach().contiguous().flatten()
    stride = max(1, flat.numel() // SAMPLES)
    return {"sum": rounded([flat.sum()])[0], "norm": rounded([flat.norm()])[0], "values": rounded(flat[::stride][:SAMPLES])}


def logits():
    cases = []

    def add(name, size, build, alpha=1.0, classes=10, batch=2):
        with torch.no_grad():
            values = build(images("images", batch, size))
        assert values.shape == (batch, classes)
        assert (values[0] - values[1]).abs().max() > 1e-3 * values.abs().max(), f"{name}: the images give the same logits"
        cases.append({"network": name, "size": size, "alpha": alpha, "classes": classes, "batch": batch,
                      "logits": rounded(values.flatten())})
        print(f"{name} {size}: largest logit {values.abs().max():.3f}")

    add("vgg16", 64, lambda x: torchvision_vgg(x, "vgg16", (2, 2, 3, 3, 3), 10))
    add("vgg19", 32, lambda x: torchvision_vgg(x, "vgg19", (2, 2, 4, 4, 4), 10))
    add("mobilenet", 64, lambda x: mobilenet(Network(), x, 0.25, 10), alpha=0.25)
    add("mobilenet", 75, lambda x: mobilenet(Network(), x, 0.5, 10), alpha=0.5)
    for alpha, size in ((1.0, 64), (0.35, 75)):
        add("mobilenet_v2", size, lambda x, a=alpha: torchvision_mobilenet_v2(x, a, 10), alpha=alpha)
        ours = mobilenet_v2(Network(), images("images", 2, size), alpha, 10)
        assert np.allclose(rounded(ours.flatten()), cases[-1]["logits"], rtol=1e-7, atol=1e-9), "the two MobileNetV2 differ"
    for depth in (20, 32, 44, 56):
        add(f"resnet{depth}_cifar", 32, lambda x, d=depth: resnet_cifar(Network(epsilon=1e-5), x, (d - 2) // 6, 10))
    return {"cases": cases}


def training(net, name, run, loss_of, size, batch, rate, batches, steps=10, **options):
    """Steps of plain SGD on `batches` batches in turn: losses, the first step's gradients, what moved in the end."""
    losses, first = [], {}
    for step in range(steps):
        turn = step % batches
        loss = loss_of(run(net, images(f"step{turn}", batch, size)), turn)
        for parameter in net.parameters.values():
            parameter.grad = None
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            first = {key: digest(parameter.grad) for key, parameter in net.parameters.items()}
        with torch.no_grad():
            for parameter in net.parameters.values():
                parameter -= rate * parameter.grad
    net.training = False
    with torch.no_grad():
        evaluated = run(net, images("images", batch, size))
    print(f"{name}: losses {['%.5f' % v for v in losses]}")
    return {"network": name, "size": size, "batch": batch, "rate": rate, "batches": batches, **options, "losses": rounded(losses), "gradients": first,
            "statistics": {key: digest(value) for key, value in net.statistics.items()},
            "parameters": {key: digest(value) for key, value in net.parameters.items()},
            "evaluation_logits": rounded(evaluated.flatten())}


def binary_loss(values, step):
    labels = torch.tensor([float((step + i) % 2) for i in range(len(values))], dtype=torch.float64)
    return F.binary_cross_entropy_with_logits(values.flatten(), labels)


def categorical_loss(values, step):
    labels = torch.tensor([(step + i) % values.shape[1] for i in range(len(values))])
    return F.cross_entropy(values, labels)


def write(path, data):
    path.write_text(json.dumps(data, indent=None, separators=(",", ":")).replace('},"', '},\n"').replace("},{", "},\n{") + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parents[1] / "data/torch")
    out = parser.parse_args().out
    write(out / "logits.json", logits())
    write(out / "cnn_150.json", training(Network(), "cnn_150", cnn_150, binary_loss, 150, 4, 0.001, 10, classes=2, alpha=1.0))
    net = Network(training=True, momentum=0.999)
    run = lambda n, x: mobilenet_v2(n, x, 0.35, 5)
    write(out / "mobilenet_v2.json", training(net, "mobilenet_v2", run, categorical_loss, 64, 8, 1e-5, 2, classes=5, alpha=0.35))


if __name__ == "__main__":
    main()
