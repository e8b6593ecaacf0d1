"""Writes a network of PyTorch as ONNX into a folder, with pictures and PyTorch's own scores.

    net.onnx     a residual network in float32 that normalises pictures of 0 .. 255 itself
    pictures.f32 4 x 3 x 20 x 20
    scores.f32   4 x 7
"""

import os
import sys

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride > 1 or channels != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1))
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(Block(8, 8, 1), Block(8, 16, 2))
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.3)
        self.hidden = nn.Linear(16 * 5 * 5, 24)
        self.scores = nn.Linear(24, 7, bias=False)

    def forward(self, x):
        x = (x / 255 - self.mean) / self.deviation
        x = self.blocks(torch.relu(self.stem(x)))
        x = self.pool(torch.relu(self.depthwise(x)))
        x = self.dropout(x.view(x.size(0), -1))
        x = self.scores(torch.relu(self.hidden(x)))
        return torch.log_softmax(x, dim=1) if self.training else x


def main(folder):
    torch.manual_seed(1)
    net = Net()
    net.train()
    with torch.no_grad():
        for _ in range(3):  # running statistics that are not the first ones
            net(torch.rand(16, 3, 20, 20) * 255)
    net.eval()
    pictures = torch.randint(0, 256, (4, 3, 20, 20)).float()
    torch.onnx.export(net, pictures, os.path.join(folder, "net.onnx"), opset_version=13,
                      input_names=["pixels"], output_names=["scores"],
                      dynamic_axes={"pixels": {0: "N"}, "scores": {0: "N"}})
    pictures.numpy().tofile(os.path.join(folder, "pictures.f32"))
    net(pictures).detach().numpy().tofile(os.path.join(folder, "scores.f32"))


main(sys.argv[1])
