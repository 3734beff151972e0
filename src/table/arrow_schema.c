#include <nanoarrow/nanoarrow.h>

#include "table/cells.h"
#include "table/schema.h"

static bool set_columns(const struct sl_schema *schema, struct ArrowSchema *out)
{
    ArrowSchemaInit(out);
    if (ArrowSchemaSetFormat(out, "+s") != NANOARROW_OK ||
        ArrowSchemaAllocateChildren(out, (int64_t)schema->count) != NANOARROW_OK)
        return false;
    for (size_t i = 0; i < schema->count; i++) {
        const struct sl_schema_column *column = &schema->columns[i];

        if (!sl_cells_schema(column->type, column->name, !column->key, out->children[i]))
            return false;
    }
    return true;
}

enum sl_code sl_schema_arrow(const struct sl_schema *schema, struct ArrowSchema *out,
                             struct sl_error *error)
{
    if (set_columns(schema, out)) return SL_OK;
    ArrowSchemaRelease(out);
    return sl_fail(error, SL_NO_MEMORY, "could not describe the columns of table '%s'",
                   schema->def->name);
}
