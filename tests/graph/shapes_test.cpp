// Shape inference against numbers computed by hand and by Keras's and PyTorch's rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/graph.h"
#include "support/error_message.h"

namespace headstart {
namespace {

TEST(Shapes, SamePaddingIsTensorFlows) {
  const AxisPadding odd = resolve_padding(Padding::same(), true, 224, 3, 2, 1);
  EXPECT_EQ(odd.before, 0);
  EXPECT_EQ(odd.after, 1);
  const AxisPadding even = resolve_padding(Padding::same(), true, 225, 3, 2, 1);
  EXPECT_EQ(even.before, 1);
  EXPECT_EQ(even.after, 1);
  const AxisPadding dilated = resolve_padding(Padding::same(), false, 10, 3, 1, 2);
  EXPECT_EQ(dilated.before, 2);
  EXPECT_EQ(dilated.after, 2);
  const AxisPadding none = resolve_padding(Padding::same(), false, 10, 1, 2, 1);
  EXPECT_EQ(none.before + none.after, 0);
}

TEST(Shapes, ConvolutionAndPooling) {
  const Conv2D valid{.filters = 32, .kernel = {3, 5}};
  EXPECT_EQ(infer_shape(valid, {{150, 150, 3}}), (Shape{148, 146, 32}));
  const Conv2D same{.filters = 8, .kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::same()};
  EXPECT_EQ(infer_shape(same, {{225, 224, 3}}), (Shape{113, 112, 8}));
  const Conv2D torch{.filters = 8, .kernel = {7, 7}, .strides = {2, 2}, .padding = Padding::symmetric(3)};
  EXPECT_EQ(infer_shape(torch, {{224, 225, 3}}), (Shape{112, 113, 8}));
  const MaxPooling2D pool{.pool = {2, 2}, .strides = {2, 2}};
  EXPECT_EQ(infer_shape(pool, {{149, 15, 4}}), (Shape{74, 7, 4}));
  const DepthwiseConv2D depthwise{.kernel = {3, 3}, .padding = Padding::same(), .depth_multiplier = 2};
  EXPECT_EQ(infer_shape(depthwise, {{10, 10, 4}}), (Shape{10, 10, 8}));
  const SeparableConv2D separable{.filters = 7, .kernel = {3, 3}, .dilation = {2, 2}};
  EXPECT_EQ(infer_shape(separable, {{10, 10, 4}}), (Shape{6, 6, 7}));
}

TEST(Shapes, TheRest) {
  EXPECT_EQ(infer_shape(Concatenate{}, {{4, 4, 3}, {4, 4, 5}}), (Shape{4, 4, 8}));
  EXPECT_EQ(infer_shape(Multiply{}, {{4, 4, 3}, {1, 1, 3}}), (Shape{4, 4, 3}));
  EXPECT_EQ(infer_shape(Multiply{}, {{4, 4, 3}, {3}}), (Shape{4, 4, 3}));
  EXPECT_EQ(infer_shape(Dense{.units = 7}, {{4, 5, 3}}), (Shape{4, 5, 7}));
  EXPECT_EQ(infer_shape(Dense{.units = 7}, {{5, 3}}), (Shape{5, 7}));
  EXPECT_EQ(infer_shape(LayerNormalization{}, {{5, 3}}), (Shape{5, 3}));
  EXPECT_EQ(infer_shape(Scale{}, {{4, 5, 3}}), (Shape{4, 5, 3}));
  EXPECT_EQ(infer_shape(UpSampling2D{.size = {2, 3}}, {{4, 5, 3}}), (Shape{8, 15, 3}));
  EXPECT_EQ(infer_shape(GroupNormalization{.groups = 3}, {{4, 5, 6}}), (Shape{4, 5, 6}));
  EXPECT_EQ(infer_shape(SelfAttention{.heads = 4}, {{9, 24}}), (Shape{9, 8}));
  EXPECT_EQ(infer_shape(WindowAttention{.heads = 4, .window = 3}, {{6, 9, 24}}), (Shape{6, 9, 8}));
  EXPECT_EQ(infer_shape(ClassToken{}, {{9, 24}}), (Shape{10, 24}));
  EXPECT_EQ(infer_shape(PositionEmbedding{}, {{9, 24}}), (Shape{9, 24}));
  EXPECT_EQ(infer_shape(Cropping2D{.top = 1, .right = 2}, {{4, 5, 3}}), (Shape{3, 3, 3}));
  EXPECT_EQ(infer_shape(ChannelSlice{.begin = 2, .count = 4}, {{4, 5, 6}}), (Shape{4, 5, 4}));
  EXPECT_EQ(infer_shape(Flatten{}, {{4, 4, 3}}), (Shape{48}));
  EXPECT_EQ(infer_shape(Reshape{.shape = {48}}, {{4, 4, 3}}), (Shape{48}));
  EXPECT_EQ(infer_shape(GlobalAveragePooling2D{.keep_dims = true}, {{4, 4, 3}}), (Shape{1, 1, 3}));
  EXPECT_EQ(infer_shape(GlobalMaxPooling2D{}, {{4, 4, 3}}), (Shape{3}));
  const ZeroPadding2D padding{
      .top = 1, .bottom = 2, .left = 3, .right = 4, .channels_before = 5, .channels_after = 6};
  EXPECT_EQ(infer_shape(padding, {{4, 4, 3}}), (Shape{7, 11, 14}));
}

// The product of kernel and dilation is 2^32.
TEST(Shapes, RefuseAWindowThatOverflows) {
  const Size2 kernel{65537, 1}, dilation{65536, 1};
  for (const auto& padding : {Padding::same(), Padding::valid(), Padding::symmetric(0)}) {
    EXPECT_THROW(
        infer_shape(Conv2DTranspose{.filters = 1, .kernel = kernel, .dilation = dilation, .padding = padding},
                    {{32, 32, 3}}),
        Error);
    EXPECT_THROW(infer_shape(Conv2D{.filters = 1, .kernel = kernel, .dilation = dilation, .padding = padding},
                             {{32, 32, 3}}),
                 Error);
    EXPECT_THROW(infer_shape(DepthwiseConv2D{.kernel = kernel, .dilation = dilation, .padding = padding},
                             {{32, 32, 3}}),
                 Error);
  }
}

TEST(Shapes, WhatDoesNotFitIsAnError) {
  EXPECT_THROW(infer_shape(Conv2D{.filters = 1, .kernel = {3, 3}}, {{2, 5, 1}}), Error);
  EXPECT_THROW(infer_shape(Conv2D{.filters = 0, .kernel = {3, 3}}, {{5, 5, 1}}), Error);
  EXPECT_THROW(infer_shape(Conv2D{.filters = 4, .kernel = {1, 1}, .groups = 3}, {{5, 5, 3}}), Error);
  EXPECT_THROW(infer_shape(Conv2D{.filters = 4, .kernel = {1, 1}, .strides = {0, 1}}, {{5, 5, 3}}), Error);
  EXPECT_THROW(infer_shape(Dense{.units = 0}, {{3}}), Error);
  EXPECT_THROW(infer_shape(UpSampling2D{.size = {0, 3}}, {{4, 5, 3}}), Error);
  EXPECT_THROW(infer_shape(GroupNormalization{.groups = 4}, {{4, 5, 6}}), Error);
  EXPECT_THROW(infer_shape(LocalResponseNormalization{.size = 4}, {{4, 5, 6}}), Error);
  EXPECT_THROW(infer_shape(SelfAttention{.heads = 5}, {{9, 24}}), Error);
  EXPECT_THROW(infer_shape(WindowAttention{.heads = 4, .window = 4}, {{6, 9, 24}}), Error);
  EXPECT_THROW(infer_shape(WindowAttention{.heads = 5, .window = 3}, {{6, 9, 24}}), Error);
  EXPECT_THROW(infer_shape(WindowAttention{.window = 3, .shift = {3, 0}}, {{6, 9, 24}}), Error);
  EXPECT_THROW(infer_shape(ClassToken{}, {{24}}), Error);
  EXPECT_THROW(infer_shape(Cropping2D{.top = 2, .bottom = 2}, {{4, 5, 3}}), Error);
  EXPECT_THROW(infer_shape(ChannelShuffle{.groups = 4}, {{4, 5, 6}}), Error);
  EXPECT_THROW(infer_shape(ChannelSlice{.begin = 3, .count = 4}, {{4, 5, 6}}), Error);
  EXPECT_THROW(infer_shape(LayerNormalization{.epsilon = 0.0F}, {{3}}), Error);
  EXPECT_THROW(infer_shape(Add{}, {{5, 5, 3}, {5, 5, 4}}), Error);
  EXPECT_THROW(infer_shape(Add{}, {{5, 5, 3}}), Error);
  EXPECT_THROW(infer_shape(Concatenate{}, {{5, 5, 3}, {5, 6, 3}}), Error);
  EXPECT_THROW(infer_shape(Multiply{}, {{5, 5, 3}, {4}}), Error);
  EXPECT_THROW(infer_shape(Reshape{.shape = {5}}, {{6}}), Error);
  EXPECT_THROW(infer_shape(Dropout{.rate = 1.0F}, {{6}}), Error);
  EXPECT_THROW(infer_shape(Flatten{}, {}), Error);
  const Conv2DTranspose added{.filters = 1,
                              .kernel = {3, 3},
                              .strides = {2, 2},
                              .dilation = {4, 4},
                              .padding = {.kind = Padding::Kind::explicit_, .bottom = -2}};
  EXPECT_THAT(test::message_of([&] {
                infer_shape(added, {{4, 4, 1}});
              }),
              testing::HasSubstr("output padding (a negative cut) below the stride of 2; received 2"));
  const MaxPooling2D padded{.pool = {2, 2}, .strides = {2, 2}, .padding = Padding::symmetric(2)};
  EXPECT_THROW(infer_shape(padded, {{8, 8, 1}}), Error);
}

}  // namespace
}  // namespace headstart
