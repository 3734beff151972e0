/* faults.c: stores that fail as told, in builds with SL_POINTS only: what is installed has no such
 * switch. */
#include "delta/maintain.h"

#ifdef SL_POINTS
/* kernel/src/faults.rs */
enum sl_code sl_kernel_engine_faults(struct sl_delta_engine *engine, const char *plan,
                                     struct sl_error *error);
#endif

enum sl_code sl_delta_engine_faults(struct sl_delta_engine *engine, const char *plan,
                                    struct sl_error *error)
{
#ifdef SL_POINTS
    return sl_kernel_engine_faults(engine, plan, error);
#else
    (void)engine, (void)plan;
    return sl_fail(error, SL_UNSUPPORTED, "stores fail as told only in builds for tests");
#endif
}
