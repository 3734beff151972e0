#include "sources/hubspot_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void hs_open(struct stage *source, int64_t records, const char *kind)
{
    stage_open(source, "hubspot", kind, records);
    source->rest_s = 11; /* each harvest has budgets of its own */
    source->initial_alone = true;
}

void hs_read(struct stage *source, const char *name, const char *cursor, const char *input,
             bool full, bool initial, struct harvest *out)
{
    stage_read(
        source, name,
        (struct sl_job_options){.cursor = cursor, .input = input, .full = full, .initial = initial},
        out);
}

/* A member of the truth, in the form in which the row has it: its own, or a constant's. */
static void expect_member(const char *text, const struct sl_json *key, const struct sl_json *value,
                          struct sl_json_writer *w)
{
    struct sl_buf wanted = {0};

    sl_json_writer_reset(w);
    sl_json_put_value(w, value);
    sl_buf_addf(&wanted, sl_json_kind(value) == SL_JSON_ARRAY ? "{\"%s\":\"%s\"}" : "\"%s\":%s",
                sl_json_str(key), sl_json_writer_text(w, NULL));
    if (!strstr(text, sl_buf_str(&wanted)))
        fail_msg("%.2000s\nlacks\n%.1000s", text, sl_buf_str(&wanted));
    sl_buf_release(&wanted);
}

void hs_assert_is_truth(struct stage *source, const char *table)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct stage_page page;

    assert_non_null(w);
    stage_ask_truth(source, table, "", &page);
    const struct sl_json *records = sl_json_get(page.root, "records");
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        const char *text = stage_row_held(source, id);

        if (!text) fail_msg("%s: '%s' is missing", table, id);
        for (struct sl_json_each m = sl_json_each(e.value); sl_json_next(&m);)
            expect_member(text, m.key, m.value, w);
    }
    assert_int_equal(stage_rows_held(source), sl_json_len(records));
    stage_page_close(&page);
    sl_json_writer_free(w);
}
