// Layer outputs of many image files, as fast as the machine gives them: the engine of feature caches and
// predictions.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/image.h"
#include "headstart/parameters.h"
#include "headstart/preprocessing.h"
#include "headstart/progress.h"

namespace headstart {

struct ExtractOptions {
  std::vector<NodeId> outputs{};
  Preprocessing preprocessing{};
  Precision precision = Precision::automatic;
  const ValueRanges* ranges = nullptr;  // for int8
  int threads = 0;                      // 0: all cores
  bool strict = false;                  // an unreadable image throws in place of being left out
  bool logits = false;                  // as FrozenProgram::Options::logits
  // As LoaderOptions::augment.
  std::function<Image(const Image&, const LoaderItem&)> augment{};
};

// Receives one item at a time, in the order of `items`, never two at once (but on the threads of the
// extraction). `outputs[i]` points to the values of output i of this image and is valid during the call.
using ExtractSink = std::function<void(std::size_t item, std::span<const float* const> outputs)>;

// Every thread decodes, preprocesses and computes its own images with a program of its own: there is nothing
// to wait for between two threads, so all cores are busy whatever the shares of decoding and computing are.
// The values do not depend on the number of threads. Stops early when stop_requested(). Returns the images
// that could not be read, in order.
std::vector<UnreadableImage> extract(const Dataset& dataset, const std::vector<LoaderItem>& items,
                                     const Graph& graph, const Parameters& parameters,
                                     const ExtractOptions& options, Progress& progress,
                                     const ExtractSink& sink);

}  // namespace headstart
