// The input that excites a filter or a class most, by gradient ascent with the usual regularisers: random
// shifts, gradients whose octaves of detail and colours are weighted as in photos, and a pull towards gray.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <opencv2/imgproc.hpp>

#include "core/random.h"
#include "explain/before_activation.h"
#include "headstart/engine.h"
#include "headstart/error.h"
#include "headstart/explain.h"
#include "headstart/explain_network.h"

namespace headstart {
namespace {

constexpr float kGray = 127.5F;
constexpr std::size_t kRowsAtOnce = 9;

// Without trainable layers a program writes neither gradients nor statistics.
Graph maximized_part(const Model& model, NodeId output, const MaximizeOptions& options) {
  Graph part = options.classes ? model.graph : before_activation(model.graph, output);
  part.set_all_trainable(false);
  return part;
}

// A gradient has far more fine detail, and more colour, than a photo. As in photos every octave becomes twice
// as strong as the next finer one, and colours vary less than brightness.
cv::Mat like_a_photo(const cv::Mat& gradient) {
  constexpr int kCoarsest = 16;  // pixels of a side
  constexpr float kOwn = 0.6F, kOthers = 0.2F;
  std::vector<cv::Mat> octaves;
  cv::Mat rest = gradient;
  while (std::min(rest.rows, rest.cols) >= 2 * kCoarsest) {
    cv::Mat half, back;
    cv::resize(rest, half, {}, 0.5, 0.5, cv::INTER_AREA);
    cv::resize(half, back, rest.size(), 0, 0, cv::INTER_LINEAR);
    octaves.emplace_back(rest - back);
    rest = half;
  }
  octaves.push_back(rest);
  cv::Mat sum = cv::Mat::zeros(rest.size(), rest.type());
  for (std::size_t i = octaves.size(); i-- > 0;) {
    const cv::Mat& octave = octaves[i];
    const double magnitude = cv::norm(octave, cv::NORM_L1) / static_cast<double>(octave.total());
    cv::resize(sum, sum, octave.size(), 0, 0, cv::INTER_LINEAR);
    cv::scaleAdd(octave, magnitude > 0.0 ? std::exp2(i) / magnitude : 0.0, sum, sum);
  }
  if (sum.channels() == 3) {
    cv::transform(sum, sum,
                  cv::Matx33f(kOwn, kOthers, kOthers, kOthers, kOwn, kOthers, kOthers, kOthers, kOwn));
  }
  return sum;
}

// Pixels of a batch, 0 to 255 in the network's order of colours, and what the network is given for them.
class Ascent {
 public:
  Ascent(const Model& model, NodeId output, const std::vector<int>& units, const MaximizeOptions& options)
      : model_(model),
        options_(options),
        units_(units),
        rows_(static_cast<std::int64_t>(units.size())),
        shape_(model.graph.input_shape()),
        program_(maximized_part(model, output, options), const_cast<Parameters&>(model.parameters),
                 {.batch = static_cast<int>(units.size()),
                  .precision = Precision::f32,
                  .batch_norm = BatchNormMode::frozen,
                  .watch = {0}}),
        pixels_({rows_, shape_[0], shape_[1], shape_[2]}),
        input_(pixels_.shape()),
        diff_(seed_of(model.graph.node(output).shape)),
        moved_(units.size(), false) {
    constexpr float kNoise = 8.0F;
    for (std::int64_t row = 0; row < rows_; ++row) {
      Random random(options.seed, RandomPurpose::initialise,
                    static_cast<std::uint64_t>(units[static_cast<std::size_t>(row)]));
      float* pixel = pixels_.data() + row * row_size();
      for (std::int64_t i = 0; i < row_size(); ++i) {
        pixel[i] = kGray + kNoise * random.normal();
      }
    }
  }

  // What is maximised, for each row.
  std::vector<float> measure() {
    const Tensor& values = forward(0, 0);
    std::vector<float> means;
    const auto size = values.size() / rows_;
    for (std::int64_t row = 0; row < rows_; ++row) {
      means.push_back(std::inner_product(values.data() + row * size, values.data() + (row + 1) * size,
                                         diff_.data() + row * size, 0.0F));
    }
    return means;
  }

