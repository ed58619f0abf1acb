// What the commands on photos say alike.
#pragma once

#include <string>
#include <vector>

#include "headstart/model.h"
#include "headstart/progress.h"

namespace headstart::app {

// That classes are told by their numbers, and what gives them names.
void note_nameless(const Model& model, Progress& progress);

// "error: photo.jpg: why" on stderr; the name stands there once.
void print_photo_error(const std::string& path, const std::string& error);

// Throws Error where a command would write over a photo that it reads.
void keep_photos(const std::vector<std::string>& photos, const std::string& output);

}  // namespace headstart::app
