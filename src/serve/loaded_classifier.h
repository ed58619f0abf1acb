// A classifier of pictures that is loaded, compiled and warm. All functions may be called from any number of
// threads at once: pictures are decoded on the caller's thread, and one thread computes for all, a few
// pictures at a time in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <semaphore>
#include <span>

#include "headstart/image.h"
#include "headstart/model.h"
#include "headstart/predict.h"
#include "serve/compute_thread.h"

namespace headstart {

class LoadedClassifier {
 public:
  // `threads` of the network; 0: all cores. `maximum_pixels` of one picture. Throws Error when the model is
  // no classifier of pictures.
  LoadedClassifier(Model model, Precision precision, int threads, std::int64_t maximum_pixels);

  const Model& model() const { return model_; }
  Shape rows_shape(std::int64_t rows) const;
  // As many decode at a time as there are cores. Throws Error.
  Image decode(std::span<const std::uint8_t> bytes, DecodeOptions options);
  // As the network reads it. Throws Error.
  Tensor input_of(std::span<const std::uint8_t> bytes);
  Tensor input_of(const Image& image) const { return preprocess(image, model_.preprocessing); }
  // A row for every row of the inputs.
  ClassTable classes_of(const Tensor& inputs);
  // On the computing thread.
  void run(const std::function<void()>& job) { computing_.run(job); }

 private:
  Model model_;
  std::int64_t maximum_pixels_;
  Predictor predictor_;  // of the computing thread
  std::counting_semaphore<> decoders_;
  ComputeThread computing_;  // the last: it ends before what it works with
};

}  // namespace headstart
