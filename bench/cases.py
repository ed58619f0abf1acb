"""The contests of bench/compare: what runs in each, and what is made of the times."""
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import tempfile
import time

from contest import Runner, interleaved, medians, seconds_of

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
BUILD = ROOT / "build/release"
SHARED = ROOT.parent / "shared"
PETS = SHARED / "data/cats_vs_dogs"
MOBILENET = SHARED / "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
PYTHON = "/usr/bin/python3"
# A command that runs peer_pytorch.py with PyTorch 2 (in a chroot of Debian 13, for example); empty: none.
NEWER_PYTORCH = shlex.split(os.environ.get("HEADSTART_NEWER_PYTORCH", ""))
MODULES = pathlib.Path(os.environ.get("HEADSTART_PEERS", "/tmp/headstart-peers"))

# name: (network, flavour, size, batch of inference, batch of training, first layer of the last block)
NETWORKS = {
    "vgg16-150": ("vgg16", "torch", 150, 20, 8, "features.24"),
    "vgg16-224": ("vgg16", "torch", 224, 8, 4, "features.24"),
    "resnet50": ("resnet50", "torch", 224, 16, 8, "layer4.0"),
    "inception_v3": ("inception_v3", "torch", 299, 8, 4, "Mixed_7c"),
    "xception": ("xception", "keras", 299, 8, 4, "block14_sepconv1"),
    "densenet121": ("densenet121", "torch", 224, 16, 8, "features.denseblock4"),
    "mobilenet_v2": ("mobilenet_v2", "torch", 224, 16, 8, "features.17"),
    "efficientnet_b0": ("efficientnet_b0", "torch", 224, 16, 8, "features.7"),
    "vit_b_16": ("vit_b_16", "torch", 224, 8, 4, "encoder.layers.encoder_layer_11"),
}
PYTORCH_DEFAULT = "PyTorch as installed"  # NCHW, f32, as many threads as it chooses
COMPILED = "PyTorch 2 compiled"  # of the command in $HEADSTART_NEWER_PYTORCH
INT8 = "Headstart int8"  # beside the comparison: the peers run in floating point
CACHED = "Headstart from the cache"  # likewise: `train` without live augmentation computes the frozen part once


def natural_limit():
    """What --isa of bench/compare this CPU is by itself; None: it can do more."""
    return None if " avx512f" in pathlib.Path("/proc/cpuinfo").read_text() else "avx2"


def ours(job, seconds, **options):
    words = [word for key, value in options.items() for word in ("--" + key, value)]
    return Runner([BUILD / "bench/headstart_runner", job, "--seconds", seconds, *words])


