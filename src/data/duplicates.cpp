#include "data/duplicates.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "core/parallel.h"
#include "core/sha256.h"
#include "headstart/check.h"
#include "headstart/error.h"

namespace headstart {
namespace {

// Disjoint sets of indices; the root of a set is its least member.
class Sets {
 public:
  explicit Sets(std::size_t count) : parents_(count) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }
  std::size_t root(std::size_t i) {
    while (parents_[i] != i) {
      i = parents_[i] = parents_[parents_[i]];
    }
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = root(a);
    b = root(b);
    parents_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::size_t> parents_;
};

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

Pairs similar_pairs(const std::vector<Examined>& images, int threads) {
  constexpr std::size_t kRows = 64;  // of the triangle, one item of work
  Pairs pairs;
  std::mutex mutex;
  parallel_for((images.size() + kRows - 1) / kRows, threads, [&](std::size_t block) {
    Pairs found;
    for (std::size_t i = block * kRows; i < std::min(images.size(), (block + 1) * kRows); ++i) {
      for (std::size_t j = i + 1; images[i].error.empty() && j < images.size(); ++j) {
        if (images[j].error.empty() && looks_alike(images[i].look, images[j].look)) {
          found.emplace_back(i, j);
        }
      }
    }
    const std::lock_guard lock(mutex);
    pairs.insert(pairs.end(), found.begin(), found.end());
  });
  return pairs;
}

std::vector<std::vector<std::size_t>> groups_of(Sets& sets, std::size_t count) {
  std::map<std::size_t, std::vector<std::size_t>> by_root;
  for (std::size_t i = 0; i < count; ++i) {
    by_root[sets.root(i)].push_back(i);
  }
  std::vector<std::vector<std::size_t>> groups;
  for (auto& [root, members] : by_root) {
    if (members.size() > 1) {
      groups.push_back(std::move(members));
    }
  }
  return groups;
}

// Joins the groups that samples are in already to those of their duplicates. Returns how many have one.
std::int64_t group(Dataset& dataset, const std::vector<std::vector<std::size_t>>& duplicates) {
  Sets sets(dataset.samples.size());
  std::int64_t count = 0;
  for (const auto& group : duplicates) {
    count += static_cast<std::int64_t>(group.size());
    for (const auto member : group) {
      sets.join(group.front(), member);
    }
  }
  std::map<std::string, std::size_t> first_of_group;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    if (const auto& group = dataset.samples[i].group; !group.empty()) {
      sets.join(first_of_group.emplace(group, i).first->second, i);
    }
  }
  for (const auto& group : groups_of(sets, dataset.samples.size())) {
    std::string name = dataset.samples[group.front()].group;
    for (const auto member : group) {
      name = name.empty() ? dataset.samples[member].group : name;
    }
    name = name.empty() ? dataset.samples[group.front()].path : name;
    for (const auto member : group) {
      dataset.samples[member].group = name;
    }
  }
  return count;
}

// Empty where the file cannot be read.
std::string content_of(const std::string& path) {
  try {
    return sha256_of_file(path);
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

std::vector<std::vector<std::size_t>> duplicate_groups(const std::vector<Examined>& images, int threads) {
  Sets sets(images.size());
  for (const auto& [a, b] : similar_pairs(images, threads)) {
    sets.join(a, b);
  }
  return groups_of(sets, images.size());
}

std::int64_t group_duplicates(Dataset& dataset, int threads, Progress& progress) {
  std::vector<std::string> paths;
  for (const auto& sample : dataset.samples) {
    paths.push_back(sample.path);
  }
  return group(dataset, duplicate_groups(examine(paths, threads, progress), threads));
}

std::int64_t group_identical(Dataset& dataset) {
  std::map<std::uintmax_t, std::vector<std::size_t>> by_size;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    std::error_code gone;  // told when it is to be read
    by_size[std::filesystem::file_size(dataset.samples[i].path, gone)].push_back(i);
  }
  std::map<std::string, std::vector<std::size_t>> by_content;
  for (const auto& [size, members] : by_size) {
    for (const auto member : members) {
      if (members.size() > 1) {
        by_content[content_of(dataset.samples[member].path)].push_back(member);
      }
    }
  }
  by_content.erase("");
  std::vector<std::vector<std::size_t>> duplicates;
  for (auto& [content, members] : by_content) {
    if (members.size() > 1) {
      duplicates.push_back(std::move(members));
    }
  }
  return group(dataset, duplicates);
}

}  // namespace headstart
