"""`python -m export.train grader`: train one region's grader. Seeded, resumable, limited by minutes.

The phantom is rendered on the way where its crops are not cached yet; RSNA 2024 is read from Kaggle's own folders.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from appliance.core.models import GraderSpec
from appliance.core.spine import Region
from export.grader.augment import RANDOMISED, Strength, augment, choose_slices
from export.grader.backbone import BACKBONES, MOBILENETV3
from export.grader.data import BagLabel, BagSet, class_weights, joined, load_bags
from export.grader.model import GraderNet, load_facts, load_grader, new_grader, save_grader
from export.grader.prepare import CACHE, prepare_studies, specs_for
from export.grader.validate import validate

RUNS = Path("runs/grader")
REAL_ORIGIN = "then also on real SPIDER canals (CC BY 4.0), as they are and with drawn stenosis"
MILD = Strength(shift_mm=0.5, along_mm=0.5, turn=3, scale=0.01, gamma=0.1, contrast=0.05, bias=0.05, noise=0.01, dropout=0)
MEASURE_CLIP = (-1.2, 2.5)
"""Beyond these the measured value teaches nothing about a grade."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train."""

    epochs: int = 12
    minutes: float = 20.0
    bags: int = 12
    """Places in one batch."""
    rate: float = 1e-3
    trunk_rate: float = 0.5
    """Of `rate`, for the pretrained trunk."""
    frozen: float = 0.5
    """Share of the training in which the trunk's first stages keep their weights."""
    decay: float = 1e-2
    smoothing: float = 0.03
    measure: float = 0.5
    """Weight of the measured value's loss, where the data set knows it."""
    seed: int = 0
    strength: Strength = field(default_factory=Strength)
    real_share: float = 0.4
    """Of what an epoch shows, where there are real crops beside the phantom's."""
    agree: float = 0.0
    """Weight of agreeing with oneself on crops without a grade."""
    unlabelled_bags: int = 4
    """Places without a grade in one batch."""


DEFAULTS = Plan()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", type=Region, choices=list(Region), required=True)
    parser.add_argument("--dataset", choices=["phantom", "rsna2024"], default="phantom")
    parser.add_argument("--data", type=Path, help="the data set's folder; phantom: crops already cached need none")
    parser.add_argument("--cache", type=Path, default=None, help="where the crops are kept")
    parser.add_argument("--out", type=Path, default=None, help="default: runs/grader/[<backbone>-]<region>")
    parser.add_argument("--backbone", choices=sorted(BACKBONES), default=MOBILENETV3.name, help="without --start")
    parser.add_argument("--trunk", type=Path, default=None, help="the backbone's state dict to start from")
    parser.add_argument("--start", type=Path, default=None, help="a grader's best.pt to start from")
    parser.add_argument("--real", type=Path, help="canal: real crops to mix in (`export.grader.real_canals`)")
    parser.add_argument("--real-share", type=float, default=DEFAULTS.real_share, help="of an epoch")
    parser.add_argument("--without", nargs="*", default=(), help="real patients kept for measuring")
    parser.add_argument("--randomise", action="store_true", help="pictures of scanners that do not exist, too")
    parser.add_argument("--unlabelled", type=Path, help="canal: real crops without a grade (`.unlabelled_canals`)")
    parser.add_argument("--agree", type=float, default=1.0, help="weight of agreeing with oneself on --unlabelled")
    parser.add_argument("--epochs", type=int, default=DEFAULTS.epochs)
    parser.add_argument("--minutes", type=float, default=DEFAULTS.minutes)
    parser.add_argument("--bags", type=int, default=DEFAULTS.bags)
    parser.add_argument("--rate", type=float, default=DEFAULTS.rate)
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size-px", type=int, default=None, help="of the crops, where it is not the usual one")
    parser.add_argument("--resume", action="store_true", help="go on from <out>/last.pt")


