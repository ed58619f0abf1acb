#!/usr/bin/python3
"""headstart_runner's jobs in PyTorch: the same command line, the same lines in and out. Variants:
"nchw f32", "nhwc f32", "nchw bf16", "nhwc bf16" (bf16: autocast); frozen also "traced nchw f32", "traced nhwc f32",
"traced nhwc bf16", and from PyTorch 2 on "compiled nhwc f32", "compiled nhwc bf16" (torch.compile with freezing);
"export" writes frozen's base to --onnx. It uses every core, which PyTorch on some machines does not by itself;
--threads default leaves that to PyTorch.

  peer_pytorch.py frozen|step|head [--network N] [--size S] [--batch B] [--from none|block] [--seconds T]
                                   [--threads all|default]
"""
import argparse
import contextlib
import copy
import os
import sys
import time

import torch

import peer_networks


def autocast(variant):
    return torch.autocast("cpu", torch.bfloat16) if variant.endswith("bf16") else contextlib.nullcontext()


def layout(variant):
    return torch.channels_last if "nhwc" in variant else torch.contiguous_format


def frozen(options):
    base = peer_networks.base_of(options.network).eval()

    def make(variant):
        gradients_off = torch.no_grad if variant.startswith("compiled") else torch.inference_mode
        images = torch.rand(options.batch, 3, options.size, options.size)
        if variant == "export":
            torch.onnx.export(base, images, options.onnx, input_names=["images"], output_names=["features"],
                              opset_version=14)
            return lambda: None
        images = images.to(memory_format=layout(variant))
        model = copy.deepcopy(base).to(memory_format=layout(variant))
        if variant.startswith("compiled"):
            from torch._inductor import config as inductor
            inductor.freezing = True
            model = torch.compile(model)
            with torch.no_grad(), autocast(variant):
                for _ in range(3):
                    model(images)
        if variant.startswith("traced"):
            with torch.no_grad(), autocast(variant):
                # Tracing under autocast keeps the casts; its cache of weights must be off for that.
                torch.set_autocast_cache_enabled(False)
                model = torch.jit.freeze(torch.jit.trace(model, images))
                torch.set_autocast_cache_enabled(True)
                for _ in range(2):
                    model(images)

        def run():
            with gradients_off(), autocast(variant):
                model(images)
        return run
    return make


def trained(model, images, labels, variant, rate):
    optimizer = torch.optim.RMSprop([p for p in model.parameters() if p.requires_grad], lr=rate)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def run():
        optimizer.zero_grad(set_to_none=True)
        with autocast(variant):
            logits = model(images)
        loss_of(logits.float().squeeze(1), labels).backward()
        optimizer.step()
    return run


def step(options):
    def make(variant):
        if options.network == "cnn_150":
            model = peer_networks.SmallCnn()
        else:
            base = peer_networks.base_of(options.network)
            if variant.endswith("bf16"):
                peer_networks.with_clips(base)
            model = peer_networks.WithHead(base, options.size).train()
            if options.start != "none":
                peer_networks.freeze_before(model.base, peer_networks.LAST_BLOCK[options.network])
        model = model.to(memory_format=layout(variant))
        images = torch.rand(options.batch, 3, options.size, options.size).to(memory_format=layout(variant))
        labels = (torch.arange(options.batch) % 2).float()
        return trained(model, images, labels, variant, 1e-5)
    return make


def head(options):
    def make(variant):
        features, labels = torch.rand(2000, 8192), (torch.arange(2000) % 2).float()
        model = torch.nn.Sequential(torch.nn.Linear(8192, 256), torch.nn.ReLU(), torch.nn.Dropout(0.5),
                                    torch.nn.Linear(256, 1))
        optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-5)
        loss_of = torch.nn.BCEWithLogitsLoss()

        def epoch():
            for first in range(0, 2000, 20):
                optimizer.zero_grad(set_to_none=True)
                with autocast(variant):
                    logits = model(features[first:first + 20])
                loss_of(logits.float().squeeze(1), labels[first:first + 20]).backward()
                optimizer.step()
        return epoch
    return make


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=["frozen", "step", "head"])
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--from", dest="start", default="none")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--onnx")
    parser.add_argument("--threads", choices=["all", "default"], default="all")
    options, _ = parser.parse_known_args()
    if options.threads == "all":
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    make = {"frozen": frozen, "step": step, "head": head}[options.job](options)
    works = {}
    for line in sys.stdin:
        variant = line.strip()
        if variant not in works:
            works[variant] = make(variant)
        start, runs = time.perf_counter(), 0
        while runs == 0 or time.perf_counter() - start < options.seconds:
            works[variant]()
            runs += 1
        print((time.perf_counter() - start) * 1000 / runs, flush=True)


if __name__ == "__main__":
    main()
