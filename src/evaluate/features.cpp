#include "headstart/features.h"

#include <filesystem>
#include <fstream>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "core/files.h"
#include "data/csv.h"
#include "data/folders.h"
#include "evaluate/joined_splits.h"
#include "headstart/error.h"
#include "headstart/npy.h"
#include "headstart/text.h"
#include "weights/safetensors.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRowsHeader = "row,path,label,split";

// A file of rows that this wrote before may be written again; a list of photos may not.
void require_no_other_csv(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (file && std::getline(file, line) && line != kRowsHeader) {
    throw Error(
        fmt::format("[features] expected no other file where the list of the rows goes; received {}; choose "
                    "another name for the features",
                    path));
  }
}

JoinedSplits unlabelled(const std::string& path) {
  JoinedSplits sources;
  for (const auto& file : image_files(path)) {
    sources.dataset.samples.push_back({.path = file, .label = -1, .group = ""});
  }
  sources.splits.resize(sources.dataset.samples.size());
  return sources;
}

JoinedSplits find_sources(const std::string& path) {
  std::error_code ignored;
  const bool has_classes =
      fs::is_directory(path, ignored) ? !list_folder(path).folders.empty() : extension_of(path) == ".csv";
  return has_classes ? join_splits(read_dataset(path, LabelsOfPhoto::any_number)) : unlabelled(path);
}

std::string rows_path(const std::string& path) { return fs::path(path).replace_extension(".csv").string(); }

bool is_npy(const std::string& path) { return extension_of(path) == ".npy"; }

}  // namespace

FeatureTable extract_features(const Model& model, NodeId node, const std::string& data,
                              const PredictOptions& options, Progress& progress) {
  const JoinedSplits sources = find_sources(data);
  auto computed = compute_outputs(model, sources.dataset, {node}, options, progress);
  const auto& samples = sources.dataset.samples;
  FeatureTable table;
  for (const int index : computed.samples) {
    const auto i = static_cast<std::size_t>(index);
    table.paths.push_back(samples[i].path);
    table.labels.push_back(label_text(sources.dataset, samples[i]));
    table.splits.push_back(sources.splits[i]);
  }
  table.unreadable = unreadable_lines(sources.dataset, computed.unreadable);
  if (table.paths.empty()) {
    throw Error(fmt::format("[features] expected images; none of the {} could be read{}", samples.size(),
                            table.unreadable.empty() ? "" : " (" + table.unreadable.front() + ")"));
  }
  table.features = std::move(computed.outputs[0]);
  return table;
}

void check_feature_path(const std::string& path) {
  if (!is_npy(path) && extension_of(path) != ".safetensors") {
    throw Error(fmt::format("[features] expected a file called .npy or .safetensors; received {}", path));
  }
  require_no_other_csv(rows_path(path));
}

std::string write_features(const FeatureTable& table, const std::string& path) {
  check_feature_path(path);
  if (is_npy(path)) {
    write_npy(table.features, path);
  } else {
    Parameters tensors;
    tensors.insert("features", table.features);
    write_safetensors(path, tensors, {});
  }
  std::string csv = rows_path(path);
  write_file_atomically(csv, [&](std::ostream& out) {
    out << kRowsHeader << '\n';
    for (std::size_t i = 0; i < table.paths.size(); ++i) {
      out << i << ',' << csv_field(table.paths[i]) << ',' << csv_field(table.labels[i]) << ','
          << table.splits[i] << '\n';
    }
  });
  return csv;
}

}  // namespace headstart
