// Fills the feature cache from a loader and the frozen program, and makes tables of what it holds.
#include "train/features.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/files.h"
#include "core/sha256.h"
#include "headstart/error.h"
#include "headstart/extract.h"
#include "image/picture_file.h"
#include "train/feature_cache.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

// Small batches stay in the processor's caches and cost nothing per image.
constexpr int kMemoryBatch = 16;

std::int64_t record_floats(const std::vector<std::int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
}

// Rows of the boundary tensors to records that hold them one after the other.
void concatenate(std::span<const float* const> tensors, const std::vector<std::int64_t>& sizes,
                 std::int64_t rows, float* records) {
  const std::int64_t floats = record_floats(sizes);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(tensors[i] + row * sizes[i], sizes[i], records + row * floats + offset);
    }
    offset += sizes[i];
  }
}

// By sample and view. An augmented view is drawn for a sample's number, so that belongs to its identity.
std::vector<std::string> identities_of(const Dataset& dataset, const BoundaryTableOptions& options) {
  const bool augmented = options.augmentation != Augmentation{};
  std::vector<std::string> identities;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const std::string picture = picture_identity(dataset.samples[i].path);
    for (int view = 0; view < options.views; ++view) {
      identities.push_back(augmented ? fmt::format("{}-{}-{}", picture, i, view) : picture);
    }
  }
  return identities;
}

// Collects the records of single pictures and appends them to the cache some at a time.
class CacheWriter {
 public:
  CacheWriter(FeatureCache& cache, const std::vector<std::int64_t>& sizes) : cache_(cache), sizes_(sizes) {}

  void add(const std::string& identity, std::span<const float* const> tensors) {
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      records_.insert(records_.end(), tensors[i], tensors[i] + sizes_[i]);
    }
    identities_.push_back(identity);
    if (records_.size() >= kFloatsAtOnce) {
      flush();
    }
  }

  void flush() {
    cache_.append(identities_, records_.data());
    identities_.clear();
    records_.clear();
  }

 private:
  static constexpr std::size_t kFloatsAtOnce = std::size_t{1} << 18;  // 1 MB

  FeatureCache& cache_;
  const std::vector<std::int64_t>& sizes_;
  std::vector<std::string> identities_;
  std::vector<float> records_;
};

std::vector<LoaderItem> missing_items(const FeatureCache& cache, const std::vector<std::string>& identities,
                                      std::size_t views) {
  std::vector<LoaderItem> missing;
  for (std::size_t i = 0; i < identities.size(); ++i) {
    if (cache.find_unreadable(identities[i]) == nullptr && cache.find(identities[i]) == nullptr) {
      missing.push_back({.sample = static_cast<int>(i / views), .view = static_cast<int>(i % views)});
    }
  }
  return missing;
}

BoundaryTable table_of(const Dataset& dataset, const std::vector<std::string>& identities,
                       std::vector<std::int64_t> sizes, const std::shared_ptr<const FeatureCache>& cache,
                       const BoundaryTableOptions& options) {
  const auto views = static_cast<std::size_t>(options.views);
  BoundaryTable table{.sizes = std::move(sizes),
                      .views = views,
                      .records = {},
                      .labels = {},
                      .samples = {},
                      .unreadable = {},
                      .storage = cache};
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    if (const std::string* reason = cache->find_unreadable(identities[i * views])) {
      if (options.strict) {
        throw Error(
            fmt::format("[data] expected a readable image; received {}: {}; remove it or leave --strict out",
                        sample.path, *reason));
      }
      table.unreadable.push_back(fmt::format("{}: {}", sample.path, *reason));
      continue;
    }
    std::vector<const float*> records;
    for (std::size_t view = 0; view < views; ++view) {
      records.push_back(cache->find(identities[i * views + view]));
    }
    if (std::find(records.begin(), records.end(), nullptr) == records.end()) {
      table.records.insert(table.records.end(), records.begin(), records.end());
      table.labels.push_back(sample.label);
      table.samples.push_back(static_cast<int>(i));
    }
  }
  return table;
}

