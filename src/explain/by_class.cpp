// What the maps of many pictures have in common.
#include <algorithm>
#include <map>
#include <utility>

#include "headstart/explain_pictures.h"

namespace headstart {
namespace {

// Every picture counts the same; a map of zeros says nothing.
void add(ClassEvidence& evidence, const Tensor& map) {
  if (evidence.mean.values.empty()) {
    evidence.mean.values = Tensor(map.shape());
  }
  ++evidence.pictures;
  for (std::int64_t i = 0; i < map.size(); ++i) {
    evidence.mean.values[i] += map[i];
  }
}

// How much of cell `index` of `cells` lies in the outer tenth at either end.
double share_outside(std::int64_t index, std::int64_t cells) {
  constexpr double kTenth = 0.1;
  const auto begin = static_cast<double>(index) / static_cast<double>(cells);
  const auto end = static_cast<double>(index + 1) / static_cast<double>(cells);
  const double low = std::max(0.0, std::min(end, kTenth) - begin);
  const double high = std::max(0.0, end - std::max(begin, 1.0 - kTenth));
  return (low + high) / (end - begin);
}

}  // namespace

double border_share(const Tensor& values) {
  const auto height = values.shape().at(0), width = values.shape().at(1);
  double border = 0.0, all = 0.0;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const auto value = static_cast<double>(values[y * width + x]);
      const double inside = (1.0 - share_outside(y, height)) * (1.0 - share_outside(x, width));
      border += value * (1.0 - inside);
      all += value;
    }
  }
  return all > 0.0 ? border / all : 0.0;
}

std::vector<ClassEvidence> evidence_by_class(std::span<const Explanation> explanations) {
  std::map<int, ClassEvidence> classes;
  for (const auto& explanation : explanations) {
    if (explanation.classes.empty() || explanation.unknown() || explanation.classes.front().map.is_zero()) {
      continue;
    }
    const auto& first = explanation.classes.front();
    add(classes[first.ranked.index], first.map.values);
  }
  std::vector<ClassEvidence> result;
  for (auto& [index, evidence] : classes) {
    evidence.index = index;
    evidence.mean = normalized(std::move(evidence.mean.values));
    evidence.border = border_share(evidence.mean.values);
    result.push_back(std::move(evidence));
  }
  return result;
}

}  // namespace headstart
