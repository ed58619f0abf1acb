// The operations and constants of an ONNX graph, put together layer by layer under unique names.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "export/onnx_document.h"
#include "headstart/tensor.h"

namespace headstart {

class OnnxBuilder {
 public:
  // `reserved`: names that nothing but a parameter, the input or the output may take.
  explicit OnnxBuilder(std::set<std::string> reserved) : names_(std::move(reserved)) {}

  // What is added from now on belongs to this layer.
  void begin_layer(std::string name) { layer_ = std::move(name); }
  // Gives the value that a layer ends in a name of its own, where this layer made it last; returns the
  // value's name.
  std::string rename_last(const std::string& value, const std::string& name);

  // The same for the graph's output, under a reserved name; returns whether this layer made the value last.
  bool name_output(const std::string& value, const std::string& name);

  // Appends an operation; returns the name of its output, "layer/Type".
  std::string add(const char* type, std::vector<std::string> inputs,
                  std::vector<OnnxAttribute> attributes = {});

  // The operation whose output the value is, until the next one is added; null for an input or a constant.
  OnnxOperation* maker(const std::string& value);

  std::string parameter(std::string name, Shape shape, std::function<Tensor()> values);
  // Numbers that are no parameter of the model; equal ones are kept once.
  std::string constant(const Shape& shape, const std::vector<float>& values);
  std::string number(float value) { return constant({}, {value}); }
  std::string integers(const std::vector<std::int64_t>& values);  // a vector
  std::string index(std::int64_t value);                          // a scalar

  std::vector<OnnxOperation> take_operations() { return std::move(operations_); }
  std::vector<OnnxConstant> take_constants() { return std::move(constants_); }

 private:
  std::string unique(const std::string& name);
  std::string shared(const std::string& key, const Shape& shape, decltype(OnnxConstant::values) values);

  std::string layer_;
  std::set<std::string> names_;
  std::map<std::string, std::string> shared_;  // content to name
  std::vector<OnnxOperation> operations_;
  std::vector<OnnxConstant> constants_;
};

}  // namespace headstart
