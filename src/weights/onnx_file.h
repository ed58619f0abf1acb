// The part of an ONNX file that weights take: nodes, initializers, where tensors stand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "headstart/tensor.h"
#include "weights/bytes.h"
#include "weights/weight_file.h"

namespace headstart {

inline constexpr const char* kOnnxTag = "onnx";  // of errors

// Views into the file.
struct OnnxTensor {
  std::string_view name{};
  Shape shape{};
  std::int64_t type = 0;                // of TensorProto.DataType
  std::span<const std::uint8_t> raw{};  // little-endian elements, raw or packed floats
  std::string_view external{};          // path of the file that holds them instead, with offset and length
  std::string_view external_offset{}, external_length{};
  bool has_other_values = false;  // values kept as varints, which only integers are in practice
};

struct OnnxNode {
  std::string_view name{}, op{};
  std::vector<std::string_view> inputs{}, outputs{};
  bool transpose_a = false, transpose_b = false;  // of Gemm
  std::vector<std::int64_t> kernel{};             // of poolings
  std::vector<std::int64_t> permutation{};        // of Transpose
  float epsilon = 1e-5F;                          // of BatchNormalization (ONNX's default)
  std::vector<OnnxTensor> constants{};            // the value of a Constant
};

struct OnnxModel {
  std::string_view producer{};
  std::vector<OnnxNode> nodes{};  // in topological order
  std::vector<OnnxTensor> initializers{};
};

// Told by the fields at the top alone.
bool is_onnx(const SharedBytes& file);

OnnxModel parse_onnx(const SharedBytes& file);

// Whether the elements are floats of a width that is read.
bool is_float_tensor(const OnnxTensor& tensor);

// Reads values; external data from files beside the model, which are mapped once.
class OnnxTensors {
 public:
  OnnxTensors(SharedBytes file, Sibling sibling) : file_(std::move(file)), sibling_(std::move(sibling)) {}
  Tensor read(const OnnxTensor& tensor);

 private:
  Tensor read_external(const OnnxTensor& tensor);

  struct External {
    SharedBytes file;
    std::uint64_t budget = 0;  // bytes that tensors may still take: they do not overlap in a sound file
  };
  SharedBytes file_;
  Sibling sibling_;
  std::map<std::string, External> externals_;
};

}  // namespace headstart
