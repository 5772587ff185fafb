"""Tests of corpus, tokenizer, samples and evaluation, on small texts of their own. They need no network; they write the archives
that they read."""

import csv
import io
import json
import pathlib
import random
import re
import tarfile
import tempfile
import unittest
import unittest.mock
from importlib.util import find_spec

RECIPE = pathlib.Path(__file__).resolve().parent.parent
MISSING = [name for name in ("numpy", "tokenizers", "torch", "safetensors") if find_spec(name) is None]
GOLDEN = RECIPE.parent.parent / "server/model/tests/fim/golden.rs"

CODE = "\n".join(
    f"def {verb}_{noun}(self, {noun}: str) -> int:\n    \"\"\"{verb.title()} one {noun} (naïve — {i}).\"\"\"\n"
    f"    total = self.{noun}s.{verb}({noun})\n    return len(total) + {i}\n"
    for i, (verb, noun) in enumerate((v, n) for v in ("load", "parse", "store") for n in ("table", "request", "colour")))


def setUpModule():
    if MISSING:
        raise unittest.SkipTest(f"needs {', '.join(MISSING)}")
    global archives, cuts, packages, prompts, corpus, tokenizer, samples, cases, evaluate, llama, VOCABULARY, FOLDER
    from data import archives, corpus, cuts, packages, prompts, samples, tokenizer
    from evaluation import cases, evaluate, llama

    FOLDER = tempfile.TemporaryDirectory()
    trained = tokenizer.train([CODE] * 3, 420)
    trained.save(FOLDER.name + "/tokenizer.json")
    VOCABULARY = llama.Words(FOLDER.name + "/tokenizer.json")


def tearDownModule():
    FOLDER.cleanup()


def package(**fields):
    return {"name": "demo", "kind": "npm", "version": "1.0.0", "licence": "MIT", "split": "train", **fields}


def archive(data, one, files):
    """The archive that a registry's client would have left of a package."""
    folder = archives.folder_of(data, one)
    folder.mkdir(parents=True)
    with tarfile.open(folder / f"{one['name']}-{one['version']}.tgz", "w:gz") as out:
        for path, text in files.items():
            info = tarfile.TarInfo("package/" + path)
            info.size = len(text.encode())
            out.addfile(info, io.BytesIO(text.encode()))


def file(text, path="a.py", split="train", name="demo"):
    return {"package": name, "split": split, "path": path, "language": "python", "test": False, "text": text}


