// MD5 of a file, to compare downloads with what Keras publishes. No protection against forgery.
#pragma once

#include <string>

namespace headstart {

std::string md5_of_file(const std::string& path);

}  // namespace headstart
