// Loss and gradient of the model of model.py on one core with Intel's AMX: the same sums as `Model.learn`, with matrices
// in bf16, sums in fp32, and the residual stream in fp32.
//
// Invariant: every width, and every length, is a multiple of 32 (native.py looks); one `Work` serves one thread; weights are
// packed again by `prepare` after each step. Weights lie in the flat order of `Shape.parameters`.
//
// A product takes its left side row by row and its right side packed in tiles of 32 x 16, in which two neighbours along the
// summed side lie together, as the processor wants them. `rows_packed` packs a matrix that is summed over its rows,
// `columns_packed` one that is summed over its columns, `transposed` makes a left side of a right one.

#include <immintrin.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using bf16 = uint16_t;
constexpr int TILE = 512;  // Numbers in a tile of bf16.
constexpr int NEAR = 128 << 10;  // Numbers of a left side, a quarter of a megabyte.
constexpr size_t PAGE = 2 << 20;  // Large pages: tiles touch a row each, so that small ones miss the table of pages all the time.

template <class T>
struct Room {
    T* data = nullptr;
    Room() = default;
    explicit Room(size_t count) { grow(count); }
    Room(Room&& other) noexcept : data(other.data), size(other.size) { other.data = nullptr; other.size = 0; }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() { free(data); }
    void grow(size_t count) {
        if (count <= size) return;
        free(data);
        size = count;
        size_t bytes = (count * sizeof(T) + PAGE - 1) / PAGE * PAGE;
        data = static_cast<T*>(aligned_alloc(PAGE, bytes));
        madvise(data, bytes, MADV_HUGEPAGE);
        memset(data, 0, bytes);
    }
    operator T*() { return data; }

private:
    size_t size = 0;
};

// Small helpers over sixteen numbers.

inline __m512 wide(const bf16* from) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from)), 16));
}

inline __m256i narrow(__m512 x) { return (__m256i)_mm512_cvtneps_pbh(x); }

inline void put(bf16* to, __m512 x) { _mm256_storeu_si256((__m256i*)to, narrow(x)); }

