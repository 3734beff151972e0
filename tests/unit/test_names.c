/* Visible names: spelling, clashes, and that the order of fields has no say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "table/names.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

static void spelling(void **state)
{
    static const struct {
        const char *name, *snake, *original, *mapped;
    } cases[] = {
        {"Launch Date (UTC)", "launch_date_utc", "Launch_Date__UTC_", "Launch Date (UTC)"},
        {"name", "name", "name", "name"},
        {"Budget (€)", "budget", "Budget__€_", NULL},
        {"Done %", "done", "Done_%", NULL},
        {"# Stars", "stars", "#_Stars", NULL},
        {"🔄 Source", "source", "🔄_Source", "🔄 Source"},
        {"Projects / 2026", "projects_2026", "Projects_/_2026", NULL},
        {"2026 plan", "f_2026_plan", "2026_plan", "2026 plan"},
        {"???", "column", "???", "???"},
        {"", "column", "column", "column"},
        {"( )", "column", "f__", "( )"},
        {"_ingested_at", "ingested_at", "f_ingested_at", "f_ingested_at"},
        {"__START_AT", "start_at", "f__START_AT", "f__START_AT"},
        {"createdAt", "created_at", "createdAt", "createdAt"},
        {"ID", "id", "ID", "ID"},
        {"SKUs", "skus", "SKUs", "SKUs"},
        {"Café Größe Ærø Łódź", "cafe_grosse_aero_lodz", "Café_Größe_Ærø_Łódź", NULL},
        {"e\xCC\x81t\xC3\xA9", "ete", "e\xCC\x81t\xC3\xA9", NULL}, /* a combining accent */
        {"日本 Name", "name", "日本_Name", "日本 Name"},
        {"a;b,c{d}e=f\tg\nh", "a_b_c_d_e_f_g_h", "a_b_c_d_e_f_g_h", "a;b,c{d}e=f\tg\nh"},
        {"  spaced  out  ", "spaced_out", "f_spaced__out__", "  spaced  out  "},
        {"cut \xE2\x82", "cut", NULL, NULL}, /* not UTF-8 at its end */
    };
    struct sl_buf out = {0};

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        sl_buf_reset(&out);
        sl_name_plain(cases[i].name, SL_NAMES_SNAKE_CASE, false, &out);
        assert_string_equal(sl_buf_str(&out), cases[i].snake);
        sl_buf_reset(&out);
        sl_name_plain(cases[i].name, SL_NAMES_ORIGINAL, false, &out);
        if (cases[i].original) assert_string_equal(sl_buf_str(&out), cases[i].original);
        assert_null(strpbrk(sl_buf_str(&out), " ,;{}()\n\t="));
        assert_int_not_equal(sl_buf_str(&out)[0], '_');
        sl_buf_reset(&out);
        sl_name_plain(cases[i].name, SL_NAMES_ORIGINAL, true, &out);
        if (cases[i].mapped) assert_string_equal(sl_buf_str(&out), cases[i].mapped);
    }
    sl_buf_release(&out);
}

static void long_names_are_cut_between_characters(void **state)
{
    struct sl_buf name = {0}, out = {0};

    (void)state;
    for (int i = 0; i < 500; i++) sl_buf_adds(&name, "é");
    sl_name_plain(sl_buf_str(&name), SL_NAMES_SNAKE_CASE, false, &out);
    assert_int_equal(out.len, SL_NAME_MAX);
    sl_buf_reset(&out);
    sl_name_plain(sl_buf_str(&name), SL_NAMES_ORIGINAL, false, &out);
    assert_int_equal(out.len, SL_NAME_MAX);
    assert_memory_equal(out.data + out.len - 2, "é", 2);
    sl_buf_release(&name);
    sl_buf_release(&out);
}

static void names_are_compared_without_case(void **state)
{
    (void)state;
    assert_true(sl_name_same("Name", "nAME"));
    assert_true(sl_name_same("CAFÉ", "café"));
    assert_true(sl_name_same("ДОМ", "дом"));
    assert_true(sl_name_same("ΑΒΓ", "αβγ"));
    assert_true(sl_name_same("ŻÓŁĆ", "żółć"));
    assert_false(sl_name_same("name", "names"));
    assert_false(sl_name_same("é", "e"));
    assert_false(sl_name_same("×", "÷"));
}

/* ------------------------------------------------------------------ clashes */

struct clash {
    const char *name, *id, *fixed, *expected;
};

/* In every rotation of the columns and backwards, the names are the same. */
static void check(const struct clash *cases, size_t count, const char *const *taken,
                  size_t taken_count, enum sl_names how)
{
    for (size_t turn = 0; turn < 2 * count; turn++) {
        struct sl_naming columns[8];
        struct sl_arena arena = {0};
        struct sl_error error;
        size_t at[8];

        assert_true(count <= LEN(columns));
        for (size_t i = 0; i < count; i++) {
            at[i] = turn < count ? (i + turn) % count : (2 * count - 1 - i + turn) % count;
            columns[i] = (struct sl_naming){.name = cases[at[i]].name,
                                            .id = cases[at[i]].id,
                                            .fixed = cases[at[i]].fixed};
        }
        if (sl_names_assign(columns, count, taken, taken_count, how, false, &arena, &error))
            fail_msg("%s", error.message);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(columns[i].visible, cases[at[i]].expected);
        sl_arena_release(&arena);
    }
}

