// oneDNN behind functions that are the same for 2.x and 3.x; onednn.cpp is the one file that knows the
// difference.
#pragma once

#include <optional>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

namespace headstart::onednn {

using Dims = dnnl::memory::dims;
using Desc = dnnl::memory::desc;

// Whether oneDNN uses these instructions here.
bool cpu_has(dnnl::cpu_isa isa);

Dims dims_of(const Desc& desc);
dnnl::memory::data_type type_of(const Desc& desc);

// The order of a 1x1 kernel's values: blocks of filters x blocks of channels x filters x channels.
struct KernelBlocks {
  std::int64_t filters = 1, channels = 1;
};
// Nothing where they are ordered otherwise.
std::optional<KernelBlocks> kernel_blocks(const Desc& kernel);

// Spatial parameters of a convolution or pooling. `dilates` counts from 0 (0: dense), as oneDNN does.
struct Window {
  Dims kernel{};
  Dims strides{};
  Dims dilates{0, 0};
  Dims padding_begin{0, 0};
  Dims padding_end{0, 0};
};

// A post-operation on a forward result, or a stand-alone elementwise operation: algorithm(x; alpha, beta).
struct Eltwise {
  dnnl::algorithm algorithm = dnnl::algorithm::eltwise_relu;
  float alpha = 0.0F;
  float beta = 0.0F;
};

void append_eltwise(dnnl::post_ops& post_ops, const Eltwise& eltwise);

// Of a layer that multiplies int8: each channel's sums are brought to their unit by a factor before the
// post-operations. Returns the argument that takes the factors, or nothing where they belong to the
// attributes.
std::optional<int> scale_channels(dnnl::primitive_attr& attr, const std::vector<float>& factors,
                                  bool grouped);
// Whether such a layer adds its bias before the factor is applied.
constexpr bool kBiasBeforeFactors = DNNL_VERSION_MAJOR < 3;

// `bias` is the empty descriptor when there is none. In the backward functions src, weights, bias and dst
// stand for their gradients where the pass computes or reads those.
struct LayerDescs {
  Desc src{}, weights{}, bias{}, dst{};
};

using ConvolutionForward = dnnl::convolution_forward::primitive_desc;
ConvolutionForward convolution_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                       const LayerDescs& descs, const Window& window,
                                       const dnnl::primitive_attr& attr);
dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const dnnl::engine& engine,
                                                                          const LayerDescs& descs,
                                                                          const Window& window,
                                                                          const dnnl::primitive_attr& attr,
                                                                          const ConvolutionForward& hint);
dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(
    const dnnl::engine& engine, const LayerDescs& descs, const Window& window,
    const dnnl::primitive_attr& attr, const ConvolutionForward& hint);

using DeconvolutionForward = dnnl::deconvolution_forward::primitive_desc;
DeconvolutionForward deconvolution_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                           const LayerDescs& descs, const Window& window,
                                           const dnnl::primitive_attr& attr);
dnnl::deconvolution_backward_data::primitive_desc deconvolution_backward_data(
    const dnnl::engine& engine, const LayerDescs& descs, const Window& window,
    const dnnl::primitive_attr& attr, const DeconvolutionForward& hint);
dnnl::deconvolution_backward_weights::primitive_desc deconvolution_backward_weights(
    const dnnl::engine& engine, const LayerDescs& descs, const Window& window,
    const dnnl::primitive_attr& attr, const DeconvolutionForward& hint);

using InnerProductForward = dnnl::inner_product_forward::primitive_desc;
InnerProductForward inner_product_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                          const LayerDescs& descs, const dnnl::primitive_attr& attr);
dnnl::inner_product_backward_data::primitive_desc inner_product_backward_data(
    const dnnl::engine& engine, const LayerDescs& descs, const dnnl::primitive_attr& attr,
    const InnerProductForward& hint);
