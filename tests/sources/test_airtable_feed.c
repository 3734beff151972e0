/*
 * The Airtable connector with a webhook, against its simulator: created, changed, destroyed and
 * recomputed records, and what becomes of a webhook that cannot be gone by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "sources/airtable_source.h"
#include "sources/tape.h"

#define WEBHOOKS "{\"webhooks\":true}"

static enum sl_ingestion ingestion(const struct stage *source)
{
    return harvest_table(&source->tables, TABLE)->ingestion;
}

static void nothing_changed_costs_one_call(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, WEBHOOKS);
    assert_int_equal(source.tables.counts.calls, 3); /* none is there: list, make, schema */
    assert_int_equal(source.tables.note_count, 1);
    assert_non_null(strstr(source.tables.notes[0], "was made"));
    assert_int_equal(ingestion(&source), SL_CDC_WITH_DELETES);
    first_load(&source, TABLE);
    for (int run = 0; run < 3; run++) {
        stage_pass(&source, 3600);
        increment(&source, TABLE, &h);
        assert_int_equal(source.tables.counts.calls, 2); /* it is found again */
        assert_int_equal(h.counts.calls, 1);
        assert_int_equal(h.row_count, 0);
        assert_false(harvest_is_complete(&h));
        assert_int_equal(h.note_count, 0);
        harvest_release(&h);
    }
    stage_close(&source);
}

static void created_changed_and_destroyed_come(void **state)
{
    static const int changes[] = {1, 20, 100, 150, 450};
    struct stage source;

    (void)state;
    open_source(&source, WEBHOOKS);
    first_load(&source, TABLE);
    for (size_t c = 0; c < sizeof changes / sizeof *changes; c++) {
        struct harvest h;
        char ids[500][20], gone[20];

        stage_pass(&source, 1000); /* beyond the lookback of the last round */
        edit(&source, TABLE, 300, changes[c]);
        edit(&source, TABLE, 300, changes[c] / 2); /* some of them twice */
        stage_control(&source, "{\"op\":\"create\",\"table\":\"" TABLE "\",\"count\":3}");
        ids_of(&source, TABLE, (int)c, 1, &gone);
        stage_control(&source, "{\"op\":\"edit\",\"table\":\"" TABLE "\",\"record\":%d}", (int)c);
        stage_control(&source, "{\"op\":\"delete\",\"table\":\"" TABLE "\",\"record\":%d}", (int)c);
        stage_pass(&source, 1000);
        increment(&source, TABLE, &h);
        assert_true(harvest_keys(&h, TABLE, false) >= (size_t)changes[c] + 3);
        assert_int_equal(harvest_keys(&h, TABLE, true), 1);
        assert_true(harvest_has_key(&h, TABLE, true, gone));
        assert_false(harvest_has_key(&h, TABLE, false, gone));
        ids_of(&source, TABLE, 300, changes[c], ids);
        for (int n = 0; n < changes[c]; n++) assert_true(harvest_has_key(&h, TABLE, false, ids[n]));
        harvest_release(&h);
    }
    stage_close(&source);
}

/* A record that was edited a hundred times is read once. */
static void many_edits_of_one_record_are_one_read(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, WEBHOOKS);
    first_load(&source, OTHER);
    stage_pass(&source, 1000);
    for (int i = 0; i < 120; i++) edit(&source, OTHER, 4, 1);
    increment(&source, OTHER, &h);
    assert_int_equal(harvest_count(&h, OTHER, false), 1);
    assert_true(h.counts.calls >= 3); /* payloads, fifty in a call */
    harvest_release(&h);
    stage_close(&source);
}

/* What an edit changes in other tables moves no time, and is in the payloads. */
static void computed_cells_come_by_webhook_only(void **state)
{
    static const char *const options[] = {NULL, WEBHOOKS};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct harvest h;
        char before[400], after[400], came[400], id[20];
        int record = 0;

        open_source(&source, options[i]);
        first_load(&source, OTHER);
        /* The average price of a vendor's products. */
        while (true_cell(&source, OTHER, "Average unit price", record, before)[0] == '\0' ||
               before[0] == '{')
            record++;
        stage_pass(&source, 1000);
        for (int n = 0; n < RECORDS; n++) /* one of them is its product */
            stage_control(&source,
                          "{\"op\":\"edit\",\"table\":\"" TABLE
                          "\",\"record\":%d,\"fields\":{\"Unit price (€)\":1234.5}}",
                          n);
        true_cell(&source, OTHER, "Average unit price", record, after);
        assert_string_not_equal(before, after);
        ids_of(&source, OTHER, record, 1, &id);
        increment(&source, OTHER, &h);
        assert_int_equal(harvest_has_key(&h, OTHER, false, id), i == 1);
        if (i == 1)
            assert_string_equal(cell_of(&source, &h, OTHER, "Average unit price", id, came), after);
        harvest_release(&h);
        stage_close(&source);
    }
}

