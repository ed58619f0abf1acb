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

      {.name = "resnet50", .title = "ResNet50", .preprocessing = "caffe", .top1 = 74.9, .top5 = 92.1, .depth = 168, .parameters = 25'636'712, .build = zoo::resnet50},
      {.name = "resnet101", .title = "ResNet101", .preprocessing = "caffe", .top1 = 76.4, .top5 = 92.8, .parameters = 44'707'176, .build = zoo::resnet101},
      {.name = "resnet152", .title = "ResNet152", .preprocessing = "caffe", .top1 = 76.6, .top5 = 93.1, .parameters = 60'419'944, .build = zoo::resnet152},
      {.name = "resnet50_v2", .title = "ResNet50V2", .top1 = 76.0, .top5 = 93.0, .parameters = 25'613'800, .build = zoo::resnet50_v2},
      {.name = "resnet101_v2", .title = "ResNet101V2", .top1 = 77.2, .top5 = 93.8, .parameters = 44'675'560, .build = zoo::resnet101_v2},
      {.name = "resnet152_v2", .title = "ResNet152V2", .top1 = 78.0, .top5 = 94.2, .parameters = 60'380'648, .build = zoo::resnet152_v2},
      {.name = "inception_v3", .title = "InceptionV3", .input_size = 299, .minimum_size = 75, .top1 = 77.9, .top5 = 93.7, .depth = 159, .parameters = 23'851'784, .build = zoo::inception_v3},
      {.name = "inception_resnet_v2", .title = "InceptionResNetV2", .input_size = 299, .minimum_size = 75, .top1 = 80.3, .top5 = 95.3, .depth = 572, .parameters = 55'873'736, .build = zoo::inception_resnet_v2},
      {.name = "xception", .title = "Xception", .input_size = 299, .minimum_size = 71, .top1 = 79.0, .top5 = 94.5, .depth = 126, .parameters = 22'910'480, .build = zoo::xception},
      {.name = "densenet121", .title = "DenseNet121", .preprocessing = "torch", .top1 = 75.0, .top5 = 92.3, .depth = 121, .parameters = 8'062'504, .build = zoo::densenet121},
      {.name = "densenet169", .title = "DenseNet169", .preprocessing = "torch", .top1 = 76.2, .top5 = 93.2, .depth = 169, .parameters = 14'307'880, .build = zoo::densenet169},
      {.name = "densenet201", .title = "DenseNet201", .preprocessing = "torch", .top1 = 77.3, .top5 = 93.6, .depth = 201, .parameters = 20'242'984, .build = zoo::densenet201},

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
