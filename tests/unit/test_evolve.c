/* A table over time: what sl_evolve makes of each change of the source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "evolve_world.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "pipeline/evolve.h"
#include "table/delta_type.h"
#include "table/names.h"

/* ------------------------------------------------------------------ fields come and go */

static void a_new_field_is_a_new_column(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Name|string");
    expect_evolution_quiet(&w);
    evolve_run(&w, "f1|Name|string; f2|Amount|double");
    expect_evolved(&w, "name:string,amount:double");
    expect_evolution_said(&w, "new field 'Amount': column 'amount' (double)");
    assert_string_equal(sl_buf_str(&w.alters), "");
    assert_true(w.due);
    evolve_run(&w, "f2|Amount|double; f1|Name|string"); /* in another order */
    expect_evolution_quiet(&w);
    evolve_end(&w);
}

static void a_gone_field_leaves_its_column_and_may_come_back(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Name|string; f2|Amount|double");
    evolve_run(&w, "f1|Name|string");
    expect_evolved(&w, "name:string,amount~:double");
    expect_evolution_said(&w, "field 'Amount' is gone in the source: column 'amount' is kept");
    assert_string_equal(sl_buf_str(&w.alters), "CHANGE COLUMN;");
    assert_false(w.due);
    assert_non_null(strstr(w.schema, "\"sluice.gone\":\"2023-11-14T22:13:20"));
    evolve_run(&w, "f1|Name|string"); /* said once */
    expect_evolution_quiet(&w);
    evolve_run(&w, "f1|Name|string; f2|Amount|double");
    expect_evolved(&w, "name:string,amount:double");
    expect_evolution_filled(&w, "Name>name,Amount>amount,");
    expect_evolution_said(&w, "field 'Amount' is back: column 'amount' is filled again");
    assert_true(w.due);
    evolve_end(&w);
}

static void a_field_made_anew_under_an_old_name_is_another(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Name|string; fldAAA111|Amount|double");
    evolve_run(&w, "f1|Name|string; fldBBB222|Amount|double");
    expect_evolved(&w, "name:string,amount~:double,amount_bbb222:double");
    expect_evolution_filled(&w, "Name>name,Amount>amount_bbb222,");
    assert_true(w.due);
    evolve_run(&w, "f1|Name|string; fldCCC333|AMOUNT|string");
    expect_evolved(&w, "name:string,amount~:double,amount_bbb222~:double,amount_ccc333:string");
    evolve_run(&w, "f1|Name|string; fldAAA111|Amount|double"); /* the first, out of the bin */
    expect_evolution_filled(&w, "Name>name,Amount>amount,");
    evolve_end(&w);
}

/* An empty schema is an outage or a lost permission: nothing is marked. */
static void a_source_without_fields_has_said_nothing(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "!|_id|string; f1|Name|string");
    evolve_run(&w, "!|_id|string");
    expect_evolved(&w, "_id:string,name:string");
    expect_evolution_quiet(&w);
    evolve_end(&w);
}

static void a_field_that_is_left_out_is_marked_too(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Name|string; f2|Secret|string");
    w.exclude = "[\"Secret\"]";
    evolve_run(&w, "f1|Name|string; f2|Secret|string");
    expect_evolved(&w, "name:string,secret~:string");
    expect_evolution_said(
        &w, "field 'Secret' is left out by the specification: column 'secret' is kept");
    w.exclude = NULL;
    evolve_run(&w, "f1|Name|string; f2|Secret|string");
    expect_evolution_filled(&w, "Name>name,Secret>secret,");
    assert_true(w.due);
    evolve_end(&w);
}

/* ------------------------------------------------------------------ names */

static void a_plain_table_keeps_its_names(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Vendor|string; f2|Amount|double");
    evolve_run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_evolved(&w, "vendor:string,amount:double");
    expect_evolution_filled(&w, "Supplier>vendor,Amount>amount,");
    expect_evolution_said(
        &w, "field 'Vendor' is called 'Supplier' now: its column keeps the name 'vendor'");
    assert_false(w.due);
    evolve_run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_evolution_quiet(&w);
    /* Swapped, and one of them back. */
    evolve_run(&w, "f1|Amount|string; f2|Vendor|double");
    expect_evolution_filled(&w, "Amount>vendor,Vendor>amount,");
    expect_evolution_said(&w, "field 'Supplier' is called 'Amount' now");
    evolve_run(&w, "f1|Vendor|string; f2|Amount|double");
    expect_evolution_filled(&w, "Vendor>vendor,Amount>amount,");
    assert_null(strstr(w.schema, "sluice.renamed"));
    /* A newcomer takes the name that another field had: a suffix. */
    evolve_run(&w, "f1|Supplier|string; f2|Amount|double; fldNEW123|Vendor|string");
    expect_evolution_filled(&w, "Supplier>vendor,Amount>amount,Vendor>vendor_new123,");
    evolve_end(&w);
}

