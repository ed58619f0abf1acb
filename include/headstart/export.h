// A model as an ONNX file, for other runtimes: what `headstart export` does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headstart/model.h"
#include "headstart/tensor.h"

namespace headstart {

// The order of an image's axes in the exported file's input and output.
enum class ImageLayout { channels_first, channels_last };

struct ExportOptions {
  // Ends in the logits (at the model's temperature) in place of probabilities.
  bool logits = false;
  // Scale, mean, standard deviation and order of the channels as part of the exported graph: its input are
  // RGB values from 0 to 255. Without: the network's own, normalised input.
  bool preprocessing = true;
  ImageLayout layout = ImageLayout::channels_first;
  // Where the model tells unknown photos (Model::acceptance): a second output that does.
  bool unknown = true;
};

// All are float32 with a batch of any size in front.
struct ExportedTensor {
  std::string name;
  Shape shape;  // of one sample, in the layout that was asked for
};

struct ExportSummary {
  ExportedTensor input{}, output{};
  std::optional<ExportedTensor> strangeness{};  // see is_unknown
  int opset = 0, nodes = 0;
  std::uint64_t bytes = 0;
  // The JSON document whose members are the file's metadata_props (docs/exporting.md).
  std::string description{};
  std::vector<std::string> notes{};  // what the file leaves out of the model
};

// A classifier ends in what `predict` says: probabilities of the classes, a single sigmoid as two of them,
// and how strange a photo is where the model tells. Another network ends in its output. Parameters keep their
// names, so the file is a source of weights for Headstart too. Written atomically. Throws Error for a name
// that does not end in .onnx, a model beyond the format's 2 GB, an input that is no picture while
// `preprocessing` is on, or a layer that ONNX cannot express.
ExportSummary export_onnx(const Model& model, const std::string& path, const ExportOptions& options = {});

}  // namespace headstart
