// Convolutions of stride 1 with fewer multiplications than they have: 3x3 with 2.25 to 5 times fewer, 5x5
// with 6 times, 1x7 with up to 3.5 times.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/emitter.h"
#include "engine/winograd_tiles.h"

namespace headstart {

// A tile of the result comes from as many products as its source has pixels: both the source and the kernel
// are transformed, multiplied pixel by pixel (by oneDNN, a 1x1 convolution each), and the products
// transformed to the result. bf16 takes tiles of 2x2, whose transforms add and subtract only: its errors grow
// by half; f32 larger ones where they are faster, with errors of up to 4e-5 of the norm of what is summed.
class WinogradConvolution {
 public:
  // Nothing where it cannot be fast. `transposed`: the kernel comes as taps down x taps across x filters x
  // channels and is turned by 180 degrees, for the gradient of a source.
  static std::shared_ptr<WinogradConvolution> make(const dnnl::engine& engine, const WinogradShape& shape,
                                                   bool transposed = false);

  // How many are transformed and multiplied together.
  static std::int64_t tiles_at_once(const WinogradShape& shape);

  std::string name() const { return shape_.name(); }
  double multiplications() const { return shape_.multiplications(); }
  // The transformed kernel, and what is needed for a run, in bytes.
  onednn::Desc weights_desc() const;
  onednn::Desc scratch_desc() const;

  void load_kernel(const float* kernel, void* weights) const;
  // Scratch and weights are those of the first run at every later one.
  void run(const void* src, void* weights, const WinogradEnding& ending, void* scratch, void* dst);

 private:
  // One thread's memory and products.
  struct Worker {
    dnnl::stream stream;
    void* source = nullptr;
    float* sums = nullptr;
    std::vector<Arguments> arguments{};
  };

  WinogradConvolution(const dnnl::engine& engine, const WinogradShape& shape, std::int64_t rows,
                      const onednn::ConvolutionForward& product, const onednn::KernelBlocks& blocks,
                      bool transposed, int threads);
  std::size_t packed_step() const;  // from one position's kernel to the next, in bytes
  void clear_last_blocks(void* weights) const;
  void bind(void* weights, void* scratch);

  dnnl::engine engine_;
  WinogradShape shape_;
  std::int64_t rows_;  // tiles_at_once
  onednn::ConvolutionForward product_desc_;
  dnnl::convolution_forward product_;
  onednn::KernelBlocks blocks_;
  bool transposed_;
  int threads_;
  std::vector<Worker> workers_{};
};

}  // namespace headstart
