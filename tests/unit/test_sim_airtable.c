/* The Airtable simulator answers as the API does. */
#include "test_sim_client.h"

#include <stdlib.h>

static void open_demo(struct client *client)
{
    client_open(client, "airtable", &(struct sim_options){.rate = -1, .seed = 1});
}

/* How many records a listing has over all its pages; the offsets are followed. */
static int count_all(struct client *client, const char *table, const char *parameters)
{
    char offset[100] = "";
    int count = 0;

    for (int page = 0; page < 100; page++) {
        if (client_get(client, "/v0/%s/%s?%s%s%s", client->base, table, parameters,
                       offset[0] ? "&offset=" : "", offset) != 200)
            fail_msg("%s: %d %s", parameters, client->status, client->body.data);
        count += (int)sl_json_len(sl_json_get(client->json, "records"));
        const char *next = sl_json_str(sl_json_get(client->json, "offset"));

        if (!next) return count;
        assert_int_equal(strncmp(next, "itr", 3), 0);
        assert_true(next[17] == '/' && strlen(next) == 35);
        snprintf(offset, sizeof offset, "%.17s%%2F%s", next, next + 18);
    }
    fail_msg("no end");
    return -1;
}

static const struct sl_json *record(const struct client *client, int i)
{
    struct sl_json_each each = sl_json_each(sl_json_get(client->json, "records"));

    while (sl_json_next(&each))
        if (i-- == 0) return each.value;
    return NULL;
}

static const struct sl_json *field(const struct client *client, int i, const char *name)
{
    return sl_json_get(sl_json_get(record(client, i), "fields"), name);
}

/* ------------------------------------------------------------------ the demo's base */

static void the_base_has_every_type(void **state)
{
    static const char *const types[] = {"singleLineText",
                                        "multilineText",
                                        "richText",
                                        "email",
                                        "url",
                                        "phoneNumber",
                                        "singleSelect",
                                        "multipleSelects",
                                        "externalSyncSource",
                                        "singleCollaborator",
                                        "multipleCollaborators",
                                        "createdBy",
                                        "lastModifiedBy",
                                        "number",
                                        "percent",
                                        "currency",
                                        "duration",
                                        "rating",
                                        "count",
                                        "autoNumber",
                                        "checkbox",
                                        "date",
                                        "dateTime",
                                        "createdTime",
                                        "lastModifiedTime",
                                        "multipleRecordLinks",
                                        "multipleAttachments",
                                        "barcode",
                                        "button",
                                        "formula",
                                        "rollup",
                                        "multipleLookupValues",
                                        "lookup",
                                        "aiText",
                                        "manualSort",
                                        "simpleText",
                                        "approvalFlow"};
    struct client client;
    bool seen[sizeof types / sizeof *types] = {false};

    (void)state;
    open_demo(&client);
    assert_int_equal(client_get(&client, "/v0/meta/bases/%s/tables", client.base), 200);
    struct sl_json_each tables = sl_json_each(sl_json_get(client.json, "tables"));

    assert_int_equal(tables.left, 6);
    while (sl_json_next(&tables)) {
        struct sl_json_each fields = sl_json_each(sl_json_get(tables.value, "fields"));
        const char *primary = sl_json_str(sl_json_get(tables.value, "primaryFieldId"));
        bool first = true;

        while (sl_json_next(&fields)) {
            const char *id = sl_json_str(sl_json_get(fields.value, "id"));

            assert_true(strncmp(id, "fld", 3) == 0 && strlen(id) == 17);
            if (first) assert_string_equal(id, primary);
            first = false;
            for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                seen[i] = seen[i] || sl_json_eq(sl_json_get(fields.value, "type"), types[i]);
        }
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!seen[i]) fail_msg("no field of type %s", types[i]);
    client_close(&client);
}

