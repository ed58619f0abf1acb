// The registry of networks: names to graphs, with published figures.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headstart/graph.h"
#include "headstart/preprocessing.h"

namespace headstart {

enum class Flavour { keras, torch };

struct ArchitectureOptions {
  int height = 0, width = 0, channels = 0;  // 0: the network's default
  double alpha = 1.0;                       // width multiplier (MobileNets)
  bool include_top = true;
  int classes = 0;  // 0: the network's default
  // Whose network of a name that Keras and torchvision both have, where no weights tell; Keras's when not
  // given.
  std::optional<Flavour> flavour{};
};

// One row of the zoo.
struct Architecture {
  std::string name{};   // "mobilenet_v2"
  std::string title{};  // "MobileNetV2"
  Flavour flavour = Flavour::keras;
  int input_size = 224;
  int channels = 3;
  int minimum_size = 32;
  int classes = 1000;
  std::string preprocessing = "tf";  // named mode
  ResizeKernel kernel = ResizeKernel::bilinear_aa;
  int resize_to = 0;                     // shorter side before the central crop at input_size; 0: squash
  std::optional<double> top1{}, top5{};  // ImageNet, per cent
  std::optional<int> depth{};            // of Keras's first table (docs/weights.md)
  std::int64_t parameters = 0;   // published, with top; Keras counts moving statistics, PyTorch does not
  std::vector<double> alphas{};  // widths with published weights; empty: the network has no width multiplier
  Graph (*build)(const ArchitectureOptions&) = nullptr;
};

const std::vector<Architecture>& architectures();
// Capitals, hyphens and underscores do not count: ResNet-50 is resnet50, InceptionV3 inception_v3. Where
// Keras and torchvision both have the name, `flavour` chooses; Keras's when it is not given. A flavour that
// the name does not have is no error: the only row is given. Throws Error that offers the nearest names.
bool is_zoo_name(std::string_view name);
const Architecture& architecture(std::string_view name, std::optional<Flavour> flavour = std::nullopt);

// The graph with defaults filled in; throws Error for an input below minimum_size (says the minimum), an
// alpha the network does not take, a non-positive class count. The graph's name is the architecture's.
Graph build_architecture(const Architecture& architecture, ArchitectureOptions options);
Preprocessing default_preprocessing(const Architecture& architecture, const Graph& graph);

}  // namespace headstart
