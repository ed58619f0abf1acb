// Weight files as bytes in memory, for tests that damage them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/files.h"
#include "headstart/weights.h"
#include "support/error_message.h"
#include "support/paths.h"
#include "weights/weight_file.h"

namespace headstart::test {

using Bytes = std::vector<std::uint8_t>;
using Folder = std::map<std::string, Bytes>;  // name to content

inline Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

// A heap block of exactly that size, so that AddressSanitizer sees one byte too many.
inline SharedBytes exact_copy(const Bytes& bytes) {
  SharedBytes copy{
      std::shared_ptr<std::uint8_t>(new std::uint8_t[bytes.size()], std::default_delete<std::uint8_t[]>()),
      bytes.size()};
  std::copy(bytes.begin(), bytes.end(), copy.data.get());
  return copy;
}

// Reads `bytes` as a file of that name among `siblings` (a tfjs model's shards).
inline WeightFile read_bytes(const Bytes& bytes, const std::string& name = "file",
                             const Folder& siblings = {}) {
  return read_weight_bytes(exact_copy(bytes), name, [&](const std::string& sibling) {
    const auto found = siblings.find(sibling);
    if (found == siblings.end()) {
      throw Error("[test] no shard " + sibling);
    }
    return exact_copy(found->second);
  });
}

inline Bytes load(const std::string& path) { return read_file(path); }
inline Bytes golden(const std::string& name) { return load(data_path("weights/" + name)); }

// The format's 8 bytes of header length, the header, the data (0, 1, 2, ...).
inline Bytes safetensors_bytes(std::string_view header, std::size_t data_size) {
  const std::uint64_t length = header.size();
  std::string text(reinterpret_cast<const char*>(&length), sizeof length);
  text += header;
  for (std::size_t i = 0; i < data_size; ++i) {
    text += static_cast<char>(i);
  }
  return to_bytes(text);
}

inline testing::AssertionResult says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos
             ? testing::AssertionSuccess()
             : testing::AssertionFailure() << "expected \"" << part << "\" in \"" << message << "\"";
}

}  // namespace headstart::test
