// Reference convolution (plain, grouped, depthwise, dilated) and its gradients, as one visit of all
// multiplications.
#pragma once

#include "headstart/graph.h"
#include "reference/array.h"

namespace headstart::reference {

struct ConvolutionGeometry {
  Size2 strides{};
  Size2 dilation{};
  AxisPadding vertical{}, horizontal{};
  int groups = 1;
};

// Geometry of an op (`same` resolved) for an input (N, H, W, C).
ConvolutionGeometry convolution_geometry(const Padding& padding, Size2 kernel, Size2 strides, Size2 dilation,
                                         int groups, const Array& input);

// input (N, H, W, C), kernel (kh, kw, C / groups, O) -> (N, OH, OW, O). Output channel o reads the channels
// of group o / (O / groups). `bias` (O) may be null.
Array convolution(const Array& input, const Array& kernel, const Array* bias,
                  const ConvolutionGeometry& geometry);

struct ConvolutionGradients {
  Array input, kernel, bias;
};
ConvolutionGradients convolution_backward(const Array& input, const Array& kernel, const Array& diff_output,
                                          const ConvolutionGeometry& geometry);

// A depthwise kernel (kh, kw, C, multiplier) is the kernel (kh, kw, 1, C * multiplier) of C groups, value for
// value: output channel c * multiplier + m reads channel c.
Array as_grouped_kernel(const Array& depthwise_kernel);

// Brings every filter (last axis) of `kernel` to its norm in `scale`: weight normalisation.
Array normalized_kernel(const Array& kernel, const Array& scale);
struct NormalizedKernelGradients {
  Array kernel, scale;
};
NormalizedKernelGradients normalized_kernel_backward(const Array& kernel, const Array& scale,
                                                     const Array& diff);

// The kernel is (height, width, filters, channels); every input pixel adds its multiple of it to the output.
Array transposed_convolution(const Array& input, const Array& kernel, const Array* bias,
                             const Conv2DTranspose& op);
ConvolutionGradients transposed_convolution_backward(const Array& input, const Array& kernel,
                                                     const Array& diff_output, const Conv2DTranspose& op);

// Sum over all but the last axis: the gradient of a bias.
Array sum_to_last_axis(const Array& array);

}  // namespace headstart::reference
