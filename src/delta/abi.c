/*
 * abi.c: what kernel/src/border.rs repeats of our headers, compared when this file is compiled.
 * Change the Rust side together with the headers; nothing here runs.
 */
#include "delta.h"
#include "maintain.h"

#include <stddef.h>

#define SAME(condition) _Static_assert(condition, "kernel/src/border.rs must be changed too")

SAME(sizeof(enum sl_code) == sizeof(int));
SAME(SL_OK == 0 && SL_MORE == 1 && SL_DONE == 2 && SL_PARTIAL == 3 && SL_USAGE == 4);
SAME(SL_BAD_SPEC == 5 && SL_UNSUPPORTED == 6 && SL_NOT_FOUND == 7 && SL_EXISTS == 8);
SAME(SL_AUTH == 9 && SL_PERMISSION == 10 && SL_SOURCE == 11 && SL_BAD_DATA == 12);
SAME(SL_TOO_LARGE == 13 && SL_CONNECT == 14 && SL_TIMEOUT == 15 && SL_RATE_LIMITED == 16);
SAME(SL_DESTINATION == 17 && SL_CONFLICT == 18 && SL_FENCED == 19 && SL_BUSY == 20);
SAME(SL_QUOTA == 21 && SL_NO_MEMORY == 22 && SL_BUG == 23 && SL_CANCELLED == 24);

SAME(offsetof(struct sl_error, code) == 0 && offsetof(struct sl_error, retryable) == 4);
SAME(offsetof(struct sl_error, http_status) == 8 && offsetof(struct sl_error, file) == 16);
SAME(offsetof(struct sl_error, line) == 24 && offsetof(struct sl_error, message) == 28);
SAME(sizeof(((struct sl_error *)0)->message) == 2048);
SAME(offsetof(struct sl_error, hint) == 28 + 2048);
SAME(sizeof(((struct sl_error *)0)->hint) == 512);

SAME(offsetof(struct sl_pair, value) == 8 && sizeof(struct sl_pair) == 16);

SAME(offsetof(struct sl_delta_commit, operation) == 0);
SAME(offsetof(struct sl_delta_commit, parameters) == 8);
SAME(offsetof(struct sl_delta_commit, parameters_count) == 16);
SAME(offsetof(struct sl_delta_commit, metrics) == 24);
SAME(offsetof(struct sl_delta_commit, metrics_count) == 32);
SAME(offsetof(struct sl_delta_commit, app_id) == 40);
SAME(offsetof(struct sl_delta_commit, app_version) == 48);
SAME(offsetof(struct sl_delta_commit, domains) == 56);
SAME(offsetof(struct sl_delta_commit, domains_count) == 64);
SAME(offsetof(struct sl_delta_commit, add) == 72);
SAME(offsetof(struct sl_delta_commit, add_count) == 80);
SAME(offsetof(struct sl_delta_commit, gone) == 88);
SAME(offsetof(struct sl_delta_commit, gone_count) == 96);
SAME(offsetof(struct sl_delta_commit, remove_all) == 104);
SAME(offsetof(struct sl_delta_commit, data_change) == 105);
SAME(offsetof(struct sl_delta_commit, add_columns_json) == 112);
SAME(sizeof(struct sl_delta_commit) == 120);

SAME(offsetof(struct sl_delta_gone, rows) == 8 && offsetof(struct sl_delta_gone, count) == 16);
SAME(sizeof(struct sl_delta_gone) == 24);
SAME(offsetof(struct sl_delta_part, staged) == 8 && offsetof(struct sl_delta_part, aside) == 16);
SAME(offsetof(struct sl_delta_part, rows) == 24 && offsetof(struct sl_delta_part, count) == 32);
SAME(offsetof(struct sl_delta_part, except) == 40 && sizeof(struct sl_delta_part) == 48);
SAME(offsetof(struct sl_delta_live, bytes) == 8);
SAME(offsetof(struct sl_delta_live, modified_ms) == 16);
SAME(offsetof(struct sl_delta_live, rows) == 24 && offsetof(struct sl_delta_live, dead) == 32);
SAME(sizeof(struct sl_delta_live) == 40);
SAME(sizeof(struct sl_delta_totals) == 24 && offsetof(struct sl_delta_totals, bytes) == 16);
SAME(offsetof(struct sl_delta_writer_options, row_group_bytes_max) == 8);
SAME(offsetof(struct sl_delta_writer_options, rows_max) == 16);
SAME(offsetof(struct sl_delta_writer_options, aside) == 24);
SAME(sizeof(struct sl_delta_writer_options) == 32);

SAME(offsetof(struct sl_delta_optimize_options, small_bytes) == 8);
SAME(offsetof(struct sl_delta_optimize_options, dead_ratio) == 16);
SAME(offsetof(struct sl_delta_optimize_options, files_min) == 24);
SAME(offsetof(struct sl_delta_optimize_options, bytes_max) == 32);
SAME(sizeof(struct sl_delta_optimize_options) == 40);
SAME(offsetof(struct sl_delta_optimized, rows) == 32);
SAME(offsetof(struct sl_delta_optimized, version) == 48);
SAME(sizeof(struct sl_delta_optimized) == 56);
SAME(offsetof(struct sl_delta_vacuumed, kept) == 16 && sizeof(struct sl_delta_vacuumed) == 24);
SAME(sizeof(struct sl_delta_pulse) == 32 && offsetof(struct sl_delta_pulse, previous_ms) == 24);

SAME(offsetof(struct sl_delta_alter, parameters) == 8);
SAME(offsetof(struct sl_delta_alter, parameters_count) == 16);
SAME(offsetof(struct sl_delta_alter, schema_json) == 24);
SAME(offsetof(struct sl_delta_alter, set) == 32 &&
     offsetof(struct sl_delta_alter, set_count) == 40);
SAME(offsetof(struct sl_delta_alter, app_id) == 48);
SAME(offsetof(struct sl_delta_alter, app_version) == 56);
SAME(offsetof(struct sl_delta_alter, domains) == 64);
SAME(offsetof(struct sl_delta_alter, domains_count) == 72 && sizeof(struct sl_delta_alter) == 80);
