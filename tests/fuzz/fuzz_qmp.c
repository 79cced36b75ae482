/* SPDX-License-Identifier: Apache-2.0 */
/* What a compromised monitor may say on its control channel, in any pieces. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "vm/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses how much arrives at a time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size ? (size_t)data[0] * 64 + 1 : 1;
	struct qmp qmp;

	qmp_init(&qmp, -1);
	for (size_t at = 1; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		enum qmp_event event = QMP_EVENT_OTHER;
		int r;

		if (buf_append(&qmp.in, data + at, n) < 0)
			break;
		while ((r = qmp_next(&qmp, &event)) > 0)
			if ((unsigned)event > QMP_EVENT_DISK_FULL)
				abort();
		if (r < 0)
			break;
	}
	qmp_finish(&qmp);
	return 0;
}
