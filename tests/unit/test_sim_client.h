/* test_sim_client.h: asks a simulator without a network, for the tests of this folder. */
#ifndef TEST_SIM_CLIENT_H
#define TEST_SIM_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/sim.h"
#include "sim/text.h"

struct client {
    struct sim *sim;
    struct sl_buf body, url;
    struct sl_doc *doc;
    const struct sl_json *json; /* of the newest answer; NULL: no JSON */
    struct sim_reply reply;
    int status;
    int64_t now_us;
    char authorization[200], base[32];
};

static inline void client_open(struct client *client, const char *app,
                               const struct sim_options *options)
{
    struct sl_error error = {0};
    struct sl_buf connection = {0};
    const struct sl_json *root;

    memset(client, 0, sizeof *client);
    client->doc = sl_doc_new(0);
    assert_non_null(client->doc);
    assert_int_equal(sim_new(sim_find(app), options, &client->sim, &error), SL_OK);
    assert_int_equal(sim_connection(client->sim, "http://sim", &connection, &error), SL_OK);
    assert_int_equal(sl_doc_parse_copy(client->doc, connection.data, connection.len, &root, &error),
                     SL_OK);
    if (sl_json_get(root, "token"))
        snprintf(client->authorization, sizeof client->authorization, "Bearer %s",
                 sl_json_str(sl_json_get(root, "token")));
    else
        strcpy(client->authorization, "Basic YWRhOmxvdmVsYWNl"); /* ada:lovelace */
    if (sl_json_get(root, "base_id"))
        snprintf(client->base, sizeof client->base, "%s",
                 sl_json_str(sl_json_get(root, "base_id")));
    client->now_us = sim_now(client->sim);
    sl_buf_release(&connection);
}

static inline void client_close(struct client *client)
{
    sim_free(client->sim);
    sl_doc_free(client->doc);
    sl_buf_release(&client->body);
    sl_buf_release(&client->url);
}

/* target: path and query, encoded. Sets status, body, json. Each request comes 1 s after the one
 * before, so that no limit is met by accident. */
static inline int client_ask(struct client *client, const char *method, const char *target,
                             const char *body)
{
    char path[20000], raw[20000];
    const char *query = strchr(target, '?');
    struct sl_error error = {0};
    struct sl_header headers[] = {{"authorization", client->authorization},
                                  {"content-type", "application/json"},
                                  {"host", "sim"},
                                  {0}};

    snprintf(raw, sizeof raw, "%.*s", (int)(query ? (size_t)(query - target) : strlen(target)),
             target);
    assert_true(sim_url_decode(raw, strlen(raw), false, path, sizeof path));
    client->now_us += SL_SECOND_US;
    struct sim_request request = {.method = method,
                                  .path = path,
                                  .raw_path = raw,
                                  .query = query ? query + 1 : "",
                                  .headers = headers,
                                  .body = body ? body : "",
                                  .body_len = body ? strlen(body) : 0,
                                  .now_us = client->now_us};

    sl_buf_reset(&client->body);
    sim_reply_init(&client->reply, &client->body);
    assert_int_equal(sim_handle(client->sim, &request, &client->reply, &error), SL_OK);
    client->json = NULL;
    if (sl_doc_parse_copy(client->doc, sl_buf_str(&client->body), client->body.len, &client->json,
                          &error) != SL_OK)
        client->json = NULL;
    return client->status = client->reply.status;
}

static inline int client_get(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline int client_get(struct client *client, const char *format, ...)
{
    va_list args;

    sl_buf_reset(&client->url);
    va_start(args, format);
    sl_buf_vaddf(&client->url, format, args);
    va_end(args);
    return client_ask(client, "GET", sl_buf_str(&client->url), NULL);
}

static inline void client_control(struct client *client, const char *json)
{
    struct sl_error error = {0};

    if (sim_control(client->sim, json, &error)) fail_msg("%s: %s", json, error.message);
}

static inline const char *error_type(const struct client *client)
{
    const char *type = sl_json_str(sl_json_path(client->json, "error", "type", NULL));

    return type ? type : sl_json_str(sl_json_get(client->json, "error"));
}

#endif
