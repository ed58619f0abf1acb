#!/usr/bin/env python3
"""Makes the small ONNX files of tests/data/weights with PyTorch's exporter, and what the network gives for one input.

One network four times: batch norms folded (the exporter's default), folded and without any names (as exporters
before PyTorch 1.13 left them), kept, and with the weights in a file beside the model. torchvision's DenseNet and
VisionTransformer at a small size, with every name replaced by a number: folded, kept, and with layer normalisation as
one node. Run from the repository's root with Debian's python3-torch and python3-torchvision.
"""
import pathlib

import numpy
import torch
from torchvision.models import DenseNet, VisionTransformer

FOLDER = pathlib.Path("tests/data/weights")


class Net(torch.nn.Module):
    """Two branches that begin with convolutions of one shape over one input: only what follows tells them apart."""

    def __init__(self):
        super().__init__()

        def unit(inputs, outputs, size, **options):
            return torch.nn.Sequential(torch.nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False, **options),
                                       torch.nn.BatchNorm2d(outputs))

        self.stem = unit(3, 4, 3, stride=2)
        self.long = torch.nn.Sequential(unit(4, 4, 1), torch.nn.ReLU(), unit(4, 4, 3, groups=4))
        self.short = unit(4, 4, 1)
        self.last = unit(8, 4, 1)
        self.fc1 = torch.nn.Linear(64, 5)
        self.fc2 = torch.nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        short = self.short(x)
        x = torch.cat([torch.relu(self.long(x)), short], 1)
        x = torch.nn.functional.silu(self.last(x))
        x = torch.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc2(x)


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def fields(message):
    """(key, payload, raw bytes) of every field of a protobuf message."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        begin = at
        key = number()
        if key & 7 == 2:
            size = number()
            payload = message[at:at + size]
            at += size
        else:
            payload = number() if key & 7 == 0 else None
            at += {0: 0, 1: 8, 5: 4}[key & 7]
        yield key, payload, message[begin:at]


def text(key, payload):
    return varint(key) + varint(len(payload)) + payload


def with_external_data(model, data_name):
    """The model with the raw data of its initializers moved to a file, and that file's bytes."""
    data = b""

    def tensor(message):
        nonlocal data
        out = b""
        for key, payload, raw in fields(message):
            if key >> 3 == 9:
                for name, value in (("location", data_name), ("offset", str(len(data))), ("length", str(len(payload)))):
                    out += text(13 << 3 | 2, text(1 << 3 | 2, name.encode()) + text(2 << 3 | 2, value.encode()))
                out += varint(14 << 3) + b"\x01"
                data += payload
            else:
                out += raw
        return out

    def rewrite(message, number, change):
        return b"".join(text(key, change(payload)) if key >> 3 == number else raw
                        for key, payload, raw in fields(message))

    return rewrite(model, 7, lambda graph: rewrite(graph, 5, tensor)), data


def numbered(model):
    """The model with every name of a value replaced by a number, and nodes without names."""
    numbers = {b"": b""}

    def rename(message, *kinds):
        return b"".join(text(key, numbers.setdefault(payload, str(len(numbers)).encode())) if key >> 3 in kinds else raw
                        for key, payload, raw in fields(message))

    def node(message):
        return b"".join(raw for key, _, raw in fields(rename(message, 1, 2)) if key >> 3 != 3)

    def graph(message):
        changes = {1: node, 5: lambda tensor: rename(tensor, 8), 11: lambda value: rename(value, 1)}
        changes[12] = changes[11]
        return b"".join(text(key, changes[key >> 3](payload)) if key >> 3 in changes else raw
                        for key, payload, raw in fields(message) if key >> 3 != 13)

    return b"".join(text(key, graph(payload)) if key >> 3 == 7 else raw for key, payload, raw in fields(model))


KEPT = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}


def write_numbered(name, net, x, exports):
    """The exports of a network of torchvision, its input and its output."""
    for parameter in net.parameters():
        torch.nn.init.uniform_(parameter, -0.5, 0.5)
    for buffer in net.buffers():
        if buffer.is_floating_point():
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    numpy.save(FOLDER / f"{name}_input.npy", x.permute(0, 2, 3, 1).contiguous().numpy())
    numpy.save(FOLDER / f"{name}_output.npy", net(x).detach().numpy())
    for suffix, options in exports.items():
        path = FOLDER / f"{name}{suffix}.onnx"
        torch.onnx.export(net, x, path, **options)
        path.write_bytes(numbered(path.read_bytes()))


def main():
    torch.manual_seed(7)
    net = Net().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                torch.nn.init.uniform_(tensor, 0.5, 1.5)
    x = torch.rand(2, 3, 8, 8)
    numpy.save(FOLDER / "net_input.npy", x.permute(0, 2, 3, 1).contiguous().numpy())
    numpy.save(FOLDER / "net_output.npy", net(x).detach().numpy())
    torch.save(net.state_dict(), FOLDER / "net.pth")
    torch.onnx.export(net, x, FOLDER / "folded.onnx", input_names=["x"])
    torch.onnx.export(net, x, FOLDER / "kept.onnx", **KEPT)
    scoped_names = torch._C._jit_pass_onnx_assign_scoped_names_for_node_and_value
    torch._C._jit_pass_onnx_assign_scoped_names_for_node_and_value = lambda graph: None
    torch.onnx.export(net, x, FOLDER / "nameless.onnx")
    torch._C._jit_pass_onnx_assign_scoped_names_for_node_and_value = scoped_names
    model, data = with_external_data((FOLDER / "kept.onnx").read_bytes(), "external.bin")
    (FOLDER / "external.onnx").write_bytes(model)
    (FOLDER / "external.bin").write_bytes(data)
    densenet = DenseNet(growth_rate=2, block_config=(3, 2), num_init_features=4, bn_size=2, num_classes=3).eval()
    write_numbered("densenet", densenet, torch.rand(2, 3, 16, 16), {"": {}, "_kept": KEPT})
    vit = VisionTransformer(8, 4, 2, 2, 8, 16, num_classes=3).eval()
    batch = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
    write_numbered("vit", vit, torch.rand(2, 3, 8, 8),
                   {"": {}, "_kept": KEPT, "_one_node": {"opset_version": 17}, "_any_batch": batch})


if __name__ == "__main__":
    main()
