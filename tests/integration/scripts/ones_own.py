"""A degradation, data and a network of one's own: trained, sampled, evaluated, opened again."""

import torch

import genlab


class Dim(genlab.Degradation):
    def draw(self, x_0, *, generator):
        return None

    def degrade(self, x_0, t, z):
        return x_0.lerp(x_0.mean((1, 2, 3), keepdim=True), genlab.right_expand(t, x_0))

    def summarize(self, x_1):
        return x_1.mean((1, 2, 3))[:, None]

    def expand(self, c, shape, *, generator):
        return c[:, :, None, None].repeat(1, *shape)


class Net(torch.nn.Conv2d):
    def forward(self, x, t, y=None):
        return super().forward(x)


x, net = torch.rand(300, 1, 6, 6).square(), Net(1, 1, 3, padding=1)
run = genlab.run(degradation=Dim(), backbone=net, dataset=x, steps=20, draw=False, out="mine")
print(run.evaluate("sliced-wasserstein", n=100)[0]["value"])
again = genlab.open_run("mine", components={"degradation": Dim(), "backbone": net, "dataset": x})
assert torch.equal(again.sample(4, seed=1), run.sample(4, seed=1))
