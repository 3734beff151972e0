/* Tests of src/delta: which files may hold a value, going by their statistics. */
#include "delta_world.h"

#include <stdio.h>
#include <string.h>

#define EVENTS                                                                                     \
    SCHEMA(FIELD("id", "long") "," FIELD("name", "string") "," FIELD("day", "date") "," FIELD(     \
        "at", "timestamp") "," FIELD("none", "string") "," FIELD("yes", "boolean"))

/* Three files; their numbers are 2, 1, 0. The day of file i is 100 * i, its ids are 10 * i to
 * 10 * i + 1, its names ni0 to ni1, its time so many seconds and 999 microseconds. */
static struct sl_delta_table *three_files(struct world *world)
{
    struct sl_delta_table *table = create(world, EVENTS);
    const int32_t offsets[] = {0, 3, 6};

    for (int i = 0; i < 3; i++) {
        const int64_t ids[] = {10 * i, 10 * i + 1}, times[] = {i * 1000000, i * 1000000 + 999};
        const int32_t days[] = {100 * i, 100 * i};
        char names[] = "n00n01";
        names[1] = names[4] = (char)('0' + i);
        struct column columns[] = {
            {.name = "id", .format = "l", .values = ids},
            {.name = "name", .format = "u", .values = names, .offsets = offsets},
            {.name = "day", .format = "tdD", .values = days},
            {.name = "at", .format = "tsu:UTC", .values = times},
        };
        OK(world, commit_one(world, table, stage(world, table, columns, 4, 2, NULL), NOTHING));
    }
    return table;
}

/* The numbers of the files, as text. */
static const char *within(struct world *world, struct sl_delta_table *table, struct column low,
                          const void *high_values, const int32_t *high_offsets, int64_t count)
{
    static char text[64];
    struct column high = low;
    high.values = high_values;
    high.offsets = high_offsets;
    struct ArrowArray lows = batch_of(&low, 1, count), highs = batch_of(&high, 1, count);
    struct ArrowSchema type = schema_of(&low, 1);
    size_t files[8], found = 8, length = 0;

    OK(world, sl_delta_within(table, low.name, type.children[0], lows.children[0],
                              highs.children[0], files, &found, &world->error));
    assert_non_null(lows.children[0]->release); /* they stay the caller's */
    text[0] = '\0';
    for (size_t i = 0; i < found; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%zu ", files[i]);
    lows.release(&lows);
    highs.release(&highs);
    type.release(&type);
    return text;
}

static void numbers_dates_and_times(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = three_files(world);
    struct column id = {.name = "id", .format = "l"}, day = {.name = "day", .format = "tdD"};
    struct column at = {.name = "at", .format = "tsu:UTC"};

    id.values = (const int64_t[]){11};
    assert_string_equal(within(world, table, id, (const int64_t[]){19}, NULL, 1), "1 ");
    id.values = (const int64_t[]){12};
    assert_string_equal(within(world, table, id, (const int64_t[]){19}, NULL, 1), "");
    id.values = (const int64_t[]){21, -5};
    assert_string_equal(within(world, table, id, (const int64_t[]){99, 0}, NULL, 2), "0 2 ");
    assert_string_equal(within(world, table, id, (const int64_t[]){99, 0}, NULL, 0), "");
    day.values = (const int32_t[]){100};
    assert_string_equal(within(world, table, day, (const int32_t[]){199}, NULL, 1), "1 ");
    /* The log knows milliseconds only. */
    at.values = (const int64_t[]){1000999};
    assert_string_equal(within(world, table, at, (const int64_t[]){1000999}, NULL, 1), "1 ");
    at.values = (const int64_t[]){1002000};
    assert_string_equal(within(world, table, at, (const int64_t[]){1999999}, NULL, 1), "");
    sl_delta_table_free(table);
}

static void texts_and_columns_without_bounds(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = three_files(world);
    const int32_t three[] = {0, 3};
    struct column name = {.name = "name", .format = "u", .values = "n11", .offsets = three};
    struct column none = {.name = "none", .format = "u", .values = "aaa", .offsets = three};
    struct column wrong = {.name = "yes", .format = "u", .values = "aaa", .offsets = three};
    struct ArrowSchema type = schema_of(&wrong, 1);
    struct ArrowArray array = batch_of(&wrong, 1, 1);
    size_t files[8], found;

    assert_string_equal(within(world, table, name, "n19", three, 1), "1 ");
    assert_string_equal(within(world, table, name, "nzz", three, 1), "0 1 ");
    assert_string_equal(within(world, table, none, "zzz", three, 1), ""); /* all of it is NULL */
    assert_int_equal(sl_delta_within(table, "yes", type.children[0], array.children[0],
                                     array.children[0], files, &found, &world->error),
                     SL_BUG);
    assert_int_equal(sl_delta_within(table, "other", type.children[0], array.children[0],
                                     array.children[0], files, &found, &world->error),
                     SL_NOT_FOUND);
    array.release(&array);
    type.release(&type);
    sl_delta_table_free(table);
}

static void no_statistics_exclude_nothing(void **state)
{
    struct world *world = *state;
    const struct sl_pair only = {"delta.dataSkippingStatsColumns", "name"};
    struct sl_delta_table *table = NULL;
    struct column id = {.name = "id", .format = "l", .values = (const int64_t[]){500}};

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &only, 1, &NOTHING, &table,
                              &world->error));
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    assert_string_equal(within(world, table, id, (const int64_t[]){600}, NULL, 1), "0 ");
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_dates_and_times),
        TEST(texts_and_columns_without_bounds),
        TEST(no_statistics_exclude_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
