/* The worked example of the Airtable notes: a table with every kind of field, three records of it
 * that hold what goes wrong in practice, and what must become of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "table/batch.h"
#include "unit/arrow_text.h"

#define LEN(array) (sizeof(array) / sizeof *(array))
#define PLAIN(sl_kind)                                                                             \
    {                                                                                              \
        .kind = sl_kind                                                                            \
    }
#define LIST(member)                                                                               \
    {                                                                                              \
        .kind = SL_TYPE_ARRAY, .member_count = 1, .members = member                                \
    }
#define OBJECT(list)                                                                               \
    {                                                                                              \
        .kind = SL_TYPE_STRUCT, .member_count = LEN(list), .members = list                         \
    }
#define MEMBER(text, ...)                                                                          \
    {                                                                                              \
        .name = text, .type = __VA_ARGS__                                                          \
    }
#define FIELD(title, fld, word, ...)                                                               \
    {                                                                                              \
        .name = title, .id = fld, .source_type = word, .path = {"fields", fld},                    \
        .type = __VA_ARGS__                                                                        \
    }

static const struct sl_member string_member[] = {MEMBER("element", PLAIN(SL_TYPE_STRING))};
static const struct sl_member user_members[] = {MEMBER("id", PLAIN(SL_TYPE_STRING)),
                                                MEMBER("email", PLAIN(SL_TYPE_STRING)),
                                                MEMBER("name", PLAIN(SL_TYPE_STRING))};
static const struct sl_member user_member[] = {MEMBER("element", OBJECT(user_members))};
static const struct sl_member barcode_members[] = {MEMBER("text", PLAIN(SL_TYPE_STRING)),
                                                   MEMBER("type", PLAIN(SL_TYPE_STRING))};
static const struct sl_member button_members[] = {MEMBER("label", PLAIN(SL_TYPE_STRING)),
                                                  MEMBER("url", PLAIN(SL_TYPE_STRING))};
static const struct sl_member ai_members[] = {MEMBER("state", PLAIN(SL_TYPE_STRING)),
                                              MEMBER("isStale", PLAIN(SL_TYPE_BOOLEAN)),
                                              MEMBER("value", PLAIN(SL_TYPE_STRING)),
                                              MEMBER("errorType", PLAIN(SL_TYPE_STRING))};
static const struct sl_member thumbnail_members[] = {MEMBER("url", PLAIN(SL_TYPE_STRING)),
                                                     MEMBER("width", PLAIN(SL_TYPE_BIGINT)),
                                                     MEMBER("height", PLAIN(SL_TYPE_BIGINT))};
static const struct sl_member thumbnails_members[] = {MEMBER("small", OBJECT(thumbnail_members)),
                                                      MEMBER("large", OBJECT(thumbnail_members)),
                                                      MEMBER("full", OBJECT(thumbnail_members))};
static const struct sl_member file_members[] = {
    MEMBER("id", PLAIN(SL_TYPE_STRING)),       MEMBER("url", PLAIN(SL_TYPE_STRING)),
    MEMBER("filename", PLAIN(SL_TYPE_STRING)), MEMBER("size", PLAIN(SL_TYPE_BIGINT)),
    MEMBER("type", PLAIN(SL_TYPE_STRING)),     MEMBER("width", PLAIN(SL_TYPE_BIGINT)),
    MEMBER("height", PLAIN(SL_TYPE_BIGINT)),   MEMBER("thumbnails", OBJECT(thumbnails_members))};
static const struct sl_member file_member[] = {MEMBER("element", OBJECT(file_members))};

static const struct sl_column columns[] = {
    {.name = "_airtable_id", .exact_name = true, .path = {"id"}, .type = PLAIN(SL_TYPE_STRING)},
    {.name = "_airtable_created_time",
     .exact_name = true,
     .path = {"createdTime"},
     .type = PLAIN(SL_TYPE_TIMESTAMP)},
    {.name = "_airtable_comment_count",
     .exact_name = true,
     .path = {"commentCount"},
     .type = PLAIN(SL_TYPE_BIGINT)},
    FIELD("Name", "fldQL51f5HFBo9iaQ", "singleLineText", PLAIN(SL_TYPE_STRING)),
    FIELD("Notes", "fldZRbijkwjUmVH8t", "multilineText", PLAIN(SL_TYPE_STRING)),
    FIELD("Brief", "fldc9qdVM6I0BNgvJ", "richText", PLAIN(SL_TYPE_STRING)),
    FIELD("Status", "fldvv08tnch59JQRb", "singleSelect", PLAIN(SL_TYPE_STRING)),
    FIELD("Tags", "fldJluRw40PG4sxBx", "multipleSelects", LIST(string_member)),
    FIELD("Budget (€)", "fld2mFM2t8abDG9nl", "currency", PLAIN(SL_TYPE_DOUBLE)),
    FIELD("Units", "fldOoUIGDU85F8JBN", "number", PLAIN(SL_TYPE_DOUBLE)),
    FIELD("Done %", "fldPI2MdjIMSEcEuV", "percent", PLAIN(SL_TYPE_DOUBLE)),
    FIELD("Hours", "fld1bE3sorKhcz7Ft", "duration", PLAIN(SL_TYPE_DOUBLE)),
    FIELD("Start", "fldqRwf7zObvE7zyH", "date", PLAIN(SL_TYPE_DATE)),
    FIELD("Kickoff at", "fld3TisILB5EkKuVC", "dateTime", PLAIN(SL_TYPE_TIMESTAMP)),
    FIELD("Approved?", "fldwboyO391II2gXz", "checkbox", PLAIN(SL_TYPE_BOOLEAN),
          .missing_is_false = true),
    FIELD("# Stars", "fld1P2UobF4rzflP3", "rating", PLAIN(SL_TYPE_BIGINT)),
    FIELD("Client", "fld8Fb2iiHtOLsxg1", "multipleRecordLinks", LIST(string_member)),
    FIELD("Name (from Client)", "fld6R3aNjNfeSwaqY", "multipleLookupValues", LIST(string_member),
          .decode = SL_DECODE_ONE_OR_ARRAY),
    FIELD("Client spend", "fldICYmyRaQ0xIlgu", "rollup", PLAIN(SL_TYPE_DOUBLE)),
    FIELD("Client count", "fldv5h5VUSEg3xP0o", "count", PLAIN(SL_TYPE_BIGINT)),
    FIELD("Margin", "fldbwYcqe5EYzk0th", "formula", PLAIN(SL_TYPE_DOUBLE)),
    FIELD("Link check", "fldw3naBW1B22SM3C", "formula", PLAIN(SL_TYPE_STRING),
          .decode = SL_DECODE_JSON),
    FIELD("Owner", "fld9R41DX20wJmzK7", "singleCollaborator", OBJECT(user_members)),
    FIELD("Team", "fldfIyHT1ZhXFP8b7", "multipleCollaborators", LIST(user_member)),
    FIELD("Files", "fldjEqraSzjmyAYmb", "multipleAttachments", LIST(file_member)),
    FIELD("SKU", "fld17ith9M1Otk84Z", "barcode", OBJECT(barcode_members)),
    FIELD("Contact e-mail", "fldPJHN2W4Yo7JpUB", "email", PLAIN(SL_TYPE_STRING)),
    FIELD("Site", "fldOF9LnJWVjIh4PM", "url", PLAIN(SL_TYPE_STRING)),
    FIELD("Phone", "fldwVnuF6ToHubZQT", "phoneNumber", PLAIN(SL_TYPE_STRING)),
    FIELD("No.", "fldFv6EnRO67QEf9W", "autoNumber", PLAIN(SL_TYPE_BIGINT)),
    FIELD("Created", "fldO9Sbf5sypS6DYj", "createdTime", PLAIN(SL_TYPE_TIMESTAMP)),
    FIELD("Created by", "fldtOAqtNZg5n5pzy", "createdBy", OBJECT(user_members)),
    FIELD("Last change", "fldBZseLhtpXfu7x3", "lastModifiedTime", PLAIN(SL_TYPE_TIMESTAMP)),
    FIELD("Changed by", "flda3WUU8tkvwC5yr", "lastModifiedBy", OBJECT(user_members)),
    FIELD("Summary (AI)", "fldUyNNDjueSWFAOi", "aiText", OBJECT(ai_members)),
    FIELD("Open", "fldn4qvc5DAZ6YyDx", "button", OBJECT(button_members)),
    FIELD("🔄 Source", "fldmTtW31i1kZBIxu", "externalSyncSource", PLAIN(SL_TYPE_STRING)),
    FIELD("id", "fldLy0xY40rar22Ni", "manualSort", PLAIN(SL_TYPE_STRING)),
};
static const char *const key[] = {"_airtable_id", NULL};
static const char *const strict[] = {"fields", NULL};
static const struct sl_table_def projects = {.name = "Projects / 2026",
                                             .columns = columns,
                                             .column_count = LEN(columns),
                                             .primary_key = key,
                                             .strict_objects = strict};

/* clang-format off */
static const char answer[] =
    "{\"records\": ["
    "{\"id\": \"recIvRyTUjTlJxawG\", \"createdTime\": \"2026-02-03T09:14:27.000Z\", \"comment"
    "Count\": 2, \"fields\": {"
    "\"fldQL51f5HFBo9iaQ\": \"Harbour lights\", \"fldZRbijkwjUmVH8t\": \"Two\\nlines, \\\"quo"
    "ted\\\" <airtable:mention id=\\\"menQ7uT2xLk9VbR4c\\\">@Mira</airtable:mention>\","
    "\"fldc9qdVM6I0BNgvJ\": \"**bold** and [link](https://example.org)\\n\", \"fldvv08tnch59J"
    "QRb\": \"In progress\", \"fldJluRw40PG4sxBx\": [\"eu, west\", \"VIP\"],"
    "\"fld2mFM2t8abDG9nl\": 1128312.23, \"fldOoUIGDU85F8JBN\": 12, \"fldPI2MdjIMSEcEuV\": 0.4"
    "5299999999999996, \"fld1bE3sorKhcz7Ft\": 5400.125, \"fldqRwf7zObvE7zyH\": \"2026-03-01\""
    ","
    "\"fld3TisILB5EkKuVC\": \"2026-03-01T08:30:00.000Z\", \"fldwboyO391II2gXz\": true, \"fld1"
    "P2UobF4rzflP3\": 4, \"fld8Fb2iiHtOLsxg1\": [\"recRVWydZQ4jlIfPh\", \"recSnsaR5MUBQtFtP\""
    "],"
    "\"fld6R3aNjNfeSwaqY\": [\"Ångström AB\", \"Blue Door\"], \"fldICYmyRaQ0xIlgu\": 90210.5,"
    " \"fldv5h5VUSEg3xP0o\": 2, \"fldbwYcqe5EYzk0th\": 94026.01916666667,"
    "\"fldw3naBW1B22SM3C\": {\"error\": \"#ERROR!\"}, \"fld9R41DX20wJmzK7\": {\"id\": \"usrod"
    "3yGOCdTp77yU\", \"email\": \"mira@example.org\", \"name\": \"Mira Okafor\"},"
    "\"fldfIyHT1ZhXFP8b7\": [{\"id\": \"usrod3yGOCdTp77yU\", \"email\": \"mira@example.org\","
    " \"name\": \"Mira Okafor\"}, {\"id\": \"usr8C7m8SgJYdOxI3\", \"email\": \"jo@example.org"
    "\"}, {\"id\": \"ugpaaeeKyZuQpI5Mx\", \"name\": \"EU delivery\"}],"
    "\"fldjEqraSzjmyAYmb\": [{\"id\": \"attOzHd1OLBDFhXHY\", \"width\": 600, \"height\": 201,"
    " \"url\": \"https://v5.airtableusercontent.com/v3/u/41/41/1770120000000/aa/bb/cc\", \"fi"
    "lename\": \"plan.png\", \"size\": 112100, \"type\": \"image/png\", \"thumbnails\": {\"sm"
    "all\": {\"url\": \"https://v5.airtableusercontent.com/v3/u/41/41/1770120000000/s\", \"wi"
    "dth\": 107, \"height\": 36}, \"large\": {\"url\": \"https://v5.airtableusercontent.com/v"
    "3/u/41/41/1770120000000/l\", \"width\": 600, \"height\": 201}, \"full\": {\"url\": \"htt"
    "ps://v5.airtableusercontent.com/v3/u/41/41/1770120000000/f\", \"width\": 3000, \"height"
    "\": 3000}}}, {\"id\": \"atthrosJcVhCoXCTe\", \"url\": \"https://v5.airtableusercontent.c"
    "om/v3/u/41/41/1770120000000/dd/ee/ff\", \"filename\": \"log.txt\", \"size\": 350181, \"t"
    "ype\": \"text/plain\"}],"
    "\"fld17ith9M1Otk84Z\": {\"text\": \"7350053850019\"}, \"fldPJHN2W4Yo7JpUB\": \"hello@exa"
    "mple.org\", \"fldOF9LnJWVjIh4PM\": \"example.org\","
    "\"fldwVnuF6ToHubZQT\": \"+46 8 555 010 99\", \"fldFv6EnRO67QEf9W\": 1, \"fldO9Sbf5sypS6D"
    "Yj\": \"2026-02-03T09:14:27.000Z\","
    "\"fldtOAqtNZg5n5pzy\": {\"id\": \"usrod3yGOCdTp77yU\", \"email\": \"mira@example.org\", "
    "\"name\": \"Mira Okafor\"}, \"fldBZseLhtpXfu7x3\": \"2026-02-11T16:02:05.000Z\","
    "\"flda3WUU8tkvwC5yr\": {\"id\": \"usr8C7m8SgJYdOxI3\", \"email\": \"jo@example.org\"},"
    "\"fldUyNNDjueSWFAOi\": {\"state\": \"generated\", \"isStale\": false, \"value\": \"Light"
    "s for the harbour.\"},"
    "\"fldn4qvc5DAZ6YyDx\": {\"label\": \"Open\", \"url\": \"https://example.org/p/1\"}, \"fl"
    "dmTtW31i1kZBIxu\": \"CRM sync\", \"fldLy0xY40rar22Ni\": \"fcca\""
    "}},"
    "{\"id\": \"recjFeBKC4fOfGc8M\", \"createdTime\": \"2026-02-03T09:15:00.000Z\", \"fields"
    "\": {"
    "\"fldQL51f5HFBo9iaQ\": \" \", \"fld2mFM2t8abDG9nl\": 0, \"fldOoUIGDU85F8JBN\": 0, \"fldb"
    "wYcqe5EYzk0th\": {\"specialValue\": \"NaN\"}, \"fld8Fb2iiHtOLsxg1\": [\"recSnsaR5MUBQtFt"
    "P\"],"
    "\"fld6R3aNjNfeSwaqY\": [{\"error\": \"#ERROR!\"}], \"fldICYmyRaQ0xIlgu\": {\"specialValu"
    "e\": \"Infinity\"}, \"fldv5h5VUSEg3xP0o\": 1, \"fldw3naBW1B22SM3C\": {\"error\": \"#ERRO"
    "R!\"},"
    "\"fld17ith9M1Otk84Z\": {\"type\": \"upce\", \"text\": \"04210000\"}, \"fld1bE3sorKhcz7Ft"
    "\": 0, \"fldFv6EnRO67QEf9W\": 2, \"fldO9Sbf5sypS6DYj\": \"2026-02-03T09:15:00.000Z\","
    "\"fldtOAqtNZg5n5pzy\": {\"id\": \"usr8C7m8SgJYdOxI3\", \"email\": \"jo@example.org\"},"
    "\"fldUyNNDjueSWFAOi\": {\"state\": \"error\", \"errorType\": \"quotaExceeded\", \"isStal"
    "e\": true, \"value\": null}, \"fldn4qvc5DAZ6YyDx\": {\"label\": \"Open\"}"
    "}},"
    "{\"id\": \"recZYRJBBvUXcKTq6\", \"createdTime\": \"2026-02-04T00:00:00.000Z\", \"fields"
    "\": {"
    "\"fldw3naBW1B22SM3C\": {\"error\": \"#ERROR!\"}, \"fldFv6EnRO67QEf9W\": 3, \"fldO9Sbf5sy"
    "pS6DYj\": \"2026-02-04T00:00:00.000Z\","
    "\"fldtOAqtNZg5n5pzy\": {\"id\": \"usrod3yGOCdTp77yU\", \"email\": \"mira@example.org\", "
    "\"name\": \"Mira Okafor\"}, \"fldn4qvc5DAZ6YyDx\": {\"label\": \"Open\"},"
    "\"fldbwYcqe5EYzk0th\": {\"specialValue\": \"NaN\"}"
    "}}"
    "], \"offset\": \"itr1Q69SBzvePhpbV/recZYRJBBvUXcKTq6\"}";

