// The gradient of a convolution's kernel from tiles of its source and of the result's gradient.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/emitter.h"
#include "engine/winograd_tiles.h"

namespace headstart {

// As WinogradConvolution (winograd.h), with the products' sums over all tiles in place of those over
// channels.
class WinogradGradient {
 public:
  // `shape` is that of the convolution. Nothing where it cannot be fast.
  static std::shared_ptr<WinogradGradient> make(const dnnl::engine& engine, const WinogradShape& shape);

  std::string name() const { return shape_.name(); }
  double multiplications() const { return shape_.multiplications(); }
  onednn::Desc scratch_desc() const;  // as a vector of u8

  // `gradient`: taps down x taps across x channels x filters. Scratch is that of the first run at every later
  // one.
  void run(const void* src, const void* diff, void* scratch, float* gradient);

 private:
  // One thread's stream, and the product of every position.
  struct Worker {
    dnnl::stream stream;
    std::vector<Arguments> arguments{};
  };

  WinogradGradient(const dnnl::engine& engine, const WinogradShape& shape, std::int64_t rows,
                   const dnnl::matmul::primitive_desc& first, const dnnl::matmul::primitive_desc& next,
                   int threads);
  void bind(void* scratch);
  void transform(const void* src, const void* diff, const TileRange& tiles);

  dnnl::engine engine_;
  WinogradShape shape_;
  std::int64_t rows_;  // tiles that are transformed and multiplied together
  dnnl::matmul::primitive_desc product_desc_;
  dnnl::matmul first_, next_;  // overwrites the sums, adds to them
  int threads_;
  void *source_ = nullptr, *diff_ = nullptr;
  float* sums_ = nullptr;
  std::vector<Worker> workers_{};
};

}  // namespace headstart
