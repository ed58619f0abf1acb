// What the data doctor says about each picture, about duplicates and about the classes.
#include "headstart/check.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "data/duplicates.h"
#include "data/examine.h"
#include "data/folders.h"
#include "data/reading_terms.h"
#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

struct Part {
  const Dataset* dataset;
  const char* name;
  std::int64_t ClassCount::*count;
};

void add_part(const Part& part, DatasetCheck& check) {
  for (const auto& sample : part.dataset->samples) {
    for (const int one : classes_of(*part.dataset, sample)) {
      check.classes.at(static_cast<std::size_t>(one)).*part.count += 1;
    }
    check.images.push_back(
        {.path = sample.path, .label = label_text(*part.dataset, sample), .split = part.name, .sha256 = ""});
  }
  check.skipped.insert(check.skipped.end(), part.dataset->skipped.begin(), part.dataset->skipped.end());
}

void list_labelled(const std::string& path, DatasetCheck& check) {
  const DatasetSplits splits =
      read_dataset(path, {.empty_folders = true, .labels = LabelsOfPhoto::any_number});
  for (const auto& name : splits.train.class_names) {
    check.classes.push_back({.name = name});
  }
  add_part({&splits.train, "train", &ClassCount::train}, check);
  if (splits.validation) {
    add_part({&*splits.validation, "validation", &ClassCount::validation}, check);
  }
  if (splits.test) {
    add_part({&*splits.test, "test", &ClassCount::test}, check);
  }
  const auto files = std::stable_partition(check.skipped.begin(), check.skipped.end(), [](const auto& one) {
    std::error_code ignored;
    return !fs::is_directory(one, ignored) || is_left_by_system(one);
  });
  check.unused_folders.assign(files, check.skipped.end());
  check.skipped.erase(files, check.skipped.end());
  std::int64_t least = check.classes.front().train, most = least;
  for (const auto& one : check.classes) {
    least = std::min(least, one.train);
    most = std::max(most, one.train);
  }
  check.imbalance = static_cast<double>(most) / static_cast<double>(least);
}

void list_unlabelled(const std::string& path, DatasetCheck& check) {
  auto found = find_images(path);
  if (found.images.empty()) {
    throw Error(fmt::format("[check] pictures were expected in {}; received a folder without any", path));
  }
  for (const auto& file : found.images) {
    check.images.push_back({.path = file, .label = "", .split = "train", .sha256 = ""});
  }
  check.skipped = std::move(found.skipped);
}

bool extension_fits(const std::string& path, ImageFormat format) {
  const std::string extension = extension_of(path);
  const auto is_one_of = [&](std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), extension) != names.end();
  };
  switch (format) {
    case ImageFormat::jpeg:
      return is_one_of({"", ".jpg", ".jpeg", ".jpe", ".jfif"});
    case ImageFormat::png:
      return is_one_of({"", ".png"});
    case ImageFormat::webp:
      return is_one_of({"", ".webp"});
    case ImageFormat::bmp:
      return is_one_of({"", ".bmp", ".dib"});
    case ImageFormat::gif:
      return is_one_of({"", ".gif"});
    case ImageFormat::tiff:
      return is_one_of({"", ".tif", ".tiff"});
    case ImageFormat::unknown:
      break;
  }
  return true;
}

void look_at(std::size_t image, const Examined& examined, const CheckOptions& options, DatasetCheck& check) {
  constexpr int kConstant = 2;  // levels that a codec may add to a plain colour
  const auto add = [&](ImageProblem problem, std::string detail) {
    check.findings.push_back({problem, image, std::move(detail)});
  };
  if (!examined.error.empty()) {
    add(ImageProblem::unreadable, examined.error);
    return;
  }
  const auto& facts = examined.facts;
  const std::string& path = check.images[image].path;
  if (!extension_fits(path, facts.format)) {
    add(ImageProblem::wrong_extension,
        fmt::format("{} is a {}", fs::path(path).extension().string(), to_string(facts.format)));
  }
  if (facts.cmyk) {
    add(ImageProblem::cmyk, "CMYK, converted to RGB without a profile");
  }
  if (facts.sixteen_bit) {
    add(ImageProblem::sixteen_bit, "more than 8 bits a channel, of which 8 are used");
  }
  if (facts.alpha) {
    add(ImageProblem::alpha, "transparency, composed over white");
  }
  const int shorter = std::min(facts.width, facts.height), longer = std::max(facts.width, facts.height);
  const std::string size = fmt::format("{}x{}", facts.width, facts.height);
  if (shorter < options.tiny_side) {
    add(ImageProblem::tiny, size);
  }
  if (longer > options.extreme_ratio * shorter) {
    add(ImageProblem::extreme_aspect, size);
  }
  if (examined.look.contrast <= kConstant) {
    add(ImageProblem::constant, "one colour");
  }
}

DuplicateGroup describe(std::vector<std::size_t> members, const DatasetCheck& check) {
  std::set<std::string> hashes, labels, splits;
  for (const auto member : members) {
    hashes.insert(check.images[member].sha256);
    labels.insert(check.images[member].label);
    splits.insert(check.images[member].split);
  }
  return {.images = std::move(members),
          .exact = hashes.size() == 1,
          .across_classes = labels.size() > 1,
          .across_splits = splits.size() > 1};
}

}  // namespace

std::string to_string(ImageProblem problem) {
  switch (problem) {
    case ImageProblem::unreadable:
      return "unreadable";
    case ImageProblem::wrong_extension:
      return "wrong extension";
    case ImageProblem::cmyk:
      return "cmyk";
    case ImageProblem::sixteen_bit:
      return "16-bit";
    case ImageProblem::alpha:
      return "alpha";
    case ImageProblem::tiny:
      return "tiny";
    case ImageProblem::constant:
      return "constant";
    case ImageProblem::extreme_aspect:
      return "extreme aspect";
  }
  throw Error("[check] a known problem was expected; received another value");
}

DatasetCheck check_dataset(const std::string& path, const CheckOptions& options, Progress& progress) {
  DatasetCheck check;
  std::error_code ignored;
  fs::is_directory(path, ignored) && list_folder(path).folders.empty() ? list_unlabelled(path, check)
                                                                       : list_labelled(path, check);
  std::vector<std::string> paths;
  for (const auto& image : check.images) {
    paths.push_back(image.path);
  }
  const auto examined = examine(paths, options.threads, progress);
  for (std::size_t i = 0; i < examined.size(); ++i) {
    check.images[i].sha256 = examined[i].sha256;
    look_at(i, examined[i], options, check);
  }
  for (auto& group : duplicate_groups(examined, options.threads)) {
    check.duplicates.push_back(describe(std::move(group), check));
  }
  check.since_split = changes_since_split(path, check.images);
  return check;
}

bool spoils_measurement(const DatasetCheck& check) {
  return std::any_of(check.findings.begin(), check.findings.end(),
                     [](const auto& finding) { return finding.problem == ImageProblem::unreadable; }) ||
         std::any_of(check.duplicates.begin(), check.duplicates.end(),
                     [](const auto& group) { return group.across_classes || group.across_splits; }) ||
         std::any_of(check.since_split.begin(), check.since_split.end(),
                     [](const auto& change) { return change.kind == SplitChange::Kind::moved; });
}

}  // namespace headstart
