/* A table on disk over time: sl_evolve decides, Delta does it, and the rows are read again. */
#include "unit/delta_world.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "pipeline/evolve.h"
#include "table/batch.h"

#define TYPED(type_kind)                                                                           \
    {                                                                                              \
        .kind = type_kind                                                                          \
    }
#define ID_COLUMN                                                                                  \
    {                                                                                              \
        .name = "_id", .exact_name = true, .path = {"id"}, .type = TYPED(SL_TYPE_BIGINT)           \
    }
#define FIELD_OF(field_id, field_name, type_kind)                                                  \
    {                                                                                              \
        .name = field_name, .id = field_id, .path = {field_id}, .type = TYPED(type_kind)           \
    }

static const char *const key[] = {"_id", NULL};

/* What one run lands: the source's columns, and rows to append. */
struct landing {
    const struct sl_column *columns;
    size_t count;
    const char *rows;   /* a JSON array */
    const char *wanted; /* table_properties, or NULL */
};

static const struct sl_json *parse(struct sl_doc *doc, const char *text, struct sl_error *error)
{
    const struct sl_json *root = NULL;

    assert_int_equal(sl_doc_parse(doc, text, strlen(text), &root, error), SL_OK);
    return root;
}

/* Alters the table until there is nothing left to alter. */
static void evolve(struct world *world, struct sl_delta_table **table,
                   const struct sl_table_def *def, const struct sl_json *wanted,
                   struct sl_evolution *out)
{
    static const struct sl_schema_options options = {0};
    struct sl_evolve_input input = {.def = def, .options = &options, .wanted = wanted};

    for (int alters = 0;; alters++) {
        assert_true(alters <= 2);
        if (*table) {
            input.schema_json = sl_delta_schema_json(*table);
            OK(world, sl_delta_properties_json(*table, &input.properties_json, &world->error));
        }
        OK(world, sl_evolve(&input, out, &world->error));
        if (!out->operation) return;
        OK(world, sl_delta_alter(*table,
                                 &(struct sl_delta_alter){.operation = out->operation,
                                                          .schema_json = out->schema_json,
                                                          .set = out->set,
                                                          .set_count = out->set_count},
                                 &world->error));
        sl_evolution_release(out);
        sl_delta_table_free(*table);
        *table = open_newest(world);
    }
}

static struct sl_delta_table *draft(struct world *world, const struct sl_evolution *evolution,
                                    const struct sl_json *wanted)
{
    struct sl_delta_table *table = NULL;
    struct sl_pair properties[4];
    size_t count = 0;
    char *schema = NULL;

    for (struct sl_json_each e = sl_json_each(wanted); sl_json_next(&e);)
        properties[count++] = (struct sl_pair){sl_json_str(e.key), sl_json_str(e.value)};
    OK(world,
       sl_schema_delta_json(evolution->schema, evolution->physical_ids, &schema, &world->error));
    OK(world, sl_delta_draft(world->engine, world->table, schema, properties, count, &table,
                             &world->error));
    sl_free(schema);
    return table;
}

static struct sl_delta_file *write_rows(struct world *world, struct sl_delta_table *table,
                                        const struct sl_evolution *evolution,
                                        const struct sl_json *rows)
{
    struct sl_batch *batch;
    struct ArrowSchema arrow = {0};
    struct ArrowArray array = {0};
    struct sl_delta_writer *writer;
    struct sl_delta_file *file;

    OK(world, sl_batch_new(evolution->schema, NULL, &batch, &world->error));
    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);)
        OK(world, sl_batch_append(batch, NULL, e.value, NULL, 0, 0, SL_NO_TIME, &world->error));
    OK(world, sl_batch_arrow_schema(batch, &arrow, &world->error));
    OK(world, sl_batch_take(batch, &array, &world->error));
    OK(world,
       sl_delta_writer_open(table, &arrow, evolution->add_columns, NULL, &writer, &world->error));
    OK(world, sl_delta_write(writer, &array, &world->error));
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    arrow.release(&arrow);
    sl_batch_free(batch);
    return file;
}

