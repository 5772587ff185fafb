//! A tiny model of the architecture Qwen3: its file in GGUF, and its vectors in floats of 64 bits. Source: the description of the
//! architecture in the model's card and configuration, and the specification of GGUF.

const LAYERS: usize = 2;
const HIDDEN: usize = 32;
const INNER: usize = 64;
const HEADS: usize = 2;
const KV_HEADS: usize = 1;
const HEAD_SIZE: usize = 32;
const EPSILON: f64 = 1e-6;
const ROPE_BASE: f64 = 10_000.0;
const TOKENS: [&str; 8] = ["<|endoftext|>", "a", "b", "c", "d", "e", "f", "g"];

pub const CONTEXT: usize = 64;
pub const EOS: u32 = 0;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    Mean = 1,
    Last = 3,
}

/// Rows of numbers, in the order of the file.
struct Tensor {
    name: String,
    columns: usize,
    numbers: Vec<f32>,
    is_vector: bool,
}

pub struct Qwen3 {
    pooling: Pooling,
    tensors: Vec<Tensor>,
}

impl Qwen3 {
    pub fn new(pooling: Pooling) -> Self {
        let (query, keys) = (HEADS * HEAD_SIZE, KV_HEADS * HEAD_SIZE);
        let mut seed = 1_u32;
        let mut number = |scale: f32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 8) as f32 / (1 << 24) as f32 - 0.5) * scale
        };
        let mut tensors = Vec::new();
        let mut add = |name: String, columns: usize, rows: Option<usize>| {
            let n = columns * rows.unwrap_or(1);
            // Factors of a norm are about 1.
            let numbers = (0..n).map(|_| if rows.is_some() { number(0.6) } else { 1.0 + number(0.4) });
            let numbers = numbers.collect();
            tensors.push(Tensor { name, columns, numbers, is_vector: rows.is_none() });
        };
        add("token_embd.weight".to_owned(), HIDDEN, Some(TOKENS.len()));
        add("output_norm.weight".to_owned(), HIDDEN, None);
        for layer in 0..LAYERS {
            for (part, columns, rows) in [
                ("attn_norm", HIDDEN, None),
                ("ffn_norm", HIDDEN, None),
                ("attn_q_norm", HEAD_SIZE, None),
                ("attn_k_norm", HEAD_SIZE, None),
                ("attn_q", HIDDEN, Some(query)),
                ("attn_k", HIDDEN, Some(keys)),
                ("attn_v", HIDDEN, Some(keys)),
                ("attn_output", query, Some(HIDDEN)),
                ("ffn_gate", HIDDEN, Some(INNER)),
                ("ffn_up", HIDDEN, Some(INNER)),
                ("ffn_down", INNER, Some(HIDDEN)),
            ] {
                add(format!("blk.{layer}.{part}.weight"), columns, rows);
            }
        }
        Self { pooling, tensors }
    }

    fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.iter().find(|tensor| tensor.name == name).expect("a tensor")
    }

    fn product(&self, layer: usize, part: &str, input: &[f64]) -> Vec<f64> {
        let tensor = self.tensor(&format!("blk.{layer}.{part}.weight"));
        let row =
            |row: &[f32]| row.iter().zip(input).map(|(weight, number)| f64::from(*weight) * number).sum();
        tensor.numbers.chunks(tensor.columns).map(row).collect()
    }

    fn norm(&self, name: &str, input: &[f64]) -> Vec<f64> {
        let mean = input.iter().map(|number| number * number).sum::<f64>() / input.len() as f64;
        let weights = &self.tensor(name).numbers;
        let normed = input.iter().zip(weights);
        normed.map(|(number, weight)| number / (mean + EPSILON).sqrt() * f64::from(*weight)).collect()
    }

    /// Normalises the heads and turns them to their position.
    fn heads(&self, name: &str, input: &[f64], position: usize) -> Vec<f64> {
        let half = HEAD_SIZE / 2;
        let turned = input.chunks(HEAD_SIZE).flat_map(|head| {
            let mut head = self.norm(name, head);
            for at in 0..half {
                let angle = position as f64 * ROPE_BASE.powf(-2.0 * at as f64 / HEAD_SIZE as f64);
                let (first, second) = (head[at], head[at + half]);
                head[at] = first * angle.cos() - second * angle.sin();
                head[at + half] = second * angle.cos() + first * angle.sin();
            }
            head
        });
        turned.collect()
    }

    /// The vector of these tokens.
    pub fn vector(&self, tokens: &[u32]) -> Vec<f32> {
        let embeddings = &self.tensor("token_embd.weight").numbers;
        let of_token = |token: &u32| {
            let row = &embeddings[*token as usize * HIDDEN..][..HIDDEN];
            row.iter().map(|number| f64::from(*number)).collect()
        };
        let mut states: Vec<Vec<f64>> = tokens.iter().map(of_token).collect();
        for layer in 0..LAYERS {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            let normed: Vec<Vec<f64>> =
                states.iter().map(|state| self.norm(&name("attn_norm"), state)).collect();
            let (mut queries, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
            for (position, state) in normed.iter().enumerate() {
                queries.push(self.heads(
                    &name("attn_q_norm"),
                    &self.product(layer, "attn_q", state),
                    position,
                ));
                keys.push(self.heads(&name("attn_k_norm"), &self.product(layer, "attn_k", state), position));
                values.push(self.product(layer, "attn_v", state));
            }
            for (position, state) in states.iter_mut().enumerate() {
                let attended = attention(&queries[position], &keys[..=position], &values[..=position]);
                add(state, &self.product(layer, "attn_output", &attended));
                let normed = self.norm(&name("ffn_norm"), state);
                let gate = self.product(layer, "ffn_gate", &normed);
                let up = self.product(layer, "ffn_up", &normed);
                let inner: Vec<f64> =
                    gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
                add(state, &self.product(layer, "ffn_down", &inner));
            }
        }
        let states: Vec<Vec<f64>> =
            states.iter().map(|state| self.norm("output_norm.weight", state)).collect();
        let pooled = match self.pooling {
            Pooling::Last => states.last().expect("a token").clone(),
            Pooling::Mean => states.iter().fold(vec![0.0; HIDDEN], |mut sum, state| {
                add(&mut sum, state);
                sum
            }),
        };
        let length = pooled.iter().map(|number| number * number).sum::<f64>().sqrt();
        pooled.iter().map(|number| (number / length) as f32).collect()
    }

    /// The file.
    pub fn gguf(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        for (key, number) in [
            ("block_count", LAYERS),
            ("context_length", CONTEXT),
            ("embedding_length", HIDDEN),
            ("feed_forward_length", INNER),
            ("attention.head_count", HEADS),
            ("attention.head_count_kv", KV_HEADS),
            ("attention.key_length", HEAD_SIZE),
            ("attention.value_length", HEAD_SIZE),
            ("pooling_type", self.pooling as usize),
        ] {
            entries.push(entry(&format!("qwen3.{key}"), 4, &(number as u32).to_le_bytes()));
        }
        for (key, number) in [("attention.layer_norm_rms_epsilon", EPSILON), ("rope.freq_base", ROPE_BASE)] {
            entries.push(entry(&format!("qwen3.{key}"), 6, &(number as f32).to_le_bytes()));
        }
        for (key, text) in [
            ("general.architecture", "qwen3"),
            ("general.name", "Tiny"),
            ("tokenizer.ggml.model", "gpt2"),
            ("tokenizer.ggml.pre", "qwen2"),
        ] {
            entries.push(entry(key, 8, &string(text)));
        }
        let texts: Vec<u8> = TOKENS.iter().flat_map(|token| string(token)).collect();
        entries.push(entry("tokenizer.ggml.tokens", 9, &[array(8, TOKENS.len()), texts].concat()));
        let kinds: Vec<u8> =
            (0..TOKENS.len()).flat_map(|id| if id == 0 { 3_i32 } else { 1 }.to_le_bytes()).collect();
        entries.push(entry("tokenizer.ggml.token_type", 9, &[array(5, TOKENS.len()), kinds].concat()));
        entries.push(entry("tokenizer.ggml.merges", 9, &array(8, 0)));
        entries.push(entry("tokenizer.ggml.eos_token_id", 4, &EOS.to_le_bytes()));
        entries.push(entry("tokenizer.ggml.add_eos_token", 7, &[1]));
        let mut file = [b"GGUF".as_slice(), &3_u32.to_le_bytes()].concat();
        file.extend((self.tensors.len() as u64).to_le_bytes());
        file.extend((entries.len() as u64).to_le_bytes());
        file.extend(entries.concat());
        let mut offset = 0_u64;
        for tensor in &self.tensors {
            let rows = tensor.numbers.len() / tensor.columns;
            file.extend(string(&tensor.name));
            let shape = if tensor.is_vector { vec![tensor.columns] } else { vec![tensor.columns, rows] };
            file.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|length| file.extend((*length as u64).to_le_bytes()));
            file.extend(0_u32.to_le_bytes());
            file.extend(offset.to_le_bytes());
            offset += (4 * tensor.numbers.len() as u64).next_multiple_of(32);
        }
        for tensor in &self.tensors {
            file.resize(file.len().next_multiple_of(32), 0);
            tensor.numbers.iter().for_each(|number| file.extend(number.to_le_bytes()));
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file
    }
}

fn attention(query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
    let of_head = |(head, query): (usize, &[f64])| {
        let start = head / (HEADS / KV_HEADS) * HEAD_SIZE;
        let score = |key: &Vec<f64>| {
            let key = &key[start..start + HEAD_SIZE];
            let product: f64 = query.iter().zip(key).map(|(query, key)| query * key).sum();
            (product / (HEAD_SIZE as f64).sqrt()).exp()
        };
        let scores: Vec<f64> = keys.iter().map(score).collect();
        let total: f64 = scores.iter().sum();
        let mut sum = vec![0.0; HEAD_SIZE];
        for (score, value) in scores.iter().zip(values) {
            let value = &value[start..start + HEAD_SIZE];
            sum.iter_mut().zip(value).for_each(|(sum, number)| *sum += score / total * number);
        }
        sum
    };
    query.chunks(HEAD_SIZE).enumerate().flat_map(of_head).collect()
}

fn add(sum: &mut [f64], numbers: &[f64]) {
    sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn array(kind: u32, n: usize) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(n as u64).to_le_bytes()[..]].concat()
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&string(key)[..], &kind.to_le_bytes()[..], value].concat()
}
