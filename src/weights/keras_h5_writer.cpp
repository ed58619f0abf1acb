// Writes Keras's legacy weights file with libhdf5.
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <hdf5.h>

#include "core/files.h"
#include "graph/keras_order.h"
#include "weights/keras_h5.h"

namespace headstart {
namespace {

// An HDF5 handle closed at the end of its scope. A negative one is a failure of the library.
class Handle {
 public:
  Handle(hid_t id, herr_t (*closer)(hid_t), const char* what) : id_(id), close_(closer) {
    if (id_ < 0) {
      throw Error(fmt::format("[h5] writing failed: {}; is the disk full", what));
    }
  }
  ~Handle() {
    if (id_ >= 0) {
      close_(id_);
    }
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  hid_t get() const { return id_; }
  // The file's buffers are written here, so its result matters.
  void close() { check(close_(std::exchange(id_, -1)), "close"); }
  static void check(herr_t result, const char* what) {
    if (result < 0) {
      throw Error(fmt::format("[h5] writing failed: {}; is the disk full", what));
    }
  }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

Handle string_type(std::size_t size) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "string type");
  Handle::check(H5Tset_size(type.get(), size), "string type");
  Handle::check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "string type");
  return type;
}

void write_text(hid_t object, const char* name, const std::string& text) {
  const auto type = string_type(text.size());
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose, name);
  const Handle attribute(H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose, name);
  Handle::check(H5Awrite(attribute.get(), type.get(), text.data()), name);
}

void write_text_array(hid_t object, const std::string& name, std::span<const std::string> texts) {
  std::size_t width = 1;
  for (const auto& text : texts) {
    width = std::max(width, text.size());
  }
  std::string block(texts.size() * width, '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i].copy(block.data() + i * width, width);
  }
  const auto type = string_type(width);
  const hsize_t count = texts.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose, name.c_str());
  const Handle attribute(H5Acreate2(object, name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose, name.c_str());
  Handle::check(H5Awrite(attribute.get(), type.get(), block.data()), name.c_str());
}

// HDF5 keeps an attribute in 64 KiB; Keras cuts longer ones in pieces called name0, name1, ...
void write_texts(hid_t object, const std::string& name, const std::vector<std::string>& texts) {
  constexpr std::size_t kLimit = 64512;
  std::size_t width = 1;
  for (const auto& text : texts) {
    width = std::max(width, text.size());
  }
  const std::size_t per_piece = std::max<std::size_t>(1, kLimit / width);
  if (texts.size() <= per_piece) {
    write_text_array(object, name, texts);
    return;
  }
  for (std::size_t first = 0, piece = 0; first < texts.size(); first += per_piece, ++piece) {
    write_text_array(object, name + std::to_string(piece),
                     std::span(texts).subspan(first, std::min(per_piece, texts.size() - first)));
  }
}

void write_tensor(hid_t group, const std::string& name, const Tensor& tensor, hid_t links) {
  const std::vector<hsize_t> extents(tensor.shape().begin(), tensor.shape().end());
  const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose,
                     name.c_str());
  const Handle data(
      H5Dcreate2(group, name.c_str(), H5T_IEEE_F32LE, space.get(), links, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
      name.c_str());
  Handle::check(H5Dwrite(data.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.data()),
                name.c_str());
}

void write_zero(hid_t group, const std::string& name, hid_t links) {
  constexpr std::int64_t kZero = 0;
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose, name.c_str());
  const Handle data(
      H5Dcreate2(group, name.c_str(), H5T_STD_I64LE, space.get(), links, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
      name.c_str());
  Handle::check(H5Dwrite(data.get(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &kZero), name.c_str());
}

// One layer as Keras sees it: a node, or a nested model with all of its nodes.
struct Layer {
  std::string name;
  struct Weight {
    std::string name;                // "conv1/kernel:0"
    const Tensor* tensor = nullptr;  // null: a count of nothing
  };
  std::vector<Weight> weights, statistics;  // Keras keeps what is not trainable at the end
};

// Name of the outermost nested model that a node belongs to, else its own.
std::string layer_of(const Graph& graph, const std::string& node) {
  const auto found = std::find_if(graph.scopes().begin(), graph.scopes().end(),
                                  [&](const Scope& scope) { return node.starts_with(scope.name + "/"); });
  return found == graph.scopes().end() ? node : found->name;
}

void add_weights(const Graph& graph, NodeId id, const Parameters& parameters, Layer& layer) {
  const auto& node = graph.node(id);
  const auto inner = node.name == layer.name ? node.name : node.name.substr(layer.name.size() + 1);
  const bool depthwise = std::holds_alternative<DepthwiseConv2D>(node.op);
  for (const auto& spec : parameter_specs(graph, id)) {
    const auto kind = depthwise && spec.name == "kernel" ? "depthwise_kernel" : spec.name;
    auto& list = spec.trainable ? layer.weights : layer.statistics;
    list.push_back({fmt::format("{}/{}:0", inner, kind), &parameters.at(node.name + "/" + spec.name)});
  }
  if (std::holds_alternative<Normalization>(node.op)) {  // Keras's counts the pictures it was adapted to
    layer.statistics.push_back({inner + "/count:0", nullptr});
  }
}

// Keras's load_weights goes by order: the i-th layer with weights to the i-th.
std::vector<Layer> keras_layers(const Graph& graph, const Parameters& parameters) {
  std::vector<Layer> layers;
  for (const NodeId id : keras_order(graph)) {
    auto name = layer_of(graph, graph.node(id).name);
    auto layer =
        std::find_if(layers.begin(), layers.end(), [&](const Layer& known) { return known.name == name; });
    if (layer == layers.end()) {
      layer = layers.insert(layer, {.name = std::move(name), .weights = {}, .statistics = {}});
    }
    add_weights(graph, id, parameters, *layer);
  }
  for (auto& layer : layers) {
    layer.weights.insert(layer.weights.end(), layer.statistics.begin(), layer.statistics.end());
  }
  return layers;
}

void write_file(const std::vector<Layer>& layers, const std::string& path) {
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "create");
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "link");
  Handle::check(H5Pset_create_intermediate_group(links.get(), 1), "link");
  std::vector<std::string> names;
  for (const auto& layer : layers) {
    names.push_back(layer.name);
    const Handle group(H5Gcreate2(file.get(), layer.name.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
                       H5Gclose, layer.name.c_str());
    std::vector<std::string> weights;
    for (const auto& weight : layer.weights) {
      weights.push_back(weight.name);
      if (weight.tensor == nullptr) {
        write_zero(group.get(), weight.name, links.get());
      } else {
        write_tensor(group.get(), weight.name, *weight.tensor, links.get());
      }
    }
    write_texts(group.get(), "weight_names", weights);
  }
  write_texts(file.get(), "layer_names", names);
  write_text(file.get(), "backend", "tensorflow");
  write_text(file.get(), "keras_version", "2.1.6");
  file.close();
}

}  // namespace

void write_keras_h5(const Graph& graph, const Parameters& parameters, const std::string& path) {
  H5dont_atexit();  // all is closed here; after a failed write the library's own tidying up at the end
                    // crashes
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are thrown, not printed
  try {
    const auto layers = keras_layers(graph, parameters);
    write_by_name_atomically(path, [&layers](const std::string& name) { write_file(layers, name); });
  } catch (const Error& problem) {
    throw Error(fmt::format("{}; the old {} stays", problem.what(), path));
  }
}

}  // namespace headstart
