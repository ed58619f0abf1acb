// Splits and folds: every class in the asked proportions, groups kept whole, the same for the same seed.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "core/random.h"
#include "data/labels.h"
#include "headstart/dataset.h"
#include "headstart/error.h"
#include "headstart/split.h"

namespace headstart {
namespace {

constexpr std::size_t kParts = 3;
constexpr std::size_t kLeftOut = kParts;
using PartCounts = std::vector<double>;  // of a split: train, validation, test, left out; or of each fold

// Samples that must stay together: a group, or one sample.
struct Unit {
  std::vector<std::size_t> samples;
};

std::vector<Unit> units_of(const Dataset& dataset) {
  std::vector<Unit> units;
  std::map<std::string, std::size_t> by_group;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const auto& group = dataset.samples[i].group;
    if (group.empty()) {
      units.push_back({{i}});
      continue;
    }
    const auto [entry, is_new] = by_group.emplace(group, units.size());
    if (is_new) {
      units.emplace_back();
    }
    units[entry->second].samples.push_back(i);
  }
  return units;
}

// Whole numbers nearest to the fractions of `count` that sum to it: rounded down, the rest to the largest
// remainders.
PartCounts apportion(std::size_t count, const PartCounts& fractions) {
  PartCounts counts(fractions.size()), remainders(fractions.size());
  double given = 0;
  for (std::size_t part = 0; part < fractions.size(); ++part) {
    const double exact = fractions[part] * static_cast<double>(count);
    counts[part] = std::floor(exact + 1e-9);
    remainders[part] = exact - counts[part];
    given += counts[part];
  }
  for (; given < static_cast<double>(count); ++given) {
    const auto largest = std::max_element(remainders.begin(), remainders.end()) - remainders.begin();
    counts[static_cast<std::size_t>(largest)] += 1;
    remainders[static_cast<std::size_t>(largest)] = -1;
  }
  return counts;
}

// What is divided in the asked proportions: the samples of each class; in multi-label data those whose
// rarest class it is, and at the end those without any.
struct Strata {
  std::vector<std::size_t> sizes;
  std::vector<std::size_t> of_sample;
};

Strata strata_of_sets(const Dataset& dataset) {
  const std::size_t classes = dataset.class_names.size();
  std::vector<std::size_t> photos(classes + 1, 0);
  for (const auto& sample : dataset.samples) {
    for (const int label : classes_of(dataset, sample)) {
      ++photos.at(static_cast<std::size_t>(label));
    }
  }
  Strata strata{.sizes = std::vector<std::size_t>(classes + 1, 0), .of_sample = {}};
  for (const auto& sample : dataset.samples) {
    std::size_t rarest = classes;
    for (const int label : classes_of(dataset, sample)) {
      const auto one = static_cast<std::size_t>(label);
      rarest = rarest == classes || photos[one] < photos[rarest] ? one : rarest;
    }
    strata.of_sample.push_back(rarest);
    ++strata.sizes[rarest];
  }
  return strata;
}

Strata strata_of(const Dataset& dataset) {
  if (is_multi_label(dataset)) {
    return strata_of_sets(dataset);
  }
  Strata strata{.sizes = class_sizes(dataset), .of_sample = {}};
  for (const auto& sample : dataset.samples) {
    strata.of_sample.push_back(static_cast<std::size_t>(sample.label));
  }
  return strata;
}

// Places still open, by stratum and part.
std::vector<PartCounts> open_places(const std::vector<std::size_t>& counts, const PartCounts& fractions) {
  std::vector<PartCounts> open;
  open.reserve(counts.size());
  for (const auto count : counts) {
    open.push_back(apportion(count, fractions));
  }
  return open;
}

// A small stratum gives up one of its places in the largest part for each empty part that is asked for.
void fill_empty_parts(std::vector<PartCounts>& open, const PartCounts& fractions) {
  for (auto& places : open) {
    for (std::size_t part = 0; part < kParts; ++part) {
      const auto donor =
          static_cast<std::size_t>(std::max_element(places.begin(), places.end()) - places.begin());
      if (fractions[part] > 0 && places[part] < 1 && places[donor] > 1) {
        places[part] += 1;
        places[donor] -= 1;
      }
    }
  }
}

// The part whose open places the unit fills best.
std::size_t best_part(const Unit& unit, const Strata& strata, const std::vector<PartCounts>& open) {
  PartCounts score(open.front().size());
  for (const auto sample : unit.samples) {
    const auto& places = open[strata.of_sample[sample]];
    for (std::size_t part = 0; part < score.size(); ++part) {
      score[part] += places[part];
    }
  }
  return static_cast<std::size_t>(std::max_element(score.begin(), score.end()) - score.begin());
}

DatasetSplits assigned(const Dataset& dataset, const std::vector<std::size_t>& part_of_sample) {
  std::array<Dataset, kParts> parts;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    if (part_of_sample[i] != kLeftOut) {
      parts[part_of_sample[i]].samples.push_back(dataset.samples[i]);
    }
  }
  for (auto& part : parts) {
    part.class_names = dataset.class_names;
    part.label_sets = dataset.label_sets;
  }
  parts[0].skipped = dataset.skipped;
  DatasetSplits splits;
  splits.train = std::move(parts[0]);
  if (!parts[1].samples.empty()) {
    splits.validation = std::move(parts[1]);
  }
  if (!parts[2].samples.empty()) {
    splits.test = std::move(parts[2]);
  }
  return splits;
}