static void destroyed_and_restored_is_there(void **state)
{
    struct stage source;
    struct harvest h;
    char id[20];

    (void)state;
    open_source(&source, WEBHOOKS);
    first_load(&source, TABLE);
    ids_of(&source, TABLE, 9, 1, &id);
    stage_pass(&source, 1000);
    edit(&source, TABLE, 9, 1);
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"" TABLE "\",\"record\":9}");
    stage_control(&source, "{\"op\":\"restore\",\"table\":\"" TABLE "\",\"record\":9}");
    increment(&source, TABLE, &h);
    const struct harvest_row *last = NULL;
    for (size_t i = 0; i < h.row_count; i++)
        if (strcmp(h.rows[i].key, id) == 0) last = &h.rows[i];
    assert_non_null(last);
    assert_false(last->deleted);
    harvest_release(&h);
    stage_close(&source);
}

/* What happened between the making of the webhook and the end of the full read is not lost. */
static void a_change_during_the_full_read_comes_after_it(void **state)
{
    struct stage source;
    struct harvest h;
    char gone[20];

    (void)state;
    open_source(&source, "{\"webhooks\":true,\"lookback_seconds\":0}");
    ids_of(&source, TABLE, 2, 1, &gone);
    stage_control(&source, "{\"fault\":\"delete:page=5,record=2\"}"); /* it was read already */
    first_load(&source, TABLE);
    increment(&source, TABLE, &h);
    assert_true(harvest_has_key(&h, TABLE, true, gone));
    harvest_release(&h);
    stage_close(&source);
}

/* A record that has left the filter has left the table. */
static void what_leaves_the_filter_is_deleted(void **state)
{
    struct stage source;
    struct harvest h;
    char id[20];

    (void)state;
    open_source(&source, "{\"webhooks\":true,\"filter\":\"{Units} != 77\"}");
    first_load(&source, TABLE);
    ids_of(&source, TABLE, 5, 1, &id);
    stage_pass(&source, 1000);
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"" TABLE
                           "\",\"record\":5,\"fields\":{\"Units\":77}}");
    increment(&source, TABLE, &h);
    assert_true(harvest_has_key(&h, TABLE, true, id));
    assert_false(harvest_has_key(&h, TABLE, false, id));
    harvest_release(&h);
    stage_close(&source);
}

/* Listings show a change late: the payloads of the last minutes are applied again. */
static void a_change_that_shows_late_comes_in_the_next_run(void **state)
{
    struct stage source;
    struct harvest h;
    char ids[3][20], value[400];

    (void)state;
    open_source(&source, WEBHOOKS);
    stage_control(&source, "{\"op\":\"behaviour\",\"listing_delay_seconds\":60}");
    first_load(&source, TABLE);
    stage_pass(&source, 1000);
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"" TABLE
                           "\",\"record\":5,\"fields\":{\"Units\":4242}}");
    stage_control(&source, "{\"op\":\"create\",\"table\":\"" TABLE "\",\"count\":1}");
    ids_of(&source, TABLE, 5, 1, ids);
    ids_of(&source, TABLE, RECORDS, 1, ids + 1);
    increment(&source, TABLE, &h); /* at once: the old value, and no new record */
    assert_string_not_equal(cell_of(&source, &h, TABLE, "Units", ids[0], value), "4242");
    assert_false(harvest_has_key(&h, TABLE, false, ids[1]));
    harvest_release(&h);
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h);
    assert_string_equal(cell_of(&source, &h, TABLE, "Units", ids[0], value), "4242");
    assert_true(harvest_has_key(&h, TABLE, false, ids[1]));
    harvest_release(&h);
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h); /* and then it is over */
    assert_int_equal(h.row_count, 0);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- webhooks that cannot be gone by ---- */

