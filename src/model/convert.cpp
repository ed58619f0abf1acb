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
  if (extension != ".safetensors" && extension != ".h5") {
    throw Error(fmt::format("[convert] expected a destination called .safetensors or .h5; received {}",
                            request.destination));
  }
  const WeightFile file = read_weight_file(request.source);
  const Architecture& row =
      architecture(request.architecture, weight_flavour(request.architecture, file, request.source));
  Conversion result;
  result.model = describe_architecture(row, request.options);
  auto mapped = map_weights_leniently(result.model.graph, file);
  result.model.parameters = std::move(mapped.parameters);
  result.model.provenance["weights"] = request.source;
  result.report = std::move(mapped.report);
  add_imagenet_classes(result.model, request.source);
  return result;
}

void write_converted(const Model& model, const std::string& destination) {
  if (extension_of(destination) == ".safetensors") {
    save_model(model, destination);
  } else {
    write_weights(model.graph, model.parameters, destination);
  }
}

}  // namespace headstart