static void all_pages_are_the_truth(void **state)
{
    static const struct {
        const char *table;
        int records;
    } tables[] = {{"SKU%20Candidates", 240},     {"Launch%20Milestones", 180},
                  {"Compliance%20Records", 160}, {"Packaging%20Tasks", 200},
                  {"Marketing%20Assets", 150},   {"Vendors", 90}};
    struct client client;

    (void)state;
    open_demo(&client);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(count_all(&client, tables[i].table, ""), tables[i].records);
        assert_int_equal(count_all(&client, tables[i].table, "pageSize=7"), tables[i].records);
        assert_int_equal(client_get(&client, "/_sim/truth?table=%s", tables[i].table), 200);
        assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), tables[i].records);
    }
    client_close(&client);
}

static void the_same_seed_is_the_same_base(void **state)
{
    struct client one, same, other;

    (void)state;
    open_demo(&one);
    open_demo(&same);
    client_open(&other, "airtable", &(struct sim_options){.rate = -1, .seed = 2});
    client_get(&one, "/_sim/truth?table=Packaging%%20Tasks");
    client_get(&same, "/_sim/truth?table=Packaging%%20Tasks");
    client_get(&other, "/_sim/truth?table=Packaging%%20Tasks");
    assert_string_equal(one.body.data, same.body.data);
    assert_string_not_equal(one.body.data, other.body.data);
    assert_string_equal(one.base, other.base); /* ids of base, tables and fields are fixed */
    client_close(&one);
    client_close(&same);
    client_close(&other);
}

static void links_point_both_ways(void **state)
{
    struct client client;
    char id[32];
    int links = 0;

    (void)state;
    open_demo(&client);
    client_get(&client, "/v0/%s/Vendors?fields%%5B%%5D=SKUs&pageSize=1", client.base);
    snprintf(id, sizeof id, "%s", sl_json_str(sl_json_get(record(&client, 0), "id")));
    size_t mirrored = sl_json_len(field(&client, 0, "SKUs"));

    assert_true(mirrored > 0);
    client_get(&client, "/_sim/truth?table=SKU%%20Candidates");
    struct sl_json_each records = sl_json_each(sl_json_get(client.json, "records"));

    while (sl_json_next(&records)) {
        struct sl_json_each cells = sl_json_each(sl_json_get(records.value, "fields"));

        while (sl_json_next(&cells)) {
            struct sl_json_each list = sl_json_each(cells.value);

            while (!list.object && sl_json_next(&list)) links += sl_json_eq(list.value, id);
        }
    }
    assert_int_equal(links, mirrored);
    client_close(&client);
}

/* ------------------------------------------------------------------ listing */

static void get_and_post_answer_alike(void **state)
{
    struct client client;
    char target[100], *by_get;

    (void)state;
    open_demo(&client);
    client_get(&client,
               "/v0/%s/Vendors?pageSize=5&returnFieldsByFieldId=1&fields%%5B%%5D=Vendor"
               "&fields%%5B%%5D=Score&recordMetadata%%5B%%5D=commentCount"
               "&sort%%5B0%%5D%%5Bfield%%5D=Score&sort%%5B0%%5D%%5Bdirection%%5D=desc",
               client.base);
    assert_int_equal(client.status, 200);
    by_get = sl_strdup(client.body.data);
    assert_int_equal(strncmp(by_get, "{\"records\":[{\"id\":\"rec", 21), 0);
    assert_non_null(strstr(by_get, "\"commentCount\":"));
    assert_non_null(strstr(by_get, "{\"fld"));
    snprintf(target, sizeof target, "/v0/%s/Vendors/listRecords", client.base);
    client_ask(&client, "POST", target,
               "{\"pageSize\":5,\"returnFieldsByFieldId\":true,\"fields\":[\"Vendor\",\"Score\"],"
               "\"recordMetadata\":[\"commentCount\"],"
               "\"sort\":[{\"field\":\"Score\",\"direction\":\"desc\"}]}");
    assert_int_equal(client.status, 200);
    *strstr(by_get, "\"offset\"") = '\0'; /* iterators differ */
    *strstr(client.body.data, "\"offset\"") = '\0';
    assert_string_equal(client.body.data, by_get);
    sl_free(by_get);
    client_close(&client);
}

