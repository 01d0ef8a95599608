"""The quantities of diagnostics from plain torch: hooks and autograd on the network of one member."""

import torch

from ablate.nn.mlp import MLP
from ablate.nn.reference import MODULES
from ablate.training.diagnostics import DEAD, SATURATED
from tests.nn.plain_training import plain_of


def expected_quantities(network, run, x, y):
    """Returns the quantities of one member, apart from the update ratios, by layer and quantity."""
    member, net = network.members[run], network.architecture
    plain = _plain_now(network, run)
    running = {
        name: (module.running_mean.clone(), module.running_var.clone())
        for name, module in plain.named_children()
        if hasattr(module, "running_mean")
    }
    seen = {}
    for name, module in plain.named_children():
        module.register_forward_hook(
            lambda _, inputs, output, name=name: seen.update({name: (inputs[0].detach(), output.detach())})
        )
    torch.nn.functional.cross_entropy(plain(x), y).backward()
    blocks = 0 if isinstance(net, MLP) else len(net.channels)
    layers = [(f"conv.{block}", "conv_", f"conv {block}", block) for block in range(blocks)]
    layers += [(f"hidden.{layer}", "", f"linear {layer}", layer) for layer in range(len(net.hidden))]
    quantities = {}
    for name, prefix, product, index in layers:
        activation, norm = f"{prefix}{member.activation} {index}", f"{prefix}norm {index}"
        z, values = seen[activation]
        z = z.requires_grad_()
        (derivative,) = torch.autograd.grad(plain.get_submodule(activation)(z).sum(), z)
        size = derivative.abs().transpose(0, 1).flatten(1)
        quantities[name, "activation_mean"] = values.mean()
        quantities[name, "activation_std"] = values.std(correction=0)
        quantities[name, "dead_share"] = (size < DEAD).all(1).double().mean()
        quantities[name, "saturated_share"] = (size < SATURATED * _largest(member.activation)).double().mean()
        quantities[name, "gradient_norm"] = plain.get_submodule(product).weight.grad.norm()
        if norm in running:
            z, (mean, var) = seen[norm][0].transpose(0, 1).flatten(1), running[norm]
            quantities[name, "running_mean_shift"] = ((z.mean(1) - mean) ** 2 / (var + 1e-5)).mean().sqrt()
            quantities[name, "running_std_ratio"] = ((z.var(1) + 1e-5) / (var + 1e-5)).sqrt().mean()
    last = plain.get_submodule(f"linear {len(net.hidden)}")
    quantities["output", "gradient_norm"] = last.weight.grad.norm()
    return {name: float(value) for name, value in quantities.items()}


def _plain_now(network, run):
    """Returns the plain network with the parameters and running statistics that a member has now, without dropout."""
    plain = plain_of(network.architecture, network.members[run])
    state = {name.replace(".", " ", 1): value for name, value in network.parameters.member_state(run).items()}
    plain.load_state_dict(state, strict=False)
    for name, module in plain.named_children():
        module.train("dropout" not in name)
    return plain


def _largest(activation):
    z = (torch.arange(-20 * 1024, 20 * 1024 + 1).double() / 1024).requires_grad_()
    (derivative,) = torch.autograd.grad(MODULES[activation]().double()(z).sum(), z)
    return float(derivative.abs().max())