inline __m512 exponential(__m512 x) {
    __m512 scaled = _mm512_mul_ps(_mm512_max_ps(x, _mm512_set1_ps(-87.0f)), _mm512_set1_ps(1.44269504f));
    __m512 whole = _mm512_roundscale_ps(scaled, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 f = _mm512_sub_ps(scaled, whole);
    __m512 y = _mm512_set1_ps(1.3333558e-3f);
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(9.6181291e-3f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(5.5504109e-2f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(2.4022651e-1f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(6.9314718e-1f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(y, whole);
}

inline __m512 sigmoid(__m512 x) {
    __m512 one = _mm512_set1_ps(1.0f);
    return _mm512_rcp14_ps(_mm512_add_ps(one, exponential(_mm512_sub_ps(_mm512_setzero_ps(), x))));
}

/// Sixteen rows of sixteen 32-bit numbers, columns made rows.
inline void turn(__m512i r[16]) {
    __m512i t[16];
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/// Two rows of sixteen as sixteen pairs.
inline __m512i paired(const bf16* first, const bf16* second) {
    __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)first));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)second));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Packing. A right side of `summed` x `columns` is `columns / 16` panels of `summed / 32` tiles.

/// `[rows, columns]`, to be summed over rows.
void rows_packed(bf16* to, const bf16* from, int step, int rows, int columns) {
    for (int c = 0; c < columns; c += 16)
        for (int r = 0; r < rows; r += 2, to += 32)
            _mm512_store_si512(to, paired(from + (size_t)r * step + c, from + (size_t)(r + 1) * step + c));
}

/// `[rows, columns]`, to be summed over columns.
void columns_packed(bf16* to, const bf16* from, int step, int rows, int columns) {
    for (int r = 0; r < rows; r += 16)
        for (int c = 0; c < columns; c += 32, to += TILE) {
            __m512i block[16];
            for (int i = 0; i < 16; i++) block[i] = _mm512_loadu_si512(from + (size_t)(r + i) * step + c);
            turn(block);
            for (int i = 0; i < 16; i++) _mm512_store_si512(to + 32 * i, block[i]);
        }
}

/// `[rows, columns]` as `[columns, rows]`, with `wide_step` numbers from one row of the result to the next.
void transposed(bf16* to, int wide_step, const bf16* from, int step, int rows, int columns) {
    for (int r = 0; r < rows; r += 32)
        for (int c = 0; c < columns; c += 16) {
            __m512i block[16];
            const bf16* corner = from + (size_t)r * step + c;
            for (int i = 0; i < 16; i++) block[i] = paired(corner + (size_t)(2 * i) * step, corner + (size_t)(2 * i + 1) * step);
            turn(block);
            for (int i = 0; i < 16; i++) _mm512_storeu_si512(to + (size_t)(c + i) * wide_step + r, block[i]);
        }
}

// Products.

struct alignas(64) TileShapes {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

enum Result { BF16, FLOAT, ADDED };

/// `left [m, summed]` times the packed right side `[summed, n]`. `panel` is the whole summed side that the right was packed with.
/// BF16 and FLOAT write the result, ADDED adds it to floats.
template <Result RESULT, class C>
void product(int m, int n, int summed, const bf16* left, int left_step, const bf16* right, int panel, C* to, int step) {
    alignas(64) float block[32 * 32];
    auto one = [&](int row, int column) {
        const bf16* a0 = left + (size_t)row * left_step;
        const bf16* a1 = a0 + (size_t)16 * left_step;
        const bf16* b0 = right + (size_t)(column / 16) * panel * 16;
        const bf16* b1 = b0 + (size_t)panel * 16;
        C* corner = to + (size_t)row * step + column;
        if constexpr (RESULT == ADDED) {
            _tile_loadd(0, corner, step * 4);
            _tile_loadd(1, corner + 16, step * 4);
            _tile_loadd(2, corner + (size_t)16 * step, step * 4);
            _tile_loadd(3, corner + (size_t)16 * step + 16, step * 4);
        } else {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
        }
        for (int k = 0; k < summed; k += 32) {
            // All loads first: where another thread shares the core, each change between loading and multiplying costs.
            _tile_loadd(6, b0 + (size_t)k * 16, 64);
            _tile_loadd(7, b1 + (size_t)k * 16, 64);
            _tile_loadd(4, a0 + k, left_step * 2);
            _tile_loadd(5, a1 + k, left_step * 2);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        if constexpr (RESULT == BF16) {
            _tile_stored(0, block, 128);
            _tile_stored(1, block + 16, 128);
            _tile_stored(2, block + 16 * 32, 128);
            _tile_stored(3, block + 16 * 32 + 16, 128);
            for (int i = 0; i < 32; i++) {
                __m512 low = _mm512_load_ps(block + 32 * i), high = _mm512_load_ps(block + 32 * i + 16);
                _mm512_storeu_si512(corner + (size_t)i * step, (__m512i)_mm512_cvtne2ps_pbh(high, low));
            }
        } else {
            _tile_stored(0, corner, step * 4);
            _tile_stored(1, corner + 16, step * 4);
            _tile_stored(2, corner + (size_t)16 * step, step * 4);
            _tile_stored(3, corner + (size_t)16 * step + 16, step * 4);
        }
    };
    // As many rows of the left side as the second cache holds stay near while the right side passes by.
    int near = std::max(32, NEAR / summed / 32 * 32);
    for (int first = 0; first < m; first += near)
        for (int column = 0; column < n; column += 32)
            for (int row = first; row < std::min(m, first + near); row += 32) one(row, column);
}

struct Sizes {
    int vocabulary, width, layers, heads, groups, feed, head;
    float theta;
    int query() const { return heads * head; }
    int key() const { return groups * head; }
    int mixed() const { return query() + 2 * key(); }
};

/// A matrix of a layer: where it lies in the flat tensor, and packed for both directions.
struct Matrix {
    size_t offset;
    int rows, columns;
    Room<bf16> forward, backward;
    Matrix(size_t offset, int rows, int columns)
        : offset(offset), rows(rows), columns(columns), forward((size_t)rows * columns), backward((size_t)rows * columns) {}
    void pack(const bf16* flat) {
        columns_packed(forward, flat + offset, columns, rows, columns);
        rows_packed(backward, flat + offset, columns, rows, columns);
    }
};

/// What a layer keeps for its way back.
struct Kept {
    Room<bf16> before, mixed, seen, middle, gates, weights;
    Room<float> scale_before, scale_middle;
};

struct Layer {
    Matrix mix, out, feed, down;
    Kept kept;
};

constexpr float EPSILON = 1e-6f;
constexpr int SLICE = 256;  // Entries of the vocabulary whose logits are in the processor's cache at once.
constexpr float MOST = 80.0f;

struct Work {
    Sizes size;
    std::vector<Layer> layers;
    const bf16* flat = nullptr;
    size_t gain;
    int tokens = 0, length = 0;
    Room<bf16> embed_turned, normal, state, act, slope, slope_turned, packed, gates_slope, key_packed, value_packed, query_packed,
        seen_packed, scores, scores_turned, weights_turned, slice_packed, mixed_slope;
    Room<float> x, dx, dn, scale, cosine, sine, score, logits, sums, picked, key_slope, value_slope, back;

    explicit Work(Sizes s) : size(s) {
        size_t offset = (size_t)s.vocabulary * s.width;
        gain = offset;
        offset += s.width;
        for (int i = 0; i < s.layers; i++) {
            size_t out = offset + (size_t)s.mixed() * s.width, feed = out + (size_t)s.width * s.query();
            size_t down = feed + (size_t)2 * s.feed * s.width;
            layers.push_back({{offset, s.mixed(), s.width},
                              {out, s.width, s.query()},
                              {feed, 2 * s.feed, s.width},
                              {down, s.width, s.feed},
                              {}});
            offset = down + (size_t)s.width * s.feed;
        }
        embed_turned.grow((size_t)s.vocabulary * s.width);
    }

    void prepare(const bf16* weights) {
        flat = weights;
        for (auto& layer : layers) {
            layer.mix.pack(flat);
            layer.out.pack(flat);
            layer.feed.pack(flat);
            layer.down.pack(flat);
        }
        transposed(embed_turned, size.vocabulary, flat, size.width, size.vocabulary, size.width);
    }

    void room(int rows, int long_) {
        int t = rows * long_, w = size.width;
        if (t == tokens && long_ == length) return;
        if (long_ != length) {
            int half = size.head / 2;
            cosine.grow((size_t)long_ * half);
            sine.grow((size_t)long_ * half);
            for (int p = 0; p < long_; p++)
                for (int i = 0; i < half; i++) {
                    float angle = p / powf(size.theta, (float)i / half);
                    cosine[p * half + i] = cosf(angle);
                    sine[p * half + i] = sinf(angle);
                }
        }
        tokens = t, length = long_;
        int widest = std::max(std::max(2 * size.feed, size.mixed()), w);
        for (auto& layer : layers) {
            Kept& k = layer.kept;
            k.before.grow((size_t)t * w), k.middle.grow((size_t)t * w), k.seen.grow((size_t)t * size.query());
            k.mixed.grow((size_t)t * size.mixed()), k.gates.grow((size_t)t * 2 * size.feed);
            k.weights.grow((size_t)t * long_ * size.heads), k.scale_before.grow(t), k.scale_middle.grow(t);
        }
        normal.grow((size_t)t * w), state.grow((size_t)t * w), act.grow((size_t)t * size.feed), slope.grow((size_t)t * widest);
        slope_turned.grow((size_t)(t + 32) * std::max(widest, size.vocabulary)), packed.grow((size_t)t * widest);
        gates_slope.grow((size_t)t * widest), mixed_slope.grow((size_t)t * size.mixed());
        x.grow((size_t)t * w), dx.grow((size_t)t * w), dn.grow((size_t)t * w), scale.grow(t);
        size_t square = (size_t)long_ * long_, one = (size_t)long_ * size.head;
        key_packed.grow(one), value_packed.grow(one), query_packed.grow(one), seen_packed.grow(one);
        scores.grow(square), scores_turned.grow(square), weights_turned.grow(square), score.grow((size_t)32 * long_);
        key_slope.grow(one), value_slope.grow(one);
        logits.grow((size_t)SLICE * t), slice_packed.grow((size_t)SLICE * t), back.grow((size_t)w * t), sums.grow(t), picked.grow(t);
    }

    /// `to` is `from` over its root mean square, `scales` one over that.
    void normalise(bf16* to, float* scales, const float* from) {
        for (int t = 0; t < tokens; t++) {
            const float* row = from + (size_t)t * size.width;
            __m512 squares = _mm512_setzero_ps();
            for (int i = 0; i < size.width; i += 16) {
                __m512 v = _mm512_load_ps(row + i);
                squares = _mm512_fmadd_ps(v, v, squares);
            }
            float by = 1.0f / sqrtf(_mm512_reduce_add_ps(squares) / size.width + EPSILON);
            scales[t] = by;
            for (int i = 0; i < size.width; i += 16)
                put(to + (size_t)t * size.width + i, _mm512_mul_ps(_mm512_load_ps(row + i), _mm512_set1_ps(by)));
        }
    }

    /// Adds to `dx` what comes back through a norm: `slopes` is the gradient of its result `normal`.
    void normalise_back(const float* slopes, const bf16* normals, const float* scales) {
        for (int t = 0; t < tokens; t++) {
            const float* slope = slopes + (size_t)t * size.width;
            const bf16* n = normals + (size_t)t * size.width;
            float* to = dx + (size_t)t * size.width;
            __m512 sum = _mm512_setzero_ps();
            for (int i = 0; i < size.width; i += 16) sum = _mm512_fmadd_ps(_mm512_load_ps(slope + i), wide(n + i), sum);
            __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / size.width), by = _mm512_set1_ps(scales[t]);
            for (int i = 0; i < size.width; i += 16) {
                __m512 v = _mm512_fnmadd_ps(wide(n + i), mean, _mm512_load_ps(slope + i));
                _mm512_store_ps(to + i, _mm512_fmadd_ps(v, by, _mm512_load_ps(to + i)));
            }
        }
    }

    /// Rotates queries and keys by their place, or back (`sign` -1).
    void rotate(bf16* mixed, float sign) {
        int half = size.head / 2;
        __m512 by = _mm512_set1_ps(sign);
        for (int t = 0; t < tokens; t++) {
            const float *c = cosine + (size_t)(t % length) * half, *s = sine + (size_t)(t % length) * half;
            for (int h = 0; h < size.heads + size.groups; h++) {
                bf16* at = mixed + (size_t)t * size.mixed() + h * size.head;
                for (int i = 0; i < half; i += 16) {
                    __m512 left = wide(at + i), right = wide(at + half + i);
                    __m512 cos = _mm512_load_ps(c + i), sin = _mm512_mul_ps(_mm512_load_ps(s + i), by);
                    put(at + i, _mm512_fmsub_ps(left, cos, _mm512_mul_ps(right, sin)));
                    put(at + half + i, _mm512_fmadd_ps(right, cos, _mm512_mul_ps(left, sin)));
                }
            }
        }
    }

    void attend(Kept& k) {
        int step = size.mixed(), shared = size.heads / size.groups;
        __m512 by = _mm512_set1_ps(1.0f / sqrtf((float)size.head));
        for (int start = 0; start < tokens; start += length)
            for (int g = 0; g < size.groups; g++) {
                const bf16* rows = k.mixed + (size_t)start * step;
                columns_packed(key_packed, rows + size.query() + g * size.head, step, length, size.head);
                rows_packed(value_packed, rows + size.query() + size.key() + g * size.head, step, length, size.head);
                for (int h = g * shared; h < (g + 1) * shared; h++) {
                    bf16* weights = k.weights + ((size_t)start * size.heads + (size_t)h * length) * length;
                    for (int q = 0; q < length; q += 32) {
                        int keys = q + 32;
                        product<FLOAT>(32, keys, size.head, rows + (size_t)q * step + h * size.head, step, key_packed, size.head,
                                       (float*)score, length);
                        for (int i = 0; i < 32; i++) {
                            float* row = score + (size_t)i * length;
                            bf16* to = weights + (size_t)(q + i) * length;
                            int seen = q + i + 1;
                            __m512 most = _mm512_set1_ps(-1e30f);
                            for (int j = 0; j < keys; j += 16) {
                                __mmask16 on = seen - j >= 16 ? 0xffff : seen <= j ? 0 : (1 << (seen - j)) - 1;
                                __m512 v = _mm512_mask_mul_ps(_mm512_set1_ps(-1e30f), on, _mm512_load_ps(row + j), by);
                                _mm512_store_ps(row + j, v);
                                most = _mm512_max_ps(most, v);
                            }
                            __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(most)), sum = _mm512_setzero_ps();
                            for (int j = 0; j < keys; j += 16) {
                                __mmask16 on = seen - j >= 16 ? 0xffff : seen <= j ? 0 : (1 << (seen - j)) - 1;
                                __m512 e = _mm512_maskz_mov_ps(on, exponential(_mm512_sub_ps(_mm512_load_ps(row + j), top)));
                                _mm512_store_ps(row + j, e);
                                sum = _mm512_add_ps(sum, e);
                            }
                            __m512 share = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(sum));
                            for (int j = 0; j < keys; j += 16) put(to + j, _mm512_mul_ps(_mm512_load_ps(row + j), share));
                        }
                        product<BF16>(32, size.head, keys, weights + (size_t)q * length, length, value_packed, length,
                                      k.seen + (size_t)(start + q) * size.query() + h * size.head, size.query());
                    }
                }
            }
    }

    /// From `slopes`, the gradient of what attention gave, `[tokens, query]`, to that of queries, keys and values in `mixed_slope`.
    void attend_back(Kept& k, const bf16* slopes) {
        int step = size.mixed(), shared = size.heads / size.groups, width = size.head;
        float by = 1.0f / sqrtf((float)width);
        for (int start = 0; start < tokens; start += length)
            for (int g = 0; g < size.groups; g++) {
                const bf16* rows = k.mixed + (size_t)start * step;
                bf16* to = mixed_slope + (size_t)start * step;
                rows_packed(key_packed, rows + size.query() + g * width, step, length, width);
                columns_packed(value_packed, rows + size.query() + size.key() + g * width, step, length, width);
                memset(key_slope.data, 0, sizeof(float) * length * width);
                memset(value_slope.data, 0, sizeof(float) * length * width);
                for (int h = g * shared; h < (g + 1) * shared; h++) {
                    const bf16* weights = k.weights + ((size_t)start * size.heads + (size_t)h * length) * length;
                    const bf16* slope = slopes + (size_t)start * size.query() + h * width;
                    const bf16* seen = k.seen + (size_t)start * size.query() + h * width;
                    rows_packed(query_packed, rows + h * width, step, length, width);
                    rows_packed(seen_packed, slope, size.query(), length, width);
                    for (int q = 0; q < length; q += 32) {
                        int keys = q + 32;
                        product<FLOAT>(32, keys, width, slope + (size_t)q * size.query(), size.query(), value_packed, width,
                                       (float*)score, length);
                        for (int i = 0; i < 32; i++) {
                            __m512 sum = _mm512_setzero_ps();
                            for (int j = 0; j < width; j += 16)
                                sum = _mm512_fmadd_ps(wide(slope + (size_t)(q + i) * size.query() + j),
                                                      wide(seen + (size_t)(q + i) * size.query() + j), sum);
                            __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum)), scaled = _mm512_set1_ps(by);
                            const float* row = score + (size_t)i * length;
                            const bf16* share = weights + (size_t)(q + i) * length;
                            bf16* out = scores + (size_t)(q + i) * length;
                            for (int j = 0; j < keys; j += 16)
                                put(out + j, _mm512_mul_ps(_mm512_mul_ps(wide(share + j), scaled),
                                                           _mm512_sub_ps(_mm512_load_ps(row + j), mean)));
                        }
                        product<BF16>(32, width, keys, scores + (size_t)q * length, length, key_packed, length,
                                      to + (size_t)q * step + h * width, step);
                        transposed(scores_turned + q, length, scores + (size_t)q * length, length, 32, keys);
                        transposed(weights_turned + q, length, weights + (size_t)q * length, length, 32, keys);
                    }
                    for (int j = 0; j < length; j += 32) {
                        size_t corner = (size_t)j * length + j, from = (size_t)j * 16;
                        product<ADDED>(32, width, length - j, scores_turned + corner, length, query_packed + from, length,
                                       key_slope + (size_t)j * width, width);
                        product<ADDED>(32, width, length - j, weights_turned + corner, length, seen_packed + from, length,
                                       value_slope + (size_t)j * width, width);
                    }
                }
                for (int t = 0; t < length; t++)
                    for (int i = 0; i < width; i += 16) {
                        bf16* at = to + (size_t)t * step + size.query() + g * width + i;
                        put(at, _mm512_load_ps(key_slope + t * width + i));
                        put(at + size.key(), _mm512_load_ps(value_slope + t * width + i));
                    }
            }
    }

    /// `act` of the gates; with `slopes`, the gradient of `act`, also that of the gates, in `gates_slope`.
    void gated(const bf16* gates, const bf16* slopes) {
        __m512 one = _mm512_set1_ps(1.0f);
        for (int t = 0; t < tokens; t++) {
            const bf16* row = gates + (size_t)t * 2 * size.feed;
            bf16* to = act + (size_t)t * size.feed;
            for (int i = 0; i < size.feed; i += 16) {
                __m512 g = wide(row + i), u = wide(row + size.feed + i), s = sigmoid(g), silu = _mm512_mul_ps(g, s);
                put(to + i, _mm512_mul_ps(silu, u));
                if (!slopes) continue;
                __m512 d = wide(slopes + (size_t)t * size.feed + i);
                bf16* back = gates_slope + (size_t)t * 2 * size.feed;
                // The derivative of g * s(g) is s + g * s * (1 - s).
                __m512 turn = _mm512_fmadd_ps(silu, _mm512_sub_ps(one, s), s);
                put(back + i, _mm512_mul_ps(_mm512_mul_ps(d, u), turn));
                put(back + size.feed + i, _mm512_mul_ps(d, silu));
            }
        }
    }

    void narrowed(bf16* to, const float* from, size_t count) {
        for (size_t i = 0; i < count; i += 16) put(to + i, _mm512_load_ps(from + i));
    }

    /// Adds the gradient of a matrix: `slopes [tokens, rows]` over `inputs [tokens, columns]`.
    void learned(const Matrix& matrix, const bf16* slopes, const bf16* inputs, float* gradient) {
        int step = tokens + 32;  // Not a power of two: rows would fall on each other in the cache.
        transposed(slope_turned, step, slopes, matrix.rows, tokens, matrix.rows);
        rows_packed(packed, inputs, matrix.columns, tokens, matrix.columns);
        product<ADDED>(matrix.rows, matrix.columns, tokens, slope_turned, step, packed, tokens, gradient + matrix.offset,
                       matrix.columns);
    }

    /// Loss; the gradient of the state in `dn`, that of the output layer added.
    ///
    /// Works through slices of the vocabulary, whose logits stand in columns of tokens: so the exponentials are the left side
    /// of one product and, packed, the right side of the other. Their sum is known at the end only; what it divides is the
    /// state, and the gradient of the state. Exponentials are taken as they are: fp32 and bf16 hold them while logits
    /// stay under `MOST`, and the penalty keeps their sum near 1.
    double output(const int32_t* targets, const float* weights, float* gradient, float penalty) {
        int w = size.width, v = size.vocabulary, step = tokens + 32;
        columns_packed(packed, state, w, tokens, w);
        memset(back.data, 0, sizeof(float) * w * tokens);
        memset(sums.data, 0, sizeof(float) * tokens);
        for (int start = 0; start < v; start += SLICE) {
            int count = std::min(SLICE, v - start);
            product<FLOAT>(count, tokens, w, flat + (size_t)start * w, w, packed, w, (float*)logits, tokens);
            for (int t = 0; t < tokens; t++)
                if (targets[t] >= start && targets[t] < start + count) picked[t] = logits[(size_t)(targets[t] - start) * tokens + t];
            for (int t = 0; t < tokens; t += 16) {
                __m512 sum = _mm512_load_ps(sums + t), most = _mm512_set1_ps(MOST);
                bf16* pairs = slice_packed + (size_t)t * count;
                for (int i = 0; i < count; i += 2, pairs += 32) {
                    const float* at = logits + (size_t)i * tokens + t;
                    __m512 e = exponential(_mm512_min_ps(_mm512_load_ps(at), most));
                    __m512 f = exponential(_mm512_min_ps(_mm512_load_ps(at + tokens), most));
                    sum = _mm512_add_ps(sum, _mm512_add_ps(e, f));
                    __m256i first = narrow(e), second = narrow(f);
                    bf16* row = slope_turned + (size_t)(start + i) * step + t;
                    _mm256_storeu_si256((__m256i*)row, first);
                    _mm256_storeu_si256((__m256i*)(row + step), second);
                    __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16);
                    _mm512_store_si512(pairs, _mm512_or_si512(_mm512_cvtepu16_epi32(first), high));
                }
                _mm512_store_ps(sums + t, sum);
            }
            product<ADDED>(w, tokens, count, embed_turned + start, v, slice_packed, count, (float*)back, tokens);
        }
        double loss = 0;
        for (int t = 0; t < tokens; t++) {
            float total = logf(sums[t]);
            loss += (double)(total - picked[t]) * weights[t];
            sums[t] = weights[t] * (1.0f + 2.0f * penalty * total) / sums[t];
        }
        for (int t = 0; t < tokens; t += 16)
            for (int i = 0; i < w; i += 16) {
                __m512i block[16];
                for (int j = 0; j < 16; j++) block[j] = _mm512_load_si512(back + (size_t)(i + j) * tokens + t);
                turn(block);
                for (int j = 0; j < 16; j++) _mm512_store_si512(dn + (size_t)(t + j) * w + i, block[j]);
            }
        for (int t = 0; t < tokens; t++) {
            __m512 share = _mm512_set1_ps(sums[t]), weight = _mm512_set1_ps(weights[t]);
            const bf16* target = flat + (size_t)targets[t] * w;
            float* learning = gradient + (size_t)targets[t] * w;
            for (int i = 0; i < w; i += 16) {
                float* at = dn + (size_t)t * w + i;
                __m512 here = wide(state + (size_t)t * w + i);
                _mm512_store_ps(at, _mm512_fmsub_ps(_mm512_load_ps(at), share, _mm512_mul_ps(wide(target + i), weight)));
                _mm512_storeu_ps(learning + i, _mm512_fnmadd_ps(here, weight, _mm512_loadu_ps(learning + i)));
                put(slope + (size_t)t * w + i, _mm512_mul_ps(here, share));
            }
        }
        rows_packed(packed, slope, w, tokens, w);
        product<ADDED>(v, w, tokens, slope_turned, step, packed, tokens, gradient, w);
        return loss;
    }

    double learn(const int32_t* ids, const int32_t* targets, const float* weights, int rows, int long_, float* gradient,
                 float penalty) {
        static const TileShapes shapes;
        _tile_loadconfig(&shapes);  // Each time: other libraries set them, too.
        room(rows, long_);
        int w = size.width, feed = size.feed;
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < w; i += 16) _mm512_store_ps(x + (size_t)t * w + i, wide(flat + (size_t)ids[t] * w + i));
        for (auto& [mix, out, gate, down, k] : layers) {
            normalise(k.before, k.scale_before, x);
            product<BF16>(tokens, size.mixed(), w, k.before, w, mix.forward, w, (bf16*)k.mixed, size.mixed());
            rotate(k.mixed, 1.0f);
            attend(k);
            product<ADDED>(tokens, w, size.query(), k.seen, size.query(), out.forward, size.query(), (float*)x, w);
            normalise(k.middle, k.scale_middle, x);
            product<BF16>(tokens, 2 * feed, w, k.middle, w, gate.forward, w, (bf16*)k.gates, 2 * feed);
            gated(k.gates, nullptr);
            product<ADDED>(tokens, w, feed, act, feed, down.forward, feed, (float*)x, w);
        }
        normalise(normal, scale, x);
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < w; i += 16)
                put(state + (size_t)t * w + i, _mm512_mul_ps(wide(normal + (size_t)t * w + i), wide(flat + gain + i)));
        double loss = output(targets, weights, gradient, penalty);
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < w; i += 16) {
                float *at = dn + (size_t)t * w + i, *sum = gradient + gain + i;
                __m512 slope = _mm512_load_ps(at);
                _mm512_storeu_ps(sum, _mm512_fmadd_ps(slope, wide(normal + (size_t)t * w + i), _mm512_loadu_ps(sum)));
                _mm512_store_ps(at, _mm512_mul_ps(slope, wide(flat + gain + i)));
            }
        memset(dx.data, 0, sizeof(float) * (size_t)tokens * w);
        normalise_back(dn, normal, scale);
        for (int i = size.layers - 1; i >= 0; i--) {
            auto& [mix, out, gate, down, k] = layers[i];
            narrowed(normal, dx, (size_t)tokens * w);
            product<BF16>(tokens, feed, w, normal, w, down.backward, w, (bf16*)slope, feed);
            gated(k.gates, slope);
            learned(down, normal, act, gradient);
            product<FLOAT>(tokens, w, 2 * feed, gates_slope, 2 * feed, gate.backward, 2 * feed, (float*)dn, w);
            learned(gate, gates_slope, k.middle, gradient);
            normalise_back(dn, k.middle, k.scale_middle);
            narrowed(normal, dx, (size_t)tokens * w);
            product<BF16>(tokens, size.query(), w, normal, w, out.backward, w, (bf16*)slope, size.query());
            learned(out, normal, k.seen, gradient);
            attend_back(k, slope);
            rotate(mixed_slope, -1.0f);
            product<FLOAT>(tokens, w, size.mixed(), mixed_slope, size.mixed(), mix.backward, size.mixed(), (float*)dn, w);
            learned(mix, mixed_slope, k.before, gradient);
            normalise_back(dn, k.before, k.scale_before);
        }
        for (int t = 0; t < tokens; t++) {
            float* to = gradient + (size_t)ids[t] * w;
            for (int i = 0; i < w; i += 16)
                _mm512_storeu_ps(to + i, _mm512_add_ps(_mm512_loadu_ps(to + i), _mm512_load_ps(dx + (size_t)t * w + i)));
        }
        return loss;
    }
};

}  // namespace

extern "C" {

/// None if the system does not give tiles to this process.
void* begin(int vocabulary, int width, int layers, int heads, int groups, int feed, int head, float theta) {
    constexpr long REQUEST = 0x1023, TILES = 18;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
    if (syscall(SYS_arch_prctl, REQUEST, TILES)) return nullptr;
    return new Work({vocabulary, width, layers, heads, groups, feed, head, theta});
}

void prepare(void* work, const uint16_t* flat) { static_cast<Work*>(work)->prepare(flat); }

double learn(void* work, const int32_t* ids, const int32_t* targets, const float* weights, int rows, int length, float* gradient,
             float penalty) {
    return static_cast<Work*>(work)->learn(ids, targets, weights, rows, length, gradient, penalty);
}
}
