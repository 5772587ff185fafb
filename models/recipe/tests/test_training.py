"""Tests of training, export and quantisation with a tiny model on a text that repeats. They are skipped without torch."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RECIPE = Path(__file__).resolve().parent.parent
MISSING = [name for name in ("torch", "numpy", "safetensors", "onnx", "onnxruntime", "tokenizers")
           if __import__("importlib.util").util.find_spec(name) is None]  # fmt: skip
CONFIG = """
seed = 1
[shape]
vocabulary = 262
width = 64
layers = 2
heads = 2
kv_heads = 1
feed_forward = 96
[optimiser]
muon_rate = 0.02
muon_momentum = 0.95
muon_decay = 0.05
adam_rate = 1e-2
adam_betas = [0.9, 0.95]
[schedule]
warmup_steps = 4
decay = 0.4
last_rate = 0.01
clip = 1.0
penalty = 1e-5
average = 0.9
[speed]
chunk = 64
[report]
steps = 10
save_minutes = 60
validate_minutes = 60
validation_rows = 8
[[stages]]
until = 0.6
length = 32
rows = 8
micro = 4
[[stages]]
until = 1.0
length = 512
rows = 2
micro = 1
"""


def samples(folder: Path) -> None:
    """Shards of a period of 24 tokens: what comes next can be learnt within seconds."""
    import numpy as np

    period = np.random.default_rng(2).permutation(250)[:24]
    for length, name in ((32, "train-32-1-000"), (512, "train-512-1-000"), (512, "valid-512")):
        starts = np.arange(16)[:, None]
        np.save(folder / f"{name}.npy", period[(starts + np.arange(length)) % 24].astype(np.uint16))


def tokenizer(folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(vocab=letters, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    names = ("endoftext", "fim_prefix", "fim_suffix", "fim_middle", "repo_name", "file_sep")
    made.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in names])
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")


@unittest.skipIf(MISSING, f"training is not tested: {', '.join(MISSING)} not installed")
class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        samples(cls.root)
        tokenizer(cls.root)
        (cls.root / "config.toml").write_text(CONFIG)
        cls.first = cls.train("--tokens", "20000")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def train(cls, *given: str, config: str = "config.toml", out: str = "run") -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "training.train", "--config", cls.root / config, "--data", cls.root]
        command += ["--out", cls.root / out, "--workers", "2", "--no-compile", *given]
        return subprocess.run(command, cwd=RECIPE, capture_output=True, text=True, timeout=300)

    def losses(self, run: subprocess.CompletedProcess) -> list[float]:
        """Validation losses that a run printed."""
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        lines = [line for line in run.stdout.splitlines() if line.startswith("validation")]
        return [float(line.split(": ")[1].split()[0]) for line in lines]

    def completions(self, folder: Path) -> list[list[bytes]]:
        """What the evaluation's own model and ONNX Runtime in its place say."""
        from export import agree, convert
        from evaluation.llama import Llama, Words, complete
        from evaluation.quantise import AsModel

        vocabulary = Words(folder / "tokenizer.json")
        convert.write_onnx(folder, folder / "float", convert.FLOAT, convert.FLOAT)
        models = (Llama(folder), AsModel(agree.Onnx(folder / "float/model.onnx")))
        prompts = [([40, 41, 42], b""), ([70] * 9, vocabulary.bytes[44])]
        return [[complete(model, vocabulary, [prompt])[0] for prompt in prompts] for model in models]

    def test_it_learns_what_repeats(self):
        weights, average = self.losses(self.first)
        self.assertLess(weights, 1.0, self.first.stdout)
        self.assertLess(average, 1.5, self.first.stdout)

    def test_a_resumed_run_goes_on_from_its_steps(self):
        resumed = self.train("--tokens", "24000", "--resume")
        self.assertLess(self.losses(resumed)[0], 1.0)
        steps = [int(run.stdout.split("left after ")[1].split()[0]) for run in (self.first, resumed)]
        self.assertGreater(steps[1], steps[0])
        self.assertLess(steps[1], 1.5 * steps[0])

    def test_a_checkpoint_of_another_configuration_is_refused_with_what_differs(self):
        (self.root / "wider.toml").write_text(CONFIG.replace("width = 64", "width = 96"))
        refused = self.train("--tokens", "24000", "--resume", config="wider.toml")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("shape.width: 64 in the checkpoint, 96 wanted", refused.stderr)

    def test_training_begins_where_exported_weights_stand_and_all_programs_agree(self):
        from export import agree, convert

        out = self.root / "model"
        convert.main(["--checkpoint", str(self.root / "run/checkpoint.pt"), "--tokenizer", str(self.root),
                      "--out", str(out)])  # fmt: skip
        first, *others = agree.compare(out).values()
        self.assertTrue(others)
        for other in others:
            self.assertEqual(first, other)
        self.assertEqual(*self.completions(out))
        begun = self.train("--tokens", "256", "--from-weights", str(out), out="again")
        self.assertLess(self.losses(begun)[0], 1.0)


