/* time.h: see <sluice/time.h>; connectors use the same functions. */
#ifndef SL_TIME_H
#define SL_TIME_H

#include <sluice/time.h>

#endif
