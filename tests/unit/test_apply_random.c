/*
 * Streams of random changes through real Delta tables, in random batchings and both ways of writing:
 * the table is always what a few lines of plain reasoning say it must be.
 */
#include "apply_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 6
#define STREAMS 150
#define CHANGES_MAX 48

static uint64_t state;

static unsigned below(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

struct change {
    int key, sequence; /* distinct for each key */
    bool deletes;
    char value, untracked; /* 0: NULL */
};

/* A stream with its sequences in random order; some changes are delivered twice. */
static int make_stream(struct change *out)
{
    int count = 0, wanted = 4 + (int)below(CHANGES_MAX - 8);
    bool used[KEYS][100] = {{false}};

    while (count < wanted) {
        struct change c = {.key = (int)below(KEYS), .sequence = 1 + (int)below(99)};
        if (used[c.key][c.sequence]) continue;
        used[c.key][c.sequence] = true;
        c.deletes = below(5) == 0;
        c.value = below(6) == 0 ? 0 : (char)('a' + below(2));
        c.untracked = below(3) == 0 ? (char)('p' + below(2)) : 0;
        out[count++] = c;
    }
    for (int again = (int)below(4); again > 0 && count < CHANGES_MAX; again--) {
        out[count] = out[below((unsigned)count)];
        count++;
    }
    return count;
}

static void change_text(const struct change *c, struct sl_buf *out)
{
    if (c->deletes)
        sl_buf_addf(out, "D(k%d,%d) ", c->key, c->sequence);
    else
        sl_buf_addf(out, "U(k%d,%d,%c,%c) ", c->key, c->sequence, c->value ? c->value : '-',
                    c->untracked ? c->untracked : '-');
}

static void row_text(const struct change *c, struct sl_buf *out)
{
    sl_buf_addf(out, "%sk%d:%c", out->len ? " " : "", c->key, c->value ? c->value : '-');
    if (c->untracked) sl_buf_addf(out, "/%c", c->untracked);
}

static int by_sequence(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    return x->key != y->key ? x->key - y->key : x->sequence - y->sequence;
}

static void expect_latest(const struct change *sorted, int count, struct sl_buf *out)
{
    for (int i = 0; i < count; i++)
        if ((i + 1 == count || sorted[i + 1].key != sorted[i].key) && !sorted[i].deletes)
            row_text(&sorted[i], out);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void expect_history(const struct change *sorted, int count, struct sl_buf *out)
{
    static char lines[CHANGES_MAX][64];
    size_t n = 0;

    for (int i = 0; i < count;) {
        if (sorted[i].deletes) {
            i++;
            continue;
        }
        int first = i, last = i; /* a run of equal values */
        while (last + 1 < count && sorted[last + 1].key == sorted[i].key &&
               !sorted[last + 1].deletes && sorted[last + 1].value == sorted[i].value)
            last++;
        i = last + 1;
        struct sl_buf line = {0};
        row_text(&sorted[last], &line);
        sl_buf_addf(&line, "[%d,", sorted[first].sequence);
        if (i < count && sorted[i].key == sorted[last].key)
            sl_buf_addf(&line, "%d)", sorted[i].sequence);
        else
            sl_buf_adds(&line, "-)");
        snprintf(lines[n++], sizeof *lines, "%s", line.data);
        sl_buf_release(&line);
    }
    qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++) sl_buf_addf(out, "%s%s", i ? " " : "", lines[i]);
}

static void set_way(struct apply_world *w, int stream)
{
    w->vectors = stream & 1;
    w->memory_bytes = stream & 2 ? 1 : 0;
    w->batch_rows = 1 + below(4);
    w->file_bytes = below(3) ? 0 : 1;
    w->target_bytes = below(2) ? 1 : 0;
}

static void sequenced_stream(struct world *base, int stream)
{
    struct change changes[CHANGES_MAX];
    struct apply_world w;
    struct sl_buf run = {0}, all = {0}, expected = {0}, table = {0};
    int count, unique = 1;

    state = (uint64_t)stream * 7919 + 1;
    apply_world_new(&w, base);
    snprintf(base->table, sizeof base->table, "%s/t%d", base->directory, stream);
    set_way(&w, stream);
    w.sequenced = true;
    w.history = stream & 4;
    count = make_stream(changes);
    for (int i = 0; i < count; i++) {
        change_text(&changes[i], &run);
        if (below(6) != 0 && i + 1 < count) continue;
        sl_buf_addf(&all, "%s| ", run.data);
        RUN(&w, run.data);
        sl_buf_reset(&run);
    }
    qsort(changes, (size_t)count, sizeof *changes, by_sequence);
    for (int i = 1; i < count; i++)
        if (by_sequence(&changes[i], &changes[unique - 1]) != 0) changes[unique++] = changes[i];
    (w.history ? expect_history : expect_latest)(changes, unique, &expected);
    apply_table(&w, &table);
    if (strcmp(sl_buf_str(&table), sl_buf_str(&expected)) != 0)
        fail_msg("stream %d: %s\n gives   %s\n and not %s", stream, all.data, sl_buf_str(&table),
                 sl_buf_str(&expected));
    sl_buf_release(&run);
    sl_buf_release(&all);
    sl_buf_release(&expected);
    sl_buf_release(&table);
    apply_world_free(&w);
}

static void late_changes_in_any_batching(void **world)
{
    for (int stream = 0; stream < STREAMS; stream++) sequenced_stream(*world, stream);
}

/* ---- changes that are observed, and complete reads among them ---- */

struct model {
    struct change rows[KEYS]; /* sequence 0: not there; else the time of its version */
    struct sl_buf closed;     /* lines of versions that ended */
};

static void close_version(struct model *m, int key, int64_t now)
{
    struct sl_buf line = {0};

    row_text(&m->rows[key], &line);
    sl_buf_addf(&m->closed, "%s[%d000000,%" PRId64 ")\n", line.data, m->rows[key].sequence, now);
    sl_buf_release(&line);
    m->rows[key].sequence = 0;
}

static void observe(struct model *m, bool history, const struct change *c, int64_t now)
{
    struct change *row = &m->rows[c->key];

    if (history && row->sequence && (c->deletes || row->value != c->value))
        close_version(m, c->key, now);
    if (c->deletes) {
        row->sequence = 0;
        return;
    }
    int started = row->sequence ? row->sequence : (int)(now / 1000000);
    *row = *c;
    row->sequence = started;
}

static void expect_model(const struct model *m, bool history, struct sl_buf *out)
{
    static char lines[400][64];
    size_t n = 0;
    const char *closed = sl_buf_str(&m->closed);

    for (int key = 0; key < KEYS; key++) {
        struct sl_buf line = {0};
        if (!m->rows[key].sequence) continue;
        row_text(&m->rows[key], &line);
        if (history) sl_buf_addf(&line, "[%d000000,-)", m->rows[key].sequence);
        snprintf(lines[n++], sizeof *lines, "%s", line.data);
        sl_buf_release(&line);
    }
    for (; *closed; closed = strchr(closed, '\n') + 1)
        snprintf(lines[n++], sizeof *lines, "%.*s", (int)strcspn(closed, "\n"), closed);
    qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++) sl_buf_addf(out, "%s%s", i ? " " : "", lines[i]);
}

