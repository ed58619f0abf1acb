// Blocks of real networks, and arrangements in which fusion, buffer reuse or the partition can go wrong.
#include <utility>

#include "reference/cases.h"

namespace headstart::reference {

namespace {

constexpr Activation kRelu{.kind = Activation::Kind::relu};
constexpr Activation kRelu6{.kind = Activation::Kind::relu6};
constexpr Activation kSigmoid{.kind = Activation::Kind::sigmoid};
constexpr Activation kSoftmax{.kind = Activation::Kind::softmax};
constexpr Size2 k3{3, 3};

// Grows a graph whose layers are called after their purpose.
struct Sketch {
  Graph graph{"case"};

  NodeId input(const Shape& shape) { return graph.add("input", Input{shape}, std::vector<NodeId>{}); }
  NodeId layer(std::string name, Op op, NodeId from) {
    return graph.add(std::move(name), std::move(op), from);
  }
  NodeId join(std::string name, Op op, std::vector<NodeId> from) {
    return graph.add(std::move(name), std::move(op), std::move(from));
  }
  NodeId conv(std::string name, int filters, NodeId from, Activation activation = {}) {
    return layer(
        std::move(name),
        Conv2D{.filters = filters, .kernel = k3, .padding = Padding::same(), .activation = activation}, from);
  }
  NodeId pointwise(std::string name, int filters, NodeId from) {
    return layer(std::move(name), Conv2D{.filters = filters, .use_bias = false}, from);
  }
  NodeId depthwise(std::string name, NodeId from, int stride = 1) {
    return layer(
        std::move(name),
        DepthwiseConv2D{
            .kernel = k3, .strides = {stride, stride}, .padding = Padding::same(), .use_bias = false},
        from);
  }
  NodeId norm(std::string name, NodeId from) { return layer(std::move(name), BatchNormalization{}, from); }
  NodeId act(std::string name, Activation activation, NodeId from) {
    return layer(std::move(name), ActivationLayer{activation}, from);
  }
  void freeze_up_to(NodeId last) {
    for (NodeId id = 0; id <= last; ++id) {
      graph.set_trainable(id, false);
    }
  }
  Case named(std::string name, int batch = 2) && {
    return {.name = std::move(name), .graph = std::move(graph), .batch = batch};
  }
};

Case convolution_norm_relu6() {
  Sketch s;
  NodeId x = s.input({8, 8, 3});
  x = s.conv("conv", 10, x);
  x = s.norm("conv_bn", x);
  s.act("conv_relu", kRelu6, x);
  return std::move(s).named("convolution_norm_relu6");
}

Case convolution_relu_norm() {
  Sketch s;
  NodeId x = s.input({6, 6, 3});
  x = s.conv("conv", 8, x, kRelu);
  x = s.norm("norm", x);  // behind an activation: cannot be folded into the convolution before it
  s.conv("next", 4, x);
  return std::move(s).named("convolution_relu_norm", 3);
}

// More channels than a curve's loop goes over at once.
Case norms_and_curves() {
  Sketch s;
  NodeId x = s.act("swish", {.kind = Activation::Kind::swish}, s.norm("bn_1", s.input({4, 3, 5})));
  x = s.norm("bn_2", s.pointwise("wide", 300, x));
  s.act("hard_swish", {.kind = Activation::Kind::hard_swish}, x);
  return std::move(s).named("norms_and_curves", 3);
}

Case depthwise_block() {
  Sketch s;
  NodeId x = s.input({9, 9, 6});
  x = s.layer("pad", ZeroPadding2D{.bottom = 1, .right = 1}, x);
  x = s.layer("dw", DepthwiseConv2D{.kernel = k3, .strides = {2, 2}, .use_bias = false}, x);
  x = s.act("dw_relu", kRelu6, s.norm("dw_bn", x));
  x = s.act("pw_relu", kRelu6, s.norm("pw_bn", s.pointwise("pw", 14, x)));
  return std::move(s).named("depthwise_block");
}

Case residual_block() {
  Sketch s;
  NodeId shortcut = s.input({6, 6, 3});
  shortcut = s.act("stem_relu", kRelu, s.norm("stem_bn", s.conv("stem", 16, shortcut)));
  NodeId x = s.act("relu_1", kRelu, s.norm("bn_1", s.conv("conv_1", 16, shortcut)));
  x = s.norm("bn_2", s.conv("conv_2", 16, x));
  x = s.act("out", kRelu, s.join("add", Add{}, {x, shortcut}));
  s.conv("next", 5, x);
  return std::move(s).named("residual_block", 3);
}

Case projection_residual_block() {
  Sketch s;
  const NodeId in = s.input({7, 7, 8});
  const NodeId shortcut = s.norm("bn_0", s.layer("conv_0", Conv2D{.filters = 20, .strides = {2, 2}}, in));
  NodeId x = s.layer("conv_1", Conv2D{.filters = 6, .strides = {2, 2}}, in);
  x = s.act("relu_1", kRelu, s.norm("bn_1", x));
  x = s.norm("bn_2", s.conv("conv_2", 20, x));
  s.act("out", kRelu, s.join("add", Add{}, {shortcut, x}));
  return std::move(s).named("projection_residual_block");
}

Case two_residual_blocks_in_a_row() {
  Sketch s;
  NodeId x = s.conv("stem", 8, s.input({5, 5, 3}), kRelu);
  for (const std::string block : {"a", "b", "c"}) {
    const NodeId inner = s.conv(block + "_conv", 8, x);
    x = s.act(block + "_out", kRelu, s.join(block + "_add", Add{}, {inner, x}));
  }
  s.layer("pool", GlobalAveragePooling2D{}, x);
  return std::move(s).named("residual_blocks_in_a_row");
}

Case preactivation_residual_block() {
  Sketch s;
  const NodeId shortcut = s.conv("stem", 8, s.input({6, 6, 3}));
  NodeId x = s.act("relu_1", kRelu, s.norm("bn_1", shortcut));  // the convolution before has a second reader
  x = s.conv("conv_1", 8, x);
  x = s.act("relu_2", kRelu, s.norm("bn_2", x));
  x = s.join("add", Add{}, {s.conv("conv_2", 8, x), shortcut});
  s.act("post_relu", kRelu, s.norm("post_bn", x));
  return std::move(s).named("preactivation_residual_block");
}

Case inverted_residual() {
  Sketch s;
  NodeId x = s.input({6, 6, 3});
  const NodeId shortcut = s.norm("stem_bn", s.conv("stem", 8, x));
  x = s.act("expand_relu", kRelu6, s.norm("expand_bn", s.pointwise("expand", 48, shortcut)));
  x = s.act("depthwise_relu", kRelu6, s.norm("depthwise_bn", s.depthwise("depthwise", x)));
  x = s.norm("project_bn", s.pointwise("project", 8, x));  // linear bottleneck
  x = s.join("add", Add{}, {shortcut, x});
  x = s.act("next_relu", kRelu6, s.norm("next_bn", s.pointwise("next_expand", 24, x)));
  s.norm("next_depthwise_bn", s.depthwise("next_depthwise", x, 2));
  return std::move(s).named("inverted_residual");
}

// Every swish stands between layers that multiply: its result is what an int8 program stores as bytes.
Case inverted_residual_with_swish() {
  constexpr Activation kSwishHere{.kind = Activation::Kind::swish};
  Sketch s;
  NodeId x = s.conv("stem", 16, s.input({12, 12, 3}), kSwishHere);
  x = s.act("fused_swish", kSwishHere, s.norm("fused_bn", s.conv("fused", 24, x)));
  x = s.act("expand_swish", kSwishHere, s.norm("expand_bn", s.pointwise("expand", 32, x)));
  x = s.act("depthwise_swish", kSwishHere, s.norm("depthwise_bn", s.depthwise("depthwise", x)));
  x = s.layer("flat", Flatten{}, s.pointwise("project", 8, x));
  x = s.layer("dense", Dense{.units = 12, .activation = kSwishHere}, x);
  s.layer("last", Dense{.units = 5}, x);
  return std::move(s).named("inverted_residual_with_swish");
}

// Activations in front of poolings of every kind, of convolutions and of a layer of its own.
Case pooled_relu6_blocks() {
  Sketch s;
  NodeId x = s.conv("conv1", 16, s.input({13, 15, 3}), kRelu);
  x = s.layer("pool1", MaxPooling2D{.pool = {2, 2}, .strides = {2, 2}}, s.conv("conv2", 24, x, kRelu6));
  x = s.act("sigmoid", {Activation::Kind::sigmoid}, s.conv("conv3", 16, x));
  x = s.layer("pool2", MaxPooling2D{.pool = k3, .strides = {2, 2}, .padding = Padding::same()}, x);
  x = s.conv("conv4", 16, x, {Activation::Kind::tanh});
  s.layer("pool3", MaxPooling2D{.pool = k3, .strides = {1, 1}}, x);
  return std::move(s).named("pooled_relu6_blocks");
}

Case fire_module() {
  Sketch s;
  NodeId x = s.layer("squeeze", Conv2D{.filters = 5, .activation = kRelu}, s.input({7, 7, 6}));
  const NodeId left = s.layer("expand_1x1", Conv2D{.filters = 9, .activation = kRelu}, x);
  const NodeId right = s.conv("expand_3x3", 11, x, kRelu);
  x = s.join("concat", Concatenate{}, {left, right});
  s.layer("pool", MaxPooling2D{.pool = k3, .strides = {2, 2}}, x);
  return std::move(s).named("fire_module");
}

Case inception_branches() {
  Sketch s;
  const NodeId in = s.conv("stem", 8, s.input({6, 6, 3}), kRelu);
  const NodeId a = s.layer("a", Conv2D{.filters = 16, .activation = kRelu}, in);
  const NodeId b = s.conv("b2", 16, s.layer("b1", Conv2D{.filters = 4}, in), kRelu);
  const NodeId pool =
      s.layer("c1", AveragePooling2D{.pool = k3, .strides = {1, 1}, .padding = Padding::same()}, in);
  const NodeId c = s.layer("c2", Conv2D{.filters = 3}, pool);
  const NodeId joined = s.join("mixed", Concatenate{}, {a, b, c, in});
  s.layer("gap", GlobalAveragePooling2D{}, joined);
  return std::move(s).named("inception_branches");
}

Case dense_block() {
  Sketch s;
  NodeId x = s.conv("stem", 6, s.input({5, 5, 3}));
  for (const std::string block : {"1", "2"}) {
    NodeId grown = s.act("relu" + block, kRelu, s.norm("bn" + block, x));
    grown = s.conv("conv" + block, 4, grown);
    x = s.join("concat" + block, Concatenate{}, {x, grown});
  }
  s.norm("last", x);
  return std::move(s).named("dense_block");
}

Case squeeze_and_excitation() {
  Sketch s;
  const NodeId x =
      s.act("swish", {.kind = Activation::Kind::swish}, s.norm("bn", s.conv("conv", 12, s.input({5, 5, 3}))));
  NodeId gate = s.layer("squeeze", GlobalAveragePooling2D{}, x);
  gate = s.layer("reduce", Dense{.units = 4, .activation = kRelu}, gate);
  gate = s.layer("expand", Dense{.units = 12, .activation = kSigmoid}, gate);
  gate = s.layer("reshape", Reshape{{1, 1, 12}}, gate);
  s.pointwise("project", 7, s.join("excite", Multiply{}, {x, gate}));
  return std::move(s).named("squeeze_and_excitation");
}

Case convolutional_squeeze_and_excitation() {
  Sketch s;
  const NodeId x = s.conv("conv", 16, s.input({5, 5, 3}), kRelu);
  NodeId gate = s.layer("squeeze", GlobalAveragePooling2D{.keep_dims = true}, x);
  gate = s.layer("reduce", Conv2D{.filters = 4, .activation = kRelu}, gate);
  gate =
      s.layer("expand", Conv2D{.filters = 16, .activation = {.kind = Activation::Kind::hard_sigmoid}}, gate);
  s.pointwise("project", 7, s.join("excite", Multiply{}, {x, gate}));  // so that int8 stores what it reads
  return std::move(s).named("convolutional_squeeze_and_excitation");
}

Case hard_sigmoids_between_convolutions() {
  constexpr Activation kHardSigmoid{.kind = Activation::Kind::hard_sigmoid};
  Sketch s;
  NodeId x = s.conv("inside", 16, s.input({7, 7, 16}), kHardSigmoid);
  x = s.act("behind", kHardSigmoid, s.norm("norm", s.depthwise("depthwise", x)));
  s.pointwise("last", 8, x);
  return std::move(s).named("hard_sigmoids_between_convolutions");
}

// With the layer scale folded into the second dense layer, and the sum fused behind it.
Case convnext_block() {
  Sketch s;
  NodeId x =
      s.layer("stem", Conv2D{.filters = 16, .kernel = {2, 2}, .strides = {2, 2}}, s.input({12, 12, 3}));
  const NodeId shortcut = s.layer("stem_norm", LayerNormalization{.epsilon = 1e-6F}, x);
  x = s.layer("depthwise", DepthwiseConv2D{.kernel = {7, 7}, .padding = Padding::same()}, shortcut);
  x = s.layer("norm", LayerNormalization{.epsilon = 1e-6F}, x);
  x = s.layer("wide", Dense{.units = 64}, x);
  x = s.layer("narrow", Dense{.units = 16}, s.act("gelu", {.kind = Activation::Kind::gelu}, x));
  x = s.layer("scale", Scale{.initial = 1e-6F}, x);
  x = s.join("add", Add{}, {shortcut, x});
  s.layer("head_norm", LayerNormalization{.epsilon = 1e-6F}, s.layer("gap", GlobalAveragePooling2D{}, x));
  return std::move(s).named("convnext_block");
}

Case transformer_block() {
  Sketch s;
  NodeId x =
      s.layer("patches", Conv2D{.filters = 24, .kernel = {2, 2}, .strides = {2, 2}}, s.input({6, 4, 3}));
  x = s.layer("token", ClassToken{}, s.layer("rows", Reshape{{6, 24}}, x));
  const NodeId in = s.layer("positions", PositionEmbedding{}, x);
  x = s.layer("qkv", Dense{.units = 72}, s.layer("norm_1", LayerNormalization{.epsilon = 1e-6F}, in));
  x = s.layer("project", Dense{.units = 24}, s.layer("attention", SelfAttention{.heads = 3}, x));
  const NodeId middle = s.join("add_1", Add{}, {in, x});
  x = s.layer("norm_2", LayerNormalization{.epsilon = 1e-6F}, middle);
  x = s.layer("mlp_1", Dense{.units = 48, .activation = {.kind = Activation::Kind::gelu}}, x);
  x = s.join("add_2", Add{}, {middle, s.layer("mlp_2", Dense{.units = 24}, x)});
  x = s.layer("last_norm", LayerNormalization{.epsilon = 1e-6F}, x);
  x = s.layer("features", ChannelSlice{.begin = 0, .count = 24}, s.layer("flatten", Flatten{}, x));
  s.layer("head", Dense{.units = 5, .activation = kSoftmax}, x);
  return std::move(s).named("transformer_block");
}

Case shuffle_unit() {
  Sketch s;
  const NodeId in = s.conv("stem", 16, s.input({5, 5, 3}), kRelu);
  const NodeId kept = s.layer("first_half", ChannelSlice{.begin = 0, .count = 8}, in);
  NodeId x = s.layer("second_half", ChannelSlice{.begin = 8, .count = 8}, in);
  x = s.act("relu_1", kRelu, s.norm("bn_1", s.pointwise("pw_1", 8, x)));
  x = s.norm("bn_2", s.depthwise("dw", x));
  x = s.act("relu_2", kRelu, s.norm("bn_3", s.pointwise("pw_2", 8, x)));
  x = s.join("concat", Concatenate{}, {kept, x});
  s.conv("next", 4, s.layer("shuffle", ChannelShuffle{.groups = 2}, x));
  return std::move(s).named("shuffle_unit");
}

// NASNet: the second path sees the image moved by one pixel.
Case factorized_reduction() {
  Sketch s;
  const NodeId in = s.conv("stem", 8, s.input({6, 6, 3}), kRelu);
  NodeId a = s.layer("pool_1", AveragePooling2D{.pool = {1, 1}, .strides = {2, 2}}, in);
  a = s.pointwise("conv_1", 5, a);
  NodeId b = s.layer("pad", ZeroPadding2D{.bottom = 1, .right = 1}, in);
  b = s.layer("crop", Cropping2D{.top = 1, .left = 1}, b);
  b = s.layer("pool_2", AveragePooling2D{.pool = {1, 1}, .strides = {2, 2}}, b);
  b = s.pointwise("conv_2", 5, b);
  s.norm("bn", s.join("concat", Concatenate{}, {a, b}));
  return std::move(s).named("factorized_reduction");
}

Case norms_that_are_not_folded() {
  Sketch s;
  NodeId x = s.conv("conv_1", 16, s.input({6, 6, 3}), kRelu);
  x = s.layer("lrn", LocalResponseNormalization{.alpha = 0.1F, .k = 2.0F}, x);
  x = s.layer("pool", MaxPooling2D{.pool = {2, 2}, .strides = {2, 2}}, x);
  x = s.act("relu", kRelu, s.layer("group_norm", GroupNormalization{.groups = 4}, s.conv("conv_2", 16, x)));
  x = s.layer("up", UpSampling2D{.interpolation = UpSampling2D::Interpolation::bilinear}, x);
  s.conv("conv_3", 4, x);
  return std::move(s).named("norms_that_are_not_folded");
}

Case preprocessing_layers() {
  Sketch s;
  NodeId x = s.layer("rescale", Rescaling{.scale = {0.5F}}, s.input({8, 8, 3}));
  x = s.layer("normalize", Normalization{}, x);
  x = s.layer("pad", ZeroPadding2D{.bottom = 1, .right = 1}, x);
  s.norm("bn", s.layer("conv", Conv2D{.filters = 8, .kernel = k3, .strides = {2, 2}}, x));
  return std::move(s).named("preprocessing_layers");
}

Case shortcut_by_padding() {
  Sketch s;
  const NodeId in = s.conv("stem", 8, s.input({8, 8, 3}), kRelu);
  NodeId x = s.layer("conv_1",
                     Conv2D{.filters = 16,
                            .kernel = k3,
                            .strides = {2, 2},
                            .padding = Padding::symmetric(1),
                            .use_bias = false},
                     in);
  x = s.norm("bn_2", s.conv("conv_2", 16, s.act("relu_1", kRelu, s.norm("bn_1", x))));
  NodeId shortcut = s.layer("every_second", MaxPooling2D{.pool = {1, 1}, .strides = {2, 2}}, in);
  shortcut = s.layer("pad_channels", ZeroPadding2D{.channels_before = 4, .channels_after = 4}, shortcut);
  s.act("out", kRelu, s.join("add", Add{}, {x, shortcut}));
  return std::move(s).named("shortcut_by_padding");
}

Case sum_of_three() {
  Sketch s;
  const NodeId in = s.input({5, 5, 4});
  const NodeId a = s.conv("a", 8, in);
  const NodeId b = s.conv("b", 8, in);
  const NodeId c = s.conv("c", 8, in, kRelu);
  const NodeId sum = s.join("add", Add{}, {a, b, c});
  s.join("again", Add{}, {sum, b});
  return std::move(s).named("sum_of_three");
}

// Pairs that differ in a number only, behind one another in what could be one kernel.
Case activations_of_one_kind_in_a_row() {
  const auto leaky = [](float slope) { return Activation{Activation::Kind::leaky_relu, slope}; };
  const auto elu = [](float alpha) { return Activation{Activation::Kind::elu, alpha}; };
  Sketch s;
  NodeId x = s.act("relu", kRelu, s.conv("leaky", 8, s.input({6, 6, 8}), leaky(0.3F)));
  x = s.act("elu_2", elu(0.3F), s.conv("elu_1", 8, x, elu(1.0F)));
  x = s.act("hard_sigmoid", {.kind = Activation::Kind::hard_sigmoid},
            s.act("relu6", kRelu6, s.depthwise("depthwise", x)));
  x = s.join("add", Add{}, {s.conv("inner", 8, x, leaky(0.3F)), x});
  s.act("last_leaky", leaky(0.1F), x);
  return std::move(s).named("activations_of_one_kind_in_a_row");
}

// By its own name and by that of a dropout, which shares its memory. Of this many channels oneDNN's kernels
// store sums on the way.
Case one_summand_added_twice() {
  Sketch s;
  const NodeId in = s.input({4, 4, 64});
  const NodeId a = s.pointwise("a", 8, in);
  NodeId x = s.join("once", Add{}, {a, s.conv("b", 8, in)});
  x = s.join("twice", Add{}, {a, x});
  const NodeId c = s.pointwise("c", 8, x);
  const NodeId same = s.layer("same", Dropout{.rate = 0.0F}, c);
  x = s.join("under_its_name", Add{}, {c, s.conv("d", 8, in)});
  s.pointwise("last", 4, s.join("under_another", Add{}, {same, x}));
  return std::move(s).named("one_summand_added_twice");
}

// Convolutions that oneDNN does by products of matrices, in groups of few channels; the summand is read
// later.
Case sums_behind_products_of_matrices() {
  Sketch s;
  const NodeId a = s.conv("a", 12, s.input({6, 5, 4}));
  NodeId x = s.layer(
      "groups",
      Conv2D{.filters = 12, .kernel = k3, .padding = Padding::same(), .groups = 2, .activation = kSigmoid},
      a);
  x = s.act("relu6", kRelu6, s.join("add", Add{}, {a, x}));
  s.join("later", Multiply{}, {x, a});
  return std::move(s).named("sums_behind_products_of_matrices");
}

Case the_same_value_twice() {
  Sketch s;
  const NodeId x = s.conv("conv", 8, s.input({4, 4, 3}));
  const NodeId doubled = s.join("doubled", Add{}, {x, x});
  const NodeId squared = s.join("squared", Multiply{}, {doubled, doubled});
  s.join("both", Concatenate{}, {squared, squared});
  return std::move(s).named("the_same_value_twice");
}

Case norm_and_raw_value_both_read() {
  Sketch s;
  const NodeId x = s.conv("conv", 8, s.input({4, 4, 3}));
  const NodeId normed = s.norm("bn", x);
  const NodeId relu = s.act("relu", kRelu, normed);
  s.join("concat", Concatenate{}, {x, normed, relu});
  return std::move(s).named("norm_and_raw_value_both_read");
}

Case activation_between_dense_layers() {
  Sketch s;
  NodeId x = s.layer("flatten", Flatten{}, s.input({3, 3, 4}));
  x = s.layer("dense_1", Dense{.units = 16, .use_bias = false}, x);
  x = s.act("tanh", {.kind = Activation::Kind::tanh}, s.norm("bn", x));
  x = s.layer("dense_2", Dense{.units = 3}, x);
  s.act("softmax", kSoftmax, x);
  return std::move(s).named("activation_between_dense_layers", 4);
}

Case small_cnn() {
  Sketch s;
  NodeId x = s.layer("scale", Rescaling{.scale = {0.5F}, .offset = {0.1F}}, s.input({14, 14, 1}));
  x = s.layer("conv_1", Conv2D{.filters = 8, .kernel = k3, .activation = kRelu}, x);
  x = s.layer("pool_1", MaxPooling2D{.pool = {2, 2}, .strides = {2, 2}}, x);
  x = s.layer("conv_2", Conv2D{.filters = 12, .kernel = k3, .activation = kRelu}, x);
  x = s.layer("pool_2", MaxPooling2D{.pool = {2, 2}, .strides = {2, 2}}, x);
  x = s.layer("dense_1", Dense{.units = 10, .activation = kRelu}, s.layer("flatten", Flatten{}, x));
  s.layer("dense_2", Dense{.units = 1, .activation = kSigmoid}, x);
  return std::move(s).named("small_cnn", 3);
}

Case frozen_base_with_head() {
  Sketch s;
  NodeId x = s.conv("base_conv", 8, s.input({6, 6, 3}), kRelu);
  x = s.layer("base_pool", MaxPooling2D{.pool = {2, 2}, .strides = {2, 2}}, x);
  s.freeze_up_to(x);
  x = s.layer("flatten", Flatten{}, x);
  x = s.layer("dropout", Dropout{.rate = 0.0F}, x);
  s.layer("dense", Dense{.units = 3, .activation = kSoftmax}, x);
  return std::move(s).named("frozen_base_with_head", 3);
}

// Two tensors cross the border: the block's input and what its first half computed.
Case cut_inside_a_residual_block() {
  Sketch s;
  const NodeId shortcut = s.act("stem_relu", kRelu, s.norm("stem_bn", s.conv("stem", 8, s.input({6, 6, 3}))));
  NodeId x = s.act("relu_1", kRelu, s.norm("bn_1", s.conv("conv_1", 8, shortcut)));
  s.freeze_up_to(x);
  x = s.norm("bn_2", s.conv("conv_2", 8, x));
  x = s.act("out", kRelu, s.join("add", Add{}, {x, shortcut}));
  s.layer("gap", GlobalAveragePooling2D{}, x);
  return std::move(s).named("cut_inside_a_residual_block");
}

// "x" crosses the border and is the shortcut of a frozen sum: adding in place would destroy it.
Case boundary_value_is_a_frozen_shortcut() {
  Sketch s;
  const NodeId x = s.conv("x", 8, s.input({5, 5, 3}), kRelu);
  const NodeId sum = s.act("sum_relu", kRelu, s.join("sum", Add{}, {s.conv("inner", 8, x), x}));
  s.freeze_up_to(sum);
  const NodeId head = s.conv("head", 8, x);
  s.join("joined", Add{}, {head, sum});
  return std::move(s).named("boundary_value_is_a_frozen_shortcut");
}

// A frozen layer behind a trainable one, a frozen norm among trainable ones, and the Input read by a
// trainable layer.
Case frozen_islands() {
  Sketch s;
  const NodeId in = s.input({6, 6, 3});
  NodeId x = s.conv("first", 6, in);
  x = s.norm("frozen_norm", x);
  s.graph.set_trainable(x, false);
  x = s.conv("frozen_conv", 6, x, kRelu);
  s.graph.set_trainable(x, false);
  x = s.norm("free_norm", x);
  const NodeId side = s.conv("frozen_side", 6, in);
  s.graph.set_trainable(side, false);
  s.join("joined", Concatenate{}, {x, side});
  return std::move(s).named("frozen_islands", 3);
}

}  // namespace

std::vector<Case> composed_cases() {
  std::vector<Case> cases;
  for (const auto make : {convolution_norm_relu6,
                          norms_and_curves,
                          convolution_relu_norm,
                          depthwise_block,
                          residual_block,
                          projection_residual_block,
                          two_residual_blocks_in_a_row,
                          preactivation_residual_block,
                          inverted_residual,
                          inverted_residual_with_swish,
                          pooled_relu6_blocks,
                          fire_module,
                          inception_branches,
                          dense_block,
                          squeeze_and_excitation,
                          convolutional_squeeze_and_excitation,
                          hard_sigmoids_between_convolutions,
                          convnext_block,
                          transformer_block,
                          shuffle_unit,
                          factorized_reduction,
                          norms_that_are_not_folded,
                          preprocessing_layers,
                          shortcut_by_padding,
                          sum_of_three,
                          activations_of_one_kind_in_a_row,
                          one_summand_added_twice,
                          sums_behind_products_of_matrices,
                          the_same_value_twice,
                          norm_and_raw_value_both_read,
                          activation_between_dense_layers,
                          small_cnn,
                          frozen_base_with_head,
                          cut_inside_a_residual_block,
                          boundary_value_is_a_frozen_shortcut,
                          frozen_islands}) {
    cases.push_back(make());
  }
  return cases;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases = op_cases();
  for (Case& composed : composed_cases()) {
    cases.push_back(std::move(composed));
  }
  return cases;
}

}  // namespace headstart::reference