static void empty_cells_are_left_out_and_zero_is_not(void **state)
{
    struct client client;
    bool zero = false, blank = false, lone_space = false;

    (void)state;
    open_demo(&client);
    client_get(&client, "/_sim/truth?table=SKU%%20Candidates");
    const char *shown = strstr(client.body.data, "\"records\":[");

    assert_null(strstr(shown, "\":\"\","));
    assert_null(strstr(shown, ":false,"));
    assert_null(strstr(shown, ":[],"));
    zero = strstr(shown, "\":0,") != NULL;
    lone_space = strstr(shown, "\":\" \"") != NULL;
    struct sl_json_each records = sl_json_each(sl_json_get(client.json, "records"));

    while (sl_json_next(&records))
        blank = blank || sl_json_len(sl_json_get(records.value, "fields")) < 12;
    assert_true(zero && lone_space && blank);
    client_close(&client);
}

static void awkward_values_are_there(void **state)
{
    static const char *const all[] = {"{\"specialValue\":\"NaN\"}",
                                      "{\"specialValue\":\"Infinity\"}",
                                      "{\"error\":\"#ERROR!\"}",
                                      "9007199254740993",
                                      "\\ud83d\"",
                                      "1.5e+21",
                                      "12345678901234567890",
                                      "🎉",
                                      "eu, west",
                                      ":-0,",
                                      "circular reference"};
    struct client client;
    struct sl_buf everything = {0};

    (void)state;
    open_demo(&client);
    for (int i = 0; i < 6; i++) {
        static const char *const tables[] = {"SKU%20Candidates",     "Launch%20Milestones",
                                             "Compliance%20Records", "Packaging%20Tasks",
                                             "Marketing%20Assets",   "Vendors"};

        client_get(&client, "/_sim/truth?table=%s", tables[i]);
        assert_non_null(client.json);
        sl_buf_adds(&everything, client.body.data);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strstr(everything.data, all[i])) fail_msg("nowhere: %s", all[i]);
    sl_buf_release(&everything);
    client_close(&client);
}

static void attachments_have_another_url_each_time(void **state)
{
    struct client client;
    char *first;

    (void)state;
    open_demo(&client);
    client_get(&client, "/v0/%s/Vendors?fields%%5B%%5D=Contracts", client.base);
    first = sl_strdup(client.body.data);
    client_get(&client, "/v0/%s/Vendors?fields%%5B%%5D=Contracts", client.base);
    assert_string_not_equal(first, client.body.data);
    sl_free(first);
    client_close(&client);
}

static void views_filters_and_limits_narrow(void **state)
{
    struct client client;

    (void)state;
    open_demo(&client);
    assert_int_equal(count_all(&client, "Vendors", "view=Every%20second"), 45);
    assert_int_equal(count_all(&client, "Vendors", "view=Grid%20view&pageSize=20"), 90);
    assert_int_equal(count_all(&client, "Vendors", "maxRecords=33&pageSize=10"), 33);
    assert_int_equal(count_all(&client, "Vendors", "filterByFormula=%7BNo.%7D%3E80"), 10);
    assert_int_equal(count_all(&client, "Vendors",
                               "view=Every%20second&filterByFormula=%7BNo.%7D%3E80&pageSize=2"),
                     5);
    assert_int_equal(count_all(&client, "Vendors", "filterByFormula=FALSE()"), 0);
    client_get(&client,
               "/v0/%s/Vendors?sort%%5B0%%5D%%5Bfield%%5D=No."
               "&sort%%5B0%%5D%%5Bdirection%%5D=desc&maxRecords=1",
               client.base);
    assert_string_equal(sl_json_number_text(field(&client, 0, "No.")), "90");
    client_close(&client);
}

static void refused(struct client *client, int status, const char *type, const char *rest)
{
    client_get(client, "/v0/%s", rest);
    if (client->status != status || !error_type(client) || strcmp(error_type(client), type) != 0)
        fail_msg("%s: %d %s", rest, client->status, client->body.data);
}

