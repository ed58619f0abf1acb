#include "export/layer.h"

#include <algorithm>
#include <utility>

namespace headstart {

std::string transpose(OnnxBuilder& out, const std::string& value, std::vector<std::int64_t> permutation) {
  return out.add("Transpose", {value}, {{"perm", std::move(permutation)}});
}

std::string transpose_image(OnnxBuilder& out, const std::string& value, AxisOrder to) {
  return transpose(out, value,
                   to == AxisOrder::channels_first ? std::vector<std::int64_t>{0, 3, 1, 2}
                                                   : std::vector<std::int64_t>{0, 2, 3, 1});
}

std::string reshape(OnnxBuilder& out, const std::string& value, const std::vector<std::int64_t>& shape) {
  return out.add("Reshape", {value, out.integers(shape)});
}

std::string Layer::in_order(AxisOrder order, std::size_t input) {
  const auto at = index(input);
  const auto& value = values_.at(at);
  if (value.order == order || shape(input).size() != 3) {
    return value.name;
  }
  auto& other = transposed_.at(at);
  if (other.empty()) {
    other = transpose_image(out, value.name, order);
  }
  return other;
}

AxisOrder Layer::common_order() const {
  for (std::size_t i = 0; i < inputs(); ++i) {
    if (input(i).order == AxisOrder::channels_first) {
      return AxisOrder::channels_first;
    }
  }
  return AxisOrder::channels_last;
}

std::string Layer::parameter(const char* suffix, Shape shape) {
  return parameter(suffix, std::move(shape), [tensor = &tensor(suffix)] { return *tensor; });
}

std::string Layer::parameter(const char* suffix, Shape shape, std::function<Tensor()> values) {
  return out.parameter(name_of(suffix), std::move(shape), std::move(values));
}

Shape Layer::channel_shape(std::int64_t channels, const OnnxValue& value) const {
  return value.order == AxisOrder::channels_first ? Shape{channels, 1, 1} : Shape{channels};
}

std::string Layer::channel_parameter(const char* suffix, const OnnxValue& value) {
  return parameter(suffix, channel_shape(tensor(suffix).size(), value));
}

std::string Layer::channel_constant(const std::vector<float>& numbers, const OnnxValue& value) {
  return out.constant(channel_shape(static_cast<std::int64_t>(numbers.size()), value), numbers);
}

}  // namespace headstart
