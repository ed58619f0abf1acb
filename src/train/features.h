// Boundary tensors of whole splits: from the cache on disk, computed where it lacks them; or computed in
// memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/progress.h"
#include "headstart/train.h"
#include "train/boundary_source.h"

namespace headstart {

struct FeatureOptions {
  std::vector<NodeId> boundary{};
  Precision precision = Precision::f32;  // of the frozen part
  Preprocessing preprocessing{};
  int threads = 0;
  bool strict = false;
  std::string purpose{};  // "features" or "validation features", for the progress line
};

// Identifies everything but the picture that a record depends on.
std::string feature_key(const Graph& graph, const Parameters& parameters, const FeatureOptions& options);
// Identifies a picture by its path, size and time of change, and the augmented view.
std::string picture_identity(const std::string& path, int view);

// Empty when the records would not fit into the cache's limit. A stop request ends it early: the table lacks
// the rest, the cache keeps what was computed.
std::optional<FeatureTable> cached_features(const Dataset& dataset, const Graph& graph,
                                            const Parameters& parameters, const FeatureOptions& options,
                                            Progress& progress);

// The images must outlive the table.
FeatureTable features_in_memory(const MemoryDataset& dataset, const Graph& graph,
                                const Parameters& parameters, const FeatureOptions& options,
                                Progress& progress);

}  // namespace headstart
