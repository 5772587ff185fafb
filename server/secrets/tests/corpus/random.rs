//! Random parts of made-up secrets, the same for the same seed.
//!
//! Invariant: no literal here looks like a token; secrets exist only while a test runs.

pub const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
pub const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub const DIGITS: &str = "0123456789";
pub const HEX: &str = "0123456789abcdef";

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Letters of an alphabet.
    pub fn of(&mut self, alphabet: &str, n: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..n).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }

    pub fn hex(&mut self, n: usize) -> String {
        self.of(HEX, n)
    }

    pub fn upper(&mut self, n: usize) -> String {
        self.of(&[UPPER, DIGITS].concat(), n)
    }

    pub fn alnum(&mut self, n: usize) -> String {
        self.of(&[LOWER, UPPER, DIGITS].concat(), n)
    }

    pub fn lower_alnum(&mut self, n: usize) -> String {
        self.of(&[LOWER, DIGITS].concat(), n)
    }

    pub fn url(&mut self, n: usize) -> String {
        // A hyphen at the end would be cut by some services, and none issues one.
        format!("{}{}", self.of(&[LOWER, UPPER, DIGITS, "_-"].concat(), n - 1), self.alnum(1))
    }

    pub fn base64(&mut self, n: usize) -> String {
        self.of(&[LOWER, UPPER, DIGITS, "+/"].concat(), n)
    }

    pub fn digits(&mut self, n: usize) -> String {
        format!("{}{}", self.of("123456789", 1), self.of(DIGITS, n - 1))
    }

    pub fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|n| self.hex(n)).join("-")
    }

    pub fn word(&mut self) -> &'static str {
        self.pick(&WORDS.split_ascii_whitespace().collect::<Vec<_>>())
    }

    /// A password as people and programs choose it.
    pub fn password(&mut self) -> String {
        match self.below(6) {
            0 => self.alnum(12),
            1 => self.alnum(16),
            2 => format!("{}{}!", capital(self.word()), self.digits(4)),
            3 => format!("{}-{}{}", self.word(), self.word(), self.digits(2)),
            4 => format!("{}#{}%{}", self.alnum(4), self.alnum(4), self.alnum(3)),
            _ => self.lower_alnum(10),
        }
    }
}

/// With a capital letter.
pub fn capital(word: &str) -> String {
    format!("{}{}", word[..1].to_uppercase(), &word[1..])
}

const WORDS: &str = "summer winter garden orange dragon silver market window harbor letter planet coffee rocket purple \
    basket forest hammer island jungle kitten ladder marble needle oyster pepper quartz rabbit saddle temple umbrella \
    velvet walnut yellow zephyr anchor bridge candle desert engine falcon guitar helmet";
