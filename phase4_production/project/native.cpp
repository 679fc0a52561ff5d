// CPU kernels of the engine: products with weights of 32, 16, 8 and 4 bits, and attention over a
// cache in pages. `native.py` compiles this file once per machine and calls it.
//
// Writing one token reads every weight once, so a product with one row is as fast as the memory,
// if the processor keeps up. What it has to do is kept small by three ideas:
//
//   Activations are quantised, too: 64 neighbours share a scale, and become eight bits. Then 64
//   multiplications are one instruction (AVX-512 VNNI), which takes unsigned times signed bytes.
//   Weights are unsigned for that reason: eight-bit codes are stored plus 128, and what this adds
//   to a product, 128 times the sum of the activations, is taken off again.
//
//   Quantised weights lie in panels of 16 rows, four columns of each beside those of the next. A
//   register then holds 16 sums, one for each row, which nobody has to add up across it.
//
//   A panel meets up to BATCH activation rows in registers, so that a byte that was fetched and
//   unpacked is used as often as there are rows.
//
// Shapes: x is (M, K), weights are (N, K), y is (M, N), all row by row but for the panels. Where
// there is no VNNI the same sums are written plainly, and the compiler does what it can.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#if defined(__AVX512VNNI__) && defined(__AVX512F__) && !defined(PORTABLE)
#include <immintrin.h>
#define VNNI 1
#endif

namespace {

constexpr int64_t GROUP = 64;  // activations that share a scale
constexpr int PANEL = 16;      // rows of quantised weights that lie side by side
constexpr int BATCH = 8;       // activation rows that meet a panel at once

template <int n>
using Fixed = std::integral_constant<int, n>;

// Calls tile(rows, m) for all of M rows, as many at a time as may be. The number is known to the
// compiler, which then keeps all sums of a tile in registers.
template <int most, typename Tile>
inline void in_batches(int64_t M, Tile tile, int64_t m = 0) {
    for (; m + most <= M; m += most) tile(Fixed<most>{}, m);
    if constexpr (most > 1) in_batches<most / 2>(M, tile, m);
}

// -- floating point ----------------------------------------------------------------------------

inline float widened(float value) { return value; }

inline float widened(int8_t value) { return value; }

inline float widened(uint16_t bits) {  // bfloat16 is the upper half of a float32
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

template <typename Weight>
void linear_float(const float* x, const Weight* w, const float* bias, float* y, int64_t M,
                  int64_t N, int64_t K, int threads) {
    constexpr int LANES = 16, ROWS = 4;
    auto tile = [&](auto rows, int64_t n, auto batch, int64_t m) {
        float sums[rows][batch][LANES] = {};
        int64_t k = 0;
        for (; k + LANES <= K; k += LANES)
            for (int r = 0; r < rows; ++r)
                for (int b = 0; b < batch; ++b)
#pragma omp simd
                    for (int i = 0; i < LANES; ++i)
                        sums[r][b][i] +=
                            widened(w[(n + r) * K + k + i]) * x[(m + b) * K + k + i];
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) {
                float sum = bias ? bias[n + r] : 0.0f;
                for (int i = 0; i < LANES; ++i) sum += sums[r][b][i];
                for (int64_t rest = k; rest < K; ++rest)
                    sum += widened(w[(n + r) * K + rest]) * x[(m + b) * K + rest];
                y[(m + b) * N + n + r] = sum;
            }
    };
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t first = 0; first < N; first += ROWS)
        in_batches<ROWS>(std::min<int64_t>(ROWS, N - first), [&](auto rows, int64_t n) {
            in_batches<4>(M, [&](auto batch, int64_t m) { tile(rows, first + n, batch, m); });
        });
}

// -- activations in eight bits ----------------------------------------------------------------

struct Activations {
    std::vector<int8_t> codes;  // (M, K padded)
    std::vector<float> scale;   // (M, groups)
    std::vector<int32_t> sum;   // (M, groups), of the codes
};

// The largest absolute value. As integers, floats without a sign are in the same order, and NaN is
// above all: what is no number must not become one, so that the request it belongs to fails.
inline float largest_of(const float* values, int64_t n) {
    uint32_t largest = 0;
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < n; ++i) {
        uint32_t bits;
        std::memcpy(&bits, values + i, sizeof bits);
        largest = std::max(largest, bits & 0x7fffffffu);
    }
    float value;
    std::memcpy(&value, &largest, sizeof value);
    return value;
}

