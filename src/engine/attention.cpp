#include "engine/attention.h"

#include <cmath>

#include "engine/layout.h"
#include "engine/lowering.h"

namespace headstart {
namespace {

using onednn::Desc;
using onednn::Dims;
using Tag = dnnl::memory::format_tag;

// Descriptors of one attention's values; `transposed` ones read the same memory with rows as columns.
struct Descs {
  explicit Descs(const AttentionShape& shape, DataType data_type) : s(shape), type(data_type) {}

  Desc heads() const { return {{s.batch * s.heads, s.tokens, s.depth()}, type, Tag::abc}; }
  Desc heads_transposed() const { return {{s.batch * s.heads, s.depth(), s.tokens}, type, Tag::acb}; }
  Desc scores() const { return {{s.batch * s.heads, s.tokens, s.tokens}, type, Tag::abc}; }
  Desc scores_transposed() const { return {{s.batch * s.heads, s.tokens, s.tokens}, type, Tag::acb}; }

  // The heads with the batch apart, and where `part` of `parts` side by side holds them in rows of tokens.
  Desc contiguous() const { return {{s.batch, s.heads, s.tokens, s.depth()}, type, Tag::abcd}; }
  Desc interleaved(std::int64_t part, std::int64_t parts) const {
    const auto row = parts * s.channels;
    const Desc all({s.batch, parts * s.heads, s.tokens, s.depth()}, type,
                   Dims{s.tokens * row, s.depth(), row, 1});
    return all.submemory_desc({s.batch, s.heads, s.tokens, s.depth()}, {0, part * s.heads, 0, 0});
  }

  AttentionShape s;
  DataType type;
};

class Builder {
 public:
  Builder(Emitter& emitter, const std::string& node, const Descs& descs)
      : emitter_(emitter), node_(node), descs_(descs) {}

  Value gather(const Value& rows, std::int64_t part, std::int64_t parts) {
    const auto heads = emitter_.value(descs_.heads());
    emitter_.copy(node_, emitter_.memory(rows, descs_.interleaved(part, parts)),
                  emitter_.memory(heads, descs_.contiguous()));
    return heads;
  }

  void scatter(const Value& heads, const Value& rows, std::int64_t part, std::int64_t parts) {
    emitter_.copy(node_, emitter_.memory(heads, descs_.contiguous()),
                  emitter_.memory(rows, descs_.interleaved(part, parts)));
  }

  // factor * a b, each read by the descriptor beside it.
  Value product(const Value& a, const Desc& a_desc, const Value& b, const Desc& b_desc, const Desc& dst_desc,
                float factor = 1.0F) {
    auto attr = emitter_.attributes();
    if (factor != 1.0F) {
      dnnl::post_ops post_ops;
      onednn::append_eltwise(post_ops, {dnnl::algorithm::eltwise_linear, factor, 0.0F});
      attr.set_post_ops(post_ops);
    }
    const auto dst = emitter_.value(dst_desc);
    const auto pd = onednn::matmul(emitter_.engine(), a_desc, b_desc, dst_desc, attr);
    emitter_.emit(node_, "matrix product", pd,
                  {{DNNL_ARG_SRC, emitter_.memory(a, a_desc)},
                   {DNNL_ARG_WEIGHTS, emitter_.memory(b, b_desc)},
                   {DNNL_ARG_DST, emitter_.memory(dst)}});
    return dst;
  }

  // `bias` (1, n) for every n of the scores.
  Value biased(const Value& scores, const Value& bias) {
    const auto period = onednn::dims_of(bias.desc)[1];
    const auto count = descs_.s.batch * descs_.s.heads * descs_.s.tokens * descs_.s.tokens;
    const Desc rows({count / period, period}, descs_.type, Tag::ab);
    const auto dst = emitter_.value(scores.desc);
    const auto pd = onednn::binary(emitter_.engine(), dnnl::algorithm::binary_add, rows, bias.desc, rows,
                                   emitter_.attributes());
    emitter_.emit(node_, "binary", pd,
                  {{DNNL_ARG_SRC_0, emitter_.memory(scores, rows)},
                   {DNNL_ARG_SRC_1, emitter_.memory(bias)},
                   {DNNL_ARG_DST, emitter_.memory(dst, rows)}});
    return dst;
  }

  Value softmax(const Value& src) {
    const auto dst = emitter_.value(src.desc);
    const auto pd = onednn::softmax_forward(emitter_.engine(), src.desc, 2, emitter_.attributes());
    emitter_.emit(node_, "softmax", pd,
                  {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
    return dst;
  }

  Value softmax_backward(const Value& dst, const Value& diff) {
    return emit_softmax_backward(emitter_, node_, dst, diff, 2);
  }

 private:
  Emitter& emitter_;
  const std::string& node_;
  const Descs& descs_;
};

float score_factor(const AttentionShape& shape) {
  return 1.0F / std::sqrt(static_cast<float>(shape.depth()));
}

}  // namespace

Attention emit_attention(Emitter& emitter, const std::string& node, const Value& src,
                         const AttentionShape& shape, const std::optional<Value>& bias) {
  const auto type = onednn::type_of(src.desc);
  const Descs descs(shape, type);
  Builder build(emitter, node, descs);
  Attention made{.shape = shape,
                 .query = build.gather(src, 0, 3),
                 .key = build.gather(src, 1, 3),
                 .value = build.gather(src, 2, 3)};
  const auto scores = build.product(made.query, descs.heads(), made.key, descs.heads_transposed(),
                                    descs.scores(), score_factor(shape));
  made.weights = build.softmax(bias ? build.biased(scores, *bias) : scores);
  const auto heads = build.product(made.weights, descs.scores(), made.value, descs.heads(), descs.heads());
  made.result = emitter.value(activation_desc({shape.tokens, shape.channels}, shape.batch, type));
  build.scatter(heads, made.result, 0, 1);
  return made;
}

AttentionGradients emit_attention_backward(Emitter& emitter, const std::string& node,
                                           const Attention& attention, const Value& diff) {
  const auto& shape = attention.shape;
  const auto type = onednn::type_of(attention.result.desc);
  const Descs descs(shape, type);
  Builder build(emitter, node, descs);
  const auto diff_heads = build.gather(diff, 0, 1);
  const auto diff_value =
      build.product(attention.weights, descs.scores_transposed(), diff_heads, descs.heads(), descs.heads());
  const auto diff_weights =
      build.product(diff_heads, descs.heads(), attention.value, descs.heads_transposed(), descs.scores());
  const auto diff_scores = build.softmax_backward(attention.weights, diff_weights);
  const auto factor = score_factor(shape);
  const auto diff_query =
      build.product(diff_scores, descs.scores(), attention.key, descs.heads(), descs.heads(), factor);
  const auto diff_key = build.product(diff_scores, descs.scores_transposed(), attention.query, descs.heads(),
                                      descs.heads(), factor);
  const auto diff_src = emitter.value(activation_desc({shape.tokens, 3 * shape.channels}, shape.batch, type));
  build.scatter(diff_query, diff_src, 0, 3);
  build.scatter(diff_key, diff_src, 1, 3);
  build.scatter(diff_value, diff_src, 2, 3);
  return {diff_src, diff_scores};
}

}  // namespace headstart
