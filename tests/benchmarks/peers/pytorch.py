"""The peer of `octet bench`: the zoo's networks in PyTorch, on random images.

Speaks the protocol of a contestant on stdin and stdout: `steps K` runs K steps and answers with
the seconds they took, `quit` answers with the growth of the peak memory in bytes. Alone:

    printf 'steps 2\\nsteps 10\\nquit\\n' | python3 pytorch.py --work train --model resnet20

What makes PyTorch 1.13 fastest on a CPU was tried, and is used: channels-last tensors (1.2 to 1.5
times NCHW's speed); for inference a traced and frozen network, which folds batch norm into the
convolutions and, in bf16, the casts into the weights (up to twice eager's speed, as fast as a network
whose weights are bf16 throughout). For training torch.jit.script and SGD's foreach=True made no
difference beyond the noise; the convolutions are oneDNN's in any case.

Exits with 77 and one line on stderr where it has no such network or cannot compute so.
"""

import argparse
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    print(f"PyTorch: {error}", file=sys.stderr)
    sys.exit(77)


def conv(inputs, outputs, kernel=3, stride=1, groups=1, bias=False):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)


def conv_bn_relu(inputs, outputs, **options):
    return [conv(inputs, outputs, **options), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


class BasicBlock(nn.Module):
    """He 2015: conv - bn - relu - conv - bn, added to the shortcut, relu."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            *conv_bn_relu(inputs, outputs, stride=stride),
            conv(outputs, outputs),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                conv(inputs, outputs, kernel=1, stride=stride), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        return functional.relu(self.residual(x).add_(self.shortcut(x)), inplace=True)


class WideBlock(nn.Module):
    """Zagoruyko 2016: bn - relu - conv - bn - relu - conv; a projection sees the activated input."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.activate = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.residual = nn.Sequential(
            *conv_bn_relu(inputs, outputs, stride=stride), conv(outputs, outputs)
        )
        self.projection = None
        if stride != 1 or inputs != outputs:
            self.projection = conv(inputs, outputs, kernel=1, stride=stride)

    def forward(self, x):
        activated = self.activate(x)
        shortcut = x if self.projection is None else self.projection(activated)
        return self.residual(activated).add_(shortcut)


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


def stages(block, inputs, widths, blocks):
    layers = []
    for stage, width in enumerate(widths):
        for index in range(blocks):
            stride = 2 if stage > 0 and index == 0 else 1
            layers.append(block(inputs, width, stride))
            inputs = width
    return layers


def lenet300():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 300), nn.ReLU(inplace=True),
        nn.Linear(300, 100), nn.ReLU(inplace=True),
        nn.Linear(100, 10),
    )  # fmt: skip


