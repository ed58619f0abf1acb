// From what a user names (a network of the zoo with a source of weights, or a model file) to a model ready
// for use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/head.h"
#include "headstart/model.h"
#include "headstart/progress.h"
#include "headstart/zoo.h"

namespace headstart {

struct ModelRequest {
  std::string model{};    // a name of the zoo, else a model file
  std::string weights{};  // with a name: "imagenet" (the default), "none" (fresh), or a weight file
  ArchitectureOptions architecture{};
  std::string class_index{};  // file of class names; empty: looked up, see find_class_index
  std::uint64_t seed = 0;     // of fresh parameters
  // How pictures are prepared, where no model file says it: a name of with_mode, of resize_kernel_from;
  // empty: as the network's weights were trained.
  std::string preprocessing{}, resize{};
};

// Throws Error when the name is neither (nearest names offered), or when a weight source or architecture
// options come with a model file. `progress` hears of downloads.
Model open_model(const ModelRequest& request, Progress& progress);

// The graph and the preprocessing alone: reads no weights of a network of the zoo.
Model describe_model(const ModelRequest& request);

// No layers but an Input (default 150x150x3, pixels scaled to 0..1): with_head then trains a head that is the
// whole network.
Model input_only(const ArchitectureOptions& options);

// What is below the head of a model: of one that was trained on a nested base that base, fine-tuned as it is;
// of another network all layers up to the last whose output is an image larger than 1x1, or where there is
// none all before the last dense layer. Without class names and what was fitted to them. Throws Error when
// nothing remains.
Model without_head(const Model& model);

// A model file to be trained on, head and all: what is below its head is frozen as freeze_base says. Throws
// Error when it tells other classes apart, or is none of Headstart's.
Model open_to_go_on(const ModelRequest& request, const std::string& freeze,
                    const std::vector<std::string>& classes, Progress& progress);

// A new head on a base: attach_head, fresh parameters for the head, the base's own for the base.
Model with_head(const Model& base, const HeadOptions& options, std::uint64_t seed);

// Sets class_names and class_ids from Keras's imagenet_class_index.json ({"0": ["n01440764", "tench"], ...}),
// from lines "n01440764 tench, Tinca tinca", or from plain lines of names. Throws Error when the count does
// not fit the model.
void read_class_index(Model& model, const std::string& path);

// The first that exists: imagenet_class_index.json beside `weights`, in Headstart's cache, in
// ~/.keras/models; else "".
std::string find_class_index(const std::string& weights);

// Gives a network with ImageNet's 1,000 outputs and no names those of find_class_index, when there are any.
void add_imagenet_classes(Model& model, const std::string& weights);

}  // namespace headstart
