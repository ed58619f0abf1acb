#include "headstart/open_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "headstart/error.h"
#include "headstart/text.h"
#include "headstart/weights.h"
#include "model/describe.h"
#include "model/model_place.h"
#include "model/weight_flavour.h"

namespace headstart {
namespace {

bool has_architecture_options(const ArchitectureOptions& options) {
  const ArchitectureOptions defaults;
  return options.height != defaults.height || options.width != defaults.width ||
         options.channels != defaults.channels || options.alpha != defaults.alpha ||
         options.include_top != defaults.include_top || options.classes != defaults.classes ||
         options.flavour.has_value();
}

// Keras's arithmetic for the network that the model or a model nested in it is named after
// ("mobilenetv2_1.00_224"); pixels of 0..1 else, as most courses train; none where the model rescales itself.
std::string guess_preprocessing(const Graph& graph) {
  for (const auto& node : graph.nodes()) {
    if (std::holds_alternative<Rescaling>(node.op)) {
      return "none";
    }
  }
  // MobileNets by their layers: Teachable Machine calls its base "model1".
  for (const auto& node : graph.nodes()) {
    const auto name = node.name.substr(node.name.rfind('/') + 1);
    if (name == "expanded_conv_depthwise" || name == "conv_dw_1") {
      return "tf";
    }
  }
  std::vector<std::string> names{plain_spelling(graph.name())};
  for (const auto& scope : graph.scopes()) {
    names.push_back(plain_spelling(scope.name.substr(scope.name.rfind('/') + 1)));
  }
  // Keras calls both of its NASNets "NASNet", which is but the beginning of our names.
  const bool nasnet = std::find(names.begin(), names.end(), "nasnet") != names.end();
  std::string mode = nasnet ? "tf" : "unit";
  std::size_t longest = 0;
  for (const auto& row : architectures()) {
    const auto wanted = plain_spelling(row.name);
    for (const auto& name : names) {
      if (row.flavour == Flavour::keras && name.starts_with(wanted) && wanted.size() > longest) {
        longest = wanted.size();
        mode = row.preprocessing;
      }
    }
  }
  return mode;
}

// Someone's whole Keras model: its graph is in the file, how its pictures were prepared is not.
Model open_foreign_model(const std::string& path) {
  auto file = read_weight_file(path);
  if (file.architecture_json.empty()) {
    throw Error(
        fmt::format("[model] expected a network or a model file; received {}, which holds weights alone; "
                    "give the network's name and --weights {}",
                    path, path));
  }
  Model model;
  model.graph = graph_of(file);
  auto class_names = std::move(file.class_names);
  model.parameters = map_weights(model.graph, std::move(file)).parameters;
  const auto outputs = static_cast<std::size_t>(element_count(model.graph.output_shape()));
  if (class_names.size() == outputs || (outputs == 1 && class_names.size() == 2)) {
    model.class_names = std::move(class_names);
  }
  const auto& shape = model.graph.input_shape();
  if (shape.size() != 3) {
    throw Error(
        fmt::format("[model] expected a model of images (height, width, channels); received one of {}",
                    to_string(shape)));
  }
  model.preprocessing = with_mode({.height = static_cast<int>(shape[0]),
                                   .width = static_cast<int>(shape[1]),
                                   .channels = static_cast<int>(shape[2])},
                                  guess_preprocessing(model.graph));
  model.provenance = {{"architecture", model.graph.name()},
                      {"weights", path},
                      {"preprocessing", "guessed: " + model.preprocessing.mode}};
  return model;
}

[[noreturn]] void refuse_model(const std::string& model) {
  std::vector<std::string> names;
  for (const auto& row : architectures()) {
    names.push_back(row.name);
  }
  std::error_code ignored;
  const bool like_a_path = model.find_first_of("./") != std::string::npos;
  const auto what = plain_spelling(model) == "inceptionv1"          ? ", which is called googlenet here"
                    : std::filesystem::is_directory(model, ignored) ? ", a folder without model.safetensors"
                    : like_a_path                                   ? ", and there is no such file"
                                                                    : did_you_mean(model, names);
  throw Error(
      fmt::format("[model] expected a network (see `headstart models`) or a model file; received {}{}", model,
                  what.empty() ? ", which is neither" : what));
}

void choose_preprocessing(const ModelRequest& request, Model& model) {
  if (!request.preprocessing.empty()) {
    model.preprocessing = with_mode(model.preprocessing, request.preprocessing);
    model.provenance.erase("preprocessing");
  }
  if (!request.resize.empty()) {
    model.preprocessing.kernel = resize_kernel_from(request.resize);
  }
}

Model open_model_file(const ModelRequest& request) {
  const std::string path = model_file_in(request.model);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored) || std::filesystem::is_directory(path, ignored)) {
    refuse_model(path);
  }
  if (!request.weights.empty() || has_architecture_options(request.architecture)) {
    throw Error(
        fmt::format("[model] {} is a model file, which holds its own architecture and weights; leave out "
                    "--weights and the architecture options",
                    path));
  }
  if (is_foreign_weight_file(path)) {
    Model model = open_foreign_model(path);
    choose_preprocessing(request, model);
    return model;
  }
  if (!request.preprocessing.empty() || !request.resize.empty()) {
    throw Error(fmt::format(
        "[model] {} is a model file, which holds its own preprocessing; leave out --preprocessing "
        "and --resize",
        path));
  }
  return load_model(path);
}

