"""The networks of the comparison in PyTorch: torchvision's, and Xception, which it lacks."""
import torch
import torchvision


class Separable(torch.nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(torch.nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
                         torch.nn.Conv2d(inputs, outputs, 1, bias=False), torch.nn.BatchNorm2d(outputs))


class XceptionBlock(torch.nn.Module):
    def __init__(self, widths, stride=1, leading_relu=True):
        super().__init__()
        layers = []
        for index, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
            if index or leading_relu:
                layers.append(torch.nn.ReLU())
            layers.append(Separable(inputs, outputs))
        if stride > 1:
            layers.append(torch.nn.MaxPool2d(3, stride, 1))
        self.body = torch.nn.Sequential(*layers)
        self.shortcut = torch.nn.Identity() if stride == 1 else torch.nn.Sequential(
            torch.nn.Conv2d(widths[0], widths[-1], 1, stride, bias=False), torch.nn.BatchNorm2d(widths[-1]))

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def xception():
    def stem(inputs, outputs, stride):
        return [torch.nn.Conv2d(inputs, outputs, 3, stride, bias=False), torch.nn.BatchNorm2d(outputs),
                torch.nn.ReLU()]
    layers = stem(3, 32, 2) + stem(32, 64, 1)
    layers += [XceptionBlock([64, 128, 128], 2, leading_relu=False), XceptionBlock([128, 256, 256], 2),
               XceptionBlock([256, 728, 728], 2)]
    layers += [XceptionBlock([728] * 4) for _ in range(8)]
    layers += [XceptionBlock([728, 728, 1024], 2), Separable(1024, 1536), torch.nn.ReLU(),
               Separable(1536, 2048), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers)


class Features(torch.nn.Module):
    """A torchvision network without its classifier; (N, C, H, W) or (N, C)."""

    def __init__(self, network, classifier):
        super().__init__()
        self.network = network
        setattr(network, classifier, torch.nn.Identity())

    def forward(self, x):
        return self.network(x)


class Clip(torch.nn.Module):
    """ReLU6 whose gradient PyTorch 1.13 has in bf16 too."""

    def forward(self, x):
        return x.clamp(0, 6)


def with_clips(module):
    for name, child in module.named_children():
        if isinstance(child, torch.nn.ReLU6):
            setattr(module, name, Clip())
        else:
            with_clips(child)
    return module


def base_of(name):
    if name == "xception":
        return xception()
    if name in ("vgg16", "mobilenet_v2", "efficientnet_b0", "densenet121"):
        return getattr(torchvision.models, name)(weights=None).features
    if name == "resnet50":
        return torch.nn.Sequential(*list(torchvision.models.resnet50(weights=None).children())[:-2])
    if name == "inception_v3":
        network = torchvision.models.inception_v3(weights=None, aux_logits=False, init_weights=False)
        return Features(network, "fc")
    return Features(getattr(torchvision.models, name)(weights=None), "heads")


class SmallCnn(torch.nn.Sequential):
    """The notes' network for 150x150 photos."""

    def __init__(self):
        layers = []
        for inputs, outputs in ((3, 32), (32, 64), (64, 128), (128, 128)):
            layers += [torch.nn.Conv2d(inputs, outputs, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        super().__init__(*layers, torch.nn.Flatten(), torch.nn.Linear(7 * 7 * 128, 512), torch.nn.ReLU(),
                         torch.nn.Linear(512, 1))


# The first child of the base that trains when the last block does; as `headstart_runner step --from`.
LAST_BLOCK = {"vgg16": "24", "resnet50": "7", "inception_v3": "network.Mixed_7c", "xception": "18",
              "densenet121": "denseblock4", "mobilenet_v2": "17", "efficientnet_b0": "7",
              "vit_b_16": "network.encoder.layers.encoder_layer_11"}


class WithHead(torch.nn.Module):
    """Base, global average, Dense(256), Dense(1)."""

    def __init__(self, base, size):
        super().__init__()
        self.base = base
        with torch.no_grad():
            channels = base.eval()(torch.zeros(1, 3, size, size)).shape[1]
        self.head = torch.nn.Sequential(torch.nn.Linear(channels, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1))

    def forward(self, x):
        features = self.base(x)
        return self.head(features.mean((2, 3)) if features.dim() == 4 else features)


def freeze_before(base, first):
    """Everything before the first parameter under `first` is frozen; batch norms keep their statistics."""
    train = False
    for name, parameter in base.named_parameters():
        train = train or name == first or name.startswith(first + ".")
        parameter.requires_grad_(train)
    base.eval()
