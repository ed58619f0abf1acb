// Other people's weight files: reading, mapping onto a graph with a strict report, writing, the download
// cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/model.h"
#include "headstart/parameters.h"
#include "headstart/progress.h"
#include "headstart/zoo.h"

namespace headstart {

enum class WeightFormat { keras_h5, tfjs, pytorch, safetensors, onnx };

// A file's tensors under the file's own names and layouts, in the file's order.
struct WeightFile {
  WeightFormat format = WeightFormat::safetensors;
  Parameters tensors{};
  // Keras: one entry a layer group with weights, in file order: its name and the names (keys of `tensors`) of
  // its weights. ONNX: one entry a node with weights, also with their kinds ("weight", "bias",
  // "running_mean") and a number for its place in the network (0: not known).
  struct Layer {
    std::string name;
    std::vector<std::string> weights{};
    std::vector<std::string> kinds{};
    std::uint64_t place = 0;
    std::optional<float> epsilon{};  // of a batch norm, where the file says it
  };
  std::vector<Layer> layers{};
  std::string architecture_json{};         // Keras model_config / tfjs modelTopology, else empty
  std::vector<std::string> class_names{};  // of a whole model that has them beside it, else empty
  std::string producer{};                  // ONNX: who exported it ("pytorch", "tf2onnx")
  // Keras: the kernels were trained as true convolutions (Theano), so they are rotated by 180 degrees. Known
  // from the file's `backend` or from its name ("..._th_kernels.h5"); unknown in most files.
  std::optional<bool> rotated_kernels{};
};

// The format is told by content. Hostile input (truncated, bit flips, huge lengths) gives an Error, never a
// crash or an allocation beyond a small multiple of the file's size. Nothing of a pickle is executed.
WeightFile read_weight_file(const std::string& path);

// The graph that a whole Keras model or a tfjs layers-model describes itself, nested models as scopes. Throws
// Error when the file holds weights alone, or naming the layer that Headstart does not have.
Graph graph_of(const WeightFile& file);

struct WeightReport {
  struct Mapped {
    std::string parameter, source;
    std::string transform;  // "", "transposed", "flatten order", "folded" (see `folded`)
  };
  std::vector<Mapped> mapped;
  std::vector<std::string> missing;     // parameters of the graph that the file lacks
  std::vector<std::string> unused;      // tensors of the file that the graph has no place for
  std::vector<std::string> mismatched;  // "name: expected (3, 3, 3, 64), received (7, 7, 3, 64)"
  // ONNX: batch normalisations that the exporter folded into the convolution before them. They are set to
  // identities (beta is the convolution's bias), so that the network computes the same.
  std::vector<std::string> folded;
  std::string advice;           // what to do about the differences where it is known: "give --classes 5"
  std::string matched_by;       // "names", "automatic names", "places in the network", "order"
  std::int64_t parameters = 0;  // elements mapped
};

struct MappedWeights {
  Parameters parameters;
  WeightReport report;
};

// Maps a file onto the graph: Keras files by layer name, else by order; PyTorch names by the family's name
// map, without a member around the network ("model."); ONNX by the names that the exporter left, else by the
// layers' places in the network. Takes the file, so that no tensor is in memory twice: pass it with std::move
// when it is not needed any more. A file with a top loads into a graph without one (its top is unused,
// reported). Throws Error with the differences when a parameter is missing or has another shape.
MappedWeights map_weights(const Graph& graph, WeightFile file);
// Never throws for differences: the report says them.
MappedWeights map_weights_leniently(const Graph& graph, WeightFile file);

// Of the tensors in a .safetensors file: "conv1/kernel" in our layouts, or "conv1.weight" in PyTorch's.
enum class TensorNames { headstart, torch };

// Writes by the extension of `path`: .safetensors, .h5 (Keras legacy weights file), .pth (PyTorch state
// dict). Names of PyTorch are torchvision's where the network is one of torchvision's.
void write_weights(const Graph& graph, const Parameters& parameters, const std::string& path,
                   TensorNames names = TensorNames::headstart);

// Where a network's published weights are.
struct WeightSource {
  std::string url;
  std::string file_name;  // in caches
  // Lower-case hexadecimal: SHA-256 (64 digits), a beginning of it (torchvision puts 8 in its file names),
  // MD5 (32 digits, Keras), or empty where none is published: then a download is checked by its length alone.
  std::string checksum;

  bool operator==(const WeightSource&) const = default;
};

// ImageNet weights of a network of the zoo, from Keras or torchvision by its flavour (as `architecture`: a
// flavour that the name does not have is no error). Nothing when there are none for these options.
// `input_size` matters to the MobileNets, which were trained at several; another size takes the weights for
// 224.
std::optional<WeightSource> official_weights(const std::string& name, double alpha, int input_size,
                                             bool include_top, Flavour flavour = Flavour::keras);

// The file in Headstart's cache (cache folder + "/weights"), ~/.keras/models, ~/.cache/torch/hub/checkpoints
// or the Hugging Face cache, whichever has it with the right checksum.
std::optional<std::string> find_cached_weights(const WeightSource& source);

// As find_cached_weights, else downloads into Headstart's cache (an interrupted download goes on where it
// was) and checks it. Throws Error; offline the message says which file to put where.
std::string fetch_weights(const WeightSource& source, Progress& progress);

}  // namespace headstart