static void mistakes_are_named(void **state)
{
    struct client client;
    char target[200];

    (void)state;
    open_demo(&client);
#define IN_BASE(rest) (snprintf(target, sizeof target, "%s/%s", client.base, rest), target)
    refused(&client, 422, "UNKNOWN_FIELD_NAME", IN_BASE("Vendors?fields%5B%5D=Nope"));
    refused(&client, 422, "INVALID_FILTER_BY_FORMULA",
            IN_BASE("Vendors?filterByFormula=%7BNope%7D"));
    refused(&client, 422, "INVALID_FILTER_BY_FORMULA", IN_BASE("Vendors?filterByFormula=AND("));
    refused(&client, 422, "VIEW_NAME_NOT_FOUND", IN_BASE("Vendors?view=Nope"));
    refused(&client, 422, "VIEW_ID_NOT_FOUND", IN_BASE("Vendors?view=viw00000000000000"));
    refused(&client, 422, "INVALID_OFFSET_VALUE", IN_BASE("Vendors?offset=nonsense"));
    refused(&client, 422, "INVALID_REQUEST_UNKNOWN", IN_BASE("Vendors?pageSize=101"));
    refused(&client, 422, "INVALID_REQUEST_UNKNOWN", IN_BASE("Vendors?cellFormat=string"));
    refused(&client, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", IN_BASE("Nope"));
    refused(&client, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "app00000000000000/Vendors");
    refused(&client, 404, "NOT_FOUND", IN_BASE("Vendors/recnope"));
    refused(&client, 404, "MODEL_ID_NOT_FOUND", IN_BASE("Vendors/rec00000000000000"));
    refused(&client, 404, "NOT_FOUND", "nothing");
    refused(&client, 404, "NOT_FOUND", "base/Vendors");
#undef IN_BASE
    char *long_query = sl_alloc(17000);

    memset(long_query, 'x', 17000);
    memcpy(long_query, "/v0/a/b?", 8);
    long_query[16500] = '\0';
    assert_int_equal(client_ask(&client, "GET", long_query, NULL), 413);
    sl_free(long_query);
    client_close(&client);
}

static void an_offset_belongs_to_its_listing(void **state)
{
    struct client client;
    char offset[64], target[200];

    (void)state;
    open_demo(&client);
    client_get(&client, "/v0/%s/Vendors?pageSize=10", client.base);
    snprintf(offset, sizeof offset, "%s", sl_json_str(sl_json_get(client.json, "offset")));
    for (int again = 0; again < 2; again++) { /* the same offset twice: the same page */
        client_get(&client, "/v0/%s/Vendors?pageSize=10&offset=%s", client.base, offset);
        assert_int_equal(client.status, 200);
        assert_string_equal(sl_json_number_text(field(&client, 0, "No.")), "11");
    }
    snprintf(target, sizeof target, "%s/Vendors?filterByFormula=TRUE()&offset=%s", client.base,
             offset);
    refused(&client, 422, "INVALID_OFFSET_VALUE", target);
    snprintf(target, sizeof target, "%s/Packaging%%20Tasks?offset=%s", client.base, offset);
    refused(&client, 422, "INVALID_OFFSET_VALUE", target);
    client.now_us += 400 * SL_SECOND_US; /* left alone for too long */
    snprintf(target, sizeof target, "%s/Vendors?offset=%s", client.base, offset);
    refused(&client, 422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", target);
    client_control(&client, "{\"op\":\"behaviour\",\"iterator_pages\":2}");
    client_get(&client, "/v0/%s/Vendors?pageSize=10", client.base);
    client_get(&client, "/v0/%s/Vendors?offset=%s", client.base,
               sl_json_str(sl_json_get(client.json, "offset")));
    client_get(&client, "/v0/%s/Vendors?pageSize=10", client.base);
    client_get(&client, "/v0/%s/Vendors?pageSize=10&offset=%s", client.base,
               sl_json_str(sl_json_get(client.json, "offset")));
    assert_int_equal(client.status, 200);
    client_get(&client, "/v0/%s/Vendors?pageSize=10&offset=%s", client.base,
               sl_json_str(sl_json_get(client.json, "offset")));
    assert_int_equal(client.status, 422);
    client_close(&client);
}

/* ------------------------------------------------------------------ faults of listings */

static void listing_faults_keep_the_chain(void **state)
{
    struct client client;

    (void)state;
    open_demo(&client);
    client_control(&client, "{\"fault\":\"empty_page:page=3\"}");
    assert_int_equal(count_all(&client, "Vendors", "pageSize=10"), 90);
    client_control(&client, "{\"clear_faults\":true,\"fault\":\"page_twice:page=3\"}");
    assert_int_equal(count_all(&client, "Vendors", "pageSize=10"), 100);
    client_control(&client, "{\"clear_faults\":true,\"fault\":\"unknown_field:page=2\"}");
    client_get(&client, "/v0/%s/Vendors?pageSize=10", client.base);
    client_get(&client, "/v0/%s/Vendors?pageSize=10&offset=%s", client.base,
               sl_json_str(sl_json_get(client.json, "offset")));
    assert_non_null(field(&client, 0, "Unannounced"));
    client_control(&client, "{\"clear_faults\":true,\"fault\":\"iterator_expired:page=2\"}");
    client_get(&client, "/v0/%s/Vendors?pageSize=10", client.base);
    client_get(&client, "/v0/%s/Vendors?pageSize=10&offset=%s", client.base,
               sl_json_str(sl_json_get(client.json, "offset")));
    assert_string_equal(error_type(&client), "LIST_RECORDS_ITERATOR_NOT_AVAILABLE");
    assert_null(sl_json_path(client.json, "error", "message", NULL));
    client_close(&client);
}

static void operations_come_between_two_pages(void **state)
{
    struct client client;

    (void)state;
    open_demo(&client);
    client_control(&client, "{\"fault\":\"delete:page=3,count=5;create:page=4,count=7;"
                            "edit:page=2,count=9;rename_field:page=2,field=Score,to=Marks\"}");
    int seen = count_all(&client, "Vendors", "pageSize=10");

    assert_in_range(seen, 92, 97); /* 7 came, 5 went: perhaps after they were shown */
    client_get(&client, "/_sim/truth?table=Vendors");
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 92);
    assert_non_null(strstr(client.body.data, "\"Marks\""));
    client_close(&client);
}

/* ------------------------------------------------------------------ operations */

static void records_can_be_changed(void **state)
{
    struct client client;
    char id[32];

    (void)state;
    open_demo(&client);
    client_get(&client, "/v0/%s/Vendors?pageSize=1", client.base);
    snprintf(id, sizeof id, "%s", sl_json_str(sl_json_get(record(&client, 0), "id")));
    client_control(&client, "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":0,"
                            "\"fields\":{\"Vendor\":\"Ada & Co\",\"Spend\":null,\"Score\":3},"
                            "\"raw_fields\":{\"Phone\":\"\\\"\\\\ud800\\\"\"}}");
    client_get(&client, "/v0/%s/Vendors/%s", client.base, id);
    const struct sl_json *fields = sl_json_get(client.json, "fields");

    assert_true(sl_json_eq(sl_json_get(fields, "Vendor"), "Ada & Co"));
    assert_null(sl_json_get(fields, "Spend"));
    assert_string_equal(sl_json_number_text(sl_json_get(fields, "Score")), "3");
    assert_non_null(strstr(client.body.data, "\\ud800"));
    assert_int_equal(strncmp(sl_json_str(sl_json_get(fields, "Last change")), "2026-03-02T09:00:01",
                             18),
                     0);
    client_control(&client, "{\"ops\":[{\"op\":\"delete\",\"table\":\"Vendors\",\"record\":0},"
                            "{\"op\":\"create\",\"table\":\"Vendors\",\"count\":3}]}");
    assert_int_equal(client_get(&client, "/v0/%s/Vendors/%s", client.base, id), 404);
    assert_int_equal(count_all(&client, "Vendors", ""), 92);
    client_control(&client, "{\"op\":\"delete\",\"table\":\"Vendors\",\"all\":true}");
    assert_int_equal(count_all(&client, "Vendors", ""), 0);
    client_close(&client);
}

static void a_schema_can_be_changed(void **state)
{
    struct client client;

    (void)state;
    open_demo(&client);
    client_control(&client,
                   "{\"ops\":[{\"op\":\"rename_field\",\"table\":\"Vendors\",\"field\":\"Score\","
                   "\"to\":\"Marks\"},{\"op\":\"remove_field\",\"table\":\"Vendors\","
                   "\"field\":\"Phone\"},{\"op\":\"add_field\",\"table\":\"Vendors\","
                   "\"name\":\"New one\",\"type\":\"number\"},{\"op\":\"retype_field\","
                   "\"table\":\"Vendors\",\"field\":\"Spend\",\"to\":\"singleLineText\"},"
                   "{\"op\":\"rename_table\",\"table\":\"Vendors\",\"to\":\"Makers\"},"
                   "{\"op\":\"remove_table\",\"table\":\"Packaging Tasks\"},"
                   "{\"op\":\"add_table\",\"name\":\"Extra\",\"records\":5}]}");
    client_get(&client, "/v0/%s/Makers", client.base);
    assert_null(strstr(client.body.data, "\"Phone\""));
    assert_null(strstr(client.body.data, "\"Score\""));
    assert_non_null(strstr(client.body.data, "\"Marks\""));
    assert_non_null(strstr(client.body.data, "\"New one\""));
    assert_non_null(strstr(client.body.data, "\"Spend\":\""));
    assert_int_equal(client_get(&client, "/v0/%s/Packaging%%20Tasks", client.base), 403);
    assert_int_equal(count_all(&client, "Extra", ""), 5);
    assert_int_equal(client_get(&client, "/v0/meta/bases/%s/tables", client.base), 200);
    assert_int_equal(sl_json_len(sl_json_get(client.json, "tables")), 6);
    client_close(&client);
}

static void access_can_be_taken_away(void **state)
{
    struct client client;

    (void)state;
    open_demo(&client);
    client_control(&client, "{\"op\":\"token\",\"scopes\":[\"data.records:read\"]}");
    assert_int_equal(client_get(&client, "/v0/meta/bases"), 403);
    assert_int_equal(client_get(&client, "/v0/meta/whoami"), 200);
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 200);
    client_control(&client, "{\"op\":\"token\",\"bases\":[\"app00000000000000\"]}");
    assert_int_equal(client_get(&client, "/v0/meta/bases"), 200);
    assert_int_equal(sl_json_len(sl_json_get(client.json, "bases")), 0);
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 403);
    client_control(&client, "{\"op\":\"token\"}");
    client_control(&client, "{\"op\":\"forbid\",\"table\":\"Vendors\"}");
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 403);
    client_control(&client, "{\"op\":\"vanish\"}");
    assert_int_equal(client_get(&client, "/v0/meta/bases/%s/tables", client.base), 403);
    client_control(&client, "{\"op\":\"token\",\"revoke\":true}");
    assert_int_equal(client_get(&client, "/v0/meta/whoami"), 401);
    assert_string_equal(error_type(&client), "AUTHENTICATION_REQUIRED");
    client_close(&client);
}

