/* data.c: the golden rows. They follow from one generator, drawn in the order of the tables. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "sim/example/example.h"
#include "sim/text.h"

/* ------------------------------------------------------------------ Mersenne Twister 19937 */

#define MT_N 624
#define MT_M 397

struct twister { /* M. Matsumoto, T. Nishimura 1998; seeded as Python's random.Random(n) */
    uint32_t state[MT_N];
    int at;
};

static void twister_start(struct twister *mt, uint32_t seed)
{
    mt->state[0] = seed;
    for (uint32_t i = 1; i < MT_N; i++)
        mt->state[i] = 1812433253u * (mt->state[i - 1] ^ (mt->state[i - 1] >> 30)) + i;
    mt->at = MT_N;
}

/* init_by_array with the key {seed} */
static void twister_seed(struct twister *mt, uint32_t seed)
{
    uint32_t i = 1;

    twister_start(mt, 19650218u);
    for (uint32_t k = MT_N; k; k--) {
        mt->state[i] =
            (mt->state[i] ^ ((mt->state[i - 1] ^ (mt->state[i - 1] >> 30)) * 1664525u)) + seed;
        if (++i == MT_N) {
            mt->state[0] = mt->state[MT_N - 1];
            i = 1;
        }
    }
    for (uint32_t k = MT_N - 1; k; k--) {
        mt->state[i] =
            (mt->state[i] ^ ((mt->state[i - 1] ^ (mt->state[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i == MT_N) {
            mt->state[0] = mt->state[MT_N - 1];
            i = 1;
        }
    }
    mt->state[0] = 0x80000000u;
}

static uint32_t twister_next(struct twister *mt)
{
    if (mt->at == MT_N) {
        for (int i = 0; i < MT_N; i++) {
            uint32_t y = (mt->state[i] & 0x80000000u) | (mt->state[(i + 1) % MT_N] & 0x7fffffffu);

            mt->state[i] = mt->state[(i + MT_M) % MT_N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        mt->at = 0;
    }
    uint32_t y = mt->state[mt->at++];

    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static double twister_unit(struct twister *mt)
{
    uint32_t a = twister_next(mt) >> 5, b = twister_next(mt) >> 6;

    return (a * 67108864.0 + b) / 9007199254740992.0;
}

/* One draw for each value that may be missing. */
static bool keep(struct twister *mt)
{
    return twister_unit(mt) >= 0.2;
}

/* ------------------------------------------------------------------ rows */

void example_format_time(int64_t us, char out[40])
{
    char text[SL_TIME_TEXT_MAX];

    (void)sl_time_format_us(us, text); /* 2026-03-02T08:00:01.000000Z */
    int len = us % SL_SECOND_US ? 26 : 19;

    (void)snprintf(out, 40, "%.*s+00:00", len, text);
}

static bool set_text(struct example_row *row, int column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool set_text(struct example_row *row, int column, const char *format, ...)
{
    char text[EXAMPLE_CELL_MAX] = "\"";
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + 1, sizeof text - 2, format, args);
    va_end(args);
    memcpy(text + strlen(text), "\"", 2);
    return example_set(row, column, text);
}

/* round(number, 2), written as Python's json does. */
static void put_rounded(double number, struct sl_buf *out)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%.2f", number);
    number = strtod(text, NULL);
    size_t start = out->len;

    sim_json_double(out, number);
    if (!out->failed && !strpbrk(out->data + start, ".e")) sl_buf_adds(out, ".0");
}

static bool set_rounded(struct example_row *row, int column, double number)
{
    struct sl_buf text = {0};

    put_rounded(number, &text);
    bool good = example_set(row, column, sl_buf_str(&text)) && !text.failed;

    sl_buf_release(&text);
    return good;
}

static bool set_time(struct example_row *row, int column, int64_t us)
{
    char text[40];

    example_format_time(us, text);
    return set_text(row, column, "%s", text);
}

static bool make_product(struct twister *mt, int64_t i, struct example_row *row)
{
    static const char *const categories[] = {"electronics", "books", "clothing"};
    bool good = set_text(row, 0, "prod_%04" PRId64, i);

    if (keep(mt)) good = set_text(row, 1, "Product %" PRId64, i) && good;
    if (keep(mt)) good = set_rounded(row, 2, 10 + 1.5 * (double)i) && good;
    if (keep(mt)) good = set_text(row, 3, "%s", categories[i % 3]) && good;
    return good;
}

static bool make_event(struct twister *mt, int64_t i, int64_t base_us, struct example_row *row)
{
    static const char *const types[] = {"click", "view", "purchase"};
    bool good = set_text(row, 0, "00000000-0000-0000-0000-%012" PRIx64, (uint64_t)i);

    if (keep(mt)) good = set_text(row, 1, "%s", types[i % 3]) && good;
    if (keep(mt)) good = set_text(row, 2, "user_%03" PRId64, i % 5) && good;
    if (keep(mt)) good = set_text(row, 3, "payload_%" PRId64, i) && good;
    return set_time(row, 4, base_us + i * SL_SECOND_US) && good;
}

static bool make_user(struct twister *mt, int64_t i, int64_t base_us, struct example_row *row)
{
    bool good = set_text(row, 0, "user_%04" PRId64, i);

    if (keep(mt)) good = set_text(row, 1, "user%" PRId64 "@example.com", i) && good;
    if (keep(mt)) good = set_text(row, 2, "User %" PRId64, i) && good;
    if (keep(mt)) good = set_text(row, 3, "active") && good;
    return set_time(row, 4, base_us + i * 60 * SL_SECOND_US) && good;
}

static bool make_order(struct twister *mt, int64_t i, int64_t base_us, struct example_row *row)
{
    static const char *const states[] = {"pending", "shipped", "delivered"};
    bool good = set_text(row, 0, "order_%04" PRId64, i);

    if (keep(mt)) good = set_text(row, 1, "user_%04" PRId64, i % 10) && good;
    if (keep(mt)) good = set_rounded(row, 2, 50 + 3.3 * (double)i) && good;
    if (keep(mt)) good = set_text(row, 3, "%s", states[i % 3]) && good;
    return set_time(row, 4, base_us + i * SL_SECOND_US) && good;
}

static bool make_metric(struct twister *mt, int64_t i, int64_t base_us, struct example_row *row)
{
    static const char *const kinds[] = {"cpu", "mem", "disk", "net"};
    static const char *const labels[] = {"low", "medium", "high", "critical"};
    struct sl_buf value = {0};
    bool good = set_text(row, 0, "metric_%04" PRId64, i);

    if (keep(mt)) good = set_text(row, 1, "metric.%s", kinds[i % 4]) && good;
    sl_buf_adds(&value, "{\"count\":");
    if (keep(mt))
        sim_json_int(&value, i);
    else
        sl_buf_adds(&value, "null");
    if (keep(mt))
        sl_buf_addf(&value, ",\"label\":\"%s\",\"measure\":", labels[i % 4]);
    else
        sl_buf_adds(&value, ",\"label\":null,\"measure\":");
    if (keep(mt))
        put_rounded(1.1 * (double)i, &value);
    else
        sl_buf_adds(&value, "null");
    sl_buf_addc(&value, '}');
    if (keep(mt)) good = example_set(row, 2, sl_buf_str(&value)) && good;
    good = good && !value.failed;
    sl_buf_release(&value);
    if (keep(mt)) good = set_text(row, 3, "host-%" PRId64, i % 3) && good;
    return set_time(row, 4, base_us + i * 60 * SL_SECOND_US) && good;
}

enum sl_code example_seed(struct example *app, uint32_t seed, int64_t records, int64_t base_us,
                          struct sl_error *error)
{
    static const int64_t counts[EXAMPLE_TABLES] = {53, 101, 37, 103, 253};
    enum sl_code rc = SL_OK;
    struct twister mt;

    twister_seed(&mt, seed);
    for (int t = 0; t < EXAMPLE_TABLES; t++) {
        for (int64_t i = 0; i < (records ? records : counts[t]) && !rc; i++) {
            struct example_row row = {{0}};
            bool good;

            switch (t) {
            case EXAMPLE_PRODUCTS: good = make_product(&mt, i, &row); break;
            case EXAMPLE_EVENTS: good = make_event(&mt, i, base_us, &row); break;
            case EXAMPLE_USERS: good = make_user(&mt, i, base_us, &row); break;
            case EXAMPLE_ORDERS: good = make_order(&mt, i, base_us, &row); break;
            default: good = make_metric(&mt, i, base_us, &row); break;
            }
            rc = good ? example_insert(&app->tables[t], &app->tables[t].rows, &row, error)
                      : sl_fail(error, SL_NO_MEMORY, "could not make the example's rows");
            example_row_release(&row);
        }
    }
    return rc;
}
