// The tensors of a weight file grouped by layer, under one vocabulary for all formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headstart/weights.h"

namespace headstart {

// How a source keeps its tensors.
enum class WeightLayout {
  keras,     // HWIO, (in, out), flattened as H, W, C: also ours
  torch,     // OIHW, (out, in), flattened as C, H, W
  exported,  // of our own ONNX files (weights/onnx_names.h), flattened as H, W, C
};

struct SourceWeight {
  std::string key;  // in WeightFile::tensors
  // "kernel", "gamma", ...; empty where the file does not say (Keras 1): then the position counts.
  std::string kind;
  const Tensor* tensor = nullptr;
};

struct SourceLayer {
  // Name of the Keras layer group it stands in ("vgg16" of a nested model), else as `name`.
  std::string group;
  std::string name;  // "block1_conv1", "layer1.0.bn1"
  std::vector<SourceWeight> weights{};
  std::uint64_t place = 0;         // in the network (weights/places.h); 0: not known
  std::optional<float> epsilon{};  // of a batch norm, where the file says it
};

struct Source {
  WeightLayout layout = WeightLayout::keras;
  std::vector<SourceLayer> layers;  // in the file's order
  bool may_be_folded = false;       // ONNX: a convolution may have taken up the batch norm behind it
  bool flattened_hwc = false;       // PyTorch's layouts, but flattened as H, W, C: exported from TensorFlow
};

// Nested Keras models are taken apart by the names of their weights; `module.` and the `prefix` are dropped
// from PyTorch names and the buffers `num_batches_tracked` and `relative_position_index` are left out.
Source source_layers(const WeightFile& file, std::string_view prefix = {});

// What most of the names begin with, a module more each time: "model.", "model.backbone.". Lightning and
// classes of people's own put a network into a member.
std::vector<std::string> module_prefixes(const WeightFile& file);

}  // namespace headstart