std::string fetch_imagenet(const ModelRequest& request, Progress& progress) {
  const Architecture& row = architecture(request.model, request.architecture.flavour);
  const ArchitectureOptions& options = request.architecture;
  const int size = options.height > 0 ? options.height : row.input_size;
  const auto weights = official_weights(row.name, options.alpha, size, options.include_top, row.flavour);
  if (!weights) {
    throw Error(fmt::format(
        "[model] expected a network with published ImageNet weights; received {} with alpha {}; "
        "give a weight file, or --weights none (with --freeze none, so that all of it is trained)",
        row.name, options.alpha));
  }
  return fetch_weights(*weights, progress);
}

void add_class_names(Model& model, const ModelRequest& request, const std::string& weights) {
  if (!request.class_index.empty()) {
    read_class_index(model, request.class_index);
  } else {
    add_imagenet_classes(model, weights);
  }
}

}  // namespace

Model describe_model(const ModelRequest& request) {
  if (!is_zoo_name(request.model)) {
    return open_model_file(request);
  }
  Model model =
      describe_architecture(architecture(request.model, request.architecture.flavour), request.architecture);
  choose_preprocessing(request, model);
  return model;
}

Model open_model(const ModelRequest& request, Progress& progress) {
  if (!is_zoo_name(request.model)) {
    Model model = open_model_file(request);
    if (const auto guessed = model.provenance.find("preprocessing"); guessed != model.provenance.end()) {
      progress.message(
          fmt::format("how pictures are prepared is {}; --preprocessing chooses another", guessed->second));
    }
    add_class_names(model, request, "");
    return model;
  }
  if (request.weights == "none") {
    Model model = describe_model(request);
    model.parameters = initialize(model.graph, request.seed);
    model.provenance["weights"] = "none";
    if (!request.class_index.empty()) {
      read_class_index(model, request.class_index);
    }
    return model;
  }
  const bool imagenet = request.weights.empty() || request.weights == "imagenet";
  const std::string& name = architecture(request.model).name;
  const std::string path = imagenet ? fetch_imagenet(request, progress) : request.weights;
  if (std::error_code ignored; !std::filesystem::exists(path, ignored)) {
    const auto hint = did_you_mean(path, {"imagenet", "none"});
    throw Error(fmt::format("[model] expected the weights imagenet, none or a file; received {}{}", path,
                            hint.empty() ? ", which does not exist" : hint));
  }
  WeightFile file = read_weight_file(path);
  const auto flavour = flavour_for(name, file, path, request.architecture.flavour);
  Model model = describe_architecture(architecture(name, flavour), request.architecture);
  choose_preprocessing(request, model);
  auto mapped = map_weights(model.graph, std::move(file));
  model.parameters = std::move(mapped.parameters);
  if (const auto count = mapped.report.folded.size(); count > 0) {
    model.provenance["folded"] = fmt::format("{} batch normalisations, by the exporter", count);
  }
  model.provenance["weights"] = path;
  add_class_names(model, request, path);
  return model;
}

Model open_to_go_on(const ModelRequest& request, const std::string& freeze,
                    const std::vector<std::string>& classes, Progress& progress) {
  if (is_zoo_name(request.model)) {
    throw Error(
        fmt::format("[model] expected a model file whose head is kept; received {}, a network of "
                    "`headstart models`, which has none of these classes",
                    request.model));
  }
  Model model = open_model(request, progress);
  if (model.class_names != classes) {
    throw Error(
        fmt::format("[model] expected the classes of {}, {}; received data of {}; leave out --head keep "
                    "for a new head, or see `headstart add-classes`",
                    request.model, fmt::join(model.class_names, ", "), fmt::join(classes, ", ")));
  }
  model.temperature = 1.0;  // what was fitted to the weights of before
  model.acceptance.reset();
  model.ranges.clear();
  const Graph base = without_head(model).graph;
  model.graph.set_all_trainable(true);
  if (freeze != "all" || model.graph.set_trainable_under(base.name() + "/", false) > 0) {
    freeze_base(model.graph, base.name(), freeze);
    return model;
  }
  for (const Node& node : base.nodes()) {  // not nested
    model.graph.set_trainable(model.graph.require(node.name), false);
  }
  return model;
}

Model input_only(const ArchitectureOptions& options) {
  constexpr int kDefaultSize = 150, kDefaultChannels = 3;
  const int height = options.height > 0 ? options.height : kDefaultSize;
  const int width = options.width > 0 ? options.width : kDefaultSize;
  const int channels = options.channels > 0 ? options.channels : kDefaultChannels;
  Model model;
  model.graph = Graph("scratch");
  model.graph.add("input_1", Input{{height, width, channels}}, std::vector<NodeId>{});
  model.preprocessing = with_mode({.height = height, .width = width, .channels = channels}, "unit");
  model.provenance["architecture"] = "none";
  return model;
}

Model with_head(const Model& base, const HeadOptions& options, std::uint64_t seed) {
  Model model;
  model.graph = attach_head(base.graph, options);
  model.preprocessing = base.preprocessing;
  model.provenance = base.provenance;
  model.provenance["head"] = options.head;
  model.parameters = initialize(model.graph, seed);
  const std::string scope = base.graph.name() + "/";
  for (const auto& [name, tensor] : base.parameters) {
    model.parameters.at(scope + name) = tensor;
  }
  return model;
}

}  // namespace headstart
