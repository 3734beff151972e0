/*
 * demo.c: the base "Launch Control", invented: six tables that are linked to each other, with
 * every field type of the API somewhere, and with what is awkward about real bases: fields whose
 * names collide once they are sanitised, a field called "id", choices with commas, emoji, numbers
 * beyond 2^53, formulas that fail, a type that nobody has heard of.
 */
#include "sim/airtable/airtable.h"

#define ISO "\"dateFormat\":{\"name\":\"iso\",\"format\":\"YYYY-MM-DD\"}"
#define CLOCK "\"timeFormat\":{\"name\":\"24hour\",\"format\":\"HH:mm\"},\"timeZone\":\"utc\""
#define RESULT_TIME "\"result\":{\"type\":\"dateTime\",\"options\":{" ISO "," CLOCK "}}"
#define RESULT_DATE "\"result\":{\"type\":\"date\",\"options\":{" ISO "}}"
#define RESULT_NUMBER "\"result\":{\"type\":\"number\",\"options\":{\"precision\":4}}"
#define RESULT_EURO "\"result\":{\"type\":\"currency\",\"options\":{\"precision\":2,\"symbol\":\"€\"}}"
#define RESULT_TEXT "\"result\":{\"type\":\"singleLineText\"}"
#define RESULT_CHECK                                                                               \
    "\"result\":{\"type\":\"checkbox\",\"options\":{\"icon\":\"check\",\"color\":\"greenBright\"}}"
#define EURO "{\"precision\":2,\"symbol\":\"€\"}"
#define CHECK "{\"icon\":\"check\",\"color\":\"greenBright\"}"
#define STARS "{\"icon\":\"star\",\"max\":5,\"color\":\"yellowBright\"}"
#define MODIFIED "{\"isValid\":true,\"referencedFieldIds\":[]," RESULT_TIME "}"
/* options of fields that go through a link of the same table */
#define THROUGH(link, target, rest)                                                                \
    "{\"isValid\":true,\"recordLinkFieldId\":\"<F:" link ">\",\"fieldIdInLinkedTable\":\"<F:"      \
    target ">\"" rest "}"
#define FORMULA(formula, ids, result)                                                              \
    "{\"isValid\":true,\"formula\":\"" formula "\",\"referencedFieldIds\":[" ids "]," result "}"

static const struct at_spec sku_fields[] = {
    {.name = "SKU", .type = "singleLineText", .description = "What is to be launched",
     .full = true},
    {.name = "Notes", .type = "multilineText"},
    {.name = "Brief", .type = "richText"},
    {.name = "Status", .type = "singleSelect", .choices = "Idea|In progress|On hold|Launched 🎉"},
    {.name = "Tags", .type = "multipleSelects", .choices = "eu, west|VIP|\"quoted\"|a; b"},
    {.name = "Unit price (€)", .type = "currency", .options = EURO},
    {.name = "Units", .type = "number", .options = "{\"precision\":0}"},
    {.name = "Margin %", .type = "percent", .options = "{\"precision\":1}"},
    {.name = "Vendor", .type = "multipleRecordLinks", .link = "Vendors", .offsets = "0,5"},
    {.name = "Vendor (from Vendor)", .type = "multipleLookupValues", .via = "Vendor",
     .target = "Vendor", .options = THROUGH("Vendor", "Vendors/Vendor", "," RESULT_TEXT)},
    {.name = "Vendor score", .type = "lookup", .via = "Vendor", .target = "Score",
     .options = THROUGH("Vendor", "Vendors/Score",
                        ",\"result\":{\"type\":\"rating\",\"options\":" STARS "}")},
    {.name = "Vendor spend", .type = "rollup", .via = "Vendor", .target = "Spend",
     .options = THROUGH("Vendor", "Vendors/Spend", ",\"referencedFieldIds\":[]," RESULT_EURO)},
    {.name = "Vendor count", .type = "count", .via = "Vendor",
     .options = "{\"isValid\":true,\"recordLinkFieldId\":\"<F:Vendor>\"}"},
    {.name = "Price per unit", .type = "formula", .gen = at_gen_ratio,
     .target = "Unit price (€)|Units",
     .options = FORMULA("{<F:Unit price (€)>}/{<F:Units>}",
                        "\"<F:Unit price (€)>\",\"<F:Units>\"", RESULT_NUMBER)},
    {.name = "Link check", .type = "formula", .gen = at_gen_error,
     .options = "{\"isValid\":false,\"formula\":\"{column_value_deleted} & \\\"x\\\"\","
                "\"referencedFieldIds\":null,\"result\":null}"},
    {.name = "In stock?", .type = "formula", .gen = at_gen_positive, .target = "Units",
     .options = FORMULA("{<F:Units>}>0", "\"<F:Units>\"", RESULT_CHECK)},
    {.name = "GTIN", .type = "barcode"},
    {.name = "External ID", .type = "singleLineText", .gen = at_gen_big_text,
     .description = "An id of another system, beyond 2^53, kept as text"},
    {.name = "External number", .type = "number", .gen = at_gen_big_number,
     .options = "{\"precision\":0}", .description = "The same as a number"},
    {.name = "ID*", .type = "singleLineText"},
    {.name = "id?", .type = "number", .options = "{\"precision\":2}"},
    {.name = "🚀 Launch ready", .type = "checkbox", .options = CHECK},
    {.name = "Milestones", .type = "multipleRecordLinks", .inverse = "Launch Milestones/SKU"},
    {.name = "Compliance", .type = "multipleRecordLinks", .inverse = "Compliance Records/SKU"},
    {.name = "Packaging", .type = "multipleRecordLinks", .inverse = "Packaging Tasks/SKU"},
    {.name = "No.", .type = "autoNumber"},
    {.name = "Created", .type = "createdTime", .options = "{" RESULT_TIME "}"},
    {.name = "Created by", .type = "createdBy"},
    {.name = "Last change", .type = "lastModifiedTime", .options = MODIFIED},
    {.name = "Changed by", .type = "lastModifiedBy", .options = "{}"},
    {.name = "Open", .type = "button"},
    {0},
};