static void land(struct world *world, const struct landing *landing)
{
    struct sl_table_def def = {.name = "T",
                               .columns = landing->columns,
                               .column_count = landing->count,
                               .primary_key = key};
    struct sl_doc *docs[2] = {sl_doc_new(0), sl_doc_new(0)};
    const struct sl_json *rows = parse(docs[0], landing->rows, &world->error);
    const struct sl_json *wanted =
        landing->wanted ? parse(docs[1], landing->wanted, &world->error) : NULL;
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_table *table = NULL;
    struct sl_evolution evolution;
    enum sl_code rc = sl_delta_open(world->engine, world->table, -1, &table, &world->error);

    assert_true(rc == SL_OK || rc == SL_NOT_FOUND);
    evolve(world, &table, &def, wanted, &evolution);
    if (!table) table = draft(world, &evolution, wanted);
    commit.add_columns_json = evolution.add_columns;
    OK(world, commit_one(world, table, write_rows(world, table, &evolution, rows), commit));
    sl_delta_table_free(table);
    sl_evolution_release(&evolution);
    sl_doc_free(docs[0]);
    sl_doc_free(docs[1]);
}

/* All rows of some columns, newest file first. */
static void expect(struct world *world, const char *const *columns, size_t count,
                   const char *expected)
{
    struct sl_delta_table *table = open_newest(world);

    assert_string_equal(read_columns(world, table, columns, count, -1).data, expected);
    sl_delta_table_free(table);
}

#define LAND(world, json, properties, ...)                                                         \
    do {                                                                                           \
        static const struct sl_column columns_[] = {ID_COLUMN, __VA_ARGS__};                       \
        land(world,                                                                                \
             &(struct landing){columns_, sizeof columns_ / sizeof *columns_, json, properties});   \
    } while (0)
#define EXPECT(world, expected, ...)                                                               \
    do {                                                                                           \
        static const char *const names_[] = {__VA_ARGS__};                                         \
        expect(world, names_, sizeof names_ / sizeof *names_, expected);                           \
    } while (0)

static void types_to_and_fro(void **state)
{
    struct world *world = *state;

    LAND(world, "[{\"id\":1,\"f1\":1.5}]", NULL, FIELD_OF("f1", "Amount", SL_TYPE_DOUBLE));
    LAND(world, "[{\"id\":2,\"f1\":\"two\"}]", NULL, FIELD_OF("f1", "Amount", SL_TYPE_STRING));
    LAND(world, "[{\"id\":3,\"f1\":3.5}]", NULL, FIELD_OF("f1", "Amount", SL_TYPE_DOUBLE));
    LAND(world, "[{\"id\":4,\"f1\":\"four\"}]", NULL, FIELD_OF("f1", "Cost", SL_TYPE_STRING));
    EXPECT(world, "4|NULL|four\n3|3.5|NULL\n2|NULL|two\n1|1.5|NULL\n", "_id", "amount",
           "amount_string");
}

static void gone_and_made_anew(void **state)
{
    struct world *world = *state;

    LAND(world, "[{\"id\":1,\"f1\":\"a\",\"fldAAAA01\":\"x\"}]", NULL,
         FIELD_OF("f1", "Name", SL_TYPE_STRING), FIELD_OF("fldAAAA01", "Note", SL_TYPE_STRING));
    LAND(world, "[{\"id\":2,\"f1\":\"b\"}]", NULL, FIELD_OF("f1", "Name", SL_TYPE_STRING));
    LAND(world, "[{\"id\":3,\"f1\":\"c\",\"fldBBBB02\":\"y\"}]", NULL,
         FIELD_OF("f1", "Name", SL_TYPE_STRING), FIELD_OF("fldBBBB02", "Note", SL_TYPE_STRING));
    EXPECT(world, "3|c|NULL|y\n2|b|NULL|NULL\n1|a|x|NULL\n", "_id", "name", "note", "note_bbbb02");
}