static void under_mapping_names_follow(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|Vendor|string; f2|Amount|double");
    assert_true(w.mapped);
    evolve_run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_evolved(&w, "supplier:string,amount:double");
    expect_evolution_filled(&w, "Supplier>supplier,Amount>amount,");
    expect_evolution_said(
        &w, "field 'Vendor' is called 'Supplier' now: column 'vendor' became 'supplier'");
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    assert_false(w.due);
    /* Two swap names, in one alter, and back. */
    evolve_run(&w, "f1|Amount|string; f2|Supplier|double");
    expect_evolved(&w, "amount:string,supplier:double");
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    evolve_run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_evolved(&w, "supplier:string,amount:double");
    /* The name is free again for a newcomer, */
    evolve_run(&w, "f1|Supplier|string; f2|Amount|double; f3|Vendor|date");
    expect_evolved(&w, "supplier:string,amount:double,vendor:date");
    /* and a name that another kept column has is not: */
    evolve_run(&w, "f1|Supplier|string; f3|Vendor|date");
    evolve_run(&w, "fld1|x|string; f1|Supplier|string; f3|Amount|date");
    expect_evolved(&w, "supplier:string,amount~:double,amount_f3:date,x:string");
    evolve_end(&w);
}

static void three_fields_go_round(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|A|string; f2|B|double; f3|C|date");
    evolve_run(&w, "f1|B|string; f2|C|double; f3|A|date");
    expect_evolved(&w, "b:string,c:double,a:date");
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    /* Two names that are one in snake_case. */
    evolve_run(&w, "fldx1|B|string; f1|x y|string; f2|X-Y|double; f3|A|date");
    expect_evolved(&w, "x_y_f1:string,x_y_f2:double,a:date,b:string");
    evolve_end(&w);
}

static void names_are_kept_where_that_is_wanted(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    w.keep = true;
    evolve_run(&w, "f1|Vendor|string");
    evolve_run(&w, "f1|Supplier|string");
    expect_evolved(&w, "vendor:string");
    expect_evolution_said(&w, "its column keeps the name 'vendor'");
    w.keep = false; /* and then not any more */
    evolve_run(&w, "f1|Supplier|string");
    expect_evolved(&w, "supplier:string");
    evolve_end(&w);
}

/* What somebody else called a column stays, until the field is renamed. */
static void a_name_given_by_hand_stays(void **state)
{
    struct evolve_world w;
    char *at;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|Vendor|string");
    at = strstr(w.schema, "\"name\":\"vendor\"");
    assert_non_null(at);
    memcpy(at + 8, "seller", 6);
    evolve_run(&w, "f1|Vendor|string");
    expect_evolved(&w, "seller:string");
    expect_evolution_quiet(&w);
    evolve_run(&w, "f1|Supplier|string");
    expect_evolved(&w, "supplier:string");
    evolve_end(&w);
}

static void original_names_follow_too(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.original = true;
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|Launch date (UTC)|date; f2|x|string");
    evolve_run(&w, "f1|x|date; f2|Launch date (UTC)|string");
    expect_evolved(&w, "x:date,Launch date (UTC):string");
    evolve_end(&w);
}

/* ------------------------------------------------------------------ types */

