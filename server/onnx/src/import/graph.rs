//! The graph of a decoder. Invariant: nodes are written in the order in which a pass runs them, and weights are written with the
//! first node that reads them.
//!
//! Tensors: hidden states are [batch, positions, hidden]; keys and values of the cache [batch, key heads, positions, head size].
//! The graph has the names that onnxruntime-genai and optimum use, and an optional `num_logits_to_keep`.

use std::path::Path;

use super::DOMAIN;
use super::decoder::{Decoder, FeedForward, Norm, Rotation};
use super::rounding::Loss;
use super::weights::{Matrix, Plan, Storage, WeightError};
use super::{DATA_FILE, HIDDEN, Layout, dense, packed, rope, standard};
use crate::build::{Attribute, DataFile, Dimension, Element, MICROSOFT, ModelBuilder};
use crate::edit::{LOGITS, LOGITS_TO_KEEP};
use crate::gguf::GgufFile;

/// Builds the graph and writes its weights. Returns the content of the model's file, and sentences about what was lost.
pub(super) fn build(
    file: &GgufFile,
    decoder: &Decoder,
    plan: &Plan,
    data: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Vec<u8>, Vec<String>), WeightError> {
    let total = plan.n_source_bytes();
    let mut done = 0;
    let mut on_bytes = |n_bytes| {
        done += n_bytes;
        progress(done, total);
    };
    let mut graph = Builder {
        file,
        decoder,
        plan,
        model: ModelBuilder::new(DATA_FILE),
        data: DataFile::create(data)?,
        progress: &mut on_bytes,
        sums: Vec::new(),
        written: Vec::new(),
        loss: Loss::default(),
    };
    graph.all()?;
    let Builder { model, data, loss, .. } = graph;
    data.finish()?;
    let mut notes = Vec::new();
    if loss.total > 0.0 {
        let share = (loss.error / loss.total).sqrt() * 100.0;
        notes.push(format!(
            "Weights that were rounded differ from those of the file by {share:.2} % (root mean square)."
        ));
    }
    Ok((model.finish(), notes))
}

struct Builder<'a> {
    file: &'a GgufFile,
    decoder: &'a Decoder,
    plan: &'a Plan,
    model: ModelBuilder,
    data: DataFile,
    progress: &'a mut dyn FnMut(u64),
    /// Values whose sums over blocks of 32 exist already.
    sums: Vec<String>,
    /// Matrices that are written already: embeddings may serve as output, too.
    written: Vec<String>,
    loss: Loss,
}

