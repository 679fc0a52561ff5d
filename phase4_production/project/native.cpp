// CPU kernels of the engine: products with weights of 32, 16, 8 and 4 bits, and attention over a
// cache in pages. `native.py` compiles this file once per machine and calls it.
//
// Writing one token reads every weight once, so a product with one row is as fast as the memory,
// if the processor keeps up. What it has to do is kept small by two ideas:
//
//   Activations are quantised, too: 64 neighbours share a scale, and become eight bits. Then 64
//   multiplications are one instruction (AVX-512 VNNI), which takes unsigned times signed bytes.
//   Weights are unsigned for that reason: eight-bit codes are stored plus 128, and what this adds
//   to a product, 128 times the sum of the activations, is taken off again.
//
//   A tile of ROWS weight rows meets a tile of BATCH activation rows in registers, so that each
//   byte that was fetched is used as often as there are rows.
//
// Shapes: x is (M, K), weights are (N, K), y is (M, N), all row by row. Where there is no VNNI the
// same sums are written plainly, and the compiler does with them what it can.

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
constexpr int ROWS = 4;        // weight rows of a tile
constexpr int BATCH = 4;       // activation rows of a tile

// -- tiles -----------------------------------------------------------------------------------

template <int n>
using Fixed = std::integral_constant<int, n>;

// Calls tile(rows, batch, n, m) with both sizes known to the compiler, which then keeps all sums of
// a tile in registers. Threads share the weight rows.
template <typename Tile>
void over_tiles(int64_t M, int64_t N, int threads, Tile tile) {
    auto with_rows = [&](auto rows, int64_t n) {
        int64_t m = 0;
        for (; m + BATCH <= M; m += BATCH) tile(rows, Fixed<BATCH>{}, n, m);
        for (; m < M; ++m) tile(rows, Fixed<1>{}, n, m);
    };
    const int64_t n_tiles = (N + ROWS - 1) / ROWS;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < n_tiles; ++t) {
        const int64_t n = t * ROWS;
        if (n + ROWS <= N)
            with_rows(Fixed<ROWS>{}, n);
        else
            for (int64_t row = n; row < N; ++row) with_rows(Fixed<1>{}, row);
    }
}

// -- floating point ----------------------------------------------------------------------------

inline float widened(float value) { return value; }

inline float widened(uint16_t bits) {  // bfloat16 is the upper half of a float32
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

template <typename Weight>
void linear_float(const float* x, const Weight* w, const float* bias, float* y, int64_t M,
                  int64_t N, int64_t K, int threads) {
    constexpr int LANES = 16;
    over_tiles(M, N, threads, [&](auto rows, auto batch, int64_t n, int64_t m) {
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
    });
}

// -- activations in eight bits ----------------------------------------------------------------

struct Activations {
    std::vector<int8_t> codes;  // (M, K padded)
    std::vector<float> scale;   // (M, groups)
    std::vector<int32_t> sum;   // (M, groups), of the codes
};

// Where the code of column k goes.
inline int64_t in_order(int64_t k) { return k; }

// A byte of four-bit weights holds an even column in its low half and an odd one in its high half.
// 64 bytes give 128 weights: all the even ones, then all the odd ones. So do the activations here.
inline int64_t even_then_odd(int64_t k) { return k / 128 * 128 + k % 2 * 64 + k % 128 / 2; }

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

template <typename Order>
Activations quantise(const float* x, int64_t M, int64_t K, int64_t padded, Order order,
                     int threads) {
    const int64_t groups = padded / GROUP;
    Activations q{std::vector<int8_t>(M * padded), std::vector<float>(M * groups),
                  std::vector<int32_t>(M * groups)};
#pragma omp parallel for num_threads(threads) if (M > 8)
    for (int64_t m = 0; m < M; ++m)
        for (int64_t g = 0; g * GROUP < K; ++g) {
            const float* values = x + m * K + g * GROUP;
            const int64_t n = std::min(GROUP, K - g * GROUP);
            const float largest = largest_of(values, n);
            const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
            int8_t codes[GROUP];
            int32_t sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < n; ++i) {
                codes[i] = static_cast<int8_t>(std::nearbyint(values[i] * inverse));
                sum += codes[i];
            }
            for (int64_t i = 0; i < n; ++i) q.codes[m * padded + order(g * GROUP + i)] = codes[i];
            q.scale[m * groups + g] = largest / 127.0f;
            q.sum[m * groups + g] = sum;
        }
    return q;
}

