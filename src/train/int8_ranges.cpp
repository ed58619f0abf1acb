#include "train/int8_ranges.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "headstart/error.h"
#include "train/boundary_program.h"

namespace headstart {
namespace {

// Each passes twice through the frozen part before the features are computed.
constexpr int kImages = 32;

Tensor rows_of(const float* values, std::int64_t rows, const Shape& shape) {
  Shape batched = shape;
  batched.insert(batched.begin(), rows);
  return Tensor(batched, std::span(values, static_cast<std::size_t>(rows * element_count(shape))));
}

Tensor some_images(const Model& model, const Split& training) {
  const Shape& shape = model.graph.input_shape();
  if (training.memory != nullptr) {
    const auto all = training.memory->images.shape().at(0), rows = std::min<std::int64_t>(kImages, all);
    return rows_of(training.memory->images.data(), rows, shape);
  }
  const auto samples = static_cast<int>(training.files->samples.size());
  const int count = std::min(kImages, samples);
  std::vector<LoaderItem> items(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    items[static_cast<std::size_t>(i)].sample = static_cast<int>(std::int64_t{i} * samples / count);
  }
  Loader loader(*training.files, items, {.preprocessing = model.preprocessing, .batch_size = kImages});
  if (auto batch = loader.next()) {
    return std::move(batch->images);
  }
  throw Error(
      "[int8] expected readable images among the training images; received none; see `headstart check`");
}

struct Products {
  double ab = 0, aa = 0, bb = 0;

  void add(const float* a, const float* b, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const double x = a[i], y = b[i];
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
  }
  double cosine() const { return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 1.0; }
};

}  // namespace

Int8Agreement measure_int8_ranges(Model& model, const std::vector<NodeId>& boundary, const Split& training) {
  const Tensor images = some_images(model, training);
  std::vector<NodeId> computed = boundary;
  std::erase_if(computed, [&](NodeId id) { return std::holds_alternative<Input>(model.graph.node(id).op); });
  MeasuredRanges measured = measure_ranges(model.graph, model.parameters, computed, images);
  model.ranges = std::move(measured.ranges);
  const auto sizes = boundary_sizes(model.graph, computed);
  BoundaryProgram program(
      model.graph, model.parameters,
      {.boundary = computed, .batch = 1, .precision = Precision::int8, .ranges = &model.ranges});
  Int8Agreement agreement{.images = static_cast<int>(images.shape()[0]), .least_cosine = 1.0};
  for (std::int64_t i = 0; i < agreement.images; ++i) {
    const auto values = program.run(images.data() + i * element_count(model.graph.input_shape()));
    Products products;
    for (std::size_t j = 0; j < computed.size(); ++j) {
      products.add(std::as_const(measured.outputs[j]).data() + i * sizes[j], values[j], sizes[j]);
    }
    agreement.mean_cosine += products.cosine() / agreement.images;
    agreement.least_cosine = std::min(agreement.least_cosine, products.cosine());
  }
  return agreement;
}

std::string to_string(const Int8Agreement& agreement) {
  return fmt::format(
      "int8: ranges measured on {} training images; features have a cosine similarity to f32 of "
      "{:.4f} on average, {:.4f} at least",
      agreement.images, agreement.mean_cosine, agreement.least_cosine);
}

}  // namespace headstart