static void comments_are_paged(void **state)
{
    struct client client;
    char id[32];
    int count;

    (void)state;
    open_demo(&client);
    client_get(&client, "/v0/%s/SKU%%20Candidates?recordMetadata%%5B%%5D=commentCount&pageSize=6",
               client.base);
    assert_string_equal(sl_json_number_text(sl_json_get(record(&client, 5), "commentCount")),
                        "105");
    snprintf(id, sizeof id, "%s", sl_json_str(sl_json_get(record(&client, 5), "id")));
    client_get(&client, "/v0/%s/SKU%%20Candidates/%s/comments", client.base, id);
    count = (int)sl_json_len(sl_json_get(client.json, "comments"));
    assert_int_equal(count, 100);
    client_get(&client, "/v0/%s/SKU%%20Candidates/%s/comments?offset=%s", client.base, id,
               sl_json_str(sl_json_get(client.json, "offset")));
    assert_int_equal(sl_json_len(sl_json_get(client.json, "comments")), 5);
    assert_int_equal(sl_json_kind(sl_json_get(client.json, "offset")), SL_JSON_NULL);
    client_close(&client);
}

/* ------------------------------------------------------------------ other bases */

static void the_bench_takes_any_size(void **state)
{
    struct client client;
    size_t bytes;

    (void)state;
    client_open(&client, "airtable",
                &(struct sim_options){.rate = -1, .kind = "bench", .records = 1000000});
    client_get(&client, "/v0/%s/Bench%%201?returnFieldsByFieldId=1", client.base);
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 100);
    bytes = client.body.len / 100;
    assert_in_range(bytes, 1200, 1500);
    client_get(&client,
               "/v0/%s/Bench%%201?filterByFormula=AND(%%7BNo.%%7D%%3E%%3D999901,"
               "%%7BNo.%%7D%%3C1000001)",
               client.base);
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 100);
    assert_null(sl_json_get(client.json, "offset"));
    assert_string_equal(sl_json_number_text(field(&client, 0, "No.")), "999901");
    client_close(&client);
}

