#include "engine/winograd.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <omp.h>

#include "engine/compiled_for_threads.h"
#include "engine/winograd_choice.h"
#include "engine/winograd_matrices.h"

namespace headstart {
namespace {

using onednn::Desc;
using Tag = dnnl::memory::format_tag;

// As many tiles at once as a core's second cache holds, in equal parts.
constexpr std::int64_t kCacheBytes = 1 << 20;
constexpr std::int64_t kFewestRows = 32, kMostRows = 128;
constexpr std::int64_t kHeavyKernel = 1 << 18;  // is worth more rows

}  // namespace

std::int64_t WinogradConvolution::tiles_at_once(const WinogradShape& s) {
  const std::int64_t bytes_of_row =
      s.positions() * (s.channels * (s.bf16 ? 2 : 4) + s.filters * std::int64_t{sizeof(float)});
  const std::int64_t fewest = s.channels * s.filters >= kHeavyKernel ? 2 * kFewestRows : kFewestRows;
  return s.tiles_of_a_part(std::clamp(kCacheBytes / bytes_of_row, fewest, kMostRows));
}

std::shared_ptr<WinogradConvolution> WinogradConvolution::make(const dnnl::engine& engine,
                                                               const WinogradShape& shape, bool transposed) {
  const std::int64_t rows = tiles_at_once(shape);
  const auto type = shape.bf16 ? DataType::bf16 : DataType::f32;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const int threads = omp_get_max_threads();
  const CompiledForThreads one(1);
  // A row of pixels that are tiles. Without AVX-512 oneDNN's matrix products pack their operands at each
  // call.
  const onednn::LayerDescs descs{.src = {{1, shape.channels, 1, rows}, type, Tag::nhwc},
                                 .weights = {{shape.filters, shape.channels, 1, 1}, type, Tag::any},
                                 .dst = {{1, shape.filters, 1, rows}, DataType::f32, Tag::nhwc}};
  const auto product = onednn::convolution_forward(engine, dnnl::prop_kind::forward_inference, descs,
                                                   {.kernel = {1, 1}, .strides = {1, 1}}, attributes);
  const auto blocks = onednn::kernel_blocks(product.weights_desc());
  if (!is_worth_transforming(product) || !blocks || blocks->filters % 8 != 0) {
    return nullptr;
  }
  return std::shared_ptr<WinogradConvolution>(
      new WinogradConvolution(engine, shape, rows, product, *blocks, transposed, threads));
}

WinogradConvolution::WinogradConvolution(const dnnl::engine& engine, const WinogradShape& shape,
                                         std::int64_t rows, const onednn::ConvolutionForward& product,
                                         const onednn::KernelBlocks& blocks, bool transposed, int threads)
    : engine_(engine),
      shape_(shape),
      rows_(rows),
      product_desc_(product),
      product_(product),
      blocks_(blocks),
      transposed_(transposed),
      threads_(threads) {}

Desc WinogradConvolution::weights_desc() const {
  return bytes_desc(static_cast<std::size_t>(shape_.positions()) * packed_step());
}

std::size_t WinogradConvolution::packed_step() const {
  const std::size_t value = shape_.bf16 ? sizeof(Bf16) : sizeof(float);
  const auto values = static_cast<std::int64_t>(product_desc_.weights_desc().get_size() / value);
  return static_cast<std::size_t>(matrix_stride(values)) * value;
}

Desc WinogradConvolution::scratch_desc() const {
  return bytes_desc(static_cast<std::size_t>(threads_) *
                    (bytes_of_matrices(shape_, product_desc_.src_desc()) +
                     bytes_of_matrices(shape_, product_desc_.dst_desc()) +
                     aligned(product_desc_.scratchpad_desc().get_size())));
}

void WinogradConvolution::load_kernel(const float* kernel, void* weights) const {
  if (shape_.filters % blocks_.filters != 0) {
    clear_last_blocks(weights);
  }
  const PackedKernel packed{.values = weights,
                            .position_bytes = static_cast<std::int64_t>(packed_step()),
                            .filters = blocks_.filters,
                            .channels = blocks_.channels};
#pragma omp parallel for schedule(static)
  for (std::int64_t filter = 0; filter < shape_.filters; filter += kMostLanes) {
    winograd_kernel(shape_, {.values = kernel, .transposed = transposed_}, filter, packed);
  }
}

// Of the filters that they miss the products see zeros.
void WinogradConvolution::clear_last_blocks(void* weights) const {
  const std::size_t matrix = product_desc_.weights_desc().get_size();
  const auto block = static_cast<std::size_t>(blocks_.filters * shape_.channels) *
                     (shape_.bf16 ? sizeof(Bf16) : sizeof(float));
  for (std::int64_t position = 0; position < shape_.positions(); ++position) {
    char* next = static_cast<char*>(weights) + static_cast<std::size_t>(position) * packed_step();
    std::memset(next + matrix - block, 0, block);
  }
}

void WinogradConvolution::bind(void* weights, void* scratch) {
  auto* next = static_cast<char*>(scratch);
  const auto take = [&next](std::size_t bytes) { return std::exchange(next, next + bytes); };
  for (int thread = 0; thread < threads_; ++thread) {
    auto* source = take(bytes_of_matrices(shape_, product_desc_.src_desc()));
    auto* sums = take(bytes_of_matrices(shape_, product_desc_.dst_desc()));
    const dnnl::memory scratchpad(product_desc_.scratchpad_desc(), engine_,
                                  take(aligned(product_desc_.scratchpad_desc().get_size())));
    Worker worker{.stream = dnnl::stream(engine_), .source = source, .sums = reinterpret_cast<float*>(sums)};
    for (std::int64_t position = 0; position < shape_.positions(); ++position) {
      worker.arguments.push_back(
          {{DNNL_ARG_SRC, matrix_at(engine_, product_desc_.src_desc(), source, position)},
           {DNNL_ARG_WEIGHTS,
            dnnl::memory(product_desc_.weights_desc(), engine_,
                         static_cast<char*>(weights) + static_cast<std::size_t>(position) * packed_step())},
           {DNNL_ARG_DST, matrix_at(engine_, product_desc_.dst_desc(), sums, position)},
           {DNNL_ARG_SCRATCHPAD, scratchpad}});
    }
    workers_.push_back(std::move(worker));
  }
}

void WinogradConvolution::run(const void* src, void* weights, const WinogradEnding& ending, void* scratch,
                              void* dst) {
  if (workers_.empty()) {
    bind(weights, scratch);
  }
  const std::int64_t blocks = (shape_.tiles() + rows_ - 1) / rows_;
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto& worker = workers_[static_cast<std::size_t>(omp_get_thread_num())];
    const TileRange tiles{.first = block * rows_, .count = std::min(rows_, shape_.tiles() - block * rows_)};
    winograd_source(shape_, src, tiles, rows_, worker.source);
    clear_rows(shape_, shape_.channels, tiles.count, rows_, worker.source);
    for (const auto& arguments : worker.arguments) {
      product_.execute(worker.stream, arguments);
    }
    winograd_result(shape_, worker.sums, tiles, rows_, ending, dst);
  }
}

}  // namespace headstart