static void observed_step(struct apply_world *w, struct model *m, struct sl_buf *told)
{
    struct change last[KEYS];
    bool named[KEYS] = {false}, complete = below(3) == 0;
    struct sl_buf run = {0};
    int64_t now = w->now_us + 1000000; /* what it will be */

    for (int n = (int)below(8); n > 0; n--) {
        struct change c = {.key = (int)below(KEYS),
                           .deletes = !complete && below(4) == 0,
                           .value = (char)('a' + below(2)),
                           .untracked = below(3) == 0 ? 'p' : 0};
        change_text(&c, &run);
        last[c.key] = c;
        named[c.key] = true;
    }
    for (int key = 0; key < KEYS; key++) {
        struct change gone = {.key = key, .deletes = true};
        if (named[key])
            observe(m, w->history, &last[key], now);
        else if (complete)
            observe(m, w->history, &gone, now);
    }
    sl_buf_addf(told, "%s%s| ", complete ? "all: " : "", sl_buf_str(&run));
    RUN(w, sl_buf_str(&run), .complete = complete, .conflict = w->commits > 0 && below(5) == 0);
    sl_buf_release(&run);
}

static void observed_stream(struct world *base, int stream)
{
    struct apply_world w;
    struct model m = {0};
    struct sl_buf expected = {0}, table = {0}, told = {0};

    state = (uint64_t)stream * 104729 + 3;
    apply_world_new(&w, base);
    snprintf(base->table, sizeof base->table, "%s/o%d", base->directory, stream);
    set_way(&w, stream);
    w.history = stream & 4;
    for (int step = 2 + (int)below(6); step > 0; step--) observed_step(&w, &m, &told);
    if (w.commits > 0) {
        expect_model(&m, w.history, &expected);
        apply_table(&w, &table);
        if (strcmp(sl_buf_str(&table), sl_buf_str(&expected)) != 0)
            fail_msg("stream %d: %s\n gives   %s\n and not %s", stream, told.data,
                     sl_buf_str(&table), sl_buf_str(&expected));
    }
    sl_buf_release(&m.closed);
    sl_buf_release(&expected);
    sl_buf_release(&table);
    sl_buf_release(&told);
    apply_world_free(&w);
}

static void changes_and_complete_reads_in_order(void **world)
{
    for (int stream = 0; stream < STREAMS; stream++) observed_stream(*world, stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(late_changes_in_any_batching),
        TEST(changes_and_complete_reads_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
