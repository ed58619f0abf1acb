// The networks on one screen.
#include "headstart/zoo.h"
#include "zoo/families.h"

namespace headstart {

// clang-format off
const std::vector<Architecture>& architectures() {
  using enum Flavour;
  static const std::vector<Architecture> table{
      {.name = "cnn_28", .title = "CNN 28x28", .input_size = 28, .channels = 1, .minimum_size = 4, .classes = 10, .preprocessing = "unit", .parameters = 204'906, .build = zoo::cnn_28},
      {.name = "cnn_150", .title = "CNN 150x150", .input_size = 150, .minimum_size = 46, .classes = 2, .preprocessing = "unit", .parameters = 3'453'121, .build = zoo::cnn_150},
      {.name = "cnn_150_dropout", .title = "CNN 150x150 with dropout", .input_size = 150, .minimum_size = 46, .classes = 2, .preprocessing = "unit", .parameters = 3'453'121, .build = zoo::cnn_150_dropout},
      {.name = "lenet5", .title = "LeNet-5", .input_size = 32, .channels = 1, .classes = 10, .preprocessing = "unit", .parameters = 61'706, .build = zoo::lenet5},

      {.name = "vgg16", .title = "VGG16", .preprocessing = "caffe", .top1 = 71.3, .top5 = 90.1, .depth = 23, .parameters = 138'357'544, .build = zoo::vgg16},
      {.name = "vgg19", .title = "VGG19", .preprocessing = "caffe", .top1 = 71.3, .top5 = 90.0, .depth = 26, .parameters = 143'667'240, .build = zoo::vgg19},
      {.name = "mobilenet", .title = "MobileNet", .top1 = 70.4, .top5 = 89.5, .depth = 88, .parameters = 4'253'864, .alphas = {0.25, 0.5, 0.75, 1.0}, .build = zoo::mobilenet},
      {.name = "mobilenet_v2", .title = "MobileNetV2", .top1 = 71.3, .top5 = 90.1, .depth = 88, .parameters = 3'538'984, .alphas = {0.35, 0.5, 0.75, 1.0, 1.3, 1.4}, .build = zoo::mobilenet_v2},

      {.name = "squeezenet", .title = "SqueezeNet 1.1", .input_size = 227, .minimum_size = 48, .preprocessing = "caffe", .parameters = 1'235'496, .build = zoo::squeezenet},
      {.name = "squeezenet1_0", .title = "SqueezeNet 1.0", .flavour = torch, .minimum_size = 21, .preprocessing = "torch", .resize_to = 256, .top1 = 58.092, .top5 = 80.420, .parameters = 1'248'424, .build = zoo::squeezenet1_0},
      {.name = "squeezenet1_1", .title = "SqueezeNet 1.1", .flavour = torch, .minimum_size = 17, .preprocessing = "torch", .resize_to = 256, .top1 = 58.178, .top5 = 80.624, .parameters = 1'235'496, .build = zoo::squeezenet1_1},

      {.name = "resnet20_cifar", .title = "ResNet-20 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 269'722, .build = zoo::resnet20_cifar},
      {.name = "resnet32_cifar", .title = "ResNet-32 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 464'154, .build = zoo::resnet32_cifar},
      {.name = "resnet44_cifar", .title = "ResNet-44 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 658'586, .build = zoo::resnet44_cifar},
      {.name = "resnet56_cifar", .title = "ResNet-56 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 853'018, .build = zoo::resnet56_cifar},
  };
  return table;
}
// clang-format on

}  // namespace headstart