  // `progress` from 0 to 1.
  void step(int index, double progress) {
    Random random(options_.seed, RandomPurpose::augment, static_cast<std::uint64_t>(index));
    const int jitter = static_cast<int>(std::min<std::int64_t>(options_.jitter, shorter_side() / 16));
    const auto shift = [&] {
      return static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>(2 * jitter + 1))) - jitter;
    };
    const auto down = shift(), right = shift();
    forward(down, right);
    program_.backward(diff_.data());
    const double rate = options_.rate * (1.0 - 0.75 * progress);
    for (std::int64_t row = 0; row < rows_; ++row) {
      climb(row, down, right, rate);
    }
  }

  // Whether any gradient has reached the row's pixels.
  bool moved(std::size_t row) const { return moved_[row]; }

  Image picture(std::int64_t row) const {
    Image image{.width = static_cast<int>(shape_[1]), .height = static_cast<int>(shape_[0]), .pixels = {}};
    const float* pixel = pixels_.data() + row * row_size();
    for (std::int64_t p = 0; p < shape_[0] * shape_[1]; ++p) {
      for (std::int64_t c = 0; c < 3; ++c) {
        const auto channel = shape_[2] == 1 ? 0 : model_.preprocessing.bgr ? 2 - c : c;
        image.pixels.push_back(static_cast<std::uint8_t>(std::lround(pixel[p * shape_[2] + channel])));
      }
    }
    return image;
  }

 private:
  std::int64_t shorter_side() const { return std::min(shape_[0], shape_[1]); }
  std::int64_t row_size() const { return element_count(shape_); }
  std::int64_t rolled(std::int64_t p, std::int64_t down, std::int64_t right) const {
    const auto y = (p / shape_[1] + down + shape_[0]) % shape_[0];
    const auto x = (p % shape_[1] + right + shape_[1]) % shape_[1];
    return y * shape_[1] + x;
  }

  // A mean over the map's pixels for a filter, the logit for a class.
  Tensor seed_of(const Shape& output) const {
    Shape batched = output;
    batched.insert(batched.begin(), rows_);
    Tensor diff(batched);
    const auto channels = output.back();
    const auto positions = element_count(output) / channels;
    const bool one_unit = options_.classes && channels == 1;
    for (std::int64_t row = 0; row < rows_; ++row) {
      const int unit = units_[static_cast<std::size_t>(row)];
      for (std::int64_t p = 0; p < positions; ++p) {
        diff[(row * positions + p) * channels + (one_unit ? 0 : unit)] =
            (one_unit && unit == 0 ? -1.0F : 1.0F) / static_cast<float>(positions);
      }
    }
    return diff;
  }