static void another_type_is_another_column(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Name|string; f2|Amount|double");
    evolve_run(&w, "f1|Name|string; f2|Amount|string");
    expect_evolved(&w, "name:string,amount~:double,amount_string:string");
    expect_evolution_filled(&w, "Name>name,Amount>amount_string,");
    expect_evolution_said(
        &w, "field 'Amount' is string in the source now: column 'amount' keeps the values "
            "it has as double");
    expect_evolution_said(&w, "converted field 'Amount': column 'amount_string' (string)");
    assert_true(w.due);
    /* To and fro: the same two columns for ever. */
    for (int i = 0; i < 3; i++) {
        evolve_run(&w, "f1|Name|string; f2|Amount|double");
        expect_evolved(&w, "name:string,amount:double,amount_string~:string");
        expect_evolution_filled(&w, "Name>name,Amount>amount,");
        expect_evolution_said(&w, "field 'Amount' is back: column 'amount' is filled again");
        assert_true(w.due);
        evolve_run(&w, "f1|Name|string; f2|Amount|string");
        expect_evolved(&w, "name:string,amount~:double,amount_string:string");
        expect_evolution_filled(&w, "Name>name,Amount>amount_string,");
        assert_true(w.due);
    }
    /* A third type is a third column; and renamed meanwhile. */
    evolve_run(&w, "f1|Name|string; f2|Cost|decimal");
    expect_evolved(&w, "name:string,amount~:double,amount_string~:string,"
                       "amount_decimal_10_2:decimal(10,2)");
    expect_evolution_filled(&w, "Name>name,Cost>amount_decimal_10_2,");
    /* Gone and back with the first type. */
    evolve_run(&w, "f1|Name|string");
    evolve_run(&w, "f1|Name|string; f2|Cost|double");
    expect_evolution_filled(&w, "Name>name,Cost>amount,");
    evolve_end(&w);
}

static void converted_columns_follow_their_field(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|Amount|double");
    evolve_run(&w, "f1|Amount|string");
    evolve_run(&w, "f1|Cost|string");
    expect_evolved(&w, "cost~:double,cost_string:string");
    /* Renamed and converted in one. */
    evolve_run(&w, "f1|Price|date");
    expect_evolved(&w, "price~:double,price_string~:string,price_date:date");
    expect_evolution_filled(&w, "Price>price_date,");
    evolve_run(&w, "f1|Cost|date; f2|Price|double; f3|Price string|double");
    expect_evolved(&w, "cost~:double,cost_string~:string,cost_date:date,price:double,"
                       "price_string:double");
    evolve_end(&w);
}

static void types_whose_names_are_one_get_suffixes(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "fldAAA111|Box|struct1; f2|Box struct|string");
    evolve_run(&w, "fldAAA111|Box|struct2; f2|Box struct|string");
    expect_evolved(&w, "box~:struct<a:string>,box_struct:string,"
                       "box_struct_aaa111:struct<a:string,b:string>");
    evolve_run(&w, "fldAAA111|Box|struct3; f2|Box struct|string");
    expect_evolution_filled(&w, "Box>box_struct_fldaaa111,Box struct>box_struct,");
    evolve_run(&w, "fldAAA111|Box|array; f2|Box struct|date");
    expect_evolution_filled(&w, "Box>box_array_string,Box struct>box_struct_date,");
    evolve_run(&w, "fldAAA111|Box|struct2; f2|Box struct|string");
    expect_evolution_filled(&w, "Box>box_struct_aaa111,Box struct>box_struct,");
    evolve_end(&w);
}

static void fields_without_ids_are_their_names(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "|amount|double; |Total|double");
    evolve_run(&w, "|amount|string; |total|double"); /* another field: 'Total' is gone */
    expect_evolved(&w, "amount~:double,total~:double,amount_string:string,total_543a4ffd:double");
    evolve_run(&w, "|amount|double; |Total|double");
    expect_evolution_filled(&w, "amount>amount,Total>total,");
    evolve_end(&w);
}

/* ------------------------------------------------------------------ names that clash */

static void latecomers_get_the_suffix(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "fldAAA111|Launch date|date");
    evolve_run(
        &w, "fldBBB222|launch-date|date; fldAAA111|Launch date|date; fldCCC333|LAUNCH DATE|date");
    expect_evolved(&w, "launch_date:date,launch_date_bbb222:date,launch_date_ccc333:date");
    /* The name that a suffix would make is taken. */
    evolve_run(&w, "fldAAA111|Launch date|date; fldD|launch date ddd444|date");
    evolve_run(
        &w, "fldAAA111|Launch date|date; fldDDD444|Launch_Date|date; fldD|launch date ddd444|date");
    expect_evolved(&w, "launch_date:date,launch_date_bbb222~:date,launch_date_ccc333~:date,"
                       "launch_date_ddd444:date,launch_date_fldddd444:date");
    evolve_end(&w);
}

