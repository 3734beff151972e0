/* fault.c: see fault.h. */
#include "sim/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sim/text.h"

const char *sim_fault_param(const struct sim_fault *fault, const char *name)
{
    for (int i = 0; fault && i < fault->params_count; i++)
        if (strcmp(fault->params[i].name, name) == 0) return fault->params[i].value;
    return NULL;
}

int64_t sim_fault_int(const struct sim_fault *fault, const char *name, int64_t preset)
{
    const char *text = sim_fault_param(fault, name);

    return text ? strtoll(text, NULL, 10) : preset;
}

double sim_fault_double(const struct sim_fault *fault, const char *name, double preset)
{
    const char *text = sim_fault_param(fault, name);

    return text ? strtod(text, NULL) : preset;
}

const struct sim_fault *sim_request_fault(const struct sim_request *request, const char *name)
{
    for (const struct sim_fault *const *f = request->faults; f && *f; f++)
        if (strcmp((*f)->name, name) == 0) return *f;
    return NULL;
}

static bool is_number(const char *text)
{
    char *end = NULL;

    (void)strtod(text, &end);
    return *text && end && !*end && strspn(text, "0123456789.-") == strlen(text);
}

void sim_fault_op(const struct sim_fault *fault, const char *table, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"op\":");
    sim_json_text(out, fault->name);
    for (int i = 0; i < fault->params_count; i++) {
        sl_buf_addc(out, ',');
        sim_json_text(out, fault->params[i].name);
        sl_buf_addc(out, ':');
        if (is_number(fault->params[i].value))
            sl_buf_adds(out, fault->params[i].value);
        else
            sim_json_text(out, fault->params[i].value);
    }
    if (table[0] && !sim_fault_param(fault, "table")) {
        sl_buf_adds(out, ",\"table\":");
        sim_json_text(out, table);
    }
    sl_buf_addc(out, '}');
}

static bool copy_part(char *out, size_t cap, const char *text, size_t len)
{
    while (len && (*text == ' ' || *text == '\n')) text++, len--;
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\n')) len--;
    if (len >= cap) return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static enum sl_code parse_param(struct sim_fault *fault, const char *text, size_t len,
                                struct sl_error *error)
{
    const char *equals = memchr(text, '=', len);
    int i = fault->params_count;

    if (!equals || i == SIM_FAULT_PARAMS_MAX ||
        !copy_part(fault->params[i].name, sizeof fault->params[i].name, text,
                   (size_t)(equals - text)) ||
        !copy_part(fault->params[i].value, sizeof fault->params[i].value, equals + 1,
                   len - (size_t)(equals - text) - 1))
        return sl_fail(error, SL_USAGE, "fault '%s': '%.*s' is not NAME=VALUE (%d at most)",
                       fault->name, (int)len, text, SIM_FAULT_PARAMS_MAX);
    fault->params_count++;
    return SL_OK;
}

static enum sl_code parse_fault(struct sim_fault *fault, const char *text, size_t len,
                                struct sl_error *error)
{
    const char *colon = memchr(text, ':', len);
    size_t name_len = colon ? (size_t)(colon - text) : len;

    if (!copy_part(fault->name, sizeof fault->name, text, name_len))
        return sl_fail(error, SL_USAGE, "fault '%.*s': name too long", (int)name_len, text);
    const char *at = colon ? colon + 1 : text + len, *end = text + len;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t part = comma ? (size_t)(comma - at) : (size_t)(end - at);
        enum sl_code rc = parse_param(fault, at, part, error);

        if (rc) return rc;
        at += part + 1;
    }
    fault->n = sim_fault_int(fault, "n", 0);
    fault->every = sim_fault_int(fault, "every", 0);
    fault->times = sim_fault_int(fault, "times", 0);
    fault->page = sim_fault_int(fault, "page", 0);
    fault->p = sim_fault_double(fault, "p", 0);
    if (!fault->times && !fault->every && !(fault->p > 0) && (fault->n || fault->page))
        fault->times = 1;
    return SL_OK;
}

enum sl_code sim_faults_add(struct sim_faults *faults, const char *text,
                            bool (*known)(const void *context, const char *name),
                            const void *context, struct sl_error *error)
{
    while (text && *text) {
        size_t len = strcspn(text, ";");

        if (len > strspn(text, " \n")) {
            if (faults->count == SIM_FAULTS_MAX)
                return sl_fail(error, SL_USAGE, "over %d faults", SIM_FAULTS_MAX);
            struct sim_fault *fault = sl_calloc(1, sizeof *fault);

            if (!fault) return sl_fail(error, SL_NO_MEMORY, "could not keep a fault");
            faults->list[faults->count++] = fault;
            enum sl_code rc = parse_fault(fault, text, len, error);

            if (rc) return rc;
            if (!known(context, fault->name))
                return sl_fail(error, SL_USAGE, "there is no fault '%s'", fault->name);
        }
        text += len;
        if (*text) text++;
    }
    return SL_OK;
}

void sim_faults_clear(struct sim_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) sl_free(faults->list[i]);
    faults->count = 0;
}

static bool concerns(const struct sim_fault *fault, const struct sim_request *request,
                     const struct sim_look *look)
{
    const char *table = sim_fault_param(fault, "table");
    const char *path = sim_fault_param(fault, "path");

    if (table && strcmp(table, look->table) != 0 && strcmp(table, look->table_name) != 0)
        return false;
    if (path && !strstr(request->path, path)) return false;
    return fault->page == 0 || fault->page == look->page;
}

static bool strikes(struct sim_fault *fault, uint64_t *dice)
{
    fault->seen++;
    if (fault->times && fault->fired >= fault->times) return false;
    if (fault->n && fault->seen < fault->n) return false;
    if (fault->every && fault->seen % fault->every != 0) return false;
    if (fault->p > 0) {
        *dice = sim_mix(*dice, 0x5eed);
        if (sim_unit(*dice) >= fault->p) return false;
    }
    fault->fired++;
    return true;
}

void sim_faults_strike(struct sim_faults *faults, const struct sim_request *request,
                       const struct sim_look *look, uint64_t *dice,
                       const struct sim_fault *out[SIM_FAULTS_MAX + 1])
{
    size_t count = 0;

    for (size_t i = 0; i < faults->count; i++)
        if (concerns(faults->list[i], request, look) && strikes(faults->list[i], dice))
            out[count++] = faults->list[i];
    out[count] = NULL;
}
