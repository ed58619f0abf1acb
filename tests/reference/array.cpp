#include "reference/array.h"

#include "headstart/error.h"

namespace headstart::reference {

Array::Array(Shape extents)
    : shape(std::move(extents)), values(static_cast<std::size_t>(element_count(shape)), 0.0) {}

Array to_array(const Tensor& tensor) {
  Array array(tensor.shape());
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    array[i] = static_cast<double>(tensor[i]);
  }
  return array;
}

Tensor to_tensor(const Array& array) {
  Tensor tensor(array.shape);
  for (std::int64_t i = 0; i < array.size(); ++i) {
    tensor[i] = static_cast<float>(array[i]);
  }
  return tensor;
}

void accumulate(Array& target, const Array& addend) {
  if (target.values.empty()) {
    target = addend;
    return;
  }
  if (target.shape != addend.shape) {
    throw Error("[reference] expected to add arrays of one shape; received " + to_string(target.shape) +
                " and " + to_string(addend.shape) + "; fix the caller");
  }
  for (std::int64_t i = 0; i < target.size(); ++i) {
    target[i] += addend[i];
  }
}

}  // namespace headstart::reference