static const char expected[] =
    "{_airtable_id:\"recIvRyTUjTlJxawG\",_airtable_created_time:2026-02-03T09:14:27.000000Z,_"
    "airtable_comment_count:2,name:\"Harbour lights\",notes:\"Two\\nlines, \\\"quoted\\\" <ai"
    "rtable:mention id=\\\"menQ7uT2xLk9VbR4c\\\">@Mira</airtable:mention>\",brief:\"**bold** "
    "and [link](https://example.org)\\n\",status:\"In progress\",tags:[\"eu, west\",\"VIP\"],"
    "budget:1128312.23,units:12.0,done:0.45299999999999996,hours:5400.125,start:2026-03-01,ki"
    "ckoff_at:2026-03-01T08:30:00.000000Z,approved:true,stars:4,client:[\"recRVWydZQ4jlIfPh\""
    ",\"recSnsaR5MUBQtFtP\"],name_from_client:[\"Ångström AB\",\"Blue Door\"],client_spend:90"
    "210.5,client_count:2,margin:94026.01916666667,link_check:null,owner:{id:\"usrod3yGOCdTp7"
    "7yU\",email:\"mira@example.org\",name:\"Mira Okafor\"},team:[{id:\"usrod3yGOCdTp77yU\",e"
    "mail:\"mira@example.org\",name:\"Mira Okafor\"},{id:\"usr8C7m8SgJYdOxI3\",email:\"jo@exa"
    "mple.org\",name:null},{id:\"ugpaaeeKyZuQpI5Mx\",email:null,name:\"EU delivery\"}],files:"
    "[{id:\"attOzHd1OLBDFhXHY\",url:\"https://v5.airtableusercontent.com/v3/u/41/41/177012000"
    "0000/aa/bb/cc\",filename:\"plan.png\",size:112100,type:\"image/png\",width:600,height:20"
    "1,thumbnails:{small:{url:\"https://v5.airtableusercontent.com/v3/u/41/41/1770120000000/s"
    "\",width:107,height:36},large:{url:\"https://v5.airtableusercontent.com/v3/u/41/41/17701"
    "20000000/l\",width:600,height:201},full:{url:\"https://v5.airtableusercontent.com/v3/u/4"
    "1/41/1770120000000/f\",width:3000,height:3000}}},{id:\"atthrosJcVhCoXCTe\",url:\"https:/"
    "/v5.airtableusercontent.com/v3/u/41/41/1770120000000/dd/ee/ff\",filename:\"log.txt\",siz"
    "e:350181,type:\"text/plain\",width:null,height:null,thumbnails:null}],sku:{text:\"735005"
    "3850019\",type:null},contact_e_mail:\"hello@example.org\",site:\"example.org\",phone:\"+"
    "46 8 555 010 99\",no:1,created:2026-02-03T09:14:27.000000Z,created_by:{id:\"usrod3yGOCdT"
    "p77yU\",email:\"mira@example.org\",name:\"Mira Okafor\"},last_change:2026-02-11T16:02:05"
    ".000000Z,changed_by:{id:\"usr8C7m8SgJYdOxI3\",email:\"jo@example.org\",name:null},summar"
    "y_ai:{state:\"generated\",isStale:false,value:\"Lights for the harbour.\",errorType:null"
    "},open:{label:\"Open\",url:\"https://example.org/p/1\"},source:\"CRM sync\",id:\"fcca\","
    "_rescued_data:\"{\\\"fldw3naBW1B22SM3C\\\":{\\\"reason\\\":\\\"source_error\\\",\\\"valu"
    "e\\\":{\\\"error\\\":\\\"#ERROR!\\\"}}}\",_ingested_at:1970-01-01T00:00:00.000000Z}\n"
    "{_airtable_id:\"recjFeBKC4fOfGc8M\",_airtable_created_time:2026-02-03T09:15:00.000000Z,_"
    "airtable_comment_count:null,name:\" \",notes:null,brief:null,status:null,tags:null,budge"
    "t:0.0,units:0.0,done:null,hours:0.0,start:null,kickoff_at:null,approved:false,stars:null"
    ",client:[\"recSnsaR5MUBQtFtP\"],name_from_client:[null],client_spend:Inf,client_count:1,"
    "margin:NaN,link_check:null,owner:null,team:null,files:null,sku:{text:\"04210000\",type:"
    "\"upce\"},contact_e_mail:null,site:null,phone:null,no:2,created:2026-02-03T09:15:00.0000"
    "00Z,created_by:{id:\"usr8C7m8SgJYdOxI3\",email:\"jo@example.org\",name:null},last_change"
    ":null,changed_by:null,summary_ai:{state:\"error\",isStale:true,value:null,errorType:\"qu"
    "otaExceeded\"},open:{label:\"Open\",url:null},source:null,id:null,_rescued_data:\"{\\\"f"
    "ld6R3aNjNfeSwaqY\\\":{\\\"reason\\\":\\\"source_error\\\",\\\"value\\\":[{\\\"error\\\":"
    "\\\"#ERROR!\\\"}]},\\\"fldw3naBW1B22SM3C\\\":{\\\"reason\\\":\\\"source_error\\\",\\\"va"
    "lue\\\":{\\\"error\\\":\\\"#ERROR!\\\"}}}\",_ingested_at:1970-01-01T00:00:00.000000Z}\n"
    "{_airtable_id:\"recZYRJBBvUXcKTq6\",_airtable_created_time:2026-02-04T00:00:00.000000Z,_"
    "airtable_comment_count:null,name:null,notes:null,brief:null,status:null,tags:null,budget"
    ":null,units:null,done:null,hours:null,start:null,kickoff_at:null,approved:false,stars:nu"
    "ll,client:null,name_from_client:null,client_spend:null,client_count:null,margin:NaN,link"
    "_check:null,owner:null,team:null,files:null,sku:null,contact_e_mail:null,site:null,phone"
    ":null,no:3,created:2026-02-04T00:00:00.000000Z,created_by:{id:\"usrod3yGOCdTp77yU\",emai"
    "l:\"mira@example.org\",name:\"Mira Okafor\"},last_change:null,changed_by:null,summary_ai"
    ":null,open:{label:\"Open\",url:null},source:null,id:null,_rescued_data:\"{\\\"fldw3naBW1"
    "B22SM3C\\\":{\\\"reason\\\":\\\"source_error\\\",\\\"value\\\":{\\\"error\\\":\\\"#ERROR"
    "!\\\"}}}\",_ingested_at:1970-01-01T00:00:00.000000Z}\n";