static void a_webhook_that_is_lost_means_a_full_read(void **state)
{
    static const struct {
        const char *what;
        int days; /* that pass before */
        int discover_calls;
        int full_reads; /* until it goes by payloads again */
    } cases[] = {
        {"{\"op\":\"webhook\",\"remove\":true}", 0, 3, 1},
        {"{\"op\":\"webhook\",\"disable\":true}", 0, 4, 1},
        {"{\"op\":\"webhook\",\"expire\":true}", 0, 4, 1},
        {"{\"op\":\"webhook\",\"fail\":true}", 0, 2, 2},
        {"{}", 8, 4, 1},
    };
    struct stage source;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harvest h;
        char gone[20];

        open_source(&source, WEBHOOKS);
        first_load(&source, TABLE);
        ids_of(&source, TABLE, 2, 1, &gone);
        stage_control(&source, "{\"op\":\"delete\",\"table\":\"" TABLE "\",\"record\":2}");
        stage_pass(&source, 1000 + cases[i].days * 86400);
        stage_control(&source, "%s", cases[i].what);
        for (int run = 0; run < cases[i].full_reads; run++) {
            increment(&source, TABLE, &h);
            if (run == 0) assert_int_equal(source.tables.counts.calls, cases[i].discover_calls);
            if (!harvest_is_complete(&h)) fail_msg("%s, run %d: not in full", cases[i].what, run);
            assert_int_equal(harvest_keys(&h, TABLE, false), RECORDS - 1);
            assert_int_equal(h.note_count, 1);
            harvest_release(&h);
        }
        assert_int_equal(ingestion(&source), SL_CDC_WITH_DELETES);
        stage_pass(&source, 1000);
        edit(&source, TABLE, 30, 2);
        increment(&source, TABLE, &h);
        assert_false(harvest_is_complete(&h));
        assert_true(harvest_keys(&h, TABLE, false) >= 2);
        harvest_release(&h);
        stage_close(&source);
    }
}

/* Its payloads of a week ago are gone without a word, though others kept it alive. */
static void a_cursor_of_a_week_ago_is_not_gone_by(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, WEBHOOKS);
    first_load(&source, TABLE);
    char *old = strdup(source.cursor);
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"" TABLE "\",\"record\":2}");
    for (int day = 0; day < 8; day++) { /* another table's runs */
        stage_pass(&source, 86400);
        stage_discover(&source);
    }
    read_with(&source, TABLE, old, false, NULL, &h);
    assert_true(harvest_is_complete(&h));
    assert_int_equal(harvest_keys(&h, TABLE, false), RECORDS - 1);
    harvest_release(&h);
    free(old);
    stage_close(&source);
}

/* It is renewed in time, polled or not. */
static void a_webhook_is_renewed(void **state)
{
    struct stage source;

    (void)state;
    open_source(&source, WEBHOOKS);
    for (int day = 0; day < 12; day++) {
        stage_pass(&source, 86400);
        int64_t calls = stage_discover(&source);
        assert_true(calls == 2 || calls == 3);
        assert_int_equal(source.tables.note_count, 0); /* none was made */
    }
    stage_close(&source);
}

static void without_a_webhook_it_is_windows(void **state)
{
    static const char *const why[] = {
        "{\"op\":\"token\",\"scopes\":[\"schema.bases:read\",\"data.records:read\"]}",
        "{\"op\":\"behaviour\",\"not_creator\":1}", "{\"op\":\"webhook\",\"foreign\":10}"};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct harvest h;

        open_source(&source, NULL);
        stage_control(&source, "%s", why[i]);
        source.table_options = WEBHOOKS;
        stage_discover(&source);
        assert_int_equal(ingestion(&source), SL_CDC);
        assert_int_equal(source.tables.note_count, 1);
        assert_non_null(strstr(source.tables.notes[0], "webhook:manage"));
        first_load(&source, TABLE);
        stage_pass(&source, 3600);
        edit(&source, TABLE, 3, 4);
        increment(&source, TABLE, &h);
        assert_false(harvest_is_complete(&h));
        assert_int_equal(harvest_keys(&h, TABLE, false), 4);
        harvest_release(&h);
        stage_close(&source);
    }
}