@unittest.skipIf(MISSING, f"quantisation is not tested: {', '.join(MISSING)} not installed")
class Quantisation(unittest.TestCase):
    def test_numbers_stand_for_their_weights_and_a_blocks_extreme_exactly(self):
        import numpy as np
        from export.blocks import quantise

        matrix = np.random.default_rng(3).normal(size=(16, 96)).astype(np.float32)
        matrix[3, 32:64] = 0
        numbers, scales = quantise(matrix, 8)
        back = (numbers.astype(np.float32) - 128) * scales[..., None]
        error = np.abs(back.reshape(matrix.shape) - matrix).reshape(16, 3, 32)
        steps = error / np.abs(scales)[..., None]
        # The range has one step less on the side away from the block's extreme, so that a number there may be off by one.
        self.assertLess(steps.max(), 1.001)
        self.assertLess(np.quantile(steps, 0.99), 0.501)
        extremes = np.abs(matrix).reshape(16, 3, 32).argmax(-1)[..., None]
        self.assertLess(np.take_along_axis(steps, extremes, -1).max(), 1e-3)

    def test_four_bits_are_packed_with_the_first_number_in_the_lower_half(self):
        import numpy as np
        from export.blocks import packed

        self.assertEqual(packed(np.array([1, 2, 15, 0], np.uint8), 4).tolist(), [0x21, 0x0F])


@unittest.skipIf(MISSING, f"the gradient is not tested: {', '.join(MISSING)} not installed")
class Gradient(unittest.TestCase):
    def test_it_is_that_of_the_loss_over_all_logits(self):
        import torch
        import torch.nn.functional as F
        from training.model import Model, Shape, initialise, views

        shape = Shape(vocabulary=96, width=64, layers=2, heads=2, kv_heads=1, feed_forward=96)
        flat, gradient = torch.empty(shape.count()), torch.zeros(shape.count())
        initialise(flat, shape, 0)
        flat.mul_(4)
        torch.manual_seed(0)
        model = Model(shape, flat, compiled=False, chunk=32)
        ids, targets, weights = torch.randint(96, (4, 32)), torch.randint(96, (4, 32)), torch.rand(4, 32)
        loss = model.learn(ids, targets, weights, gradient, 1e-3)
        embed = model.embed.clone().requires_grad_()
        logits = model.hidden(embed[ids.view(-1)], 32, model.gain) @ embed.T
        each = F.cross_entropy(logits, targets.view(-1), reduction="none")
        penalty = 1e-3 * torch.logsumexp(logits, -1).square()
        torch.testing.assert_close(loss, (each * weights.view(-1)).sum())
        ((each + penalty) * weights.view(-1)).sum().backward()
        near = {"rtol": 1e-3, "atol": 1e-4}
        torch.testing.assert_close(views(gradient, shape)["embed"], embed.grad, **near)
        query = views(gradient, shape)["layers.0.query"]
        torch.testing.assert_close(query, model.parts[0][0].grad[: query.shape[0]], **near)

    def test_that_of_the_native_step_is_the_same_but_for_rounding(self):
        import torch
        from training.model import Model, Shape, initialise, views
        from training.native import Native

        # Several keys a group and only one; a last slice of the vocabulary that is not full; rows that do not fill 64.
        for shape, rows, length in (
            (Shape(vocabulary=288, width=64, layers=2, heads=4, kv_heads=2, feed_forward=96), 3, 96),
            (Shape(vocabulary=512, width=96, layers=1, heads=1, kv_heads=1, feed_forward=160, head_width=32), 1, 32),
        ):
            flat = torch.empty(shape.count())
            initialise(flat, shape, 0)
            flat.mul_(4)
            flat = flat.bfloat16()
            with tempfile.TemporaryDirectory() as folder:
                native = Native.of(shape, flat, [length], Path(folder))
            if native is None:
                self.skipTest("no AMX, or no g++")
            torch.manual_seed(0)
            ids, targets = torch.randint(shape.vocabulary, (2, rows, length))
            weights = torch.rand(rows, length)
            weights /= weights.sum()
            exact, rounded = torch.zeros(shape.count()), torch.zeros(shape.count())
            wanted = Model(shape, flat.float(), compiled=False).learn(ids, targets, weights, exact, 1e-3).item()
            native.prepare()
            for times in (1, 2):  # It adds to what is there.
                loss = native.learn(ids.numpy(), targets.numpy(), weights.numpy(), rounded, 1e-3)
                self.assertLess(abs(loss - wanted) / wanted, 0.01)
                for name, matrix in views(exact, shape).items():
                    distance = (views(rounded, shape)[name] / times - matrix).norm() / matrix.norm()
                    self.assertLess(distance.item(), 0.05, name)
            with self.assertRaisesRegex(SystemExit, "vocabulary"):
                native.learn(ids.numpy() + shape.vocabulary, targets.numpy(), weights.numpy(), rounded, 0.0)

    def test_both_ways_of_attention_agree(self):
        import torch
        from training.model import MASKED, attend_fused, attend_plain

        torch.manual_seed(0)
        for length in (31, 32):
            query = torch.randn(4, 3, length, 64)
            key, value = torch.randn(4, length, 64), torch.randn(4, length, 64)
            mask = torch.full((length, length), MASKED).triu(1)
            both = [attend(query, key, value, mask) for attend in (attend_plain, attend_fused)]
            torch.testing.assert_close(*both, rtol=1e-4, atol=1e-5)


