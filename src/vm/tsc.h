/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate of the time stamp counter. Under TCG a guest's TSC is the host's, and a microvm has no
 * second clock to calibrate it against: it would run by a wrong rate, or hang in the calibration.
 * So the rate is measured here and handed to the kernel (tsc_early_khz=).
 */
#ifndef VM_TSC_H
#define VM_TSC_H

#include <stdint.h>

/* Takes the first of the two readings. Call it early, so that nobody waits for the second. */
void tsc_start(void);

/*
 * The rate in kHz; waits until the readings are 10 ms apart (then good to some 10 ppm). 0 on a
 * machine without a TSC.
 */
uint64_t tsc_khz(void);

#endif
