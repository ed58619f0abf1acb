// Exact comparison of two graphs.
#include "support/graph_equality.h"

#include <type_traits>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "graph/op_fields.h"

namespace headstart::test {
namespace {

// Compares the fields of one op with those of another that were collected in the same order.
struct FieldCollector {
  std::vector<double> numbers;
  void operator()(const char*, const Shape& shape) {
    for (const std::int64_t extent : shape) {
      numbers.push_back(static_cast<double>(extent));
    }
  }
  void operator()(const char*, const std::vector<float>& values) {
    numbers.push_back(static_cast<double>(values.size()));
    numbers.insert(numbers.end(), values.begin(), values.end());
  }
  void operator()(const char*, const Size2& size) {
    numbers.push_back(size.height);
    numbers.push_back(size.width);
  }
  void operator()(const char*, const Padding& padding) {
    numbers.push_back(static_cast<double>(padding.kind));
    for (const int side : {padding.top, padding.bottom, padding.left, padding.right}) {
      numbers.push_back(side);
    }
  }
  void operator()(const char*, const Activation& activation) {
    numbers.push_back(static_cast<double>(activation.kind));
    numbers.push_back(static_cast<double>(activation.alpha));
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void operator()(const char*, Enum value) { numbers.push_back(static_cast<double>(value)); }
  void operator()(const char*, bool value) { numbers.push_back(value ? 1.0 : 0.0); }
  void operator()(const char*, int value) { numbers.push_back(value); }
  void operator()(const char*, float value) { numbers.push_back(static_cast<double>(value)); }
  void added(const char* key, const auto& value) { (*this)(key, value); }
};

std::vector<double> fields_of(Op op) {
  FieldCollector collector;
  std::visit([&](auto& concrete) { visit_fields(collector, concrete); }, op);
  return collector.numbers;
}

}  // namespace

void expect_equal(const Graph& expected, const Graph& actual) {
  EXPECT_EQ(expected.name(), actual.name());
  EXPECT_EQ(expected.output(), actual.output());
  ASSERT_EQ(expected.nodes().size(), actual.nodes().size());
  for (std::size_t i = 0; i < expected.nodes().size(); ++i) {
    const Node& a = expected.nodes()[i];
    const Node& b = actual.nodes()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.op.index(), b.op.index()) << a.name;
    EXPECT_EQ(fields_of(a.op), fields_of(b.op)) << a.name;
    EXPECT_EQ(a.inputs, b.inputs) << a.name;
    EXPECT_EQ(a.shape, b.shape) << a.name;
    EXPECT_EQ(a.trainable, b.trainable) << a.name;
  }
  ASSERT_EQ(expected.scopes().size(), actual.scopes().size());
  for (std::size_t i = 0; i < expected.scopes().size(); ++i) {
    EXPECT_EQ(expected.scopes()[i].name, actual.scopes()[i].name);
    EXPECT_EQ(expected.scopes()[i].type, actual.scopes()[i].type);
  }
}

}  // namespace headstart::test
