// Writes parameters in the format that the file's extension says.

#include "headstart/error.h"
#include "headstart/text.h"
#include "headstart/weights.h"
#include "weights/keras_h5.h"
#include "weights/pytorch.h"
#include "weights/safetensors.h"

namespace headstart {

void write_weights(const Graph& graph, const Parameters& parameters, const std::string& path,
                   TensorNames names) {
  check_parameters(graph, parameters);
  const auto extension = extension_of(path);
  if (extension == ".safetensors" && names == TensorNames::torch) {
    write_safetensors(path, torch_state_dict(graph, parameters), {{"format", "pt"}});
  } else if (extension == ".safetensors") {
    write_safetensors(path, parameters, {{"format", "headstart"}});
  } else if (extension == ".h5") {
    write_keras_h5(graph, parameters, path);
  } else if (extension == ".pth" || extension == ".pt") {
    write_pytorch(graph, parameters, path);
  } else {
    throw Error("[weights] expected a file name ending in .safetensors, .h5 or .pth; received " + path);
  }
}

}  // namespace headstart
