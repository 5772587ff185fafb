//! One row of quantised weights as numbers, read from the blocks of a GGUF file. Invariant: nothing is rounded: `d`, `m`, `sc` and
//! `mn` are the numbers of the file.
//!
//! Source of the layouts: the quantisation formats of the GGUF project (`quants.py` of gguf 0.19).

use half::f16;

use crate::form::{Form, SUPER_UNITS, UNIT};

/// One row. Reused from row to row, so that reading many allocates once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Each weight as its block stores it, without sign.
    pub q: Vec<u8>,
    /// Scales, as bits of half floats: one for 32 weights, or for a super block of 256.
    pub d: Vec<u16>,
    /// Minimums (of the minimums in forms with super blocks), as `d`; empty in forms without.
    pub m: Vec<u16>,
    /// Scales within super blocks, one for each block of [`Form::block`] weights; those of Q6_K are signed.
    pub sc: Vec<u8>,
    /// Minimums within super blocks, one for each block.
    pub mn: Vec<u8>,
}

impl Row {
    /// Reads a row from the bytes of its GGUF blocks. What is left of an incomplete block is passed over.
    pub fn read(&mut self, form: Form, bytes: &[u8]) {
        for part in [&mut self.q, &mut self.sc, &mut self.mn] {
            part.clear();
        }
        self.d.clear();
        self.m.clear();
        for block in bytes.chunks_exact(form.gguf_block_bytes()) {
            match form {
                Form::Q4_0 => self.nibbles(block, 2, None),
                Form::Q4_1 => self.nibbles(block, 4, None),
                Form::Q5_0 => self.nibbles(block, 6, Some(word(block, 2))),
                Form::Q5_1 => self.nibbles(block, 8, Some(word(block, 4))),
                Form::Q8_0 => self.q.extend(block[2..34].iter().map(|byte| byte ^ 0x80)),
                Form::Q4K => self.super_block(block, 16, None),
                Form::Q5K => self.super_block(block, 48, Some(&block[16..48])),
                Form::Q6K => self.six_bits(block),
            }
            let halves_at = if form == Form::Q6K { 208 } else { 0 };
            self.d.push(half_word(block, halves_at));
            if form.has_minimum() {
                self.m.push(half_word(block, 2));
            }
        }
    }

    /// The scale of a block of [`Form::block`] weights.
    #[must_use]
    pub fn scale(&self, form: Form, block: usize) -> f32 {
        let column = block * form.block();
        match form {
            Form::Q6K => self.half(&self.d, column / 256) * f32::from(self.sc[block] as i8),
            Form::Q4K | Form::Q5K => self.half(&self.d, column / 256) * f32::from(self.sc[block]),
            _ => self.half(&self.d, block),
        }
    }

    /// The offset of each weight of a block, after its scale: the minimum with its sign; 0 in forms without.
    #[must_use]
    pub fn offset(&self, form: Form, block: usize) -> f32 {
        match form {
            Form::Q4_1 | Form::Q5_1 => self.half(&self.m, block),
            Form::Q4K | Form::Q5K => -(self.half(&self.m, block / SUPER_UNITS) * f32::from(self.mn[block])),
            _ => 0.0,
        }
    }

    /// The weights as floats.
    pub fn weights(&self, form: Form, into: &mut Vec<f32>) {
        into.clear();
        for (block, numbers) in self.q.chunks(form.block()).enumerate() {
            let (scale, offset) = (self.scale(form, block), self.offset(form, block));
            into.extend(numbers.iter().map(|q| (i32::from(*q) - form.zero()) as f32 * scale + offset));
        }
    }

    /// Whether each scale and minimum is a number: neither infinite nor NaN.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.d.iter().chain(&self.m).all(|bits| f16::from_bits(*bits).is_finite())
    }

    fn half(&self, halves: &[u16], index: usize) -> f32 {
        halves.get(index).map_or(0.0, |bits| f16::from_bits(*bits).to_f32())
    }

    /// 16 bytes of low nibbles for columns 0 to 15 and high ones for 16 to 31, and a fifth bit for each.
    fn nibbles(&mut self, block: &[u8], at: usize, fifth: Option<u32>) {
        let nibbles = &block[at..at + 16];
        let all = nibbles.iter().map(|byte| byte & 15).chain(nibbles.iter().map(|byte| byte >> 4));
        let fifth = fifth.unwrap_or(0);
        self.q.extend(all.enumerate().map(|(column, low)| low | ((fifth >> column & 1) as u8) << 4));
    }

    /// 8 scales and minimums of 6 bits in 12 bytes, and nibbles of two times 32 columns in each 32 bytes.
    fn super_block(&mut self, block: &[u8], nibbles_at: usize, fifth: Option<&[u8]>) {
        let packed = &block[4..16];
        for index in 0..4 {
            self.sc.push(packed[index] & 63);
            self.mn.push(packed[index + 4] & 63);
        }
        for index in 0..4 {
            self.sc.push(packed[index + 8] & 15 | (packed[index] >> 6) << 4);
            self.mn.push(packed[index + 8] >> 4 | (packed[index + 4] >> 6) << 4);
        }
        for unit in 0..SUPER_UNITS {
            let bytes = &block[nibbles_at + unit / 2 * UNIT..][..UNIT];
            let shift = unit % 2 * 4;
            self.q.extend((0..UNIT).map(|column| {
                let fifth = fifth.map_or(0, |bits| bits[column] >> unit & 1);
                bytes[column] >> shift & 15 | fifth << 4
            }));
        }
    }

    /// Two halves of 128 columns: 64 bytes of nibbles, and 32 bytes with two bits for each of four groups of 32 columns.
    fn six_bits(&mut self, block: &[u8]) {
        for half in 0..2 {
            let low = &block[half * 64..][..64];
            let high = &block[128 + half * 32..][..32];
            for group in 0..4 {
                self.q.extend((0..UNIT).map(|column| {
                    let nibble = low[group % 2 * UNIT + column] >> (group / 2 * 4) & 15;
                    nibble | (high[column] >> (group * 2) & 3) << 4
                }));
            }
        }
        self.sc.extend_from_slice(&block[192..208]);
    }
}

fn half_word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
