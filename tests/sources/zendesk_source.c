#include "sources/zendesk_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void desk_open(struct stage *desk, const char *kind, int64_t records)
{
    stage_open(desk, "zendesk", kind, records);
    (void)desk_discover(desk);
}

void desk_op(struct stage *desk, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    stage_vcontrol(desk, "{\"op\":", format, args, "}");
    va_end(args);
}

int64_t desk_discover(struct stage *desk)
{
    int64_t calls = stage_discover(desk);

    stage_pass(desk, 62);
    return calls;
}

void desk_read(struct stage *desk, const char *name, const char *cursor, bool full, bool initial,
               struct harvest *out)
{
    stage_read(desk, name,
               (struct sl_job_options){.cursor = cursor, .full = full, .initial = initial}, out);
    if (!sl_failed(out->code) && out->cursor) stage_keep(desk, out);
}

void desk_load(struct stage *desk, const char *table)
{
    struct harvest h;

    desk_read(desk, table, NULL, true, true, &h);
    assert_string_equal(h.error.message, "");
    assert_true(harvest_is_complete(&h));
    assert_int_equal(harvest_keys(&h, table, false), desk_truth(desk, table, &h));
    harvest_release(&h);
}

void desk_increment(struct stage *desk, const char *table, struct harvest *out)
{
    char *cursor = strdup(desk->cursor);

    assert_non_null(cursor);
    stage_pass(desk, 120);
    desk_read(desk, table, cursor, false, false, out);
    free(cursor);
    assert_string_equal(out->error.message, "");
}

size_t desk_truth(struct stage *desk, const char *table, const struct harvest *h)
{
    return stage_truth(desk, table, NULL, stage_table(desk, table)->key_member, h);
}