Activations quantise(const float* x, int64_t M, int64_t K, int threads) {
    const int64_t groups = (K + GROUP - 1) / GROUP, padded = groups * GROUP;
    Activations q{std::vector<int8_t>(M * padded), std::vector<float>(M * groups),
                  std::vector<int32_t>(M * groups)};
#pragma omp parallel for num_threads(threads) if (M > 8)
    for (int64_t m = 0; m < M; ++m)
        for (int64_t g = 0; g < groups; ++g) {
            const float* values = x + m * K + g * GROUP;
            const int64_t n = std::min(GROUP, K - g * GROUP);
            const float largest = largest_of(values, n);
            const float inverse = largest > 1e-36f ? 127.0f / largest : 0.0f;  // finite
            int8_t* codes = q.codes.data() + m * padded + g * GROUP;
            int32_t sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < n; ++i) {
                codes[i] = static_cast<int8_t>(std::nearbyint(values[i] * inverse));
                sum += codes[i];
            }
            q.scale[m * groups + g] = largest / 127.0f;
            q.sum[m * groups + g] = sum;
        }
    return q;
}

// -- eight and four bits -------------------------------------------------------------------------

// A register, or what the compiler makes of it where registers are shorter.
typedef float Floats __attribute__((vector_size(4 * PANEL)));
typedef int32_t Ints __attribute__((vector_size(4 * PANEL)));
typedef uint8_t Bytes __attribute__((vector_size(4 * PANEL)));

template <typename Vector>
inline Vector load(const void* from) {
    Vector found;
    std::memcpy(&found, from, sizeof found);
    return found;
}

// Adds to each row's sum the product of four of its weights with four activations.
inline Ints add_four(Ints sums, Bytes weights, const int8_t* activations) {
#ifdef VNNI
    int32_t four;
    std::memcpy(&four, activations, sizeof four);
    return (Ints)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)weights, _mm512_set1_epi32(four));
#else
    for (int r = 0; r < PANEL; ++r)
        for (int i = 0; i < 4; ++i) sums[r] += weights[4 * r + i] * activations[i];
    return sums;
#endif
}

// Weights in panels, columns padded to whole groups.
//   codes: for each panel, the columns in order; a line of 64 bytes is 16 rows times four columns,
//          and with four bits the high halves are the four columns after these.
//   scale: (panels, groups, PANEL), or (panels, 1, PANEL) for a whole row.
//   shift: the same shape, four bits only: a weight is scale * code - shift, and the shift of a
//          group meets the sum of its activations.
struct Panels {
    const uint8_t* codes;
    const float *scale, *shift;
    int64_t groups, n_scales;
};

template <int bits, typename Batch>
inline void multiply(const Panels& w, const Activations& q, int64_t panel, int64_t m, Batch batch,
                     Floats* found) {
    constexpr int64_t LINES = GROUP * bits / 32;  // of 64 bytes, for a group
    const uint8_t* line = w.codes + panel * w.groups * LINES * sizeof(Bytes);
    for (int64_t g = 0; g < w.groups; ++g) {
        const int64_t of_group = panel * w.n_scales + (w.n_scales > 1 ? g : 0);
        const int8_t* codes = q.codes.data() + (m * w.groups + g) * GROUP;
        const int64_t next = w.groups * GROUP;  // from one activation row to the next
        Ints sums[batch];
        for (int b = 0; b < batch; ++b)
            sums[b] = Ints{} - (bits == 8 ? 128 * q.sum[(m + b) * w.groups + g] : 0);
        for (int64_t l = 0; l < LINES; ++l, line += sizeof(Bytes)) {
            const Bytes weights = load<Bytes>(line);
            for (int b = 0; b < batch; ++b) {
                const int8_t* own = codes + b * next + l * 32 / bits;
                if constexpr (bits == 8) {
                    sums[b] = add_four(sums[b], weights, own);
                } else {
                    sums[b] = add_four(sums[b], weights & 15, own);
                    sums[b] = add_four(sums[b], weights >> 4, own + 4);
                }
            }
        }
        const Floats scale = load<Floats>(w.scale + of_group * PANEL);
        for (int b = 0; b < batch; ++b) {
            const float by = q.scale[(m + b) * w.groups + g];
            found[b] += __builtin_convertvector(sums[b], Floats) * (scale * by);
            if constexpr (bits == 4)
                found[b] -= load<Floats>(w.shift + of_group * PANEL) *
                            (by * q.sum[(m + b) * w.groups + g]);
        }
    }
}

