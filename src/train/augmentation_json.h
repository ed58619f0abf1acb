// Augmentation as JSON text and back: for configurations and for the key of augmented feature caches.
#pragma once

#include <string>

#include "headstart/augment.h"

namespace headstart {

std::string augmentation_to_json(const Augmentation& augmentation);
// What is left out keeps its default. Throws Error for unknown keys, wrong types and values out of range.
Augmentation augmentation_from_json(const std::string& text);

}  // namespace headstart
