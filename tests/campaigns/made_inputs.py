"""Generated command lines and experiment files: legal ones by a grammar, and mutations of them."""

import random
from dataclasses import dataclass, field

# Legal values of the settings, small enough that a grid of them is done in a moment.
GOOD = {
    "dataset": ["digits", "moving-digits", "npz:../good.npz", "npz:../tested.npz"],
    "model": ["mlp", "cnn", "cnn3d"],
    "activation": ["relu", "relu,tanh", "gelu", "ReLU", "swish,mish", "math:sqrt"],
    "norm": ["off", "batch", "off,layer", "pre,post"],
    "dropout": ["0", "0.5", "0,0.2", "0.1/0.2", "-0.0"],
    "seeds": ["1", "2", "0-1", "7", "1,3", "3-3"],
    "channels": ["auto", "4", "4/4", "none"],
    "hidden": ["auto", "8", "8/4", "8,4"],
    "epochs": ["1", "2", "1,2"],
    "batch_size": ["64", "32,16", "100"],
    "optimizer": ["sgd", "adam", "sgd,adamw"],
    "lr": ["auto", "0.1", "0.1,1e-3"],
    "momentum": ["0", "0.9", "0,0.5"],
    "weight_decay": ["auto", "0", "1e-4"],
    "schedule": ["constant", "cosine"],
    "init": ["torch", "kaiming"],
    "precision": ["fp32", "bf16", "tf32"],
    "tune": ["", "learning_rate=0.1,0.2"],
    "standardize": ["channel", "feature", "none"],
    "evals_per_epoch": ["1", "2"],
    "val_fraction": ["0.2", "0.5"],
    "test_fraction": ["0.2", "0.4"],
    "split_seed": ["0", "7"],
    "shard": ["1/1", "1/2", "2/3", "1,3/4", "9/9"],
}
OTHER = {
    "jobs": ["1", "2", "auto"],
    "device": ["cpu", "auto", "cuda"],
    "data_dir": [".", "..", "nowhere"],
    "output": ["out", "deep/er/out", "../stored", ".", "../base.parquet", "/dev/null", "/proc/none"],
    "preset": ["smoke"],
    "max_failures": ["1", "3"],
}
BAD = [
    "", " ", ",", ",,", "/", "//", "-", "--", "=", "nan", "inf", "-inf", "1e999", "1e-999", "-1", "0", "1.5", "1e12",
    "1" * 4301, "9" * 5000, "9" * 60, "0x10", "1_0", "\u0663", "\uff11", "\u00b2", "True", "None", "null", "[1]", "{}",
    "a" * 3000, "relu," * 2000, "0/" * 1500, "\x1b[31mred", "\u202eabc", "\udcff\udcfe", "a\nb", "\t", "\r", "../..",
    "/", "/dev/zero", "/dev/full", "npz:", "npz:..npz", "npz:/dev/zero", "npz:../fifo", "npz:../torn.npz", "npz:..",
    "npz:" + "x" * 300, "os:abort", "no.such:thing", "relu:", ":relu", "a.b.c:d", "%s%n", "$HOME", "*",
    "0-999999999999", "~",
    "1000000000", "5-1", "1,1", "relu,relu", "100/0", "99999999999999999999", "2/1", "0/5", "1/99999", "1/2/3",
    ",".join(str(k / 9999) for k in range(1, 3000)), "learning_rate=", "learning_rate=1", "epochs=1,2", "x" * 300,
]  # fmt: skip
RESULTS = [
    "../stored",
    "../shard1",
    "../base.parquet",
    "../empty",
    "nowhere",
    ".",
    "../good.npz",
    "../fifo",
    "/dev/null",
]
OF_RESULTS = {
    "report": {
        "--target": ["0.5", "90%", "0", "1", "101%"], "--reference": ["relu norm=off dropout=0"],
        "--sort": ["aulc", "variant"], "--margin": ["0.01", "5%"], "--json": None, "--csv": None, "--markdown": None,
        "--layers": None, "--details": None, "--html": ["page.html", "no/page.html", "."],
    },
    "compare": {"--metric": ["aulc"], "--margin": ["aulc=0.1"], "--alpha": ["0.05"], "--exact": None, "--json": None},
    "gate": {
        "--metric": ["aulc"], "--margin": ["aulc=0.1", "aulc=5%"], "--alpha": ["0.05", "0.5"], "--exact": None,
        "--json": None, "--junit": ["out.xml"], "--summary": ["out.md"], "--allow-missing": None, "--warn-only": None,
        "--missing-baseline": ["warn", "create", "error"], "--export": ["github=out.json"],
    },
    "baseline": {"--target": ["0.5", "90%"], "-o": ["b.parquet", "no/b.parquet", ".", "/dev/full"]},
    "merge": {"-o": ["merged", "../stored", ".", "../base.parquet"]},
    "list": {"--json": None},
}  # fmt: skip
ALPHABET = [*"0123456789-+.,/=:[]{}\"'#\n \\eEnaxu_%", "\x00", "\udcff", "\u2028", "\ufeff"]


