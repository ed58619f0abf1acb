// The networks, a line each. A name that two flavours have stands first for Keras.
#include "headstart/zoo.h"
#include "zoo/families.h"

namespace headstart {

// Published figures: Keras's and torchvision's tables; torchvision's first weights; timm's results table for
// its networks. Inception v3 is counted without its auxiliary classifier (27,161,264 with). torchvision's
// GoogLeNet and Inception v3 remap their input to what "tf" gives. EfficientNetB0 to B7 count
// a scalar of Keras's Normalization that we do not have. Inception v2 and v4: Cadene's figures; the port's
// mean of red is 128 where "caffe" has 123.68.
// clang-format off
const std::vector<Architecture>& architectures() {  // NOLINT(readability-function-size): it is one table
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

      {.name = "mobilenet_v3_large", .title = "MobileNetV3Large", .preprocessing = "none", .top1 = 75.6, .parameters = 5'507'432, .alphas = {0.75, 1.0}, .build = zoo::mobilenet_v3_large},
      {.name = "mobilenet_v3_small", .title = "MobileNetV3Small", .preprocessing = "none", .top1 = 68.1, .parameters = 2'554'968, .alphas = {0.75, 1.0}, .build = zoo::mobilenet_v3_small},
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
      {.name = "efficientnet_b0", .title = "EfficientNetB0", .preprocessing = "none", .top1 = 77.1, .top5 = 93.3, .parameters = 5'330'571, .build = zoo::efficientnet_b0},
      {.name = "efficientnet_b1", .title = "EfficientNetB1", .input_size = 240, .preprocessing = "none", .top1 = 79.1, .top5 = 94.4, .parameters = 7'856'239, .build = zoo::efficientnet_b1},
      {.name = "efficientnet_b2", .title = "EfficientNetB2", .input_size = 260, .preprocessing = "none", .top1 = 80.1, .top5 = 94.9, .parameters = 9'177'569, .build = zoo::efficientnet_b2},
      {.name = "efficientnet_b3", .title = "EfficientNetB3", .input_size = 300, .preprocessing = "none", .top1 = 81.6, .top5 = 95.7, .parameters = 12'320'535, .build = zoo::efficientnet_b3},
      {.name = "efficientnet_b4", .title = "EfficientNetB4", .input_size = 380, .preprocessing = "none", .top1 = 82.9, .top5 = 96.4, .parameters = 19'466'823, .build = zoo::efficientnet_b4},
      {.name = "efficientnet_b5", .title = "EfficientNetB5", .input_size = 456, .preprocessing = "none", .top1 = 83.6, .top5 = 96.7, .parameters = 30'562'527, .build = zoo::efficientnet_b5},
      {.name = "efficientnet_b6", .title = "EfficientNetB6", .input_size = 528, .preprocessing = "none", .top1 = 84.0, .top5 = 96.8, .parameters = 43'265'143, .build = zoo::efficientnet_b6},
      {.name = "efficientnet_b7", .title = "EfficientNetB7", .input_size = 600, .preprocessing = "none", .top1 = 84.3, .top5 = 97.0, .parameters = 66'658'687, .build = zoo::efficientnet_b7},
      {.name = "efficientnet_v2_b0", .title = "EfficientNetV2B0", .preprocessing = "none", .top1 = 78.7, .top5 = 94.3, .parameters = 7'200'312, .build = zoo::efficientnet_v2_b0},
      {.name = "efficientnet_v2_b1", .title = "EfficientNetV2B1", .input_size = 240, .preprocessing = "none", .top1 = 79.8, .top5 = 95.0, .parameters = 8'212'124, .build = zoo::efficientnet_v2_b1},
      {.name = "efficientnet_v2_b2", .title = "EfficientNetV2B2", .input_size = 260, .preprocessing = "none", .top1 = 80.5, .top5 = 95.1, .parameters = 10'178'374, .build = zoo::efficientnet_v2_b2},
      {.name = "efficientnet_v2_b3", .title = "EfficientNetV2B3", .input_size = 300, .preprocessing = "none", .top1 = 82.0, .top5 = 95.8, .parameters = 14'467'622, .build = zoo::efficientnet_v2_b3},
      {.name = "efficientnet_v2_s", .title = "EfficientNetV2S", .input_size = 384, .preprocessing = "none", .top1 = 83.9, .top5 = 96.7, .parameters = 21'612'360, .build = zoo::efficientnet_v2_s},
      {.name = "efficientnet_v2_m", .title = "EfficientNetV2M", .input_size = 480, .preprocessing = "none", .top1 = 85.3, .top5 = 97.4, .parameters = 54'431'388, .build = zoo::efficientnet_v2_m},
      {.name = "efficientnet_v2_l", .title = "EfficientNetV2L", .input_size = 480, .preprocessing = "none", .top1 = 85.7, .top5 = 97.5, .parameters = 119'027'848, .build = zoo::efficientnet_v2_l},
      {.name = "convnext_tiny", .title = "ConvNeXtTiny", .preprocessing = "none", .top1 = 81.3, .parameters = 28'589'128, .build = zoo::convnext_tiny},
      {.name = "convnext_small", .title = "ConvNeXtSmall", .preprocessing = "none", .top1 = 82.3, .parameters = 50'223'688, .build = zoo::convnext_small},
      {.name = "convnext_base", .title = "ConvNeXtBase", .preprocessing = "none", .top1 = 85.3, .parameters = 88'591'464, .build = zoo::convnext_base},
      {.name = "convnext_large", .title = "ConvNeXtLarge", .preprocessing = "none", .top1 = 86.3, .parameters = 197'767'336, .build = zoo::convnext_large},
      {.name = "convnext_xlarge", .title = "ConvNeXtXLarge", .preprocessing = "none", .top1 = 86.7, .parameters = 350'196'968, .build = zoo::convnext_xlarge},
      {.name = "nasnet_mobile", .title = "NASNetMobile", .top1 = 74.4, .top5 = 91.9, .parameters = 5'326'716, .build = zoo::nasnet_mobile},
      {.name = "nasnet_large", .title = "NASNetLarge", .input_size = 331, .top1 = 82.5, .top5 = 96.0, .parameters = 88'949'818, .build = zoo::nasnet_large},

      {.name = "squeezenet", .title = "SqueezeNet 1.1", .input_size = 227, .minimum_size = 48, .preprocessing = "caffe", .parameters = 1'235'496, .build = zoo::squeezenet},
      {.name = "squeezenet1_0", .title = "SqueezeNet 1.0", .flavour = torch, .minimum_size = 21, .preprocessing = "torch", .resize_to = 256, .top1 = 58.092, .top5 = 80.420, .parameters = 1'248'424, .build = zoo::squeezenet1_0},
      {.name = "squeezenet1_1", .title = "SqueezeNet 1.1", .flavour = torch, .minimum_size = 17, .preprocessing = "torch", .resize_to = 256, .top1 = 58.178, .top5 = 80.624, .parameters = 1'235'496, .build = zoo::squeezenet1_1},

      {.name = "alexnet", .title = "AlexNet", .flavour = torch, .minimum_size = 63, .preprocessing = "torch", .resize_to = 256, .top1 = 56.522, .top5 = 79.066, .parameters = 61'100'840, .build = zoo::alexnet},

      {.name = "vgg11", .title = "VGG11", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 69.02, .top5 = 88.628, .parameters = 132'863'336, .build = zoo::torch_vgg11},
      {.name = "vgg13", .title = "VGG13", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 69.928, .top5 = 89.246, .parameters = 133'047'848, .build = zoo::torch_vgg13},
      {.name = "vgg16", .title = "VGG16", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 71.592, .top5 = 90.382, .parameters = 138'357'544, .build = zoo::torch_vgg16},
      {.name = "vgg19", .title = "VGG19", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 72.376, .top5 = 90.876, .parameters = 143'667'240, .build = zoo::torch_vgg19},
      {.name = "vgg11_bn", .title = "VGG11 with BN", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 70.37, .top5 = 89.81, .parameters = 132'868'840, .build = zoo::torch_vgg11_bn},
      {.name = "vgg13_bn", .title = "VGG13 with BN", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 71.586, .top5 = 90.374, .parameters = 133'053'736, .build = zoo::torch_vgg13_bn},
      {.name = "vgg16_bn", .title = "VGG16 with BN", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 73.36, .top5 = 91.516, .parameters = 138'365'992, .build = zoo::torch_vgg16_bn},
      {.name = "vgg19_bn", .title = "VGG19 with BN", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 74.218, .top5 = 91.842, .parameters = 143'678'248, .build = zoo::torch_vgg19_bn},

      {.name = "googlenet", .title = "GoogLeNet", .flavour = torch, .resize_to = 256, .top1 = 69.778, .top5 = 89.53, .parameters = 6'624'904, .build = zoo::googlenet},
      {.name = "inception_v2", .title = "Inception v2 (BN-Inception)", .flavour = torch, .preprocessing = "caffe", .resize_to = 256, .top1 = 73.522, .top5 = 91.56, .parameters = 11'295'240, .build = zoo::inception_v2},
      {.name = "inception_v4", .title = "Inception v4", .flavour = torch, .input_size = 299, .minimum_size = 75, .kernel = ResizeKernel::bicubic_aa, .resize_to = 342, .top1 = 80.062, .top5 = 94.926, .parameters = 42'679'816, .build = zoo::inception_v4},
      {.name = "inception_v3", .title = "Inception v3", .flavour = torch, .input_size = 299, .minimum_size = 75, .resize_to = 342, .top1 = 77.294, .top5 = 93.45, .parameters = 23'834'568, .build = zoo::torch_inception_v3},

      {.name = "resnet18", .title = "ResNet-18", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 69.758, .top5 = 89.078, .parameters = 11'689'512, .build = zoo::torch_resnet18},
      {.name = "resnet34", .title = "ResNet-34", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 73.314, .top5 = 91.42, .parameters = 21'797'672, .build = zoo::torch_resnet34},
      {.name = "resnet50", .title = "ResNet-50", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 76.13, .top5 = 92.862, .parameters = 25'557'032, .build = zoo::torch_resnet50},
      {.name = "resnet101", .title = "ResNet-101", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 77.374, .top5 = 93.546, .parameters = 44'549'160, .build = zoo::torch_resnet101},
      {.name = "resnet152", .title = "ResNet-152", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 78.312, .top5 = 94.046, .parameters = 60'192'808, .build = zoo::torch_resnet152},
      {.name = "resnext50_32x4d", .title = "ResNeXt-50 32x4d", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 77.618, .top5 = 93.698, .parameters = 25'028'904, .build = zoo::resnext50_32x4d},
      {.name = "resnext101_32x8d", .title = "ResNeXt-101 32x8d", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 79.312, .top5 = 94.526, .parameters = 88'791'336, .build = zoo::resnext101_32x8d},
      {.name = "resnext101_64x4d", .title = "ResNeXt-101 64x4d", .flavour = torch, .preprocessing = "torch", .resize_to = 232, .top1 = 83.246, .top5 = 96.454, .parameters = 83'455'272, .build = zoo::resnext101_64x4d},
      {.name = "wide_resnet50_2", .title = "Wide ResNet-50-2", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 78.468, .top5 = 94.086, .parameters = 68'883'240, .build = zoo::wide_resnet50_2},
      {.name = "wide_resnet101_2", .title = "Wide ResNet-101-2", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 78.848, .top5 = 94.284, .parameters = 126'886'696, .build = zoo::wide_resnet101_2},

      {.name = "densenet121", .title = "DenseNet-121", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 74.434, .top5 = 91.972, .parameters = 7'978'856, .build = zoo::torch_densenet121},
      {.name = "densenet161", .title = "DenseNet-161", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 77.138, .top5 = 93.56, .parameters = 28'681'000, .build = zoo::torch_densenet161},
      {.name = "densenet169", .title = "DenseNet-169", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 75.6, .top5 = 92.806, .parameters = 14'149'480, .build = zoo::torch_densenet169},
      {.name = "densenet201", .title = "DenseNet-201", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 76.896, .top5 = 93.37, .parameters = 20'013'928, .build = zoo::torch_densenet201},

      {.name = "mobilenet_v2", .title = "MobileNetV2", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 71.878, .top5 = 90.286, .parameters = 3'504'872, .alphas = {1.0}, .build = zoo::torch_mobilenet_v2},
      {.name = "mobilenet_v3_large", .title = "MobileNetV3 Large", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 74.042, .top5 = 91.34, .parameters = 5'483'032, .alphas = {1.0}, .build = zoo::torch_mobilenet_v3_large},
      {.name = "mobilenet_v3_small", .title = "MobileNetV3 Small", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 67.668, .top5 = 87.402, .parameters = 2'542'856, .alphas = {1.0}, .build = zoo::torch_mobilenet_v3_small},

      {.name = "efficientnet_b0", .title = "EfficientNet-B0", .flavour = torch, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 256, .top1 = 77.692, .top5 = 93.532, .parameters = 5'288'548, .build = zoo::torch_efficientnet_b0},
      {.name = "efficientnet_b1", .title = "EfficientNet-B1", .flavour = torch, .input_size = 240, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 256, .top1 = 78.642, .top5 = 94.186, .parameters = 7'794'184, .build = zoo::torch_efficientnet_b1},
      {.name = "efficientnet_b2", .title = "EfficientNet-B2", .flavour = torch, .input_size = 288, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 288, .top1 = 80.608, .top5 = 95.31, .parameters = 9'109'994, .build = zoo::torch_efficientnet_b2},
      {.name = "efficientnet_b3", .title = "EfficientNet-B3", .flavour = torch, .input_size = 300, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 320, .top1 = 82.008, .top5 = 96.054, .parameters = 12'233'232, .build = zoo::torch_efficientnet_b3},
      {.name = "efficientnet_b4", .title = "EfficientNet-B4", .flavour = torch, .input_size = 380, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 384, .top1 = 83.384, .top5 = 96.594, .parameters = 19'341'616, .build = zoo::torch_efficientnet_b4},
      {.name = "efficientnet_b5", .title = "EfficientNet-B5", .flavour = torch, .input_size = 456, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 456, .top1 = 83.444, .top5 = 96.628, .parameters = 30'389'784, .build = zoo::torch_efficientnet_b5},
      {.name = "efficientnet_b6", .title = "EfficientNet-B6", .flavour = torch, .input_size = 528, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 528, .top1 = 84.008, .top5 = 96.916, .parameters = 43'040'704, .build = zoo::torch_efficientnet_b6},
      {.name = "efficientnet_b7", .title = "EfficientNet-B7", .flavour = torch, .input_size = 600, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 600, .top1 = 84.122, .top5 = 96.908, .parameters = 66'347'960, .build = zoo::torch_efficientnet_b7},
      {.name = "efficientnet_v2_s", .title = "EfficientNetV2-S", .flavour = torch, .input_size = 384, .minimum_size = 33, .preprocessing = "torch", .resize_to = 384, .top1 = 84.228, .top5 = 96.878, .parameters = 21'458'488, .build = zoo::torch_efficientnet_v2_s},
      {.name = "efficientnet_v2_m", .title = "EfficientNetV2-M", .flavour = torch, .input_size = 480, .minimum_size = 33, .preprocessing = "torch", .resize_to = 480, .top1 = 85.112, .top5 = 97.156, .parameters = 54'139'356, .build = zoo::torch_efficientnet_v2_m},
      {.name = "efficientnet_v2_l", .title = "EfficientNetV2-L", .flavour = torch, .input_size = 480, .minimum_size = 33, .kernel = ResizeKernel::bicubic_aa, .resize_to = 480, .top1 = 85.808, .top5 = 97.788, .parameters = 118'515'272, .build = zoo::torch_efficientnet_v2_l},

      {.name = "mnasnet0_5", .title = "MNASNet 0.5", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 67.734, .top5 = 87.49, .parameters = 2'218'512, .build = zoo::mnasnet0_5},
      {.name = "mnasnet0_75", .title = "MNASNet 0.75", .flavour = torch, .preprocessing = "torch", .resize_to = 232, .top1 = 71.18, .top5 = 90.496, .parameters = 3'170'208, .build = zoo::mnasnet0_75},
      {.name = "mnasnet1_0", .title = "MNASNet 1.0", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 73.456, .top5 = 91.51, .parameters = 4'383'312, .build = zoo::mnasnet1_0},
      {.name = "mnasnet1_3", .title = "MNASNet 1.3", .flavour = torch, .preprocessing = "torch", .resize_to = 232, .top1 = 76.506, .top5 = 93.522, .parameters = 6'282'256, .build = zoo::mnasnet1_3},

      {.name = "shufflenet_v2_x0_5", .title = "ShuffleNetV2 x0.5", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 60.552, .top5 = 81.746, .parameters = 1'366'792, .build = zoo::shufflenet_v2_x0_5},
      {.name = "shufflenet_v2_x1_0", .title = "ShuffleNetV2 x1.0", .flavour = torch, .preprocessing = "torch", .resize_to = 256, .top1 = 69.362, .top5 = 88.316, .parameters = 2'278'604, .build = zoo::shufflenet_v2_x1_0},
      {.name = "shufflenet_v2_x1_5", .title = "ShuffleNetV2 x1.5", .flavour = torch, .preprocessing = "torch", .resize_to = 232, .top1 = 72.996, .top5 = 91.086, .parameters = 3'503'624, .build = zoo::shufflenet_v2_x1_5},
      {.name = "shufflenet_v2_x2_0", .title = "ShuffleNetV2 x2.0", .flavour = torch, .preprocessing = "torch", .resize_to = 232, .top1 = 76.23, .top5 = 93.006, .parameters = 7'393'996, .build = zoo::shufflenet_v2_x2_0},

      {.name = "convnext_tiny", .title = "ConvNeXt Tiny", .flavour = torch, .preprocessing = "torch", .resize_to = 236, .top1 = 82.52, .top5 = 96.146, .parameters = 28'589'128, .build = zoo::torch_convnext_tiny},
      {.name = "convnext_small", .title = "ConvNeXt Small", .flavour = torch, .preprocessing = "torch", .resize_to = 230, .top1 = 83.616, .top5 = 96.65, .parameters = 50'223'688, .build = zoo::torch_convnext_small},
      {.name = "convnext_base", .title = "ConvNeXt Base", .flavour = torch, .preprocessing = "torch", .resize_to = 232, .top1 = 84.062, .top5 = 96.87, .parameters = 88'591'464, .build = zoo::torch_convnext_base},
      {.name = "convnext_large", .title = "ConvNeXt Large", .flavour = torch, .preprocessing = "torch", .resize_to = 232, .top1 = 84.414, .top5 = 96.976, .parameters = 197'767'336, .build = zoo::torch_convnext_large},

      {.name = "vit_b_16", .title = "ViT-B/16", .flavour = torch, .minimum_size = 16, .preprocessing = "torch", .resize_to = 256, .top1 = 81.072, .top5 = 95.318, .parameters = 86'567'656, .build = zoo::vit_b_16},
      {.name = "vit_b_32", .title = "ViT-B/32", .flavour = torch, .minimum_size = 32, .preprocessing = "torch", .resize_to = 256, .top1 = 75.912, .top5 = 92.466, .parameters = 88'224'232, .build = zoo::vit_b_32},
      {.name = "vit_l_16", .title = "ViT-L/16", .flavour = torch, .minimum_size = 16, .preprocessing = "torch", .resize_to = 242, .top1 = 79.662, .top5 = 94.638, .parameters = 304'326'632, .build = zoo::vit_l_16},
      {.name = "vit_l_32", .title = "ViT-L/32", .flavour = torch, .minimum_size = 32, .preprocessing = "torch", .resize_to = 256, .top1 = 76.972, .top5 = 93.07, .parameters = 306'535'400, .build = zoo::vit_l_32},
      {.name = "vit_tiny_patch16_224", .title = "ViT-Ti/16 (timm)", .flavour = torch, .minimum_size = 16, .kernel = ResizeKernel::bicubic_aa, .resize_to = 248, .top1 = 75.454, .top5 = 92.844, .parameters = 5'717'416, .build = zoo::vit_tiny_patch16_224},
      {.name = "vit_small_patch16_224", .title = "ViT-S/16 (timm)", .flavour = torch, .minimum_size = 16, .kernel = ResizeKernel::bicubic_aa, .resize_to = 248, .top1 = 81.384, .top5 = 96.136, .parameters = 22'050'664, .build = zoo::vit_small_patch16_224},

      {.name = "swin_t", .title = "Swin-T", .flavour = torch, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 232, .top1 = 81.474, .top5 = 95.776, .parameters = 28'288'354, .build = zoo::swin_t},
      {.name = "swin_s", .title = "Swin-S", .flavour = torch, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 246, .top1 = 83.196, .top5 = 96.36, .parameters = 49'606'258, .build = zoo::swin_s},
      {.name = "swin_b", .title = "Swin-B", .flavour = torch, .preprocessing = "torch", .kernel = ResizeKernel::bicubic_aa, .resize_to = 238, .top1 = 83.582, .top5 = 96.64, .parameters = 87'768'224, .build = zoo::swin_b},

      {.name = "resnet20_cifar", .title = "ResNet-20 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 269'722, .build = zoo::resnet20_cifar},
      {.name = "resnet32_cifar", .title = "ResNet-32 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 464'154, .build = zoo::resnet32_cifar},
      {.name = "resnet44_cifar", .title = "ResNet-44 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 658'586, .build = zoo::resnet44_cifar},
      {.name = "resnet56_cifar", .title = "ResNet-56 (CIFAR)", .flavour = torch, .input_size = 32, .minimum_size = 4, .classes = 10, .preprocessing = "torch", .parameters = 853'018, .build = zoo::resnet56_cifar},
  };
  return table;
}
// clang-format on

}  // namespace headstart
