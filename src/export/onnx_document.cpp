#include "export/onnx_document.h"

#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "core/files.h"
#include "graph/overloaded.h"
#include "headstart/error.h"
#include "weights/protobuf_writer.h"

namespace headstart {
namespace {

// Field numbers and enumerations are those of onnx.proto.
constexpr int kIrVersion = 7;  // of operator set 13
constexpr std::int64_t kFloat = 1, kInt64 = 7;

std::string attribute_message(const OnnxAttribute& attribute) {
  constexpr int kName = 1, kFloatValue = 2, kInteger = 3, kText = 4, kIntegers = 8, kType = 20;
  ProtobufWriter message;
  message.bytes(kName, attribute.name);
  const auto type = std::visit(Overloaded{[&](std::int64_t value) {
                                            message.number(kInteger, value);
                                            return 2;
                                          },
                                          [&](float value) {
                                            message.real(kFloatValue, value);
                                            return 1;
                                          },
                                          [&](const std::string& value) {
                                            message.bytes(kText, value);
                                            return 3;
                                          },
                                          [&](const std::vector<std::int64_t>& values) {
                                            for (const auto value : values) {
                                              message.number(kIntegers, value);
                                            }
                                            return 7;
                                          }},
                               attribute.value);
  message.number(kType, type);
  return message.text();
}

std::string operation_message(const OnnxOperation& operation) {
  constexpr int kInput = 1, kOutput = 2, kName = 3, kType = 4, kAttribute = 5;
  ProtobufWriter message;
  for (const auto& input : operation.inputs) {
    message.bytes(kInput, input);
  }
  message.bytes(kOutput, operation.output);
  message.bytes(kName, operation.name);
  message.bytes(kType, operation.type);
  for (const auto& attribute : operation.attributes) {
    message.bytes(kAttribute, attribute_message(attribute));
  }
  return message.text();
}

bool is_float(const OnnxConstant& constant) { return constant.values.index() == 0; }

std::uint64_t raw_size(const OnnxConstant& constant) {
  return static_cast<std::uint64_t>(element_count(constant.shape)) *
         (is_float(constant) ? sizeof(float) : sizeof(std::int64_t));
}

// A TensorProto up to its values, which end it.
std::string constant_header(const OnnxConstant& constant) {
  constexpr int kDimension = 1, kType = 2, kName = 8, kRaw = 9;
  ProtobufWriter message;
  for (const auto extent : constant.shape) {
    message.number(kDimension, extent);
  }
  message.number(kType, is_float(constant) ? kFloat : kInt64);
  message.bytes(kName, constant.name);
  message.begin_bytes(kRaw, raw_size(constant));
  return message.text();
}

std::string port_message(const OnnxPort& port) {
  constexpr int kName = 1, kType = 2, kDescription = 3, kTensor = 1, kElement = 1, kShape = 2, kDimension = 1;
  constexpr int kValue = 1, kSymbol = 2;
  ProtobufWriter shape;
  ProtobufWriter batch;
  batch.bytes(kSymbol, "batch");
  shape.bytes(kDimension, batch.text());
  for (const auto extent : port.shape) {
    ProtobufWriter dimension;
    dimension.number(kValue, extent);
    shape.bytes(kDimension, dimension.text());
  }
  ProtobufWriter tensor;
  tensor.number(kElement, kFloat);
  tensor.bytes(kShape, shape.text());
  ProtobufWriter type;
  type.bytes(kTensor, tensor.text());
  ProtobufWriter message;
  message.bytes(kName, port.name);
  message.bytes(kType, type.text());
  message.bytes(kDescription, port.description);
  return message.text();
}

constexpr int kGraphNode = 1, kGraphName = 2, kGraphConstant = 5, kGraphInput = 11, kGraphOutput = 12;

// The graph without its constants.
std::string graph_message(const OnnxDocument& document) {
  ProtobufWriter message;
  for (const auto& operation : document.operations) {
    message.bytes(kGraphNode, operation_message(operation));
  }
  message.bytes(kGraphName, document.name);
  message.bytes(kGraphInput, port_message(document.input));
  for (const auto& output : document.outputs) {
    message.bytes(kGraphOutput, port_message(output));
  }
  return message.text();
}

constexpr int kModelGraph = 7;

// Model fields around the graph.
std::string front_matter(const OnnxDocument& document) {
  constexpr int kVersion = 1, kProducer = 2, kProducerVersion = 3, kDescription = 6;
  ProtobufWriter message;
  message.number(kVersion, kIrVersion);
  message.bytes(kProducer, "headstart");
  message.bytes(kProducerVersion, document.version);
  message.bytes(kDescription, document.description);
  return message.text();
}

std::string back_matter(const OnnxDocument& document) {
  constexpr int kOpset = 8, kMetadata = 14, kKey = 1, kValue = 2, kOpsetVersion = 2;
  ProtobufWriter message;
  ProtobufWriter opset;
  opset.number(kOpsetVersion, kOnnxOpset);
  message.bytes(kOpset, opset.text());
  for (const auto& [key, value] : document.metadata) {
    ProtobufWriter entry;
    entry.bytes(kKey, key);
    entry.bytes(kValue, value);
    message.bytes(kMetadata, entry.text());
  }
  return message.text();
}

void write_values(std::ostream& out, const OnnxConstant& constant) {
  const auto write = [&](const void* data) {
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(raw_size(constant)));
  };
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&constant.values)) {
    write(integers->data());
    return;
  }
  const Tensor tensor = std::get<std::function<Tensor()>>(constant.values)();
  if (tensor.size() != element_count(constant.shape)) {
    throw Error(fmt::format("[export] expected {} values of {}; received {}", to_string(constant.shape),
                            constant.name, to_string(tensor.shape())));
  }
  write(tensor.data());
}

}  // namespace

std::uint64_t write_onnx(const OnnxDocument& document, const std::string& path) {
  const auto operations = graph_message(document);
  std::vector<std::string> headers;  // of the constants, each with its field's key and length in front
  std::uint64_t graph_size = operations.size();
  for (const auto& constant : document.constants) {
    const auto header = constant_header(constant);
    ProtobufWriter field;
    field.begin_bytes(kGraphConstant, header.size() + raw_size(constant));
    headers.push_back(field.text() + header);
    graph_size += headers.back().size() + raw_size(constant);
  }
  ProtobufWriter graph;
  graph.begin_bytes(kModelGraph, graph_size);
  const auto front = front_matter(document) + graph.text() + operations;
  const auto back = back_matter(document);
  const auto size = front.size() - operations.size() + graph_size + back.size();
  if (size > std::uint64_t{std::numeric_limits<std::int32_t>::max()}) {
    throw Error(
        fmt::format("[export] expected a model of less than 2 GB, which is all that an ONNX file can hold; "
                    "received {:.1f} GB; export a smaller network",
                    static_cast<double>(size) / 1e9));
  }
  write_file_atomically(path, [&](std::ostream& out) {
    out << front;
    for (std::size_t i = 0; i < headers.size(); ++i) {
      out << headers[i];
      write_values(out, document.constants[i]);
    }
    out << back;
  });
  return size;
}

}  // namespace headstart
