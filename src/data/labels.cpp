// One class list for all parts, byte-wise sorted, and the samples in order of class and path.
#include "data/labels.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

std::vector<std::string> classes_of(const std::vector<LabelledFile>& files, const std::string& source,
                                    int fewest_classes) {
  std::set<std::string> names;
  for (const auto& file : files) {
    if (file.role == SplitRole::train) {
      names.insert(file.label);
    }
  }
  if (names.empty()) {
    throw Error(fmt::format(
        "[dataset] labelled pictures were expected; received none in {}; put them in one folder a class "
        "(`headstart split` does, of photos called cat.0.jpg), or a line each in a CSV",
        source));
  }
  if (static_cast<int>(names.size()) < fewest_classes) {
    throw Error(
        fmt::format("[dataset] at least two classes were expected; received only \"{}\" in {}; "
                    "put the pictures of each class in a folder of its own",
                    *names.begin(), source));
  }
  return {names.begin(), names.end()};
}

int label_of(const std::vector<std::string>& classes, const LabelledFile& file, const std::string& source) {
  const auto found = std::lower_bound(classes.begin(), classes.end(), file.label);
  if (found == classes.end() || *found != file.label) {
    throw Error(fmt::format(
        "[dataset] every class was expected in the training part of {}; received \"{}\" ({}) elsewhere{}",
        source, file.label, file.path, did_you_mean(file.label, classes)));
  }
  return static_cast<int>(found - classes.begin());
}

Dataset part_of(const std::vector<LabelledFile>& files, SplitRole role,
                const std::vector<std::string>& classes, const std::string& source) {
  Dataset part;
  part.class_names = classes;
  for (const auto& file : files) {
    if (file.role == role) {
      part.samples.push_back({file.path, label_of(classes, file, source), file.group});
    }
  }
  std::stable_sort(part.samples.begin(), part.samples.end(), [](const Sample& a, const Sample& b) {
    return a.label != b.label ? a.label < b.label : a.path < b.path;
  });
  return part;
}

}  // namespace

DatasetSplits splits_of(const std::vector<LabelledFile>& files, const std::string& source,
                        int fewest_classes) {
  const auto classes = classes_of(files, source, fewest_classes);
  DatasetSplits splits;
  splits.train = part_of(files, SplitRole::train, classes, source);
  for (const auto& [role, target] :
       {std::pair{SplitRole::validation, &splits.validation}, {SplitRole::test, &splits.test}}) {
    Dataset part = part_of(files, role, classes, source);
    if (!part.samples.empty()) {
      *target = std::move(part);
    }
  }
  return splits;
}

std::vector<std::size_t> class_sizes(const Dataset& dataset) {
  std::vector<std::size_t> sizes(dataset.class_names.size());
  for (const auto& sample : dataset.samples) {
    const auto label = static_cast<std::size_t>(sample.label);
    if (label >= sizes.size()) {
      throw Error(fmt::format(
          "[dataset] labels from 0 to below {} were expected; received {} ({}); label it, or leave it out",
          sizes.size(), sample.label, sample.path));
    }
    ++sizes[label];
  }
  return sizes;
}

bool split_role_from(const std::string& name, SplitRole& role) {
  constexpr std::array<std::pair<const char*, SplitRole>, 14> kNames{
      {{"train", SplitRole::train},
       {"training", SplitRole::train},
       {"train_set", SplitRole::train},
       {"training_set", SplitRole::train},
       {"validation_set", SplitRole::validation},
       {"val_set", SplitRole::validation},
       {"eval", SplitRole::validation},
       {"test_set", SplitRole::test},
       {"validation", SplitRole::validation},
       {"val", SplitRole::validation},
       {"valid", SplitRole::validation},
       {"dev", SplitRole::validation},
       {"test", SplitRole::test},
       {"testing", SplitRole::test}}};
  for (const auto& [known, value] : kNames) {
    if (lower(name) == known) {
      role = value;
      return true;
    }
  }
  return false;
}

}  // namespace headstart
