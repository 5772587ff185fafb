// Uses OpenAI's library for JavaScript against the server of SERVE_URL. Invariant: prints "ok" and nothing else if all is well.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.SERVE_NODE}/index.js`);
const { OpenAI, NotFoundError } = require("openai");

const client = new OpenAI({ baseURL: process.env.SERVE_URL, apiKey: process.env.SERVE_TOKEN, maxRetries: 0 });
const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.deepEqual(models, ["fimble", "bundled"]);

const request = { model: "fimble", prompt: "const total = items.red", max_tokens: 8 };
const whole = await client.completions.create(request);
let text = "";
for await (const chunk of await client.completions.create({ ...request, stream: true })) text += chunk.choices[0]?.text ?? "";
assert.equal(text, whole.choices[0].text);
assert.ok(text.length > 0);

await assert.rejects(client.completions.create({ ...request, model: "gpt-9" }), NotFoundError);

// A stream that is given up is no error.
const stream = await client.completions.create({ ...request, max_tokens: 200, stream: true });
for await (const _ of stream) break;
console.log("ok");
