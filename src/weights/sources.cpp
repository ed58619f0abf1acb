// The official ImageNet weights of the zoo's networks: one table of what Keras and torchvision publish.
#include <array>
#include <cmath>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "headstart/weights.h"

namespace headstart {
namespace {

constexpr std::string_view kKeras = "https://storage.googleapis.com/tensorflow/keras-applications";
constexpr std::string_view kTorch = "https://download.pytorch.org/models";

struct KerasRow {
  std::string_view name, folder, file;  // file: without "_weights_tf_dim_ordering_tf_kernels..."
  std::string_view checksum, checksum_no_top;
};

// Folders, names and MD5 sums as in keras/applications.
constexpr KerasRow kKerasRows[] = {
    {"vgg16", "vgg16", "vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"},
    {"vgg19", "vgg19", "vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"},
    {"resnet50", "resnet", "resnet50", "2cb95161c43110f7111970584f804107",
     "4d473c1dd8becc155b73f8504c6f6626"},
    {"resnet101", "resnet", "resnet101", "f1aeb4b969a6efcfb50fad2f0c20cfc5",
     "88cf7a10940856eca736dc7b7e228a21"},
    {"resnet152", "resnet", "resnet152", "100835be76be38e30d865e96f2aaae62",
     "ee4c566cf9a93f14d82f913c2dc6dd0c"},
    {"resnet50_v2", "resnet", "resnet50v2", "3ef43a0b657b3be2300d5770ece849e0",
     "fac2f116257151a9d068a22e544a4917"},
    {"resnet101_v2", "resnet", "resnet101v2", "6343647c601c52e1368623803854d971",
     "c0ed64b8031c3730f411d2eb4eea35b5"},
    {"resnet152_v2", "resnet", "resnet152v2", "a49b44d1979771252814e80f8ec446f9",
     "ed17cf2e0169df9d443503ef94b23b33"},
    {"inception_v3", "inception_v3", "inception_v3", "9a0d58056eeedaa3f26cb7ebd46da564",
     "bcbd6486424b2319ff4ef7d526e38f63"},
    {"inception_resnet_v2", "inception_resnet_v2", "inception_resnet_v2", "e693bd0210a403b3192acc6073ad2e96",
     "d19885ff4a710c122648d3b5c3b684e4"},
    {"xception", "xception", "xception", "0a58e3b7378bc2990ea3b43d5981f1f6",
     "b0042744bf5b25fce3cb969f33bebb97"},
    {"densenet121", "densenet", "densenet121", "9d60b8095a5708f2dcce2bca79d332c7",
     "30ee3e1110167f948a6b9946edeeb738"},
    {"densenet169", "densenet", "densenet169", "d699b8f76981ab1b30698df4c175e90b",
     "b8c4d4c20dd625c148057b9ff1c1176b"},
    {"densenet201", "densenet", "densenet201", "1ceb130c1ea1b78c3bf6114dbdfd8807",
     "c13680b51ded0fb44dff2d8f86ac8bb1"},
};

struct BareRow {
  std::string_view name, folder, file, file_no_top, checksum, checksum_no_top;
  std::string_view kept{}, kept_no_top{};  // Keras's names in its cache, where they are others
};

// Those whose files are called otherwise: MD5 or SHA-256.
constexpr std::string_view kKerasApplications = "https://storage.googleapis.com/keras-applications";
constexpr BareRow kBareRows[] = {
    {"efficientnet_b0", "", "efficientnetb0.h5", "efficientnetb0_notop.h5",
     "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"},
    {"efficientnet_b1", "", "efficientnetb1.h5", "efficientnetb1_notop.h5",
     "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"},
    {"efficientnet_b2", "", "efficientnetb2.h5", "efficientnetb2_notop.h5",
     "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"},
    {"efficientnet_b3", "", "efficientnetb3.h5", "efficientnetb3_notop.h5",
     "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"},
    {"efficientnet_b4", "", "efficientnetb4.h5", "efficientnetb4_notop.h5",
     "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"},
    {"efficientnet_b5", "", "efficientnetb5.h5", "efficientnetb5_notop.h5",
     "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"},
    {"efficientnet_b6", "", "efficientnetb6.h5", "efficientnetb6_notop.h5",
     "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"},
    {"efficientnet_b7", "", "efficientnetb7.h5", "efficientnetb7_notop.h5",
     "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"},
    {"efficientnet_v2_b0", "efficientnet_v2", "efficientnetv2-b0.h5", "efficientnetv2-b0_notop.h5",
     "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"},
    {"efficientnet_v2_b1", "efficientnet_v2", "efficientnetv2-b1.h5", "efficientnetv2-b1_notop.h5",
     "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"},
    {"efficientnet_v2_b2", "efficientnet_v2", "efficientnetv2-b2.h5", "efficientnetv2-b2_notop.h5",
     "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"},
    {"efficientnet_v2_b3", "efficientnet_v2", "efficientnetv2-b3.h5", "efficientnetv2-b3_notop.h5",
     "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"},
    {"efficientnet_v2_s", "efficientnet_v2", "efficientnetv2-s.h5", "efficientnetv2-s_notop.h5",
     "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"},
    {"efficientnet_v2_m", "efficientnet_v2", "efficientnetv2-m.h5", "efficientnetv2-m_notop.h5",
     "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"},
    {"efficientnet_v2_l", "efficientnet_v2", "efficientnetv2-l.h5", "efficientnetv2-l_notop.h5",
     "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"},
    {"convnext_tiny", "convnext", "convnext_tiny.h5", "convnext_tiny_notop.h5",
     "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
     "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"},
    {"convnext_small", "convnext", "convnext_small.h5", "convnext_small_notop.h5",
     "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
     "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab"},
    {"convnext_base", "convnext", "convnext_base.h5", "convnext_base_notop.h5",
     "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
     "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45"},
    {"convnext_large", "convnext", "convnext_large.h5", "convnext_large_notop.h5",
     "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
     "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd"},
    {"convnext_xlarge", "convnext", "convnext_xlarge.h5", "convnext_xlarge_notop.h5",
     "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
     "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05"},
    {"nasnet_mobile", "nasnet", "NASNet-mobile.h5", "NASNet-mobile-no-top.h5",
     "020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63", "nasnet_mobile.h5",
     "nasnet_mobile_no_top.h5"},
    {"nasnet_large", "nasnet", "NASNet-large.h5", "NASNet-large-no-top.h5",
     "11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5", "nasnet_large.h5",
     "nasnet_large_no_top.h5"},
};

struct TorchRow {
  std::string_view name,
      file;  // the eight or ten digits behind the last dash are the beginning of the SHA-256
};

// The first weights of each, as in torchvision/models.
constexpr TorchRow kTorchRows[] = {
    {"alexnet", "alexnet-owt-7be5be79.pth"},
    {"vgg11", "vgg11-8a719046.pth"},
    {"vgg13", "vgg13-19584684.pth"},
    {"vgg16", "vgg16-397923af.pth"},
    {"vgg19", "vgg19-dcbb9e9d.pth"},
    {"vgg11_bn", "vgg11_bn-6002323d.pth"},
    {"vgg13_bn", "vgg13_bn-abd245e5.pth"},
    {"vgg16_bn", "vgg16_bn-6c64b313.pth"},
    {"vgg19_bn", "vgg19_bn-c79401a0.pth"},
    {"googlenet", "googlenet-1378be20.pth"},
    {"inception_v3", "inception_v3_google-0cc3c7bd.pth"},
    {"resnet18", "resnet18-f37072fd.pth"},
    {"resnet34", "resnet34-b627a593.pth"},
    {"resnet50", "resnet50-0676ba61.pth"},
    {"resnet101", "resnet101-63fe2227.pth"},
    {"resnet152", "resnet152-394f9c45.pth"},
    {"resnext50_32x4d", "resnext50_32x4d-7cdf4587.pth"},
    {"resnext101_32x8d", "resnext101_32x8d-8ba56ff5.pth"},
    {"resnext101_64x4d", "resnext101_64x4d-173b62eb.pth"},
    {"wide_resnet50_2", "wide_resnet50_2-95faca4d.pth"},
    {"wide_resnet101_2", "wide_resnet101_2-32ee1156.pth"},
    {"densenet121", "densenet121-a639ec97.pth"},
    {"densenet161", "densenet161-8d451a50.pth"},
    {"densenet169", "densenet169-b2777c0a.pth"},
    {"densenet201", "densenet201-c1103571.pth"},
    {"mobilenet_v2", "mobilenet_v2-b0353104.pth"},
    {"mobilenet_v3_large", "mobilenet_v3_large-8738ca79.pth"},
    {"mobilenet_v3_small", "mobilenet_v3_small-047dcff4.pth"},
    {"efficientnet_b0", "efficientnet_b0_rwightman-3dd342df.pth"},
    {"efficientnet_b1", "efficientnet_b1_rwightman-533bc792.pth"},
    {"efficientnet_b2", "efficientnet_b2_rwightman-bcdf34b7.pth"},
    {"efficientnet_b3", "efficientnet_b3_rwightman-cf984f9c.pth"},
    {"efficientnet_b4", "efficientnet_b4_rwightman-7eb33cd5.pth"},
    {"efficientnet_b5", "efficientnet_b5_lukemelas-b6417697.pth"},
    {"efficientnet_b6", "efficientnet_b6_lukemelas-c76e70fd.pth"},
    {"efficientnet_b7", "efficientnet_b7_lukemelas-dcc49843.pth"},
    {"efficientnet_v2_s", "efficientnet_v2_s-dd5fe13b.pth"},
    {"efficientnet_v2_m", "efficientnet_v2_m-dc08266a.pth"},
    {"efficientnet_v2_l", "efficientnet_v2_l-59c71312.pth"},
    {"squeezenet1_0", "squeezenet1_0-b66bff10.pth"},
    {"squeezenet1_1", "squeezenet1_1-b8a52dc0.pth"},
    {"mnasnet0_5", "mnasnet0.5_top1_67.823-3ffadce67e.pth"},
    {"mnasnet0_75", "mnasnet0_75-7090bc5f.pth"},
    {"mnasnet1_0", "mnasnet1.0_top1_73.512-f206786ef8.pth"},
    {"mnasnet1_3", "mnasnet1_3-a4c69d6f.pth"},
    {"shufflenet_v2_x0_5", "shufflenetv2_x0.5-f707e7126e.pth"},
    {"shufflenet_v2_x1_0", "shufflenetv2_x1-5666bf0f80.pth"},
    {"shufflenet_v2_x1_5", "shufflenetv2_x1_5-3c479a10.pth"},
    {"shufflenet_v2_x2_0", "shufflenetv2_x2_0-8be3c8ee.pth"},
    {"convnext_tiny", "convnext_tiny-983f1562.pth"},
    {"convnext_small", "convnext_small-0c510722.pth"},
    {"convnext_base", "convnext_base-6075fbad.pth"},
    {"convnext_large", "convnext_large-ea097f82.pth"},
    {"vit_b_16", "vit_b_16-c867db91.pth"},
    {"vit_b_32", "vit_b_32-d86f8d99.pth"},
    {"vit_l_16", "vit_l_16-852ce7e3.pth"},
    {"vit_l_32", "vit_l_32-c7638314.pth"},
    {"swin_t", "swin_t-704ceda3.pth"},
    {"swin_s", "swin_s-5e29d889.pth"},
    {"swin_b", "swin_b-68c6b09e.pth"},
};

struct MobileNetV3Row {
  std::string_view name;
  double alpha = 1.0;
  std::string_view variant, checksum, checksum_no_top;
};

// MD5, as in keras/applications/mobilenet_v3.py.
constexpr MobileNetV3Row kMobileNetV3Rows[] = {
    {"mobilenet_v3_large", 0.75, "large_224_0.75", "765b44a33ad4005b3ac83185abf1d0eb",
     "40af19a13ebea4e2ee0c676887f69a2e"},
    {"mobilenet_v3_large", 1.0, "large_224_1.0", "59e551e166be033d707958cf9e29a6a7",
     "07fb09a5933dd0c8eaafa16978110389"},
    {"mobilenet_v3_small", 0.75, "small_224_0.75", "cb65d4e5be93758266aa0a7f2c6708b7",
     "ebdb5cc8e0b497cd13a7c275d475c819"},
    {"mobilenet_v3_small", 1.0, "small_224_1.0", "8768d4c2e7dee89b9d02b2d03d65d862",
     "d3e8ec802a04aa4fc771ee12a9a9b836"},
};

struct MobileNetRow {
  std::string_view variant;  // alpha and size as in the file's name
  std::string_view checksum, checksum_no_top;
};

// SHA-256, as in keras/applications/mobilenet.py.
constexpr MobileNetRow kMobileNetRows[] = {
    {"1_0_128", "ef1480dcb7f11a75bc5187a74863b3b97c4cfed6b6dd5c78f003ba002a4d7fe6",
     "8fbb8332b956430de61ad4fa1ab261ab5b7922ef1d0f38c30056a485ec0d4ecb"},
    {"1_0_160", "a41aa0195ebe0a5301ab90af589155b42671f78704fd9a2e7dda919c478cd479",
     "22d25b67a8936869b5f0d0c840ba150c90dc89c0b07f8aacd387614be67845d2"},
    {"1_0_192", "bd7e7f6a7cd6690a10aedba3e93bec811240418bd9179546e50c0f4c35899a01",
     "d67556231564ded95aaa7a44004c73aa9696fba267a6817f430eee097af11782"},
    {"1_0_224", "006a2d9484fbea625dd4e6518652c101a3eca052671671c56265fc84f2e1181f",
     "9f9cfd8c925431c06ce96744e1d201575f6a681bf38ae2de38e2ae8f7d7829d3"},
    {"7_5_128", "cafcb7455c36187c93eb7fb3a68e29f76b5761cb2d946d57d1967578e3b05361",
     "dcc5aaa418bbf397a431e79a52be0ad1a61fb6364a9bb6d68b5258f13669c8ba"},
    {"7_5_160", "3ee6f1daa0f9da149bec3311eacfb4451ca236bc126dc25ee191f5bdc6e641be",
     "6056d87ad4e3b341cc8272d68b54a8a113ef0b0e5ab1399e4a801d2942a064fa"},
    {"7_5_192", "a7a2364ee404c19301edb827de693f46eeb46aad13e2c5e73494545e57749eef",
     "b8ea4352b99a87552c0b84c59b59d146b823b684766026ed8f0c68d3aab9e677"},
    {"7_5_224", "811e0307a7e8895a180b81c191033482d99470a0604ea8e88e8d947005067d84",
     "1da9019b66f05a0256dedfed0f321fcaf8bfa71f9facf3f9117e62820be39aa5"},
    {"5_0_128", "26752cdb9ab8459c85fb4cd0f45475bbd3bd25f9225b87bbedd474f5976da145",
     "7f9871530e19990a9a180626566fcc32fb487c70880306592cae219d67179635"},
    {"5_0_160", "71c742137645f19426ea3540bb2933310b0a5f2d3a2d09ee1aea91e348f6fba7",
     "7b15a4d22079138dd889a78cdea8d921a3b73cf7d313ff12f23634c4f71bcace"},
    {"5_0_192", "fabfe055bd26ea40c1c0798c4e22fe1eb437feab111be9f1f722360dff81e040",
     "b848a83f140e284973d80805dc4c184a0a885dadcc1700630a86879c9103d5b1"},
    {"5_0_224", "b4b134ed41de14fd8d6717ab4e88b53e3113194acae392bc41c012ba463906bb",
     "df860c59562f4c4af7a2fb2ae90731caef39fd5d03e5fcd6ca46988965f0a4b7"},
    {"2_5_128", "fe295db7f78635f1403127e3ba8cdc6237f83262bdb745063a67c1d81190c7f8",
     "7d8b7f3c9555cb4579f9659ee233a540e66fd7ad514c0a8b14493b667447c5d6"},
    {"2_5_160", "74b32700eb3f6fb8d0b3f416c3fb52ab5eca35dc82393341eb7bb52676b6b003",
     "c2f18432229c945b816f8b9f9cfa40d2964454b033efea804f6cd03942865bd4"},
    {"2_5_192", "22a302e8a39e545c7372ca96fe8698e3cbbc7d3906f60316e0617c15616f8894",
     "4b7370b9880577f12f31942049d19610a4559c8af38f39dc67d1f90ec9663aa1"},
    {"2_5_224", "98d047950e59f478af63681720906940efc8ce8cecb95bce5c7b47394f8bd63d",
     "dbdb03ee2a22fd895301636cd328b234bb3a9952358f436d82f46b81e0d5b0bf"},
};

bool equal(double a, double b) { return std::abs(a - b) < 1e-9; }

WeightSource source(std::string_view folder, std::string file, std::string_view checksum) {
  return {.url = fmt::format("{}/{}", folder, file), .file_name = file, .checksum = std::string(checksum)};
}

std::optional<WeightSource> mobilenet(double alpha, int size, bool include_top) {
  constexpr std::array<std::pair<double, const char*>, 4> kAlphas{
      {{1.0, "1_0"}, {0.75, "7_5"}, {0.5, "5_0"}, {0.25, "2_5"}}};
  const bool trained = size == 128 || size == 160 || size == 192;
  for (const auto& [value, text] : kAlphas) {
    const auto variant = fmt::format("{}_{}", text, trained ? size : 224);
    for (const auto& row : kMobileNetRows) {
      if (equal(alpha, value) && row.variant == variant) {
        return source(fmt::format("{}/mobilenet", kKeras),
                      fmt::format("mobilenet_{}_tf{}.h5", variant, include_top ? "" : "_no_top"),
                      include_top ? row.checksum : row.checksum_no_top);
      }
    }
  }
  return std::nullopt;
}

// Keras publishes no checksums for these.
std::optional<WeightSource> mobilenet_v2(double alpha, int size, bool include_top) {
  constexpr std::array<std::pair<double, const char*>, 6> kAlphas{
      {{0.35, "0.35"}, {0.5, "0.5"}, {0.75, "0.75"}, {1.0, "1.0"}, {1.3, "1.3"}, {1.4, "1.4"}}};
  const bool only_224 = alpha > 1.0;
  const bool trained = !only_224 && (size == 96 || size == 128 || size == 160 || size == 192);
  for (const auto& [value, text] : kAlphas) {
    if (equal(alpha, value)) {
      return source(fmt::format("{}/mobilenet_v2", kKeras),
                    fmt::format("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{}_{}{}.h5", text,
                                trained ? size : 224, include_top ? "" : "_no_top"),
                    "");
    }
  }
  return std::nullopt;
}

std::optional<WeightSource> mobilenet_v3(std::string_view name, double alpha, bool include_top) {
  for (const auto& row : kMobileNetV3Rows) {
    if (row.name == name && equal(alpha, row.alpha)) {
      return source(
          fmt::format("{}/mobilenet_v3", kKeras),
          fmt::format("weights_mobilenet_v3_{}_float{}.h5", row.variant, include_top ? "" : "_no_top_v2"),
          include_top ? row.checksum : row.checksum_no_top);
    }
  }
  return std::nullopt;
}

std::optional<WeightSource> bare_keras_weights(std::string_view name, bool include_top) {
  for (const auto& row : kBareRows) {
    if (row.name == name) {
      auto found = source(
          row.folder.empty() ? std::string(kKerasApplications) : fmt::format("{}/{}", kKeras, row.folder),
          std::string(include_top ? row.file : row.file_no_top),
          include_top ? row.checksum : row.checksum_no_top);
      if (!row.kept.empty()) {
        found.file_name = include_top ? row.kept : row.kept_no_top;
      }
      return found;
    }
  }
  return std::nullopt;
}

std::optional<WeightSource> keras_weights(const std::string& architecture, double alpha, int input_size,
                                          bool include_top) {
  if (architecture == "mobilenet") {
    return mobilenet(alpha, input_size, include_top);
  }
  if (architecture == "mobilenet_v2") {
    return mobilenet_v2(alpha, input_size, include_top);
  }
  if (architecture.starts_with("mobilenet_v3")) {
    return mobilenet_v3(architecture, alpha, include_top);
  }
  for (const auto& row : kKerasRows) {
    if (row.name == architecture) {
      return source(
          fmt::format("{}/{}", kKeras, row.folder),
          fmt::format("{}_weights_tf_dim_ordering_tf_kernels{}.h5", row.file, include_top ? "" : "_notop"),
          include_top ? row.checksum : row.checksum_no_top);
    }
  }
  return bare_keras_weights(architecture, include_top);
}

std::optional<WeightSource> torch_weights(const std::string& architecture, double alpha) {
  for (const auto& row : kTorchRows) {
    if (row.name == architecture && equal(alpha, 1.0)) {
      const auto digits = row.file.substr(row.file.rfind('-') + 1);
      return source(kTorch, std::string(row.file), digits.substr(0, digits.find('.')));
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<WeightSource> official_weights(const std::string& name, double alpha, int input_size,
                                             bool include_top, Flavour flavour) {
  return architecture(name, flavour).flavour == Flavour::torch
             ? torch_weights(name, alpha)
             : keras_weights(name, alpha, input_size, include_top);
}

}  // namespace headstart