template <int bits>
void linear_panels(const float* x, const Panels& w, const float* bias, float* y, int64_t M,
                   int64_t N, int64_t K, int threads) {
    const Activations q = quantise(x, M, K, threads);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t first = 0; first < N; first += PANEL)
        in_batches<BATCH>(M, [&](auto batch, int64_t m) {
            Floats found[batch] = {};
            multiply<bits>(w, q, first / PANEL, m, batch, found);
            const int64_t n = std::min<int64_t>(PANEL, N - first);
            for (int b = 0; b < batch; ++b)
                for (int64_t r = 0; r < n; ++r)
                    y[(m + b) * N + first + r] = found[b][r] + (bias ? bias[first + r] : 0.0f);
        });
}

// -- attention over pages ----------------------------------------------------------------------

template <typename Cell, typename Width>
inline float dot(const float* a, const Cell* b, Width n) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) sum += a[i] * widened(b[i]);
    return sum;
}

// e^x for x <= 0, to three units in the last place: e^x = 2^n e^r with |r| <= ln(2) / 2. The
// library's function is a little more exact, but takes one number at a time.
inline float exponential(float x) {
    x = std::max(x, -87.0f);  // what is less is nothing; NaN stays
    const float n = std::nearbyint(x * 1.44269504f);
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float sum = 1.0f / 720;
    for (const float term : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
        sum = sum * r + term;
    const int32_t bits = static_cast<int32_t>(std::max(0.0f, n + 127)) << 23;  // 0 for NaN
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return sum * power;
}

template <typename Cell, typename Width>
inline void add(float* to, float weight, const Cell* values, Width n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] += weight * widened(values[i]);
}

// Keys, or values: floating numbers, or codes with a scale for each token and head.
template <typename Cell>
struct Cache {
    const Cell* cells;   // (n_blocks, block_size, H_kv, D)
    const float* scale;  // (n_blocks, block_size, H_kv) or null
};

template <typename Cell>
struct Pages {
    Cache<Cell> k, v;
    const int32_t* table;
    int64_t block_size, H, H_kv, D;
    float scale;

    int64_t slot(int64_t t) const {
        return table[t / block_size] * block_size + t % block_size;
    }
};

// The softmax of one row over a stretch of its past: maximum, denominator, and the weighted sum of
// values, for each head.
struct Part {
    std::vector<float> m, l, o;
};

// Attends to the tokens from begin to end of one sequence. Keys and values are read in the order in
// which they lie, all heads of a token together, and asked for a little before they are needed:
// pages lie anywhere, and the processor guesses no further than to the end of one.
template <typename Cell, typename Width>
Part attend_to(const float* q, const Pages<Cell>& pages, int64_t begin, int64_t end, Width D) {
    constexpr int64_t AHEAD = 2, LINE = 64 / sizeof(Cell);  // tokens, and cells of 64 bytes
    const int64_t H = pages.H, H_kv = pages.H_kv, shared = H / H_kv, n = end - begin;
    const int64_t width = H_kv * D;
    Part part{std::vector<float>(H), std::vector<float>(H), std::vector<float>(H * D)};
    std::vector<float> weights(H * n);
    // Calls take(h, cells, scale) for all heads of a token.
    auto heads = [&](const Cache<Cell>& cache, int64_t t, auto take) {
        const Cell* soon = cache.cells + pages.slot(std::min(t + AHEAD, end - 1)) * width;
        for (int64_t i = 0; i < width; i += LINE) __builtin_prefetch(soon + i);
        const int64_t first = pages.slot(t) * H_kv;
        for (int64_t g = 0; g < H_kv; ++g) {
            const Cell* cells = cache.cells + (first + g) * D;
            const float scale = cache.scale ? cache.scale[first + g] : 1.0f;
            for (int64_t h = g * shared; h < (g + 1) * shared; ++h) take(h, cells, scale);
        }
    };
    for (int64_t t = 0; t < n; ++t)
        heads(pages.k, begin + t, [&](int64_t h, const Cell* key, float scale) {
            weights[h * n + t] = pages.scale * scale * dot(q + h * D, key, D);
        });
    for (int64_t h = 0; h < H; ++h) {
        float* own = weights.data() + h * n;
        const float m = part.m[h] = *std::max_element(own, own + n);
        float l = 0.0f;
#pragma omp simd reduction(+ : l)
        for (int64_t t = 0; t < n; ++t) {
            own[t] = exponential(own[t] - m);
            l += own[t];
        }
        part.l[h] = l;
    }
    for (int64_t t = 0; t < n; ++t)
        heads(pages.v, begin + t, [&](int64_t h, const Cell* value, float scale) {
            add(part.o.data() + h * D, weights[h * n + t] * scale, value, D);
        });
    return part;
}

