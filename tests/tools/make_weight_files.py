#!/usr/bin/env python3
"""Makes the small weight files of tests/data/weights with other people's writers (h5py and PyTorch of Debian 12).

Values are ramps (0, 1, 2, ... plus an offset) so that the tests know them. Run from the repository's root.
"""
import collections
import json
import pathlib
import zipfile

import h5py
import numpy
import torch

FOLDER = pathlib.Path("tests/data/weights")


def ramp(shape, offset=0.0, dtype="<f4"):
    return (numpy.arange(numpy.prod(shape, dtype=int)) + offset).reshape(shape).astype(dtype)


LAYERS = [
    ("input_1", []),
    ("conv", [("conv/kernel:0", ramp((3, 3, 2, 4))), ("conv/bias:0", ramp((4,), 100))]),
    ("bn", [("bn/gamma:0", ramp((4,), 1)), ("bn/beta:0", ramp((4,), 2)),
            ("bn/moving_mean:0", ramp((4,), 3)), ("bn/moving_variance:0", ramp((4,), 4))]),
    ("dense", [("dense/kernel:0", ramp((4, 3))), ("dense/bias:0", ramp((3,), 50))]),
]


def write_layers(group, encode, write=None):
    """`encode`: names to an attribute; `write`: how a data set is made."""
    write = write or (lambda owner, name, values: owner.create_dataset(name, data=values))
    group.attrs["layer_names"] = encode([name for name, _ in LAYERS])
    for name, weights in LAYERS:
        owner = group.create_group(name)
        owner.attrs["weight_names"] = encode([weight for weight, _ in weights])
        for weight, values in weights:
            write(owner, weight, values)


def fixed(names):
    return numpy.array([name.encode() for name in names], dtype=f"S{max([len(n) for n in names] + [1])}")


def variable(names):
    return numpy.array(names, dtype=h5py.string_dtype())