static void physical_names_are_given_once(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|Box|struct1");
    evolve_run(&w, "f1|Box|struct2");
    evolve_run(&w, "f1|Box|struct3");
    evolve_run(&w, "f1|Box|string");
    evolve_run(&w, "f1|Carton|date; f2|Box|string"); /* evolve_check_table() has the assertions */
    expect_evolution_filled(&w, "Carton>carton_date,Box>box,");
    evolve_end(&w);
}

static void thousands_of_columns(void **state)
{
    struct evolve_world w;
    struct sl_buf fields[2] = {{0}, {0}};

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    for (int i = 0; i < 2000; i++) {
        sl_buf_addf(&fields[0], "fld%06d|Field %d|string;", i, i);
        sl_buf_addf(&fields[1], "fld%06d|Field %d|string;", i, (i + 1) % 2000);
    }
    evolve_run(&w, sl_buf_str(&fields[0]));
    evolve_run(&w, sl_buf_str(&fields[1])); /* every name moves on by one */
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    assert_non_null(strstr(sl_buf_str(&w.filled), "Field 7>field_7,Field 8>field_8,"));
    sl_buf_release(&fields[0]);
    sl_buf_release(&fields[1]);
    evolve_end(&w);
}

/* ------------------------------------------------------------------ keys, own columns */

static void what_was_a_key_may_be_null(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.keys = "[\"Mail\"]";
    evolve_run(&w, "!|_id|string; f1|Mail|string; f2|Name|string");
    assert_non_null(strstr(w.schema, "\"name\":\"mail\",\"type\":\"string\",\"nullable\":false"));
    w.keys = NULL;
    evolve_run(&w, "!|_id|string; f2|Name|string");
    assert_non_null(strstr(w.schema, "\"name\":\"mail\",\"type\":\"string\",\"nullable\":true"));
    evolve_end(&w);
}

static void a_key_does_not_change_its_type(void **state)
{
    static struct sl_column columns[4];
    static const char *const key[] = {"_id", NULL};
    struct sl_table_def def = {.name = "T", .columns = columns, .primary_key = key};
    struct evolve_world w;
    struct sl_evolution evolution;
    struct sl_error error;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "!|_id|string; f1|Name|string");
    def.column_count = evolve_columns(&w, "!|_id|bigint; f1|Name|string", columns);
    assert_int_equal(evolve_plan(&w, &def, &evolution, &error), SL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "column '_id' is a key of table 'T', and its type"));
    sl_evolution_release(&evolution);
    evolve_end(&w);
}

static void history_is_seen(void **state)
{
    static struct sl_column columns[4];
    struct sl_table_def def = {.name = "T", .columns = columns};
    struct evolve_world w;
    struct sl_evolution evolution;
    struct sl_error error;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "!|_id|string; f1|Name|string");
    w.history = true;
    evolve_run(&w, "!|_id|string; f1|Name|string");
    expect_evolution_said(&w, "new column '__START_AT' (timestamp)");
    assert_true(w.due);
    w.history = false;
    def.column_count = evolve_columns(&w, "!|_id|string; f1|Name|string", columns);
    assert_int_equal(evolve_plan(&w, &def, &evolution, &error), SL_OK);
    assert_true(evolution.holds_history);
    sl_evolution_release(&evolution);
    evolve_end(&w);
}

/* ------------------------------------------------------------------ properties */

static void mapping_is_turned_on_and_then_names_follow(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Vendor|string; f2|Amount|double");
    evolve_run(&w, "f1|Supplier|string; f2|Amount|double");
    w.wanted = "{\"delta.columnMapping.mode\":\"name\",\"sluice.view\":\"x\"}";
    evolve_run(&w, "f1|Supplier|string; f2|Price|double; f3|Vendor|date");
    assert_string_equal(sl_buf_str(&w.alters),
                        "SET TBLPROPERTIES;delta.columnMapping.mode=name;RENAME COLUMN;");
    expect_evolution_said(&w, "column mapping is turned on");
    /* What was renamed before follows too, and a newcomer may have the name. */
    expect_evolved(&w, "supplier:string,price:double,vendor:date");
    assert_non_null(strstr(w.schema, "\"delta.columnMapping.physicalName\":\"vendor\""));
    assert_non_null(strstr(w.schema, "\"delta.columnMapping.physicalName\":\"f3\""));
    evolve_run(&w, "f1|Supplier|string; f2|Price|double; f3|Vendor|date");
    expect_evolution_quiet(&w);
    w.wanted = NULL; /* asked for no longer: it stays */
    evolve_run(&w, "f1|Supplier|string; f2|Price|double; f3|Vendor|date");
    expect_evolution_quiet(&w);
    evolve_end(&w);
}

