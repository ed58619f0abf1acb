// Vision transformers (Dosovitskiy et al., "An image is worth 16x16 words", 2020) as torchvision and as timm
// name them. Without the top they give the class token's features as an image of one pixel, so that every
// head fits.
#include <string>

#include "headstart/error.h"
#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const LayerNormalization kNormalization{.epsilon = 1e-6F};

// The same layers under two projects' names; those from `norm_1` to `mlp_2` are within a block.
struct Names {
  const char *projection, *token, *positions, *block;
  const char *norm_1, *qkv, *attention, *project, *norm_2, *mlp_1, *gelu, *mlp_2;
  const char *norm, *head;
};
constexpr Names kTorchvision{.projection = "conv_proj",
                             .token = "class_token",
                             .positions = "encoder.pos_embedding",
                             .block = "encoder.layers.encoder_layer_",
                             .norm_1 = ".ln_1",
                             .qkv = ".self_attention.in_proj",
                             .attention = ".self_attention.heads",
                             .project = ".self_attention.out_proj",
                             .norm_2 = ".ln_2",
                             .mlp_1 = ".mlp.0",
                             .gelu = ".mlp.1",
                             .mlp_2 = ".mlp.3",
                             .norm = "encoder.ln",
                             .head = "heads.head"};
constexpr Names kTimm{.projection = "patch_embed.proj",
                      .token = "cls_token",
                      .positions = "pos_embed",
                      .block = "blocks.",
                      .norm_1 = ".norm1",
                      .qkv = ".attn.qkv",
                      .attention = ".attn.heads",
                      .project = ".attn.proj",
                      .norm_2 = ".norm2",
                      .mlp_1 = ".mlp.fc1",
                      .gelu = ".mlp.act",
                      .mlp_2 = ".mlp.fc2",
                      .norm = "norm",
                      .head = "head"};

// Table 1 of the paper; the hidden layer of a block's MLP is four times as wide as the tokens.
struct Variant {
  const char* name = "";
  int patch = 16;
  int blocks = 12, channels = 768, heads = 12;
  Names names = kTorchvision;
};

void check_size(const Variant& variant, const ArchitectureOptions& options) {
  if (options.height % variant.patch != 0 || options.width % variant.patch != 0) {
    const auto patch = std::to_string(variant.patch);
    const auto nearest = std::to_string((options.height + variant.patch / 2) / variant.patch * variant.patch);
    throw Error("[zoo] expected an input of whole patches of " + patch + "x" + patch + " for " +
                variant.name + "; received " + std::to_string(options.height) + "x" +
                std::to_string(options.width) + "; use a multiple of " + patch + " such as " + nearest);
  }
}

NodeId block(Graph& graph, NodeId input, const Variant& variant, const std::string& name) {
  const Names& names = variant.names;
  const int channels = variant.channels;
  NodeId x = graph.add(name + names.norm_1, kNormalization, input);
  x = graph.add(name + names.qkv, Dense{.units = 3 * channels}, x);
  x = graph.add(name + names.attention, SelfAttention{.heads = variant.heads}, x);
  x = graph.add(name + names.project, Dense{.units = channels}, x);
  const NodeId attended = add_residual(graph, input, x, name + ".add");
  x = graph.add(name + names.norm_2, kNormalization, attended);
  x = graph.add(name + names.mlp_1, Dense{.units = 4 * channels}, x);
  x = graph.add(name + names.gelu, ActivationLayer{kGelu}, x);
  x = graph.add(name + names.mlp_2, Dense{.units = channels}, x);
  return add_residual(graph, attended, x, name);
}

Graph vision_transformer(const Variant& variant, const ArchitectureOptions& options) {
  check_size(variant, options);
  const Names& names = variant.names;
  Graph graph = start(variant.name, options, "input");
  NodeId x = graph.add(
      names.projection,
      Conv2D{.filters = variant.channels, .kernel = square(variant.patch), .strides = square(variant.patch)},
      graph.output());
  const Shape grid = graph.node(x).shape;
  x = graph.add("patches", Reshape{{grid[0] * grid[1], grid[2]}}, x);
  x = graph.add(names.token, ClassToken{}, x);
  x = graph.add(names.positions, PositionEmbedding{}, x);
  for (int i = 0; i < variant.blocks; ++i) {
    x = block(graph, x, variant, names.block + std::to_string(i));
  }
  x = graph.add(names.norm, kNormalization, x);
  x = graph.add("flatten", Flatten{}, x);
  x = graph.add("first_token", ChannelSlice{.begin = 0, .count = variant.channels}, x);
  x = graph.add("features", Reshape{{1, 1, variant.channels}}, x);
  if (options.include_top) {
    x = graph.add("pre_logits", Flatten{}, x);
    graph.add(names.head, Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph vit_b_16(const ArchitectureOptions& options) {
  return vision_transformer({.name = "vit_b_16"}, options);
}
Graph vit_b_32(const ArchitectureOptions& options) {
  return vision_transformer({.name = "vit_b_32", .patch = 32}, options);
}
Graph vit_l_16(const ArchitectureOptions& options) {
  return vision_transformer({.name = "vit_l_16", .blocks = 24, .channels = 1024, .heads = 16}, options);
}
Graph vit_l_32(const ArchitectureOptions& options) {
  return vision_transformer({.name = "vit_l_32", .patch = 32, .blocks = 24, .channels = 1024, .heads = 16},
                            options);
}
Graph vit_tiny_patch16_224(const ArchitectureOptions& options) {
  return vision_transformer({.name = "vit_tiny_patch16_224", .channels = 192, .heads = 3, .names = kTimm},
                            options);
}
Graph vit_small_patch16_224(const ArchitectureOptions& options) {
  return vision_transformer({.name = "vit_small_patch16_224", .channels = 384, .heads = 6, .names = kTimm},
                            options);
}

}  // namespace headstart::zoo
