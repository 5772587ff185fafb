//! How fast each kernel multiplies, on one thread: weights that fit the cache, for one row of activations and many.

#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Instant;

use fimble_kernels::{Activations, Form, Kernel, Output, multiply};

fn main() {
    let (columns, rows) = (1536, 8960);
    for form in Form::ALL {
        let packed = vec![0x11_u8; form.packed_bytes(rows, columns)];
        for kernel in Kernel::all().into_iter().filter(|kernel| kernel.is_fast()) {
            for n in [1, 2, 4, 8, 64, 256] {
                let mut activations = Activations::default();
                activations.quantise(form.rounding(), &vec![0.5; n * columns], columns);
                let mut out = vec![0.0; n * rows];
                let output = Output::new(&mut out, rows, None);
                let mut best = f64::MAX;
                for _ in 0..(400 / n).clamp(3, 40) {
                    let started = Instant::now();
                    multiply(kernel, form, &packed, &activations, 0..rows / 16, &output);
                    best = best.min(started.elapsed().as_secs_f64());
                }
                let macs = (n * rows * columns) as f64;
                println!(
                    "{form:?} {kernel:?} {n:>4} rows: {:>8.3} ms  {:>6.1} GMAC/s  {:>6.1} GB/s",
                    best * 1e3,
                    macs / best / 1e9,
                    packed.len() as f64 / best / 1e9
                );
            }
        }
    }
}
