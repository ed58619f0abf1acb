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

}  // namespace headstart
