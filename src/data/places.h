// How the pictures of a data set are named from the data itself.
#pragma once

#include <filesystem>
#include <string>

namespace headstart {

// What paths are relative to: the folder itself, or the folder of a CSV.
std::filesystem::path place_of_data(const std::string& data);

// `path` as read_dataset gives it, relative to that; itself where it cannot be.
std::string path_in_data(const std::string& data, const std::string& path);

}  // namespace headstart
