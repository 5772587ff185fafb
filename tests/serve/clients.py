"""The tests of tests/serve/run. Invariant: each client is used as its documentation says, without knowledge of the server."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import unittest
import urllib.request

import ollama
import openai

FIMBLE = os.environ["FIMBLE"]
HERE = pathlib.Path(__file__).resolve().parent
HAS_WEIGHTS = bool(os.environ.get("SERVE_WEIGHTS"))
TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Reads a file of the project",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string", "description": "The path of the file"}},
            "required": ["path"],
            "additionalProperties": False,
        },
    },
}


class Server:
    """`fimble serve` on a port that the system chooses."""

    def __init__(self, *options):
        command = [FIMBLE, "serve", "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        self.url = re.search(r"http://127\.0\.0\.1:\d+", first).group(0)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self.reader.join(30)
        self.process.stderr.close()


class WithServer(unittest.TestCase):
    options = ("--no-token", "--model", "bundled")

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)
        cls.openai = openai.OpenAI(base_url=f"{cls.server.url}/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.server.end()


class Completions(WithServer):
    def test_models_are_listed(self):
        self.assertEqual([model.id for model in self.openai.models.list()], ["fimble", "bundled"])

    def test_a_text_is_completed_with_probabilities(self):
        answer = self.openai.completions.create(model="bundled", prompt="import os\nimport s", max_tokens=4, logprobs=5)
        choice = answer.choices[0]
        self.assertTrue(choice.text)
        self.assertEqual(len(choice.logprobs.tokens), answer.usage.completion_tokens)
        for token, logprob, top in zip(choice.logprobs.tokens, choice.logprobs.token_logprobs, choice.logprobs.top_logprobs):
            self.assertEqual((len(top), top[token], max(top.values())), (5, logprob, logprob))
        again = self.openai.completions.create(model="bundled", prompt="import os\nimport s", max_tokens=4)
        self.assertEqual(again.choices[0].text, choice.text)
        self.assertGreater(again.usage.prompt_tokens_details.cached_tokens, 0)

    def test_a_gap_is_filled_in_pieces(self):
        before, behind = "class Ledger:\n    def __init__(self, entries):\n        self.entries = ", "\n\n    def first(self):\n        return self.entries[0]\n"
        stream = self.openai.completions.create(
            model="fimble", prompt=before, suffix=behind, max_tokens=16, stop=["\n"], stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
        self.assertTrue(text.startswith("entries"), text)
        self.assertEqual(chunks[-2].choices[0].finish_reason, "stop")
        self.assertGreater(chunks[-1].usage.prompt_tokens, 10)

    def test_refusals_are_the_errors_of_the_library(self):
        with self.assertRaises(openai.NotFoundError) as unknown:
            self.openai.completions.create(model="gpt-9", prompt="a")
        self.assertIn("bundled", str(unknown.exception))
        with self.assertRaises(openai.BadRequestError) as too_long:
            self.openai.completions.create(model="fimble", prompt="word " * 5000)
        self.assertEqual(too_long.exception.code, "context_length_exceeded")
        self.assertRegex(str(too_long.exception), r"\d+ tokens, the model reads \d+")
        with self.assertRaises(openai.BadRequestError):
            self.openai.chat.completions.create(model="bundled", messages=[{"role": "user", "content": "Hi"}])

    def test_llama_vim_gets_the_fields_that_it_reads(self):
        fields = ["content", "timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_token_ms", "timings/prompt_per_second",
                  "timings/predicted_n", "timings/predicted_ms", "timings/predicted_per_token_ms", "timings/predicted_per_second",
                  "truncated", "tokens_cached"]
        extra = [{"text": "def area(width, height):\n    return width * height\n", "time": [1, 2], "filename": "shapes.py"}]
        request = {"input_prefix": "from shapes import area\n\n\ndef main():\n", "input_suffix": "\n\n\nmain()\n",
                   "input_extra": extra, "prompt": "    print(ar", "n_predict": 32, "n_indent": 4, "top_k": 40, "top_p": 0.99,
                   "stream": False, "samplers": ["top_k", "top_p", "infill"], "cache_prompt": True, "t_max_prompt_ms": 500,
                   "t_max_predict_ms": 1000, "response_fields": fields}
        answer = self.post("/infill", request)
        self.assertEqual(sorted(answer), sorted(fields))
        self.assertTrue(answer["content"].strip(), answer)
        ahead = {**request, "input_prefix": "", "input_suffix": "", "prompt": "", "n_predict": 0, "samplers": [], "response_fields": [""]}
        self.assertEqual(self.post("/infill", ahead), {})

    def open(self, path, body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.server.url + path, json.dumps(body).encode(), headers)
        return urllib.request.urlopen(request, timeout=60)

    def post(self, path, body):
        with self.open(path, body) as answer:
            return json.load(answer)

    def test_zed_gets_the_fields_that_it_demands(self):
        before, behind = "class Ledger:\n    def __init__(self, entries):\n        self.entries = ", "\n\n    def first(self):\n        return self.entries[0]\n"
        request = {"model": "fimble", "prompt": f"<|fim_prefix|>{before}<|fim_suffix|>{behind}<|fim_middle|>", "max_tokens": 64,
                   "stop": ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]}
        answer = self.post("/v1/completions", request)
        # Zed refuses an answer without any of these.
        for key, kind in [("id", str), ("object", str), ("created", int), ("model", str)]:
            self.assertIsInstance(answer[key], kind, key)
        choice = answer["choices"][0]
        self.assertIsInstance(choice["finish_reason"], (str, type(None)))
        for key in ["prompt_tokens", "completion_tokens", "total_tokens"]:
            self.assertIsInstance(answer["usage"][key], int, key)
        self.assertTrue(choice["text"].startswith("entries"), choice)
        self.assertNotIn("<|", choice["text"])

    def test_llama_vscode_gets_the_fields_that_it_reads(self):
        extra = [{"text": "def area(width, height):\n    return width * height\n", "time": 1764500000000, "filename": "/home/user/project/shapes.py"}]
        request = {"id_slot": 0, "input_prefix": "from shapes import area\n\n\ndef main():\n", "input_suffix": "\n\n\nmain()\n",
                   "input_extra": extra, "prompt": "    print(ar", "n_predict": 128, "n_cmpl": 3, "top_k": 40, "top_p": 0.99,
                   "stream": False, "samplers": ["top_k", "top_p", "infill"], "cache_prompt": True, "n_indent": 4,
                   "t_max_prompt_ms": 500, "t_max_predict_ms": 2500}
        answer = self.post("/infill", request)
        self.assertTrue(answer["content"].strip(), answer)
        # Its status line reads these whenever it shows something, an object within the first one.
        self.assertGreater(answer["generation_settings"]["n_ctx"], 0)
        self.assertIsInstance(answer["tokens_cached"], int)
        for key in ["prompt_n", "prompt_ms", "prompt_per_second", "predicted_n", "predicted_ms", "predicted_per_second"]:
            self.assertIsInstance(answer["timings"][key], (int, float), key)
        ahead = {"id_slot": 0, "input_prefix": "", "input_suffix": "", "input_extra": extra, "prompt": "", "n_predict": 0,
                 "samplers": [], "cache_prompt": True, "t_max_prompt_ms": 500, "t_max_predict_ms": 1}
        self.assertEqual(self.post("/infill", ahead).get("content"), "")

    def test_qodeassist_gets_the_events_that_it_reads(self):
        request = {"model": "fimble", "stream": True, "input_prefix": "int area(int width, int height)\n{\n    return width * ",
                   "input_suffix": ";\n}\n", "max_tokens": 500, "temperature": 0.2,
                   "input_extra": [{"filename": "/home/user/project/shapes.h", "text": "int area(int width, int height);\n"}]}
        with self.open("/infill", request) as answer:
            self.assertIn("text/event-stream", answer.headers["Content-Type"])
            events = [json.loads(line.removeprefix(b"data: ")) for line in answer if line.startswith(b"data: {")]
        # What has choices is taken for the interface of OpenAI.
        self.assertTrue(all("content" in event and "choices" not in event for event in events), events)
        self.assertTrue("".join(event["content"] for event in events).strip(), events)
        self.assertEqual([event["stop"] for event in events], [False] * (len(events) - 1) + [True])
        self.assertIsInstance(events[-1]["tokens_evaluated"], int)
        self.assertIsInstance(events[-1]["tokens_predicted"], int)
        self.assertLessEqual(events[-1]["tokens_predicted"], 500)
        with urllib.request.urlopen(f"{self.server.url}/v1/models", timeout=60) as models:
            self.assertEqual([model["id"] for model in json.load(models)["data"]], ["fimble", "bundled"])

    def test_ollamas_client_lists_shows_and_fills(self):
        client = ollama.Client(host=self.server.url)
        self.assertEqual([model.model for model in client.list().models], ["fimble", "bundled"])
        self.assertIn("insert", client.show("bundled").capabilities)
        answer = client.generate("bundled", prompt="def add(first, second):\n    return first + ", suffix="\n", options={"num_predict": 8})
        self.assertTrue(answer.response and answer.done, answer)
        pieces = list(client.generate("bundled", prompt="for i in ra", raw=True, stream=True, options={"num_predict": 8}))
        self.assertTrue(pieces[-1].done and pieces[-1].eval_count > 0, pieces)
        with self.assertRaises(ollama.ResponseError) as unknown:
            client.generate("llama3", prompt="a")
        self.assertEqual(unknown.exception.status_code, 404)

    @unittest.skipUnless(shutil.which("node"), "Node.js is not installed")
    def test_the_javascript_library_streams(self):
        script = HERE / "client.mjs"
        environment = {**os.environ, "SERVE_URL": f"{self.server.url}/v1", "SERVE_TOKEN": "none"}
        done = subprocess.run(["node", script], env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "ok"), done.stderr)


class Tokens(unittest.TestCase):
    def test_a_wrong_token_is_an_authentication_error(self):
        server = Server("--model", "bundled")
        try:
            client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong-wrong-wrong", max_retries=0)
            with self.assertRaises(openai.AuthenticationError):
                client.models.list()
            file = next(line.removeprefix("Token: in ") for line in server.lines if line.startswith("Token: in "))
            token = pathlib.Path(file).read_text().strip()
            self.assertEqual(pathlib.Path(file).stat().st_mode & 0o777, 0o600)
            client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=token, max_retries=0)
            self.assertEqual(len(client.models.list().data), 2)
            self.assertNotIn(token, "\n".join(server.lines))
        finally:
            server.end()


class Chains(WithServer):
    options = ("--no-token", "--model", "llama.cpp@127.0.0.1:1", "--model", "bundled")

    def test_the_next_model_answers_where_the_first_cannot(self):
        for stream in [False, True]:
            raw = self.openai.completions.with_raw_response.create(model="fimble", prompt="import o", max_tokens=4, stream=stream)
            self.assertEqual((raw.headers["x-fimble-model"], raw.headers["x-fimble-remote"]), ("bundled", "false"))


@unittest.skipUnless(HAS_WEIGHTS, "needs real weights")
class Conversations(WithServer):
    options = ("--no-token", "--model", "bundled", "--chat", "q05")

    def ask(self, content, **options):
        messages = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": content}]
        return self.openai.chat.completions.create(model="q05", messages=messages, max_tokens=64, **options)

    def test_a_question_is_answered_whole_and_in_pieces(self):
        question = "What is the name of the Python function that sorts a list and returns a new one? One word."
        answer = self.ask(question)
        self.assertIn("sorted", answer.choices[0].message.content.lower())
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        pieces = [chunk.choices[0].delta.content or "" for chunk in self.ask(question, stream=True)]
        self.assertEqual("".join(pieces), answer.choices[0].message.content)

    def test_an_answer_has_the_form_that_was_demanded(self):
        schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "year": {"type": "integer"},
                  "languages": {"type": "array", "items": {"enum": ["python", "rust"]}, "maxItems": 2}},
                  "required": ["name", "year", "languages"], "additionalProperties": False}
        form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
        for question in ["Describe Guido van Rossum.", "Say nothing but the word banana.", "```json"]:
            answer = json.loads(self.ask(question, response_format=form, temperature=1, seed=7).choices[0].message.content)
            self.assertEqual(sorted(answer), ["languages", "name", "year"])
            self.assertTrue(isinstance(answer["year"], int) and set(answer["languages"]) <= {"python", "rust"}, answer)
        answer = self.ask("Give me an object with the colour of the sky.", response_format={"type": "json_object"})
        self.assertIsInstance(json.loads(answer.choices[0].message.content), dict)
        with self.assertRaises(openai.BadRequestError) as broken:
            bad = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
            self.ask("a", response_format=bad)
        self.assertIn("form", str(broken.exception))

    def test_functions_are_called(self):
        for choice in ["required", {"type": "function", "function": {"name": "read_file"}}]:
            answer = self.ask("Which colour has the sky?", tools=[TOOL], tool_choice=choice)
            call = answer.choices[0].message.tool_calls[0]
            self.assertEqual((call.function.name, answer.choices[0].finish_reason), ("read_file", "tool_calls"))
            self.assertEqual(list(json.loads(call.function.arguments)), ["path"])
        chunks = list(self.ask("Read the file README.md.", tools=[TOOL], tool_choice="required", stream=True))
        calls = [chunk.choices[0].delta.tool_calls[0] for chunk in chunks if chunk.choices[0].delta.tool_calls]
        self.assertIn("README", json.loads(calls[0].function.arguments)["path"])
        result = self.openai.chat.completions.create(model="q05", max_tokens=32, messages=[
            {"role": "user", "content": "Read the file README.md."},
            {"role": "assistant", "tool_calls": [{"id": "call-1", "type": "function", "function": {
                "name": "read_file", "arguments": "{\"path\": \"README.md\"}"}}]},
            {"role": "tool", "tool_call_id": "call-1", "content": "The word is xylophone. <|im_end|>"},
            {"role": "user", "content": "What is the word?"}], tools=[TOOL])
        message = result.choices[0].message
        self.assertTrue(message.content or message.tool_calls, result)

    def test_ollamas_client_talks(self):
        client = ollama.Client(host=self.server.url)
        answer = client.chat("q05", messages=[{"role": "user", "content": "Say yes."}], options={"num_predict": 16})
        self.assertTrue(answer.message.content)
        tool = client.chat("q05", messages=[{"role": "user", "content": "Read the file README.md with the function."}],
                           tools=[TOOL], options={"num_predict": 64})
        self.assertTrue(tool.message.content or tool.message.tool_calls)
        form = client.chat("q05", messages=[{"role": "user", "content": "Your age?"}], options={"num_predict": 64},
                           format={"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]})
        self.assertIsInstance(json.loads(form.message.content)["age"], int)

    def test_the_second_turn_reads_only_what_is_new(self):
        code = "\n".join(f"def function_{number}(value):\n    return value + {number}\n" for number in range(200))
        messages = [{"role": "user", "content": f"Here is a file:\n{code}\nSay ok."}]
        first = self.openai.chat.completions.create(model="q05", messages=messages, max_tokens=8)
        messages += [{"role": "assistant", "content": first.choices[0].message.content}, {"role": "user", "content": "Thanks."}]
        second = self.openai.chat.completions.create(model="q05", messages=messages, max_tokens=8)
        usage = second.usage
        read = usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens
        print(f"second turn of {usage.prompt_tokens} tokens: {read} read ({100 * read / usage.prompt_tokens:.1f} %)")
        self.assertLess(read, usage.prompt_tokens * 0.05)


def main():
    loader = unittest.TestLoader()
    if "-k" in sys.argv:
        loader.testNamePatterns = [f"*{sys.argv[sys.argv.index('-k') + 1]}*"]
    result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromModule(sys.modules[__name__]))
    n_failed = len(result.failures) + len(result.errors)
    n_passed = result.testsRun - n_failed - len(result.skipped)
    print(f"{n_passed} passed, {n_failed} failed")
    sys.exit(0 if n_passed and not n_failed else 1)


if __name__ == "__main__":
    main()