impl Builder<'_> {
    fn all(&mut self) -> Result<(), WeightError> {
        self.inputs();
        self.rope_tables()?;
        self.shared_nodes();
        let mut hidden = self.embeddings()?;
        let (mut skip, mut residual) = (String::new(), String::new());
        for layer in 0..self.decoder.layers {
            let name = format!("blk.{layer}.attn_norm");
            let normed = self.norm(&name, &hidden, &skip, &mut residual)?;
            let attention = self.attention(layer, &normed)?;
            skip.clone_from(&residual);
            let name = format!("blk.{layer}.ffn_norm");
            let normed = self.norm(&name, &attention, &skip, &mut residual)?;
            hidden = self.feed_forward(layer, &normed)?;
            skip.clone_from(&residual);
        }
        let normed = self.norm("output_norm", &hidden, &skip, &mut residual)?;
        match self.decoder.pooling {
            None => {
                let kept = format!("{LOGITS_TO_KEEP}/kept");
                self.kept(&normed, &kept);
                self.logits(&kept)
            }
            Some(_) => {
                self.kept(&normed, HIDDEN);
                Ok(())
            }
        }
    }

    fn inputs(&mut self) {
        let (batch, positions) = (Dimension::Named("batch"), Dimension::Named("positions"));
        let (past, all) = (Dimension::Named("past"), Dimension::Named("total"));
        let d = self.decoder;
        self.model.input("input_ids", Element::I64, &[batch, positions]);
        self.model.input("attention_mask", Element::I64, &[batch, all]);
        let (output, width) = match d.pooling {
            None => (LOGITS, d.vocabulary),
            Some(_) => (HIDDEN, d.hidden),
        };
        let rows = Dimension::Named("num_logits");
        self.model.output(output, Element::F32, &[batch, rows, Dimension::Fixed(width)]);
        let (heads, size) = (Dimension::Fixed(d.kv_heads), Dimension::Fixed(d.head_size));
        for layer in 0..d.layers {
            for part in ["key", "value"] {
                let name = format!("past_key_values.{layer}.{part}");
                self.model.input(&name, Element::F32, &[batch, heads, past, size]);
                let name = format!("present.{layer}.{part}");
                self.model.output(&name, Element::F32, &[batch, heads, all, size]);
            }
        }
        // An input with a default: programs that do not know it get the logits of all positions.
        self.model.input(LOGITS_TO_KEEP, Element::I64, &[]);
        self.model.constant(LOGITS_TO_KEEP, &[], &[0]);
    }

    fn rope_tables(&mut self) -> Result<(), WeightError> {
        const FACTORS: &str = "rope_freqs.weight";
        let factors =
            if self.plan.has_vector(FACTORS) { self.plan.vector(self.file, FACTORS)? } else { Vec::new() };
        // What frequencies are divided by: 0 would make numbers that are none.
        if factors.iter().any(|factor| !(1e-30..=1e30).contains(factor)) {
            return Err(WeightError::Tensor {
                tensor: FACTORS.to_owned(),
                problem: "holds factors that are not above 0".to_owned(),
            });
        }
        let d = self.decoder;
        for (name, function) in [("cosines", f64::cos as fn(f64) -> f64), ("sines", f64::sin)] {
            self.data.begin()?;
            for number in rope::table(d, &factors, function) {
                self.data.write(&number.to_le_bytes())?;
            }
            let region = self.data.end();
            self.model.weights(name, Element::F32, &[d.context, d.rotated / 2], region);
        }
        Ok(())
    }

    /// The inputs of every layer: lengths for the attention.
    fn shared_nodes(&mut self) {
        self.model.constant("one", &[1], &[1]);
        self.model.constant("index_one", &[], &[1]);
        self.node("ReduceSum", &["attention_mask", "one"], "n_tokens", &[("keepdims", Attribute::Int(0))]);
        self.node("Sub", &["n_tokens", "one"], "n_tokens_less_one", &[]);
        let to_i32 = [("to", Attribute::Int(Element::I32 as i64))];
        self.node("Cast", &["n_tokens_less_one"], "seqlens_k", &to_i32);
        self.node("Shape", &["attention_mask"], "mask_shape", &[]);
        self.node("Gather", &["mask_shape", "index_one"], "n_total", &[]);
        self.node("Cast", &["n_total"], "total_sequence_length", &to_i32);
    }

    fn node(&mut self, op_type: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) {
        self.model.node(("", op_type), inputs, &[output], attributes);
    }

    fn embeddings(&mut self) -> Result<String, WeightError> {
        const NAME: &str = "token_embd.weight";
        let matrix = self.matrix(NAME)?;
        let output = "embedded";
        match (matrix.storage.form(), self.plan.layout) {
            (None, _) => {
                self.weights(&matrix)?;
                self.node("Gather", &[NAME, "input_ids"], output, &[]);
            }
            (Some(form), Layout::Packed) => {
                self.weights(&matrix)?;
                let attributes = self.packed_attributes(&matrix, form.code());
                self.model.node((DOMAIN, "QuantEmbed"), &["input_ids", NAME], &[output], &attributes);
            }
            (Some(form), Layout::Standard) => {
                self.weights(&matrix)?;
                let block = form.block() as i64;
                let attributes = [
                    ("bits", Attribute::Int(standard::bits(form) as i64)),
                    ("block_size", Attribute::Int(block)),
                    ("gather_axis", Attribute::Int(0)),
                    ("quantize_axis", Attribute::Int(1)),
                ];
                let gather = (MICROSOFT, "GatherBlockQuantized");
                let [weights, scales] = ["rows", "scales"].map(|part| format!("{NAME}.{part}"));
                let inputs = [weights.as_str(), "input_ids", &scales];
                if form.has_minimum() {
                    self.model.node(gather, &inputs, &["embedded.scaled"], &attributes);
                    self.add_offsets_of_rows(NAME, matrix.info.row_length() as i64, block, output);
                } else {
                    self.model.node(gather, &inputs, &[output], &attributes);
                }
            }
        }
        Ok(self.scaled(output, self.decoder.embedding_scale))
    }

    /// Adds to each embedding the offsets of its blocks.
    fn add_offsets_of_rows(&mut self, name: &str, columns: i64, block: i64, output: &str) {
        self.model.constant("embedded.blocks", &[4], &[0, 0, columns / block, block]);
        self.model.constant("embedded.flat", &[3], &[0, 0, columns]);
        self.model.constant("last_axis", &[1], &[-1]);
        self.node("Gather", &[&format!("{name}.offsets"), "input_ids"], "embedded.offsets", &[]);
        self.node("Unsqueeze", &["embedded.offsets", "last_axis"], "embedded.offsets.wide", &[]);
        self.node("Reshape", &["embedded.scaled", "embedded.blocks"], "embedded.scaled.blocks", &[]);
        self.node("Add", &["embedded.scaled.blocks", "embedded.offsets.wide"], "embedded.sum", &[]);
        self.node("Reshape", &["embedded.sum", "embedded.flat"], output, &[]);
    }

    /// A value times a factor; the value itself for 1.
    fn scaled(&mut self, value: &str, factor: f32) -> String {
        if factor == 1.0 {
            return value.to_owned();
        }
        let output = format!("{value}.times");
        self.model.scalar(&format!("{value}.factor"), factor);
        self.node("Mul", &[value, &format!("{value}.factor")], &output, &[]);
        output
    }

    /// Normalises `input + skip`, and names the sum as the new residual. Without `skip`, the input is the residual.
    fn norm(
        &mut self,
        name: &str,
        input: &str,
        skip: &str,
        residual: &mut String,
    ) -> Result<String, WeightError> {
        let weight = format!("{name}.weight");
        let bias = format!("{name}.bias");
        self.put_vector(&weight)?;
        let is_layer = self.decoder.norm == Norm::Layer;
        if is_layer {
            self.put_vector(&bias)?;
        }
        let epsilon = [("epsilon", Attribute::Float(self.decoder.epsilon))];
        let output = format!("{name}.out");
        if skip.is_empty() {
            input.clone_into(residual);
            if is_layer {
                self.node("LayerNormalization", &[input, &weight, &bias], &output, &epsilon);
            } else {
                self.node("SimplifiedLayerNormalization", &[input, &weight], &output, &epsilon);
            }
            return Ok(output);
        }
        *residual = format!("{name}.residual");
        let input = self.scaled(input, self.decoder.residual_scale);
        let outputs = [output.as_str(), "", "", residual.as_str()];
        if is_layer {
            let inputs = [input.as_str(), skip, &weight, &bias];
            self.model.node((MICROSOFT, "SkipLayerNormalization"), &inputs, &outputs, &epsilon);
        } else {
            let inputs = [input.as_str(), skip, &weight];
            self.model.node((MICROSOFT, "SkipSimplifiedLayerNormalization"), &inputs, &outputs, &epsilon);
        }
        Ok(output)
    }

    fn attention(&mut self, layer: u64, input: &str) -> Result<String, WeightError> {
        let d = self.decoder;
        let name = |part: &str| format!("blk.{layer}.{part}");
        let mut query = self.linear(&name("attn_q"), input)?;
        let mut key = self.linear(&name("attn_k"), input)?;
        let value = self.linear(&name("attn_v"), input)?;
        if d.head_norms {
            query = self.head_norm(&name("attn_q_norm"), &query, d.heads)?;
            key = self.head_norm(&name("attn_k_norm"), &key, d.kv_heads)?;
        }
        let [past_key, past_value] = ["key", "value"].map(|part| format!("past_key_values.{layer}.{part}"));
        let [present_key, present_value] = ["key", "value"].map(|part| format!("present.{layer}.{part}"));
        let mut attributes = vec![
            ("num_heads", Attribute::Int(d.heads as i64)),
            ("kv_num_heads", Attribute::Int(d.kv_heads as i64)),
            ("do_rotary", Attribute::Int(1)),
            ("rotary_interleaved", Attribute::Int(i64::from(d.rotation == Rotation::Interleaved))),
        ];
        if let Some(scale) = d.attention_scale {
            attributes.push(("scale", Attribute::Float(scale)));
        }
        let output = name("attn");
        let inputs = [
            query.as_str(),
            &key,
            &value,
            &past_key,
            &past_value,
            "seqlens_k",
            "total_sequence_length",
            "cosines",
            "sines",
        ];
        let outputs = [output.as_str(), &present_key, &present_value];
        self.model.node((MICROSOFT, "GroupQueryAttention"), &inputs, &outputs, &attributes);
        self.linear(&name("attn_output"), &output)
    }

    /// Normalises each head of a value [batch, positions, heads * head size].
    fn head_norm(&mut self, name: &str, input: &str, heads: u64) -> Result<String, WeightError> {
        let weight = format!("{name}.weight");
        self.put_vector(&weight)?;
        let [shape, flat, by_head, normed, output] =
            ["shape", "flat", "heads", "normed", "out"].map(|part| format!("{name}.{part}"));
        let (heads, size) = (heads as i64, self.decoder.head_size as i64);
        self.model.constant(&shape, &[4], &[0, 0, heads, size]);
        self.model.constant(&flat, &[3], &[0, 0, heads * size]);
        self.node("Reshape", &[input, &shape], &by_head, &[]);
        let epsilon = [("epsilon", Attribute::Float(self.decoder.epsilon))];
        self.node("SimplifiedLayerNormalization", &[&by_head, &weight], &normed, &epsilon);
        self.node("Reshape", &[&normed, &flat], &output, &[]);
        Ok(output)
    }

    fn feed_forward(&mut self, layer: u64, input: &str) -> Result<String, WeightError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let inner = match self.decoder.feed_forward {
            FeedForward::Gelu => {
                let up = self.linear(&name("ffn_up"), input)?;
                self.gelu(&up)
            }
            gate => self.gated(layer, input, gate)?,
        };
        self.linear(&name("ffn_down"), &inner)
    }

    fn gated(&mut self, layer: u64, input: &str, kind: FeedForward) -> Result<String, WeightError> {
        let names = ["ffn_gate", "ffn_up"].map(|part| format!("blk.{layer}.{part}"));
        let output = format!("blk.{layer}.ffn_inner");
        let matrices = [self.matrix(&weight(&names[0]))?, self.matrix(&weight(&names[1]))?];
        let forms = [matrices[0].storage.form(), matrices[1].storage.form()];
        let has_bias = names.iter().any(|name| self.plan.has_vector(&format!("{name}.bias")));
        if let ([Some(gate), Some(up)], Layout::Packed, false) = (forms, self.plan.layout, has_bias) {
            for matrix in &matrices {
                self.weights(matrix)?;
            }
            let mut attributes = self.packed_attributes(&matrices[0], gate.code());
            attributes.push(("up_form", Attribute::Int(up.code())));
            attributes.push(("gelu", Attribute::Int(i64::from(kind == FeedForward::GeluGate))));
            let inputs = [input, &weight(&names[0]), &weight(&names[1])];
            self.model.node((DOMAIN, "QuantGate"), &inputs, &[&output], &attributes);
            return Ok(output);
        }
        let gate = self.linear(&names[0], input)?;
        let up = self.linear(&names[1], input)?;
        let gate = if kind == FeedForward::GeluGate {
            self.gelu(&gate)
        } else {
            let silu = format!("{gate}.silu");
            let alpha = [("alpha", Attribute::Float(1.0))];
            self.model.node((MICROSOFT, "QuickGelu"), &[&gate], &[&silu], &alpha);
            silu
        };
        self.node("Mul", &[&gate, &up], &output, &[]);
        Ok(output)
    }

    /// GELU with the hyperbolic tangent.
    fn gelu(&mut self, input: &str) -> String {
        let output = format!("{input}.gelu");
        self.model.node((MICROSOFT, "FastGelu"), &[input], &[&output], &[]);
        output
    }

    /// The hidden states of the last positions, as many as are wanted.
    fn kept(&mut self, hidden: &str, output: &str) {
        let name = |part: &str| format!("{LOGITS_TO_KEEP}/{part}");
        let [zero, before_all, end, axis, all, from_end, start] =
            ["zero", "before_all", "end", "axis", "all", "from_end", "start"].map(name);
        self.model.constant(&zero, &[1], &[0]);
        self.model.constant(&before_all, &[1], &[-i64::from(i32::MAX)]);
        self.model.constant(&end, &[1], &[i64::MAX]);
        self.model.constant(&axis, &[1], &[-2]);
        self.node("Equal", &[LOGITS_TO_KEEP, &zero], &all, &[]);
        self.node("Neg", &[LOGITS_TO_KEEP], &from_end, &[]);
        self.node("Where", &[&all, &before_all, &from_end], &start, &[]);
        self.node("Slice", &[hidden, &start, &end, &axis], output, &[]);
    }

    fn logits(&mut self, hidden: &str) -> Result<(), WeightError> {
        let kept = self.scaled(hidden, 1.0 / self.decoder.logit_divisor);
        let has_own = self.plan.matrix("output.weight").is_some();
        let matrix = if has_own { "output.weight" } else { "token_embd.weight" };
        let bias = self.plan.has_vector("output.bias").then_some("output.bias");
        self.product(matrix, bias, &kept, LOGITS)
    }

    /// The product with a matrix `NAME.weight`, with `NAME.bias` where there is one.
    fn linear(&mut self, name: &str, input: &str) -> Result<String, WeightError> {
        let bias = format!("{name}.bias");
        let bias = self.plan.has_vector(&bias).then_some(bias.as_str());
        let output = format!("{name}.out");
        self.product(&weight(name), bias, input, &output)?;
        Ok(output)
    }

    fn product(
        &mut self,
        name: &str,
        bias: Option<&str>,
        input: &str,
        output: &str,
    ) -> Result<(), WeightError> {
        let matrix = self.matrix(name)?;
        if let Some(bias) = bias {
            self.put_vector(bias)?;
        }
        self.weights(&matrix)?;
        match (matrix.storage.form(), self.plan.layout) {
            (Some(form), Layout::Packed) => {
                let inputs: Vec<&str> = [input, name].into_iter().chain(bias).collect();
                let mut attributes = self.packed_attributes(&matrix, form.code());
                // Errors of logits are errors of what is chosen, and the products are few: those of one position.
                if output == LOGITS {
                    attributes.push(("pairs", Attribute::Int(1)));
                }
                self.model.node((DOMAIN, "QuantMatMul"), &inputs, &[output], &attributes);
            }
            (Some(form), Layout::Standard) => self.standard_product(&matrix, form, bias, input, output),
            (None, _) => {
                let plain = if bias.is_some() { format!("{output}.plain") } else { output.to_owned() };
                let transposed = [("transB", Attribute::Int(1))];
                self.model.node((MICROSOFT, "FusedMatMul"), &[input, name], &[&plain], &transposed);
                if let Some(bias) = bias {
                    self.node("Add", &[&plain, bias], output, &[]);
                }
            }
        }
        Ok(())
    }

    fn standard_product(
        &mut self,
        matrix: &Matrix,
        form: fimble_kernels::Form,
        bias: Option<&str>,
        input: &str,
        output: &str,
    ) {
        let name = &matrix.info.name;
        let columns = matrix.info.row_length() as i64;
        let attributes = [
            ("K", Attribute::Int(columns)),
            ("N", Attribute::Int(matrix.info.n_rows() as i64)),
            ("bits", Attribute::Int(standard::bits(form) as i64)),
            ("block_size", Attribute::Int(form.block() as i64)),
            ("accuracy_level", Attribute::Int(4)),
        ];
        let [scales, offsets] = ["scales", "offsets"].map(|part| format!("{name}.{part}"));
        let operator = (MICROSOFT, "MatMulNBits");
        let inputs = [input, name.as_str(), &scales, "", "", bias.unwrap_or_default()];
        let inputs = &inputs[..if bias.is_some() { 6 } else { 3 }];
        if !form.has_minimum() {
            self.model.node(operator, inputs, &[output], &attributes);
            return;
        }
        let sums = self.sums_of(input, columns, form.block() as i64);
        let [product, of_offsets] = ["scaled", "of_offsets"].map(|part| format!("{output}.{part}"));
        self.model.node(operator, inputs, &[&product], &attributes);
        let transposed = [("transB", Attribute::Int(1))];
        self.model.node((MICROSOFT, "FusedMatMul"), &[&sums, &offsets], &[&of_offsets], &transposed);
        self.node("Add", &[&product, &of_offsets], output, &[]);
    }

    /// The sums of a value over blocks; one node for all products that read the value.
    fn sums_of(&mut self, value: &str, columns: i64, block: i64) -> String {
        let sums = format!("{value}.sums");
        if !self.sums.contains(&sums) {
            let [shape, axis, blocks] = ["shape", "axis", "blocks"].map(|part| format!("{sums}.{part}"));
            self.model.constant(&shape, &[4], &[0, 0, columns / block, block]);
            self.model.constant(&axis, &[1], &[-1]);
            self.node("Reshape", &[value, &shape], &blocks, &[]);
            self.node("ReduceSum", &[&blocks, &axis], &sums, &[("keepdims", Attribute::Int(0))]);
            self.sums.push(sums.clone());
        }
        sums
    }

    fn packed_attributes(&self, matrix: &Matrix, form: i64) -> Vec<(&'static str, Attribute)> {
        vec![
            ("columns", Attribute::Int(matrix.info.row_length() as i64)),
            ("rows", Attribute::Int(matrix.info.n_rows() as i64)),
            ("form", Attribute::Int(form)),
        ]
    }

    fn matrix(&self, name: &str) -> Result<Matrix, WeightError> {
        self.plan
            .matrix(name)
            .cloned()
            .ok_or_else(|| WeightError::Tensor { tensor: name.to_owned(), problem: "is missing".to_owned() })
    }

    fn put_vector(&mut self, name: &str) -> Result<(), WeightError> {
        let numbers = self.plan.vector(self.file, name)?;
        let region = self.data.put_f32(&numbers)?;
        self.model.weights(name, Element::F32, &[numbers.len() as u64], region);
        Ok(())
    }

    /// Writes a matrix, once.
    fn weights(&mut self, matrix: &Matrix) -> Result<(), WeightError> {
        let name = &matrix.info.name;
        if self.written.contains(name) {
            return Ok(());
        }
        self.written.push(name.clone());
        let (rows, columns) = (matrix.info.n_rows(), matrix.info.row_length());
        let loss = match (matrix.storage.form(), self.plan.layout) {
            (None, _) => {
                let region = self.floats(matrix)?;
                self.model.weights(name, Element::F32, &[rows, columns], region);
                Loss::default()
            }
            (Some(form), Layout::Packed) => {
                let (region, loss) = packed::write(self.file, matrix, form, &mut self.data, self.progress)?;
                self.model.weights(name, Element::U8, &[region.length], region);
                loss
            }
            (Some(form), Layout::Standard) => {
                let (parts, loss) = standard::write(self.file, matrix, form, &mut self.data, self.progress)?;
                let (per_row, bytes) = (columns / parts.block, parts.block * parts.bits / 8);
                self.model.weights(name, Element::U8, &[rows, per_row, bytes], parts.weights);
                self.model.weights(&format!("{name}.scales"), Element::F32, &[rows, per_row], parts.scales);
                if let Some(offsets) = parts.offsets {
                    self.model.weights(&format!("{name}.offsets"), Element::F32, &[rows, per_row], offsets);
                }
                if name == "token_embd.weight" {
                    // The same bytes in the shape that the embedding reads.
                    let shape = [rows, columns * parts.bits / 8];
                    self.model.weights(&format!("{name}.rows"), Element::U8, &shape, parts.weights);
                }
                loss
            }
        };
        // Only what is rounded loses anything; the sums of the others are 0.
        debug_assert!(matches!(matrix.storage, Storage::Rounded(_)) || loss.total == 0.0);
        self.loss.error += loss.error;
        self.loss.total += loss.total;
        Ok(())
    }

    fn floats(&mut self, matrix: &Matrix) -> Result<crate::build::Region, WeightError> {
        const ROWS: u64 = 256;
        let info = &matrix.info;
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        self.data.begin()?;
        let mut row = 0;
        while row < info.n_rows() {
            let end = (row + ROWS).min(info.n_rows());
            self.file.read_rows(info, row..end, &mut bytes)?;
            dense::numbers(info.kind, &bytes, &mut numbers);
            if numbers.iter().any(|number| !number.is_finite()) {
                return Err(WeightError::Tensor {
                    tensor: info.name.clone(),
                    problem: "holds numbers that are infinite or none at all".to_owned(),
                });
            }
            for number in &numbers {
                self.data.write(&number.to_le_bytes())?;
            }
            (self.progress)(bytes.len() as u64);
            row = end;
        }
        Ok(self.data.end())
    }
}

fn weight(name: &str) -> String {
    format!("{name}.weight")
}
