#include "headstart/convert.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/open_model.h"
#include "headstart/text.h"
#include "model/describe.h"
#include "model/weight_flavour.h"

namespace headstart {
namespace {

std::string extension_of(const std::string& path) {
  return lower(std::filesystem::path(path).extension().string());
}

}  // namespace

Conversion read_foreign_weights(const ConvertRequest& request) {
  const std::string extension = extension_of(request.destination);
  if (extension != ".safetensors" && extension != ".h5" && extension != ".pth" && extension != ".pt") {
    throw Error(fmt::format("[convert] expected a destination called .safetensors, .h5 or .pth; received {}",
                            request.destination));
  }
  WeightFile file = read_weight_file(request.source);
  const Architecture& row = architecture(
      request.architecture, flavour_for(request.architecture, file, request.source, request.options.flavour));
  Conversion result;
  result.model = describe_architecture(row, request.options);
  auto mapped = map_weights_leniently(result.model.graph, std::move(file));
  result.model.parameters = std::move(mapped.parameters);
  result.model.provenance["weights"] = request.source;
  result.report = std::move(mapped.report);
  add_imagenet_classes(result.model, request.source);
  return result;
}

void write_converted(const Model& model, const ConvertRequest& request) {
  if (extension_of(request.destination) == ".safetensors" && request.names == TensorNames::headstart) {
    save_model(model, request.destination);
  } else {
    write_weights(model.graph, model.parameters, request.destination, request.names);
  }
}

}  // namespace headstart
