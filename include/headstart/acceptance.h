// "None of these": how far a photo lies from what a classifier was trained on, and how far is too far.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/tensor.h"

namespace headstart {

// A photo's features are the values that enter the last layer with weights, the mean over the positions where
// that is an image, scaled to length 1. Its distance is the Mahalanobis distance to the nearest class (Lee et
// al., "A simple unified framework for detecting out-of-distribution samples", 2018), under one covariance
// for all classes: `directions` of large variance and the same small variance everywhere else. What is
// further away than the limit of the class that the network says is unknown.
struct Acceptance {
  std::string node;            // whose values the features are
  Tensor centroids;            // (classes, channels)
  Tensor directions;           // (rank, channels): of length sqrt(1 / noise - 1 / variance)
  double noise = 1.0;          // variance where there is no direction
  std::vector<double> limits;  // one a class; above 0
  double share = 0.0;          // of the photos of the classes that are to be accepted
};

struct FeatureSource {
  NodeId node = -1;
  std::int64_t channels = 0;
};
// Empty when more than one layer, or none, leads to the output, and for one feature alone.
std::optional<FeatureSource> feature_source(const Graph& graph);
// Of a node that is named: its last axis, or before a Flatten the one that was the last.
std::int64_t feature_channels(const Graph& graph, NodeId node);

// (N, channels) from a node's values of N images, (N, shape of the node). Throws Error for sizes that do not
// fit.
Tensor unit_features(std::span<const float> values, std::int64_t images, std::int64_t channels);

// The mean of the rows with each label: (classes, channels); zeros for a class without rows. `features`: (N,
// channels), N labels from 0 to below `classes`; throws Error otherwise.
Tensor class_means(const Tensor& features, std::span<const int> labels, int classes);

// Centroids, directions and noise; no limits yet. `features`: (N, channels) of length 1, of photos with those
// labels. Throws Error when the sizes do not fit or there are fewer than 2 images.
Acceptance fit_acceptance(const Tensor& features, std::span<const int> labels, int classes);

// One for each row of (N, channels): squared distance to the nearest class by channels, under the root.
std::vector<double> distances(const Acceptance& acceptance, const Tensor& features);

// With fewer images there is no telling what is too far.
constexpr std::int64_t kFewestForLimits = 20;
// Limits such that of photos like these at least `share` are accepted, whatever their distribution (split
// conformal prediction, Papadopoulos et al., 2002): per class where so many photos are taken for it that five
// lie beyond the limit (100 for a share of 0.95), else common to all. `predicted`: what the network says.
// Throws Error for a share outside (0, 1), sizes that do not fit, classes that there are not, fewer than
// kFewestForLimits images.
void fit_limits(Acceptance& acceptance, std::span<const double> distances, std::span<const int> predicted,
                double share);

// How strange photos are, distance by limit: above 1, or no number, they are unknown. Throws Error for sizes
// that do not fit and classes without a limit.
std::vector<float> strangeness(const Acceptance& acceptance, std::span<const double> distances,
                               std::span<const int> predicted);
inline bool is_unknown(float strangeness) { return !(strangeness <= 1.0F); }

// Area under the ROC curve: how often a stranger is stranger than a known photo; ties count half. Throws
// Error without either.
double separation(std::span<const float> known, std::span<const float> strangers);

}  // namespace headstart
