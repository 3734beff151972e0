/*
 * bench.c: the table of the benchmarks: thirty fields of the usual kinds, about 1.3 KB of JSON a
 * record with field ids as keys, cheap to make.
 */
#include "sim/airtable/airtable.h"

#define ISO "\"dateFormat\":{\"name\":\"iso\",\"format\":\"YYYY-MM-DD\"}"
#define CLOCK "\"timeFormat\":{\"name\":\"24hour\",\"format\":\"HH:mm\"},\"timeZone\":\"utc\""
#define TIME "{" ISO "," CLOCK "}"
#define CHECK "{\"icon\":\"check\",\"color\":\"greenBright\"}"
#define LINE(n)                                                                                    \
    {                                                                                              \
        .name = n, .type = "singleLineText", .gen = at_gen_plain, .full = true                     \
    }

static const struct at_spec fields[] = {
    LINE("Name"),
    {.name = "No.", .type = "autoNumber"},
    LINE("Customer"),
    LINE("Contact"),
    LINE("Street"),
    LINE("City"),
    LINE("Reference"),
    {.name = "Notes", .type = "multilineText", .gen = at_gen_long, .full = true},
    {.name = "Country",
     .type = "singleSelect",
     .choices = "Sweden|Chile|Japan|Kenya",
     .full = true},
    {.name = "Status", .type = "singleSelect", .choices = "New|Open|Waiting|Closed", .full = true},
    {.name = "Tier", .type = "singleSelect", .choices = "Gold|Silver|Bronze", .full = true},
    {.name = "Tags",
     .type = "multipleSelects",
     .choices = "eu, west|VIP|trial|partner",
     .full = true},
    {.name = "Quantity",
     .type = "number",
     .gen = at_gen_counter,
     .full = true,
     .options = "{\"precision\":0}"},
    {.name = "Weight", .type = "number", .full = true, .options = "{\"precision\":2}"},
    {.name = "Price",
     .type = "currency",
     .full = true,
     .options = "{\"precision\":2,\"symbol\":\"€\"}"},
    {.name = "Discount", .type = "percent", .options = "{\"precision\":1}"},
    {.name = "Cost",
     .type = "currency",
     .full = true,
     .options = "{\"precision\":2,\"symbol\":\"€\"}"},
    {.name = "Score",
     .type = "rating",
     .full = true,
     .options = "{\"icon\":\"star\",\"max\":5,\"color\":\"yellowBright\"}"},
    {.name = "Ordered on", .type = "date", .full = true, .options = "{" ISO "}"},
    {.name = "Shipped at", .type = "dateTime", .options = TIME},
    {.name = "Paid on", .type = "date", .options = "{" ISO "}"},
    {.name = "Due at", .type = "dateTime", .full = true, .options = TIME},
    {.name = "Gift", .type = "checkbox", .options = CHECK},
    {.name = "Express", .type = "checkbox", .options = CHECK},
    {.name = "E-mail", .type = "email", .full = true},
    {.name = "Site", .type = "url", .full = true},
    {.name = "Owner", .type = "singleCollaborator", .full = true},
    {.name = "Created",
     .type = "createdTime",
     .options = "{\"result\":{\"type\":\"dateTime\",\"options\":" TIME "}}"},
    {.name = "Last change",
     .type = "lastModifiedTime",
     .options = "{\"isValid\":true,\"referencedFieldIds\":[],"
                "\"result\":{\"type\":\"dateTime\",\"options\":" TIME "}}"},
    {.name = "Slug",
     .type = "formula",
     .gen = at_gen_slug,
     .target = "Name",
     .options = "{\"isValid\":true,\"formula\":\"{<F:Name>} & ' - ' & {<F:No.>}\","
                "\"referencedFieldIds\":[\"<F:Name>\",\"<F:No.>\"],"
                "\"result\":{\"type\":\"singleLineText\"}}"},
    {0},
};

const struct at_table_spec at_bench_table = {.name = "Bench", .fields = fields};
