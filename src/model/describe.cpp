#include "model/describe.h"

namespace headstart {

Model describe_architecture(const Architecture& architecture, const ArchitectureOptions& options) {
  Model model;
  model.graph = build_architecture(architecture, options);
  model.preprocessing = default_preprocessing(architecture, model.graph);
  model.provenance["architecture"] = architecture.name;
  model.provenance["flavour"] = architecture.flavour == Flavour::torch ? "torch" : "keras";
  return model;
}

std::string network_name(const Model& model) {
  const auto found = model.provenance.find("architecture");
  const bool known = found != model.provenance.end() && !found->second.empty() && found->second != "none";
  return known ? found->second : model.graph.name();
}

}  // namespace headstart