// -- eight bits --------------------------------------------------------------------------------

// w: codes + 128, rows padded with 128 to whole groups. scale: (N, groups), or (N,) per channel.
void linear_int8(const float* x, const uint8_t* w, const float* scale, const float* bias, float* y,
                 int64_t M, int64_t N, int64_t K, int per_channel, int threads) {
    const int64_t groups = (K + GROUP - 1) / GROUP, padded = groups * GROUP;
    const Activations q = quantise(x, M, K, padded, in_order, threads);
    over_tiles(M, N, threads, [&](auto rows, auto batch, int64_t n, int64_t m) {
        float found[rows][batch];
#ifdef VNNI
        __m512 sums[rows][batch];
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) sums[r][b] = _mm512_setzero_ps();
        for (int64_t g = 0; g < groups; ++g) {
            __m512i codes[batch], start[batch];
            float by[batch];
            for (int b = 0; b < batch; ++b) {
                codes[b] = _mm512_loadu_si512(q.codes.data() + (m + b) * padded + g * GROUP);
                const int64_t at = (m + b) * groups + g;
                start[b] = _mm512_zextsi128_si512(_mm_cvtsi32_si128(-128 * q.sum[at]));
                by[b] = q.scale[at];
            }
            for (int r = 0; r < rows; ++r) {
                const __m512i weights = _mm512_loadu_si512(w + (n + r) * padded + g * GROUP);
                const float own = per_channel ? 1.0f : scale[(n + r) * groups + g];
                for (int b = 0; b < batch; ++b) {
                    const __m512i dot = _mm512_dpbusd_epi32(start[b], weights, codes[b]);
                    sums[r][b] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot),
                                                 _mm512_set1_ps(by[b] * own), sums[r][b]);
                }
            }
        }
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) found[r][b] = _mm512_reduce_add_ps(sums[r][b]);
#else
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) {
                found[r][b] = 0.0f;
                for (int64_t g = 0; g < groups; ++g) {
                    const uint8_t* weights = w + (n + r) * padded + g * GROUP;
                    const int8_t* codes = q.codes.data() + (m + b) * padded + g * GROUP;
                    int32_t dot = -128 * q.sum[(m + b) * groups + g];
#pragma omp simd reduction(+ : dot)
                    for (int i = 0; i < GROUP; ++i) dot += weights[i] * codes[i];
                    const float own = per_channel ? 1.0f : scale[(n + r) * groups + g];
                    found[r][b] += own * q.scale[(m + b) * groups + g] * dot;
                }
            }
#endif
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b)
                y[(m + b) * N + n + r] = found[r][b] * (per_channel ? scale[n + r] : 1.0f) +
                                         (bias ? bias[n + r] : 0.0f);
    });
}

// -- four bits ---------------------------------------------------------------------------------