static void deletion_vectors_are_turned_on_and_off(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    evolve_run(&w, "f1|Name|string; f2|Amount|double");
    w.wanted = "{\"delta.enableDeletionVectors\":\"TRUE\",\"delta.checkpointInterval\":\"10\"}";
    evolve_run(&w, "f1|Name|string"); /* with a mark in the same alter */
    assert_string_equal(sl_buf_str(&w.alters), "CHANGE COLUMN;delta.enableDeletionVectors=true;");
    expect_evolution_said(&w, "deletion vectors are turned on");
    w.wanted = "{\"delta.enableDeletionVectors\":false,\"delta.checkpointInterval\":\"10\"}";
    evolve_run(&w, "f1|Name|string");
    assert_string_equal(sl_buf_str(&w.alters),
                        "SET TBLPROPERTIES;delta.enableDeletionVectors=false;");
    assert_false(w.vectors);
    evolve_end(&w);
}

static void what_cannot_change_is_said(void **state)
{
    struct evolve_world w;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|Name|string");
    w.wanted = "{\"delta.columnMapping.mode\":\"none\",\"delta.appendOnly\":\"true\"}";
    evolve_run(&w, "f1|Name|string");
    expect_evolution_said(
        &w, "table property delta.columnMapping.mode=none has no effect: the table was made "
            "with name and keeps it");
    expect_evolution_said(
        &w, "table property delta.appendOnly=true has no effect: the table was made with "
            "none and keeps it");
    assert_string_equal(sl_buf_str(&w.alters), "");
    evolve_end(&w);
}

/* ------------------------------------------------------------------ any life */

#define LIFE_IDS 8

struct life {
    uint64_t dice;
    struct {
        bool there;
        const char *name, *type;
    } fields[LIFE_IDS];
    /* (id, type) -> the physical name it landed under: for ever */
    char landed[LIFE_IDS][4][64];
};

static const char *const life_types[] = {"string", "double", "date", "struct1"};
static const char *const life_names[] = {"a",   "A",        "A b",        "a-b", "B",  "a string",
                                         "b_x", "a_double", "a b f00001", "ö",   "42", "a date"};

static size_t roll(struct life *life, size_t sides)
{
    life->dice = life->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(life->dice >> 33) % sides;
}

static void live_on(struct life *life)
{
    for (size_t n = roll(life, 4) + 1; n > 0; n--) {
        size_t i = roll(life, LIFE_IDS), k = roll(life, LIFE_IDS);
        const char *name = life->fields[i].name;

        switch (roll(life, 5)) {
        case 0: life->fields[i].there = !life->fields[i].there; break;
        case 1: life->fields[i].type = life_types[roll(life, 4)]; break;
        case 2: life->fields[i].name = life_names[roll(life, 12)]; break;
        default: /* two swap their names */
            life->fields[i].name = life->fields[k].name;
            life->fields[k].name = name;
        }
    }
    life->fields[roll(life, LIFE_IDS)].there = true;
}

static const char *physical_of(struct evolve_world *w, const char *visible)
{
    struct sl_doc *doc = sl_doc_new(0);
    const char *found = NULL;

    for (struct sl_json_each e = sl_json_each(sl_json_get(evolve_parse(doc, w->schema), "fields"));
         sl_json_next(&e);)
        if (sl_json_eq(sl_json_get(e.value, "name"), visible)) found = evolve_physical(e.value);
    if (!found) fail_msg("no column '%s'", visible);
    found = sl_arena_strdup(&w->arena, found);
    sl_doc_free(doc);
    return found;
}

/* Whatever happens in between, a field of one type is one column. */
static void check_identities(struct evolve_world *w, struct life *life)
{
    const char *filled = sl_buf_str(&w->filled);

    for (size_t i = 0; i < LIFE_IDS; i++) {
        char column[256];
        size_t type = 0;

        if (!life->fields[i].there) continue;
        filled = strchr(filled, '>') + 1;
        snprintf(column, sizeof column, "%.*s", (int)strcspn(filled, ","), filled);
        while (strcmp(life_types[type], life->fields[i].type) != 0) type++;
        if (!*life->landed[i][type])
            snprintf(life->landed[i][type], 64, "%s", physical_of(w, column));
        assert_string_equal(life->landed[i][type], physical_of(w, column));
    }
}

