#include "engine/onednn.h"

namespace headstart::onednn {

using dnnl::engine;
using dnnl::primitive_attr;
using dnnl::prop_kind;

namespace {
constexpr auto kDirect = dnnl::algorithm::convolution_direct;
constexpr auto kTransposed = dnnl::algorithm::deconvolution_direct;
constexpr auto kAcross = dnnl::algorithm::lrn_across_channels;

// How a tensor is cut into blocks: the steps from block to block, and what stands within one, outermost
// first.
struct Blocking {
  Dims dims{};  // with what fills the last blocks up
  Dims strides{};
  Dims inner_blocks{}, inner_dims{};
};
}  // namespace

bool cpu_has(dnnl::cpu_isa isa) {
  const auto wanted = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}

#if DNNL_VERSION_MAJOR < 3

Dims dims_of(const Desc& desc) { return desc.dims(); }
dnnl::memory::data_type type_of(const Desc& desc) { return desc.data_type(); }

namespace {
Blocking blocking_of(const Desc& desc) {
  const auto& data = desc.data;
  const auto& blocking = data.format_desc.blocking;
  return {.dims = {data.padded_dims, data.padded_dims + data.ndims},
          .strides = {blocking.strides, blocking.strides + data.ndims},
          .inner_blocks = {blocking.inner_blks, blocking.inner_blks + blocking.inner_nblks},
          .inner_dims = {blocking.inner_idxs, blocking.inner_idxs + blocking.inner_nblks}};
}
bool present(const Desc& desc) { return desc.get_size() != 0; }
}  // namespace

void append_eltwise(dnnl::post_ops& post_ops, const Eltwise& e) {
  post_ops.append_eltwise(1.0F, e.algorithm, e.alpha, e.beta);
}

std::optional<int> scale_channels(primitive_attr& attr, const std::vector<float>& factors, bool) {
  constexpr int kByChannelOfResult = 1 << 1;
  attr.set_output_scales(kByChannelOfResult, factors);
  return std::nullopt;
}

ConvolutionForward convolution_forward(const engine& eng, prop_kind kind, const LayerDescs& d,
                                       const Window& w, const primitive_attr& attr) {
  using Forward = dnnl::convolution_forward::desc;
  const auto desc = present(d.bias) ? Forward(kind, kDirect, d.src, d.weights, d.bias, d.dst, w.strides,
                                              w.dilates, w.padding_begin, w.padding_end)
                                    : Forward(kind, kDirect, d.src, d.weights, d.dst, w.strides, w.dilates,
                                              w.padding_begin, w.padding_end);
  return {desc, attr, eng};
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const engine& eng,
                                                                          const LayerDescs& d,
                                                                          const Window& w,
                                                                          const primitive_attr& attr,
                                                                          const ConvolutionForward& hint) {
  const dnnl::convolution_backward_data::desc desc(kDirect, d.src, d.weights, d.dst, w.strides, w.dilates,
                                                   w.padding_begin, w.padding_end);
  return {desc, attr, eng, hint};
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(
    const engine& eng, const LayerDescs& d, const Window& w, const primitive_attr& attr,
    const ConvolutionForward& hint) {
  using Backward = dnnl::convolution_backward_weights::desc;
  const auto desc = present(d.bias) ? Backward(kDirect, d.src, d.weights, d.bias, d.dst, w.strides, w.dilates,
                                               w.padding_begin, w.padding_end)
                                    : Backward(kDirect, d.src, d.weights, d.dst, w.strides, w.dilates,
                                               w.padding_begin, w.padding_end);
  return {desc, attr, eng, hint};
}

DeconvolutionForward deconvolution_forward(const engine& eng, prop_kind kind, const LayerDescs& d,
                                           const Window& w, const primitive_attr& attr) {
  using Forward = dnnl::deconvolution_forward::desc;
  const auto desc = present(d.bias) ? Forward(kind, kTransposed, d.src, d.weights, d.bias, d.dst, w.strides,
                                              w.dilates, w.padding_begin, w.padding_end)
                                    : Forward(kind, kTransposed, d.src, d.weights, d.dst, w.strides,
                                              w.dilates, w.padding_begin, w.padding_end);
  return {desc, attr, eng};
}

dnnl::deconvolution_backward_data::primitive_desc deconvolution_backward_data(
    const engine& eng, const LayerDescs& d, const Window& w, const primitive_attr& attr,
    const DeconvolutionForward& hint) {
  const dnnl::deconvolution_backward_data::desc desc(kTransposed, d.src, d.weights, d.dst, w.strides,
                                                     w.dilates, w.padding_begin, w.padding_end);
  return {desc, attr, eng, hint};
}

dnnl::deconvolution_backward_weights::primitive_desc deconvolution_backward_weights(
    const engine& eng, const LayerDescs& d, const Window& w, const primitive_attr& attr,
    const DeconvolutionForward& hint) {
  using Backward = dnnl::deconvolution_backward_weights::desc;
  const auto desc = present(d.bias) ? Backward(kTransposed, d.src, d.weights, d.bias, d.dst, w.strides,
                                               w.dilates, w.padding_begin, w.padding_end)
                                    : Backward(kTransposed, d.src, d.weights, d.dst, w.strides, w.dilates,
                                               w.padding_begin, w.padding_end);
  return {desc, attr, eng, hint};
}

InnerProductForward inner_product_forward(const engine& eng, prop_kind kind, const LayerDescs& d,
                                          const primitive_attr& attr) {
  using Forward = dnnl::inner_product_forward::desc;
  const auto desc = present(d.bias) ? Forward(kind, d.src, d.weights, d.bias, d.dst)
                                    : Forward(kind, d.src, d.weights, d.dst);
  return {desc, attr, eng};
}

dnnl::inner_product_backward_data::primitive_desc inner_product_backward_data(
    const engine& eng, const LayerDescs& d, const primitive_attr& attr, const InnerProductForward& hint) {
  return {dnnl::inner_product_backward_data::desc(d.src, d.weights, d.dst), attr, eng, hint};
}

dnnl::inner_product_backward_weights::primitive_desc inner_product_backward_weights(
    const engine& eng, const LayerDescs& d, const primitive_attr& attr, const InnerProductForward& hint) {
  using Backward = dnnl::inner_product_backward_weights::desc;
  const auto desc =
      present(d.bias) ? Backward(d.src, d.weights, d.bias, d.dst) : Backward(d.src, d.weights, d.dst);
  return {desc, attr, eng, hint};
}

PoolingForward pooling_forward(const engine& eng, prop_kind kind, dnnl::algorithm algorithm, const Desc& src,
                               const Desc& dst, const Window& w, const primitive_attr& attr) {
  const dnnl::pooling_forward::desc desc(kind, algorithm, src, dst, w.strides, w.kernel, w.padding_begin,
                                         w.padding_end);
  return {desc, attr, eng};
}

dnnl::pooling_backward::primitive_desc pooling_backward(const engine& eng, dnnl::algorithm algorithm,
                                                        const Desc& diff_src, const Desc& diff_dst,
                                                        const Window& w, const primitive_attr& attr,
                                                        const PoolingForward& hint) {
  const dnnl::pooling_backward::desc desc(algorithm, diff_src, diff_dst, w.strides, w.kernel, w.padding_begin,
                                          w.padding_end);
  return {desc, attr, eng, hint};
}

EltwiseForward eltwise_forward(const engine& eng, const Eltwise& e, const Desc& data,
                               const primitive_attr& attr) {
  return {dnnl::eltwise_forward::desc(prop_kind::forward_training, e.algorithm, data, e.alpha, e.beta), attr,
          eng};
}

dnnl::eltwise_backward::primitive_desc eltwise_backward(const engine& eng, const Eltwise& e, const Desc& data,
                                                        const primitive_attr& attr) {
  return {dnnl::eltwise_backward::desc(e.algorithm, data, data, e.alpha, e.beta), attr, eng,
          eltwise_forward(eng, e, data, attr)};
}

SoftmaxForward softmax_forward(const engine& eng, const Desc& data, int axis, const primitive_attr& attr) {
  return {dnnl::softmax_forward::desc(prop_kind::forward_training, data, axis), attr, eng};
}

LayerNormForward layer_norm_forward(const engine& eng, prop_kind kind, const Desc& data, float epsilon,
                                    dnnl::normalization_flags flags, const primitive_attr& attr) {
  return {dnnl::layer_normalization_forward::desc(kind, data, epsilon, flags), attr, eng};
}

dnnl::layer_normalization_backward::primitive_desc layer_norm_backward(const engine& eng, prop_kind kind,
                                                                       const Desc& data, float epsilon,
                                                                       dnnl::normalization_flags flags,
                                                                       const primitive_attr& attr,
                                                                       const LayerNormForward& hint) {
  return {dnnl::layer_normalization_backward::desc(kind, data, data, epsilon, flags), attr, eng, hint};
}

LrnForward lrn_forward(const engine& eng, prop_kind kind, const Desc& data, const Lrn& lrn,
                       const primitive_attr& attr) {
  return {dnnl::lrn_forward::desc(kind, kAcross, data, lrn.size, lrn.alpha, lrn.beta, lrn.k), attr, eng};
}

dnnl::lrn_backward::primitive_desc lrn_backward(const engine& eng, const Desc& data, const Lrn& lrn,
                                                const primitive_attr& attr, const LrnForward& hint) {
  return {dnnl::lrn_backward::desc(kAcross, data, data, lrn.size, lrn.alpha, lrn.beta, lrn.k), attr, eng,
          hint};
}

ResamplingForward resampling_forward(const engine& eng, dnnl::algorithm algorithm, const Desc& src,
                                     const Desc& dst, const primitive_attr& attr) {
  return {dnnl::resampling_forward::desc(prop_kind::forward_training, algorithm, src, dst), attr, eng};
}

dnnl::resampling_backward::primitive_desc resampling_backward(const engine& eng, dnnl::algorithm algorithm,
                                                              const Desc& diff_src, const Desc& diff_dst,
                                                              const primitive_attr& attr,
                                                              const ResamplingForward& hint) {
  return {dnnl::resampling_backward::desc(algorithm, diff_src, diff_dst), attr, eng, hint};
}

dnnl::binary::primitive_desc binary(const engine& eng, dnnl::algorithm algorithm, const Desc& src0,
                                    const Desc& src1, const Desc& dst, const primitive_attr& attr) {
  return {dnnl::binary::desc(algorithm, src0, src1, dst), attr, eng};
}

dnnl::matmul::primitive_desc matmul(const engine& eng, const Desc& a, const Desc& b, const Desc& dst,
                                    const primitive_attr& attr) {
  return {dnnl::matmul::desc(a, b, dst), attr, eng};
}

dnnl::concat::primitive_desc concat(const engine& eng, const Desc& dst, int axis,
                                    const std::vector<Desc>& srcs, const primitive_attr& attr) {
  return {dst, axis, srcs, eng, attr};
}

#else

Dims dims_of(const Desc& desc) { return desc.get_dims(); }
dnnl::memory::data_type type_of(const Desc& desc) { return desc.get_data_type(); }

namespace {
Blocking blocking_of(const Desc& desc) {
  return {.dims = desc.get_padded_dims(),
          .strides = desc.get_strides(),
          .inner_blocks = desc.get_inner_blks(),
          .inner_dims = desc.get_inner_idxs()};
}
}  // namespace

void append_eltwise(dnnl::post_ops& post_ops, const Eltwise& e) {
  post_ops.append_eltwise(e.algorithm, e.alpha, e.beta);
}

std::optional<int> scale_channels(primitive_attr& attr, const std::vector<float>&, bool grouped) {
  attr.set_scales_mask(DNNL_ARG_WEIGHTS, grouped ? 3 : 1);  // by group and channel of it
  return DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS;
}

ConvolutionForward convolution_forward(const engine& eng, prop_kind kind, const LayerDescs& d,
                                       const Window& w, const primitive_attr& attr) {
  return {eng,   kind,      kDirect,   d.src,           d.weights,     d.bias,
          d.dst, w.strides, w.dilates, w.padding_begin, w.padding_end, attr};
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const engine& eng,
                                                                          const LayerDescs& d,
                                                                          const Window& w,
                                                                          const primitive_attr& attr,
                                                                          const ConvolutionForward& hint) {
  return {eng,       kDirect,         d.src,         d.weights, d.dst, w.strides,
          w.dilates, w.padding_begin, w.padding_end, hint,      attr};
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(
    const engine& eng, const LayerDescs& d, const Window& w, const primitive_attr& attr,
    const ConvolutionForward& hint) {
  return {eng,       kDirect,   d.src,           d.weights,     d.bias, d.dst,
          w.strides, w.dilates, w.padding_begin, w.padding_end, hint,   attr};
}

DeconvolutionForward deconvolution_forward(const engine& eng, prop_kind kind, const LayerDescs& d,
                                           const Window& w, const primitive_attr& attr) {
  return {eng,   kind,      kTransposed, d.src,           d.weights,     d.bias,
          d.dst, w.strides, w.dilates,   w.padding_begin, w.padding_end, attr};
}

dnnl::deconvolution_backward_data::primitive_desc deconvolution_backward_data(
    const engine& eng, const LayerDescs& d, const Window& w, const primitive_attr& attr,
    const DeconvolutionForward& hint) {
  return {eng,       kTransposed,     d.src,         d.weights, d.dst, w.strides,
          w.dilates, w.padding_begin, w.padding_end, hint,      attr};
}

dnnl::deconvolution_backward_weights::primitive_desc deconvolution_backward_weights(
    const engine& eng, const LayerDescs& d, const Window& w, const primitive_attr& attr,
    const DeconvolutionForward& hint) {
  return {eng,       kTransposed, d.src,           d.weights,     d.bias, d.dst,
          w.strides, w.dilates,   w.padding_begin, w.padding_end, hint,   attr};
}

InnerProductForward inner_product_forward(const engine& eng, prop_kind kind, const LayerDescs& d,
                                          const primitive_attr& attr) {
  return {eng, kind, d.src, d.weights, d.bias, d.dst, attr};
}

dnnl::inner_product_backward_data::primitive_desc inner_product_backward_data(
    const engine& eng, const LayerDescs& d, const primitive_attr& attr, const InnerProductForward& hint) {
  return {eng, d.src, d.weights, d.dst, hint, attr};
}

dnnl::inner_product_backward_weights::primitive_desc inner_product_backward_weights(
    const engine& eng, const LayerDescs& d, const primitive_attr& attr, const InnerProductForward& hint) {
  return {eng, d.src, d.weights, d.bias, d.dst, hint, attr};
}

PoolingForward pooling_forward(const engine& eng, prop_kind kind, dnnl::algorithm algorithm, const Desc& src,
                               const Desc& dst, const Window& w, const primitive_attr& attr) {
  return {eng,      kind,      algorithm,       src,           dst, w.strides,
          w.kernel, w.dilates, w.padding_begin, w.padding_end, attr};
}

dnnl::pooling_backward::primitive_desc pooling_backward(const engine& eng, dnnl::algorithm algorithm,
                                                        const Desc& diff_src, const Desc& diff_dst,
                                                        const Window& w, const primitive_attr& attr,
                                                        const PoolingForward& hint) {
  return {eng,       algorithm,       diff_src,      diff_dst, w.strides, w.kernel,
          w.dilates, w.padding_begin, w.padding_end, hint,     attr};
}

EltwiseForward eltwise_forward(const engine& eng, const Eltwise& e, const Desc& data,
                               const primitive_attr& attr) {
  return {eng, prop_kind::forward_training, e.algorithm, data, data, e.alpha, e.beta, attr};
}

dnnl::eltwise_backward::primitive_desc eltwise_backward(const engine& eng, const Eltwise& e, const Desc& data,
                                                        const primitive_attr& attr) {
  return {eng, e.algorithm, data, data, data, e.alpha, e.beta, eltwise_forward(eng, e, data, attr), attr};
}

SoftmaxForward softmax_forward(const engine& eng, const Desc& data, int axis, const primitive_attr& attr) {
  return {eng, prop_kind::forward_training, dnnl::algorithm::softmax_accurate, data, data, axis, attr};
}

LayerNormForward layer_norm_forward(const engine& eng, prop_kind kind, const Desc& data, float epsilon,
                                    dnnl::normalization_flags flags, const primitive_attr& attr) {
  return {eng, kind, data, data, epsilon, flags, attr};
}

dnnl::layer_normalization_backward::primitive_desc layer_norm_backward(const engine& eng, prop_kind kind,
                                                                       const Desc& data, float epsilon,
                                                                       dnnl::normalization_flags flags,
                                                                       const primitive_attr& attr,
                                                                       const LayerNormForward& hint) {
  return {eng, kind, data, data, data, epsilon, flags, hint, attr};
}

LrnForward lrn_forward(const engine& eng, prop_kind kind, const Desc& data, const Lrn& lrn,
                       const primitive_attr& attr) {
  return {eng, kind, kAcross, data, data, lrn.size, lrn.alpha, lrn.beta, lrn.k, attr};
}

dnnl::lrn_backward::primitive_desc lrn_backward(const engine& eng, const Desc& data, const Lrn& lrn,
                                                const primitive_attr& attr, const LrnForward& hint) {
  return {eng, kAcross, data, data, data, lrn.size, lrn.alpha, lrn.beta, lrn.k, hint, attr};
}

ResamplingForward resampling_forward(const engine& eng, dnnl::algorithm algorithm, const Desc& src,
                                     const Desc& dst, const primitive_attr& attr) {
  return {eng, prop_kind::forward_training, algorithm, src, dst, attr};
}

dnnl::resampling_backward::primitive_desc resampling_backward(const engine& eng, dnnl::algorithm algorithm,
                                                              const Desc& diff_src, const Desc& diff_dst,
                                                              const primitive_attr& attr,
                                                              const ResamplingForward& hint) {
  return {eng, algorithm, diff_src, diff_dst, hint, attr};
}

dnnl::binary::primitive_desc binary(const engine& eng, dnnl::algorithm algorithm, const Desc& src0,
                                    const Desc& src1, const Desc& dst, const primitive_attr& attr) {
  return {eng, algorithm, src0, src1, dst, attr};
}

dnnl::matmul::primitive_desc matmul(const engine& eng, const Desc& a, const Desc& b, const Desc& dst,
                                    const primitive_attr& attr) {
  return {eng, a, b, dst, attr};
}

dnnl::concat::primitive_desc concat(const engine& eng, const Desc& dst, int axis,
                                    const std::vector<Desc>& srcs, const primitive_attr& attr) {
  return {eng, dst, axis, srcs, attr};
}

#endif

std::optional<KernelBlocks> kernel_blocks(const Desc& kernel) {
  const Blocking of = blocking_of(kernel);
  auto left = of.inner_blocks.size();
  // The innermost block of all, if it is of that dimension.
  const auto take = [&](int dim) {
    return left > 0 && of.inner_dims[left - 1] == dim ? of.inner_blocks[--left] : 1;
  };
  const bool has_filters_outside = left > 1 && of.inner_dims[left - 2] == 0;
  const std::int64_t channels = has_filters_outside ? take(1) : 1;
  const std::int64_t filters = of.inner_blocks.empty() ? of.dims[0] : take(0);
  const std::int64_t more_channels = take(1);
  const bool has_one_block = filters == of.dims[0];
  const bool in_order = left == 0 && of.strides[1] == more_channels * channels * filters &&
                        (has_one_block || of.strides[0] == of.dims[1] * filters);
  if (!in_order || of.dims[1] != dims_of(kernel)[1]) {
    return std::nullopt;
  }
  return KernelBlocks{.filters = filters, .channels = channels};
}

}  // namespace headstart::onednn