static const struct at_spec milestone_fields[] = {
    {.name = "Milestone", .type = "singleLineText", .full = true},
    {.name = "Start", .type = "date",
     .options = "{\"dateFormat\":{\"name\":\"us\",\"format\":\"M/D/YYYY\"}}"},
    {.name = "Kickoff at", .type = "dateTime", .options = "{" ISO "," CLOCK "}"},
    {.name = "Length", .type = "duration", .options = "{\"durationFormat\":\"h:mm:ss.SSS\"}"},
    {.name = "Owner", .type = "singleCollaborator"},
    {.name = "Team", .type = "multipleCollaborators", .options = "{}"},
    {.name = "SKU", .type = "multipleRecordLinks", .link = "SKU Candidates", .offsets = "0,3,11"},
    {.name = "SKU status", .type = "multipleLookupValues", .via = "SKU", .target = "Status",
     .options = THROUGH("SKU", "SKU Candidates/Status", ",\"result\":{\"type\":\"singleSelect\"}")},
    {.name = "SKU tags", .type = "multipleLookupValues", .via = "SKU", .target = "Tags",
     .options = THROUGH("SKU", "SKU Candidates/Tags", ",\"result\":{\"type\":\"multipleSelects\"}")},
    {.name = "SKU price per unit", .type = "multipleLookupValues", .via = "SKU",
     .target = "Price per unit",
     .options = THROUGH("SKU", "SKU Candidates/Price per unit", "," RESULT_NUMBER)},
    {.name = "SKU link check", .type = "multipleLookupValues", .via = "SKU",
     .target = "Link check",
     .options = THROUGH("SKU", "SKU Candidates/Link check", ",\"result\":null")},
    {.name = "Vendors (from SKU)", .type = "multipleLookupValues", .via = "SKU",
     .target = "Vendor",
     .options = THROUGH("SKU", "SKU Candidates/Vendor",
                        ",\"result\":{\"type\":\"multipleRecordLinks\",\"options\":"
                        "{\"linkedTableId\":\"<T:Vendors>\"}}")},
    {.name = "SKU count", .type = "count", .via = "SKU",
     .options = "{\"isValid\":true,\"recordLinkFieldId\":\"<F:SKU>\"}"},
    {.name = "Due", .type = "formula", .gen = at_gen_due_date,
     .options = FORMULA("DATEADD({<F:Start>},7,'days')", "\"<F:Start>\"", RESULT_DATE)},
    {.name = "Started", .type = "formula", .gen = at_gen_truth, .target = "Progress",
     .options = FORMULA("{<F:Progress>}>0", "\"<F:Progress>\"",
                        "\"result\":{\"type\":\"number\",\"options\":{\"precision\":0}}")},
    {.name = "Slug", .type = "formula", .gen = at_gen_slug, .target = "Milestone",
     .options = FORMULA("{<F:Milestone>} & ' - ' & {<F:No.>}", "\"<F:Milestone>\",\"<F:No.>\"",
                        RESULT_TEXT)},
    {.name = "Risk", .type = "formula", .gen = at_gen_error_some,
     .options = FORMULA("{<F:Progress>}/{<F:Confidence>}", "\"<F:Progress>\",\"<F:Confidence>\"",
                        RESULT_NUMBER)},
    {.name = "Progress", .type = "percent", .options = "{\"precision\":0}"},
    {.name = "Confidence", .type = "rating", .options = STARS},
    {.name = "Assets", .type = "multipleRecordLinks", .inverse = "Marketing Assets/Milestone"},
    {.name = "Summary (AI)", .type = "aiText",
     .options = "{\"prompt\":[\"Summarise: \",{\"field\":{\"fieldId\":\"<F:Milestone>\"}}],"
                "\"referencedFieldIds\":[\"<F:Milestone>\"]}"},
    {.name = "No.", .type = "autoNumber"},
    {.name = "Last change", .type = "lastModifiedTime", .options = MODIFIED},
    {0},
};

