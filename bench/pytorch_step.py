#!/usr/bin/env python3
"""Milliseconds of one training step (forward, loss, backward, RMSprop) of the notes' 150x150 CNN in PyTorch, as JSON.

  /usr/bin/python3 bench/pytorch_step.py --batch 20 [--channels-last] [--bf16]
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn


def small_cnn():
    layers, channels = [], 3
    for filters in (32, 64, 128, 128):
        layers += [nn.Conv2d(channels, filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(6272, 512), nn.ReLU(), nn.Linear(512, 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = small_cnn()
    images = torch.randn(options.batch, 3, 150, 150)
    labels = (torch.arange(options.batch) % 2).float()[:, None]
    if options.channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-4)
    times = []
    for _ in range(options.steps + 3):
        start = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16):
            logits = model(images)
        nn.functional.binary_cross_entropy_with_logits(logits.float(), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    print(json.dumps({"milliseconds": 1000 * statistics.median(times[3:])}))


if __name__ == "__main__":
    main()
