#include "pipeline/spec_keys.h"

#include "base/buf.h"

const struct sl_spec_key sl_spec_pipeline_keys[] = {
    {.name = "name", .kind = SL_SPEC_STRING, .help = "What the pipeline is called. Required."},
    {.name = "catalog", .kind = SL_SPEC_STRING, .help = "Catalog of destinations that name none."},
    {.name = "schema", .kind = SL_SPEC_STRING, .help = "Schema of destinations that name none."},
    {.name = "target", .kind = SL_SPEC_STRING, .help = "The older word for `schema`."},
    {.name = "ingestion_definition",
     .kind = SL_SPEC_OBJECT,
     .help = "The connection and the tables. Required."},
    {.name = "configuration",
     .kind = SL_SPEC_OBJECT,
     .help = "`sluice.memory`, `sluice.max_calls_per_run`, `sluice.quota_share`: as the keys "
             "without `sluice.`, for tools that drop keys they do not know. Other entries mean "
             "nothing here."},
    {.name = "max_calls_per_run",
     .kind = SL_SPEC_ANY,
     .help = "A run that has made so many calls to the source stops with exit code 8; tables that "
             "were complete by then are committed."},
    {.name = "quota_share",
     .kind = SL_SPEC_ANY,
     .help = "Above 0, at most 1: the share of the connection's monthly quota that all runs of "
             "this pipeline together may use in a month; then exit code 8."},
    {.name = "memory",
     .kind = SL_SPEC_STRING,
     .help = "What each table's changes may take of memory before they are put on disk: `96MiB` "
             "(default), `1GiB`."},
    {.name = "development", .kind = SL_SPEC_BOOL, .ignored = true},
    {.name = "continuous",
     .kind = SL_SPEC_BOOL,
     .note_if_true = true,
     .note = "'continuous': a run reads what there is and ends. To repeat it every five minutes, a "
             "cron line: */5 * * * * sluice run NAME"},
    {.name = "serverless", .kind = SL_SPEC_BOOL, .ignored = true},
    {.name = "photon", .kind = SL_SPEC_BOOL, .ignored = true},
    {.name = "channel", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "edition", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "clusters", .kind = SL_SPEC_ARRAY, .ignored = true},
    {.name = "libraries",
     .kind = SL_SPEC_ARRAY,
     .note = "'libraries': the connectors are built in, no notebook or wheel is loaded"},
    {.name = "environment", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "root_path", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "storage",
     .kind = SL_SPEC_STRING,
     .note = "'storage': give the catalog a storage root instead: sluice catalogs create"},
    {.name = "notifications",
     .kind = SL_SPEC_ARRAY,
     .note = "'notifications': sluice sends no mail; use the exit code, for example in cron: "
             "sluice run NAME || mail -s 'sluice failed' you@example.org"},
    {.name = "trigger",
     .kind = SL_SPEC_OBJECT,
     .note = "'trigger': schedule runs with cron or a systemd timer: sluice run NAME"},
    {.name = "tags", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "run_as", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "parameters", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "event_log",
     .kind = SL_SPEC_OBJECT,
     .note = "'event_log': events are in the catalog: sluice pipelines list-pipeline-events"},
    {.name = "filters", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "deployment", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "restart_window", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "budget_policy_id", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "usage_policy_id", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "serverless_compute_id", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "id", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "dry_run", .kind = SL_SPEC_BOOL, .ignored = true},
    {.name = "allow_duplicate_names", .kind = SL_SPEC_BOOL, .ignored = true},
    {.name = "expected_last_modified", .kind = SL_SPEC_NUMBER, .ignored = true},
    {.name = "gateway_definition",
     .kind = SL_SPEC_OBJECT,
     .refused = "gateways (database change capture) are not something sluice does"},
    {0},
};

const struct sl_spec_key sl_spec_bare_keys[] = {
    {.name = "name", .kind = SL_SPEC_STRING, .help = "What the pipeline is called."},
    {.name = "catalog", .kind = SL_SPEC_STRING, .help = "Catalog of destinations that name none."},
    {.name = "schema", .kind = SL_SPEC_STRING, .help = "Schema of destinations that name none."},
    {.name = "target", .kind = SL_SPEC_STRING, .help = "The older word for `schema`."},
    {.name = "memory", .kind = SL_SPEC_STRING, .help = "As above."},
    {.name = "max_calls_per_run", .kind = SL_SPEC_ANY, .help = "As above."},
    {.name = "quota_share", .kind = SL_SPEC_ANY, .help = "As above."},
    {.name = "connection_name", .kind = SL_SPEC_STRING, .help = "The connection. Required."},
    {.name = "objects", .kind = SL_SPEC_ARRAY, .help = "What is read. Required."},
    {.name = "table_configuration", .kind = SL_SPEC_OBJECT, .help = "For all objects."},
    {0},
};

