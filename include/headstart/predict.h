// A model at work: tensors or image files in, layer outputs or class probabilities out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headstart/class_table.h"
#include "headstart/dataset.h"
#include "headstart/engine.h"
#include "headstart/model.h"
#include "headstart/progress.h"

namespace headstart {

struct PredictOptions {
  Precision precision = Precision::automatic;
  int threads = 0;      // 0: all cores
  bool strict = false;  // an unreadable image throws in place of being left out
  // classify and evaluate: the mean probabilities of six views (the picture, its mirror image, four corner
  // crops of 7/8 of its sides, two of them mirrored); six times the work.
  bool test_time_augmentation = false;
  int top = 5;  // Evaluation::top
  // classify and evaluate: nothing is unknown, although the model has limits (Model::acceptance).
  bool accept_all = false;
};

// The frozen program of chosen nodes, compiled once for each batch size that turns up and kept. Refers to the
// model, which must outlive it and stay as it is. `run` may be called from several threads: one computes
// while the others wait. Not so moving it.
class Predictor {
 public:
  // With `logits` the graph's output is what comes before a softmax or sigmoid at its end.
  explicit Predictor(const Model& model, std::vector<NodeId> outputs, Precision precision,
                     int batch_size = 32, bool logits = false);

  // `input`: (N, ...) with any N, preprocessed. Returns (N, ...) for each output. Throws Error when the shape
  // does not fit.
  std::vector<Tensor> run(const Tensor& input);

 private:
  void run_batch(const float* input, int batch, std::int64_t first, std::vector<Tensor>& results);

  const Model* model_;
  std::vector<NodeId> outputs_;
  Precision precision_;
  int batch_size_;
  bool logits_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  // of programs_; a mutex cannot move
  std::map<int, FrozenProgram> programs_;
};

// The photos that a path names: the file itself, or the images in a folder and its folders. Throws Error for
// a folder without.
std::vector<std::string> image_files(const std::string& path);

// The split called "train", "validation" or "test"; "all" joins them; "" is the test split, else the
// validation split, else what there is. Throws Error when the data has no such split.
Dataset choose_split(const DatasetSplits& splits, const std::string& name);

// Rows of `outputs` belong to `samples`, in the order of the data set without the unreadable ones.
struct ImageOutputs {
  std::vector<Tensor> outputs;  // one for each node: (rows, shape of the node)
  std::vector<int> samples;     // index into Dataset::samples
  std::vector<UnreadableImage> unreadable;
};

// Throws Error when stop_requested(): rows of some images would pass for those of all.
ImageOutputs compute_outputs(const Model& model, const Dataset& dataset, const std::vector<NodeId>& outputs,
                             const PredictOptions& options, Progress& progress);

// The nodes whose values `class_table` reads: the output, of which it wants the logits, and with limits the
// source of the features.
std::vector<NodeId> nodes_for_classes(const Model& model, const PredictOptions& options);

// From the values of nodes_for_classes, (rows, shape of the node) each, logits first; without samples. Throws
// Error for logits that are no numbers.
ClassTable class_table(const Model& model, const std::vector<Tensor>& values);
ClassTable classify_dataset(const Model& model, const Dataset& dataset, const PredictOptions& options,
                            Progress& progress);

struct ImagePrediction {
  std::string path;
  std::vector<RankedClass> classes;    // most probable first, see listed_classes
  std::string error;                   // not empty: why the image could not be read
  std::optional<float> strangeness{};  // see is_unknown; empty when nothing is said about it
};
std::vector<ImagePrediction> classify(const Model& model, const std::vector<std::string>& paths, int top,
                                      const PredictOptions& options, Progress& progress);
// The JSON document of `headstart predict --json` and of the server: {"model": name, "predictions":
// [{"image", "classes": [{"index", "id", "name", "probability"}]} or {"image", "error"}]}. Where the model
// tells unknown photos, "unknown" and "strangeness" follow the classes; where its classes do not exclude each
// other, "labels", the names of those above kPresent.
std::string predictions_json(const Model& model, const std::string& name,
                             const std::vector<ImagePrediction>& predictions);

// "unknown (nearest: cat 0.41)": of a photo that is_unknown, with its most probable class.
std::string unknown_text(const std::string& label, float probability);

}  // namespace headstart
