#!/usr/bin/env python3
"""Makes the small ONNX files of tests/data/weights with PyTorch's exporter, and what the network gives for one input.

One network four times: batch norms folded (the exporter's default), folded and without any names (as exporters
before PyTorch 1.13 left them), kept, and with the weights in a file beside the model. Run from the repository's root.
"""
import pathlib

import numpy
import torch

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
    torch.onnx.export(net, x, FOLDER / "kept.onnx", training=torch.onnx.TrainingMode.PRESERVE,
                      do_constant_folding=False)
    torch._C._jit_pass_onnx_assign_scoped_names_for_node_and_value = lambda graph: None
    torch.onnx.export(net, x, FOLDER / "nameless.onnx")
    model, data = with_external_data((FOLDER / "kept.onnx").read_bytes(), "external.bin")
    (FOLDER / "external.onnx").write_bytes(model)
    (FOLDER / "external.bin").write_bytes(data)


if __name__ == "__main__":
    main()