@dataclass
class Case:
    """A command line, the files that it needs, and environment variables."""

    arguments: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def mutated(rng: random.Random, text: str) -> str:
    """Returns a text with one to three characters removed, repeated, replaced or inserted, or cut off."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        text = rng.choice(
            [
                text[:at] + text[at + 1 :],
                text[:at] + rng.choice(ALPHABET) + text[at:],
                text[:at] + rng.choice(ALPHABET) + text[at + 1 :],
                text[:at] + text[max(0, at - 4) :],
                text[:at],
            ]
        )
    return text


def _value(rng: random.Random, good: list[str], badness: float) -> str:
    if rng.random() > badness:
        return rng.choice(good)
    return mutated(rng, rng.choice(good)) if rng.random() < 0.5 else rng.choice(BAD)


def _in_toml(rng: random.Random, text: str) -> str:
    """Returns a value as TOML of one type or another."""
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    parts = ", ".join(f'"{part}"' for part in text.split(","))
    plain = (
        text
        if rng.random() < 0.7
        else rng.choice(["true", "[]", "[[1]]", "{a = 1}", "1979-05-27", "-0.0", "0xff", "nan"])
    )
    return rng.choice([quoted, quoted, f"[{parts}]", plain, f"[{plain}]"])


def _toml(rng: random.Random, badness: float) -> bytes:
    names = rng.sample(sorted(GOOD), rng.randint(0, 5))
    lines = [
        f"{name if name != 'lr' else 'learning_rate'} = {_in_toml(rng, _value(rng, GOOD[name], badness))}"
        for name in names
    ]
    lines += ["seeds = 1", "epochs = 1"] if not {"seeds", "epochs"} & set(names) else []
    text = "\n".join(lines) + "\n"
    if rng.random() < badness:
        text = mutated(rng, text)
    content = text.encode("utf-8", "surrogateescape")
    if rng.random() < 0.1:
        content = rng.choice(
            [
                b"\xef\xbb\xbf" + content,
                content + b"\xff",
                b"[" * 20_000,
                b"a" + b".a" * 30_000 + b"=1",
                b"\x00",
                b"",
            ]
        )
    return content


def _training(rng: random.Random) -> Case:
    badness = rng.choice([0.0, 0.1, 0.4])
    command = rng.choice(["run", "plan"])
    arguments = [command]
    case = Case(arguments)
    names = ["activation", "norm", "dropout", "seeds", "epochs"] if rng.random() < 0.8 else []
    names += rng.sample(sorted({*GOOD, *OTHER} - set(names)), rng.randint(0, 4))
    if rng.random() < 0.3:
        case.files["exp.toml"] = _toml(rng, badness)
        arguments.append(rng.choice(["exp.toml"] * 8 + ["../fifo", ".", "/dev/zero"]))
        names = [name for name in names if rng.random() < 0.5]
    for name in names:
        value = _value(rng, (GOOD | OTHER)[name], badness)
        if rng.random() < 0.05 and "\x00" not in value:
            case.environment[f"ABLATE_{name.upper()}"] = value
        else:
            flag = "--" + name.replace("_", "-")
            arguments += [f"{flag}={value}"] if rng.random() < 0.3 else [flag, value]
    arguments += rng.choice(
        [[], [], ["--diagnostics"], ["--force"], ["--unknown"], ["-x"], [rng.choice(BAD)]]
    )
    return case


def _of_results(rng: random.Random) -> Case:
    badness = rng.choice([0.0, 0.2, 0.5])
    command = rng.choice(sorted(OF_RESULTS))
    positional = rng.choice([["activations"], ["datasets"], ["x"]]) if command == "list" else []
    count = {"report": 1, "baseline": 1, "compare": 2, "gate": 2}.get(command, rng.randint(1, 3))
    positional = positional or [_value(rng, RESULTS, badness / 2) for _ in range(count)]
    arguments = [command, *positional]
    options = OF_RESULTS[command]
    needed = ["-o"] if "-o" in options and rng.random() < 0.95 else []
    for name in {*needed, *rng.sample(sorted(options), rng.randint(0, min(3, len(options))))}:
        values = options[name]
        arguments += [name] if values is None else [name, _value(rng, values, badness)]
    return Case(arguments)


def made_case(seed: int) -> Case:
    """Returns the case of a seed; half of all cases train or plan."""
    rng = random.Random(seed)
    case = _training(rng) if rng.random() < 0.65 else _of_results(rng)
    case.arguments[:] = [
        argument.replace("\x00", "0") for argument in case.arguments
    ]  # no process can get these
    case.environment = {name: value.replace("\x00", "0") for name, value in case.environment.items()}
    if rng.random() < 0.03:
        rng.shuffle(case.arguments)
    return case