static const struct at_spec compliance_fields[] = {
    {.name = "Record", .type = "singleLineText", .full = true},
    {.name = "Regulation", .type = "singleSelect", .choices = "CE|REACH|RoHS, annex II|Prop 65"},
    {.name = "Authority e-mail", .type = "email"},
    {.name = "Authority site", .type = "url"},
    {.name = "Authority phone #", .type = "phoneNumber"},
    {.name = "Certificates", .type = "multipleAttachments", .options = "{\"isReversed\":false}"},
    {.name = "Issued", .type = "date", .options = "{" ISO "}"},
    {.name = "Expires", .type = "date",
     .options = "{\"dateFormat\":{\"name\":\"european\",\"format\":\"D/M/YYYY\"}}"},
    {.name = "SKU", .type = "multipleRecordLinks", .link = "SKU Candidates", .offsets = "7"},
    {.name = "Approved?", .type = "checkbox", .options = CHECK},
    {.name = "Reviewer", .type = "singleCollaborator", .options = "{}"},
    {.name = "🔄 Source", .type = "externalSyncSource", .choices = "CRM sync|Lab sync"},
    {.name = "Fee", .type = "currency", .options = "{\"precision\":2,\"symbol\":\"$\"}"},
    {.name = "Legacy code", .type = "simpleText"},
    {.name = "id", .type = "manualSort", .options = "null"},
    {.name = "Days to decide", .type = "duration", .options = "{\"durationFormat\":\"h:mm:ss\"}"},
    {.name = "Fee per day", .type = "formula", .gen = at_gen_ratio, .target = "Fee|Days to decide",
     .options = FORMULA("{<F:Fee>}/{<F:Days to decide>}", "\"<F:Fee>\",\"<F:Days to decide>\"",
                        RESULT_NUMBER)},
    {.name = "No.", .type = "autoNumber"},
    {.name = "Created on", .type = "createdTime", .options = "{" RESULT_DATE "}"},
    {.name = "Last change", .type = "lastModifiedTime", .options = MODIFIED},
    {0},
};

static const struct at_spec packaging_fields[] = {
    {.name = "Task", .type = "singleLineText", .full = true},
    {.name = "Details / spec", .type = "richText"},
    {.name = "Stage", .type = "singleSelect", .choices = "Todo|Doing|Done"},
    {.name = "SKU", .type = "multipleRecordLinks", .link = "SKU Candidates", .offsets = "0,1"},
    {.name = "Supplier", .type = "multipleRecordLinks", .link = "Vendors", .offsets = "2"},
    {.name = "Blocked by", .type = "multipleRecordLinks", .link = "Packaging Tasks",
     .offsets = "1"},
    {.name = "Supplier country", .type = "rollup", .via = "Supplier", .target = "Country",
     .gen = at_gen_unique,
     .options = THROUGH("Supplier", "Vendors/Country", "," RESULT_TEXT)},
    {.name = "Hours", .type = "duration", .options = "{\"durationFormat\":\"h:mm\"}"},
    {.name = "Weight (kg)", .type = "number", .options = "{\"precision\":3}"},
    {.name = "Cost {EUR}", .type = "currency", .options = EURO},
    {.name = "Cost x weight", .type = "formula", .gen = at_gen_product,
     .target = "Weight (kg)|Cost {EUR}",
     .options = FORMULA("{<F:Weight (kg)>}*{<F:Cost {EUR}>}",
                        "\"<F:Weight (kg)>\",\"<F:Cost {EUR}>\"", RESULT_NUMBER)},
    {.name = "Checklist", .type = "multipleSelects", .choices = "box|label|insert, folded"},
    {.name = "Due at", .type = "dateTime",
     .options = "{\"dateFormat\":{\"name\":\"local\",\"format\":\"l\"},"
                "\"timeFormat\":{\"name\":\"12hour\",\"format\":\"h:mma\"},"
                "\"timeZone\":\"client\"}"},
    {.name = "Next step", .type = "approvalFlow", .options = "{\"rounds\":2}",
     .description = "A field type that is newer than this client"},
    {.name = "Done", .type = "checkbox", .options = CHECK},
    {.name = "No.", .type = "autoNumber"},
    {.name = "Last change", .type = "lastModifiedTime", .options = MODIFIED},
    {0},
};

