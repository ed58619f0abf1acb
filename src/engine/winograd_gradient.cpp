#include "engine/winograd_gradient.h"

#include <algorithm>
#include <utility>

#include <omp.h>

#include "engine/compiled_for_threads.h"
#include "engine/layout.h"
#include "engine/winograd_choice.h"
#include "engine/winograd_matrices.h"

namespace headstart {
namespace {

using onednn::Desc;
using Tag = dnnl::memory::format_tag;

// What is transformed at once stays in the last cache, and is enough for a product.
constexpr std::int64_t kLastCacheBytes = 8 << 20;
constexpr std::int64_t kFewestTiles = 128, kMostTiles = 1024;
constexpr std::int64_t kTilesAPiece = 16;  // of a thread

std::int64_t tiles_at_once(const WinogradShape& s) {
  const std::int64_t bytes_of_row = s.positions() * (s.channels + s.filters) * (s.bf16 ? 2 : 4);
  return s.tiles_of_a_part(std::clamp(kLastCacheBytes / bytes_of_row, kFewestTiles, kMostTiles));
}

dnnl::matmul::primitive_desc product_of(const dnnl::engine& engine, const WinogradShape& shape,
                                        std::int64_t rows, bool adds) {
  const auto type = shape.bf16 ? DataType::bf16 : DataType::f32;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (adds) {
    dnnl::post_ops sum;
    sum.append_sum();
    attributes.set_post_ops(sum);
  }
  return onednn::matmul(engine, Desc({shape.channels, rows}, type, Tag::ba),
                        Desc({rows, shape.filters}, type, Tag::ab),
                        Desc({shape.channels, shape.filters}, DataType::f32, Tag::ab), attributes);
}

}  // namespace

std::shared_ptr<WinogradGradient> WinogradGradient::make(const dnnl::engine& engine,
                                                         const WinogradShape& shape) {
  const std::int64_t rows = tiles_at_once(shape);
  const int threads = omp_get_max_threads();
  const CompiledForThreads one(1);
  const auto first = product_of(engine, shape, rows, false), next = product_of(engine, shape, rows, true);
  if (!is_worth_transforming(first) || !is_worth_transforming(next)) {
    return nullptr;
  }
  return std::shared_ptr<WinogradGradient>(new WinogradGradient(engine, shape, rows, first, next, threads));
}

WinogradGradient::WinogradGradient(const dnnl::engine& engine, const WinogradShape& shape, std::int64_t rows,
                                   const dnnl::matmul::primitive_desc& first,
                                   const dnnl::matmul::primitive_desc& next, int threads)
    : engine_(engine),
      shape_(shape),
      rows_(rows),
      product_desc_(next),
      first_(first),
      next_(next),
      threads_(threads) {}

Desc WinogradGradient::scratch_desc() const {
  const auto& product = product_desc_;
  return bytes_desc(bytes_of_matrices(shape_, product.src_desc()) +
                    bytes_of_matrices(shape_, product.weights_desc()) +
                    bytes_of_matrices(shape_, product.dst_desc()) +
                    static_cast<std::size_t>(threads_) * aligned(product.scratchpad_desc().get_size()));
}

void WinogradGradient::bind(void* scratch) {
  auto* next = static_cast<char*>(scratch);
  const auto take = [&next](std::size_t bytes) { return std::exchange(next, next + bytes); };
  source_ = take(bytes_of_matrices(shape_, product_desc_.src_desc()));
  diff_ = take(bytes_of_matrices(shape_, product_desc_.weights_desc()));
  auto* sums = take(bytes_of_matrices(shape_, product_desc_.dst_desc()));
  sums_ = reinterpret_cast<float*>(sums);
  for (int thread = 0; thread < threads_; ++thread) {
    auto& worker = workers_.emplace_back(Worker{.stream = dnnl::stream(engine_)});
    const dnnl::memory scratchpad(product_desc_.scratchpad_desc(), engine_,
                                  take(aligned(product_desc_.scratchpad_desc().get_size())));
    for (std::int64_t position = 0; position < shape_.positions(); ++position) {
      worker.arguments.push_back(
          {{DNNL_ARG_SRC, matrix_at(engine_, product_desc_.src_desc(), source_, position)},
           {DNNL_ARG_WEIGHTS, matrix_at(engine_, product_desc_.weights_desc(), diff_, position)},
           {DNNL_ARG_DST, matrix_at(engine_, product_desc_.dst_desc(), sums, position)},
           {DNNL_ARG_SCRATCHPAD, scratchpad}});
    }
  }
}

void WinogradGradient::transform(const void* src, const void* diff, const TileRange& tiles) {
  const auto row = [this](void* base, std::int64_t index, std::int64_t columns) -> void* {
    return static_cast<char*>(base) + index * columns * (shape_.bf16 ? 2 : 4);
  };
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
  for (std::int64_t first = 0; first < tiles.count; first += kTilesAPiece) {
    const TileRange piece{.first = tiles.first + first, .count = std::min(kTilesAPiece, tiles.count - first)};
    winograd_source(shape_, src, piece, rows_, row(source_, first, shape_.channels));
    winograd_diff(shape_, diff, piece, rows_, row(diff_, first, shape_.filters));
  }
  clear_rows(shape_, shape_.channels, tiles.count, rows_, source_);
  clear_rows(shape_, shape_.filters, tiles.count, rows_, diff_);
}

void WinogradGradient::run(const void* src, const void* diff, void* scratch, float* gradient) {
  if (workers_.empty()) {
    bind(scratch);
  }
  for (std::int64_t tile = 0; tile < shape_.tiles(); tile += rows_) {
    transform(src, diff, {.first = tile, .count = std::min(rows_, shape_.tiles() - tile)});
    const auto& product = tile == 0 ? first_ : next_;
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
    for (std::int64_t position = 0; position < shape_.positions(); ++position) {
      const auto& worker = workers_[static_cast<std::size_t>(omp_get_thread_num())];
      product.execute(worker.stream, worker.arguments[static_cast<std::size_t>(position)]);
    }
  }
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (std::int64_t channel = 0; channel < shape_.channels; ++channel) {
    winograd_kernel_gradient(shape_, sums_, channel, gradient);
  }
}

}  // namespace headstart