@unittest.skipIf(MISSING, f"reading of shards is not tested: {', '.join(MISSING)} not installed")
class Reading(unittest.TestCase):
    def test_each_row_comes_once_in_a_pass_also_of_a_shard_that_appears_later_and_after_a_resumption(self):
        import json

        import numpy as np
        from training.shards import Shards

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            np.save(path / "train-8-2-000.npy", np.repeat(np.arange(10, dtype=np.uint16)[:, None], 8, 1))
            reader = Shards(path, 8, 1)
            first = reader.take(6)[0][:, 0].tolist()
            np.save(path / "train-8-1-000.npy", np.repeat(np.arange(10, 15, dtype=np.uint16)[:, None], 8, 1))
            reader = Shards(path, 8, 1, json.loads(json.dumps(reader.place)))
            rest = reader.take(9)[0][:, 0].tolist()
            self.assertEqual(sorted(first + rest), list(range(15)))
            self.assertEqual(reader.take(1)[0].shape, (1, 8))
            self.assertEqual(reader.place["pass"], 1)

    def test_a_missing_shard_is_named(self):
        from training.shards import Shards

        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(SystemExit, "train-8-"):
            Shards(Path(folder), 8, 1).take(1)


class Schedule(unittest.TestCase):
    def test_differences_name_every_setting(self):
        from training import settings

        left, right = {"shape": {"width": 1, "layers": 2}}, {"shape": {"width": 3, "layers": 2}, "seed": 4}
        found = settings.differences(left, right)
        self.assertEqual(found, ["seed: None in the checkpoint, 4 wanted", "shape.width: 1 in the checkpoint, 3 wanted"])

    def test_the_rate_rises_stays_and_falls(self):
        from training.schedule import rate

        schedule = {"warmup_steps": 10, "decay": 0.4, "last_rate": 0.01}
        rates = [rate(fraction, step, schedule) for fraction, step in ((0, 5), (0.5, 50), (0.8, 80), (1, 100))]
        for found, wanted in zip(rates, (0.5, 1.0, 0.5, 0.01)):
            self.assertAlmostEqual(found, wanted)

    def test_the_configurations_of_the_recipe_are_complete(self):
        import tomllib

        wanted = tomllib.loads(CONFIG)
        for path in (RECIPE / "configs").glob("*.toml"):
            found = tomllib.loads(path.read_text())
            for part in wanted:
                self.assertIn(part, found, path.name)
                if isinstance(wanted[part], dict) and part != "shape":
                    self.assertEqual(found[part].keys(), wanted[part].keys(), f"{path.name} {part}")
