// Named tensors of a model, in the order of its graph.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "headstart/tensor.h"

namespace headstart {

// Names are "node/kernel", "node/bias", "node/gamma", "node/beta", "node/moving_mean",
// "node/moving_variance", ...; layouts are Keras's: Conv2D kernel (kh, kw, in / groups, out), DepthwiseConv2D
// kernel (kh, kw, channels, multiplier), Dense kernel (in, out). A nested model's nodes carry its scope:
// "vgg16/block1_conv1/kernel".
class Parameters {
 public:
  using Entry = std::pair<std::string, Tensor>;

  // Throws Error when the name is taken.
  void insert(std::string name, Tensor tensor);
  bool contains(const std::string& name) const { return index_.contains(name); }
  // Throws Error that names the missing parameter.
  Tensor& at(const std::string& name);
  const Tensor& at(const std::string& name) const;

  std::size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }

 private:
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> index_;
};

}  // namespace headstart
