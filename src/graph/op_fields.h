// The name and the fields of every op, listed once for whoever writes or reads them.
//
// `op_tag(op)` is the op's name in files. `visit_fields(archive, op)` calls archive("field", op.field) for
// every field, or archive.added("field", op.field) for one that files written before it came lack. Both are
// overload sets over the whole variant, so an op without its lines here does not compile.
#pragma once

#include "headstart/op.h"

namespace headstart {

constexpr const char* op_tag(const Input&) { return "Input"; }
constexpr const char* op_tag(const Conv2D&) { return "Conv2D"; }
constexpr const char* op_tag(const Conv2DTranspose&) { return "Conv2DTranspose"; }
constexpr const char* op_tag(const DepthwiseConv2D&) { return "DepthwiseConv2D"; }
constexpr const char* op_tag(const SeparableConv2D&) { return "SeparableConv2D"; }
constexpr const char* op_tag(const Dense&) { return "Dense"; }
constexpr const char* op_tag(const MaxPooling2D&) { return "MaxPooling2D"; }
constexpr const char* op_tag(const AveragePooling2D&) { return "AveragePooling2D"; }
constexpr const char* op_tag(const GlobalAveragePooling2D&) { return "GlobalAveragePooling2D"; }
constexpr const char* op_tag(const GlobalMaxPooling2D&) { return "GlobalMaxPooling2D"; }
constexpr const char* op_tag(const ZeroPadding2D&) { return "ZeroPadding2D"; }
constexpr const char* op_tag(const ActivationLayer&) { return "Activation"; }
constexpr const char* op_tag(const BatchNormalization&) { return "BatchNormalization"; }
constexpr const char* op_tag(const LayerNormalization&) { return "LayerNormalization"; }
constexpr const char* op_tag(const Scale&) { return "Scale"; }
constexpr const char* op_tag(const Normalization&) { return "Normalization"; }
constexpr const char* op_tag(const SelfAttention&) { return "SelfAttention"; }
constexpr const char* op_tag(const WindowAttention&) { return "WindowAttention"; }
constexpr const char* op_tag(const ClassToken&) { return "ClassToken"; }
constexpr const char* op_tag(const PositionEmbedding&) { return "PositionEmbedding"; }
constexpr const char* op_tag(const Cropping2D&) { return "Cropping2D"; }
constexpr const char* op_tag(const ChannelShuffle&) { return "ChannelShuffle"; }
constexpr const char* op_tag(const ChannelSlice&) { return "ChannelSlice"; }
constexpr const char* op_tag(const GroupNormalization&) { return "GroupNormalization"; }
constexpr const char* op_tag(const LocalResponseNormalization&) { return "LocalResponseNormalization"; }
constexpr const char* op_tag(const UpSampling2D&) { return "UpSampling2D"; }
constexpr const char* op_tag(const Add&) { return "Add"; }
constexpr const char* op_tag(const Multiply&) { return "Multiply"; }
constexpr const char* op_tag(const Concatenate&) { return "Concatenate"; }
constexpr const char* op_tag(const Flatten&) { return "Flatten"; }
constexpr const char* op_tag(const Reshape&) { return "Reshape"; }
constexpr const char* op_tag(const Dropout&) { return "Dropout"; }
constexpr const char* op_tag(const Rescaling&) { return "Rescaling"; }

void visit_fields(auto& archive, Input& op) { archive("shape", op.shape); }

void visit_fields(auto& archive, Conv2D& op) {
  archive("filters", op.filters);
  archive("kernel", op.kernel);
  archive("strides", op.strides);
  archive("dilation", op.dilation);
  archive("padding", op.padding);
  archive("groups", op.groups);
  archive("use_bias", op.use_bias);
  archive("activation", op.activation);
  archive.added("weight_normalization", op.weight_normalization);
}

void visit_fields(auto& archive, Conv2DTranspose& op) {
  archive("filters", op.filters);
  archive("kernel", op.kernel);
  archive("strides", op.strides);
  archive("dilation", op.dilation);
  archive("padding", op.padding);
  archive("use_bias", op.use_bias);
  archive("activation", op.activation);
}

void visit_fields(auto& archive, DepthwiseConv2D& op) {
  archive("kernel", op.kernel);
  archive("strides", op.strides);
  archive("dilation", op.dilation);
  archive("padding", op.padding);
  archive("depth_multiplier", op.depth_multiplier);
  archive("use_bias", op.use_bias);
  archive("activation", op.activation);
}

void visit_fields(auto& archive, SeparableConv2D& op) {
  archive("filters", op.filters);
  archive("kernel", op.kernel);
  archive("strides", op.strides);
  archive("dilation", op.dilation);
  archive("padding", op.padding);
  archive("depth_multiplier", op.depth_multiplier);
  archive("use_bias", op.use_bias);
  archive("activation", op.activation);
}

void visit_fields(auto& archive, Dense& op) {
  archive("units", op.units);
  archive("use_bias", op.use_bias);
  archive("activation", op.activation);
  archive.added("weight_normalization", op.weight_normalization);
}

void visit_fields(auto& archive, MaxPooling2D& op) {
  archive("pool", op.pool);
  archive("strides", op.strides);
  archive("padding", op.padding);
}

void visit_fields(auto& archive, AveragePooling2D& op) {
  archive("pool", op.pool);
  archive("strides", op.strides);
  archive("padding", op.padding);
  archive("count_padding", op.count_padding);
}

void visit_fields(auto& archive, GlobalAveragePooling2D& op) { archive("keep_dims", op.keep_dims); }
void visit_fields(auto& archive, GlobalMaxPooling2D& op) { archive("keep_dims", op.keep_dims); }

void visit_fields(auto& archive, ZeroPadding2D& op) {
  archive("top", op.top);
  archive("bottom", op.bottom);
  archive("left", op.left);
  archive("right", op.right);
  archive("channels_before", op.channels_before);
  archive("channels_after", op.channels_after);
}

void visit_fields(auto& archive, ActivationLayer& op) { archive("activation", op.activation); }

void visit_fields(auto& archive, BatchNormalization& op) {
  archive("epsilon", op.epsilon);
  archive("momentum", op.momentum);
  archive("scale", op.scale);
  archive("center", op.center);
  archive.added("renorm", op.renorm);
  archive.added("renorm_scale", op.renorm_scale);
  archive.added("renorm_shift", op.renorm_shift);
}

void visit_fields(auto& archive, LayerNormalization& op) {
  archive("epsilon", op.epsilon);
  archive("scale", op.scale);
  archive("center", op.center);
}

void visit_fields(auto& archive, Scale& op) { archive("initial", op.initial); }
void visit_fields(auto&, Normalization&) {}
void visit_fields(auto& archive, SelfAttention& op) { archive("heads", op.heads); }
void visit_fields(auto& archive, WindowAttention& op) {
  archive("heads", op.heads);
  archive("window", op.window);
  archive("shift", op.shift);
}
void visit_fields(auto&, ClassToken&) {}
void visit_fields(auto&, PositionEmbedding&) {}

void visit_fields(auto& archive, Cropping2D& op) {
  archive("top", op.top);
  archive("bottom", op.bottom);
  archive("left", op.left);
  archive("right", op.right);
}

void visit_fields(auto& archive, ChannelShuffle& op) { archive("groups", op.groups); }

void visit_fields(auto& archive, ChannelSlice& op) {
  archive("begin", op.begin);
  archive("count", op.count);
}

void visit_fields(auto& archive, GroupNormalization& op) {
  archive("groups", op.groups);
  archive("epsilon", op.epsilon);
  archive("scale", op.scale);
  archive("center", op.center);
}

void visit_fields(auto& archive, LocalResponseNormalization& op) {
  archive("size", op.size);
  archive("alpha", op.alpha);
  archive("beta", op.beta);
  archive("k", op.k);
}

void visit_fields(auto& archive, UpSampling2D& op) {
  archive("size", op.size);
  archive("interpolation", op.interpolation);
}

void visit_fields(auto&, Add&) {}
void visit_fields(auto&, Multiply&) {}
void visit_fields(auto&, Concatenate&) {}
void visit_fields(auto&, Flatten&) {}
void visit_fields(auto& archive, Reshape& op) { archive("shape", op.shape); }

void visit_fields(auto& archive, Dropout& op) {
  archive("rate", op.rate);
  archive.added("granularity", op.granularity);
}

void visit_fields(auto& archive, Rescaling& op) {
  archive("scale", op.scale);
  archive("offset", op.offset);
}

}  // namespace headstart
