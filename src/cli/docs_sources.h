/* docs_sources.h: a source's tables and limits, for docs/connectors.md. */
#ifndef SL_CLI_DOCS_SOURCES_H
#define SL_CLI_DOCS_SOURCES_H

#include <sluice/connector.h>

#include "base/buf.h"

/* Appends Markdown. Starts the source's simulator in this process; no network, no waiting. */
SL_MUST_USE enum sl_code cli_docs_source(const struct sl_connector *connector, struct sl_buf *out,
                                         struct sl_error *error);

#endif
