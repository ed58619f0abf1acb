// Labelled image files: class folders, train/validation/test folders, CSV; and the loader that decodes ahead.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headstart/image.h"
#include "headstart/kept_images.h"
#include "headstart/preprocessing.h"
#include "headstart/tensor.h"

namespace headstart {

struct Sample {
  std::string path;
  int label = -1;  // index into class_names, or into label_sets where there are any; -1: none
  std::string group;
};

struct Dataset {
  std::vector<std::string> class_names;  // byte-wise sorted (Keras, torchvision)
  std::vector<Sample> samples;           // by class, then byte-wise by path
  std::vector<std::string> skipped;      // hidden and non-image files; folders beside train/
  // Multi-label data: which classes are on a photo, once for every set of them that there is, as indices into
  // class_names, sorted. Empty: every photo has one class.
  std::vector<std::vector<int>> label_sets{};
};

// Of every sample, in order.
std::vector<int> labels_of(const Dataset& dataset);
inline bool is_multi_label(const Dataset& dataset) { return !dataset.label_sets.empty(); }
// Of a sample, as indices into class_names: one, or those of its set; none of one without a label. Throws
// Error for a label that names no class.
std::vector<int> classes_of(const Dataset& dataset, const Sample& sample);
// Their names with a | between them.
std::string label_text(const Dataset& dataset, const Sample& sample);

// A line about files that are photos of kinds that are not read (HEIC, AVIF, TIFF, raw ones) and about
// folders beside those of the parts; else empty.
std::string left_out_note(const Dataset& dataset);

struct DatasetSplits {
  Dataset train;
  std::optional<Dataset> validation, test;
};

// How many classes a photo of a data set may have.
enum class LabelsOfPhoto { one, any_number };

// A folder of class folders; or one with train/, validation/ (val, valid) and test/ inside; or a CSV
// `path,label[,split][,group]` (paths relative to the CSV), or `path,labels[,split][,group]` of multi-label
// data, which are refused unless `labels` allows any number: classes with a | between them, none at all being
// possible. All splits share the class list. Throws Error for an empty folder, a single class, a class
// without images (named), a missing column.
DatasetSplits read_dataset(const std::string& path, LabelsOfPhoto labels = LabelsOfPhoto::one);

struct SplitFractions {
  double train = 0.8, validation = 0.2, test = 0.0;
};
// Stratified, multi-label data by the rarest class of a photo; deterministic in the seed. Throws Error for
// fractions that sum to more than 1 or leave nothing to train on, and for a sample without a label.
DatasetSplits split_dataset(const Dataset& dataset, const SplitFractions& fractions, std::uint64_t seed);

// One batch in the order asked for. Unreadable images are left out of the batch and reported.
struct Batch {
  Tensor images;  // (N, H, W, C)
  std::vector<int> labels;
  std::vector<int> samples;  // index into Dataset::samples
  std::vector<int> views;    // which augmented view of the sample
};

// Why an image was left out; the message does not name the file.
struct UnreadableImage {
  int sample = 0;
  std::string message;
  bool passing = false;  // for want of memory: no property of the file
};
// "path: reason" of each.
std::vector<std::string> unreadable_lines(const Dataset& dataset, const std::vector<UnreadableImage>& images);

// One item of an epoch: the sample and the number that its random augmentation is drawn from.
struct LoaderItem {
  int sample = 0;
  int view = 0;
};

struct LoaderOptions {
  Preprocessing preprocessing{};
  int batch_size = 32;
  int workers = 0;        // 0: measured default
  int batches_ahead = 4;  // bound on finished batches waiting
  bool strict = false;    // an unreadable image throws in place of being left out
  // Applied to the decoded picture between fitting and normalising; must be a pure function of its arguments.
  // Null: none.
  std::function<Image(const Image&, const LoaderItem&)> augment = nullptr;
  // Where fitted pictures are kept for other loaders of the same data set and preprocessing. Null: nowhere.
  std::shared_ptr<KeptImages> kept = nullptr;
};

// Decodes ahead on its own threads; batches come in the order of `items` whatever the number of workers.
class Loader {
 public:
  Loader(const Dataset& dataset, std::vector<LoaderItem> items, LoaderOptions options);
  ~Loader();
  Loader(Loader&&) noexcept;

  // Empty at the end. Every batch is full but the last (unreadable images are made up for by the following
  // items).
  std::optional<Batch> next();
  const std::vector<UnreadableImage>& unreadable() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace headstart
