// New classes for a finished classifier, which keeps to the bit what it knows about the old ones.
#pragma once

#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/model.h"
#include "headstart/tensor.h"
#include "headstart/train.h"

namespace headstart {

// As read_dataset, but one class is enough.
DatasetSplits read_new_classes(const std::string& path);

// The classifier with an output for each of `names` behind those it has. The columns of the old outputs are
// as they were, those of the new ones zeros. One sigmoid unit becomes two units of a softmax with the logits
// 0 and z: the same probabilities. What was fitted to the old set of classes (temperature) is dropped. Throws
// Error for a network that does not end in a dense layer, for a model without names of its classes, and for
// names that it has already or that differ from one of its own in capitals only.
Model enlarge_classifier(const Model& model, const std::vector<std::string>& names);

// The names of `data` that are not the model's, in their order. Throws Error when there are none.
std::vector<std::string> new_class_names(const Model& model, const std::vector<std::string>& data);

struct AddClassesOptions {
  // Read are the head stage, batch_size, seed, precision, threads, strict, patience, monitor,
  // validation_fraction, out_directory, command.
  TrainOptions train{};
  // (old classes, features): the means of the old classes' features scaled to length 1; empty: those of
  // Model::acceptance, which `train` measures when asked to; without it they are unknown.
  Tensor centroids{};
  // An old class with fewer photos is filled up with features of the new classes that are moved to its
  // centroid (FeTrIL: Petit et al., 2023), where that is known.
  int enough_photos = 50;
};

// Right answers among the held-out photos of some classes.
struct RightAnswers {
  int images = 0;
  double before = 0.0;  // of the model as it was; 0 for new classes
  double after = 0.0;
};

struct AddedClasses {
  // The model is the enlarged one; the history is that of the new columns. `interrupted`: nothing is written.
  TrainResult result;
  std::vector<std::string> names;   // that were added
  std::vector<std::string> filled;  // old classes whose features were filled up
  RightAnswers old_classes{}, new_classes{};
};

// `data` holds photos of the new classes and as many of the old ones as there are. The base, the layers up to
// the last and the old columns of the last stand still; the new columns begin as imprinted weights (Qi et
// al., 2018: the direction of the class's mean feature, from the middle of the others) and are trained on the
// features, every class as often as the others. With a folder to write to: model.safetensors, history.csv,
// config.json, and held_out.csv where there is no validation split. Throws Error as enlarge_classifier and
// train do, and for an old class without photos whose centroid is unknown.
AddedClasses add_classes(const Model& model, const DatasetSplits& data, const AddClassesOptions& options,
                         TrainObserver& observer);

}  // namespace headstart