static void names_are_swapped_under_mapping(void **state)
{
    static const char mapping[] = "{\"delta.columnMapping.mode\":\"name\"}";
    struct world *world = *state;

    LAND(world, "[{\"id\":1,\"f1\":\"a\",\"f2\":\"b\"}]", mapping,
         FIELD_OF("f1", "Left", SL_TYPE_STRING), FIELD_OF("f2", "Right", SL_TYPE_STRING));
    LAND(world, "[{\"id\":2,\"f1\":\"a\",\"f2\":\"b\"}]", mapping,
         FIELD_OF("f1", "Right", SL_TYPE_STRING), FIELD_OF("f2", "Left", SL_TYPE_STRING));
    EXPECT(world, "2|b|a\n1|b|a\n", "_id", "left", "right");
    LAND(world, "[{\"id\":3,\"f1\":\"a\",\"f2\":4.5}]", mapping,
         FIELD_OF("f1", "Left", SL_TYPE_STRING), FIELD_OF("f2", "Right", SL_TYPE_DOUBLE));
    EXPECT(world, "3|a|NULL|4.5\n2|a|b|NULL\n1|a|b|NULL\n", "_id", "left", "right", "right_double");
}

static void mapping_is_turned_on_and_names_follow(void **state)
{
    static const char mapping[] = "{\"delta.columnMapping.mode\":\"name\","
                                  "\"delta.enableDeletionVectors\":\"true\"}";
    struct world *world = *state;

    LAND(world, "[{\"id\":1,\"f1\":\"a\",\"f2\":\"b\"}]", NULL,
         FIELD_OF("f1", "Vendor", SL_TYPE_STRING), FIELD_OF("f2", "City", SL_TYPE_STRING));
    LAND(world, "[{\"id\":2,\"f1\":\"c\",\"f2\":\"d\",\"f3\":7}]", mapping,
         FIELD_OF("f1", "Supplier", SL_TYPE_STRING), FIELD_OF("f2", "City", SL_TYPE_STRING),
         FIELD_OF("f3", "Vendor", SL_TYPE_BIGINT));
    EXPECT(world, "2|c|d|7\n1|a|b|NULL\n", "_id", "supplier", "city", "vendor");
    LAND(world, "[{\"id\":3,\"f1\":\"e\",\"f2\":\"f\",\"f3\":8}]", mapping,
         FIELD_OF("f1", "City", SL_TYPE_STRING), FIELD_OF("f2", "Vendor", SL_TYPE_STRING),
         FIELD_OF("f3", "Supplier", SL_TYPE_BIGINT));
    EXPECT(world, "3|e|f|8\n2|c|d|7\n1|a|b|NULL\n", "_id", "city", "vendor", "supplier");
}

/* What was a key takes NULL when it is gone. */
static void another_key(void **state)
{
    struct world *world = *state;

    LAND(world, "[{\"id\":1,\"f1\":\"a\"}]", NULL, FIELD_OF("f1", "Name", SL_TYPE_STRING));
    static const struct sl_column columns[] = {FIELD_OF("f1", "Name", SL_TYPE_STRING)};
    static const char *const name[] = {"Name", NULL};
    struct sl_table_def def = {.name = "T",
                               .columns = columns,
                               .column_count = 1,
                               .primary_key = name};
    struct sl_delta_table *table = open_newest(world);
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_evolution evolution;

    evolve(world, &table, &def, NULL, &evolution);
    OK(world, commit_one(world, table,
                         write_rows(world, table, &evolution,
                                    parse(doc, "[{\"f1\":\"b\"}]", &world->error)),
                         NOTHING));
    sl_delta_table_free(table);
    sl_evolution_release(&evolution);
    sl_doc_free(doc);
    EXPECT(world, "NULL|b\n1|a\n", "_id", "name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(types_to_and_fro),
        TEST(gone_and_made_anew),
        TEST(names_are_swapped_under_mapping),
        TEST(mapping_is_turned_on_and_names_follow),
        TEST(another_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
