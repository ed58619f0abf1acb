// A temporary folder for data-set tests, removed at the end.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/error_message.h"

namespace headstart::test {

class FolderTree {
 public:
  FolderTree()
      : root_(std::filesystem::path(testing::TempDir()) / fmt::format("headstart_tree_{}", getpid())) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~FolderTree() { std::filesystem::remove_all(root_); }
  FolderTree(const FolderTree&) = delete;
  FolderTree& operator=(const FolderTree&) = delete;

  // Makes the folders too. The text says which file it is, for tests that follow copies.
  std::string file(const std::string& relative, const std::string& text = "") const {
    const auto path = root_ / relative;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << (text.empty() ? relative : text);
    return path.string();
  }
  std::string path(const std::string& relative = "") const {
    return relative.empty() ? root_.string() : (root_ / relative).string();
  }

 private:
  std::filesystem::path root_;
};

}  // namespace headstart::test
