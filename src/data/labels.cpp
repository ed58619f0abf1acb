// One class list for all parts, byte-wise sorted, and the samples in order of class and path.
#include "data/labels.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

std::set<std::string> names_of(const LabelledFile& file) {
  return file.label.empty() ? std::set<std::string>(file.labels.begin(), file.labels.end())
                            : std::set<std::string>{file.label};
}

std::vector<std::string> classes_of(const std::vector<LabelledFile>& files, const std::string& source,
                                    int fewest_classes) {
  std::set<std::string> names;
  for (const auto& file : files) {
    if (file.role == SplitRole::train) {
      names.merge(names_of(file));
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

// Of each of the file's classes, sorted.
std::vector<int> indices_of(const std::vector<std::string>& classes, const LabelledFile& file,
                            const std::string& source) {
  std::vector<int> indices;
  for (const auto& name : names_of(file)) {
    const auto found = std::lower_bound(classes.begin(), classes.end(), name);
    if (found == classes.end() || *found != name) {
      throw Error(fmt::format(
          "[dataset] every class was expected in the training part of {}; received \"{}\" ({}) elsewhere{}",
          source, name, file.path, did_you_mean(name, classes)));
    }
    indices.push_back(static_cast<int>(found - classes.begin()));
  }
  return indices;
}

using Labels = std::vector<int>;  // of each file

Dataset part_of(const std::vector<LabelledFile>& files, const Labels& labels, SplitRole role,
                const std::vector<std::string>& classes) {
  Dataset part;
  part.class_names = classes;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].role == role) {
      part.samples.push_back({files[i].path, labels[i], files[i].group});
    }
  }
  std::stable_sort(part.samples.begin(), part.samples.end(), [](const Sample& a, const Sample& b) {
    return a.label != b.label ? a.label < b.label : a.path < b.path;
  });
  return part;
}

DatasetSplits divided(const std::vector<LabelledFile>& files, const Labels& labels,
                      const std::vector<std::string>& classes) {
  DatasetSplits splits;
  splits.train = part_of(files, labels, SplitRole::train, classes);
  for (const auto& [role, target] :
       {std::pair{SplitRole::validation, &splits.validation}, {SplitRole::test, &splits.test}}) {
    Dataset part = part_of(files, labels, role, classes);
    if (!part.samples.empty()) {
      *target = std::move(part);
    }
  }
  return splits;
}

}  // namespace

DatasetSplits splits_of(const std::vector<LabelledFile>& files, const std::string& source,
                        int fewest_classes) {
  const auto classes = classes_of(files, source, fewest_classes);
  Labels labels;
  labels.reserve(files.size());
  for (const auto& file : files) {
    labels.push_back(indices_of(classes, file, source).front());
  }
  return divided(files, labels, classes);
}

DatasetSplits multi_label_splits_of(const std::vector<LabelledFile>& files, const std::string& source) {
  const auto classes = classes_of(files, source, 2);
  std::map<std::vector<int>, int> sets;
  for (const auto& file : files) {
    sets.emplace(indices_of(classes, file, source), 0);
  }
  std::vector<std::vector<int>> list;
  for (auto& [set, number] : sets) {
    number = static_cast<int>(list.size());
    list.push_back(set);
  }
  Labels labels;
  labels.reserve(files.size());
  for (const auto& file : files) {
    labels.push_back(sets.at(indices_of(classes, file, source)));
  }
  DatasetSplits splits = divided(files, labels, classes);
  splits.train.label_sets = list;
  for (auto* part : {&splits.validation, &splits.test}) {
    if (*part) {
      (*part)->label_sets = list;
    }
  }
  return splits;
}

std::vector<std::size_t> class_sizes(const Dataset& dataset) {
  if (is_multi_label(dataset)) {
    throw Error("[dataset] photos of one class each were expected; received multi-label data");
  }
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
