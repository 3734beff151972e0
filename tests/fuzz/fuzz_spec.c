/*
 * Any bytes as a pipeline specification: mistakes, each with its place, or a specification in which
 * every object knows where it lands and its options are one JSON object.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "pipeline/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
    if (!truth) abort();
}

static void check_options(const char *text)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    struct sl_error error = {0};

    check(doc && text);
    check(sl_doc_parse_copy(doc, text, strlen(text), &root, &error) == SL_OK);
    check(sl_json_kind(root) == SL_JSON_OBJECT);
    sl_doc_free(doc);
}

static void check_object(const struct sl_object *object)
{
    check(object->catalog && object->catalog[0]);
    check(object->schema && object->schema[0]);
    check(!object->table || object->table[0]);
    check(object->whole_schema ? !object->source_table : object->source_table != NULL);
    check(object->pointer && object->pointer[0] == '/');
    check(!(object->config.include_columns && object->config.exclude_columns));
    check_options(object->config.options_json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sl_connector *connector = sl_connector_find("airtable");
    struct sl_spec *spec = NULL;
    struct sl_buf mistakes = {0};
    struct sl_error error = {0};
    enum sl_code rc = sl_spec_parse((const char *)data, size, connector, &spec, &mistakes, &error);

    check(connector != NULL);
    if (rc == SL_OK) {
        check(spec && spec->connection_name && spec->connection_name[0] && spec->notes);
        check(mistakes.len == 0 && spec->object_count > 0);
        for (size_t i = 0; i < spec->object_count; i++) check_object(&spec->objects[i]);
    } else {
        check(!spec && error.code == rc && error.message[0]);
        if (rc == SL_BAD_SPEC) check(mistakes.len > 0);
    }
    sl_spec_free(spec);
    sl_buf_release(&mistakes);
    check(sl_alloc_live() == 0);
    return 0;
}
