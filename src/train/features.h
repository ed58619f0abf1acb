// Boundary tensors of whole splits: from the cache on disk, computed where it lacks them; or computed in
// memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "headstart/augment.h"
#include "headstart/dataset.h"
#include "headstart/progress.h"
#include "headstart/train.h"
#include "train/boundary_source.h"

namespace headstart {

struct BoundaryTableOptions {
  std::vector<NodeId> boundary{};
  Precision precision = Precision::f32;  // of the frozen part
  const ValueRanges* ranges = nullptr;   // for int8
  Preprocessing preprocessing{};
  int threads = 0;
  bool strict = false;
  Augmentation augmentation{};  // of files
  std::uint64_t seed = 0;       // of the augmentation
  int views = 1;                // of each image
  std::string purpose{};        // "features" or "validation features", for the progress line
};

// Identifies everything but the picture that a record depends on.
std::string feature_key(const Graph& graph, const Parameters& parameters,
                        const BoundaryTableOptions& options);
// Everything of it that changes pixels.
std::string text_of(const Preprocessing& preprocessing);
// Identifies a picture by its path, size and time of change.
std::string picture_identity(const std::string& path);
// What a loader applies to a picture; null when the augmentation changes nothing.
std::function<Image(const Image&, const LoaderItem&)> augment_function(const Augmentation& augmentation,
                                                                       std::uint64_t seed);

// Empty when the records would not fit into the cache's limit. A stop request ends it early: the table lacks
// the rest, the cache keeps what was computed.
std::optional<BoundaryTable> cached_features(const Dataset& dataset, const Graph& graph,
                                             const Parameters& parameters,
                                             const BoundaryTableOptions& options, Progress& progress);

// The images must outlive the table.
BoundaryTable features_in_memory(const MemoryDataset& dataset, const Graph& graph,
                                 const Parameters& parameters, const BoundaryTableOptions& options,
                                 Progress& progress);

}  // namespace headstart