// Merges the parts of one row, and divides.
void settle(const std::vector<Part>& parts, int64_t first, int64_t n_parts, int64_t H,
            int64_t D, float* out) {
    for (int64_t h = 0; h < H; ++h) {
        float m = -std::numeric_limits<float>::infinity(), l = 0.0f;
        for (int64_t p = first; p < first + n_parts; ++p) m = std::max(m, parts[p].m[h]);
        std::fill(out + h * D, out + (h + 1) * D, 0.0f);
        for (int64_t p = first; p < first + n_parts; ++p) {
            const float weight = std::exp(parts[p].m[h] - m);
            l += weight * parts[p].l[h];
            add(out + h * D, weight, parts[p].o.data() + h * D, D);
        }
        for (int64_t d = 0; d < D; ++d) out[h * D + d] /= l;
    }
}

// One query row for each of S sequences; tables: (S, width), lengths: (S,). A past is cut into
// stretches of equal length, so that threads share it and no sum depends on who else is there.
template <typename Cell>
void attend(const float* q, int64_t q_stride, Pages<Cell> pages, int64_t width,
            const int32_t* lengths, float* out, int64_t S, int threads) {
    constexpr int64_t STRETCH = 64;
    const int64_t H = pages.H, D = pages.D;
    const int32_t* tables = pages.table;
    std::vector<int64_t> first(S + 1);  // the first part of each sequence
    for (int64_t s = 0; s < S; ++s) first[s + 1] = first[s] + (lengths[s] + STRETCH - 1) / STRETCH;
    std::vector<Part> parts(first[S]);
#pragma omp parallel for schedule(dynamic) num_threads(threads) firstprivate(pages)
    for (int64_t part = 0; part < first[S]; ++part) {
        const int64_t s =
            std::upper_bound(first.begin(), first.end(), part) - first.begin() - 1;
        pages.table = tables + s * width;
        const int64_t begin = (part - first[s]) * STRETCH;
        const int64_t end = std::min<int64_t>(begin + STRETCH, lengths[s]);
        const float* row = q + s * q_stride;
        if (D == 64)  // known to the compiler, a width is unrolled
            parts[part] = attend_to(row, pages, begin, end, Fixed<64>{});
        else if (D == 128)
            parts[part] = attend_to(row, pages, begin, end, Fixed<128>{});
        else
            parts[part] = attend_to(row, pages, begin, end, D);
    }
    for (int64_t s = 0; s < S; ++s)
        settle(parts, first[s], first[s + 1] - first[s], H, D, out + s * H * D);
}

}  // namespace

extern "C" {

void native_linear_f32(const float* x, const float* w, const float* bias, float* y, int64_t M,
                       int64_t N, int64_t K, int threads) {
    linear_float(x, w, bias, y, M, N, K, threads);
}

void native_linear_bf16(const float* x, const uint16_t* w, const float* bias, float* y, int64_t M,
                        int64_t N, int64_t K, int threads) {
    linear_float(x, w, bias, y, M, N, K, threads);
}

void native_linear_int8(const float* x, const uint8_t* w, const float* scale, int64_t n_scales,
                        const float* bias, float* y, int64_t M, int64_t N, int64_t K,
                        int threads) {
    const Panels panels{w, scale, nullptr, (K + GROUP - 1) / GROUP, n_scales};
    linear_panels<8>(x, panels, bias, y, M, N, K, threads);
}

void native_linear_int4(const float* x, const uint8_t* w, const float* scale, const float* shift,
                        const float* bias, float* y, int64_t M, int64_t N, int64_t K,
                        int threads) {
    const int64_t groups = (K + GROUP - 1) / GROUP;
    linear_panels<4>(x, Panels{w, scale, shift, groups, groups}, bias, y, M, N, K, threads);
}

// The cache holds float32, bfloat16, or eight-bit codes: cell_bytes is 4, 2 or 1.
void native_attend(const float* q, int64_t q_stride, int cell_bytes, const void* k,
                   const float* k_scale, const void* v, const float* v_scale,
                   const int32_t* tables, int64_t width, const int32_t* lengths, float* out,
                   int64_t S, int64_t block_size, int64_t H, int64_t H_kv, int64_t D, float scale,
                   int threads) {
    auto over = [&](auto cell) {
        using Cell = decltype(cell);
        const Cache<Cell> keys{static_cast<const Cell*>(k), k_scale};
        const Cache<Cell> values{static_cast<const Cell*>(v), v_scale};
        const Pages<Cell> pages{keys, values, tables, block_size, H, H_kv, D, scale};
        attend(q, q_stride, pages, width, lengths, out, S, threads);
    };
    if (cell_bytes == 4)
        over(float{});
    else if (cell_bytes == 2)
        over(uint16_t{});
    else
        over(int8_t{});
}

}  // extern "C"
