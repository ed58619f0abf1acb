// What is inside a network: its kernels, its feature maps, the input that excites a filter or a class most,
// the training photos that it finds alike, and how large gradients are layer by layer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/image.h"
#include "headstart/model.h"
#include "headstart/predict.h"
#include "headstart/progress.h"

namespace headstart {

// The kernels of a layer, each as a small picture of kernel height x width: in colour where the layer reads
// the input's three channels (medium gray is zero), else its first input channels in gray.
struct FilterPictures {
  std::string layer{};
  std::vector<Image> filters{};
  std::int64_t all = 0;  // filters of the layer
};
// `layer` empty: the first convolution; at most `count` filters. Throws Error for a layer without kernels of
// more than one pixel.
FilterPictures filter_pictures(const Model& model, const std::string& layer, int count);

// The feature maps of a layer for one photo, the strongest first.
struct FeatureMaps {
  std::string layer{};
  Shape shape{};
  std::vector<int> channels{};
  std::vector<Tensor> maps{};  // (h, w), each stretched to 0..1
};
// `layers` empty: the last layer of each resolution. At most `count` maps a layer.
std::vector<FeatureMaps> feature_maps(const Model& model, const Image& photo,
                                      const std::vector<std::string>& layers, int count);

struct MaximizeOptions {
  std::string layer{};       // whose filters; empty with a class: the output
  std::vector<int> units{};  // filters, or columns of class_probabilities; empty: the first nine filters
  bool classes = false;      // `units` are classes
  int steps = 200;
  double rate = 6.0;    // a step's mean change of a pixel, in levels of 255, falling to a quarter
  double decay = 0.01;  // what is taken off a pixel's distance from gray at each step
  int jitter = 8;       // largest random shift before a step, in pixels; at most side / 16
  std::uint64_t seed = 0;
};
struct MaximizedInput {
  int unit = 0;
  // The class's logit, or the mean of the filter's map before its activation (or the one that was pooled).
  float before = 0.0F, after = 0.0F;
  bool stuck = false;  // no gradient reached the pixels at any step: the picture shows nothing
  Image picture{};
};
// Gradient ascent on the input from gray with a little noise (Simonyan et al., 2014; Yosinski et al., 2015),
// the gradient's octaves of detail made even (Mordvintsev et al., 2015) and its colours correlated (Olah et
// al., 2017).
std::vector<MaximizedInput> maximize(const Model& model, const MaximizeOptions& options, Progress& progress);

struct Neighbour {
  std::string path{}, label{};
  float similarity = 0.0F;  // cosine
};
// The photos of `dataset` nearest to `photo` in the feature space of `layer` (empty: what the last layer with
// weights reads), nearest first.
std::vector<Neighbour> nearest_photos(const Model& model, const std::string& photo, const Dataset& dataset,
                                      const std::string& layer, int count, const PredictOptions& options,
                                      Progress& progress);

struct LayerGradient {
  std::string layer{};
  std::int64_t parameters = 0;
  double weights = 0.0;  // Euclidean norms
  double gradient = 0.0;
  double update = 0.0;  // rate * gradient / weights: what a step of plain SGD changes
};
struct GradientTable {
  double loss = 0.0;
  int images = 0;
  double rate = 0.0;
  std::vector<LayerGradient> layers{};    // in the network's order, every layer with weights
  std::vector<std::string> unreadable{};  // "path: reason" of photos that the batch goes without
};
// For one labelled batch with every layer unfrozen and batch norm at its moving statistics.
GradientTable layer_gradients(const Model& model, const Dataset& dataset, int batch_size, double rate);
// One bar a layer on a logarithmic scale.
Image gradient_chart(const GradientTable& table);

}  // namespace headstart