#define CHECK(cases, how) check(cases, LEN(cases), NULL, 0, how)

static void all_that_clash_get_a_suffix(void **state)
{
    static const struct clash two[] = {{"ID*", "fldAAAAAAAAAabc1X", NULL, "id_aabc1x"},
                                       {"id?", "fldBBBBBBBBBzzz2Y", NULL, "id_bzzz2y"},
                                       {"Name", "fldCCCCCCCCCCCCCC", NULL, "name"}};
    static const struct clash ids[] = {{"A", "fldAbc", NULL, NULL}, {"a", "fldaBC", NULL, NULL}};
    static const struct clash original[] = {{"A b", "fldAAAAAAAAAabc1X", NULL, "A_b_Aabc1X"},
                                            {"a_B", "fldBBBBBBBBBzzz2Y", NULL, "a_B_Bzzz2Y"}};
    struct sl_naming columns[2] = {{.name = ids[0].name, .id = ids[0].id},
                                   {.name = ids[1].name, .id = ids[1].id}};
    struct sl_arena arena = {0};
    struct sl_error error;

    (void)state;
    CHECK(two, SL_NAMES_SNAKE_CASE);
    CHECK(original, SL_NAMES_ORIGINAL);
    /* Ids that differ in case alone: a hash tells them apart. */
    assert_int_equal(sl_names_assign(columns, 2, NULL, 0, SL_NAMES_SNAKE_CASE, false, &arena,
                                     &error),
                     SL_OK);
    assert_false(sl_name_same(columns[0].visible, columns[1].visible));
    assert_memory_equal(columns[0].visible, "a_fldabc_", 9);
    assert_memory_equal(columns[1].visible, "a_fldabc_", 9);
    sl_arena_release(&arena);
}

static void a_longer_suffix_settles_what_a_short_one_does_not(void **state)
{
    static const struct clash same_end[] = {{"A", "fldQQQQQQQQQabcdef", NULL, "a_qqqqabcdef"},
                                            {"a!", "fldRRRRRRRRRABCDEF", NULL, "a_rrrrabcdef"}};
    /* The third is called what a suffix makes of the first. */
    static const struct clash meets[] = {{"A", "fldQQQQQQQQQabcdef", NULL, "a_qqqqabcdef"},
                                         {"a!", "fldRRRRRRRRRxyzxyz", NULL, "a_xyzxyz"},
                                         {"a abcdef", "fldSSSSSSSSSuvwuvw", NULL,
                                          "a_abcdef_uvwuvw"}};

    (void)state;
    CHECK(same_end, SL_NAMES_SNAKE_CASE);
    CHECK(meets, SL_NAMES_SNAKE_CASE);
}

static void who_has_a_name_keeps_it(void **state)
{
    static const char *const taken[] = {"gone"};
    static const struct clash late[] = {{"Name", "fldAAAAAAAAAAAAAA", "name", "name"},
                                        {"name!", "fldBBBBBBBBbbbbbb", NULL, "name_bbbbbb"},
                                        {"Gone?", "fldCCCCCCCCcccccc", NULL, "gone_cccccc"},
                                        {"Other", "fldDDDDDDDDDDDDDD", "renamed_since",
                                         "renamed_since"},
                                        {"other", "fldEEEEEEEEEEEEEE", NULL, "other"}};

    (void)state;
    check(late, LEN(late), taken, 1, SL_NAMES_SNAKE_CASE);
}

static void columns_without_ids_are_told_apart_too(void **state)
{
    struct sl_naming columns[] = {{.name = "A b"}, {.name = "a-b"}, {.name = "A b"}, {.name = "c"}};
    struct sl_arena arena = {0};
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_names_assign(columns, 4, NULL, 0, SL_NAMES_SNAKE_CASE, false, &arena,
                                     &error),
                     SL_OK);
    assert_string_equal(columns[3].visible, "c");
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(sl_name_same(columns[i].visible, columns[k].visible));
    sl_arena_release(&arena);
}

static void two_fixed_names_cannot_be_one(void **state)
{
    struct sl_naming columns[] = {{.name = "a", .fixed = "_x"}, {.name = "b", .fixed = "_X"}};
    struct sl_arena arena = {0};
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_names_assign(columns, 2, NULL, 0, SL_NAMES_SNAKE_CASE, false, &arena,
                                     &error),
                     SL_UNSUPPORTED);
    sl_arena_release(&arena);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct sl_naming columns[] = {{.name = "A", .id = "fld1"}, {.name = "a", .id = "fld2"}};
        struct sl_arena arena = {0};
        struct sl_error error;

        sl_alloc_fail_after(n);
        enum sl_code rc =
            sl_names_assign(columns, 2, NULL, 0, SL_NAMES_SNAKE_CASE, false, &arena, &error);
        sl_alloc_fail_after(-1);
        sl_arena_release(&arena);
        assert_int_equal(sl_alloc_live(), 0);
        if (rc == SL_OK) break;
        assert_int_equal(rc, SL_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelling),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(names_are_compared_without_case),
        cmocka_unit_test(all_that_clash_get_a_suffix),
        cmocka_unit_test(a_longer_suffix_settles_what_a_short_one_does_not),
        cmocka_unit_test(who_has_a_name_keeps_it),
        cmocka_unit_test(columns_without_ids_are_told_apart_too),
        cmocka_unit_test(two_fixed_names_cannot_be_one),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
