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

// squeezenet.cpp
Graph squeezenet(const ArchitectureOptions& options);
Graph squeezenet1_0(const ArchitectureOptions& options);
Graph squeezenet1_1(const ArchitectureOptions& options);

// resnet_cifar.cpp
Graph resnet20_cifar(const ArchitectureOptions& options);
Graph resnet32_cifar(const ArchitectureOptions& options);
Graph resnet44_cifar(const ArchitectureOptions& options);
Graph resnet56_cifar(const ArchitectureOptions& options);

}  // namespace headstart::zoo
