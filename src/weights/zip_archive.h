// Reading of zip archives held in memory, through libzip.
#pragma once

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
  // The content of an entry that is stored without compression (PyTorch and Keras write only such). All
  // entries read together cannot be longer than the archive.
  SharedBytes read(const std::string& name);

 private:
  SharedBytes file_;
  std::unique_ptr<zip, void (*)(zip*)> archive_;
  std::uint64_t budget_ = 0;
};

}  // namespace headstart