dnnl::inner_product_backward_weights::primitive_desc inner_product_backward_weights(
    const dnnl::engine& engine, const LayerDescs& descs, const dnnl::primitive_attr& attr,
    const InnerProductForward& hint);

using PoolingForward = dnnl::pooling_forward::primitive_desc;
PoolingForward pooling_forward(const dnnl::engine& engine, dnnl::prop_kind kind, dnnl::algorithm algorithm,
                               const Desc& src, const Desc& dst, const Window& window,
                               const dnnl::primitive_attr& attr);
dnnl::pooling_backward::primitive_desc pooling_backward(const dnnl::engine& engine, dnnl::algorithm algorithm,
                                                        const Desc& diff_src, const Desc& diff_dst,
                                                        const Window& window,
                                                        const dnnl::primitive_attr& attr,
                                                        const PoolingForward& hint);

using EltwiseForward = dnnl::eltwise_forward::primitive_desc;
EltwiseForward eltwise_forward(const dnnl::engine& engine, const Eltwise& eltwise, const Desc& data,
                               const dnnl::primitive_attr& attr);
// `data` describes the src, or the dst for the algorithms that go by the result.
dnnl::eltwise_backward::primitive_desc eltwise_backward(const dnnl::engine& engine, const Eltwise& eltwise,
                                                        const Desc& data, const dnnl::primitive_attr& attr);

using SoftmaxForward = dnnl::softmax_forward::primitive_desc;
SoftmaxForward softmax_forward(const dnnl::engine& engine, const Desc& data, int axis,
                               const dnnl::primitive_attr& attr);

// Over the last axis of `data`; scale and shift, where `flags` has them, are separate arguments.
using LayerNormForward = dnnl::layer_normalization_forward::primitive_desc;
LayerNormForward layer_norm_forward(const dnnl::engine& engine, dnnl::prop_kind kind, const Desc& data,
                                    float epsilon, dnnl::normalization_flags flags,
                                    const dnnl::primitive_attr& attr);
dnnl::layer_normalization_backward::primitive_desc layer_norm_backward(
    const dnnl::engine& engine, dnnl::prop_kind kind, const Desc& data, float epsilon,
    dnnl::normalization_flags flags, const dnnl::primitive_attr& attr, const LayerNormForward& hint);

// Across channels.
struct Lrn {
  std::int64_t size = 5;
  float alpha = 0.0F, beta = 0.0F, k = 1.0F;
};
using LrnForward = dnnl::lrn_forward::primitive_desc;
LrnForward lrn_forward(const dnnl::engine& engine, dnnl::prop_kind kind, const Desc& data, const Lrn& lrn,
                       const dnnl::primitive_attr& attr);
dnnl::lrn_backward::primitive_desc lrn_backward(const dnnl::engine& engine, const Desc& data, const Lrn& lrn,
                                                const dnnl::primitive_attr& attr, const LrnForward& hint);

using ResamplingForward = dnnl::resampling_forward::primitive_desc;
ResamplingForward resampling_forward(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& src,
                                     const Desc& dst, const dnnl::primitive_attr& attr);
dnnl::resampling_backward::primitive_desc resampling_backward(const dnnl::engine& engine,
                                                              dnnl::algorithm algorithm, const Desc& diff_src,
                                                              const Desc& diff_dst,
                                                              const dnnl::primitive_attr& attr,
                                                              const ResamplingForward& hint);

dnnl::binary::primitive_desc binary(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& src0,
                                    const Desc& src1, const Desc& dst, const dnnl::primitive_attr& attr);
dnnl::matmul::primitive_desc matmul(const dnnl::engine& engine, const Desc& a, const Desc& b, const Desc& dst,
                                    const dnnl::primitive_attr& attr);
dnnl::concat::primitive_desc concat(const dnnl::engine& engine, const Desc& dst, int axis,
                                    const std::vector<Desc>& srcs, const dnnl::primitive_attr& attr);

}  // namespace headstart::onednn
