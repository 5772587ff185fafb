//! Tokens of many pieces of text, with chains of the positions where the same few tokens stand. Invariant: a match never reaches over
//! the edge of a piece, and none is found in a piece that was removed; adding a token takes constant time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use crate::vocabulary::TokenId;

/// Numbers of last tokens that are looked up. More of them are more specific, fewer are found more often.
const ORDERS: [usize; 3] = [4, 2, 1];
/// Occurrences that are compared for one order, the latest first: a bound on the work for one token.
const MOST_COMPARED: usize = 48;
/// With so many occurrences found, lower orders are not looked up: they would only add worse ones.
const ENOUGH_FOUND: usize = 12;
/// Longer matches than this are all equally good.
pub(crate) const LONGEST_MATCH: usize = 16;
/// Marks the ends of pieces, and fills removed ones.
const NOTHING: TokenId = TokenId::MAX;
const NOWHERE: u32 = u32::MAX;

/// A piece of text in an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SegmentId(u32);

/// An occurrence of the last tokens of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    /// The token that follows.
    pub(crate) next: TokenId,
    /// How many tokens before it agree with the context.
    pub(crate) length: usize,
}

/// Spreads keys that are hashes already.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, key: u32) {
        // The table takes the lowest bits for the bucket and the highest to compare.
        self.0 = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Heads = HashMap<u32, u32, BuildHasherDefault<Spread>>;

/// The chains of occurrences of one order.
#[derive(Default)]
struct Chain {
    /// By the hash of the tokens, the position of the last one of the latest occurrence.
    heads: Heads,
    /// By position, the position of the occurrence before.
    previous: Vec<u32>,
}

/// Pieces of text as tokens.
#[derive(Default)]
pub(crate) struct Arena {
    tokens: Vec<TokenId>,
    chains: [Chain; ORDERS.len()],
    segments: HashMap<SegmentId, Range<u32>>,
    n_added: u32,
    n_removed_tokens: usize,
}

impl Arena {
    /// Adds a piece.
    pub(crate) fn add(&mut self, tokens: &[TokenId]) -> SegmentId {
        let id = SegmentId(self.n_added);
        self.n_added = self.n_added.wrapping_add(1);
        self.append(id, tokens);
        id
    }

    /// Removes a piece.
    pub(crate) fn remove(&mut self, id: SegmentId) {
        let Some(range) = self.segments.remove(&id) else { return };
        self.n_removed_tokens += range.len();
        self.tokens[range.start as usize..range.end as usize].fill(NOTHING);
        if self.n_removed_tokens > 4096 && self.n_removed_tokens > self.tokens.len() / 2 {
            self.compact();
        }
    }

    /// The tokens of a piece, and the position of the first one.
    pub(crate) fn tokens(&self, id: SegmentId) -> (usize, &[TokenId]) {
        let range = self.segments.get(&id).map_or(0..0, |range| range.start as usize..range.end as usize);
        (range.start, &self.tokens[range])
    }

    /// Approximate memory in bytes.
    pub(crate) fn n_bytes(&self) -> usize {
        let entries: usize = self.chains.iter().map(|chain| chain.heads.capacity()).sum();
        let per_token = size_of::<TokenId>() + ORDERS.len() * size_of::<u32>();
        self.tokens.capacity() * per_token + entries * (2 * size_of::<u32>() + 1)
    }

    /// Finds occurrences of the last tokens of `context`: longer matches first, and the latest first among those of one order. None
    /// whose next token lies in the range `except`, or is not `wanted`.
    pub(crate) fn find(
        &self,
        context: &[TokenId],
        except: &Range<usize>,
        wanted: &dyn Fn(TokenId) -> bool,
        into: &mut Vec<Occurrence>,
    ) {
        let mut n_found = 0;
        // Longer matches were already found by a higher order.
        let mut known_from = usize::MAX;
        for (order, chain) in ORDERS.iter().zip(&self.chains) {
            let Some(last) = context.len().checked_sub(*order).map(|start| &context[start..]) else {
                continue;
            };
            let mut head = chain.heads.get(&hash(last)).copied();
            for _ in 0..MOST_COMPARED {
                let Some(position) = head.filter(|head| *head != NOWHERE) else { break };
                let position = position as usize;
                head = Some(chain.previous[position]);
                let next = self.tokens.get(position + 1).copied().unwrap_or(NOTHING);
                let length = self.match_length(position, context);
                let is_good = next != NOTHING && (*order..known_from).contains(&length);
                if is_good && !except.contains(&(position + 1)) && wanted(next) {
                    into.push(Occurrence { next, length });
                    n_found += 1;
                }
            }
            if n_found >= ENOUGH_FOUND {
                return;
            }
            known_from = *order;
        }
    }

    fn match_length(&self, position: usize, context: &[TokenId]) -> usize {
        let earlier = self.tokens[..=position].iter().rev();
        earlier.zip(context.iter().rev()).take(LONGEST_MATCH).take_while(|(one, other)| one == other).count()
    }

