#!/usr/bin/env python3
"""The job of `headstart train cats_vs_dogs --base mobilenet_v2` as one writes it with PyTorch and torchvision: a
DataLoader with two workers, the base's pooled features once, a linear head on them. Prints its seconds as JSON.

  /usr/bin/python3 bench/pytorch_transfer.py ../shared/data/cats_vs_dogs [--channels-last] [--bf16] [--all-cores]

The base's weights are random: they do not change the time.
"""
import argparse
import json
import os
import time

start = time.perf_counter()

import torch
import torchvision
from torch import nn
from torchvision import datasets, transforms


def features_of(base, folder, options):
    transform = transforms.Compose([
        transforms.Resize((224, 224)),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
    ])
    loader = torch.utils.data.DataLoader(datasets.ImageFolder(folder, transform), batch_size=32, num_workers=2)
    features, labels = [], []
    with torch.no_grad():
        for images, batch_labels in loader:
            if options.channels_last:
                images = images.to(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16):
                maps = base.features(images)
            features.append(maps.float().mean(dim=(2, 3)))
            labels.append(batch_labels)
    return torch.cat(features), torch.cat(labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--all-cores", action="store_true", help="and not as many threads as PyTorch chooses")
    options = parser.parse_args()
    if options.all_cores:
        torch.set_num_threads(len(os.sched_getaffinity(0)))

    base = torchvision.models.mobilenet_v2().eval()
    if options.channels_last:
        base = base.to(memory_format=torch.channels_last)
    loaded = time.perf_counter()
    train, train_labels = features_of(base, options.data + "/train", options)
    validation, validation_labels = features_of(base, options.data + "/validation", options)
    extracted = time.perf_counter()

    head = nn.Linear(train.shape[1], int(train_labels.max()) + 1)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    pairs = torch.utils.data.TensorDataset(train, train_labels)
    accuracy = 0.0
    for _ in range(options.epochs):
        for x, y in torch.utils.data.DataLoader(pairs, batch_size=32, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(head(x), y).backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = (head(validation).argmax(1) == validation_labels).float().mean().item()
    end = time.perf_counter()
    print(json.dumps({
        "images": len(train) + len(validation),
        "start": loaded - start,
        "features": extracted - loaded,
        "head": end - extracted,
        "total": end - start,
        "val_accuracy": accuracy,
    }))


if __name__ == "__main__":
    main()
