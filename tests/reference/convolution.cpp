#include "reference/convolution.h"

#include <cmath>

namespace headstart::reference {

namespace {

std::int64_t output_extent(std::int64_t input, AxisPadding padding, std::int64_t kernel, int stride,
                           int dilation) {
  const std::int64_t reach = (kernel - 1) * dilation + 1;
  return (input + padding.before + padding.after - reach) / stride + 1;
}

Shape output_shape(const Array& input, const Array& kernel, const ConvolutionGeometry& g) {
  return {input.shape[0],
          output_extent(input.shape[1], g.vertical, kernel.shape[0], g.strides.height, g.dilation.height),
          output_extent(input.shape[2], g.horizontal, kernel.shape[1], g.strides.width, g.dilation.width),
          kernel.shape[3]};
}

// Calls visit(input index, kernel index, output index) for every product of a convolution; positions in the
// padding are zeros and left out.
template <typename Visit>
void for_each_product(const Shape& in, const Shape& kernel, const Shape& out, const ConvolutionGeometry& g,
                      Visit visit) {
  const std::int64_t outputs_a_group = out[3] / g.groups;
  for (std::int64_t n = 0; n < out[0]; ++n) {
    for (std::int64_t oh = 0; oh < out[1]; ++oh) {
      for (std::int64_t ow = 0; ow < out[2]; ++ow) {
        for (std::int64_t kh = 0; kh < kernel[0]; ++kh) {
          for (std::int64_t kw = 0; kw < kernel[1]; ++kw) {
            const std::int64_t ih = oh * g.strides.height - g.vertical.before + kh * g.dilation.height;
            const std::int64_t iw = ow * g.strides.width - g.horizontal.before + kw * g.dilation.width;
            if (ih < 0 || ih >= in[1] || iw < 0 || iw >= in[2]) {
              continue;
            }
            for (std::int64_t kc = 0; kc < kernel[2]; ++kc) {
              for (std::int64_t oc = 0; oc < out[3]; ++oc) {
                const std::int64_t ic = oc / outputs_a_group * kernel[2] + kc;
                visit(((n * in[1] + ih) * in[2] + iw) * in[3] + ic,
                      ((kh * kernel[1] + kw) * kernel[2] + kc) * out[3] + oc,
                      ((n * out[1] + oh) * out[2] + ow) * out[3] + oc);
              }
            }
          }
        }
      }
    }
  }
}

// Calls visit(input index, kernel index, output index) for every product of a transposed convolution; what
// falls outside of the output is cut.
template <typename Visit>
void for_each_transposed_product(const Shape& in, const Shape& kernel, const Shape& out,
                                 const Conv2DTranspose& op, Visit visit) {
  const int top = resolve_transposed(op, true, in[1]).cut;
  const int left = resolve_transposed(op, false, in[2]).cut;
  for (std::int64_t n = 0; n < in[0]; ++n) {
    for (std::int64_t ih = 0; ih < in[1]; ++ih) {
      for (std::int64_t iw = 0; iw < in[2]; ++iw) {
        for (std::int64_t kh = 0; kh < kernel[0]; ++kh) {
          for (std::int64_t kw = 0; kw < kernel[1]; ++kw) {
            const std::int64_t oh = ih * op.strides.height + kh * op.dilation.height - top;
            const std::int64_t ow = iw * op.strides.width + kw * op.dilation.width - left;
            if (oh < 0 || oh >= out[1] || ow < 0 || ow >= out[2]) {
              continue;
            }
            for (std::int64_t oc = 0; oc < kernel[2]; ++oc) {
              for (std::int64_t ic = 0; ic < kernel[3]; ++ic) {
                visit(((n * in[1] + ih) * in[2] + iw) * in[3] + ic,
                      ((kh * kernel[1] + kw) * kernel[2] + oc) * kernel[3] + ic,
                      ((n * out[1] + oh) * out[2] + ow) * out[3] + oc);
              }
            }
          }
        }
      }
    }
  }
}

double filter_norm(const Array& kernel, std::int64_t filter, std::int64_t filters) {
  double square = 0.0;
  for (std::int64_t i = filter; i < kernel.size(); i += filters) {
    square += kernel[i] * kernel[i];
  }
  return std::sqrt(square);
}

}  // namespace

ConvolutionGeometry convolution_geometry(const Padding& padding, Size2 kernel, Size2 strides, Size2 dilation,
                                         int groups, const Array& input) {
  return {.strides = strides,
          .dilation = dilation,
          .vertical =
              resolve_padding(padding, true, input.shape[1], kernel.height, strides.height, dilation.height),
          .horizontal =
              resolve_padding(padding, false, input.shape[2], kernel.width, strides.width, dilation.width),
          .groups = groups};
}

Array convolution(const Array& input, const Array& kernel, const Array* bias,
                  const ConvolutionGeometry& geometry) {
  Array output(output_shape(input, kernel, geometry));
  for_each_product(
      input.shape, kernel.shape, output.shape, geometry,
      [&](std::int64_t i, std::int64_t k, std::int64_t o) { output[o] += input[i] * kernel[k]; });
  if (bias != nullptr) {
    for (std::int64_t o = 0; o < output.size(); ++o) {
      output[o] += (*bias)[o % bias->size()];
    }
  }
  return output;
}

ConvolutionGradients convolution_backward(const Array& input, const Array& kernel, const Array& diff_output,
                                          const ConvolutionGeometry& geometry) {
  ConvolutionGradients gradients{
      .input = Array(input.shape), .kernel = Array(kernel.shape), .bias = sum_to_last_axis(diff_output)};
  for_each_product(input.shape, kernel.shape, diff_output.shape, geometry,
                   [&](std::int64_t i, std::int64_t k, std::int64_t o) {
                     gradients.input[i] += kernel[k] * diff_output[o];
                     gradients.kernel[k] += input[i] * diff_output[o];
                   });
  return gradients;
}

Array as_grouped_kernel(const Array& depthwise_kernel) {
  const Shape& shape = depthwise_kernel.shape;
  Array grouped = depthwise_kernel;
  grouped.shape = {shape[0], shape[1], 1, shape[2] * shape[3]};
  return grouped;
}

Array normalized_kernel(const Array& kernel, const Array& scale) {
  const std::int64_t filters = scale.size();
  Array result(kernel.shape);
  for (std::int64_t c = 0; c < filters; ++c) {
    const double norm = filter_norm(kernel, c, filters);
    for (std::int64_t i = c; i < kernel.size(); i += filters) {
      result[i] = scale[c] * kernel[i] / norm;
    }
  }
  return result;
}

NormalizedKernelGradients normalized_kernel_backward(const Array& kernel, const Array& scale,
                                                     const Array& diff) {
  const std::int64_t filters = scale.size();
  NormalizedKernelGradients gradients{.kernel = Array(kernel.shape), .scale = Array(scale.shape)};
  for (std::int64_t c = 0; c < filters; ++c) {
    const double norm = filter_norm(kernel, c, filters);
    for (std::int64_t i = c; i < kernel.size(); i += filters) {
      gradients.scale[c] += diff[i] * kernel[i] / norm;
    }
    for (std::int64_t i = c; i < kernel.size(); i += filters) {
      gradients.kernel[i] = scale[c] / norm * (diff[i] - gradients.scale[c] * kernel[i] / norm);
    }
  }
  return gradients;
}

Array transposed_convolution(const Array& input, const Array& kernel, const Array* bias,
                             const Conv2DTranspose& op) {
  Array output({input.shape[0], resolve_transposed(op, true, input.shape[1]).output,
                resolve_transposed(op, false, input.shape[2]).output, kernel.shape[2]});
  for_each_transposed_product(
      input.shape, kernel.shape, output.shape, op,
      [&](std::int64_t i, std::int64_t k, std::int64_t o) { output[o] += input[i] * kernel[k]; });
  if (bias != nullptr) {
    for (std::int64_t o = 0; o < output.size(); ++o) {
      output[o] += (*bias)[o % bias->size()];
    }
  }
  return output;
}

ConvolutionGradients transposed_convolution_backward(const Array& input, const Array& kernel,
                                                     const Array& diff_output, const Conv2DTranspose& op) {
  ConvolutionGradients gradients{
      .input = Array(input.shape), .kernel = Array(kernel.shape), .bias = sum_to_last_axis(diff_output)};
  for_each_transposed_product(input.shape, kernel.shape, diff_output.shape, op,
                              [&](std::int64_t i, std::int64_t k, std::int64_t o) {
                                gradients.input[i] += kernel[k] * diff_output[o];
                                gradients.kernel[k] += input[i] * diff_output[o];
                              });
  return gradients;
}

Array sum_to_last_axis(const Array& array) {
  Array sum(Shape{array.shape.back()});
  for (std::int64_t i = 0; i < array.size(); ++i) {
    sum[i % sum.size()] += array[i];
  }
  return sum;
}

}  // namespace headstart::reference