// w: two codes a byte, rows padded to 128 columns. scale, shift: (N, groups); a weight is
// scale * code - shift, and the shift of a group meets the sum of its activations.
void linear_int4(const float* x, const uint8_t* w, const float* scale, const float* shift,
                 const float* bias, float* y, int64_t M, int64_t N, int64_t K, int threads) {
    const int64_t pairs = (K + 127) / 128, groups = 2 * pairs, padded = 128 * pairs;
    const Activations q = quantise(x, M, K, padded, even_then_odd, threads);
    std::vector<float> moved(M * groups);
    for (int64_t i = 0; i < M * groups; ++i) moved[i] = q.scale[i] * q.sum[i];
    over_tiles(M, N, threads, [&](auto rows, auto batch, int64_t n, int64_t m) {
        float found[rows][batch];
#ifdef VNNI
        // Lanes 0 to 7 of a product belong to the first group of a pair, 8 to 15 to the second.
        const __m512i which = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
        const __m512i low = _mm512_set1_epi8(15);
        auto spread = [&](const float* two) {
            const __m128 pair = _mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double*>(two)));
            return _mm512_permutexvar_ps(which, _mm512_castps128_ps512(pair));
        };
        __m512 sums[rows][batch];
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) sums[r][b] = _mm512_setzero_ps();
        for (int64_t p = 0; p < pairs; ++p) {
            __m512i even[batch], odd[batch];
            __m512 by[batch];
            for (int b = 0; b < batch; ++b) {
                const int8_t* codes = q.codes.data() + (m + b) * padded + p * 128;
                even[b] = _mm512_loadu_si512(codes);
                odd[b] = _mm512_loadu_si512(codes + 64);
                by[b] = spread(q.scale.data() + (m + b) * groups + 2 * p);
            }
            for (int r = 0; r < rows; ++r) {
                const __m512i both = _mm512_loadu_si512(w + (n + r) * padded / 2 + p * 64);
                const __m512i first = _mm512_and_si512(both, low);
                const __m512i second = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
                const __m512 own = spread(scale + (n + r) * groups + 2 * p);
                for (int b = 0; b < batch; ++b) {
                    __m512i dot = _mm512_dpbusd_epi32(_mm512_setzero_si512(), first, even[b]);
                    dot = _mm512_dpbusd_epi32(dot, second, odd[b]);
                    sums[r][b] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot),
                                                 _mm512_mul_ps(own, by[b]), sums[r][b]);
                }
            }
        }
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) found[r][b] = _mm512_reduce_add_ps(sums[r][b]);
#else
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) {
                found[r][b] = 0.0f;
                for (int64_t g = 0; g < groups; ++g) {
                    const uint8_t* both = w + (n + r) * padded / 2 + g * GROUP / 2;
                    const int8_t* codes =
                        q.codes.data() + (m + b) * padded + g / 2 * 128 + g % 2 * GROUP / 2;
                    int32_t dot = 0;
#pragma omp simd reduction(+ : dot)
                    for (int i = 0; i < GROUP / 2; ++i)
                        dot += (both[i] & 15) * codes[i] + (both[i] >> 4) * codes[i + 64];
                    found[r][b] +=
                        scale[(n + r) * groups + g] * q.scale[(m + b) * groups + g] * dot;
                }
            }
#endif
        for (int r = 0; r < rows; ++r)
            for (int b = 0; b < batch; ++b) {
                float sum = found[r][b] + (bias ? bias[n + r] : 0.0f);
                for (int64_t g = 0; g < groups; ++g)
                    sum -= shift[(n + r) * groups + g] * moved[(m + b) * groups + g];
                y[(m + b) * N + n + r] = sum;
            }
    });
}

// -- attention over pages ----------------------------------------------------------------------

// Asks for a row that is wanted soon.
inline void fetch(const float* row, int64_t n) {
    for (int64_t i = 0; i < n; i += 16) __builtin_prefetch(row + i);
}

inline float dot(const float* a, const float* b, int64_t n) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

inline void add(float* to, float weight, const float* values, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] += weight * values[i];
}

// The running softmax of one row over a stretch of its past: maximum, denominator, and the
// weighted sum of values, for each head.
struct Partial {
    std::vector<float> m, l, o;
    Partial(int64_t H, int64_t D)
        : m(H, -std::numeric_limits<float>::infinity()), l(H), o(H * D) {}
};

struct Pages {
    const float *k, *v;  // (n_blocks, block_size, H_kv, D)
    const int32_t* table;
    int64_t block_size, H, H_kv, D;
    float scale;
};

// Takes the tokens from begin to end of one sequence in. Keys and values are read in the order in
// which they lie, all heads of a token together: memory gives what comes next before it is asked.
template <typename Width>
void take_in(Partial& part, const float* q, const Pages& pages, int64_t begin, int64_t end,
             Width D) {
    constexpr int64_t STRETCH = 32;  // tokens between two corrections of the maximum
    const int64_t H = pages.H, shared = H / pages.H_kv, width = pages.H_kv * D;
    std::vector<float> weights(H * STRETCH);
    auto place = [&](int64_t t) {
        return (pages.table[t / pages.block_size] * pages.block_size + t % pages.block_size) * width;
    };
    for (int64_t t0 = begin; t0 < end; t0 += STRETCH) {
        const int64_t n = std::min(STRETCH, end - t0);
        for (int64_t t = 0; t < n; ++t) {
            const float* keys = pages.k + place(t0 + t);
            fetch(pages.v + place(t0 + t), width);
            for (int64_t h = 0; h < H; ++h)
                weights[h * STRETCH + t] =
                    pages.scale * dot(q + h * D, keys + h / shared * D, D);
        }
        for (int64_t h = 0; h < H; ++h) {
            float* own = weights.data() + h * STRETCH;
            float m = part.m[h], l = 0.0f;
            for (int64_t t = 0; t < n; ++t) m = std::max(m, own[t]);
            const float shrink = std::exp(part.m[h] - m);
#pragma omp simd reduction(+ : l)
            for (int64_t t = 0; t < n; ++t) {
                own[t] = std::exp(own[t] - m);
                l += own[t];
            }
            part.m[h] = m;
            part.l[h] = part.l[h] * shrink + l;
            for (int64_t d = 0; d < D; ++d) part.o[h * D + d] *= shrink;
        }
        for (int64_t t = 0; t < n; ++t) {
            const float* values = pages.v + place(t0 + t);
            for (int64_t h = 0; h < H; ++h)
                add(part.o.data() + h * D, weights[h * STRETCH + t], values + h / shared * D, D);
        }
    }
}

