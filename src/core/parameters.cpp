#include "headstart/parameters.h"

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {

void Parameters::insert(std::string name, Tensor tensor) {
  if (!index_.emplace(name, entries_.size()).second) {
    throw Error(fmt::format("[parameters] {} is there already", name));
  }
  entries_.emplace_back(std::move(name), std::move(tensor));
}

Tensor& Parameters::at(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end()) {
    throw Error(fmt::format("[parameters] {} is missing", name));
  }
  return entries_[found->second].second;
}

const Tensor& Parameters::at(const std::string& name) const {
  return const_cast<Parameters*>(this)->at(name);
}

}  // namespace headstart
