// One case for every op and for every shape of it that an implementation may treat apart.
#include <utility>

#include "reference/cases.h"

namespace headstart::reference {

namespace {

constexpr Activation kLinear{};

Activation activation(Activation::Kind kind, float alpha = 0.0F) { return {.kind = kind, .alpha = alpha}; }

NodeId add_stem(Graph& graph, const Shape& input) {
  graph.add("input", Input{input}, std::vector<NodeId>{});
  const auto channels = static_cast<int>(input.back());
  return input.size() == 3 ? graph.add("stem", Conv2D{.filters = channels}, 0)
                           : graph.add("stem", Dense{.units = channels}, 0);
}

Case behind_stem(std::string name, const Shape& input, Op op, int batch = 2, float input_scale = 1.0F) {
  Case made{.name = std::move(name), .graph = Graph("case"), .batch = batch, .input_scale = input_scale};
  const NodeId stem = add_stem(made.graph, input);
  made.graph.add("op", std::move(op), stem);
  return made;
}

// Two linear layers side by side, joined by the op.
Case joined(std::string name, const Shape& first, const Shape& second, Op op) {
  Case made{.name = std::move(name), .graph = Graph("case")};
  Graph& graph = made.graph;
  graph.add("input", Input{first}, std::vector<NodeId>{});
  const bool flat = first.size() != 3;
  const auto linear = [&](const std::string& label, std::int64_t channels, NodeId from) {
    const auto count = static_cast<int>(channels);
    return flat ? graph.add(label, Dense{.units = count}, from)
                : graph.add(label, Conv2D{.filters = count}, from);
  };
  const NodeId a = linear("a", first.back(), 0);
  NodeId b = linear("b", second.back(), 0);
  if (!flat && second.size() == 1) {
    b = graph.add("pool", GlobalAveragePooling2D{}, b);
  } else if (!flat && second[0] == 1 && first[0] != 1) {
    b = graph.add("pool", GlobalAveragePooling2D{.keep_dims = true}, b);
  }
  graph.add("op", std::move(op), std::vector<NodeId>{a, b});
  return made;
}

void append_convolutions(std::vector<Case>& cases) {
  const auto add = [&](const char* name, Shape input, Conv2D op, int batch) {
    cases.push_back(behind_stem(std::string("conv_") + name, input, op, batch));
  };
  add("3x3_valid", {8, 9, 16}, {.filters = 16, .kernel = {3, 3}}, 3);
  add("3x3_same", {7, 7, 3}, {.filters = 13, .kernel = {3, 3}, .padding = Padding::same()}, 1);
  add("3x3_same_stride_2_even", {8, 8, 5},
      {.filters = 24, .kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::same()}, 2);
  add("3x3_same_stride_2_odd", {9, 7, 5},
      {.filters = 24, .kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::same()}, 2);
  add("3x3_symmetric_stride_2", {8, 8, 6},
      {.filters = 9, .kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::symmetric(1)}, 3);
  add("2x2_same", {6, 5, 4}, {.filters = 7, .kernel = {2, 2}, .padding = Padding::same()}, 1);
  add("1x3_tall_stride", {9, 6, 4},
      {.filters = 8, .kernel = {1, 3}, .strides = {2, 1}, .padding = Padding::same()}, 2);
  add("explicit_uneven", {7, 6, 3},
      {.filters = 5,
       .kernel = {3, 2},
       .padding = {.kind = Padding::Kind::explicit_, .top = 2, .bottom = 0, .left = 1, .right = 1}},
      2);
  add("7x7_stride_2", {15, 15, 3},
      {.filters = 16, .kernel = {7, 7}, .strides = {2, 2}, .padding = Padding::symmetric(3)}, 1);
  add("1x1", {5, 5, 24}, {.filters = 40}, 3);
  add("1x1_odd_channels", {4, 4, 13}, {.filters = 1}, 1);
  add("1x1_stride_2", {7, 7, 16}, {.filters = 32, .strides = {2, 2}}, 2);
  add("1x1_stride_2_few_channels", {14, 14, 3}, {.filters = 40, .strides = {2, 2}}, 4);
  add("1x1_stride_2_of_the_same_size", {3, 3, 16},
      {.filters = 16, .strides = {2, 2}, .padding = Padding::symmetric(1)}, 2);
  add("one_channel", {9, 9, 1}, {.filters = 6, .kernel = {5, 5}}, 2);
  add("dilated", {11, 11, 5},
      {.filters = 7, .kernel = {3, 3}, .dilation = {2, 2}, .padding = Padding::same()}, 2);
  add("dilated_uneven", {11, 9, 4}, {.filters = 6, .kernel = {3, 2}, .dilation = {3, 2}}, 1);
  add("groups", {6, 6, 12}, {.filters = 15, .kernel = {3, 3}, .padding = Padding::same(), .groups = 3}, 2);
  add("groups_of_16", {6, 6, 32},
      {.filters = 32, .kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::same(), .groups = 2}, 1);
  add("without_bias", {6, 6, 8}, {.filters = 8, .kernel = {3, 3}, .use_bias = false}, 2);
  add("whole_image", {4, 4, 6}, {.filters = 10, .kernel = {4, 4}}, 3);
  add("relu", {6, 6, 8}, {.filters = 12, .kernel = {3, 3}, .activation = activation(Activation::Kind::relu)},
      2);
  add("softmax", {3, 3, 8}, {.filters = 5, .activation = activation(Activation::Kind::softmax)}, 2);
  add("swish", {6, 6, 8},
      {.filters = 12, .kernel = {3, 3}, .activation = activation(Activation::Kind::swish)}, 2);
}

void append_depthwise(std::vector<Case>& cases) {
  const auto add = [&](const char* name, Shape input, DepthwiseConv2D op, int batch) {
    cases.push_back(behind_stem(std::string("depthwise_") + name, input, op, batch));
  };
  add("3x3_same", {7, 7, 16}, {.kernel = {3, 3}, .padding = Padding::same()}, 2);
  add("odd_channels", {6, 8, 5}, {.kernel = {3, 3}, .padding = Padding::same()}, 3);
  add("stride_2", {8, 8, 24},
      {.kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::same(), .use_bias = false}, 1);
  add("stride_2_valid", {9, 9, 20}, {.kernel = {3, 3}, .strides = {2, 2}}, 2);
  add("5x5", {9, 9, 17}, {.kernel = {5, 5}, .padding = Padding::same()}, 1);
  add("multiplier", {6, 6, 6}, {.kernel = {3, 3}, .padding = Padding::same(), .depth_multiplier = 3}, 2);
  add("dilated", {9, 9, 8}, {.kernel = {3, 3}, .dilation = {2, 2}, .padding = Padding::same()}, 2);
  add("relu6", {7, 7, 12},
      {.kernel = {3, 3}, .padding = Padding::same(), .activation = activation(Activation::Kind::relu6)}, 2);
  add("one_channel", {6, 6, 1}, {.kernel = {3, 3}}, 2);
  const auto separable = [&](const char* name, Shape input, SeparableConv2D op, int batch) {
    cases.push_back(behind_stem(std::string("separable_") + name, input, op, batch));
  };
  separable("same", {7, 7, 8}, {.filters = 14, .kernel = {3, 3}, .padding = Padding::same()}, 2);
  separable("stride_multiplier", {8, 8, 5},
            {.filters = 9,
             .kernel = {3, 3},
             .strides = {2, 2},
             .padding = Padding::same(),
             .depth_multiplier = 2,
             .use_bias = false},
            1);
  separable("relu", {7, 7, 16},
            {.filters = 16, .kernel = {3, 3}, .activation = activation(Activation::Kind::relu)}, 3);
}

void append_transposed(std::vector<Case>& cases) {
  const auto add = [&](const char* name, Shape input, Conv2DTranspose op, int batch) {
    cases.push_back(behind_stem(std::string("transposed_") + name, input, op, batch));
  };
  add("valid", {5, 4, 8}, {.filters = 16, .kernel = {3, 3}, .strides = {2, 2}}, 2);
  add("same", {4, 5, 16}, {.filters = 8, .kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::same()}, 2);
  add("same_even", {4, 4, 5}, {.filters = 7, .kernel = {4, 4}, .strides = {2, 2}, .padding = Padding::same()},
      3);
  add("small_kernel", {4, 3, 6}, {.filters = 5, .kernel = {2, 1}, .strides = {3, 2}}, 2);
  add("1x1_stride_2_few_filters", {8, 8, 12}, {.filters = 3, .strides = {2, 2}}, 4);
  add("stride_1", {5, 5, 8},
      {.filters = 8, .kernel = {3, 3}, .padding = Padding::same(), .activation = {Activation::Kind::relu}},
      1);
  add("dilated", {4, 5, 8}, {.filters = 6, .kernel = {3, 2}, .dilation = {2, 2}, .use_bias = false}, 2);
  add("output_padding", {4, 4, 8},
      {.filters = 8,
       .kernel = {3, 3},
       .strides = {2, 2},
       .padding = {.kind = Padding::Kind::explicit_, .top = 1, .bottom = 0, .left = 1, .right = 0}},
      2);
  add("added_rows", {3, 3, 4},
      {.filters = 8,
       .kernel = {2, 2},
       .strides = {2, 2},
       .padding = {.kind = Padding::Kind::explicit_, .bottom = -1, .right = -1},
       .activation = {Activation::Kind::sigmoid}},
      2);
}

void append_weight_norms(std::vector<Case>& cases) {
  cases.push_back(behind_stem("weight_norm_dense", {13}, Dense{.units = 9, .weight_normalization = true}, 3));
  cases.push_back(behind_stem(
      "weight_norm_conv", {6, 5, 8},
      Conv2D{.filters = 12, .kernel = {3, 3}, .padding = Padding::same(), .weight_normalization = true}));
  cases.push_back(behind_stem("weight_norm_1x1_stride_2", {14, 14, 3},
                              Conv2D{.filters = 40, .strides = {2, 2}, .weight_normalization = true}, 4));
  cases.push_back(behind_stem("weight_norm_grouped", {5, 5, 8},
                              Conv2D{.filters = 16,
                                     .kernel = {3, 3},
                                     .groups = 4,
                                     .use_bias = false,
                                     .activation = {Activation::Kind::relu},
                                     .weight_normalization = true}));
}

void append_dense(std::vector<Case>& cases) {
  cases.push_back(behind_stem("dense", {16}, Dense{.units = 32}, 3));
  cases.push_back(behind_stem("dense_odd", {13}, Dense{.units = 1}, 1));
  cases.push_back(behind_stem("dense_without_bias", {7}, Dense{.units = 10, .use_bias = false}));
  cases.push_back(
      behind_stem("dense_relu", {20}, Dense{.units = 11, .activation = activation(Activation::Kind::relu)}));
  cases.push_back(behind_stem("dense_softmax", {9},
                              Dense{.units = 5, .activation = activation(Activation::Kind::softmax)}, 3));
  cases.push_back(behind_stem("dense_sigmoid", {9},
                              Dense{.units = 1, .activation = activation(Activation::Kind::sigmoid)}, 3));
  cases.push_back(behind_stem("dense_rows", {7, 12}, Dense{.units = 20}, 3));
  cases.push_back(
      behind_stem("dense_rows_gelu", {5, 8}, Dense{.units = 24, .activation = {Activation::Kind::gelu}}));
  cases.push_back(
      behind_stem("dense_rows_relu", {5, 8}, Dense{.units = 24, .activation = {Activation::Kind::relu}}));
  cases.push_back(behind_stem("dense_rows_softmax", {5, 8},
                              Dense{.units = 6, .activation = {Activation::Kind::softmax}}));
  cases.push_back(behind_stem("dense_image", {4, 5, 6}, Dense{.units = 9, .use_bias = false}));
}

void append_pooling(std::vector<Case>& cases) {
  const auto add = [&](std::string name, Shape input, Size2 pool, Size2 strides, Padding padding, int batch) {
    cases.push_back(behind_stem("max_pooling_" + name, input, MaxPooling2D{pool, strides, padding}, batch));
    cases.push_back(
        behind_stem("average_pooling_" + name, input, AveragePooling2D{pool, strides, padding}, batch));
    cases.push_back(behind_stem("average_pooling_counting_" + name, input,
                                AveragePooling2D{pool, strides, padding, true}, batch));
  };
  add("2x2", {8, 8, 16}, {2, 2}, {2, 2}, Padding::valid(), 2);
  add("2x2_odd", {7, 9, 5}, {2, 2}, {2, 2}, Padding::valid(), 3);
  add("2x2_odd_wide", {7, 9, 24}, {2, 2}, {2, 2}, Padding::valid(), 2);
  add("3x2_apart", {9, 7, 16}, {3, 2}, {3, 2}, Padding::valid(), 2);
  add("3x3_same_apart", {8, 5, 16}, {3, 3}, {3, 3}, Padding::same(), 2);
  add("3x3_same_stride_2", {8, 7, 12}, {3, 3}, {2, 2}, Padding::same(), 1);
  add("3x3_same", {6, 6, 17}, {3, 3}, {1, 1}, Padding::same(), 2);
  add("3x3_symmetric_stride_2", {9, 8, 24}, {3, 3}, {2, 2}, Padding::symmetric(1), 2);
  add("2x2_stride_3", {9, 11, 16}, {2, 2}, {3, 3}, Padding::valid(), 2);
  add("3x2_symmetric", {9, 8, 8}, {3, 2}, {2, 1}, Padding::symmetric(1), 2);
  add("1x1_stride_2", {7, 7, 8}, {1, 1}, {2, 2}, Padding::valid(), 2);
  cases.push_back(behind_stem("global_average_pooling", {5, 6, 13}, GlobalAveragePooling2D{}, 3));
  cases.push_back(
      behind_stem("global_average_pooling_keep", {5, 6, 16}, GlobalAveragePooling2D{.keep_dims = true}));
  cases.push_back(behind_stem("global_max_pooling", {5, 4, 16}, GlobalMaxPooling2D{}));
  cases.push_back(
      behind_stem("global_max_pooling_keep", {4, 5, 7}, GlobalMaxPooling2D{.keep_dims = true}, 1));
}

void append_activations(std::vector<Case>& cases) {
  const auto add = [&](const char* name, Activation which) {
    cases.push_back(
        behind_stem(std::string("activation_") + name, {5, 5, 7}, ActivationLayer{which}, 2, 3.0F));
    cases.push_back(
        behind_stem(std::string("activation_flat_") + name, {19}, ActivationLayer{which}, 3, 3.0F));
    cases.push_back(behind_stem(std::string("activation_fused_") + name, {5, 5, 8},
                                Conv2D{.filters = 9, .kernel = {3, 3}, .activation = which}, 1, 3.0F));
  };
  add("linear", kLinear);
  add("relu", activation(Activation::Kind::relu));
  add("relu6", activation(Activation::Kind::relu6));
  add("leaky_relu", activation(Activation::Kind::leaky_relu, 0.2F));
  add("elu", activation(Activation::Kind::elu, 0.7F));
  add("sigmoid", activation(Activation::Kind::sigmoid));
  add("tanh", activation(Activation::Kind::tanh));
  add("softmax", activation(Activation::Kind::softmax));
  add("swish", activation(Activation::Kind::swish));
  add("hard_sigmoid", activation(Activation::Kind::hard_sigmoid));
  add("hard_swish", activation(Activation::Kind::hard_swish));
  add("gelu", activation(Activation::Kind::gelu));
  add("gelu_tanh", activation(Activation::Kind::gelu_tanh));
}

void append_batch_norms(std::vector<Case>& cases) {
  const auto add = [&](std::string name, Shape input, BatchNormalization op, int batch) {
    cases.push_back(behind_stem("batch_norm" + name, input, op, batch));
  };
  add("", {5, 6, 16}, {}, 3);
  add("_odd_channels", {4, 4, 13}, {.epsilon = 1e-5F, .momentum = 0.9F}, 2);
  add("_batch_1", {6, 6, 8}, {}, 1);
  add("_without_scale", {5, 5, 8}, {.scale = false}, 2);
  add("_without_center", {5, 5, 8}, {.center = false}, 2);
  add("_bare", {5, 5, 8}, {.scale = false, .center = false}, 2);
  add("_flat", {12}, {}, 5);
  add("_renorm", {5, 6, 16}, {.renorm = true}, 3);
  add("_renorm_limited", {4, 4, 13}, {.renorm = true, .renorm_scale = 1.1F, .renorm_shift = 0.2F}, 2);
  add("_renorm_bare", {4, 5, 8}, {.scale = false, .center = false, .renorm = true}, 2);
  add("_renorm_flat", {12}, {.center = false, .renorm = true}, 5);
}

void append_other_norms(std::vector<Case>& cases) {
  cases.push_back(behind_stem("layer_norm_image", {5, 6, 16}, LayerNormalization{}, 3));
  cases.push_back(behind_stem("layer_norm_rows", {7, 13}, LayerNormalization{.epsilon = 1e-5F}));
  cases.push_back(behind_stem("layer_norm_flat", {24}, LayerNormalization{}, 3));
  cases.push_back(behind_stem("layer_norm_without_scale", {5, 12}, LayerNormalization{.scale = false}));
  cases.push_back(behind_stem("layer_norm_without_center", {5, 12}, LayerNormalization{.center = false}));
  cases.push_back(
      behind_stem("layer_norm_bare", {4, 4, 12}, LayerNormalization{.scale = false, .center = false}, 1));
  cases.push_back(behind_stem("scale_image", {5, 4, 13}, Scale{.initial = 1e-6F}));
  cases.push_back(behind_stem("scale_rows", {6, 16}, Scale{}, 3));
  cases.push_back(behind_stem("normalization", {5, 5, 3}, Normalization{}));
  cases.push_back(behind_stem("normalization_flat", {7}, Normalization{}));
  cases.push_back(behind_stem("scale_flat", {9}, Scale{}));
  cases.push_back(behind_stem("stochastic_depth_at_rest", {4, 4, 8},
                              Dropout{.rate = 0.0F, .granularity = Dropout::Granularity::sample}));
}

void append_group_norms(std::vector<Case>& cases) {
  const auto add = [&](const char* name, Shape input, GroupNormalization op, int batch) {
    cases.push_back(behind_stem(std::string("group_norm") + name, input, op, batch));
  };
  add("", {5, 6, 16}, {.groups = 4}, 3);
  add("_odd", {4, 3, 15}, {.groups = 5, .epsilon = 1e-5F}, 2);
  add("_one_group", {4, 4, 8}, {.groups = 1, .scale = false}, 2);
  add("_instance", {5, 5, 7}, {.groups = 7}, 2);
  add("_bare", {4, 4, 8}, {.groups = 2, .scale = false, .center = false}, 1);
  cases.push_back(behind_stem("local_response_norm", {4, 5, 16},
                              LocalResponseNormalization{.size = 5, .alpha = 0.5F, .k = 2.0F}));
  cases.push_back(behind_stem("local_response_norm_odd", {3, 3, 7},
                              LocalResponseNormalization{.size = 3, .alpha = 1.0F, .beta = 0.5F}, 3));
}

void append_upsampling(std::vector<Case>& cases) {
  using Interpolation = UpSampling2D::Interpolation;
  for (const auto interpolation : {Interpolation::nearest, Interpolation::bilinear}) {
    const std::string name = interpolation == Interpolation::nearest ? "nearest" : "bilinear";
    cases.push_back(behind_stem("upsampling_" + name, {3, 4, 16}, UpSampling2D{{2, 2}, interpolation}));
    cases.push_back(
        behind_stem("upsampling_uneven_" + name, {4, 3, 5}, UpSampling2D{{3, 2}, interpolation}, 1));
    cases.push_back(
        behind_stem("upsampling_pixel_" + name, {1, 1, 8}, UpSampling2D{{2, 3}, interpolation}, 3));
  }
}

void append_token_ops(std::vector<Case>& cases) {
  cases.push_back(behind_stem("attention", {9, 48}, SelfAttention{.heads = 2}, 3));
  cases.push_back(behind_stem("attention_one_head", {5, 21}, SelfAttention{.heads = 1}));
  cases.push_back(behind_stem("attention_odd", {17, 45}, SelfAttention{.heads = 3}, 1));
  cases.push_back(behind_stem("windows", {4, 6, 24}, WindowAttention{.heads = 2, .window = 2}, 3));
  cases.push_back(
      behind_stem("windows_shifted", {6, 9, 18}, WindowAttention{.heads = 3, .window = 3, .shift = {1, 2}}));
  cases.push_back(behind_stem("windows_shifted_one_way", {3, 6, 48},
                              WindowAttention{.heads = 1, .window = 3, .shift = {0, 1}}, 1));
  cases.push_back(behind_stem("class_token", {5, 13}, ClassToken{}, 3));
  cases.push_back(behind_stem("position_embedding", {5, 13}, PositionEmbedding{}, 3));
}

void append_parts(std::vector<Case>& cases) {
  cases.push_back(
      behind_stem("cropping", {6, 7, 5}, Cropping2D{.top = 1, .bottom = 2, .left = 0, .right = 3}));
  cases.push_back(behind_stem("cropping_16", {4, 4, 16}, Cropping2D{.top = 1, .left = 1}, 3));
  cases.push_back(behind_stem("channel_shuffle", {3, 4, 12}, ChannelShuffle{.groups = 3}));
  cases.push_back(behind_stem("channel_shuffle_16", {3, 3, 32}, ChannelShuffle{.groups = 2}, 1));
  cases.push_back(behind_stem("channel_shuffle_flat", {10}, ChannelShuffle{.groups = 5}));
  cases.push_back(behind_stem("channel_slice", {3, 4, 11}, ChannelSlice{.begin = 3, .count = 5}));
  cases.push_back(behind_stem("channel_slice_16", {3, 4, 32}, ChannelSlice{.begin = 16, .count = 16}, 3));
  cases.push_back(behind_stem("channel_slice_rows", {4, 9}, ChannelSlice{.begin = 2, .count = 7}));
  cases.push_back(behind_stem("channel_slice_flat", {9}, ChannelSlice{.begin = 0, .count = 4}));
}

void append_joins_and_rearrangements(std::vector<Case>& cases) {
  cases.push_back(joined("add", {5, 5, 8}, {5, 5, 8}, Add{}));
  cases.push_back(joined("add_rows", {6, 8}, {6, 8}, Add{}));
  cases.push_back(joined("concatenate_rows", {6, 8}, {6, 5}, Concatenate{}));
  cases.push_back(joined("add_flat", {9}, {9}, Add{}));
  cases.push_back(joined("multiply", {5, 5, 8}, {5, 5, 8}, Multiply{}));
  cases.push_back(joined("multiply_flat", {9}, {9}, Multiply{}));
  cases.push_back(joined("multiply_channels", {5, 4, 12}, {12}, Multiply{}));
  cases.push_back(joined("multiply_channels_kept", {5, 4, 7}, {1, 1, 7}, Multiply{}));
  cases.push_back(joined("concatenate", {4, 4, 16}, {4, 4, 16}, Concatenate{}));
  cases.push_back(joined("concatenate_odd", {4, 3, 5}, {4, 3, 3}, Concatenate{}));
  cases.push_back(joined("concatenate_flat", {6}, {11}, Concatenate{}));
  cases.push_back(
      behind_stem("zero_padding", {4, 5, 6}, ZeroPadding2D{.top = 1, .bottom = 2, .left = 3, .right = 0}));
  cases.push_back(behind_stem("zero_padding_channels", {4, 4, 5},
                              ZeroPadding2D{.channels_before = 2, .channels_after = 3}));
  cases.push_back(behind_stem("zero_padding_all", {3, 4, 8},
                              ZeroPadding2D{.top = 1, .right = 1, .channels_before = 4, .channels_after = 4},
                              1));
  cases.push_back(behind_stem("flatten", {3, 4, 5}, Flatten{}));
  cases.push_back(behind_stem("reshape", {3, 4, 6}, Reshape{{4, 9, 2}}));
  cases.push_back(behind_stem("reshape_to_image", {24}, Reshape{{2, 3, 4}}));
  cases.push_back(behind_stem("rescaling", {4, 4, 3}, Rescaling{.scale = {0.25F}, .offset = {-1.5F}}));
  cases.push_back(behind_stem("rescaling_by_channel", {4, 4, 3},
                              Rescaling{.scale = {0.25F, -2.0F, 1.5F}, .offset = {-1.5F, 0.25F, 0.5F}}));
  cases.push_back(behind_stem("rescaling_flat", {3}, Rescaling{.scale = {0.25F, -2.0F, 1.5F}}));
  cases.push_back(behind_stem("dropout_at_rest", {4, 4, 8}, Dropout{.rate = 0.0F}));
}

}  // namespace

std::vector<Case> op_cases() {
  std::vector<Case> cases;
  append_convolutions(cases);
  append_depthwise(cases);
  append_transposed(cases);
  append_weight_norms(cases);
  append_dense(cases);
  append_pooling(cases);
  append_activations(cases);
  append_batch_norms(cases);
  append_other_norms(cases);
  append_group_norms(cases);
  append_upsampling(cases);
  append_token_ops(cases);
  append_parts(cases);
  append_joins_and_rearrangements(cases);
  return cases;
}

}  // namespace headstart::reference