const struct sl_spec_key sl_spec_definition_keys[] = {
    {.name = "connection_name", .kind = SL_SPEC_STRING, .help = "The connection. Required."},
    {.name = "objects", .kind = SL_SPEC_ARRAY, .help = "What is read. Required."},
    {.name = "table_configuration", .kind = SL_SPEC_OBJECT, .help = "For all objects."},
    {.name = "source_type", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "connector_type", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "source_configurations", .kind = SL_SPEC_ARRAY, .ignored = true},
    {.name = "data_staging_options", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "full_refresh_window", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "netsuite_jar_path", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "ingestion_gateway_id",
     .kind = SL_SPEC_STRING,
     .refused = "gateways (database change capture) are not something sluice does"},
    {.name = "ingest_from_uc_foreign_catalog",
     .kind = SL_SPEC_BOOL,
     .refused = "foreign catalogs are not something sluice reads"},
    {0},
};

const struct sl_spec_key sl_spec_object_keys[] = {
    {.name = "table", .kind = SL_SPEC_OBJECT, .help = "One table."},
    {.name = "schema", .kind = SL_SPEC_OBJECT, .help = "All tables of a namespace (a base, ...)."},
    {.name = "report", .kind = SL_SPEC_OBJECT, .refused = "reports are not something sluice reads"},
    {0},
};

const struct sl_spec_key sl_spec_table_keys[] = {
    {.name = "source_catalog", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "source_schema",
     .kind = SL_SPEC_STRING,
     .help = "Namespace of the source (a base's id or name). Not needed where there is one."},
    {.name = "source_table",
     .kind = SL_SPEC_STRING,
     .help = "Name or id of the table in the source. Required."},
    {.name = "destination_catalog", .kind = SL_SPEC_STRING, .help = "Default: the pipeline's."},
    {.name = "destination_schema",
     .kind = SL_SPEC_STRING,
     .help = "Default: the pipeline's. `{namespace}` in it: see Namespaces."},
    {.name = "destination_table",
     .kind = SL_SPEC_STRING,
     .help = "Default: the source's name in snake_case. `{namespace}` in it: see Namespaces."},
    {.name = "table_configuration", .kind = SL_SPEC_OBJECT, .help = "See below."},
    {.name = "connector_options",
     .kind = SL_SPEC_OBJECT,
     .help = "`community_connector_options.options`: table options of the connector."},
    {0},
};

const struct sl_spec_key sl_spec_schema_keys[] = {
    {.name = "source_catalog", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "source_schema",
     .kind = SL_SPEC_STRING,
     .help = "Namespace of the source (a base's id or name). Default: all that there are."},
    {.name = "destination_catalog", .kind = SL_SPEC_STRING, .help = "Default: the pipeline's."},
    {.name = "destination_schema",
     .kind = SL_SPEC_STRING,
     .help = "Default: the pipeline's. `{namespace}` in it: see Namespaces."},
    {.name = "table_configuration", .kind = SL_SPEC_OBJECT, .help = "See below."},
    {.name = "connector_options",
     .kind = SL_SPEC_OBJECT,
     .help = "`community_connector_options.options`: table options of the connector."},
    {.name = "fanout_options", .kind = SL_SPEC_OBJECT, .ignored = true},
    {0},
};

