// Every op as ONNX operations: the value that a layer ends in.
#pragma once

#include "export/layer.h"
#include "headstart/op.h"

namespace headstart {

OnnxValue lower(const Conv2D& op, Layer& layer);
OnnxValue lower(const Conv2DTranspose& op, Layer& layer);
OnnxValue lower(const DepthwiseConv2D& op, Layer& layer);
OnnxValue lower(const SeparableConv2D& op, Layer& layer);
OnnxValue lower(const Dense& op, Layer& layer);

OnnxValue lower(const MaxPooling2D& op, Layer& layer);
OnnxValue lower(const AveragePooling2D& op, Layer& layer);
OnnxValue lower(const GlobalAveragePooling2D& op, Layer& layer);
OnnxValue lower(const GlobalMaxPooling2D& op, Layer& layer);
OnnxValue lower(const UpSampling2D& op, Layer& layer);

OnnxValue lower(const BatchNormalization& op, Layer& layer);
OnnxValue lower(const LayerNormalization& op, Layer& layer);
OnnxValue lower(const GroupNormalization& op, Layer& layer);
OnnxValue lower(const LocalResponseNormalization& op, Layer& layer);
OnnxValue lower(const Normalization& op, Layer& layer);
OnnxValue lower(const Scale& op, Layer& layer);
OnnxValue lower(const Rescaling& op, Layer& layer);

OnnxValue lower(const SelfAttention& op, Layer& layer);
OnnxValue lower(const WindowAttention& op, Layer& layer);
OnnxValue lower(const ClassToken& op, Layer& layer);
OnnxValue lower(const PositionEmbedding& op, Layer& layer);

OnnxValue lower(const ActivationLayer& op, Layer& layer);
OnnxValue lower(const Add& op, Layer& layer);
OnnxValue lower(const Multiply& op, Layer& layer);
OnnxValue lower(const Concatenate& op, Layer& layer);
OnnxValue lower(const ChannelShuffle& op, Layer& layer);
OnnxValue lower(const ChannelSlice& op, Layer& layer);
OnnxValue lower(const ZeroPadding2D& op, Layer& layer);
OnnxValue lower(const Cropping2D& op, Layer& layer);
OnnxValue lower(const Flatten& op, Layer& layer);
OnnxValue lower(const Reshape& op, Layer& layer);
OnnxValue lower(const Dropout& op, Layer& layer);

}  // namespace headstart