/* clang-format on */

static enum sl_special special(const struct sl_json *object, double *number)
{
    const struct sl_json *value = sl_json_get(object, "specialValue");

    if (sl_json_len(object) != 1) return SL_SPECIAL_NONE;
    if (sl_json_str(sl_json_get(object, "error"))) return SL_SPECIAL_ERROR;
    if (!sl_json_str(value)) return SL_SPECIAL_NONE;
    *number = sl_json_eq(value, "NaN")        ? (double)NAN
              : sl_json_eq(value, "Infinity") ? (double)INFINITY
                                              : -(double)INFINITY;
    return SL_SPECIAL_NUMBER;
}

/* text: what arrived, or NULL when it is not wanted (its own memory would be counted). */
static enum sl_code land(struct sl_buf *text, struct sl_batch_counts *counts,
                         struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_schema *schema = NULL;
    struct sl_batch *batch = NULL;
    struct ArrowSchema arrow_schema = {0};
    struct ArrowArray array = {0};
    const struct sl_json *root = NULL;
    enum sl_code rc = doc ? SL_OK : SL_NO_MEMORY;

    if (!rc) rc = sl_schema_new(&projects, NULL, &schema, error);
    if (!rc) rc = sl_batch_new(schema, special, &batch, error);
    if (!rc) rc = sl_doc_parse_copy(doc, answer, strlen(answer), &root, error);
    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "records"));
         !rc && sl_json_next(&e);)
        rc = sl_batch_append(batch, doc, e.value, NULL, 0, 0, 0, error);
    if (!rc) rc = sl_batch_arrow_schema(batch, &arrow_schema, error);
    if (!rc) rc = sl_batch_take(batch, &array, error);
    if (!rc) *counts = *sl_batch_counts(batch);
    if (!rc && text) assert_null(arrow_text(&arrow_schema, &array, text));
    if (array.release) array.release(&array);
    if (arrow_schema.release) arrow_schema.release(&arrow_schema);
    sl_batch_free(batch);
    sl_schema_free(schema);
    sl_doc_free(doc);
    return rc;
}

static void three_records_arrive_whole(void **state)
{
    struct sl_batch_counts counts;
    struct sl_buf text = {0};
    struct sl_error error;

    (void)state;
    if (land(&text, &counts, &error)) fail_msg("%s", error.message);
    assert_string_equal(sl_buf_str(&text), expected);
    assert_int_equal(counts.rows, 3);
    assert_int_equal(counts.rescued[SL_RESCUE_SOURCE_ERROR], 4);
    for (int reason = 0; reason < SL_RESCUE_COUNT; reason++)
        if (reason != SL_RESCUE_SOURCE_ERROR) assert_int_equal(counts.rescued[reason], 0);
    sl_buf_release(&text);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct sl_batch_counts counts;
        struct sl_error error = {0};

        sl_alloc_fail_after(n);
        enum sl_code rc = land(NULL, &counts, &error);
        sl_alloc_fail_after(-1);
        assert_int_equal(sl_alloc_live(), 0);
        if (rc == SL_OK) {
            assert_int_equal(counts.rows, 3);
            break;
        }
        assert_int_equal(rc, SL_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_records_arrive_whole),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