// The part of each sample.
std::vector<std::size_t> fill_places(const Dataset& dataset, const Strata& strata,
                                     std::vector<PartCounts> open, std::uint64_t seed) {
  auto units = units_of(dataset);
  Random random(seed, RandomPurpose::split);
  shuffle(units, random);
  // Large groups first, while there is room for them.
  std::stable_sort(units.begin(), units.end(),
                   [](const Unit& a, const Unit& b) { return a.samples.size() > b.samples.size(); });
  std::vector<std::size_t> part_of_sample(dataset.samples.size());
  for (const auto& unit : units) {
    const std::size_t part = best_part(unit, strata, open);
    for (const auto sample : unit.samples) {
      part_of_sample[sample] = part;
      open[strata.of_sample[sample]][part] -= 1;
    }
  }
  return part_of_sample;
}

}  // namespace

DatasetSplits split_dataset(const Dataset& dataset, const SplitFractions& fractions, std::uint64_t seed) {
  const double sum = fractions.train + fractions.validation + fractions.test;
  if (!(fractions.train > 0) || !(fractions.validation >= 0) || !(fractions.test >= 0) ||
      !(sum <= 1 + 1e-9)) {
    throw Error(fmt::format(
        "[split] fractions that sum to at most 1, train above 0, were expected; received {}, {}, {}",
        fractions.train, fractions.validation, fractions.test));
  }
  const PartCounts parts{fractions.train, fractions.validation, fractions.test, std::max(1 - sum, 0.0)};
  const Strata strata = strata_of(dataset);
  auto open = open_places(strata.sizes, parts);
  fill_empty_parts(open, parts);
  return assigned(dataset, fill_places(dataset, strata, std::move(open), seed));
}

DatasetSplits split_by_count(const Dataset& dataset, const SplitCounts& counts, std::uint64_t seed) {
  if (counts.train < 1 || counts.validation < 0 || counts.test < 0) {
    throw Error(fmt::format("[split] counts a class, train at least 1, were expected; received {}, {}, {}",
                            counts.train, counts.validation, counts.test));
  }
  const auto needed = static_cast<std::size_t>(std::int64_t{counts.train} + counts.validation + counts.test);
  const Strata strata = strata_of(dataset);
  const std::vector<std::size_t> available = class_sizes(dataset);
  std::vector<PartCounts> open;
  open.reserve(available.size());
  for (std::size_t label = 0; label < available.size(); ++label) {
    if (available[label] < needed) {
      throw Error(
          fmt::format("[split] {} pictures of each class were expected; received {} of \"{}\"; ask for fewer",
                      needed, available[label], dataset.class_names[label]));
    }
    open.push_back({static_cast<double>(counts.train), static_cast<double>(counts.validation),
                    static_cast<double>(counts.test), static_cast<double>(available[label] - needed)});
  }
  return assigned(dataset, fill_places(dataset, strata, std::move(open), seed));
}

std::vector<int> stratified_folds(const Dataset& dataset, int folds, std::uint64_t seed) {
  if (folds < 2) {
    throw Error(fmt::format("[split] at least two folds were expected; received {}", folds));
  }
  const PartCounts shares(static_cast<std::size_t>(folds), 1.0 / folds);
  const Strata strata = strata_of(dataset);
  const auto parts = fill_places(dataset, strata, open_places(strata.sizes, shares), seed);
  return {parts.begin(), parts.end()};
}

}  // namespace headstart
