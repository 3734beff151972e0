/* comments.c: GET /v0/{base}/{table}/{record}/comments, newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

static void comment_id(const struct at_table *table, int64_t index, int n, char out[AT_ID_MAX])
{
    sim_id(out, "com", sim_mix(sim_mix(table->salt, (uint64_t)index), (uint64_t)n));
}

static void put_comment(const struct airtable *app, const struct at_table *table,
                        const struct at_row *row, int n, struct sl_buf *out)
{
    uint64_t dice = sim_mix(sim_mix(app->seed ^ table->salt, (uint64_t)row->index), (uint64_t)n);
    int64_t created_us = row->created_us + (int64_t)n * 60 * SL_SECOND_US;
    char id[AT_ID_MAX];

    comment_id(table, row->index, n, id);
    sl_buf_addf(out, "{\"id\":\"%s\",\"text\":", id);
    if (dice % 3 == 0)
        sl_buf_adds(out, "\"@[usrod3yGOCdTp77yU] ready? 👍\"");
    else
        sl_buf_addf(out, "\"Comment %d\\nsecond line\"", n + 1);
    sl_buf_adds(out, ",\"createdTime\":");
    sim_json_time(out, created_us);
    sl_buf_adds(out, ",\"lastUpdatedTime\":");
    if (dice % 4 == 0)
        sim_json_time(out, created_us + SL_SECOND_US);
    else
        sl_buf_adds(out, "null");
    sl_buf_adds(out, ",\"author\":");
    at_user(out, (dice >> 8) % 3);
    if (n % 4 == 3) { /* an answer to the one before */
        comment_id(table, row->index, n - 1, id);
        sl_buf_addf(out, ",\"parentCommentId\":\"%s\"", id);
    }
    if (dice % 3 == 0)
        sl_buf_adds(out, ",\"mentioned\":{\"usrod3yGOCdTp77yU\":{\"id\":\"usrod3yGOCdTp77yU\","
                         "\"type\":\"user\",\"displayName\":\"Mira Okafor\","
                         "\"email\":\"mira@example.org\"}}");
    if (dice % 5 == 0)
        sl_buf_adds(out, ",\"reactions\":[{\"emoji\":{\"unicodeCharacter\":\"🎉\"},"
                         "\"reactingUser\":{\"userId\":\"usr8C7m8SgJYdOxI3\","
                         "\"email\":\"jo@example.org\"}}]");
    sl_buf_addc(out, '}');
}

void at_comments(struct airtable *app, const struct at_table *table, int64_t index,
                 const struct sim_request *request, struct sim_reply *reply)
{
    struct at_row row;
    char text[64] = "";
    int size = AT_PAGE_MAX, newest;

    at_row(app, table, index, &row);
    newest = at_comment_count(app, table, &row) - 1;
    if (sim_query_get(request->query, "pageSize", text, sizeof text)) {
        size = (int)strtol(text, NULL, 10);
        if (size < 1 || size > AT_PAGE_MAX) size = AT_PAGE_MAX;
    }
    if (sim_query_get(request->query, "offset", text, sizeof text)) {
        int from = -1;

        if (sscanf(text, "com%d", &from) != 1 || from > newest) {
            at_error(app, reply, 422, "INVALID_OFFSET_VALUE", "The value of offset is invalid");
            return;
        }
        newest = from;
    }
    sl_buf_adds(reply->body, "{\"comments\":[");
    for (int i = 0; i < size && newest >= 0; i++, newest--) {
        if (i) sl_buf_addc(reply->body, ',');
        put_comment(app, table, &row, newest, reply->body);
    }
    if (newest >= 0)
        sl_buf_addf(reply->body, "],\"offset\":\"com%d\"}", newest);
    else
        sl_buf_adds(reply->body, "],\"offset\":null}");
}