def lenet5():
    """Caffe's: no ReLU after the convolutions."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(inplace=True), nn.Linear(500, 10),
    )  # fmt: skip


def vgg7(batch_norm=False):
    """The VGG-7 of WAGE (Wu 2018)."""
    layers, inputs = [], 3
    for width in (128, 256, 512):
        for _ in range(2):
            if batch_norm:
                layers += conv_bn_relu(inputs, width)
            else:
                layers += [conv(inputs, width, bias=True), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(8192, 1024), nn.ReLU(inplace=True), nn.Linear(1024, 10)
    )


def wage_vgg7():
    """The same without biases, as WAGE trains it."""
    network = vgg7()
    for layer in network:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.bias = None
    return network


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def airbench(widths):
    """Jordan 2024: airbench94 and airbench95."""
    layers, inputs = [nn.Conv2d(3, 24, 2), nn.GELU()], 24
    for width in widths:
        layers += [conv(inputs, width), nn.MaxPool2d(2), nn.BatchNorm2d(width), nn.GELU()]
        layers += [conv(width, width), nn.BatchNorm2d(width), nn.GELU()]
        inputs = width
    return nn.Sequential(
        *layers, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(inputs, 10, bias=False), Scale(1 / 9)
    )


def resnet(blocks):
    return nn.Sequential(
        *conv_bn_relu(3, 16), *stages(BasicBlock, 16, (16, 32, 64), blocks), *head(64)
    )


def wide_resnet(blocks, width):
    widths = (16 * width, 32 * width, 64 * width)
    return nn.Sequential(
        conv(3, 16),
        *stages(WideBlock, 16, widths, blocks),
        nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True), *head(widths[-1]),
    )  # fmt: skip


def mobilenet025():
    """Howard 2017, a quarter of the channels, for 32 x 32 pixels."""
    layers, inputs = conv_bn_relu(3, 8), 8
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)]
    blocks += [(128, 1)] * 5 + [(256, 2), (256, 1)]
    for outputs, stride in blocks:
        layers += conv_bn_relu(inputs, inputs, stride=stride, groups=inputs)
        layers += conv_bn_relu(inputs, outputs, kernel=1)
        inputs = outputs
    return nn.Sequential(*layers, *head(256))


NETWORKS = {
    "lenet300": (lenet300, (1, 28, 28)),
    "lenet5": (lenet5, (1, 28, 28)),
    "vgg7": (vgg7, (3, 32, 32)),
    "wage-vgg7": (wage_vgg7, (3, 32, 32)),
    "vgg7bn": (lambda: vgg7(batch_norm=True), (3, 32, 32)),
    "resnet8": (lambda: resnet(1), (3, 32, 32)),
    "resnet20": (lambda: resnet(3), (3, 32, 32)),
    "resnet56": (lambda: resnet(9), (3, 32, 32)),
    "wrn56-2": (lambda: wide_resnet(9, 2), (3, 32, 32)),
    "airbench": (lambda: airbench((64, 256, 256)), (3, 32, 32)),
    "airbench95": (lambda: airbench((128, 384, 384)), (3, 32, 32)),
    "mobilenet025": (mobilenet025, (3, 32, 32)),
}


class Work:
    def __init__(self, options):
        torch.manual_seed(1)
        make, shape = NETWORKS[options.model]
        self.network = make().to(memory_format=torch.channels_last)
        self.images = torch.randn(options.batch, *shape).to(memory_format=torch.channels_last)
        self.labels = torch.arange(options.batch) % 10
        self.bf16 = options.precision == "bf16"
        self.training = options.work == "train"
        self.network.train(self.training)
        if self.training:
            self.optimizer = torch.optim.SGD(
                self.network.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4
            )
        else:
            self.freeze()

    def freeze(self):
        # The cache of casts holds what a trace must record.
        with torch.no_grad(), self.autocast(cache_enabled=False):
            self.network = torch.jit.freeze(torch.jit.trace(self.network, self.images))
            for _ in range(2):  # the executor watches two runs, then optimises
                self.network(self.images)

    def autocast(self, **options):
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bf16, **options)

    def step(self):
        with self.autocast():
            loss = functional.cross_entropy(self.network(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def steps(self, count):
        begin = time.perf_counter()
        if self.training:
            for _ in range(count):
                self.step()
        else:
            with torch.no_grad():
                for _ in range(count):
                    self.network(self.images)
        return time.perf_counter() - begin


def memory(field):
    """VmRSS or VmHWM, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def memory_baseline():
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as control:
            control.write("5")  # the peak begins again at what is held now
    except OSError:
        return memory("VmHWM")
    return memory("VmRSS")


def note_slow_blas():
    """float32 linear layers call the system's BLAS, the rest is oneDNN."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        text = maps.read()
    if not any(name in text for name in ("openblas", "blis", "mkl_")):
        print(
            "note: its linear layers run on a BLAS that is not optimised; with Debian's "
            "libopenblas0-openmp they are about ten times faster",
            file=sys.stderr,
        )


def skip(why):
    print(why, file=sys.stderr)
    sys.exit(77)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", choices=("train", "infer"), default="train")
    parser.add_argument("--model", default="vgg7")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.model not in NETWORKS:
        skip(f"PyTorch's side has no {options.model}, only {', '.join(NETWORKS)}")
    torch.set_num_threads(options.threads)
    baseline = memory_baseline()
    work = Work(options)
    if options.precision == "float32":
        note_slow_blas()
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            print(max(0, memory("VmHWM") - baseline), flush=True)
            return
        if len(words) != 2 or words[0] != "steps" or not words[1].isdigit():
            sys.exit(f"expected 'steps K' or 'quit', got {line.strip()!r}")
        print(f"{work.steps(int(words[1])):.9f}", flush=True)


if __name__ == "__main__":
    main()
