/*
 * delta_world.h: what the tests of src/delta share: a directory with an engine, batches made by
 * hand (so that nothing but the Arrow C interface is involved), and rows read back as text, one
 * line per row, values separated by '|'.
 */
#ifndef DELTA_WORLD_H
#define DELTA_WORLD_H

#include "delta/delta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { COLUMNS_MAX = 64, TEXT_MAX = 4096, PATH_MAX_LENGTH = 512 };

/* One column: values is an int64_t, double, bit or 16-byte array, or the bytes of offsets. */
struct column {
    const char *name, *format;
    const void *values;
    const int32_t *offsets; /* for "u" */
    const uint8_t *valid;   /* bits; NULL: all */
};

/* The columns stay the caller's and must outlive the batch. */
struct ArrowArray batch_of(const struct column *columns, int count, int64_t rows);
struct ArrowSchema schema_of(const struct column *columns, int count);

/* Set-up and tear-down of every test; the table's directory is not made. With SLUICE_TEST_KEEP in
 * the environment everything stays, for readers of tables to look at. */
struct world {
    char directory[PATH_MAX_LENGTH], table[PATH_MAX_LENGTH + 32];
    struct sl_delta_engine *engine;
    struct sl_error error;
};
int world_new(void **state);
int world_free(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)

/* Fails the test with the error's text. */
#define OK(world, call)                                                                            \
    do {                                                                                           \
        if ((call) != SL_OK)                                                                       \
            fail_msg("%s: %s (%s)", sl_code_name((world)->error.code), (world)->error.message,     \
                     (world)->error.hint);                                                         \
    } while (0)

#define SCHEMA(fields) "{\"type\":\"struct\",\"fields\":[" fields "]}"
#define FIELD(name, type)                                                                          \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"nullable\":true,\"metadata\":{}}"
#define TWO_FIELDS SCHEMA(FIELD("id", "long") "," FIELD("name", "string"))

/* A commit of nothing, to be filled. */
extern const struct sl_delta_commit NOTHING;

struct sl_delta_table *create(struct world *world, const char *schema);
struct sl_delta_table *open_newest(struct world *world);

/* A staged file of one batch. */
struct sl_delta_file *stage(struct world *world, struct sl_delta_table *table,
                            const struct column *columns, int count, int64_t rows,
                            const char *added);
/* Rows {first, "n<first>"}, {first + 1, ...}, ... of TWO_FIELDS: at most nine, one digit each. */
struct sl_delta_file *stage_rows(struct world *world, struct sl_delta_table *table, int64_t first,
                                 int count);
/* Commits with this file (NULL: none) and frees it; what was not committed is deleted. */
enum sl_code commit_one(struct world *world, struct sl_delta_table *table,
                        struct sl_delta_file *file, struct sl_delta_commit commit);

struct text {
    char data[TEXT_MAX];
    size_t length;
};
struct text read_stream(struct ArrowArrayStream *stream); /* and releases it */
struct text read_columns(struct world *world, struct sl_delta_table *table,
                         const char *const *columns, size_t count, int64_t limit);
struct text read_all(struct world *world, struct sl_delta_table *table);
void assert_table(struct world *world, const char *expected); /* its newest version */
struct text log_of(const struct world *world, int version);   /* the file of a version in the log */

#endif