def best_blas():
    """Debian 12's OpenBLAS takes a CPU that it does not know for one of twenty years ago, unless it is told better."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    core = "SkylakeX" if " avx512f" in flags and "ONEDNN_MAX_CPU_ISA" not in os.environ else "Haswell"
    return {"OPENBLAS_CORETYPE": core} if " avx2" in flags else {}


def pytorch(job, seconds, **options):
    words = [word for key, value in options.items() for word in ("--" + key, value)]
    return Runner([PYTHON, BENCH / "peer_pytorch.py", job, "--seconds", seconds, *words],
                  {} if options.get("threads") == "default" else best_blas())


def precisions(options):
    """Those that the instructions multiply."""
    return ("f32",) if options.isa else ("bf16", "f32")


def race(entries, options):
    """Interleaved rounds of those that the CPU can do. ONNX Runtime cannot be told to use fewer instructions."""
    entries = [entry for entry in entries if entry[2].endswith((*precisions(options), "auto", "int8"))]
    if options.pretends:
        entries = [entry for entry in entries if not entry[0].startswith("ONNX")]
    return interleaved(entries, options.rounds)


def compared(times, unit, scale, goal, default_goal=None):
    """Rates in `unit` (scale / milliseconds) and how often faster than the best peer the best of ours is."""
    rates = {name: scale / value for name, value in medians(times).items()}
    mine = [rate for name, rate in rates.items() if name.startswith("Headstart") and name not in (INT8, CACHED)]
    theirs = {name: rate for name, rate in rates.items()
              if not name.startswith(("Headstart", "bare", COMPILED))}
    result = {"unit": unit, "rates": rates, "milliseconds": times, "ratios": []}
    if not mine:
        return result
    if theirs:
        best = max(theirs, key=theirs.get)
        result["ratios"].append({"against": f"best peer ({best})", "ratio": max(mine) / theirs[best], "goal": goal})
        if CACHED in rates:
            result["ratios"].append({"against": "from cached features against the best peer",
                                     "ratio": rates[CACHED] / theirs[best], "goal": goal})
        if INT8 in rates:
            result["ratios"].append({"against": "int8 against the best peer", "ratio": rates[INT8] / theirs[best],
                                     "goal": goal})
    if default_goal and PYTORCH_DEFAULT in rates:
        result["ratios"].append({"against": PYTORCH_DEFAULT, "ratio": max(mine) / rates[PYTORCH_DEFAULT],
                                 "goal": default_goal})
    compiled = [rate for name, rate in rates.items() if name.startswith(COMPILED)]
    if compiled:
        result["ratios"].append({"against": COMPILED, "ratio": max(mine) / max(compiled), "goal": 1.5})
    if INT8 in rates:
        floats = max((name for name in ("Headstart bf16", "Headstart f32") if name in rates), key=rates.get)
        result["ratios"].append({"against": f"int8 against our {floats.split()[-1]}", "ratio": rates[INT8] / rates[floats],
                                 "goal": 1.4})
    for precision in ("bf16", "f32"):
        own, bare = rates.get(f"Headstart {precision}"), rates.get(f"bare oneDNN {precision}")
        if own and bare:
            result["ratios"].append({"against": f"bare oneDNN {precision}", "ratio": own / bare, "goal": 0.92})
    return result


def frozen(name, options):
    network, flavour, size, batch, _, _ = NETWORKS[name]
    shape = {"network": network, "size": size, "batch": batch}
    mine = ours("frozen", options.seconds, flavour=flavour, **shape)
    with tempfile.TemporaryDirectory() as folder:
        onnx = pathlib.Path(folder) / "base.onnx"
        peer = pytorch("frozen", options.seconds, onnx=onnx, **shape)
        entries = [("Headstart bf16", mine, "bf16"), ("Headstart f32", mine, "f32"), (INT8, mine, "int8"),
                   ("bare oneDNN bf16", mine, "bare bf16"), ("bare oneDNN f32", mine, "bare f32")]
        entries += [(f"PyTorch {variant}", peer, variant) for variant in (
            "nchw f32", "nhwc f32", "nchw bf16", "nhwc bf16", "traced nchw f32", "traced nhwc f32",
            "traced nhwc bf16")]
        if (MODULES / "node_modules/onnxruntime-node").exists() and peer.ask("export") is not None:
            runtime = Runner(["node", BENCH / "peer_onnx.mjs", MODULES, "--onnx", onnx, "--size", size,
                              "--batch", batch, "--seconds", options.seconds, "--threads", os.cpu_count()])
            entries.append(("ONNX Runtime f32", runtime, "f32"))
        if NEWER_PYTORCH:
            words = [word for key, value in shape.items() for word in ("--" + key, value)]
            newer = Runner([*NEWER_PYTORCH, "frozen", "--seconds", options.seconds, *words])
            entries += [(f"{COMPILED} {variant}", newer, f"compiled {variant}") for variant in ("nhwc f32", "nhwc bf16")]
        large = network in ("vgg16", "resnet50", "inception_v3", "xception", "densenet121")
        if large:
            entries.append((PYTORCH_DEFAULT, pytorch("frozen", options.seconds, threads="default", **shape), "nchw f32"))
        times = race(entries, options)
    return {"title": f"{network} at {size}, frozen part, batch {batch}",
            **compared(times, "images/s", 1000.0 * batch, 2.0, 8.0 if large else None)}


def add_primitives_alone(result, batch, model, options):
    """What a training step would be if only its convolutions and dense layers took time: where the limit is."""
    for precision in precisions(options):
        done = subprocess.run([str(word) for word in (BUILD / "headstart", "bench", *model, "--program", "training",
                                                      "--batch-size", batch, "--precision", precision, "--runs", 5,
                                                      "--json")], capture_output=True, text=True, check=True)
        steps = json.loads(done.stdout)["programs"][0]["steps"]
        alone = sum(step["milliseconds"] for step in steps
                    if step["kind"].startswith(("convolution", "inner product", "matrix product")))
        rate = result["rates"].get(f"Headstart {precision}")
        if rate:
            result["rates"][f"bare oneDNN {precision}"] = 1000.0 * batch / alone
            result["ratios"].append({"against": f"bare oneDNN {precision}", "ratio": rate * alone / (1000.0 * batch),
                                     "goal": None})


def step(name, options, start):
    network, flavour, size, _, batch, block = NETWORKS[name]
    shape = {"network": network, "size": size, "batch": batch}
    mine = ours("step", options.seconds, flavour=flavour, **shape, **{"from": block if start == "block" else "none"})
    peer = pytorch("step", options.seconds, **shape, **{"from": start})
    entries = [("Headstart bf16", mine, "bf16"), ("Headstart f32", mine, "f32")]
    if start == "block":
        entries.append((CACHED, mine, "cached auto"))
    entries += [(f"PyTorch {variant}", peer, variant) for variant in ("nchw f32", "nhwc f32", "nhwc bf16")]
    what = "last block and head" if start == "block" else "whole network"
    result = compared(race(entries, options), "images/s", 1000.0 * batch, 2.0)
    if start == "none":
        add_primitives_alone(result, batch, [network, "--flavour", flavour, "--no-top", "--input-size", size], options)
    return {"title": f"{network} at {size}, training step, {what}, batch {batch}", **result}


def small_cnn(options):
    shape = {"network": "cnn_150", "size": 150, "batch": 20}
    mine = ours("step", options.seconds, flavour="keras", head="own", top="yes", **shape)
    peer = pytorch("step", options.seconds, **shape)
    entries = [("Headstart bf16", mine, "bf16"), ("Headstart f32", mine, "f32")]
    entries += [(f"PyTorch {variant}", peer, variant)
                for variant in ("nchw f32", "nhwc f32", "nchw bf16", "nhwc bf16")]
    result = compared(race(entries, options), "images/s", 20000.0, 2.5)
    add_primitives_alone(result, 20, ["cnn_150"], options)
    return {"title": "the notes' small CNN at 150, training step, batch 20", **result}


def head_epoch(options):
    mine, peer = ours("head", options.seconds), pytorch("head", options.seconds)
    entries = [("Headstart bf16", mine, "bf16"), ("Headstart f32", mine, "f32")]
    entries += [(f"PyTorch {variant}", peer, variant) for variant in ("nchw f32", "nchw bf16")]
    result = compared(race(entries, options), "epochs/s", 1000.0, 3.0)
    result["ratios"].append({"against": "0.15 s an epoch", "goal": 1.0,
                             "ratio": 0.15 * max(rate for name, rate in result["rates"].items()
                                                 if name.startswith("Headstart"))})
    return {"title": "head on cached features, an epoch of 2,000 x 8,192 to 256 to 1, batches of 20", **result}


def pipeline(options):
    count = 100 if options.quick else 400
    mine = ours("pipeline", 0, network="mobilenet_v2", flavour="keras", size=224, count=count,
                data=PETS)
    words = ("decode", "compute", "both")
    rates = {}
    times = interleaved([(f"{word} {precision}", mine, f"{word} {precision}")
                         for precision in precisions(options) for word in words], options.rounds)
    rates = {name: 1000.0 * count / value for name, value in medians(times).items()}
    ratios = []
    for precision in precisions(options):
        decode, compute, both = (rates[f"{word} {precision}"] for word in words)
        ratios += [{"against": f"the slower of the two alone, {precision}", "ratio": both / min(decode, compute),
                    "goal": 0.85},
                   {"against": f"both on the same cores one after the other, {precision}",
                    "ratio": both * (1 / decode + 1 / compute), "goal": 1.0}]
    return {"title": f"{count} JPEG files to MobileNetV2 features", "unit": "images/s", "rates": rates,
            "milliseconds": times, "ratios": ratios}


def memory(options):
    shape = {"network": "resnet50", "size": 224, "batch": 32, "from": "none"}
    sizes = {}
    runs = [run for run in (
            ("Headstart bf16", ours, "bf16", {"flavour": "torch"}), ("Headstart f32", ours, "f32", {"flavour": "torch"}),
            ("PyTorch nchw f32", pytorch, "nchw f32", {}), ("PyTorch nhwc f32", pytorch, "nhwc f32", {}),
            ("PyTorch nhwc bf16", pytorch, "nhwc bf16", {})) if run[2].endswith(precisions(options))]
    for name, make, variant, extra in runs:
        runner = make("step", 0, **shape, **extra)
        if runner.ask(variant) is not None and runner.ask(variant) is not None:
            sizes[name] = runner.close() / 1e6
    ratios = [{"against": f"the smallest PyTorch of {precision}", "goal": 1.0,
               "ratio": min(size for name, size in sizes.items()
                            if name.startswith("PyTorch") and name.endswith(precision))
               / sizes[f"Headstart {precision}"]} for precision in precisions(options)]
    return {"title": "ResNet50 at 224, whole-network training, batch 32: peak memory", "unit": "MB", "rates": sizes,
            "ratios": ratios}


def startup(options):
    times = []
    for _ in range(options.rounds):
        runner = ours("frozen", 0, network="vgg16", size=224, batch=1)
        start = time.perf_counter()
        runner.ask("f32")
        times.append(time.perf_counter() - start)
        runner.close()
    seconds = statistics.median(times)
    return {"title": "start-up to the first batch, VGG16 at 224 without weights", "unit": "s",
            "rates": {"Headstart f32": seconds}, "ratios": [{"against": "1 s", "ratio": 1.0 / seconds, "goal": 1.0}]}


def train_command(folder, *words):
    return [BUILD / "headstart", "train", PETS, "--out", folder + "/run", "--quiet", "--no-report", *words]


def inception_recipe(options):
    """The notes' recipe: 57.9 s on a GTX 2070. Random base weights: they do not change the time."""
    ways = ("int8", *precisions(options))
    times = {f"Headstart {precision}": [] for precision in ways}
    for _ in range(1 if options.quick else options.rounds):
        for precision in ways:
            with tempfile.TemporaryDirectory() as folder:
                times[f"Headstart {precision}"].append(seconds_of(
                    train_command(folder, "--base", "inception_v3", "--weights", "none", "--input-size", 160,
                                  "--head", "flatten,dense:512:relu,dropout:0.5,dense:softmax", "--optimizer", "adam",
                                  "--epochs", 10, "--precision", precision),
                    {"HEADSTART_CACHE": folder + "/cache"}))
    rates = medians(times)
    return {"title": "the notes' InceptionV3 recipe: 2,000 + 1,000 photos at 160, 10 epochs", "unit": "s", "rates": rates,
            "ratios": [{"against": "20 s", "ratio": 20.0 / min(rates.values()), "goal": 1.0},
                       {"against": "57.9 s on a GTX 2070", "ratio": 57.9 / min(rates.values()), "goal": 1.0}]}


