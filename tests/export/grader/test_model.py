"""The network: what it is built from, what it gives, what is saved with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")

from appliance.core.models import GraderSpec  # noqa: E402
from appliance.core.spine import Region  # noqa: E402
from export.grader import efficientnet  # noqa: E402
from export.grader import model as m  # noqa: E402
from export.grader.backbone import EFFICIENTNET_B0  # noqa: E402
from export.grader.trunk import features, load_features  # noqa: E402

SPEC = GraderSpec(Region.FORAMINAL, size_px=64, crop_mm=48.0, slices=5)
TRUNK = Path("/work/shared/weights/mnv3large_features_hakai_mussel_v2.pth")


@pytest.fixture(scope="module")
def net() -> m.GraderNet:
    torch.manual_seed(0)
    return m.new_grader(SPEC).eval()


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, 1, 64, 64)).astype(np.float32))


def test_the_trunk_has_torchvisions_names_and_size():
    state = features().state_dict()
    assert len(state) == 308
    assert state["4.block.2.fc1.weight"].shape == (24, 72, 1, 1)
    assert state["15.block.3.0.weight"].shape == (160, 960, 1, 1)
    parameters = sum(p.numel() for p in features().parameters())
    assert parameters == 2_971_952 - 2 * 144, "torchvision's trunk, less two colours of the first convolution"


def test_the_second_trunk_has_torchvisions_names_and_size_too():
    """torchvision's EfficientNet-B0: 4,007,548 parameters in its features."""
    state = efficientnet.features().state_dict()
    assert state["1.0.block.1.fc1.weight"].shape == (8, 32, 1, 1), "no expansion in the first stage"
    assert state["2.1.block.2.fc2.weight"].shape == (144, 6, 1, 1)
    assert state["8.0.weight"].shape == (1280, 320, 1, 1)
    parameters = sum(p.numel() for p in efficientnet.features().parameters())
    assert parameters == 4_007_548 - 2 * 288, "less two colours of the first convolution"


def test_the_backbone_comes_back_with_the_weights(tmp_path):
    torch.manual_seed(0)
    made = m.new_grader(SPEC, backbone=EFFICIENTNET_B0).eval()
    m.save_grader(tmp_path / "best.pt", made)
    loaded = m.load_grader(tmp_path / "best.pt")
    assert loaded.backbone is EFFICIENTNET_B0
    with torch.no_grad():
        ours, theirs = (m.export_module(net)(pictures(3)[:, 0]) for net in (made, loaded))
    assert torch.allclose(ours[0], theirs[0]) and ours[1].shape == (3,)


def test_a_colour_trunk_is_summed_to_grey():
    state = {f"features.{k}": v for k, v in features().state_dict().items()}
    grey = state["features.0.0.weight"]
    state["features.0.0.weight"] = torch.cat([grey, 2 * grey, 3 * grey], dim=1)
    trunk = features()
    load_features(trunk, state)
    assert torch.allclose(trunk[0][0].weight, 6 * grey)


@pytest.mark.skipif(not TRUNK.exists(), reason="the pretrained trunk lies outside the repository")
def test_the_pretrained_trunk_fits():
    m.new_grader(SPEC, TRUNK)


def test_bags_are_pooled_each_by_itself(net):
    bag_of = torch.tensor([0, 0, 0, 1, 1])
    with torch.no_grad():
        together, _, attention = net(pictures(5), bag_of, 2)
        alone, _, _ = net(pictures(5)[3:], torch.tensor([0, 0]), 1)
    assert torch.allclose(together[1], alone[0], atol=1e-4)
    assert attention[:3].sum() == pytest.approx(1, abs=1e-5)
    assert attention[3:].sum() == pytest.approx(1, abs=1e-5)


def test_the_order_of_slices_does_not_matter(net):
    export = m.export_module(net)
    crops = pictures(4)[:, 0]
    with torch.no_grad():
        p, a = export(crops)
        q, b = export(crops.flip(0))
    assert torch.allclose(p, q, atol=1e-5)
    assert torch.allclose(a, b.flip(0), atol=1e-5)


def test_brightness_and_contrast_of_a_slice_do_not_matter(net):
    export = m.export_module(net)
    crops = pictures(2)[:, 0]
    with torch.no_grad():
        p, _ = export(crops)
        q, _ = export(crops * 0.5 + 40)
    assert torch.allclose(p, q, atol=0.01)


def test_an_empty_slice_gives_a_number(net):
    with torch.no_grad():
        p, a = m.export_module(net)(torch.zeros(1, 64, 64))
    assert torch.isfinite(p).all()
    assert a.tolist() == [1.0]


def test_the_exported_module_is_the_trained_one_with_its_temperature(net, tmp_path):
    net.temperature.fill_(1.7)
    m.save_grader(tmp_path / "best.pt", net, epoch=3)
    loaded = m.load_grader(tmp_path / "best.pt")
    assert loaded.spec == SPEC
    assert m.load_facts(tmp_path / "best.pt") == {"epoch": 3}
    with torch.no_grad():
        logits, _, attention = net(pictures(3), torch.zeros(3, dtype=torch.long), 1)
        p, a = m.export_module(loaded)(pictures(3)[:, 0])
    assert torch.allclose(p, torch.softmax(logits[0] / 1.7, 0), atol=1e-5)
    assert torch.allclose(a, attention, atol=1e-5)
    net.temperature.fill_(1.0)


def test_what_int8_must_leave_alone_is_named_att_and_fc(net):
    names = {name.split(".")[0] for name, _ in m.export_module(net).named_parameters()}
    assert names == {"features", "att", "fc"}


def test_every_region_has_a_spec_of_its_own():
    for region in Region:
        spec = m.DEFAULT_SPECS[region]
        assert spec.region is region
        assert 40 <= spec.crop_mm <= 64
