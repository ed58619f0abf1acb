// How a picture becomes as large as a network wants it, for people who do it elsewhere.
#pragma once

#include <string>

#include "headstart/preprocessing.h"

namespace headstart {

// "The picture, upright and in RGB: both sides are resized to 224x224 (height x width), ...".
std::string resize_sentence(const Preprocessing& preprocessing);

}  // namespace headstart
