// Every function that builds a network, one file a family.
#pragma once

#include "headstart/zoo.h"

namespace headstart::zoo {

// small_cnns.cpp
Graph cnn_28(const ArchitectureOptions& options);
Graph cnn_150(const ArchitectureOptions& options);
Graph cnn_150_dropout(const ArchitectureOptions& options);
Graph lenet5(const ArchitectureOptions& options);

// vgg.cpp
Graph vgg16(const ArchitectureOptions& options);
Graph vgg19(const ArchitectureOptions& options);

// mobilenet.cpp
Graph mobilenet(const ArchitectureOptions& options);
Graph mobilenet_v2(const ArchitectureOptions& options);

// mobilenet_v3_keras.cpp
Graph mobilenet_v3_large(const ArchitectureOptions& options);
Graph mobilenet_v3_small(const ArchitectureOptions& options);

// resnet_keras.cpp
Graph resnet50(const ArchitectureOptions& options);
Graph resnet101(const ArchitectureOptions& options);
Graph resnet152(const ArchitectureOptions& options);
Graph resnet50_v2(const ArchitectureOptions& options);
Graph resnet101_v2(const ArchitectureOptions& options);
Graph resnet152_v2(const ArchitectureOptions& options);

// inception_v3_keras.cpp
Graph inception_v3(const ArchitectureOptions& options);

// inception_resnet_v2.cpp
Graph inception_resnet_v2(const ArchitectureOptions& options);

// xception.cpp
Graph xception(const ArchitectureOptions& options);

// densenet_keras.cpp
Graph densenet121(const ArchitectureOptions& options);
Graph densenet169(const ArchitectureOptions& options);
Graph densenet201(const ArchitectureOptions& options);

// efficientnet_keras.cpp
Graph efficientnet_b0(const ArchitectureOptions& options);
Graph efficientnet_b1(const ArchitectureOptions& options);
Graph efficientnet_b2(const ArchitectureOptions& options);
Graph efficientnet_b3(const ArchitectureOptions& options);
Graph efficientnet_b4(const ArchitectureOptions& options);
Graph efficientnet_b5(const ArchitectureOptions& options);
Graph efficientnet_b6(const ArchitectureOptions& options);
Graph efficientnet_b7(const ArchitectureOptions& options);
Graph efficientnet_v2_b0(const ArchitectureOptions& options);
Graph efficientnet_v2_b1(const ArchitectureOptions& options);
Graph efficientnet_v2_b2(const ArchitectureOptions& options);
Graph efficientnet_v2_b3(const ArchitectureOptions& options);
Graph efficientnet_v2_s(const ArchitectureOptions& options);
Graph efficientnet_v2_m(const ArchitectureOptions& options);
Graph efficientnet_v2_l(const ArchitectureOptions& options);

// convnext_keras.cpp
Graph convnext_tiny(const ArchitectureOptions& options);
Graph convnext_small(const ArchitectureOptions& options);
Graph convnext_base(const ArchitectureOptions& options);
Graph convnext_large(const ArchitectureOptions& options);
Graph convnext_xlarge(const ArchitectureOptions& options);

// nasnet.cpp
Graph nasnet_mobile(const ArchitectureOptions& options);
Graph nasnet_large(const ArchitectureOptions& options);

// bn_inception.cpp
Graph inception_v2(const ArchitectureOptions& options);

// inception_v4.cpp
Graph inception_v4(const ArchitectureOptions& options);

// squeezenet.cpp
Graph squeezenet(const ArchitectureOptions& options);
Graph squeezenet1_0(const ArchitectureOptions& options);
Graph squeezenet1_1(const ArchitectureOptions& options);

// vgg_torch.cpp
Graph alexnet(const ArchitectureOptions& options);
Graph torch_vgg11(const ArchitectureOptions& options);
Graph torch_vgg13(const ArchitectureOptions& options);
Graph torch_vgg16(const ArchitectureOptions& options);
Graph torch_vgg19(const ArchitectureOptions& options);
Graph torch_vgg11_bn(const ArchitectureOptions& options);
Graph torch_vgg13_bn(const ArchitectureOptions& options);
Graph torch_vgg16_bn(const ArchitectureOptions& options);
Graph torch_vgg19_bn(const ArchitectureOptions& options);

// googlenet.cpp
Graph googlenet(const ArchitectureOptions& options);

// inception_v3_torch.cpp
Graph torch_inception_v3(const ArchitectureOptions& options);

// resnet_torch.cpp
Graph torch_resnet18(const ArchitectureOptions& options);
Graph torch_resnet34(const ArchitectureOptions& options);
Graph torch_resnet50(const ArchitectureOptions& options);
Graph torch_resnet101(const ArchitectureOptions& options);
Graph torch_resnet152(const ArchitectureOptions& options);
Graph resnext50_32x4d(const ArchitectureOptions& options);
Graph resnext101_32x8d(const ArchitectureOptions& options);
Graph resnext101_64x4d(const ArchitectureOptions& options);
Graph wide_resnet50_2(const ArchitectureOptions& options);
Graph wide_resnet101_2(const ArchitectureOptions& options);

// densenet_torch.cpp
Graph torch_densenet121(const ArchitectureOptions& options);
Graph torch_densenet161(const ArchitectureOptions& options);
Graph torch_densenet169(const ArchitectureOptions& options);
Graph torch_densenet201(const ArchitectureOptions& options);

// mobilenet_torch.cpp
Graph torch_mobilenet_v2(const ArchitectureOptions& options);
Graph torch_mobilenet_v3_large(const ArchitectureOptions& options);
Graph torch_mobilenet_v3_small(const ArchitectureOptions& options);

// efficientnet_torch.cpp
Graph torch_efficientnet_b0(const ArchitectureOptions& options);
Graph torch_efficientnet_b1(const ArchitectureOptions& options);
Graph torch_efficientnet_b2(const ArchitectureOptions& options);
Graph torch_efficientnet_b3(const ArchitectureOptions& options);
Graph torch_efficientnet_b4(const ArchitectureOptions& options);
Graph torch_efficientnet_b5(const ArchitectureOptions& options);
Graph torch_efficientnet_b6(const ArchitectureOptions& options);
Graph torch_efficientnet_b7(const ArchitectureOptions& options);
Graph torch_efficientnet_v2_s(const ArchitectureOptions& options);
Graph torch_efficientnet_v2_m(const ArchitectureOptions& options);
Graph torch_efficientnet_v2_l(const ArchitectureOptions& options);

// mnasnet.cpp
Graph mnasnet0_5(const ArchitectureOptions& options);
Graph mnasnet0_75(const ArchitectureOptions& options);
Graph mnasnet1_0(const ArchitectureOptions& options);
Graph mnasnet1_3(const ArchitectureOptions& options);

// shufflenet_v2.cpp
Graph shufflenet_v2_x0_5(const ArchitectureOptions& options);
Graph shufflenet_v2_x1_0(const ArchitectureOptions& options);
Graph shufflenet_v2_x1_5(const ArchitectureOptions& options);
Graph shufflenet_v2_x2_0(const ArchitectureOptions& options);

// convnext_torch.cpp
Graph torch_convnext_tiny(const ArchitectureOptions& options);
Graph torch_convnext_small(const ArchitectureOptions& options);
Graph torch_convnext_base(const ArchitectureOptions& options);
Graph torch_convnext_large(const ArchitectureOptions& options);

// vision_transformer.cpp
Graph vit_b_16(const ArchitectureOptions& options);
Graph vit_b_32(const ArchitectureOptions& options);
Graph vit_l_16(const ArchitectureOptions& options);
Graph vit_l_32(const ArchitectureOptions& options);
Graph vit_tiny_patch16_224(const ArchitectureOptions& options);
Graph vit_small_patch16_224(const ArchitectureOptions& options);

// swin.cpp
Graph swin_t(const ArchitectureOptions& options);
Graph swin_s(const ArchitectureOptions& options);
Graph swin_b(const ArchitectureOptions& options);

// resnet_cifar.cpp
Graph resnet20_cifar(const ArchitectureOptions& options);
Graph resnet32_cifar(const ArchitectureOptions& options);
Graph resnet44_cifar(const ArchitectureOptions& options);
Graph resnet56_cifar(const ArchitectureOptions& options);

}  // namespace headstart::zoo