/* Other people's webhooks are no business of ours. */
static void somebody_elses_webhooks_are_left_alone(void **state)
{
    struct stage source;

    (void)state;
    open_source(&source, NULL);
    stage_control(&source, "{\"op\":\"webhook\",\"foreign\":3}");
    stage_control(&source, "{\"op\":\"webhook\",\"expire\":true}");
    source.table_options = WEBHOOKS;
    assert_int_equal(stage_discover(&source), 3); /* list, make, schema: nothing was deleted */
    assert_int_equal(stage_discover(&source), 2);
    stage_close(&source);
}

/* ---- memory ---- */

/* Every allocation of a read fails in turn: it ends with that, or well, and leaves nothing. */
static void reads_survive_the_failure_of_every_allocation(void **state)
{
    static const char *const options[] = {NULL, WEBHOOKS};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stage source;
        enum sl_code code = SL_NO_MEMORY;

        open_source(&source, options[i]);
        first_load(&source, OTHER);
        stage_pass(&source, 1000);
        edit(&source, OTHER, 7, 3);
        stage_control(&source, "{\"op\":\"delete\",\"table\":\"" OTHER "\",\"record\":1}");
        stage_discover(&source);
        struct tape *tape = tape_new();
        struct sl_world *real = source.world, *world = tape_record(tape, real);
        struct harvest h;
        source.world = world;
        read_now(&source, OTHER, source.cursor, &h);
        assert_int_equal(h.code, SL_DONE);
        harvest_release(&h);
        sl_world_free(world);
        for (int64_t n = 0; code != SL_DONE; n++) {
            int64_t live = sl_alloc_live();

            source.world = tape_play(tape);
            sl_alloc_fail_after(n);
            read_now(&source, OTHER, source.cursor, &h);
            sl_alloc_fail_after(-1);
            code = h.code;
            if (code != SL_DONE && code != SL_NO_MEMORY)
                fail_msg("allocation %d: %s", (int)n, h.error.message);
            sl_world_free(source.world);
            harvest_release(&h);
            assert_int_equal(sl_alloc_live(), live);
        }
        tape_free(tape);
        source.world = real;
        stage_close(&source);
    }
}

/* The same of discover, which makes the webhook. */
static void discover_survives_the_failure_of_every_allocation(void **state)
{
    struct stage source;
    enum sl_code code = SL_NO_MEMORY;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    struct harvest_job job = {.connector = "airtable",
                              .options = sl_buf_str(&source.options),
                              .job = {.kind = SL_JOB_DISCOVER, .table_options = WEBHOOKS}};
    struct tape *tape = tape_new();
    struct sl_world *world = tape_record(tape, source.world);
    harvest_run(&job, world, &h);
    assert_int_equal(h.code, SL_DONE);
    harvest_release(&h);
    sl_world_free(world);
    for (int64_t n = 0; code != SL_DONE; n++) {
        int64_t live = sl_alloc_live();

        world = tape_play(tape);
        sl_alloc_fail_after(n);
        harvest_run(&job, world, &h);
        sl_alloc_fail_after(-1);
        code = h.code;
        assert_true(code == SL_DONE || code == SL_NO_MEMORY);
        sl_world_free(world);
        harvest_release(&h);
        assert_int_equal(sl_alloc_live(), live);
    }
    tape_free(tape);
    stage_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_costs_one_call),
        cmocka_unit_test(created_changed_and_destroyed_come),
        cmocka_unit_test(many_edits_of_one_record_are_one_read),
        cmocka_unit_test(computed_cells_come_by_webhook_only),
        cmocka_unit_test(destroyed_and_restored_is_there),
        cmocka_unit_test(a_change_during_the_full_read_comes_after_it),
        cmocka_unit_test(what_leaves_the_filter_is_deleted),
        cmocka_unit_test(a_change_that_shows_late_comes_in_the_next_run),
        cmocka_unit_test(a_webhook_that_is_lost_means_a_full_read),
        cmocka_unit_test(a_cursor_of_a_week_ago_is_not_gone_by),
        cmocka_unit_test(a_webhook_is_renewed),
        cmocka_unit_test(without_a_webhook_it_is_windows),
        cmocka_unit_test(somebody_elses_webhooks_are_left_alone),
        cmocka_unit_test(reads_survive_the_failure_of_every_allocation),
        cmocka_unit_test(discover_survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
