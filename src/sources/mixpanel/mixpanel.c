/* mixpanel.c: the options, and which table is read how. See mixpanel.h for the other parts. */
#include "mixpanel.h"

#include <string.h>

#define AT(member) offsetof(struct mixpanel, member)

static const char *const regions[] = {"US", "EU", "IN", NULL};

static const struct sl_option connection_options[] = {
    {.name = "username",
     .kind = SL_OPTION_STRING,
     .offset = AT(username),
     .help = "The username of a service account, with its secret."},
    {.name = "secret",
     .kind = SL_OPTION_SECRET,
     .offset = AT(secret),
     .help = "The secret of the service account."},
    {.name = "api_secret",
     .kind = SL_OPTION_SECRET,
     .offset = AT(api_secret),
     .help = "The project's API secret, in place of a service account (retired in March 2027)."},
    {.name = "project_id",
     .kind = SL_OPTION_STRING,
     .offset = AT(project_id),
     .help = "The number of the project; needed with a service account."},
    {.name = "workspace_id",
     .kind = SL_OPTION_STRING,
     .offset = AT(workspace_id),
     .help = "The number of a data view, to read no more than it shows."},
    {.name = "region",
     .kind = SL_OPTION_ENUM,
     .preset = "US",
     .values = regions,
     .offset = AT(region),
     .help = "Where the project's data are kept."},
    {.name = "project_timezone",
     .kind = SL_OPTION_STRING,
     .preset = "UTC",
     .offset = AT(project_timezone),
     .help = "The project's time zone, such as US/Pacific; projects made since 2023 go by UTC."},
    {.name = "start_date",
     .kind = SL_OPTION_STRING,
     .offset = AT(start_date),
     .help = "The day of the first events that are read, such as 2025-01-31."},
    {.name = "historical_days",
     .kind = SL_OPTION_INT,
     .preset = "10",
     .min = 0,
     .max = 3650,
     .offset = AT(historical_days),
     .help = "Without start_date: how many days before today the first load begins."},
    {.name = "requests_per_hour",
     .kind = SL_OPTION_INT,
     .preset = "58",
     .min = 1,
     .max = 1000000,
     .offset = AT(requests_per_hour),
     .help = "Exports, and as many queries, that sluice makes in an hour; Mixpanel allows 60."},
    {.name = "base_url",
     .kind = SL_OPTION_URL,
     .offset = AT(base_url),
     .help = "Another address in place of the region's, such as that of a simulator."},
    {0},
};

static const struct sl_option table_options[] = {
    {.name = "lookback_days",
     .kind = SL_OPTION_INT,
     .preset = "5",
     .min = 1,
     .max = 365,
     .offset = AT(lookback_days),
     .help = "Events: how many days before the last run are read again, for what came late."},
    {.name = "days_per_request",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 365,
     .offset = AT(days_per_request),
     .help = "Events: days that one of the 60 exports an hour asks for; 0 lets sluice choose."},
    {.name = "page_size",
     .kind = SL_OPTION_INT,
     .preset = "10000",
     .min = 100,
     .max = 50000,
     .offset = AT(page_size),
     .help = "Engage: profiles in one of the 60 queries an hour."},
    {.name = "max_records_per_batch",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 1000000000,
     .offset = AT(max_records_per_batch),
     .help = "Accepted from pipelines written for other connectors; it changes nothing here."},
    {0},
};

static enum sl_code read_events(struct mixpanel *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    if (response && self->stage == MIXPANEL_EXPORT)
        return mixpanel_read_lines(self, response, out, error);
    if (!response && sl_json_get(self->task.input, "from"))
        return mixpanel_begin_days(self, out, error);
    /* Which day is today is for Mixpanel to say; this request costs nothing. */
    if (!response && mixpanel_is_account(self)) return mixpanel_ask_me(self, out, error);
    if (response) mixpanel_keep_clock(self, response);
    return mixpanel_plan_events(self, out, error);
}

static enum sl_code read_table(void *task, const struct sl_response *response, struct sl_out *out,
                               struct sl_error *error)
{
    static const struct {
        const char *table;
        enum sl_code (*read)(struct mixpanel *self, const struct sl_response *response,
                             struct sl_out *out, struct sl_error *error);
    } readers[] = {
        {"events", read_events},
        {"engage", mixpanel_read_engage},
        {"cohorts", mixpanel_read_cohorts},
        {"cohort_members", mixpanel_read_members},
        {"annotations", mixpanel_read_annotations},
    };
    struct mixpanel *self = task;
    const char *table = self->task.table ? self->task.table : "";
    enum sl_code rc = response ? SL_OK : mixpanel_begin(self, error);

    if (rc) return rc;
    if (sl_json_get(self->task.input, "cohort"))
        return mixpanel_read_engage(self, response, out, error);
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (strcmp(readers[i].table, table) == 0)
            return readers[i].read(self, response, out, error);
    return sl_fail(error, SL_NOT_FOUND, "Mixpanel has no table '%.80s'", table);
}

static void task_release(void *task)
{
    struct mixpanel *self = task;

    mixpanel_release_pieces(&self->pieces);
}

const struct sl_connector sl_connector_mixpanel = {
    .abi = SL_CONNECTOR_ABI,
    .name = "mixpanel",
    .title = "Mixpanel",
    .summary = "Raw events, profiles, cohorts with their members, and annotations",
    .docs = "https://developer.mixpanel.com/reference/overview",
    .connection_options = connection_options,
    .table_options = table_options,
    .task_size = sizeof(struct mixpanel),
    .classify = mixpanel_classify,
    .check = mixpanel_check,
    .discover = mixpanel_discover,
    .read = read_table,
    .task_release = task_release,
};
