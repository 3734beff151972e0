#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/frame.h"

#include <string.h>

#define GOOD(call) assert_int_equal((call), NANOARROW_OK)

/* Up to `stop` or the end, outside of <>. */
static const char *until(const char *text, char stop)
{
    int depth = 0;

    for (; *text; text++) {
        if (depth == 0 && (*text == stop || *text == '>')) return text;
        depth += (*text == '<') - (*text == '>');
    }
    return text;
}

static void set_format(struct ArrowSchema *schema, const char *format, size_t len);

static void set_members(struct ArrowSchema *schema, const char *members)
{
    int64_t count = 1, i = 0;

    for (const char *p = until(members, ','); *p == ','; p = until(p + 1, ',')) count++;
    GOOD(ArrowSchemaSetTypeStruct(schema, count));
    for (const char *p = members;; p++) {
        const char *end = until(p, ','), *colon = strchr(p, ':');
        char name[64] = "";

        memcpy(name, p, (size_t)(colon - p));
        GOOD(ArrowSchemaSetName(schema->children[i], name));
        set_format(schema->children[i++], colon + 1, (size_t)(end - colon - 1));
        p = end;
        if (*p != ',') return;
    }
}

static void set_format(struct ArrowSchema *schema, const char *format, size_t len)
{
    char flat[64] = "";

    if (strncmp(format, "s<", 2) == 0) {
        set_members(schema, format + 2);
    } else if (strncmp(format, "a<", 2) == 0) {
        GOOD(ArrowSchemaSetType(schema, NANOARROW_TYPE_LIST));
        set_format(schema->children[0], format + 2, len - 3);
    } else if (strncmp(format, "m<", 2) == 0) {
        GOOD(ArrowSchemaSetType(schema, NANOARROW_TYPE_MAP));
        GOOD(ArrowSchemaSetType(schema->children[0]->children[0], NANOARROW_TYPE_STRING));
        set_format(schema->children[0]->children[1], format + 2, len - 3);
    } else {
        memcpy(flat, format, len);
        GOOD(ArrowSchemaSetFormat(schema, flat));
    }
}

void frame_init(struct frame *frame, const char *const *formats)
{
    int64_t count = 0;

    memset(frame, 0, sizeof *frame);
    while (formats[count]) count++;
    ArrowSchemaInit(&frame->schema);
    GOOD(ArrowSchemaSetTypeStruct(&frame->schema, count));
    for (int64_t i = 0; i < count; i++) {
        struct ArrowSchema *child = frame->schema.children[i];
        const char *colon = strchr(formats[i], ':');
        char name[64] = "";

        memcpy(name, formats[i], (size_t)(colon - formats[i]));
        set_format(child, colon + 1, strlen(colon + 1));
        GOOD(ArrowSchemaSetName(child, name));
    }
    GOOD(ArrowArrayInitFromSchema(&frame->array, &frame->schema, NULL));
    GOOD(ArrowArrayStartAppending(&frame->array));
}

struct ArrowArray *frame_column(struct frame *frame, int64_t column)
{
    return frame->array.children[column];
}

void frame_add_text(struct frame *frame, int64_t column, const char *text)
{
    if (text)
        GOOD(ArrowArrayAppendString(frame_column(frame, column), ArrowCharView(text)));
    else
        frame_add_null(frame, column);
}

void frame_add_int(struct frame *frame, int64_t column, int64_t number)
{
    GOOD(ArrowArrayAppendInt(frame_column(frame, column), number));
}

void frame_add_null(struct frame *frame, int64_t column)
{
    GOOD(ArrowArrayAppendNull(frame_column(frame, column), 1));
}

void frame_end_row(struct frame *frame)
{
    GOOD(ArrowArrayFinishElement(&frame->array));
}

void frame_done(struct frame *frame)
{
    GOOD(ArrowArrayFinishBuildingDefault(&frame->array, NULL));
}

void frame_release(struct frame *frame)
{
    ArrowArrayRelease(&frame->array);
    ArrowSchemaRelease(&frame->schema);
}
