// Wide dense layers of the training program that see few rows: their kernel is read as it is, once, or not at
// all by a step whose product was summed while the kernel was updated; its gradient stays a product.
#include "engine/kernels.h"
#include "engine/training_lowering.h"
#include "headstart/wide_product.h"

namespace headstart {
namespace {

// From so many values on a kernel's gradient is worth not being written.
constexpr std::int64_t kWideKernel = 1 << 16;

}  // namespace

bool TrainingLowering::is_factored(const Layer& layer) const {
  const auto dims = onednn::dims_of(layer.src.desc);
  return options_.factored && layer.kind == Layer::Kind::dense && type_ == DataType::f32 &&
         node_at(layer.id).trainable && dims[0] <= WideProduct::kMostRows &&
         dims[1] * layer.shape.filters >= kWideKernel && layer.kernel_scale.empty();
}

Value TrainingLowering::wide_forward(const Layer& layer) {
  const auto dims = onednn::dims_of(layer.src.desc);
  WideProduct product{.rows = dims[0], .inputs = dims[1], .outputs = layer.shape.filters};
  const auto sums = emitter_.persistent(vector_desc(product.sums_needed()));
  const auto kernel = parameter(layer.kernel, layer.shape.user_weights);
  const auto dst = emitter_.value(layer.dst_desc);
  Access access{.reads = {layer.src, kernel}, .writes = {dst}};
  dnnl::memory bias;
  if (!layer.bias.empty()) {
    access.reads.push_back(parameter(layer.bias, vector_desc(product.outputs)));
    bias = emitter_.memory(access.reads.back());
  }
  std::optional<std::size_t> boundary;
  for (std::size_t i = 0; i < boundary_values_.size(); ++i) {
    if (boundary_values_[i].buffer == layer.src.buffer) {
      boundary = i;
    }
  }
  wide_.emplace(layer.id, WideLayer{.sums = emitter_.memory(sums), .boundary = boundary});
  emitter_.emit(
      node_at(layer.id).name, "wide product forward", access,
      [product, boundary, &state = state_, src = emitter_.memory(layer.src), sums = emitter_.memory(sums),
       kernel = emitter_.memory(kernel), bias, dst = emitter_.memory(dst)]() mutable {
        product.source = floats(src);
        product.sums = floats(sums);
        if (!boundary || !state.has_sums) {
          product.add_all(floats(kernel));
        }
        product.finish(bias ? floats(bias) : nullptr, floats(dst));
      },
      {.multiplications = static_cast<double>(product.rows * product.inputs * product.outputs)});
  return layer.fused ? eltwise(node_at(layer.id).name, dst, eltwise_of(*layer.fused).front()) : dst;
}

// Both factors stay until the next pass; the bias has its gradient as always.
void TrainingLowering::keep_factors(const Layer& layer, const Value& diff) {
  const auto dims = onednn::dims_of(layer.src.desc);
  emitter_.keep(layer.src);
  emitter_.keep(diff);
  const FactoredGradient& kept = factored_.emplace_back(FactoredGradient{.name = layer.kernel,
                                                                         .source = emitter_.memory(layer.src),
                                                                         .diff = emitter_.memory(diff),
                                                                         .rows = dims[0],
                                                                         .inputs = dims[1],
                                                                         .outputs = layer.shape.filters,
                                                                         .wide = wide_.at(layer.id)});
  if (!layer.bias.empty()) {
    const auto bias = gradient(layer.bias, vector_desc(layer.shape.filters));
    emitter_.emit(node_at(layer.id).name, "bias gradient", {.reads = {diff}, .writes = {bias}},
                  [diff = kept.diff, bias = emitter_.memory(bias), rows = kept.rows, outputs = kept.outputs] {
                    sum_rows(floats(diff), rows, outputs, floats(bias));
                  });
  }
}

}  // namespace headstart