def transfer(options):
    times = {}
    runs = {f"Headstart {precision}": precision for precision in precisions(options)}
    if not options.isa:
        runs["PyTorch nhwc bf16"] = ["--channels-last", "--bf16", "--all-cores"]
    if not options.quick:
        runs["PyTorch nhwc f32"] = ["--channels-last", "--all-cores"]
        runs[PYTORCH_DEFAULT] = []
    for name, how in runs.items():
        if isinstance(how, list):
            times[name] = [1000 * seconds_of([PYTHON, BENCH / "pytorch_transfer.py", PETS, *how],
                                             best_blas() if how else {})]
            continue
        with tempfile.TemporaryDirectory() as folder:
            times[name] = [1000 * seconds_of(
                train_command(folder, "--base", "mobilenet_v2", "--weights", MOBILENET, "--precision", how),
                {"HEADSTART_CACHE": folder + "/cache"})]
    return {"title": "3,000 JPEG files of cats and dogs to a trained head, MobileNetV2 at 224",
            **compared(times, "runs/minute", 60000.0, 2.0)}


def cases():
    """name: function of the options."""
    table = {}
    for name in NETWORKS:
        table[f"frozen/{name}"] = lambda options, name=name: frozen(name, options)
    for name in NETWORKS:
        if name != "vgg16-224":
            table[f"fine-tune/{name}"] = lambda options, name=name: step(name, options, "block")
            table[f"whole/{name}"] = lambda options, name=name: step(name, options, "none")
    return {**table, "small-cnn": small_cnn, "head-epoch": head_epoch, "pipeline": pipeline, "memory": memory,
            "startup": startup, "inception-recipe": inception_recipe, "transfer": transfer}
