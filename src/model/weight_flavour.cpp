#include "model/weight_flavour.h"

#include <algorithm>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/model.h"
#include "headstart/text.h"
#include "weights/onnx_names.h"

namespace headstart {
namespace {

std::optional<Flavour> recorded_flavour(const std::string& path) {
  try {
    const auto provenance = load_model(path).provenance;
    const auto found = provenance.find("flavour");
    return found == provenance.end()
               ? std::nullopt
               : std::optional(found->second == "torch" ? Flavour::torch : Flavour::keras);
  } catch (const Error&) {
    return std::nullopt;  // tensors without a model of ours around them
  }
}

// What `convert` makes of torchvision's networks has its modules ("layer1.0.conv1/kernel:0") as layers; a
// nested model's name may have a dot too ("mobilenetv2_1.00_224/Conv1/kernel:0").
bool has_module_names(const WeightFile& file) {
  const auto dotted = std::count_if(file.tensors.begin(), file.tensors.end(), [](const auto& entry) {
    const auto layer = entry.first.substr(0, entry.first.rfind('/'));
    return layer.find('.', layer.rfind('/') + 1) != std::string::npos;
  });
  return 2 * static_cast<std::size_t>(dotted) > file.tensors.size();
}

}  // namespace

std::optional<Flavour> weight_flavour(const std::string& architecture, const WeightFile& file,
                                      const std::string& path) {
  const auto& table = architectures();
  const auto rows = std::count_if(table.begin(), table.end(), [&](const auto& row) {
    return plain_spelling(row.name) == plain_spelling(architecture);
  });
  if (rows < 2) {
    return std::nullopt;
  }
  if (file.producer == kOnnxProducer) {  // torchvision's networks have its names
    const bool dotted = std::any_of(file.tensors.begin(), file.tensors.end(), [](const auto& entry) {
      return entry.first.find('.') != std::string::npos;
    });
    return dotted ? Flavour::torch : Flavour::keras;
  }
  if (file.format == WeightFormat::onnx) {
    return file.producer == "pytorch" ? Flavour::torch : Flavour::keras;
  }
  if (file.format == WeightFormat::pytorch) {
    return Flavour::torch;
  }
  if (file.format != WeightFormat::safetensors) {
    return has_module_names(file) ? Flavour::torch : Flavour::keras;
  }
  if (const auto recorded = recorded_flavour(path)) {
    return recorded;
  }
  // PyTorch's state dicts say "features.0.weight" where ours say "block1_conv1/kernel".
  const bool torch_names = std::all_of(file.tensors.begin(), file.tensors.end(), [](const auto& entry) {
    return entry.first.find('/') == std::string::npos && entry.first.find('.') != std::string::npos;
  });
  return torch_names ? Flavour::torch : Flavour::keras;
}

std::optional<Flavour> flavour_for(const std::string& architecture, const WeightFile& file,
                                   const std::string& path, std::optional<Flavour> asked) {
  const auto told = weight_flavour(architecture, file, path);
  if (told && asked && *told != *asked) {
    const auto name = [](Flavour flavour) { return flavour == Flavour::torch ? "torch" : "keras"; };
    throw Error(
        fmt::format("[model] expected weights of the flavour {} of {}; received {}, which is {}; leave out "
                    "--flavour",
                    name(*asked), architecture, path, name(*told)));
  }
  return told ? told : asked;
}

}  // namespace headstart
