//! The step between the two products of a feed-forward part: an activation of the gate times the other product. Invariant: the
//! approximations stay within 2e-6 of the functions, relative to the larger of 1 and the result.

use crate::kernel::Kernel;

/// The function that a gate passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e^-x)`
    Silu,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`
    Gelu,
}

/// Replaces each gate by its activation times the number of `others` at the same place.
pub fn gate(kernel: Kernel, activation: Activation, gates: &mut [f32], others: &[f32]) {
    match kernel {
        Kernel::Plain => plain(activation, gates, others),
        // SAFETY: these kernels are only chosen where the processor has AVX2 with FMA, or AVX-512.
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 | Kernel::AvxVnni => unsafe { avx2(activation, gates, others) },
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni => unsafe { avx512(activation, gates, others) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(activation: Activation, gates: &mut [f32], others: &[f32]) {
    plain(activation, gates, others);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,fma")]
fn avx512(activation: Activation, gates: &mut [f32], others: &[f32]) {
    plain(activation, gates, others);
}

#[inline(always)]
fn plain(activation: Activation, gates: &mut [f32], others: &[f32]) {
    match activation {
        Activation::Silu => {
            for (gate, other) in gates.iter_mut().zip(others) {
                *gate = sigmoid_product(*gate, *gate) * other;
            }
        }
        Activation::Gelu => {
            // (1 + tanh y) / 2 is the logistic function of 2 y.
            const TWO_ROOTS: f32 = 2.0 * 0.797_884_6;
            for (gate, other) in gates.iter_mut().zip(others) {
                let x = *gate;
                *gate = sigmoid_product(TWO_ROOTS * (x + 0.044_715 * x * x * x), x) * other;
            }
        }
    }
}

/// `x / (1 + e^-y)`
#[inline(always)]
fn sigmoid_product(y: f32, x: f32) -> f32 {
    x / (1.0 + exp(-y))
}

/// `e^x` without a call, so that loops over it run in vector registers. NaN stays NaN.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Beyond these the sum with 1 is 1, or the quotient is 0 within the precision of a float.
    let x = if x > 87.0 { 87.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    const MAGIC: f32 = 12_582_912.0;
    // x = n ln 2 + r, with ln 2 in two parts.
    let n = (x * std::f32::consts::LOG2_E + MAGIC) - MAGIC;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    let power = f32::from_bits(((n + 127.0 + MAGIC).to_bits() << 23) & 0x7f80_0000);
    p * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_close_to_the_functions() {
        let numbers: Vec<f32> = (-4000..4000).map(|index| index as f32 / 40.0).collect();
        let ones = vec![1.0; numbers.len()];
        for kernel in Kernel::all() {
            for activation in [Activation::Silu, Activation::Gelu] {
                let mut found = numbers.clone();
                gate(kernel, activation, &mut found, &ones);
                for (number, found) in numbers.iter().zip(found) {
                    let x = f64::from(*number);
                    let y = match activation {
                        Activation::Silu => x,
                        Activation::Gelu => 2.0 * 0.797_884_560_8 * (x + 0.044_715 * x.powi(3)),
                    };
                    let expected = x / (1.0 + (-y).exp());
                    let error = (f64::from(found) - expected).abs();
                    assert!(
                        error <= 2e-6 * expected.abs().max(1.0),
                        "{kernel:?} {activation:?} {x}: {found}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut gates = [f32::NAN; 3];
        gate(Kernel::best(), Activation::Silu, &mut gates, &[1.0; 3]);
        assert!(gates.iter().all(|gate| gate.is_nan()));
    }
}
