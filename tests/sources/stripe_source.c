#include "sources/stripe_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void st_open_source(struct stage *source, int64_t records, const char *more)
{
    stage_open(source, "stripe", NULL, records);
    source->rest_s = 2;
    if (more) {
        source->options.len--; /* the closing brace */
        sl_buf_addf(&source->options, ",%s}", more);
    }
}

void st_read_with(struct stage *source, const char *name, const char *cursor, bool full,
                  bool initial, struct harvest *out)
{
    stage_read(source, name,
               (struct sl_job_options){.cursor = cursor, .full = full, .initial = initial}, out);
}

static void open_truth(struct stage *source, const char *table, struct stage_page *page)
{
    char more[160];

    snprintf(more, sizeof more, "&namespace=%s", source->namespace_ ? source->namespace_ : "");
    stage_ask_truth(source, table, more, page);
}

void st_assert_is_truth(struct stage *source, const char *table)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct stage_page page;

    assert_non_null(w);
    open_truth(source, table, &page);
    const struct sl_json *records = sl_json_get(page.root, "records");
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        const char *held = stage_row_held(source, id);

        sl_json_writer_reset(w);
        sl_json_put_value(w, e.value);
        if (!held) fail_msg("%s: '%s' is missing", table, id);
        if (strcmp(held, sl_json_writer_text(w, NULL)) != 0)
            fail_msg("%s: '%s' is\n%.1500s\nnot\n%.1500s", table, id, held,
                     sl_json_writer_text(w, NULL));
    }
    assert_int_equal(stage_rows_held(source), sl_json_len(records));
    stage_page_close(&page);
    sl_json_writer_free(w);
}

void st_id_of(struct stage *source, const char *table, int index, char id[64])
{
    struct stage_page page;

    open_truth(source, table, &page);
    struct sl_json_each e = sl_json_each(sl_json_get(page.root, "records"));
    for (int i = 0; i <= index; i++) assert_true(sl_json_next(&e));
    snprintf(id, 64, "%s", sl_json_str(sl_json_get(e.value, "id")));
    stage_page_close(&page);
}