static const struct at_spec asset_fields[] = {
    {.name = "Asset", .type = "singleLineText", .full = true},
    {.name = "Files", .type = "multipleAttachments", .options = "{\"isReversed\":false}"},
    {.name = "Channel", .type = "multipleSelects", .choices = "Web|Print, large|TV|📻"},
    {.name = "Copy", .type = "multilineText", .gen = at_gen_mention, .full = true},
    {.name = "Campaign URL", .type = "url"},
    {.name = "Milestone", .type = "multipleRecordLinks", .link = "Launch Milestones",
     .offsets = "4,9"},
    {.name = "Milestone owner", .type = "multipleLookupValues", .via = "Milestone",
     .target = "Owner",
     .options = THROUGH("Milestone", "Launch Milestones/Owner",
                        ",\"result\":{\"type\":\"singleCollaborator\"}")},
    {.name = "Milestone due", .type = "multipleLookupValues", .via = "Milestone", .target = "Due",
     .options = THROUGH("Milestone", "Launch Milestones/Due", "," RESULT_DATE)},
    {.name = "Budget", .type = "currency", .options = EURO},
    {.name = "Reach", .type = "number", .gen = at_gen_reach, .options = "{\"precision\":0}"},
    {.name = "Rating", .type = "rating", .options = STARS},
    {.name = "Publish on", .type = "date",
     .options = "{\"dateFormat\":{\"name\":\"friendly\",\"format\":\"LL\"}}"},
    {.name = "Published", .type = "checkbox", .options = CHECK},
    {.name = "Headline", .type = "aiText", .options = "{}"},
    {.name = "Seen on", .type = "formula", .gen = at_gen_now_text,
     .options = FORMULA("TODAY()", "", RESULT_DATE)},
    {.name = "Author", .type = "createdBy", .options = "{}"},
    {.name = "No.", .type = "autoNumber"},
    {.name = "Last change", .type = "lastModifiedTime", .options = MODIFIED},
    {0},
};

static const struct at_spec vendor_fields[] = {
    {.name = "Vendor", .type = "singleLineText", .full = true},
    {.name = "Country", .type = "singleSelect", .choices = "Sweden|Côte d’Ivoire|Chile|日本"},
    {.name = "Contact e-mail", .type = "email"},
    {.name = "Phone", .type = "phoneNumber"},
    {.name = "Website", .type = "url"},
    {.name = "Spend", .type = "currency", .options = EURO},
    {.name = "Score", .type = "rating", .options = STARS},
    {.name = "Active", .type = "checkbox", .options = CHECK},
    {.name = "Contracts", .type = "multipleAttachments", .options = "{\"isReversed\":true}"},
    {.name = "SKUs", .type = "multipleRecordLinks", .inverse = "SKU Candidates/Vendor"},
    {.name = "Packaging tasks", .type = "multipleRecordLinks",
     .inverse = "Packaging Tasks/Supplier"},
    {.name = "SKU count", .type = "count", .via = "SKUs",
     .options = "{\"isValid\":true,\"recordLinkFieldId\":\"<F:SKUs>\"}"},
    {.name = "Average unit price", .type = "rollup", .via = "SKUs", .target = "Unit price (€)",
     .gen = at_gen_average,
     .options = THROUGH("SKUs", "SKU Candidates/Unit price (€)",
                        ",\"referencedFieldIds\":[]," RESULT_NUMBER)},
    {.name = "Spread of prices", .type = "rollup", .via = "SKUs", .target = "Price per unit",
     .options = THROUGH("SKUs", "SKU Candidates/Price per unit",
                        ",\"referencedFieldIds\":[]," RESULT_NUMBER)},
    {.name = "No.", .type = "autoNumber"},
    {.name = "Since", .type = "createdTime"},
    {.name = "Last change", .type = "lastModifiedTime", .options = MODIFIED},
    {0},
};

const struct at_table_spec at_demo_tables[] = {
    {.name = "SKU Candidates", .records = 240, .fields = sku_fields,
     .description = "Products that may be launched"},
    {.name = "Launch Milestones", .records = 180, .fields = milestone_fields},
    {.name = "Compliance Records", .records = 160, .fields = compliance_fields},
    {.name = "Packaging Tasks", .records = 200, .fields = packaging_fields},
    {.name = "Marketing Assets", .records = 150, .fields = asset_fields},
    {.name = "Vendors", .records = 90, .fields = vendor_fields,
     .description = "Who makes and packs"},
    {0},
};
