// Reading of zip archives held in memory, through libzip; entries without compression are not copied.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weights/bytes.h"

struct zip;

namespace headstart {

class ZipArchive {
 public:
  static bool is_zip(const SharedBytes& file);

  explicit ZipArchive(SharedBytes file);

  bool contains(const std::string& name) const;
  // The first entry whose name ends so.
  std::optional<std::string> find_suffix(std::string_view suffix) const;
  // The content of an entry. One stored without compression (PyTorch and Keras write only such) is a part of
  // the archive's own memory. All entries read together cannot be longer than a small multiple of the
  // archive.
  SharedBytes read(const std::string& name);

 private:
  void spend(const std::string& name, std::uint64_t size);
  SharedBytes stored(const std::string& name, std::uint64_t size, std::uint32_t checksum);
  SharedBytes inflated(const std::string& name, std::uint64_t index, std::uint64_t size);

  SharedBytes file_;
  std::unique_ptr<zip, void (*)(zip*)> archive_;
  std::uint64_t budget_ = 0;
  std::map<std::string, std::uint64_t> data_offsets_;  // of stored entries, once one is read
};

}  // namespace headstart