def chunked(owner, name, values):
    owner.create_dataset(name, data=values, chunks=tuple(max(1, (n + 1) // 2) for n in values.shape))


def compact(owner, name, values):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    data = h5py.h5d.create(owner.id, name.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(values.shape), plist,
                           links)
    data.write(h5py.h5s.ALL, h5py.h5s.ALL, values)


def as_type(dtype):
    return lambda owner, name, values: owner.create_dataset(name, data=values.astype(dtype))


def make_h5():
    def weights_file(name, encode, write=None, **options):
        with h5py.File(FOLDER / name, "w", **options) as file:
            write_layers(file, encode, write)

    weights_file("fixed.h5", fixed)
    weights_file("variable.h5", variable)
    weights_file("chunked.h5", fixed, chunked)
    weights_file("compact.h5", fixed, compact)
    weights_file("half.h5", fixed, as_type("<f2"))
    weights_file("big_endian_double.h5", fixed, as_type(">f8"))
    weights_file("latest.h5", variable, libver="latest")
    weights_file("compressed.h5", fixed, lambda owner, name, values: owner.create_dataset(
        name, data=values, compression="gzip"))
    with h5py.File(FOLDER / "whole_model.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "m", "layers": []}})
        file.attrs["keras_version"] = "2.8.0"
        group = file.create_group("model_weights")
        group.attrs["backend"] = "tensorflow"
        write_layers(group, variable)
    with h5py.File(FOLDER / "pieces.h5", "w") as file:
        write_layers(file, fixed)
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = names[:2]
        file.attrs["layer_names1"] = names[2:]
    with h5py.File(FOLDER / "numbered.h5", "w") as file:
        file.attrs["nb_layers"] = len(LAYERS)
        for i, (_, weights) in enumerate(LAYERS):
            owner = file.create_group(f"layer_{i}")
            owner.attrs["nb_params"] = len(weights)
            for k, (_, values) in enumerate(weights):
                owner.create_dataset(f"param_{k}", data=values)


def make_v3():
    """Keras 3's layout: layers/<class>_<k>/vars/<i>; one convolution and one normalisation inside a nested model."""
    conv, bn, dense = (weights for _, weights in LAYERS[1:])

    def write(file, names):
        def layer(path, name, weights):
            variables = file.create_group(path + "/vars")
            if names:
                variables.attrs["name"] = name
            for i, (_, values) in enumerate(weights):
                variables.create_dataset(str(i), data=values)

        layer("layers/functional", "base", [])
        layer("layers/functional/layers/input_layer", "input_layer", [])
        layer("layers/functional/layers/conv2d", "conv", conv)
        layer("layers/functional/layers/batch_normalization", "bn", bn)
        layer("layers/dropout/seed_generator", "seed", [("seed", numpy.array([1, 2], "<u4"))])
        layer("layers/dense", "dense", dense)
        layer("optimizer", "adam", [("iterations", numpy.array(3, "<i8"))])

    with h5py.File(FOLDER / "named.weights.h5", "w") as file:
        write(file, True)
    with h5py.File(FOLDER / "plain.weights.h5", "w") as file:
        write(file, False)

    # As Keras stores a bfloat16 variable: h5py knows ml_dtypes' as two bytes without a meaning.
    with h5py.File(FOLDER / "bfloat16.weights.h5", "w") as file:
        bits = (numpy.array([1, 0, -2, 0.5], "<f4").view("<u4") >> 16).astype("<u2")
        variable = file.create_dataset("layers/dense/vars/0", data=bits.view("V2").reshape(2, 2))
        variable.attrs["dtype"] = "bfloat16"

    def layer(class_name, name, config, *sources):
        tensors = [{"class_name": "__keras_tensor__", "config": {"shape": [None], "keras_history": [source, 0, 0]}}
                   for source in sources]
        return {"module": "keras.layers", "class_name": class_name, "name": name, "config": {"name": name, **config},
                "inbound_nodes": [{"args": tensors, "kwargs": {}}] if sources else []}

    base = {"module": "keras.src.models.functional", "class_name": "Functional", "config": {
        "name": "base", "layers": [
            layer("InputLayer", "in", {"batch_shape": [None, 3, 3, 2]}),
            layer("Conv2D", "conv", {"filters": 4, "kernel_size": [3, 3], "activation": "relu"}, "in"),
            layer("BatchNormalization", "bn", {"axis": -1, "epsilon": 0.001}, "conv")],
        "input_layers": ["in", 0, 0], "output_layers": ["bn", 0, 0]}}
    model = {"module": "keras", "class_name": "Sequential", "config": {"name": "outer", "layers": [
        layer("InputLayer", "outer_in", {"batch_shape": [None, 3, 3, 2]}), base, layer("Flatten", "flatten", {}),
        layer("Dropout", "dropout", {"rate": 0.5}), layer("Dense", "dense", {"units": 3, "activation": "softmax"})]}}
    with zipfile.ZipFile(FOLDER / "plain.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", json.dumps(model))
        archive.write(FOLDER / "plain.weights.h5", "model.weights.h5")


def make_torch():
    base = torch.arange(24, dtype=torch.float32)
    state = collections.OrderedDict()
    state["conv.weight"] = base.reshape(4, 3, 2, 1).clone()
    state["conv.bias"] = torch.arange(4, dtype=torch.float32) + 100
    state["shared.first"] = base[:12]
    state["shared.second"] = base[6:18].reshape(3, 4)
    state["strided"] = base.reshape(4, 6).t()
    state["half"] = torch.arange(5, dtype=torch.float16) / 2
    state["bfloat"] = torch.arange(5, dtype=torch.bfloat16) * 2
    state["double"] = torch.arange(5, dtype=torch.float64) / 4
    state["num_batches_tracked"] = torch.tensor(7)
    for zip_form, name in ((True, "zip"), (False, "legacy")):
        torch.save(state, FOLDER / f"{name}.pth", _use_new_zipfile_serialization=zip_form)
        torch.save({"epoch": 3, "best": 0.5, "state_dict": {"module." + k: v for k, v in state.items()},
                    "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}},
                   FOLDER / f"{name}_checkpoint.pth", _use_new_zipfile_serialization=zip_form)
    torch.save({"model": dict(state), "args": None}, FOLDER / "zip_model.pth")  # as torchvision's references save
    # As PyTorch's ImageNet example saves.
    torch.save({"best_acc1": torch.tensor(71.5), "state_dict": dict(state)}, FOLDER / "zip_example.pth")
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    torch.save(model, FOLDER / "whole_module.pth")  # a pickled Python class: to be refused by name


def make_teachable():
    """keras_model.h5 as Teachable Machine's download, out of what make_tfjs_files.cjs wrote beside it."""
    folder = FOLDER / "teachable"
    model = json.loads((folder / "model.json").read_text())
    data = (folder / "weights.bin").read_bytes()
    topology = model["modelTopology"]
    config = topology["model_config"] if "model_config" in topology else topology
    tensors, at = {}, 0
    for entry in model["weightsManifest"][0]["weights"]:
        count = int(numpy.prod(entry["shape"]))
        tensors[entry["name"]] = numpy.frombuffer(data, "<f4", count, at).reshape(entry["shape"])
        at += 4 * count
    with h5py.File(folder / "keras_model.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.8.0"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = variable(["sequential_1", "sequential_3"])
        # One group a nested model; its statistics come last.
        for layer, names in (("sequential_1", [n for n in tensors if not n.startswith("dense")]),
                             ("sequential_3", [n for n in tensors if n.startswith("dense")])):
            group = weights.create_group(layer)
            names = sorted(names, key=lambda name: "moving_" in name)
            group.attrs["weight_names"] = variable([name + ":0" for name in names])
            for name in names:
                group.create_dataset(name + ":0", data=tensors[name])
    (folder / "labels.txt").write_text("0 cat\n1 dog\n2 nobody\n")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    make_teachable()
    make_h5()
    make_v3()
    make_torch()