const struct sl_spec_key sl_spec_config_keys[] = {
    {.name = "scd_type",
     .kind = SL_SPEC_STRING,
     .help = "`SCD_TYPE_1` (default where there is a key), `SCD_TYPE_2` (history) or "
             "`APPEND_ONLY`."},
    {.name = "primary_keys", .kind = SL_SPEC_STRINGS, .help = "Instead of the source's key."},
    {.name = "sequence_by",
     .kind = SL_SPEC_STRINGS,
     .help = "What orders the changes of a row: one column, or several compared one after the "
             "other; at most 8. Default: the source's own version of a row where it has one, else "
             "the order in which changes are seen."},
    {.name = "include_columns",
     .kind = SL_SPEC_STRINGS,
     .help = "Only these columns: names as in the source, visible names, or ids."},
    {.name = "exclude_columns", .kind = SL_SPEC_STRINGS, .help = "All columns but these."},
    {.name = "table_properties",
     .kind = SL_SPEC_OBJECT,
     .help = "Delta table properties, and `sluice.<option>` for any option of the connector and "
             "for the keys marked *own* here."},
    {.name = "column_names",
     .kind = SL_SPEC_STRING,
     .own = true,
     .help = "`snake_case` (default) or `original`."},
    {.name = "track_history_columns",
     .kind = SL_SPEC_STRINGS,
     .own = true,
     .help = "`SCD_TYPE_2`: only a change of these opens a new version; another one changes the "
             "open version. Default: all columns."},
    {.name = "ignore_null_updates",
     .kind = SL_SPEC_BOOL,
     .own = true,
     .help = "`SCD_TYPE_1` without a sequence: NULL in an update keeps the value that is there."},
    {.name = "on_rename",
     .kind = SL_SPEC_STRING,
     .own = true,
     .help = "A field renamed in the source: `follow` (default) renames its column where column "
             "mapping is on (`delta.columnMapping.mode=name`); `keep` never does."},
    {.name = "reconcile_every",
     .kind = SL_SPEC_STRING,
     .own = true,
     .help = "A complete read at the latest after this time: `1d`, `12h`, `30m`, `2w`, or `never`. "
             "Default: what the connector thinks right."},
    {.name = "tombstone_retention",
     .kind = SL_SPEC_STRING,
     .own = true,
     .help = "How long deletes are remembered, against changes that come late: `7d` (default), "
             "`12h`, `4w`."},
    {.name = "row_filter",
     .kind = SL_SPEC_STRING,
     .refused = "no connector can push an SQL predicate to its source yet; Airtable has the table "
                "options 'filter' and 'view'"},
    {.name = "clustering_columns",
     .kind = SL_SPEC_STRINGS,
     .note = "'clustering_columns' has no effect yet"},
    {.name = "enable_auto_clustering", .kind = SL_SPEC_BOOL, .ignored = true},
    {.name = "auto_full_refresh_policy", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "query_based_connector_config", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "salesforce_include_formula_fields", .kind = SL_SPEC_BOOL, .ignored = true},
    {.name = "source_metadata_column", .kind = SL_SPEC_STRING, .ignored = true},
    {.name = "workday_report_parameters", .kind = SL_SPEC_OBJECT, .ignored = true},
    {.name = "storage_mode", .kind = SL_SPEC_STRING, .ignored = true},
    {0},
};

static void print_keys(struct sl_buf *out, const char *title, const struct sl_spec_key *keys)
{
    static const char *const kinds[] = {"string", "boolean",          "number", "object",
                                        "array",  "array of strings", "any"};

    sl_buf_addf(out, "\n## %s\n\n| key | type | here |\n|---|---|---|\n", title);
    for (; keys->name; keys++)
        sl_buf_addf(out, "| `%s`%s | %s | %s%s |\n", keys->name, keys->own ? " *own*" : "",
                    kinds[keys->kind],
                    keys->refused ? "Refused: "
                    : keys->note  ? "Noted: "
                                  : "",
                    keys->help      ? keys->help
                    : keys->refused ? keys->refused
                    : keys->ignored ? "Kept; means nothing here."
                                    : keys->note);
}

static void print_namespaces(struct sl_buf *out)
{
    sl_buf_adds(
        out,
        "\n## Namespaces\n\n"
        "A source may hold its tables in several places: Airtable bases, owners, projects. `sluice "
        "discover CONNECTION` lists them with the number of their tables, `--namespace NAME` one "
        "of "
        "them. `source_schema` takes the id or the name. A table object needs it only where "
        "several "
        "namespaces have a table of that name; a schema object without it takes the tables of all "
        "namespaces there are, also of those that are new at a later run.\n\n"
        "```json\n"
        "{\"schema\": {\"destination_catalog\": \"main\", \"destination_schema\": "
        "\"bronze_{namespace}\"}}\n"
        "```\n\n"
        "`{namespace}` in `destination_schema` (the pipeline's `schema` and `target` too) and in "
        "`destination_table` is the namespace's name in snake_case: the tables of the bases "
        "'Sales' "
        "and 'Field Service' land in `main.bronze_sales` and `main.bronze_field_service`. Two "
        "namespaces whose names become the same get the last six letters of their ids behind it. A "
        "name is given once: when a namespace is renamed in the source, its tables stay where they "
        "are, and new ones come beside them. Another text in the specification is another place: "
        "the tables are read anew into it, and those at the old place stay.\n\n"
        "Without `{namespace}` the tables of all namespaces of an object share one schema; tables "
        "whose names become the same get the last six letters of their ids, and where the source "
        "has no ids, the second one is refused.\n");
}

void sl_spec_keys_print(struct sl_buf *out)
{
    sl_buf_adds(out,
                "# The pipeline specification\n\n"
                "Printed by `sluice docs pipeline-spec`. A specification is the JSON one gives "
                "to `databricks pipelines create --json`, or the bare form below. Keys that "
                "mean something elsewhere but nothing here are kept, and named in one note; "
                "any other key is an error.\n");
    print_keys(out, "The pipeline", sl_spec_pipeline_keys);
    print_keys(out, "ingestion_definition", sl_spec_definition_keys);
    print_keys(out, "The bare form", sl_spec_bare_keys);
    print_keys(out, "objects[]", sl_spec_object_keys);
    print_keys(out, "objects[].table", sl_spec_table_keys);
    print_keys(out, "objects[].schema", sl_spec_schema_keys);
    print_keys(out, "table_configuration", sl_spec_config_keys);
    print_namespaces(out);
}