class Corpus(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.data = pathlib.Path(holder.name)

    def test_the_list_of_this_recipe_is_in_order(self):
        listed = packages.read_packages(packages.LIST)
        self.assertLessEqual(len(listed), 85)
        held_out = {one["name"] for one in listed if one["split"] == "test"}
        self.assertTrue({"click", "flask", "attrs", "itertools", "ropey", "axum", "preact", "rxjs"} <= held_out)

    def test_a_licence_outside_the_list_stops_with_the_name(self):
        for licence in ("GPL-3.0-only", "MPL-2.0", "MIT AND GPL-2.0", ""):
            with self.assertRaisesRegex(corpus.CorpusError, "demo"):
                packages.check_licence("demo", licence)
        for licence in ("MIT", "MIT OR Apache-2.0", "GPL-2.0 OR MIT", "Apache-2.0 AND MIT", "Apache-2.0/MIT"):
            packages.check_licence("demo", licence)

    def test_the_licence_of_the_metadata_counts_and_not_that_of_the_list(self):
        archive(self.data, package(), {"package.json": '{"license": "GPL-3.0-only"}', "src/a.js": "let a = 1;\n" * 40})
        with self.assertRaisesRegex(corpus.CorpusError, "demo.*GPL-3.0-only"):
            corpus.read_package((self.data, package()))

    def test_metadata_of_every_kind_is_read(self):
        mit = "Permission is hereby granted, free of charge, to any person obtaining a\ncopy of this software"
        for kind, path, text, expected in (
            ("npm", "package.json", '{"license": "ISC"}', "ISC"),
            ("cargo", "Cargo.toml", '[package]\nlicense = "MIT OR Apache-2.0"\n', "MIT OR Apache-2.0"),
            ("pypi-wheel", "demo-1.dist-info/METADATA", "License-Expression: BSD-3-Clause\n\nbody", "BSD-3-Clause"),
            ("pypi-sdist", "PKG-INFO", "Classifier: License :: OSI Approved :: MIT License\n\nbody", "MIT"),
            ("debian", "LICENSE", mit, "MIT"),
            ("debian", "COPYING", "GNU GENERAL PUBLIC LICENSE Version 2", "GPL"),
            ("debian", "LICENSE", "All rights reserved.", ""),
        ):
            self.assertEqual(packages.licence_in_metadata(kind, path, text), expected)

    def test_what_the_list_says_of_a_licence_must_be_stated_by_the_package(self):
        for licence, stated in (("MIT", ["MIT"]), ("Apache-2.0", ["GPL", "Apache-2.0"]), ("MIT OR Apache-2.0", ["Apache-2.0", "MIT"])):
            packages.confirm_licence("demo", licence, stated)
        for licence, stated in (("MIT", []), ("MIT", ["GPL"]), ("MIT OR Apache-2.0", ["MIT"]), ("MIT", ["MIT OR Apache-2.0"])):
            with self.assertRaisesRegex(corpus.CorpusError, "demo"):
                packages.confirm_licence("demo", licence, stated)

    def test_a_missing_package_stops_with_the_name(self):
        with self.assertRaisesRegex(corpus.CorpusError, "demo 1.0.0 .* is missing"):
            corpus.read_package((self.data, package()))

    def test_another_version_of_a_package_does_not_stand_in_for_it(self):
        archive(self.data, package(version="2.0.0"), {"package.json": "{}"})
        with self.assertRaisesRegex(corpus.CorpusError, "demo 1.0.0 .* is missing"):
            archives.archives_of(self.data, package())

    def test_fetching_asks_only_for_what_is_missing_and_names_what_does_not_come(self):
        archive(self.data, package(), {"package.json": "{}"})
        asked = []

        def answer(data, one):
            asked.append(one["name"])
            if one["name"] == "comes":
                (archives.folder_of(data, one) / "comes-1.0.0.whl").touch()
            return 1, "no such version"

        listed = [package(), package(name="comes", kind="pypi-wheel"), package(name="lost", kind="npm")]
        with unittest.mock.patch.dict(archives.FETCHERS, {"npm": answer, "pypi-wheel": answer}), \
                unittest.mock.patch("builtins.print"), self.assertRaisesRegex(corpus.CorpusError, "lost.*no such version"):
            archives.fetch(self.data, listed)
        self.assertEqual(sorted(asked), ["comes", "lost"])

    def test_only_written_code_is_taken(self):
        good = "function load(table) {\n  return table.rows.map(one => one.name);\n}\n" * 8
        files = {
            "package.json": '{"license": "MIT"}', "src/good.js": good, "dist/good.js": good + "//",
            "src/small.js": "let a;", "src/wide.js": good + "x" * 500, "src/made.js": "// @generated by x\n" + good,
            "src/data.js": "[1234567890, 1234567890],\n" * 30, "src/app.min.js": good, "vendor/v.js": good + "// v",
            "src/licensed.js": "/* Copyright 2020 Somebody */\n" + good.replace("table", "chair"),
        }
        archive(self.data, package(), files)
        found = corpus.read_package((self.data, package()))[2]
        self.assertEqual(sorted(one["path"] for one in found), ["src/good.js", "src/licensed.js"])
        self.assertFalse(any("Copyright" in one["text"] for one in found))

    def test_copies_go_and_those_of_held_out_packages_stay(self):
        other = CODE.replace("table", "window").replace("request", "answer").replace("store", "draw")
        near = CODE.replace("colour", "color", 1).replace("    total", "  total") + "x = 1\n"
        different = "\n".join(f"class Widget{i}:\n    kind_{i} = Kind{i}({i})" for i in range(30))
        files = [file(CODE, "train.py"), file(near, "near.py"), file(CODE.replace("\n", "\n\n"), "spaced.py"),
                 file(CODE, "held_out.py", split="test"), file(different, "different.py")]
        kept = {one["path"] for one in corpus.without_duplicates(files)}
        self.assertEqual(kept, {"held_out.py", "different.py"})
        self.assertEqual(len(corpus.without_duplicates([file(CODE), file(other + different)])), 2)

    def test_training_files_that_hold_parts_of_the_test_set_go(self):
        own = "\n".join(f"class Widget{i}:\n    kind_{i} = Kind{i}({i})" for i in range(60))
        files = [file(own, "own.py"), file(own + CODE, "vendored.py"), file(CODE, "test.py", split="test")]
        self.assertEqual({one["path"] for one in corpus.without_overlap(files)}, {"own.py", "test.py"})


class Tokens(unittest.TestCase):
    def test_every_text_comes_back_byte_for_byte(self):
        for text in (CODE, "e\u0301 \u00e9 \ufb01 \u212b", "\t x\r\n\n  \n", "日本語 🙂\u200d", "it's 1234 a_b  (x);\n\n\ny"):
            ids = VOCABULARY.encode([text])[0]
            self.assertEqual(VOCABULARY.tokenizer.decode(ids, skip_special_tokens=False), text)
            self.assertEqual(b"".join(VOCABULARY.bytes[i] for i in ids), text.encode())

    def test_special_tokens_have_fixed_ids_and_digits_stand_alone(self):
        self.assertEqual([VOCABULARY.tokenizer.token_to_id(text) for text in tokenizer.SPECIAL], list(range(16)))

    def test_texts_fall_apart_as_with_qwen2(self):
        split = tokenizer.empty().pre_tokenizer.pre_tokenize_str
        for text, expected in (("x = 2024", "x| =| |2|0|2|4"), ("\tself.read_line();\n\n    # it's", "\tself|.read|_line|();ĊĊ|   | #| it|'s"),
                               ("a  \n\n b\n", "a|  ĊĊ| b|Ċ"), ("if(x){", "if|(x|){")):
            expected = expected.replace(" ", "Ġ").replace("\t", "ĉ")
            self.assertEqual([piece for piece, _ in split(text)], expected.split("|"))


def shown(parts):
    """A prompt as the golden prompts of the server's tests are written."""
    names = {VOCABULARY.tokenizer.token_to_id(text): text for text in tokenizer.SPECIAL}
    return "".join(f"⟦{names[part]}⟧" if isinstance(part, int) else part for part in parts)


class Samples(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        path = self.folder / "train.jsonl"
        files = [file(CODE.replace("total", f"total_{i}"), f"src/part/{i}.py") for i in range(6)]
        path.write_text("".join(json.dumps(one) + "\n" for one in files))
        self.path, self.texts = path, [one["text"] for one in files]

    def rows(self, length, count, seed=1):
        rows = samples.Packer(VOCABULARY, samples.Source(self.path, seed), length, batch=64).rows()
        return [next(rows) for _ in range(count)]

    def test_the_layout_is_the_one_of_the_server(self):
        golden = GOLDEN.read_text().replace("\\\n", "\0")
        entry = re.search(r'family: "Qwen2\.5-Coder",(.*?)stop_tokens', golden, re.S).group(1)
        alone, with_snippets = (
            re.sub(r"\0\s*", "", re.search(rf'\b{name}: "((?:[^"\\]|\\.)*)"', entry).group(1)).replace("\\n", "\n")
            for name in ("alone", "with_snippets"))
        parts = ("src/a.rs", "fn a() {\n", ";\n}\n")
        self.assertEqual(shown([*prompts.prompt(VOCABULARY, *parts), "    let x"]), alone)
        snippets = [("b.rs", "mod b;\n"), ("c.rs", "mod c;")]
        self.assertEqual(shown([*prompts.prompt(VOCABULARY, *parts, snippets, "demo"), "    let x"]), with_snippets)

    def test_equal_seeds_give_equal_rows(self):
        self.assertEqual(self.rows(256, 30), self.rows(256, 30))
        self.assertNotEqual(self.rows(256, 30), self.rows(256, 30, seed=2))

    def test_rows_are_full_and_every_middle_fits_its_place(self):
        middles = with_snippets = 0
        for tokens, weights in self.rows(384, 80):
            self.assertEqual((len(tokens), len(weights)), (384, 384))
            at = 0
            while VOCABULARY.prefix in tokens[at:]:
                start = tokens.index(VOCABULARY.prefix, at)
                right = tokens.index(VOCABULARY.suffix, start)
                middle = tokens.index(VOCABULARY.middle, right)
                at = end = tokens.index(VOCABULARY.end, middle)
                above, below, between = (VOCABULARY.tokenizer.decode(tokens[a + 1:b])
                                         for a, b in ((start, right), (right, middle), (middle, end)))
                whole = above[-12:] + between + below[:12]
                self.assertTrue(any(whole in text for text in self.texts), whole)
                self.assertEqual(set(weights[middle + 1:end + 1]), {samples.MIDDLE_WEIGHT})
                self.assertEqual(set(weights[start:middle + 1]), {samples.ORDINARY_WEIGHT})
                middles += 1
            with_snippets += VOCABULARY.repository in tokens
        self.assertGreater(middles, 60)
        self.assertGreater(with_snippets, 5)

    def test_a_cut_at_a_line_leaves_its_start_to_the_middle(self):
        rng = random.Random(4)
        found = [cuts.cut(rng, CODE, kind, 128) for kind in ("line", "lines", "block") for _ in range(200)]
        for one in filter(None, found):
            self.assertTrue(one.above == "" or one.above.endswith("\n"))
            self.assertIn(one.above[-20:] + one.middle + one.suffix[:20], CODE)

    def test_shards_are_written_whole_and_a_second_run_changes_nothing(self):
        def write(tokens):
            source = samples.Source(self.path, 1)
            samples.write(samples.Packer(VOCABULARY, source, 128, batch=64), tokens, self.folder, "train-128-01-{:03}", 1280)
        with unittest.mock.patch("builtins.print"):
            write(2 * 1280)
            first = {one.name: one.read_bytes() for one in self.folder.glob("*.npy")}
            (self.folder / "train-128-01-001.npy").unlink()
            write(3 * 1280)
        again = {one.name: one.read_bytes() for one in self.folder.glob("*.npy")}
        self.assertEqual(len(again), 6)
        self.assertEqual(first, {name: again[name] for name in first})


class Evaluation(unittest.TestCase):
    def test_packages_of_the_training_manifest_are_refused(self):
        rows = list(csv.DictReader(io.StringIO("package,split\nclick,test\nrich,train\nzod,validation\n")))
        cases.refuse_trained(["click"], rows)
        for name in ("rich", "zod"):
            with self.assertRaisesRegex(SystemExit, name):
                cases.refuse_trained(["click", name], rows)

    def test_cases_put_together_give_back_the_file(self):
        files = [file(CODE, f"{i}.py", "test") for i in range(2)]
        made = list(cases.make(files, 3, 12, 6))
        self.assertEqual(made, list(cases.make(files, 3, 12, 6)))
        self.assertEqual(len(made), 18)
        for case in made:
            self.assertEqual(case["prefix"] + case["expected"] + case["suffix"], CODE)
            self.assertNotIn("\n", case["expected"])
            self.assertTrue(all(path != case["path"] for path, _ in case["snippets"]))
            if case["kind"] == "next":
                self.assertEqual(case["prefix"].split("\n")[-1].strip(), "")

    def test_a_case_is_asked_as_the_server_asks(self):
        case = {"path": "src/a.rs", "package": "demo", "prefix": "fn a() {\n    let x", "suffix": ";\n}\n",
                "snippets": [["b.rs", "mod b;\n"], ["c.rs", "mod c;\n"]]}
        head = "<|repo_name|>demo\n<|file_sep|>b.rs\nmod b;\n<|file_sep|>c.rs\nmod c;\n"
        rest = "<|file_sep|>src/a.rs\n<|fim_prefix|>fn a() {\n<|fim_suffix|>;\n}\n<|fim_middle|>    let x"
        for how, expected in (({"with_suffix": True, "with_snippets": True}, head + rest),
                              ({"with_suffix": True, "with_snippets": False}, rest),
                              ({"with_suffix": False, "with_snippets": False}, rest.replace(";\n}\n", ""))):
            for heal in (True, False):
                ids, forced = evaluate.prompt_of(VOCABULARY, case, heal=heal, **how)
                text = VOCABULARY.tokenizer.decode(ids, skip_special_tokens=False)
                self.assertEqual(text + forced.decode(), expected)
                self.assertEqual(forced != b"", heal)
        long = {**case, "prefix": "use std::fmt;\n" + "let value = other(value);\n" * 300 + "    let x"}
        ids, forced = evaluate.prompt_of(VOCABULARY, long, heal=True, with_suffix=True, with_snippets=True)
        self.assertLess(len(ids), evaluate.PROMPT_TOKENS)
        self.assertIn("<|fim_prefix|>use std::fmt;\nlet value", VOCABULARY.tokenizer.decode(ids, skip_special_tokens=False))

    def test_measures(self):
        self.assertEqual(evaluate.similarity("abcd", "abcd"), 1)
        self.assertEqual(evaluate.similarity("abcd", "abxd"), 0.75)
        self.assertEqual(evaluate.score("foo(bar)", b"foo(baz)\nrest"), {"exact": False, "similarity": 0.875, "first_word": True})
        self.assertTrue(evaluate.score("return 1", b"return 1  \n")["exact"])

    def test_healing_takes_back_the_word_and_forces_its_text(self):
        for typed, word in (("    total = self.tab", "tab"), ("len(total", "total"), ("x = (", "(")):
            ids = VOCABULARY.encode([typed])[0]
            rest, forced = VOCABULARY.take_back(ids)
            self.assertEqual(b"".join(VOCABULARY.bytes[i] for i in rest) + forced, typed.encode())
            self.assertTrue(forced.endswith(word.encode()))
            able = {VOCABULARY.bytes[i] for i in VOCABULARY.able_to_begin(forced)}
            self.assertEqual(able, {b for b in VOCABULARY.bytes if b and (b[:len(forced)] == forced or b == forced[:len(b)])})

    def test_a_prompt_answers_alike_alone_in_a_batch_and_without_a_cache(self):
        import torch
        from safetensors.torch import save_file

        width, feed, generator = 32, 48, torch.Generator().manual_seed(1)
        sizes = {"self_attn.q_proj": (width, width), "self_attn.k_proj": (16, width), "self_attn.v_proj": (16, width),
                 "self_attn.o_proj": (width, width), "mlp.gate_proj": (feed, width), "mlp.up_proj": (feed, width),
                 "mlp.down_proj": (width, feed)}
        weights = {"model.embed_tokens.weight": torch.randn(VOCABULARY.tokenizer.get_vocab_size(), width, generator=generator), "model.norm.weight": torch.ones(width)}
        for i in range(2):
            weights |= {f"model.layers.{i}.{name}.weight": torch.randn(*size, generator=generator) * 0.3
                        for name, size in sizes.items()}
            weights |= {f"model.layers.{i}.{name}.weight": torch.ones(width)
                        for name in ("input_layernorm", "post_attention_layernorm")}
        save_file(weights, FOLDER.name + "/model.safetensors")
        pathlib.Path(FOLDER.name, "config.json").write_text(json.dumps({
            "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "hidden_size": width, "head_dim": 8, "rms_norm_eps": 1e-6, "rope_theta": 10000.0}))
        model = llama.Llama(FOLDER.name)
        prompts = [(VOCABULARY.encode([text])[0], forced) for text, forced in
                   (("def load", b""), ("    total = self.", b"tables"), (CODE[:200], b" \xc3"))]
        together = llama.complete(model, VOCABULARY, prompts, 12)
        self.assertEqual(together, [llama.complete(model, VOCABULARY, [one], 12)[0] for one in prompts])
        self.assertGreater(len(set(together)), 1)
        # Without a cache: the whole text read anew for every token.
        ids, text = list(prompts[0][0]), b""
        for _ in range(12):
            read = torch.tensor([ids])
            state = model.hidden(read, torch.arange(len(ids))[None], torch.zeros_like(read, dtype=torch.bool))
            ids.append(int(model.logits(state[0, -1]).argmax()))
            text += VOCABULARY.bytes[ids[-1]]
            if b"\n" in text or not VOCABULARY.bytes[ids[-1]]:
                break
        self.assertEqual(together[0], text)
