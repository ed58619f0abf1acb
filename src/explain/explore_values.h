// The numbers of a page as one compressed text.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace headstart {

// Where an array lies among all values.
struct ValueBlock {
  std::int64_t offset = 0, count = 0;
};

// Collects arrays; equal ones are kept once.
class ExploreValues {
 public:
  ValueBlock add(std::span<const float> values);
  std::int64_t count() const { return static_cast<std::int64_t>(values_.size()); }
  // Base64 of the deflated high, middle and low bytes of all values' upper 24 bits, a plane each.
  std::string text() const;

 private:
  std::vector<float> values_;
  std::map<std::string, ValueBlock> known_;  // by hash
};

}  // namespace headstart
