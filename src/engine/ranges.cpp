#include "engine/ranges.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/border.h"
#include "engine/frozen_lowering.h"
#include "engine/program_checks.h"
#include "headstart/error.h"

namespace headstart {
namespace {

// A float's exponent and the first six bits of its fraction.
constexpr int kShift = 17;

std::size_t bin_of(float magnitude) { return std::bit_cast<std::uint32_t>(magnitude) >> kShift; }
double lower_bound(std::size_t bin) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bin) << kShift));
}

// Of values spread over a bin, as if they all stood in its middle.
double middle(std::size_t bin) { return (lower_bound(bin) + lower_bound(bin + 1)) / 2.0; }

}  // namespace

void MagnitudeCounts::add(const float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) {
      throw Error("[int8] expected finite values on the calibration images; received others; use f32");
    }
    negative_ = negative_ || values[i] < 0.0F;
    ++counts_[bin_of(std::abs(values[i]))];
  }
}

ValueRange MagnitudeCounts::best_range() const {
  const double steps = negative_ ? 127.0 : 255.0;
  const auto filled = [](std::int64_t count) { return count > 0; };
  const auto last = std::find_if(counts_.rbegin(), counts_.rend(), filled);
  if (last == counts_.rend() || last == counts_.rend() - 1) {
    return {};  // nothing but zeros
  }
  const auto largest = static_cast<std::size_t>(counts_.rend() - last) - 1;
  constexpr std::size_t kOctavesTried = 4;
  const auto smallest = largest - std::min(largest - 1, kOctavesTried * kBinsAnOctave);
  struct Bin {
    std::size_t index;
    double value, count;
  };
  std::vector<Bin> bins;
  for (std::size_t bin = 1; bin <= largest; ++bin) {
    if (counts_[bin] > 0) {
      bins.push_back({.index = bin, .value = middle(bin), .count = static_cast<double>(counts_[bin])});
    }
  }
  double best_error = std::numeric_limits<double>::infinity();
  double best = 0.0;
  for (std::size_t bound = smallest; bound <= largest; ++bound) {
    const double high = lower_bound(bound + 1);
    const double rounding = high / steps * high / steps / 12.0;
    double error = 0.0;
    for (const auto& [index, value, count] : bins) {
      error += count * (index > bound ? (value - high) * (value - high) : std::min(rounding, value * value));
    }
    if (error < best_error) {
      best_error = error;
      best = high;
    }
  }
  const auto high = static_cast<float>(best);
  return {.low = negative_ ? -high : 0.0F, .high = high};
}

MeasuredRanges measure_ranges(const Graph& graph, const Parameters& parameters,
                              const std::vector<NodeId>& outputs, const Tensor& images) {
  checked_parameters(graph, parameters, {.outputs = outputs, .sources = {0}});
  const Shape& image = graph.input_shape();
  const Shape& given = images.shape();
  if (given.size() != image.size() + 1 || !std::equal(image.begin(), image.end(), given.begin() + 1)) {
    throw Error(fmt::format("[int8] expected images (N, {}); received {}; preprocess them for this network",
                            fmt::join(image, ", "), to_string(given)));
  }
  return at_border("measuring the ranges of values", [&] {
    RangeObserver observer;
    Emitter emitter;
    const FrozenProgram::Options one_by_one{.batch = 1};
    auto lowered = FrozenLowering(emitter, graph, parameters, outputs, one_by_one, &observer).lower();
    emitter.plan();
    for (const auto& load : lowered.loaders) {
      load(parameters);
    }
    const auto count = given.front();
    MeasuredRanges measured;
    for (const auto output : outputs) {
      Shape shape = graph.node(output).shape;
      shape.insert(shape.begin(), count);
      measured.outputs.emplace_back(shape);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      emitter.bind(lowered.sources.front(), images.data() + i * element_count(image));
      for (std::size_t j = 0; j < outputs.size(); ++j) {
        emitter.bind(lowered.outputs[j],
                     measured.outputs[j].data() + i * element_count(graph.node(outputs[j]).shape));
      }
      emitter.run();
    }
    for (const auto& [name, counts] : observer) {
      if (const auto range = counts.best_range(); range != ValueRange{}) {
        measured.ranges.emplace(name, range);
      }
    }
    return measured;
  });
}

}  // namespace headstart
