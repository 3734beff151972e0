#include "sources/github_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void hub_op(struct stage *source, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    stage_vcontrol(source, "{\"op\":", format, args, "");
    va_end(args);
}

void hub_open(struct stage *source, const char *kind, int64_t records)
{
    stage_open(source, "github", kind, records);
    source->namespace_ = ACME;
    stage_discover(source);
}

void hub_read_as(struct stage *source, const char *name, const char *cursor, bool full,
                 bool initial, struct harvest *out)
{
    stage_read(source, name,
               (struct sl_job_options){.cursor = cursor,
                                       .input = "{\"tables\":1,\"rows\":-1}",
                                       .full = full,
                                       .initial = initial},
               out);
    if (out->code == SL_DONE) stage_keep(source, out);
}

void hub_load(struct stage *source, const char *table, struct harvest *out)
{
    hub_read_as(source, table, NULL, true, false, out);
    assert_string_equal(out->error.message, "");
}

void hub_increment(struct stage *source, const char *table, struct harvest *out)
{
    stage_pass(source, 600);
    stage_discover(source);
    hub_read_as(source, table, source->cursor, false, false, out);
    assert_string_equal(out->error.message, "");
}

int64_t hub_stat(struct stage *source, const char *name)
{
    return stage_number(source, strncmp(name, "limit.", 6) ? "/_sim/stats" : "/_sim/truth", name);
}

size_t hub_truth(struct stage *source, const char *table, const struct harvest *h)
{
    const struct harvest_table *t = stage_table(source, table);

    return stage_truth(source, table, t->namespace_, t->key_member, h);
}
