#include "weights/onnx_file.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "headstart/text.h"
#include "weights/element_type.h"
#include "weights/protobuf.h"

namespace headstart {
namespace {

constexpr std::size_t kMaximumAxes = 32;
constexpr std::size_t kMaximumParts = 1'000'000;  // nodes, and tensors: two bytes of a file can claim one
constexpr std::size_t kMaximumName = 300;         // layers repeat the names of tensors that they share

using Bytes = std::span<const std::uint8_t>;

// Calls `take` with every field of a message.
template <typename Take>
void for_each_field(Bytes message, Take take) {
  ProtobufReader reader(message, kOnnxTag);
  while (const auto field = reader.next()) {
    take(*field);
  }
}

// Field numbers are those of onnx.proto; fields that are not named here have no meaning for weights.

void parse_external(Bytes entry, OnnxTensor& tensor) {
  std::string_view key;
  std::string_view value;
  for_each_field(
      entry, [&](const ProtobufField& field) { (field.number == 1 ? key : value) = as_text(field.bytes); });
  if (key == "location") {
    tensor.external = value;
  } else if (key == "offset") {
    tensor.external_offset = value;
  } else if (key == "length") {
    tensor.external_length = value;
  }
}

OnnxTensor parse_tensor(Bytes message) {
  OnnxTensor tensor;
  constexpr std::uint64_t kDims = 1, kType = 2, kFloats = 4, kName = 8, kRaw = 9, kDoubles = 10,
                          kExternal = 13;
  for_each_field(message, [&](const ProtobufField& field) {
    if (field.number == kDims) {
      append_integers(field, kOnnxTag, tensor.shape);
    } else if (field.number == kType) {
      tensor.type = static_cast<std::int64_t>(field.value);
    } else if (field.number == kName) {
      tensor.name = as_text(field.bytes);
    } else if (field.number == kRaw || field.number == kFloats || field.number == kDoubles) {
      tensor.has_other_values = tensor.has_other_values || !field.has_bytes || !tensor.raw.empty();
      tensor.raw = field.bytes;
    } else if (field.number == kExternal) {
      parse_external(field.bytes, tensor);
    } else if (field.number > kType && field.number < 12) {
      tensor.has_other_values = true;
    }
  });
  if (tensor.shape.size() > kMaximumAxes) {
    throw Error(fmt::format("[{}] expected tensors of up to {} axes; received {}", kOnnxTag, kMaximumAxes,
                            tensor.shape.size()));
  }
  if (tensor.name.size() > kMaximumName) {
    throw Error(fmt::format("[{}] expected names of tensors of up to {} bytes; received {}", kOnnxTag,
                            kMaximumName, tensor.name.size()));
  }
  element_count(tensor.shape);  // throws for negative extents and overflow
  return tensor;
}

void parse_attribute(Bytes message, OnnxNode& node) {
  std::string_view name;
  std::int64_t integer = 0;
  std::vector<std::int64_t> integers;
  float number = 0.0F;
  std::optional<OnnxTensor> tensor;
  constexpr std::uint64_t kName = 1, kNumber = 2, kInteger = 3, kTensor = 5, kIntegers = 8;
  for_each_field(message, [&](const ProtobufField& field) {
    if (field.number == kName) {
      name = as_text(field.bytes);
    } else if (field.number == kNumber) {
      number = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    } else if (field.number == kInteger) {
      integer = static_cast<std::int64_t>(field.value);
    } else if (field.number == kTensor) {
      tensor = parse_tensor(field.bytes);
    } else if (field.number == kIntegers) {
      append_integers(field, kOnnxTag, integers);
    }
  });
  if (name == "transA") {
    node.transpose_a = integer != 0;
  } else if (name == "transB") {
    node.transpose_b = integer != 0;
  } else if (name == "kernel_shape") {
    node.kernel = std::move(integers);
  } else if (name == "epsilon") {
    node.epsilon = number;
  } else if (name == "perm") {
    node.permutation = std::move(integers);
  } else if (name == "value" && tensor) {
    node.constants.push_back(std::move(*tensor));
  }
}

OnnxNode parse_node(Bytes message) {
  OnnxNode node;
  constexpr std::uint64_t kInput = 1, kOutput = 2, kName = 3, kOp = 4, kAttribute = 5;
  for_each_field(message, [&](const ProtobufField& field) {
    if (field.number == kInput) {
      node.inputs.push_back(as_text(field.bytes));
    } else if (field.number == kOutput) {
      node.outputs.push_back(as_text(field.bytes));
    } else if (field.number == kName) {
      node.name = as_text(field.bytes);
    } else if (field.number == kOp) {
      node.op = as_text(field.bytes);
    } else if (field.number == kAttribute) {
      parse_attribute(field.bytes, node);
    }
  });
  if (!node.constants.empty() && node.constants[0].name.empty() && !node.outputs.empty()) {
    const auto output = node.outputs[0];  // what tells one constant from another
    node.constants[0].name = output.substr(output.size() - std::min(output.size(), kMaximumName));
  }
  return node;
}

void check_parts(std::size_t count, const char* parts) {
  if (count == kMaximumParts) {
    throw Error(fmt::format("[{}] expected up to {} {}; received more", kOnnxTag, kMaximumParts, parts));
  }
}

void parse_graph(Bytes message, OnnxModel& model) {
  constexpr std::uint64_t kNode = 1, kInitializer = 5;
  for_each_field(message, [&](const ProtobufField& field) {
    if (field.number == kNode) {
      check_parts(model.nodes.size(), "nodes");
      model.nodes.push_back(parse_node(field.bytes));
    } else if (field.number == kInitializer) {
      check_parts(model.initializers.size(), "initializers");
      model.initializers.push_back(parse_tensor(field.bytes));
    }
  });
}

std::optional<ElementType> float_type(std::int64_t type) {
  switch (type) {
    case 1:
      return ElementType::f32;
    case 10:
      return ElementType::f16;
    case 11:
      return ElementType::f64;
    case 16:
      return ElementType::bf16;
    default:
      return std::nullopt;
  }
}

std::uint64_t place_from(std::string_view text, std::uint64_t otherwise) {
  const auto value = number_from<std::uint64_t>(text);
  if (!text.empty() && !value) {
    throw Error(fmt::format("[{}] expected a number as offset or length of external data; received {}",
                            kOnnxTag, text.substr(0, 100)));
  }
  return value.value_or(otherwise);
}

void check_size(const OnnxTensor& tensor, std::uint64_t bytes) {
  const auto needed =
      static_cast<std::uint64_t>(element_count(tensor.shape)) * element_size(float_type(tensor.type).value());
  if (tensor.has_other_values || needed != bytes) {
    throw Error(fmt::format("[{}] the tensor {} of shape {} needs {} bytes; received {}; it is damaged",
                            kOnnxTag, tensor.name.substr(0, 100), to_string(tensor.shape), needed, bytes));
  }
}

}  // namespace

bool is_onnx(const SharedBytes& file) {
  constexpr std::uint64_t kVersion = 1, kGraph = 7, kLast = 25;
  try {
    ProtobufReader reader(file.span(), kOnnxTag);
    bool has_graph = false;
    for (bool first = true; const auto field = reader.next(); first = false) {
      if ((first && (field->number != kVersion || field->has_bytes)) || field->number == 0 ||
          field->number > kLast) {
        return false;
      }
      has_graph = has_graph || (field->number == kGraph && field->has_bytes);
    }
    return has_graph;
  } catch (const Error&) {
    return false;
  }
}

OnnxModel parse_onnx(const SharedBytes& file) {
  OnnxModel model;
  constexpr std::uint64_t kProducer = 2, kGraph = 7, kOpset = 8;
  bool has_opset = false;
  for_each_field(file.span(), [&](const ProtobufField& field) {
    has_opset = has_opset || field.number == kOpset;
    if (field.number == kProducer) {
      model.producer = as_text(field.bytes);
    } else if (field.number == kGraph) {
      parse_graph(field.bytes, model);
    }
  });
  if (!has_opset) {  // every model has one, often as its last field
    throw Error(fmt::format("[{}] expected an ONNX model; received one without operator set; it is truncated",
                            kOnnxTag));
  }
  return model;
}

bool is_float_tensor(const OnnxTensor& tensor) { return float_type(tensor.type).has_value(); }

Tensor OnnxTensors::read(const OnnxTensor& tensor) {
  if (!tensor.external.empty()) {
    return read_external(tensor);
  }
  check_size(tensor, tensor.raw.size());
  if (tensor.raw.empty()) {
    return Tensor(tensor.shape);
  }
  const auto offset = static_cast<std::uint64_t>(tensor.raw.data() - file_.data.get());
  return tensor_from_file(file_, offset, tensor.shape, float_type(tensor.type).value(), ByteOrder::little,
                          kOnnxTag);
}

Tensor OnnxTensors::read_external(const OnnxTensor& tensor) {
  const std::string location(tensor.external);
  check_sibling_path(location, kOnnxTag);
  auto found = externals_.find(location);
  if (found == externals_.end()) {
    auto file = sibling_(location);
    const auto size = file.size;
    found = externals_.emplace(location, External{std::move(file), size}).first;
  }
  auto& [file, budget] = found->second;
  const auto offset = place_from(tensor.external_offset, 0);
  const auto length = place_from(tensor.external_length, file.size - std::min(offset, file.size));
  check_size(tensor, length);
  if (length > budget) {
    throw Error(fmt::format("[{}] the tensors take more bytes of {} than it has; it is damaged", kOnnxTag,
                            location.substr(0, 200)));
  }
  budget -= length;
  return tensor_from_file(file, offset, tensor.shape, float_type(tensor.type).value(), ByteOrder::little,
                          kOnnxTag);
}

}  // namespace headstart
