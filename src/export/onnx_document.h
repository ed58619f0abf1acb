// An ONNX model as data, and the file of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "headstart/tensor.h"

namespace headstart {

inline constexpr int kOnnxOpset = 13;  // what OpenCV 4.6, TensorRT 8 and every ONNX Runtime since 2020 read

struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>> value;
};

struct OnnxOperation {
  std::string name, type;
  std::vector<std::string> inputs;  // an empty name: left out
  std::string output;
  std::vector<OnnxAttribute> attributes{};
};

// Floats are made when they are written, so that no more than one transposed parameter is in memory.
struct OnnxConstant {
  std::string name;
  Shape shape;
  std::variant<std::function<Tensor()>, std::vector<std::int64_t>> values;
};

// An input or output of the graph: float32, (batch, shape).
struct OnnxPort {
  std::string name, description;
  Shape shape;
};

struct OnnxDocument {
  std::string name{}, description{}, version{};
  OnnxPort input{};
  std::vector<OnnxPort> outputs{};
  std::vector<OnnxOperation> operations{};  // in topological order
  std::vector<OnnxConstant> constants{};
  std::vector<std::pair<std::string, std::string>> metadata{};
};

// Atomically; returns the number of bytes. Throws Error for a document of 2 GB or more, which protobuf cannot
// hold.
std::uint64_t write_onnx(const OnnxDocument& document, const std::string& path);

}  // namespace headstart
