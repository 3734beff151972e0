/*
 * Every allocation of ours fails in turn while changes are noted, staged and applied. Delta is
 * tests/unit/delta_stub, so that what fails is ours. Nothing crashes, nothing leaks, and the error
 * says what it was; without a failure the outcome is what it always is.
 */
#include "apply_world.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

struct scene {
    const char *name;
    bool history, sequenced, vectors, ignore_nulls, own_key, complete;
    size_t memory_bytes;
    const char *before, *changes;
    enum sl_code ends; /* without a failure */
};

static const struct scene scenes[] = {
    {.name = "rewriting",
     .before = "U(a,0,x) U(b,0,y) U(c,0,z)",
     .changes = "U(a,0,n) D(b,0) U(d,0,w) U(c,0,z) U(d,0,v)"},
    {.name = "vectors",
     .vectors = true,
     .before = "U(a,0,x) U(b,0,y) U(c,0,z)",
     .changes = "U(a,0,n) D(b,0) U(d,0,w) U(c,0,z)"},
    {.name = "complete, on disk",
     .memory_bytes = 1,
     .complete = true,
     .before = "U(a,0,x) U(b,0,y) U(c,0,z)",
     .changes = "U(a,0,n) U(d,0,w) U(c,0,z)"},
    {.name = "sequenced",
     .sequenced = true,
     .before = "U(a,5,x) D(b,5) U(c,5,z)",
     .changes = "U(a,6,n) U(b,4,late) D(c,6) U(b,7,back)"},
    {.name = "history",
     .history = true,
     .sequenced = true,
     .before = "U(a,5,x) U(b,5,y) U(a,9,x)",
     .changes = "U(a,7,n) D(b,6) U(c,4,w)"},
    {.name = "history, on disk",
     .history = true,
     .sequenced = true,
     .memory_bytes = 1,
     .before = "U(a,5,x) U(b,5,y) U(a,9,x)",
     .changes = "U(a,7,n) D(b,6) U(c,4,w)"},
    {.name = "NULLs",
     .ignore_nulls = true,
     .before = "U(a,0,x,p) U(b,0,y,q)",
     .changes = "U(a,0,-,n) U(b,0,-,-) U(c,0,w) U(c,0,-,v)"},
    {.name = "a key that is not unique",
     .own_key = true,
     .complete = true,
     .before = "U(a,0,x) U(b,0,y)",
     .changes = "U(a,0,n) U(a,0,m)",
     .ends = SL_BAD_DATA},
};

static enum sl_code work(struct apply_world *w, const struct scene *scene, struct ArrowArray *rows,
                         const unsigned char *deletes)
{
    struct sl_apply_options options = {.schema = w->schema,
                                       .history = w->history,
                                       .sequenced = w->sequenced,
                                       .own_key = w->own_key,
                                       .ignore_nulls = w->ignore_nulls,
                                       .memory_bytes = w->memory_bytes,
                                       .spill = w->base->directory,
                                       .secret = {{3}}};
    struct sl_apply *apply = NULL;
    struct sl_stage *stage = NULL;
    struct sl_stage_part part = {.rows = rows->length};
    struct sl_applied applied;
    enum sl_code rc = sl_apply_new(&options, &apply, &w->error);

    if (!rc) rc = sl_stage_new(w->stages, w->table, &w->arrow, NULL, &stage, &w->error);
    if (!rc) rc = sl_apply_add(apply, &w->arrow, rows, deletes, 0, 0, &w->error);
    if (!rc)
        rc = sl_stage_append(stage, &part, 1, rows, &w->error);
    else
        rows->release(rows);
    if (!rc) rc = sl_stage_close(stage, &w->error);
    if (!rc) {
        struct sl_apply_input input = {.table = w->table,
                                       .stage = stage,
                                       .complete = scene->complete,
                                       .observed_us = w->now_us + 1,
                                       .now_us = w->now_us + 1,
                                       .aside_json = w->aside.len ? w->aside.data : NULL,
                                       .vectors = w->vectors};
        rc = sl_apply_run(apply, &input, &applied, &w->error);
    }
    sl_apply_free(apply);
    sl_stage_free(stage);
    return rc;
}

/* Returns false when allocation n was never reached. */
static bool one(struct apply_world *w, const struct scene *scene, int64_t n)
{
    unsigned char deletes[16];
    struct ArrowArray rows = {0};
    int64_t live;
    enum sl_code rc;
    bool reached;

    live = sl_alloc_live();
    apply_batch(w, scene->changes, deletes, &rows);
    w->error = (struct sl_error){0};
    sl_alloc_fail_after(n);
    rc = work(w, scene, &rows, deletes);
    reached = sl_alloc_failed();
    sl_alloc_fail_after(-1);
    if (rc != scene->ends && !(reached && rc == SL_NO_MEMORY))
        fail_msg("%s, allocation %lld: %s: %s", scene->name, (long long)n, sl_code_name(rc),
                 w->error.message);
    if (rc && !w->error.message[0])
        fail_msg("%s, allocation %lld: no message", scene->name, (long long)n);
    if (n > 0 && sl_alloc_live() != live)
        fail_msg("%s, allocation %lld: %lld are left", scene->name, (long long)n,
                 (long long)(sl_alloc_live() - live));
    return reached;
}

static void every_allocation_fails_in_turn(void **state)
{
    struct world *base = *state;

    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        const struct scene *scene = &scenes[i];
        struct apply_world w;
        int64_t n = 0;
        apply_world_new(&w, base);
        snprintf(base->table, sizeof base->table, "%s/table%zu", base->directory, i);
        w.history = scene->history;
        w.sequenced = scene->sequenced;
        w.vectors = scene->vectors;
        w.ignore_nulls = scene->ignore_nulls;
        w.own_key = scene->own_key;
        w.memory_bytes = scene->memory_bytes;
        RUN(&w, scene->before);
        while (one(&w, scene, n)) n++;
        assert_true(n > 20);
        apply_world_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_allocation_fails_in_turn)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
