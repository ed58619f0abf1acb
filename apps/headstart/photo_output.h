// What the commands on photos say alike.
#pragma once

#include <string>

namespace headstart::app {

// Throws Error for the name of a picture that is not called .png.
void require_png_name(const std::string& path);

// "error: photo.jpg: why" on stderr; the name stands there once.
void print_photo_error(const std::string& path, const std::string& error);

}  // namespace headstart::app
