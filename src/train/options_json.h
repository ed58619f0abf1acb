// Augmentation as JSON text: for the key of augmented feature caches; TrainOptions are in headstart/train.h.
#pragma once

#include <string>

#include "headstart/augment.h"

namespace headstart {

std::string to_json(const Augmentation& augmentation);

}  // namespace headstart
