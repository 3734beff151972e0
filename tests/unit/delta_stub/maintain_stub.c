/* maintain.h over the stub: a table in memory needs no care. */
#include "delta/maintain.h"

struct sl_delta_pulse sl_delta_pulse(const struct sl_delta_table *table)
{
    (void)table;
    return (struct sl_delta_pulse){-1, -1, 0, -1};
}

enum sl_code sl_delta_optimize(struct sl_delta_table *table,
                               const struct sl_delta_optimize_options *options,
                               struct sl_delta_optimized *out, struct sl_error *error)
{
    (void)table, (void)options, (void)error;
    *out = (struct sl_delta_optimized){.version = -1};
    return SL_OK;
}

enum sl_code sl_delta_vacuum(struct sl_delta_table *table, int64_t retention_ms, int64_t now_ms,
                             bool dry_run, void (*named)(void *ctx, const char *path), void *ctx,
                             struct sl_delta_vacuumed *out, struct sl_error *error)
{
    (void)table, (void)retention_ms, (void)now_ms, (void)dry_run, (void)named, (void)ctx,
        (void)error;
    *out = (struct sl_delta_vacuumed){0};
    return SL_OK;
}

enum sl_code sl_delta_clean_log(struct sl_delta_table *table, int64_t retention_ms, int64_t now_ms,
                                int64_t *files, struct sl_error *error)
{
    (void)table, (void)retention_ms, (void)now_ms, (void)error;
    *files = 0;
    return SL_OK;
}
