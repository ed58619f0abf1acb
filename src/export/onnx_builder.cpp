#include "export/onnx_builder.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "weights/onnx_names.h"

namespace headstart {
namespace {

template <typename T>
std::string content(const char* kind, const Shape& shape, const std::vector<T>& values) {
  return fmt::format(
      "{} {} {}", kind, to_string(shape),
      std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
}

}  // namespace

std::string OnnxBuilder::unique(const std::string& name) {
  std::string result = name;
  for (int i = 2; !names_.insert(result).second; ++i) {
    result = fmt::format("{}_{}", name, i);
  }
  return result;
}

std::string OnnxBuilder::rename_last(const std::string& value, const std::string& name) {
  if (operations_.empty() || operations_.back().output != value) {
    return value;
  }
  return operations_.back().output = unique(name);
}

bool OnnxBuilder::name_output(const std::string& value, const std::string& name) {
  const bool made_last = !operations_.empty() && operations_.back().output == value;
  if (made_last) {
    operations_.back().output = name;
  }
  return made_last;
}

std::string OnnxBuilder::add(const char* type, std::vector<std::string> inputs,
                             std::vector<OnnxAttribute> attributes) {
  auto name = unique(layer_ + "/" + type);
  operations_.push_back({.name = name,
                         .type = type,
                         .inputs = std::move(inputs),
                         .output = name,
                         .attributes = std::move(attributes)});
  return name;
}

OnnxOperation* OnnxBuilder::maker(const std::string& value) {
  const auto found = std::find_if(operations_.begin(), operations_.end(),
                                  [&](const OnnxOperation& each) { return each.output == value; });
  return found == operations_.end() ? nullptr : &*found;
}

std::string OnnxBuilder::parameter(std::string name, Shape shape, std::function<Tensor()> values) {
  constants_.push_back({.name = name, .shape = std::move(shape), .values = std::move(values)});
  return name;
}

std::string OnnxBuilder::shared(const std::string& key, const Shape& shape,
                                decltype(OnnxConstant::values) values) {
  const auto [found, fresh] = shared_.try_emplace(key);
  if (fresh) {
    found->second = unique(fmt::format("{}{}", kOnnxConstantPrefix, shared_.size()));
    constants_.push_back({.name = found->second, .shape = shape, .values = std::move(values)});
  }
  return found->second;
}

std::string OnnxBuilder::constant(const Shape& shape, const std::vector<float>& values) {
  return shared(content("float", shape, values), shape, [shape, values] { return Tensor(shape, values); });
}

std::string OnnxBuilder::integers(const std::vector<std::int64_t>& values) {
  const Shape shape{static_cast<std::int64_t>(values.size())};
  return shared(content("integer", shape, values), shape, values);
}

std::string OnnxBuilder::index(std::int64_t value) {
  const std::vector<std::int64_t> values{value};
  return shared(content("integer", {}, values), {}, values);
}

}  // namespace headstart
