#include "headstart/convert.h"

#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/open_model.h"
#include "headstart/text.h"
#include "model/describe.h"
#include "model/model_place.h"
#include "model/weight_flavour.h"

namespace headstart {
namespace {

// A model file of ours: every parameter is its own.
Conversion read_own_model(const ConvertRequest& request) {
  Conversion result;
  result.model = describe_model({.model = request.source, .architecture = request.options});
  for (const auto& [name, tensor] : result.model.parameters) {
    result.report.mapped.push_back({.parameter = name, .source = name, .transform = ""});
    result.report.parameters += tensor.size();
  }
  result.report.matched_by = "names";
  return result;
}

}  // namespace

bool needs_architecture(const std::string& source) { return is_foreign_weight_file(model_file_in(source)); }

Conversion read_foreign_weights(const ConvertRequest& request) {
  const std::string extension = extension_of(request.destination);
  if (extension != ".safetensors" && extension != ".h5" && extension != ".pth" && extension != ".pt") {
    throw Error(fmt::format("[convert] expected a destination called .safetensors, .h5 or .pth; received {}",
                            request.destination));
  }
  if (request.architecture.empty()) {
    return read_own_model(request);
  }
  const std::string source = model_file_in(request.source);
  WeightFile file = read_weight_file(source);
  const Architecture& row = architecture(
      request.architecture, flavour_for(request.architecture, file, source, request.options.flavour));
  Conversion result;
  result.model = describe_architecture(row, request.options);
  auto mapped = map_weights_leniently(result.model.graph, std::move(file));
  result.model.parameters = std::move(mapped.parameters);
  result.model.provenance["weights"] = request.source;
  result.report = std::move(mapped.report);
  add_imagenet_classes(result.model, source);
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