// What the system refuses today it may give tomorrow: it is no property of the picture.
bool can_be_read(const std::string& path) {
  try {
    read_picture_file(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::string picture_identity(const std::string& path) {
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  const std::string text =
      fmt::format("{}|{}|{}|{}", fs::absolute(path).lexically_normal().string(), there ? status.st_size : -1,
                  status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::function<Image(const Image&, const LoaderItem&)> augment_function(const Augmentation& augmentation,
                                                                       std::uint64_t seed) {
  if (augmentation == Augmentation{}) {
    return {};
  }
  return [augmentation, seed](const Image& image, const LoaderItem& item) {
    return augment(image, augmentation, seed, item.sample, item.view);
  };
}

std::optional<BoundaryTable> cached_features(const Dataset& dataset, const Graph& graph,
                                             const Parameters& parameters,
                                             const BoundaryTableOptions& options, Progress& progress) {
  const auto sizes = boundary_sizes(graph, options.boundary);
  const fs::path root = cache_directory() / "features";
  const fs::path folder = root / feature_key(graph, parameters, options);
  const auto cache = std::make_shared<FeatureCache>(folder, record_floats(sizes));
  const auto identities = identities_of(dataset, options);
  const auto views = static_cast<std::size_t>(options.views);
  std::set<std::string> refused;
  if (!missing_items(*cache, identities, views).empty()) {
    cache->begin_append();  // another run may have filled it meanwhile
    const auto missing = missing_items(*cache, identities, views);
    const std::int64_t needed = static_cast<std::int64_t>(missing.size()) * cache->bytes_per_record();
    if (!make_room(root, folder, needed, cache_limit(root))) {
      cache->end_append();
      return std::nullopt;
    }
    progress.begin(options.purpose, static_cast<std::int64_t>(missing.size()));
    CacheWriter writer(*cache, sizes);
    const auto identity_of = [&](const LoaderItem& item) {
      return identities[static_cast<std::size_t>(item.sample) * views + static_cast<std::size_t>(item.view)];
    };
    const auto unreadable = extract(dataset, missing, graph, parameters,
                                    {.outputs = options.boundary,
                                     .preprocessing = options.preprocessing,
                                     .precision = options.precision,
                                     .ranges = options.ranges,
                                     .threads = options.threads,
                                     .strict = options.strict,
                                     .augment = augment_function(options.augmentation, options.seed)},
                                    progress, [&](std::size_t item, std::span<const float* const> tensors) {
                                      writer.add(identity_of(missing[item]), tensors);
                                    });
    writer.flush();
    progress.end();
    for (const UnreadableImage& image : unreadable) {
      const std::string& path = dataset.samples[static_cast<std::size_t>(image.sample)].path;
      if (!image.passing && can_be_read(path)) {
        cache->append_unreadable(identity_of({.sample = image.sample}), image.message);
      } else {
        refused.insert(fmt::format("{}: {}", path, image.message));
      }
    }
    cache->end_append();
  }
  BoundaryTable table = table_of(dataset, identities, sizes, cache, options);
  table.unreadable.insert(table.unreadable.end(), refused.begin(), refused.end());
  return table;
}

BoundaryTable features_in_memory(const MemoryDataset& dataset, const Graph& graph,
                                 const Parameters& parameters, const BoundaryTableOptions& options,
                                 Progress& progress) {
  const auto sizes = boundary_sizes(graph, options.boundary);
  const std::int64_t floats = record_floats(sizes);
  const auto count = static_cast<std::int64_t>(dataset.labels.size());
  const std::int64_t image = element_count(graph.input_shape());
  BoundaryTable table{.sizes = sizes,
                      .views = 1,
                      .records = {},
                      .labels = dataset.labels,
                      .samples = {},
                      .unreadable = {},
                      .storage = nullptr};
  const float* records = dataset.images.data();
  if (options.boundary != std::vector<NodeId>{0}) {
    const int batch = static_cast<int>(std::min<std::int64_t>(kMemoryBatch, count));
    BoundaryProgram program(graph, parameters,
                            {.boundary = options.boundary,
                             .batch = batch,
                             .precision = options.precision,
                             .ranges = options.ranges});
    auto storage = std::make_shared<Tensor>(Shape{count, floats});
    progress.begin(options.purpose, count);
    for (std::int64_t begin = 0; begin < count; begin += batch) {
      // The last batch begins early enough to be full.
      const std::int64_t first = std::min(begin, count - batch);
      concatenate(program.run(dataset.images.data() + first * image), sizes, batch,
                  storage->data() + first * floats);
      progress.advance(std::min(count, begin + batch));
    }
    progress.end();
    records = storage->data();
    table.storage = storage;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    table.records.push_back(records + i * floats);
  }
  return table;
}

}  // namespace headstart
