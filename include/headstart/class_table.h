// What a classifier's output says: class probabilities, the names of their columns, the most probable
// classes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/model.h"

namespace headstart {

// Class probabilities (N, classes) from a model's output (N, units): softmax or sigmoid is applied where the
// network ends in logits, and one sigmoid unit becomes the two columns 1 - p and p.
Tensor class_probabilities(const Graph& graph, const Tensor& output);

// The same at the model's temperature.
Tensor class_probabilities(const Model& model, const Tensor& output);

// The same from logits (N, units), where also a probability close to 1 says how close. All throw Error for a
// tensor of another shape.
Tensor class_probabilities_of_logits(const Model& model, const Tensor& logits);

// Rows of class probabilities of the images that could be read.
struct ClassTable {
  Tensor probabilities;              // (rows, classes)
  std::vector<float> strangeness{};  // of each row, see is_unknown; empty when nothing is said about it
  std::vector<int> samples;
  std::vector<UnreadableImage> unreadable;
};

// Throws Error when the model's output is not a vector of class scores.
void require_classifier(const Model& model);
// Several sigmoids: a photo has any number of classes.
bool has_independent_classes(const Graph& graph);
// One name for each column of class_probabilities: the model's, else "0", "1", ...
std::vector<std::string> class_labels(const Model& model);
// The class that a user means: one of class_labels, a WordNet id, or an index. Throws Error that offers the
// nearest names.
int find_class(const Model& model, const std::string& text);
// Where names stand among class_labels, or, when a name is none of them, among class_ids. Throws Error for
// one that is neither, and for a label that two classes have.
std::vector<int> indices_in_model(const Model& model, const std::vector<std::string>& names);

struct RankedClass {
  int index = 0;
  float probability = 0.0F;
};
// The most probable first, at most `top`, at least one; of equals the first.
std::vector<RankedClass> ranked_classes(std::span<const float> probabilities, int top);
// A class that does not exclude others is on a photo where its probability is above this.
inline constexpr float kPresent = 0.5F;
// The same; where the classes do not exclude each other, at least all that are on the photo.
std::vector<RankedClass> listed_classes(const Graph& graph, std::span<const float> probabilities, int top);

// The most probable class of each row of (N, classes). Throws Error for another shape.
std::vector<int> most_probable_classes(const Tensor& probabilities);

}  // namespace headstart