    fn append(&mut self, id: SegmentId, tokens: &[TokenId]) {
        let start = self.tokens.len();
        for token in tokens {
            self.tokens.push(*token);
            let position = u32::try_from(self.tokens.len() - 1).unwrap_or(NOWHERE);
            let piece = &self.tokens[start..];
            for (order, chain) in ORDERS.iter().zip(&mut self.chains) {
                let last = piece.len().checked_sub(*order).map(|start| &piece[start..]);
                let earlier = last.and_then(|last| chain.heads.insert(hash(last), position));
                chain.previous.push(earlier.unwrap_or(NOWHERE));
            }
        }
        let end = self.tokens.len();
        // The end of the piece.
        self.tokens.push(NOTHING);
        for chain in &mut self.chains {
            chain.previous.push(NOWHERE);
        }
        let range = u32::try_from(start).unwrap_or(NOWHERE)..u32::try_from(end).unwrap_or(NOWHERE);
        self.segments.insert(id, range);
    }

    /// Frees the memory of removed pieces.
    pub(crate) fn shrink(&mut self) {
        if self.n_removed_tokens > 0 {
            self.compact();
        }
    }

    /// Rebuilds the arena without removed pieces, in the old order.
    fn compact(&mut self) {
        let old = std::mem::take(self);
        let mut kept: Vec<_> = old.segments.into_iter().collect();
        kept.sort_unstable_by_key(|(_, range)| range.start);
        self.n_added = old.n_added;
        for (id, range) in kept {
            self.append(id, &old.tokens[range.start as usize..range.end as usize]);
        }
    }
}

/// FNV-1a over the tokens. The comparison of tokens excludes others with the same hash.
fn hash(tokens: &[TokenId]) -> u32 {
    let step = |hash: u32, part: u32| (hash ^ part).wrapping_mul(0x0100_0193);
    tokens.iter().fold(0x811c_9dc5, |hash, token| step(step(hash, token & 0xffff), token >> 16))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Range<usize> = 0..0;

    fn find(arena: &Arena, context: &[TokenId]) -> Vec<(TokenId, usize)> {
        let mut found = Vec::new();
        arena.find(context, &NONE, &|_| true, &mut found);
        found.into_iter().map(|one| (one.next, one.length)).collect()
    }

    #[test]
    fn the_longest_and_latest_come_first() {
        let mut arena = Arena::default();
        arena.add(&[1, 2, 3, 4, 50]);
        arena.add(&[9, 3, 4, 60]);
        arena.add(&[1, 2, 3, 4, 70]);
        assert_eq!(find(&arena, &[8, 1, 2, 3, 4]), [(70, 4), (50, 4), (60, 2)]);
        assert_eq!(find(&arena, &[4]), [(70, 1), (60, 1), (50, 1)]);
        assert!(find(&arena, &[70]).is_empty(), "nothing follows the end of a piece");
        assert!(find(&arena, &[]).is_empty());
    }

    #[test]
    fn what_is_not_wanted_or_excepted_is_not_found() {
        let mut arena = Arena::default();
        arena.add(&[1, 2, 3]);
        let id = arena.add(&[1, 2, 4]);
        let (start, tokens) = arena.tokens(id);
        let mut found = Vec::new();
        arena.find(&[1, 2], &(start..start + tokens.len()), &|_| true, &mut found);
        arena.find(&[1, 2], &NONE, &|next| next == 4, &mut found);
        assert_eq!(found, [Occurrence { next: 3, length: 2 }, Occurrence { next: 4, length: 2 }]);
    }

    proptest! {
        /// Whatever was added and removed, what is found stands inside of one piece that is left.
        #[test]
        fn only_what_is_left_is_found(
            pieces in prop::collection::vec(prop::collection::vec(0_u32..6, 0..600), 1..24),
            removed in prop::collection::vec(any::<bool>(), 24),
            context in prop::collection::vec(0_u32..6, 0..12),
        ) {
            let mut arena = Arena::default();
            let ids: Vec<_> = pieces.iter().map(|piece| arena.add(piece)).collect();
            for (id, _) in ids.iter().zip(&removed).filter(|(_, is_removed)| **is_removed) {
                arena.remove(*id);
            }
            let left: Vec<_> =
                pieces.iter().zip(&removed).filter(|(_, is_removed)| !**is_removed).map(|(piece, _)| piece).collect();
            let in_common = |before: &[TokenId]| {
                let pairs = before.iter().rev().zip(context.iter().rev());
                pairs.take(LONGEST_MATCH).take_while(|(one, other)| one == other).count()
            };
            for (next, length) in find(&arena, &context) {
                let stands = |piece: &&Vec<TokenId>| {
                    (1..piece.len()).any(|at| piece[at] == next && in_common(&piece[..at]) == length)
                };
                prop_assert!(left.iter().any(stands), "{next} after {length} in common");
            }
        }
    }
}
