/* demo_airtable.c: the story of a base in two acts: what is landed, and what happens when it changes. */
#include "cli/demo.h"

#define CONNECTION "airtable"
#define PIPELINE "airtable_launch_control"
#define HISTORY_PIPELINE "airtable_vendor_history"
#define TABLE "main.bronze.bronze_vendors"
#define HISTORY_TABLE "main.bronze.bronze_vendors_history"

/* ---- the first act ---- */

static enum sl_code connect_it(struct demo *demo, struct sl_error *error)
{
    demo_title(demo, "A connection: where the data is, and the token to read it");
    return demo_connect(demo, error);
}

static enum sl_code plan_it(struct demo *demo, struct sl_error *error)
{
    demo_title(demo, "Two pipelines: six tables as they are now, and the history of one of them");
    enum sl_code rc = demo_pipeline(demo, "pipeline.json", error);
    return rc ? rc : demo_pipeline(demo, "history.json", error);
}

static enum sl_code run_it(struct demo *demo, struct sl_error *error)
{
    demo_title(demo, "The run, and its event log as it grows");
    enum sl_code rc = demo_step(demo, error, "run", PIPELINE, "--events", (char *)NULL);
    return rc ? rc : demo_step(demo, error, "run", HISTORY_PIPELINE, "--quiet", (char *)NULL);
}

static enum sl_code show_it(struct demo *demo, struct sl_error *error)
{
    demo_title(demo, "The catalog: what was landed");
    enum sl_code rc = demo_step(demo, error, "catalogs", "list", (char *)NULL);
    if (!rc) rc = demo_step(demo, error, "schemas", "list", "main", (char *)NULL);
    if (!rc) rc = demo_step(demo, error, "tables", "list", "main.bronze", (char *)NULL);
    if (!rc)
        rc = demo_step(demo, error, "tables", "preview", TABLE, "--limit", "5", "--columns",
                       "vendor,country,spend,score,active,sku_count,since", (char *)NULL);
    if (!rc) rc = demo_step(demo, error, "sql", "DESCRIBE CONNECTION " CONNECTION, (char *)NULL);
    return rc;
}

/* ---- the second act ---- */

/* What somebody does in the base between two runs: in words, and for the simulator. */
static const struct {
    const char *words, *op;
} changes[] = {
    {"The spend of two vendors is corrected",
     "{\"ops\":[{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":4,\"fields\":{\"Spend\":1200.5}},"
     "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":11,\"fields\":{\"Spend\":980}}]}"},
    {"A new vendor is entered", "{\"op\":\"create\",\"table\":\"Vendors\"}"},
    {"Another one is deleted", "{\"op\":\"delete\",\"table\":\"Vendors\",\"record\":30}"},
    {"The field 'Country' is now called 'Country of Origin'",
     "{\"op\":\"rename_field\",\"table\":\"Vendors\",\"field\":\"Country\","
     "\"to\":\"Country of Origin\"}"},
    {"Packaging Tasks get a field 'Carrier'",
     "{\"op\":\"add_field\",\"table\":\"Packaging Tasks\",\"name\":\"Carrier\","
     "\"type\":\"singleLineText\"}"},
    {"Three packaging tasks are edited",
     "{\"op\":\"edit\",\"table\":\"Packaging Tasks\",\"count\":3}"},
};

static enum sl_code change_it(struct demo *demo, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    demo_title(demo, "People work in the base");
    for (size_t i = 0; !rc && i < sizeof changes / sizeof *changes; i++) {
        printf("  - %s\n", changes[i].words);
        rc = sim_control(demo->sim, changes[i].op, error);
    }
    return rc;
}

static enum sl_code run_again(struct demo *demo, struct sl_error *error)
{
    demo_title(demo, "The second run takes what changed, and nothing else");
    enum sl_code rc = demo_step(demo, error, "run", PIPELINE, "--quiet", (char *)NULL);
    if (!rc) {
        printf("A field that was renamed keeps its column. A table with a new field is read in "
               "full, because a\nsource fills fields without touching the records. The others took "
               "two calls: one finds out, once,\nthat the filter can be relied on. From now on it "
               "is one call a table, whatever its size:\n");
        rc = demo_step(demo, error, "run", PIPELINE, "--quiet", (char *)NULL);
    }
    if (!rc) {
        printf("What that costs in a month:\n");
        rc = demo_step(demo, error, "plan", PIPELINE, "--every", "15m", (char *)NULL);
    }
    if (!rc) {
        printf("Where a table stands is in the table itself:\n");
        rc = demo_step(demo, error, "cursor", "show", TABLE, (char *)NULL);
    }
    if (rc) return rc;
    demo_title(demo, "Deletes: Airtable does not tell them, so a complete read does, once a day");
    rc = demo_step(demo, error, "verify", TABLE, "--quiet", (char *)NULL);
    if (rc == SL_PARTIAL) {
        printf("exit code 1: %s\n", error->message);
        *error = (struct sl_error){0};
        rc = demo_step(demo, error, "run", PIPELINE, "--reconcile", "--refresh", "bronze_vendors",
                       "--quiet", (char *)NULL);
    }
    if (!rc) rc = demo_step(demo, error, "tables", "history", TABLE, (char *)NULL);
    return rc;
}

static enum sl_code show_history(struct demo *demo, struct sl_error *error)
{
    demo_title(demo, "History: what a vendor was, and is (SCD_TYPE_2)");
    enum sl_code rc =
        demo_step(demo, error, "run", HISTORY_PIPELINE, "--reconcile", "--quiet", (char *)NULL);
    if (!rc)
        rc = demo_step(demo, error, "sql",
                       "SELECT vendor, spend, __START_AT, __END_AT FROM " HISTORY_TABLE
                       " WHERE _airtable_id IN (SELECT _airtable_id FROM " HISTORY_TABLE
                       " WHERE __END_AT IS NOT NULL) ORDER BY _airtable_id, __START_AT",
                       (char *)NULL);
    return rc;
}

enum sl_code demo_airtable(struct demo *demo, struct sl_error *error)
{
    enum sl_code rc =
        demo_open(demo, "A simulated Airtable base on loopback, with Airtable's own limits", error);

    if (!rc) rc = connect_it(demo, error);
    if (!rc) rc = plan_it(demo, error);
    if (!rc) rc = run_it(demo, error);
    if (!rc) rc = show_it(demo, error);
    if (!rc) rc = change_it(demo, error);
    if (!rc) rc = run_again(demo, error);
    if (!rc) rc = show_history(demo, error);
    return rc ? rc : demo_snippets(demo, "main", "bronze", "bronze_vendors", error);
}
