/*
 * point.h: named places of a run where the crash tests kill the process.
 *
 * In builds with SL_POINTS (tests), SLUICE_KILL_AT=name or name:n makes the n-th arrival at that
 * point end the process with SIGKILL. In release builds the macro is nothing.
 */
#ifndef SL_POINT_H
#define SL_POINT_H

#ifdef SL_POINTS
void sl_point_reached(const char *name);
#define SL_POINT(name) sl_point_reached(name)
#else
#define SL_POINT(name) ((void)0)
#endif

#endif