  const Tensor& forward(std::int64_t down, std::int64_t right) {
    const auto& to = model_.preprocessing;
    const auto channels = shape_[2];
    for (std::int64_t row = 0; row < rows_; ++row) {
      const float* from = pixels_.data() + row * row_size();
      float* into = input_.data() + row * row_size();
      for (std::int64_t p = 0; p < shape_[0] * shape_[1]; ++p) {
        const auto source = rolled(p, down, right);
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto i = static_cast<std::size_t>(c);
          into[p * channels + c] = (from[source * channels + c] * to.scale - to.mean[i]) / to.std[i];
        }
      }
    }
    const float* input = input_.data();
    return program_.forward(std::span(&input, 1), 0);
  }

  // Gradients have any scale: a step changes a pixel by `rate` levels in the mean.
  void climb(std::int64_t row, std::int64_t down, std::int64_t right, double rate) {
    const auto channels = shape_[2];
    Tensor gradient(shape_);
    const float* from = program_.gradient_of(0).data() + row * row_size();
    for (std::int64_t p = 0; p < shape_[0] * shape_[1]; ++p) {
      for (std::int64_t c = 0; c < channels; ++c) {
        gradient[rolled(p, down, right) * channels + c] =
            from[p * channels + c] / model_.preprocessing.std[static_cast<std::size_t>(c)];
      }
    }
    cv::Mat image(static_cast<int>(shape_[0]), static_cast<int>(shape_[1]),
                  CV_32FC(static_cast<int>(channels)), gradient.data());
    like_a_photo(image).copyTo(image);
    double mean = 0.0;
    for (const float value : gradient.values()) {
      mean += std::abs(static_cast<double>(value)) / static_cast<double>(gradient.size());
    }
    const auto scale = static_cast<float>(mean > 0.0 ? rate / mean : 0.0);
    moved_[static_cast<std::size_t>(row)] = moved_[static_cast<std::size_t>(row)] || mean > 0.0;
    const auto kept = static_cast<float>(1.0 - options_.decay);
    float* pixel = pixels_.data() + row * row_size();
    for (std::int64_t i = 0; i < gradient.size(); ++i) {
      pixel[i] = std::clamp(kGray + kept * (pixel[i] + scale * gradient[i] - kGray), 0.0F, 255.0F);
    }
  }

  const Model& model_;
  const MaximizeOptions& options_;
  const std::vector<int>& units_;
  std::int64_t rows_;
  Shape shape_;
  TrainingProgram program_;
  Tensor pixels_, input_, diff_;
  std::vector<bool> moved_;
};

std::vector<int> units_of(const MaximizeOptions& options, std::int64_t available) {
  std::vector<int> units = options.units;
  if (units.empty()) {
    units.resize(static_cast<std::size_t>(std::min<std::int64_t>(available, 9)));
    std::iota(units.begin(), units.end(), 0);
  }
  for (const int unit : units) {
    if (unit < 0 || unit >= available) {
      throw Error(fmt::format("[explain] expected a {} from 0 to {}; received {}",
                              options.classes ? "class" : "filter", available - 1, unit));
    }
  }
  return units;
}

}  // namespace

std::vector<MaximizedInput> maximize(const Model& model, const MaximizeOptions& options, Progress& progress) {
  if (model.graph.input_shape().size() != 3) {
    throw Error("[explain] expected a network that reads pictures; received " + model.graph.name());
  }
  if (options.classes) {
    require_classifier(model);
  }
  const NodeId output = options.classes         ? model.graph.output()
                        : options.layer.empty() ? evidence_layer(model.graph)
                                                : model.graph.require(options.layer);
  if (output == 0) {
    throw Error("[explain] expected a layer behind the input; received " + model.graph.node(0).name);
  }
  const auto available = options.classes ? static_cast<std::int64_t>(class_labels(model).size())
                                         : model.graph.node(output).shape.back();
  const auto units = units_of(options, available);
  std::vector<MaximizedInput> results;
  progress.begin("maximizing", static_cast<std::int64_t>(units.size()) * options.steps);
  for (std::size_t first = 0; first < units.size(); first += kRowsAtOnce) {
    const std::vector<int> part(
        units.begin() + static_cast<std::ptrdiff_t>(first),
        units.begin() + static_cast<std::ptrdiff_t>(std::min(units.size(), first + kRowsAtOnce)));
    Ascent ascent(model, output, part, options);
    const auto before = ascent.measure();
    for (int i = 0; i < options.steps; ++i) {
      throw_if_stopped();
      ascent.step(i, static_cast<double>(i) / options.steps);
      progress.advance(static_cast<std::int64_t>(first) * options.steps +
                       static_cast<std::int64_t>(part.size()) * (i + 1));
    }
    const auto after = ascent.measure();
    for (std::size_t i = 0; i < part.size(); ++i) {
      results.push_back({.unit = part[i],
                         .before = before[i],
                         .after = after[i],
                         .stuck = !ascent.moved(i),
                         .picture = ascent.picture(static_cast<std::int64_t>(i))});
    }
  }
  progress.end();
  return results;
}

}  // namespace headstart
