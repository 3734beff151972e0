/*
 * schema.c: a field of Airtable becomes a column.
 *
 * Airtable's types are few in shape: a cell holds one thing of a kind, or an array of them. The
 * declared type describes the field, not each cell: every computed cell may hold an error or
 * another shape, which the decoder deals with cell by cell.
 */
#include "airtable.h"

#include <string.h>

#define DEPTH_MAX 5 /* a lookup of a lookup of ... */

enum cell {
    CELL_TEXT,
    CELL_NUMBER,
    CELL_INTEGER,
    CELL_TRUTH,
    CELL_DATE,
    CELL_TIME,
    CELL_PERSON,
    CELL_FILE,
    CELL_BARCODE,
    CELL_BUTTON,
    CELL_AI_TEXT,
    CELL_ANY, /* unknown: its JSON text */
};

/* clang-format off */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SCALAR(k) {.kind = SL_TYPE_##k}
#define STRUCT_OF(array) {.kind = SL_TYPE_STRUCT, .member_count = COUNT(array), .members = (array)}
/* clang-format on */

static const struct sl_member person[] = {
    {.name = "id", .type = SCALAR(STRING)},
    {.name = "email", .type = SCALAR(STRING)},
    {.name = "name", .type = SCALAR(STRING)},
};

static const struct sl_member thumbnail[] = {
    {.name = "url", .type = SCALAR(STRING), .fleeting = true},
    {.name = "width", .type = SCALAR(BIGINT)},
    {.name = "height", .type = SCALAR(BIGINT)},
};

static const struct sl_member thumbnails[] = {
    {.name = "small", .type = STRUCT_OF(thumbnail)},
    {.name = "large", .type = STRUCT_OF(thumbnail)},
    {.name = "full", .type = STRUCT_OF(thumbnail)},
};

/* Links die after two hours and are new in every listing: they are no change of the row. */
static const struct sl_member file[] = {
    {.name = "id", .type = SCALAR(STRING)},
    {.name = "url", .type = SCALAR(STRING), .fleeting = true},
    {.name = "filename", .type = SCALAR(STRING)},
    {.name = "size", .type = SCALAR(BIGINT)},
    {.name = "type", .type = SCALAR(STRING)},
    {.name = "width", .type = SCALAR(BIGINT)},
    {.name = "height", .type = SCALAR(BIGINT)},
    {.name = "thumbnails", .type = STRUCT_OF(thumbnails)},
};

static const struct sl_member barcode[] = {
    {.name = "text", .type = SCALAR(STRING)},
    {.name = "type", .type = SCALAR(STRING)},
};

static const struct sl_member button[] = {
    {.name = "label", .type = SCALAR(STRING)},
    {.name = "url", .type = SCALAR(STRING)},
};

static const struct sl_member ai_text[] = {
    {.name = "state", .type = SCALAR(STRING)},
    {.name = "isStale", .type = SCALAR(BOOLEAN)},
    {.name = "value", .type = SCALAR(STRING)},
    {.name = "errorType", .type = SCALAR(STRING)},
};

/* By cell: as an element of an array, of which .type is also the type on its own. */
static const struct sl_member element[] = {
    [CELL_TEXT] = {.name = "element", .type = SCALAR(STRING)},
    [CELL_NUMBER] = {.name = "element", .type = SCALAR(DOUBLE)},
    [CELL_INTEGER] = {.name = "element", .type = SCALAR(BIGINT)},
    [CELL_TRUTH] = {.name = "element", .type = SCALAR(BOOLEAN)},
    [CELL_DATE] = {.name = "element", .type = SCALAR(DATE)},
    [CELL_TIME] = {.name = "element", .type = SCALAR(TIMESTAMP)},
    [CELL_PERSON] = {.name = "element", .type = STRUCT_OF(person)},
    [CELL_FILE] = {.name = "element", .type = STRUCT_OF(file)},
    [CELL_BARCODE] = {.name = "element", .type = STRUCT_OF(barcode)},
    [CELL_BUTTON] = {.name = "element", .type = STRUCT_OF(button)},
    [CELL_AI_TEXT] = {.name = "element", .type = STRUCT_OF(ai_text)},
    [CELL_ANY] = {.name = "element", .type = SCALAR(STRING)},
};

/* What a field's cells hold. */
struct shape {
    enum cell cell;
    bool many;     /* an array of them */
    bool computed; /* by Airtable: more forms can occur */
};

static const struct {
    const char *type; /* Airtable's word */
    struct shape shape;
} plain[] = {
    {"singleLineText", {CELL_TEXT, false, false}},
    {"multilineText", {CELL_TEXT, false, false}},
    {"richText", {CELL_TEXT, false, false}},
    {"simpleText", {CELL_TEXT, false, false}},
    {"email", {CELL_TEXT, false, false}},
    {"url", {CELL_TEXT, false, false}},
    {"phoneNumber", {CELL_TEXT, false, false}},
    {"singleSelect", {CELL_TEXT, false, false}},
    {"externalSyncSource", {CELL_TEXT, false, false}},
    {"manualSort", {CELL_TEXT, false, false}},
    {"multipleSelects", {CELL_TEXT, true, false}},
    {"multipleRecordLinks", {CELL_TEXT, true, false}},
    {"number", {CELL_NUMBER, false, false}},
    {"percent", {CELL_NUMBER, false, false}},
    {"currency", {CELL_NUMBER, false, false}},
    {"duration", {CELL_NUMBER, false, false}},
    {"rating", {CELL_INTEGER, false, false}},
    {"count", {CELL_INTEGER, false, false}},
    {"autoNumber", {CELL_INTEGER, false, false}},
    {"checkbox", {CELL_TRUTH, false, false}},
    {"date", {CELL_DATE, false, false}},
    {"dateTime", {CELL_TIME, false, false}},
    {"singleCollaborator", {CELL_PERSON, false, false}},
    {"createdBy", {CELL_PERSON, false, false}},
    {"lastModifiedBy", {CELL_PERSON, false, false}},
    {"multipleCollaborators", {CELL_PERSON, true, false}},
    {"multipleAttachments", {CELL_FILE, true, false}},
    {"barcode", {CELL_BARCODE, false, false}},
    {"button", {CELL_BUTTON, false, false}},
    {"aiText", {CELL_AI_TEXT, false, false}},
};

/* The shape of a field's configuration: {"type", "options"?}; results of computed fields are such
 * configurations too. A type that nobody knows yet is CELL_ANY, never an error. */
static struct shape shape_of(const struct airtable *self, const struct sl_json *config, int depth)
{
    const struct shape any = {CELL_ANY, false, false};
    const struct sl_json *type = sl_json_get(config, "type");
    const struct sl_json *options = sl_json_get(config, "options");
    const struct sl_json *result = sl_json_get(options, "result");
    const struct sl_json *valid = sl_json_get(options, "isValid");
    bool lookup = sl_json_eq(type, "multipleLookupValues") || sl_json_eq(type, "lookup");
    bool formula = sl_json_eq(type, "formula") || sl_json_eq(type, "rollup");

    if (sl_json_eq(type, "createdTime") || sl_json_eq(type, "lastModifiedTime")) {
        bool date = sl_json_eq(sl_json_get(result, "type"), "date");
        return (struct shape){date ? CELL_DATE : CELL_TIME, false, false};
    }
    if (lookup || formula) {
        bool broken = sl_json_kind(valid) == SL_JSON_BOOL && !sl_json_true(valid);
        if (self->computed_as_string || broken || depth >= DEPTH_MAX) return any;
        if (sl_json_kind(result) != SL_JSON_OBJECT) return any;
        struct shape shape = shape_of(self, result, depth + 1);
        shape.computed = true;
        /* A lookup of arrays is one flat array. */
        if (lookup && shape.cell != CELL_ANY) shape.many = true;
        return shape;
    }
    for (size_t i = 0; i < COUNT(plain); i++)
        if (sl_json_eq(type, plain[i].type)) return plain[i].shape;
    return any;
}

enum sl_code airtable_column(const struct airtable *self, const struct sl_json *field,
                             struct sl_column *out, struct sl_error *error)
{
    const char *id = sl_json_str(sl_json_get(field, "id"));
    const char *name = sl_json_str(sl_json_get(field, "name"));
    const char *type = sl_json_str(sl_json_get(field, "type"));
    struct shape shape = shape_of(self, field, 0);

    if (!id || !*id) return sl_fail(error, SL_BAD_DATA, "a field of the schema has no id");
    *out = (struct sl_column){
        .name = name && *name ? name : id,
        .id = id,
        .source_type = type,
        .comment = sl_json_str(sl_json_get(field, "description")),
        .path = {"fields", id},
        .type = element[shape.cell].type,
        .missing_is_false = shape.cell == CELL_TRUTH && !shape.many,
        .fleeting = type && strcmp(type, "manualSort") == 0, /* rows moved by hand */
    };
    if (shape.cell == CELL_ANY) out->decode = SL_DECODE_JSON;
    if (shape.many) {
        out->type = (struct sl_type){.kind = SL_TYPE_ARRAY,
                                     .member_count = 1,
                                     .members = &element[shape.cell]};
        if (shape.computed) out->decode = SL_DECODE_ONE_OR_ARRAY;
    }
    return SL_OK;
}

/* ---- comments ---- */

const struct sl_column airtable_comment_columns[] = {
    {.name = "_airtable_id",
     .exact_name = true,
     .path = {"id"},
     .type = SCALAR(STRING),
     .not_null = true,
     .comment = "Id of the comment."},
    {.name = "_airtable_record_id",
     .exact_name = true,
     .type = SCALAR(STRING),
     .constant = true,
     .comment = "Id of the record that it belongs to."},
    {.name = "text", .path = {"text"}, .type = SCALAR(STRING)},
    {.name = "created_time", .path = {"createdTime"}, .type = SCALAR(TIMESTAMP)},
    {.name = "last_updated_time", .path = {"lastUpdatedTime"}, .type = SCALAR(TIMESTAMP)},
    {.name = "author", .path = {"author"}, .type = STRUCT_OF(person)},
    {.name = "parent_comment_id", .path = {"parentCommentId"}, .type = SCALAR(STRING)},
    {.name = "mentioned", .path = {"mentioned"}, .type = SCALAR(STRING), .decode = SL_DECODE_JSON},
    {.name = "reactions", .path = {"reactions"}, .type = SCALAR(STRING), .decode = SL_DECODE_JSON},
    {.name = "attachments",
     .path = {"attachments"},
     .type = SCALAR(STRING),
     .decode = SL_DECODE_JSON,
     .fleeting = true},
};
const size_t airtable_comment_column_count = COUNT(airtable_comment_columns);
