#include "serve/loaded_classifier.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "headstart/error.h"

namespace headstart {
namespace {

// Pictures computed at once: enough for the speed of batches, few enough that others get their turn. The rest
// of a request is computed picture by picture: a program for every number would hold the weights every time.
constexpr std::int64_t kBatch = 8;

// As many decode at a time as there are cores: a large picture takes much memory.
class Turn {
 public:
  explicit Turn(std::counting_semaphore<>& turns) : turns_(turns) { turns_.acquire(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { turns_.release(); }

 private:
  std::counting_semaphore<>& turns_;
};

Model checked(Model model) {
  require_classifier(model);
  check_input(model.graph, model.preprocessing);
  return model;
}

}  // namespace

LoadedClassifier::LoadedClassifier(Model model, Precision precision, int threads, std::int64_t maximum_pixels)
    : model_(checked(std::move(model))),
      maximum_pixels_(maximum_pixels),
      predictor_(model_, nodes_for_classes(model_, {}), precision, static_cast<int>(kBatch), true),
      decoders_(thread_count(0)),
      computing_(threads) {
  Tensor nothing(rows_shape(1));  // compiles, and packs the weights
  computing_.run([&] { predictor_.run(nothing); });
}

Shape LoadedClassifier::rows_shape(std::int64_t rows) const {
  Shape shape = model_.graph.input_shape();
  shape.insert(shape.begin(), rows);
  return shape;
}

Image LoadedClassifier::decode(std::span<const std::uint8_t> bytes, DecodeOptions options) {
  options.maximum_pixels = maximum_pixels_;
  const Turn turn(decoders_);
  return decode_image(bytes, options);
}

Tensor LoadedClassifier::input_of(std::span<const std::uint8_t> bytes) {
  return input_of(decode(bytes, decode_options_for(model_.preprocessing)));
}

ClassTable LoadedClassifier::classes_of(const Tensor& inputs) {
  const std::int64_t rows = inputs.shape().front();
  const auto size = static_cast<std::size_t>(element_count(model_.graph.input_shape()));
  std::vector<Tensor> values;
  for (const NodeId node : nodes_for_classes(model_, {})) {
    Shape shape = model_.graph.node(node).shape;
    shape.insert(shape.begin(), rows);
    values.emplace_back(std::move(shape));
  }
  for (std::int64_t first = 0; first < rows;) {
    const std::int64_t count = rows - first >= kBatch ? kBatch : 1;
    const Tensor part(rows_shape(count), inputs.values().subspan(static_cast<std::size_t>(first) * size,
                                                                 static_cast<std::size_t>(count) * size));
    computing_.run([&] {
      const auto made = predictor_.run(part);
      for (std::size_t i = 0; i < made.size(); ++i) {
        std::copy_n(made[i].data(), made[i].size(), values[i].data() + first * (made[i].size() / count));
      }
    });
    first += count;
  }
  return class_table(model_, values);
}

}  // namespace headstart