def run(args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    (spec,) = specs_for([args.region], args.size_px)
    cache = args.cache or (CACHE if args.dataset == "phantom" else Path("runs/grader/cache_rsna2024"))
    if args.data is not None:
        prepare_studies(_studies(args.dataset, args.data), cache, [spec])
    plan = Plan(
        epochs=args.epochs, minutes=args.minutes, bags=args.bags, rate=args.rate, seed=args.seed,
        strength=RANDOMISED if args.randomise else Strength(), real_share=args.real_share,
        agree=args.agree if args.unlabelled else 0.0,
    )  # fmt: skip
    if not (args.trunk or args.start):
        plan = replace(plan, frozen=0.0, trunk_rate=1.0)  # nothing learned yet that should be kept
    net = load_grader(args.start) if args.start else new_grader(spec, args.trunk, BACKBONES[args.backbone])
    out = args.out or RUNS / net.backbone.run(args.region)
    net.spec = spec  # the network takes any size; what it was trained at goes with its weights
    beside = _beside(args, net.spec)
    train(net, cache, out, plan, resume=args.resume, origin=_origin(args, net), beside=beside)
    return 0


def _beside(args: argparse.Namespace, spec: GraderSpec) -> Beside:
    from export.grader.real_canals import folders

    real, unlabelled = (
        load_bags(folders(cache, args.without), spec) if cache else joined(spec, [])
        for cache in (args.real, args.unlabelled)
    )
    for bags, cache in ((real, args.real), (unlabelled, args.unlabelled)):
        if cache and not len(bags):
            raise SystemExit(f"no {spec.region.value} crops in {cache}")
    return Beside(real, unlabelled)


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Real pictures beside the data set: graded ones, and ones of which nothing is known."""

    real: BagSet
    unlabelled: BagSet

    @property
    def patients(self) -> list[str]:
        """Who is trained on: noted with the weights, so that no measurement takes them for unseen."""
        return sorted({b.study.rsplit("-", 1)[0] for bags in (self.real, self.unlabelled) for b in bags.labels})


def _origin(args: argparse.Namespace, net: GraderNet) -> str:
    """Where the weights come from, for the model card."""
    earlier = str(load_facts(args.start).get("origin", "")) if args.start else ""
    taught = load_grader(args.start).spec.region if args.start else args.region
    if earlier and taught is not args.region:
        earlier = f"{earlier}: first on {taught} places, then on {args.region} ones"
    start = f"{args.trunk.name} (trunk)" if args.trunk else "random weights"
    origin = earlier or f"{net.backbone.title} with gated attention, from {start}, trained on {args.dataset}"
    parts = [origin] if args.dataset in origin else [origin, f"then on {args.dataset}"]
    parts += [REAL_ORIGIN] if args.real and REAL_ORIGIN not in origin else []
    return ", ".join(parts)


def _studies(dataset: str, folder: Path) -> Iterator:  # type: ignore[type-arg]
    if dataset == "phantom":
        from export.datasets.phantom import labelled_folders

        return labelled_folders(folder)
    from export.datasets.rsna2024 import labelled_studies

    return labelled_studies(folder)


def train(
    net: GraderNet, cache: Path, out: Path, plan: Plan, resume: bool = False, origin: str = "",
    beside: Beside | None = None,
) -> dict[str, float]:  # fmt: skip
    """Epochs until `plan.epochs` or `plan.minutes`; keeps `best.pt` (by validation) and `last.pt`.

    With real pictures `beside` the newest is the best: validation knows drawn ones only, and would choose against them.
    """
    beside = beside or Beside(joined(net.spec, []), joined(net.spec, []))
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    torch.manual_seed(plan.seed)
    net.to(device=torch.device("cuda" if torch.cuda.is_available() else "cpu"), memory_format=torch.channels_last)
    optimiser = _optimiser(net, plan)
    first, best = _resume(out, net, optimiser) if resume else (0, {})
    validation = load_bags((cache / "val").glob("*"), net.spec)
    schedule = _Schedule(plan, started)
    for epoch in range(first, plan.epochs):
        drawn = load_bags((cache / "train").glob("*"), net.spec)  # anew: more may have been rendered meanwhile
        if not len(drawn):
            raise SystemExit(f"no training crops for {net.spec.region.value} in {cache}")
        training = joined(net.spec, [drawn, _shown(beside.real, len(drawn), plan, epoch)])
        loss = _epoch(net, optimiser, training, beside.unlabelled, plan, epoch, schedule)
        figures = validate(net, validation) if len(validation) else {"macro_f1": float("nan"), "log_loss": loss}
        figures = {"epoch": epoch, "train_loss": loss, "train_bags": len(training), **figures}
        _note(out, figures, started)
        if not best or len(beside.real) or _better(figures, best):
            best = figures
            save_grader(out / "best.pt", net, origin=origin, real_patients=beside.patients, **figures)
        _save_state(out, net, optimiser, epoch + 1, best)
        if schedule.over():
            break
    return best


def _shown(real: BagSet, drawn: int, plan: Plan, epoch: int) -> BagSet:
    """The real bags of one epoch: the plan's share of it, drawn anew for each."""
    count = min(len(real), round(drawn * plan.real_share / (1 - plan.real_share)))
    chosen = np.random.default_rng([plan.seed, epoch, 1]).permutation(len(real))[:count]
    return replace(real, labels=tuple(real.labels[i] for i in sorted(chosen)))


class _Schedule:
    """Warm-up over the first 3 %, then a cosine to zero, over whichever ends first: epochs or minutes."""

    def __init__(self, plan: Plan, started: float) -> None:
        self.plan, self.started = plan, started

    def done(self, epoch: float) -> float:
        by_time = (time.monotonic() - self.started) / 60 / self.plan.minutes
        return min(max(epoch / self.plan.epochs, by_time), 1.0)

    def over(self) -> bool:
        return self.done(0) >= 1

    def factor(self, epoch: float) -> float:
        done = self.done(epoch)
        return max(min(done / 0.03, 1.0) * 0.5 * (1 + float(np.cos(np.pi * done))), 1e-3)


def _optimiser(net: GraderNet, plan: Plan) -> torch.optim.Optimizer:
    trunk = list(net.features.parameters())
    head = [p for name, p in net.named_parameters() if not name.startswith("features.")]
    groups = [{"params": trunk, "share": plan.trunk_rate}, {"params": head, "share": 1.0}]
    return torch.optim.AdamW(groups, lr=plan.rate, weight_decay=plan.decay)


def _epoch(
    net: GraderNet, optimiser: torch.optim.Optimizer, bags: BagSet, unlabelled: BagSet, plan: Plan, epoch: int,
    schedule: _Schedule,
) -> float:  # fmt: skip
    net.train()
    rng = np.random.default_rng([plan.seed, epoch])
    weights = torch.from_numpy(class_weights(bags.ranks)).to(_device(net))
    order = rng.permutation(len(bags))
    total, steps = 0.0, max(1, len(order) // plan.bags)
    for step in range(steps):
        net.early_frozen = schedule.done(epoch + step / steps) < plan.frozen
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * group["share"] * schedule.factor(epoch + step / steps)
        chosen = order[step * plan.bags : (step + 1) * plan.bags]
        loss = _loss(net, bags, chosen, rng, plan, weights)
        if plan.agree and len(unlabelled):
            loss = loss + plan.agree * _disagreement(net, unlabelled, rng, plan)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        total += loss.item()
        if schedule.over():
            return total / (step + 1)
    return total / steps


def _loss(
    net: GraderNet, bags: BagSet, chosen: NDArray[np.int64], rng: np.random.Generator, plan: Plan, weights: Tensor
) -> Tensor:
    labels = [bags.labels[i] for i in chosen]
    device = _device(net)
    logits, measured = _answers(net, bags, labels, rng, plan.strength)
    ranks = torch.tensor([b.rank for b in labels], device=device)
    loss = functional.cross_entropy(logits, ranks, weights, label_smoothing=plan.smoothing)
    known = [n for n, b in enumerate(labels) if b.measure is not None]
    if known and plan.measure:
        target = torch.tensor([labels[n].measure for n in known], dtype=torch.float32, device=device)
        target = target.clamp(*MEASURE_CLIP)
        loss = loss + plan.measure * functional.smooth_l1_loss(measured[known], target, beta=0.5)
    return loss


def _answers(
    net: GraderNet, bags: BagSet, labels: Sequence[BagLabel], rng: np.random.Generator, strength: Strength
) -> tuple[Tensor, Tensor]:
    """Logits and measures of bags, each seen in its own random way."""
    shown = [choose_slices(b, bags.spec, rng, strength) for b in labels]
    bag_of = torch.tensor([n for n, slices in enumerate(shown) for _ in slices])
    raw = torch.from_numpy(bags.pictures[[i for slices in shown for i in slices]])[:, None].float()
    pictures = augment(raw, bag_of, len(labels), bags.spec, rng, strength)
    shown_to = pictures.to(_device(net), memory_format=torch.channels_last)
    logits, measured, _ = net(shown_to, bag_of.to(_device(net)), len(labels))
    return logits, measured


def _disagreement(net: GraderNet, unlabelled: BagSet, rng: np.random.Generator, plan: Plan) -> Tensor:
    """How far the grade and the measure of ungraded places change when another scanner shows the same place.

    The first look, mildly changed, is what the second has to agree with; no gradient flows through it.
    """
    labels = [unlabelled.labels[i] for i in rng.choice(len(unlabelled), plan.unlabelled_bags, replace=False)]
    with torch.no_grad():
        first, length = _answers(net, unlabelled, labels, rng, MILD)
    second, again = _answers(net, unlabelled, labels, rng, RANDOMISED)
    grades = functional.kl_div(second.log_softmax(1), first.softmax(1), reduction="batchmean")
    return grades + plan.measure * functional.smooth_l1_loss(again, length.clamp(*MEASURE_CLIP), beta=0.5)


def _better(figures: dict[str, float], best: dict[str, float]) -> bool:
    return figures["macro_f1"] - 0.2 * figures["log_loss"] > best["macro_f1"] - 0.2 * best["log_loss"]


def _device(net: GraderNet) -> torch.device:
    return net.temperature.device


def _note(out: Path, figures: dict[str, float], started: float) -> None:
    line = {k: round(v, 4) for k, v in figures.items()} | {"minutes": round((time.monotonic() - started) / 60, 1)}
    print(json.dumps(line), flush=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _save_state(out: Path, net: GraderNet, optimiser: torch.optim.Optimizer, epoch: int, best: dict) -> None:  # type: ignore[type-arg]
    state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch, "best": best}
    temporary = out / "last.tmp"
    torch.save(state, temporary)
    temporary.replace(out / "last.pt")


def _resume(out: Path, net: GraderNet, optimiser: torch.optim.Optimizer) -> tuple[int, dict]:  # type: ignore[type-arg]
    if not (out / "last.pt").exists():
        return 0, {}
    state = torch.load(out / "last.pt", map_location="cpu", weights_only=True)
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epoch"]), dict(state["best"])