static void any_life_leaves_every_column_where_it_is(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct life life = {.dice = seed};
        struct evolve_world w;

        evolve_begin(&w);
        w.original = seed % 3 == 0;
        for (size_t i = 0; i < LIFE_IDS; i++) {
            life.fields[i].there = roll(&life, 2) == 0;
            life.fields[i].name = life_names[roll(&life, 12)];
            life.fields[i].type = life_types[roll(&life, 4)];
        }
        for (size_t step = 0; step < 12; step++) {
            struct sl_buf fields = {0};

            live_on(&life);
            if (roll(&life, 6) == 0) w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
            w.keep = roll(&life, 8) == 0;
            for (size_t i = 0; i < LIFE_IDS; i++)
                if (life.fields[i].there)
                    sl_buf_addf(&fields, "fld%05zu|%s|%s;", i, life.fields[i].name,
                                life.fields[i].type);
            evolve_run(&w, sl_buf_str(&fields));
            /* An upgrade keeps names as physical ones: what landed stays under them. */
            check_identities(&w, &life);
            sl_buf_release(&fields);
        }
        evolve_end(&w);
    }
}

/* ------------------------------------------------------------------ memory */

static void every_allocation_may_fail(void **state)
{
    static struct sl_column columns[8];
    struct sl_table_def def = {.name = "T", .columns = columns};
    struct evolve_world w;
    int64_t before;

    (void)state;
    evolve_begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    evolve_run(&w, "f1|A|string; f2|B|double; f3|C|date");
    evolve_run(&w, "f1|A|string; f2|B|double");
    w.wanted = "{\"delta.enableDeletionVectors\":\"true\",\"x\":\"y\"}";
    def.column_count =
        evolve_columns(&w, "f1|B|string; f2|A|string; f3|C|date; f4|D|date", columns);
    before = sl_alloc_live();
    for (int alters = 0; alters < 2; alters++) {
        struct sl_evolution evolution;

        for (int64_t n = 0;; n++) {
            struct sl_error error = {0};

            evolution = (struct sl_evolution){0};
            sl_alloc_fail_after(n);
            enum sl_code rc = evolve_plan(&w, &def, &evolution, &error);
            sl_alloc_fail_after(-1);
            if (rc == SL_OK) break;
            assert_int_equal(rc, SL_NO_MEMORY);
            sl_evolution_release(&evolution);
            assert_int_equal(sl_alloc_live(), before);
        }
        if (evolution.operation) {
            assert_int_equal(alters, 0);
            evolve_alter(&w, &evolution);
            w.wanted = NULL;
        } else {
            assert_int_equal(alters, 1);
            assert_non_null(evolution.add_columns);
        }
        sl_evolution_release(&evolution);
        before = sl_alloc_live();
    }
    evolve_end(&w);
    assert_int_equal(sl_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_field_is_a_new_column),
        cmocka_unit_test(a_gone_field_leaves_its_column_and_may_come_back),
        cmocka_unit_test(a_field_made_anew_under_an_old_name_is_another),
        cmocka_unit_test(a_source_without_fields_has_said_nothing),
        cmocka_unit_test(a_field_that_is_left_out_is_marked_too),
        cmocka_unit_test(a_plain_table_keeps_its_names),
        cmocka_unit_test(under_mapping_names_follow),
        cmocka_unit_test(three_fields_go_round),
        cmocka_unit_test(names_are_kept_where_that_is_wanted),
        cmocka_unit_test(a_name_given_by_hand_stays),
        cmocka_unit_test(original_names_follow_too),
        cmocka_unit_test(another_type_is_another_column),
        cmocka_unit_test(converted_columns_follow_their_field),
        cmocka_unit_test(types_whose_names_are_one_get_suffixes),
        cmocka_unit_test(fields_without_ids_are_their_names),
        cmocka_unit_test(latecomers_get_the_suffix),
        cmocka_unit_test(physical_names_are_given_once),
        cmocka_unit_test(thousands_of_columns),
        cmocka_unit_test(what_was_a_key_may_be_null),
        cmocka_unit_test(a_key_does_not_change_its_type),
        cmocka_unit_test(history_is_seen),
        cmocka_unit_test(mapping_is_turned_on_and_then_names_follow),
        cmocka_unit_test(deletion_vectors_are_turned_on_and_off),
        cmocka_unit_test(what_cannot_change_is_said),
        cmocka_unit_test(any_life_leaves_every_column_where_it_is),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
