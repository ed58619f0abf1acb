// What a network computes on one photo, layer by layer, forwards and backwards, as data and as a page.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/image.h"
#include "headstart/model.h"
#include "headstart/progress.h"

namespace headstart {

struct ExploreOptions {
  std::optional<int> class_index{};  // whose logit the gradients are of; the most probable when not given
  // Of a layer's feature maps that are kept, at most; twice as many of what joins maps.
  int channels = 16;
  // Of the page, about. Where all `channels` do not fit, large maps keep fewer; one is kept in any case.
  std::int64_t maximum_bytes = 15'000'000;
};

// A layer at work. P is the number of positions: H * W of (H, W, C), T of (T, C), 1 of (C).
struct ExploredLayer {
  std::int64_t parameters = 0;
  // Kept channels, ascending: those of a map that vary most over the photo, the same ones in layers that pass
  // channels on; all of a vector.
  std::vector<int> channels{};
  // Those of `channels` whose arithmetic is kept too: all of a map, the strongest of a vector.
  std::vector<int> units{};
  std::vector<float> values{};     // (channels, P)
  std::vector<float> gradients{};  // (channels, P): of the class's logit; empty beyond the logits
  // Of convolutions and dense layers, (units, P): what the input's channels that are no units add to a value.
  // Empty when all are units.
  std::vector<float> rest{};
  // The same for the gradient that the layer passes to its input: (units of the input, P of the input).
  std::vector<float> gradient_rest{};
  // What else its arithmetic needs, for the units: "kernel" (window, units of the input, units) or,
  // depthwise, (window, units); "bias", "gamma", "beta", "moving_mean", "moving_variance", ...; a
  // normalisation's "mean" and "variance" (P or groups); "attention" of the head "attention_head": (T, T),
  // within windows (P, window * window).
  std::map<std::string, std::vector<float>> arrays{};
};

struct Exploration {
  Graph graph{std::string()};  // the network with the activations inside layers as layers of their own
  std::vector<ExploredLayer> layers{};  // by node id
  Image photo{};                        // as the network sees it
  std::vector<std::string> class_names{};
  std::vector<float> probabilities{};  // by class; empty when the network is no classifier
  double temperature = 1.0;            // Model::temperature, which the probabilities are at
  int class_index = 0;                 // of the gradients
  NodeId logits = 0;                   // the node that the gradients begin at
  std::string title{};                 // of the page: what the network is called
  std::string photo_name{};
};

// Throws Error for a class the network does not have, and when stop_requested().
Exploration explore(Model model, const Image& photo, const ExploreOptions& options, Progress& progress);

// One HTML document that needs nothing else. Values are rounded to 24 bits (relative error below 2^-16).
std::string exploration_page(const Exploration& exploration);
// Atomically; returns the file's size in bytes.
std::int64_t write_exploration(const Exploration& exploration, const std::string& path);

}  // namespace headstart