// Merges the parts of one row, and divides.
void settle(const std::vector<Partial>& parts, int64_t first, int64_t n_parts, int64_t H,
            int64_t D, float* out) {
    for (int64_t h = 0; h < H; ++h) {
        float m = -std::numeric_limits<float>::infinity(), l = 0.0f;
        for (int64_t p = first; p < first + n_parts; ++p) m = std::max(m, parts[p].m[h]);
        std::fill(out + h * D, out + (h + 1) * D, 0.0f);
        for (int64_t p = first; p < first + n_parts; ++p) {
            const float weight = parts[p].l[h] > 0 ? std::exp(parts[p].m[h] - m) : 0.0f;
            // A part with NaN in it must be seen, and so must not be left out.
            const float kept = parts[p].l[h] == parts[p].l[h] ? weight : parts[p].l[h];
            l += kept * parts[p].l[h];
            for (int64_t d = 0; d < D; ++d) out[h * D + d] += kept * parts[p].o[h * D + d];
        }
        for (int64_t d = 0; d < D; ++d) out[h * D + d] /= l;
    }
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

void native_linear_int8(const float* x, const uint8_t* w, const float* scale, const float* bias,
                        float* y, int64_t M, int64_t N, int64_t K, int per_channel, int threads) {
    linear_int8(x, w, scale, bias, y, M, N, K, per_channel, threads);
}

void native_linear_int4(const float* x, const uint8_t* w, const float* scale, const float* shift,
                        const float* bias, float* y, int64_t M, int64_t N, int64_t K,
                        int threads) {
    linear_int4(x, w, scale, shift, bias, y, M, N, K, threads);
}

// One query row for each of S sequences; tables: (S, width), lengths: (S,). A past is cut into
// stretches of equal length, so that threads share it and no sum depends on who else is there.
void native_attend(const float* q, int64_t q_stride, const float* k, const float* v,
                   const int32_t* tables, int64_t width, const int32_t* lengths, float* out,
                   int64_t S, int64_t block_size, int64_t H, int64_t H_kv, int64_t D, float scale,
                   int threads) {
    constexpr int64_t STRETCH = 64;
    std::vector<int64_t> first(S + 1);  // the first part of each sequence
    for (int64_t s = 0; s < S; ++s) first[s + 1] = first[s] + (lengths[s] + STRETCH - 1) / STRETCH;
    std::vector<Partial> parts(first[S], Partial(H, D));
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t part = 0; part < first[S]; ++part) {
        const int64_t s =
            std::upper_bound(first.begin(), first.end(), part) - first.begin() - 1;
        const Pages pages{k, v, tables + s * width, block_size, H, H_kv, D, scale};
        const int64_t begin = (part - first[s]) * STRETCH;
        const int64_t end = std::min<int64_t>(begin + STRETCH, lengths[s]);
        const float* row = q + s * q_stride;
        if (D == 64)  // known to the compiler, a width is unrolled
            take_in(parts[part], row, pages, begin, end, Fixed<64>{});
        else if (D == 128)
            take_in(parts[part], row, pages, begin, end, Fixed<128>{});
        else
            take_in(parts[part], row, pages, begin, end, D);
    }
    for (int64_t s = 0; s < S; ++s)
        settle(parts, first[s], first[s + 1] - first[s], H, D, out + s * H * D);
}

}  // extern "C"