static void schemas_may_be_huge_or_empty(void **state)
{
    struct client client;

    (void)state;
    open_demo(&client);
    client_control(&client, "{\"op\":\"base\",\"kind\":\"grid\",\"tables\":1000,\"fields\":20}");
    client_get(&client, "/v0/meta/bases");
    struct sl_json_each bases = sl_json_each(sl_json_get(client.json, "bases"));

    assert_true(sl_json_next(&bases));
    snprintf(client.base, sizeof client.base, "%s", sl_json_str(sl_json_get(bases.value, "id")));
    client_get(&client, "/v0/meta/bases/%s/tables", client.base);
    assert_int_equal(sl_json_len(sl_json_get(client.json, "tables")), 1000);
    assert_int_equal(count_all(&client, "Table%20700", ""), 50);
    client_close(&client);
    client_open(&client, "airtable", &(struct sim_options){.rate = -1, .kind = "empty"});
    assert_int_equal(count_all(&client, "Vendors", ""), 0);
    client_close(&client);
}

static void a_listing_survives_every_failing_allocation(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 200; n++) {
        struct client client;
        struct sl_error error = {0};
        struct sl_buf body = {0};
        struct sim_reply reply;
        char path[64];

        client_open(&client, "airtable", &(struct sim_options){.rate = -1, .records = 5});
        snprintf(path, sizeof path, "/v0/%s/Vendors", client.base);
        struct sl_header headers[] = {{"authorization", client.authorization}, {0}};
        struct sim_request request = {
            .method = "GET",
            .path = path,
            .raw_path = path,
            .headers = headers,
            .body = "",
            .query = "pageSize=2&filterByFormula=FIND('e',{Vendor})>=0&sort[0][field]=Vendor",
            .now_us = SIM_START_US};

        sl_alloc_fail_after(n);
        sim_reply_init(&reply, &body);
        enum sl_code rc = sim_handle(client.sim, &request, &reply, &error);

        sl_alloc_fail_after(-1);
        assert_true(rc == SL_NO_MEMORY || (rc == SL_OK && reply.status == 200));
        sl_buf_release(&body);
        client_close(&client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_has_every_type),
        cmocka_unit_test(all_pages_are_the_truth),
        cmocka_unit_test(the_same_seed_is_the_same_base),
        cmocka_unit_test(links_point_both_ways),
        cmocka_unit_test(get_and_post_answer_alike),
        cmocka_unit_test(empty_cells_are_left_out_and_zero_is_not),
        cmocka_unit_test(awkward_values_are_there),
        cmocka_unit_test(attachments_have_another_url_each_time),
        cmocka_unit_test(views_filters_and_limits_narrow),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(an_offset_belongs_to_its_listing),
        cmocka_unit_test(listing_faults_keep_the_chain),
        cmocka_unit_test(operations_come_between_two_pages),
        cmocka_unit_test(records_can_be_changed),
        cmocka_unit_test(a_schema_can_be_changed),
        cmocka_unit_test(access_can_be_taken_away),
        cmocka_unit_test(comments_are_paged),
        cmocka_unit_test(the_bench_takes_any_size),
        cmocka_unit_test(schemas_may_be_huge_or_empty),
        cmocka_unit_test(a_listing_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
